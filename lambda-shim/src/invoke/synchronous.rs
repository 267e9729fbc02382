//! One invocation, from its target to what the caller is answered.

use std::{
    collections::hash_map::Entry as Place,
    sync::{Arc, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use runtime::{BrokenOff, CallContext, InvocationOutcome, ToTheEnd};

use super::{concurrency::Slot, lineage, target::Target, tenant, trace};
use crate::{
    code::folder,
    environment::{
        deployment::Deployment,
        failure::{failure, timed_out},
        log::EnvironmentLog,
        pool::Pool,
        running::{Completion, Sink},
        start::{StartFailure, StartProblem},
        system_lines::{Ended, Report, SystemLines},
    },
    error,
    executor::{ExecutorError, Exit},
    function::{name, record::Function, table::Entry},
    runtime_api::session::Event,
    service::Inner,
};

/// What one invocation is.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) client_context: Option<String>,
    pub(crate) trace_id: String,
    pub(crate) tail: bool,
    /// Where the response goes as it comes, if it is to be streamed.
    pub(crate) sink: Option<Sink>,
    /// For functions that are isolated by tenants.
    pub(crate) tenant_id: Option<String>,
}

impl Request {
    pub(crate) fn new(ctx: &CallContext, payload: Bytes, client_context: Option<String>, tail: bool) -> Self {
        let trace_id = ctx.trace_id.as_deref().map_or_else(trace::new_header, str::to_owned);
        Self {
            request_id: ctx.request_id.to_string(),
            payload,
            client_context,
            trace_id,
            tail,
            sink: None,
            tenant_id: None,
        }
    }
}

/// Runs `request`, and goes on running it when the caller goes away, as Lambda does.
pub(crate) async fn run(
    inner: &Arc<Inner>,
    target: Target,
    request: Request,
) -> Result<InvocationOutcome, ServiceError> {
    let inner = Arc::clone(inner);
    ToTheEnd::new(async move { run_to_the_end(&inner, &target, request).await })
        .await
        .unwrap_or_else(|BrokenOff| Err(error::service("The invocation was broken off.")))
}

async fn run_to_the_end(
    inner: &Arc<Inner>,
    target: &Target,
    request: Request,
) -> Result<InvocationOutcome, ServiceError> {
    let function = folder::as_it_is_now(target.settled().await?, &target.version).await?;
    let _slot = Slot::take(&target.entry, &function, &target.version)?;
    let Request { request_id, payload, client_context, trace_id, tail, sink, tenant_id } = request;
    let pool = match &tenant_id {
        Some(tenant) => tenant::pool(inner, &target.entry, (&target.version, tenant), &function)?,
        None => pool(inner, &target.entry, &target.version, &function)?,
    };
    let allow = function.recursive_loop.as_deref().is_some_and(|says| says != lineage::TERMINATE);
    let trace_id = trace::decided(trace_id, pool.deployment.is_traced);
    let trace_id = lineage::follow(&trace_id, &target.entry.lineage, allow)?;
    let mut event = Event {
        request_id,
        payload,
        deadline_ms: 0,
        invoked_function_arn: target.invoked_arn.clone(),
        trace_id,
        client_context,
        tenant_id,
    };
    loop {
        let environment = match pool.acquire().await {
            Ok(environment) => environment,
            Err(failure) => return not_started(&pool, target, &event, tail, failure),
        };
        event.deadline_ms = deadline(pool.deployment.timeout);
        match environment.run(event, tail, sink.as_ref()).await {
            Ok(Completion { payload, failed, tail }) => return Ok(outcome(target, payload, failed, tail)),
            // It had ended before it took the event: another one will.
            Err(back) => event = back,
        }
    }
}

/// The environments of the version as it is now; those of an older deployment are retired.
pub(crate) fn pool(
    inner: &Inner,
    entry: &Entry,
    version: &str,
    function: &Function,
) -> Result<Arc<Pool>, ServiceError> {
    let gone = || error::function_not_found(&name::arn(&entry.scope, &entry.name, Some(version)));
    let configuration = function.version(version).ok_or_else(gone)?;
    let mut pools = entry.pools.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pool) = pools.get(version)
        && pool.deployment.id == configuration.deployment
    {
        return Ok(Arc::clone(pool));
    }
    let deployment = Deployment::of(&entry.scope, &entry.name, configuration).ok_or_else(gone)?;
    let pool = Pool::new(deployment, &inner.host);
    match pools.entry(version.to_owned()) {
        Place::Occupied(mut place) => place.insert(Arc::clone(&pool)).retire(),
        Place::Vacant(place) => {
            place.insert(Arc::clone(&pool));
        }
    }
    Ok(pool)
}

