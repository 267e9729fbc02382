//! Events: invocations that nobody waits for. They are stored before they are taken, tried up to three times, and
//! dropped when they have grown too old.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_wire::ServiceError;
use base64::{Engine, prelude::BASE64_STANDARD};
use runtime::{InvocationOutcome, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Store, StoreError, Table};
use tokio::sync::Semaphore;

use super::{
    dead_letter,
    destination::{self, Condition, Ending},
    synchronous::{self, Request},
    target::Target,
    trace,
};
use crate::{
    error,
    function::{
        name::{self, LATEST},
        record::{Configuration, EventConfig},
    },
    service::Inner,
};

const EVENTS: Table = Table("lambda.events");

/// How many events may wait at once. Beyond it callers are throttled, as AWS throttles them.
const QUEUE_LIMIT: usize = 100_000;
/// How many bytes of payload may wait at once.
const QUEUE_BYTES: usize = 256 << 20;
/// How many events are worked on at once.
const WORKERS: usize = 64;
/// Attempts, and the waits between them.
const WAITS: [Duration; 2] = [Duration::from_secs(60), Duration::from_secs(120)];
/// How old an event may grow.
const MAXIMUM_AGE: Duration = Duration::from_secs(6 * 3600);

/// The events that wait or are being worked on.
pub(crate) struct Events {
    store: Store,
    next: AtomicU64,
    waiting: AtomicUsize,
    bytes: AtomicUsize,
    workers: Arc<Semaphore>,
}

/// An event as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Stored {
    format: u32,
    account: String,
    region: String,
    function: String,
    qualifier: Option<String>,
    request_id: String,
    trace_id: String,
    #[serde(default)]
    tenant_id: Option<String>,
    /// Base64.
    payload: String,
    at: Timestamp,
}

impl Events {
    pub(crate) fn new(store: Store) -> Self {
        Self {
            store,
            next: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            bytes: AtomicUsize::new(0),
            workers: Arc::new(Semaphore::new(WORKERS)),
        }
    }

    /// Takes an event: once this returns it is stored, and will be tried.
    pub(crate) async fn take(
        inner: &Arc<Inner>,
        target: &Target,
        qualifier: Option<&str>,
        request: &Request,
    ) -> Result<(), ServiceError> {
        let events = &inner.events;
        let size = request.payload.len();
        if events.waiting.load(Ordering::Relaxed) >= QUEUE_LIMIT
            || events.bytes.load(Ordering::Relaxed) + size > QUEUE_BYTES
        {
            return Err(error::throttled("CallerRateLimitExceeded"));
        }
        let function = target.entry.function();
        let is_traced = function.version(&target.version).is_some_and(Configuration::is_traced);
        let stored = Stored {
            format: 1,
            account: target.entry.scope.account.to_string(),
            region: target.entry.scope.region.to_string(),
            function: target.entry.name.to_string(),
            qualifier: qualifier.map(str::to_owned),
            request_id: request.request_id.clone(),
            trace_id: trace::decided(request.trace_id.clone(), is_traced),
            tenant_id: request.tenant_id.clone(),
            payload: BASE64_STANDARD.encode(&request.payload),
            at: inner.clock.now(),
        };
        let number = events.next.fetch_add(1, Ordering::Relaxed);
        let mut batch = Batch::new();
        let value = serde_json::to_vec(&stored).map_err(|failure| error::service(failure.to_string()))?;
        batch.put(EVENTS, Key::new().number(number), value);
        events.store.commit(batch).await.map_err(error::storage)?;
        work(inner, number, stored);
        Ok(())
    }

    /// Goes on with what was stored when the process ended.
    pub(crate) fn resume(inner: &Arc<Inner>) -> Result<(), StoreError> {
        let mut after: Option<bytes::Bytes> = None;
        loop {
            let rows = inner.events.store.scan(EVENTS, &Key::new(), after.as_deref(), 500)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            after = Some(last.clone());
            for (key, value) in &rows {
                let number = <[u8; 8]>::try_from(&**key).map(u64::from_be_bytes);
                let stored = serde_json::from_slice(value);
                let (Ok(number), Ok(stored)) = (number, stored) else {
                    return Err(StoreError::Damaged("a row of lambda.events".to_owned()));
                };
                inner.events.next.fetch_max(number + 1, Ordering::Relaxed);
                work(inner, number, stored);
            }
        }
    }
}

fn work(inner: &Arc<Inner>, number: u64, stored: Stored) {
    let size = stored.payload.len() / 4 * 3;
    inner.events.waiting.fetch_add(1, Ordering::Relaxed);
    inner.events.bytes.fetch_add(size, Ordering::Relaxed);
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        attempts(&inner, &stored).await;
        inner.events.waiting.fetch_sub(1, Ordering::Relaxed);
        inner.events.bytes.fetch_sub(size, Ordering::Relaxed);
        let mut batch = Batch::new();
        batch.delete(EVENTS, Key::new().number(number));
        if let Err(failure) = inner.events.store.commit(batch).await {
            tracing::error!(%failure, "an event that was worked off stays stored and will run again");
        }
    });
}

