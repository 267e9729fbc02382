//! Provisioned concurrency put into effect: which versions are to have environments ready, and how far they are.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError},
};

use serde_json::{Map, Value, json};

use crate::{
    environment::pool::Pool,
    function::{
        record::{Function, ProvisionedConfig, State},
        table::Entry,
    },
    invoke::synchronous::pool,
    service::Inner,
};

/// Brings a function's environments in line with what its record says. Versions that are pending come when they are
/// not any more.
pub(crate) fn apply(inner: &Arc<Inner>, entry: &Arc<Entry>) {
    let function = entry.function();
    let mut wanted = by_version(&function);
    let existing: Vec<_> = {
        let pools = entry.pools.lock().unwrap_or_else(PoisonError::into_inner);
        pools.iter().map(|(version, pool)| (version.clone(), Arc::clone(pool))).collect()
    };
    for (version, pool) in existing {
        if !wanted.contains_key(&version) {
            pool.provision(0);
        }
    }
    wanted.retain(|version, many| {
        let pending = function.version(version).is_some_and(|found| found.state == State::Pending);
        if !pending && let Ok(pool) = pool(inner, entry, version, &function) {
            if pool.deployment.concurrency.is_some() {
                scale(&pool, &function, version);
            } else {
                pool.provision(*many);
            }
        }
        pending
    });
    if !wanted.is_empty() {
        let (inner, entry) = (Arc::clone(inner), Arc::clone(entry));
        tokio::spawn(async move {
            let settled = |function: &Function| {
                let pending = |version: &String| {
                    function.version(version).is_some_and(|found| found.state == State::Pending)
                };
                !wanted.keys().any(pending)
            };
            entry.wait_until(settled).await;
            if inner.table.get(&entry.scope, &entry.name).is_some() {
                apply(&inner, &entry);
            }
        });
    }
}

/// How many environments each version is to have ready. An alias with two versions shares by their weights.
fn by_version(function: &Function) -> BTreeMap<String, usize> {
    let mut wanted = BTreeMap::new();
    for (version, many) in all_shares(function) {
        *wanted.entry(version.to_owned()).or_insert(0) += many;
    }
    let managed = function.published().filter(|version| version.capacity.is_some());
    wanted.extend(managed.map(|version| (version.version.clone(), least(function, &version.version))));
    wanted
}

/// How many a version has of what is provisioned.
pub(crate) fn provisioned_for(function: &Function, version: &str) -> usize {
    all_shares(function).filter(|(of, _)| *of == version).map(|(_, many)| many).sum()
}

/// How many environments a version on managed instances has if nothing is said, as on AWS (`FunctionScalingConfig` in
/// SAM's developer guide).
const LEAST: u32 = 3;

fn least(function: &Function, version: &str) -> usize {
    let scaling = function.scaling.get(version);
    let most = scaling.and_then(|scaling| scaling.most).unwrap_or(u32::MAX);
    let least = scaling.and_then(|scaling| scaling.least).unwrap_or(LEAST).min(most);
    usize::try_from(least).unwrap_or(usize::MAX)
}

fn is_said(function: &Function, version: &str) -> bool {
    function.scaling.get(version).is_some_and(|scaling| scaling.least.is_some())
}

/// Has a version on managed instances have as many environments as are asked for.
pub(super) fn scale(pool: &Arc<Pool>, function: &Function, version: &str) {
    let most = function.scaling.get(version).and_then(|scaling| scaling.most);
    pool.limit(most.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX));
    let least = least(function, version);
    if is_said(function, version) { pool.provision(least) } else { pool.provision_about(least) }
}

fn all_shares(function: &Function) -> impl Iterator<Item = (&str, usize)> {
    function.provisioned.iter().flat_map(|(qualifier, config)| shares(function, qualifier, config))
}

/// The versions behind a qualifier, each with its part of what is provisioned for it.
fn shares<'a>(
    function: &'a Function,
    qualifier: &'a str,
    config: &'a ProvisionedConfig,
) -> impl Iterator<Item = (&'a str, usize)> {
    let all = usize::try_from(config.requested).unwrap_or(usize::MAX);
    let alias = function.aliases.get(qualifier);
    let version = alias.map_or(qualifier, |alias| alias.version.as_str());
    let other = alias.and_then(|alias| alias.additional.as_ref());
    let weight = other.map_or(0.0, |(_, weight)| *weight);
    // A share is at most the whole: the weight is one of 0 to 1.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "rounded, and within 0 to the whole"
    )]
    let share = (f64::from(config.requested) * weight).round() as usize;
    let share = share.min(all);
    [(version, all - share)].into_iter().chain(other.map(|(other, _)| (other.as_str(), share)))
}

/// A configuration as the API shows it, with how far it is.
pub(super) fn shown(entry: &Entry, qualifier: &str, config: &ProvisionedConfig) -> Map<String, Value> {
    let function = entry.function();
    let (mut ready, mut failure) = (0, None);
    for (version, _) in shares(&function, qualifier, config) {
        let pools = entry.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(progress) = pools.get(version).map(|pool| pool.provisioned()) {
            ready += progress.ready;
            failure = failure.or(progress.failure);
        }
        if let Some(State::Failed(why)) = function.version(version).map(|found| &found.state) {
            failure = Some(why.clone());
        }
    }
    let status = match (&failure, u32::try_from(ready).is_ok_and(|ready| ready >= config.requested)) {
        (_, true) => "READY",
        (Some(_), false) => "FAILED",
        (None, false) => "IN_PROGRESS",
    };
    let members = json!({
        "RequestedProvisionedConcurrentExecutions": config.requested,
        "AllocatedProvisionedConcurrentExecutions": ready,
        "AvailableProvisionedConcurrentExecutions": ready,
        "Status": status,
        "StatusReason": failure.filter(|_| status == "FAILED"),
        "LastModified": config.modified,
    });
    match members {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
