//! Records as functions get them, and as filters see them. Shapes as AWS's recorded events have them.

use runtime::Timestamp;
use serde_json::{Map, Value, json};

/// Where records come from, as each of them says.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    pub(crate) arn: String,
    pub(crate) region: String,
    /// The role of the function, which a record of Kinesis names.
    pub(crate) role: String,
}

/// A message of SQS, as `ReceiveMessage` answered it.
pub(crate) fn message(message: &Value, origin: &Origin) -> Value {
    let attributes = message.get("Attributes").cloned().unwrap_or_else(|| json!({}));
    let given = message.get("MessageAttributes").and_then(Value::as_object);
    let own: Map<String, Value> =
        given.into_iter().flatten().map(|(name, value)| (name.clone(), message_attribute(value))).collect();
    let mut record = json!({
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": attributes,
        "messageAttributes": own,
        "md5OfBody": message["MD5OfBody"],
        "eventSource": "aws:sqs",
        "eventSourceARN": origin.arn,
        "awsRegion": origin.region,
    });
    if let Some(md5) = message.get("MD5OfMessageAttributes").filter(|md5| !md5.is_null()) {
        record["md5OfMessageAttributes"] = md5.clone();
    }
    record
}

fn message_attribute(value: &Value) -> Value {
    let mut shown = Map::new();
    for (theirs, ours) in [("StringValue", "stringValue"), ("BinaryValue", "binaryValue")] {
        if let Some(given) = value.get(theirs).filter(|given| !given.is_null()) {
            shown.insert(ours.to_owned(), given.clone());
        }
    }
    shown.insert("stringListValues".to_owned(), json!([]));
    shown.insert("binaryListValues".to_owned(), json!([]));
    shown.insert("dataType".to_owned(), value["DataType"].clone());
    Value::Object(shown)
}

/// A record of Kinesis, as `GetRecords` answered it.
pub(crate) fn kinesis(record: &Value, shard: &str, origin: &Origin) -> Value {
    let sequence = record["SequenceNumber"].as_str().unwrap_or_default();
    let mut kinesis = json!({
        "kinesisSchemaVersion": "1.0",
        "partitionKey": record["PartitionKey"],
        "sequenceNumber": sequence,
        "data": record["Data"],
        "approximateArrivalTimestamp": record["ApproximateArrivalTimestamp"],
    });
    if let Some(encryption) = record.get("EncryptionType").filter(|it| it.is_string() && **it != "NONE") {
        kinesis["encryptionType"] = encryption.clone();
    }
    json!({
        "kinesis": kinesis,
        "eventSource": "aws:kinesis",
        "eventVersion": "1.0",
        "eventID": format!("{shard}:{sequence}"),
        "eventName": "aws:kinesis:record",
        "invokeIdentityArn": origin.role,
        "awsRegion": origin.region,
        "eventSourceARN": origin.arn,
    })
}

/// A record of a DynamoDB stream, as `GetRecords` answered it.
pub(crate) fn dynamodb(record: &Value, origin: &Origin) -> Value {
    let or = |name: &str, otherwise: &str| match &record[name] {
        Value::Null => Value::from(otherwise),
        given => given.clone(),
    };
    let mut shown = json!({
        "eventID": record["eventID"],
        "eventName": record["eventName"],
        "eventVersion": or("eventVersion", "1.1"),
        "eventSource": or("eventSource", "aws:dynamodb"),
        "awsRegion": or("awsRegion", &origin.region),
        "dynamodb": record["dynamodb"],
        "eventSourceARN": origin.arn,
    });
    if let Some(identity) = record.get("userIdentity").filter(|identity| identity.is_object()) {
        shown["userIdentity"] = json!({"type": identity["Type"], "principalId": identity["PrincipalId"]});
    }
    shown
}

/// A message as filters see it: a body that is JSON is its content.
pub(crate) fn filtered_message(record: &Value) -> Value {
    let mut seen = record.clone();
    if let Some(body) = record["body"].as_str().and_then(content) {
        seen["body"] = body;
    }
    seen
}

