//! The start of an execution environment: its processes, its extensions, and the lines that tell of it.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{
    deployment::Initialization,
    log::EnvironmentLog,
    memory::LOOK,
    pool::Pool,
    running::{EXIT_LIMIT, Environment, wait_for_exit},
    system_lines::{InitStatus, SystemLines},
};
use crate::{
    executor::{ExecutorError, Exit, Running, StartRequest},
    runtime_api::{
        extensions::Reason,
        session::{About, Fault, Session, Start},
    },
};

/// How long hooks may take that run when an environment is made of a snapshot.
const RESTORE_LIMIT: Duration = Duration::from_secs(10);

/// What a start has that waits for its turn.
pub(crate) struct Turn {
    pub(super) _permit: OwnedSemaphorePermit,
    /// What came of the executor's preparations, which were made before.
    pub(super) prepared: Option<Result<(), ExecutorError>>,
}

/// Why there is no environment.
#[derive(Clone)]
pub(crate) struct StartFailure {
    pub(crate) why: StartProblem,
    /// Where the failed environment wrote to, for the invocation's own lines.
    pub(crate) log: Option<Arc<EnvironmentLog>>,
    pub(crate) duration: Duration,
    /// The most memory that it used, in MB, where that is known.
    pub(crate) max_memory: u32,
}

/// What went wrong in a start.
#[derive(Debug, Clone)]
pub(crate) enum StartProblem {
    /// The runtime said so: its error, as the caller gets it.
    Init(Bytes),
    Exited(Exit),
    /// An extension failed.
    Extension(Fault),
    TimedOut,
    Executor(ExecutorError),
    /// All environments that there may be have as much to do as they can.
    Saturated,
    /// Tule is shutting down.
    Abandoned,
}

impl StartProblem {
    /// The type of an error that a runtime has reported.
    pub(crate) fn error_type(payload: &[u8]) -> String {
        let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
        error["errorType"].as_str().unwrap_or("Runtime.Unknown").to_owned()
    }

    /// How a start that did happen ended, for its report.
    fn init_status(&self) -> Option<InitStatus> {
        match self {
            Self::Init(payload) => Some(InitStatus::Error(Self::error_type(payload))),
            Self::Exited(Exit::NotStarted(_)) | Self::Executor(ExecutorError::Entrypoint(_)) => {
                Some(InitStatus::Error("Runtime.InvalidEntrypoint".to_owned()))
            }
            Self::Exited(_) => Some(InitStatus::Error("Runtime.ExitError".to_owned())),
            Self::Extension(fault) => Some(InitStatus::Error(fault.kind.to_owned())),
            Self::TimedOut => Some(InitStatus::Timeout),
            Self::Executor(_) | Self::Saturated | Self::Abandoned => None,
        }
    }
}

impl StartFailure {
    pub(crate) fn abandoned() -> Self {
        Self::without_start(StartProblem::Abandoned)
    }

    /// Nothing was started.
    pub(super) fn without_start(why: StartProblem) -> Self {
        Self { why, log: None, duration: Duration::ZERO, max_memory: 0 }
    }
}

