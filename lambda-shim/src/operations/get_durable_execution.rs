//! `GetDurableExecution`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::durable_execution;
use crate::{
    durable::{config, rows},
    error,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let entry = durable_execution(inner, ctx, &input.members)?;
    let identity = &entry.identity;
    let with_data = input.members.get("IncludeExecutionData").and_then(Value::as_bool) != Some(false);
    let progress = entry.shown();
    let mut shown = json!({
        "DurableExecutionArn": identity.arn(),
        "DurableExecutionName": identity.name,
        "FunctionArn": identity.function_arn(),
        "StartTimestamp": identity.started.epoch_seconds(),
        "Status": progress.status.name(),
        "Version": identity.version,
        "TraceHeader": { "XAmznTraceId": identity.trace },
        "ExecutionDataIncluded": with_data,
        "DurableConfig": config::show(identity.timeout, identity.retention, identity.kms_key.as_deref()),
    });
    if let Some(ended) = progress.ended {
        shown["EndTimestamp"] = ended.epoch_seconds().into();
    }
    if let Some(deadline) = progress.deadline {
        shown["ExpectedExecutionTimeoutTimestamp"] = deadline.epoch_seconds().into();
    }
    if let Some(pause) = &progress.pause {
        shown["PauseDetails"] = json!({
            "PauseRequestTimestamp": pause.requested.epoch_seconds(),
            "ExecutionTimeoutPaused": pause.holds_timeout,
        });
        if let Some(reason) = pause.reason.as_ref().filter(|_| with_data) {
            shown["PauseDetails"]["Reason"] = reason.as_str().into();
        }
    }
    if with_data {
        if let Some(payload) = rows::input(&inner.store, identity).map_err(error::storage)? {
            shown["InputPayload"] = payload.into();
        }
        let outcome = rows::outcome(&inner.store, identity).map_err(error::storage)?;
        if let Some(result) = outcome.result {
            shown["Result"] = result.into();
        }
        if let Some(error) = outcome.error {
            shown["Error"] = json!(error);
        }
    }
    Ok(Output::of(shown))
}
