//! Deployed APIs, as other services call them: without a listener in between.

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;
use http::{Request, Response};
use runtime::{ApiAnswer, ApiInvoker, Body, BoxFuture};

use crate::{Addressed, ApiGateway, addressed, apis::Kind};

/// The most that API Gateway itself lets through.
const MOST_ANSWER: usize = 10 * 1024 * 1024;

impl ApiInvoker for ApiGateway {
    fn execute<'a>(&'a self, api: &'a str, request: Request<Bytes>) -> BoxFuture<'a, Option<ApiAnswer>> {
        Box::pin(async move {
            let state = &self.0;
            let live = state.apis.live(api)?;
            let edge = match &live.kind {
                Kind::Rest(_) => {
                    let record = state.apis.rest_apis.get(&live.key());
                    record.is_some_and(|record| record.endpoint_type == "EDGE")
                }
                Kind::Http(_) | Kind::Socket(_) => false,
            };
            let addressed = Addressed { api_id: api.to_owned(), stage: None };
            let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
            let answer = addressed::execute(state, addressed, request.map(Body::Bytes), peer).await;
            let (mut parts, body) = answer.into_parts();
            let body = match body.read(MOST_ANSWER).await {
                Ok(body) => body,
                Err(error) => {
                    parts.status = http::StatusCode::BAD_GATEWAY;
                    Bytes::from(serde_json::json!({ "message": error.to_string() }).to_string())
                }
            };
            Some(ApiAnswer { response: Response::from_parts(parts, body), edge })
        })
    }
}