impl Environment {
    /// Starts an environment and waits until it asks for work.
    ///
    /// A start that fails, or takes longer than Lambda allows, is made once more as part of the invocation, within the
    /// function's timeout (AWS, "Understanding the Lambda execution environment lifecycle").
    ///
    /// It keeps its place for as long as it lives, and its turn until its processes are there.
    pub(crate) async fn start(
        pool: &Arc<Pool>,
        (place, mut turn): (OwnedSemaphorePermit, Option<Turn>),
        initialization: Initialization,
    ) -> Result<Arc<Self>, StartFailure> {
        let stream = stream_name(pool);
        let deployment = &pool.deployment;
        let sink = pool.host.sink.stream(&deployment.scope, &deployment.logging.group, &stream);
        let log = Arc::new(EnvironmentLog::new(sink, pool.host.clock.clone(), &deployment.logging));
        log.begin_tail("");
        // What is made of a snapshot tells of its restoration alone; the start was told of when the snapshot was made.
        let told = initialization != Initialization::SnapStart;
        let attempt = Attempt::of(pool, (&stream, &log), initialization, told);
        let timeout = deployment.timeout;
        let mut began = Instant::now();
        let mut started = attempt.make("init", deployment.start_limit(initialization), &mut turn).await;
        // There is no invocation that a start ahead of all could be part of.
        let failed = started.as_ref().err().is_some_and(|why| why.init_status().is_some());
        if failed && initialization == Initialization::OnDemand {
            began = Instant::now();
            started = attempt.make("invoke", timeout, &mut turn).await;
        }
        if let (Ok(started), true) = (&mut started, initialization == Initialization::SnapStart)
            && let Err(why) = attempt.restore(started).await
        {
            return Err(failure(&attempt, why, began.elapsed()));
        }
        log.telemetry.close();
        match started {
            Ok(started) => Ok(started.into_environment(pool, log, place, initialization)),
            Err(why) => Err(failure(&attempt, why, began.elapsed())),
        }
    }

    /// Starts an environment up to where its snapshot is taken, and ends it: no snapshot is kept here, so that every
    /// environment starts anew, and comes out of the same state.
    pub(crate) async fn try_snapshot(pool: &Arc<Pool>) -> Result<(), StartProblem> {
        let _place = pool.host.place().await;
        let (initialization, stream) = (Initialization::SnapStart, stream_name(pool));
        let deployment = &pool.deployment;
        let sink = pool.host.sink.stream(&deployment.scope, &deployment.logging.group, &stream);
        let log = Arc::new(EnvironmentLog::new(sink, pool.host.clock.clone(), &deployment.logging));
        let attempt = Attempt::of(pool, (&stream, &log), initialization, true);
        let started = attempt.make("init", deployment.start_limit(initialization), &mut None).await?;
        Self::abandon(started.session, started.running, &log.telemetry, Reason::Spindown).await;
        Ok(())
    }
}

fn failure(attempt: &Attempt<'_>, why: StartProblem, duration: Duration) -> StartFailure {
    let function = &attempt.pool.deployment.function;
    tracing::warn!(function, ?why, "an execution environment did not start");
    let (log, max_memory) = (Some(Arc::clone(attempt.log)), attempt.max_memory.load(Ordering::Relaxed));
    StartFailure { why, log, duration, max_memory }
}

/// One try to start.
struct Attempt<'a> {
    pool: &'a Arc<Pool>,
    stream: &'a str,
    log: &'a Arc<EnvironmentLog>,
    initialization: Initialization,
    /// Lines tell of it.
    told: bool,
    /// The most memory that failed tries have used, in MB.
    max_memory: AtomicU32,
}

impl<'a> Attempt<'a> {
    fn of(
        pool: &'a Arc<Pool>,
        (stream, log): (&'a str, &'a Arc<EnvironmentLog>),
        initialization: Initialization,
        told: bool,
    ) -> Self {
        Self { pool, stream, log, initialization, told, max_memory: AtomicU32::new(0) }
    }

