//! What happens in one environment, for the extensions that subscribe to it: gathered, buffered, and delivered inside of
//! the sandbox.
//!
//! Nothing is made of an event that nobody wants: [`Telemetry::wants`] is one load. Until the start has ended everything
//! is kept for those who subscribe later in it.

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use runtime::{BoxFuture, Timestamp};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    time::Instant,
};

use super::delivery::Delivery;
use crate::{
    options::Connection,
    runtime_api::subscription::{Api, Category, Subscription},
};

/// How the executor reaches ports inside of the sandbox.
pub(crate) trait Connect: Send + Sync {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<Box<dyn Connection>>>;
}

/// What may wait for a subscriber that is slower than the function; the rest is dropped, and said to be.
const QUEUE: usize = 8 << 20;
/// What is kept of a start for those who subscribe later in it.
const BACKLOG: usize = 4096;

/// One thing that happened.
pub(super) struct Occurrence {
    time: String,
    /// `platform.start`, `function`, ….
    kind: &'static str,
    category: Category,
    record: Record,
}

enum Record {
    Value(Value),
    /// A line of output, and the same where it is an object of JSON and the function logs JSON.
    Line(String, Option<Value>),
}

/// See the module.
pub(crate) struct Telemetry {
    /// The categories that somebody wants, or may still want.
    wanted: AtomicU8,
    inner: Mutex<Inner>,
}

struct Inner {
    /// Subscriptions are taken.
    open: bool,
    backlog: Vec<Arc<Occurrence>>,
    subscribers: Vec<Subscriber>,
    connect: Option<Arc<dyn Connect>>,
    /// Subscriptions that no log line tells of yet.
    subscribed: Vec<Subscribed>,
}

/// A subscription, as log lines show it.
#[derive(Debug, Clone)]
pub(crate) struct Subscribed {
    pub(crate) extension: String,
    pub(crate) api: Api,
    pub(crate) categories: Vec<Category>,
}

struct Subscriber {
    subscription: Subscription,
    queue: Arc<Queue>,
}

/// A subscription that comes too late, or by the other API.
#[derive(Debug)]
pub(crate) struct Closed {
    pub(crate) kind: &'static str,
    pub(crate) message: &'static str,
}

impl Default for Telemetry {
    fn default() -> Self {
        let inner = Inner {
            open: true,
            backlog: Vec::new(),
            subscribers: Vec::new(),
            connect: None,
            subscribed: Vec::new(),
        };
        Self { wanted: AtomicU8::new(u8::MAX), inner: Mutex::new(inner) }
    }
}

impl Telemetry {
    /// Whether anybody wants what belongs to this category.
    pub(crate) fn wants(&self, category: Category) -> bool {
        self.wanted.load(Ordering::Acquire) & category.bit() != 0
    }

    /// Begins anew, with another sandbox.
    pub(crate) fn begin(&self) {
        let mut inner = self.lock();
        inner.open = true;
        inner.backlog.clear();
        // Their deliveries end with them.
        for subscriber in inner.subscribers.drain(..) {
            subscriber.queue.close();
        }
        inner.connect = None;
        inner.subscribed.clear();
        self.wanted.store(u8::MAX, Ordering::Release);
    }

    /// Sets how the sandbox is reached.
    pub(crate) fn connect_by(&self, connect: Arc<dyn Connect>) {
        self.lock().connect = Some(connect);
    }

