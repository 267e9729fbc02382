//! `GetFunctionConfiguration`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{entry, named};
use crate::{error, function::answer, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let qualifier = named.qualifier.as_deref();
    let shown = function.qualified(qualifier).ok_or_else(|| error::function_not_found(&named.arn()))?;
    Ok(Output { members: answer::configuration(&ctx.scope, &named.name, shown, qualifier), ..Output::default() })
}
