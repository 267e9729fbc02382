//! Lambda's operations: one file each, one table of them all.

use aws_wire::ServiceError;
use runtime::{BoxFuture, CallContext, Input, Output};
use serde_json::{Map, Value};

use crate::{
    capacity::Named,
    code_signing::CodeSigningConfig,
    durable::{
        engine::{control::Refused, operation::ErrorObject, rules},
        table::Entry as Execution,
    },
    error,
    event_source::record::Mapping,
    function::{
        configure::text,
        name::{self, FunctionRef},
        record::{Function, State, Update},
        table::Entry,
    },
    service::{Inner, Lambda},
};

pub(crate) mod activate;
mod durable_callback;
pub(crate) mod provision;

macro_rules! operations {
    ($($name:literal => $module:ident,)*) => {
        $(mod $module;)*

        /// The operations done here, by the model's names.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Does one of [`NAMES`].
        pub(crate) fn call<'a>(
            lambda: &'a Lambda,
            ctx: &'a CallContext,
            operation: &str,
            input: Input,
        ) -> BoxFuture<'a, Result<Output, ServiceError>> {
            match operation {
                $($name => Box::pin($module::call(lambda, ctx, input)),)*
                other => {
                    let refusal = ServiceError::not_implemented(format!("Tule's Lambda does not support {other} yet."));
                    Box::pin(std::future::ready(Err(refusal)))
                }
            }
        }
    };
}

operations! {
    "AddLayerVersionPermission" => add_layer_version_permission,
    "AddPermission" => add_permission,
    "CheckpointDurableExecution" => checkpoint_durable_execution,
    "CreateAlias" => create_alias,
    "CreateCapacityProvider" => create_capacity_provider,
    "CreateCodeSigningConfig" => create_code_signing_config,
    "CreateEventSourceMapping" => create_event_source_mapping,
    "CreateFunction" => create_function,
    "CreateFunctionUrlConfig" => create_function_url_config,
    "DeleteAlias" => delete_alias,
    "DeleteCapacityProvider" => delete_capacity_provider,
    "DeleteCodeSigningConfig" => delete_code_signing_config,
    "DeleteDurableExecution" => delete_durable_execution,
    "DeleteEventSourceMapping" => delete_event_source_mapping,
    "DeleteFunction" => delete_function,
    "DeleteFunctionCodeSigningConfig" => delete_function_code_signing_config,
    "DeleteFunctionConcurrency" => delete_function_concurrency,
    "DeleteFunctionEventInvokeConfig" => delete_function_event_invoke_config,
    "DeleteFunctionUrlConfig" => delete_function_url_config,
    "DeleteLayerVersion" => delete_layer_version,
    "DeleteProvisionedConcurrencyConfig" => delete_provisioned_concurrency_config,
    "DeleteResourcePolicy" => delete_resource_policy,
    "GetAccountSettings" => get_account_settings,
    "GetAlias" => get_alias,
    "GetCapacityProvider" => get_capacity_provider,
    "GetCodeSigningConfig" => get_code_signing_config,
    "GetDurableExecution" => get_durable_execution,
    "GetDurableExecutionHistory" => get_durable_execution_history,
    "GetDurableExecutionState" => get_durable_execution_state,
    "GetEventSourceMapping" => get_event_source_mapping,
    "GetFunction" => get_function,
    "GetFunctionCodeSigningConfig" => get_function_code_signing_config,
    "GetFunctionConcurrency" => get_function_concurrency,
    "GetFunctionConfiguration" => get_function_configuration,
    "GetFunctionEventInvokeConfig" => get_function_event_invoke_config,
    "GetFunctionRecursionConfig" => get_function_recursion_config,
    "GetFunctionScalingConfig" => get_function_scaling_config,
    "GetFunctionUrlConfig" => get_function_url_config,
    "GetLayerVersion" => get_layer_version,
    "GetLayerVersionByArn" => get_layer_version_by_arn,
    "GetLayerVersionPolicy" => get_layer_version_policy,
    "GetPolicy" => get_policy,
    "GetProvisionedConcurrencyConfig" => get_provisioned_concurrency_config,
    "GetResourcePolicy" => get_resource_policy,
    "GetRuntimeManagementConfig" => get_runtime_management_config,
    "Invoke" => invoke,
    "InvokeAsync" => invoke_async,
    "InvokeWithResponseStream" => invoke_with_response_stream,
    "ListAliases" => list_aliases,
    "ListCapacityProviders" => list_capacity_providers,
    "ListCodeSigningConfigs" => list_code_signing_configs,
    "ListDurableExecutionsByFunction" => list_durable_executions_by_function,
    "ListEventSourceMappings" => list_event_source_mappings,
    "ListFunctionEventInvokeConfigs" => list_function_event_invoke_configs,
    "ListFunctionUrlConfigs" => list_function_url_configs,
    "ListFunctionVersionsByCapacityProvider" => list_function_versions_by_capacity_provider,
    "ListFunctions" => list_functions,
    "ListFunctionsByCodeSigningConfig" => list_functions_by_code_signing_config,
    "ListLayerVersions" => list_layer_versions,
    "ListLayers" => list_layers,
    "ListProvisionedConcurrencyConfigs" => list_provisioned_concurrency_configs,
    "ListTags" => list_tags,
    "ListVersionsByFunction" => list_versions_by_function,
    "PauseDurableExecution" => pause_durable_execution,
    "PublishLayerVersion" => publish_layer_version,
    "PublishVersion" => publish_version,
    "PutFunctionCodeSigningConfig" => put_function_code_signing_config,
    "PutFunctionConcurrency" => put_function_concurrency,
    "PutFunctionEventInvokeConfig" => put_function_event_invoke_config,
    "PutFunctionRecursionConfig" => put_function_recursion_config,
    "PutFunctionScalingConfig" => put_function_scaling_config,
    "PutProvisionedConcurrencyConfig" => put_provisioned_concurrency_config,
    "PutResourcePolicy" => put_resource_policy,
    "PutRuntimeManagementConfig" => put_runtime_management_config,
    "RemoveLayerVersionPermission" => remove_layer_version_permission,
    "RemovePermission" => remove_permission,
    "ResumeDurableExecution" => resume_durable_execution,
    "SendDurableExecutionCallbackFailure" => send_durable_execution_callback_failure,
    "SendDurableExecutionCallbackHeartbeat" => send_durable_execution_callback_heartbeat,
    "SendDurableExecutionCallbackSuccess" => send_durable_execution_callback_success,
    "StopDurableExecution" => stop_durable_execution,
    "TagResource" => tag_resource,
    "UntagResource" => untag_resource,
    "UpdateAlias" => update_alias,
    "UpdateCapacityProvider" => update_capacity_provider,
    "UpdateCodeSigningConfig" => update_code_signing_config,
    "UpdateEventSourceMapping" => update_event_source_mapping,
    "UpdateFunctionCode" => update_function_code,
    "UpdateFunctionConfiguration" => update_function_configuration,
    "UpdateFunctionEventInvokeConfig" => update_function_event_invoke_config,
    "UpdateFunctionUrlConfig" => update_function_url_config,
}

