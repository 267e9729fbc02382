//! `SendDurableExecutionCallbackSuccess`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::durable_callback;
use crate::{
    durable::engine::{control::Answer, rules},
    error,
    invoke::payload::unread,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let limit = rules::PAYLOAD;
    let payload = input.body.read(limit).await.map_err(|failure| match failure {
        runtime::BodyError::TooLarge { .. } => error::invalid_parameter(format!(
            "CALLBACK payload size must be less than or equal to {limit} bytes."
        )),
        other => unread(&other),
    })?;
    let result = String::from_utf8(payload.to_vec())
        .map_err(|_| error::invalid_parameter("The result of a callback must be UTF-8 text."))?;
    let result = Some(result).filter(|result| !result.is_empty());
    durable_callback::tell(lambda, &input.members, Answer::Succeeded(result)).await
}
