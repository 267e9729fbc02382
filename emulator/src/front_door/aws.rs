//! A request for an AWS operation: identified, decoded, called, encoded.

use std::{io::Read as _, sync::Arc};

use aws_model::ServiceModel;
use aws_wire::{BodyNeed, Encoded, Identified, ServiceError, Target, aws_chunked, event_stream, sigv4};
use bytes::Bytes;
use futures::StreamExt as _;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header, request::Parts};
use runtime::{Body, BodyError, CallContext, Input, Output, Scope, new_request_id};
use sha2::{Digest as _, Sha256};

use super::{
    FrontDoor, RequestBody, World,
    body::{HttpBody, from_http, to_http},
};

/// The secret that `--verify-signatures` expects: the one every local tool is set up with.
const SECRET: &str = "test";

/// The SHA-256 of nothing.
const EMPTY_HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

static TRAILER: HeaderName = HeaderName::from_static("x-amz-trailer");
static TRACE_ID: HeaderName = HeaderName::from_static("x-amzn-trace-id");

/// A failure with the service whose protocol it is told in.
type Failure = (&'static ServiceModel, ServiceError);

pub(super) async fn serve(
    door: &FrontDoor,
    world: &World,
    parts: Parts,
    incoming: RequestBody,
) -> Response<HttpBody> {
    let request_id = new_request_id();
    let identified = aws_wire::identify(&parts);
    let answered = call(door, world, &identified, parts, incoming, &request_id).await;
    let (mut response, model) = match answered {
        Ok(answered) => answered,
        Err((model, error)) => {
            if error.status >= 500 {
                tracing::warn!(service = model.name, code = %error.code, source = ?error.source, "{}", error.message);
            }
            (assemble(aws_wire::encode_error(model, &error, &request_id), Body::Empty), model)
        }
    };
    let name = if model.name == "s3" { "x-amz-request-id" } else { "x-amzn-requestid" };
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(name, value);
    }
    response
}

async fn call(
    door: &FrontDoor,
    world: &World,
    identified: &Identified,
    mut parts: Parts,
    incoming: RequestBody,
    request_id: &Arc<str>,
) -> Result<(Response<HttpBody>, &'static ServiceModel), Failure> {
    let model = identified.model();
    if let Some(endpoint) = world.registry.delegates().endpoint(model.name) {
        let request = Request::from_parts(parts, to_http(from_http(incoming, None)));
        let answer =
            world.registry.delegates().forward(endpoint, request).await.map_err(|error| (model, error))?;
        let answer = answer.map(|body| to_http(from_http(body, None)));
        return Ok((answer, model));
    }
    let verifier =
        aws_chunked::is_encoded(&parts.headers).then(|| aws_chunked::Verifier::new(&parts.headers));
    let mut body = from_http(incoming, verifier);
    tell_algorithm(&mut parts);
    let mut form = None;
    if identified.names_operation_in_body(&parts) {
        let read = read_whole(body, (model, None), &parts).await.map_err(|error| (model, error))?;
        body = Body::Bytes(read.clone());
        form = Some(read);
    }
    let target = identified.target(&parts, form.as_deref()).map_err(|error| (model, error))?;
    let model = target.model;
    let (members, body) = decode(door, &target, &parts, body).await.map_err(|error| (model, error))?;
    let ctx = context(door, identified, &parts, request_id);
    let name = &target.operation.name;
    let output = world.registry.answer(&ctx, model.name, name, Input { members, body }).await;
    let output = output.map_err(|error| (model, error))?;
    Ok((encode(&target, output, request_id), model))
}

/// The algorithm of a checksum that comes behind the body, where no header but the trailer's own names it.
fn tell_algorithm(parts: &mut Parts) {
    const NAMED: &str = "x-amz-sdk-checksum-algorithm";
    let trailer = parts.headers.get(&TRAILER).and_then(|value| value.to_str().ok());
    let algorithm = trailer.and_then(aws_wire::checksum::Algorithm::of_header);
    if let Some(algorithm) = algorithm.filter(|_| !parts.headers.contains_key(NAMED)) {
        parts.headers.insert(NAMED, HeaderValue::from_static(algorithm.name()));
    }
}

fn context(door: &FrontDoor, identified: &Identified, parts: &Parts, request_id: &Arc<str>) -> CallContext {
    let credential = identified.credential.as_ref();
    let region = credential.map_or(&*door.region, |credential| &credential.region);
    let access_key = credential.map(|credential| credential.access_key.as_str());
    let trace_id = parts.headers.get(&TRACE_ID).and_then(|value| value.to_str().ok());
    CallContext {
        scope: Scope::new(aws_wire::account_of(access_key), region),
        request_id: Arc::clone(request_id),
        access_key: access_key.map(Arc::from),
        trace_id: trace_id.map(Arc::from),
        deadline: None,
        endpoint: Arc::clone(&door.endpoint),
    }
}

