//! One execution environment: from its start, through one request after the other, to its end.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{
    deployment::{Deployment, Initialization},
    log::EnvironmentLog,
    pool::Pool,
    system_lines::{Ended, InitStatus, Report, SystemLines},
};
use crate::{
    executor::{ExecutorError, Exit, Running, StartRequest},
    runtime_api::{
        serve::RESPONSE_LIMIT,
        session::{Answer, Event, Piece, Session, Start, Stream},
    },
};

/// How long the end of an environment whose connections have ended may take to be reported.
const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Environment {
    deployment: Arc<Deployment>,
    session: Arc<Session>,
    running: Box<dyn Running>,
    log: Arc<EnvironmentLog>,
    pool: Weak<Pool>,
    initialization: Initialization,
    me: Weak<Self>,
    /// How long the start took, until an invocation has reported it.
    init: Mutex<Option<Duration>>,
    /// The invocation has been reported, and the runtime has asked for the next: two halves, in either order.
    halves: AtomicU8,
    /// Since when it has answered and not asked for more, and itself: nobody else keeps it meanwhile.
    finishing: Mutex<Option<(Instant, Arc<Self>)>>,
    alive: AtomicBool,
    idle_since: Mutex<Instant>,
    _place: OwnedSemaphorePermit,
}

/// Why there is no environment.
#[derive(Clone)]
pub(crate) struct StartFailure {
    pub(crate) why: StartProblem,
    /// Where the failed environment wrote to, for the invocation's own lines.
    pub(crate) log: Option<Arc<EnvironmentLog>>,
    pub(crate) duration: Duration,
}

/// What went wrong in a start.
#[derive(Debug, Clone)]
pub(crate) enum StartProblem {
    /// The runtime said so: its error, as the caller gets it.
    Init(Bytes),
    Exited(Exit),
    TimedOut,
    Executor(ExecutorError),
    /// Tule is shutting down.
    Abandoned,
}

impl StartProblem {
    /// How a start that did happen ended, for its report.
    fn init_status(&self) -> Option<InitStatus> {
        match self {
            Self::Init(payload) => {
                let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
                let kind = error["errorType"].as_str().unwrap_or("Runtime.Unknown");
                Some(InitStatus::Error(kind.to_owned()))
            }
            Self::Exited(_) => Some(InitStatus::Error("Runtime.ExitError".to_owned())),
            Self::TimedOut => Some(InitStatus::Timeout),
            Self::Executor(_) | Self::Abandoned => None,
        }
    }
}

impl StartFailure {
    pub(crate) fn abandoned() -> Self {
        Self { why: StartProblem::Abandoned, log: None, duration: Duration::ZERO }
    }
}

/// Where a streamed response goes as it comes.
pub(crate) type Sink = mpsc::Sender<Streamed>;

/// What a reader of a streamed response gets before the invocation's own outcome.
#[derive(Debug)]
pub(crate) enum Streamed {
    /// The response begins; its media type.
    Began(Option<String>),
    Bytes(Bytes),
}

/// What came of an invocation.
pub(crate) struct Completion {
    /// Nothing, where it was streamed and did not fail.
    pub(crate) payload: Bytes,
    pub(crate) failed: bool,
    /// The last of the log, if it was asked for.
    pub(crate) tail: Option<String>,
}