/// Tries an event until it succeeds, fails for good or is too old. Errors of the function are tried again as often as
/// its configuration says; throttles and faults of ours until the event is too old, with growing waits.
async fn attempts(inner: &Arc<Inner>, stored: &Stored) {
    let scope = Scope::new(&stored.account, &stored.region);
    let Ok(payload) = BASE64_STANDARD.decode(&stored.payload).map(bytes::Bytes::from) else {
        return tracing::error!(request_id = stored.request_id, "an event is damaged and was dropped");
    };
    let (mut count, mut refused) = (0, 0_u32);
    let mut last = None;
    loop {
        if may_not_run(inner, &scope, stored) {
            let condition = Condition::ZeroReservedConcurrency;
            return end(inner, stored, &payload, condition, count, last.as_ref()).await;
        }
        let outcome = {
            let Ok(_worker) = inner.events.workers.acquire().await else { return };
            attempt(inner, &scope, stored, &payload).await
        };
        let config = configuration(inner, &scope, stored);
        let wait = match outcome {
            Attempt::Gone => {
                let (function, request_id) = (&stored.function, &stored.request_id);
                return tracing::warn!(function, request_id, "an event was dropped: its function is gone");
            }
            Attempt::Answered(outcome) => {
                let failed = outcome.function_error.is_some();
                last = Some(outcome);
                let retries =
                    config.retries.and_then(|retries| usize::try_from(retries).ok()).unwrap_or(WAITS.len());
                let wait = WAITS.get(count).filter(|_| count < retries);
                count += 1;
                match (failed, wait) {
                    (true, Some(wait)) => *wait,
                    _ => {
                        let condition = if failed { Condition::RetriesExhausted } else { Condition::Success };
                        return end(inner, stored, &payload, condition, count, last.as_ref()).await;
                    }
                }
            }
            Attempt::Recursive => {
                return end(inner, stored, &payload, Condition::RetriesExhausted, count, last.as_ref()).await;
            }
            Attempt::Refused => {
                refused = (refused + 1).min(9);
                Duration::from_secs((1_u64 << (refused - 1)).min(300))
            }
        };
        let at = inner.clock.now().plus(wait);
        let oldest = config.maximum_age.map_or(MAXIMUM_AGE, Duration::from_secs);
        if at.since(stored.at) >= oldest {
            return end(inner, stored, &payload, Condition::EventAgeExceeded, count, last.as_ref()).await;
        }
        inner.clock.sleep_until(at).await;
    }
}

/// Tells the destination of an event's end, if there is one; an end that nobody is told of is a line in the log.
async fn end(
    inner: &Arc<Inner>,
    stored: &Stored,
    payload: &[u8],
    condition: Condition,
    attempts: usize,
    outcome: Option<&InvocationOutcome>,
) {
    let scope = Scope::new(&stored.account, &stored.region);
    let config = configuration(inner, &scope, stored);
    let destination = if condition == Condition::Success { config.on_success } else { config.on_failure };
    let dead_letters = dead_letters(inner, &scope, stored).filter(|_| condition != Condition::Success);
    if destination.is_none() && dead_letters.is_none() {
        if condition != Condition::Success {
            let (function, request_id) = (&stored.function, &stored.request_id);
            tracing::warn!(function, request_id, attempts, ?condition, "an event failed and was dropped");
        }
        return;
    }
    let ending = Ending {
        condition,
        request_id: &stored.request_id,
        trace_id: &stored.trace_id,
        function_arn: name::arn(
            &scope,
            &stored.function,
            Some(stored.qualifier.as_deref().unwrap_or(LATEST)),
        ),
        attempts,
        payload,
        outcome,
        at: inner.clock.now(),
    };
    if let Some(destination) = destination {
        destination::tell(inner, &destination, &ending).await;
    }
    if let Some(queue) = dead_letters {
        dead_letter::tell(inner, &queue, &ending).await;
    }
}

/// Whether the function has reserved nothing to run in: its events are not tried, and not kept.
fn may_not_run(inner: &Inner, scope: &Scope, stored: &Stored) -> bool {
    let entry = inner.table.get(scope, &stored.function);
    entry.is_some_and(|entry| entry.function().reserved_concurrency == Some(0))
}

/// The dead letter queue of the version that was invoked.
fn dead_letters(inner: &Inner, scope: &Scope, stored: &Stored) -> Option<String> {
    let function = inner.table.get(scope, &stored.function)?.function();
    function.qualified(stored.qualifier.as_deref())?.dead_letters.clone()
}

/// How the function has its events worked off, as it says now.
fn configuration(inner: &Inner, scope: &Scope, stored: &Stored) -> EventConfig {
    let function = inner.table.get(scope, &stored.function).map(|entry| entry.function());
    let key = stored.qualifier.as_deref().unwrap_or(LATEST);
    function.and_then(|function| function.event_configs.get(key).cloned()).unwrap_or_default()
}

enum Attempt {
    /// The function answered, well or with an error.
    Answered(InvocationOutcome),
    /// It did not come to run.
    Refused,
    Gone,
    /// It would be one more turn of a loop.
    Recursive,
}

async fn attempt(inner: &Arc<Inner>, scope: &Scope, stored: &Stored, payload: &bytes::Bytes) -> Attempt {
    let invocation = runtime::Invocation {
        qualifier: stored.qualifier.clone(),
        ..runtime::Invocation::request_response(name::arn(scope, &stored.function, None), bytes::Bytes::new())
    };
    let Ok(target) = Target::find(&inner.table, scope, &invocation) else { return Attempt::Gone };
    let request = Request {
        request_id: stored.request_id.clone(),
        payload: payload.clone(),
        client_context: None,
        trace_id: stored.trace_id.clone(),
        tail: false,
        sink: None,
        tenant_id: stored.tenant_id.clone(),
    };
    match synchronous::run(inner, target, request).await {
        Ok(outcome) => Attempt::Answered(outcome),
        Err(refusal) if refusal.code == "ResourceNotFoundException" => Attempt::Gone,
        Err(refusal) if refusal.code == "RecursiveInvocationException" => Attempt::Recursive,
        Err(refusal) => {
            tracing::debug!(%refusal, "an event is tried again later");
            Attempt::Refused
        }
    }
}
