//! One log stream: its events in the order of their time, as many as there is room for.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use runtime::Timestamp;

use crate::{room::Room, token::Position};

/// What a stream keeps: this many events, and this many bytes of messages.
const EVENT_LIMIT: usize = 50_000;
const BYTE_LIMIT: usize = 16 << 20;
/// What an event takes besides its message, and a stream besides its events.
const EVENT_COST: usize = 96;
const STREAM_COST: usize = 512;

/// An event as it is kept.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) at: Position,
    pub(crate) ingested: Timestamp,
    pub(crate) message: std::sync::Arc<str>,
}

/// What a stream says of itself.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Summary {
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) ingested: Option<i64>,
    pub(crate) bytes: u64,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct LogStream {
    pub(crate) created: Timestamp,
    /// It was asked for, and stays without events; others go with their last.
    lasts: bool,
    room: Room,
    events: Mutex<Events>,
}

#[derive(Debug, Default)]
struct Events {
    kept: VecDeque<Event>,
    bytes: usize,
    dropped: u64,
    summary: Summary,
    /// It was deleted. Who still writes to it writes nowhere.
    deleted: bool,
}

impl LogStream {
    /// `lasts` is whether it stays without events.
    pub(crate) fn new(created: Timestamp, lasts: bool, room: &Room) -> Self {
        room.take(STREAM_COST);
        Self { created, lasts, room: room.clone(), events: Mutex::default() }
    }

    /// Adds an event at its place; the oldest make room.
    pub(crate) fn add(&self, event: Event) {
        let mut events = self.lock();
        if events.deleted {
            return;
        }
        let millis = event.at.millis;
        let summary = &mut events.summary;
        summary.first = Some(summary.first.map_or(millis, |first| first.min(millis)));
        summary.last = Some(summary.last.map_or(millis, |last| last.max(millis)));
        summary.ingested = Some(event.ingested.millis());
        summary.bytes += event.message.len() as u64 + 26;
        events.bytes += event.message.len();
        self.room.take(cost(&event));
        // Events come nearly in order: look for the place from the end.
        let place = events.kept.iter().rposition(|kept| kept.at < event.at).map_or(0, |index| index + 1);
        events.kept.insert(place, event);
        while events.kept.len() > EVENT_LIMIT || events.bytes > BYTE_LIMIT {
            if events.pop(&self.room).is_none() {
                break;
            }
            events.dropped += 1;
        }
    }

    /// When the oldest event came.
    pub(crate) fn oldest(&self) -> Option<i64> {
        self.lock().oldest()
    }

    /// Drops the oldest events: those that came no later than `next`, and enough for `bytes`. Answers when the oldest of
    /// the rest came.
    pub(crate) fn drop_oldest(&self, next: Option<i64>, bytes: usize) -> Option<i64> {
        let mut events = self.lock();
        let mut freed = 0;
        while freed < bytes {
            let Some(oldest) = events.pop(&self.room) else { break };
            freed += cost(&oldest);
            events.dropped += 1;
            if events.oldest().is_none_or(|oldest| next.is_some_and(|next| oldest > next)) {
                break;
            }
        }
        events.oldest()
    }

    /// Whether there is nothing to show of it, which it was not made for either.
    pub(crate) fn is_spent(&self) -> bool {
        !self.lasts && self.lock().kept.is_empty()
    }

    /// Forgets everything; nothing is kept of what is written to it from now on.
    pub(crate) fn delete(&self) {
        let mut events = self.lock();
        events.deleted = true;
        while events.pop(&self.room).is_some() {}
    }

    /// What it says of itself.
    pub(crate) fn summary(&self) -> Summary {
        self.lock().summary
    }

