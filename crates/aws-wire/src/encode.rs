//! From an operation's answer, or an error, to HTTP.

use aws_model::{Location, Operation, Protocol, ServiceModel, ShapeKind, StructureShape, TimestampFormat};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use serde_json::{Map, Number, Value};

use crate::{ServiceError, event_stream, json, xml};

/// The parts of an HTTP answer that come from members.
#[derive(Debug)]
pub struct Encoded {
    /// The status.
    pub status: u16,
    /// Headers, with the content type.
    pub headers: HeaderMap,
    /// The body, or `None` if the operation's payload is the body.
    pub body: Option<Bytes>,
}

/// Encodes an answer of `operation`. `status` overrides the model's.
pub fn encode_output(
    model: &'static ServiceModel,
    operation: &Operation,
    members: &Map<String, Value>,
    status: Option<u16>,
    request_id: &str,
) -> Encoded {
    let mut headers = HeaderMap::new();
    let output = match operation.output.map(|output| &model.shape(output).kind) {
        Some(ShapeKind::Structure(output)) => Some(output),
        _ => None,
    };
    let mut status = status.unwrap_or(operation.status);
    if let Some(output) = output {
        write_headers(&mut headers, model, output, members, &mut status);
    }
    let body = match model.protocol {
        Protocol::AwsJson { version } => {
            content_type(&mut headers, json_type(version));
            let mut out = Vec::with_capacity(256);
            match output {
                Some(output) => json::write_structure(&mut out, model, output, members),
                None => out.extend_from_slice(b"{}"),
            }
            Some(out.into())
        }
        Protocol::RestJson => rest_json_body(&mut headers, model, operation, output, members, status),
        Protocol::Query => {
            content_type(&mut headers, "text/xml");
            Some(query_body(model, operation, output, members, request_id).into())
        }
        Protocol::Ec2Query => {
            content_type(&mut headers, "text/xml;charset=UTF-8");
            Some(ec2_body(model, operation, output, members, request_id).into())
        }
        Protocol::RestXml => rest_xml_body(&mut headers, model, operation, output, members, status),
    };
    Encoded { status, headers, body }
}

fn json_type(version: &str) -> &'static str {
    if version == "1.1" { "application/x-amz-json-1.1" } else { "application/x-amz-json-1.0" }
}

fn content_type(headers: &mut HeaderMap, value: &'static str) {
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
}

fn write_headers(
    headers: &mut HeaderMap,
    model: &ServiceModel,
    output: &StructureShape,
    members: &Map<String, Value>,
    status: &mut u16,
) {
    let carried = output.fields.iter().filter(|field| field.location != Location::Body);
    for field in carried {
        let Some(value) = members.get(&field.name).filter(|value| !value.is_null()) else { continue };
        match field.location {
            Location::Status => {
                *status = value.as_u64().and_then(|code| u16::try_from(code).ok()).unwrap_or(*status);
            }
            Location::Headers => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    insert(headers, &format!("{}{name}", field.wire_name), &text);
                }
            }
            _ => {
                let text = match (&model.shape(field.shape).kind, value) {
                    (ShapeKind::Timestamp(format), Value::Number(seconds)) => {
                        moment(seconds, format.unwrap_or(TimestampFormat::HttpDate))
                    }
                    (ShapeKind::Text { format: aws_model::TextFormat::Json, .. }, Value::String(text)) => {
                        STANDARD.encode(text)
                    }
                    (_, Value::String(text)) => text.clone(),
                    (_, Value::Array(items)) => {
                        let items =
                            items.iter().map(|it| it.as_str().map_or_else(|| it.to_string(), str::to_owned));
                        items.collect::<Vec<_>>().join(",")
                    }
                    (_, value) => value.to_string(),
                };
                insert(headers, &field.wire_name, &text);
            }
        }
    }
}

