//! `$util`: what templates need to write JSON, URLs and base64.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use vtl::{Heap, Host, RenderError, Value};

#[derive(Debug)]
pub(super) struct Util;

/// What `java.net.URLEncoder` leaves as it is, besides letters and digits.
const KEPT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'-').remove(b'*').remove(b'_').remove(b' ');

impl Host for Util {
    fn property(&self, _: &mut Heap, _: &str) -> Result<Option<Value>, RenderError> {
        Ok(None)
    }

    fn call(&self, heap: &mut Heap, method: &str, arguments: &[Value]) -> Result<Option<Value>, RenderError> {
        let [argument] = arguments else { return Ok(None) };
        let text = heap.text(argument);
        Ok(Some(match method {
            "escapeJavaScript" => Value::from(escape_java_script(&text)),
            "parseJson" => {
                let json = serde_json::from_str(&text)
                    .map_err(|error| RenderError::method("$util.parseJson", error.to_string()))?;
                heap.json(&json)?
            }
            "urlEncode" => Value::from(utf8_percent_encode(&text, KEPT).to_string().replace(' ', "+")),
            "urlDecode" => Value::from(aws_wire::decode_percent(&text.replace('+', " ")).into_owned()),
            "base64Encode" => Value::from(STANDARD.encode(text)),
            "base64Decode" => {
                let bytes = STANDARD
                    .decode(text.trim())
                    .map_err(|error| RenderError::method("$util.base64Decode", error.to_string()))?;
                Value::from(String::from_utf8_lossy(&bytes).into_owned())
            }
            _ => return Ok(None),
        }))
    }

    fn text(&self) -> String {
        String::new()
    }
}

/// Apache's `StringEscapeUtils.escapeJavaScript`.
fn escape_java_script(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for unit in text.encode_utf16() {
        match u8::try_from(unit) {
            Ok(quote @ (b'\'' | b'"' | b'\\' | b'/')) => {
                out.push('\\');
                out.push(char::from(quote));
            }
            Ok(b'\n') => out.push_str("\\n"),
            Ok(b'\r') => out.push_str("\\r"),
            Ok(b'\t') => out.push_str("\\t"),
            Ok(8) => out.push_str("\\b"),
            Ok(12) => out.push_str("\\f"),
            Ok(plain @ 32..=126) => out.push(char::from(plain)),
            _ => {
                // Writing to a String cannot fail.
                let _ = write!(out, "\\u{unit:04X}");
            }
        }
    }
    out
}
