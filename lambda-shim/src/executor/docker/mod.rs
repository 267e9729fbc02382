//! Functions in containers of a Docker engine.
//!
//! [`engine`] is the engine, [`volumes`] what containers share, [`link`] how work gets into one: over its standard
//! streams, through an init of ours, so that nothing has to be reachable from the container and everything works
//! wherever the engine's API does.

mod channels;
mod debugger;
mod dial;
mod engine;
mod link;
mod place;
mod sweep;
mod volumes;
mod wire;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use dashmap::DashMap;
use runtime::{BoxFuture, PolledAgain};
use tokio::{
    sync::{OnceCell, RwLock, RwLockReadGuard, watch},
    task::AbortHandle,
};

use self::{
    channels::{Channels, Ports},
    debugger::DEBUGPY_FOLDER,
    engine::{Engine, Wanted},
    link::Link,
    volumes::{INIT, INIT_FOLDER, INIT_PROGRAM, NODE_SDK_FOLDER, Volumes},
};
use super::{Executor, ExecutorError, Exit, Running, Signal, StartRequest, debug};
use crate::{
    environment::{deployment::Deployment, telemetry::Connect},
    function::{record::Image, runtimes::Family},
    options::{Door, Options, PullWatcher},
};

/// See the module.
pub(crate) struct DockerExecutor {
    why: String,
    engine: Engine,
    volumes: Volumes,
    instance: String,
    labels: HashMap<String, String>,
    images: HashMap<String, String>,
    /// Images known to be here.
    present: DashMap<String, Arc<OnceCell<()>>>,
    endpoint: Option<u16>,
    door: Option<Door>,
    network: Option<String>,
    pulls: Option<Arc<dyn PullWatcher>>,
    node_sdk: Option<PathBuf>,
    debugpy: Option<PathBuf>,
    /// Whether nothing is made any more. It is read for as long as something is being made, so that the end waits for
    /// that and finds it.
    closed: RwLock<bool>,
}

impl DockerExecutor {
    /// Connects to the engine and sweeps what crashed Tules left in it. The error is a sentence for people.
    pub(crate) async fn connect(options: &Options, why: &str) -> Result<Arc<dyn Executor>, String> {
        let engine = Engine::connect().await?;
        if INIT.is_empty() {
            return Err(
                "this build of Tule has no init for containers (it was built without a static C library)"
                    .to_owned(),
            );
        }
        let ours = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        if engine.arch != ours {
            return Err(format!(
                "the Docker engine runs {} containers, and this Tule's init is for {ours}",
                engine.arch
            ));
        }
        let instance = uuid::Uuid::new_v4().simple().to_string()[..12].to_owned();
        let labels = sweep::labels(&instance, &options.labels);
        sweep::sweep(&engine).await;
        Ok(Arc::new(Self {
            why: why.to_owned(),
            volumes: Volumes::new(engine.clone(), options.store.blobs().clone(), &instance, labels.clone()),
            engine,
            instance,
            labels,
            images: options.images.clone(),
            present: DashMap::new(),
            endpoint: options
                .endpoint
                .rsplit_once(':')
                .and_then(|(_, port)| port.trim_end_matches('/').parse().ok()),
            door: options.door.clone(),
            network: options.network.clone(),
            pulls: options.pulls.clone(),
            node_sdk: options.node_sdk.clone(),
            debugpy: options.debugpy.clone(),
            closed: RwLock::new(false),
        }))
    }

