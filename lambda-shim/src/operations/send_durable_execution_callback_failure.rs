//! `SendDurableExecutionCallbackFailure`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::durable_callback;
use crate::{
    durable::engine::{control::Answer, update},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let error = input.members.get("Error").and_then(update::error_of);
    super::must_fit_error(error.as_ref())?;
    durable_callback::tell(lambda, &input.members, Answer::Failed(error)).await
}
