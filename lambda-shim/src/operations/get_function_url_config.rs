//! `GetFunctionUrlConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::Value;

use super::named;
use crate::{error, function::record::FunctionUrl, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let function = lambda.0.table.get(&ctx.scope, &named.name).ok_or_else(missing)?.function();
    let url = function.urls.get(named.qualifier.as_deref().unwrap_or_default()).ok_or_else(missing)?;
    Ok(Output::of(shown(url, ctx, &named.arn())))
}

/// A configuration that is read back: with the time of its last change, and the mode that is in force.
pub(super) fn shown(url: &FunctionUrl, ctx: &CallContext, arn: &str) -> Value {
    let mut answer = url.answer(arn, &ctx.scope.region, &ctx.endpoint);
    answer["LastModifiedTime"] = runtime::Timestamp(url.modified).rfc3339().into();
    if answer["InvokeMode"].is_null() {
        answer["InvokeMode"] = "BUFFERED".into();
    }
    answer
}

/// What AWS says of a configuration that is not there, and of its function.
pub(super) fn missing() -> ServiceError {
    error::not_found("The resource you requested does not exist.")
}
