//! One queue of moments on the service clock for all executions: each stands in it once, with its next.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use runtime::{Clock, Timestamp};
use tokio::sync::Notify;

use super::driver;
use crate::service::Inner;

#[derive(Default)]
struct Queue {
    due: BTreeSet<(Timestamp, String)>,
    by_id: BTreeMap<String, Timestamp>,
}

/// The next moments of all executions.
#[derive(Default)]
pub(crate) struct Timers {
    queue: Mutex<Queue>,
    /// Told when the earliest may be another one.
    earlier: Arc<Notify>,
}

impl Timers {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says when something is due of an execution, if anything is.
    pub(crate) fn set(&self, id: &str, at: Option<Timestamp>) {
        let mut queue = self.queue();
        let before = match at {
            Some(at) => queue.by_id.insert(id.to_owned(), at),
            None => queue.by_id.remove(id),
        };
        if before == at {
            return;
        }
        if let Some(before) = before {
            queue.due.remove(&(before, id.to_owned()));
        }
        let Some(at) = at else { return };
        let is_first = queue.due.first().is_none_or(|(first, _)| at < *first);
        queue.due.insert((at, id.to_owned()));
        drop(queue);
        if is_first {
            self.earlier.notify_one();
        }
    }

    fn take_due(&self, now: Timestamp) -> (Vec<String>, Option<Timestamp>) {
        let mut queue = self.queue();
        let mut due = Vec::new();
        while queue.due.first().is_some_and(|(at, _)| *at <= now) {
            if let Some((_, id)) = queue.due.pop_first() {
                queue.by_id.remove(&id);
                due.push(id);
            }
        }
        (due, queue.due.first().map(|(at, _)| *at))
    }

    /// Lets moments come until Lambda is gone.
    pub(crate) fn run(inner: &Arc<Inner>) {
        let earlier = Arc::clone(&inner.durable.timers.earlier);
        let inner = Arc::downgrade(inner);
        tokio::spawn(async move {
            loop {
                let notified = earlier.notified();
                let Some(next) = fire(&inner) else { return };
                let Some((at, clock)) = next else {
                    notified.await;
                    continue;
                };
                tokio::select! {
                    () = clock.sleep_until(at) => {}
                    () = notified => {}
                }
            }
        });
    }
}

impl Drop for Timers {
    fn drop(&mut self) {
        self.earlier.notify_one();
    }
}

/// Has what is due happen. `None` if Lambda is gone, else when something is due next.
fn fire(inner: &Weak<Inner>) -> Option<Option<(Timestamp, Clock)>> {
    let inner = inner.upgrade().filter(|inner| !inner.durable.is_closed())?;
    let (due, next) = inner.durable.timers.take_due(inner.clock.now());
    for entry in due.iter().filter_map(|id| inner.durable.by_id(id)) {
        let inner = Arc::clone(&inner);
        tokio::spawn(async move { driver::elapse(&inner, &entry).await });
    }
    Some(next.map(|at| (at, inner.clock.clone())))
}
