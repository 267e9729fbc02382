//! `GetFunctionEventInvokeConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{
    named,
    put_function_event_invoke_config::{answer, none},
};
use crate::{function::name::LATEST, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let key = named.qualifier.as_deref().unwrap_or(LATEST);
    let function = lambda.0.table.get(&ctx.scope, &named.name).map(|entry| entry.function());
    let config = function.as_ref().and_then(|function| function.event_configs.get(key));
    let config = config.ok_or_else(|| none(ctx, &named))?;
    Ok(Output::of(answer(ctx, &named.name, key, config)))
}
