//! `AWS::Serverless::LayerVersion`. Its id has a hash of what it is, so that a changed layer is another version.

use serde_json::{Value, json};

use super::{Serverless, Work, intrinsic::with_parameters, logical_id, s3_location};

const KNOWN: &[&str] = &[
    "CompatibleArchitectures",
    "CompatibleRuntimes",
    "ContentUri",
    "Description",
    "LayerName",
    "LicenseInfo",
    // Holds anyway: a function's version is published at every deployment where anything of the function is another,
    // and the versions of its layers are part of it.
    "PublishLambdaVersion",
    "RetentionPolicy",
];
const SAME: &[&str] =
    &["CompatibleArchitectures", "CompatibleRuntimes", "Description", "LayerName", "LicenseInfo"];

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::LayerVersion", &mut work.refusals);
    let place = format!("Resources.{id}.Properties");
    let mut given = found.properties.clone();
    for name in ["Description", "LayerName", "LicenseInfo", "RetentionPolicy"] {
        if let Some(value) = given.get_mut(name) {
            *value = with_parameters(value, work.known);
        }
    }
    let mut whole = found.beside.clone();
    for name in ["DeletionPolicy", "Metadata", "UpdateReplacePolicy"] {
        whole.shift_remove(name);
    }
    whole.insert("Type".to_owned(), Value::from("AWS::Serverless::LayerVersion"));
    whole.insert("Properties".to_owned(), Value::Object(given.clone()));
    let hashed = logical_id::hashed(id, &json!({ id: whole }));
    let resolved = Serverless { properties: given, beside: found.beside.clone() };
    let mut properties = resolved.same(SAME);
    properties.entry("LayerName").or_insert_with(|| Value::from(id));
    match resolved.get("ContentUri") {
        Some(Value::String(path)) if !path.starts_with("s3://") => {
            properties.insert("Content".to_owned(), Value::from(path.as_str()));
        }
        Some(content) => {
            let location = s3_location(
                content,
                ["S3Bucket", "S3Key", "S3ObjectVersion"],
                &format!("{place}.ContentUri"),
                &mut work.refusals,
            );
            properties.insert("Content".to_owned(), location);
        }
        None => work.refusals.add(&place, "Missing required property 'ContentUri'."),
    }
    let mut beside = found.beside.clone();
    beside.shift_remove("Metadata");
    beside.entry("DeletionPolicy").or_insert_with(|| Value::from("Retain"));
    match resolved.properties.get("RetentionPolicy").map(|policy| policy.as_str().unwrap_or_default()) {
        None => {}
        Some(policy) if policy.eq_ignore_ascii_case("Retain") => {
            beside.insert("DeletionPolicy".to_owned(), Value::from("Retain"));
        }
        Some(policy) if policy.eq_ignore_ascii_case("Delete") => {
            beside.insert("DeletionPolicy".to_owned(), Value::from("Delete"));
        }
        Some(_) => work.refusals.add(format!("{place}.RetentionPolicy"), "this is Retain or Delete"),
    }
    work.made.add(&hashed, "AWS::Lambda::LayerVersion", properties, &beside);
    work.made.rename(id, &hashed);
}
