//! CreateApi, GetApi, GetApis, UpdateApi, DeleteApi, DeleteCorsConfiguration.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{
    Members, answer, child, cors, deployment, http_api, integration, is_socket, keep, now, page, required,
    route, stage, text, texts,
};
use crate::{
    State,
    apis::{Kind, Live, scope_key},
    error::{bad_request, conflict, storage},
    http_api::record::Api,
    id,
    summary::http_endpoint,
    websocket::session::GOING_AWAY,
};

/// The expression that chooses the routes of HTTP APIs; they have no other.
pub(super) const SELECTION: &str = "$request.method $request.path";

/// What only HTTP APIs have.
const HTTP_ONLY: &[&str] = &["CorsConfiguration", "CredentialsArn", "RouteKey", "Target"];

const KEPT: &[&str] = &[
    "ApiKeySelectionExpression",
    "CorsConfiguration",
    "Description",
    "DisableExecuteApiEndpoint",
    "DisableSchemaValidation",
    "IpAddressType",
    "Name",
    "RouteSelectionExpression",
    "Version",
];

pub(super) fn render(state: &State, api: &Api) -> Members {
    let mut members = api.members.clone();
    members.insert(String::from("ApiId"), json!(api.id));
    let mut endpoint = http_endpoint(&state.options.endpoint, &api.id);
    if text(&members, "ProtocolType").as_deref() == Some("WEBSOCKET") {
        endpoint = endpoint.replacen("http", "ws", 1);
    }
    members.insert(String::from("ApiEndpoint"), json!(endpoint));
    members.insert(String::from("Tags"), json!(api.tags));
    members
}

pub(super) fn record(state: &State, live: &Live) -> Result<Arc<Api>, ServiceError> {
    state.apis.http_apis.get(&live.key()).ok_or_else(|| {
        crate::error::not_found(format!(
            "Invalid API identifier specified {}:{}",
            live.scope.account, live.id
        ))
    })
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    if text(&input, "ProtocolType").as_deref() == Some("WEBSOCKET") {
        return create_socket(state, ctx, input).await;
    }
    check_schema_validation(&input)?;
    check_selection(&input)?;
    cors::check(&input)?;
    let target = text(&input, "Target");
    if let Some(target) = &target {
        integration::check_target(target)?;
    }
    let route_key = text(&input, "RouteKey");
    if let Some(key) = &route_key {
        route::check_key(key)?;
    }
    if let Some(name) =
        ["CredentialsArn", "RouteKey"].iter().find(|name| target.is_none() && text(&input, name).is_some())
    {
        return Err(bad_request(format!("{name} is part of quick create, which a Target is needed for")));
    }
    let (live, api) = add(state, ctx, &input, "HTTP", SELECTION).await?;
    if let Some(target) = target {
        let _changing = live.changing.lock().await;
        let credentials = text(&input, "CredentialsArn");
        quick_create(state, &live, &target, route_key.as_deref().unwrap_or("$default"), credentials).await?;
    }
    Ok(answer(render(state, &api)))
}

/// A WebSocket API is nothing without the expression that chooses routes.
async fn create_socket(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    if let Some(name) = HTTP_ONLY.iter().find(|name| input.get(**name).is_some_and(|value| !value.is_null()))
    {
        return Err(http_only(name));
    }
    let expression = text(&input, "RouteSelectionExpression")
        .ok_or_else(|| bad_request("Invalid routeSelectionExpression"))?;
    check_expression(&expression)?;
    check_key_expression(&input)?;
    let (_, api) = add(state, ctx, &input, "WEBSOCKET", &expression).await?;
    Ok(answer(render(state, &api)))
}

fn http_only(name: &str) -> ServiceError {
    let name = if name == "CorsConfiguration" { "Cors" } else { name };
    bad_request(format!("{name} is not supported for WEBSOCKET protocolType"))
}

/// Where API keys are: in a header, or in what the authorizer says.
fn check_key_expression(input: &Members) -> Result<(), ServiceError> {
    let known = ["$request.header.x-api-key", "$context.authorizer.usageIdentifierKey"];
    let is_known = |text: &String| {
        let plain = text.replace("${", "$").replace('}', "");
        known.iter().any(|known| known.eq_ignore_ascii_case(&plain))
    };
    match text(input, "ApiKeySelectionExpression").filter(|text| !is_known(text)) {
        Some(text) => Err(bad_request(format!("Invalid API Key selection expression specified: {text}"))),
        None => Ok(()),
    }
}

