//! CreateModel, GetModel, GetModels, GetModelTemplate, UpdateModel, DeleteModel: of WebSocket APIs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{
    Members, answer,
    child::{self, Sort},
    http_api, is_socket, keep, required,
};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict},
    http_api::record::Child,
    id,
};

const SORT: Sort = Sort { name: "Model", id: "ModelId", listing: "GetModels" };
const KEPT: &[&str] = &["ContentType", "Description", "Name", "Schema"];

fn api(state: &State, ctx: &CallContext, input: &Members) -> Result<Arc<Live>, ServiceError> {
    let live = http_api(state, &ctx.scope, input)?;
    if is_socket(&live) { Ok(live) } else { Err(bad_request("Models are not supported for HTTP APIs")) }
}

fn check(state: &State, live: &Live, members: &Members, own: Option<&str>) -> Result<(), ServiceError> {
    let name = required(members, "Name");
    if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Err(bad_request(format!("Model name must be alphanumeric: {name}")));
    }
    let schema = required(members, "Schema");
    if !matches!(serde_json::from_str::<Value>(&schema), Ok(Value::Object(_))) {
        return Err(bad_request("Model schema must be a valid JSON object"));
    }
    let others = state.apis.models.page(&live.prefix(), None, usize::MAX);
    let same = |other: &Child| required(&other.members, "Name") == name;
    if others.iter().any(|other| Some(other.id.as_str()) != own && same(other)) {
        return Err(conflict("Model name already exists for this API"));
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let mut members = keep(&input, KEPT);
    members.entry("ContentType").or_insert(json!("application/json"));
    check(state, &live, &members, None)?;
    let child = Child { id: id::random(6), parent: None, members };
    child::put(&state.apis.models, &SORT, &live, child).await
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    let found = child::find(&state.apis.models, &SORT, &live, None, &input)?;
    Ok(answer(child::render(&SORT, &found)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    child::list(&state.apis.models, &SORT, &live, None, &input)
}

pub(super) async fn template(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    let found = child::find(&state.apis.models, &SORT, &live, None, &input)?;
    let schema: Value = serde_json::from_str(&required(&found.members, "Schema")).unwrap_or_default();
    Ok(Output::of(json!({"Value": sample(&schema, 0)})))
}

/// A mapping template that makes a value of the schema.
fn sample(schema: &Value, depth: usize) -> String {
    let properties = schema.get("properties").and_then(Value::as_object);
    match schema.get("type").and_then(Value::as_str) {
        Some("object") if depth < 8 => {
            let members = properties.into_iter().flatten();
            let members: Vec<String> =
                members.map(|(name, schema)| format!("\"{name}\" : {}", sample(schema, depth + 1))).collect();
            format!("{{ {} }}", members.join(", "))
        }
        Some("array") if depth < 8 => {
            format!("[ {} ]", schema.get("items").map(|items| sample(items, depth + 1)).unwrap_or_default())
        }
        Some("integer" | "number") => String::from("42"),
        Some("boolean") => String::from("true"),
        _ => String::from("\"foo\""),
    }
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let mut child = Child::clone(&*child::find(&state.apis.models, &SORT, &live, None, &input)?);
    child.members.extend(keep(&input, KEPT));
    check(state, &live, &child.members, Some(&child.id))?;
    child::put(&state.apis.models, &SORT, &live, child).await
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = api(state, ctx, &input)?;
    let _changing = live.changing.lock().await;
    let child = child::find(&state.apis.models, &SORT, &live, None, &input)?;
    child::remove(&state.apis.models, &live, &child).await
}
