//! Functions that decide who is let in: how one is asked. What its answer means is each kind of API's own.

use runtime::{Invocation, Scope};
use serde_json::Value;

use crate::{State, integrate::call_context, mapping::text};

/// Why a function gave no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NoAnswer {
    /// The one error that means something: it does not know the caller.
    Unauthorized,
    /// It could not be asked.
    Unreachable(String),
    /// It was asked, and failed with that.
    Failed { reason: String, answer: Value },
}

/// What a function says of a request. The answer is null if it is no JSON.
pub(crate) async fn ask(
    state: &State,
    scope: &Scope,
    trace_id: &str,
    function: &str,
    event: Vec<u8>,
) -> Result<Value, NoAnswer> {
    let ctx = call_context(state, scope, trace_id);
    let outcome = state.invoker.invoke(&ctx, Invocation::request_response(function, event)).await;
    let outcome = outcome.map_err(|error| {
        NoAnswer::Unreachable(format!("the authorizer {function} could not be asked: {error}"))
    })?;
    let answer: Value = serde_json::from_slice(&outcome.payload).unwrap_or_default();
    let Some(error) = &outcome.function_error else { return Ok(answer) };
    let message = answer.get("errorMessage").map(text).unwrap_or_default();
    if message == "Unauthorized" {
        return Err(NoAnswer::Unauthorized);
    }
    let reason = format!("the authorizer {function} failed ({error}): {message}");
    Err(NoAnswer::Failed { reason, answer })
}
