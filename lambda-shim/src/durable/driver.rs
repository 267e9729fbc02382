//! From a decision to what follows: one batch, and when that is durable, effects and answers.

use std::sync::Arc;

use aws_wire::ServiceError;
use store::{Batch, Commit};

use super::{
    ending,
    engine::{
        control,
        draft::{Draft, Effect},
        execution::{Progress, Status},
        rules::Invalid,
    },
    rows, run,
    start::Born,
    table::Entry,
};
use crate::{error, function::record::new_id, service::Inner};

impl From<Invalid> for ServiceError {
    fn from(refusal: Invalid) -> Self {
        error::invalid_parameter(refusal.0)
    }
}

/// Changes an execution: `decide` refuses, and nothing has happened, or what it decided is durable and under way when
/// its answer comes.
pub(crate) async fn change<T: Send + 'static>(
    inner: &Arc<Inner>,
    entry: &Arc<Entry>,
    decide: impl FnOnce(&mut Draft<'_>) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    change_with(inner, entry, |draft, _| decide(draft)).await
}

/// The same where other executions are born of the decision.
pub(crate) async fn change_with<T: Send + 'static>(
    inner: &Arc<Inner>,
    entry: &Arc<Entry>,
    decide: impl FnOnce(&mut Draft<'_>, &mut Vec<Born>) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    let Decided { answer, commit, effects, born } = decided(inner, entry, decide)?;
    let Some((commit, number, progress)) = commit else {
        // What the answer tells of may still be on its way to the disk: a commit of nothing comes after it.
        inner.store.commit(Batch::new()).await.map_err(error::storage)?;
        return Ok(answer);
    };
    // Whoever asked may go away while it is being written; what follows must be done all the same.
    let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
    let followed = tokio::spawn(async move {
        commit.await.map_err(error::storage)?;
        entry.show(number, progress);
        for child in born {
            inner.durable.admit(&child.entry);
            follow(&inner, &child.entry, child.effects);
        }
        follow(&inner, &entry, effects);
        Ok(answer)
    });
    followed
        .await
        .unwrap_or_else(|failure| Err(error::service(format!("The change was broken off: {failure}"))))
}

/// A decision that has been taken over in memory.
struct Decided<T> {
    answer: T,
    /// The commit under way, its number, and what is to be seen after it; `None` if nothing has changed.
    commit: Option<(Commit, u64, Progress)>,
    effects: Vec<Effect>,
    born: Vec<Born>,
}

fn decided<T>(
    inner: &Inner,
    entry: &Entry,
    decide: impl FnOnce(&mut Draft<'_>, &mut Vec<Born>) -> Result<T, ServiceError>,
) -> Result<Decided<T>, ServiceError> {
    let mut state = entry.state();
    if inner.durable.is_closed() {
        return Err(error::service("Tule is shutting down."));
    }
    let mut draft = Draft::new(&state, inner.clock.now());
    let mut born = Vec::new();
    let answer = decide(&mut draft, &mut born)?;
    let mut change = draft.change;
    if change.operations.is_empty() && change.events.is_empty() && change.progress == state.progress {
        return Ok(Decided { answer, commit: None, effects: Vec::new(), born });
    }
    let mut batch = Batch::new();
    rows::write(&entry.identity, &change, &mut batch).map_err(error::storage)?;
    for child in &mut born {
        batch.append(std::mem::take(&mut child.batch));
    }
    let commit = inner.store.commit(batch);
    let effects = std::mem::take(&mut change.effects);
    let shown = (commit, entry.next_change(), change.progress.clone());
    state.apply(change);
    entry.invoked.send_replace(state.progress.invocation.as_ref().map(|_| state.progress.sequence));
    inner.durable.timers.set(&entry.identity.id, state.next_due());
    Ok(Decided { answer, commit: Some(shown), effects, born })
}

/// Does what follows from a change that is durable.
pub(crate) fn follow(inner: &Arc<Inner>, entry: &Arc<Entry>, effects: Vec<Effect>) {
    for effect in effects {
        let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
        match effect {
            Effect::Invoke { id, event } => {
                tokio::spawn(async move { run::invocation(&inner, &entry, id, event).await });
            }
            Effect::RunFunction { operation } => {
                tokio::spawn(async move { super::chained::run(&inner, &entry, &operation).await });
            }
            Effect::Ended => {
                entry.ended.send_replace(true);
                tokio::spawn(async move { ending::tell(&inner, &entry).await });
            }
        }
    }
}

/// A moment has come at which something of an execution is due.
pub(crate) async fn elapse(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let (status, next) = {
        let state = entry.state();
        (state.progress.status, state.next_due())
    };
    let outcome = if !status.is_open() {
        match next {
            Some(at) if status != Status::Deleting && at > inner.clock.now() => {
                inner.durable.timers.set(&entry.identity.id, Some(at));
                Ok(())
            }
            _ => remove(inner, entry).await,
        }
    } else {
        let request_id = new_id();
        change(inner, entry, |draft| {
            control::elapse(draft, &request_id);
            Ok(())
        })
        .await
    };
    if let Err(error) = outcome {
        tracing::error!(execution = entry.identity.arn(), %error, "a timer's moment could not be taken");
    }
}

/// Removes an execution with everything of it.
pub(crate) async fn remove(inner: &Arc<Inner>, entry: &Arc<Entry>) -> Result<(), ServiceError> {
    if inner.durable.is_closed() {
        return Ok(());
    }
    let mut batch = Batch::new();
    rows::remove(&entry.identity, &mut batch);
    inner.store.commit(batch).await.map_err(error::storage)?;
    inner.durable.timers.set(&entry.identity.id, None);
    inner.durable.remove(entry);
    Ok(())
}
