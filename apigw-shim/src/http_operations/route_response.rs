//! CreateRouteResponse, GetRouteResponse, GetRouteResponses, UpdateRouteResponse, DeleteRouteResponse: of WebSocket APIs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};

use super::{
    Members, answer,
    child::{self, Sort},
    deployment, http_api, is_socket, keep, refuse, required, text,
};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict, not_found},
    http_api::record::Child,
    id,
};

const SORT: Sort = Sort { name: "RouteResponse", id: "RouteResponseId", listing: "GetRouteResponses" };
const KEPT: &[&str] = &["RouteResponseKey"];
const REFUSED: &[&str] = &["ModelSelectionExpression", "ResponseModels", "ResponseParameters"];

/// The API, and the route that is asked about.
fn parent(state: &State, ctx: &CallContext, input: &Members) -> Result<(Arc<Live>, String), ServiceError> {
    let live = http_api(state, &ctx.scope, input)?;
    if !is_socket(&live) {
        return Err(bad_request("RouteResponses are not supported for HTTP APIs"));
    }
    let id = required(input, "RouteId");
    if state.apis.routes.get(&live.child(&id)).is_none() {
        return Err(not_found(format!("Invalid Route identifier specified {id}")));
    }
    Ok((live, id))
}

fn check(members: &Members) -> Result<(), ServiceError> {
    match text(members, "RouteResponseKey").as_deref() {
        Some("$default") => Ok(()),
        _ => Err(bad_request("Invalid route response key specified. Only $default is supported")),
    }
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, REFUSED)?;
    let members = keep(&input, KEPT);
    check(&members)?;
    let key = text(&members, "RouteResponseKey");
    let others = state.apis.route_responses.page(&live.child(&parent), None, usize::MAX);
    if others.iter().any(|other| text(&other.members, "RouteResponseKey") == key) {
        return Err(conflict(format!("A response with the key {} exists already", key.unwrap_or_default())));
    }
    let child = Child { id: id::random(7), parent: Some(parent), members };
    let output = child::put(&state.apis.route_responses, &SORT, &live, child).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let found = child::find(&state.apis.route_responses, &SORT, &live, Some(&parent), &input)?;
    Ok(answer(child::render(&SORT, &found)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    child::list(&state.apis.route_responses, &SORT, &live, Some(&parent), &input)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, REFUSED)?;
    let found = child::find(&state.apis.route_responses, &SORT, &live, Some(&parent), &input)?;
    let mut child = Child::clone(&found);
    child.members.extend(keep(&input, KEPT));
    check(&child.members)?;
    let output = child::put(&state.apis.route_responses, &SORT, &live, child).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let found = child::find(&state.apis.route_responses, &SORT, &live, Some(&parent), &input)?;
    let output = child::remove(&state.apis.route_responses, &live, &found).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}
