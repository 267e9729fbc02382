//! CreateRoute, GetRoute, GetRoutes, UpdateRoute, DeleteRoute, DeleteRouteRequestParameter.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, answer, child, deployment, http_api, is_socket, keep, page, refuse, required, text};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict, not_found, storage},
    http_api::record::Route,
    id,
    websocket::admission,
};

const KEPT: &[&str] = &[
    "ApiKeyRequired",
    "AuthorizationScopes",
    "AuthorizationType",
    "AuthorizerId",
    "ModelSelectionExpression",
    "OperationName",
    "RequestModels",
    "RequestParameters",
    "RouteKey",
    "RouteResponseSelectionExpression",
    "Target",
];
/// What only routes of WebSocket APIs have.
const SOCKET_ONLY: &[&str] =
    &["ApiKeyRequired", "ModelSelectionExpression", "RequestModels", "RequestParameters"];
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

/// Any text chooses messages; what begins with `$` is the gateway's.
fn check_socket_key(key: &str) -> Result<(), ServiceError> {
    let known = ["$connect", "$default", "$disconnect"].contains(&key);
    if key.is_empty() || key.starts_with('$') && !known {
        return Err(bad_request(format!("Invalid route key specified: {key}")));
    }
    Ok(())
}

/// Who is let through, and by which authorizer. A change that names one of both is checked with what the route has.
fn check_authorization(
    state: &State,
    live: &Live,
    given: &Members,
    own: Option<&str>,
) -> Result<(), ServiceError> {
    let mut members = own
        .and_then(|id| state.apis.routes.get(&live.child(id)))
        .map(|route| route.members.clone())
        .unwrap_or_default();
    members.extend(keep(given, KEPT));
    let kind = text(&members, "AuthorizationType");
    let wanted = match kind.as_deref() {
        None | Some("NONE" | "AWS_IAM") => None,
        Some("JWT") if !is_socket(live) => Some("JWT"),
        Some("CUSTOM") => Some("REQUEST"),
        Some(_) => return Err(bad_request("Invalid authorization type specified for the protocol")),
    };
    let is_connect = text(&members, "RouteKey").as_deref() == Some("$connect");
    if is_socket(live) && kind.as_deref().is_some_and(|kind| kind != "NONE") && !is_connect {
        return Err(bad_request("Currently, authorization is restricted to the $connect route only"));
    }
    let scopes = given.get("AuthorizationScopes").and_then(Value::as_array);
    if wanted != Some("JWT") && scopes.is_some_and(|scopes| !scopes.is_empty()) {
        return Err(bad_request(
            "Authorization Scopes are only valid for COGNITO_USER_POOLS and JWT authorization type",
        ));
    }
    let Some(wanted) = wanted else { return Ok(()) };
    let id = text(&members, "AuthorizerId").ok_or_else(|| {
        bad_request(match wanted {
            "JWT" => "Setting the authorization type to JWT requires a valid JWT authorizer.",
            _ => "AuthorizerId must be provided for the authorization type",
        })
    })?;
    let found = state.apis.authorizers.get(&live.child(&id));
    let found = found.ok_or_else(|| not_found(format!("Invalid Authorizer identifier specified {id}")))?;
    if text(&found.members, "AuthorizerType").as_deref() != Some(wanted) {
        return Err(bad_request("The authorizer is of another type than the route's authorization"));
    }
    Ok(())
}

/// What a route of a WebSocket API wants of requests to connect, and of messages.
fn check_messages(
    state: &State,
    live: &Live,
    given: &Members,
    own: Option<&str>,
) -> Result<(), ServiceError> {
    let before = own.and_then(|id| state.apis.routes.get(&live.child(id)));
    let key = text(given, "RouteKey")
        .or_else(|| before.as_ref().and_then(|route| text(&route.members, "RouteKey")));
    let parameters = given.get("RequestParameters").and_then(Value::as_object);
    for name in parameters.into_iter().flatten().map(|(name, _)| name) {
        if admission::parameter(name).is_none() {
            return Err(bad_request(format!("Invalid request parameter specified: {name}")));
        }
        if key.as_deref() != Some("$connect") {
            return Err(bad_request("Request parameters are supported for the $connect route only"));
        }
    }
    check_models(state, live, given.get("RequestModels"))
}

/// Models that are named must be there.
pub(super) fn check_models(state: &State, live: &Live, named: Option<&Value>) -> Result<(), ServiceError> {
    let Some(named) = named.and_then(Value::as_object) else { return Ok(()) };
    let models = state.apis.models.page(&live.prefix(), None, usize::MAX);
    for name in named.values().filter_map(Value::as_str) {
        if !models.iter().any(|model| text(&model.members, "Name").as_deref() == Some(name)) {
            return Err(bad_request(format!("Invalid model name specified: {name}")));
        }
    }
    Ok(())
}