    /// `turn` is over when the executor has done its part: what a function does at its start may take its time.
    async fn make(
        &self,
        phase: &str,
        limit: Duration,
        turn: &mut Option<Turn>,
    ) -> Result<Started, StartProblem> {
        let Self { pool, log, .. } = *self;
        let deployment = &pool.deployment;
        log.telemetry.begin();
        let about = About {
            function: deployment.function.clone(),
            version: deployment.version.clone(),
            handler: deployment.handler.clone(),
            account: deployment.scope.account.to_string(),
        };
        let (session, start) = Session::new(about, Arc::clone(&log.telemetry), deployment.at_once());
        let session = Arc::new(session);
        if self.told {
            self.lines().init_start((self.initialization, phase));
        }
        let running = match self.launch(&session, turn).await {
            Ok(running) => running,
            Err(problem) => {
                let why = StartProblem::Executor(problem);
                if let Some(status) = why.init_status() {
                    self.tell(phase, &session, &status, Duration::ZERO);
                }
                return Err(why);
            }
        };
        drop(turn.take());
        let began = Instant::now();
        let memory = deployment.debug.is_none().then_some(deployment.memory);
        let result = come_up(start, &*running, limit, memory).await;
        let duration = began.elapsed();
        let why = result.as_ref().err();
        let why = why.map(|why| match session.reported_failure() {
            // What an extension has reported is why, whoever ended first.
            Some(kind) if matches!(why, StartProblem::Exited(_)) => InitStatus::Error(kind.to_owned()),
            _ => why.init_status().unwrap_or(InitStatus::Success),
        });
        let status = why.unwrap_or(InitStatus::Success);
        // What it has written by now comes before the lines of its first invocation.
        running.drain();
        self.tell(phase, &session, &status, duration);
        match result {
            Ok(()) => Ok(Started { session, running, init: duration, restore: None }),
            Err(why) => {
                let used = running.max_memory().unwrap_or_default().min(deployment.memory);
                self.max_memory.fetch_max(used, Ordering::Relaxed);
                Environment::abandon(session, running, &log.telemetry, reason(&why)).await;
                Err(why)
            }
        }
    }

    async fn launch(
        &self,
        session: &Arc<Session>,
        turn: &mut Option<Turn>,
    ) -> Result<Box<dyn Running>, ExecutorError> {
        let deployment = &self.pool.deployment;
        let executor = &self.pool.host.executor;
        match turn.as_mut().and_then(|turn| turn.prepared.take()) {
            Some(prepared) => prepared?,
            None => executor.prepare(deployment).await?,
        }
        let request = StartRequest {
            deployment: Arc::clone(deployment),
            initialization: self.initialization,
            stream: self.stream.to_owned(),
            session: Arc::clone(session),
            log: Arc::clone(self.log),
        };
        executor.start(request).await
    }

    fn lines(&self) -> SystemLines<'_> {
        SystemLines { deployment: &self.pool.deployment, log: self.log }
    }

    /// Writes the lines that end a start.
    fn tell(&self, phase: &str, session: &Session, status: &InitStatus, duration: Duration) {
        if !self.told && *status == InitStatus::Success {
            return;
        }
        let lines = self.lines();
        lines.init_runtime_done((self.initialization, phase), status);
        for subscribed in self.log.telemetry.take_subscribed() {
            lines.subscription(&subscribed);
        }
        for extension in session.shown_extensions() {
            lines.extension(&extension);
        }
        lines.init_report((self.initialization, phase), status, duration);
    }

    /// Makes the environment one that comes out of a snapshot: the hooks of its runtime run.
    async fn restore(&self, started: &mut Started) -> Result<(), StartProblem> {
        let lines = self.lines();
        lines.restore_start();
        let began = Instant::now();
        let result = match started.session.restore() {
            Some(restored) => come_up(restored, &*started.running, RESTORE_LIMIT, None).await,
            None => Ok(()),
        };
        let duration = began.elapsed();
        started.restore = Some(duration);
        let status = match &result {
            Ok(()) => InitStatus::Success,
            Err(why) => why.init_status().unwrap_or(InitStatus::Success),
        };
        lines.restore_runtime_done(&status);
        lines.restore_report(&status, duration);
        if result.is_err() {
            started.session.close();
            started.running.stop();
            started.running.drain();
        }
        result
    }
}

