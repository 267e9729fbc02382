//! `Invoke`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Invocation, InvocationMode, Output};
use serde_json::{Map, Value};

use crate::{function::configure::text, invoke::payload, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let own = |name: &str| text(members, name).map(str::to_owned);
    let execution = own("DurableExecutionName");
    let mode = match text(members, "InvocationType") {
        Some("Event") => InvocationMode::Event,
        Some("DryRun") => InvocationMode::DryRun,
        _ => InvocationMode::RequestResponse,
    };
    let payload = payload::read(input.body, "InvokeFunction").await?;
    let invocation = Invocation {
        function: own("FunctionName").unwrap_or_default(),
        qualifier: own("Qualifier"),
        mode,
        payload,
        client_context: own("ClientContext"),
        log_tail: text(members, "LogType") == Some("Tail"),
        tenant_id: own("TenantId"),
    };
    let answered = lambda.invoke_named(ctx, invocation, execution.as_deref()).await?;
    let outcome = answered.outcome;
    let mut members = Map::new();
    if let Some(arn) = answered.execution {
        members.insert("DurableExecutionArn".into(), arn.into());
    }
    members.insert("StatusCode".into(), outcome.status.into());
    if outcome.status == 200 {
        members.insert("ExecutedVersion".into(), outcome.executed_version.into());
    }
    if let Some(failed) = outcome.function_error {
        members.insert("FunctionError".into(), failed.into());
    }
    if let Some(log) = outcome.log_result {
        members.insert("LogResult".into(), Value::String(log));
    }
    Ok(Output { members, body: outcome.payload.into(), status: Some(outcome.status), ..Output::default() })
}
