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
    deployment::{Deployment, Initialization},
    host::Host,
    running::Environment,
    start::StartFailure,
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
    provisioned: Provisioned,
}

/// Environments that are kept ready ahead of requests.
#[derive(Default)]
pub(super) struct Provisioned {
    /// How many there are to be.
    pub(super) wanted: usize,
    /// How many were started, or are being started.
    pub(super) started: usize,
    /// How many of them can take requests, or have taken one.
    pub(super) ready: usize,
    /// Why the last start failed. Nothing more is started until something else is wanted.
    pub(super) failure: Option<String>,
}

impl State {
    /// The environment that was used last; one that was made ready ahead comes before all others.
    fn take_idle(&mut self) -> Option<Arc<Environment>> {
        let provisioned = self.idle.iter().rposition(|idle| idle.is_provisioned());
        provisioned.map(|at| self.idle.remove(at)).or_else(|| self.idle.pop())
    }
}

impl Pool {
    pub(crate) fn new(deployment: Deployment, host: &Arc<Host>) -> Arc<Self> {
        let deployment = match host.debug.get(&deployment.function) {
            Some(port) => deployment.debugged(*port),
            None => deployment,
        };
        let pool = Arc::new(Self {
            deployment: Arc::new(deployment),
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
            while let Some(environment) = state.take_idle() {
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
        let kept = if environment.is_provisioned() {
            state.provisioned.started <= state.provisioned.wanted
        } else {
            !self.host.is_full()
        };
        if !state.retired && environment.is_alive() && kept {
            environment.mark_idle();
            state.idle.push(environment);
            return;
        }
        drop(state);
        environment.retire();
    }

    /// Whether there is no environment, and nobody waits for one.
    pub(crate) fn is_unused(&self) -> bool {
        let state = self.lock();
        state.alive == 0 && state.waiting.is_empty()
    }

    /// Counts an environment out that has ended. Requests that waited for it get another one.
    pub(crate) fn forget(self: &Arc<Self>, environment: &Environment) {
        let stranded = {
            let mut state = self.lock();
            state.idle.retain(|idle| !std::ptr::eq(&raw const **idle, environment));
            state.alive = state.alive.saturating_sub(1);
            if environment.is_provisioned() {
                state.provisioned.started = state.provisioned.started.saturating_sub(1);
                state.provisioned.ready = state.provisioned.ready.saturating_sub(1);
            }
            state.alive == 0 && !state.waiting.is_empty()
        };
        if stranded {
            self.start_what_is_missing();
        }
        if environment.is_provisioned() {
            self.provision_what_is_missing();
        }
    }

    /// Ends what is idle now, and what is at work as soon as it is free.
    pub(crate) fn retire(&self) {
        let idle = {
            let mut state = self.lock();
            state.retired = true;
            self.host.give_back_provisioned(std::mem::take(&mut state.provisioned.wanted));
            std::mem::take(&mut state.idle)
        };
        for environment in idle {
            environment.retire();
        }
    }

    /// Ends everything, at work or not.
    pub(crate) fn stop_all(&self) {
        self.retire();
        let started: Vec<_> = self.lock().started.iter().filter_map(Weak::upgrade).collect();
        for environment in started {
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
                .extract_if(.., |idle| {
                    !idle.is_provisioned() && now.saturating_duration_since(idle.idle_since()) >= time
                })
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
            let oldest = state.idle.iter().position(|idle| !idle.is_provisioned());
            oldest.map(|at| state.idle.remove(at))
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
            let mut missing = state.waiting.len().saturating_sub(state.starting);
            if self.deployment.debug.is_some() {
                // A debugger looks at one environment.
                missing = missing.min(1_usize.saturating_sub(state.alive));
            }
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
        let snapshot = self.deployment.snapshot;
        let initialization = if snapshot { Initialization::SnapStart } else { Initialization::OnDemand };
        let started = Environment::start(&self, place, initialization).await;
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

    /// Sees, under the lock, to what is provisioned.
    pub(super) fn with_provisioned<T>(&self, see_to: impl FnOnce(&mut Provisioned, bool) -> T) -> T {
        let mut state = self.lock();
        let retired = state.retired;
        see_to(&mut state.provisioned, retired)
    }

    /// Takes a provisioned environment in that has just been started.
    pub(super) fn admit(&self, environment: Arc<Environment>) {
        {
            let mut state = self.lock();
            state.alive += 1;
            state.provisioned.ready += 1;
            state.started.retain(|started| started.strong_count() > 0);
            state.started.push(Arc::downgrade(&environment));
        }
        self.release(environment);
    }

    /// Ends provisioned environments that are idle and more than wanted.
    pub(super) fn end_surplus(&self) {
        let surplus: Vec<_> = {
            let mut state = self.lock();
            let mut many = state.provisioned.started.saturating_sub(state.provisioned.wanted);
            let mut surplus = |idle: &mut Arc<Environment>| {
                let ends = idle.is_provisioned() && many > 0;
                many -= usize::from(ends);
                ends
            };
            state.idle.extract_if(.., |idle| surplus(idle)).collect()
        };
        for environment in surplus {
            environment.retire();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
