//! The reader of one shard: reads ahead, acts on what the shard's core decides, and stores how far it is.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use futures::{StreamExt as _, stream::FuturesUnordered};
use runtime::{BoxFuture, Timestamp};

use super::{
    Job, Stop, failure,
    reader::{self, Page},
};
use crate::event_source::{
    shard::{Batch, Condition, Outcome, Ran, Shard, Step},
    source::Source,
    table::{Checkpoint, Position},
    window::Window,
};

/// How often AWS asks an idle shard.
const KINESIS_EVERY: Duration = Duration::from_secs(1);
const DYNAMODB_EVERY: Duration = Duration::from_millis(250);
/// A shard of Kinesis answers five reads a second.
const LEAST_WAIT: Duration = Duration::from_millis(200);

/// Something that was begun and has ended.
enum Ended {
    Invoked(Batch, Outcome),
    Told(Batch),
}

/// Where reading is.
struct Reading {
    position: Position,
    iterator: Option<String>,
    /// Records from before it are not wanted.
    since: Option<Timestamp>,
    /// When to ask again.
    at: Timestamp,
    failures: u32,
}

/// Reads a shard until it ends or the poller is to stop. Gives the shard's id.
pub(super) async fn run(job: Arc<Job>, from: Checkpoint, mut stop: Stop) -> String {
    let id = from.shard.clone();
    let mut reader = Reader::new(&job, &id, from);
    let mut stopping = false;
    loop {
        let wake = if stopping { None } else { reader.begin() };
        reader.save().await;
        if stopping && reader.under_way.is_empty() {
            break;
        }
        if reader.ended && reader.core.is_done() {
            let end = Checkpoint { shard: id.clone(), position: Position::End, windows: Vec::new() };
            store(&job, end).await;
            break;
        }
        let woken = async {
            match wake {
                Some(at) => job.inner.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let reading = reader.reading.as_mut();
        let read = async {
            match reading {
                Some(reading) => reading.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.stopped(), if !stopping => {
                stopping = true;
                reader.reading = None;
            }
            Some(ended) = reader.under_way.next() => reader.ended(ended),
            (next, page) = read => reader.was_read(next, page),
            () = woken => {}
        }
    }
    drop(reader);
    id
}

/// A shard that is being read.
struct Reader<'a> {
    job: &'a Job,
    id: &'a str,
    core: Shard,
    /// What is stored: how far all is done, and the windows.
    saved: (Option<String>, Vec<Option<Window>>),
    under_way: FuturesUnordered<BoxFuture<'a, Ended>>,
    /// Where to read next, while nothing is being read.
    idle: Option<Reading>,
    reading: Option<BoxFuture<'a, (Reading, Option<Page>)>>,
    /// Whether the shard has no more records.
    ended: bool,
}

impl<'a> Reader<'a> {
    fn new(job: &'a Job, id: &'a str, from: Checkpoint) -> Self {
        let at = job.inner.clock.now();
        Self {
            job,
            id,
            core: Shard::new(job.settings.stream.clone(), from.windows.clone()),
            saved: (None, from.windows),
            under_way: FuturesUnordered::new(),
            idle: Some(Reading { position: from.position, iterator: None, since: None, at, failures: 0 }),
            reading: None,
            ended: false,
        }
    }

    /// Begins all that can begin. Gives when there may be more.
    fn begin(&mut self) -> Option<Timestamp> {
        let wake = loop {
            match self.core.next(self.job.inner.clock.now()) {
                Step::Invoke(batch) => self.under_way.push(Box::pin(invoke(self.job, self.id, batch))),
                Step::Drop(batch, condition) => self.tell(batch, condition),
                Step::Wait(until) => break until,
            }
        };
        if self.core.has_room()
            && let Some(next) = self.idle.take()
        {
            self.reading = Some(Box::pin(read(self.job, self.id, next)));
        }
        wake
    }

    fn tell(&mut self, batch: Batch, condition: Condition) {
        let (job, id) = (self.job, self.id);
        self.under_way.push(Box::pin(async move {
            failure::tell(job, id, &batch, condition).await;
            Ended::Told(batch)
        }));
    }

    fn ended(&mut self, ended: Ended) {
        match ended {
            Ended::Invoked(batch, outcome) => {
                let given_up = self.core.finished(batch, outcome, self.job.inner.clock.now());
                if let Some((batch, condition)) = given_up {
                    self.tell(batch, condition);
                }
            }
            Ended::Told(batch) => self.core.dropped(&batch),
        }
    }

    fn was_read(&mut self, next: Reading, page: Option<Page>) {
        self.reading = None;
        let Some(page) = page else {
            self.idle = Some(next);
            return;
        };
        self.core.offer(page.items, self.job.inner.clock.now());
        if page.next.is_none() {
            self.ended = true;
            self.core.close();
        } else {
            self.idle = Some(next);
        }
    }

    /// Stores how far all is done, where that has changed.
    async fn save(&mut self) {
        let passed = self.core.passed().map(str::to_owned);
        let windows = self.core.windows();
        let Some(sequence) = passed.clone() else { return };
        if self.saved.0 == passed && self.saved.1 == windows {
            return;
        }
        let position = Position::After(sequence);
        store(self.job, Checkpoint { shard: self.id.to_owned(), position, windows: windows.clone() }).await;
        self.saved = (passed, windows);
    }
}

async fn store(job: &Job, checkpoint: Checkpoint) {
    if let Err(failure) = job.inner.mappings.pass(&job.mapping.uuid, checkpoint).await {
        tracing::error!(%failure, "how far a stream was read could not be stored; records will come again");
    }
}

/// Reads once, when it is time.
async fn read(job: &Job, id: &str, mut state: Reading) -> (Reading, Option<Page>) {
    job.inner.clock.sleep_until(state.at).await;
    match try_read(job, id, &mut state).await {
        Ok(page) => {
            state.failures = 0;
            job.live.source_problem(None);
            let every = if job.mapping.source == Source::Kinesis { KINESIS_EVERY } else { DYNAMODB_EVERY };
            let wait = if page.items.is_empty() { every } else { LEAST_WAIT };
            state.at = job.inner.clock.now().plus(wait);
            (state, Some(page))
        }
        Err(refusal) => {
            state.iterator = None;
            match &*refusal.code {
                "ExpiredIteratorException" => {}
                // What was to be read is not kept any more.
                "TrimmedDataAccessException" => state.position = Position::Horizon,
                _ => job.trouble(&refusal, &mut state.failures).await,
            }
            state.at = job.inner.clock.now().plus(LEAST_WAIT);
            (state, None)
        }
    }
}

async fn try_read(job: &Job, id: &str, state: &mut Reading) -> Result<Page, ServiceError> {
    let iterator = match state.iterator.take() {
        Some(iterator) => iterator,
        None => {
            let began = job.inner.clock.now();
            let iterator = reader::iterator(job, id, &state.position).await?;
            state.since = match &state.position {
                Position::Since(at) if job.mapping.source == Source::DynamoDb => Some(*at),
                Position::Since(_)
                | Position::Horizon
                | Position::Latest
                | Position::After(_)
                | Position::End => None,
            };
            // An iterator that expires unused must not skip what came meanwhile.
            if state.position == Position::Latest {
                state.position = Position::Since(began);
            }
            iterator
        }
    };
    let page = reader::records(job, id, &iterator, state.since).await?;
    if let Some(last) = page.items.last() {
        state.position = Position::After(last.sequence.clone());
    }
    state.iterator.clone_from(&page.next);
    Ok(page)
}

/// Invokes the function with a batch.
async fn invoke(job: &Job, id: &str, batch: Batch) -> Ended {
    let (request_id, outcome) = job.invoke(batch.event(id, &job.origin.arn), None).await;
    let request_id = request_id.to_string();
    let outcome = match outcome {
        Ok(outcome) => {
            job.live.worked(outcome.function_error.is_none());
            let answer = serde_json::from_slice(&outcome.payload).unwrap_or_default();
            let ran =
                Ran { request_id, version: outcome.executed_version, function_error: outcome.function_error };
            Outcome::Ran(ran, answer)
        }
        Err(refusal) => {
            if refusal.status != 429 {
                let function = &job.mapping.function;
                tracing::warn!(function, %refusal, "a batch of an event source could not be given to its function");
                job.live.worked(false);
            }
            Outcome::NotRun
        }
    };
    Ended::Invoked(batch, outcome)
}
