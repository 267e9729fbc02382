//! The conversation with one environment: started, waiting for work, at work, answered.
//!
//! A session belongs to one environment and is reached only through that environment's own connections, so a request
//! id is good nowhere else.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

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

/// As many pieces wait for a slow reader before the runtime has to.
const PIECES: usize = 16;

/// How an environment's start ended.
#[derive(Debug)]
pub(crate) enum Start {
    Ready,
    /// The runtime said why its start failed.
    Failed(Bytes),
}

/// Why a call to the Runtime API is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// The request id is not that of the invocation under way.
    InvalidRequestId,
    /// The call does not fit the session's state.
    InvalidState,
}

/// The environment is gone.
#[derive(Debug)]
pub(crate) struct Gone;

enum State {
    Starting(Option<oneshot::Sender<Start>>),
    /// The runtime has asked for work.
    Idle(oneshot::Sender<Event>),
    Busy {
        request_id: String,
        answer: oneshot::Sender<Answer>,
        /// Whether the caller takes the response in pieces.
        streams: bool,
    },
    /// The runtime has begun to answer.
    Streaming,
    /// The runtime has answered and not asked again yet.
    Answered,
    Closed,
}

/// See the module.
pub(crate) struct Session {
    state: Mutex<State>,
    /// Called whenever the runtime asks for more work after an answer.
    on_idle: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

impl Session {
    /// A session of an environment that is being started, and what comes of the start.
    pub(crate) fn new() -> (Self, oneshot::Receiver<Start>) {
        let (sender, receiver) = oneshot::channel();
        (Self { state: Mutex::new(State::Starting(Some(sender))), on_idle: OnceLock::new() }, receiver)
    }

    /// Sets what is called when the environment can take work again.
    pub(crate) fn when_idle(&self, call: impl Fn() + Send + Sync + 'static) {
        // Set once, by the environment that owns the session.
        let _ = self.on_idle.set(Box::new(call));
    }

    /// Hands an event to the waiting runtime; the answer comes through the receiver, which fails when the
    /// environment ends first.
    pub(crate) fn dispatch(&self, event: Event, streams: bool) -> Result<oneshot::Receiver<Answer>, Gone> {
        let mut state = self.lock();
        let (sender, receiver) = oneshot::channel();
        let busy = State::Busy { request_id: event.request_id.clone(), answer: sender, streams };
        match std::mem::replace(&mut *state, State::Closed) {
            State::Idle(runtime) => {
                *state = busy;
                runtime.send(event).map_err(|_| {
                    *state = State::Closed;
                    Gone
                })?;
                Ok(receiver)
            }
            other => {
                *state = other;
                Err(Gone)
            }
        }
    }

    /// Ends the session: whoever waits for an answer learns that none comes.
    pub(crate) fn close(&self) {
        *self.lock() = State::Closed;
    }

    /// `GET …/invocation/next`.
    pub(crate) fn next(&self) -> Result<oneshot::Receiver<Event>, Refusal> {
        let (sender, receiver) = oneshot::channel();
        let mut state = self.lock();
        match &mut *state {
            State::Starting(start) => {
                if let Some(start) = start.take() {
                    // Nobody waits for the start any more: the session is about to be closed.
                    let _ = start.send(Start::Ready);
                }
                *state = State::Idle(sender);
            }
            State::Answered => {
                *state = State::Idle(sender);
                drop(state);
                if let Some(call) = self.on_idle.get() {
                    call();
                }
            }
            // A runtime whose connection broke may ask again.
            State::Idle(waiting) if waiting.is_closed() => *state = State::Idle(sender),
            State::Idle(_) | State::Busy { .. } | State::Streaming | State::Closed => {
                return Err(Refusal::InvalidState);
            }
        }
        Ok(receiver)
    }

    /// Whether an answer for `request_id` would be taken now.
    pub(crate) fn expects(&self, request_id: &str) -> Result<(), Refusal> {
        match &*self.lock() {
            State::Busy { request_id: current, .. } if current == request_id => Ok(()),
            State::Busy { .. } => Err(Refusal::InvalidRequestId),
            _ => Err(Refusal::InvalidState),
        }
    }

