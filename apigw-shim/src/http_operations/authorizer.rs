//! CreateAuthorizer, GetAuthorizer, GetAuthorizers, UpdateAuthorizer, DeleteAuthorizer, ResetAuthorizersCache.

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{
    Members, answer,
    child::{self, Sort},
    deployment, http_api, is_socket, keep, required, text,
};
use crate::{
    State,
    apis::{Kind, Live},
    authorizer::is_identity_source,
    error::{bad_request, conflict, not_found},
    http_api::record::Child,
    id,
};

const SORT: Sort = Sort { name: "Authorizer", id: "AuthorizerId", listing: "GetAuthorizers" };
const KEPT: &[&str] = &[
    "AuthorizerCredentialsArn",
    "AuthorizerPayloadFormatVersion",
    "AuthorizerResultTtlInSeconds",
    "AuthorizerType",
    "AuthorizerUri",
    "EnableSimpleResponses",
    "IdentitySource",
    // AWS keeps it and never looks at it.
    "IdentityValidationExpression",
    "JwtConfiguration",
    "Name",
];

fn check(live: &Live, members: &Members) -> Result<(), ServiceError> {
    let sources = members.get("IdentitySource").and_then(Value::as_array).into_iter().flatten();
    let sources: Vec<&str> = sources.filter_map(Value::as_str).collect();
    check_sources(live, &sources)?;
    match text(members, "AuthorizerType").as_deref() {
        Some("REQUEST") => check_request(live, members, &sources),
        Some("JWT") if !is_socket(live) => check_jwt(members, &sources),
        Some("JWT") => {
            Err(bad_request("Only REQUEST authorizer type is supported on WEBSOCKET protocol Apis."))
        }
        _ => Err(bad_request("Invalid authorizer type specified for the protocol")),
    }
}

/// Of the two kinds of APIs each has its own words for the same places.
fn check_sources(live: &Live, sources: &[&str]) -> Result<(), ServiceError> {
    let (places, of_request) = if is_socket(live) {
        (["route.request.header.", "route.request.querystring.", "context.", "stageVariables."], "request ")
    } else {
        (["$request.header.", "$request.querystring.", "$context.", "$stageVariables."], "")
    };
    let is_known = |source: &&&str| {
        let mut names = places.iter().filter_map(|place| source.strip_prefix(place));
        names.any(|name| !name.is_empty() && !name.contains(' ')) && is_identity_source(source)
    };
    match sources.iter().find(|source| !is_known(source)) {
        Some(wrong) => Err(bad_request(format!("Invalid {of_request}identity source expression: {wrong}"))),
        None => Ok(()),
    }
}

fn check_request(live: &Live, members: &Members, sources: &[&str]) -> Result<(), ServiceError> {
    let uri = text(members, "AuthorizerUri").unwrap_or_default();
    let function = crate::http_api::compiled::function(&uri);
    if function.split(':').nth(2) != Some("lambda") && !uri.contains("${stageVariables.") {
        return Err(bad_request(format!("Invalid Authorizer URI: {uri}")));
    }
    let ttl = members.get("AuthorizerResultTtlInSeconds").and_then(Value::as_i64).unwrap_or(0);
    if is_socket(live) {
        let http_only = ["AuthorizerPayloadFormatVersion", "EnableSimpleResponses"];
        if ttl != 0 || http_only.iter().any(|name| members.contains_key(*name)) {
            return Err(bad_request("The authorizer has a property that WEBSOCKET APIs do not support"));
        }
        return Ok(());
    }
    match text(members, "AuthorizerPayloadFormatVersion").as_deref() {
        Some("2.0") => {}
        Some("1.0") if members.get("EnableSimpleResponses") != Some(&Value::Bool(true)) => {}
        Some("1.0") => {
            return Err(bad_request("EnableSimpleResponses is not supported for payload format version 1.0"));
        }
        _ => {
            return Err(bad_request(
                "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer",
            ));
        }
    }
    if !(0..=3600).contains(&ttl) {
        return Err(bad_request(
            "Authorizer result TTL outside allowable range. TTL must be between 0 and 3600 seconds.",
        ));
    }
    if ttl > 0 && sources.is_empty() {
        return Err(bad_request(
            "Identity source must be set if authorizer caching is enabled (TTL is greater than 0)",
        ));
    }
    Ok(())
}

