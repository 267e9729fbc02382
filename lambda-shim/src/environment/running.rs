//! One execution environment: from its start, through one request after the other, to its end.

use std::{
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use runtime::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};

use super::{
    deployment::{Deployment, Initialization},
    failure::{failure, timed_out, too_large},
    log::EnvironmentLog,
    pool::Pool,
    system_lines::{Ended, Report, RuntimeDone, SystemLines},
};
use crate::{
    executor::{Exit, Running},
    runtime_api::{
        extensions::Reason,
        session::{Answer, Dispatched, Event, Gone, Piece, Session, Stream},
    },
};

/// How long the end of an environment whose connections have ended may take to be reported.
pub(super) const EXIT_LIMIT: Duration = Duration::from_secs(5);

/// See the module.
pub(crate) struct Environment {
    pub(super) deployment: Arc<Deployment>,
    pub(super) session: Arc<Session>,
    pub(super) running: Box<dyn Running>,
    pub(super) log: Arc<EnvironmentLog>,
    pub(super) pool: Weak<Pool>,
    pub(super) initialization: Initialization,
    pub(super) me: Weak<Self>,
    /// How long the start took, until an invocation has reported it.
    pub(super) init: Mutex<Option<Duration>>,
    /// The same of a restoration from a snapshot.
    pub(super) restore: Mutex<Option<Duration>>,
    /// The invocation has been reported, and the runtime has asked for the next: two halves, in either order.
    pub(super) halves: AtomicU8,
    /// Requests that it was given to and that have not been handed out in it yet.
    pub(super) granted: AtomicUsize,
    /// It takes no further request, and ends when those under way have.
    pub(super) leaving: AtomicBool,
    /// Since when it has answered and not asked for more, and itself: nobody else keeps it meanwhile.
    pub(super) finishing: Mutex<Option<(Instant, Arc<Self>)>>,
    pub(super) alive: AtomicBool,
    /// Whether it was seen at its invocation: most are over before, and cost no look at its memory.
    pub(super) seen_at_work: AtomicBool,
    pub(super) idle_since: Mutex<Instant>,
    pub(super) _place: OwnedSemaphorePermit,
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

/// An invocation that has its answer, until it is reported.
struct Answered {
    request_id: String,
    trace_id: String,
    /// When it was handed out.
    began: (Instant, Timestamp),
    /// Until the response began, and from there to its end, if there was one.
    response: Option<(Duration, Duration)>,
    produced: usize,
    init: Option<Duration>,
    restore: Option<Duration>,
    ended: Ended,
}

impl Environment {
    /// Whether it can take requests.
    pub(crate) fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Acquire)
    }

    /// Whether it is one of those that are kept ready ahead of requests.
    pub(crate) fn is_provisioned(&self) -> bool {
        self.initialization.is_ahead()
    }

    pub(crate) fn idle_since(&self) -> Instant {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn mark_idle(&self) {
        *self.idle_since.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Ends it, once and for all.
    pub(crate) fn retire(&self) {
        self.end(Reason::Spindown);
    }

    /// Ends it as soon as nothing is under way in it any more.
    pub(crate) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
        self.leave_if_done();
    }

    fn leave_if_done(&self) {
        if self.leaving.load(Ordering::Acquire) && !self.session.is_at_work() {
            self.retire();
        }
    }

    /// Whether anybody waits for something of it.
    pub(crate) fn is_at_work(&self) -> bool {
        self.session.is_at_work()
    }

    /// Whether it works on several requests at once.
    pub(super) fn is_shared(&self) -> bool {
        self.deployment.concurrency.is_some()
    }

    /// Notes that a request gets it, until [`Self::taken_up`].
    pub(super) fn granted(&self) {
        self.granted.fetch_add(1, Ordering::AcqRel);
    }

    pub(super) fn taken_up(&self) {
        self.granted.fetch_sub(1, Ordering::AcqRel);
    }

    /// How many more requests it has room for, asked for or not.
    pub(super) fn room(&self) -> usize {
        if !self.is_alive() || self.leaving.load(Ordering::Acquire) {
            return 0;
        }
        let taken = self.session.under_way() + self.granted.load(Ordering::Acquire);
        self.deployment.at_once().saturating_sub(taken)
    }

    /// Since when at least it has neither had work nor asked for any, of those that work on several requests at once.
    pub(crate) fn stuck_since(&self) -> Option<Instant> {
        let stuck = self.is_shared() && !self.session.is_at_work() && !self.session.asks();
        stuck.then(|| self.idle_since())
    }

    /// Its runtime can take one more request.
    pub(super) fn asks_for_more(&self) {
        if self.is_shared() {
            self.hand_back();
        } else {
            self.half();
        }
    }

    /// Runs one request. Gives it back if the environment turns out to be gone before it took it.
    pub(crate) async fn run(
        &self,
        event: Event,
        tail: bool,
        sink: Option<&Sink>,
    ) -> Result<Completion, Event> {
        let take =
            |place: &Mutex<Option<Duration>>| place.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (init, restore) = (take(&self.init), take(&self.restore));
        if tail && (init.is_none() || self.is_shared()) {
            self.log.begin_tail(if self.is_shared() { &event.request_id } else { "" });
        }
        self.halves.store(0, Ordering::Release);
        self.lines().start(&event.request_id, &event.trace_id);
        let began = (Instant::now(), self.log.now());
        let (request_id, trace_id) = (event.request_id.clone(), event.trace_id.clone());
        self.taken_up();
        let Dispatched { answer, done } = match self.session.dispatch(event, sink.is_some()) {
            Ok(dispatched) => dispatched,
            Err(Gone(event)) => {
                // One part of a runtime that works on several at once may have broken off.
                if !self.is_shared() {
                    self.end(Reason::Failure);
                }
                return Err(*event);
            }
        };
        self.seen_at_work.store(false, Ordering::Release);
        if let Some(pool) = self.pool.upgrade() {
            pool.watch_memory();
        }
        let end = tokio::time::Instant::now() + self.deployment.timeout;
        let mut answered = Answered {
            request_id,
            trace_id,
            began,
            response: None,
            produced: 0,
            init,
            restore,
            ended: Ended::Success,
        };
        let answer = self.answer(answer, end, sink, &mut answered).await;
        let payload = self.payload(answer, &mut answered).await;
        let latency = began.0.elapsed();
        answered.produced = answered.produced.max(payload.len());
        answered.response = match (&answered.ended, answered.response) {
            (Ended::Timeout | Ended::Error(_), _) => None,
            (_, Some((first, _))) => Some((first, latency.saturating_sub(first))),
            (_, None) => Some((latency, Duration::ZERO)),
        };
        self.running.drain();
        let failed = answered.ended != Ended::Success;
        let so_far = self.close(answered, latency, (done, end));
        Ok(Completion { payload, failed, tail: so_far.filter(|_| tail) })
    }

    /// What its runtime answers, or that it has not until `end`; `None` if the runtime broke off.
    async fn answer(
        &self,
        answer: oneshot::Receiver<Answer>,
        end: tokio::time::Instant,
        sink: Option<&Sink>,
        answered: &mut Answered,
    ) -> Option<Answer> {
        let answer = match tokio::time::timeout_at(end, answer).await {
            Ok(Ok(Answer::Stream(stream))) => {
                answered.response = Some((answered.began.0.elapsed(), Duration::ZERO));
                let forwarded = forward(stream, sink, &mut answered.produced);
                tokio::time::timeout_at(end, forwarded).await
            }
            Ok(answer) => Ok(answer.ok()),
            Err(elapsed) => Err(elapsed),
        };
        match answer {
            // What has used too much would not have come to its answer.
            Ok(answer) => answer.filter(|_| !self.is_out_of_memory()),
            Err(_) => Some(self.out_of_time(answered)),
        }
    }

    /// What the caller gets for an answer.
    async fn payload(&self, answer: Option<Answer>, answered: &mut Answered) -> Bytes {
        match answer {
            Some(Answer::Response(payload)) => payload,
            Some(Answer::Error(payload)) => {
                if answered.ended == Ended::Success {
                    answered.ended = Ended::Failed;
                }
                payload
            }
            // A stream has been forwarded by now.
            Some(Answer::TooLarge | Answer::Stream(_)) => {
                answered.ended = Ended::Failed;
                too_large()
            }
            None => {
                let (kind, message) = self.why_it_ended().await;
                self.running.drain();
                self.lines().broke_off(&answered.request_id, (kind, &message));
                answered.ended = Ended::Error(kind.into());
                failure(&answered.request_id, kind, &message)
            }
        }
    }

    /// Looks at its memory if it works on the invocation that it was seen at before; whether it is at work.
    pub(super) fn look_at_memory(&self) -> bool {
        let is_at_work = self.session.is_at_work();
        if is_at_work && (self.is_shared() || self.seen_at_work.swap(true, Ordering::AcqRel)) {
            self.is_out_of_memory();
        }
        is_at_work
    }

    /// Whether it has used more memory than it has; then it is being killed. A debugger needs some of its own.
    fn is_out_of_memory(&self) -> bool {
        self.deployment.debug.is_none() && self.running.kill_over(self.deployment.memory)
    }

    /// The time is over; nothing of a function may go on working after it. What works on other requests besides goes on
    /// (AWS, "Understanding the Lambda Managed Instances execution environment").
    fn out_of_time(&self, answered: &mut Answered) -> Answer {
        answered.ended = Ended::Timeout;
        if self.is_shared() {
            self.session.abandon(&answered.request_id);
        // Extensions end in order, and the runtime before them.
        } else if !self.session.has_extensions() {
            self.running.stop();
        }
        Answer::Error(timed_out(&answered.request_id, self.deployment.timeout))
    }

    /// Reports the invocation, once its extensions are done where there are any; what its log has by now.
    fn close(
        &self,
        answered: Answered,
        latency: Duration,
        (done, end): (Option<oneshot::Receiver<()>>, tokio::time::Instant),
    ) -> Option<String> {
        match done.filter(|_| matches!(answered.ended, Ended::Success | Ended::Failed)) {
            // Whoever asked has the answer, and the tail so far, while extensions are still at it.
            Some(done) => {
                let so_far = self.log.take_tail("");
                self.finish_with_extensions(answered, done, end);
                so_far
            }
            None => {
                self.report(&answered, latency, None);
                let whole = self.log.take_tail(if self.is_shared() { &answered.request_id } else { "" });
                self.conclude(&answered.ended);
                whole
            }
        }
    }

    /// Reports the invocation when the runtime and all extensions are done with it, or its time is over.
    fn finish_with_extensions(
        &self,
        mut answered: Answered,
        done: oneshot::Receiver<()>,
        end: tokio::time::Instant,
    ) {
        let Some(me) = self.me.upgrade() else { return };
        tokio::spawn(async move {
            let runtime = answered.began.0.elapsed();
            let since = me.log.now();
            let ended = match tokio::time::timeout_at(end, done).await {
                Ok(Ok(())) => None,
                Ok(Err(_)) => Some(Ended::Error(me.why_it_ended().await.0.into())),
                Err(_) => Some(Ended::Timeout),
            };
            me.running.drain();
            if let Some(ended) = ended {
                answered.ended = ended;
            }
            let whole = answered.began.0.elapsed();
            me.report(&answered, runtime, Some((since, whole.saturating_sub(runtime))));
            me.conclude(&answered.ended);
        });
    }

    /// Writes the lines that end an invocation; `runtime` is how long the runtime took.
    fn report(&self, answered: &Answered, runtime: Duration, overhead: Option<(Timestamp, Duration)>) {
        let Answered { request_id, trace_id, ended, .. } = answered;
        let lines = self.lines();
        lines.runtime_done(&RuntimeDone {
            request_id,
            began: answered.began.1,
            duration: runtime,
            response: answered.response,
            produced: answered.produced,
            ended,
            trace_id,
        });
        if *ended == Ended::Timeout {
            lines.timed_out(request_id);
        }
        lines.end(request_id);
        lines.report(&Report {
            request_id,
            duration: runtime + overhead.map_or(Duration::ZERO, |(_, overhead)| overhead),
            init: answered.init,
            restore: answered.restore,
            max_memory: self.max_memory(),
            ended: ended.clone(),
            overhead,
            trace_id,
        });
    }

    /// In MB, as it is reported: what lies in `/tmp` may count beside a container's own.
    fn max_memory(&self) -> u32 {
        self.running.max_memory().unwrap_or_default().min(self.deployment.memory)
    }

    /// What becomes of the environment after an invocation that is reported.
    fn conclude(&self, ended: &Ended) {
        match ended {
            Ended::Success | Ended::Failed | Ended::Timeout if self.is_shared() => self.leave_if_done(),
            Ended::Success | Ended::Failed => {
                self.finish(true);
                self.half();
                // One that has ended meanwhile must not be kept.
                if !self.is_alive() {
                    self.finish(false);
                }
            }
            Ended::Timeout => self.end(Reason::Timeout),
            Ended::Error(_) => self.end(Reason::Failure),
        }
    }

    /// The type of the error that ended it, and AWS's words for that: what failed first counts.
    async fn why_it_ended(&self) -> (&'static str, String) {
        if let Some(fault) = self.session.fault().borrow().clone() {
            return (fault.kind, fault.message);
        }
        let exit = wait_for_exit(self.running.exit(), EXIT_LIMIT).await;
        (self.session.reported_failure().unwrap_or("Runtime.ExitError"), exit.to_string())
    }

    /// One of the two things that must have happened before the next request: see `halves`.
    pub(super) fn half(&self) {
        if self.halves.fetch_add(1, Ordering::AcqRel) == 0 {
            return;
        }
        self.finish(false);
        self.hand_back();
    }

    fn hand_back(&self) {
        match (self.pool.upgrade(), self.me.upgrade()) {
            (Some(pool), Some(me)) => pool.release(me),
            // A newer deployment has taken over, and nobody keeps it any more.
            _ => self.leave(),
        }
    }

    /// Since when its function has answered without its runtime's asking for more.
    pub(crate) fn finishing_since(&self) -> Option<Instant> {
        self.finishing.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(since, _)| *since)
    }

    /// Counts it among the pool's finishing environments, or out again.
    pub(super) fn finish(&self, finishing: bool) {
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

    fn lines(&self) -> SystemLines<'_> {
        SystemLines { deployment: &self.deployment, log: &self.log }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        self.session.close();
        self.running.stop();
    }
}

/// Hands a streamed response to who asked for it. Answers what came of it in the end; `None` if the runtime broke off.
async fn forward(mut stream: Stream, sink: Option<&Sink>, produced: &mut usize) -> Option<Answer> {
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
            Piece::Bytes(bytes) => {
                *produced += bytes.len();
                hand_on(Streamed::Bytes(bytes)).await;
            }
            Piece::End => return Some(Answer::Response(Bytes::new())),
            Piece::Failed(error) => return Some(Answer::Error(error)),
        }
    }
}

/// How it ended, once it has; `limit` is for one that must have.
pub(super) async fn wait_for_exit(mut exit: watch::Receiver<Option<Exit>>, limit: Duration) -> Exit {
    let lost = || Exit::Lost("its end was not reported".to_owned());
    match tokio::time::timeout(limit, exit.wait_for(Option::is_some)).await {
        Ok(Ok(exit)) => exit.clone().unwrap_or_else(lost),
        _ => lost(),
    }
}