/// Inserts a header. A value that no header can carry (a line break, a control character) is left out, never split.
fn insert(headers: &mut HeaderMap, name: &str, value: &str) {
    let name = HeaderName::from_bytes(name.as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}

/// The payload member, if it is a structure (`Ok(Some)`), or `Err(())` if the body is the operation's own payload.
fn payload<'m>(
    model: &'m ServiceModel,
    output: &'m StructureShape,
) -> Result<Option<(&'m aws_model::Field, &'m StructureShape)>, ()> {
    let Some(index) = output.payload else { return Ok(None) };
    let field = &output.fields[index];
    match &model.shape(field.shape).kind {
        ShapeKind::Structure(shape) if !shape.event_stream => Ok(Some((field, shape))),
        _ => Err(()),
    }
}

fn rest_json_body(
    headers: &mut HeaderMap,
    model: &'static ServiceModel,
    operation: &Operation,
    output: Option<&StructureShape>,
    members: &Map<String, Value>,
    status: u16,
) -> Option<Bytes> {
    let Some(output) = output else {
        if status == 204 {
            return Some(Bytes::new());
        }
        content_type(headers, "application/json");
        return Some(Bytes::from_static(if status == 202 { b"" } else { b"{}" }));
    };
    let mut out = Vec::with_capacity(256);
    match payload(model, output) {
        Err(()) => {
            if event_stream::of(model, operation).is_some() {
                content_type(headers, event_stream::CONTENT_TYPE);
            }
            return None;
        }
        Ok(Some((field, shape))) => {
            let empty = Map::new();
            let members = members.get(&field.name).and_then(Value::as_object).unwrap_or(&empty);
            json::write_structure(&mut out, model, shape, members);
        }
        Ok(None) => json::write_structure(&mut out, model, output, members),
    }
    content_type(headers, "application/json");
    Some(out.into())
}

fn query_body(
    model: &ServiceModel,
    operation: &Operation,
    output: Option<&StructureShape>,
    members: &Map<String, Value>,
    request_id: &str,
) -> String {
    let mut out = String::with_capacity(512);
    let name = &operation.name;
    let namespace = model.xml_namespace.as_deref().unwrap_or_default();
    out.push_str(&format!("<{name}Response xmlns=\"{namespace}\">"));
    if let Some(output) = output {
        let wrapper = operation.result_wrapper.as_deref();
        wrapper.into_iter().for_each(|wrapper| out.push_str(&format!("<{wrapper}>")));
        xml::write_members(&mut out, model, output, members);
        wrapper.into_iter().for_each(|wrapper| out.push_str(&format!("</{wrapper}>")));
    }
    out.push_str(&format!(
        "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{name}Response>"
    ));
    out
}

fn ec2_body(
    model: &ServiceModel,
    operation: &Operation,
    output: Option<&StructureShape>,
    members: &Map<String, Value>,
    request_id: &str,
) -> String {
    let name = &operation.name;
    let namespace = model.xml_namespace.as_deref().unwrap_or_default();
    let mut out = String::with_capacity(512);
    out.push_str(XML_HEAD);
    out.push_str(&format!("<{name}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>"));
    match output {
        Some(output) => xml::write_members(&mut out, model, output, members),
        // Operations without an output say so, though the model does not.
        None => out.push_str("<return>true</return>"),
    }
    out.push_str(&format!("</{name}Response>"));
    out
}