fn check_jwt(members: &Members, sources: &[&str]) -> Result<(), ServiceError> {
    if sources.len() != 1 {
        return Err(bad_request("A JWT authorizer must have exactly one identity source"));
    }
    let configuration = members.get("JwtConfiguration");
    let issuer = configuration.and_then(|it| it.get("Issuer")?.as_str()).unwrap_or_default();
    let known = ["https://", "http://", "file://"];
    if !known.iter().any(|scheme| issuer.starts_with(scheme)) {
        return Err(bad_request(format!("Invalid issuer: {issuer}. Issuer must be a valid URL")));
    }
    let audience = configuration.and_then(|it| it.get("Audience")?.as_array());
    if audience.is_none_or(Vec::is_empty) {
        return Err(bad_request("A JWT authorizer must have at least one audience"));
    }
    Ok(())
}

fn check_name(state: &State, live: &Live, name: &str, own: Option<&str>) -> Result<(), ServiceError> {
    let others = state.apis.authorizers.page(&live.prefix(), None, usize::MAX);
    let same = |other: &Child| text(&other.members, "Name").as_deref() == Some(name);
    if others.iter().any(|other| Some(other.id.as_str()) != own && same(other)) {
        return Err(conflict(format!(
            "Authorizer name must be unique. Authorizer {name} already exists in this API."
        )));
    }
    Ok(())
}

/// An authorizer with all that it has unless it says so, once it is checked.
pub(super) fn complete(live: &Live, mut members: Members) -> Result<Members, ServiceError> {
    check(live, &members)?;
    if !is_socket(live) && text(&members, "AuthorizerType").as_deref() == Some("REQUEST") {
        members.entry("EnableSimpleResponses").or_insert(json!(false));
        members.entry("AuthorizerResultTtlInSeconds").or_insert(json!(0));
    }
    Ok(members)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let members = complete(&live, keep(&input, KEPT))?;
    check_name(state, &live, &required(&input, "Name"), None)?;
    let child = Child { id: id::random(6), parent: None, members };
    child::put(&state.apis.authorizers, &SORT, &live, child).await
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let found = child::find(&state.apis.authorizers, &SORT, &live, None, &input)?;
    Ok(answer(child::render(&SORT, &found)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    child::list(&state.apis.authorizers, &SORT, &live, None, &input)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut child = Child::clone(&*child::find(&state.apis.authorizers, &SORT, &live, None, &input)?);
    child.members.extend(keep(&input, KEPT));
    check(&live, &child.members)?;
    if let Some(name) = text(&input, "Name") {
        check_name(state, &live, &name, Some(&child.id))?;
    }
    let output = child::put(&state.apis.authorizers, &SORT, &live, child).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let child = child::find(&state.apis.authorizers, &SORT, &live, None, &input)?;
    let routes = state.apis.routes.page(&live.prefix(), None, usize::MAX);
    let uses = |members: &Members| text(members, "AuthorizerId").as_deref() == Some(&child.id);
    if let Some(route) = routes.iter().find(|route| uses(&route.members)) {
        let key = text(&route.members, "RouteKey").unwrap_or_default();
        return Err(conflict(format!(
            "Cannot delete authorizer '{}', is referenced in route: {key}",
            required(&child.members, "Name")
        )));
    }
    child::remove(&state.apis.authorizers, &live, &child).await
}

pub(super) async fn reset_cache(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let name = required(&input, "StageName");
    let missing = || not_found("Invalid stage identifier specified");
    match &live.kind {
        Kind::Http(stages) => stages.get(&name).ok_or_else(missing)?.reset_authorizers(),
        Kind::Socket(stages) => stages.get(&name).ok_or_else(missing)?.reset_authorizers(),
        Kind::Rest(_) => return Err(missing()),
    }
    Ok(Output::empty())
}
