//! The message groups of a FIFO queue: within a group messages come one after the other, and none comes while one
//! before it is with a receiver (SQS Developer Guide, "FIFO queue delivery logic").
//!
//! Knows sequences and names of groups; who is free is the line's to say.

use std::{
    collections::{BTreeSet, HashMap},
    ops::Bound,
    sync::Arc,
};

use crate::line::Sequence;

/// What one receiver has claimed so far: the last message of each group.
pub(crate) type Claimed = HashMap<Arc<str>, Sequence>;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    of: HashMap<Sequence, Arc<str>>,
    groups: HashMap<Arc<str>, Group>,
    /// The first message of each group that has one to give.
    ready: BTreeSet<Sequence>,
}

#[derive(Debug, Default)]
struct Group {
    all: BTreeSet<Sequence>,
    /// Those that receivers have.
    taken: BTreeSet<Sequence>,
    ready: Option<Sequence>,
}

/// Where a message is, as the line knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Free,
    Delayed,
    Taken,
    Gone,
}

impl Groups {
    /// Takes a message in, which belongs to a group from now on.
    pub(crate) fn join(&mut self, sequence: Sequence, group: &str) {
        if self.of.contains_key(&sequence) {
            return;
        }
        let name = match self.groups.get_key_value(group) {
            Some((name, _)) => Arc::clone(name),
            None => Arc::from(group),
        };
        self.groups.entry(Arc::clone(&name)).or_default().all.insert(sequence);
        self.of.insert(sequence, name);
    }

    /// A message has another place now. `is_free` tells of the others. Answers whether its group has one to give that
    /// it had not before.
    pub(crate) fn moved(
        &mut self,
        sequence: Sequence,
        place: Place,
        is_free: impl Fn(&Sequence) -> bool,
    ) -> bool {
        let Some(name) = self.of.get(&sequence).cloned() else { return false };
        let Some(group) = self.groups.get_mut(&name) else { return false };
        match place {
            Place::Taken => drop(group.taken.insert(sequence)),
            Place::Free | Place::Delayed => drop(group.taken.remove(&sequence)),
            Place::Gone => {
                group.taken.remove(&sequence);
                group.all.remove(&sequence);
                self.of.remove(&sequence);
            }
        }
        let first = group.all.first().copied().filter(|first| group.taken.is_empty() && is_free(first));
        let before = std::mem::replace(&mut group.ready, first);
        if group.all.is_empty() {
            self.groups.remove(&name);
        }
        if before == first {
            return false;
        }
        if let Some(before) = before {
            self.ready.remove(&before);
        }
        self.ready.extend(first);
        first.is_some()
    }

    /// The next message for a receiver that has claimed some already: one behind those, or the first of a group that
    /// nobody has anything of.
    pub(crate) fn next(&self, claimed: &Claimed, is_free: impl Fn(&Sequence) -> bool) -> Option<Sequence> {
        let behind = |(name, last): (&Arc<str>, &Sequence)| {
            let group = self.groups.get(name)?;
            let next = group.all.range((Bound::Excluded(*last), Bound::Unbounded)).next()?;
            is_free(next).then_some(*next)
        };
        claimed.iter().filter_map(behind).min().or_else(|| self.ready.first().copied())
    }

    /// Notes what a receiver has claimed.
    pub(crate) fn note(&self, claimed: &mut Claimed, sequence: Sequence) {
        if let Some(name) = self.of.get(&sequence) {
            claimed.insert(Arc::clone(name), sequence);
        }
    }

    /// Whether some group has a message to give.
    pub(crate) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}
