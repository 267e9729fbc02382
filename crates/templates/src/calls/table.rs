//! `AWS::DynamoDB::Table`, made at the endpoint that serves DynamoDB.
//!
//! What `CreateTable` does not take goes into calls of their own, as CloudFormation makes them. DynamoDB Local and its kin
//! have no recovery, insights or tags: what one of them does not know is told and left out.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    Call, Follow, Named, Reply,
    fields::{
        Field,
        Shape::{Document, Flag, List, Number, One, Plain, Text},
        field, members, same,
    },
    saved, tag_list,
};
use crate::Refusals;

pub(super) const PROPERTIES: &[&str] = &[
    "AttributeDefinitions",
    "BillingMode",
    "ContributorInsightsSpecification",
    "DeletionProtectionEnabled",
    "GlobalSecondaryIndexes",
    "KeySchema",
    "KinesisStreamSpecification",
    "LocalSecondaryIndexes",
    "OnDemandThroughput",
    "PointInTimeRecoverySpecification",
    "ProvisionedThroughput",
    "ResourcePolicy",
    "SSESpecification",
    "StreamSpecification",
    "TableClass",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
    "WarmThroughput",
];

/// Those that are no members of `CreateTable`, or that are put into it here.
const BESIDE: &[&str] = &[
    "ContributorInsightsSpecification",
    "KinesisStreamSpecification",
    "PointInTimeRecoverySpecification",
    "ResourcePolicy",
    "TableName",
    "Tags",
    "TimeToLiveSpecification",
];

const KEYS: &[Field] = &[same("AttributeName", Text), same("KeyType", Text)];
const PROJECTION: &[Field] = &[same("NonKeyAttributes", Plain), same("ProjectionType", Text)];
const THROUGHPUT: &[Field] = &[same("ReadCapacityUnits", Number), same("WriteCapacityUnits", Number)];
const ON_DEMAND: &[Field] = &[same("MaxReadRequestUnits", Number), same("MaxWriteRequestUnits", Number)];
const WARM: &[Field] = &[same("ReadUnitsPerSecond", Number), same("WriteUnitsPerSecond", Number)];
const TABLE: &[Field] = &[
    same("AttributeDefinitions", List(&[same("AttributeName", Text), same("AttributeType", Text)])),
    same("BillingMode", Text),
    same("DeletionProtectionEnabled", Flag),
    same(
        "GlobalSecondaryIndexes",
        List(&[
            same("IndexName", Text),
            same("KeySchema", List(KEYS)),
            same("OnDemandThroughput", One(ON_DEMAND)),
            same("Projection", One(PROJECTION)),
            same("ProvisionedThroughput", One(THROUGHPUT)),
            same("WarmThroughput", One(WARM)),
        ]),
    ),
    same("KeySchema", List(KEYS)),
    same(
        "LocalSecondaryIndexes",
        List(&[same("IndexName", Text), same("KeySchema", List(KEYS)), same("Projection", One(PROJECTION))]),
    ),
    same("OnDemandThroughput", One(ON_DEMAND)),
    same("ProvisionedThroughput", One(THROUGHPUT)),
    same(
        "SSESpecification",
        One(&[field("SSEEnabled", "Enabled", Flag), same("SSEType", Text), same("KMSMasterKeyId", Text)]),
    ),
    same("StreamSpecification", One(&[same("StreamViewType", Text)])),
    same("TableClass", Text),
    same("WarmThroughput", One(WARM)),
];

const INSIGHTS: &[Field] = &[same("Enabled", Flag), field("Mode", "ContributorInsightsMode", Text)];
const KINESIS: &[Field] = &[same("ApproximateCreationDateTimePrecision", Text), same("StreamArn", Text)];
const RECOVERY: &[Field] = &[same("PointInTimeRecoveryEnabled", Flag), same("RecoveryPeriodInDays", Number)];
const RESOURCE_POLICY: &[Field] = &[field("PolicyDocument", "Policy", Document)];
const TIME_TO_LIVE: &[Field] = &[same("AttributeName", Text), same("Enabled", Flag)];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let name = resource.name("TableName");
    let mut create = members(TABLE, resource.properties, BESIDE, &place)?;
    create.insert("TableName".to_owned(), Value::from(name.as_str()));
    if let Some(Value::Object(stream)) = create.get_mut("StreamSpecification") {
        stream.insert("StreamEnabled".to_owned(), Value::Bool(true));
    }
    let create = Value::Object(create);
    let there = vec![described(&name).then(Follow::ChangeTable(create.clone()))];
    let create = Call::new("dynamodb", "CreateTable", create).or_if("ResourceInUseException", there);
    let mut calls = vec![create, described(&name)];
    calls.extend(beside(resource, &name, &place)?);
    Ok(calls)
}

