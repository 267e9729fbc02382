//! Functions as local processes: interpreters found on this machine with our own small bootstraps, `provided`
//! binaries as they are. Not a security boundary: a function may do what its user may.

use std::{
    io,
    net::Ipv4Addr,
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use runtime::BoxFuture;
use tokio::{net::TcpListener, process::Command};

use super::{Executor, ExecutorError, Running, StartRequest, debug};
use crate::{
    environment::deployment::Deployment,
    function::runtimes::Family,
    options::Options,
    runtime_api::{
        serve::{Reader, serve},
        session::Session,
    },
};

mod child;
mod command;
mod interpreter;
mod merge;
mod packages;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(not(target_os = "linux"))]
#[path = "processes_elsewhere.rs"]
mod processes;
mod sandbox;
mod system;
mod view;

pub(crate) use system::is_alive;

use child::Program;
use interpreter::{Interpreter, Interpreters};
use packages::Packages;
use processes::ProcessNamespace;
use sandbox::{Runtime, Sandbox};
use view::{Shown, View};

/// See the module.
pub(crate) struct ProcessExecutor {
    why: String,
    /// Whether functions can be shown their folders where Lambda has them.
    has_views: bool,
    /// What all functions' processes are in, where they can be.
    processes: Arc<LazyLock<Namespace>>,
    /// Counts addresses that were given to environments.
    addresses: AtomicU32,
    interpreters: Interpreters,
    packages: Packages,
    endpoint: Arc<str>,
    python_sdk: Option<PathBuf>,
    node_sdk: Option<PathBuf>,
    debugpy: Option<PathBuf>,
}

impl ProcessExecutor {
    /// Sets up the folders; `why` is for [`Executor::describe`].
    pub(crate) fn new(options: &Options, why: &str) -> Result<Self, String> {
        let packages = Packages::open(options.cache.as_deref(), options.store.blobs().clone())
            .map_err(|error| format!("no folder for functions' packages could be made: {error}"))?;
        let processes = Arc::new(LazyLock::new(make_namespace as fn() -> Namespace));
        // Made and tried by processes, beside the rest of the start.
        let made = Arc::clone(&processes);
        std::thread::spawn(move || {
            LazyLock::force(&made);
        });
        Ok(Self {
            why: why.to_owned(),
            has_views: view::is_possible(packages.own()),
            processes,
            addresses: AtomicU32::new(0),
            interpreters: Interpreters::default(),
            packages,
            endpoint: Arc::clone(&options.endpoint),
            python_sdk: options.python_sdk.clone(),
            node_sdk: options.node_sdk.clone(),
            debugpy: options.debugpy.clone(),
        })
    }

    async fn launch(&self, start: StartRequest) -> Result<Box<dyn Running>, ExecutorError> {
        let deployment = &start.deployment;
        if deployment.image.is_some() {
            return Err(unsupported(deployment));
        }
        let package = self.package(deployment).await?;
        let layers = self.packages.merged(&deployment.layers).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await.map_err(failed("listen for the function"))?;
        let address = listener.local_addr().map_err(failed("listen for the function"))?;
        let scratch = self.packages.scratch().map_err(failed("make the function's folder"))?;
        let interpreter = self.interpreter(deployment).await?;
        let standing = Standing {
            deployment,
            package: &package,
            layers: layers.as_deref(),
            scratch: scratch.path(),
            byte_code: self.packages.byte_code(&deployment.code, &deployment.layers),
            interpreter: interpreter.as_deref(),
        };
        let processes = self.processes();
        let extensions = sandbox::external_extensions(layers.as_deref());
        // Extensions have the same `/tmp`.
        let storage = extensions.is_empty().then_some(deployment.storage);
        let mapped = self
            .mapped(&standing, processes.is_some(), storage)
            .map_err(failed("arrange the function's folders"))?;
        // Without a view of its own a process would find this machine's in /proc, under numbers that are not its.
        let processes = processes.filter(|_| mapped.view.is_some());
        if let Some(port) = deployment.debug {
            debug::announce(deployment, port, mapped.seen(&package));
        }
        let place = |here| command::Place { here, seen: mapped.seen(here) };
        let site = command::Site {
            package: place(&package),
            layers: layers.as_deref().map(place),
            scratch: mapped.view.is_none().then_some(scratch.path()),
            runtime: mapped.seen(self.packages.bootstraps()),
            runtime_api: &address.to_string(),
            initialization: start.initialization,
            stream: &start.stream,
            endpoint: &self.endpoint,
        };
        let program = |command| Program { command, view: mapped.view.clone(), processes: processes.clone() };
        let extension = |path: &PathBuf| {
            let (name, command) = command::extension(deployment, &site, path);
            (name, program(command))
        };
        let extensions = extensions.iter().map(extension).collect();
        let program = program(self.command(&standing, &site, &mapped)?);
        let session = start.session;
        let is_ours = deployment.runtime.family != Family::Provided
            && deployment.wrapper().is_none()
            && deployment.at_once() == 1;
        let running = Sandbox::start(
            (Arc::clone(&session), start.log),
            (scratch, mapped.address),
            extensions,
            Runtime { program, is_ours },
        )?;
        running.serve(accept(listener, session));
        Ok(Box::new(running))
    }
}

