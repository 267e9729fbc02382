//! The way to deployed APIs, as other services call them: Step Functions' `apigateway:invoke`.

use bytes::Bytes;
use http::{Request, Response};

use crate::BoxFuture;

/// What an API answered.
#[derive(Debug)]
pub struct ApiAnswer {
    /// The answer, read whole.
    pub response: Response<Bytes>,
    /// Whether the API is edge-optimised: its answers come through CloudFront, and say so.
    pub edge: bool,
}

/// API Gateway's data plane.
pub trait ApiInvoker: Send + Sync {
    /// Answers a request to a deployed API; `None` if there is none of that id. The path begins with the stage, or is
    /// one of the stage `$default`.
    fn execute<'a>(&'a self, api: &'a str, request: Request<Bytes>) -> BoxFuture<'a, Option<ApiAnswer>>;
}