/// Tags a resource may have.
const TAG_LIMIT: usize = 50;

/// The function that `FunctionName` and `Qualifier` name. The wire has seen to it that the name is there.
fn named(ctx: &CallContext, members: &Map<String, Value>) -> Result<FunctionRef, ServiceError> {
    FunctionRef::parse(
        &ctx.scope,
        text(members, "FunctionName").unwrap_or_default(),
        text(members, "Qualifier"),
    )
}

/// The entry of a named function; the error names it as it was asked for.
fn entry(
    inner: &Inner,
    ctx: &CallContext,
    named: &FunctionRef,
) -> Result<std::sync::Arc<Entry>, ServiceError> {
    inner.table.get(&ctx.scope, &named.name).ok_or_else(|| error::function_not_found(&named.arn()))
}

/// The entry of a function that must be named without a qualifier's being of importance.
fn unqualified(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<std::sync::Arc<Entry>, ServiceError> {
    let named = FunctionRef { qualifier: None, ..named(ctx, members)? };
    entry(inner, ctx, &named)
}

/// The function whose `$LATEST` a request changes: versions never change.
fn latest(ctx: &CallContext, members: &Map<String, Value>) -> Result<FunctionRef, ServiceError> {
    let named = named(ctx, members)?;
    if named.qualifier.as_deref().is_some_and(|qualifier| qualifier != name::LATEST) {
        return Err(error::invalid_parameter(
            "Current operation does not support versions other than $LATEST",
        ));
    }
    Ok(FunctionRef { qualifier: None, ..named })
}

/// Refuses a change while another one is under way, as AWS does.
fn must_be_settled(entry: &Entry, function: &Function) -> Result<(), ServiceError> {
    if function.latest.state == State::Pending {
        return Err(error::conflict(
            "The operation cannot be performed at this time. The function is currently in the following state: Pending",
        ));
    }
    if function.latest.last_update == Some(Update::InProgress) {
        return Err(error::conflict(format!(
            "The operation cannot be performed at this time. An update is in progress for resource: {}",
            name::arn(&entry.scope, &entry.name, None)
        )));
    }
    Ok(())
}

/// Refuses a change of something that has changed since the caller looked.
fn must_be_revision(members: &Map<String, Value>, current: &str) -> Result<(), ServiceError> {
    match text(members, "RevisionId") {
        Some(given) if given != current => Err(error::precondition_failed()),
        _ => Ok(()),
    }
}

/// `Tags`, checked.
fn tags(members: &Map<String, Value>) -> Vec<(String, String)> {
    let given = members.get("Tags").and_then(Value::as_object).into_iter().flatten();
    given.map(|(key, value)| (key.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

fn too_many_tags() -> ServiceError {
    error::invalid_parameter("Number of tags exceeds resource tag limit.")
}

/// The function whose ARN is a tag operation's `Resource`.
fn tagged(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<std::sync::Arc<Entry>, ServiceError> {
    let arn = text(members, "Resource").unwrap_or_default();
    match arn.split(':').nth(5) {
        Some("function") => {}
        Some("event-source-mapping") => {
            return Err(error::not_found(format!("Event source mapping not found: {arn}")));
        }
        Some("capacity-provider") => {
            return Err(error::not_found(format!("Capacity provider not found: {arn}")));
        }
        Some("code-signing-config") => return Err(no_code_signing_config(arn)),
        Some("layer") => return Err(error::not_found(format!("Layer not found: {arn}"))),
        _ => return Err(error::unsupported("tags of this kind of resource")),
    }
    let named = FunctionRef::parse(&ctx.scope, arn, None)?;
    if named.qualifier.is_some() {
        return Err(error::invalid_parameter(
            "Tags on function aliases and versions are not supported. Please specify a function ARN.",
        ));
    }
    entry(inner, ctx, &named)
}

/// The event source mapping whose ARN is a tag operation's `Resource`, if it is one.
fn tagged_mapping(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Option<std::sync::Arc<Mapping>> {
    let (_, uuid) = text(members, "Resource")?.split_once(":event-source-mapping:")?;
    inner.mappings.get(&ctx.scope, uuid)
}

/// The code signing configuration whose ARN is a tag operation's `Resource`, if it is one.
fn tagged_code_signing_config(
    inner: &Inner,
    members: &Map<String, Value>,
) -> Option<std::sync::Arc<CodeSigningConfig>> {
    inner.code_signing.get(text(members, "Resource")?)
}

/// The capacity provider whose ARN is a tag operation's `Resource`, if it is one.
fn tagged_capacity_provider(inner: &Inner, members: &Map<String, Value>) -> Option<Named> {
    let arn = text(members, "Resource")?;
    inner.capacity.of_arn(arn).and_then(|provider| Named::of_arn(&provider.arn))
}

fn no_code_signing_config(arn: &str) -> ServiceError {
    error::not_found(format!("Code signing config not found: {arn}"))
}

/// How many items a page has.
fn page_size(members: &Map<String, Value>, most: usize) -> usize {
    members
        .get("MaxItems")
        .and_then(Value::as_u64)
        .and_then(|items| usize::try_from(items).ok())
        .map_or(most, |items| items.clamp(1, most))
}

/// The durable execution that `DurableExecutionArn` names.
fn durable_execution(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<std::sync::Arc<Execution>, ServiceError> {
    let found = inner.durable.by_arn(text(members, "DurableExecutionArn").unwrap_or_default());
    found.filter(|found| found.identity.scope() == ctx.scope).ok_or_else(error::no_execution)
}

/// How many items a page about durable executions has.
fn durable_page(members: &Map<String, Value>) -> usize {
    let asked = members.get("MaxItems").and_then(Value::as_u64).and_then(|items| usize::try_from(items).ok());
    asked.filter(|items| *items > 0).unwrap_or(100).min(1000)
}

/// A request that does not fit the execution's status.
fn durable_conflict(what: &str, Refused::Status(status): Refused) -> ServiceError {
    error::conflict(format!(
        "The durable execution cannot be {what} because its status is {}.",
        status.name()
    ))
}

/// Refuses an error that is longer than AWS takes.
fn must_fit_error(error: Option<&ErrorObject>) -> Result<(), ServiceError> {
    match error {
        Some(given) if given.size() > rules::ERROR => Err(error::invalid_parameter(format!(
            "Error object size must be less than or equal to {} bytes.",
            rules::ERROR
        ))),
        _ => Ok(()),
    }
}

/// Forgets packages that no version refers to any more.
async fn drop_blobs(inner: &Inner, before: &Function, after: Option<&Function>) {
    let kept: Vec<&str> = after.iter().flat_map(|function| function.blobs()).collect();
    for blob in before.blobs().filter(|blob| !kept.contains(blob)) {
        if let Some(id) = store::BlobId::parse(blob)
            && let Err(failure) = inner.store.blobs().delete(&id).await
        {
            tracing::warn!(%failure, "a package that is not needed any more could not be removed");
        }
    }
}

/// Removes deleted layer versions that only `before` referred to.
async fn release_layers(inner: &Inner, before: &Function) {
    for arn in before.layers() {
        if let Err(failure) = inner.layers.release(arn, &inner.table).await {
            tracing::warn!(%failure, arn, "a layer version that is not needed any more could not be removed");
        }
    }
}
