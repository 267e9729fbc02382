//! The Runtime API's HTTP: one connection of one environment, over whatever carries it.

use std::{convert::Infallible, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper_util::rt::TokioIo;
use runtime::PolledAgain;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};

use super::{
    extensions_http,
    session::{Answer, Event, Piece, Refusal, Session},
};

/// What a buffered response may measure: 6 MiB and 100 bytes.
pub(crate) const RESPONSE_LIMIT: usize = 6 * 1024 * 1024 + 100;

/// What a streamed response may measure: 200 MiB.
const STREAM_LIMIT: usize = 200 << 20;

static RESPONSE_MODE: HeaderName = HeaderName::from_static("lambda-runtime-function-response-mode");

const PREFIX: &str = "/2018-06-01/";

/// Who reads the answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A runtime of ours, which takes the names of headers as they come.
    Own,
    /// Anybody, who may look for them by their letters.
    Any,
}

/// Serves the Runtime API of one environment on one connection until either side ends it.
pub(crate) async fn serve(
    session: Arc<Session>,
    connection: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    reader: Reader,
) {
    let service = hyper::service::service_fn(move |request| {
        let session = Arc::clone(&session);
        async move { Ok::<_, Infallible>(respond(&session, request).await) }
    });
    let served = hyper::server::conn::http1::Builder::new()
        .pipeline_flush(true)
        // As AWS sends them; the capitals are work.
        .title_case_headers(reader == Reader::Any)
        .serve_connection(TokioIo::new(connection), service);
    let ended = PolledAgain::new(served).await;
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection to the Runtime API ended");
    }
}

pub(super) type Answered = Response<Full<Bytes>>;

async fn respond(session: &Arc<Session>, request: Request<Incoming>) -> Answered {
    if !request.uri().path().starts_with(PREFIX) {
        return extensions_http::respond(session, request).await;
    }
    let (parts, body) = request.into_parts();
    let route = parts.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    match (&parts.method, route) {
        (&Method::GET, "runtime/invocation/next") => next(session).await,
        (&Method::POST, "runtime/init/error") => {
            // An error that cannot be read is an empty one: what matters is that the start failed.
            let (payload, _) = collect(body, &parts.headers).await;
            accepted(session.init_error(payload.unwrap_or_default()))
        }
        (&Method::GET, "runtime/restore/next") => restore_next(session).await,
        (&Method::POST, "runtime/restore/error") => {
            let (payload, _) = collect(body, &parts.headers).await;
            accepted(session.restore_error(payload.unwrap_or_default()))
        }
        (&Method::GET, "ping") => plain(StatusCode::OK, "pong"),
        (&Method::POST, route) => match answer_route(route) {
            Some((request_id, failed)) => {
                let answered = answer(session, request_id, failed, &parts.headers, body).await;
                let is_taken = answered.status() == StatusCode::ACCEPTED;
                // Our own runtimes ask for the next invocation in the same request.
                if is_taken && parts.uri.query() == Some("then=next") {
                    next(session).await
                } else {
                    answered
                }
            }
            None => missing(),
        },
        _ => missing(),
    }
}

/// Request id of `runtime/invocation/{id}/response` or `…/error`, and whether it is an error.
fn answer_route(route: &str) -> Option<(&str, bool)> {
    let (request_id, end) = route.strip_prefix("runtime/invocation/")?.split_once('/')?;
    match end {
        "response" => Some((request_id, false)),
        "error" => Some((request_id, true)),
        _ => None,
    }
}

async fn next(session: &Session) -> Answered {
    let event = match session.next() {
        Ok(event) => event.await,
        Err(refusal) => return refused(refusal),
    };
    match event {
        Ok(event) => invocation(event),
        // The session was closed while the runtime waited: its environment is being stopped.
        Err(_) => refused(Refusal::InvalidState),
    }
}

/// Answers when the environment is restored from its snapshot.
async fn restore_next(session: &Session) -> Answered {
    match session.restore_next() {
        Ok(restored) => match restored.await {
            Ok(()) => plain(StatusCode::OK, ""),
            Err(_) => refused(Refusal::InvalidState),
        },
        Err(refusal) => refused(refusal),
    }
}

fn invocation(event: Event) -> Answered {
    let mut response = Response::new(Full::new(event.payload));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let mut put = |name: &'static str, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    put("lambda-runtime-aws-request-id", event.request_id);
    put("lambda-runtime-deadline-ms", event.deadline_ms.to_string());
    put("lambda-runtime-invoked-function-arn", event.invoked_function_arn);
    put("lambda-runtime-trace-id", event.trace_id);
    if let Some(client_context) = event.client_context {
        put("lambda-runtime-client-context", client_context);
    }
    if let Some(tenant) = event.tenant_id {
        put("lambda-runtime-aws-tenant-id", tenant);
    }
    response
}

