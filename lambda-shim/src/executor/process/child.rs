//! A process of an environment: its output, its end.

use std::{
    io,
    os::fd::OwnedFd,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::{net::unix::pipe, process::Command, sync::watch};

use super::system;
use crate::{
    environment::log::{EnvironmentLog, Source},
    executor::{Exit, Signal},
};

/// See the module.
pub(crate) struct Child {
    pid: i32,
    output: Arc<Output>,
    exit: watch::Receiver<Option<Exit>>,
    memory: Memory,
}

/// What it says when the program is there and cannot be started.
pub(crate) struct NotStarted(pub(crate) io::Error);

/// Starts `command` in a group of its own. What it writes goes to `log`, both streams by one pipe, so that what is
/// written first is logged first.
pub(crate) fn spawn(
    mut command: Command,
    input: Stdio,
    source: Source,
    log: Arc<EnvironmentLog>,
) -> Result<Child, NotStarted> {
    let (reader, writer) = io::pipe().map_err(NotStarted)?;
    let second = writer.try_clone().map_err(NotStarted)?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(NotStarted)?;
    command.stdin(input).stdout(writer).stderr(second);
    command.process_group(0).kill_on_drop(true);
    system::confine(&mut command);
    let spawned = command.spawn();
    // The command holds our copies of the child's ends; they must close for the child's end to show.
    drop(command);
    let mut child = spawned.map_err(NotStarted)?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let namespace = system::Namespace::of(pid);
    let output = Arc::new(Output { reader, source, log });
    tokio::spawn(Arc::clone(&output).follow());
    let (sender, exit) = watch::channel(None);
    let rest = Arc::clone(&output);
    tokio::spawn(async move {
        let status = child.wait().await;
        // What it started must not outlive it.
        system::kill_group(pid);
        if let Some(namespace) = namespace {
            namespace.kill_all();
        }
        rest.drain();
        let _ = sender.send(Some(status.map_or_else(|error| Exit::Lost(error.to_string()), exit_of)));
    });
    Ok(Child { pid, output, exit, memory: Memory::new() })
}

fn exit_of(status: std::process::ExitStatus) -> Exit {
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
        self.memory.peak(self.pid)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What the process writes.
struct Output {
    reader: pipe::Receiver,
    source: Source,
    log: Arc<EnvironmentLog>,
}

impl Output {
    /// Takes over output whenever there is some, until nobody can write any more.
    async fn follow(self: Arc<Self>) {
        while self.reader.readable().await.is_ok() {
            if self.drain() {
                return;
            }
        }
    }

    /// Takes over what there is; `true` at the end.
    ///
    /// A function writes its lines before its answer, so draining when the answer is here puts them before END.
    fn drain(&self) -> bool {
        let mut buffer = [0; 16 * 1024];
        loop {
            match self.reader.try_read(&mut buffer) {
                Ok(0) => return true,
                Ok(read) => self.log.output(self.source, &buffer[..read]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(_) => return true,
            }
        }
    }
}

/// The most memory used, looked up ten times a second at most.
struct Memory {
    began: Instant,
    next_look: AtomicU64,
    peak: AtomicU32,
}

impl Memory {
    fn new() -> Self {
        Self { began: Instant::now(), next_look: AtomicU64::new(0), peak: AtomicU32::new(0) }
    }

    fn peak(&self, pid: i32) -> Option<u32> {
        let now = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let due = self.next_look.load(Ordering::Relaxed);
        if now >= due
            && self.next_look.compare_exchange(due, now + 100, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        {
            self.peak.fetch_max(system::peak_memory(pid).unwrap_or_default(), Ordering::Relaxed);
        }
        Some(self.peak.load(Ordering::Relaxed)).filter(|peak| *peak > 0)
    }
}
