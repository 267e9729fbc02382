//! `PutProvisionedConcurrencyConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{
    get_provisioned_concurrency_config::qualified, provision, put_function_concurrency::MINIMUM_UNRESERVED,
};
use crate::{
    error,
    function::{
        name::LATEST,
        record::{Function, ProvisionedConfig, last_modified},
        table::Entry,
    },
    invoke::concurrency::ACCOUNT_CONCURRENCY,
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let refusal = "Provisioned Concurrency Configs cannot be applied to unpublished function versions.";
    let (entry, qualifier) = qualified(inner, ctx, &input.members, refusal)?;
    let requested = input.members.get("ProvisionedConcurrentExecutions").and_then(Value::as_u64);
    let requested = requested.and_then(|many| u32::try_from(many).ok()).unwrap_or(u32::MAX);
    must_not_be_isolated(&entry.function(), "Provisioned concurrency is")?;
    must_have_no_snapshot(&entry.function(), &qualifier)?;
    must_be_free(&entry.function(), &qualifier)?;
    let _turn = entry.account.setting_aside.lock().await;
    within_limits(&entry, &qualifier, requested)?;
    let config = ProvisionedConfig { requested, modified: last_modified(inner.clock.now()) };
    let (key, kept) = (qualifier.clone(), config.clone());
    let update = inner.table.update(&entry, |function| {
        must_be_free(function, &key)?;
        function.provisioned.insert(key, kept);
        Ok(())
    });
    update.await?;
    provision::apply(inner, &entry);
    // As AWS answers: what there is already shows when it is asked for.
    let members = json!({
        "RequestedProvisionedConcurrentExecutions": requested,
        "AllocatedProvisionedConcurrentExecutions": 0,
        "AvailableProvisionedConcurrentExecutions": 0,
        "Status": "IN_PROGRESS",
        "LastModified": config.modified,
    });
    Ok(Output::of(members))
}

/// What functions cannot have that are isolated by tenants, or are on managed instances: AWS's documentation names them.
pub(super) fn must_not_be_isolated(function: &Function, what: &str) -> Result<(), ServiceError> {
    if function.latest.capacity.is_some() {
        return Err(error::invalid_parameter(format!(
            "{what} not supported for functions on Lambda Managed Instances."
        )));
    }
    match function.latest.tenancy {
        None => Ok(()),
        Some(_) => Err(error::invalid_parameter(format!(
            "{what} not supported for functions with tenancy configuration."
        ))),
    }
}

/// What is made of snapshots cannot be provisioned. Source: AWS, "Improving startup performance with Lambda SnapStart".
fn must_have_no_snapshot(function: &Function, qualifier: &str) -> Result<(), ServiceError> {
    let shown = function.qualified(Some(qualifier));
    if shown.is_some_and(crate::function::record::Configuration::has_snapshot) {
        return Err(error::invalid_parameter(
            "Provisioned concurrency is not supported for SnapStart enabled functions.",
        ));
    }
    Ok(())
}

/// A version is provisioned by itself or by one alias.
fn must_be_free(function: &Function, qualifier: &str) -> Result<(), ServiceError> {
    debug_assert_ne!(qualifier, LATEST, "refused before");
    match function.aliases.get(qualifier) {
        Some(alias) => {
            if function.provisioned.contains_key(&alias.version) {
                return Err(error::conflict(
                    "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version",
                ));
            }
        }
        None => {
            let points = |name: &String| {
                function.aliases.get(name).is_some_and(|alias| alias.version == qualifier)
            };
            if function.provisioned.keys().any(points) {
                return Err(error::conflict("Version is pointed by a Provisioned Concurrency alias"));
            }
        }
    }
    Ok(())
}

fn within_limits(entry: &Entry, qualifier: &str, requested: u32) -> Result<(), ServiceError> {
    // These refusals do not say whose fault they are.
    let refuse = |text: String| Err(ServiceError::bad_request("InvalidParameterValueException", text));
    let function = entry.function();
    let (own, requested) = (provisioned(&function, Some(qualifier)), u64::from(requested));
    if let Some(reserved) = function.reserved_concurrency {
        if own + requested <= u64::from(reserved) {
            return Ok(());
        }
        return refuse(
            "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"
                .to_owned(),
        );
    }
    let taken = own + u64::from(entry.account.set_aside_beside(&function));
    let unreserved = u64::from(ACCOUNT_CONCURRENCY).saturating_sub(taken);
    if requested > unreserved {
        return refuse(format!(
            "Specified ConcurrentExecutions for function is greater than account's unreserved concurrency [{unreserved}]."
        ));
    }
    if unreserved - requested < MINIMUM_UNRESERVED {
        return refuse(format!(
            "Specified ConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its \
             minimum value of [{MINIMUM_UNRESERVED}]."
        ));
    }
    Ok(())
}

/// All that a function has provisioned, but for one qualifier.
pub(super) fn provisioned(function: &Function, but: Option<&str>) -> u64 {
    let others = function.provisioned.iter().filter(|(qualifier, _)| Some(qualifier.as_str()) != but);
    others.map(|(_, config)| u64::from(config.requested)).sum()
}
