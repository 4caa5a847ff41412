//! A session: a thread that captures until a limit or somebody ends it.

use std::any::Any;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use capkeep_watcher::{Filter, Limit, Parameters, StopReason, limits};

use super::error::{CaptureError, system};
use super::output::{Existing, Failure, Layout, Output, Pushed};
use super::rule::Rule;
use super::socket::PacketSocket;
use super::taken::now_ns;
use super::target::Machine;

/// How late a stop is noticed at most where no packet comes. Chosen: half of the 0.1 s that a limit may be late.
const TICK: Duration = Duration::from_millis(50);
/// How long packets stay unwritten at most: chosen, so that a process that is killed loses a second.
const FLUSH: Duration = Duration::from_secs(1);
/// How long packets are still taken that the kernel saw before the end: chosen; a receive buffer is read in less.
const DRAIN: Duration = Duration::from_millis(500);
/// Bytes the kernel may hold until they are read: chosen, what comes in a quarter of a second at 1 Gbit/s.
const RECEIVE_BUFFER: usize = 32 << 20;

/// What a session captures, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Where packets come from.
    pub machine: Machine,
    /// A packet is kept if one of these matches; all are if there is none.
    pub filters: Vec<Filter>,
    /// Bytes kept of each packet, headers of the link included; 0: all, up to 262,144.
    pub bytes_per_packet: u32,
    /// Files and their sizes.
    pub layout: Layout,
    /// When the session ends by itself.
    pub time_limit: Duration,
    /// The file, or the stem of a ring's. Its folder must be there.
    pub path: PathBuf,
    /// What is done about a file that is there already.
    pub existing: Existing,
    /// Bytes the kernel may hold until they are read.
    pub receive_buffer_bytes: usize,
}

/// How a session ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By a limit or by somebody.
    Stopped(StopReason),
    /// By an error, in words.
    Failed(String),
}

/// What a session has done so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// When it began, nanoseconds since the epoch.
    pub started_ns: i64,
    /// Packets written, those of files that a ring deleted included.
    pub packets: u64,
    /// Bytes of the files there are.
    pub bytes: u64,
    /// Packets that matched and were lost, because the kernel's buffer was full.
    pub drops: u64,
    /// How it ended; `None` while it captures.
    pub over: Option<End>,
}

/// A session that runs or has ended. Dropping it ends it.
#[derive(Debug)]
pub struct Session {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    state: Mutex<(Snapshot, Vec<PathBuf>)>,
    ended: Condvar,
}

impl Spec {
    /// What the parameters of a capture ask for. Numbers that are absent, 0 or out of range are those the service takes
    /// (no session is without limits); what they may be is told by [`check`](capkeep_watcher::check).
    pub fn new(parameters: &Parameters, machine: Machine, path: &Path) -> Self {
        let settings = parameters.capture_settings.clone().unwrap_or_default();
        let (layout, seconds) = match parameters.continuous_capture {
            None => {
                let max_bytes = limited(parameters.total_bytes_per_session, &limits::BYTES_PER_SESSION);
                (Layout::Single { max_bytes }, limited(parameters.time_limit_in_seconds, &limits::TIME))
            }
            Some(wraps) => {
                let max_files = limited(settings.file_count, &limits::FILE_COUNT) as u32;
                let max_file_bytes = limited(settings.file_size_in_bytes, &limits::FILE_SIZE);
                let seconds = limited(settings.session_time_limit_in_seconds, &limits::RING_TIME);
                (Layout::Ring { max_files, max_file_bytes, wraps }, seconds)
            }
        };
        Self {
            machine,
            filters: parameters.filters.clone().unwrap_or_default(),
            bytes_per_packet: limited(parameters.bytes_to_capture_per_packet, &limits::BYTES_PER_PACKET)
                as u32,
            layout,
            time_limit: Duration::from_secs(seconds),
            path: path.to_owned(),
            existing: Existing::Refuse,
            receive_buffer_bytes: RECEIVE_BUFFER,
        }
    }
}

fn limited(value: Option<i64>, limit: &Limit) -> u64 {
    let value = value.filter(|value| *value > 0 && (limit.least..=limit.most).contains(value));
    value.unwrap_or(limit.default).unsigned_abs()
}

