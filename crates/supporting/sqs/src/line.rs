//! The order in which a queue's messages come: who is free, who is hidden and until when, and who waits for one.
//!
//! Knows sequences and moments, no message: the records are in the store, this is made from them. Every question and
//! every change is a few steps, however long the queue is.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
};

use runtime::{Clock, Timestamp};
use tokio::sync::{Notify, futures::Notified};

use crate::groups::{Claimed, Groups, Place};

/// A message's place in the order: the moment it was sent and a random tail.
pub(crate) type Sequence = (u64, u64);

/// Why a message is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hidden {
    /// It was sent with a delay.
    Delayed,
    /// A receiver has it.
    Taken,
}

/// How many messages a queue has, as its attributes tell.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) visible: usize,
    pub(crate) taken: usize,
    pub(crate) delayed: usize,
}

/// One queue's order.
#[derive(Debug, Default)]
pub(crate) struct Line {
    /// The last place of a FIFO queue that was given.
    last: Mutex<Sequence>,
    index: Mutex<Index>,
    /// One permit a message that came free: one receiver wakes for each.
    arrival: Notify,
    /// Wakes the timer when what it sleeps for has changed.
    changed: Notify,
    timed: AtomicBool,
}

#[derive(Debug, Default)]
struct Index {
    free: BTreeSet<Sequence>,
    hidden: BTreeMap<(Timestamp, Sequence), Hidden>,
    /// Where in `hidden` a message is; those that are free are not in it.
    until: HashMap<Sequence, Timestamp>,
    taken: usize,
    /// Of FIFO queues; those of others are in no group.
    groups: Groups,
}

impl Index {
    fn remove(&mut self, sequence: Sequence) {
        self.free.remove(&sequence);
        if let Some(until) = self.until.remove(&sequence)
            && self.hidden.remove(&(until, sequence)) == Some(Hidden::Taken)
        {
            self.taken -= 1;
        }
    }

    fn hide(&mut self, sequence: Sequence, until: Timestamp, why: Hidden) {
        self.remove(sequence);
        self.until.insert(sequence, until);
        self.hidden.insert((until, sequence), why);
        self.taken += usize::from(why == Hidden::Taken);
        self.regroup(sequence, if why == Hidden::Taken { Place::Taken } else { Place::Delayed });
    }

    /// Tells the message's group of its place. Answers whether the group has one to give that it had not before.
    fn regroup(&mut self, sequence: Sequence, place: Place) -> bool {
        let Self { groups, free, .. } = self;
        groups.moved(sequence, place, |other| free.contains(other))
    }

    /// Frees whoever is due; how many were.
    fn free_due(&mut self, now: Timestamp) -> usize {
        let mut freed = 0;
        while let Some(((until, sequence), why)) =
            self.hidden.first_key_value().map(|(key, why)| (*key, *why))
            && until <= now
        {
            self.hidden.remove(&(until, sequence));
            self.until.remove(&sequence);
            self.taken -= usize::from(why == Hidden::Taken);
            self.free.insert(sequence);
            self.regroup(sequence, Place::Free);
            freed += 1;
        }
        freed
    }
}

impl Line {
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a message into its place: free, or hidden until a moment.
    pub(crate) fn place(&self, sequence: Sequence, until: Timestamp, why: Hidden, now: Timestamp) {
        let mut index = self.lock();
        if until <= now {
            index.remove(sequence);
            index.free.insert(sequence);
            index.regroup(sequence, Place::Free);
            drop(index);
            self.arrival.notify_one();
        } else {
            index.hide(sequence, until, why);
            drop(index);
            self.changed.notify_one();
        }
    }

    /// Says which group a message is of, before it is placed.
    pub(crate) fn join(&self, sequence: Sequence, group: Option<&str>) {
        if let Some(group) = group {
            let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = sequence.max(*last);
            drop(last);
            self.lock().groups.join(sequence, group);
        }
    }

    /// A place behind all that were given.
    pub(crate) fn behind_all(&self, now: Timestamp) -> Sequence {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let now = u64::try_from(now.millis()).unwrap_or_default();
        // Moments are of a millisecond, and clocks may be put back.
        *last = if now > last.0 { (now, 0) } else { (last.0, last.1 + 1) };
        *last
    }

    /// Takes a message out of the order.
    pub(crate) fn remove(&self, sequence: Sequence) {
        let mut index = self.lock();
        index.remove(sequence);
        let ready = index.regroup(sequence, Place::Gone);
        drop(index);
        if ready {
            self.arrival.notify_one();
        }
    }

