//! The conversation with one environment: started, waiting for work, at work, answered.
//!
//! A session belongs to one environment and is reached only through that environment's own connections, so a request
//! id is good nowhere else.

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use serde_json::json;
use tokio::sync::{mpsc, oneshot, watch};
use uuid::Uuid;

use super::{
    extensions::{self, Extensions, Reason, Refused, Reported, Shown},
    work::Work,
};
use crate::{environment::telemetry::Telemetry, executor::Exit};

/// One invocation as the runtime receives it.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    /// Milliseconds since the epoch, host time.
    pub(crate) deadline_ms: u64,
    pub(crate) invoked_function_arn: String,
    pub(crate) trace_id: String,
    /// JSON text.
    pub(crate) client_context: Option<String>,
    pub(crate) tenant_id: Option<String>,
}

impl Event {
    /// The same as extensions are told of it.
    fn for_extensions(&self) -> Bytes {
        json!({
            "eventType": "INVOKE",
            "deadlineMs": self.deadline_ms,
            "requestId": self.request_id,
            "invokedFunctionArn": self.invoked_function_arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": self.trace_id},
        })
        .to_string()
        .into()
    }
}

/// What the runtime made of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Response(Bytes),
    Error(Bytes),
    TooLarge,
    /// The response has begun, and comes in pieces; only where the caller asked for that.
    Stream(Stream),
}

/// A response that comes in pieces.
#[derive(Debug)]
pub(crate) struct Stream {
    /// The media type that the runtime gave.
    pub(crate) content_type: Option<String>,
    /// It ends with [`Piece::End`] or [`Piece::Failed`]; without either the runtime broke off.
    pub(crate) pieces: mpsc::Receiver<Piece>,
}

/// A part of a streamed response.
#[derive(Debug)]
pub(crate) enum Piece {
    Bytes(Bytes),
    End,
    /// The error's JSON.
    Failed(Bytes),
}

/// How an environment's start ended.
#[derive(Debug)]
pub(crate) enum Start {
    Ready,
    /// The runtime said why its start failed.
    Failed(Bytes),
    /// An extension failed.
    Fault(Fault),
}

/// Why a call to the Runtime API is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request id is not that of the invocation under way.
    InvalidRequestId,
    /// The call does not fit the session's state.
    InvalidState,
}

/// The environment is gone, and the event back.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) Box<Event>);

/// Why an environment cannot go on: an extension of its has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `Extension.Crash` and the like.
    pub(crate) kind: &'static str,
    /// How the process ended.
    pub(crate) message: String,
}

/// An invocation that was handed out.
pub(crate) struct Dispatched {
    /// Fails when the environment ends first.
    pub(crate) answer: oneshot::Receiver<Answer>,
    /// Where there are extensions: when the runtime and all of them are done. Fails when the environment ends first.
    pub(crate) done: Option<oneshot::Receiver<()>>,
}

enum State {
    /// The runtime has not asked for work yet.
    Starting,
    /// The runtime waits to be restored from a snapshot.
    Snapshot(oneshot::Sender<()>),
    /// The runtime has asked for work.
    Serving,
    Closed,
}

/// See the module.
pub(crate) struct Session {
    inner: Mutex<Inner>,
    /// What extensions are told when they register.
    about: About,
    /// Where telemetry goes that extensions subscribe to.
    pub(crate) telemetry: Arc<Telemetry>,
    /// Called whenever the runtime asks for more work after an answer, and all extensions have.
    on_idle: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// An extension has failed.
    fault: watch::Sender<Option<Fault>>,
    /// Something about the extensions has changed: who waits for it looks again.
    changed: watch::Sender<()>,
}

/// What extensions are told of their function.
#[derive(Debug, Clone, Default)]
pub(crate) struct About {
    pub(crate) function: String,
    pub(crate) version: String,
    pub(crate) handler: String,
    pub(crate) account: String,
}

struct Inner {
    state: State,
    work: Work,
    phase: Phase,
    extensions: Extensions,
}

