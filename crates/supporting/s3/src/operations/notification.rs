//! PutBucketNotificationConfiguration, GetBucketNotificationConfiguration: which events of a bucket's objects go where.

use std::sync::Arc;

use aws_wire::{Arn, ServiceError};
use runtime::{CallContext, Output, new_request_id};
use serde_json::{Map, Value, json};
use store::Key;

use super::text;
use crate::{
    State,
    notify::{self, Destination, Rule},
    record::Bucket,
    storage,
};

/// A kind of destination: its list, the member that names it, and what the ARN is of.
struct Kind {
    list: &'static str,
    member: &'static str,
    destination: Destination,
}

const KINDS: &[Kind] = &[
    Kind { list: "TopicConfigurations", member: "TopicArn", destination: Destination::Topic },
    Kind { list: "QueueConfigurations", member: "QueueArn", destination: Destination::Queue },
    Kind {
        list: "LambdaFunctionConfigurations",
        member: "LambdaFunctionArn",
        destination: Destination::Function,
    },
];

/// Families of events, and their members. Those that only S3's other features cause never happen here.
const EVENTS: &[(&str, &[&str])] = &[
    ("s3:IntelligentTiering", &[]),
    ("s3:LifecycleExpiration", &["Delete", "DeleteMarkerCreated"]),
    ("s3:LifecycleTransition", &[]),
    ("s3:ObjectAcl", &["Put"]),
    ("s3:ObjectAnnotation", &["Delete", "Put"]),
    ("s3:ObjectCreated", &["CompleteMultipartUpload", "Copy", "Post", "Put"]),
    ("s3:ObjectRemoved", &["Delete", "DeleteMarkerCreated"]),
    ("s3:ObjectRetention", &["Put"]),
    ("s3:ObjectRestore", &["Completed", "Delete", "Post"]),
    ("s3:ObjectTagging", &["Delete", "Put"]),
    ("s3:ReducedRedundancyLostObject", &[]),
    (
        "s3:Replication",
        &[
            "OperationFailedReplication",
            "OperationMissedThreshold",
            "OperationNotTracked",
            "OperationReplicatedAfterThreshold",
        ],
    ),
];

/// AWS's quota of configurations for a bucket.
const MOST: usize = 100;

fn invalid(message: impl Into<String>, name: &str, value: &str) -> ServiceError {
    ServiceError::bad_request("InvalidArgument", message)
        .with_field("ArgumentName", name)
        .with_field("ArgumentValue", value)
}

fn is_event(event: &str) -> bool {
    EVENTS.iter().any(|(family, members)| match event.strip_prefix(family) {
        Some("") => members.is_empty(),
        // A family of one has no name for all of it.
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|rest| members.contains(&rest) || rest == "*" && members.len() > 1),
        None => false,
    })
}

