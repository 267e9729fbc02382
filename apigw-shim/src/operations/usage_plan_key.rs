//! CreateUsagePlanKey, GetUsagePlanKey, GetUsagePlanKeys, DeleteUsagePlanKey.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Key;

use super::{api_key::no_key, listing, page, usage_plan::no_plan};
use crate::{
    State,
    error::{bad_request, conflict, not_found, storage},
    members,
    metering::ApiKey,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfKey {
    usage_plan_id: String,
    key_id: String,
    key_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    usage_plan_id: String,
    position: Option<String>,
    limit: Option<i64>,
    name_query: Option<String>,
}

fn render(key: &ApiKey) -> Value {
    json!({"id": key.id, "type": "API_KEY", "value": key.value, "name": key.name})
}

fn no_plan_key(plan: &str) -> ServiceError {
    not_found(format!("Usage Plan {plan} does not contain the specified key"))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    let plan = state.metering.plan(&ctx.scope, &input.usage_plan_id).ok_or_else(no_plan)?;
    if input.key_type.as_deref() != Some("API_KEY") {
        return Err(bad_request("Invalid key type specified. Valid options are API_KEY"));
    }
    let key = state.metering.key(&ctx.scope, &input.key_id).ok_or_else(no_key)?;
    let others = state.metering.plans_of(&key.id);
    if others.contains(&plan.id) {
        return Err(conflict("Usage Plan already contains the specified key"));
    }
    // One stage has one plan for a key, or nobody could say which limits hold.
    for other in others.iter().filter_map(|id| state.metering.plan(&ctx.scope, id)) {
        let shared = |stage: &crate::metering::ApiStage| {
            other.api_stages.iter().any(|known| known.api_id == stage.api_id && known.stage == stage.stage)
        };
        if plan.api_stages.iter().any(shared) {
            return Err(conflict(format!(
                "Usage Plan Key {} is already associated with an API Stage of Usage Plan {}",
                key.id, other.id
            )));
        }
    }
    let sequence = state.apis.sequence();
    state.metering.put_plan_key(&plan.id, &key.id, sequence).await.map_err(storage)?;
    Ok(Output::of(render(&key)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    let plan = state.metering.plan(&ctx.scope, &input.usage_plan_id).ok_or_else(no_plan)?;
    let key = state.metering.key(&ctx.scope, &input.key_id).ok_or_else(no_key)?;
    state.metering.plan_key(&plan.id, &key.id).ok_or_else(|| no_plan_key(&plan.id))?;
    Ok(Output::of(render(&key)))
}

/// Of a plan that is not there AWS lists none.
pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    if state.metering.plan(&ctx.scope, &input.usage_plan_id).is_none() {
        return Ok(listing(Vec::new(), None));
    }
    let all = state.metering.plan_keys.page(&Key::new().text(&input.usage_plan_id), None, usize::MAX);
    let keys = all.iter().filter_map(|record| state.metering.key(&ctx.scope, &record.key));
    let named = |key: &Arc<ApiKey>| {
        let query = input.name_query.as_ref();
        query.is_none_or(|query| key.name.as_ref().is_some_and(|name| name.starts_with(query)))
    };
    let found: Vec<Arc<ApiKey>> = keys.filter(named).collect();
    let (found, position) = page(found, input.limit, input.position.as_deref(), |key| &key.id);
    Ok(listing(found.iter().map(|key| render(key)).collect(), position))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    state.metering.plan(&ctx.scope, &input.usage_plan_id).ok_or_else(no_plan)?;
    let removed = state.metering.remove_plan_key(&input.usage_plan_id, &input.key_id).await;
    if removed.map_err(storage)? { Ok(Output::empty()) } else { Err(no_plan_key(&input.usage_plan_id)) }
}
