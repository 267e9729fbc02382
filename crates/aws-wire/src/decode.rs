//! From a request to an operation's members.

use std::borrow::Cow;

use aws_model::{
    Field, Location, Protocol, ServiceModel, Shape, ShapeKind, ShapeRef, StructureShape, TimestampFormat,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::request::Parts;
use serde_json::{Map, Number, Value};

use crate::{ServiceError, Target, json, query, text, xml};

/// What an operation needs of the request's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyNeed {
    /// Its members are in it: it must be read whole before [`decode`].
    Members,
    /// It is the payload and goes to the operation as it comes.
    Payload,
}

/// What `target` needs of the request's body.
pub fn body_need(target: &Target) -> BodyNeed {
    let Some(input) = input_of(target) else { return BodyNeed::Members };
    let payload = input.payload.map(|index| &target.model.shape(input.fields[index].shape).kind);
    match payload {
        Some(ShapeKind::Blob { .. }) => BodyNeed::Payload,
        _ => BodyNeed::Members,
    }
}

/// The members of a request. `body` is the whole body where [`body_need`] says `Members`, else nothing.
pub fn decode(target: &Target, parts: &Parts, body: &[u8]) -> Result<Map<String, Value>, ServiceError> {
    let Some(input) = input_of(target) else { return Ok(Map::new()) };
    match target.model.protocol {
        Protocol::AwsJson { .. } => json::read_structure(target.model, input, body),
        Protocol::Query | Protocol::Ec2Query => {
            query::read(target.model, input, parts.uri.query().unwrap_or_default(), body)
        }
        Protocol::RestJson | Protocol::RestXml => rest(target, input, parts, body),
    }
}

pub(crate) fn input_of(target: &Target) -> Option<&'static StructureShape> {
    structure_of(target.model, target.operation.input)
}

/// The structure that an operation takes or answers.
pub(crate) fn structure_of(
    model: &'static ServiceModel,
    shape: Option<ShapeRef>,
) -> Option<&'static StructureShape> {
    match shape.map(|shape| &model.shape(shape).kind) {
        Some(ShapeKind::Structure(shape)) => Some(shape),
        _ => None,
    }
}

/// An address of S3 is UTF-8, percent-encoded. What is not would otherwise become a key that nobody asked for.
fn refuse_other_text(target: &Target, parts: &Parts) -> Result<(), ServiceError> {
    let is_text = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().is_ok();
    let address = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if target.model.name == "s3" && !is_text(address) {
        return Err(ServiceError::bad_request("InvalidURI", "Couldn't parse the specified URI."));
    }
    Ok(())
}

fn rest(
    target: &Target,
    input: &'static StructureShape,
    parts: &Parts,
    body: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    let model = target.model;
    refuse_other_text(target, parts)?;
    let mut members = rest_body(model, input, body)?;
    for field in &input.fields {
        let value = match field.location {
            Location::Uri => {
                let label = target.labels.iter().find(|(name, _)| *name == field.wire_name);
                label.map(|(_, text)| scalar(model, field, text, TimestampFormat::Iso8601)).transpose()?
            }
            Location::Query => from_query(model, field, parts.uri.query().unwrap_or_default())?,
            Location::Header => from_header(model, field, parts)?,
            Location::Headers => prefixed_headers(field, parts),
            Location::Body | Location::Status => None,
        };
        if let Some(value) = value {
            members.insert(field.name.clone(), value);
        }
    }
    Ok(members)
}

fn rest_body(
    model: &ServiceModel,
    input: &StructureShape,
    body: &[u8],
) -> Result<Map<String, Value>, ServiceError> {
    let Some(index) = input.payload else {
        return match model.protocol {
            Protocol::RestXml if body.is_empty() => Ok(Map::new()),
            Protocol::RestXml => xml::read_structure(model, input, body),
            _ => json::read_structure(model, input, body),
        };
    };
    let field = &input.fields[index];
    let mut members = Map::new();
    if body.is_empty() {
        return Ok(members);
    }
    let value = match &model.shape(field.shape).kind {
        ShapeKind::Structure(shape) if model.protocol == Protocol::RestXml => {
            Some(Value::Object(xml::read_structure(model, shape, body)?))
        }
        ShapeKind::Structure(shape) => Some(Value::Object(json::read_structure(model, shape, body)?)),
        ShapeKind::Text { .. } => Some(Value::String(String::from_utf8_lossy(body).into_owned())),
        _ => None,
    };
    if let Some(value) = value {
        members.insert(field.name.clone(), value);
    }
    Ok(members)
}

