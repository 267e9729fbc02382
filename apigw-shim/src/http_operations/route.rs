//! CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::json;

use super::{Members, answer, deployment, http_api, keep, page, refuse, required, text};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict, not_found, not_yet, storage},
    http_api::record::Route,
    id,
};

const KEPT: &[&str] = &["AuthorizationType", "OperationName", "RouteKey", "Target"];
const REFUSED: &[&str] = &[
    "ApiKeyRequired",
    "AuthorizationScopes",
    "AuthorizerId",
    "ModelSelectionExpression",
    "RequestModels",
    "RequestParameters",
    "RouteResponseSelectionExpression",
];
const METHODS: &[&str] = &["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "ANY"];

fn render(route: &Route) -> Members {
    let mut members = route.members.clone();
    members.insert(String::from("RouteId"), json!(route.id));
    members
}

/// `$default`, or a method and a path.
pub(super) fn check_key(key: &str) -> Result<(), ServiceError> {
    let malformed = || {
        bad_request(
            "The provided route key is not formatted properly for HTTP protocol. Format should be \"<HTTP METHOD> \
             /<RESOURCE PATH>\" or \"$default\"",
        )
    };
    if key == "$default" {
        return Ok(());
    }
    let (method, path) = key.split_once(' ').ok_or_else(malformed)?;
    if !METHODS.contains(&method) || !path.starts_with('/') || path.contains(' ') {
        return Err(malformed());
    }
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let is_greedy = |part: &&str| part.ends_with("+}");
    if parts.iter().rev().skip(1).any(is_greedy) {
        return Err(bad_request("A greedy path variable must be the last part of a route's path"));
    }
    Ok(())
}

fn check(state: &State, live: &Live, members: &Members, own: Option<&str>) -> Result<(), ServiceError> {
    refuse(members, REFUSED)?;
    match text(members, "AuthorizationType").as_deref() {
        None | Some("NONE" | "AWS_IAM") => {}
        Some(other) => return Err(not_yet(&format!("AuthorizationType {other}"))),
    }
    if let Some(key) = text(members, "RouteKey") {
        check_key(&key)?;
        let same = |route: &Arc<Route>| text(&route.members, "RouteKey").as_ref() == Some(&key);
        let others = state.apis.routes.page(&live.prefix(), None, usize::MAX);
        if others.iter().any(|route| Some(route.id.as_str()) != own && same(route)) {
            return Err(conflict(format!("Route with key {key} already exists for this API")));
        }
    }
    if let Some(target) = text(members, "Target") {
        let id = target
            .strip_prefix("integrations/")
            .ok_or_else(|| bad_request(format!("Invalid target {target}")))?;
        if state.apis.integrations.get(&live.child(id)).is_none() {
            return Err(not_found(format!("Invalid Integration identifier specified {id}")));
        }
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    check(state, &live, &input, None)?;
    let route = add(state, &live, keep(&input, KEPT)).await?;
    deployment::automatically(state, &live).await?;
    Ok(answer(render(&route)))
}

async fn add(state: &State, live: &Live, given: Members) -> Result<Arc<Route>, ServiceError> {
    let mut members = Members::from_iter([
        (String::from("ApiKeyRequired"), json!(false)),
        (String::from("AuthorizationType"), json!("NONE")),
    ]);
    members.extend(given);
    let route = Route { id: id::random(7), members };
    state.apis.routes.put(live.child(&route.id), route).await.map_err(storage)
}

/// The route of an API made with a target.
pub(super) async fn quick(
    state: &State,
    live: &Live,
    key: &str,
    integration: &str,
) -> Result<(), ServiceError> {
    let members = Members::from_iter([
        (String::from("ApiGatewayManaged"), json!(true)),
        (String::from("RouteKey"), json!(key)),
        (String::from("Target"), json!(format!("integrations/{integration}"))),
    ]);
    add(state, live, members).await.map(drop)
}

fn find(state: &State, live: &Live, input: &Members) -> Result<Arc<Route>, ServiceError> {
    let id = required(input, "RouteId");
    let found = state.apis.routes.get(&live.child(&id));
    found.ok_or_else(|| not_found(format!("Invalid Route identifier specified {id}")))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    Ok(answer(render(&*find(state, &live, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let all = state.apis.routes.page(&live.prefix(), None, usize::MAX);
    page("GetRoutes", &all, &input, |route| route.id.clone(), |route| render(route))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut route = Route::clone(&*find(state, &live, &input)?);
    check(state, &live, &input, Some(&route.id))?;
    route.members.extend(keep(&input, KEPT));
    let route = state.apis.routes.put(live.child(&route.id), route).await.map_err(storage)?;
    deployment::automatically(state, &live).await?;
    Ok(answer(render(&route)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let route = find(state, &live, &input)?;
    state.apis.routes.remove(&live.child(&route.id)).await.map_err(storage)?;
    deployment::automatically(state, &live).await?;
    Ok(Output::empty())
}
