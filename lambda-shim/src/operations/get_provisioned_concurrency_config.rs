//! `GetProvisionedConcurrencyConfig`.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::{named, provision};
use crate::{
    error,
    function::{
        name::{self, LATEST},
        table::Entry,
    },
    service::{Inner, Lambda},
};

pub(super) const UNPUBLISHED: &str =
    "The function resource provided must be an alias or a published version.";

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let (entry, qualifier) = qualified(&lambda.0, ctx, &input.members, UNPUBLISHED)?;
    let function = entry.function();
    let config = function.provisioned.get(&qualifier).ok_or_else(|| {
        ServiceError::new(
            "ProvisionedConcurrencyConfigNotFoundException",
            404,
            "No Provisioned Concurrency Config found for this function",
        )
        .with_field("Type", "User")
    })?;
    Ok(Output { members: provision::shown(&entry, &qualifier, config), ..Output::default() })
}

/// The function, and the version or alias that is named. `unpublished` refuses `$LATEST`.
pub(super) fn qualified(
    inner: &Inner,
    ctx: &CallContext,
    members: &Map<String, Value>,
    unpublished: &str,
) -> Result<(Arc<Entry>, String), ServiceError> {
    let named = named(ctx, members)?;
    let Some(qualifier) = named.qualifier.clone().filter(|qualifier| qualifier != LATEST) else {
        return Err(error::invalid_parameter(unpublished));
    };
    let is_version = qualifier.bytes().all(|byte| byte.is_ascii_digit());
    let missing = || {
        let arn = name::arn(&ctx.scope, &named.name, Some(&qualifier));
        if is_version {
            error::function_not_found(&arn)
        } else {
            error::not_found(format!("Cannot find alias arn: {arn}"))
        }
    };
    let entry = inner.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    if entry.function().qualified(Some(&qualifier)).is_none() {
        return Err(missing());
    }
    Ok((entry, qualifier))
}