    /// `POST …/invocation/{id}/response` and `…/error`.
    pub(crate) fn answer(&self, request_id: &str, given: Answer) -> Result<(), Refusal> {
        let mut state = self.lock();
        match &*state {
            State::Busy { request_id: current, .. } if current == request_id => {}
            State::Busy { .. } => return Err(Refusal::InvalidRequestId),
            _ => return Err(Refusal::InvalidState),
        }
        if let State::Busy { answer, .. } = std::mem::replace(&mut *state, State::Answered) {
            // The invocation timed out meanwhile: the environment is about to be stopped.
            let _ = answer.send(given);
        }
        Ok(())
    }

    /// The response to `request_id` begins, and is to come in pieces; `None` where the caller wants it whole.
    pub(crate) fn begin_stream(
        &self,
        request_id: &str,
        content_type: Option<String>,
    ) -> Result<Option<mpsc::Sender<Piece>>, Refusal> {
        self.expects(request_id)?;
        let mut state = self.lock();
        match std::mem::replace(&mut *state, State::Streaming) {
            State::Busy { answer, streams: true, .. } => {
                let (sender, pieces) = mpsc::channel(PIECES);
                // The invocation timed out meanwhile: the environment is about to be stopped.
                let _ = answer.send(Answer::Stream(Stream { content_type, pieces }));
                Ok(Some(sender))
            }
            other => {
                *state = other;
                Ok(None)
            }
        }
    }

    /// The response that began with [`Self::begin_stream`] has come to its end.
    pub(crate) fn end_stream(&self) -> Result<(), Refusal> {
        let mut state = self.lock();
        match &*state {
            State::Streaming => {
                *state = State::Answered;
                Ok(())
            }
            _ => Err(Refusal::InvalidState),
        }
    }

    /// `POST …/init/error`.
    pub(crate) fn init_error(&self, payload: Bytes) -> Result<(), Refusal> {
        match &mut *self.lock() {
            State::Starting(start) => {
                if let Some(start) = start.take() {
                    let _ = start.send(Start::Failed(payload));
                }
                Ok(())
            }
            _ => Err(Refusal::InvalidState),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
        let (session, mut start) = Session::new();
        let mut next = session.next().unwrap();
        assert!(matches!(start.try_recv(), Ok(Start::Ready)));
        assert_eq!(session.next().unwrap_err(), Refusal::InvalidState);
        let mut answer = session.dispatch(event("one"), false).unwrap();
        assert_eq!(next.try_recv().unwrap().request_id, "one");
        assert_eq!(session.answer("two", Answer::TooLarge).unwrap_err(), Refusal::InvalidRequestId);
        session.answer("one", Answer::Response(Bytes::from_static(b"1"))).unwrap();
        assert!(matches!(answer.try_recv(), Ok(Answer::Response(_))));
        assert_eq!(session.answer("one", Answer::TooLarge).unwrap_err(), Refusal::InvalidState);
        assert!(session.dispatch(event("two"), false).is_err(), "no work before the runtime asks for it");
    }

    #[test]
    fn a_closed_session_takes_nothing() {
        let (session, mut start) = Session::new();
        session.close();
        assert!(start.try_recv().is_err());
        assert!(session.next().is_err());
        assert!(session.init_error(Bytes::new()).is_err());
        assert!(session.dispatch(event("one"), false).is_err());
    }

    #[test]
    fn a_response_comes_in_pieces_only_to_those_who_want_it_so() {
        let (session, _start) = Session::new();
        let _next = session.next().unwrap();
        let mut answer = session.dispatch(event("one"), true).unwrap();
        assert!(session.begin_stream("two", None).is_err());
        let pieces = session.begin_stream("one", Some("text/plain".to_owned())).unwrap().unwrap();
        let Ok(Answer::Stream(mut stream)) = answer.try_recv() else { panic!("the response has begun") };
        pieces.try_send(Piece::Bytes(Bytes::from_static(b"a"))).unwrap();
        assert!(matches!(stream.pieces.try_recv(), Ok(Piece::Bytes(_))));
        assert!(session.next().is_err() && session.answer("one", Answer::TooLarge).is_err());
        session.end_stream().unwrap();
        assert!(session.end_stream().is_err());
        let _next = session.next().unwrap();
        let _answer = session.dispatch(event("three"), false).unwrap();
        assert!(session.begin_stream("three", None).unwrap().is_none());
        session.answer("three", Answer::TooLarge).unwrap();
    }
}