/// Waits until an environment is ready for work; `memory` is how much it may use, in MB.
async fn come_up(
    start: oneshot::Receiver<Start>,
    running: &dyn Running,
    limit: Duration,
    memory: Option<u32>,
) -> Result<(), StartProblem> {
    let is_over = || memory.is_some_and(|memory| running.kill_over(memory));
    // What is killed has an exit, which is what ends the wait.
    let watch = async {
        while !is_over() {
            tokio::time::sleep(LOOK).await;
        }
        std::future::pending::<Infallible>().await
    };
    let ended = tokio::select! {
        biased;
        start = start => Ok(start),
        exit = wait_for_exit(running.exit(), Duration::MAX) => Err(StartProblem::Exited(exit)),
        () = tokio::time::sleep(limit) => Err(StartProblem::TimedOut),
        never = watch => match never {},
    };
    match ended? {
        Ok(Start::Ready) if is_over() => {
            Err(StartProblem::Exited(wait_for_exit(running.exit(), EXIT_LIMIT).await))
        }
        Ok(Start::Ready) => Ok(()),
        Ok(Start::Failed(payload)) => Err(StartProblem::Init(payload)),
        Ok(Start::Fault(fault)) => Err(StartProblem::Extension(fault)),
        Err(_) => Err(StartProblem::Exited(wait_for_exit(running.exit(), EXIT_LIMIT).await)),
    }
}

fn reason(why: &StartProblem) -> Reason {
    match why {
        StartProblem::TimedOut => Reason::Timeout,
        StartProblem::Abandoned | StartProblem::Saturated => Reason::Spindown,
        StartProblem::Init(_)
        | StartProblem::Exited(_)
        | StartProblem::Extension(_)
        | StartProblem::Executor(_) => Reason::Failure,
    }
}

/// A start that has succeeded and is not an environment yet.
struct Started {
    session: Arc<Session>,
    running: Box<dyn Running>,
    init: Duration,
    restore: Option<Duration>,
}

impl Started {
    fn into_environment(
        self,
        pool: &Arc<Pool>,
        log: Arc<EnvironmentLog>,
        place: OwnedSemaphorePermit,
        initialization: Initialization,
    ) -> Arc<Environment> {
        let (exit, mut fault) = (self.running.exit(), self.session.fault());
        // What is made of a snapshot was initialised when that was taken.
        let init = Some(self.init).filter(|_| self.restore.is_none());
        let environment = Arc::new_cyclic(|me| Environment {
            deployment: Arc::clone(&pool.deployment),
            session: self.session,
            running: self.running,
            log,
            pool: Arc::downgrade(pool),
            initialization,
            me: me.clone(),
            init: Mutex::new(init),
            restore: Mutex::new(self.restore),
            halves: AtomicU8::new(0),
            granted: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            finishing: Mutex::new(None),
            alive: AtomicBool::new(true),
            seen_at_work: AtomicBool::new(false),
            idle_since: Mutex::new(Instant::now()),
            _place: place,
        });
        let waiting = Arc::downgrade(&environment);
        let more = environment.session.when_idle(move || {
            if let Some(environment) = waiting.upgrade() {
                environment.asks_for_more();
            }
        });
        for _ in 0..more {
            environment.asks_for_more();
        }
        if environment.is_shared() {
            // What belongs to the start belongs to no request.
            drop(environment.log.take_tail(""));
        }
        let watched = Arc::downgrade(&environment);
        tokio::spawn(async move {
            tokio::select! {
                _ = wait_for_exit(exit, Duration::MAX) => {}
                // Its sender is the session's, which the environment keeps.
                _ = fault.wait_for(Option::is_some) => {}
            }
            if let Some(environment) = watched.upgrade() {
                environment.broke();
            }
        });
        environment
    }
}

/// `2026/11/22/[$LATEST]32 hexadecimal digits`.
fn stream_name(pool: &Pool) -> String {
    let date = pool.host.clock.now().rfc3339();
    let date = date.get(..10).unwrap_or("1970-01-01").replace('-', "/");
    format!("{date}/[{}]{}", pool.deployment.version, uuid::Uuid::new_v4().simple())
}
