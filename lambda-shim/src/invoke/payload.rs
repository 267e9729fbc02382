//! What may be sent to a function.

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use runtime::{Body, BodyError, InvocationMode};

use crate::error;

/// AWS's limit of a request that is waited for.
const SYNCHRONOUS_LIMIT: usize = 6 * 1024 * 1024;
/// AWS's limit of an event.
const EVENT_LIMIT: usize = 1024 * 1024;
/// How much of a request is read to tell its size. AWS has been seen to tell one of 6,991,583 bytes; where larger ones
/// are refused by their operation's limit alone it does not say.
const TOLD: usize = 7 * 1024 * 1024;

/// The payload of a request, whole. What is larger than is told is refused by the operation, as AWS names it.
pub(crate) async fn read(body: Body, operation: &str) -> Result<Bytes, ServiceError> {
    body.read(TOLD).await.map_err(|failure| match failure {
        BodyError::TooLarge { .. } => error::too_large(format!(
            "Request must be smaller than {SYNCHRONOUS_LIMIT} bytes for the {operation} operation"
        )),
        broken @ (BodyError::Io(_) | BodyError::Events) => unread(&broken),
    })
}

/// A body that did not arrive.
pub(crate) fn unread(failure: &BodyError) -> ServiceError {
    ServiceError::bad_request("InvalidRequestContentException", failure.to_string())
        .with_field("Type", "User")
}

/// The payload as the function gets it: JSON, `{}` where there is none.
pub(crate) fn checked(payload: Bytes, mode: InvocationMode) -> Result<Bytes, ServiceError> {
    let (name, limit) = match mode {
        InvocationMode::Event => ("Event", EVENT_LIMIT),
        InvocationMode::RequestResponse => ("RequestResponse", SYNCHRONOUS_LIMIT),
        InvocationMode::DryRun => ("DryRun", SYNCHRONOUS_LIMIT),
    };
    if payload.len() > limit {
        return Err(error::too_large(format!(
            "{} byte payload is too large for the {name} invocation type (limit {limit} bytes)",
            payload.len()
        )));
    }
    if payload.is_empty() {
        return Ok(Bytes::from_static(b"{}"));
    }
    match serde_json::from_slice::<serde::de::IgnoredAny>(&payload) {
        Ok(_) => Ok(payload),
        Err(problem) => Err(ServiceError::bad_request(
            "InvalidRequestContentException",
            format!(
                "Could not parse request body into json: Could not parse payload into json: {}",
                describe(&payload, &problem)
            ),
        )
        .with_field("Type", "User")),
    }
}

/// What a value can be.
const VALUES: &str = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// What is wrong, in the words of the JSON reader that AWS uses.
fn describe(payload: &[u8], problem: &serde_json::Error) -> String {
    let (line, column) = (problem.line(), problem.column());
    let source = String::from_utf8_lossy(&payload[..payload.len().min(500)]).into_owned();
    let place =
        |column: usize| format!("\n at [Source: (byte[])\"{source}\"; line: {line}, column: {column}]");
    if problem.is_eof() {
        return format!("Unexpected end-of-input{}", place(column + 1));
    }
    let start = payload.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or_default();
    let word: String = payload[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
        .map(|byte| char::from(*byte))
        .collect();
    if word.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return format!(
            "Unrecognized token '{word}': was expecting {VALUES}{}",
            place(start + word.len() + 1)
        );
    }
    let at = payload
        .split(|byte| *byte == b'\n')
        .nth(line.saturating_sub(1))
        .and_then(|line| line.get(column.saturating_sub(1)));
    match at {
        Some(byte) => {
            let said = problem.to_string();
            let valid = format!(": expected a valid value {VALUES}");
            let wants = [
                ("key must be a string", ": was expecting double-quote to start field name"),
                ("expected `:`", ": was expecting a colon to separate field name and value"),
                ("expected `,` or `]`", ": was expecting comma to separate Array entries"),
                ("expected `,` or `}`", ": was expecting comma to separate Object entries"),
                ("expected value", &valid),
            ];
            let wanted = wants.iter().find(|(ours, _)| said.starts_with(ours)).map_or("", |(_, words)| words);
            format!(
                "Unexpected character ('{}' (code {byte})){wanted}{}",
                char::from(*byte),
                place(column + 1)
            )
        }
        None => format!("{problem}{}", place(column + 1)),
    }
}

