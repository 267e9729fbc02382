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
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Batch, Key, Store, StoreError, Table};
use tokio::sync::Semaphore;

use super::{
    synchronous::{self, Request},
    target::Target,
};
use crate::{error, function::name, service::Inner};

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
        let stored = Stored {
            format: 1,
            account: target.entry.scope.account.to_string(),
            region: target.entry.scope.region.to_string(),
            function: target.entry.name.to_string(),
            qualifier: qualifier.map(str::to_owned),
            request_id: request.request_id.clone(),
            trace_id: request.trace_id.clone(),
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

/// Tries an event until it succeeds, fails for good or is too old. Errors of the function are tried twice more;
/// throttles and faults of ours until the event is too old, with growing waits.
async fn attempts(inner: &Arc<Inner>, stored: &Stored) {
    let scope = Scope::new(&stored.account, &stored.region);
    let mut failed = 0;
    let mut refused = 0_u32;
    loop {
        let outcome = {
            let Ok(_worker) = inner.events.workers.acquire().await else { return };
            attempt(inner, &scope, stored).await
        };
        let wait = match outcome {
            Attempt::Done => return,
            Attempt::Gone(why) => {
                tracing::warn!(
                    function = stored.function,
                    request_id = stored.request_id,
                    why,
                    "an event was dropped"
                );
                return;
            }
            Attempt::Failed => match WAITS.get(failed) {
                Some(wait) => {
                    failed += 1;
                    *wait
                }
                None => {
                    tracing::warn!(
                        function = stored.function,
                        request_id = stored.request_id,
                        "an event failed three times and was dropped"
                    );
                    return;
                }
            },
            Attempt::Refused => {
                refused = (refused + 1).min(9);
                Duration::from_secs((1_u64 << (refused - 1)).min(300))
            }
        };
        let at = inner.clock.now().plus(wait);
        if at.since(stored.at) > MAXIMUM_AGE {
            tracing::warn!(
                function = stored.function,
                request_id = stored.request_id,
                "an event grew too old and was dropped"
            );
            return;
        }
        inner.clock.sleep_until(at).await;
    }
}

enum Attempt {
    Done,
    Failed,
    Refused,
    Gone(&'static str),
}

async fn attempt(inner: &Arc<Inner>, scope: &Scope, stored: &Stored) -> Attempt {
    let invocation = runtime::Invocation {
        qualifier: stored.qualifier.clone(),
        ..runtime::Invocation::request_response(name::arn(scope, &stored.function, None), bytes::Bytes::new())
    };
    let Ok(target) = Target::find(&inner.table, scope, &invocation) else {
        return Attempt::Gone("the function is gone");
    };
    let Ok(payload) = BASE64_STANDARD.decode(&stored.payload) else {
        return Attempt::Gone("its payload is damaged");
    };
    let request = Request {
        request_id: stored.request_id.clone(),
        payload: payload.into(),
        client_context: None,
        trace_id: stored.trace_id.clone(),
        tail: false,
    };
    match synchronous::run(inner, target, request).await {
        Ok(outcome) if outcome.function_error.is_some() => Attempt::Failed,
        Ok(_) => Attempt::Done,
        Err(refusal) if refusal.code == "ResourceNotFoundException" => Attempt::Gone("the function is gone"),
        Err(refusal) => {
            tracing::debug!(%refusal, "an event is tried again later");
            Attempt::Refused
        }
    }
}
