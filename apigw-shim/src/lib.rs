//! API Gateway: REST APIs, HTTP APIs and WebSocket APIs, their control planes and what answers at their URLs.
//!
//! Owns APIs, their deployments and stages, and the pipeline a request takes through them. Reaches Lambda and every
//! other service only through the runtime's traits. Start at [`ApiGateway::execute`] for requests to deployed APIs, at
//! `operations` and `http_operations` for what SDKs call, at `rest_api::pipeline` for what happens in between.

mod addressed;
mod apis;
mod authorizer;
mod domain;
mod error;
mod http_api;
mod http_operations;
mod id;
mod integrate;
mod invoked;
mod jwt;
mod management;
mod mapping;
mod members;
mod metering;
mod openapi;
mod operations;
mod patch;
mod policy;
mod portal;
mod rest_api;
mod schema;
mod summary;
mod websocket;

use std::{collections::BTreeMap, net::IpAddr, sync::Arc};

use aws_wire::ServiceError;
use dashmap::DashMap;
use http::{Request, Response, Uri};
use outbound::Outbound;
use runtime::{
    Body, BoxFuture, CallContext, Clock, FunctionInvoker, Input, LogSink, Output, Service, ServiceRouter,
};
use store::{Store, StoreError};

pub use addressed::{Addressed, AskedUri};
pub use domain::{Truststore, client_certificate, key_of_version_1, pem};
pub use openapi::examine as examine_openapi;
pub use summary::ApiSummary;
pub use websocket::{handshake::Opening, session::Session};

use apis::Apis;
use domain::Domains;
use jwt::Issuers;
use metering::Metering;
use portal::Portals;
use rest_api::authorize::Admission;
use websocket::connection::Connections;

/// How API Gateway is to run.
#[derive(Debug, Clone)]
pub struct Options {
    /// `http://127.0.0.1:4566`: the base of the URLs it gives out, and where integrations must not reach admin routes.
    pub endpoint: Arc<str>,
    /// Whether signatures of methods with `AWS_IAM` are checked, and not only there.
    pub verify_signatures: bool,
    /// The addresses that stand for what VPC links lead to, by the ARNs of load balancers, listeners and services.
    pub vpc_link_targets: Arc<BTreeMap<String, Uri>>,
}

/// API Gateway. Cheap to clone.
#[derive(Clone)]
pub struct ApiGateway(Arc<State>);

pub(crate) struct State {
    pub options: Options,
    pub clock: Clock,
    pub router: Arc<dyn ServiceRouter>,
    pub invoker: Arc<dyn FunctionInvoker>,
    pub apis: Apis,
    /// Custom domain names.
    pub domains: Domains,
    /// Developer portals.
    pub portals: Portals,
    /// API keys and usage plans.
    pub metering: Arc<Metering>,
    /// What authorizers have said of callers, for as long as it holds.
    pub admissions: DashMap<String, Arc<Admission>>,
    /// Those who issue tokens, with their keys.
    pub issuers: Issuers,
    pub logs: Arc<dyn LogSink>,
    /// The clients that WebSocket APIs are connected with.
    pub connections: Connections,
    /// The way to HTTP servers of the user's.
    pub outbound: Outbound,
    /// The same to those whose connections are special.
    pub special_outbound: DashMap<outbound::Special, Outbound>,
}

impl ApiGateway {
    /// Loads what the store holds and compiles what is deployed.
    #[expect(clippy::needless_pass_by_value, reason = "a store is a handle, and handles are given")]
    pub fn new(
        options: Options,
        store: Store,
        clock: Clock,
        router: Arc<dyn ServiceRouter>,
        invoker: Arc<dyn FunctionInvoker>,
        logs: Arc<dyn LogSink>,
    ) -> Result<Self, StoreError> {
        let (metering, last) = Metering::load(&store)?;
        let apis = Apis::load(&store, last)?;
        let domains = Domains::load(&store)?;
        let portals = Portals::load(&store)?;
        let outbound = Outbound::new(&options.endpoint);
        Ok(Self(Arc::new(State {
            options,
            clock,
            router,
            invoker,
            apis,
            domains,
            portals,
            metering: Arc::new(metering),
            admissions: DashMap::new(),
            issuers: Issuers::default(),
            logs,
            connections: Connections::default(),
            outbound,
            special_outbound: DashMap::new(),
        })))
    }

