//! A line for each request, in the form that a stage gives: in CloudWatch Logs, or to a delivery stream.

use std::sync::{Arc, OnceLock};

use aws_wire::ServiceError;
use runtime::{LogStream, Scope, Timestamp};
use serde_json::{Map, Value};

use super::firehose::{self, DeliveryStream};
use crate::{State, error::bad_request, mapping::text, rest_api::record::AccessLog as Record};

/// Where a stage's lines go, and what stands in them.
pub(crate) struct AccessLog {
    parts: Vec<Part>,
    destination: Destination,
}

enum Destination {
    /// A group of CloudWatch Logs.
    Group {
        scope: Scope,
        name: String,
        stream: OnceLock<Arc<dyn LogStream>>,
    },
    Firehose(DeliveryStream),
}

enum Part {
    Text(String),
    Variable(Vec<String>),
}

/// The group in `arn:aws:logs:REGION:ACCOUNT:log-group:NAME`.
pub(crate) fn group(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(7, ':').skip(2);
    if parts.next() != Some("logs") || parts.nth(2) != Some("log-group") {
        return None;
    }
    let name = parts.next()?;
    let name = name.strip_suffix(":*").unwrap_or(name);
    (!name.is_empty()).then_some(name)
}

/// Whether lines can go to what an ARN names.
pub(crate) async fn check(state: &State, scope: &Scope, arn: &str) -> Result<(), ServiceError> {
    if arn.contains(":firehose:") {
        return firehose::check(state, scope, arn).await;
    }
    if group(arn).is_none() {
        return Err(bad_request(
            "Invalid ARN specified in the request. ARNs must start with 'arn:' and be of a log group",
        ));
    }
    Ok(())
}

impl AccessLog {
    /// Nothing is written before both the place and the form are known.
    pub fn new(scope: &Scope, record: &Record) -> Option<Self> {
        let arn = record.destination_arn.as_deref()?;
        let destination = match DeliveryStream::of(arn) {
            Some(stream) => Destination::Firehose(stream),
            None => Destination::Group {
                scope: scope.clone(),
                name: group(arn)?.to_owned(),
                stream: OnceLock::new(),
            },
        };
        Some(Self { parts: parse(record.format.as_deref()?), destination })
    }

    /// Writes the line for a request. Writing neither waits nor fails.
    pub fn write(&self, state: &State, at: Timestamp, context: &Map<String, Value>) {
        let line = self.line(context);
        match &self.destination {
            Destination::Firehose(stream) => stream.send(state, line),
            Destination::Group { scope, name, stream } => {
                let stream = stream.get_or_init(|| state.logs.stream(scope, name, &stream_name()));
                stream.write(at, line);
            }
        }
    }

    /// The line for a request.
    fn line(&self, context: &Map<String, Value>) -> String {
        let mut line = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => line.push_str(text),
                Part::Variable(path) => {
                    let (first, rest) = path.split_first().map_or(("", &path[..]), |(it, rest)| (it, rest));
                    let found = rest.iter().try_fold(context.get(first), |at, name| Some(at?.get(name)));
                    let value = found.flatten().filter(|value| !value.is_null()).map(text);
                    line.push_str(value.as_deref().filter(|value| !value.is_empty()).unwrap_or("-"));
                }
            }
        }
        line
    }
}

/// The name of a stream that one stage writes to.
pub(crate) fn stream_name() -> String {
    format!("{}{}", crate::id::random(16), crate::id::random(16))
}

/// `$context.requestId and text`.
fn parse(format: &str) -> Vec<Part> {
    const OPEN: &str = "$context.";
    let mut parts = Vec::new();
    let mut rest = format;
    while let Some((before, behind)) = rest.split_once(OPEN) {
        if !before.is_empty() {
            parts.push(Part::Text(before.to_owned()));
        }
        let is_name =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
        let end = behind.find(|character| !is_name(character)).unwrap_or(behind.len());
        let name = behind[..end].trim_end_matches('.');
        parts.push(Part::Variable(name.split('.').map(str::to_owned).collect()));
        rest = &behind[name.len()..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest.to_owned()));
    }
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_stand_in_lines() {
        let record = Record {
            format: Some(String::from(
                "$context.requestId. {\"ip\":\"$context.identity.sourceIp\"} $context.no.such",
            )),
            destination_arn: Some(String::from("arn:aws:logs:us-east-1:000000000000:log-group:/a/b:*")),
        };
        let log = AccessLog::new(&Scope::new("000000000000", "us-east-1"), &record).unwrap();
        let Value::Object(context) = json!({"requestId": "r", "identity": {"sourceIp": "::1"}}) else {
            panic!()
        };
        assert_eq!(log.line(&context), "r. {\"ip\":\"::1\"} -");
        assert!(matches!(log.destination, Destination::Group { name, .. } if name == "/a/b"));
        assert_eq!(group("arn:aws:firehose:us-east-1:000000000000:deliverystream/x"), None);
    }
}
