//! Redrive: an execution that ended badly is taken up from its last snapshot, and goes on.

use std::sync::Arc;

use asl::{Signal, Status};
use aws_wire::ServiceError;
use dashmap::Entry;
use runtime::Timestamp;

use super::Running;
use crate::{
    errors,
    records::{ExecutionKey, ExecutionRecord, Redrivable},
    service::Inner,
};

/// How many client tokens are remembered, and for how long.
const TOKENS: usize = 10;
const TOKENS_LAST: i64 = 15 * 60 * 1000;

impl ExecutionRecord {
    /// When it was redriven with this token, if that was lately.
    pub(crate) fn redriven_by(&self, token: &str, now: Timestamp) -> Option<Timestamp> {
        let found = self.redrive_tokens.iter().find(|(known, _)| known == token)?;
        (now.0 - found.1.0 <= TOKENS_LAST).then_some(found.1)
    }

    /// The record of the execution as it runs again.
    fn redriven_at(mut self, now: Timestamp, token: Option<&str>, attempt: Option<u64>) -> Self {
        self.status = Status::Running;
        self.stopped = None;
        self.output = None;
        self.error = None;
        self.cause = None;
        self.redrives += 1;
        self.redriven = Some(now);
        if let Some(token) = token {
            self.redrive_tokens.push((token.to_owned(), now));
            let surplus = self.redrive_tokens.len().saturating_sub(TOKENS);
            self.redrive_tokens.drain(..surplus);
        }
        if let (Some(child), Some(attempt)) = (&mut self.child, attempt) {
            child.attempt = attempt;
        }
        self
    }
}

impl Inner {
    /// Lets an execution go on; a child with the attempt of its Map Run that it belongs to. Answers when.
    pub(crate) async fn redrive(
        self: &Arc<Self>,
        key: ExecutionKey,
        token: Option<&str>,
        attempt: Option<u64>,
    ) -> Result<Timestamp, ServiceError> {
        let arn: Arc<str> = key.arn().into();
        let running = match self.running.entry(Arc::clone(&arn)) {
            Entry::Occupied(_) => {
                return Err(errors::not_redrivable("Execution is RUNNING and cannot be redriven"));
            }
            Entry::Vacant(place) => {
                let record = self.execution_record(&key)?;
                let record = record.ok_or_else(|| errors::execution_does_not_exist(&arn))?;
                let now = self.clock.now();
                match record.redrivable(now) {
                    Redrivable::No(reason) => return Err(errors::not_redrivable(reason)),
                    Redrivable::ByMapRun if attempt.is_none() => {
                        return Err(errors::not_redrivable(
                            "Execution is REDRIVABLE_BY_MAP_RUN and cannot be redriven by itself",
                        ));
                    }
                    Redrivable::ByMapRun | Redrivable::Yes => {}
                }
                let found = self.rebuild(key, record.redriven_at(now, token, attempt))?;
                let found = found.ok_or_else(|| errors::damaged("the execution"))?;
                let running: Arc<Running> = Arc::new(found);
                place.insert(Arc::clone(&running));
                running
            }
        };
        let redriven = running.live().record.redriven;
        self.deliver(&running, Signal::Redriven).await?;
        Ok(redriven.unwrap_or_else(|| self.clock.now()))
    }
}
