//! CreateUsagePlan, GetUsagePlan, GetUsagePlans, UpdateUsagePlan, DeleteUsagePlan.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::listing;
use crate::{
    State,
    apis::{Kind, scope_key},
    error::{bad_request, not_found, storage},
    id, members,
    metering::{ApiStage, Quota, Throttle, UsagePlan, place},
    patch::Patch,
    rest_api::record::Texts,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    name: String,
    description: Option<String>,
    #[serde(default)]
    api_stages: Vec<ApiStage>,
    throttle: Option<Throttle>,
    quota: Option<Quota>,
    #[serde(default)]
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPlan {
    usage_plan_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    position: Option<String>,
    key_id: Option<String>,
    limit: Option<i64>,
}

pub(super) fn no_plan() -> ServiceError {
    not_found("Invalid Usage Plan ID specified")
}

fn find(state: &State, scope: &Scope, id: &str) -> Result<Arc<UsagePlan>, ServiceError> {
    state.metering.plan(scope, id).ok_or_else(no_plan)
}

fn render(plan: &UsagePlan, always_tags: bool) -> Value {
    json!({
        "id": plan.id,
        "name": plan.name,
        "description": plan.description,
        "apiStages": plan.api_stages,
        "throttle": plan.throttle,
        "quota": plan.quota,
        "productCode": plan.product_code,
        "tags": (always_tags || !plan.tags.is_empty()).then_some(&plan.tags),
    })
}

fn check(plan: &UsagePlan) -> Result<(), ServiceError> {
    let throttles = plan.api_stages.iter().flat_map(|stage| stage.throttle.values()).chain(&plan.throttle);
    for throttle in throttles {
        if throttle.burst_limit < 0 || !throttle.rate_limit.is_finite() || throttle.rate_limit < 0.0 {
            return Err(bad_request("Usage Plan throttle limits must not be negative"));
        }
    }
    let Some(quota) = &plan.quota else { return Ok(()) };
    if quota.limit < 1 {
        return Err(bad_request("Usage Plan quota limit must be a positive integer"));
    }
    let (most, text) = match quota.period.as_str() {
        "DAY" => (0, "Usage Plan quota offset must be zero in the DAY period"),
        "WEEK" => (6, "Usage Plan quota offset must be between zero and six inclusive in the WEEK period"),
        "MONTH" => (27, "Usage Plan quota offset must be between zero and 27 inclusive in the MONTH period"),
        _ => {
            return Err(bad_request(
                "Invalid Usage Plan quota period specified. Valid options are DAY,WEEK,MONTH",
            ));
        }
    };
    if (0..=most).contains(&quota.offset) { Ok(()) } else { Err(bad_request(text)) }
}

fn has_stage(state: &State, scope: &Scope, api: &str, stage: &str) -> bool {
    let Some(live) = state.apis.live_in(scope, api) else { return false };
    match &live.kind {
        Kind::Rest(_) => state.apis.rest_stages.get(&live.child(stage)).is_some(),
        Kind::Socket(_) => state.apis.http_stages.get(&live.child(stage)).is_some(),
        // HTTP APIs have no keys.
        Kind::Http(_) => false,
    }
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    if input.name.is_empty() {
        return Err(bad_request("Usage Plan name cannot be empty"));
    }
    for stage in &input.api_stages {
        if !has_stage(state, &ctx.scope, &stage.api_id, &stage.stage) {
            return Err(not_found(format!("API Stage not found: {}:{}", stage.api_id, stage.stage)));
        }
    }
    let plan = UsagePlan {
        sequence: state.apis.sequence(),
        id: id::random(6),
        name: input.name,
        description: input.description,
        api_stages: input.api_stages,
        throttle: input.throttle,
        quota: input.quota,
        product_code: None,
        tags: input.tags,
    };
    check(&plan)?;
    let plan = state.metering.put_plan(&ctx.scope, plan).await.map_err(storage)?;
    Ok(Output::of(render(&plan, false)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPlan = members::read(input)?;
    Ok(Output::of(render(&*find(state, &ctx.scope, &input.usage_plan_id)?, true)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    if let Some(key) = &input.key_id {
        let all = state.metering.plans_of(key).into_iter();
        let found: Vec<_> = all.filter_map(|id| state.metering.plan(&ctx.scope, &id)).collect();
        return Ok(listing(found.iter().map(|plan| render(plan, false)).collect(), None));
    }
    let limit = super::limit(input.limit);
    let after = input.position.as_deref().and_then(|id| state.metering.plan(&ctx.scope, id));
    let after = after.map(|plan| place(&ctx.scope, plan.sequence));
    let mut found = state.metering.plans.page(&scope_key(&ctx.scope), after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|plan| plan.id.clone());
    Ok(listing(found.iter().map(|plan| render(plan, false)).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPlan = members::read(input)?;
    let mut plan = UsagePlan::clone(&*find(state, &ctx.scope, &input.usage_plan_id)?);
    for patch in &input.patch_operations {
        change(state, &ctx.scope, &mut plan, patch)?;
    }
    check(&plan)?;
    let plan = state.metering.put_plan(&ctx.scope, plan).await.map_err(storage)?;
    Ok(Output::of(render(&plan, true)))
}

fn change(state: &State, scope: &Scope, plan: &mut UsagePlan, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let sets = patch.sets()?;
    let number = || {
        patch.value().parse::<i64>().map_err(|_| bad_request(format!("Invalid number: {}", patch.value())))
    };
    match segments.as_slice() {
        ["name"] => {
            patch.only_replace()?;
            plan.name = patch.value();
        }
        ["description"] => plan.description = sets.then(|| patch.value()),
        ["productCode"] => plan.product_code = sets.then(|| patch.value()),
        ["throttle"] if !sets => plan.throttle = None,
        ["throttle", limit] => set_limit(plan.throttle.get_or_insert_default(), limit, patch)?,
        ["quota"] if !sets => plan.quota = None,
        ["quota", "limit"] => plan.quota.get_or_insert_default().limit = number()?,
        ["quota", "offset"] => plan.quota.get_or_insert_default().offset = number()?,
        ["quota", "period"] => plan.quota.get_or_insert_default().period = patch.value(),
        ["apiStages"] => change_stage(state, scope, plan, patch, sets)?,
        ["apiStages", named, "throttle", rest @ ..] => {
            let (api, stage) = split_stage(named)?;
            let at = plan.api_stages.iter().position(|known| known.api_id == api && known.stage == stage);
            let stage = &mut plan.api_stages[at.ok_or_else(|| bad_request("Invalid API Stage specified"))?];
            match rest {
                [] if !sets => stage.throttle.clear(),
                // A method's limits go together.
                [.., "burstLimit" | "rateLimit"] if !sets => return Err(patch.invalid_path()),
                // A path's slashes may stand as they are: so Terraform has them.
                [_, .., _] if !sets => {
                    stage.throttle.remove(&rest.join("/"));
                }
                [method @ .., limit] if sets && method.len() > 1 => {
                    set_limit(stage.throttle.entry(method.join("/")).or_default(), limit, patch)?;
                }
                _ => return Err(patch.invalid_path()),
            }
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

fn set_limit(throttle: &mut Throttle, limit: &str, patch: &Patch) -> Result<(), ServiceError> {
    let invalid = |_| bad_request(format!("Invalid number: {}", patch.value()));
    match limit {
        "burstLimit" => throttle.burst_limit = patch.value().parse().map_err(|_| invalid(()))?,
        "rateLimit" => throttle.rate_limit = patch.value().parse().map_err(|_| invalid(()))?,
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

fn split_stage(text: &str) -> Result<(&str, &str), ServiceError> {
    text.split_once(':').ok_or_else(|| bad_request("Invalid API Stage specified"))
}

fn change_stage(
    state: &State,
    scope: &Scope,
    plan: &mut UsagePlan,
    patch: &Patch,
    sets: bool,
) -> Result<(), ServiceError> {
    let value = patch.value();
    let (api, stage) = split_stage(&value)?;
    let of_plan = |known: &ApiStage| known.api_id == api && known.stage == stage;
    let is_known =
        if sets { has_stage(state, scope, api, stage) } else { plan.api_stages.iter().any(of_plan) };
    if !is_known {
        return Err(not_found(format!(
            "Invalid API Stage {{api: {api}, stage: {stage}}} specified for usageplan {}",
            plan.id
        )));
    }
    plan.api_stages.retain(|known| !of_plan(known));
    if sets {
        plan.api_stages.push(ApiStage {
            api_id: api.to_owned(),
            stage: stage.to_owned(),
            throttle: std::collections::BTreeMap::new(),
        });
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPlan = members::read(input)?;
    let plan = find(state, &ctx.scope, &input.usage_plan_id)?;
    // Stages that are gone hold nothing.
    let known =
        plan.api_stages.iter().filter(|known| has_stage(state, &ctx.scope, &known.api_id, &known.stage));
    let known: Vec<String> = known.map(|known| format!("{}:{}", known.api_id, known.stage)).collect();
    if !known.is_empty() {
        return Err(bad_request(format!(
            "Cannot delete Usage Plan {} because there are API Stages associated with it, including {}",
            plan.id,
            known.join(", ")
        )));
    }
    state.metering.remove_plan(&ctx.scope, &plan).await.map_err(storage)?;
    Ok(Output::empty())
}