/// What is waited for.
enum Phase {
    /// The start, until the runtime and all extensions have asked for work.
    Start(Option<oneshot::Sender<Start>>),
    /// The restoration of a snapshot, until the runtime has asked for work.
    Restore(oneshot::Sender<Start>),
    /// An invocation, until the runtime and all extensions have asked for more.
    Invocation(Option<oneshot::Sender<()>>),
    Nothing,
}

impl Session {
    /// A session of an environment that is being started, and what comes of the start. It works on `most` invocations
    /// at once.
    pub(crate) fn new(
        about: About,
        telemetry: Arc<Telemetry>,
        most: usize,
    ) -> (Self, oneshot::Receiver<Start>) {
        let (sender, receiver) = oneshot::channel();
        let inner = Inner {
            state: State::Starting,
            work: Work::new(most),
            phase: Phase::Start(Some(sender)),
            extensions: Extensions::of(most > 1),
        };
        let session = Self {
            inner: Mutex::new(inner),
            about,
            telemetry,
            on_idle: OnceLock::new(),
            fault: watch::Sender::new(None),
            changed: watch::Sender::new(()),
        };
        (session, receiver)
    }

    /// Sets what is called when the environment can take work again; where it works on several invocations at once,
    /// whenever it can take one more. Answers how many more it can take already than the one that it was started for.
    pub(crate) fn when_idle(&self, call: impl Fn() + Send + Sync + 'static) -> usize {
        let inner = self.lock();
        // Set once, by the environment that owns the session.
        let _ = self.on_idle.set(Box::new(call));
        inner.work.waiting().saturating_sub(1)
    }

    pub(crate) fn about(&self) -> &About {
        &self.about
    }

    /// Hands an event to the waiting runtime, and to the extensions that registered for it.
    pub(crate) fn dispatch(&self, event: Event, streams: bool) -> Result<Dispatched, Gone> {
        let mut inner = self.lock();
        let inner = &mut *inner;
        // Where several invocations are under way at once, extensions are told of none.
        let told = (inner.work.most() == 1 && !inner.extensions.is_empty()).then(|| event.clone());
        let answer = inner.work.hand_out(event, streams)?;
        let mut done = None;
        if inner.work.most() == 1 {
            let tell = told.map(|event| {
                let (sender, receiver) = oneshot::channel();
                done = Some(receiver);
                inner.extensions.invoke(|| event.for_extensions());
                sender
            });
            inner.phase = Phase::Invocation(tell);
        }
        Ok(Dispatched { answer, done })
    }

    /// Ends the session: whoever waits for an answer learns that none comes.
    pub(crate) fn close(&self) {
        let mut inner = self.lock();
        inner.state = State::Closed;
        inner.work.clear();
        inner.phase = Phase::Nothing;
    }

    /// `GET …/invocation/next`.
    pub(crate) fn next(&self) -> Result<oneshot::Receiver<Event>, Refusal> {
        let mut inner = self.lock();
        match &inner.state {
            State::Starting => inner.extensions.close(),
            State::Serving => {}
            State::Snapshot(_) | State::Closed => return Err(Refusal::InvalidState),
        }
        let event = inner.work.ask()?;
        inner.state = State::Serving;
        let one_more = inner.work.most() > 1 && matches!(inner.phase, Phase::Nothing);
        self.look(inner);
        if let (true, Some(call)) = (one_more, self.on_idle.get()) {
            call();
        }
        Ok(event)
    }

    /// Ends what is waited for, if all have asked for work.
    fn look(&self, mut inner: MutexGuard<'_, Inner>) {
        let asked = matches!(inner.state, State::Serving) && inner.work.waiting() > 0;
        let stopped = matches!(inner.state, State::Snapshot(_));
        let ready = match &inner.phase {
            Phase::Start(_) => (asked || stopped) && inner.extensions.all_ready(),
            Phase::Restore(_) => asked,
            Phase::Invocation(_) => asked && inner.extensions.all_done(),
            Phase::Nothing => false,
        };
        if !ready {
            return;
        }
        let phase = std::mem::replace(&mut inner.phase, Phase::Nothing);
        drop(inner);
        // Where nobody waits any more the session is about to be closed.
        match phase {
            Phase::Start(start) => {
                if let Some(start) = start {
                    let _ = start.send(Start::Ready);
                }
            }
            Phase::Restore(start) => drop(start.send(Start::Ready)),
            Phase::Invocation(done) => {
                if let Some(done) = done {
                    let _ = done.send(());
                }
                if let Some(call) = self.on_idle.get() {
                    call();
                }
            }
            Phase::Nothing => {}
        }
    }