async fn answer(
    session: &Session,
    request_id: &str,
    failed: bool,
    headers: &HeaderMap,
    body: Incoming,
) -> Answered {
    if let Err(refusal) = session.expects(request_id) {
        return refused(refusal);
    }
    let mode = headers.get(&RESPONSE_MODE).map(HeaderValue::as_bytes);
    if mode.is_some_and(|mode| mode != b"streaming") {
        return error(
            StatusCode::BAD_REQUEST,
            "Runtime.InvalidResponseModeHeader",
            "Invalid response mode header",
        );
    }
    if mode.is_some() && !failed {
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        match session.begin_stream(request_id, content_type.map(str::to_owned)) {
            Ok(Some(pieces)) => return stream(session, request_id, body, &pieces).await,
            Ok(None) => {}
            Err(refusal) => return refused(refusal),
        }
    }
    let (payload, trailers) = collect(body, headers).await;
    let given = match payload {
        Err(Unread::TooLarge) => {
            let _ = session.answer(request_id, Answer::TooLarge);
            let text = format!("Exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes).");
            return error(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &text);
        }
        // The runtime broke off in the middle; its exit says the rest.
        Err(Unread::Broken) => return refused(Refusal::InvalidState),
        Ok(payload) if failed => Answer::Error(payload),
        Ok(payload) => match trailers.as_ref().and_then(streamed_error) {
            Some(streamed) => Answer::Error(streamed),
            None => Answer::Response(payload),
        },
    };
    accepted(session.answer(request_id, given))
}

/// Hands a response on as it comes, no faster than it is read.
async fn stream(
    session: &Session,
    request_id: &str,
    mut body: Incoming,
    pieces: &mpsc::Sender<Piece>,
) -> Answered {
    let mut size = 0_usize;
    let mut last = Piece::End;
    while let Some(frame) = body.frame().await {
        // The runtime broke off in the middle; its exit says the rest.
        let Ok(frame) = frame else { return refused(Refusal::InvalidState) };
        match frame.into_data() {
            Ok(data) => {
                size = size.saturating_add(data.len());
                if size > STREAM_LIMIT {
                    last = Piece::Failed(too_long());
                // Who asked is gone, or the time is over: the rest is read and thrown away.
                } else if pieces.send(Piece::Bytes(data)).await.is_err() {
                    continue;
                }
            }
            Err(frame) => {
                if let Some(error) = frame.into_trailers().ok().as_ref().and_then(streamed_error) {
                    last = Piece::Failed(error);
                }
            }
        }
    }
    // Nobody may read any more.
    let _ = pieces.send(last).await;
    accepted(session.end_stream(request_id))
}

fn too_long() -> Bytes {
    let message =
        format!("Response payload size exceeded maximum allowed payload size ({STREAM_LIMIT} bytes).");
    let error = serde_json::json!({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"});
    error.to_string().into()
}

/// The error a streaming response ends with, in its trailers.
fn streamed_error(trailers: &HeaderMap) -> Option<Bytes> {
    let kind = trailers.get("lambda-runtime-function-error-type")?;
    let body =
        trailers.get("lambda-runtime-function-error-body").and_then(|body| BASE64_STANDARD.decode(body).ok());
    Some(body.map_or_else(
        || serde_json::json!({"errorType": kind.to_str().unwrap_or("Function.Unknown")}).to_string().into(),
        Bytes::from,
    ))
}

#[derive(Debug)]
enum Unread {
    TooLarge,
    Broken,
}

/// The whole body and its trailers. Beyond the limit the rest is read and thrown away, so that the runtime reads the
/// refusal and not a broken connection.
async fn collect(mut body: Incoming, headers: &HeaderMap) -> (Result<Bytes, Unread>, Option<HeaderMap>) {
    let expected =
        headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    let mut whole = BytesMut::new();
    let mut first = Bytes::new();
    let mut trailers = None;
    let mut size = 0_usize;
    while !body.is_end_stream() {
        let Some(frame) = body.frame().await else { break };
        let Ok(frame) = frame else { return (Err(Unread::Broken), None) };
        match frame.into_data() {
            Ok(data) => {
                size = size.saturating_add(data.len());
                if size > RESPONSE_LIMIT {
                    continue;
                }
                // Most bodies are one frame, and need no copy.
                if first.is_empty() && whole.is_empty() && expected == Some(data.len()) {
                    first = data;
                } else {
                    whole.reserve(
                        expected.unwrap_or_default().min(RESPONSE_LIMIT).saturating_sub(whole.len()),
                    );
                    whole.extend_from_slice(&data);
                }
            }
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    if size > RESPONSE_LIMIT {
        return (Err(Unread::TooLarge), None);
    }
    (Ok(if whole.is_empty() { first } else { whole.freeze() }), trailers)
}

pub(super) fn missing() -> Answered {
    plain(StatusCode::NOT_FOUND, "404 page not found\n")
}

pub(super) fn accepted(taken: Result<(), Refusal>) -> Answered {
    match taken {
        Ok(()) => json(StatusCode::ACCEPTED, Bytes::from_static(b"{\"status\":\"OK\"}\n")),
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Answered {
    match refusal {
        Refusal::InvalidRequestId => error(StatusCode::BAD_REQUEST, "InvalidRequestID", "Invalid request ID"),
        Refusal::InvalidState => {
            error(StatusCode::FORBIDDEN, "InvalidStateTransition", "State transition is not allowed")
        }
    }
}

pub(super) fn error(status: StatusCode, kind: &str, message: &str) -> Answered {
    json(status, serde_json::json!({"errorMessage": message, "errorType": kind}).to_string().into())
}

pub(super) fn json(status: StatusCode, body: Bytes) -> Answered {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn plain(status: StatusCode, text: &'static str) -> Answered {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}
