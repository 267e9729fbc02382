//! Tags of topics: kept and shown.

use std::collections::BTreeMap;

use runtime::Output;
use serde_json::{Value, json};

use crate::{Answer, Members, State, storage, text, topic};

/// The tags of a request.
pub(crate) fn of(members: &Members) -> BTreeMap<String, String> {
    let tags = members.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let member =
        |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    tags.map(|tag| (member(tag, "Key"), member(tag, "Value"))).collect()
}

pub(crate) fn list(state: &State, members: &Members) -> Answer {
    let topic = topic::by_arn(state, text(members, "ResourceArn"), "ResourceArn")?;
    let tags: Vec<Value> =
        topic.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
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
    let arn = text(members, "ResourceArn");
    let found = topic::by_arn(state, arn, "ResourceArn")?;
    let _turn = state.changing.turn(&found.key()).await;
    let mut topic = (*topic::by_arn(state, arn, "ResourceArn")?).clone();
    change(&mut topic.tags);
    state.topics.put(topic.key(), topic).await.map_err(storage)?;
    Ok(Output::empty())
}