    /// Whether an answer for `request_id` would be taken now.
    pub(crate) fn expects(&self, request_id: &str) -> Result<(), Refusal> {
        self.lock().work.expects(request_id)
    }

    /// `POST …/invocation/{id}/response` and `…/error`.
    pub(crate) fn answer(&self, request_id: &str, given: Answer) -> Result<(), Refusal> {
        self.lock().work.answer(request_id, given)
    }

    /// The response to `request_id` begins, and is to come in pieces; `None` where the caller wants it whole.
    pub(crate) fn begin_stream(
        &self,
        request_id: &str,
        content_type: Option<String>,
    ) -> Result<Option<mpsc::Sender<Piece>>, Refusal> {
        self.lock().work.begin_stream(request_id, content_type)
    }

    /// The response that began with [`Self::begin_stream`] has come to its end.
    pub(crate) fn end_stream(&self, request_id: &str) -> Result<(), Refusal> {
        self.lock().work.end_stream(request_id)
    }

    /// Nobody waits for the answer to an invocation any more; others that are under way go on.
    pub(crate) fn abandon(&self, request_id: &str) {
        self.lock().work.abandon(request_id);
    }

    /// `POST …/init/error`.
    pub(crate) fn init_error(&self, payload: Bytes) -> Result<(), Refusal> {
        let mut inner = self.lock();
        let Inner { state, phase, .. } = &mut *inner;
        match (state, phase) {
            (State::Starting, Phase::Start(start)) => {
                if let Some(start) = start.take() {
                    let _ = start.send(Start::Failed(payload));
                }
                Ok(())
            }
            _ => Err(Refusal::InvalidState),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Snapshots.
impl Session {
    /// `GET …/restore/next`: the runtime is ready for its snapshot to be taken.
    pub(crate) fn restore_next(&self) -> Result<oneshot::Receiver<()>, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let mut inner = self.lock();
        match &inner.state {
            State::Starting => inner.extensions.close(),
            State::Snapshot(waiting) if waiting.is_closed() => {}
            _ => return Err(Refusal::InvalidState),
        }
        inner.state = State::Snapshot(sender);
        self.look(inner);
        Ok(receiver)
    }

    /// Lets a runtime that waits at its snapshot go on, and gives what comes of that; `None` if it does not wait, as
    /// one that has no hooks.
    pub(crate) fn restore(&self) -> Option<oneshot::Receiver<Start>> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.state, State::Starting) {
            State::Snapshot(runtime) => {
                let (sender, receiver) = oneshot::channel();
                inner.phase = Phase::Restore(sender);
                let _ = runtime.send(());
                Some(receiver)
            }
            other => {
                inner.state = other;
                None
            }
        }
    }

    /// `POST …/restore/error`.
    pub(crate) fn restore_error(&self, payload: Bytes) -> Result<(), Refusal> {
        let mut inner = self.lock();
        match std::mem::replace(&mut inner.phase, Phase::Nothing) {
            Phase::Restore(start) if matches!(inner.state, State::Starting) => {
                let _ = start.send(Start::Failed(payload));
                Ok(())
            }
            other => {
                inner.phase = other;
                Err(Refusal::InvalidState)
            }
        }
    }
}

/// Extensions.
impl Session {
    /// External extensions of these names are being started.
    pub(crate) fn expect_extensions(&self, names: &[String]) {
        self.lock().extensions.expect(names);
    }

    /// Waits until all external extensions have registered.
    pub(crate) async fn extensions_registered(&self) {
        self.when(|extensions| extensions.all_registered()).await;
    }

    pub(crate) fn has_extensions(&self) -> bool {
        !self.lock().extensions.is_empty()
    }