    /// The start has ended: nobody subscribes any more.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.open = false;
        inner.backlog = Vec::new();
        let wanted = inner.subscribers.iter().flat_map(|subscriber| &subscriber.subscription.categories);
        self.wanted.store(wanted.fold(0, |mask, category| mask | category.bit()), Ordering::Release);
    }

    /// Subscriptions since the last call.
    pub(crate) fn take_subscribed(&self) -> Vec<Subscribed> {
        std::mem::take(&mut self.lock().subscribed)
    }

    /// Begins a delivery to `extension`, with all that has happened so far.
    pub(crate) fn subscribe(&self, extension: &str, subscription: Subscription) -> Result<(), Closed> {
        let mut inner = self.lock();
        let other =
            inner.subscribers.iter().any(|subscriber| subscriber.subscription.api != subscription.api);
        if !inner.open || other {
            return Err(match subscription.api {
                Api::Telemetry => Closed {
                    kind: "Telemetry.SubscriptionClosed",
                    message: "Telemetry API subscription is closed already",
                },
                Api::Logs => Closed {
                    kind: "Logs.SubscriptionClosed",
                    message: "Logs API subscription is closed already",
                },
            });
        }
        let queue = Arc::new(Queue::new(&subscription));
        let subscriber = Subscriber { subscription, queue: Arc::clone(&queue) };
        for occurrence in &inner.backlog {
            subscriber.take(occurrence);
        }
        let delivery = Delivery::new(inner.connect.clone(), subscriber.subscription.destination.clone());
        inner.subscribed.push(Subscribed {
            extension: extension.to_owned(),
            api: subscriber.subscription.api,
            categories: subscriber.subscription.categories.clone(),
        });
        inner.subscribers.push(subscriber);
        drop(inner);
        tokio::spawn(async move {
            queue.work(delivery).await;
        });
        Ok(())
    }

    /// Tells of something that happened. The caller has asked [`Self::wants`].
    pub(crate) fn tell(&self, at: Timestamp, kind: &'static str, record: Value) {
        self.put(Occurrence {
            time: at.rfc3339(),
            kind,
            category: Category::Platform,
            record: Record::Value(record),
        });
    }

    /// Tells of a line of output.
    pub(crate) fn line(&self, at: Timestamp, category: Category, line: &str, json: bool) {
        let object = json.then(|| serde_json::from_str(line).ok().filter(Value::is_object)).flatten();
        let record = Record::Line(line.to_owned(), object);
        self.put(Occurrence { time: at.rfc3339(), kind: category.name(), category, record });
    }

    fn put(&self, occurrence: Occurrence) {
        let occurrence = Arc::new(occurrence);
        let mut inner = self.lock();
        for subscriber in &inner.subscribers {
            subscriber.take(&occurrence);
        }
        if inner.open && inner.backlog.len() < BACKLOG {
            inner.backlog.push(occurrence);
        }
    }

    /// Has everything delivered that has happened, unless that takes longer than `limit`.
    pub(crate) async fn flush(&self, limit: Duration) {
        let queues: Vec<_> =
            self.lock().subscribers.iter().map(|subscriber| Arc::clone(&subscriber.queue)).collect();
        let all = futures::future::join_all(queues.iter().map(|queue| queue.flushed()));
        // Who does not take it in time misses it.
        let _ = tokio::time::timeout(limit, all).await;
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        for subscriber in self.lock().subscribers.drain(..) {
            subscriber.queue.close();
        }
    }
}

impl Subscriber {
    fn take(&self, occurrence: &Occurrence) {
        if self.subscription.categories.contains(&occurrence.category)
            && let Some(event) = occurrence.for_version(self.subscription.version)
        {
            self.queue.put(event.to_string().into());
        }
    }
}

impl Occurrence {
    /// The event as a version of the schema has it; `None` where that version does not know it.
    fn for_version(&self, version: &str) -> Option<Value> {
        let record = match &self.record {
            Record::Line(line, object) => match object {
                // Before this version records of lines are always text.
                Some(object) if version >= "2022-12-13" => object.clone(),
                _ => json!(line),
            },
            Record::Value(record) if version >= "2022" => {
                if matches!(self.kind, "platform.end" | "platform.logsSubscription") {
                    return None;
                }
                record.clone()
            }
            Record::Value(record) => self.of_logs_api(version, record)?,
        };
        Some(json!({"time": self.time, "type": self.kind, "record": record}))
    }

    /// The record as the Logs API has it, which knows less.
    fn of_logs_api(&self, version: &str, record: &Value) -> Option<Value> {
        let only = |names: &[&str]| -> Value {
            let kept = names.iter().filter_map(|name| Some(((*name).to_owned(), record.get(*name)?.clone())));
            Value::Object(kept.collect())
        };
        match self.kind {
            "platform.start" => Some(only(&["requestId", "version"])),
            "platform.end" | "platform.extension" | "platform.logsSubscription" | "platform.logsDropped" => {
                Some(record.clone())
            }
            "platform.report" => Some(only(&["requestId", "metrics"])),
            "platform.runtimeDone" if version >= "2021" => Some(only(&["requestId", "status"])),
            _ => None,
        }
    }
}

