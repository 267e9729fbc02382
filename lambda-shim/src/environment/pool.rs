//! The environments of one deployment: the one used last takes the next request, and more are started when all are
//! at work.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::oneshot;

use super::{
    deployment::Deployment,
    host::Host,
    running::{Environment, StartFailure},
};

/// How long a request waits for a warm environment before another one is started. A start takes tens of milliseconds
/// at best, and most invocations are shorter than that.
const PATIENCE: Duration = Duration::from_millis(8);
/// The same for one whose function has answered and whose runtime is about to ask for more.
const PATIENCE_AT_THE_END: Duration = Duration::from_millis(100);

pub(crate) type Granted = Result<Arc<Environment>, StartFailure>;

/// See the module.
pub(crate) struct Pool {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) host: Arc<Host>,
    /// Environments that have answered and not asked for more yet.
    pub(crate) finishing: AtomicUsize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    idle: Vec<Arc<Environment>>,
    waiting: VecDeque<oneshot::Sender<Granted>>,
    /// All that were started, to look after those that neither work nor are free.
    started: Vec<Weak<Environment>>,
    /// Environments started and not ended, at work and idle.
    alive: usize,
    /// Starts under way.
    starting: usize,
    /// Nothing is kept warm any more: there is a newer deployment, or the function is gone.
    retired: bool,
}

impl Pool {
    pub(crate) fn new(deployment: Arc<Deployment>, host: &Arc<Host>) -> Arc<Self> {
        let pool = Arc::new(Self {
            deployment,
            host: Arc::clone(host),
            finishing: AtomicUsize::new(0),
            state: Mutex::default(),
        });
        host.watch(&pool);
        pool
    }

    /// An environment that is free: a warm one, or one that is started now.
    pub(crate) async fn acquire(self: &Arc<Self>) -> Granted {
        let (mut granted, patience) = {
            let mut state = self.lock();
            while let Some(environment) = state.idle.pop() {
                if environment.is_alive() {
                    return Ok(environment);
                }
            }
            let (sender, receiver) = oneshot::channel();
            state.waiting.push_back(sender);
            let patience = if state.waiting.len() <= self.finishing.load(Ordering::Acquire) {
                Some(PATIENCE_AT_THE_END)
            } else {
                (state.alive > state.starting).then_some(PATIENCE)
            };
            (receiver, patience)
        };
        if let Some(patience) = patience
            && let Ok(granted) = tokio::time::timeout(patience, &mut granted).await
        {
            return granted.unwrap_or_else(|_| Err(StartFailure::abandoned()));
        }
        self.start_what_is_missing();
        granted.await.unwrap_or_else(|_| Err(StartFailure::abandoned()))
    }

    /// Takes an environment back that is free again.
    pub(crate) fn release(&self, environment: Arc<Environment>) {
        let mut environment = environment;
        let mut state = self.lock();
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.send(Ok(environment)) {
                Ok(()) => return,
                // Who waited has gone away; the next one gets it.
                Err(Ok(back)) => environment = back,
                Err(Err(_)) => return,
            }
        }
        if !state.retired && environment.is_alive() && !self.host.is_full() {
            environment.mark_idle();
            state.idle.push(environment);
            return;
        }
        drop(state);
        environment.retire();
    }

    /// Counts an environment out that has ended. Requests that waited for it get another one.
    pub(crate) fn forget(self: &Arc<Self>, environment: &Environment) {
        let stranded = {
            let mut state = self.lock();
            state.idle.retain(|idle| !std::ptr::eq(&raw const **idle, environment));
            state.alive = state.alive.saturating_sub(1);
            state.alive == 0 && !state.waiting.is_empty()
        };
        if stranded {
            self.start_what_is_missing();
        }
    }

    /// Ends what is idle now, and what is at work as soon as it is free.
    pub(crate) fn retire(&self) {
        let idle = {
            let mut state = self.lock();
            state.retired = true;
            std::mem::take(&mut state.idle)
        };
        for environment in idle {
            environment.retire();
        }
    }

    /// Ends environments that have been idle for `time` or longer, and those that have answered and not asked for
    /// more for longer than an invocation may take.
    pub(crate) fn stop_idle(&self, time: Duration) {
        let now = Instant::now();
        let started: Vec<_> = self.lock().started.iter().filter_map(Weak::upgrade).collect();
        let limit = self.deployment.timeout.max(Duration::from_secs(10));
        for environment in started {
            if environment
                .finishing_since()
                .is_some_and(|since| now.saturating_duration_since(since) >= limit)
            {
                environment.retire();
            }
        }
        let old: Vec<_> = {
            let mut state = self.lock();
            state
                .idle
                .extract_if(.., |idle| now.saturating_duration_since(idle.idle_since()) >= time)
                .collect()
        };
        for environment in old {
            environment.retire();
        }
    }

    /// Ends the environment that has been idle for longest; `false` if none is.
    pub(crate) fn stop_one_idle(&self) -> bool {
        let oldest = {
            let mut state = self.lock();
            if state.idle.is_empty() { None } else { Some(state.idle.remove(0)) }
        };
        oldest.is_some_and(|environment| {
            environment.retire();
            true
        })
    }

    /// Starts as many environments as there are requests that none is being started for.
    fn start_what_is_missing(self: &Arc<Self>) {
        let missing = {
            let mut state = self.lock();
            let missing = state.waiting.len().saturating_sub(state.starting);
            state.starting += missing;
            state.alive += missing;
            missing
        };
        for _ in 0..missing {
            tokio::spawn(Arc::clone(self).start_one());
        }
    }

    async fn start_one(self: Arc<Self>) {
        let place = self.host.place().await;
        let started = Environment::start(&self, place).await;
        let failure = {
            let mut state = self.lock();
            state.starting -= 1;
            match started {
                Ok(environment) => {
                    state.started.retain(|started| started.strong_count() > 0);
                    state.started.push(Arc::downgrade(&environment));
                    drop(state);
                    self.release(environment);
                    return;
                }
                Err(failure) => {
                    state.alive = state.alive.saturating_sub(1);
                    failure
                }
            }
        };
        loop {
            let Some(waiting) = self.lock().waiting.pop_front() else { return };
            if waiting.send(Err(failure.clone())).is_ok() {
                break;
            }
        }
        self.start_what_is_missing();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
