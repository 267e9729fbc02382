//! The memory that the events of all streams take together. When it is full, the oldest make room, whosever they are:
//! Tule may run for days, and everything that functions print is kept here.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    sync::{
        Arc, Mutex, TryLockError,
        atomic::{AtomicUsize, Ordering},
    },
};

use crate::stream::LogStream;

/// Bytes of events and streams, with what it takes to keep them.
pub(crate) const LIMIT: usize = 64 << 20;
/// What is left of them when room was made.
const LEFT: usize = LIMIT / 4 * 3;

/// Counts what is kept. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Room(Arc<Counted>);

#[derive(Debug, Default)]
struct Counted {
    taken: AtomicUsize,
    making: Mutex<()>,
}

impl Room {
    pub(crate) fn take(&self, bytes: usize) {
        self.0.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.0.taken.fetch_sub(bytes, Ordering::Relaxed);
    }

    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::Relaxed)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.taken() > LIMIT
    }

    /// Has the oldest events go until there is room again. One thread does it; others go on.
    pub(crate) fn make(&self, streams: impl FnOnce() -> Vec<Arc<LogStream>>) {
        let _turn = match self.0.making.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return,
        };
        let streams = streams();
        let by_age = streams.iter().enumerate();
        let mut by_age: BinaryHeap<_> =
            by_age.filter_map(|(at, stream)| Some(Reverse((stream.oldest()?, at)))).collect();
        loop {
            // Others give back meanwhile, too.
            let over = self.taken().saturating_sub(LEFT);
            if over == 0 {
                return;
            }
            let Some(Reverse((_, at))) = by_age.pop() else { return };
            let next = by_age.peek().map(|Reverse((age, _))| *age);
            if let Some(oldest) = streams[at].drop_oldest(next, over) {
                by_age.push(Reverse((oldest, at)));
            }
        }
    }
}
