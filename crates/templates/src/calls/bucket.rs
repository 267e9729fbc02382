//! `AWS::S3::Bucket`, as far as Tule's S3 does what its properties say.

use serde_json::{Map, Value, json};

use super::{
    Call, Named, Reply,
    fields::{self, Field, Shape, field, same},
    pseudo,
};
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

/// A notification configuration in the words of S3's API, which has a list of events where a template has one.
const NOTIFICATIONS: &[Field] = &[
    field("LambdaConfigurations", "LambdaFunctionConfigurations", Shape::List(TO_FUNCTION)),
    same("QueueConfigurations", Shape::List(TO_QUEUE)),
    same("TopicConfigurations", Shape::List(TO_TOPIC)),
];
const TO_FUNCTION: &[Field] = &[EVENT, FILTER, field("Function", "LambdaFunctionArn", Shape::Plain)];
const TO_QUEUE: &[Field] = &[EVENT, FILTER, field("Queue", "QueueArn", Shape::Plain)];
const TO_TOPIC: &[Field] = &[EVENT, FILTER, field("Topic", "TopicArn", Shape::Plain)];
const EVENT: Field = field("Event", "Events", Shape::Listed);
const FILTER: Field = same("Filter", Shape::One(&[field("S3Key", "Key", Shape::One(RULES))]));
const RULES: &[Field] = &[field("Rules", "FilterRules", Shape::List(RULE))];
const RULE: &[Field] = &[same("Name", Shape::Text), same("Value", Shape::Text)];

fn notification_place(id: &str) -> String {
    format!("Resources.{id}.Properties.NotificationConfiguration")
}

/// A bucket here has one version of each object.
pub(super) fn check(resource: &Resource, known: &Known, refusals: &mut Refusals) {
    if let Some(given) = resource.properties.get("NotificationConfiguration") {
        fields::check(NOTIFICATIONS, given, &notification_place(&resource.id), refusals);
    }
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

pub(super) fn calls(resource: Named<'_>, known: &Known) -> Result<Vec<Call>, Refusals> {
    let mut members = json!({ "Bucket": name(resource, known) });
    let region = pseudo(known, "AWS::Region");
    if region != "us-east-1" {
        members["CreateBucketConfiguration"] = json!({ "LocationConstraint": region });
    }
    let given = resource.get("NotificationConfiguration");
    // Without one, what an earlier template had told is over.
    let made = given.map_or(Ok(Map::new()), |given| {
        fields::members(NOTIFICATIONS, given, &[], &notification_place(resource.id))
    })?;
    let put = json!({ "Bucket": members["Bucket"], "NotificationConfiguration": made });
    Ok(vec![
        Call::new("s3", "CreateBucket", members).or_if("BucketAlreadyOwnedByYou", Vec::new()),
        Call::new("s3", "PutBucketNotificationConfiguration", put),
    ])
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
