//! The start of an execution: by an invocation of a durable function, or by another execution.

use std::sync::Arc;

use aws_wire::ServiceError;
use sha2::{Digest, Sha256};
use store::{Batch, Key};

use super::{
    config::DurableConfig,
    driver,
    engine::{
        draft::{Draft, Effect},
        execution::{Execution, Identity, Origin},
        invocation,
    },
    rows,
    table::Entry,
};
use crate::{
    error,
    function::{name, record::new_id},
    hex,
    invoke::target::Target,
    service::Inner,
};

/// An execution that is not stored yet.
pub(crate) struct Born {
    pub(crate) entry: Arc<Entry>,
    pub(crate) batch: Batch,
    pub(crate) effects: Vec<Effect>,
}

/// What an execution is started with.
pub(crate) struct Start<'a> {
    pub(crate) config: &'a DurableConfig,
    pub(crate) name: Option<&'a str>,
    pub(crate) input: Option<String>,
    pub(crate) origin: Origin,
    pub(crate) trace: String,
    pub(crate) tenant: Option<String>,
}

/// An execution of `id` as it begins.
pub(crate) fn born(
    inner: &Inner,
    target: &Target,
    id: String,
    start: Start<'_>,
) -> Result<Born, ServiceError> {
    let scope = &target.entry.scope;
    let now = inner.clock.now();
    let identity = Identity {
        account: scope.account.to_string(),
        region: scope.region.to_string(),
        function: target.entry.name.to_string(),
        version: target.version.clone(),
        name: start.name.map_or_else(new_id, str::to_owned),
        id,
        started: now,
        timeout: start.config.execution_timeout,
        retention: start.config.retention,
        kms_key: start.config.kms_key.clone(),
        input_hash: input_hash(start.input.as_deref()),
        origin: start.origin,
        trace: start.trace,
        tenant: start.tenant,
    };
    let mut execution = Execution::new(Arc::new(identity));
    let mut draft = Draft::new(&execution, now);
    invocation::begin(&mut draft, start.input, &new_id());
    let mut change = draft.change;
    let mut batch = Batch::new();
    rows::write(&execution.identity, &change, &mut batch).map_err(error::storage)?;
    let effects = std::mem::take(&mut change.effects);
    execution.apply(change);
    let entry = Entry::new(execution);
    entry.invoked.send_replace(Some(0));
    Ok(Born { entry, batch, effects })
}

fn input_hash(input: Option<&str>) -> String {
    hex::hex(&Sha256::digest(input.unwrap_or_default().as_bytes()))
}

/// Starts an execution, or finds the one that was started with the same name and input.
pub(crate) async fn start(
    inner: &Arc<Inner>,
    target: &Target,
    start: Start<'_>,
) -> Result<Arc<Entry>, ServiceError> {
    let scope = &target.entry.scope;
    let key = Key::new().text(&scope.account).text(&scope.region).text(&target.entry.name);
    let _turn = match start.name {
        Some(name) => Some(inner.durable.starting.turn(&key.text(name)).await),
        None => None,
    };
    if inner.durable.is_closed() {
        return Err(error::service("Tule is shutting down."));
    }
    let existing = start.name.and_then(|name| inner.durable.by_name(scope, &target.entry.name, name));
    if let Some(existing) = existing {
        let identity = &existing.identity;
        let is_same =
            identity.version == target.version && identity.input_hash == input_hash(start.input.as_deref());
        return if is_same { Ok(existing) } else { Err(error::already_started(&identity.arn())) };
    }
    let born = born(inner, target, new_id(), start)?;
    inner.store.commit(born.batch).await.map_err(error::storage)?;
    inner.durable.admit(&born.entry);
    driver::follow(inner, &born.entry, born.effects);
    Ok(born.entry)
}

/// The settings of a target that is durable; refused where it was named without a version or an alias, as AWS does.
pub(crate) fn durable(target: &Target, is_qualified: bool) -> Result<Option<DurableConfig>, ServiceError> {
    let function = target.entry.function();
    let missing = || {
        error::function_not_found(&name::arn(&target.entry.scope, &target.entry.name, Some(&target.version)))
    };
    let configuration = function.version(&target.version).ok_or_else(missing)?;
    match &configuration.durable {
        None => Ok(None),
        Some(_) if !is_qualified => {
            Err(error::invalid_parameter("You cannot invoke a durable function using an unqualified ARN."))
        }
        Some(config) => Ok(Some(config.clone())),
    }
}
