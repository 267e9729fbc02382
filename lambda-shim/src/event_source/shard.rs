//! PURE. One shard of a stream: which batch is next, what its end means, and up to where all is done.
//!
//! Records go to lanes by their partition key; each lane has one batch at a time, in order. A batch that failed stands
//! in front of its lane until it succeeds or is dropped. Time is an argument; start at [`Shard::next`] and
//! [`Shard::finished`].

use std::{collections::VecDeque, sync::Arc, time::Duration};

use runtime::Timestamp;
use serde_json::Value;

use super::{
    reply::{self, Report},
    settings::StreamSettings,
    window::{self, Window, WindowCall},
};

/// The records of one batch are at most so large together, so that the event is within AWS's limit.
pub(crate) const BATCH_BYTES: usize = 6 * 1024 * 1024 - 64 * 1024;
/// Records read and not yet done with are at most so large together, and so many.
const BUFFER_BYTES: usize = 3 * BATCH_BYTES;
const BUFFER_COUNT: usize = 10_000;
/// The first wait after a failure; it doubles with each.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// A record as it was read.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) sequence: String,
    pub(crate) arrived: Timestamp,
    /// Records of one key stay in order.
    pub(crate) key: String,
    /// The record of the event, as JSON.
    pub(crate) event: String,
    /// Whether filters take it.
    pub(crate) taken: bool,
}

/// A record with its place in the shard.
#[derive(Debug, Clone)]
pub(crate) struct Placed {
    number: u64,
    pub(crate) item: Arc<Item>,
}

/// What a batch's last invocation came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) request_id: String,
    pub(crate) version: String,
    pub(crate) function_error: Option<String>,
}

/// Records that are invoked with together.
#[derive(Debug, Clone)]
pub(crate) struct Batch {
    lane: usize,
    pub(crate) items: Vec<Placed>,
    /// Failures that count.
    attempts: u32,
    pub(crate) invokes: u32,
    pub(crate) window: Option<WindowCall>,
    pub(crate) ran: Option<Ran>,
}

/// Why a batch is given up, in AWS's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    RetryAttemptsExhausted,
    RecordAgeExceeded,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Step {
    /// Invoke, then tell [`Shard::finished`].
    Invoke(Batch),
    /// Tell the destination, then [`Shard::dropped`].
    Drop(Batch, Condition),
    /// Nothing before this moment, or before something comes.
    Wait(Option<Timestamp>),
}

/// What came of an invocation.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The function did not run: it was throttled, or could not be reached.
    NotRun,
    /// It ran, and answered.
    Ran(Ran, Value),
}

#[derive(Debug, Default)]
struct Lane {
    waiting: VecDeque<Placed>,
    again: VecDeque<Batch>,
    busy: bool,
    /// Since when a batch is being filled.
    opened: Option<Timestamp>,
    not_before: Option<Timestamp>,
    failures: u32,
    window: Option<Window>,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shard {
    settings: StreamSettings,
    lanes: Vec<Lane>,
    /// Sequence numbers of records that are not passed, and whether they are done.
    trail: VecDeque<(String, bool)>,
    /// The number of the first of the trail.
    first: u64,
    passed: Option<String>,
    bytes: usize,
    /// Nothing more comes: what there is need not wait for more.
    closed: bool,
}

impl Shard {
    /// A shard whose lanes go on with their windows.
    pub(crate) fn new(settings: StreamSettings, windows: Vec<Option<Window>>) -> Self {
        let mut lanes: Vec<Lane> = Vec::new();
        lanes.resize_with(settings.lanes.max(1), Lane::default);
        if settings.tumbling.is_some() {
            for (lane, window) in lanes.iter_mut().zip(windows) {
                lane.window = window;
            }
        }
        Self { settings, lanes, trail: VecDeque::new(), first: 0, passed: None, bytes: 0, closed: false }
    }

    /// Whether more records should be read.
    pub(crate) fn has_room(&self) -> bool {
        !self.closed && self.bytes < BUFFER_BYTES && self.trail.len() < BUFFER_COUNT
    }

    /// Adds records in their order.
    pub(crate) fn offer(&mut self, items: Vec<Item>, now: Timestamp) {
        for item in items {
            let number = self.first + self.trail.len() as u64;
            self.trail.push_back((item.sequence.clone(), !item.taken));
            if !item.taken {
                continue;
            }
            self.bytes += item.event.len();
            let at = crc32fast::hash(item.key.as_bytes()) as usize % self.lanes.len();
            let lane = &mut self.lanes[at];
            lane.opened.get_or_insert(now);
            lane.waiting.push_back(Placed { number, item: Arc::new(item) });
        }
    }

    /// The shard has ended: there are no more records.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Whether all is done that was read.
    pub(crate) fn is_done(&self) -> bool {
        self.trail.iter().all(|(_, done)| *done)
            && self.lanes.iter().all(|lane| !lane.busy && lane.again.is_empty() && lane.window.is_none())
    }

