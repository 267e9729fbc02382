//! A function's process: its connection, its output, its end.

use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    process::Stdio,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Instant,
};

use tokio::{
    net::{UnixStream, unix::pipe},
    process::Command,
    sync::watch,
    task::JoinSet,
};

use super::{failed, packages::Scratch, system};
use crate::{
    environment::log::EnvironmentLog,
    executor::{ExecutorError, Exit, Running},
};

/// See the module.
pub(crate) struct Child {
    pid: i32,
    output: Arc<Output>,
    exit: watch::Receiver<Option<Exit>>,
    /// What serves its connections.
    served: Mutex<JoinSet<()>>,
    memory: Memory,
    _scratch: Scratch,
}

const CONNECT: &str = "connect to the function's process";

/// Starts `command` with one end of a connection as its standard input, and answers the other.
pub(crate) fn spawn(
    mut command: Command,
    scratch: Scratch,
    log: Arc<EnvironmentLog>,
) -> Result<(Child, UnixStream), ExecutorError> {
    let (ours, theirs) = StdUnixStream::pair().map_err(failed(CONNECT))?;
    ours.set_nonblocking(true).map_err(failed(CONNECT))?;
    let connection = UnixStream::from_std(ours).map_err(failed(CONNECT))?;
    // Both streams into one pipe, so that what is written first is logged first.
    let (reader, writer) = io::pipe().map_err(failed(CONNECT))?;
    let second = writer.try_clone().map_err(failed(CONNECT))?;
    let reader = pipe::Receiver::from_owned_fd(OwnedFd::from(reader)).map_err(failed(CONNECT))?;
    command.stdin(Stdio::from(OwnedFd::from(theirs))).stdout(writer).stderr(second);
    command.process_group(0).kill_on_drop(true);
    system::confine(&mut command);
    let spawned = command.spawn();
    // The command holds our copies of the child's ends; they must close for the child's end to show.
    drop(command);
    let mut child = spawned.map_err(|error| match error.raw_os_error() {
        Some(libc::ENOEXEC) => not_runnable("exec format error"),
        Some(libc::EACCES) => not_runnable("permission denied"),
        _ => failed("start the function's process")(error),
    })?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
    let output = Arc::new(Output { reader, log });
    tokio::spawn(Arc::clone(&output).follow());
    let (sender, exit) = watch::channel(None);
    let rest = Arc::clone(&output);
    tokio::spawn(async move {
        let status = child.wait().await;
        // What it started must not outlive it.
        system::kill_group(pid);
        rest.drain();
        let _ = sender.send(Some(status.map_or_else(|error| Exit::Lost(error.to_string()), exit_of)));
    });
    let child =
        Child { pid, output, exit, served: Mutex::default(), memory: Memory::new(), _scratch: scratch };
    Ok((child, connection))
}

fn not_runnable(why: &str) -> ExecutorError {
    ExecutorError::Entrypoint(format!("fork/exec /var/task/bootstrap: {why}"))
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
    /// Keeps what serves the child's connections for as long as the child is kept.
    pub(crate) fn keep(&self, served: JoinSet<()>) {
        *self.served.lock().unwrap_or_else(PoisonError::into_inner) = served;
    }
}

impl Running for Child {
    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    fn stop(&self) {
        if self.exit.borrow().is_none() {
            system::kill_group(self.pid);
        }
    }

    fn drain(&self) {
        self.output.drain();
    }

    fn max_memory(&self) -> Option<u32> {
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
                Ok(read) => self.log.output(&buffer[..read]),
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
