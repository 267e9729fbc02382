//! API Gateway.

use std::{net::IpAddr, sync::Arc};

use aws_wire::ServiceError;
use runtime::{Body, BoxFuture, CallContext, Clock, FunctionInvoker, Input, Output, Service, ServiceRouter};
use store::{Store, StoreError};

/// Options.
pub struct Options {
    /// The base.
    pub endpoint: Arc<str>,
}

/// Addressed.
pub struct Addressed {
    /// Id.
    pub api_id: String,
    /// Stage.
    pub stage: Option<String>,
}

/// API Gateway.
#[derive(Clone)]
pub struct ApiGateway;

/// A plane.
pub struct Plane(&'static str);

impl ApiGateway {
    /// New.
    pub fn new(
        _: Options,
        _: Store,
        _: Clock,
        _: Arc<dyn ServiceRouter>,
        _: Arc<dyn FunctionInvoker>,
    ) -> Result<Self, StoreError> {
        Ok(Self)
    }
    /// REST.
    pub fn rest_service(&self) -> Plane {
        Plane("apigateway")
    }
    /// HTTP.
    pub fn http_service(&self) -> Plane {
        Plane("apigatewayv2")
    }
    /// Has.
    pub fn has_api(&self, _: &str) -> bool {
        false
    }
    /// Execute.
    pub async fn execute(&self, _: Addressed, _: http::Request<Body>, _: IpAddr) -> http::Response<Body> {
        http::Response::new(Body::Empty)
    }
}

impl Service for Plane {
    fn name(&self) -> &'static str {
        self.0
    }
    fn operations(&self) -> &'static [&'static str] {
        &[]
    }
    fn call<'a>(&'a self, _: &'a CallContext, _: &'a str, _: Input) -> BoxFuture<'a, Result<Output, ServiceError>> {
        Box::pin(async { Err(ServiceError::not_implemented("no")) })
    }
}

/// Sum.
pub struct ApiSummary {
    /// N.
    pub name: String,
    /// K.
    pub kind: &'static str,
    /// U.
    pub url: String,
    /// R.
    pub routes: Vec<(String, String)>,
}

impl ApiGateway {
    /// S.
    pub fn summary(&self) -> Vec<ApiSummary> {
        Vec::new()
    }
}
