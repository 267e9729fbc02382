//! How the parts come together, and how they end.

use std::{net::SocketAddr, path::PathBuf, sync::Arc};

use apigw_shim::ApiGateway;
use lambda_shim::{ExecutorChoice, Lambda};
use logs::Logs;
use runtime::{Clock, FunctionInvoker, LogSink, Service, ServiceRouter};
use s3::S3;
use sqs::Sqs;
use stepfn_shim::StepFunctions;
use store::Store;
use sts_iam::{Iam, Sts};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use crate::{
    admin,
    config::{Config, Executor},
    delegate::Delegates,
    front_door::FrontDoor,
    registry::Registry,
    server,
};

/// A running Tule.
pub(crate) struct Tule {
    /// `http://127.0.0.1:4566`.
    pub(crate) endpoint: Arc<str>,
    pub(crate) registry: Arc<Registry>,
    pub(crate) lambda: Lambda,
    pub(crate) apis: ApiGateway,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

/// Folders of SDKs for functions that bring none, in the `process` executor.
#[derive(Debug, Default)]
pub(crate) struct FunctionSdks {
    pub(crate) python: Option<PathBuf>,
    pub(crate) node: Option<PathBuf>,
}

/// Listens, opens the store, makes every service and serves.
pub(crate) async fn start(config: &Config, sdks: FunctionSdks) -> Result<Tule, String> {
    let listener = listen(config).await?;
    let address = listener.local_addr().map_err(|error| format!("the listener has no address: {error}"))?;
    let endpoint: Arc<str> = format!("http://{}", shown(address)).into();
    let store = match &config.data_dir {
        Some(folder) => Store::open(folder).map_err(|error| error.to_string())?,
        None => Store::memory(),
    };
    let clock = Clock::Real;
    let registry = Arc::new(Registry::new(Delegates::new(config.delegates.clone())));
    let router: Arc<dyn ServiceRouter> = registry.clone();
    let stored = |error: store::StoreError| error.to_string();

    let logs = Logs::new(logs::Options { store: store.clone(), clock: clock.clone() }).map_err(stored)?;
    let lambda = start_lambda(config, sdks, &store, &clock, &logs, &router, &endpoint).await?;
    let invoker: Arc<dyn FunctionInvoker> = Arc::new(lambda.clone());
    let states = StepFunctions::new(
        stepfn_shim::Options { endpoint: endpoint.clone() },
        store.clone(),
        clock.clone(),
        router.clone(),
        invoker.clone(),
    )
    .map_err(stored)?;
    let apis = ApiGateway::new(
        apigw_shim::Options { endpoint: endpoint.clone() },
        store.clone(),
        clock.clone(),
        router.clone(),
        invoker,
    )
    .map_err(stored)?;
    let services: Vec<Arc<dyn Service>> = vec![
        Arc::new(apis.rest_service()),
        Arc::new(apis.http_service()),
        Arc::new(Iam::new(&store, clock.clone()).map_err(stored)?),
        Arc::new(lambda.clone()),
        Arc::new(logs),
        Arc::new(S3::new(&store, clock.clone()).map_err(stored)?),
        Arc::new(Sqs::new(&store, clock.clone()).map_err(stored)?),
        Arc::new(states.clone()),
        Arc::new(Sts::new(clock)),
    ];
    registry.fill(services);
    states.resume().await.map_err(|error| error.to_string())?;

    let door = Arc::new(FrontDoor {
        registry: registry.clone(),
        apis: apis.clone(),
        admin: admin::router(admin::Shown { registry: registry.clone(), lambda: lambda.clone() }),
        allowed: config.allowed.clone(),
        verify_signatures: config.verify_signatures,
        region: config.region.as_str().into(),
        endpoint: endpoint.clone(),
    });
    let stop = CancellationToken::new();
    let served = tokio::spawn(server::serve(listener, door, stop.clone()));
    Ok(Tule { endpoint, registry, lambda, apis, stop, served })
}

async fn listen(config: &Config) -> Result<TcpListener, String> {
    let address = SocketAddr::new(config.host, config.port);
    TcpListener::bind(address).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("{address} is in use by another process; stop it, or choose another port with --port (0 takes a free one)")
        }
        _ => format!("cannot listen on {address}: {error}"),
    })
}

/// The address as clients write it: a listener on all interfaces is reached on this machine as 127.0.0.1.
fn shown(address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() { SocketAddr::from(([127, 0, 0, 1], address.port())) } else { address }
}

async fn start_lambda(
    config: &Config,
    sdks: FunctionSdks,
    store: &Store,
    clock: &Clock,
    logs: &Logs,
    router: &Arc<dyn ServiceRouter>,
    endpoint: &Arc<str>,
) -> Result<Lambda, String> {
    let sink: Arc<dyn LogSink> = Arc::new(logs.clone());
    let mut options = lambda_shim::Options::new(store.clone(), clock.clone(), sink, router.clone());
    options.executor = match config.executor {
        Executor::Auto => ExecutorChoice::Auto,
        Executor::Docker => ExecutorChoice::Docker,
        Executor::Process => ExecutorChoice::Process,
    };
    options.endpoint = endpoint.clone();
    options.python_sdk = sdks.python;
    options.node_sdk = sdks.node;
    options.images = config.images.clone().into_iter().collect();
    Lambda::start(options).await.map_err(|error| error.to_string())
}

impl Tule {
    /// Stops serving, ends all execution environments, and lets the store close.
    pub(crate) async fn shutdown(self) {
        self.stop.cancel();
        // A server that panicked has ended too.
        let _ = self.served.await;
        self.lambda.shutdown().await;
    }
}