    /// What is to be done now. Ask until it is to wait.
    pub(crate) fn next(&mut self, now: Timestamp) -> Step {
        let mut wake: Option<Timestamp> = None;
        for at in 0..self.lanes.len() {
            match self.lanes[at].next(&self.settings, self.closed, now) {
                Step::Wait(until) => wake = wake.into_iter().chain(until).min(),
                Step::Invoke(batch) => {
                    self.lanes[at].busy = true;
                    return Step::Invoke(Batch { lane: at, ..batch });
                }
                Step::Drop(batch, condition) => {
                    self.lanes[at].busy = true;
                    return Step::Drop(Batch { lane: at, ..batch }, condition);
                }
            }
        }
        Step::Wait(wake)
    }

    /// Takes note of an invocation's end. A batch that is given up is handed back, to be told of.
    pub(crate) fn finished(
        &mut self,
        mut batch: Batch,
        outcome: Outcome,
        now: Timestamp,
    ) -> Option<(Batch, Condition)> {
        let (ran, answer) = match outcome {
            Outcome::NotRun => {
                let lane = &mut self.lanes[batch.lane];
                lane.wait_after_failure(now);
                lane.busy = false;
                lane.again.push_front(batch);
                return None;
            }
            Outcome::Ran(ran, answer) => (ran, answer),
        };
        batch.invokes += 1;
        let verdict = self.verdict(&batch, ran.function_error.is_some(), &answer);
        batch.ran = Some(ran);
        match verdict {
            Verdict::Done(window) => {
                self.done(&batch.items);
                let lane = &mut self.lanes[batch.lane];
                if batch.window.is_some() {
                    lane.window = window;
                }
                lane.settle();
                None
            }
            Verdict::DoneUntil(place, window) => {
                let rest = batch.items.split_off(place);
                self.done(&batch.items);
                let lane = &mut self.lanes[batch.lane];
                if let (Some(call), Some(window)) = (&mut batch.window, window) {
                    lane.window = Some(window.clone());
                    call.window = window;
                }
                // What was done counts: the rest is a batch of its own.
                lane.again.push_front(Batch { items: rest, attempts: 0, invokes: 0, ran: None, ..batch });
                lane.wait_after_failure(now);
                lane.busy = false;
                None
            }
            Verdict::Failed => self.failed(batch, now),
        }
    }

    /// What to do with a batch of which nothing is done.
    fn failed(&mut self, mut batch: Batch, now: Timestamp) -> Option<(Batch, Condition)> {
        let lane = &mut self.lanes[batch.lane];
        if self.settings.bisect && batch.items.len() > 1 {
            // Splitting does not count as an attempt.
            let second = batch.items.split_off(batch.items.len().div_ceil(2));
            lane.again.push_front(Batch { items: second, ..batch.clone() });
            lane.again.push_front(batch);
            lane.busy = false;
            return None;
        }
        if self.settings.retries.is_some_and(|most| batch.attempts >= most) {
            return Some((batch, Condition::RetryAttemptsExhausted));
        }
        batch.attempts += 1;
        lane.wait_after_failure(now);
        lane.busy = false;
        lane.again.push_front(batch);
        None
    }

    /// A batch that was given up has been told of.
    pub(crate) fn dropped(&mut self, batch: &Batch) {
        self.done(&batch.items);
        let lane = &mut self.lanes[batch.lane];
        if batch.window.as_ref().is_some_and(|call| call.last) {
            lane.window = None;
        }
        lane.settle();
    }

    fn done(&mut self, items: &[Placed]) {
        for placed in items {
            let at = usize::try_from(placed.number - self.first).unwrap_or(usize::MAX);
            if let Some((_, done)) = self.trail.get_mut(at) {
                *done = true;
                self.bytes = self.bytes.saturating_sub(placed.item.event.len());
            }
        }
    }

    /// The last record before which all are done.
    pub(crate) fn passed(&mut self) -> Option<&str> {
        while self.trail.front().is_some_and(|(_, done)| *done) {
            self.passed = self.trail.pop_front().map(|(sequence, _)| sequence);
            self.first += 1;
        }
        self.passed.as_deref()
    }

    /// The windows that are open, by lane.
    pub(crate) fn windows(&self) -> Vec<Option<Window>> {
        if self.settings.tumbling.is_none() {
            return Vec::new();
        }
        self.lanes.iter().map(|lane| lane.window.clone()).collect()
    }

