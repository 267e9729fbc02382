//! Events of S3: the function is named in the notification configuration of a bucket of the same template, which may
//! stand anywhere in it.

use serde_json::{Map, Value, json};

use super::{
    Work,
    intrinsic::{map_entries, reference, said, slot},
};
use crate::Refusals;

const KNOWN: &[&str] = &["Bucket", "Events", "Filter"];

pub(super) fn is_bucket(event: &Value) -> bool {
    event.get("Type").is_some_and(|kind| kind == "S3")
}

/// What a bucket is to tell a function.
pub(super) struct Notified {
    /// The bucket's id.
    bucket: String,
    /// The id of what lets S3 invoke the function: the bucket comes after it.
    permission: String,
    /// Entries of `LambdaConfigurations`.
    configurations: Vec<Value>,
    place: String,
}

/// Adds the permission, and notes what the bucket is to tell. `arn` is the function's.
pub(super) fn make(
    permission: String,
    event: &Value,
    (function, arn): (Value, Value),
    beside: &Map<String, Value>,
    place: &str,
    work: &mut Work<'_>,
) {
    let place = format!("{place}.Properties");
    let given: Map<String, Value> =
        map_entries(event.get("Properties"), &place, &mut work.refusals).map(super::cloned).collect();
    for name in given.keys().filter(|name| !KNOWN.contains(&name.as_str())) {
        work.refusals.add(format!("{place}.{name}"), "Tule does not apply this property of S3 events yet");
    }
    let bucket = said(&given, "Bucket").and_then(|bucket| bucket.get("Ref")).and_then(Value::as_str);
    let Some(bucket) = bucket.map(str::to_owned) else {
        work.refusals.add(place, "S3 events must reference an S3 bucket in the same template.");
        return;
    };
    let events = match said(&given, "Events") {
        Some(Value::Array(events)) => events.clone(),
        Some(event) => vec![event.clone()],
        None => {
            work.refusals.add(place, "Missing required property 'Events'.");
            return;
        }
    };
    let configurations = events.into_iter().map(|event| {
        let mut made = json!({ "Function": arn, "Event": event });
        if let Some(filter) = said(&given, "Filter") {
            made["Filter"] = filter.clone();
        }
        made
    });
    let configurations = configurations.collect();
    let permitted = json!({
        "Action": "lambda:InvokeFunction",
        "FunctionName": function,
        "Principal": "s3.amazonaws.com",
        "SourceAccount": reference("AWS::AccountId"),
    });
    let permitted = permitted.as_object().cloned().unwrap_or_default();
    work.made.add(&permission, "AWS::Lambda::Permission", permitted, beside);
    work.notified.push(Notified { bucket, permission, configurations, place });
}

/// Writes what was noted into the buckets, once all of them are there.
pub(super) fn finish(notified: Vec<Notified>, resources: &mut Map<String, Value>, refusals: &mut Refusals) {
    for Notified { bucket, permission, configurations, place } in notified {
        let found = resources.get_mut(&bucket);
        let found = found.filter(|it| it.get("Type").is_some_and(|kind| kind == "AWS::S3::Bucket"));
        let Some(found) = found else {
            refusals.add(place, "S3 events must reference an S3 bucket in the same template.");
            continue;
        };
        let before = slot(found, &["DependsOn"]);
        let mut needed = match before.take() {
            Value::Array(ids) => ids,
            Value::Null => Vec::new(),
            id => vec![id],
        };
        let permission = Value::from(permission);
        if !needed.contains(&permission) {
            needed.push(permission);
            // The real transform makes a set of them.
            needed.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
        }
        *before = Value::Array(needed);
        let list = slot(found, &["Properties", "NotificationConfiguration", "LambdaConfigurations"]);
        if list.is_null() {
            *list = json!([]);
        }
        match list {
            Value::Array(list) => {
                for configuration in configurations {
                    if !list.contains(&configuration) {
                        list.push(configuration);
                    }
                }
            }
            _ => refusals.add(
                format!("Resources.{bucket}.Properties.NotificationConfiguration.LambdaConfigurations"),
                "Invalid type for LambdaConfigurations. Must be a list.",
            ),
        }
    }
}