/// A method's paths that are the same but for the names of their variables could not be told from each other.
fn check_variables(key: &str, others: &[Arc<Route>], own: Option<&str>) -> Result<(), ServiceError> {
    let shape = shape(key);
    for other in others.iter().filter(|route| Some(route.id.as_str()) != own) {
        let known = text(&other.members, "RouteKey").unwrap_or_default();
        if known != key && self::shape(&known) == shape {
            return Err(conflicting(key, &known));
        }
    }
    Ok(())
}

pub(super) fn conflicting(key: &str, known: &str) -> ServiceError {
    conflict(format!(
        "The provided route key \"{key}\" has a conflicting variable on the same hierarchical level as \"{known}\""
    ))
}

/// A route's key without the names of its variables.
pub(super) fn shape(key: &str) -> Vec<&str> {
    let part = |part| match part {
        variable if str::starts_with(variable, '{') && variable.ends_with("+}") => "{+}",
        variable if variable.starts_with('{') && variable.ends_with('}') => "{}",
        plain => plain,
    };
    key.split('/').map(part).collect()
}

fn check(state: &State, live: &Live, members: &Members, own: Option<&str>) -> Result<(), ServiceError> {
    if is_socket(live) {
        check_messages(state, live, members, own)?;
    } else if members.get("ApiKeyRequired") == Some(&Value::Bool(true)) {
        return Err(bad_request("ApiKeyRequired is not currently supported for HTTP APIs."));
    } else if refuse(members, SOCKET_ONLY).is_err() {
        return Err(bad_request(format!("{} are supported for WEBSOCKET APIs only", SOCKET_ONLY.join(", "))));
    }
    check_authorization(state, live, members, own)?;
    let responds = text(members, "RouteResponseSelectionExpression");
    match responds.as_deref() {
        None | Some("$default") if is_socket(live) => {}
        None => {}
        Some(_) if is_socket(live) => {
            return Err(bad_request("Route response selection expression must be $default"));
        }
        Some(_) => {
            return Err(bad_request("RouteResponseSelectionExpression is not supported for HTTP APIs"));
        }
    }
    if let Some(key) = text(members, "RouteKey") {
        if is_socket(live) {
            check_socket_key(&key)?;
        } else {
            check_key(&key)?;
        }
        let same = |route: &Arc<Route>| text(&route.members, "RouteKey").as_ref() == Some(&key);
        let others = state.apis.routes.page(&live.prefix(), None, usize::MAX);
        if others.iter().any(|route| Some(route.id.as_str()) != own && same(route)) {
            return Err(conflict(format!("Route with key {key} already exists for this API")));
        }
        if !is_socket(live) {
            check_variables(&key, &others, own)?;
        }
    }
    if let Some(target) = text(members, "Target") {
        let id = target
            .strip_prefix("integrations/")
            .ok_or_else(|| {
                bad_request(
                    "Unexpected or malformed target in route. Correct format should be integrations/<integration_id>.",
                )
            })?;
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

/// What a route is unless it says so.
pub(super) fn blank() -> Members {
    Members::from_iter([
        (String::from("ApiKeyRequired"), json!(false)),
        (String::from("AuthorizationType"), json!("NONE")),
    ])
}

async fn add(state: &State, live: &Live, given: Members) -> Result<Arc<Route>, ServiceError> {
    let mut members = blank();
    members.extend(given);
    put(state, live, Route { id: id::random(7), members }).await
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

/// The route that an API was made with, with another key; to be kept by [`put`].
pub(super) fn renamed_quick(state: &State, live: &Live, key: &str) -> Result<Route, ServiceError> {
    let all = state.apis.routes.page(&live.prefix(), None, usize::MAX);
    let found = all.iter().find(|it| it.members.get("ApiGatewayManaged") == Some(&json!(true)));
    let found = found
        .ok_or_else(|| bad_request("The API was not made with a target, so it has no route to change"))?;
    let given = Members::from_iter([(String::from("RouteKey"), json!(key))]);
    check(state, live, &given, Some(&found.id))?;
    let mut route = Route::clone(found);
    route.members.extend(given);
    Ok(route)
}

/// Keeps a route that has been checked.
pub(super) async fn put(state: &State, live: &Live, route: Route) -> Result<Arc<Route>, ServiceError> {
    state.apis.routes.put(live.child(&route.id), route).await.map_err(storage)
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
    let route = put(state, &live, route).await?;
    deployment::automatically(state, &live).await?;
    Ok(answer(render(&route)))
}

pub(super) async fn delete_request_parameter(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut route = Route::clone(&*find(state, &live, &input)?);
    let name = required(&input, "RequestParameterKey");
    let parameters = route.members.get_mut("RequestParameters").and_then(Value::as_object_mut);
    if parameters.and_then(|parameters| parameters.remove(&name)).is_none() {
        return Err(not_found(format!("Invalid request parameter specified: {name}")));
    }
    put(state, &live, route).await?;
    deployment::automatically(state, &live).await?;
    Ok(Output::empty())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let route = find(state, &live, &input)?;
    state.apis.routes.remove(&live.child(&route.id)).await.map_err(storage)?;
    child::remove_below(&state.apis.route_responses, &live, &route.id).await?;
    deployment::automatically(state, &live).await?;
    Ok(Output::empty())
}
