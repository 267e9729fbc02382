//! `GetFunctionScalingConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, named};
use crate::{
    error,
    function::{
        name,
        record::{Function, Scaling},
        table::Entry,
    },
    service::Lambda,
};

#[expect(clippy::unused_async, reason = "all operations are called alike")]
pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let (entry, version) = version(lambda, ctx, &input.members)?;
    let function = entry.function();
    must_be_managed(&function, &entry, &version)?;
    let scaling = function.scaling.get(&version).cloned().unwrap_or_default();
    Ok(Output::of(json!({
        "FunctionArn": name::arn(&entry.scope, &entry.name, Some(&version)),
        "AppliedFunctionScalingConfig": shown(&scaling),
        "RequestedFunctionScalingConfig": shown(&scaling),
    })))
}

fn shown(scaling: &Scaling) -> Value {
    let members =
        [("MinExecutionEnvironments", scaling.least), ("MaxExecutionEnvironments", scaling.most)];
    let said = members.into_iter().filter_map(|(name, many)| Some((name.to_owned(), many?.into())));
    Value::Object(said.collect())
}

/// The function and the version that are named.
pub(super) fn version(
    lambda: &Lambda,
    ctx: &CallContext,
    members: &Map<String, Value>,
) -> Result<(std::sync::Arc<Entry>, String), ServiceError> {
    let named = named(ctx, members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let arn = name::arn(&ctx.scope, &named.name, named.qualifier.as_deref());
    let function = entry.function();
    let found = function.qualified(named.qualifier.as_deref());
    let version = found.ok_or_else(|| error::function_not_found(&arn))?.version.clone();
    Ok((entry, version))
}

/// Only functions on a capacity provider have a scaling configuration.
pub(super) fn must_be_managed(function: &Function, entry: &Entry, version: &str) -> Result<(), ServiceError> {
    if function.version(version).is_some_and(|found| found.is_managed_version()) {
        return Ok(());
    }
    let arn = name::arn(&entry.scope, &entry.name, Some(version));
    Err(error::invalid_parameter(format!("The function {arn} is not configured with a capacity provider.")))
}