/// An expression that chooses routes by messages: something of the body must be in it.
fn check_expression(expression: &str) -> Result<(), ServiceError> {
    let known = ["request.body.", "context.", "stageVariables."];
    let plain = expression.replace("${", "$");
    let parts: Vec<&str> = plain.split('$').skip(1).collect();
    if parts.is_empty() || !parts.iter().all(|part| known.iter().any(|known| part.starts_with(known))) {
        return Err(bad_request(format!("Invalid route selection expression specified: {expression}")));
    }
    Ok(())
}

/// A new API of a protocol, without routes and stages.
async fn add(
    state: &State,
    ctx: &CallContext,
    input: &Members,
    protocol: &str,
    selection: &str,
) -> Result<(Arc<Live>, Arc<Api>), ServiceError> {
    let api = blank(state, input, protocol, selection)?;
    let id = api.id.clone();
    let key = scope_key(&ctx.scope).number(api.sequence);
    let api = state.apis.http_apis.put(key, api).await.map_err(storage)?;
    let live = state.apis.add(&id, ctx.scope.clone(), api.sequence, Kind::of(&api));
    Ok((live, api))
}

/// A new API's record, which nothing knows yet.
pub(super) fn blank(
    state: &State,
    input: &Members,
    protocol: &str,
    selection: &str,
) -> Result<Api, ServiceError> {
    let tags = texts(input, "Tags");
    let id = id::api(&tags);
    if state.apis.live(&id).is_some() {
        return Err(conflict(format!("An API with the id {id} exists already")));
    }
    let mut members = json!({
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "RouteSelectionExpression": selection,
        "DisableExecuteApiEndpoint": false,
        "IpAddressType": "ipv4",
        "ProtocolType": protocol,
    });
    members["CreatedDate"] = now(state);
    let mut api = Api { id, sequence: state.apis.sequence(), members: Members::new(), tags };
    if let Value::Object(members) = members {
        api.members = members;
    }
    api.members.extend(keep(input, KEPT));
    Ok(api)
}

/// An API made with a target has a route to it, and a stage that deploys itself.
async fn quick_create(
    state: &State,
    live: &Live,
    target: &str,
    route_key: &str,
    credentials: Option<String>,
) -> Result<(), ServiceError> {
    let id = integration::quick(state, live, target, credentials).await?;
    route::quick(state, live, route_key, &id).await?;
    stage::quick(state, live).await
}

/// HTTP APIs have no models, so nothing that could go without validation.
fn check_schema_validation(input: &Members) -> Result<(), ServiceError> {
    if input.get("DisableSchemaValidation") == Some(&Value::Bool(true)) {
        return Err(bad_request("DisableSchemaValidation is supported for WEBSOCKET APIs only"));
    }
    Ok(())
}

