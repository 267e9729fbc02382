//! `SendDurableExecutionCallbackHeartbeat`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::durable_callback;
use crate::{durable::engine::control::Answer, service::Lambda};

pub(super) async fn call(lambda: &Lambda, _: &CallContext, input: Input) -> Result<Output, ServiceError> {
    durable_callback::tell(lambda, &input.members, Answer::Heartbeat).await
}