const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
const S3_NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Root elements of S3's answers, where they are not the payload's own name. The models left them out; the SDKs check
/// them.
fn root_element<'o>(operation: &'o Operation, payload: Option<&'o str>) -> &'o str {
    match operation.name.as_str() {
        "ListBuckets" => "ListAllMyBucketsResult",
        "ListObjects" | "ListObjectsV2" => "ListBucketResult",
        "ListObjectVersions" => "ListVersionsResult",
        "ListParts" => "ListPartsResult",
        "ListMultipartUploads" => "ListMultipartUploadsResult",
        "CreateMultipartUpload" => "InitiateMultipartUploadResult",
        "CompleteMultipartUpload" => "CompleteMultipartUploadResult",
        "DeleteObjects" => "DeleteResult",
        "GetBucketLocation" => "LocationConstraint",
        "GetBucketNotificationConfiguration" => "NotificationConfiguration",
        "GetBucketVersioning" => "VersioningConfiguration",
        "GetBucketTagging" | "GetObjectTagging" => "Tagging",
        "GetBucketCors" => "CORSConfiguration",
        "GetBucketAcl" | "GetObjectAcl" => "AccessControlPolicy",
        "GetObjectAttributes" => "GetObjectAttributesResponse",
        _ => payload.unwrap_or(&operation.name),
    }
}

fn rest_xml_body(
    headers: &mut HeaderMap,
    model: &ServiceModel,
    operation: &Operation,
    output: Option<&StructureShape>,
    members: &Map<String, Value>,
    status: u16,
) -> Option<Bytes> {
    let Some(output) = output else { return Some(Bytes::new()) };
    let payload = match payload(model, output) {
        Err(()) => return None,
        Ok(payload) => payload,
    };
    let has_body = payload.is_some() || output.fields.iter().any(|field| field.location == Location::Body);
    if !has_body || status == 204 {
        return Some(Bytes::new());
    }
    content_type(headers, "application/xml");
    let root = root_element(operation, payload.map(|(field, _)| field.wire_name.as_str()));
    let mut out = String::with_capacity(512);
    out.push_str(XML_HEAD);
    out.push_str(&format!("<{root} xmlns=\"{S3_NAMESPACE}\">"));
    if operation.name == "GetBucketLocation" {
        // The one answer whose root is the value itself; us-east-1 is an empty one.
        xml::escape(&mut out, members.get("LocationConstraint").and_then(Value::as_str).unwrap_or_default());
    } else {
        match payload {
            Some((field, shape)) => {
                let empty = Map::new();
                let members = members.get(&field.name).and_then(Value::as_object).unwrap_or(&empty);
                xml::write_members(&mut out, model, shape, members);
            }
            None => xml::write_members(&mut out, model, output, members),
        }
    }
    out.push_str(&format!("</{root}>"));
    Some(out.into())
}

/// Encodes an error in the service's protocol.
pub fn encode_error(model: &ServiceModel, error: &ServiceError, request_id: &str) -> Encoded {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "x-amzn-errortype", &error.code);
    let body = match model.protocol {
        Protocol::AwsJson { version } => {
            content_type(&mut headers, json_type(version));
            if model.query_compatible {
                let fault = if error.status < 500 { "Sender" } else { "Receiver" };
                insert(
                    &mut headers,
                    "x-amzn-query-error",
                    &format!("{};{fault}", query_code(model, &error.code)),
                );
            }
            let mut members = json_error(model, error);
            members.insert("__type".to_owned(), Value::String(error.code.clone().into_owned()));
            Value::Object(members).to_string()
        }
        Protocol::RestJson => {
            content_type(&mut headers, "application/json");
            Value::Object(json_error(model, error)).to_string()
        }
        Protocol::Query => {
            content_type(&mut headers, "text/xml");
            query_error(model, error, request_id)
        }
        Protocol::Ec2Query => {
            content_type(&mut headers, "text/xml;charset=UTF-8");
            ec2_error(error, request_id)
        }
        Protocol::RestXml => {
            content_type(&mut headers, "application/xml");
            rest_xml_error(error, request_id)
        }
    };
    Encoded { status: error.status, headers, body: Some(body.into()) }
}

/// SQS's codes of the query protocol, which its model forgot when it moved to JSON. Clients still know errors by them.
const SQS_CODES: &[(&str, &str)] = &[
    ("BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"),
    ("BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong"),
    ("EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest"),
    ("InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId"),
    ("MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight"),
    ("PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress"),
    ("QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently"),
    ("QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue"),
    ("QueueNameExists", "QueueAlreadyExists"),
    ("TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"),
    ("UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation"),
];

