//! The functions about texts.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use md5::Md5;
use serde_json::Value;
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// The most characters Base64Encode, Base64Decode and Hash take.
const MOST: usize = 10_000;

fn text<'v>(value: &'v Value, which: &str) -> Result<&'v str, String> {
    value.as_str().ok_or_else(|| format!("The {which} argument must be a string"))
}

fn short_text(value: &Value) -> Result<&str, String> {
    let text = text(value, "first")?;
    if text.chars().count() > MOST {
        Err(format!("The argument is longer than {MOST} characters"))
    } else {
        Ok(text)
    }
}

pub(super) fn base64_encode(value: &Value) -> Result<Value, String> {
    Ok(Value::String(STANDARD.encode(short_text(value)?)))
}

pub(super) fn base64_decode(value: &Value) -> Result<Value, String> {
    let bytes = STANDARD.decode(short_text(value)?).map_err(|_| "The argument is not valid Base64")?;
    Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
}

pub(super) fn hash(data: &Value, algorithm: &Value) -> Result<Value, String> {
    let json;
    let data = match data {
        Value::String(_) => short_text(data)?,
        other => {
            json = other.to_string();
            &json
        }
    };
    let digest = match text(algorithm, "second")? {
        "MD5" => hex(&Md5::digest(data)),
        "SHA-1" => hex(&Sha1::digest(data)),
        "SHA-256" => hex(&Sha256::digest(data)),
        "SHA-384" => hex(&Sha384::digest(data)),
        "SHA-512" => hex(&Sha512::digest(data)),
        other => {
            return Err(format!("The algorithm '{other}' is none of MD5, SHA-1, SHA-256, SHA-384, SHA-512"));
        }
    };
    Ok(Value::String(digest))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(super) fn split(value: &Value, delimiters: &Value) -> Result<Value, String> {
    let (value, delimiters) = (text(value, "first")?, text(delimiters, "second")?);
    let parts = if delimiters.is_empty() {
        vec![value]
    } else {
        // Every character of the second argument separates, and runs of them separate once.
        value.split(|c| delimiters.contains(c)).filter(|part| !part.is_empty()).collect()
    };
    Ok(parts.into_iter().map(|part| Value::String(part.to_owned())).collect())
}

pub(super) fn to_json(value: &Value) -> Result<Value, String> {
    let text = text(value, "first")?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    let value = serde_json::from_str(text).map_err(|_| String::from("The argument is not valid JSON"))?;
    Ok(without_negative_zero(value))
}

/// AWS reads `-0` as the integer it is in Java.
fn without_negative_zero(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) && number.to_string().starts_with("-0") => {
            Value::from(0)
        }
        Value::Array(items) => items.into_iter().map(without_negative_zero).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(name, member)| (name, without_negative_zero(member))).collect()
        }
        other => other,
    }
}

/// Takes the backslashes of `\'`, `\\`, `\{` and `\}` out; any other stays.
pub(super) fn unescape(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut characters = raw.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\'' | '\\' | '{' | '}')) => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

/// A value as Java prints it: AWS fills objects in as `{Id=…, Name=…}`, arrays as `[a, b]`.
fn java_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(java_text).collect::<Vec<_>>().join(", ")),
        Value::Object(members) => {
            let members = members.iter().map(|(name, member)| format!("{name}={}", java_text(member)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

/// Fills the `{}` of a template.
pub(super) fn format(template: &Value, arguments: &[Value]) -> Result<Value, String> {
    let template = text(template, "first")?;
    let mut filled = String::with_capacity(template.len());
    let mut arguments = arguments.iter();
    let mut characters = template.chars().peekable();
    while let Some(character) = characters.next() {
        match (character, characters.peek()) {
            ('\\', Some('\'' | '\\' | '{' | '}')) => filled.extend(characters.next()),
            ('{', Some('}')) => {
                characters.next();
                let argument = arguments.next().ok_or("There are more placeholders than arguments")?;
                filled.push_str(&java_text(argument));
            }
            _ => filled.push(character),
        }
    }
    if arguments.next().is_some() {
        return Err(String::from("There are fewer placeholders than arguments"));
    }
    Ok(Value::String(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn format_knows_a_brace_from_a_placeholder() {
        let filled = format(&json!(r"It\'s \{{}\} \\ {}"), &[json!("a"), json!({"b": 1})]);
        assert_eq!(filled, Ok(json!(r"It's {a} \ {b=1}")));
        assert!(format(&json!("{}"), &[]).is_err());
        assert!(format(&json!(""), &[json!(1)]).is_err());
    }

    #[test]
    fn split_takes_every_character_as_a_delimiter() {
        let parts = split(&json!("This.is+a,test=string"), &json!(".+,="));
        assert_eq!(parts, Ok(json!(["This", "is", "a", "test", "string"])));
        assert_eq!(split(&json!("1;;2"), &json!(";")), Ok(json!(["1", "2"])));
    }
}