    /// The control plane of REST APIs, the service `apigateway`.
    pub fn rest_service(&self) -> RestService {
        RestService(Arc::clone(&self.0))
    }

    /// What backends reach the clients of WebSocket APIs with, the service `apigatewaymanagementapi`.
    pub fn management_service(&self) -> ManagementService {
        ManagementService(Arc::clone(&self.0))
    }

    /// The control plane of HTTP and WebSocket APIs, the service `apigatewayv2`.
    pub fn http_service(&self) -> HttpService {
        HttpService(Arc::clone(&self.0))
    }

    /// Whether there is an API of that id, in any account and region: its name is then an allowed host.
    pub fn has_api(&self, id: &str) -> bool {
        self.0.apis.live(id).is_some()
    }

    /// Whether a host, in small letters and without its port, is a custom domain name: it is then an allowed one, and
    /// leads nowhere but to APIs.
    pub fn has_domain(&self, host: &str) -> bool {
        self.0.domains.has(host)
    }

    /// Whose certificates the clients of a custom domain name must show, if they must show any. The host is in small
    /// letters.
    pub fn truststore(&self, host: &str) -> Option<Arc<Truststore>> {
        self.0.domains.at(host)?.truststore.clone()
    }

    /// The API that a request to a custom domain name is for. The path in its parts becomes the one below the base path.
    /// `None` if nothing is mapped there or the caller may not ask, which is AWS's 403: [`ApiGateway::forbidden`].
    pub fn at_domain(&self, host: &str, parts: &mut http::request::Parts, peer: IpAddr) -> Option<Addressed> {
        addressed::at_domain(&self.0, host, parts, peer)
    }

    /// The answer for what is not mapped.
    pub fn forbidden(&self) -> Response<Body> {
        addressed::forbidden()
    }

    /// Every API once for each of its stages, with its URL and routes, in the order in which the APIs were made.
    pub fn summary(&self) -> Vec<ApiSummary> {
        summary::of(&self.0)
    }

    /// A stage as an OpenAPI 3.0 document whose server is this one: `None` where there is no such stage, or none that
    /// OpenAPI can describe.
    pub fn openapi(&self, api: &str, stage: &str) -> Option<serde_json::Value> {
        openapi::served(&self.0, api, stage)
    }

    /// Opens a connection to a WebSocket API, if the request asks for one; gives the request back if it does not.
    pub async fn connect(
        &self,
        addressed: &Addressed,
        parts: &http::request::Parts,
        peer: IpAddr,
    ) -> Option<Opening> {
        addressed::connect(&self.0, addressed, parts, peer).await
    }

    /// Ends all connections to WebSocket APIs, as a gateway does that goes down.
    pub fn disconnect_all(&self) {
        self.0.connections.end_all(websocket::session::RESTART);
    }

    /// Answers a request to a deployed API.
    pub async fn execute(
        &self,
        addressed: Addressed,
        request: Request<Body>,
        peer: IpAddr,
    ) -> Response<Body> {
        addressed::execute(&self.0, addressed, request, peer).await
    }
}

impl std::fmt::Debug for ApiGateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiGateway").finish_non_exhaustive()
    }
}

/// The control plane of REST APIs.
#[derive(Clone)]
pub struct RestService(Arc<State>);

impl Service for RestService {
    fn name(&self) -> &'static str {
        "apigateway"
    }

    fn operations(&self) -> &'static [&'static str] {
        operations::NAMES
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(operations::call(&self.0, ctx, operation, input))
    }
}

/// `@connections`, as a service.
#[derive(Clone)]
pub struct ManagementService(Arc<State>);

impl Service for ManagementService {
    fn name(&self) -> &'static str {
        "apigatewaymanagementapi"
    }

    fn operations(&self) -> &'static [&'static str] {
        management::NAMES
    }

    fn call<'a>(
        &'a self,
        _: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(management::call(&self.0, None, operation, input))
    }
}

/// The control plane of HTTP and WebSocket APIs.
#[derive(Clone)]
pub struct HttpService(Arc<State>);

impl Service for HttpService {
    fn name(&self) -> &'static str {
        "apigatewayv2"
    }

    fn operations(&self) -> &'static [&'static str] {
        http_operations::NAMES
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(http_operations::call(&self.0, ctx, operation, input))
    }
}
