//! `Invoke`.

use aws_wire::ServiceError;
use runtime::{BodyError, CallContext, Input, Invocation, InvocationMode, Output};
use serde_json::{Map, Value};

use crate::{error, function::configure::text, invoke::payload::SYNCHRONOUS_LIMIT, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = &input.members;
    let own = |name: &str| text(members, name).map(str::to_owned);
    let execution = own("DurableExecutionName");
    let mode = match text(members, "InvocationType") {
        Some("Event") => InvocationMode::Event,
        Some("DryRun") => InvocationMode::DryRun,
        _ => InvocationMode::RequestResponse,
    };
    let payload = input.body.read(SYNCHRONOUS_LIMIT).await.map_err(unread)?;
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

/// A payload that could not be read.
pub(super) fn unread(failure: BodyError) -> ServiceError {
    match failure {
        BodyError::TooLarge { limit } => {
            error::too_large(format!("The payload is too large for the invocation type (limit {limit} bytes)"))
        }
        other => {
            ServiceError::bad_request("InvalidRequestContentException", other.to_string()).with_field("Type", "User")
        }
    }
}
