//! What the composition root decides for Lambda.

use std::{collections::HashMap, path::PathBuf, sync::Arc, time::Duration};

use runtime::{Clock, LogSink, ServiceRouter};
use store::Store;
use tokio::io::{AsyncRead, AsyncWrite};

/// Which executor runs functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExecutorChoice {
    /// Docker where an engine answers, else local processes.
    #[default]
    Auto,
    /// Containers, or an error.
    Docker,
    /// Local processes.
    Process,
}

/// Where a debugger finds a function, on 127.0.0.1: the port, or the one that debuggers of its language try first.
pub type DebugPort = Option<u16>;

/// Told how the pull of an image goes on, so that people see why a function is still pending.
pub trait PullWatcher: Send + Sync {
    /// So many bytes of so many are here; the sum grows as the engine learns of further layers.
    fn pulled(&self, image: &str, done: u64, total: u64);

    /// The pull has ended, well or not.
    fn ended(&self, image: &str);
}

/// A connection out of a sandbox, or into one.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Connection for T {}

/// Takes the connections that functions in containers open to Tule's endpoint: they come in by no socket of the
/// host's, so that they are known to be a function's.
pub type Door = Arc<dyn Fn(Box<dyn Connection>) + Send + Sync>;

/// How Lambda is set up. [`Options::new`] has the defaults.
#[derive(Clone)]
pub struct Options {
    /// Where records and packages are kept.
    pub store: Store,
    /// Service time.
    pub clock: Clock,
    /// Where functions' logs go.
    pub logs: Arc<dyn LogSink>,
    /// The other services: S3, for packages.
    pub router: Arc<dyn ServiceRouter>,
    /// Which executor.
    pub executor: ExecutorChoice,
    /// `http://127.0.0.1:4566`: where functions find Tule. Empty where there is no front door (tests).
    pub endpoint: Arc<str>,
    /// Where functions in containers come in when they call the endpoint. `None`: they cannot.
    pub door: Option<Door>,
    /// A folder for unpacked packages and the like; its content can be made again. `None`: a temporary one.
    pub cache: Option<PathBuf>,
    /// A folder with boto3 for Python functions that bring none, in the `process` executor.
    pub python_sdk: Option<PathBuf>,
    /// A `node_modules` with the AWS SDK v3 for Node functions that bring none: in the `process` executor, and in the
    /// `docker` executor for images that have no SDK, unlike AWS's.
    pub node_sdk: Option<PathBuf>,
    /// Images by runtime identifier (`python3.12`), where they are not AWS's.
    pub images: HashMap<String, String>,
    /// Functions that run under a debugger, by name: their timeouts are lifted, and each has one environment.
    pub debug: HashMap<String, DebugPort>,
    /// A folder with debugpy, for those in Python.
    pub debugpy: Option<PathBuf>,
    /// How many environments this machine carries at once, over all functions.
    pub max_environments: usize,
    /// How long an idle environment is kept (host time).
    pub idle_time: Duration,
    /// How long an update shows as in progress at least, as clients know it from AWS (host time).
    pub update_time: Duration,
    /// The network containers join; `None`: the engine's default.
    pub network: Option<String>,
    /// Who is told of pulls.
    pub pulls: Option<Arc<dyn PullWatcher>>,
    /// Extra labels of containers and volumes.
    pub labels: HashMap<String, String>,
}

impl Options {
    /// The defaults: executor by what is there, 256 environments, ten minutes of idleness.
    pub fn new(store: Store, clock: Clock, logs: Arc<dyn LogSink>, router: Arc<dyn ServiceRouter>) -> Self {
        Self {
            store,
            clock,
            logs,
            router,
            executor: ExecutorChoice::Auto,
            endpoint: Arc::from(""),
            door: None,
            cache: None,
            python_sdk: None,
            node_sdk: None,
            images: HashMap::new(),
            debug: HashMap::new(),
            debugpy: None,
            max_environments: 256,
            idle_time: Duration::from_secs(600),
            update_time: Duration::from_millis(100),
            network: None,
            pulls: None,
            labels: HashMap::new(),
        }
    }
}
