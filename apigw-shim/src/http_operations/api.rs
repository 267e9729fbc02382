//! CreateApi, GetApi, GetApis, UpdateApi, DeleteApi, DeleteCorsConfiguration.

use std::sync::Arc;

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{
    Members, answer, deployment, http_api, integration, keep, now, page, refuse, required, route, stage,
    text, texts,
};
use crate::{
    State,
    apis::{Kind, Live, scope_key},
    error::{bad_request, conflict, not_yet, storage},
    http_api::record::Api,
    id,
    summary::http_endpoint,
};

const KEPT: &[&str] = &[
    "ApiKeySelectionExpression",
    "CorsConfiguration",
    "Description",
    "DisableExecuteApiEndpoint",
    "IpAddressType",
    "Name",
    "RouteSelectionExpression",
    "Version",
];

fn render(state: &State, api: &Api) -> Members {
    let mut members = api.members.clone();
    members.insert(String::from("ApiId"), json!(api.id));
    members.insert(String::from("ApiEndpoint"), json!(http_endpoint(&state.options.endpoint, &api.id)));
    members.insert(String::from("Tags"), json!(api.tags));
    members
}

fn record(state: &State, live: &Live) -> Result<Arc<Api>, ServiceError> {
    state.apis.http_apis.get(&live.key()).ok_or_else(|| {
        crate::error::not_found(format!(
            "Invalid API identifier specified {}:{}",
            live.scope.account, live.id
        ))
    })
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    if text(&input, "ProtocolType").as_deref() != Some("HTTP") {
        return Err(not_yet("ProtocolType WEBSOCKET"));
    }
    refuse(&input, &["CredentialsArn", "DisableSchemaValidation"])?;
    check_selection(&input)?;
    let target = text(&input, "Target");
    if let Some(target) = &target {
        integration::check_target(target)?;
    }
    let route_key = text(&input, "RouteKey");
    if let Some(key) = &route_key {
        route::check_key(key)?;
    }
    let tags = texts(&input, "Tags");
    let id = id::api(&tags);
    if state.apis.live(&id).is_some() {
        return Err(conflict(format!("An API with the id {id} exists already")));
    }
    let mut members = json!({
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "RouteSelectionExpression": "$request.method $request.path",
        "DisableExecuteApiEndpoint": false,
        "IpAddressType": "ipv4",
        "ProtocolType": "HTTP",
    });
    members["CreatedDate"] = now(state);
    let mut api = Api { id: id.clone(), sequence: state.apis.sequence(), members: Members::new(), tags };
    if let Value::Object(members) = members {
        api.members = members;
    }
    api.members.extend(keep(&input, KEPT));
    let key = scope_key(&ctx.scope).number(api.sequence);
    let api = state.apis.http_apis.put(key, api).await.map_err(storage)?;
    let live = state.apis.add(&id, ctx.scope.clone(), api.sequence, Kind::Http(DashMap::new()));
    if let Some(target) = target {
        let _changing = live.changing.lock().await;
        quick_create(state, &live, &target, route_key.as_deref().unwrap_or("$default")).await?;
    }
    Ok(answer(render(state, &api)))
}

/// An API made with a target has a route to it, and a stage that deploys itself.
async fn quick_create(state: &State, live: &Live, target: &str, route_key: &str) -> Result<(), ServiceError> {
    let id = integration::quick(state, live, target).await?;
    route::quick(state, live, route_key, &id).await?;
    stage::quick(state, live).await
}

fn check_selection(input: &Members) -> Result<(), ServiceError> {
    let expression = text(input, "RouteSelectionExpression");
    let usual = |expression: &str| {
        let plain = expression.replace("${", "$").replace('}', "");
        plain == "$request.method $request.path"
    };
    if expression.is_some_and(|expression| !usual(&expression)) {
        return Err(bad_request(
            "RouteSelectionExpression for HTTP APIs must be $request.method $request.path",
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
    refuse(&input, &["CredentialsArn", "DisableSchemaValidation", "RouteKey", "Target"])?;
    check_selection(&input)?;
    let mut api = Api::clone(&*record(state, &live)?);
    api.members.extend(keep(&input, KEPT));
    let api = put(state, &live, api).await?;
    Ok(answer(render(state, &api)))
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
    let apis = &state.apis;
    // The API goes first. What belonged to it is unreachable from then on.
    apis.http_apis.remove(&live.key()).await.map_err(storage)?;
    apis.forget(&live.id);
    for stage in apis.http_stages.page(&live.prefix(), None, usize::MAX) {
        apis.http_stages.remove(&live.child(&stage.name)).await.map_err(storage)?;
    }
    for found in apis.http_deployments.page(&live.prefix(), None, usize::MAX) {
        deployment::remove(state, &live, &found).await?;
    }
    for route in apis.routes.page(&live.prefix(), None, usize::MAX) {
        apis.routes.remove(&live.child(&route.id)).await.map_err(storage)?;
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
