//! The text of an OpenAPI document, JSON or YAML, into values and back. Knows nothing of OpenAPI.
//!
//! Documents come from anybody, so their size, depth and what aliases make of them are bounded before a tree is made.

use serde_json::{Map, Value};

/// API Gateway's own limit of a document's size.
const LONGEST: usize = 6 << 20;
const YAML: yaml::Reader =
    yaml::Reader { most_nodes: 400_000, deepest: 100, merges: true, tag: |_, value| Ok(value) };

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Malformed(String);

/// Reads a document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Map<String, Value>, Malformed> {
    if bytes.len() > LONGEST {
        return Err(Malformed(format!("it is longer than {LONGEST} bytes")));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed(error.to_string()))?;
    let text = text.trim_start_matches('\u{feff}');
    let value = if text.trim_start().starts_with('{') { json(text) } else { yaml(text) }?;
    match value {
        Value::Object(members) => Ok(members),
        _ => Err(Malformed(String::from("it is no object"))),
    }
}

fn json(text: &str) -> Result<Value, Malformed> {
    match serde_json::from_str(text) {
        Ok(value) => Ok(value),
        // Flow style looks like JSON at first.
        Err(error) => yaml(text).map_err(|_| Malformed(error.to_string())),
    }
}

fn yaml(text: &str) -> Result<Value, Malformed> {
    YAML.read(text).map_err(|malformed| Malformed(malformed.to_string()))
}

/// A plain value as text: documents write versions and statuses as numbers too.
pub(crate) fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A document as JSON that people can read.
pub(crate) fn to_json(document: &Value) -> String {
    serde_json::to_string_pretty(document).unwrap_or_default()
}

/// A document as YAML. Texts are written as JSON writes them, which YAML reads the same.
pub(crate) fn to_yaml(document: &Value) -> String {
    let mut out = String::from("---\n");
    write_yaml(document, 0, &mut out);
    out
}

fn write_yaml(value: &Value, depth: usize, out: &mut String) {
    let indent = "  ".repeat(depth);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                out.push_str(&indent);
                out.push_str(&yaml_key(key));
                out.push(':');
                write_below(value, depth + 1, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&indent);
                out.push('-');
                write_below(item, depth + 1, out);
            }
        }
        plain => {
            out.push_str(&indent);
            out.push_str(&plain.to_string());
            out.push('\n');
        }
    }
}

fn write_below(value: &Value, depth: usize, out: &mut String) {
    let is_block = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        out.push('\n');
        write_yaml(value, depth, out);
    } else {
        out.push(' ');
        out.push_str(&value.to_string());
        out.push('\n');
    }
}

/// A key without quotes where it can be nothing but text.
fn yaml_key(key: &str) -> String {
    let is_plain = key.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && key.chars().all(|it| it.is_ascii_alphanumeric() || "-_./{}+".contains(it));
    let is_word = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
        .contains(&key.to_ascii_lowercase().as_str());
    if is_plain && !is_word { key.to_owned() } else { Value::from(key).to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn yaml_and_json_are_read_alike() {
        let yaml = "openapi: 3.0.1\ninfo: &info\n  version: 1.0\nresponses:\n  200:\n    <<: *info\n    title: '1'\n";
        let expected = json!({
            "openapi": "3.0.1", "info": {"version": 1.0}, "responses": {"200": {"title": "1", "version": 1.0}}
        });
        assert_eq!(Value::Object(parse(yaml.as_bytes()).unwrap()), expected);
        assert_eq!(Value::Object(parse(expected.to_string().as_bytes()).unwrap()), expected);
    }

    #[test]
    fn what_is_written_as_yaml_is_read_again() {
        let document = json!({
            "paths": {"/a/{b+}": {"get": {"x": [], "y": {}, "z": [1, "2", [true, null], {"n": "a\nb: \"c\""}]}}},
            "on": "yes", "200": "~", "k: ey": "- # \u{e4}", "<": "<<",
        });
        let read = parse(to_yaml(&document).as_bytes()).unwrap();
        assert_eq!(Value::Object(read), document);
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in ["", "a: [", "{\"a\":", "[1]", "plain", "---\na: 1\n---\nb: 2\n", "? [a]\n: b\n"] {
            assert!(parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse(&[0xFF, 0xFE]).is_err());
    }

    #[test]
    fn bombs_are_refused() {
        for deep in ["a: ".to_owned() + &"[".repeat(5_000), "{\"a\":".repeat(5_000), "- ".repeat(50_000)] {
            assert!(parse(deep.as_bytes()).is_err());
        }
        let laughs = (1..24).fold("a0: &a0 [x, x]\n".to_owned(), |text, at| {
            let before = at - 1;
            text + &format!("a{at}: &a{at} [*a{before}, *a{before}]\n")
        });
        assert!(parse(laughs.as_bytes()).is_err());
        let wide = "a: &a [".to_owned() + &"x,".repeat(2_000) + "x]\n";
        let wide = wide + "b: [" + &"*a,".repeat(2_000) + "*a]\n";
        assert!(parse(wide.as_bytes()).is_err());
        let merges = (1..24).fold("a0: &a0 {x: 1}\n".to_owned(), |text, at| {
            let before = at - 1;
            text + &format!("a{at}: &a{at} {{l{at}: *a{before}, r{at}: *a{before}}}\n")
        });
        assert!(parse(merges.as_bytes()).is_err());
        assert!(parse(&vec![b' '; LONGEST + 1]).is_err());
    }
}