    /// Leave to make containers and volumes, while it is held.
    async fn making(&self) -> Result<RwLockReadGuard<'_, bool>, ExecutorError> {
        let closed = self.closed.read().await;
        if *closed { Err(ExecutorError::Failed("Tule is shutting down.".to_owned())) } else { Ok(closed) }
    }

    /// The image of a deployment, on this machine: the function's own, the one configured for its runtime, or AWS's.
    async fn image(&self, deployment: &Deployment) -> Result<String, ExecutorError> {
        if let Some(image) = &deployment.image {
            return self.own_image(image).await;
        }
        let image = self.images.get(&deployment.runtime_name).cloned().unwrap_or_else(|| {
            format!("public.ecr.aws/lambda/{}:{}", deployment.runtime.image, deployment.runtime.version)
        });
        let else_do = "Pull or load it, name another one for this runtime, or use --executor process.";
        self.make_present(&image, else_do).await?;
        Ok(image)
    }

    /// The image that is a function's code. A tag that is here wins over one in a registry, and the image that was meant
    /// when the function was given it wins over what the tag means now.
    async fn own_image(&self, image: &Image) -> Result<String, ExecutorError> {
        if let Some(id) = &image.id {
            if self.engine.image(id).await.map_err(|failure| unanswered(id, &failure))?.is_some() {
                return Ok(id.clone());
            }
            tracing::warn!(
                image = image.uri,
                id,
                "the image a function was made with is gone; its name is looked up anew"
            );
        }
        self.make_present(&image.uri, "Build, pull or load it.").await?;
        Ok(image.uri.clone())
    }

    /// Pulls an image that is not here; `else_do` says what a user may do where that cannot be.
    async fn make_present(&self, image: &str, else_do: &str) -> Result<(), ExecutorError> {
        let cell = Arc::clone(self.present.entry(image.to_owned()).or_default().value());
        let fetch = async {
            if self.engine.image(image).await.map_err(|failure| unanswered(image, &failure))?.is_some() {
                return Ok(());
            }
            tracing::info!(image, "pulling the image; the function is pending until it is here");
            let pulled = self.engine.pull(image, self.pulls.as_deref()).await;
            if let Some(watcher) = &self.pulls {
                watcher.ended(image);
            }
            pulled.map_err(|failure| {
                ExecutorError::Failed(format!(
                    "The image {image} is not on this machine and could not be pulled: {failure}. {else_do}"
                ))
            })
        };
        cell.get_or_try_init(|| fetch).await.copied()
    }

    /// What starts in a container, with its arguments, and in which folder. An image for another machine is refused.
    async fn program(&self, deployment: &Deployment, image: &str) -> Result<Program, ExecutorError> {
        let bootstrap = match deployment.runtime.family {
            Family::Provided => BOOTSTRAP,
            Family::Python | Family::Node | Family::Other | Family::Image => "/var/runtime/bootstrap",
        };
        let Some(own) = &deployment.image else {
            return Ok(Program { words: vec![bootstrap.to_owned()], folder: "/var/task".to_owned() });
        };
        let facts = self.engine.image(image).await.map_err(|failure| unanswered(image, &failure))?;
        let facts = facts.unwrap_or_default();
        if !facts.arch.is_empty() && facts.arch != self.engine.arch {
            return Err(ExecutorError::Unsupported(format!(
                "The image {} is for {}, and the Docker engine runs {} containers. Build it for linux/{}.",
                own.uri, facts.arch, self.engine.arch, self.engine.arch
            )));
        }
        let declared = if deployment.architecture == "arm64" { "arm64" } else { "amd64" };
        if !facts.arch.is_empty() && facts.arch != declared {
            return Err(ExecutorError::Unsupported(format!(
                "The image {} is for {}, and the function's Architectures says {}. Build it for linux/{declared}, or set \
                 Architectures to what the image is for.",
                own.uri, facts.arch, deployment.architecture
            )));
        }
        let mut words = own.entry_point.clone().unwrap_or(facts.entry_point);
        words.extend(own.command.clone().unwrap_or(facts.command));
        if words.is_empty() {
            return Err(ExecutorError::Entrypoint(format!(
                "The image {} has neither an entry point nor a command.",
                own.uri
            )));
        }
        let folder = own.working_directory.clone().unwrap_or(facts.working_directory);
        Ok(Program { words, folder: if folder.is_empty() { "/".to_owned() } else { folder } })
    }

    /// The volumes of a deployment's containers, made if they are not there.
    async fn mounts(
        &self,
        deployment: &Deployment,
        image: &str,
    ) -> Result<Vec<(String, &'static str)>, ExecutorError> {
        let mut mounts = vec![(self.volumes.init(image).await?, INIT_FOLDER)];
        if deployment.image.is_some() {
            return Ok(mounts);
        }
        mounts.push((self.volumes.package(&deployment.code, image).await?, "/var/task"));
        let layers = self.volumes.layers(&deployment.layers, image).await?;
        mounts.extend(layers.map(|volume| (volume, "/opt")));
        if let (Family::Node, Some(sdk)) = (deployment.runtime.family, &self.node_sdk) {
            let volume = self.volumes.node_sdk(image, sdk).await?;
            mounts.extend(volume.map(|volume| (volume, NODE_SDK_FOLDER)));
        }
        if let (Family::Python, Some(_), Some(debugpy)) =
            (deployment.runtime.family, deployment.debug, &self.debugpy)
        {
            mounts.push((self.volumes.debugpy(image, debugpy).await?, DEBUGPY_FOLDER));
        }
        Ok(mounts)
    }

    async fn launch(&self, start: StartRequest) -> Result<Box<dyn Running>, ExecutorError> {
        let deployment = &start.deployment;
        let image = self.image(deployment).await?;
        let _making = self.making().await?;
        let volumes = self.mounts(deployment, &image).await?;
        let program = self.program(deployment, &image).await?;
        let endpoint = self.endpoint.map(|port| format!("http://127.0.0.1:{port}")).unwrap_or_default();
        let mut environment = deployment.lambda_variables(start.initialization, &start.stream, &endpoint);
        environment.push(("AWS_LAMBDA_RUNTIME_API".to_owned(), "127.0.0.1:9001".to_owned()));
        environment.push(("LAMBDA_TASK_ROOT".to_owned(), "/var/task".to_owned()));
        environment.push(("LAMBDA_RUNTIME_DIR".to_owned(), "/var/runtime".to_owned()));
        let door = match deployment.debug {
            Some(port) => {
                for (name, value) in debugger::variables(deployment, port) {
                    environment.retain(|(there, _)| *there != name);
                    environment.push((name, value));
                }
                let listener = debug::listen(port).await?;
                debug::announce(deployment, port, Path::new("/var/task"));
                Some((listener, port))
            }
            None => None,
        };
        let started = program.words.first().cloned().unwrap_or_default();
        let wanted = self.wanted(deployment, (image, volumes), program, environment);
        let failed = |failure| {
            ExecutorError::Failed(format!("The Docker engine could not start a container: {failure}"))
        };
        let id = self.engine.create(wanted).await.map_err(failed)?;
        let container = Container::new(self.engine.clone(), id);
        let attached = self.engine.attach(&container.id).await.map_err(failed)?;
        self.engine.start(&container.id).await.map_err(failed)?;
        let ports: Arc<dyn Connect> = Arc::new(Ports(Arc::clone(&container.channels)));
        start.session.telemetry.connect_by(Arc::clone(&ports));
        let link = Link {
            session: start.session,
            log: start.log,
            door: self.door.clone(),
            memory: Arc::clone(&container.memory),
            exit: container.exit.clone(),
            channels: Arc::clone(&container.channels),
        };
        let mut container = container.served(link, attached, started);
        container.debugger = door.map(|(listener, port)| {
            AbortOnDrop(tokio::spawn(debugger::carry(listener, port, ports)).abort_handle())
        });
        Ok(Box::new(container))
    }
}