/// What the query protocol calls an error, also that of a service that moved to JSON.
pub(crate) fn query_code<'e>(model: &'e ServiceModel, code: &'e str) -> &'e str {
    let known = SQS_CODES.iter().find(|(name, _)| model.name == "sqs" && *name == code);
    let own = || model.error(code).and_then(|shape| shape.error_code.as_deref());
    known.map(|(_, code)| *code).or_else(own).unwrap_or(code)
}

/// The members of an error on JSON: the message by the name its shape gives it (`message`, `Message`), then the rest.
fn json_error(model: &ServiceModel, error: &ServiceError) -> Map<String, Value> {
    let shape = model.error(&error.code).and_then(|shape| match &shape.kind {
        ShapeKind::Structure(shape) => Some(shape),
        _ => None,
    });
    let mut members = Map::new();
    let message =
        shape.and_then(|shape| shape.fields.iter().find(|field| field.name.eq_ignore_ascii_case("message")));
    let name = message.map_or("message", |field| field.wire_name.as_str());
    for (name, value) in &error.fields {
        let wire_name = shape.and_then(|shape| shape.field(name)).map_or(name, |field| &field.wire_name);
        members.insert(wire_name.clone(), value.clone());
    }
    members.insert(name.to_owned(), Value::String(error.message.clone()));
    members
}

fn query_error(model: &ServiceModel, error: &ServiceError, request_id: &str) -> String {
    let namespace = model.xml_namespace.as_deref().unwrap_or_default();
    let fault = if error.status < 500 { "Sender" } else { "Receiver" };
    let mut out = format!("<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>");
    xml::escape(&mut out, &error.code);
    out.push_str("</Code><Message>");
    xml::escape(&mut out, &error.message);
    out.push_str(&format!("</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"));
    out
}

fn ec2_error(error: &ServiceError, request_id: &str) -> String {
    let mut out = format!("{XML_HEAD}<Response><Errors><Error><Code>");
    xml::escape(&mut out, &error.code);
    out.push_str("</Code><Message>");
    xml::escape(&mut out, &error.message);
    out.push_str(&format!("</Message></Error></Errors><RequestID>{request_id}</RequestID></Response>"));
    out
}

