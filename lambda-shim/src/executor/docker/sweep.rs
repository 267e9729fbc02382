//! What we leave in an engine is labelled, so that it can be removed: at the end, and after a crash at the next start.

use std::{collections::HashMap, time::Duration};

use super::engine::Engine;

const INSTANCE: &str = "dev.tule.instance";
const PROCESS: &str = "dev.tule.pid";
const MACHINE: &str = "dev.tule.machine";

/// How often containers and volumes are tried to be removed, and the pause between.
const ATTEMPTS: usize = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// The labels of everything an instance makes.
pub(super) fn labels(instance: &str, extra: &HashMap<String, String>) -> HashMap<String, String> {
    let mut labels = extra.clone();
    labels.insert(INSTANCE.to_owned(), instance.to_owned());
    labels.insert(PROCESS.to_owned(), std::process::id().to_string());
    labels.insert(MACHINE.to_owned(), machine());
    labels
}

/// Removes everything of one instance.
pub(super) async fn remove_all(engine: &Engine, instance: &str) {
    remove(engine, |labels| labels.get(INSTANCE).is_some_and(|of| of == instance)).await;
}

/// Removes everything of processes of this machine that are gone.
pub(super) async fn sweep(engine: &Engine) {
    let here = machine();
    let dead = |labels: &HashMap<String, String>| {
        let pid = labels.get(PROCESS).and_then(|pid| pid.parse().ok());
        labels.get(MACHINE) == Some(&here) && pid.is_some_and(|pid| !crate::executor::process::is_alive(pid))
    };
    remove(engine, dead).await;
}

async fn remove(engine: &Engine, which: impl Fn(&HashMap<String, String>) -> bool) {
    // Some are being removed already, which an engine may refuse to be asked twice and not have done in the end.
    for attempt in 0..ATTEMPTS {
        let found = match engine.containers(INSTANCE).await {
            Ok(found) => found,
            Err(failure) => {
                tracing::warn!(%failure, "containers of earlier runs could not be looked for");
                break;
            }
        };
        let ours: Vec<_> = found.iter().filter(|(_, labels)| which(labels)).collect();
        if ours.is_empty() {
            break;
        }
        if attempt > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        futures::future::join_all(ours.iter().map(|(id, _)| engine.remove(id))).await;
    }
    // A volume is free once its containers are gone, and some of those are just being removed.
    for _ in 0..ATTEMPTS {
        let found = match engine.volumes(INSTANCE).await {
            Ok(found) => found,
            Err(failure) => {
                return tracing::warn!(%failure, "volumes of earlier runs could not be looked for");
            }
        };
        let ours: Vec<_> = found.iter().filter(|(_, labels)| which(labels)).collect();
        let removed =
            futures::future::join_all(ours.iter().map(|(name, _)| engine.remove_volume(name))).await;
        if removed.into_iter().all(|removed| removed) {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Names this machine, and its boot: process numbers mean nothing beyond either.
fn machine() -> String {
    let read =
        |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    format!("{}/{}", read("/proc/sys/kernel/hostname"), read("/proc/sys/kernel/random/boot_id"))
}
