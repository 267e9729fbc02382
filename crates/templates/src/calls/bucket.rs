//! `AWS::S3::Bucket`, as far as Tule's S3 does what its properties say.

use serde_json::{Map, Value, json};

use super::{Call, Named, Reply, pseudo};
use crate::{Known, Refusals, plan::Resource};

pub(super) const PROPERTIES: &[&str] = &[
    "AccessControl",
    "BucketEncryption",
    "BucketName",
    "NotificationConfiguration",
    "OwnershipControls",
    "PublicAccessBlockConfiguration",
    "Tags",
    "VersioningConfiguration",
];

const NOBODY_DECIDES: &str = "who may use a bucket is not decided here: this is left out";

/// Properties without an effect that a program on this machine could tell, and why.
pub(super) const UNFELT: &[(&str, &str)] = &[
    ("AccessControl", NOBODY_DECIDES),
    (
        "BucketEncryption",
        "nothing is encrypted on this machine: objects say AES256 unless they are put otherwise",
    ),
    ("OwnershipControls", NOBODY_DECIDES),
    ("PublicAccessBlockConfiguration", NOBODY_DECIDES),
    ("Tags", "buckets have no tags here: these are left out"),
];

/// Policies are not evaluated, and buckets keep none.
pub(super) const POLICY: &[&str] = &["Bucket", "PolicyDocument"];

/// The lists of a notification configuration: their properties, the member that they become, and what each names.
const NOTIFICATIONS: &[(&str, &str, &str, &str)] = &[
    ("LambdaConfigurations", "LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    ("QueueConfigurations", "QueueConfigurations", "Queue", "QueueArn"),
    ("TopicConfigurations", "TopicConfigurations", "Topic", "TopicArn"),
];

/// What Tule does not know of notifications is refused by name.
fn check_notifications(resource: &Resource, refusals: &mut Refusals) {
    let place = format!("Resources.{}.Properties.NotificationConfiguration", resource.id);
    let Some(given) = resource.properties.get("NotificationConfiguration").and_then(Value::as_object) else {
        return;
    };
    let unknown = |name: &str, place: &str, refusals: &mut Refusals| {
        refusals.add(format!("{place}.{name}"), "Tule does not apply this property of notifications yet");
    };
    for (name, value) in given.iter().filter(|(name, _)| !name.starts_with("Fn::")) {
        let Some((_, _, target, _)) = NOTIFICATIONS.iter().find(|(list, ..)| list == name) else {
            unknown(name, &place, refusals);
            continue;
        };
        for (at, entry) in value.as_array().into_iter().flatten().enumerate() {
            let place = format!("{place}.{name}.{at}");
            let members = entry.as_object().into_iter().flatten().map(|(name, _)| name.as_str());
            let is_known =
                |name: &&str| ["Event", "Filter", *target].contains(name) || name.starts_with("Fn::");
            members.filter(|name| !is_known(name)).for_each(|name| unknown(name, &place, refusals));
        }
    }
}

/// A notification configuration in the words of S3's API, which has a list of events where a template has one.
fn notifications(given: &Value) -> Value {
    let mut made = Map::new();
    for (list, becomes, target, arn) in NOTIFICATIONS {
        let entries = given.get(*list).and_then(Value::as_array).into_iter().flatten();
        let entries = entries.map(|entry| {
            let mut made = json!({ "Events": [entry.get("Event")] });
            made[*arn] = entry.get(*target).cloned().unwrap_or_default();
            if let Some(rules) = entry.pointer("/Filter/S3Key/Rules") {
                made["Filter"] = json!({ "Key": { "FilterRules": rules } });
            }
            made
        });
        let entries: Vec<Value> = entries.collect();
        if !entries.is_empty() {
            made.insert((*becomes).to_owned(), Value::Array(entries));
        }
    }
    Value::Object(made)
}

/// A bucket here has one version of each object.
pub(super) fn check(resource: &Resource, known: &Known, refusals: &mut Refusals) {
    check_notifications(resource, refusals);
    let Some(versioning) = resource.properties.get("VersioningConfiguration") else { return };
    let place = format!("Resources.{}.Properties.VersioningConfiguration", resource.id);
    let none = |value: &Value| {
        value.get("AWS::NoValue").is_some() || value.get("Status").is_some_and(|status| status == "Suspended")
    };
    if !known.resolve(versioning, &place).is_ok_and(|value| none(&value)) {
        refusals.add(place, "Tule's S3 keeps only the newest version of an object");
    }
}

/// Bucket names are lower case, and unique over all stacks.
fn name(resource: Named<'_>, known: &Known) -> String {
    let made =
        || format!("{}-{}-{}", resource.stack, resource.id, pseudo(known, "AWS::AccountId")).to_lowercase();
    resource.text("BucketName").map_or_else(made, str::to_owned)
}

pub(super) fn calls(resource: Named<'_>, known: &Known) -> Vec<Call> {
    let mut members = json!({ "Bucket": name(resource, known) });
    let region = pseudo(known, "AWS::Region");
    if region != "us-east-1" {
        members["CreateBucketConfiguration"] = json!({ "LocationConstraint": region });
    }
    let mut calls =
        vec![Call::new("s3", "CreateBucket", members).or_if("BucketAlreadyOwnedByYou", Vec::new())];
    if let Some(given) = resource.get("NotificationConfiguration") {
        let members =
            json!({ "Bucket": name(resource, known), "NotificationConfiguration": notifications(given) });
        calls.push(Call::new("s3", "PutBucketNotificationConfiguration", members));
    }
    calls
}

pub(super) fn reply(resource: Named<'_>, known: &Known) -> Reply {
    let name = name(resource, known);
    let (region, suffix) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::URLSuffix"));
    Reply {
        attributes: vec![
            ("Arn", Value::from(format!("arn:aws:s3:::{name}"))),
            ("DomainName", Value::from(format!("{name}.s3.{suffix}"))),
            ("RegionalDomainName", Value::from(format!("{name}.s3.{region}.{suffix}"))),
        ],
        reference: Value::from(name),
    }
}
