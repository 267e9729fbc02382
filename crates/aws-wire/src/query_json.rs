//! The query protocol as clients have it that accept JSON, and as SQS still takes it beside its own protocol.
//!
//! API Gateway is such a client: its mapping templates read `$.SendMessageResponse.SendMessageResult.MessageId`. No SDK
//! speaks this, so no model tells of it. Seen on AWS: members are in the order of their names, those that are not there
//! are null, and moments are seconds since the epoch.

use aws_model::{Operation, ServiceModel, ShapeKind, ShapeRef, StructureShape};
use http::{HeaderMap, HeaderValue, header};
use serde_json::{Map, Value, json};

use crate::{Encoded, ServiceError, decode::structure_of, encode, query};

/// The input of an operation out of the parameters of an address and of a form. `Action` and `Version` are among
/// them, and are no members.
///
/// # Errors
/// `MalformedInput` where a value has the wrong type, `MalformedQueryString` where one lies too deep.
pub fn decode_query(
    model: &'static ServiceModel,
    operation: &'static Operation,
    address: &str,
    form: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    match structure_of(model, operation.input) {
        Some(input) => query::read(model, input, address, form),
        None => Ok(Map::new()),
    }
}

/// An answer of `operation`: `{"PublishResponse": {"PublishResult": {…}, "ResponseMetadata": {…}}}`.
pub fn encode_query_output(
    model: &'static ServiceModel,
    operation: &Operation,
    members: &Map<String, Value>,
    request_id: &str,
) -> Encoded {
    let name = &operation.name;
    let mut parts = vec![(String::from("ResponseMetadata"), json!({"RequestId": request_id}))];
    if let Some(output) = structure_of(model, operation.output) {
        let wrapper = operation.result_wrapper.clone().unwrap_or_else(|| format!("{name}Result"));
        parts.push((wrapper, structure(model, output, members)));
    }
    let body = json!({(format!("{name}Response")): in_order(parts)});
    encoded(operation.status, &body)
}

/// A refusal: `{"Error": {"Code": …, "Message": …, "Type": "Sender"}, "RequestId": …}`.
pub fn encode_query_error(model: &ServiceModel, error: &ServiceError, request_id: &str) -> Encoded {
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let code = encode::query_code(model, &error.code);
    let body = json!({
        "Error": {"Code": code, "Message": error.message, "Type": fault},
        "RequestId": request_id,
    });
    encoded(error.status, &body)
}

fn encoded(status: u16, body: &Value) -> Encoded {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Encoded { status, headers, body: Some(body.to_string().into()) }
}

fn in_order(mut members: Vec<(String, Value)>) -> Value {
    members.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::Object(members.into_iter().collect())
}

fn structure(model: &ServiceModel, shape: &StructureShape, members: &Map<String, Value>) -> Value {
    let member = |field: &aws_model::Field| {
        let found = members.get(&field.name).filter(|value| !value.is_null());
        // SQS wrote the names of two lists so before it moved to JSON.
        let name = match field.wire_name.as_str() {
            "Messages" if model.query_compatible => "messages",
            "QueueUrls" if model.query_compatible => "queueUrls",
            other => other,
        };
        (name.to_owned(), found.map_or(Value::Null, |found| value(model, field.shape, found)))
    };
    in_order(shape.fields.iter().map(member).collect())
}

