//! Answers of function URLs that are sent as the function writes them (`RESPONSE_STREAM`).
//!
//! A function sets status and headers by a prelude: JSON and eight zero bytes before the body, under a media type of its
//! own (AWS, "Response streaming for Lambda functions").

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use runtime::{Body, CallContext, Invocation};
use serde_json::Value;

use super::serve::{failed, set};
use crate::{
    invoke::streaming::{self, Pieces},
    service::Lambda,
};

const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";
/// What stands between prelude and body.
const DIVIDER: [u8; 8] = [0; 8];
/// No prelude is longer.
const LONGEST_PRELUDE: usize = 1 << 20;

/// Invokes the function, and answers as soon as it begins to.
pub(super) async fn invoke(
    lambda: &Lambda,
    ctx: &CallContext,
    invocation: Invocation,
) -> Result<Response<Body>, aws_wire::ServiceError> {
    Ok(match lambda.stream(ctx, invocation).await?.1 {
        streaming::Response::Whole(outcome) if outcome.function_error.is_some() => failed(),
        // A function that does not stream: its answer is the body, whatever it is.
        streaming::Response::Whole(outcome) => {
            let mut response = Response::new(Body::Bytes(outcome.payload));
            set(response.headers_mut(), "content-type", "application/octet-stream");
            response
        }
        streaming::Response::Stream(pieces) if pieces.content_type.as_deref() == Some(WITH_PRELUDE) => {
            with_prelude(pieces).await
        }
        streaming::Response::Stream(pieces) => {
            let content_type = pieces.content_type.clone();
            let mut response = Response::new(body(Bytes::new(), pieces));
            set(
                response.headers_mut(),
                "content-type",
                content_type.as_deref().unwrap_or("application/octet-stream"),
            );
            response
        }
    })
}

async fn with_prelude(mut pieces: Pieces) -> Response<Body> {
    let mut read = BytesMut::new();
    let end = loop {
        if let Some(end) = read.windows(DIVIDER.len()).position(|window| window == DIVIDER) {
            break end;
        }
        match pieces.next().await {
            Some(bytes) if read.len() < LONGEST_PRELUDE => read.extend_from_slice(&bytes),
            _ => return failed(),
        }
    };
    let prelude: Value = serde_json::from_slice(&read[..end]).unwrap_or_default();
    let Some(members) = prelude.as_object() else { return failed() };
    let Some(status) = proxy_events::status(members.get("statusCode")) else { return failed() };
    let Some(mut headers) = proxy_events::headers(members) else { return failed() };
    for cookie in members.get("cookies").and_then(Value::as_array).into_iter().flatten() {
        if let Some(value) = cookie.as_str().and_then(|cookie| HeaderValue::from_str(cookie).ok()) {
            headers.append(header::SET_COOKIE, value);
        }
    }
    drop_framing(&mut headers);
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/octet-stream"));
    let rest = read.split_off(end + DIVIDER.len()).freeze();
    let mut response = Response::new(body(rest, pieces));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = headers;
    response
}

fn drop_framing(headers: &mut HeaderMap) {
    let framing: Vec<_> = headers.keys().filter(|name| proxy_events::is_framing(name)).cloned().collect();
    for name in framing {
        headers.remove(name);
    }
}

/// What has been read already, and what follows. A function that fails midway breaks the body off.
fn body(first: Bytes, pieces: Pieces) -> Body {
    let rest = futures::stream::unfold(Some(pieces), async |pieces| {
        let mut pieces = pieces?;
        if let Some(bytes) = pieces.next().await {
            return Some((Ok(bytes), Some(pieces)));
        }
        match pieces.outcome().await {
            Ok(outcome) if outcome.function_error.is_none() => None,
            _ => Some((Err(std::io::Error::other("the function failed while it answered")), None)),
        }
    });
    let first = (!first.is_empty()).then_some(Ok(first));
    Body::Stream(Box::pin(futures::StreamExt::chain(futures::stream::iter(first), rest)))
}
