//! `GetFunctionScalingConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Map;

use super::{entry, named};
use crate::{error, function::name, service::Lambda};

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    refusal(lambda, ctx, &input.members)
}

/// Only functions on a capacity provider have a scaling configuration, and here none is.
pub(super) fn refusal(
    lambda: &Lambda,
    ctx: &CallContext,
    members: &Map<String, serde_json::Value>,
) -> Result<Output, ServiceError> {
    let named = named(ctx, members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let arn = name::arn(&ctx.scope, &named.name, named.qualifier.as_deref());
    if function.qualified(named.qualifier.as_deref()).is_none() {
        return Err(error::function_not_found(&arn));
    }
    Err(error::invalid_parameter(format!("The function {arn} is not configured with a capacity provider.")))
}