fn not_started(
    pool: &Pool,
    target: &Target,
    event: &Event,
    tail: bool,
    start: StartFailure,
) -> Result<InvocationOutcome, ServiceError> {
    let request_id = &event.request_id;
    let broke_off = |kind: &'static str, message: String| {
        (failure(request_id, kind, &message), Ended::Error(kind.into()), Some(message))
    };
    let (payload, ended, message) = match start.why {
        StartProblem::Init(payload) => {
            let kind = StartProblem::error_type(&payload);
            (payload, Ended::Error(kind.into()), None)
        }
        StartProblem::Executor(ExecutorError::Entrypoint(message))
        | StartProblem::Exited(Exit::NotStarted(message)) => broke_off("Runtime.InvalidEntrypoint", message),
        StartProblem::Exited(exit) => broke_off("Runtime.ExitError", exit.to_string()),
        StartProblem::Extension(fault) => broke_off(fault.kind, fault.message),
        StartProblem::TimedOut => (timed_out(request_id, pool.deployment.timeout), Ended::Timeout, None),
        StartProblem::Executor(problem @ (ExecutorError::Unsupported(_) | ExecutorError::Failed(_))) => {
            if let Some(log) = start.log {
                log.platform(format!("Tule could not start an execution environment: {problem}\n"));
            }
            return Err(error::service(format!("No execution environment could be started: {problem}"))
                .with_source(problem));
        }
        StartProblem::Saturated => return Err(error::throttled("ConcurrentInvocationLimitExceeded")),
        StartProblem::Abandoned => return Err(error::service("Tule is shutting down.")),
    };
    let used = (start.duration, start.max_memory);
    let log = start.log.map(|log| report(pool, &log, event, used, (ended, message))).filter(|_| tail);
    Ok(outcome(target, payload, true, log.flatten()))
}

/// The lines of an invocation whose environment never came to be.
fn report(
    pool: &Pool,
    log: &EnvironmentLog,
    event: &Event,
    (duration, max_memory): (Duration, u32),
    (ended, message): (Ended, Option<String>),
) -> Option<String> {
    let lines = SystemLines { deployment: &pool.deployment, log };
    let (request_id, trace_id) = (&*event.request_id, &*event.trace_id);
    lines.start(request_id, trace_id);
    if ended == Ended::Timeout {
        lines.timed_out(request_id);
    }
    if let (Ended::Error(kind), Some(message)) = (&ended, &message) {
        lines.broke_off(request_id, (kind, message));
    }
    lines.end(request_id);
    lines.report(&Report {
        request_id,
        duration,
        init: None,
        restore: None,
        max_memory,
        ended,
        overhead: None,
        trace_id,
    });
    log.take_tail("")
}

fn outcome(target: &Target, payload: Bytes, failed: bool, tail: Option<String>) -> InvocationOutcome {
    InvocationOutcome {
        status: 200,
        payload,
        function_error: failed.then(|| "Unhandled".to_owned()),
        executed_version: target.version.clone(),
        log_result: tail.map(|tail| BASE64_STANDARD.encode(tail)),
    }
}

/// When the function's time is over, in milliseconds since the epoch: host time, which functions compare it with.
fn deadline(timeout: Duration) -> u64 {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default() + timeout;
    u64::try_from(at.as_millis()).unwrap_or(u64::MAX)
}
