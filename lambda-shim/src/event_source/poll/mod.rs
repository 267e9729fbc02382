//! The pollers: one task for each mapping that is enabled. They read through the router, and invoke as `Invoke` does.
//!
//! A poller that is told to stop begins nothing more; invocations under way go on, since what they did must be taken
//! note of. The poller after it begins when it has ended.

mod check;
mod failure;
mod queue;
mod reader;
mod shard;
mod stream;

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use runtime::{CallContext, Invocation, InvocationOutcome, Scope};
use serde_json::Value;
use tokio::{sync::watch, task::JoinHandle};

pub(crate) use check::check_source;

use super::{
    event::Origin,
    record::{Mapping, Phase},
    settings::Settings,
    table::Live,
};
use crate::{
    function::record::Function,
    invoke::destination::router_call,
    service::{Inner, Lambda},
};

/// The waits after a source that does not answer.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// A running poller.
pub(crate) struct Poller {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Poller {
    fn stop(&self) {
        self.stop.send_replace(true);
    }
}

/// How a poller hears that it is to stop.
#[derive(Clone)]
struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Completes when the poller is to stop.
    async fn stopped(&mut self) {
        // A sender that is gone is a poller that nobody wants any more.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// What a poller works with.
struct Job {
    inner: Arc<Inner>,
    mapping: Arc<Mapping>,
    live: Arc<Live>,
    settings: Settings,
    origin: Origin,
    /// Whose source it is.
    scope: Scope,
}

/// Begins to poll for a mapping as it is now, and ends what polled for it before.
pub(crate) fn start(inner: &Arc<Inner>, mapping: &Arc<Mapping>) {
    let live = inner.mappings.live(&mapping.uuid);
    let before = live.replace(None);
    if let Some(before) = &before {
        before.stop();
    }
    if !mapping.enabled {
        return;
    }
    if let Some(name) = mapping.source.unpolled() {
        let text =
            format!("PROBLEM: Tule does not read from {name}: no record of this source reaches the function");
        return live.source_problem(Some(text));
    }
    let (sender, receiver) = watch::channel(false);
    let job = Job::new(inner, mapping, &live);
    let task = tokio::spawn(async move {
        if let Some(before) = before {
            // One that panicked has ended too.
            let _ = before.task.await;
        }
        let job = Arc::new(job);
        if job.mapping.source.is_queue() {
            queue::run(job, Stop(receiver)).await;
        } else {
            stream::run(job, Stop(receiver)).await;
        }
    });
    live.replace(Some(Poller { stop: sender, task }));
}

/// Begins a change of a mapping that has been stored: its poller goes by it, and its state shows it for a while.
pub(crate) fn change(inner: &Arc<Inner>, mapping: &Arc<Mapping>, phase: Phase) {
    let live = inner.mappings.live(&mapping.uuid);
    let change = live.enter(phase);
    start(inner, mapping);
    if phase != Phase::Settled {
        let wait = inner.update_time;
        tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            live.settle(change);
        });
    }
}

/// Ends all polling. Invocations under way go on.
pub(crate) fn stop_all(inner: &Inner) {
    for mapping in inner.mappings.all() {
        stop(inner, &mapping.uuid);
    }
}

/// Ends a mapping's polling; gives the task, which may have something under way.
pub(crate) fn stop(inner: &Inner, uuid: &str) -> Option<JoinHandle<()>> {
    let poller = inner.mappings.live(uuid).replace(None)?;
    poller.stop();
    Some(poller.task)
}

impl Job {
    fn new(inner: &Arc<Inner>, mapping: &Arc<Mapping>, live: &Arc<Live>) -> Self {
        let arn = mapping.source_arn.clone().unwrap_or_default();
        let part = |at: usize| arn.split(':').nth(at).unwrap_or_default().to_owned();
        let (region, account) = (part(3), part(4));
        let entry = inner.table.get(&mapping.scope(), &mapping.function);
        let function = entry.map(|entry| entry.function());
        let role = function.as_ref().and_then(|function| function.qualified(mapping.qualifier.as_deref()));
        let role = role.map(|configuration| configuration.role.clone()).unwrap_or_default();
        Self {
            inner: Arc::clone(inner),
            settings: Settings::of(mapping),
            live: Arc::clone(live),
            origin: Origin { region: region.clone(), role, arn },
            scope: Scope::new(&account, &region),
            mapping: Arc::clone(mapping),
        }
    }

    /// Calls the source.
    async fn call(&self, service: &str, operation: &str, members: Value) -> Result<Value, ServiceError> {
        let ctx = CallContext::internal(self.scope.clone(), Arc::clone(&self.inner.endpoint));
        router_call(&self.inner, &ctx, service, operation, members).await
    }

    /// The function as it is now, if it can be invoked at all.
    fn function(&self) -> Option<Arc<Function>> {
        let entry = self.inner.table.get(&self.mapping.scope(), &self.mapping.function)?;
        let function = entry.function();
        function.qualified(self.mapping.qualifier.as_deref())?;
        (function.reserved_concurrency != Some(0)).then_some(function)
    }

    /// Invokes the function with an event, as `Invoke` does. Gives the request's id, too.
    async fn invoke(
        &self,
        event: String,
        trace: Option<Arc<str>>,
    ) -> (Arc<str>, Result<InvocationOutcome, ServiceError>) {
        let mut ctx = CallContext::internal(self.mapping.scope(), Arc::clone(&self.inner.endpoint));
        ctx.trace_id = trace;
        let invocation = Invocation::request_response(self.mapping.function_arn(), event);
        let outcome = Lambda(Arc::clone(&self.inner)).invoke_function(&ctx, invocation).await;
        (ctx.request_id, outcome)
    }

    /// Waits, by the service clock.
    async fn sleep(&self, wait: Duration) {
        self.inner.clock.sleep_until(self.inner.clock.now().plus(wait)).await;
    }

    /// Says why the source could not be read, and waits: the longer the more often it failed.
    async fn trouble(&self, refusal: &ServiceError, failures: &mut u32) {
        self.live.source_problem(Some(problem(refusal)));
        let wait = FIRST_WAIT.saturating_mul(1 << (*failures).min(16)).min(LONGEST_WAIT);
        *failures += 1;
        self.sleep(wait).await;
    }
}

/// A source's refusal as `LastProcessingResult` says it.
fn problem(refusal: &ServiceError) -> String {
    format!("PROBLEM: {}: {}", refusal.code, refusal.message)
}