impl Environment {
    /// Starts an environment and waits until it asks for work.
    ///
    /// A start that fails, or takes longer than Lambda allows, is made once more as part of the invocation, within the
    /// function's timeout (AWS, "Understanding the Lambda execution environment lifecycle").
    pub(crate) async fn start(
        pool: &Arc<Pool>,
        place: OwnedSemaphorePermit,
        initialization: Initialization,
    ) -> Result<Arc<Self>, StartFailure> {
        let stream = stream_name(pool);
        let sink = pool.host.sink.stream(&pool.deployment.scope, &pool.deployment.logging.group, &stream);
        let log = Arc::new(EnvironmentLog::new(sink, pool.host.clock.clone()));
        log.begin_tail();
        let lines = SystemLines { deployment: &pool.deployment, now: pool.host.clock.now() };
        if let Some(line) = lines.init_start(initialization) {
            log.platform(line);
        }
        let timeout = pool.deployment.timeout;
        let mut began = Instant::now();
        let mut started =
            Attempt::make(pool, &stream, &log, initialization, initialization.limit(timeout)).await;
        if let Some(status) = started.as_ref().err().and_then(StartProblem::init_status) {
            if let Some(line) = lines.init_report((initialization, "init"), &status, began.elapsed()) {
                log.platform(line);
            }
            // There is no invocation that one ahead of all could be part of.
            if initialization == Initialization::OnDemand {
                began = Instant::now();
                started = Attempt::make(pool, &stream, &log, initialization, timeout).await;
            }
        }
        match started {
            Ok(attempt) => Ok(attempt.into_environment(pool, log, place, initialization)),
            Err(why) => {
                tracing::warn!(
                    function = pool.deployment.function,
                    ?why,
                    "an execution environment did not start"
                );
                let duration = began.elapsed();
                let status = why.init_status().filter(|_| initialization == Initialization::OnDemand);
                let line = status
                    .and_then(|status| lines.init_report((initialization, "invoke"), &status, duration));
                if let Some(line) = line {
                    log.platform(line);
                }
                Err(StartFailure { why, log: Some(log), duration })
            }
        }
    }

    /// Whether it can take requests.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Whether it is one of those that are kept ready ahead of requests.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.initialization == Initialization::Provisioned
    }

    pub(crate) fn idle_since(&self) -> Instant {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mark_idle(&self) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends it, once and for all.
    pub(crate) fn retire(&self) {
        if !self.alive.swap(false, Ordering::AcqRel) {
            return;
        }
        self.finish(false);
        self.session.close();
        self.running.stop();
        if let Some(pool) = self.pool.upgrade() {
            pool.forget(self);
        }
    }

    /// Runs one request. Gives it back if the environment turns out to be gone before it took it.
    pub(crate) async fn run(
        &self,
        event: Event,
        tail: bool,
        sink: Option<&Sink>,
    ) -> Result<Completion, Event> {
        let request_id = event.request_id.clone();
        let first = self.init.lock().unwrap_or_else(PoisonError::into_inner).take();
        if first.is_none() && tail {
            self.log.begin_tail();
        }
        self.halves.store(0, Ordering::Release);
        self.line(|lines| lines.start(&request_id));
        let began = Instant::now();
        let Ok(answer) = self.session.dispatch(event.clone(), sink.is_some()) else {
            self.retire();
            return Err(event);
        };
        let (payload, ended) = self.answer_to(&request_id, answer, sink).await;
        let duration = began.elapsed();
        self.running.drain();
        if ended == Ended::Timeout {
            self.line(|lines| lines.timed_out(&request_id));
        }
        self.line(|lines| lines.end(&request_id));
        let max_memory = self.running.max_memory().unwrap_or_default();
        let report =
            Report { request_id: &request_id, duration, init: first, max_memory, ended: ended.clone() };
        self.line(|lines| lines.report(&report));
        let tail = self.log.take_tail().filter(|_| tail);
        match ended {
            Ended::Success | Ended::Failed => {
                self.finish(true);
                self.half();
            }
            Ended::Timeout | Ended::Error(_) => self.retire(),
        }
        Ok(Completion { payload, failed: ended != Ended::Success, tail })
    }

    async fn answer_to(
        &self,
        request_id: &str,
        answer: oneshot::Receiver<Answer>,
        sink: Option<&Sink>,
    ) -> (Bytes, Ended) {
        let timeout = self.deployment.timeout;
        let end = tokio::time::Instant::now() + timeout;
        let answered = match tokio::time::timeout_at(end, answer).await {
            Ok(Ok(Answer::Stream(stream))) => match tokio::time::timeout_at(end, forward(stream, sink)).await
            {
                Ok(Some(answer)) => Ok(Ok(answer)),
                Ok(None) => {
                    return (exited(request_id, &self.exit().await), Ended::Error("Runtime.ExitError"));
                }
                Err(elapsed) => Err(elapsed),
            },
            other => other,
        };
        match answered {
            Ok(Ok(Answer::Response(payload))) => (payload, Ended::Success),
            Ok(Ok(Answer::Error(payload))) => (payload, Ended::Failed),
            // A stream has been forwarded by now.
            Ok(Ok(Answer::TooLarge | Answer::Stream(_))) => (too_large(), Ended::Failed),
            Ok(Err(_)) => (exited(request_id, &self.exit().await), Ended::Error("Runtime.ExitError")),
            Err(_) => {
                // Nothing of the environment may go on working after its time.
                self.running.stop();
                (timed_out(request_id, timeout), Ended::Timeout)
            }
        }
    }

    /// How it ended; it has, or is about to.
    async fn exit(&self) -> Exit {
        wait_for_exit(self.running.exit(), EXIT_LIMIT).await
    }

    /// One of the two things that must have happened before the next request: see `halves`.
    fn half(&self) {
        if self.halves.fetch_add(1, Ordering::AcqRel) == 0 {
            return;
        }
        self.finish(false);
        if let (Some(pool), Some(me)) = (self.pool.upgrade(), self.me.upgrade()) {
            pool.release(me);
        }
    }

    /// Since when its function has answered without its runtime's asking for more.
    pub(crate) fn finishing_since(&self) -> Option<Instant> {
        self.finishing.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(since, _)| *since)
    }

    /// Counts it among the pool's finishing environments, or out again.
    fn finish(&self, finishing: bool) {
        let kept = finishing.then(|| self.me.upgrade()).flatten().map(|me| (Instant::now(), me));
        let (was, is) = {
            let mut place = self.finishing.lock().unwrap_or_else(PoisonError::into_inner);
            let is = kept.is_some();
            (std::mem::replace(&mut *place, kept), is)
        };
        let Some(pool) = self.pool.upgrade() else { return };
        match (was.is_some(), is) {
            (false, true) => {
                pool.finishing.fetch_add(1, Ordering::AcqRel);
            }
            (true, false) => {
                pool.finishing.fetch_sub(1, Ordering::AcqRel);
            }
            _ => {}
        }
    }

    fn line(&self, line: impl FnOnce(&SystemLines<'_>) -> Option<String>) {
        let now = self.pool.upgrade().map_or(runtime::Timestamp(0), |pool| pool.host.clock.now());
        if let Some(line) = line(&SystemLines { deployment: &self.deployment, now }) {
            self.log.platform(line);
        }
    }
}

