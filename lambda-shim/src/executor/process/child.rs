//! A process of an environment: its output, its end.

use std::{
    io,
    os::fd::OwnedFd,
    process::{ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::{net::unix::pipe, process::Command, sync::watch};

use super::{
    processes::{Joined, ProcessNamespace},
    system,
    view::View,
};
use crate::{
    environment::log::{EnvironmentLog, Source},
    executor::{Exit, Signal},
};

/// See the module.
pub(crate) struct Child {
    pid: i32,
    output: Arc<Output>,
    exit: watch::Receiver<Option<Exit>>,
    memory: Arc<Memory>,
}

/// What it says when the program is there and cannot be started.
pub(crate) struct NotStarted(pub(crate) io::Error);

/// A program, and where it runs.
pub(crate) struct Program {
    pub(crate) command: Command,
    pub(crate) view: Option<View>,
    pub(crate) processes: Option<Arc<ProcessNamespace>>,
}

/// What was started, until it ends.
enum Started {
    Here(tokio::process::Child),
    Inside(Joined),
}

impl Program {
    fn start(mut self, input: Stdio, output: (io::PipeWriter, io::PipeWriter)) -> io::Result<Started> {
        self.command.stdin(input).stdout(output.0).stderr(output.1);
        let (view, has_namespace) = (self.view, self.processes.is_some());
        let confine = |command: &mut std::process::Command| {
            if let Some(view) = view {
                system::enter(command, view);
            }
            system::confine(command, has_namespace);
        };
        match self.processes {
            Some(processes) => processes.start(self.command.into_std(), confine).map(Started::Inside),
            None => {
                self.command.process_group(0).kill_on_drop(true);
                confine(self.command.as_std_mut());
                self.command.spawn().map(Started::Here)
            }
        }
    }
}

impl Started {
    fn pid(&self) -> i32 {
        match self {
            Self::Here(child) => child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default(),
            Self::Inside(joined) => joined.pid(),
        }
    }

    /// Waits for its end, and ends what is left of its group.
    async fn ended(self) -> io::Result<ExitStatus> {
        match self {
            Self::Here(mut child) => {
                let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
                let status = child.wait().await;
                system::kill_group(pid);
                status
            }
            Self::Inside(joined) => joined.ended().await,
        }
    }
}

/// Starts a program in a group of its own. What it writes goes to `log`, both streams by one pipe, so that what is
/// written first is logged first.
pub(crate) fn spawn(
    program: Program,
    input: Stdio,
    source: Source,
    log: Arc<EnvironmentLog>,
) -> Result<Child, NotStarted> {
    let (reader, writer) = io::pipe().map_err(NotStarted)?;
    let second = writer.try_clone().map_err(NotStarted)?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(NotStarted)?;
    // The program holds our copies of its ends, and is gone here: they must close for its end to show.
    let started = program.start(input, (writer, second)).map_err(NotStarted)?;
    let pid = started.pid();
    let namespace = system::Namespace::of(pid);
    let memory = Arc::new(Memory::of(pid));
    let output =
        Arc::new(Output { reader, source, log, memory: Arc::clone(&memory), buffer: Mutex::default() });
    tokio::spawn(Arc::clone(&output).follow());
    let (sender, exit) = watch::channel(None);
    let rest = Arc::clone(&output);
    tokio::spawn(async move {
        let status = started.ended().await;
        if let Some(namespace) = namespace {
            namespace.kill_all();
        }
        rest.memory.keep();
        rest.drain();
        let _ = sender.send(Some(status.map_or_else(|error| Exit::Lost(error.to_string()), exit_of)));
    });
    Ok(Child { pid, output, exit, memory })
}

fn exit_of(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;

    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Lost(status.to_string()),
    }
}

impl Child {
    pub(crate) fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    /// Kills it with all that it has started.
    pub(crate) fn stop(&self) {
        self.signal(Signal::Kill);
    }

    pub(crate) fn signal(&self, signal: Signal) {
        if self.exit.borrow().is_none() {
            system::signal_group(self.pid, signal.number());
        }
    }

    /// Takes over the output written so far.
    pub(crate) fn drain(&self) {
        self.output.drain();
    }

    /// The most memory it has used, in MB.
    pub(crate) fn max_memory(&self) -> Option<u32> {
        self.memory.peak()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Bytes of output that are read at once.
const READ_AT_ONCE: usize = 16 * 1024;

/// What the process writes.
struct Output {
    reader: pipe::Receiver,
    source: Source,
    log: Arc<EnvironmentLog>,
    memory: Arc<Memory>,
    /// What was read last. One takes over output at a time: what was read first is logged first, and who is done has
    /// seen it logged.
    buffer: Mutex<Vec<u8>>,
}

impl Output {
    /// Takes over output whenever there is some, until nobody can write any more.
    async fn follow(self: Arc<Self>) {
        while self.reader.readable().await.is_ok() {
            if self.drain() {
                return;
            }
            // What it has said may be the last of it.
            self.memory.peak();
        }
    }

    /// Takes over what there is; `true` at the end.
    ///
    /// A function writes its lines before its answer, so draining when the answer is here puts them before END.
    fn drain(&self) -> bool {
        let mut buffer = self.buffer.lock().unwrap_or_else(PoisonError::into_inner);
        buffer.reserve(READ_AT_ONCE);
        loop {
            buffer.clear();
            match self.reader.try_read_buf(&mut *buffer) {
                Ok(0) => return true,
                Ok(_) => self.log.output(self.source, &buffer),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }
}

/// The most memory used, looked up twenty times a second at most.
struct Memory {
    pid: i32,
    began: Instant,
    next_look: AtomicU64,
    peak: AtomicU32,
}

impl Memory {
    fn of(pid: i32) -> Self {
        Self { pid, began: Instant::now(), next_look: AtomicU64::new(0), peak: AtomicU32::new(0) }
    }

    fn peak(&self) -> Option<u32> {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.next_look.load(Ordering::Relaxed);
        if now >= due
            && self.next_look.compare_exchange(due, now + 50, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.peak.fetch_max(system::peak_memory(self.pid).unwrap_or_default(), Ordering::Relaxed);
        }
        Some(self.peak.load(Ordering::Relaxed)).filter(|peak| *peak > 0)
    }

    /// Looks no more: the process has ended, and another may get its number.
    fn keep(&self) {
        self.next_look.store(u64::MAX, Ordering::Relaxed);
    }
}
