//! `DeleteFunctionUrlConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{get_function_url_config::missing, named};
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let entry = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    let key = named.qualifier.as_deref().unwrap_or_default();
    let removed = lambda
        .0
        .table
        .update(&entry, |function| function.urls.remove(key).map(drop).ok_or_else(missing));
    removed.await?;
    Ok(Output::empty())
}