fn from_query(model: &ServiceModel, field: &Field, query: &str) -> Result<Option<Value>, ServiceError> {
    if let ShapeKind::Map { .. } = model.shape(field.shape).kind {
        // A map in the query takes all pairs that no other member claims; the models use it for import parameters.
        let pairs =
            text::query_pairs(query).map(|(name, value)| (name.into_owned(), Value::String(value.into())));
        return Ok(Some(Value::Object(pairs.collect())));
    }
    let pairs = text::query_pairs(query).filter(|(name, _)| *name == field.wire_name);
    from_texts(model, field, pairs.map(|(_, value)| value))
}

/// What texts of a member's name say: all of them of a list, else the first.
pub(crate) fn from_texts<'t>(
    model: &ServiceModel,
    field: &Field,
    mut texts: impl Iterator<Item = Cow<'t, str>>,
) -> Result<Option<Value>, ServiceError> {
    if let ShapeKind::List { .. } = model.shape(field.shape).kind {
        let items: Vec<Value> = texts.map(|text| Value::String(text.into_owned())).collect();
        return Ok((!items.is_empty()).then_some(Value::Array(items)));
    }
    texts.next().map(|text| scalar(model, field, &text, TimestampFormat::Iso8601)).transpose()
}

pub(crate) fn from_header(
    model: &ServiceModel,
    field: &Field,
    parts: &Parts,
) -> Result<Option<Value>, ServiceError> {
    // Few headers are there, and the model's names would have to be parsed to be looked up.
    let named = parts.headers.iter().filter(|(name, _)| name.as_str().eq_ignore_ascii_case(&field.wire_name));
    let mut values = named.map(|(_, value)| String::from_utf8_lossy(value.as_bytes()));
    if matches!(model.shape(field.shape).kind, ShapeKind::List { .. }) {
        let values =
            values.flat_map(|value| value.split(',').map(|it| Value::from(it.trim())).collect::<Vec<_>>());
        let values: Vec<Value> = values.collect();
        return Ok((!values.is_empty()).then_some(Value::Array(values)));
    }
    values.next().map(|value| scalar(model, field, &value, TimestampFormat::HttpDate)).transpose()
}

pub(crate) fn prefixed_headers(field: &Field, parts: &Parts) -> Option<Value> {
    let prefix = field.wire_name.to_ascii_lowercase();
    let found = parts.headers.iter().filter_map(|(name, value)| {
        let rest = name.as_str().strip_prefix(&prefix)?;
        Some((rest.to_owned(), Value::String(String::from_utf8_lossy(value.as_bytes()).into_owned())))
    });
    let found: Map<String, Value> = found.collect();
    (!found.is_empty()).then_some(Value::Object(found))
}

fn scalar(
    model: &ServiceModel,
    field: &Field,
    text: &str,
    moments: TimestampFormat,
) -> Result<Value, ServiceError> {
    from_text(model.shape(field.shape), text, moments).ok_or_else(|| {
        let text = format!("Value '{text}' at '{}' has the wrong type", field.name);
        ServiceError::bad_request("SerializationException", text)
    })
}

/// A value from text as paths, queries, headers and XML carry it; `None` if the text is none of that shape.
pub(crate) fn from_text(shape: &Shape, text: &str, moments: TimestampFormat) -> Option<Value> {
    match &shape.kind {
        ShapeKind::Integer { .. } => text.trim().parse::<i64>().ok().map(Value::from),
        ShapeKind::Double { .. } => text.trim().parse().ok().and_then(Number::from_f64).map(Value::Number),
        ShapeKind::Boolean => match text.trim() {
            "true" | "True" | "TRUE" | "1" => Some(Value::Bool(true)),
            "false" | "False" | "FALSE" | "0" => Some(Value::Bool(false)),
            _ => None,
        },
        ShapeKind::Timestamp(format) => moment(text.trim(), format.unwrap_or(moments)),
        ShapeKind::Text { format: aws_model::TextFormat::Json, .. } => {
            let decoded = STANDARD.decode(text).ok()?;
            Some(Value::String(String::from_utf8(decoded).ok()?))
        }
        _ => Some(Value::String(text.to_owned())),
    }
}

