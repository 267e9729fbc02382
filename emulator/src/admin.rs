//! Tule's own routes, and those that existing scripts wait for. None of them acts on a GET.
//!
//! The front door has checked host and origin before a request comes here.

use std::sync::Arc;

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
    routing::get,
};
use lambda_shim::Lambda;
use serde_json::{Map, Value, json};

use crate::registry::Registry;

/// What the routes show.
#[derive(Clone)]
pub(crate) struct Shown {
    pub(crate) registry: Arc<Registry>,
    pub(crate) lambda: Lambda,
}

/// Every admin route: a test holds that this list and the router agree.
pub(crate) fn router(shown: Shown) -> Router {
    Router::new()
        .route("/_tule/health", get(health))
        .route("/_localstack/health", get(health))
        .route("/health", get(health))
        .route("/_localstack/info", get(info))
        .route("/_localstack/init", get(init))
        .route("/_tule/lambda/code/{*path}", get(package))
        .fallback(unknown)
        .with_state(shown)
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
async fn health(State(shown): State<Shown>) -> Response {
    let mut services: Map<String, Value> =
        shown.registry.names().into_iter().map(|name| (name.to_owned(), Value::from("running"))).collect();
    for (name, _) in shown.registry.delegates().names() {
        services.insert(name.to_owned(), Value::from("available"));
    }
    let value = json!({ "services": services, "edition": "tule", "version": env!("CARGO_PKG_VERSION") });
    answer(StatusCode::OK, &value)
}

async fn info(State(shown): State<Shown>) -> Response {
    let value = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "edition": "tule",
        "executor": shown.lambda.describe(),
    });
    answer(StatusCode::OK, &value)
}

async fn init() -> Response {
    let completed = json!({ "BOOT": true, "START": true, "READY": true, "SHUTDOWN": false });
    answer(StatusCode::OK, &json!({ "completed": completed, "scripts": [] }))
}

/// The package behind a link of GetFunction.
async fn package(State(shown): State<Shown>, request: axum::extract::Request) -> Response {
    let uri = request.uri().clone();
    match shown.lambda.package(uri.path(), uri.query().unwrap_or_default()).await {
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

async fn unknown(request: axum::extract::Request) -> Response {
    let message = format!("Tule has no route {} {}", request.method(), request.uri().path());
    answer(StatusCode::NOT_FOUND, &json!({ "message": message }))
}