async fn decode(
    door: &FrontDoor,
    target: &Target,
    parts: &Parts,
    body: Body,
) -> Result<(serde_json::Map<String, serde_json::Value>, Body), ServiceError> {
    if aws_wire::body_need(target) == BodyNeed::Payload {
        let body = if door.verify_signatures { signed(target, parts, body)? } else { body };
        return Ok((aws_wire::decode(target, parts, &[])?, body));
    }
    let read = read_whole(body, (target.model, Some(&target.operation.name)), parts).await?;
    if door.verify_signatures {
        sigv4::verify(parts, &check(target, Some(&sigv4::hex(&Sha256::digest(&read)))))?;
    }
    Ok((aws_wire::decode(target, parts, &read)?, Body::Empty))
}

/// Signatures are made by clients, so they are held against the host's time.
fn check<'a>(target: &Target, body_hash: Option<&'a str>) -> sigv4::Check<'a> {
    let now = runtime::Clock::Real.now().millis() / 1_000;
    sigv4::Check { secret: SECRET, body_hash, now, dialect: sigv4::Dialect::of(target.model) }
}

/// A payload that must have the hash that was signed: one that has not breaks off at its end, before anything acts.
fn signed(target: &Target, parts: &Parts, body: Body) -> Result<Body, ServiceError> {
    let dialect = sigv4::Dialect::of(target.model);
    let empty = body.is_empty();
    sigv4::verify(parts, &check(target, empty.then_some(EMPTY_HASH)))?;
    let claimed = sigv4::claimed_body_hash(parts).map(str::to_owned);
    let (claimed, chunks) = match (claimed, body) {
        (Some(claimed), Body::Stream(chunks)) => (claimed, chunks),
        (_, body) => return Ok(body),
    };
    let hashed = futures::stream::unfold((chunks, Some(Sha256::new())), move |(mut chunks, hash)| {
        let claimed = claimed.clone();
        async move {
            let mut hash = hash?;
            match chunks.next().await {
                Some(Ok(chunk)) => {
                    hash.update(&chunk);
                    Some((Ok(chunk), (chunks, Some(hash))))
                }
                Some(Err(error)) => Some((Err(error), (chunks, None))),
                None if sigv4::hex(&hash.finalize()) == claimed => None,
                None => {
                    let error = std::io::Error::other(sigv4::other_body(dialect));
                    Some((Err(error), (chunks, None)))
                }
            }
        }
    });
    Ok(Body::Stream(Box::pin(hashed)))
}

/// The most a service takes in one request. Lambda's figures are what AWS tells of these operations.
fn limit(model: &ServiceModel, operation: Option<&str>) -> usize {
    match model.name {
        "lambda" if operation == Some("UpdateFunctionConfiguration") => 5_120,
        "lambda" => 70_167_211,
        "apigateway" | "apigatewayv2" => 10 << 20,
        "logs" => 16 << 20,
        _ => 8 << 20,
    }
}

/// Reads a body to its end. The operation is not known yet where the body names it.
async fn read_whole(
    body: Body,
    (model, operation): (&ServiceModel, Option<&str>),
    parts: &Parts,
) -> Result<Bytes, ServiceError> {
    let limit = limit(model, operation);
    let too_large = || {
        let named = operation.map(|operation| format!(" for the {operation} operation")).unwrap_or_default();
        let text = format!("Request must be smaller than {limit} bytes{named}");
        ServiceError::new("RequestEntityTooLargeException", 413, text)
    };
    let read = body.read(limit).await.map_err(|error| match error {
        BodyError::TooLarge { .. } => too_large(),
        BodyError::Io(_) | BodyError::Events => {
            ServiceError::bad_request("IncompleteBody", error.to_string())
        }
    })?;
    if parts.headers.get(header::CONTENT_ENCODING).is_none_or(|encoding| encoding != "gzip") {
        return Ok(read);
    }
    let mut plain = Vec::new();
    let most = limit as u64 + 1;
    let inflated = flate2::read::GzDecoder::new(&*read).take(most).read_to_end(&mut plain);
    inflated.map_err(|error| {
        ServiceError::bad_request("SerializationException", format!("the body is no gzip: {error}"))
    })?;
    if plain.len() > limit { Err(too_large()) } else { Ok(plain.into()) }
}

fn encode(target: &Target, output: Output, request_id: &str) -> Response<HttpBody> {
    let Output { members, body, status, headers, document } = output;
    let mut encoded = aws_wire::encode_output(target.model, target.operation, &members, status, request_id);
    encoded.body = document.or(encoded.body);
    let body = match body {
        Body::Events(events) => frames(target, events),
        other => other,
    };
    let mut response = assemble(encoded, body);
    for (name, value) in headers {
        response.headers_mut().insert(name, value);
    }
    response
}

fn assemble(encoded: Encoded, payload: Body) -> Response<HttpBody> {
    let body = encoded.body.map_or(payload, Body::Bytes);
    let mut response = Response::new(to_http(body));
    *response.status_mut() =
        StatusCode::from_u16(encoded.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = encoded.headers;
    response
}

/// Events as frames, each as soon as it is made.
fn frames(
    target: &Target,
    events: std::pin::Pin<Box<dyn futures::Stream<Item = runtime::Event> + Send>>,
) -> Body {
    let model = target.model;
    let stream = event_stream::of(model, target.operation);
    let Some(stream) = stream else { return Body::Empty };
    Body::Stream(Box::pin(events.map(move |event| {
        Ok(event_stream::event(model, stream, &event.name, &event.members, event.payload.as_deref()))
    })))
}
