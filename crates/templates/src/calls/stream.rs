//! `AWS::Kinesis::Stream`, made at the endpoint that serves Kinesis.

use serde_json::{Value, json};

use super::{
    Call, Follow, Named,
    fields::{
        Field,
        Shape::{Number, One, Tags, Text},
        members, same,
    },
    saved,
};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] =
    &["Name", "RetentionPeriodHours", "ShardCount", "StreamEncryption", "StreamModeDetails", "Tags"];

const STREAM: &[Field] = &[
    same("Name", Text),
    same("RetentionPeriodHours", Number),
    same("ShardCount", Number),
    same("StreamEncryption", One(&[same("EncryptionType", Text), same("KeyId", Text)])),
    same("StreamModeDetails", One(&[same("StreamMode", Text)])),
    same("Tags", Tags),
];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let given = members(STREAM, resource.properties, &[], &place)?;
    let name = resource.name("Name");
    let mut create = json!({ "StreamName": name });
    let mut wanted = create.clone();
    for member in ["ShardCount", "StreamModeDetails"] {
        if let Some(value) = given.get(member) {
            create[member] = value.clone();
            wanted[member] = value.clone();
        }
    }
    if let Some(hours) = given.get("RetentionPeriodHours") {
        wanted["RetentionPeriodHours"] = hours.clone();
    }
    let mut calls = vec![
        Call::new("kinesis", "CreateStream", create).or_if("ResourceInUseException", Vec::new()),
        described(&name).then(Follow::ChangeStream(wanted)),
    ];
    if let Some(encryption) = given.get("StreamEncryption") {
        let mut members = encryption.clone();
        members["StreamName"] = Value::from(name.as_str());
        let start = Call::new("kinesis", "StartStreamEncryption", members);
        calls.extend([start.or_without("records are not encrypted"), described(&name)]);
    }
    if let Some(tags) = given.get("Tags") {
        let members = json!({ "StreamName": name, "Tags": tags });
        calls.push(Call::new("kinesis", "AddTagsToStream", members).or_without("the stream has no tags"));
    }
    Ok(calls)
}

/// `DescribeStreamSummary`, until nothing about the stream changes any more.
fn described(name: &str) -> Call {
    let describe = Call::new("kinesis", "DescribeStreamSummary", json!({ "StreamName": name }));
    let active = describe.until("/StreamDescriptionSummary/StreamStatus", "ACTIVE");
    active.saving(&[("arn", "/StreamDescriptionSummary/StreamARN")])
}

/// The calls that make the stream of `DescribeStreamSummary`'s answer what is wanted of it.
pub(super) fn change(wanted: &Value, answer: &Value) -> Vec<Call> {
    let found = answer.get("StreamDescriptionSummary").unwrap_or(&Value::Null);
    let name = wanted.get("StreamName").and_then(Value::as_str).unwrap_or_default();
    let mut calls = Vec::new();
    let mut change = |operation, members| {
        calls.extend([Call::new("kinesis", operation, members), described(name)]);
    };
    let mode = |of: &Value| of.pointer("/StreamModeDetails/StreamMode").cloned();
    if let (Some(ours), Some(theirs)) = (mode(wanted), mode(found))
        && ours != theirs
    {
        let members =
            json!({ "StreamARN": saved("arn"), "StreamModeDetails": wanted.get("StreamModeDetails") });
        change("UpdateStreamMode", members);
    }
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_i64);
    if let (Some(ours), Some(theirs)) = (number(wanted, "ShardCount"), number(found, "OpenShardCount"))
        && ours != theirs
    {
        let members =
            json!({ "StreamName": name, "TargetShardCount": ours, "ScalingType": "UNIFORM_SCALING" });
        change("UpdateShardCount", members);
    }
    if let (Some(ours), Some(theirs)) =
        (number(wanted, "RetentionPeriodHours"), number(found, "RetentionPeriodHours"))
        && ours != theirs
    {
        let operation =
            if ours > theirs { "IncreaseStreamRetentionPeriod" } else { "DecreaseStreamRetentionPeriod" };
        change(operation, json!({ "StreamName": name, "RetentionPeriodHours": ours }));
    }
    calls
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_otherwise_is_changed() {
        let wanted = json!({ "StreamName": "s", "ShardCount": 2, "RetentionPeriodHours": 48 });
        let found = |shards: i64, hours: i64| {
            let summary = json!({ "OpenShardCount": shards, "RetentionPeriodHours": hours });
            json!({ "StreamDescriptionSummary": summary })
        };
        let operations = |answer: Value| -> Vec<&str> {
            let calls = change(&wanted, &answer);
            calls.iter().map(|call| call.operation).filter(|it| *it != "DescribeStreamSummary").collect()
        };
        assert_eq!(operations(found(2, 48)), [] as [&str; 0]);
        assert_eq!(operations(found(1, 24)), ["UpdateShardCount", "IncreaseStreamRetentionPeriod"]);
        assert_eq!(operations(found(2, 72)), ["DecreaseStreamRetentionPeriod"]);
    }
}