    pub(crate) fn has_external_extensions(&self) -> bool {
        self.lock().extensions.has_external()
    }

    /// All extensions, as log lines show them.
    pub(crate) fn shown_extensions(&self) -> Vec<Shown> {
        self.lock().extensions.shown()
    }

    pub(crate) fn extension_name(&self, id: Uuid) -> Option<String> {
        self.lock().extensions.name_of(id).map(str::to_owned)
    }

    pub(crate) fn register_extension(&self, name: &str, events: &[String]) -> Result<Uuid, Refused> {
        let id = self.lock().extensions.register(name, events)?;
        self.changed.send_replace(());
        Ok(id)
    }

    /// `GET extension/event/next`.
    pub(crate) fn extension_next(&self, id: Uuid) -> Result<oneshot::Receiver<Bytes>, Refused> {
        let mut inner = self.lock();
        let receiver = inner.extensions.next(id)?;
        self.look(inner);
        Ok(receiver)
    }

    pub(crate) fn extension_error(&self, id: Uuid, what: Reported, error: &str) -> Result<(), Refused> {
        self.lock().extensions.report(id, what, error)
    }

    /// The kind of failure that an extension has reported, which is why its environment ends.
    pub(crate) fn reported_failure(&self) -> Option<&'static str> {
        self.lock().extensions.failure()
    }

    /// An external extension's process has ended: outside of an orderly end the environment cannot go on.
    pub(crate) fn extension_exited(&self, name: &str, exit: &Exit) {
        let kind = self.lock().extensions.exited(name);
        self.fail(kind, exit.of_extension());
        self.changed.send_replace(());
    }

    /// An external extension could not be started.
    pub(crate) fn extension_not_launched(&self, name: &str, word: &str, message: String) {
        self.lock().extensions.not_launched(name, word);
        self.fail("Extension.LaunchError", message);
    }

    fn fail(&self, kind: &'static str, message: String) {
        let fault = Fault { kind, message };
        let mut inner = self.lock();
        // An environment that is ending already does not fail any more.
        if matches!(inner.state, State::Closed) {
            return;
        }
        self.fault.send_if_modified(|place| {
            let first = place.is_none();
            if first {
                *place = Some(fault.clone());
            }
            first
        });
        // An invocation under way is ended by the environment, which sees the fault.
        match std::mem::replace(&mut inner.phase, Phase::Nothing) {
            Phase::Start(Some(start)) | Phase::Restore(start) => drop(start.send(Start::Fault(fault))),
            other => inner.phase = other,
        }
    }

    /// Whether somebody waits for the answer to an invocation, or for its end.
    pub(crate) fn is_at_work(&self) -> bool {
        let inner = self.lock();
        inner.work.is_expected() || matches!(inner.phase, Phase::Invocation(Some(_)))
    }

    /// How many invocations the runtime has not answered.
    pub(crate) fn under_way(&self) -> usize {
        self.lock().work.under_way()
    }

    /// Whether some part of the runtime waits for work.
    pub(crate) fn asks(&self) -> bool {
        self.lock().work.waiting() > 0
    }

    /// Becomes `Some` when an extension has failed.
    pub(crate) fn fault(&self) -> watch::Receiver<Option<Fault>> {
        self.fault.subscribe()
    }

    /// Tells the extensions that the environment ends.
    pub(crate) fn end(&self, reason: Reason, deadline_ms: u64) {
        self.lock().extensions.end(extensions::shutdown_event(reason, deadline_ms));
    }

    /// Waits until all who were told of the end have ended.
    pub(crate) async fn extensions_ended(&self) {
        self.when(|extensions| !extensions.is_anyone_left()).await;
    }

    async fn when(&self, holds: impl Fn(&Extensions) -> bool) {
        let mut changed = self.changed.subscribe();
        loop {
            if holds(&self.lock().extensions) {
                return;
            }
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: &str) -> Event {
        Event {
            request_id: id.to_owned(),
            payload: Bytes::from_static(b"{}"),
            deadline_ms: 0,
            invoked_function_arn: String::new(),
            trace_id: String::new(),
            client_context: None,
            tenant_id: None,
        }
    }

    #[test]
    fn an_answer_is_taken_once_and_for_its_own_request() {
        let (session, mut start) = Session::new(About::default(), Arc::default(), 1);
        let mut next = session.next().unwrap();
        assert!(matches!(start.try_recv(), Ok(Start::Ready)));
        assert_eq!(session.next().unwrap_err(), Refusal::InvalidState);
        let mut answer = session.dispatch(event("one"), false).unwrap().answer;
        assert_eq!(next.try_recv().unwrap().request_id, "one");
        assert_eq!(session.answer("two", Answer::TooLarge).unwrap_err(), Refusal::InvalidRequestId);
        session.answer("one", Answer::Response(Bytes::from_static(b"1"))).unwrap();
        assert!(matches!(answer.try_recv(), Ok(Answer::Response(_))));
        assert_eq!(session.answer("one", Answer::TooLarge).unwrap_err(), Refusal::InvalidState);
        assert!(session.dispatch(event("two"), false).is_err(), "no work before the runtime asks for it");
    }

    #[test]
    fn a_closed_session_takes_nothing() {
        let (session, mut start) = Session::new(About::default(), Arc::default(), 1);
        session.close();
        assert!(start.try_recv().is_err());
        assert!(session.next().is_err());
        assert!(session.init_error(Bytes::new()).is_err());
        assert!(session.dispatch(event("one"), false).is_err());
    }

    #[test]
    fn a_response_comes_in_pieces_only_to_those_who_want_it_so() {
        let (session, _start) = Session::new(About::default(), Arc::default(), 1);
        let _next = session.next().unwrap();
        let mut answer = session.dispatch(event("one"), true).unwrap().answer;
        assert!(session.begin_stream("two", None).is_err());
        let pieces = session.begin_stream("one", Some("text/plain".to_owned())).unwrap().unwrap();
        let Ok(Answer::Stream(mut stream)) = answer.try_recv() else { panic!("the response has begun") };
        pieces.try_send(Piece::Bytes(Bytes::from_static(b"a"))).unwrap();
        assert!(matches!(stream.pieces.try_recv(), Ok(Piece::Bytes(_))));
        assert!(session.next().is_err() && session.answer("one", Answer::TooLarge).is_err());
        session.end_stream("one").unwrap();
        assert!(session.end_stream("one").is_err());
        let _next = session.next().unwrap();
        let _answer = session.dispatch(event("three"), false).unwrap();
        assert!(session.begin_stream("three", None).unwrap().is_none());
        session.answer("three", Answer::TooLarge).unwrap();
    }

    #[test]
    fn several_invocations_are_under_way_at_once_where_that_is_so() {
        let (session, mut start) = Session::new(About::default(), Arc::default(), 2);
        let mut first = session.next().unwrap();
        assert!(matches!(start.try_recv(), Ok(Start::Ready)));
        let mut second = session.next().unwrap();
        assert_eq!(session.next().unwrap_err(), Refusal::InvalidState, "two at once and no more");
        let asked = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&asked);
        assert_eq!(session.when_idle(move || *counted.lock().unwrap() += 1), 1);
        let mut one = session.dispatch(event("one"), false).unwrap().answer;
        let mut two = session.dispatch(event("two"), false).unwrap().answer;
        assert!(session.dispatch(event("three"), false).is_err());
        let got = [first.try_recv().unwrap().request_id, second.try_recv().unwrap().request_id];
        assert_eq!(got, ["two", "one"]);
        assert_eq!(session.answer("three", Answer::TooLarge).unwrap_err(), Refusal::InvalidRequestId);
        session.answer("two", Answer::TooLarge).unwrap();
        assert!(two.try_recv().is_ok() && one.try_recv().is_err());
        session.abandon("one");
        assert!(!session.is_at_work());
        session.answer("one", Answer::TooLarge).unwrap();
        let _again = [session.next().unwrap(), session.next().unwrap()];
        assert_eq!(*asked.lock().unwrap(), 2);
    }
}
