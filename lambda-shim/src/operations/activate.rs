//! What happens after a function was created or updated: its code is made ready, and its state says so.

use std::sync::Arc;

use aws_wire::ServiceError;
use store::BlobId;

use crate::{
    code::machine::{self, NATIVE},
    environment::{deployment::Deployment, pool::Pool, running::Environment, start::StartProblem},
    executor::ExecutorError,
    function::{
        record::{Configuration, Function, State, Update},
        runtimes::Family,
        table::Entry,
    },
    invoke::synchronous::pool,
    service::Inner,
};

use super::provision;

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
        warn_unless_stored(&entry, updated.await);
        versions(&inner, &entry);
    });
}

fn warn_unless_stored(entry: &Entry, stored: Result<(), ServiceError>) {
    // A function that was deleted meanwhile has no state.
    if let Err(refusal) = stored
        && refusal.code != "ResourceNotFoundException"
    {
        tracing::warn!(function = %entry.name, %refusal, "a function's state could not be stored");
    }
}

/// Makes published versions ready that need more than their code.
pub(crate) fn versions(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    snapshots(inner, entry);
    instances(inner, entry);
}

/// Has the environments started that versions on managed instances are to have, and then marks the versions.
fn instances(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let function = entry.function();
    let pending = function.published().filter(|version| {
        version.is_managed_version() && version.state == State::Pending && is_code_ready(&function, version)
    });
    for version in pending {
        let Ok(pool) = pool(inner, entry, &version.version, &function) else { continue };
        provision::scale(&pool, &function, &version.version);
        let (inner, entry, version) = (Arc::clone(inner), Arc::clone(entry), version.version.clone());
        tokio::spawn(async move {
            let outcome = pool.all_provisioned().await;
            let updated = inner.table.update(&entry, |function| {
                let of = function.version_mut(&version);
                if let Some(version) = of.filter(|version| version.deployment == pool.deployment.id) {
                    version.state = outcome.clone().map_or_else(State::Failed, |()| State::Active);
                    version.last_update = Some(outcome.map_or_else(Update::Failed, |()| Update::Successful));
                    version.revise();
                }
                Ok(())
            });
            warn_unless_stored(&entry, updated.await);
        });
    }
}

/// Whether nothing prepares a version's code any more: that comes first.
fn is_code_ready(function: &Function, version: &Configuration) -> bool {
    version.deployment != function.latest.deployment || !is_under_way(function)
}

/// Starts each published version once that is to have a snapshot and is not ready yet, and then marks it.
fn snapshots(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let function = entry.function();
    let pending = function.versions.values().filter(|version| {
        version.has_snapshot() && version.state == State::Pending && is_code_ready(&function, version)
    });
    for version in pending {
        let Some(deployment) = Deployment::of(&entry.scope, &entry.name, version) else { continue };
        let (inner, entry, version) = (Arc::clone(inner), Arc::clone(entry), version.version.clone());
        tokio::spawn(async move {
            let pool = Pool::new(deployment, &inner.host);
            let outcome = Environment::try_snapshot(&pool).await;
            if let Err(why) = &outcome {
                tracing::warn!(function = %entry.name, version, ?why, "a version could not be initialised");
            }
            let outcome = outcome.map_err(|why| snapshot_failure(&why));
            let updated = inner.table.update(&entry, |function| {
                let number: Option<u64> = version.parse().ok();
                if let Some(version) = number.and_then(|number| function.versions.get_mut(&number)) {
                    version.state = outcome.clone().map_or_else(State::Failed, |()| State::Active);
                    version.last_update = Some(outcome.map_or_else(Update::Failed, |()| Update::Successful));
                    version.revise();
                }
                Ok(())
            });
            warn_unless_stored(&entry, updated.await);
        });
    }
}

fn is_under_way(function: &Function) -> bool {
    function.latest.state == State::Pending || function.latest.last_update == Some(Update::InProgress)
}

/// Why a version has no snapshot, for its `StateReason`.
fn snapshot_failure(why: &StartProblem) -> String {
    match why {
        StartProblem::Init(error) => {
            format!("The function failed to initialize: {}", String::from_utf8_lossy(error))
        }
        StartProblem::Exited(exit) => format!("The function failed to initialize: {exit}"),
        StartProblem::Extension(fault) => {
            format!("The function failed to initialize: {}: {}", fault.kind, fault.message)
        }
        StartProblem::TimedOut => "The function failed to initialize in time.".to_owned(),
        StartProblem::Executor(problem) => problem.to_string(),
        StartProblem::Saturated | StartProblem::Abandoned => "Tule is shutting down.".to_owned(),
    }
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

/// Goes on with a function that was not settled when the process ended.
pub(crate) fn resume(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let function = entry.function();
    if is_under_way(&function) {
        spawn(inner, entry);
    } else {
        versions(inner, entry);
    }
}

fn settle(function: &mut Function, deployment: &str, outcome: &Result<(), String>) {
    for version in function.latest_published.iter_mut().chain(function.versions.values_mut()) {
        // One that is to have a snapshot is ready when that is, and one on managed instances when its environments are.
        if (version.has_snapshot() || version.is_managed_version()) && outcome.is_ok() {
            continue;
        }
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