fn rest_xml_error(error: &ServiceError, request_id: &str) -> String {
    let mut out = format!("{XML_HEAD}<Error><Code>");
    xml::escape(&mut out, &error.code);
    out.push_str("</Code><Message>");
    xml::escape(&mut out, &error.message);
    out.push_str("</Message>");
    for (name, value) in &error.fields {
        out.push_str(&format!("<{name}>"));
        xml::escape(&mut out, &value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        out.push_str(&format!("</{name}>"));
    }
    out.push_str(&format!("<RequestId>{request_id}</RequestId><HostId>{request_id}</HostId></Error>"));
    out
}

/// A moment, given in seconds since the epoch, in one of the formats.
#[expect(clippy::cast_possible_truncation, reason = "a moment in milliseconds is far below the limit")]
pub(crate) fn moment(seconds: &Number, format: TimestampFormat) -> String {
    let seconds = seconds.as_f64().unwrap_or_default();
    let Ok(at) = jiff::Timestamp::from_millisecond((seconds * 1000.0).round() as i64) else {
        return String::new();
    };
    match format {
        TimestampFormat::EpochSeconds => seconds.to_string(),
        TimestampFormat::Iso8601 => format!("{at:.3}"),
        TimestampFormat::HttpDate => at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn output(service: &str, operation: &str, members: Value) -> (u16, String) {
        let model = aws_model::service(service).unwrap();
        let Value::Object(members) = members else { panic!("an object") };
        let encoded = encode_output(model, model.operation(operation).unwrap(), &members, None, "rid");
        let body = encoded.body.map(|body| String::from_utf8(body.to_vec()).unwrap()).unwrap_or_default();
        (encoded.status, body)
    }

    #[test]
    fn json_answers_use_wire_names_and_formats() {
        let (status, body) =
            output("apigatewayv2", "CreateApi", json!({"ApiId": "a", "CreatedDate": 0.5, "Name": null}));
        assert_eq!(
            (status, body.as_str()),
            (201, r#"{"apiId":"a","createdDate":"1970-01-01T00:00:00.500Z"}"#)
        );
        let (_, body) =
            output("stepfunctions", "StartExecution", json!({"executionArn": "x", "startDate": 1.25}));
        assert_eq!(body, r#"{"executionArn":"x","startDate":1.25}"#);
    }

    #[test]
    fn xml_answers_have_their_wrappers() {
        let (_, body) = output("sts", "GetCallerIdentity", json!({"Account": "1", "Arn": "a<b"}));
        assert!(body.contains(
            "<GetCallerIdentityResult><Account>1</Account><Arn>a&lt;b</Arn></GetCallerIdentityResult>"
        ));
        let (_, body) =
            output("s3", "ListObjectsV2", json!({"Name": "b", "Contents": [{"Key": "k"}, {"Key": "l"}]}));
        assert!(body.contains("<ListBucketResult xmlns"));
        assert!(body.contains("<Contents><Key>k</Key></Contents><Contents><Key>l</Key></Contents>"));
        let (_, body) = output("s3", "GetBucketLocation", json!({"LocationConstraint": "eu-west-1"}));
        assert!(body.ends_with(">eu-west-1</LocationConstraint>"));
    }

    #[test]
    fn answers_of_ec2_have_frames_of_their_own() {
        let tags = json!([{"Key": "a", "Value": "b"}]);
        let (status, body) = output("ec2", "CreateVpc", json!({"Vpc": {"VpcId": "vpc-1", "Tags": tags}}));
        assert_eq!(status, 200);
        assert_eq!(
            body.lines().nth(1).unwrap(),
            "<CreateVpcResponse xmlns=\"http://ec2.amazonaws.com/doc/2016-11-15\"><requestId>rid</requestId>\
             <vpc><vpcId>vpc-1</vpcId><tagSet><item><key>a</key><value>b</value></item></tagSet></vpc>\
             </CreateVpcResponse>"
        );
        assert!(
            output("ec2", "DeleteVpc", json!({})).1.contains("</requestId><return>true</return></Delete")
        );
        let model = aws_model::service("ec2").unwrap();
        let error = ServiceError::bad_request("InvalidVpcID.NotFound", "no <vpc>");
        let body = encode_error(model, &error, "rid").body.unwrap();
        assert!(String::from_utf8_lossy(&body).ends_with(
            "<Response><Errors><Error><Code>InvalidVpcID.NotFound</Code><Message>no &lt;vpc&gt;</Message></Error>\
             </Errors><RequestID>rid</RequestID></Response>"
        ));
    }

    #[test]
    fn errors_speak_the_service_s_protocol() {
        let error = ServiceError::new("ResourceNotFoundException", 404, "no").with_field("Type", "User");
        let lambda = aws_model::service("lambda").unwrap();
        let encoded = encode_error(lambda, &error, "rid");
        assert_eq!(encoded.status, 404);
        assert_eq!(encoded.body.unwrap(), r#"{"Type":"User","Message":"no"}"#.as_bytes());
        let iam = aws_model::service("iam").unwrap();
        let body = encode_error(iam, &ServiceError::new("NoSuchEntity", 404, "no"), "rid").body.unwrap();
        assert!(String::from_utf8_lossy(&body).contains("<Code>NoSuchEntity</Code><Message>no</Message>"));
        assert_eq!(
            encode_error(lambda, &error, "rid").headers["x-amzn-errortype"],
            "ResourceNotFoundException"
        );
    }
}
