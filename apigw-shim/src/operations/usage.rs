//! GetUsage, UpdateUsage: what keys have used of a plan, by days.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::Key;

use super::{page, usage_plan::no_plan};
use crate::{
    State,
    error::{bad_request, not_found, storage},
    members,
    metering::{
        UsagePlan,
        limits::{day_of, parse_day, window},
    },
    patch::Patch,
};

/// The most days that one answer has.
const MOST_DAYS: i64 = 366;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Get {
    usage_plan_id: String,
    key_id: Option<String>,
    start_date: String,
    end_date: String,
    position: Option<String>,
    limit: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Update {
    usage_plan_id: String,
    key_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

/// Used and remaining, for each day.
fn days(state: &State, plan: &UsagePlan, key: &str, first: i64, last: i64) -> Value {
    let used = state.metering.used(&plan.id, key);
    (first..=last)
        .map(|day| {
            let count = used.days.get(&day).copied().unwrap_or(0);
            let remaining = plan.quota.as_ref().map_or(i64::MAX, |quota| used.remaining(quota, day));
            json!([count, remaining])
        })
        .collect()
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Get = members::read(input)?;
    let plan = state.metering.plan(&ctx.scope, &input.usage_plan_id).ok_or_else(no_plan)?;
    let day = |text: &str| {
        parse_day(text)
            .ok_or_else(|| bad_request(format!("Invalid date specified: {text}. Must be YYYY-MM-DD")))
    };
    let (first, last) = (day(&input.start_date)?, day(&input.end_date)?);
    if last < first || last - first >= MOST_DAYS {
        return Err(bad_request(
            "Invalid date range specified. The end date must not be before the start date",
        ));
    }
    let all = state.metering.plan_keys.page(&Key::new().text(&plan.id), None, usize::MAX);
    let ids: Vec<String> = all.iter().map(|record| record.key.clone()).collect();
    let wanted: Vec<String> =
        ids.into_iter().filter(|id| input.key_id.as_ref().is_none_or(|key| key == id)).collect();
    let (found, position) = page(wanted, input.limit, input.position.as_deref(), |id| id);
    let values: Map<String, Value> =
        found.into_iter().map(|id| (id.clone(), days(state, &plan, &id, first, last))).collect();
    Ok(Output::of(json!({
        "usagePlanId": plan.id,
        "startDate": input.start_date,
        "endDate": input.end_date,
        "items": values,
        "position": position,
    })))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Update = members::read(input)?;
    let plan = state.metering.plan(&ctx.scope, &input.usage_plan_id).ok_or_else(no_plan)?;
    let is_of_plan = state.metering.plan_key(&plan.id, &input.key_id).is_some();
    if !is_of_plan {
        return Err(not_found(format!("Usage Plan {} does not contain the specified key", plan.id)));
    }
    let Some(quota) = &plan.quota else {
        return Err(bad_request(format!("Usage Plan {} has no quota", plan.id)));
    };
    let now = state.clock.now();
    let today = day_of(now);
    let mut used = state.metering.used(&plan.id, &input.key_id);
    for patch in &input.patch_operations {
        if patch.path != "/remaining" {
            return Err(patch.invalid_path());
        }
        patch.only_replace()?;
        let wanted: i64 =
            patch.value().parse().map_err(|_| bad_request("Invalid remaining quota specified"))?;
        used.granted = None;
        let granted = wanted.saturating_sub(used.remaining(quota, today));
        used.granted = Some((window(quota, today), granted));
    }
    state.metering.set_used(&plan.id, &input.key_id, used).await.map_err(storage)?;
    let date = now.rfc3339()[..10].to_owned();
    let items = json!({ &*input.key_id: days(state, &plan, &input.key_id, today, today) });
    Ok(Output::of(json!({"usagePlanId": plan.id, "startDate": date, "endDate": date, "items": items})))
}
