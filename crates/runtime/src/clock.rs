//! Service time: the clock behind waits, retries, timeouts, schedules, lifetimes and every timestamp users see.
//!
//! Host time (function deadlines, sockets, engines) is tokio's own and never goes through here.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use tokio::sync::oneshot;

use crate::BoxFuture;

/// A moment of service time, in milliseconds since the epoch. AWS's own answers carry milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Milliseconds since the epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Seconds since the epoch with milliseconds as the fraction: how members of timestamp shapes are carried.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds fit a double until the year 287396")]
    pub fn epoch_seconds(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// `2026-11-22T13:05:00.123Z`.
    pub fn rfc3339(self) -> String {
        jiff::Timestamp::from_millisecond(self.0)
            .map_or_else(|_| String::from("1970-01-01T00:00:00.000Z"), |at| format!("{at:.3}"))
    }

    /// This moment and `duration` more.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// The service clock: the host's, or a virtual one that moves when told to.
#[derive(Debug, Clone, Default)]
pub enum Clock {
    /// Follows the host.
    #[default]
    Real,
    /// Stands still until advanced.
    Virtual(Arc<VirtualClock>),
}

impl Clock {
    /// Now, in service time.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::Real => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Virtual(clock) => clock.now(),
        }
    }

    /// Completes when service time has reached `at`.
    pub fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        match self {
            Self::Real => {
                let wait = at.since(self.now());
                Box::pin(tokio::time::sleep(wait))
            }
            Self::Virtual(clock) => clock.sleep_until(at),
        }
    }
}

/// A clock for tests (and, later, for `tule clock`): it moves only by [`VirtualClock::advance`].
#[derive(Debug)]
pub struct VirtualClock {
    now: AtomicI64,
    next_sleeper: AtomicU64,
    sleepers: Mutex<BTreeMap<(i64, u64), oneshot::Sender<()>>>,
}

impl VirtualClock {
    /// A clock that stands at `at`.
    pub fn starting_at(at: Timestamp) -> Arc<Self> {
        Arc::new(Self {
            now: AtomicI64::new(at.0),
            next_sleeper: AtomicU64::new(0),
            sleepers: Mutex::default(),
        })
    }

    /// The moment it stands at.
    pub fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    /// The next moment anybody sleeps until, if anybody does.
    pub fn next_wakeup(&self) -> Option<Timestamp> {
        let mut sleepers = self.lock();
        sleepers.retain(|_, sender| !sender.is_closed());
        sleepers.keys().next().map(|(at, _)| Timestamp(*at))
    }

    /// Moves to `at` (never back) and wakes all who sleep until then, in the order of their moments.
    pub fn advance_to(&self, at: Timestamp) {
        self.now.fetch_max(at.0, Ordering::SeqCst);
        let due = {
            let mut sleepers = self.lock();
            let later = sleepers.split_off(&(at.0.saturating_add(1), 0));
            std::mem::replace(&mut *sleepers, later)
        };
        for (_, sender) in due {
            // A sleeper that is gone no longer cares.
            let _ = sender.send(());
        }
    }

    /// Moves on by `by`.
    pub fn advance(&self, by: Duration) {
        self.advance_to(self.now().plus(by));
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'static, ()> {
        let (sender, receiver) = oneshot::channel();
        let mut sleepers = self.lock();
        if at <= self.now() {
            return Box::pin(std::future::ready(()));
        }
        let id = self.next_sleeper.fetch_add(1, Ordering::Relaxed);
        sleepers.insert((at.0, id), sender);
        Box::pin(async move {
            let _ = receiver.await;
        })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<(i64, u64), oneshot::Sender<()>>> {
        self.sleepers.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn sleepers_wake_when_their_moment_comes() {
        let clock = VirtualClock::starting_at(Timestamp(1_000));
        let service = Clock::Virtual(clock.clone());
        let first = tokio::spawn(service.sleep_until(Timestamp(2_000)));
        let second = tokio::spawn(service.sleep_until(Timestamp(60_000)));
        assert_eq!(clock.next_wakeup(), Some(Timestamp(2_000)));
        clock.advance(Duration::from_secs(1));
        first.await.unwrap();
        assert!(!second.is_finished());
        clock.advance_to(Timestamp(60_000));
        second.await.unwrap();
        service.sleep_until(Timestamp(5)).await;
    }

    #[test]
    fn timestamps_print_as_aws_prints_them() {
        assert_eq!(Timestamp(1_700_000_000_120).rfc3339(), "2023-11-14T22:13:20.120Z");
        assert!((Timestamp(1_700_000_000_120).epoch_seconds() - 1_700_000_000.12).abs() < 1e-6);
    }
}
