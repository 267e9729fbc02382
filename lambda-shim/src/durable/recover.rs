//! After a restart: executions go on where their last commit left them, with their timers set again.

use std::sync::Arc;

use aws_wire::ServiceError;

use super::{
    chained, driver, ending,
    engine::{
        control,
        execution::{Outcome, Status},
        operation::{Details, ErrorObject, OperationStatus},
    },
    table::Entry,
    timers::Timers,
};
use crate::{function::record::new_id, service::Inner};

/// Goes on with everything that was stored.
pub(crate) async fn resume(inner: &Arc<Inner>) {
    let all = inner.durable.all();
    let recovered = all.iter().map(|entry| async move {
        if let Err(error) = one(inner, entry).await {
            tracing::error!(execution = entry.identity.arn(), %error, "a durable execution could not go on");
        }
        let next = entry.state().next_due();
        inner.durable.timers.set(&entry.identity.id, next);
    });
    // All at once, so that they share commits.
    futures::future::join_all(recovered).await;
    Timers::run(inner);
}

async fn one(inner: &Arc<Inner>, entry: &Arc<Entry>) -> Result<(), ServiceError> {
    let (status, to_tell) = {
        let state = entry.state();
        (state.progress.status, state.progress.to_tell)
    };
    if status == Status::Deleting {
        return driver::remove(inner, entry).await;
    }
    if !status.is_open() {
        if to_tell {
            let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
            tokio::spawn(async move { ending::tell(&inner, &entry).await });
        }
        return Ok(());
    }
    // The function may invoke others as soon as it runs; those are not gone.
    let invoked = invoked(entry);
    let request_id = new_id();
    driver::change(inner, entry, |draft| {
        control::recover(draft, &request_id);
        Ok(())
    })
    .await?;
    for (operation, child) in invoked {
        match child {
            // It tells its end itself, and has done so if it is not here any more.
            Some(child) if inner.durable.by_id(&child).is_some() => {}
            Some(child) => {
                let error =
                    ErrorObject::new(None, "The chained invocation's execution does not exist any more.");
                let outcome = Outcome { result: None, error: Some(error) };
                let failed = OperationStatus::Failed;
                chained::ended(inner, entry, &operation, Some(&child), failed, outcome).await;
            }
            None => {
                let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
                tokio::spawn(async move { chained::run(&inner, &entry, &operation).await });
            }
        }
    }
    Ok(())
}

/// The chained invocations under way, with their executions.
fn invoked(entry: &Entry) -> Vec<(String, Option<String>)> {
    let state = entry.state();
    let open = state.operations.iter().filter(|operation| operation.status == OperationStatus::Started);
    open.filter_map(|operation| match &operation.details {
        Details::ChainedInvoke { child, .. } => Some((operation.id.clone(), child.clone())),
        _ => None,
    })
    .collect()
}