/// A start that has succeeded and is not an environment yet.
struct Attempt {
    session: Arc<Session>,
    running: Box<dyn Running>,
    init: Duration,
}

impl Attempt {
    async fn make(
        pool: &Arc<Pool>,
        stream: &str,
        log: &Arc<EnvironmentLog>,
        initialization: Initialization,
        limit: Duration,
    ) -> Result<Self, StartProblem> {
        let (session, start) = Session::new();
        let session = Arc::new(session);
        let request = StartRequest {
            deployment: Arc::clone(&pool.deployment),
            initialization,
            stream: stream.to_owned(),
            session: Arc::clone(&session),
            log: Arc::clone(log),
        };
        let executor = &pool.host.executor;
        executor.prepare(&pool.deployment).await.map_err(StartProblem::Executor)?;
        let running = executor.start(request).await.map_err(StartProblem::Executor)?;
        let began = Instant::now();
        let ended = tokio::select! {
            biased;
            start = start => Ok(start),
            exit = wait_for_exit(running.exit(), Duration::MAX) => Err(StartProblem::Exited(exit)),
            () = tokio::time::sleep(limit) => Err(StartProblem::TimedOut),
        };
        let why = match ended {
            Ok(Ok(Start::Ready)) => return Ok(Self { session, running, init: began.elapsed() }),
            Ok(Ok(Start::Failed(payload))) => StartProblem::Init(payload),
            Ok(Err(_)) => StartProblem::Exited(wait_for_exit(running.exit(), EXIT_LIMIT).await),
            Err(why) => why,
        };
        session.close();
        running.stop();
        running.drain();
        Err(why)
    }

