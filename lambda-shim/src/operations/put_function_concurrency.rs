//! `PutFunctionConcurrency`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{named, put_provisioned_concurrency_config::provisioned};
use crate::{
    error,
    function::name::{self, LATEST},
    invoke::concurrency::ACCOUNT_CONCURRENCY,
    service::Lambda,
};

/// What must stay unreserved in an account.
pub(super) const MINIMUM_UNRESERVED: u64 = 100;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = named(ctx, &input.members)?;
    if named.qualifier.is_some() {
        return Err(error::invalid_parameter(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. \
             Please specify either a function name or an unqualified function ARN.",
        ));
    }
    let missing = || error::function_not_found(&name::arn(&ctx.scope, &named.name, Some(LATEST)));
    let entry = inner.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    if entry.function().latest.capacity.is_some() {
        return Err(error::invalid_parameter(
            "Reserved concurrency is not supported for functions on Lambda Managed Instances.",
        ));
    }
    let _turn = entry.account.setting_aside.lock().await;
    let wanted = input.members.get("ReservedConcurrentExecutions").and_then(Value::as_u64).unwrap_or_default();
    let provisioned = provisioned(&entry.function(), None);
    if wanted < provisioned {
        return Err(error::invalid_parameter(format!(
            "ReservedConcurrentExecutions  {wanted} should not be lower than function's total provisioned concurrency \
             [{provisioned}]."
        )));
    }
    let others = u64::from(entry.account.set_aside_beside(&entry.function()));
    if others + wanted + MINIMUM_UNRESERVED > u64::from(ACCOUNT_CONCURRENCY) {
        return Err(ServiceError::bad_request(
            "InvalidParameterValueException",
            format!(
                "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution \
                 below its minimum value of [{MINIMUM_UNRESERVED}]."
            ),
        ));
    }
    inner
        .table
        .update(&entry, |function| {
            function.reserved_concurrency = u32::try_from(wanted).ok();
            Ok(())
        })
        .await?;
    Ok(Output::of(json!({"ReservedConcurrentExecutions": wanted})))
}
