//! `UpdateFunctionEventInvokeConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::put_function_event_invoke_config::set;
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    set(lambda, ctx, &input.members, true).await
}
