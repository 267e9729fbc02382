//! CreateIntegrationResponse, GetIntegrationResponse, GetIntegrationResponses, UpdateIntegrationResponse, DeleteIntegrationResponse: of WebSocket APIs.

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

const SORT: Sort =
    Sort { name: "IntegrationResponse", id: "IntegrationResponseId", listing: "GetIntegrationResponses" };
const KEPT: &[&str] = &["IntegrationResponseKey", "ResponseTemplates", "TemplateSelectionExpression"];
const REFUSED: &[&str] = &["ContentHandlingStrategy", "ResponseParameters"];

/// The API, and the integration that is asked about.
fn parent(state: &State, ctx: &CallContext, input: &Members) -> Result<(Arc<Live>, String), ServiceError> {
    let live = http_api(state, &ctx.scope, input)?;
    if !is_socket(&live) {
        return Err(bad_request("IntegrationResponses are not supported for HTTP APIs"));
    }
    let id = required(input, "IntegrationId");
    if state.apis.integrations.get(&live.child(&id)).is_none() {
        return Err(not_found(format!("Invalid Integration identifier specified {id}")));
    }
    Ok((live, id))
}

fn check(members: &Members) -> Result<(), ServiceError> {
    let key = text(members, "IntegrationResponseKey").unwrap_or_default();
    let is_pattern = key.len() > 1 && key.starts_with('/') && key.ends_with('/');
    if key != "$default" && !(is_pattern && crate::websocket::compiled::pattern(&key).is_ok()) {
        return Err(bad_request(format!("Invalid integration response key specified: {key}")));
    }
    let templates = members.get("ResponseTemplates").and_then(serde_json::Value::as_object);
    for (key, template) in templates.into_iter().flatten() {
        if let Err(error) = vtl::Template::parse(template.as_str().unwrap_or_default()) {
            return Err(bad_request(format!("Invalid mapping template specified for {key}: {error}")));
        }
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, REFUSED)?;
    let members = keep(&input, KEPT);
    check(&members)?;
    let key = text(&members, "IntegrationResponseKey");
    let others = state.apis.integration_responses.page(&live.child(&parent), None, usize::MAX);
    if others.iter().any(|other| text(&other.members, "IntegrationResponseKey") == key) {
        return Err(conflict(format!("A response with the key {} exists already", key.unwrap_or_default())));
    }
    let child = Child { id: id::random(7), parent: Some(parent), members };
    let output = child::put(&state.apis.integration_responses, &SORT, &live, child).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let found = child::find(&state.apis.integration_responses, &SORT, &live, Some(&parent), &input)?;
    Ok(answer(child::render(&SORT, &found)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    child::list(&state.apis.integration_responses, &SORT, &live, Some(&parent), &input)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    refuse(&input, REFUSED)?;
    let found = child::find(&state.apis.integration_responses, &SORT, &live, Some(&parent), &input)?;
    let mut child = Child::clone(&found);
    child.members.extend(keep(&input, KEPT));
    check(&child.members)?;
    let output = child::put(&state.apis.integration_responses, &SORT, &live, child).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let (live, parent) = parent(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let found = child::find(&state.apis.integration_responses, &SORT, &live, Some(&parent), &input)?;
    let output = child::remove(&state.apis.integration_responses, &live, &found).await?;
    deployment::automatically(state, &live).await?;
    Ok(output)
}
