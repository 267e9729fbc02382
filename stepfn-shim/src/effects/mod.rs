//! Has tasks done: by Lambda, by workers of activities, by other services through the router.
//!
//! An effect runs at least once: after a crash it is repeated with the token it had. Whatever comes of it goes back to
//! the execution as a signal.

mod api_gateway;
pub(crate) mod casing;
mod failures;
mod http;
mod http_answer;
mod http_sight;
mod lambda;
mod metadata;
mod service_call;
mod start_execution;

use std::sync::Arc;

use asl::{OutstandingTask, Pattern, Payload, Resource, ScheduledTask, Signal, TaskId};
use runtime::{CallContext, Scope};
use serde_json::Value;

pub(crate) use http_sight::Sight;
pub(crate) use start_execution::child_ended;

use crate::{driver::Running, mocks, service::Inner};

/// How a task failed.
#[derive(Debug)]
pub(crate) struct TaskFailure {
    pub(crate) error: String,
    pub(crate) cause: String,
}

/// What came of an effect.
pub(crate) type Answer = Result<Value, TaskFailure>;

/// Begins a task's effect.
pub(crate) fn begin(inner: &Arc<Inner>, running: &Arc<Running>, task: ScheduledTask) {
    if let Some(signal) = mocks::answer(running.mocked.as_ref(), &task) {
        let (inner, running) = (Arc::clone(inner), Arc::clone(running));
        tokio::spawn(async move { tell(&inner, &running, signal).await });
        return;
    }
    if let Resource::Activity { arn } = &*task.resource {
        return inner.activities.add(&arn.clone(), &running.arn, task);
    }
    spawn(inner, running, task, false);
}

fn spawn(inner: &Arc<Inner>, running: &Arc<Running>, task: ScheduledTask, repeated: bool) {
    let (inner, running) = (Arc::clone(inner), Arc::clone(running));
    tokio::spawn(async move { perform(&inner, &running, &task, repeated).await });
}

/// Takes up a task whose effect a restart may have interrupted.
pub(crate) fn resume(inner: &Arc<Inner>, running: &Arc<Running>, task: OutstandingTask) {
    let OutstandingTask { scheduled, submitted, started } = task;
    if mocks::answer(running.mocked.as_ref(), &scheduled).is_some() {
        return begin(inner, running, scheduled);
    }
    let Resource::Service { pattern, .. } = &*scheduled.resource else {
        match &*scheduled.resource {
            Resource::Activity { .. } if started => {}
            Resource::Activity { .. } => begin(inner, running, scheduled),
            Resource::Lambda { .. } | Resource::Service { .. } => spawn(inner, running, scheduled, true),
        }
        return;
    };
    match (pattern, submitted) {
        (_, None) => spawn(inner, running, scheduled, true),
        (Pattern::Sync | Pattern::Sync2, Some(submitted)) => {
            let (inner, running) = (Arc::clone(inner), Arc::clone(running));
            tokio::spawn(async move {
                start_execution::watch(&inner, &running, scheduled.task, submitted.value()).await;
            });
        }
        (Pattern::RequestResponse | Pattern::WaitForTaskToken, Some(_)) => {}
    }
}

async fn perform(inner: &Arc<Inner>, running: &Arc<Running>, task: &ScheduledTask, repeated: bool) {
    let ctx = CallContext::internal(scope_of(&running.key.scope, task), Arc::clone(&inner.options.endpoint));
    let pattern = match &*task.resource {
        Resource::Lambda { .. } => Pattern::RequestResponse,
        // Workers fetch the tasks of activities; nothing is to be done for them.
        Resource::Activity { .. } => return,
        Resource::Service { pattern, .. } => *pattern,
    };
    let answer = attempt(inner, &ctx, task, Some(&running.arn), repeated).await;
    let task_id = task.task;
    let signal = match (answer, pattern) {
        (Err(TaskFailure { error, cause }), _) => {
            Signal::TaskFailed { task: task_id, error: Some(error), cause: Some(cause) }
        }
        (Ok(output), Pattern::RequestResponse) => {
            Signal::TaskSucceeded { task: task_id, output: Payload::new(output) }
        }
        (Ok(output), Pattern::WaitForTaskToken) => {
            Signal::TaskSubmitted { task: task_id, output: Payload::new(output) }
        }
        (Ok(output), Pattern::Sync | Pattern::Sync2) => {
            let signal = Signal::TaskSubmitted { task: task_id, output: Payload::new(output.clone()) };
            tell(inner, running, signal).await;
            return start_execution::watch(inner, running, task_id, &output).await;
        }
    };
    tell(inner, running, signal).await;
}

/// Does a task's call, and answers what it gave at once.
pub(crate) async fn attempt(
    inner: &Arc<Inner>,
    ctx: &CallContext,
    task: &ScheduledTask,
    execution: Option<&str>,
    repeated: bool,
) -> Answer {
    match &*task.resource {
        Resource::Lambda { arn } => lambda::by_arn(inner, ctx, arn, &task.input).await,
        Resource::Activity { arn } => Err(failures::no_worker(arn)),
        Resource::Service { service, action, pattern } => match (service.as_str(), action.as_str()) {
            ("lambda", "invoke") => lambda::invoke(inner, ctx, &task.input, *pattern).await,
            ("apigateway", "invoke") => api_gateway::invoke(inner, ctx, &task.input).await,
            ("http", "invoke") => http::invoke(inner, &ctx.scope.region, &task.input, None).await,
            ("states", "startExecution") => start_execution::start(inner, ctx, task, repeated).await,
            _ if matches!(pattern, Pattern::Sync | Pattern::Sync2) => Err(failures::no_sync(service, action)),
            _ => service_call::call(inner, ctx, service, action, &task.input, execution).await,
        },
    }
}

/// Does the call of an `http:invoke` task where it can be seen what is sent and received.
pub(crate) async fn http_seen(
    inner: &Arc<Inner>,
    ctx: &CallContext,
    task: &ScheduledTask,
    sight: &Sight,
) -> Answer {
    http::invoke(inner, &ctx.scope.region, &task.input, Some(sight)).await
}

/// Where a task's calls go: with Credentials, to the account of their role.
pub(crate) fn scope_of(own: &Scope, task: &ScheduledTask) -> Scope {
    let account =
        task.role_arn.as_deref().and_then(|arn| arn.split(':').nth(4)).filter(|account| !account.is_empty());
    account.map_or_else(|| own.clone(), |account| Scope::new(account, &own.region))
}

/// Tells an execution something, as far as it still runs.
pub(crate) async fn tell(inner: &Arc<Inner>, running: &Arc<Running>, signal: Signal) {
    if let Err(error) = inner.deliver(running, signal).await {
        tracing::error!(execution = &*running.arn, %error, "what came of a task could not be stored");
    }
}

/// The input of a task that somebody still waits for, with its pattern.
pub(crate) fn outstanding(running: &Running, task: TaskId) -> Option<ScheduledTask> {
    let live = running.live();
    let found = live.execution.outstanding_tasks().find(|found| found.scheduled.task == task);
    found.map(|found| found.scheduled)
}
