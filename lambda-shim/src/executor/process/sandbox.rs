//! The processes of one environment: its extensions, and its runtime once those have registered.

use std::{
    io,
    net::Ipv4Addr,
    os::{fd::OwnedFd, unix::net::UnixStream},
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use runtime::BoxFuture;
use tokio::{net::TcpStream, sync::watch, task::JoinSet};

use super::{
    child::{self, Child, NotStarted, Program},
    failed,
    packages::Scratch,
};
use crate::{
    environment::{
        log::{EnvironmentLog, Source},
        telemetry::Connect,
    },
    executor::{ExecutorError, Exit, Running, Signal, quiet_stream::QuietStream},
    options::Connection,
    runtime_api::{
        extensions,
        serve::{Reader, serve},
        session::Session,
    },
};

/// See the module.
pub(crate) struct Sandbox(Arc<Inner>);

struct Inner {
    session: Arc<Session>,
    log: Arc<EnvironmentLog>,
    stage: Mutex<Stage>,
    exit: watch::Sender<Option<Exit>>,
    _scratch: Scratch,
}

struct Stage {
    extensions: Vec<Child>,
    runtime: Option<Child>,
    /// Nothing is started any more.
    stopped: bool,
    /// What serves the connections.
    served: JoinSet<()>,
}

/// What is started when the extensions have registered.
pub(crate) struct Runtime {
    pub(crate) program: Program,
    /// It is one of our bootstraps, which takes a connection as its standard input. Others have nothing there, as on
    /// Lambda, and come by the address that they are told.
    pub(crate) is_ours: bool,
}

/// A connection: one end as a process' standard input, and ours.
fn connected() -> io::Result<(Stdio, QuietStream)> {
    let (ours, theirs) = UnixStream::pair()?;
    Ok((Stdio::from(OwnedFd::from(theirs)), QuietStream::new(ours)?))
}

/// Extensions of a function: every file in this folder of its layers.
pub(crate) fn external_extensions(layers: Option<&Path>) -> Vec<PathBuf> {
    let folder = layers.and_then(|layers| std::fs::read_dir(layers.join("extensions")).ok());
    let files = folder.into_iter().flatten().flatten().map(|entry| entry.path());
    let mut found: Vec<_> = files.filter(|path| path.is_file()).collect();
    found.sort();
    found
}

/// Ports of extensions are this machine's own, at an address that stands for the sandbox.
struct Loopback(Ipv4Addr);

impl Connect for Loopback {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(async move {
            let stream = TcpStream::connect((self.0, port)).await?;
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        })
    }
}

impl Sandbox {
    /// Starts a function: its extensions first, and the runtime when they have registered.
    pub(crate) fn start(
        (session, log): (Arc<Session>, Arc<EnvironmentLog>),
        (scratch, address): (Scratch, Ipv4Addr),
        extensions: Vec<(String, Program)>,
        runtime: Runtime,
    ) -> Result<Self, ExecutorError> {
        session.telemetry.connect_by(Arc::new(Loopback(address)));
        let stage = Stage { extensions: Vec::new(), runtime: None, stopped: false, served: JoinSet::new() };
        let inner = Arc::new(Inner {
            session,
            log,
            stage: Mutex::new(stage),
            exit: watch::Sender::new(None),
            _scratch: scratch,
        });
        if extensions.is_empty() {
            inner.start_runtime(runtime)?;
            return Ok(Self(inner));
        }
        inner.start_extensions(extensions);
        let waiting = Arc::downgrade(&inner);
        let session = Arc::clone(&inner.session);
        tokio::spawn(async move {
            session.extensions_registered().await;
            let Some(inner) = waiting.upgrade() else { return };
            if let Err(problem) = inner.start_runtime(runtime) {
                let exit = match problem {
                    ExecutorError::Entrypoint(why) => Exit::NotStarted(why),
                    ExecutorError::Unsupported(why) | ExecutorError::Failed(why) => Exit::Lost(why),
                };
                inner.exit.send_replace(Some(exit));
            }
        });
        Ok(Self(inner))
    }

    /// Keeps what serves the connections for as long as the environment is kept.
    pub(crate) fn serve(&self, serving: impl Future<Output = ()> + Send + 'static) {
        self.0.lock().served.spawn(serving);
    }
}