impl DockerExecutor {
    /// What a deployment's container is to be.
    fn wanted(
        &self,
        deployment: &Deployment,
        (image, volumes): (String, Vec<(String, &'static str)>),
        program: Program,
        environment: Vec<(String, String)>,
    ) -> Wanted {
        let mut labels = self.labels.clone();
        labels.insert("dev.tule.function".to_owned(), deployment.function.clone());
        let port = self.endpoint.unwrap_or(0);
        // A debugger needs some memory of its own.
        let memory = if deployment.debug.is_some() { 0 } else { deployment.memory };
        let init = [INIT_PROGRAM.to_owned(), port.to_string(), memory.to_string()];
        Wanted {
            image,
            entrypoint: init.into_iter().chain(program.words).collect(),
            working_directory: program.folder,
            environment: environment.into_iter().map(|(name, value)| format!("{name}={value}")).collect(),
            labels,
            volumes,
            // What lies in /tmp counts as memory of a container, and not of a function; the init has an eye on the rest.
            memory: u64::from(deployment.memory + deployment.storage) << 20,
            storage: deployment.storage,
            network: self.network.clone(),
        }
    }
}

impl Executor for DockerExecutor {
    fn describe(&self) -> String {
        format!("docker {} ({})", self.engine.version, self.why)
    }

    fn prepare<'a>(&'a self, deployment: &'a Deployment) -> BoxFuture<'a, Result<(), ExecutorError>> {
        Box::pin(async move {
            let image = self.image(deployment).await?;
            self.program(deployment, &image).await?;
            let _making = self.making().await?;
            self.mounts(deployment, &image).await.map(drop)
        })
    }

    fn image_id<'a>(&'a self, uri: &'a str) -> BoxFuture<'a, Option<String>> {
        Box::pin(async move {
            let found = self.engine.image(uri).await.ok().flatten();
            found.map(|facts| facts.id).filter(|id| !id.is_empty())
        })
    }

    fn start<'a>(&'a self, start: StartRequest) -> BoxFuture<'a, Result<Box<dyn Running>, ExecutorError>> {
        Box::pin(self.launch(start))
    }

