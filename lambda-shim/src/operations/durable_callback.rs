//! What the three operations on callbacks of durable executions share.

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Map, Value};

use crate::{
    durable::{
        driver,
        engine::{control, control::Answer, token},
    },
    error,
    function::{configure::text, record::new_id},
    service::Lambda,
};

/// Has the callback that `CallbackId` names hear `answer`.
pub(super) async fn tell(
    lambda: &Lambda,
    members: &Map<String, Value>,
    answer: Answer,
) -> Result<Output, ServiceError> {
    let id = text(members, "CallbackId").unwrap_or_default();
    let named = token::read_callback_id(id);
    let (execution, operation) = named.ok_or_else(|| error::invalid_parameter("Invalid callback id"))?;
    let closed = || {
        let text = "The callback is either timed out or already completed";
        ServiceError::bad_request("CallbackTimeoutException", text).with_field("Type", "User")
    };
    let entry = lambda.0.durable.by_id(&execution).ok_or_else(closed)?;
    let request_id = new_id();
    let heard = driver::change(&lambda.0, &entry, |draft| {
        if control::callback(draft, &operation, answer, &request_id) { Ok(()) } else { Err(closed()) }
    });
    heard.await?;
    Ok(Output::empty())
}
