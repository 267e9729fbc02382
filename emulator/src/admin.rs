//! Tule's own routes, and those that existing scripts wait for. None of them acts on a GET.
//!
//! The front door has checked host and origin before a request comes here.

use std::sync::{Arc, OnceLock};

use axum::{
    Router,
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use serde_json::{Map, Value, json};

use crate::startup::Worlds;

/// Every admin route: a test holds that this list and the router agree.
pub(crate) fn router(worlds: Arc<Worlds>, trusted: Arc<OnceLock<String>>) -> Router {
    Router::new()
        .route("/_tule/health", get(health))
        .route("/_localstack/health", get(health))
        .route("/health", get(health))
        .route("/_localstack/info", get(info))
        .route("/_localstack/init", get(init))
        .route("/_tule/lambda/code/{*path}", get(package))
        .route("/_tule/openapi/{api}/{stage}", get(openapi))
        .route("/_tule/tls/ca.pem", get(move || certificate(trusted)))
        .route("/_tule/reset", post(reset))
        .route("/_localstack/state/reset", post(reset))
        .fallback(unknown)
        .with_state(worlds)
}

fn answer(status: StatusCode, value: &Value) -> Response {
    let mut response = (status, value.to_string()).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    response
}

/// The services that answer, in the form LocalStack's clients wait for.
async fn health(State(worlds): State<Arc<Worlds>>) -> Response {
    let world = worlds.now();
    let mut services: Map<String, Value> =
        world.registry.names().into_iter().map(|name| (name.to_owned(), Value::from("running"))).collect();
    for (name, _) in world.registry.delegates().names() {
        services.insert(name.to_owned(), Value::from("available"));
    }
    let value = json!({ "services": services, "edition": "tule", "version": env!("CARGO_PKG_VERSION") });
    answer(StatusCode::OK, &value)
}

async fn info(State(worlds): State<Arc<Worlds>>) -> Response {
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "edition": "tule",
        "executor": worlds.now().lambda.describe(),
    });
    answer(StatusCode::OK, &value)
}

async fn init() -> Response {
    let completed = json!({ "BOOT": true, "START": true, "READY": true, "SHUTDOWN": false });
    answer(StatusCode::OK, &json!({ "completed": completed, "scripts": [] }))
}

/// The package behind a link of GetFunction.
async fn package(State(worlds): State<Arc<Worlds>>, request: axum::extract::Request) -> Response {
    let uri = request.uri().clone();
    match worlds.now().lambda.package(uri.path(), uri.query().unwrap_or_default()).await {
        Some(package) => {
            let mut response = Response::new(Body::from(package));
            response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
            response
        }
        None => answer(
            StatusCode::FORBIDDEN,
            &json!({ "message": "the link has expired or was not given out here" }),
        ),
    }
}

/// A stage's OpenAPI document, whose server is this one.
async fn openapi(State(worlds): State<Arc<Worlds>>, Path((api, stage)): Path<(String, String)>) -> Response {
    match worlds.now().apis.openapi(&api, &stage) {
        Some(document) => answer(StatusCode::OK, &document),
        None => {
            let message = format!("there is no REST or HTTP API {api} with a stage {stage}");
            answer(StatusCode::NOT_FOUND, &json!({ "message": message }))
        }
    }
}

/// The certificate by which clients trust the HTTPS listener.
async fn certificate(trusted: Arc<OnceLock<String>>) -> Response {
    match trusted.get() {
        Some(pem) => {
            let mut response = Response::new(Body::from(pem.clone()));
            let content_type = HeaderValue::from_static("application/x-pem-file");
            response.headers_mut().insert(header::CONTENT_TYPE, content_type);
            response
        }
        None => {
            let message = "HTTPS is not served; start Tule with --https-port";
            answer(StatusCode::NOT_FOUND, &json!({ "message": message }))
        }
    }
}

/// Everything goes.
async fn reset(State(worlds): State<Arc<Worlds>>) -> Response {
    match worlds.reset().await {
        Ok(()) => answer(StatusCode::OK, &json!({})),
        Err(message) => answer(StatusCode::INTERNAL_SERVER_ERROR, &json!({ "message": message })),
    }
}

async fn unknown(request: axum::extract::Request) -> Response {
    let message = format!("Tule has no route {} {}", request.method(), request.uri().path());
    answer(StatusCode::NOT_FOUND, &json!({ "message": message }))
}