/// What waits for one subscriber.
pub(super) struct Queue {
    most_items: usize,
    most_bytes: usize,
    timeout: Duration,
    state: Mutex<Waiting>,
    changed: Notify,
    /// Whether nothing waits or is under way.
    settled: watch::Sender<bool>,
}

#[derive(Default)]
struct Waiting {
    items: VecDeque<Bytes>,
    bytes: usize,
    /// Since when the first of them waits.
    since: Option<Instant>,
    /// Records and bytes that did not fit, or could not be delivered.
    dropped: (u64, u64),
    /// Everything goes out at once.
    flush: bool,
    closed: bool,
}

impl Queue {
    fn new(subscription: &Subscription) -> Self {
        Self {
            most_items: subscription.most_items,
            most_bytes: subscription.most_bytes,
            timeout: subscription.timeout,
            state: Mutex::default(),
            changed: Notify::new(),
            settled: watch::Sender::new(true),
        }
    }

    fn put(&self, item: Bytes) {
        let mut state = self.lock();
        if state.bytes + item.len() > QUEUE {
            state.dropped.0 += 1;
            state.dropped.1 += item.len() as u64;
            return;
        }
        state.bytes += item.len();
        let first = state.items.is_empty();
        if first {
            state.since = Some(Instant::now());
            self.settled.send_replace(false);
        }
        state.items.push_back(item);
        // It is woken for the first, to wait, and when there is enough.
        if first || state.flush || state.items.len() >= self.most_items || state.bytes >= self.most_bytes {
            self.changed.notify_one();
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    async fn flushed(&self) {
        self.lock().flush = true;
        self.changed.notify_one();
        // The sender is this queue's own.
        let _ = self.settled.subscribe().wait_for(|settled| *settled).await;
    }

    /// Delivers until the queue is closed.
    async fn work(&self, mut delivery: Delivery) {
        while let Some(batch) = self.batch().await {
            let (records, bytes) = (batch.len() as u64, batch.iter().map(Bytes::len).sum::<usize>() as u64);
            let delivered = delivery.deliver(&batch).await;
            let mut state = self.lock();
            if !delivered {
                state.dropped.0 += records;
                state.dropped.1 += bytes;
            } else if state.dropped != (0, 0) {
                let (records, bytes) = std::mem::take(&mut state.dropped);
                let dropped = dropped(records, bytes);
                state.bytes += dropped.len();
                state.since.get_or_insert_with(Instant::now);
                state.items.push_back(dropped);
            }
            if state.items.is_empty() {
                self.settled.send_replace(true);
            }
        }
        self.settled.send_replace(true);
    }

    /// What goes out next, when it is time.
    async fn batch(&self) -> Option<Vec<Bytes>> {
        loop {
            let changed = self.changed.notified();
            let due = {
                let mut state = self.lock();
                if state.closed {
                    return None;
                }
                let due = state.since.map(|since| since + self.timeout);
                let full = state.items.len() >= self.most_items || state.bytes >= self.most_bytes;
                if due.is_some_and(|due| full || state.flush || due <= Instant::now()) {
                    return Some(self.take(&mut state));
                }
                due
            };
            match due {
                None => changed.await,
                Some(due) => drop(tokio::time::timeout_at(due, changed).await),
            }
        }
    }

    fn take(&self, state: &mut Waiting) -> Vec<Bytes> {
        let mut batch = Vec::new();
        let mut bytes = 0;
        while let Some(item) = state.items.front() {
            if !batch.is_empty() && (bytes + item.len() > self.most_bytes || batch.len() >= self.most_items) {
                break;
            }
            bytes += item.len();
            batch.extend(state.items.pop_front());
        }
        state.bytes = state.bytes.saturating_sub(bytes);
        state.since = (!state.items.is_empty()).then(Instant::now);
        batch
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn dropped(records: u64, bytes: u64) -> Bytes {
    let now = jiff::Timestamp::now();
    let record = json!({
        "droppedRecords": records,
        "droppedBytes": bytes,
        "reason": "Some logs were dropped because the downstream consumer is slower than the logs production rate",
    });
    json!({"time": format!("{now:.3}"), "type": "platform.logsDropped", "record": record}).to_string().into()
}