/// A record of Kinesis as filters see it: its members beside those of `kinesis`, and the data's content.
pub(crate) fn filtered_kinesis(record: &Value) -> Value {
    use base64::{Engine, prelude::BASE64_STANDARD};

    let mut seen = record.clone();
    for (name, value) in record["kinesis"].as_object().into_iter().flatten() {
        seen[name.as_str()] = value.clone();
    }
    let decoded = record["kinesis"]["data"].as_str().and_then(|data| BASE64_STANDARD.decode(data).ok());
    if let Some(text) = decoded.and_then(|bytes| String::from_utf8(bytes).ok()) {
        seen["data"] = content(&text).unwrap_or(Value::String(text));
    }
    seen
}

/// The structure that a text is; plain texts and numbers are no structure.
fn content(text: &str) -> Option<Value> {
    let value: Value = serde_json::from_str(text).ok()?;
    (value.is_object() || value.is_array()).then_some(value)
}

/// Seconds with a fraction, as services answer them, as a moment.
#[expect(clippy::cast_possible_truncation, reason = "milliseconds since the epoch fit")]
pub(crate) fn moment(seconds: &Value) -> Option<Timestamp> {
    seconds.as_f64().map(|seconds| Timestamp((seconds * 1000.0).round() as i64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin { arn: "arn:s".to_owned(), region: "eu-west-1".to_owned(), role: "arn:r".to_owned() }
    }

    #[test]
    fn messages_have_awss_names() {
        let given = json!({
            "MessageId": "m", "ReceiptHandle": "r", "Body": "{\"a\":1}", "MD5OfBody": "md5",
            "Attributes": {"SenderId": "s"}, "MD5OfMessageAttributes": "of",
            "MessageAttributes": {"Weeks": {"DataType": "Number", "StringValue": "6"},
                                  "Raw": {"DataType": "Binary", "BinaryValue": "AAE="}},
        });
        let record = message(&given, &origin());
        let none: [Value; 0] = [];
        assert_eq!(
            record,
            json!({
                "messageId": "m", "receiptHandle": "r", "body": "{\"a\":1}", "attributes": {"SenderId": "s"},
                "messageAttributes": {
                    "Weeks": {"stringValue": "6", "stringListValues": none, "binaryListValues": none, "dataType": "Number"},
                    "Raw": {"binaryValue": "AAE=", "stringListValues": none, "binaryListValues": none,
                            "dataType": "Binary"},
                },
                "md5OfMessageAttributes": "of", "md5OfBody": "md5", "eventSource": "aws:sqs",
                "eventSourceARN": "arn:s", "awsRegion": "eu-west-1",
            })
        );
        assert_eq!(filtered_message(&record)["body"], json!({"a": 1}));
        assert!(message(&json!({"Body": "x"}), &origin()).get("md5OfMessageAttributes").is_none());
        assert_eq!(filtered_message(&json!({"body": "12"}))["body"], "12");
    }

    #[test]
    fn records_of_streams_have_awss_names() {
        let given = json!({"SequenceNumber": "7", "PartitionKey": "p", "Data": "eyJhIjoxfQ==",
                           "ApproximateArrivalTimestamp": 1_545_084_650.987, "EncryptionType": "NONE"});
        let record = kinesis(&given, "shardId-000000000000", &origin());
        assert_eq!(record["eventID"], "shardId-000000000000:7");
        assert_eq!(
            record["kinesis"],
            json!({"kinesisSchemaVersion": "1.0", "partitionKey": "p", "sequenceNumber": "7", "data": "eyJhIjoxfQ==",
                   "approximateArrivalTimestamp": 1_545_084_650.987})
        );
        let seen = filtered_kinesis(&record);
        assert_eq!((&seen["data"], &seen["partitionKey"]), (&json!({"a": 1}), &json!("p")));
        let given = json!({"eventID": "e", "eventName": "REMOVE", "dynamodb": {"SequenceNumber": "1"},
                           "userIdentity": {"Type": "Service", "PrincipalId": "dynamodb.amazonaws.com"}});
        let record = dynamodb(&given, &origin());
        assert_eq!(
            record["userIdentity"],
            json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"})
        );
        assert_eq!((&record["eventVersion"], &record["awsRegion"]), (&json!("1.1"), &json!("eu-west-1")));
        assert_eq!(moment(&json!(1_545_084_650.987)), Some(Timestamp(1_545_084_650_987)));
    }
}
