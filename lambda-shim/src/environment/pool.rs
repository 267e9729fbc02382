//! The environments of one deployment: the one used last takes the next request, and more are started when all are
//! at work.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::sync::{Notify, oneshot};

use super::{
    deployment::Deployment,
    host::Host,
    running::Environment,
    start::{StartFailure, StartProblem, Turn},
};

/// How long a request waits for a warm environment before another one is started, at least. A start takes tens of
/// milliseconds at best, and most invocations are shorter than that.
const PATIENCE: Duration = Duration::from_millis(8);
/// Where starts take longer, requests wait longer: for this part of what the last start took, and no longer than
/// [`PATIENCE_AT_THE_END`]. Containers of few, short invocations would be started one after the other otherwise, and take
/// the machine from the one that could have served them all.
const PART_OF_A_START: u32 = 8;
/// The same for one whose function has answered and whose runtime is about to ask for more.
const PATIENCE_AT_THE_END: Duration = Duration::from_millis(100);

pub(crate) type Granted = Result<Arc<Environment>, StartFailure>;

/// See the module.
pub(crate) struct Pool {
    pub(crate) deployment: Arc<Deployment>,
    pub(crate) host: Arc<Host>,
    /// Environments that have answered and not asked for more yet.
    pub(crate) finishing: AtomicUsize,
    /// How many environments there may be, on managed instances.
    most: AtomicUsize,
    /// Something about what is provisioned may have changed.
    pub(super) provisioning: Notify,
    /// Whether memory is being looked at.
    pub(super) watched: AtomicBool,
    state: Mutex<State>,
}

/// A request that waits for an environment.
struct Waiting {
    place: oneshot::Sender<Granted>,
    /// Until when it waits for a warm one.
    until: Instant,
}

#[derive(Default)]
struct State {
    idle: Vec<Arc<Environment>>,
    waiting: VecDeque<Waiting>,
    /// All that were started, to look after those that neither work nor are free.
    started: Vec<Weak<Environment>>,
    /// Those that work on several requests at once, which nobody else may keep while parts of their runtimes have
    /// answered and not asked for more.
    shared: Vec<Arc<Environment>>,
    /// Environments started and not ended, at work and idle.
    alive: usize,
    /// Starts under way, those that wait for their turn among them.
    starting: usize,
    /// Those that have had their turn.
    launching: usize,
    /// What the last start took, from its turn on.
    last_start: Duration,
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
    /// Those that are more than wanted, and end as soon as they are free: started, and not counted out yet.
    surplus: Vec<Weak<Environment>>,
}

impl Provisioned {
    /// How many there are, or are being started, but for those that end already.
    pub(super) fn staying(&self) -> usize {
        self.started.saturating_sub(self.surplus.len())
    }
}

impl State {
    /// The environment that was used last; one that was made ready ahead comes before all others.
    fn take_idle(&mut self) -> Option<Arc<Environment>> {
        let provisioned = self.idle.iter().rposition(|idle| idle.is_provisioned());
        provisioned.map(|at| self.idle.remove(at)).or_else(|| self.idle.pop())
    }

    /// How long a request that comes now waits for a warm environment; `None` where there is none to wait for.
    fn patience(&self, finishing: usize) -> Option<Duration> {
        if self.waiting.len() < finishing {
            return Some(PATIENCE_AT_THE_END);
        }
        let usual = (self.last_start / PART_OF_A_START).clamp(PATIENCE, PATIENCE_AT_THE_END);
        (self.alive > self.starting).then_some(usual)
    }

    /// How many requests have waited long enough for a warm environment.
    fn impatient(&self) -> usize {
        let now = Instant::now();
        self.waiting.iter().filter(|one| one.until <= now && !one.place.is_closed()).count()
    }

    /// How many more requests those have room for that work on several at once. Their runtimes may not have asked for all
    /// of them yet.
    fn room(&self) -> usize {
        self.shared.iter().map(|shared| shared.room()).sum()
    }

    /// Chooses a provisioned environment to end where there are more than wanted; whether it is to end, now chosen or
    /// before.
    fn choose_to_end(&mut self, environment: &Arc<Environment>) -> bool {
        let surplus = &mut self.provisioned.surplus;
        if surplus.iter().any(|one| std::ptr::eq(one.as_ptr(), Arc::as_ptr(environment))) {
            return true;
        }
        let chosen = self.provisioned.staying() > self.provisioned.wanted;
        if chosen {
            self.provisioned.surplus.push(Arc::downgrade(environment));
            // One that works on several requests at once is idle several times.
            self.idle.retain(|idle| !Arc::ptr_eq(idle, environment));
        }
        chosen
    }

