//! `InvokeAsync`, which `Invoke` with `Event` has long replaced.

use aws_wire::ServiceError;
use runtime::{CallContext, FunctionInvoker, Input, Invocation, InvocationMode, Output};
use serde_json::json;

use crate::{function::configure::text, invoke::payload, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let payload = payload::read(input.body, "InvokeAsync").await?;
    let function = text(&input.members, "FunctionName").unwrap_or_default();
    let invocation =
        Invocation { mode: InvocationMode::Event, ..Invocation::request_response(function, payload) };
    let outcome = lambda.invoke(ctx, invocation).await?;
    Ok(Output { status: Some(outcome.status), ..Output::of(json!({"Status": outcome.status})) })
}
