//! The poller of a queue. One receiver fills batches by long polls; a batch is worked on beside it. Messages that were
//! done with are deleted; the others are left to their visibility timeout, and to the queue's redrive policy.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use aws_wire::ServiceError;
use runtime::Timestamp;
use serde_json::{Value, json};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Job, Stop};
use crate::event_source::{
    event,
    reply::{self, Report},
    shard::BATCH_BYTES,
    source::Source,
};

/// SQS's own limits of one request.
const OF_A_REQUEST: usize = 10;
const LONG_POLL: Duration = Duration::from_secs(20);
/// How long a function that cannot be invoked is waited for.
const FUNCTION_WAIT: Duration = Duration::from_secs(2);
/// The longest wait after throttling; the first is a second.
const LONGEST_THROTTLE: u64 = 60;

/// Throttled invocations: how many in a row, and until when nothing is received.
#[derive(Debug, Default)]
struct Throttle(Mutex<(u32, Option<Timestamp>)>);

impl Throttle {
    /// One more. Gives the seconds to wait.
    fn more(&self, now: Timestamp) -> u64 {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = (1_u64 << state.0.min(6)).min(LONGEST_THROTTLE);
        *state = (state.0 + 1, Some(now.plus(Duration::from_secs(seconds))));
        seconds
    }

    fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = (0, None);
    }

    fn until(&self, now: Timestamp) -> Option<Timestamp> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.filter(|until| *until > now)
    }
}

/// Reads the queue until it is told to stop.
pub(super) async fn run(job: Arc<Job>, mut stop: Stop) {
    let slots = Arc::new(Semaphore::new(job.settings.concurrency));
    let throttle = Arc::new(Throttle::default());
    let mut failures = 0;
    let mut url: Option<String> = None;
    loop {
        let mut held = Vec::new();
        let step = tokio::select! {
            biased;
            () = stop.stopped() => None,
            step = receive(&job, &slots, &throttle, &mut url, &mut held) => Some(step),
        };
        match step {
            None => {
                // Messages that were waiting for a batch to fill are as free as they were.
                if let Some(url) = &url {
                    release(&job, url, &held, 0).await;
                }
                return;
            }
            Some(Ok((slot, url))) => {
                failures = 0;
                if !held.is_empty() {
                    let work = Work { job: Arc::clone(&job), throttle: Arc::clone(&throttle), url };
                    tokio::spawn(work.batch(held, slot));
                }
            }
            Some(Err(refusal)) => {
                url = None;
                tokio::select! {
                    () = stop.stopped() => return,
                    () = job.trouble(&refusal, &mut failures) => {}
                }
            }
        }
    }
}

/// The queue's URL.
pub(super) async fn url(job: &Job) -> Result<String, ServiceError> {
    let name = job.origin.arn.rsplit(':').next().unwrap_or_default();
    let found = job.call("sqs", "GetQueueUrl", json!({"QueueName": name})).await?;
    let url = found["QueueUrl"].as_str().map(str::to_owned);
    url.ok_or_else(|| ServiceError::internal("the queue has no URL"))
}

/// Waits until a batch can be worked on, and fills one.
async fn receive(
    job: &Job,
    slots: &Arc<Semaphore>,
    throttle: &Throttle,
    url: &mut Option<String>,
    held: &mut Vec<Value>,
) -> Result<(OwnedSemaphorePermit, String), ServiceError> {
    let slot = Arc::clone(slots).acquire_owned().await;
    let slot = slot.map_err(|_| ServiceError::internal("the poller has ended"))?;
    while let Some(until) = throttle.until(job.inner.clock.now()) {
        job.inner.clock.sleep_until(until).await;
    }
    // Messages that nobody could be given would only be counted as received.
    while job.function().is_none() {
        let text =
            "PROBLEM: the function is gone or its reserved concurrency is 0: nothing is received for it";
        job.live.source_problem(Some(text.to_owned()));
        job.sleep(FUNCTION_WAIT).await;
    }
    job.live.source_problem(None);
    let found = match url.take() {
        Some(url) => url,
        None => self::url(job).await?,
    };
    fill(job, url.insert(found), held).await?;
    Ok((slot, url.clone().unwrap_or_default()))
}

/// Receives until a batch is full or its window is over; without a window, until anything has come.
async fn fill(job: &Job, url: &str, held: &mut Vec<Value>) -> Result<(), ServiceError> {
    let mut ends: Option<Timestamp> = None;
    loop {
        let room = job.settings.batch_size - held.len();
        let wait = match ends {
            None => LONG_POLL,
            // Whole seconds are all that a request can say.
            Some(ends) => {
                let left = ends.since(job.inner.clock.now());
                Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(20)).min(LONG_POLL)
            }
        };
        let asked = json!({
            "QueueUrl": url,
            "MaxNumberOfMessages": room.min(OF_A_REQUEST),
            "WaitTimeSeconds": wait.as_secs(),
            "AttributeNames": ["All"],
            "MessageAttributeNames": ["All"],
        });
        let answer = job.call("sqs", "ReceiveMessage", asked).await?;
        let came = answer["Messages"].as_array().cloned().unwrap_or_default();
        if came.is_empty() && held.is_empty() {
            return Ok(());
        }
        held.extend(came);
        let now = job.inner.clock.now();
        let ends = *ends.get_or_insert_with(|| now.plus(job.settings.window));
        let bytes: usize = held.iter().map(size).sum();
        if now >= ends || held.len() >= job.settings.batch_size || bytes >= BATCH_BYTES {
            return Ok(());
        }
    }
}

