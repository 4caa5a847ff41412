//! Who works on what: large sessions one after the other on all cores, the others side by side on one core each.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;

/// Memory that a session on one core may take beside its tables (chosen from measuring: two rounds of packets, the flows
/// that live, and the row group that is being written).
const LANE_BYTES: u64 = 96 << 20;

/// Sessions from a network that are read side by side at least: they wait more than they compute (chosen).
const DISTANT: usize = 8;

/// How many sessions are worked on at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lanes {
    threads: usize,
    lanes: usize,
}

/// What can be worked on.
pub(crate) trait Task: Sync {
    /// About how much there is to do.
    fn weight(&self) -> u64;
}

impl Lanes {
    /// For so many threads within so much memory.
    pub(crate) fn new(threads: usize, memory: u64, is_distant: bool) -> Self {
        let most = usize::try_from(memory / LANE_BYTES).unwrap_or(usize::MAX).max(1);
        let wanted = if is_distant { threads.max(DISTANT) } else { threads };
        Self { threads, lanes: wanted.min(most) }
    }

    /// Works on everything; the first error ends it, once what is being worked on is done.
    pub(crate) fn work<T: Task>(
        self,
        mut tasks: Vec<T>,
        each: &(dyn Fn(&T) -> anyhow::Result<()> + Sync),
    ) -> anyhow::Result<()> {
        // The heaviest first: the last ones to finish are small.
        tasks.sort_by_key(|task| std::cmp::Reverse(task.weight()));
        let total: u64 = tasks.iter().map(Task::weight).fold(0, u64::saturating_add);
        let large = tasks.iter().take_while(|task| self.is_large(task.weight(), total)).count();
        let small = tasks.split_off(large);
        if !tasks.is_empty() {
            let pool = pool(self.threads, "all")?;
            tasks.iter().try_for_each(|task| pool.install(|| each(task)))?;
        }
        self.side_by_side(&small, each)
    }

    /// True if one core would still be busy with it when the others are done.
    fn is_large(self, weight: u64, total: u64) -> bool {
        self.threads > 1 && weight.saturating_mul(self.threads as u64) > total
    }

    fn side_by_side<T: Task>(
        self,
        tasks: &[T],
        each: &(dyn Fn(&T) -> anyhow::Result<()> + Sync),
    ) -> anyhow::Result<()> {
        let lanes = self.lanes.min(tasks.len());
        let queue = Mutex::new(tasks.iter());
        let is_over = AtomicBool::new(false);
        let lane = |number: usize| -> anyhow::Result<()> {
            let pool = pool(1, &number.to_string())?;
            while !is_over.load(Ordering::Relaxed) {
                let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(task) = next else { break };
                if let Err(error) = pool.install(|| each(task)) {
                    is_over.store(true, Ordering::Relaxed);
                    return Err(error);
                }
            }
            Ok(())
        };
        std::thread::scope(|scope| {
            let lane = &lane;
            let threads: Vec<_> = (0..lanes).map(|number| scope.spawn(move || lane(number))).collect();
            let mut ended = Ok(());
            for thread in threads {
                let result = match thread.join() {
                    Ok(result) => result,
                    Err(panic) => std::panic::resume_unwind(panic),
                };
                ended = ended.and(result);
            }
            ended
        })
    }
}

fn pool(threads: usize, name: &str) -> anyhow::Result<rayon::ThreadPool> {
    let name = name.to_owned();
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(move |number| format!("analysis-{name}-{number}"))
        .build()
        .context("cannot start threads")
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    impl Task for u64 {
        fn weight(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn everything_is_worked_on_once() {
        for threads in 1..5 {
            let sum = AtomicU64::new(0);
            let each = |task: &u64| {
                sum.fetch_add(*task, Ordering::Relaxed);
                Ok(())
            };
            Lanes::new(threads, 1 << 30, false).work((1..=100).chain([5_000]).collect(), &each).unwrap();
            assert_eq!(sum.load(Ordering::Relaxed), 5_050 + 5_000);
        }
        assert!(Lanes::new(2, 1 << 30, false).work(Vec::<u64>::new(), &|_| Ok(())).is_ok());
    }

    #[test]
    fn an_error_ends_the_work() {
        let done = AtomicU64::new(0);
        let each = |task: &u64| {
            done.fetch_add(1, Ordering::Relaxed);
            anyhow::ensure!(*task != 90, "the disk is full");
            Ok(())
        };
        let error = Lanes::new(2, 1 << 30, false).work((1..=100).collect(), &each).unwrap_err();
        assert_eq!(error.to_string(), "the disk is full");
        assert!(done.load(Ordering::Relaxed) < 100);
    }

    #[test]
    fn memory_and_network_decide_how_many_go_side_by_side() {
        assert_eq!(Lanes::new(4, 1 << 30, false).lanes, 4);
        assert_eq!(Lanes::new(4, 1 << 30, true).lanes, 8);
        assert_eq!(Lanes::new(4, 200 << 20, true).lanes, 2);
        assert_eq!(Lanes::new(4, 0, false).lanes, 1);
    }
}