impl Inner {
    fn start_extensions(self: &Arc<Self>, programs: Vec<(String, Program)>) {
        let names: Vec<_> = programs.iter().map(|(name, _)| name.clone()).collect();
        self.session.expect_extensions(&names);
        if let Some(name) = names.get(extensions::MOST) {
            let message = format!("Extension limit ({}) reached", extensions::MOST);
            return self.session.extension_not_launched(name, "TooManyExtensions", message);
        }
        for (number, (name, program)) in (1_u32..).zip(programs) {
            let source = Source::Extension(number);
            match child::spawn(program, Stdio::null(), source, Arc::clone(&self.log)) {
                Ok(child) => {
                    let (mut exit, session) = (child.exit(), Arc::clone(&self.session));
                    tokio::spawn(async move {
                        if let Ok(exit) = exit.wait_for(Option::is_some).await.map(|exit| exit.clone())
                            && let Some(exit) = exit
                        {
                            session.extension_exited(&name, &exit);
                        }
                    });
                    self.lock().extensions.push(child);
                }
                Err(NotStarted(error)) => {
                    let denied = error.kind() == io::ErrorKind::PermissionDenied;
                    let (word, why) = if denied {
                        ("PermissionDenied", "permission denied".to_owned())
                    } else {
                        ("UnknownError", plain(&error))
                    };
                    let message = format!("fork/exec /opt/extensions/{name}: {why}");
                    return self.session.extension_not_launched(&name, word, message);
                }
            }
        }
    }

    /// Starts the runtime; a bootstrap of ours with one end of a connection as its standard input.
    fn start_runtime(self: &Arc<Self>, Runtime { program, is_ours }: Runtime) -> Result<(), ExecutorError> {
        let (input, connection) = if is_ours {
            let (input, connection) = connected().map_err(failed("connect to the function's process"))?;
            (input, Some(connection))
        } else {
            (Stdio::null(), None)
        };
        let mut stage = self.lock();
        if stage.stopped {
            return Err(ExecutorError::Failed("The environment was stopped before it began.".to_owned()));
        }
        let started = child::spawn(program, input, Source::Function, Arc::clone(&self.log));
        let child = started.map_err(|NotStarted(error)| match error.raw_os_error() {
            Some(libc::ENOEXEC) => not_runnable("exec format error"),
            Some(libc::EACCES) => not_runnable("permission denied"),
            // The file is there: what it names as its interpreter is not.
            Some(libc::ENOENT) if !is_ours => not_runnable("no such file or directory"),
            _ => failed("start the function's process")(error),
        })?;
        let (mut ended, exit) = (child.exit(), self.exit.clone());
        tokio::spawn(async move {
            let how = ended.wait_for(Option::is_some).await.ok().and_then(|exit| exit.clone());
            exit.send_replace(Some(how.unwrap_or_else(|| Exit::Lost("its end was not reported".to_owned()))));
        });
        stage.runtime = Some(child);
        if let Some(connection) = connection {
            stage.served.spawn(serve(Arc::clone(&self.session), connection, Reader::Own));
        }
        Ok(())
    }

    fn stop(&self) {
        let mut stage = self.lock();
        stage.stopped = true;
        for child in stage.runtime.iter().chain(&stage.extensions) {
            child.stop();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a program could not be started, as Go says it.
fn plain(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::ENOEXEC) => "exec format error".to_owned(),
        Some(libc::ENOENT) => "no such file or directory".to_owned(),
        _ => error.to_string(),
    }
}

fn not_runnable(why: &str) -> ExecutorError {
    ExecutorError::Entrypoint(format!("fork/exec /var/task/bootstrap: {why}"))
}

impl Running for Sandbox {
    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.0.exit.subscribe()
    }

    fn stop(&self) {
        self.0.stop();
    }

    fn signal(&self, signal: Signal) {
        if let Some(runtime) = &self.0.lock().runtime {
            runtime.signal(signal);
        }
    }

    fn drain(&self) {
        let stage = self.0.lock();
        for child in stage.runtime.iter().chain(&stage.extensions) {
            child.drain();
        }
    }

    fn max_memory(&self) -> Option<u32> {
        let stage = self.0.lock();
        let used = stage.runtime.iter().chain(&stage.extensions).filter_map(Child::max_memory);
        used.reduce(|sum, one| sum + one)
    }

    fn kill_over(&self, megabytes: u32) -> bool {
        let is_over = self.max_memory().is_some_and(|used| used > megabytes);
        if is_over {
            self.signal(Signal::Kill);
        }
        is_over
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop();
    }
}