/// About what a message takes in an event.
fn size(message: &Value) -> usize {
    let attributes = &message["MessageAttributes"];
    let own = if attributes.is_null() { 0 } else { attributes.to_string().len() + 128 };
    // JSON escapes at most double a text that is mostly readable.
    message["Body"].as_str().map_or(0, |body| body.len() + body.matches(['"', '\\', '\n']).count())
        + own
        + 1024
}

/// Makes messages visible again after so many seconds.
async fn release(job: &Job, url: &str, messages: &[Value], seconds: u64) {
    for message in messages {
        let asked = json!({
            "QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": seconds,
        });
        if let Err(refusal) = job.call("sqs", "ChangeMessageVisibility", asked).await {
            tracing::debug!(%refusal, "a message comes back by its visibility timeout");
        }
    }
}

/// What is done with a batch.
struct Work {
    job: Arc<Job>,
    throttle: Arc<Throttle>,
    url: String,
}

impl Work {
    async fn batch(self, messages: Vec<Value>, _slot: OwnedSemaphorePermit) {
        let job = &self.job;
        let mut records = Vec::new();
        let mut passed = Vec::new();
        for message in messages {
            let record = event::message(&message, &job.origin);
            let filters = &job.settings.filters;
            if filters.is_empty() || filters.take(&event::filtered_message(&record)) {
                records.push((message, record));
            } else {
                passed.push(message);
            }
        }
        self.delete(&passed).await;
        while !records.is_empty() {
            let rest = records.split_off(fitting(&records));
            let done = self.invoke(records).await;
            if !done && job.mapping.source == Source::FifoQueue {
                // What comes behind a message that failed must wait for it.
                let rest: Vec<Value> = rest.into_iter().map(|(message, _)| message).collect();
                return release(job, &self.url, &rest, 0).await;
            }
            records = rest;
        }
    }

    /// Invokes with one event. Gives whether all of it is done.
    async fn invoke(&self, batch: Vec<(Value, Value)>) -> bool {
        let (messages, records): (Vec<Value>, Vec<Value>) = batch.into_iter().unzip();
        let trace = records.iter().find_map(|record| record["attributes"]["AWSTraceHeader"].as_str());
        let trace = trace.map(Arc::from);
        let (_, outcome) = self.job.invoke(json!({"Records": records}).to_string(), trace).await;
        match outcome {
            Ok(outcome) => {
                self.throttle.over();
                let failed = match outcome.function_error {
                    Some(_) => Report::All,
                    None if self.job.settings.report => {
                        let answer = serde_json::from_slice(&outcome.payload).unwrap_or_default();
                        let place = |id: &str| messages.iter().position(|message| message["MessageId"] == id);
                        reply::failures(&answer, place)
                    }
                    None => Report::None,
                };
                let all = failed == Report::None;
                self.job.live.worked(all);
                let done: Vec<Value> = match failed {
                    Report::None => messages,
                    Report::All => Vec::new(),
                    Report::Some(places) => {
                        let kept = |(at, _): &(usize, Value)| places.binary_search(at).is_err();
                        messages.into_iter().enumerate().filter(kept).map(|(_, message)| message).collect()
                    }
                };
                self.delete(&done).await;
                all
            }
            Err(refusal) if refusal.status == 429 => {
                let seconds = self.throttle.more(self.job.inner.clock.now());
                release(&self.job, &self.url, &messages, seconds).await;
                false
            }
            Err(refusal) => {
                let function = &self.job.mapping.function;
                tracing::warn!(function, %refusal, "a batch of an event source could not be given to its function");
                self.job.live.worked(false);
                false
            }
        }
    }

    /// Deletes messages. One that cannot be deleted comes again.
    async fn delete(&self, messages: &[Value]) {
        for some in messages.chunks(OF_A_REQUEST) {
            let entries: Vec<Value> = some
                .iter()
                .enumerate()
                .map(|(at, message)| json!({"Id": at.to_string(), "ReceiptHandle": message["ReceiptHandle"]}))
                .collect();
            let asked = json!({"QueueUrl": self.url, "Entries": entries});
            match self.job.call("sqs", "DeleteMessageBatch", asked).await {
                Ok(answer) => {
                    for failed in answer["Failed"].as_array().into_iter().flatten() {
                        let why = failed["Message"].as_str().unwrap_or_default();
                        tracing::warn!(
                            why,
                            "a message that was worked off could not be deleted and will come again"
                        );
                    }
                }
                Err(refusal) => {
                    tracing::warn!(%refusal, "messages that were worked off could not be deleted and will come again");
                }
            }
        }
    }
}

/// How many records an event has room for; at least one.
fn fitting(records: &[(Value, Value)]) -> usize {
    let mut bytes = 0;
    let fits = records.iter().take_while(|(_, record)| {
        bytes += record.to_string().len() + 1;
        bytes <= BATCH_BYTES
    });
    fits.count().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_what_fits() {
        let record = |bytes: usize| (Value::Null, Value::String("x".repeat(bytes)));
        assert_eq!(fitting(&[record(10), record(10)]), 2);
        assert_eq!(fitting(&[record(BATCH_BYTES / 2), record(BATCH_BYTES / 2), record(1)]), 1);
        assert_eq!(fitting(&[record(BATCH_BYTES + 1)]), 1);
    }

    #[test]
    fn throttling_waits_longer_and_longer() {
        let (throttle, now) = (Throttle::default(), Timestamp(0));
        let waits: Vec<u64> = (0..8).map(|_| throttle.more(now)).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(throttle.until(now), Some(Timestamp(60_000)));
        assert_eq!(throttle.until(Timestamp(60_000)), None);
        throttle.over();
        assert_eq!(throttle.until(now), None);
    }
}
