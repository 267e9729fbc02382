//! SendTaskSuccess, SendTaskFailure, SendTaskHeartbeat: workers that answer with a task's token.

use std::{sync::Arc, time::Duration};

use asl::{OutstandingTask, Payload, Resource, Signal};
use aws_wire::ServiceError;
use runtime::Output;

use super::Request;
use crate::{driver::Running, errors, service::Inner};

/// How long a callback waits for the answer of the service that handed the token out (host time).
const SUBMISSION: Duration = Duration::from_secs(5);

/// The execution and the task that wait for a token.
async fn awaiting(inner: &Arc<Inner>, token: &str) -> Result<(Arc<Running>, OutstandingTask), ServiceError> {
    let (arn, _) = asl::task_of_token(token).ok_or_else(errors::invalid_token)?;
    let gone = || {
        ServiceError::bad_request("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")
    };
    let Some(running) = inner.find(&arn)? else {
        // A token of no execution at all was never handed out.
        let known = crate::arn::execution(&arn).is_ok_and(|(scope, machine, name)| {
            let key = crate::records::ExecutionKey { scope, machine: machine.into(), name: name.into() };
            matches!(inner.execution_record(&key), Ok(Some(_)))
        });
        return Err(if known { gone() } else { errors::invalid_token() });
    };
    let submitted = async {
        loop {
            let changed = running.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let task = running.live().execution.task_awaiting(token);
            let Some(task) = task else { return Err(gone()) };
            // A worker may be faster than the answer of the service that told it; the history has them in order.
            let early =
                matches!(&*task.scheduled.resource, Resource::Service { .. }) && task.submitted.is_none();
            if !early {
                return Ok(task);
            }
            changed.await;
        }
    };
    let task = match tokio::time::timeout(SUBMISSION, submitted).await {
        Ok(task) => task?,
        Err(_) => running.live().execution.task_awaiting(token).ok_or_else(gone)?,
    };
    Ok((running, task))
}

pub(super) async fn success(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    // A token that is none is said first, whatever the output.
    let (running, task) = awaiting(inner, members.text("taskToken")).await?;
    let output = Payload::from_text(members.text("output"))
        .map_err(|error| ServiceError::bad_request("InvalidOutput", format!("Invalid Output: '{error}'")))?;
    inner.deliver(&running, Signal::TaskSucceeded { task: task.scheduled.task, output }).await?;
    Ok(Output::empty())
}

pub(super) async fn failure(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (running, task) = awaiting(inner, members.text("taskToken")).await?;
    let text = |name: &str| members.optional_text(name).map(str::to_owned);
    let signal = Signal::TaskFailed { task: task.scheduled.task, error: text("error"), cause: text("cause") };
    inner.deliver(&running, signal).await?;
    Ok(Output::empty())
}

pub(super) async fn heartbeat(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let (running, task) = awaiting(inner, request.members.text("taskToken")).await?;
    inner.deliver(&running, Signal::Heartbeat { task: task.scheduled.task }).await?;
    Ok(Output::empty())
}
