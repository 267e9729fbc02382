//! The attributes that a message carries: what they may be (SQS Developer Guide, "Amazon SQS message metadata").

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use serde_json::Value;

/// The most that a message may carry.
const MOST: usize = 10;
const LONGEST_NAME: usize = 256;
const LONGEST_TYPE: usize = 256;

fn invalid(message: String) -> ServiceError {
    ServiceError::bad_request("InvalidParameterValue", message)
}

fn member<'a>(attribute: &'a Value, name: &str) -> &'a str {
    attribute.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What they add to a message's size: names, types and values.
pub(crate) fn size(attributes: &BTreeMap<String, Value>) -> usize {
    let of = |(name, attribute): (&String, &Value)| {
        // Base64 has four characters for three bytes.
        let binary = member(attribute, "BinaryValue").trim_end_matches('=').len() * 3 / 4;
        name.len() + member(attribute, "DataType").len() + member(attribute, "StringValue").len() + binary
    };
    attributes.iter().map(of).sum()
}

/// Checks all of them.
pub(crate) fn check(attributes: &BTreeMap<String, Value>) -> Result<(), ServiceError> {
    if attributes.len() > MOST {
        let found = attributes.len();
        return Err(invalid(format!(
            "Number of message attributes [{found}] exceeds the allowed maximum [{MOST}]."
        )));
    }
    attributes.iter().try_for_each(|(name, attribute)| check_one(name, attribute))
}

fn check_one(name: &str, attribute: &Value) -> Result<(), ServiceError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(invalid(String::from(
            "Message (user) attribute name can only contain alphanumeric characters, underscores, hyphens, and periods.",
        )));
    }
    if name.len() > LONGEST_NAME {
        return Err(invalid(format!(
            "Message (user) attribute name must be shorter than {LONGEST_NAME} Bytes"
        )));
    }
    let lower = name.to_ascii_lowercase();
    if lower.starts_with("aws.") || lower.starts_with("amazon.") {
        return Err(invalid(String::from(
            "Message (user) attribute name can not start with 'AWS.' or 'Amazon.'.",
        )));
    }
    if name.starts_with('.') || name.ends_with('.') || name.contains("..") {
        return Err(invalid(String::from(
            "Message (user) attribute name can not start with or end with a period or contain successive periods.",
        )));
    }
    check_value(name, attribute)
}

fn check_value(name: &str, attribute: &Value) -> Result<(), ServiceError> {
    let kind = member(attribute, "DataType");
    if kind.is_empty() {
        return Err(invalid(format!(
            "The message attribute '{name}' must contain a non-empty attribute type."
        )));
    }
    if kind.len() > LONGEST_TYPE {
        return Err(invalid(format!(
            "Message (user) attribute type must be shorter than {LONGEST_TYPE} Bytes"
        )));
    }
    let (text, binary) = (member(attribute, "StringValue"), member(attribute, "BinaryValue"));
    let value = match kind.split('.').next().unwrap_or_default() {
        "String" | "Number" => text,
        "Binary" => binary,
        _ => {
            return Err(invalid(format!(
                "The type of message (user) attribute '{name}' is invalid. You must use only the following supported type prefixes: Binary, Number, String."
            )));
        }
    };
    if value.is_empty() {
        return Err(invalid(format!(
            "Message (user) attribute '{name}' must contain a non-empty value of type '{}'.",
            kind.split('.').next().unwrap_or_default()
        )));
    }
    if kind.starts_with("Number") && !text.parse::<f64>().is_ok_and(f64::is_finite) {
        return Err(invalid(format!(
            "Can't cast the value of message (user) attribute '{name}' to a number."
        )));
    }
    let allowed = |character: char| matches!(character, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    if !text.chars().all(allowed) {
        let message = "Invalid characters found. Valid unicode characters are #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to \
                       #xFFFD | #x10000 to #x10FFFF";
        return Err(ServiceError::bad_request("InvalidMessageContents", message));
    }
    Ok(())
}