    /// The first message that is free; it is hidden for its receiver at once, so that nobody else gets it. Of a FIFO
    /// queue, the first that the groups let go to a receiver who has `claimed` others.
    pub(crate) fn claim(
        &self,
        now: Timestamp,
        until: Timestamp,
        claimed: Option<&mut Claimed>,
    ) -> Option<Sequence> {
        let mut index = self.lock();
        index.free_due(now);
        let (first, more) = match claimed {
            None => {
                let first = index.free.first().copied()?;
                index.hide(first, until, Hidden::Taken);
                (first, !index.free.is_empty())
            }
            Some(claimed) => {
                let Index { groups, free, .. } = &*index;
                let first = groups.next(claimed, |sequence| free.contains(sequence))?;
                groups.note(claimed, first);
                index.hide(first, until, Hidden::Taken);
                (first, index.groups.has_ready())
            }
        };
        drop(index);
        if more {
            // Whoever waits beside this receiver may have been overtaken by it.
            self.arrival.notify_one();
        }
        self.changed.notify_one();
        Some(first)
    }

    pub(crate) fn counts(&self, now: Timestamp) -> Counts {
        let mut index = self.lock();
        index.free_due(now);
        let (visible, taken) = (index.free.len(), index.taken);
        Counts { visible, taken, delayed: index.hidden.len() - taken }
    }

    /// Waits for a message to come free. Enabled: one that comes from here on is not missed.
    pub(crate) fn arrival(&self) -> Pin<Box<Notified<'_>>> {
        let mut arrival = Box::pin(self.arrival.notified());
        arrival.as_mut().enable();
        arrival
    }

    /// Sees to it that somebody wakes receivers when hidden messages come free.
    pub(crate) fn watch(self: &Arc<Self>, clock: &Clock) {
        if !self.timed.swap(true, Ordering::AcqRel) {
            tokio::spawn(time(Arc::downgrade(self), clock.clone()));
        }
    }
}

/// Wakes one receiver for each message that comes free by the clock; ends with its queue.
async fn time(line: Weak<Line>, clock: Clock) {
    while let Some(line) = line.upgrade() {
        let mut changed = Box::pin(line.changed.notified());
        changed.as_mut().enable();
        let next = {
            let mut index = line.lock();
            let freed = index.free_due(clock.now());
            (0..freed).for_each(|_| line.arrival.notify_one());
            index.hidden.first_key_value().map(|((until, _), _)| *until)
        };
        let Some(next) = next else {
            changed.await;
            continue;
        };
        tokio::select! {
            () = changed => {}
            () = clock.sleep_until(next) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_free_hidden_and_free_again() {
        let line = Line::default();
        let at = Timestamp;
        line.place((1, 0), at(0), Hidden::Delayed, at(0));
        line.place((2, 0), at(50), Hidden::Delayed, at(0));
        assert_eq!(line.counts(at(0)), Counts { visible: 1, taken: 0, delayed: 1 });
        assert_eq!(line.claim(at(0), at(30), None), Some((1, 0)));
        assert_eq!(line.claim(at(0), at(30), None), None);
        assert_eq!(line.counts(at(0)), Counts { visible: 0, taken: 1, delayed: 1 });
        assert_eq!(line.claim(at(30), at(90), None), Some((1, 0)));
        line.place((1, 0), at(0), Hidden::Taken, at(30));
        assert_eq!(line.counts(at(50)), Counts { visible: 2, taken: 0, delayed: 0 });
        line.remove((1, 0));
        assert_eq!(line.claim(at(50), at(60), None), Some((2, 0)));
        line.remove((2, 0));
        assert_eq!(line.counts(at(50)), Counts::default());
    }

    #[test]
    fn a_group_gives_one_after_the_other() {
        let (line, at) = (Line::default(), Timestamp);
        for (number, group) in [(1, "a"), (2, "a"), (3, "b"), (4, "a")] {
            line.join((number, 0), Some(group));
            line.place((number, 0), at(0), Hidden::Delayed, at(0));
        }
        let claim = |now: i64, claimed: &mut Claimed| line.claim(at(now), at(now + 10), Some(claimed));
        let (mut one, mut two) = (Claimed::new(), Claimed::new());
        assert_eq!((claim(0, &mut one), claim(0, &mut one)), (Some((1, 0)), Some((2, 0))));
        assert_eq!((claim(0, &mut two), claim(0, &mut two)), (Some((3, 0)), None), "a's are with a receiver");
        line.remove((1, 0));
        assert_eq!(claim(5, &mut Claimed::new()), None, "one of a's still is");
        line.remove((2, 0));
        assert_eq!(claim(5, &mut Claimed::new()), Some((4, 0)));
        // What comes back comes before what is behind it.
        line.join((5, 0), Some("a"));
        line.place((5, 0), at(0), Hidden::Delayed, at(5));
        let mut three = Claimed::new();
        assert_eq!((claim(15, &mut three), claim(15, &mut three)), (Some((3, 0)), Some((4, 0))));
        assert_eq!(claim(15, &mut three), Some((5, 0)));
        assert_eq!(line.behind_all(at(7)), (7, 0));
        assert_eq!((line.behind_all(at(7)), line.behind_all(at(3))), ((7, 1), (7, 2)));
    }
}
