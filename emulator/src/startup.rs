//! How the parts come together, and how they end.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use apigw_shim::ApiGateway;
use arc_swap::ArcSwap;
use ec2::Ec2;
use events::Events;
use lambda_shim::{ExecutorChoice, Lambda};
use logs::Logs;
use outbound::Outbound;
use runtime::{Clock, FunctionInvoker, LogSink, Service, ServiceRouter};
use s3::S3;
use secretsmanager::SecretsManager;
use sns::Sns;
use sqs::Sqs;
use stepfn_shim::{Integrations, StepFunctions};
use store::Store;
use sts_iam::{Iam, Sts};
use tokio::{net::TcpListener, sync::Mutex, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    config::{Config, Executor},
    delegate::Delegates,
    front_door::{Caller, FrontDoor},
    progress::PullBars,
    registry::Registry,
    server::{self, Server},
    tls::Tls,
};

/// A running Tule.
pub(crate) struct Tule {
    /// `http://127.0.0.1:4566`.
    pub(crate) endpoint: Arc<str>,
    /// Where HTTPS is served, if it is.
    pub(crate) https: Option<Https>,
    pub(crate) worlds: Arc<Worlds>,
    stop: CancellationToken,
    served: Vec<JoinHandle<()>>,
}

/// The HTTPS listener.
pub(crate) struct Https {
    /// `https://127.0.0.1:8443`.
    pub(crate) endpoint: String,
    /// The certificate that clients are to trust, where it is in a file.
    pub(crate) certificate: Option<PathBuf>,
}

/// Folders of SDKs for functions that bring none.
#[derive(Debug, Clone, Default)]
pub(crate) struct FunctionSdks {
    pub(crate) python: Option<PathBuf>,
    pub(crate) node: Option<PathBuf>,
    /// debugpy, where a function in Python is to be debugged.
    pub(crate) debugpy: Option<PathBuf>,
}

/// Every service, over one store.
pub(crate) struct World {
    pub(crate) registry: Arc<Registry>,
    pub(crate) lambda: Lambda,
    pub(crate) apis: ApiGateway,
}

/// The world that requests find, and how the next one is made.
pub(crate) struct Worlds {
    now: ArcSwap<World>,
    setup: Setup,
    /// Resets take turns.
    turn: Mutex<()>,
}

/// What every world is made with.
struct Setup {
    config: Config,
    sdks: FunctionSdks,
    store: Store,
    clock: Clock,
    endpoint: Arc<str>,
    delegates: Arc<Delegates>,
    /// Set once there is a front door.
    server: Arc<OnceLock<Arc<Server>>>,
}

/// Listens, opens the store, makes every service and serves.
pub(crate) async fn start(config: &Config, sdks: FunctionSdks) -> Result<Tule, String> {
    // A mock configuration that is wrong is said at once, not when the first test case is started.
    if let Some(file) = &config.mock_config {
        stepfn_shim::MockFile::read(file)?;
    }
    let listener = listen(config, config.port).await?;
    let secure_listener = match config.https_port {
        Some(port) => Some(listen(config, port).await?),
        None => None,
    };
    let endpoint: Arc<str> = format!("http://{}", shown(address_of(&listener)?)).into();
    let store = match &config.data_dir {
        Some(folder) => Store::open(folder).map_err(|error| error.to_string())?,
        None => Store::memory(),
    };
    let setup = Setup {
        config: config.clone(),
        sdks,
        store,
        clock: Clock::Real,
        endpoint: endpoint.clone(),
        delegates: Arc::new(Delegates::new(config.delegates.clone())),
        server: Arc::default(),
    };
    let opened = setup.server.clone();
    let first = setup.world().await?;
    let worlds = Arc::new(Worlds { now: ArcSwap::from_pointee(first), setup, turn: Mutex::default() });
    let trusted: Arc<OnceLock<String>> = Arc::default();
    let door = Arc::new(FrontDoor {
        worlds: worlds.clone(),
        admin: admin::router(worlds.clone(), trusted.clone()),
        allowed: config.allowed.clone(),
        verify_signatures: config.verify_signatures,
        region: config.region.as_str().into(),
        endpoint: endpoint.clone(),
    });
    let stop = CancellationToken::new();
    let server = opened.get_or_init(|| Arc::new(Server::new(door.clone(), stop.clone()))).clone();
    let mut served = vec![tokio::spawn(server::listen(listener, server.clone(), None))];
    let mut https = None;
    if let Some(listener) = secure_listener {
        let tls = Arc::new(Tls::new(config.data_dir.as_deref(), config.host, door)?);
        // It is new: nobody has set it.
        let _ = trusted.set(tls.pem().to_owned());
        https = Some(Https {
            endpoint: format!("https://{}", shown(address_of(&listener)?)),
            certificate: tls.file().map(PathBuf::from),
        });
        served.push(tokio::spawn(server::listen(listener, server, Some(tls))));
    }
    Ok(Tule { endpoint, https, worlds, stop, served })
}

fn address_of(listener: &TcpListener) -> Result<SocketAddr, String> {
    listener.local_addr().map_err(|error| format!("the listener has no address: {error}"))
}

impl Worlds {
    /// The world of now.
    pub(crate) fn now(&self) -> Arc<World> {
        self.now.load_full()
    }