fn check_selection(input: &Members) -> Result<(), ServiceError> {
    let expression = text(input, "RouteSelectionExpression");
    let usual = |expression: &str| {
        let plain = expression.replace("${", "$").replace('}', "");
        plain == "$request.method $request.path"
    };
    if expression.is_some_and(|expression| !usual(&expression)) {
        return Err(bad_request(
            "Route selection expression is currently limited to \"${request.method} ${request.path}\"",
        ));
    }
    Ok(())
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    Ok(answer(render(state, &*record(state, &live)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let all = state.apis.http_apis.page(&scope_key(&ctx.scope), None, usize::MAX);
    page("GetApis", &all, &input, |api| api.id.clone(), |api| render(state, api))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    if is_socket(&live) {
        if input.get("CorsConfiguration").is_some_and(|value| !value.is_null()) {
            return Err(http_only("CorsConfiguration"));
        }
        let quick = ["CredentialsArn", "RouteKey", "Target"];
        if let Some(name) = quick.iter().find(|name| text(&input, name).is_some()) {
            return Err(http_only(name));
        }
        check_key_expression(&input)?;
        if let Some(expression) = text(&input, "RouteSelectionExpression") {
            check_expression(&expression)?;
        }
    } else {
        check_schema_validation(&input)?;
        check_selection(&input)?;
        cors::check(&input)?;
        change_quick(state, &live, &input).await?;
    }
    let mut api = Api::clone(&*record(state, &live)?);
    api.members.extend(keep(&input, KEPT));
    let api = put(state, &live, api).await?;
    Ok(answer(render(state, &api)))
}

/// Changes what an API was made with: its integration's target and credentials, its route's key.
async fn change_quick(state: &State, live: &Live, input: &Members) -> Result<(), ServiceError> {
    let given = |name: &str| text(input, name).filter(|text| !text.is_empty());
    let (target, credentials, key) = (given("Target"), given("CredentialsArn"), given("RouteKey"));
    if target.is_none() && credentials.is_none() && key.is_none() {
        return Ok(());
    }
    if let Some(target) = &target {
        integration::check_target(target)?;
    }
    // Nothing is changed before all of it has been checked.
    let route = key.map(|key| route::renamed_quick(state, live, &key)).transpose()?;
    let integration = (target.is_some() || credentials.is_some())
        .then(|| integration::changed_quick(state, live, target.as_deref(), credentials))
        .transpose()?;
    if let Some(route) = route {
        route::put(state, live, route).await?;
    }
    if let Some(integration) = integration {
        integration::put(state, live, integration).await?;
    }
    deployment::automatically(state, live).await
}

/// Keeps an API; its CORS configuration takes effect at once.
pub(super) async fn put(state: &State, live: &Live, api: Api) -> Result<Arc<Api>, ServiceError> {
    let api = state.apis.http_apis.put(live.key(), api).await.map_err(storage)?;
    for stage in state.apis.http_stages.page(&live.prefix(), None, usize::MAX) {
        state.apis.restage_http(live, &stage);
    }
    Ok(api)
}

pub(super) async fn delete_cors(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut api = Api::clone(&*record(state, &live)?);
    api.members.remove("CorsConfiguration");
    put(state, &live, api).await?;
    Ok(Output::empty())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    if !state.domains.of_api(&ctx.scope, &live.id).is_empty() {
        return Err(bad_request(format!(
            "Deleting API {} failed. Please remove all API mappings for the API from your custom domain names.",
            live.id
        )));
    }
    let apis = &state.apis;
    // The API goes first. What belonged to it is unreachable from then on.
    apis.http_apis.remove(&live.key()).await.map_err(storage)?;
    apis.forget(&live.id);
    if let Kind::Socket(stages) = &live.kind {
        stages.clear();
        state.connections.end_of(&live.id, None, GOING_AWAY);
    }
    for stage in apis.http_stages.page(&live.prefix(), None, usize::MAX) {
        apis.http_stages.remove(&live.child(&stage.name)).await.map_err(storage)?;
    }
    for found in apis.http_deployments.page(&live.prefix(), None, usize::MAX) {
        deployment::remove(state, &live, &found).await?;
    }
    for route in apis.routes.page(&live.prefix(), None, usize::MAX) {
        apis.routes.remove(&live.child(&route.id)).await.map_err(storage)?;
    }
    for (of, depth) in [
        (&apis.authorizers, 1),
        (&apis.models, 1),
        (&apis.integration_responses, 2),
        (&apis.route_responses, 2),
    ] {
        for child in of.page(&live.prefix(), None, usize::MAX) {
            let parent = child.parent.as_deref().filter(|_| depth == 2);
            of.remove(&child::key(&live, parent, &child.id)).await.map_err(storage)?;
        }
    }
    for integration in apis.integrations.page(&live.prefix(), None, usize::MAX) {
        apis.integrations.remove(&live.child(&integration.id)).await.map_err(storage)?;
    }
    Ok(Output::empty())
}

/// The record of an API that an ARN names.
pub(super) fn by_id(
    state: &State,
    ctx: &CallContext,
    id: &str,
) -> Result<(Arc<Live>, Arc<Api>), ServiceError> {
    let members = Members::from_iter([(String::from("ApiId"), json!(id))]);
    let live = http_api(state, &ctx.scope, &members)?;
    let api = record(state, &live)?;
    debug_assert_eq!(required(&members, "ApiId"), api.id);
    Ok((live, api))
}
