//! The invocations under way in one environment, and the parts of its runtime that wait for more: one of either, or as
//! many as the environment may work on at once.
//!
//! A value without locks or time: the session owns it.

use tokio::sync::{mpsc, oneshot};

use super::session::{Answer, Event, Gone, Piece, Refusal, Stream};

/// As many pieces wait for a slow reader before the runtime has to.
const PIECES: usize = 16;

/// See the module.
pub(super) struct Work {
    /// How many invocations may be under way at once.
    most: usize,
    /// Calls of `next` that have no answer yet.
    waiting: Vec<oneshot::Sender<Event>>,
    under_way: Vec<UnderWay>,
}

struct UnderWay {
    request_id: String,
    stage: Stage,
}

enum Stage {
    Working {
        answer: oneshot::Sender<Answer>,
        /// Whether the caller takes the response in pieces.
        streams: bool,
    },
    /// The runtime has begun to answer.
    Streaming,
    /// Nobody waits for it any more; the runtime does not know that yet.
    Abandoned,
}

impl Work {
    pub(super) fn new(most: usize) -> Self {
        Self { most, waiting: Vec::new(), under_way: Vec::new() }
    }

    /// How many invocations may be under way at once.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// How many calls of `next` wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// How many invocations have no answer yet, whether anybody waits for it or not.
    pub(super) fn under_way(&self) -> usize {
        self.under_way.len()
    }

    /// Whether anybody waits for an answer.
    pub(super) fn is_expected(&self) -> bool {
        self.under_way.iter().any(|one| !matches!(one.stage, Stage::Abandoned))
    }

    /// Asks for an invocation. Not more may ask than there may be under way.
    pub(super) fn ask(&mut self) -> Result<oneshot::Receiver<Event>, Refusal> {
        // A runtime whose connection broke may ask again.
        self.waiting.retain(|waiting| !waiting.is_closed());
        if self.waiting.len() + self.under_way.len() >= self.most {
            return Err(Refusal::InvalidState);
        }
        let (sender, receiver) = oneshot::channel();
        self.waiting.push(sender);
        Ok(receiver)
    }

    /// Hands an invocation to the one who has asked last.
    pub(super) fn hand_out(
        &mut self,
        mut event: Event,
        streams: bool,
    ) -> Result<oneshot::Receiver<Answer>, Gone> {
        let request_id = event.request_id.clone();
        while let Some(waiting) = self.waiting.pop() {
            match waiting.send(event) {
                Ok(()) => {
                    let (sender, answer) = oneshot::channel();
                    let stage = Stage::Working { answer: sender, streams };
                    self.under_way.push(UnderWay { request_id, stage });
                    return Ok(answer);
                }
                Err(back) => event = back,
            }
        }
        Err(Gone(Box::new(event)))
    }

    /// Whether an answer for `request_id` would be taken now.
    pub(super) fn expects(&self, request_id: &str) -> Result<(), Refusal> {
        self.find(request_id).map(drop)
    }

    /// Takes the answer to an invocation.
    pub(super) fn answer(&mut self, request_id: &str, given: Answer) -> Result<(), Refusal> {
        let at = self.find(request_id)?;
        if let Stage::Working { answer, .. } = self.under_way.swap_remove(at).stage {
            // The invocation timed out meanwhile: the environment is about to be stopped.
            let _ = answer.send(given);
        }
        Ok(())
    }

    /// The response to `request_id` begins, and is to come in pieces; `None` where the caller wants it whole.
    pub(super) fn begin_stream(
        &mut self,
        request_id: &str,
        content_type: Option<String>,
    ) -> Result<Option<mpsc::Sender<Piece>>, Refusal> {
        let at = self.find(request_id)?;
        let place = &mut self.under_way[at].stage;
        match std::mem::replace(place, Stage::Streaming) {
            Stage::Working { answer, streams: true } => {
                let (sender, pieces) = mpsc::channel(PIECES);
                // The invocation timed out meanwhile: the environment is about to be stopped.
                let _ = answer.send(Answer::Stream(Stream { content_type, pieces }));
                Ok(Some(sender))
            }
            other => {
                *place = other;
                Ok(None)
            }
        }
    }

    /// The response that began with [`Self::begin_stream`] has come to its end.
    pub(super) fn end_stream(&mut self, request_id: &str) -> Result<(), Refusal> {
        let streams =
            |one: &UnderWay| one.request_id == request_id && !matches!(one.stage, Stage::Working { .. });
        let at = self.under_way.iter().position(streams).ok_or(Refusal::InvalidState)?;
        self.under_way.swap_remove(at);
        Ok(())
    }

    /// Nobody waits for the answer to an invocation any more, which may still come.
    pub(super) fn abandon(&mut self, request_id: &str) {
        if let Some(one) = self.under_way.iter_mut().find(|one| one.request_id == request_id) {
            one.stage = Stage::Abandoned;
        }
    }

    /// Forgets all; who waits learns that nothing comes.
    pub(super) fn clear(&mut self) {
        self.waiting.clear();
        self.under_way.clear();
    }

    /// The invocation that can be answered by this id.
    fn find(&self, request_id: &str) -> Result<usize, Refusal> {
        let refusal = match self.under_way.iter().any(|one| matches!(one.stage, Stage::Working { .. })) {
            true => Refusal::InvalidRequestId,
            false => Refusal::InvalidState,
        };
        let at = self.under_way.iter().position(|one| one.request_id == request_id).ok_or(refusal)?;
        match self.under_way[at].stage {
            Stage::Working { .. } | Stage::Abandoned => Ok(at),
            Stage::Streaming => Err(Refusal::InvalidState),
        }
    }
}
