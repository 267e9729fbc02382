//! `UsagePlan` of an API's `Auth`: a plan with a key, for one API or for all that share it.

use serde_json::{Map, Value, json};

use super::super::{
    Made,
    intrinsic::{plain_map, reference, said},
};
use super::refuse;
use crate::Refusals;

/// Properties of the plan under the same name.
const OF_PLAN: &[&str] = &["Description", "Quota", "Tags", "Throttle", "UsagePlanName"];

/// The ids of the resources that all APIs share.
const SHARED: (&str, &str, &str) = ("ServerlessUsagePlan", "ServerlessApiKey", "ServerlessUsagePlanKey");

pub(super) fn make(
    api: &str,
    stage: &str,
    given: &Value,
    made: &mut Made,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(given) = plain_map(given) else {
        refusals.add(place, "a usage plan is a map");
        return;
    };
    let known = |name: &str| name == "CreateUsagePlan" || OF_PLAN.contains(&name);
    given.keys().filter(|name| !known(name)).for_each(|name| refuse(refusals, place, name));
    let Some((plan, key, link)) = ids(api, given, place, refusals) else { return };
    let in_plan = json!({ "ApiId": reference(api), "Stage": reference(stage) });
    let of_key = json!({ "RestApiId": reference(api), "StageName": reference(stage) });
    // What an API before this one shares already.
    let before = |id: &str, pointer: &str| -> Vec<Value> {
        let found = made.get(id).and_then(|resource| resource.pointer(pointer)).and_then(Value::as_array);
        found.cloned().unwrap_or_default()
    };
    let with = |mut listed: Vec<Value>, item: Value| -> Vec<Value> {
        if !listed.contains(&item) {
            listed.push(item);
        }
        listed
    };
    let apis = with(before(&plan, "/DependsOn"), Value::from(api));
    let stages = with(before(&plan, "/Properties/ApiStages"), in_plan);
    let keys = with(before(&key, "/Properties/StageKeys"), of_key);
    // The first of those that share a plan says how it is, unless a later one says otherwise.
    let mut properties: Map<String, Value> = OF_PLAN
        .iter()
        .filter_map(|name| {
            let before = made.get(&plan).and_then(|plan| plan.pointer(&format!("/Properties/{name}")));
            Some(((*name).to_owned(), said(given, name).or(before)?.clone()))
        })
        .collect();
    properties.insert("ApiStages".to_owned(), Value::Array(stages));
    let is_shared = plan == SHARED.0;
    let mut insert = |id: &str, kind: &str, depends_on: Value, properties: Value| {
        let resource = json!({ "Type": kind, "DependsOn": depends_on, "Properties": properties });
        match is_shared {
            true => made.replace(id.to_owned(), resource),
            false => made.insert(id.to_owned(), resource),
        }
    };
    insert(&plan, "AWS::ApiGateway::UsagePlan", Value::Array(apis), Value::Object(properties));
    let of_key = json!({ "Enabled": true, "StageKeys": keys });
    insert(&key, "AWS::ApiGateway::ApiKey", json!([plan]), of_key);
    let of_link = json!({ "KeyId": reference(&key), "KeyType": "API_KEY", "UsagePlanId": reference(&plan) });
    insert(&link, "AWS::ApiGateway::UsagePlanKey", json!([key]), of_link);
}

/// The ids of the plan, its key, and the link of the two, where there is to be a plan.
fn ids(
    api: &str,
    given: &Map<String, Value>,
    place: &str,
    refusals: &mut Refusals,
) -> Option<(String, String, String)> {
    let own = (format!("{api}UsagePlan"), format!("{api}ApiKey"), format!("{api}UsagePlanKey"));
    match given.get("CreateUsagePlan").and_then(Value::as_str) {
        Some("NONE") => None,
        Some("PER_API") => Some(own),
        Some("SHARED") => Some((SHARED.0.to_owned(), SHARED.1.to_owned(), SHARED.2.to_owned())),
        _ => {
            refusals.add(format!("{place}.CreateUsagePlan"), "this is one of SHARED, PER_API and NONE");
            None
        }
    }
}