    /// Everything goes: executions and environments end, the store is emptied, and the services begin anew. Requests
    /// that come meanwhile are told to try again.
    pub(crate) async fn reset(&self) -> Result<(), String> {
        let _turn = self.turn.lock().await;
        let old = self.now();
        // A long poll would be waited for.
        old.lambda.stop_event_sources();
        old.apis.disconnect_all();
        old.registry.close().await;
        old.lambda.shutdown().await;
        self.setup.store.clear().await.map_err(|error| error.to_string())?;
        let next = self.setup.world().await?;
        self.now.store(Arc::new(next));
        Ok(())
    }
}

impl Setup {
    async fn world(&self) -> Result<World, String> {
        let Self { store, clock, endpoint, .. } = self;
        let registry = Arc::new(Registry::new(self.delegates.clone()));
        let router: Arc<dyn ServiceRouter> = registry.clone();
        let stored = |error: store::StoreError| error.to_string();
        let logs = Logs::new(logs::Options { store: store.clone(), clock: clock.clone() }).map_err(stored)?;
        let lambda = self.lambda(&logs, &router).await?;
        let invoker: Arc<dyn FunctionInvoker> = Arc::new(lambda.clone());
        let states = StepFunctions::new(
            stepfn_shim::Options { endpoint: endpoint.clone(), mock_config: self.config.mock_config.clone() },
            store.clone(),
            clock.clone(),
            router.clone(),
            invoker.clone(),
        )
        .map_err(stored)?;
        let apis = ApiGateway::new(
            apigw_shim::Options {
                endpoint: endpoint.clone(),
                verify_signatures: self.config.verify_signatures,
                vpc_link_targets: Arc::new(self.config.vpc_link_targets.clone()),
            },
            store.clone(),
            clock.clone(),
            router.clone(),
            invoker,
            Arc::new(logs.clone()),
        )
        .map_err(stored)?;
        let outbound = Outbound::new(endpoint);
        let events = Events::new(store, clock.clone(), endpoint.clone(), router.clone(), outbound.clone())
            .map_err(stored)?;
        states.connect(Integrations {
            apis: Arc::new(apis.clone()),
            outbound: outbound.clone(),
            connections: Arc::new(events.clone()),
        });
        let services: Vec<Arc<dyn Service>> = vec![
            Arc::new(apis.rest_service()),
            Arc::new(apis.http_service()),
            Arc::new(apis.management_service()),
            Arc::new(Ec2::new(store, router.clone()).map_err(stored)?),
            Arc::new(events.clone()),
            Arc::new(Iam::new(store, clock.clone()).map_err(stored)?),
            Arc::new(lambda.clone()),
            Arc::new(logs),
            Arc::new(S3::new(store, clock.clone(), router.clone()).map_err(stored)?),
            Arc::new(SecretsManager::new(store, clock.clone()).map_err(stored)?),
            Arc::new(Sns::new(store, clock.clone(), router.clone(), outbound).map_err(stored)?),
            Arc::new(Sqs::new(store, clock.clone()).map_err(stored)?),
            Arc::new(states.clone()),
            Arc::new(Sts::new(clock.clone())),
        ];
        registry.fill(services);
        events.run_schedules();
        lambda.poll_event_sources();
        states.resume().await.map_err(|error| error.to_string())?;
        Ok(World { registry, lambda, apis })
    }

    async fn lambda(&self, logs: &Logs, router: &Arc<dyn ServiceRouter>) -> Result<Lambda, String> {
        let sink: Arc<dyn LogSink> = Arc::new(logs.clone());
        let mut options =
            lambda_shim::Options::new(self.store.clone(), self.clock.clone(), sink, router.clone());
        options.executor = match self.config.executor {
            Executor::Auto => ExecutorChoice::Auto,
            Executor::Docker => ExecutorChoice::Docker,
            Executor::Process => ExecutorChoice::Process,
        };
        options.endpoint = self.endpoint.clone();
        let server = self.server.clone();
        options.door = Some(Arc::new(move |connection| {
            // A function cannot be faster than the listener; without a server its connection just ends.
            if let Some(server) = server.get() {
                server.serve(connection, Caller::Function, None);
            }
        }));
        options.python_sdk.clone_from(&self.sdks.python);
        options.node_sdk.clone_from(&self.sdks.node);
        options.debugpy.clone_from(&self.sdks.debugpy);
        options.debug = self.config.debug.iter().cloned().collect();
        options.network.clone_from(&self.config.docker_network);
        if let Some(most) = self.config.max_environments {
            options.max_environments = most.get();
        }
        options.pulls = Some(Arc::new(PullBars::default()));
        options.images = self.config.images.clone().into_iter().collect();
        Lambda::start(options).await.map_err(|error| error.to_string())
    }
}

async fn listen(config: &Config, port: u16) -> Result<TcpListener, String> {
    let address = SocketAddr::new(config.host, port);
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process; stop it, or choose another port with --port or --https-port (0 takes a free one)")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// The address as clients write it: a listener on all interfaces is reached on this machine as 127.0.0.1.
fn shown(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}

impl Tule {
    /// Stops serving, ends all execution environments, and lets the store close.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        // A server that panicked has ended too.
        for served in self.served {
            let _ = served.await;
        }
        self.worlds.now().lambda.shutdown().await;
    }
}