impl Session {
    /// Starts to capture: packets that come after this has returned are in the file. `on_end` is called once, by the
    /// session's thread, when the files are complete.
    ///
    /// # Errors
    /// What [`CaptureError`] lists. Nothing was captured then, and no file is left.
    pub fn start(spec: &Spec, on_end: impl FnOnce(&Snapshot) + Send + 'static) -> Result<Self, CaptureError> {
        let rules = Rule::read_all(&spec.filters)?;
        let started_ns = now_ns();
        let socket =
            PacketSocket::open(&spec.machine, &rules, spec.bytes_per_packet, spec.receive_buffer_bytes)?;
        let output =
            Output::create(&spec.path, spec.layout, socket.link(), socket.keep_bytes(), spec.existing)?;
        let snapshot = Snapshot { started_ns, bytes: output.bytes(), ..Snapshot::default() };
        let files = output.paths();
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            state: Mutex::new((snapshot, files.clone())),
            ended: Condvar::new(),
        });
        let (time_limit, theirs) = (spec.time_limit, Arc::clone(&shared));
        let thread = thread::Builder::new().name("capkeep-capture".into()).spawn(move || {
            let mut capture = Capture { socket, output, shared: Arc::clone(&theirs), packets: 0 };
            // A defect must not leave a session that never ends.
            let end = catch_unwind(AssertUnwindSafe(|| capture.run(time_limit)))
                .unwrap_or_else(|panic| End::Failed(format!("the session broke off: {}", said(&*panic))));
            drop(capture);
            let snapshot = {
                let mut state = theirs.lock();
                state.0.over = Some(end);
                state.0.clone()
            };
            theirs.ended.notify_all();
            on_end(&snapshot);
        });
        match thread {
            Ok(thread) => Ok(Self { shared, thread: Some(thread) }),
            Err(source) => {
                // As promised; what can't be deleted stays as an empty capture file.
                for path in files {
                    let _ = std::fs::remove_file(path);
                }
                Err(system("starting a thread", source))
            }
        }
    }

    /// Asks the session to end, as [`StopReason::Manual`]. It does so within 0.1 s, and when it has read what the kernel
    /// saw before. Harmless where it has ended.
    pub fn stop(&self) {
        self.shared.stop.store(true, Ordering::Release);
    }

    /// What it has done so far.
    pub fn state(&self) -> Snapshot {
        self.shared.lock().0.clone()
    }

    /// Its files there are, oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        self.shared.lock().1.clone()
    }

    /// Waits until it has ended and its files are complete.
    pub fn wait(&self) -> Snapshot {
        let ended = self.shared.ended.wait_while(self.shared.lock(), |state| state.0.over.is_none());
        ended.unwrap_or_else(PoisonError::into_inner).0.clone()
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.stop();
        if let Some(thread) = self.thread.take()
            // Whoever hears of the end may drop the session there and then.
            && thread.thread().id() != thread::current().id()
        {
            // It caught its panics; one of `on_end` was told by the runtime.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, (Snapshot, Vec<PathBuf>)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no reason given")
}

/// What the thread works on.
struct Capture {
    socket: PacketSocket,
    output: Output,
    shared: Arc<Shared>,
    packets: u64,
}

#[expect(clippy::disallowed_methods, reason = "limits are of the wall's time")]
impl Capture {
    fn run(&mut self, time_limit: Duration) -> End {
        let end = self.capture(time_limit).unwrap_or_else(|end| end);
        let end = match (self.output.flush(), end) {
            (Err(lost), End::Stopped(_)) => self.failed(Failure::Lost(lost)),
            (_, end) => end,
        };
        self.publish();
        end
    }

    /// `Err` is an end too: the one that cuts off what is being done.
    fn capture(&mut self, time_limit: Duration) -> Result<End, End> {
        let begun = Instant::now();
        let mut flushed = begun;
        let mut published = begun;
        loop {
            let passed = begun.elapsed();
            let reason = if self.shared.stop.load(Ordering::Acquire) {
                Some(StopReason::Manual)
            } else if passed >= time_limit {
                Some(StopReason::TimeExceeded)
            } else {
                None
            };
            if let Some(reason) = reason {
                self.drain()?;
                return Ok(End::Stopped(reason));
            }
            self.socket.wait(TICK.min(time_limit.saturating_sub(passed))).map_err(|error| broken(&error))?;
            self.take(i64::MAX)?;
            if flushed.elapsed() >= FLUSH.saturating_sub(TICK) {
                self.output.flush().map_err(|lost| self.failed(Failure::Lost(lost)))?;
                flushed = Instant::now();
            }
            if published.elapsed() >= TICK {
                self.publish();
                published = Instant::now();
            }
        }
    }

    /// Takes what the kernel saw before now.
    fn drain(&mut self) -> Result<(), End> {
        let (until_ns, begun) = (now_ns(), Instant::now());
        while begun.elapsed() < DRAIN && self.take(until_ns)? {}
        Ok(())
    }

    /// Takes a batch. False if there was none, or it went beyond `until_ns`.
    fn take(&mut self, until_ns: i64) -> Result<bool, End> {
        let Self { socket, output, packets, shared } = self;
        let mut outcome = Ok(true);
        let count = socket.take(|packet| {
            if packet.time_ns > until_ns {
                outcome = Ok(false);
                return false;
            }
            match output.push(&packet) {
                Ok(Pushed::Full) => outcome = Err(Ok(End::Stopped(StopReason::SizeExceeded))),
                Ok(pushed) => {
                    *packets += 1;
                    if pushed == Pushed::WrittenToNew {
                        shared.lock().1 = output.paths();
                    }
                    return true;
                }
                Err(failure) => outcome = Err(Err(failure)),
            }
            false
        });
        match outcome {
            Ok(goes_on) => Ok(goes_on && count.map_err(|error| broken(&error))? > 0),
            Err(Ok(end)) => Err(end),
            Err(Err(failure)) => {
                // The one that was being pushed was never counted.
                self.packets += u64::from(matches!(failure, Failure::Lost(_)));
                Err(self.failed(failure))
            }
        }
    }

    fn failed(&mut self, failure: Failure) -> End {
        self.shared.lock().1 = self.output.paths();
        End::Failed(match failure {
            Failure::Lost(lost) => {
                self.packets = self.packets.saturating_sub(lost.packets);
                format!("the capture file took no more: {}", lost.source)
            }
            Failure::Next(error) => match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            },
            Failure::Delete(error) => format!("the oldest file could not be deleted: {error}"),
        })
    }

    fn publish(&mut self) {
        let drops = self.socket.drops();
        let mut state = self.shared.lock();
        state.0.packets = self.packets;
        state.0.bytes = self.output.bytes();
        state.0.drops = drops;
    }
}

fn broken(error: &io::Error) -> End {
    End::Failed(format!("packets could not be read: {error}"))
}
