//! CreateApiKey, GetApiKey, GetApiKeys, UpdateApiKey, DeleteApiKey, ImportApiKeys.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{listing, rest_api};
use crate::{
    State,
    apis::scope_key,
    error::{bad_request, conflict, invalid, storage},
    id, members,
    metering::{ApiKey, place},
    patch::Patch,
    rest_api::record::Texts,
};

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct Create {
    name: Option<String>,
    description: Option<String>,
    enabled: bool,
    generate_distinct_id: bool,
    value: Option<String>,
    stage_keys: Vec<StageKey>,
    customer_id: Option<String>,
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StageKey {
    rest_api_id: String,
    stage_name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfKey {
    api_key: String,
    #[serde(default)]
    include_value: bool,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct List {
    position: Option<String>,
    limit: Option<i64>,
    name_query: Option<String>,
    customer_id: Option<String>,
    include_values: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Import {
    format: String,
    #[serde(default)]
    fail_on_warnings: bool,
}

pub(super) fn no_key() -> ServiceError {
    invalid("API Key identifier")
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Show {
    Always,
    IfAny,
}

fn render(key: &ApiKey, with_value: bool, tags: Show) -> Value {
    json!({
        "id": key.id,
        "value": with_value.then_some(&key.value),
        "name": key.name,
        "description": key.description,
        "customerId": key.customer_id,
        "enabled": key.enabled,
        "createdDate": key.created_date,
        "lastUpdatedDate": key.last_updated_date,
        "stageKeys": key.stage_keys,
        "tags": (tags == Show::Always || !key.tags.is_empty()).then_some(&key.tags),
    })
}

async fn make(state: &State, scope: &Scope, input: Create) -> Result<Arc<ApiKey>, ServiceError> {
    let given = input.value.filter(|value| !value.is_empty());
    match given.as_ref().map(String::len) {
        Some(..20) => return Err(bad_request("API Key value should be at least 20 characters")),
        Some(129..) => return Err(bad_request("API Key value exceeds maximum size of 128 characters")),
        _ => {}
    }
    let value = given.clone().unwrap_or_else(|| format!("{}{}", id::random(20), id::random(20)));
    if state.metering.has_value(scope, &value) {
        return Err(conflict("API Key already exists"));
    }
    let mut stage_keys = Vec::new();
    for StageKey { rest_api_id, stage_name } in input.stage_keys {
        let live = super::rest(state, scope, &rest_api_id);
        let stage = live.and_then(|live| state.apis.rest_stages.get(&live.child(&stage_name)));
        if stage.is_none() {
            return Err(bad_request(format!(
                "Invalid stage identifier specified: {rest_api_id}/{stage_name}"
            )));
        }
        stage_keys.push(format!("{rest_api_id}/{stage_name}"));
    }
    let now = rest_api::seconds(state);
    let key = ApiKey {
        sequence: state.apis.sequence(),
        id: given.filter(|_| !input.generate_distinct_id).unwrap_or_else(|| id::random(10)),
        value,
        name: input.name,
        description: input.description,
        customer_id: input.customer_id,
        enabled: input.enabled,
        created_date: now,
        last_updated_date: now,
        stage_keys,
        tags: input.tags,
    };
    state.metering.put_key(scope, key).await.map_err(storage)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let key = make(state, &ctx.scope, input).await?;
    Ok(Output::of(render(&key, true, Show::IfAny)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    let key = state.metering.key(&ctx.scope, &input.api_key).ok_or_else(no_key)?;
    Ok(Output::of(render(&key, input.include_value, Show::Always)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let limit = super::limit(input.limit);
    let wanted = |key: &Arc<ApiKey>| {
        let named = |query: &String| key.name.as_ref().is_some_and(|name| name.starts_with(query));
        input.name_query.as_ref().is_none_or(named)
            && input.customer_id.as_ref().is_none_or(|id| key.customer_id.as_ref() == Some(id))
    };
    let position = input.position.as_deref().and_then(|id| state.metering.key(&ctx.scope, id));
    let mut after = position.map(|key| place(&ctx.scope, key.sequence));
    let mut found: Vec<Arc<ApiKey>> = Vec::new();
    // Only as much is looked at as fills a page.
    while found.len() <= limit {
        let page = state.metering.keys.page(&scope_key(&ctx.scope), after.as_ref(), limit + 1);
        let Some(last) = page.last() else { break };
        after = Some(place(&ctx.scope, last.sequence));
        found.extend(page.into_iter().filter(wanted));
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|key| key.id.clone());
    let items = found.iter().map(|key| render(key, input.include_values, Show::IfAny)).collect();
    Ok(listing(items, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    let mut key = ApiKey::clone(&*state.metering.key(&ctx.scope, &input.api_key).ok_or_else(no_key)?);
    for patch in &input.patch_operations {
        match patch.path.as_str() {
            "/name" | "/description" | "/enabled" | "/customerId" => patch.only_replace()?,
            "/stages" => {}
            _ => {
                return Err(bad_request(format!(
                    "Invalid patch path  '{}' specified for op '{}'. Must be one of: [/description, /enabled, /name, \
                     /customerId]",
                    patch.path, patch.op
                )));
            }
        }
        let text = Some(patch.value()).filter(|text| !text.is_empty());
        match patch.path.as_str() {
            "/name" => key.name = text,
            "/description" => key.description = text,
            "/customerId" => key.customer_id = text,
            "/enabled" => key.enabled = patch.is_true(),
            _ => {
                let stage = patch.value();
                key.stage_keys.retain(|known| *known != stage);
                if patch.sets()? {
                    key.stage_keys.push(stage);
                }
            }
        }
    }
    key.last_updated_date = rest_api::seconds(state);
    let key = state.metering.put_key(&ctx.scope, key).await.map_err(storage)?;
    Ok(Output::of(render(&key, false, Show::Always)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfKey = members::read(input)?;
    let key = state.metering.key(&ctx.scope, &input.api_key).ok_or_else(no_key)?;
    state.metering.remove_key(&ctx.scope, &key).await.map_err(storage)?;
    Ok(Output::empty())
}

/// Keys from a table with a line of names: `name,key,description,enabled,usageplanIds`.
pub(super) async fn import(
    state: &State,
    ctx: &CallContext,
    mut input: Input,
) -> Result<Output, ServiceError> {
    let body = std::mem::take(&mut input.body);
    let input: Import = members::read(input)?;
    if input.format != "csv" {
        return Err(bad_request("Invalid format specified. Must be one of: [csv]"));
    }
    let body = body.read(10 * 1024 * 1024).await.map_err(|error| bad_request(error.to_string()))?;
    let text = String::from_utf8_lossy(&body);
    let mut lines = text.lines().filter(|line| !line.trim().is_empty());
    let fields = |line: &str| -> Vec<String> {
        line.split(',').map(|field| field.trim().trim_matches('"').to_owned()).collect()
    };
    let names: Vec<String> =
        fields(lines.next().unwrap_or_default()).iter().map(|name| name.to_ascii_lowercase()).collect();
    if !names.iter().any(|name| name == "key") {
        return Err(bad_request("Missing required column: key"));
    }
    let (mut ids, mut warnings) = (Vec::new(), Vec::new());
    for line in lines {
        let values = fields(line);
        let field = |wanted: &str| {
            let at = names.iter().position(|name| name == wanted)?;
            values.get(at).filter(|value| !value.is_empty()).cloned()
        };
        let new = Create {
            name: field("name"),
            description: field("description"),
            enabled: field("enabled").is_none_or(|text| text.eq_ignore_ascii_case("true")),
            generate_distinct_id: true,
            value: field("key"),
            ..Create::default()
        };
        match make(state, &ctx.scope, new).await {
            Ok(key) => {
                for plan in field("usageplanids").iter().flat_map(|plans| plans.split([';', '|', ' '])) {
                    if state.metering.plan(&ctx.scope, plan).is_some() {
                        let sequence = state.apis.sequence();
                        state.metering.put_plan_key(plan, &key.id, sequence).await.map_err(storage)?;
                    } else {
                        warnings.push(format!("Invalid Usage Plan ID specified: {plan}"));
                    }
                }
                ids.push(key.id.clone());
            }
            Err(error) if input.fail_on_warnings => return Err(error),
            Err(error) => warnings.push(error.message.clone()),
        }
    }
    Ok(Output::of(json!({"ids": ids, "warnings": warnings})))
}