/// Serves those who come by the address: extensions, what a function starts itself, and `provided` binaries.
async fn accept(listener: TcpListener, session: Arc<Session>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // A set keeps what has ended until it is asked for.
            Some(_) = connections.join_next() => continue,
        };
        let Ok((connection, _)) = accepted else { return };
        let _ = connection.set_nodelay(true);
        connections.spawn(serve(Arc::clone(&session), connection, Reader::Any));
    }
}

/// None where this machine or its user has none.
type Namespace = Mutex<Option<Arc<ProcessNamespace>>>;

fn make_namespace() -> Namespace {
    Mutex::new(ProcessNamespace::open().map(Arc::new))
}

/// What an environment is made of, as it stands on this machine.
struct Standing<'a> {
    deployment: &'a Deployment,
    package: &'a Path,
    layers: Option<&'a Path>,
    scratch: &'a Path,
    byte_code: PathBuf,
    interpreter: Option<&'a Interpreter>,
}

/// Where the processes of an environment see folders of this machine.
struct Mapped {
    view: Option<View>,
    /// Folders here, and there.
    places: Vec<(PathBuf, PathBuf)>,
    /// Where extensions listen.
    address: Ipv4Addr,
}

impl Mapped {
    fn seen<'a>(&'a self, here: &'a Path) -> &'a Path {
        self.places.iter().find(|(from, _)| from == here).map_or(here, |(_, to)| to)
    }
}

impl ProcessExecutor {
    async fn interpreter(&self, deployment: &Deployment) -> Result<Option<Arc<Interpreter>>, ExecutorError> {
        let version = &deployment.runtime.version;
        match deployment.runtime.family {
            Family::Python => self.interpreters.python(version).await.map(Some),
            Family::Node => self.interpreters.node(version).await.map(Some),
            Family::Provided | Family::Other | Family::Image => Ok(None),
        }
    }

    /// The namespace of functions' processes; a new one where that has ended, which nothing but this machine's user or its
    /// lack of memory can have done. Where that cannot be made the next start tries again.
    fn processes(&self) -> Option<Arc<ProcessNamespace>> {
        let mut place = self.processes.lock().unwrap_or_else(PoisonError::into_inner);
        if place.as_ref().is_some_and(|namespace| !namespace.is_alive()) {
            let Some(another) = ProcessNamespace::open() else {
                tracing::warn!("the namespace of functions' processes has ended, and no other can be made");
                return None;
            };
            *place = Some(Arc::new(another));
        }
        place.clone()
    }

    /// Arranges what an environment sees, as Lambda has it where that is possible.
    fn mapped(
        &self,
        standing: &Standing<'_>,
        has_processes: bool,
        storage: Option<u32>,
    ) -> io::Result<Mapped> {
        let here = Mapped { view: None, places: Vec::new(), address: Ipv4Addr::LOCALHOST };
        if !self.has_views || standing.interpreter.is_some_and(|python| view::hides(&python.path)) {
            return Ok(here);
        }
        let ours = [
            ("byte-code", Some(standing.byte_code.as_path())),
            ("python-sdk", self.python_sdk.as_deref()),
            ("debugpy", self.debugpy.as_deref()),
            (view::NODE_PACKAGES, self.node_sdk.as_deref()),
        ];
        std::fs::create_dir_all(&standing.byte_code)?;
        let ours: Vec<_> = ours.into_iter().filter_map(|(name, path)| Some((name, path?))).collect();
        let address = self.next_address();
        let view = View::of(&Shown {
            package: standing.package,
            layers: standing.layers,
            scratch: standing.scratch,
            storage,
            runtime: self.packages.bootstraps(),
            ours: &ours,
            kept: standing.deployment.code.folders.get(1..).unwrap_or_default(),
            root: self.packages.root(),
            address,
            has_processes,
        })?;
        let mut places = vec![
            (standing.package.to_owned(), PathBuf::from(view::TASK)),
            (self.packages.bootstraps().to_owned(), PathBuf::from(view::RUNTIME)),
        ];
        places.extend(standing.layers.map(|layers| (layers.to_owned(), PathBuf::from(view::OPT))));
        places.extend(ours.iter().map(|(name, path)| (path.to_path_buf(), Path::new(view::OURS).join(name))));
        Ok(Mapped { view: Some(view), places, address })
    }

