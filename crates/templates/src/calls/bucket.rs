//! `AWS::S3::Bucket`.

use serde_json::{Value, json};

use super::{Call, Named, Reply, pseudo};
use crate::Known;

pub(super) const PROPERTIES: &[&str] = &["BucketName"];

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
