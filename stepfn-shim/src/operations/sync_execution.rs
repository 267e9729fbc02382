//! StartSyncExecution: an Express execution whose end is the answer.

use std::sync::Arc;

use asl::Status;
use aws_wire::ServiceError;
use runtime::Output;
use serde_json::json;

use super::{Request, execution::start_of};
use crate::{errors, service::Inner};

pub(super) async fn start(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (machine, start) = start_of(inner, &request.members)?;
    if !machine.record.express {
        return Err(errors::type_not_supported());
    }
    let started = inner.start(start).await?;
    let Some(running) = started.running else { return Err(errors::damaged("the execution")) };
    running.ended().await;
    let live = running.live();
    let record = &live.record;
    let with_data = request.members.optional_text("includedData") != Some("METADATA_ONLY");
    let stopped = record.stopped.unwrap_or(record.started);
    let took = stopped.since(record.started).as_millis();
    // Billed in steps of 100 milliseconds, at least one, and of 64 MB.
    let billed = u64::try_from(took.div_ceil(100).max(1) * 100).unwrap_or(u64::MAX);
    let status = match record.status {
        Status::Succeeded => "SUCCEEDED",
        Status::TimedOut => "TIMED_OUT",
        Status::Running | Status::Failed | Status::Aborted => "FAILED",
    };
    let mut answer = json!({
        "executionArn": &*started.arn,
        "stateMachineArn": &*machine.arn,
        "name": &*running.key.name,
        "startDate": record.started.epoch_seconds(),
        "stopDate": stopped.epoch_seconds(),
        "status": status,
        "error": record.error,
        "cause": record.cause,
        "inputDetails": { "included": with_data },
        "traceHeader": record.trace_header,
        "billingDetails": { "billedMemoryUsedInMB": 64, "billedDurationInMilliseconds": billed },
    });
    if with_data {
        answer["input"] = json!(&*record.input);
    }
    if let Some(output) = &record.output {
        answer["outputDetails"] = json!({ "included": with_data });
        if with_data {
            answer["output"] = json!(&**output);
        }
    }
    Ok(Output::of(answer))
}
