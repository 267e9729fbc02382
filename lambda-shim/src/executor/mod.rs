//! Executors start and stop environments, and nothing else: work reaches a running one only through its session.

use std::{fmt, sync::Arc};

use runtime::BoxFuture;
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::{
    environment::{
        deployment::{Deployment, Initialization},
        log::EnvironmentLog,
    },
    function::record::Code,
    runtime_api::session::Session,
};

pub(crate) mod choose;
#[cfg(unix)]
pub(crate) mod debug;
#[cfg(unix)]
pub(crate) mod docker;
#[cfg(unix)]
pub(crate) mod process;
#[cfg(unix)]
mod quiet_stream;

/// How environments are started here.
pub(crate) trait Executor: Send + Sync {
    /// One line for people: which executor, and what it found.
    fn describe(&self) -> String;

    /// Makes ready what environments of a deployment share: unpacked code, an image. Cheap when it has been done.
    fn prepare<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<(), ExecutorError>>;

    /// The id of a container image that is on this machine; `None` where it is not, or where no images run.
    fn image_id<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Option<String>>;

    /// Starts one environment.
    fn start<'a>(&'a self, start: StartRequest) -> BoxFuture<'a, Result<Box<dyn Running>, ExecutorError>>;

    /// How many starts at the same time are sooner done than one after the other.
    fn starts_at_once(&self) -> usize {
        usize::MAX
    }

    /// Stops what is left and removes what was made; called once, at the end.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}

/// What an executor needs to start one environment.
pub(crate) struct StartRequest {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) initialization: Initialization,
    /// The log stream's name.
    pub(crate) stream: String,
    /// What the environment's connections are served by.
    pub(crate) session: Arc<Session>,
    /// Where its output goes.
    pub(crate) log: Arc<EnvironmentLog>,
}

/// An environment that was started.
pub(crate) trait Running: Send + Sync {
    /// Becomes `Some` when it has ended.
    fn exit(&self) -> watch::Receiver<Option<Exit>>;

    /// Kills it with everything it started, its extensions too. Does not wait.
    fn stop(&self);

    /// Signals its runtime, with all that this has started, and leaves extensions alone.
    fn signal(&self, signal: Signal);

    /// Takes over the output written so far.
    fn drain(&self);

    /// The most memory it has used, in MB, where that is known.
    fn max_memory(&self) -> Option<u32>;

    /// Kills its runtime if it has used more memory than this, in MB, and says whether it has. Where something else sees
    /// to that, it never has.
    fn kill_over(&self, _megabytes: u32) -> bool {
        false
    }
}

/// What a runtime is signalled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Signal {
    Terminate,
    Kill,
}

impl Signal {
    pub(crate) fn number(self) -> i32 {
        match self {
            Self::Terminate => 15,
            Self::Kill => 9,
        }
    }
}

/// How an environment ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Exit {
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// It used more memory than it was given.
    OutOfMemory,
    /// It was never started: the package has no program, or one that cannot run here; the text is AWS's.
    NotStarted(String),
    /// It cannot be reached any more; the engine says why.
    Lost(String),
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(0) => f.write_str("Runtime exited without providing a reason"),
            Self::Code(code) => write!(f, "Runtime exited with error: exit status {code}"),
            Self::OutOfMemory | Self::Signal(9) => f.write_str("Runtime exited with error: signal: killed"),
            Self::Signal(signal) => write!(f, "Runtime exited with error: signal: {}", signal_name(*signal)),
            Self::NotStarted(why) => f.write_str(why),
            Self::Lost(why) => write!(f, "The execution environment was lost: {why}"),
        }
    }
}

impl Exit {
    /// The same of an extension, in AWS's words.
    pub(crate) fn of_extension(&self) -> String {
        match self {
            Self::Code(0) => "exit code 0".to_owned(),
            Self::Code(code) => format!("exit status {code}"),
            Self::Signal(signal) => format!("signal: {}", signal_name(*signal)),
            Self::OutOfMemory => "signal: killed".to_owned(),
            Self::NotStarted(why) | Self::Lost(why) => why.clone(),
        }
    }
}

/// A signal as Go prints it, which is what AWS's texts show.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        11 => "segmentation fault",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// Why an executor could not do what it was asked. The text is for users: what happened and the next step.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ExecutorError {
    /// Nothing here runs functions of this runtime.
    #[error("{0}")]
    Unsupported(String),
    /// The package has no program to start, or one that this machine cannot run; the text is AWS's.
    #[error("{0}")]
    Entrypoint(String),
    /// The engine, the machine or the package is at fault.
    #[error("{0}")]
    Failed(String),
}

/// What several layers in their order are known by.
pub(crate) fn layers_hash(layers: &[Code]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for layer in layers {
        hash.update(&layer.sha256);
        hash.update([0]);
    }
    hash.finalize().into()
}
