//! What happens after a function was created or updated: its code is made ready, and its state says so.

use std::sync::Arc;

use store::BlobId;

use crate::{
    code::{
        archive,
        machine::{self, NATIVE},
    },
    environment::deployment::Deployment,
    executor::ExecutorError,
    function::{
        record::{Function, State, Update},
        runtimes::Family,
        table::Entry,
    },
    service::Inner,
};

/// Makes `$LATEST` as it is now ready in the background, and then marks it, and what was published from it.
pub(crate) fn spawn(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
    tokio::spawn(async move {
        let function = entry.function();
        let Some(deployment) = Deployment::of(&entry.scope, &entry.name, &function.latest) else { return };
        if deployment.architecture != NATIVE {
            tracing::warn!(
                function = %entry.name,
                "the function asks for {}, and runs on this machine's {NATIVE}",
                deployment.architecture
            );
        }
        warn_of_extensions(&inner, &deployment).await;
        let began = tokio::time::Instant::now();
        let prepared = match foreign(&inner, &deployment).await {
            Some(why) => Err(ExecutorError::Unsupported(why)),
            None => inner.host.executor.prepare(&deployment).await,
        };
        if let Err(why) = &prepared {
            tracing::warn!(function = %entry.name, %why, "a function could not be made ready");
        }
        if function.latest.last_update == Some(Update::InProgress) {
            tokio::time::sleep_until(began + inner.update_time).await;
        }
        let outcome = prepared.map_err(|why| why.to_string());
        let updated = inner.table.update(&entry, |function| {
            settle(function, &deployment.id, &outcome);
            Ok(())
        });
        // A function that was deleted meanwhile has no state.
        if let Err(refusal) = updated.await
            && refusal.code != "ResourceNotFoundException"
        {
            tracing::warn!(function = %entry.name, %refusal, "a function's state could not be stored");
        }
    });
}

/// Why a program of a package cannot run here, if it is for another machine.
async fn foreign(inner: &Inner, deployment: &Deployment) -> Option<String> {
    if deployment.runtime.family != Family::Provided {
        return None;
    }
    let mut archives = Vec::new();
    for code in std::iter::once(&deployment.code).chain(deployment.layers.iter().rev()) {
        // One that cannot be read is the executor's to say.
        archives.push(inner.store.blobs().get(&BlobId::parse(&code.blob)?).await.ok()?);
    }
    machine::foreign(deployment, &archives)
}

/// Says which layers bring extensions: nothing starts those yet.
async fn warn_of_extensions(inner: &Inner, deployment: &Deployment) {
    for code in &deployment.layers {
        let Some(id) = BlobId::parse(&code.blob) else { continue };
        let Ok(archive) = inner.store.blobs().get(&id).await else { continue };
        if archive::has_files_below(&archive, "extensions/") {
            tracing::warn!(
                function = deployment.function,
                "a layer brings extensions, which are not started: Tule has no Extensions API yet"
            );
        }
    }
}

/// Goes on with a function that was not settled when the process ended.
pub(crate) fn resume(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let function = entry.function();
    if function.latest.state == State::Pending || function.latest.last_update == Some(Update::InProgress) {
        spawn(inner, entry);
    }
}

fn settle(function: &mut Function, deployment: &str, outcome: &Result<(), String>) {
    for version in function.versions.values_mut() {
        if version.deployment == deployment && version.state == State::Pending {
            version.state = outcome.clone().map_or_else(State::Failed, |()| State::Active);
            version.last_update = Some(outcome.clone().map_or_else(Update::Failed, |()| Update::Successful));
            version.revise();
        }
    }
    let latest = &mut function.latest;
    if latest.deployment != deployment {
        return;
    }
    latest.last_update = Some(outcome.clone().map_or_else(Update::Failed, |()| Update::Successful));
    match outcome {
        Ok(()) => latest.state = State::Active,
        Err(why) if latest.state == State::Pending => latest.state = State::Failed(why.clone()),
        Err(_) => {}
    }
    latest.revise();
}
