//! `DeleteFunctionEventInvokeConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{named, put_function_event_invoke_config::none};
use crate::{function::name::LATEST, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let key = named.qualifier.as_deref().unwrap_or(LATEST);
    let entry = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(|| none(ctx, &named))?;
    let removed = lambda.0.table.update(&entry, |function| {
        function.event_configs.remove(key).map(drop).ok_or_else(|| none(ctx, &named))
    });
    removed.await?;
    Ok(Output::empty())
}
