//! An operation of a REST service that is asked by its name, with its members as parameters: `s3:action/GetObject` with
//! `Bucket=b&Key=k`, as integrations of API Gateway name it.

use aws_model::{Location, Operation, Protocol, ServiceModel};
use http::request::Parts;
use serde_json::{Map, Value};

use crate::{BodyNeed, ServiceError, Target, body_need, decode, text};

/// An operation's input, from the parameters of the address, which go by the members' names or by those on the wire,
/// from the headers that carry members, and from a body in JSON, unless the body is the operation's payload.
///
/// # Errors
/// `SerializationException` for a value of the wrong type, and for a body that is no JSON object.
pub fn decode_named(
    model: &'static ServiceModel,
    operation: &'static Operation,
    parts: &Parts,
    body: &[u8],
) -> Result<(Map<String, Value>, BodyNeed), ServiceError> {
    debug_assert!(matches!(model.protocol, Protocol::RestJson | Protocol::RestXml));
    let target = Target { model, operation, labels: Vec::new() };
    let need = body_need(&target);
    let mut members = match need {
        BodyNeed::Members if !body.trim_ascii().is_empty() => {
            serde_json::from_slice(body).map_err(|error| {
                let text = format!("the request is no JSON object: {error}");
                ServiceError::bad_request("SerializationException", text)
            })?
        }
        BodyNeed::Members | BodyNeed::Payload => Map::new(),
    };
    let Some(input) = decode::input_of(&target) else { return Ok((members, need)) };
    let query = parts.uri.query().unwrap_or_default();
    for field in &input.fields {
        let pairs = text::query_pairs(query);
        let given = pairs.filter(|(name, _)| *name == field.name || *name == field.wire_name);
        let value = match (decode::from_texts(model, field, given.map(|(_, given)| given))?, field.location) {
            (Some(value), _) => Some(value),
            (None, Location::Header) => decode::from_header(model, field, parts)?,
            (None, Location::Headers) => decode::prefixed_headers(field, parts),
            (None, _) => None,
        };
        if let Some(value) = value {
            members.insert(field.name.clone(), value);
        }
    }
    Ok((members, need))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_parameters_headers_or_json() {
        let read = |service: &str, operation: &str, address: &str, body: &str| {
            let model = aws_model::service(service).unwrap();
            let request = http::Request::get(address).header("range", "bytes=0-1").header("if-match", "e");
            let parts = request.body(()).unwrap().into_parts().0;
            decode_named(model, model.operation(operation).unwrap(), &parts, body.as_bytes())
        };
        let (members, need) = read("s3", "GetObject", "/?Bucket=b&Key=a%2Fb&partNumber=2", "").unwrap();
        let expected =
            json!({"Bucket": "b", "Key": "a/b", "PartNumber": 2, "Range": "bytes=0-1", "IfMatch": "e"});
        assert_eq!((Value::Object(members), need), (expected, BodyNeed::Members));
        let (members, need) = read("s3", "PutObject", "/?Bucket=b&Key=k", "no JSON").unwrap();
        assert_eq!((&members["Key"], need), (&json!("k"), BodyNeed::Payload));
        let (members, _) =
            read("lambda", "GetFunction", "/?FunctionName=f", "{\"Qualifier\":\"1\"}").unwrap();
        assert_eq!(Value::Object(members), json!({"Qualifier": "1", "FunctionName": "f"}));
        let address = "/?Resource=arn&tagKeys=a&tagKeys=b";
        let (members, _) = read("lambda", "UntagResource", address, "").unwrap();
        assert_eq!(Value::Object(members), json!({"Resource": "arn", "TagKeys": ["a", "b"]}));
        assert_eq!(read("s3", "GetObject", "/?partNumber=x", "").unwrap_err().code, "SerializationException");
        assert_eq!(read("lambda", "GetFunction", "/", "[]").unwrap_err().code, "SerializationException");
    }
}
