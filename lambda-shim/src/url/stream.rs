//! Answers of function URLs that are sent as the function writes them (`RESPONSE_STREAM`).
//!
//! A function sets status and headers by a prelude under a media type of its own (AWS, "Response streaming for Lambda
//! functions").

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Response, StatusCode, header};
use proxy_events::Prelude;
use runtime::{Body, CallContext, Invocation};

use super::serve::{failed, set};
use crate::{
    invoke::streaming::{self, Pieces},
    service::Lambda,
};

const WITH_PRELUDE: &str = "application/vnd.awslambda.http-integration-response";
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
    let mut prelude = loop {
        let Ok(found) = Prelude::take(&mut read, LONGEST_PRELUDE) else { return failed() };
        if let Some(prelude) = found {
            break prelude;
        }
        let Some(bytes) = pieces.next().await else { return failed() };
        read.extend_from_slice(&bytes);
    };
    let octets = HeaderValue::from_static("application/octet-stream");
    prelude.headers.entry(header::CONTENT_TYPE).or_insert(octets);
    let mut response = Response::new(body(read.freeze(), pieces));
    *response.status_mut() = StatusCode::from_u16(prelude.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.headers_mut() = prelude.headers;
    response
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
