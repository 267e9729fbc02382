//! What there is, for people: APIs with their stages' URLs and routes.

use crate::{
    State,
    apis::{Kind, Live},
    http_api::{self, record::text},
    rest_api::record::Integration,
};

/// An API at one of its stages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiSummary {
    /// The API's id.
    pub id: String,
    /// The API's name.
    pub name: String,
    /// `REST`, `HTTP` or `WEBSOCKET`.
    pub kind: &'static str,
    /// The stage's name.
    pub stage: String,
    /// The stage's URL, without a slash at the end. It needs no name to be resolved.
    pub url: String,
    /// `GET /orders/{id}`, sorted, each with what stands behind it.
    pub routes: Vec<(String, String)>,
}

pub(crate) fn of(state: &State) -> Vec<ApiSummary> {
    let all = state.apis.all_live();
    all.iter()
        .flat_map(|live| match &live.kind {
            Kind::Rest(_) => rest(state, live),
            Kind::Http(_) | Kind::Socket(_) => http(state, live),
        })
        .collect()
}

fn rest(state: &State, live: &Live) -> Vec<ApiSummary> {
    let Some(api) = state.apis.rest_apis.get(&live.key()) else { return Vec::new() };
    let stages = state.apis.rest_stages.page(&live.prefix(), None, usize::MAX);
    let summary = |stage: &crate::rest_api::record::Stage| {
        let deployment = state.apis.rest_deployment(live, &stage.deployment_id);
        let resources = deployment.iter().flat_map(|deployment| &deployment.snapshot.resources);
        let mut routes: Vec<(String, String)> = resources
            .flat_map(|resource| {
                let methods = resource.resource_methods.iter();
                methods.map(|(name, method)| {
                    let target = method.method_integration.as_ref().map(rest_target).unwrap_or_default();
                    (format!("{name} {}", resource.path), target)
                })
            })
            .collect();
        routes.sort();
        ApiSummary {
            id: live.id.clone(),
            name: api.name.clone(),
            kind: "REST",
            stage: stage.stage_name.clone(),
            url: rest_url(&state.options.endpoint, &live.id, &stage.stage_name),
            routes,
        }
    };
    stages.iter().map(|stage| summary(stage)).collect()
}

fn rest_target(integration: &Integration) -> String {
    match integration.uri.as_deref() {
        Some(uri) => target(uri),
        None => integration.kind.clone(),
    }
}

fn http(state: &State, live: &Live) -> Vec<ApiSummary> {
    let Some(api) = state.apis.http_apis.get(&live.key()) else { return Vec::new() };
    let stages = state.apis.http_stages.page(&live.prefix(), None, usize::MAX);
    let summary = |stage: &http_api::record::Stage| {
        let deployment = stage.deployment_id.as_deref().and_then(|id| state.apis.http_deployment(live, id));
        let mut routes: Vec<(String, String)> = deployment
            .iter()
            .flat_map(|deployment| {
                deployment.routes.iter().map(|route| {
                    let key = text(&route.members, "RouteKey").unwrap_or_default().to_owned();
                    let id = text(&route.members, "Target").and_then(|it| it.strip_prefix("integrations/"));
                    let integration = deployment.integrations.iter().find(|it| Some(it.id.as_str()) == id);
                    let uri = integration.and_then(|it| text(&it.members, "IntegrationUri"));
                    (key, uri.map(target).unwrap_or_default())
                })
            })
            .collect();
        routes.sort();
        let url = http_url(&state.options.endpoint, &live.id, &stage.name);
        let is_socket = matches!(live.kind, Kind::Socket(_));
        ApiSummary {
            id: live.id.clone(),
            name: text(&api.members, "Name").unwrap_or_default().to_owned(),
            kind: if is_socket { "WEBSOCKET" } else { "HTTP" },
            stage: stage.name.clone(),
            url: if is_socket { url.replacen("http", "ws", 1) } else { url },
            routes,
        }
    };
    stages.iter().map(|stage| summary(stage)).collect()
}

/// What an integration's address leads to, in brief: a function's name, a service's action, or the address.
fn target(uri: &str) -> String {
    let function = http_api::compiled::function(uri);
    if let Some((_, name)) = function.split_once(":function:") {
        return name.to_owned();
    }
    match uri.strip_prefix("arn:aws:apigateway:").and_then(|rest| rest.split_once(':')) {
        Some((_, rest)) => rest.replacen(":action/", " ", 1).replacen(":path/", " /", 1),
        None => uri.to_owned(),
    }
}

/// The address of a stage of a REST API that works without any name being resolved.
pub(crate) fn rest_url(endpoint: &str, id: &str, stage: &str) -> String {
    format!("{endpoint}/restapis/{id}/{stage}/_user_request_")
}

/// The address of a stage of an HTTP API that works without any name being resolved.
pub(crate) fn http_url(endpoint: &str, id: &str, stage: &str) -> String {
    let base = http_endpoint(endpoint, id);
    if stage == "$default" { base } else { format!("{base}/{stage}") }
}

/// The address of an HTTP API that works without any name being resolved.
pub(crate) fn http_endpoint(endpoint: &str, id: &str) -> String {
    format!("{endpoint}/_aws/execute-api/{id}")
}