/// Seconds since the epoch of a moment in any of the formats; clients are not strict about which.
pub(crate) fn moment(text: &str, expected: TimestampFormat) -> Option<Value> {
    let seconds = |at: jiff::Timestamp| Number::from_f64(millis_as_seconds(at)).map(Value::Number);
    let epoch = || text.parse::<f64>().ok().and_then(Number::from_f64).map(Value::Number);
    let iso = || text.parse::<jiff::Timestamp>().ok().and_then(seconds);
    let date = || jiff::fmt::rfc2822::parse(text).ok().and_then(|at| seconds(at.timestamp()));
    match expected {
        TimestampFormat::EpochSeconds => epoch().or_else(iso).or_else(date),
        TimestampFormat::Iso8601 => iso().or_else(epoch).or_else(date),
        TimestampFormat::HttpDate => date().or_else(iso).or_else(epoch),
    }
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double until the year 287396")]
fn millis_as_seconds(at: jiff::Timestamp) -> f64 {
    at.as_millisecond() as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::identify;

    fn members(request: http::request::Builder, body: &str) -> Result<Value, ServiceError> {
        let parts = request.body(()).unwrap().into_parts().0;
        let target = identify(&parts).target(&parts, Some(body.as_bytes()))?;
        decode(&target, &parts, body.as_bytes()).map(Value::Object)
    }

    fn signed(service: &str) -> http::request::Builder {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h"
        );
        http::Request::builder().header("authorization", scope)
    }

    #[test]
    fn rest_json_binds_path_query_headers_and_body() {
        let request = signed("lambda").uri("/2015-03-31/functions/f%3A1?Qualifier=live");
        assert_eq!(members(request, "").unwrap(), json!({"FunctionName": "f:1", "Qualifier": "live"}));
        let request = signed("lambda").method("PUT").uri("/2015-03-31/functions/f/configuration");
        let body = r#"{"Timeout": 5, "Handler": null, "Environment": {"Variables": {"A": "b"}}}"#;
        let expected = json!({"FunctionName": "f", "Timeout": 5, "Environment": {"Variables": {"A": "b"}}});
        assert_eq!(members(request, body).unwrap(), expected);
        let request = signed("lambda").uri("/2015-03-31/functions?MaxItems=x");
        assert_eq!(members(request, "").unwrap_err().code, "SerializationException");
    }

    #[test]
    fn wire_names_become_member_names() {
        let request = signed("apigateway").method("POST").uri("/v2/apis");
        let body = r#"{"name": "a", "protocolType": "HTTP", "corsConfiguration": {"allowOrigins": ["*"]}}"#;
        let expected =
            json!({"Name": "a", "ProtocolType": "HTTP", "CorsConfiguration": {"AllowOrigins": ["*"]}});
        assert_eq!(members(request, body).unwrap(), expected);
    }

    #[test]
    fn rest_xml_binds_metadata_and_bodies() {
        let request = signed("s3")
            .method("PUT")
            .uri("/b/k")
            .header("x-amz-meta-colour", "red")
            .header("content-length", "3");
        let found = members(request, "").unwrap();
        assert_eq!(found["Metadata"], json!({"colour": "red"}));
        assert_eq!(found["ContentLength"], json!(3));
        let request = signed("s3").method("POST").uri("/b?delete");
        let body = "<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key></Object><Quiet>true</Quiet></Delete>";
        let expected = json!({"Objects": [{"Key": "a&b"}, {"Key": "c"}], "Quiet": true});
        assert_eq!(members(request, body).unwrap()["Delete"], expected);
    }

    #[test]
    fn query_parameters_nest() {
        let body = "Action=CreateRole&Version=2010-05-08&RoleName=r&AssumeRolePolicyDocument=%7B%7D&MaxSessionDuration=3600\
                    &Tags.member.1.Key=a&Tags.member.1.Value=b";
        let expected = json!({"RoleName": "r", "AssumeRolePolicyDocument": "{}", "MaxSessionDuration": 3600,
            "Tags": [{"Key": "a", "Value": "b"}]});
        assert_eq!(members(signed("iam").method("POST"), body).unwrap(), expected);
    }

    #[test]
    fn names_of_ec2_begin_with_capitals_and_its_lists_are_numbered_alone() {
        let body = "Action=AuthorizeSecurityGroupEgress&Version=2016-11-15&GroupId=sg-1&DryRun=false\
                    &IpPermissions.1.FromPort=80&IpPermissions.1.IpRanges.2.CidrIp=b&IpPermissions.1.IpRanges.1.CidrIp=a\
                    &IpPermissions.1.Groups.1.GroupId=sg-2&TagSpecification.1.ResourceType=x&TagSpecification.1.Tag.1.Key=k";
        let permission = json!({"FromPort": 80, "IpRanges": [{"CidrIp": "a"}, {"CidrIp": "b"}],
            "UserIdGroupPairs": [{"GroupId": "sg-2"}]});
        let expected = json!({"GroupId": "sg-1", "DryRun": false, "IpPermissions": [permission],
            "TagSpecifications": [{"ResourceType": "x", "Tags": [{"Key": "k"}]}]});
        assert_eq!(members(signed("ec2").method("POST"), body).unwrap(), expected);
        let refused = members(signed("ec2").method("POST"), "Action=DescribeVpcs&MaxResults=x").unwrap_err();
        assert_eq!(refused.message, "Value (x) for parameter MaxResults is invalid.");
    }
}
