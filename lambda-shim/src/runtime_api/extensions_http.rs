//! The HTTP of the Extensions, Telemetry and Logs APIs.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use serde::Deserialize;
use serde_json::json;
use uuid::Uuid;

use super::{
    extensions::{Refused, Reported},
    serve::{Answered, accepted, error, json, missing},
    session::Session,
    subscription::{Api, Subscription},
};

/// No registration or subscription is nearly as long.
const BODY_LIMIT: usize = 64 * 1024;

/// Answers a call outside of the Runtime API proper.
pub(super) async fn respond(session: &Arc<Session>, request: Request<Incoming>) -> Answered {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().trim_end_matches('/');
    let headers = &parts.headers;
    match (&parts.method, path) {
        (&Method::POST, "/2020-01-01/extension/register") => register(session, headers, body).await,
        (&Method::GET, "/2020-01-01/extension/event/next") => match identifier(headers) {
            Ok(id) => next(session, id).await,
            Err(refused) => forbidden(&refused),
        },
        (&Method::POST, "/2020-01-01/extension/init/error") => report(session, headers, Reported::Init),
        (&Method::POST, "/2020-01-01/extension/exit/error") => report(session, headers, Reported::Exit),
        (&Method::PUT, "/2022-07-01/telemetry") => subscribe(session, headers, body, Api::Telemetry).await,
        (&Method::PUT, "/2020-08-15/logs") => subscribe(session, headers, body, Api::Logs).await,
        _ => missing(),
    }
}

#[derive(Deserialize)]
struct Registration {
    #[serde(default)]
    events: Vec<String>,
    #[serde(default, rename = "configurationKeys")]
    configuration_keys: Vec<String>,
}

async fn register(session: &Session, headers: &HeaderMap, body: Incoming) -> Answered {
    let name = text(headers, "lambda-extension-name").unwrap_or_default();
    if name.is_empty() {
        return error(StatusCode::FORBIDDEN, "Extension.InvalidExtensionName", "Empty extension name");
    }
    let invalid = |message: &str| error(StatusCode::FORBIDDEN, "InvalidRequestFormat", message);
    let Some(body) = collect(body).await else { return invalid("The request cannot be read") };
    let registration: Registration = match serde_json::from_slice(&body) {
        Ok(registration) => registration,
        Err(problem) => return invalid(&problem.to_string()),
    };
    if !registration.configuration_keys.is_empty() {
        return invalid("configurationKeys are deprecated; use environment variables instead");
    }
    let id = match session.register_extension(name, &registration.events) {
        Ok(id) => id,
        Err(refused) => return forbidden(&refused),
    };
    let about = session.about();
    let mut answer = json!({
        "functionName": about.function,
        "functionVersion": about.version,
        "handler": about.handler,
    });
    let features = text(headers, "lambda-extension-accept-feature").unwrap_or_default();
    if features.split(',').any(|feature| feature.trim() == "accountId") {
        answer["accountId"] = json!(about.account);
    }
    with_id(json(StatusCode::OK, answer.to_string().into()), "lambda-extension-identifier", id)
}

async fn next(session: &Session, id: Uuid) -> Answered {
    let event = match session.extension_next(id) {
        Ok(event) => event,
        Err(refused) => return forbidden(&refused),
    };
    match event.await {
        Ok(event) => {
            with_id(json(StatusCode::OK, event), "lambda-extension-event-identifier", Uuid::new_v4())
        }
        // Another call took its place, or the environment is gone.
        Err(_) => error(StatusCode::FORBIDDEN, "Extension.InvalidExtensionState", "The environment is gone"),
    }
}

fn report(session: &Session, headers: &HeaderMap, what: Reported) -> Answered {
    let id = match identifier(headers) {
        Ok(id) => id,
        Err(refused) => return forbidden(&refused),
    };
    match text(headers, "lambda-extension-function-error-type").filter(|kind| !kind.is_empty()) {
        None => error(
            StatusCode::FORBIDDEN,
            "Extension.MissingHeader",
            "Lambda-Extension-Function-Error-Type not found",
        ),
        Some(kind) => match session.extension_error(id, what, kind) {
            Ok(()) => accepted(Ok(())),
            Err(refused) => forbidden(&refused),
        },
    }
}

async fn subscribe(session: &Session, headers: &HeaderMap, body: Incoming, api: Api) -> Answered {
    let id = match identifier(headers) {
        Ok(id) => id,
        Err(refused) => return forbidden(&refused),
    };
    let Some(name) = session.extension_name(id) else {
        let message = format!("Unknown extension {id}");
        return error(StatusCode::FORBIDDEN, "Extension.UnknownExtensionIdentifier", &message);
    };
    let invalid = |message: &str| error(StatusCode::BAD_REQUEST, "ValidationError", message);
    let Some(body) = collect(body).await else { return invalid("the request cannot be read") };
    let subscription = match Subscription::parse(api, &body) {
        Ok(subscription) => subscription,
        Err(problem) => return invalid(&problem),
    };
    match session.telemetry.subscribe(&name, subscription) {
        Ok(()) => json(StatusCode::OK, Bytes::from_static(b"\"OK\"")),
        Err(closed) => error(StatusCode::FORBIDDEN, closed.kind, closed.message),
    }
}

fn identifier(headers: &HeaderMap) -> Result<Uuid, Refused> {
    let refused = |kind, message: &str| Refused { kind, message: message.to_owned() };
    let given = text(headers, "lambda-extension-identifier").unwrap_or_default();
    if given.is_empty() {
        return Err(refused(
            "Extension.MissingExtensionIdentifier",
            "Missing Lambda-Extension-Identifier header",
        ));
    }
    Uuid::parse_str(given)
        .map_err(|_| refused("Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"))
}

fn forbidden(refused: &Refused) -> Answered {
    error(StatusCode::FORBIDDEN, refused.kind, &refused.message)
}

fn with_id(mut answer: Answered, name: &'static str, id: Uuid) -> Answered {
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        answer.headers_mut().insert(HeaderName::from_static(name), value);
    }
    answer
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The body; `None` if it broke off or is too long.
async fn collect(body: Incoming) -> Option<Bytes> {
    Limited::new(body, BODY_LIMIT).collect().await.ok().map(http_body_util::Collected::to_bytes)
}
