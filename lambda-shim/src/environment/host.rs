//! What all pools share: the executor, the log sink, the clock, and how many environments this machine carries.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use runtime::{Clock, LogSink};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, watch};

use super::pool::Pool;
use crate::{executor::Executor, options::DebugPort};

/// How many environments are started ahead at the same time.
const PROVISIONED_AT_ONCE: usize = 4;

/// See the module.
pub(crate) struct Host {
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) sink: Arc<dyn LogSink>,
    pub(crate) clock: Clock,
    /// Functions that run under a debugger.
    pub(crate) debug: HashMap<String, DebugPort>,
    /// How long an environment may stand idle.
    idle_time: Duration,
    permits: Arc<Semaphore>,
    max_environments: usize,
    /// Environments that are to be kept ready, over all pools.
    provisioned: AtomicUsize,
    /// Few are started ahead at the same time: requests that wait come first.
    provisioning: Semaphore,
    /// What an executor starts at the same time for requests that wait.
    starts: Arc<Semaphore>,
    /// Starts that wait for a permit.
    starved: AtomicUsize,
    pools: Mutex<Vec<Weak<Pool>>>,
    /// Environments that end in order: their extensions have a little time.
    endings: Arc<watch::Sender<usize>>,
}

/// One environment that ends in order, until it is dropped.
pub(crate) struct Ending(Arc<watch::Sender<usize>>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

impl Host {
    pub(crate) fn new(
        executor: Arc<dyn Executor>,
        sink: Arc<dyn LogSink>,
        clock: Clock,
        debug: HashMap<String, DebugPort>,
        max_environments: usize,
        idle_time: Duration,
    ) -> Arc<Self> {
        let starts = executor.starts_at_once().clamp(1, Semaphore::MAX_PERMITS);
        Arc::new(Self {
            starts: Arc::new(Semaphore::new(starts)),
            executor,
            sink,
            clock,
            debug,
            idle_time,
            permits: Arc::new(Semaphore::new(max_environments)),
            max_environments,
            provisioned: AtomicUsize::new(0),
            provisioning: Semaphore::new(PROVISIONED_AT_ONCE),
            starved: AtomicUsize::new(0),
            pools: Mutex::default(),
            endings: Arc::new(watch::Sender::new(0)),
        })
    }

    pub(super) fn ending(&self) -> Ending {
        self.endings.send_modify(|count| *count += 1);
        Ending(Arc::clone(&self.endings))
    }

    /// Waits until all that end in order have; they have a limit of their own.
    pub(crate) async fn all_ended(&self) {
        // The sender is ours.
        let _ = self.endings.subscribe().wait_for(|count| *count == 0).await;
    }

    /// A place for one more environment. Where there is none, idle environments of other functions make room.
    pub(crate) async fn place(&self) -> OwnedSemaphorePermit {
        if let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() {
            return permit;
        }
        self.starved.fetch_add(1, Ordering::Relaxed);
        for pool in self.pools() {
            if pool.stop_one_idle() {
                break;
            }
        }
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.starved.fetch_sub(1, Ordering::Relaxed);
        permit.expect("the semaphore is never closed")
    }

    /// Takes room for environments that are kept ready; the error is how many there is room for. One place is left for
    /// everything else.
    pub(super) fn take_provisioned(&self, wanted: usize) -> Result<(), usize> {
        let most = self.max_environments.saturating_sub(1);
        let take = |taken: usize| taken.checked_add(wanted).filter(|sum| *sum <= most);
        self.provisioned
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, take)
            .map(drop)
            .map_err(|taken| most.saturating_sub(taken))
    }

    /// How many more environments can be kept ready.
    pub(super) fn room_to_provision(&self) -> usize {
        let most = self.max_environments.saturating_sub(1);
        most.saturating_sub(self.provisioned.load(Ordering::Acquire))
    }

    pub(super) fn give_back_provisioned(&self, many: usize) {
        self.provisioned.fetch_sub(many, Ordering::AcqRel);
    }

    /// Waits until it may start one environment ahead.
    pub(super) async fn turn_to_provision(&self) -> SemaphorePermit<'_> {
        self.provisioning.acquire().await.expect("the semaphore is never closed")
    }

    /// Waits until it may start one environment for a request.
    pub(super) async fn turn_to_start(&self) -> OwnedSemaphorePermit {
        let turn = Arc::clone(&self.starts).acquire_owned().await;
        turn.expect("the semaphore is never closed")
    }

    /// Whether some start waits for an environment to end.
    pub(crate) fn is_full(&self) -> bool {
        self.starved.load(Ordering::Relaxed) > 0
    }

    /// Makes a pool known, so that its idle environments end in time.
    pub(crate) fn watch(&self, pool: &Arc<Pool>) {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.retain(|pool| pool.strong_count() > 0);
        pools.push(Arc::downgrade(pool));
    }

    /// Ends environments that stand idle for too long, for as long as the host exists.
    pub(crate) fn spawn_reaper(self: &Arc<Self>) {
        let host = Arc::downgrade(self);
        let period = (self.idle_time / 4).clamp(Duration::from_millis(50), Duration::from_secs(10));
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(period).await;
                let Some(host) = host.upgrade() else { return };
                for pool in host.pools() {
                    pool.stop_idle(host.idle_time);
                }
            }
        });
    }

    fn pools(&self) -> Vec<Arc<Pool>> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).iter().filter_map(Weak::upgrade).collect()
    }
}
