//! One queue of moments on the service clock, for all that a service waits for.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{Clock, Timestamp};

/// What is due when, the earliest first.
pub struct Timers<T> {
    queue: Mutex<BTreeSet<(Timestamp, T)>>,
    /// Told when the earliest may be another one.
    earlier: Arc<Notify>,
}

impl<T: Ord> Default for Timers<T> {
    fn default() -> Self {
        Self { queue: Mutex::default(), earlier: Arc::default() }
    }
}

impl<T> Timers<T> {
    fn queue(&self) -> MutexGuard<'_, BTreeSet<(Timestamp, T)>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Ord + Send + 'static> Timers<T> {
    /// Has `what` happen at `at`.
    pub fn add(&self, at: Timestamp, what: T) {
        let mut queue = self.queue();
        let is_first = queue.first().is_none_or(|(first, _)| at < *first);
        queue.insert((at, what));
        drop(queue);
        if is_first {
            self.earlier.notify_one();
        }
    }

    /// Has it not happen, if it has not yet.
    pub fn remove(&self, at: Timestamp, what: T) {
        self.queue().remove(&(at, what));
    }

    fn take_due(&self, now: Timestamp) -> (Vec<(Timestamp, T)>, Option<Timestamp>) {
        let mut queue = self.queue();
        let mut due = Vec::new();
        while queue.first().is_some_and(|(at, _)| *at <= now) {
            due.extend(queue.pop_first());
        }
        (due, queue.first().map(|(at, _)| *at))
    }

    /// Lets moments come until the service is gone: `of` finds the queue and the clock in it, and `fire` has something
    /// happen that was due.
    pub fn run<S: Send + Sync + 'static>(
        service: &Arc<S>,
        of: fn(&S) -> (&Self, &Clock),
        fire: impl Fn(&Arc<S>, Timestamp, T) + Send + 'static,
    ) {
        let earlier = Arc::clone(&of(service).0.earlier);
        let service = Arc::downgrade(service);
        tokio::spawn(async move {
            loop {
                let notified = earlier.notified();
                let (next, clock) = {
                    let Some(service) = service.upgrade() else { return };
                    let (timers, clock) = of(&service);
                    let (due, next) = timers.take_due(clock.now());
                    due.into_iter().for_each(|(at, what)| fire(&service, at, what));
                    (next, clock.clone())
                };
                let Some(at) = next else {
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

impl<T> Drop for Timers<T> {
    fn drop(&mut self) {
        self.earlier.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::VirtualClock;

    struct Service {
        timers: Timers<&'static str>,
        clock: Clock,
    }

    #[tokio::test]
    async fn what_is_due_happens_in_order_and_nothing_else() {
        let time = VirtualClock::starting_at(Timestamp(0));
        let service =
            Arc::new(Service { timers: Timers::default(), clock: Clock::Virtual(Arc::clone(&time)) });
        let (sender, mut fired) = tokio::sync::mpsc::unbounded_channel();
        Timers::run(
            &service,
            |service| (&service.timers, &service.clock),
            move |_, at, what| {
                let _ = sender.send((at.0, what));
            },
        );
        service.timers.add(Timestamp(30), "late");
        service.timers.add(Timestamp(10), "early");
        service.timers.add(Timestamp(20), "never");
        service.timers.remove(Timestamp(20), "never");
        for (at, what) in [(10, "early"), (30, "late")] {
            while time.next_wakeup() != Some(Timestamp(at)) {
                tokio::task::yield_now().await;
            }
            time.advance_to(Timestamp(at));
            assert_eq!(fired.recv().await, Some((at, what)));
        }
        drop(service);
        assert_eq!(fired.recv().await, None, "it ends with the service");
    }
}
