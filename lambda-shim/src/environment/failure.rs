//! What callers get in the place of an answer that the function did not come to, or that nobody may be given.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

use crate::runtime_api::serve::RESPONSE_LIMIT;

/// The payload of an invocation whose environment failed.
pub(crate) fn failure(request_id: &str, kind: &str, message: &str) -> Bytes {
    json!({"errorType": kind, "errorMessage": format!("RequestId: {request_id} Error: {message}")})
        .to_string()
        .into()
}

/// The payload of an invocation that ran out of time.
pub(crate) fn timed_out(request_id: &str, timeout: Duration) -> Bytes {
    let seconds = timeout.as_secs_f64();
    failure(request_id, "Sandbox.Timedout", &format!("Task timed out after {seconds:.2} seconds"))
}

/// The payload of an invocation whose answer was larger than answers may be.
pub(super) fn too_large() -> Bytes {
    json!({
        "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."),
        "errorType": "Function.ResponseSizeTooLarge",
    })
    .to_string()
    .into()
}
