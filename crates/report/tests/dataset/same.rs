//! The same bytes, however captures are split into runs and whatever runs beside what.

use capkeep_report::flows::FileFormat;
use proptest::prelude::*;
use rayon::prelude::*;

use crate::make::{Named, bytes, captures, dataset, unit};

const FORMATS: &[FileFormat] =
    &[FileFormat::Parquet, FileFormat::Arrow, FileFormat::Csv, FileFormat::Json, FileFormat::Ndjson];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4) })]

    #[test]
    fn any_split_into_runs_any_order_and_any_number_of_threads_give_the_same_bytes(
        captures in Just(captures()).prop_shuffle(),
        sizes in prop::collection::vec(1usize..9, 1..6),
        threads in 1usize..9,
        batch in 1usize..50,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let (units, out) = (folder.path().join("units"), folder.path().join("data"));
        // As one thread does it, one after the other.
        rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap().install(|| {
            for capture in &captures {
                unit(capture, &units, usize::MAX);
            }
        });
        dataset(&units, &out, FORMATS);
        let expected = bytes(&out);
        std::fs::remove_dir_all(&units).unwrap();

        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut rest: &[Named] = &captures;
        let mut sizes = sizes.iter().cycle();
        while !rest.is_empty() {
            let (run, then) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            pool.install(|| run.par_iter().for_each(|capture| { unit(capture, &units, batch); }));
            // A dataset of what there is so far.
            dataset(&units, &out, FORMATS);
            rest = then;
        }
        let found = bytes(&out);
        let names = |all: &std::collections::BTreeMap<std::path::PathBuf, Vec<u8>>| all.keys().cloned().collect::<Vec<_>>();
        prop_assert_eq!(names(&found), names(&expected));
        for (path, bytes) in &expected {
            prop_assert!(found.get(path) == Some(bytes), "{} is another", path.display());
        }
    }
}