    /// Events from `from` (exclusive if given) on whose time is within the bounds, oldest first, until `take` has
    /// enough. Where older events were dropped, a note stands in their place.
    pub(crate) fn forward(
        &self,
        from: Option<Position>,
        start: i64,
        end: i64,
        mut take: impl FnMut(&Event) -> bool,
    ) {
        let events = self.lock();
        let begin = events.kept.partition_point(|event| match from {
            Some(from) => event.at <= from || event.at.millis < start,
            None => event.at.millis < start,
        });
        if begin == 0
            && let Some(note) = events.note()
            && from.is_none_or(|from| from < note.at)
            && note.at.millis >= start
            && note.at.millis < end
            && !take(&note)
        {
            return;
        }
        for event in events.kept.range(begin..).take_while(|event| event.at.millis < end) {
            if !take(event) {
                return;
            }
        }
    }

    /// The same backwards from before `from`, newest first.
    pub(crate) fn backward(
        &self,
        from: Option<Position>,
        start: i64,
        end: i64,
        mut take: impl FnMut(&Event) -> bool,
    ) {
        let events = self.lock();
        let behind = events
            .kept
            .partition_point(|event| event.at.millis < end && from.is_none_or(|from| event.at < from));
        for event in events.kept.range(..behind).rev().take_while(|event| event.at.millis >= start) {
            if !take(event) {
                return;
            }
        }
        if let Some(note) =
            events.note().filter(|note| note.at.millis >= start && from.is_none_or(|from| note.at < from))
        {
            take(&note);
        }
    }

    /// Forgets events of before `cutoff`.
    pub(crate) fn expire(&self, cutoff: i64) {
        let mut events = self.lock();
        while events.kept.front().is_some_and(|event| event.at.millis < cutoff) {
            events.pop(&self.room);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Events> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        let events = self.events.get_mut().unwrap_or_else(PoisonError::into_inner);
        while events.pop(&self.room).is_some() {}
        self.room.give_back(STREAM_COST);
    }
}

/// What an event takes of the room.
fn cost(event: &Event) -> usize {
    event.message.len() + EVENT_COST
}

impl Events {
    fn pop(&mut self, room: &Room) -> Option<Event> {
        let oldest = self.kept.pop_front()?;
        self.bytes -= oldest.message.len();
        room.give_back(cost(&oldest));
        Some(oldest)
    }

    fn oldest(&self) -> Option<i64> {
        self.kept.front().map(|oldest| oldest.ingested.millis())
    }

    fn note(&self) -> Option<Event> {
        let oldest = self.kept.front().filter(|_| self.dropped > 0)?;
        let message =
            format!("[tule] {} older events of this stream were dropped to bound memory.\n", self.dropped);
        let at = Position { millis: oldest.at.millis, number: 0 };
        Some(Event { at, ingested: oldest.ingested, message: message.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(millis: i64, number: u64, message: &str) -> Event {
        Event { at: Position { millis, number }, ingested: Timestamp(millis), message: message.into() }
    }

    fn all(stream: &LogStream) -> Vec<String> {
        let mut found = Vec::new();
        stream.forward(None, i64::MIN, i64::MAX, |event| {
            found.push(event.message.to_string());
            true
        });
        found
    }

    #[test]
    fn events_stand_in_the_order_of_their_time() {
        let stream = LogStream::new(Timestamp(0), true, &Room::default());
        for (number, millis) in [(1, 5), (2, 9), (3, 7), (4, 7)] {
            stream.add(event(millis, number, &format!("{millis}/{number}")));
        }
        assert_eq!(all(&stream), ["5/1", "7/3", "7/4", "9/2"]);
        let mut newest = Vec::new();
        stream.backward(None, 6, 9, |event| {
            newest.push(event.at.number);
            true
        });
        assert_eq!(newest, [4, 3]);
    }

    #[test]
    fn a_full_stream_drops_its_oldest_events_and_says_so() {
        let stream = LogStream::new(Timestamp(0), true, &Room::default());
        for number in 0..EVENT_LIMIT as u64 + 3 {
            stream.add(event(number as i64, number, "x"));
        }
        let found = all(&stream);
        assert_eq!(found.len(), EVENT_LIMIT + 1);
        assert_eq!(found[0], "[tule] 3 older events of this stream were dropped to bound memory.\n");
        let large = "x".repeat(1 << 20);
        for number in 0..40 {
            stream.add(event(1 << 40, 1 << 40 | number, &large));
        }
        assert!(all(&stream).len() <= 17);
    }
}