    fn verdict(&self, batch: &Batch, failed: bool, answer: &Value) -> Verdict {
        if failed {
            return Verdict::Failed;
        }
        let window = match &batch.window {
            Some(call) if call.last => None,
            Some(call) => match call.window.after(answer) {
                None => return Verdict::Failed,
                window => window,
            },
            None => None,
        };
        if !self.settings.report || batch.items.is_empty() {
            return Verdict::Done(window);
        }
        let place = |id: &str| batch.items.iter().position(|placed| placed.item.sequence == id);
        match reply::failures(answer, place) {
            Report::None => Verdict::Done(window),
            Report::All => Verdict::Failed,
            // Order is kept: all from the first that failed is done again.
            Report::Some(places) => match places.first() {
                Some(0) | None => Verdict::Failed,
                Some(first) => Verdict::DoneUntil(*first, window),
            },
        }
    }
}

enum Verdict {
    Done(Option<Window>),
    DoneUntil(usize, Option<Window>),
    Failed,
}

impl Lane {
    fn settle(&mut self) {
        self.busy = false;
        self.failures = 0;
        self.not_before = None;
    }

    fn wait_after_failure(&mut self, now: Timestamp) {
        let wait = FIRST_WAIT.saturating_mul(1 << self.failures.min(16)).min(LONGEST_WAIT);
        self.failures += 1;
        self.not_before = Some(now.plus(wait));
    }

    fn next(&mut self, settings: &StreamSettings, closed: bool, now: Timestamp) -> Step {
        if self.busy {
            return Step::Wait(None);
        }
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            return Step::Wait(Some(at));
        }
        if let Some(batch) = self.again.pop_front() {
            return self.aged(batch, settings, now);
        }
        if let (Some(window), Some(length)) = (&self.window, settings.tumbling) {
            let next = self
                .waiting
                .front()
                .map(|placed| window::start_of(placed.item.arrived, length) > window.start);
            let over = window.early || next.unwrap_or_else(|| closed || now >= window.closes(length));
            if over {
                let call = WindowCall { window: window.clone(), length, last: true };
                return Step::Invoke(batch(Vec::new(), Some(call)));
            }
            if next.is_none() {
                return Step::Wait(Some(window.closes(length)));
            }
        }
        let (count, full) = self.fill(settings);
        if count == 0 {
            return Step::Wait(None);
        }
        let due = self.opened.unwrap_or(now).plus(settings.window);
        if !full && !closed && now < due {
            return Step::Wait(Some(due));
        }
        let items: Vec<Placed> = self.waiting.drain(..count).collect();
        self.opened = (!self.waiting.is_empty()).then_some(now);
        let call = settings.tumbling.map(|length| {
            let start = window::start_of(items[0].item.arrived, length);
            let window = self.window.clone().unwrap_or_else(|| Window::opened(start));
            WindowCall { window, length, last: false }
        });
        self.aged(batch(items, call), settings, now)
    }

    /// How many records the next batch has, and whether it would not get more by waiting.
    fn fill(&self, settings: &StreamSettings) -> (usize, bool) {
        let first = self.waiting.front().map(|placed| placed.item.arrived);
        let window = settings.tumbling.zip(first).map(|(length, at)| {
            let start = window::start_of(at, length);
            (length, self.window.as_ref().map_or(start, |open| open.start.max(start)))
        });
        let mut bytes = 0;
        for (count, placed) in self.waiting.iter().enumerate() {
            bytes += placed.item.event.len() + 1;
            let later =
                window.is_some_and(|(length, start)| window::start_of(placed.item.arrived, length) > start);
            if count == settings.batch_size || later || (count > 0 && bytes > BATCH_BYTES) {
                return (count, true);
            }
        }
        (self.waiting.len(), self.waiting.len() >= settings.batch_size)
    }

    /// A batch without the records that have grown too old; those go first, and are dropped.
    fn aged(&mut self, mut batch: Batch, settings: &StreamSettings, now: Timestamp) -> Step {
        let too_old =
            |placed: &Placed| settings.maximum_age.is_some_and(|most| now.since(placed.item.arrived) > most);
        let old = batch.items.iter().take_while(|placed| too_old(placed)).count();
        if old == 0 {
            return Step::Invoke(batch);
        }
        let rest = batch.items.split_off(old);
        if !rest.is_empty() {
            self.again.push_front(Batch { items: rest, ..batch.clone() });
        }
        Step::Drop(batch, Condition::RecordAgeExceeded)
    }
}

fn batch(items: Vec<Placed>, window: Option<WindowCall>) -> Batch {
    Batch { lane: 0, items, attempts: 0, invokes: 0, window, ran: None }
}

impl Batch {
    /// The event of the batch.
    pub(crate) fn event(&self, shard: &str, arn: &str) -> String {
        let records: Vec<&str> = self.items.iter().map(|placed| placed.item.event.as_str()).collect();
        let mut event = format!("{{\"Records\":[{}]", records.join(","));
        match &self.window {
            None => event.push('}'),
            Some(call) => {
                let members = call.members(shard, arn).to_string();
                event.push(',');
                event.push_str(members.trim_start_matches('{'));
            }
        }
        event
    }
}

#[cfg(test)]
mod tests;
