//! Tags of buses and rules: kept and shown.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{Output, Scope};
use serde_json::{Value, json};

use crate::{Answer, Members, State, bus::Place, not_found, storage, text};

/// The tags of a request.
pub(crate) fn of(members: &Members) -> BTreeMap<String, String> {
    let tags = members.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let member =
        |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    tags.map(|tag| (member(tag, "Key"), member(tag, "Value"))).collect()
}

/// What an ARN of a request names: a bus, and one of its rules.
fn resource(members: &Members) -> Result<(Place, Option<String>), ServiceError> {
    let text = text(members, "ResourceARN");
    let arn: aws_wire::Arn = text.parse().map_err(|_| not_found(text))?;
    let scope = Scope::new(&arn.account, &arn.region);
    if let Some(name) = arn.resource.strip_prefix("event-bus/") {
        return Ok((Place { scope, name: name.to_owned() }, None));
    }
    let rule = arn.resource.strip_prefix("rule/").ok_or_else(|| not_found(text))?;
    let (bus, rule) = rule.split_once('/').unwrap_or((crate::bus::DEFAULT, rule));
    Ok((Place { scope, name: bus.to_owned() }, Some(rule.to_owned())))
}

pub(crate) fn list(state: &State, members: &Members) -> Answer {
    let (place, rule) = resource(members)?;
    let tags = match rule {
        Some(rule) => {
            let found = state.rules.get(&place.key().text(&rule));
            found.ok_or_else(|| not_found(format!("Rule {rule}")))?.tags.clone()
        }
        None => state.buses.get(&place.key()).map(|bus| bus.tags.clone()).unwrap_or_default(),
    };
    let tags: Vec<Value> = tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    Ok(Output::of(json!({ "Tags": tags })))
}

pub(crate) async fn add(state: &State, members: &Members) -> Answer {
    change(state, members, |tags| tags.extend(of(members))).await
}

pub(crate) async fn remove(state: &State, members: &Members) -> Answer {
    let keys = members.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    change(state, members, |tags| tags.retain(|key, _| !keys.iter().any(|gone| gone == key))).await
}

async fn change(
    state: &State,
    members: &Members,
    change: impl FnOnce(&mut BTreeMap<String, String>),
) -> Answer {
    let (place, rule) = resource(members)?;
    let key = rule.as_ref().map_or_else(|| place.key(), |rule| place.key().text(rule));
    let _turn = state.changing.turn(&key).await;
    if let Some(name) = rule {
        let found = state.rules.get(&key).ok_or_else(|| not_found(format!("Rule {name}")))?;
        let mut rule = (*found).clone();
        change(&mut rule.tags);
        state.rules.put(key, rule).await.map_err(storage)?;
    } else {
        let found = state.buses.get(&key).ok_or_else(|| not_found(format!("Event bus {}", place.name)))?;
        let mut bus = (*found).clone();
        change(&mut bus.tags);
        state.buses.put(key, bus).await.map_err(storage)?;
    }
    Ok(Output::empty())
}
