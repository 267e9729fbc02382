//! `GetRuntimeManagementConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{entry, named};
use crate::{
    error,
    function::{
        name::{self, LATEST},
        record::{Function, RuntimeManagement},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let version = version(&function, named.qualifier.as_deref())
        .ok_or_else(|| error::function_not_found(&named.arn()))?;
    let config = function.runtime_management.get(&version);
    Ok(Output::of(answer(&name::arn(&ctx.scope, &named.name, named.qualifier.as_deref()), config)))
}

/// The version behind a qualifier: this configuration belongs to versions.
pub(super) fn version(function: &Function, qualifier: Option<&str>) -> Option<String> {
    function.qualified(Some(qualifier.unwrap_or(LATEST))).map(|found| found.version.clone())
}

/// The configuration of a version; `None` is the one that all begin with.
pub(super) fn answer(arn: &str, config: Option<&RuntimeManagement>) -> Value {
    json!({
        "FunctionArn": arn,
        "UpdateRuntimeOn": config.map_or("Auto", |config| config.update_on.as_str()),
        "RuntimeVersionArn": config.and_then(|config| config.version_arn.as_deref()),
    })
}
