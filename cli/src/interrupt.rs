//! What happens to unfinished files when the process is told to end.

use std::path::PathBuf;
use std::process;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;

/// Exit code of a process that was interrupted: 128 and the number of SIGINT, as shells count.
const INTERRUPTED: i32 = 130;

/// Makes something that has unfinished files, which are removed when the process is interrupted or told to end.
/// An interrupt in between waits until it is made.
pub(crate) fn guarded<T, E>(
    make: impl FnOnce() -> Result<T, E>,
    unfinished: impl FnOnce(&T) -> Vec<PathBuf>,
) -> anyhow::Result<T>
where
    anyhow::Error: From<E>,
{
    let paths = Arc::new(Mutex::new(Vec::new()));
    let listed = Arc::clone(&paths);
    ctrlc::set_handler(move || {
        for path in listed.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            // It may have got its name already.
            let _: std::io::Result<()> = std::fs::remove_file::<&PathBuf>(path);
        }
        process::exit(INTERRUPTED);
    })
    .context("cannot listen for Ctrl-C")?;
    let mut paths = paths.lock().unwrap_or_else(PoisonError::into_inner);
    let product = make()?;
    *paths = unfinished(&product);
    Ok(product)
}