    /// An address of this machine's own for the extensions of one environment: they share its ports.
    fn next_address(&self) -> Ipv4Addr {
        let number = self.addresses.fetch_add(1, Ordering::Relaxed) % (1 << 22);
        let [_, high, middle, low] = (number + (64 << 16)).to_be_bytes();
        Ipv4Addr::new(127, high, middle, low)
    }

    fn command(
        &self,
        standing: &Standing<'_>,
        site: &command::Site<'_>,
        mapped: &Mapped,
    ) -> Result<Command, ExecutorError> {
        let deployment = standing.deployment;
        let bootstrap = |path: &Path| site.runtime.join(path.file_name().unwrap_or_default());
        match (deployment.runtime.family, standing.interpreter) {
            (Family::Python, Some(python)) => {
                let sdks = command::PythonSdks {
                    aws: self.python_sdk.as_deref().map(|path| mapped.seen(path)),
                    debugpy: self.debugpy.as_deref().filter(|_| deployment.debug.is_some()),
                };
                let sdks =
                    command::PythonSdks { debugpy: sdks.debugpy.map(|path| mapped.seen(path)), ..sdks };
                let program = bootstrap(self.packages.python_bootstrap());
                let byte_code = mapped.seen(&standing.byte_code);
                Ok(command::python(deployment, site, python, &program, byte_code, &sdks))
            }
            (Family::Node, Some(node)) => {
                let program = bootstrap(self.packages.node_bootstrap());
                let sdk = self.node_sdk.as_deref().map(|path| mapped.seen(path));
                Ok(command::node(deployment, site, node, &program, sdk))
            }
            (Family::Provided, _) => command::provided(deployment, site),
            _ => Err(unsupported(deployment)),
        }
    }

    /// The folder that an environment runs from.
    async fn package(&self, deployment: &Deployment) -> Result<PathBuf, ExecutorError> {
        let Some(port) = deployment.debug else { return self.packages.unpacked(&deployment.code).await };
        drop(debug::listen(port).await?);
        if deployment.code.folders.is_empty() {
            self.packages.unpacked(&deployment.code).await
        } else {
            self.packages.laid_out(&deployment.function, &deployment.code).await
        }
    }
}

impl Executor for ProcessExecutor {
    fn describe(&self) -> String {
        let mut lacks = vec!["a network of their own"];
        match (self.has_views, self.processes().is_some()) {
            (false, _) => lacks.push("/var/task, /opt and a /tmp of their own, limited by EphemeralStorage"),
            (true, false) => lacks.push("a namespace of processes"),
            (true, true) => {}
        }
        if cfg!(not(target_os = "linux")) {
            lacks.push("a limit of memory");
        }
        format!("process ({}; without {})", self.why, lacks.join(", without "))
    }

    fn prepare<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<(), ExecutorError>> {
        Box::pin(async move {
            match deployment.runtime.family {
                Family::Python => drop(self.interpreters.python(&deployment.runtime.version).await?),
                Family::Node => drop(self.interpreters.node(&deployment.runtime.version).await?),
                Family::Provided => {}
                Family::Other | Family::Image => return Err(unsupported(deployment)),
            }
            self.packages.unpacked(&deployment.code).await?;
            self.packages.merged(&deployment.layers).await.map(drop)
        })
    }

    fn image_id<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(std::future::ready(None))
    }

    fn start<'a>(&'a self, start: StartRequest) -> BoxFuture<'a, Result<Box<dyn Running>, ExecutorError>> {
        Box::pin(self.launch(start))
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        self.packages.clean_up();
        Box::pin(std::future::ready(()))
    }
}

fn unsupported(deployment: &Deployment) -> ExecutorError {
    if let Some(image) = &deployment.image {
        return ExecutorError::Unsupported(format!(
            "The function's code is the container image {}, which needs the docker executor. Start a Docker engine, or \
             use --executor docker.",
            image.uri
        ));
    }
    ExecutorError::Unsupported(format!(
        "{} functions need the docker executor; the process executor runs Python, Node.js and provided binaries. \
         Start a Docker engine, or use --executor docker.",
        deployment.runtime_name
    ))
}

/// Puts what was tried before an error of the system.
fn failed(what: &str) -> impl FnOnce(std::io::Error) -> ExecutorError {
    let what = what.to_owned();
    move |error| ExecutorError::Failed(format!("Could not {what}: {error}"))
}
