//! `contentHandling`: bodies as bytes, as text, and as base64 of bytes.
//!
//! Source: AWS, "Content type conversions in API Gateway" (API Gateway Developer Guide), whose two tables these two
//! functions are.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{compiled::ContentHandling, gateway_response::GatewayError};

/// A request's body, as the integration or its template gets it. It is binary if its content type is one of the API's
/// binary media types.
pub(super) fn of_request(
    handling: Option<ContentHandling>,
    body: Bytes,
    is_binary: bool,
) -> Result<Bytes, GatewayError> {
    match (handling, is_binary) {
        (Some(ContentHandling::ToText), true) => Ok(encode(&body)),
        (None | Some(ContentHandling::ToBinary), true) => Ok(body),
        (None | Some(ContentHandling::ToText), false) => Ok(utf8(body)),
        (Some(ContentHandling::ToBinary), false) => decode(&body),
    }
}

/// An answer's body, as the client gets it. The client wants bytes if what it accepts first is one of the API's binary
/// media types.
pub(super) fn of_response(
    handling: Option<ContentHandling>,
    body: Bytes,
    is_binary: bool,
    wants_binary: bool,
) -> Result<Bytes, GatewayError> {
    let to_binary = match handling {
        Some(handling) => handling == ContentHandling::ToBinary,
        None => wants_binary,
    };
    match (to_binary, is_binary) {
        (true, true) => Ok(body),
        (true, false) => decode(&body),
        (false, true) => Ok(encode(&body)),
        (false, false) => Ok(utf8(body)),
    }
}

fn encode(body: &[u8]) -> Bytes {
    STANDARD.encode(body).into()
}

fn decode(body: &[u8]) -> Result<Bytes, GatewayError> {
    let decoded = STANDARD.decode(body.trim_ascii());
    decoded.map(Bytes::from).map_err(|_| GatewayError::configuration("Unable to base64 decode the body."))
}

/// What is no text becomes such, with marks where it was none.
fn utf8(body: Bytes) -> Bytes {
    match str::from_utf8(&body) {
        Ok(_) => body,
        Err(_) => String::from_utf8_lossy(&body).into_owned().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO_BINARY: Option<ContentHandling> = Some(ContentHandling::ToBinary);
    const TO_TEXT: Option<ContentHandling> = Some(ContentHandling::ToText);
    const BYTES: Bytes = Bytes::from_static(b"\xff\xfe");
    const BASE64: Bytes = Bytes::from_static(b"//4=");

    #[test]
    fn requests_are_converted_as_the_table_says() {
        let text = Bytes::from_static(b"hello");
        let converted = |handling, body: &Bytes, binary| of_request(handling, body.clone(), binary).ok();
        assert_eq!(converted(None, &text, false), Some(text.clone()));
        assert_eq!(converted(None, &BYTES, false), Some(Bytes::from("\u{fffd}\u{fffd}")));
        assert_eq!(converted(TO_BINARY, &BASE64, false), Some(BYTES));
        assert_eq!(converted(TO_BINARY, &Bytes::from_static(b"no base64!"), false), None);
        assert_eq!(converted(TO_TEXT, &text, false), Some(text));
        assert_eq!(converted(None, &BYTES, true), Some(BYTES));
        assert_eq!(converted(TO_BINARY, &BYTES, true), Some(BYTES));
        assert_eq!(converted(TO_TEXT, &BYTES, true), Some(BASE64));
    }

    #[test]
    fn answers_are_converted_as_the_table_says() {
        let converted =
            |handling, body: Bytes, binary, wanted| of_response(handling, body, binary, wanted).ok();
        for wanted in [false, true] {
            assert_eq!(converted(TO_BINARY, BASE64, false, wanted), Some(BYTES));
            assert_eq!(converted(TO_TEXT, BASE64, false, wanted), Some(BASE64));
            assert_eq!(converted(TO_BINARY, BYTES, true, wanted), Some(BYTES));
            assert_eq!(converted(TO_TEXT, BYTES, true, wanted), Some(BASE64));
        }
        assert_eq!(converted(None, BASE64, false, false), Some(BASE64));
        assert_eq!(converted(None, BASE64, false, true), Some(BYTES));
        assert_eq!(converted(None, BYTES, true, false), Some(BASE64));
        assert_eq!(converted(None, BYTES, true, true), Some(BYTES));
    }
}