/// The client context, decoded for the function.
pub(crate) fn client_context(given: Option<&str>) -> Result<Option<String>, ServiceError> {
    let Some(given) = given else { return Ok(None) };
    let unreadable = || {
        ServiceError::bad_request(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        )
        .with_field("Type", "User")
    };
    let decoded = BASE64_STANDARD.decode(given).map_err(|_| unreadable())?;
    // It travels as a header: without line breaks, and readable as JSON at all.
    let value: serde_json::Value = serde_json::from_slice(&decoded).map_err(|_| unreadable())?;
    Ok(Some(value.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_json() {
        assert_eq!(checked(Bytes::new(), InvocationMode::RequestResponse).unwrap(), "{}");
        assert_eq!(checked(Bytes::from_static(b" [1] "), InvocationMode::RequestResponse).unwrap(), " [1] ");
        let error = checked(Bytes::from_static(b"hello"), InvocationMode::RequestResponse).unwrap_err();
        assert_eq!(error.code, "InvalidRequestContentException");
        assert!(error.message.starts_with(
            "Could not parse request body into json: Could not parse payload into json: Unrecognized token 'hello': was \
             expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')\n at [Source: (byte[])\"hello\"; \
             line: 1, column: 6]"
        ), "{}", error.message);
        assert!(checked(Bytes::from_static(b"{\"a\":"), InvocationMode::RequestResponse).is_err());
        for (payload, wanted) in [
            ("{'a': 1}", "('\'' (code 39)): was expecting double-quote to start field name\n"),
            ("{\"a\" 1}", "('1' (code 49)): was expecting a colon to separate field name and value\n"),
            ("{\"a\": 1 2}", "('2' (code 50)): was expecting comma to separate Object entries\n"),
            ("[1 2]", "('2' (code 50)): was expecting comma to separate Array entries\n"),
            (
                "[1, +]",
                "('+' (code 43)): expected a valid value (JSON String, Number, Array, Object or token",
            ),
        ] {
            let error = checked(Bytes::from_static(payload.as_bytes()), InvocationMode::RequestResponse);
            let message = error.unwrap_err().message;
            assert!(message.contains(wanted), "{payload}: {message}");
        }
    }

    #[test]
    fn what_is_too_large_is_told_by_the_kind_of_invocation() {
        let refused = |size: usize, mode| checked(Bytes::from(vec![b' '; size]), mode).unwrap_err();
        let synchronous = refused(6_291_478, InvocationMode::RequestResponse);
        assert_eq!((synchronous.status, &*synchronous.code), (413, "RequestEntityTooLargeException"));
        assert_eq!(
            synchronous.message,
            "6291478 byte payload is too large for the RequestResponse invocation type (limit 6291456 bytes)"
        );
        assert_eq!(
            refused(1_048_577, InvocationMode::Event).message,
            "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"
        );
    }

    #[tokio::test]
    async fn what_is_larger_still_is_refused_unread() {
        let body = |size: usize| Body::Bytes(Bytes::from(vec![b' '; size]));
        assert_eq!(read(body(6_991_583), "InvokeFunction").await.unwrap().len(), 6_991_583);
        let refused = read(body(TOLD + 1), "InvokeFunction").await.unwrap_err();
        assert_eq!(refused.status, 413);
        assert_eq!(
            refused.message,
            "Request must be smaller than 6291456 bytes for the InvokeFunction operation"
        );
    }
}