    /// An engine takes a processor for hundreds of milliseconds to start one, and containers that wait for it come up all
    /// at the end.
    fn starts_at_once(&self) -> usize {
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get).clamp(2, 8)
    }

    fn shutdown(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            *self.closed.write().await = true;
            sweep::remove_all(&self.engine, &self.instance).await;
        })
    }
}

/// What starts where a function brings its runtime; a layer may have it too.
const BOOTSTRAP: &str = "/var/task/bootstrap";

/// What starts in a container.
struct Program {
    words: Vec<String>,
    folder: String,
}

fn unanswered(image: &str, failure: &engine::EngineError) -> ExecutorError {
    ExecutorError::Failed(format!("The Docker engine does not answer for the image {image}: {failure}"))
}

/// A container. It is removed when it is stopped or dropped.
struct Container {
    engine: Engine,
    id: String,
    exit: watch::Sender<Option<Exit>>,
    memory: Arc<AtomicU32>,
    removed: AtomicBool,
    channels: Arc<Channels>,
    serving: Option<AbortHandle>,
    /// What carries a debugger's connections.
    debugger: Option<AbortOnDrop>,
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Container {
    fn new(engine: Engine, id: String) -> Self {
        Self {
            engine,
            id,
            exit: watch::Sender::new(None),
            memory: Arc::default(),
            removed: AtomicBool::new(false),
            channels: Arc::default(),
            serving: None,
            debugger: None,
        }
    }

    /// Serves it, and watches for its end.
    fn served(mut self, link: Link, attached: engine::Attached, program: String) -> Self {
        let (engine, id, exit) = (self.engine.clone(), self.id.clone(), self.exit.clone());
        let serving = tokio::spawn(PolledAgain::new(async move {
            link.serve(attached).await;
            if exit.borrow().is_none() {
                let ended = how_it_ended(&engine, &id, &program).await;
                exit.send_replace(Some(ended));
            }
        }));
        self.serving = Some(serving.abort_handle());
        self
    }

    fn remove(&self) {
        if self.removed.swap(true, Ordering::AcqRel) {
            return;
        }
        let (engine, id) = (self.engine.clone(), self.id.clone());
        // Without a runtime the process is about to end, and the init ends with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { engine.remove(&id).await });
        }
    }
}

impl Running for Container {
    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.subscribe()
    }

    fn stop(&self) {
        self.remove();
    }

    fn signal(&self, signal: Signal) {
        self.channels.say(wire::SIGNAL, 0, &[u8::try_from(signal.number()).unwrap_or_default()]);
    }

    /// Output comes before the answer in the same stream: what was written is here.
    fn drain(&self) {}

    fn max_memory(&self) -> Option<u32> {
        Some(self.memory.load(Ordering::Relaxed)).filter(|peak| *peak > 0)
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        if let Some(serving) = &self.serving {
            serving.abort();
        }
        self.remove();
    }
}

/// How soon an engine knows how a container has ended whose output has, and how often it is asked.
const SETTLED: std::time::Duration = std::time::Duration::from_secs(3);
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// How a container ended whose init did not say.
async fn how_it_ended(engine: &Engine, id: &str, program: &str) -> Exit {
    // Podman ends a container's output before it takes note of its end, and calls that by a name that is not Docker's
    // until it has cleaned up.
    let mut ended = engine.ended(id).await;
    let settled = async {
        while ended.as_ref().map_or(true, |ended| ended.running) {
            tokio::time::sleep(LOOK).await;
            ended = engine.ended(id).await;
        }
    };
    let _ = tokio::time::timeout(SETTLED, settled).await;
    match ended {
        Err(failure) => Exit::Lost(failure.to_string()),
        Ok(ended) if ended.out_of_memory => Exit::OutOfMemory,
        Ok(ended) if ended.running => Exit::Lost("its connection broke".to_owned()),
        // The init ends with these where it cannot start the runtime: see its source.
        Ok(ended) => match ended.code {
            124 => Exit::NotStarted(format!("fork/exec {program}: exec format error")),
            126 => Exit::NotStarted(format!("fork/exec {program}: permission denied")),
            127 if program == BOOTSTRAP => Exit::NotStarted(
                "Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]".to_owned(),
            ),
            123 | 127 => Exit::NotStarted(format!("fork/exec {program}: no such file or directory")),
            137 => Exit::Signal(9),
            code if ended.error.is_empty() => Exit::Code(i32::try_from(code).unwrap_or(-1)),
            _ => Exit::Lost(ended.error),
        },
    }
}