/// `DescribeTable`, until nothing about the table changes any more.
pub(super) fn described(name: &str) -> Call {
    let describe = Call::new("dynamodb", "DescribeTable", json!({ "TableName": name }));
    let save = [("arn", "/Table/TableArn"), ("stream", "/Table/LatestStreamArn")];
    describe.until("/Table/TableStatus", "ACTIVE").saving(&save)
}

/// Settings of a table that have calls of their own.
fn beside(resource: Named<'_>, name: &str, place: &str) -> Result<Vec<Call>, Refusals> {
    let given = |property: &str, fields: &[Field]| -> Result<Option<Map<String, Value>>, Refusals> {
        let value = resource.get(property);
        value.map(|value| members(fields, value, &[], &format!("{place}.{property}"))).transpose()
    };
    let of_table = |operation, members: Value| Call::new("dynamodb", operation, members);
    let mut calls = Vec::new();
    if let Some(wanted) = given("TimeToLiveSpecification", TIME_TO_LIVE)? {
        let wanted = json!({ "TableName": name, "TimeToLiveSpecification": wanted });
        let describe = of_table("DescribeTimeToLive", json!({ "TableName": name }));
        calls.push(describe.or_without("no item expires").then(Follow::ChangeTimeToLive(wanted)));
    }
    if let Some(wanted) = given("PointInTimeRecoverySpecification", RECOVERY)? {
        let enabled = wanted.get("PointInTimeRecoveryEnabled") == Some(&Value::Bool(true));
        let members = json!({ "TableName": name, "PointInTimeRecoverySpecification": wanted });
        let update = of_table("UpdateContinuousBackups", members);
        calls.push(match enabled {
            true => update.or_without("the table cannot be restored to a point in time"),
            false => update.or_if("UnknownOperationException", Vec::new()),
        });
    }
    if let Some(mut wanted) = given("ContributorInsightsSpecification", INSIGHTS)? {
        let enabled = wanted.shift_remove("Enabled") == Some(Value::Bool(true));
        let action = if enabled { "ENABLE" } else { "DISABLE" };
        wanted.insert("TableName".to_owned(), Value::from(name));
        wanted.insert("ContributorInsightsAction".to_owned(), Value::from(action));
        let update = of_table("UpdateContributorInsights", Value::Object(wanted));
        calls.push(update.or_without("there are no insights into who uses the table"));
    }
    if let Some(wanted) = given("ResourcePolicy", RESOURCE_POLICY)? {
        let members = json!({ "ResourceArn": saved("arn"), "Policy": wanted.get("Policy") });
        calls.push(of_table("PutResourcePolicy", members).or_without("the table has no policy"));
    }
    if let Some(mut wanted) = given("KinesisStreamSpecification", KINESIS)? {
        let mut members = json!({ "TableName": name, "StreamArn": wanted.get("StreamArn") });
        if let Some(precision) = wanted.shift_remove("ApproximateCreationDateTimePrecision") {
            members["EnableKinesisStreamingConfiguration"] =
                json!({ "ApproximateCreationDateTimePrecision": precision });
        }
        let describe = of_table("DescribeKinesisStreamingDestination", json!({ "TableName": name }));
        let describe = describe.or_without("changes of items do not go to the Kinesis stream");
        calls.push(describe.then(Follow::EnableStreaming(members)));
    }
    let tags = tag_list(resource.get("Tags"));
    if !tags.is_empty() {
        let members = json!({ "ResourceArn": saved("arn"), "Tags": tags });
        calls.push(of_table("TagResource", members).or_without("the table has no tags"));
    }
    Ok(calls)
}

/// `EnableKinesisStreamingDestination` with these members, unless the table's changes go there already.
pub(super) fn enable_streaming(wanted: &Value, answer: &Value) -> Vec<Call> {
    let there = answer.get("KinesisDataStreamDestinations").and_then(Value::as_array);
    let goes = |it: &Value| {
        let status = it.get("DestinationStatus").and_then(Value::as_str);
        it.get("StreamArn") == wanted.get("StreamArn")
            && matches!(status, Some("ACTIVE" | "ENABLING" | "UPDATING"))
    };
    match there.is_some_and(|there| there.iter().any(goes)) {
        true => Vec::new(),
        false => vec![Call::new("dynamodb", "EnableKinesisStreamingDestination", wanted.clone())],
    }
}

pub(super) fn reply(resource: Named<'_>, saved: &BTreeMap<String, Value>) -> Reply {
    let value = |name: &str| saved.get(name).cloned().unwrap_or_default();
    let mut attributes = vec![("Arn", value("arn"))];
    // A table whose stream has ended still has the last one's ARN.
    if resource.get("StreamSpecification").is_some() {
        attributes.push(("StreamArn", value("stream")));
    }
    Reply { reference: Value::from(resource.name("TableName")), attributes }
}