    fn note_start(&mut self, environment: &Arc<Environment>) {
        self.started.retain(|started| started.strong_count() > 0);
        self.started.push(Arc::downgrade(environment));
        if environment.is_shared() {
            self.shared.push(Arc::clone(environment));
        }
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
            most: AtomicUsize::new(usize::MAX),
            provisioning: Notify::new(),
            watched: AtomicBool::new(false),
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
                    environment.granted();
                    return Ok(environment);
                }
            }
            if state.starting == 0 && state.alive >= self.most() && state.room() <= state.waiting.len() {
                return Err(StartFailure::without_start(StartProblem::Saturated));
            }
            let (place, receiver) = oneshot::channel();
            let patience = state.patience(self.finishing.load(Ordering::Acquire));
            let until = Instant::now() + patience.unwrap_or_default();
            state.waiting.push_back(Waiting { place, until });
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
        environment.granted();
        while let Some(waiting) = state.waiting.pop_front() {
            match waiting.place.send(Ok(environment)) {
                Ok(()) => return,
                // Who waited has gone away; the next one gets it.
                Err(Ok(back)) => environment = back,
                Err(Err(_)) => return,
            }
        }
        environment.taken_up();
        let kept = environment.is_alive()
            && if environment.is_provisioned() {
                !state.choose_to_end(&environment)
            } else {
                !self.host.is_full()
            };
        if !state.retired && kept {
            environment.mark_idle();
            state.idle.push(environment);
            return;
        }
        drop(state);
        environment.leave();
    }

    /// How many environments there may be.
    fn most(&self) -> usize {
        match self.deployment.concurrency {
            Some(_) => self.most.load(Ordering::Acquire),
            None => usize::MAX,
        }
    }

    /// Sets how many environments there may be at most, of those on managed instances.
    pub(crate) fn limit(&self, most: usize) {
        self.most.store(most, Ordering::Release);
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
            let is_other = |one: &Arc<Environment>| !std::ptr::eq(&raw const **one, environment);
            state.idle.retain(is_other);
            state.shared.retain(is_other);
            state.alive = state.alive.saturating_sub(1);
            if environment.is_provisioned() {
                state.provisioned.surplus.retain(|one| !std::ptr::eq(one.as_ptr(), environment));
                state.provisioned.started = state.provisioned.started.saturating_sub(1);
                state.provisioned.ready = state.provisioned.ready.saturating_sub(1);
            }
            let stranded = (state.alive == 0 || environment.is_shared()) && !state.waiting.is_empty();
            if stranded {
                // There is nothing left to wait for.
                let now = Instant::now();
                state.waiting.iter_mut().for_each(|one| one.until = now);
            }
            stranded
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
            environment.leave();
        }
    }

    /// Ends everything, at work or not.
    pub(crate) fn stop_all(&self) {
        self.retire();
        for environment in self.started() {
            environment.retire();
        }
    }

    /// Ends environments that have been idle for `time` or longer, and those that have answered and not asked for
    /// more for longer than an invocation may take.
    pub(crate) fn stop_idle(&self, time: Duration) {
        let now = Instant::now();
        let limit = self.deployment.timeout.max(Duration::from_secs(10));
        for environment in self.started() {
            let since = environment.finishing_since().or_else(|| environment.stuck_since());
            if since.is_some_and(|since| now.saturating_duration_since(since) >= limit) {
                environment.retire();
            }
        }
        let old: Vec<_> = {
            let mut state = self.lock();
            state
                .idle
                .extract_if(.., |idle| {
                    !idle.is_provisioned()
                        && !idle.is_at_work()
                        && now.saturating_duration_since(idle.idle_since()) >= time
                })
                .collect()
        };
        for environment in old {
            environment.retire();
        }
    }

    /// All that were started and are there.
    pub(super) fn started(&self) -> Vec<Arc<Environment>> {
        self.lock().started.iter().filter_map(Weak::upgrade).collect()
    }

    /// Ends the environment that has been idle for longest; `false` if none is.
    pub(crate) fn stop_one_idle(&self) -> bool {
        let oldest = {
            let mut state = self.lock();
            let oldest = state.idle.iter().position(|idle| !idle.is_provisioned() && !idle.is_at_work());
            oldest.map(|at| state.idle.remove(at))
        };
        oldest.is_some_and(|environment| {
            environment.retire();
            true
        })
    }

    /// Starts as many environments as there are requests that have waited and that none is being started for.
    fn start_what_is_missing(self: &Arc<Self>) {
        let missing = {
            let mut state = self.lock();
            let mut missing = if self.deployment.concurrency.is_some() {
                let at_once = self.deployment.at_once();
                let room = state.room() + state.starting * at_once;
                let needed = state.waiting.len().saturating_sub(room).div_ceil(at_once);
                needed.min(self.most().saturating_sub(state.alive))
            } else {
                state.impatient().saturating_sub(state.starting)
            };
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
        // A pull may take its time, which is nobody else's.
        let prepared = Some(self.host.executor.prepare(&self.deployment).await);
        let turn = Turn { _permit: self.host.turn_to_start().await, prepared };
        {
            let mut state = self.lock();
            // Requests may have got a warm one meanwhile.
            if self.deployment.concurrency.is_none() && state.impatient() <= state.launching {
                state.starting -= 1;
                state.alive = state.alive.saturating_sub(1);
                return;
            }
            state.launching += 1;
        }
        let place = self.host.place().await;
        let began = Instant::now();
        let initialization = self.deployment.initialization(false);
        let started = Environment::start(&self, (place, Some(turn)), initialization).await;
        let failure = {
            let mut state = self.lock();
            state.starting -= 1;
            state.launching -= 1;
            state.last_start = began.elapsed();
            match started {
                Ok(environment) => {
                    state.note_start(&environment);
                    drop(state);
                    self.release(environment);
                    // It may have gone to a request that could have waited.
                    self.start_what_is_missing();
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
            if waiting.place.send(Err(failure.clone())).is_ok() {
                break;
            }
        }
        self.start_what_is_missing();
    }

    /// Sees, under the lock, to what is provisioned.
    pub(super) fn with_provisioned<T>(&self, see_to: impl FnOnce(&mut Provisioned, bool) -> T) -> T {
        let told = {
            let mut state = self.lock();
            let retired = state.retired;
            see_to(&mut state.provisioned, retired)
        };
        self.provisioning.notify_waiters();
        told
    }

    /// Looks, under the lock, at what is provisioned.
    pub(super) fn look_at_provisioned<T>(&self, look: impl FnOnce(&Provisioned, bool) -> T) -> T {
        let state = self.lock();
        look(&state.provisioned, state.retired)
    }

    /// Takes a provisioned environment in that has just been started.
    pub(super) fn admit(&self, environment: Arc<Environment>) {
        {
            let mut state = self.lock();
            state.alive += 1;
            state.provisioned.ready += 1;
            self.provisioning.notify_waiters();
            state.note_start(&environment);
        }
        self.release(environment);
    }

    /// Ends provisioned environments that are idle and more than wanted.
    pub(super) fn end_surplus(&self) {
        let surplus: Vec<_> = {
            let mut state = self.lock();
            let idle = state.idle.clone();
            let mut surplus: Vec<_> = idle.into_iter().filter(|idle| idle.is_provisioned()).collect();
            surplus.retain(|idle| state.choose_to_end(idle));
            surplus
        };
        for environment in surplus {
            environment.leave();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(state: &mut State, until: Instant) -> oneshot::Receiver<Granted> {
        let (place, receiver) = oneshot::channel();
        state.waiting.push_back(Waiting { place, until });
        receiver
    }

    #[test]
    fn requests_wait_longer_for_a_warm_environment_where_a_start_takes_longer() {
        let millis = Duration::from_millis;
        let mut state = State::default();
        assert_eq!(state.patience(0), None, "there is nothing to wait for");
        state.alive = 1;
        for (start, patience) in [(0, 8), (60, 8), (400, 50), (9_000, 100)] {
            state.last_start = millis(start);
            assert_eq!(state.patience(0), Some(millis(patience)), "{start} ms");
        }
        assert_eq!(state.patience(1), Some(millis(100)), "one is about to be free");
        state.starting = 1;
        assert_eq!(state.patience(0), None, "what there is has not started");
    }

    #[test]
    fn starts_are_for_requests_that_still_wait_and_have_waited() {
        let (now, mut state) = (Instant::now(), State::default());
        let _patient = waiting(&mut state, now + Duration::from_secs(60));
        let _impatient = waiting(&mut state, now);
        drop(waiting(&mut state, now));
        assert_eq!(state.impatient(), 1);
    }
}
