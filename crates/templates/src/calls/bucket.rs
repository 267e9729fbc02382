//! `AWS::S3::Bucket`, as far as Tule's S3 does what its properties say.

use serde_json::{Value, json};

use super::{Call, Named, Reply, pseudo};
use crate::{Known, Refusals, plan::Resource};

pub(super) const PROPERTIES: &[&str] = &[
    "AccessControl",
    "BucketEncryption",
    "BucketName",
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

/// A bucket here has one version of each object.
pub(super) fn check(resource: &Resource, known: &Known, refusals: &mut Refusals) {
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
    vec![Call::new("s3", "CreateBucket", members).or_if("BucketAlreadyOwnedByYou", Vec::new())]
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