pub(super) async fn put(
    state: &Arc<State>,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<Output, ServiceError> {
    let name = text(members, "Bucket");
    let bucket = state.bucket(name)?;
    let given = members
        .get("NotificationConfiguration")
        .ok_or_else(|| ServiceError::bad_request("MissingRequestBodyError", "Request Body is empty"))?;
    if !given.is_object() {
        return Err(super::malformed());
    }
    if given.get("EventBridgeConfiguration").is_some() {
        return Err(ServiceError::not_implemented(
            "Tule does not send S3's events to EventBridge yet (EventBridgeConfiguration)",
        ));
    }
    let mut rules = Vec::new();
    for kind in KINDS {
        for entry in items(given.get(kind.list))? {
            rules.push(rule(kind, entry, &bucket)?);
        }
    }
    if rules.len() > MOST {
        let message = format!("A bucket has at most {MOST} event notifications");
        return Err(ServiceError::bad_request("TooManyConfigurations", message));
    }
    check_together(&rules)?;
    if members.get("SkipDestinationValidation") != Some(&Value::Bool(true)) {
        try_out(state, ctx, name, &rules).await?;
    }
    let _there = state.emptying.read().await;
    let _turn = state.keys.turn(&Key::new().text(name)).await;
    let changed = Bucket { notifications: rules, ..Bucket::clone(&*state.bucket(name)?) };
    state.buckets.put(Key::new().text(name), changed).await.map_err(storage)?;
    Ok(Output::empty())
}

/// Refuses destinations that cannot be reached, all of them at once and with numbers, as AWS tells them.
async fn try_out(
    state: &Arc<State>,
    ctx: &CallContext,
    bucket: &str,
    rules: &[Rule],
) -> Result<(), ServiceError> {
    let mut missing = Vec::new();
    for rule in rules {
        if let Err(reason) = notify::try_out(state, ctx, bucket, rule).await {
            missing.push((&rule.arn, reason));
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let message = "Unable to validate the following destination configurations";
    let refused = ServiceError::bad_request("InvalidArgument", message);
    Err(missing.iter().zip(1..).fold(refused, |refused, ((arn, reason), at)| {
        let refused = refused.with_field(&format!("ArgumentName{at}"), arn.as_str());
        refused.with_field(&format!("ArgumentValue{at}"), *reason)
    }))
}

fn rule(kind: &Kind, entry: &Value, bucket: &Bucket) -> Result<Rule, ServiceError> {
    let arn = entry.get(kind.member).and_then(Value::as_str).unwrap_or_default();
    let parsed: Option<Arn> = arn.parse().ok();
    let parsed = parsed.filter(|parsed| parsed.service == kind.destination.service());
    let parsed = parsed.ok_or_else(|| invalid("The ARN could not be parsed", "ARN", arn))?;
    if parsed.region != bucket.region {
        let message =
            "The notification destination service region is not valid for the bucket location constraint";
        return Err(invalid(message, "ARN", arn));
    }
    let events = events(entry)?;
    let id = entry.get("Id").and_then(Value::as_str).filter(|id| !id.is_empty());
    let mut rule = Rule {
        id: id.map_or_else(|| new_request_id().to_string(), str::to_owned),
        destination: kind.destination,
        arn: arn.to_owned(),
        events,
        prefix: None,
        suffix: None,
    };
    for filter in items(entry.pointer("/Filter/Key/FilterRules"))? {
        let member = |name: &str| filter.get(name).and_then(Value::as_str).unwrap_or_default();
        let name = member("Name").to_ascii_lowercase();
        let place = match name.as_str() {
            "prefix" => &mut rule.prefix,
            "suffix" => &mut rule.suffix,
            _ => {
                let message = "filter rule name must be either prefix or suffix";
                return Err(invalid(message, "FilterRule.Name", member("Name")));
            }
        };
        if place.replace(member("Value").to_owned()).is_some() {
            let message = format!("Cannot specify more than one {name} rule in a filter.");
            return Err(invalid(message, "FilterRule.Name", member("Name")));
        }
    }
    Ok(rule)
}

/// The items of a list, which may be left out. A workflow may say what no XML could.
fn items(list: Option<&Value>) -> Result<&[Value], ServiceError> {
    match list {
        None | Some(Value::Null) => Ok(&[]),
        Some(list) => list.as_array().map(Vec::as_slice).ok_or_else(super::malformed),
    }
}

/// The events that a configuration names, each once.
fn events(entry: &Value) -> Result<Vec<String>, ServiceError> {
    let named = items(entry.get("Events"))?.iter();
    let mut events: Vec<String> = Vec::new();
    for event in named.filter_map(Value::as_str) {
        if !is_event(event) {
            let message = format!("The event '{event}' is not supported for notifications");
            return Err(invalid(message, "Event", event));
        }
        if !events.iter().any(|known| known == event) {
            events.push(event.to_owned());
        }
    }
    if events.is_empty() {
        return Err(super::malformed());
    }
    Ok(events)
}

/// Each event of an object goes to one destination, and ids tell configurations apart.
fn check_together(rules: &[Rule]) -> Result<(), ServiceError> {
    for (at, one) in rules.iter().enumerate() {
        for other in &rules[at + 1..] {
            if one.id == other.id {
                let message = "Same ID used for multiple configurations. IDs must be unique";
                return Err(invalid(message, "Id", &one.id));
            }
            let common = one
                .events
                .iter()
                .find(|event| other.events.iter().any(|theirs| notify::share(event, theirs)));
            let Some(event) = common.filter(|_| one.overlaps(other)) else { continue };
            let message = if one.has_filter() && other.has_filter() {
                "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules if the prefixes are \
                 overlapping for the same event type."
            } else {
                "Configurations overlap. Configurations on the same bucket cannot share a common event type."
            };
            return Err(invalid(message, "Event", event));
        }
    }
    Ok(())
}

pub(super) fn get(state: &Arc<State>, members: &Map<String, Value>) -> Result<Output, ServiceError> {
    let bucket = state.bucket(text(members, "Bucket"))?;
    let mut shown = Map::new();
    for kind in KINDS {
        let of_kind = bucket.notifications.iter().filter(|rule| rule.destination == kind.destination);
        let entries: Vec<Value> = of_kind.map(|rule| entry(kind, rule)).collect();
        if !entries.is_empty() {
            shown.insert(kind.list.to_owned(), Value::Array(entries));
        }
    }
    Ok(Output { members: shown, ..Output::default() })
}

fn entry(kind: &Kind, rule: &Rule) -> Value {
    let mut entry = json!({ "Id": rule.id, "Events": rule.events });
    entry[kind.member] = json!(rule.arn);
    let filters = [("Prefix", &rule.prefix), ("Suffix", &rule.suffix)];
    let filters =
        filters.iter().filter_map(|(name, value)| Some(json!({ "Name": name, "Value": value.as_ref()? })));
    let filters: Vec<Value> = filters.collect();
    if !filters.is_empty() {
        entry["Filter"] = json!({ "Key": { "FilterRules": filters } });
    }
    entry
}