    fn into_environment(
        self,
        pool: &Arc<Pool>,
        log: Arc<EnvironmentLog>,
        place: OwnedSemaphorePermit,
        initialization: Initialization,
    ) -> Arc<Environment> {
        let exit = self.running.exit();
        let environment = Arc::new_cyclic(|me| Environment {
            deployment: Arc::clone(&pool.deployment),
            session: self.session,
            running: self.running,
            log,
            pool: Arc::downgrade(pool),
            initialization,
            me: me.clone(),
            init: Mutex::new(Some(self.init)),
            halves: AtomicU8::new(0),
            finishing: Mutex::new(None),
            alive: AtomicBool::new(true),
            idle_since: Mutex::new(Instant::now()),
            _place: place,
        });
        let waiting = Arc::downgrade(&environment);
        environment.session.when_idle(move || {
            if let Some(environment) = waiting.upgrade() {
                environment.half();
            }
        });
        let watched = Arc::downgrade(&environment);
        tokio::spawn(async move {
            wait_for_exit(exit, Duration::MAX).await;
            if let Some(environment) = watched.upgrade() {
                environment.retire();
            }
        });
        environment
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.session.close();
        self.running.stop();
    }
}

/// Hands a streamed response to who asked for it. Answers what came of it in the end; `None` if the runtime broke off.
async fn forward(mut stream: Stream, sink: Option<&Sink>) -> Option<Answer> {
    let mut sink = sink;
    let mut hand_on = async |streamed| {
        // A reader that has gone away misses the rest; the function goes on.
        if let Some(open) = sink
            && open.send(streamed).await.is_err()
        {
            sink = None;
        }
    };
    hand_on(Streamed::Began(stream.content_type.take())).await;
    loop {
        match stream.pieces.recv().await? {
            Piece::Bytes(bytes) => hand_on(Streamed::Bytes(bytes)).await,
            Piece::End => return Some(Answer::Response(Bytes::new())),
            Piece::Failed(error) => return Some(Answer::Error(error)),
        }
    }
}

/// How it ended, once it has; `limit` is for one that must have.
async fn wait_for_exit(mut exit: watch::Receiver<Option<Exit>>, limit: Duration) -> Exit {
    let lost = || Exit::Lost("its end was not reported".to_owned());
    match tokio::time::timeout(limit, exit.wait_for(Option::is_some)).await {
        Ok(Ok(exit)) => exit.clone().unwrap_or_else(lost),
        _ => lost(),
    }
}

/// `2026/11/22/[$LATEST]32 hexadecimal digits`.
fn stream_name(pool: &Pool) -> String {
    let date = pool.host.clock.now().rfc3339();
    let date = date.get(..10).unwrap_or("1970-01-01").replace('-', "/");
    format!("{date}/[{}]{}", pool.deployment.version, uuid::Uuid::new_v4().simple())
}

fn too_large() -> Bytes {
    json!({
        "errorMessage": format!("Response payload size exceeded maximum allowed payload size ({RESPONSE_LIMIT} bytes)."),
        "errorType": "Function.ResponseSizeTooLarge",
    })
    .to_string()
    .into()
}

/// The payload of an invocation that ran out of time.
pub(crate) fn timed_out(request_id: &str, timeout: Duration) -> Bytes {
    let seconds = timeout.as_secs_f64();
    json!({
        "errorType": "Sandbox.Timedout",
        "errorMessage": format!("RequestId: {request_id} Error: Task timed out after {seconds:.2} seconds"),
    })
    .to_string()
    .into()
}

/// The payload of an invocation whose environment ended.
pub(crate) fn exited(request_id: &str, exit: &Exit) -> Bytes {
    json!({"errorType": "Runtime.ExitError", "errorMessage": format!("RequestId: {request_id} Error: {exit}")})
        .to_string()
        .into()
}
