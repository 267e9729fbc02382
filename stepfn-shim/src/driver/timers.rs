//! One queue of timers on the service clock for all executions.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use asl::{Signal, TimerId};
use tokio::sync::Notify;

use crate::service::Inner;

type Due = (asl::Timestamp, Arc<str>, TimerId);

/// The timers of all executions, the earliest first.
#[derive(Default)]
pub(crate) struct Timers {
    queue: Mutex<BTreeSet<Due>>,
    /// Told when the earliest timer may be another one.
    earlier: Arc<Notify>,
}

impl Timers {
    fn queue(&self) -> MutexGuard<'_, BTreeSet<Due>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, at: asl::Timestamp, arn: &Arc<str>, timer: TimerId) {
        let mut queue = self.queue();
        let first = queue.first().is_none_or(|(first, ..)| at < *first);
        queue.insert((at, Arc::clone(arn), timer));
        drop(queue);
        if first {
            self.earlier.notify_one();
        }
    }

    pub(crate) fn remove(&self, at: asl::Timestamp, arn: &Arc<str>, timer: TimerId) {
        self.queue().remove(&(at, Arc::clone(arn), timer));
    }

    fn take_due(&self, now: asl::Timestamp) -> (Vec<Due>, Option<asl::Timestamp>) {
        let mut queue = self.queue();
        let mut due = Vec::new();
        while queue.first().is_some_and(|(at, ..)| *at <= now) {
            due.extend(queue.pop_first());
        }
        (due, queue.first().map(|(at, ..)| *at))
    }

    /// Fires timers until the service is gone.
    pub(crate) fn run(inner: &Arc<Inner>) {
        let earlier = Arc::clone(&inner.timers.earlier);
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
                    () = clock.sleep_until(runtime::Timestamp(at.0)) => {}
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

/// Fires what is due. `None` if the service is gone, else when the next timer is due.
fn fire(inner: &Weak<Inner>) -> Option<Option<(asl::Timestamp, runtime::Clock)>> {
    let inner = inner.upgrade()?;
    let (due, next) = inner.timers.take_due(inner.now());
    for (_, arn, timer) in due {
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            let fired = match inner.find(&arn) {
                Ok(Some(running)) => inner.deliver(&running, Signal::TimerFired { timer }).await,
                Ok(None) => Ok(()),
                Err(error) => Err(error),
            };
            if let Err(error) = fired {
                tracing::error!(execution = &*arn, %error, "a timer could not be delivered");
            }
        });
    }
    Some(next.map(|at| (at, inner.clock.clone())))
}
