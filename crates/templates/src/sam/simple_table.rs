//! `AWS::Serverless::SimpleTable`.

use serde_json::{Value, json};

use super::{Serverless, Work, intrinsic::tag_list};

const KNOWN: &[&str] = &[
    "PointInTimeRecoverySpecification",
    "PrimaryKey",
    "ProvisionedThroughput",
    "SSESpecification",
    "TableName",
    "Tags",
];
const SAME: &[&str] =
    &["PointInTimeRecoverySpecification", "ProvisionedThroughput", "SSESpecification", "TableName"];

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::SimpleTable", &mut work.refusals);
    let (name, kind) = match found.get("PrimaryKey") {
        None => (json!("id"), "S"),
        Some(key) => {
            let kind = match key.get("Type").and_then(Value::as_str) {
                Some("String") => Some("S"),
                Some("Number") => Some("N"),
                Some("Binary") => Some("B"),
                _ => None,
            };
            let (Some(name), Some(kind)) = (key.get("Name"), kind) else {
                let place = format!("Resources.{id}.Properties.PrimaryKey");
                work.refusals.add(place, "a key has a Name, and a Type: String, Number or Binary");
                return;
            };
            (name.clone(), kind)
        }
    };
    let mut properties = found.same(SAME);
    let key = json!([{ "AttributeName": name, "AttributeType": kind }]);
    properties.insert("AttributeDefinitions".to_owned(), key);
    properties.insert("KeySchema".to_owned(), json!([{ "AttributeName": name, "KeyType": "HASH" }]));
    if found.get("ProvisionedThroughput").is_none() {
        properties.insert("BillingMode".to_owned(), Value::from("PAY_PER_REQUEST"));
    }
    let tags = tag_list(found.get("Tags"));
    if !tags.is_empty() {
        properties.insert("Tags".to_owned(), Value::Array(tags));
    }
    work.made.add(id, "AWS::DynamoDB::Table", properties, &found.beside);
}
