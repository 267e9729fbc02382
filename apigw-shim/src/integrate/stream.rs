//! Answers that clients get as they are made (`responseTransferMode` `STREAM`): those of functions, and those of servers.
//!
//! A function writes a prelude before its body (AWS, "Set up a Lambda proxy integration with payload response streaming in
//! API Gateway").

use std::{io, time::Duration};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use outbound::Outbound;
use proxy_events::{NoPrelude, Prelude};
use runtime::{Body, Event, Input};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    call_context,
    http_endpoint::{self, forwardable},
    lambda_proxy::written,
};
use crate::{
    State,
    rest_api::{gateway_response::GatewayError, integration_request::Prepared, integration_response::Answer},
};

/// The prelude must have come by then.
const LONGEST_PRELUDE: usize = 16 << 10;
/// How long a stream may say nothing, by the type of the API's endpoint.
const EDGE_SILENCE: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(300);

/// The end of a stream's time.
#[derive(Clone, Copy)]
pub(super) struct Patience {
    end: Instant,
    silence: Duration,
}

impl Patience {
    pub fn new(prepared: &Prepared<'_>, timeout: Duration) -> Self {
        let is_edge = prepared.exchange.stage.is_edge;
        Self { end: Instant::now() + timeout, silence: if is_edge { EDGE_SILENCE } else { SILENCE } }
    }

    /// The stream, broken off when its time is over or it says nothing for too long.
    fn watch(self, stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Body {
        let watched = futures::stream::unfold(Some(Box::pin(stream)), move |stream| async move {
            let mut stream = stream?;
            let end = self.end.min(Instant::now() + self.silence);
            match tokio::time::timeout_at(end, stream.next()).await {
                Ok(Some(Ok(bytes))) => Some((Ok(bytes), Some(stream))),
                Ok(Some(Err(error))) => Some((Err(error), None)),
                Ok(None) => None,
                Err(_) => Some((Err(io::Error::other("the integration's stream took too long")), None)),
            }
        });
        Body::Stream(Box::pin(watched))
    }
}

/// Asks a server.
pub(super) async fn server(
    client: &Outbound,
    request: (Method, &str, HeaderMap, Bytes),
    patience: Patience,
) -> Result<Answer, GatewayError> {
    let (method, uri, headers, body) = request;
    let request = http_endpoint::request(method, uri, headers, body).map_err(GatewayError::failure)?;
    let answer = client.stream(request).await;
    let (parts, body) = answer.map_err(|error| GatewayError::failure(error.to_string()))?.into_parts();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: forwardable(&parts.headers),
        body: patience.watch(body),
        names: None,
    })
}

/// Invokes a function, and answers as soon as its prelude is there.
pub(super) async fn function(
    state: &State,
    prepared: &Prepared<'_>,
    (function, payload): (&str, Bytes),
    patience: Patience,
) -> Result<Answer, GatewayError> {
    let exchange = &prepared.exchange;
    let ctx = call_context(state, &exchange.stage.scope, exchange.trace_header());
    let _ = exchange.trail.endpoint_request.set(std::sync::Arc::clone(&ctx.request_id));
    let members = json!({"FunctionName": function});
    let input =
        Input { members: members.as_object().cloned().unwrap_or_default(), body: Body::Bytes(payload) };
    let output = state.router.call(&ctx, "lambda", "InvokeWithResponseStream", input).await;
    let output = output
        .map_err(|error| GatewayError::configuration(format!("invoking {function} failed: {error}")))?;
    let Body::Events(mut events) = output.body else {
        return Err(GatewayError::malformed("the function's answer is no stream"));
    };
    let mut read = BytesMut::new();
    let mut prelude = loop {
        if let Some(prelude) = Prelude::take(&mut read, LONGEST_PRELUDE).map_err(malformed)? {
            break prelude;
        }
        match events.next().await.map(piece) {
            Some(Some(Ok(bytes))) => read.extend_from_slice(&bytes),
            Some(Some(Err(error))) => return Err(GatewayError::malformed(error.to_string())),
            Some(None) => {}
            None => return Err(malformed(NoPrelude::TooLong)),
        }
    };
    let headers = &mut prelude.headers;
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    if let Ok(value) = HeaderValue::from_str(exchange.trace_header()) {
        headers.insert(HeaderName::from_static("x-amzn-trace-id"), value);
    }
    let first = (!read.is_empty()).then_some(Ok(read.freeze()));
    let following = events.filter_map(|event| std::future::ready(piece(event)));
    let body = patience.watch(futures::stream::iter(first).chain(following));
    let names = written(&prelude.members);
    Ok(Answer { status: prelude.status, headers: prelude.headers, body, names })
}

fn malformed(why: NoPrelude) -> GatewayError {
    GatewayError::malformed(match why {
        NoPrelude::TooLong => String::from("the function's stream has no head"),
        NoPrelude::Syntax(error) => format!("the head of the function's stream: {error}"),
        NoPrelude::Malformed => String::from("the head of the function's stream is malformed"),
    })
}

/// What an event of the stream adds to the body; the last one may say that the function failed.
fn piece(event: Event) -> Option<io::Result<Bytes>> {
    if event.name == "PayloadChunk" {
        return event.payload.map(Ok);
    }
    let code = event.members.get("ErrorCode")?;
    let details = event.members.get("ErrorDetails").and_then(Value::as_str).unwrap_or_default();
    Some(Err(io::Error::other(format!("the function failed: {code} {details}"))))
}