fn value(model: &ServiceModel, shape: ShapeRef, found: &Value) -> Value {
    match (&model.shape(shape).kind, found) {
        (ShapeKind::Structure(shape), Value::Object(members)) => structure(model, shape, members),
        (ShapeKind::List { item, .. }, Value::Array(items)) => {
            items.iter().map(|it| value(model, *item, it)).collect()
        }
        // What is a map to SQS's SDKs is a list of names and values here, and of keys and values for tags.
        (ShapeKind::Map { value: of, flattened: true, .. }, Value::Object(entries))
            if model.query_compatible =>
        {
            let name = if model.shape(shape).name == "TagMap" { "Key" } else { "Name" };
            let entry = |(key, it): (&String, &Value)| json!({(name): key, "Value": value(model, *of, it)});
            entries.iter().map(entry).collect()
        }
        (ShapeKind::Map { value: of, .. }, Value::Object(entries)) => {
            let entry = |(key, it): (&String, &Value)| (key.clone(), value(model, *of, it));
            Value::Object(entries.iter().map(entry).collect())
        }
        _ => found.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(service: &str, operation: &str, members: Value) -> Value {
        let model = aws_model::service(service).unwrap();
        let Value::Object(members) = members else { panic!("an object") };
        let encoded = encode_query_output(model, model.operation(operation).unwrap(), &members, "rid");
        serde_json::from_slice(&encoded.body.unwrap()).unwrap()
    }

    fn read(service: &str, operation: &str, address: &str, form: &str) -> Value {
        let model = aws_model::service(service).unwrap();
        let operation = model.operation(operation).unwrap();
        Value::Object(decode_query(model, operation, address, form.as_bytes()).unwrap())
    }

    #[test]
    fn answers_are_those_seen_on_aws() {
        let model = aws_model::service("sqs").unwrap();
        let members = json!({"MessageId": "m", "MD5OfMessageBody": "d"});
        let operation = model.operation("SendMessage").unwrap();
        let encoded = encode_query_output(model, operation, members.as_object().unwrap(), "rid");
        let expected = r#"{"SendMessageResponse":{"ResponseMetadata":{"RequestId":"rid"},"SendMessageResult":{"MD5OfMessageAttributes":null,"MD5OfMessageBody":"d","MD5OfMessageSystemAttributes":null,"MessageId":"m","SequenceNumber":null}}}"#;
        assert_eq!(String::from_utf8_lossy(&encoded.body.unwrap()), expected);
        let empty = answered("sqs", "ReceiveMessage", json!({}));
        assert_eq!(empty["ReceiveMessageResponse"]["ReceiveMessageResult"], json!({"messages": null}));
        let message = json!({"Body": "b", "MessageId": "m", "Attributes": {"SentTimestamp": "1"}});
        let received = answered("sqs", "ReceiveMessage", json!({"Messages": [message]}));
        let expected = json!([{
            "Attributes": [{"Name": "SentTimestamp", "Value": "1"}], "Body": "b", "MD5OfBody": null,
            "MD5OfMessageAttributes": null, "MessageAttributes": null, "MessageId": "m", "ReceiptHandle": null,
        }]);
        assert_eq!(received["ReceiveMessageResponse"]["ReceiveMessageResult"]["messages"], expected);
        let deleted = answered("sqs", "DeleteMessage", json!({}));
        assert_eq!(deleted, json!({"DeleteMessageResponse": {"ResponseMetadata": {"RequestId": "rid"}}}));
        let topics = answered("sns", "ListTopics", json!({"Topics": [{"TopicArn": "arn"}]}));
        let expected = json!({"NextToken": null, "Topics": [{"TopicArn": "arn"}]});
        assert_eq!(topics["ListTopicsResponse"]["ListTopicsResult"], expected);
    }

    #[test]
    fn refusals_have_the_codes_of_the_query_protocol() {
        let told = |service: &str, error: &ServiceError| {
            let encoded = encode_query_error(aws_model::service(service).unwrap(), error, "rid");
            String::from_utf8(encoded.body.unwrap().to_vec()).unwrap()
        };
        let gone = ServiceError::bad_request("QueueDoesNotExist", "The specified queue does not exist.");
        let expected = r#"{"Error":{"Code":"AWS.SimpleQueueService.NonExistentQueue","Message":"The specified queue does not exist.","Type":"Sender"},"RequestId":"rid"}"#;
        assert_eq!(told("sqs", &gone), expected);
        let wrong = ServiceError::bad_request("InvalidParameter", "Invalid parameter: TopicArn");
        let expected = r#"{"Error":{"Code":"InvalidParameter","Message":"Invalid parameter: TopicArn","Type":"Sender"},"RequestId":"rid"}"#;
        assert_eq!(told("sns", &wrong), expected);
    }

    #[test]
    fn parameters_of_queues_become_members_by_their_older_names() {
        let form = "Action=SendMessage&MessageBody=b&DelaySeconds=3&MessageAttribute.1.Name=k\
                    &MessageAttribute.1.Value.DataType=String&MessageAttribute.1.Value.StringValue=v";
        let expected = json!({"QueueUrl": "http://q", "MessageBody": "b", "DelaySeconds": 3,
            "MessageAttributes": {"k": {"DataType": "String", "StringValue": "v"}}});
        assert_eq!(read("sqs", "SendMessage", "QueueUrl=http%3A%2F%2Fq", form), expected);
        let plural = form.replace("MessageAttribute.", "MessageAttributes.");
        assert_eq!(read("sqs", "SendMessage", "QueueUrl=http%3A%2F%2Fq", &plural), expected);
        let address = "AttributeName.1=All&MessageAttributeName.2=b&MessageAttributeName.1=a";
        let expected = json!({"AttributeNames": ["All"], "MessageAttributeNames": ["a", "b"]});
        assert_eq!(read("sqs", "ReceiveMessage", address, ""), expected);
        assert_eq!(
            read("sqs", "ReceiveMessage", "AttributeName=All", ""),
            json!({"AttributeNames": ["All"]})
        );
        let batch = "SendMessageBatchRequestEntry.1.Id=a&SendMessageBatchRequestEntry.1.MessageBody=b";
        let expected = json!({"Entries": [{"Id": "a", "MessageBody": "b"}]});
        assert_eq!(read("sqs", "SendMessageBatch", "", batch), expected);
        let made = "QueueName=q&Attribute.1.Name=DelaySeconds&Attribute.1.Value=5&Tag.1.Key=a&Tag.1.Value=b";
        let expected = json!({"QueueName": "q", "Attributes": {"DelaySeconds": "5"}, "tags": {"a": "b"}});
        assert_eq!(read("sqs", "CreateQueue", "", made), expected);
        let attribute =
            "MessageAttributes.entry.1.Name=k&MessageAttributes.entry.1.Value.DataType=String&TopicArn=t";
        let expected = json!({"TopicArn": "t", "MessageAttributes": {"k": {"DataType": "String"}}});
        assert_eq!(read("sns", "Publish", "", attribute), expected);
    }
}
