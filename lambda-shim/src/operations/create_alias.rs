//! `CreateAlias`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use super::unqualified;
use crate::{
    error,
    function::{
        answer,
        configure::text,
        name::{self, LATEST},
        record::{Alias, Function, new_id},
        table::Entry,
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let entry = unqualified(&lambda.0, ctx, &members)?;
    let alias_name = text(&members, "Name").unwrap_or_default().to_owned();
    let shown = lambda
        .0
        .table
        .update(&entry, |function| {
            if function.aliases.contains_key(&alias_name) {
                return Err(error::conflict(format!("Alias already exists: {}", name::arn(&ctx.scope, &entry.name, Some(&alias_name)))));
            }
            let version = text(&members, "FunctionVersion").unwrap_or_default().to_owned();
            must_exist(&entry, function, &version)?;
            let alias = Alias {
                additional: routing(&entry, function, &members, &version)?.flatten(),
                version,
                description: text(&members, "Description").unwrap_or_default().to_owned(),
                revision_id: new_id(),
            };
            let shown = answer::alias(&ctx.scope, &entry.name, &alias_name, &alias);
            function.aliases.insert(alias_name.clone(), alias);
            Ok(shown)
        })
        .await?;
    Ok(Output::of(shown))
}

/// Refuses a version that is not there.
pub(super) fn must_exist(entry: &Entry, function: &Function, version: &str) -> Result<(), ServiceError> {
    match function.version(version) {
        Some(_) => Ok(()),
        None => Err(error::function_not_found(&name::arn(&entry.scope, &entry.name, Some(version)))),
    }
}

/// The other version of `RoutingConfig`: `None` where nothing is said, `Some(None)` where it is taken away.
pub(super) fn routing(
    entry: &Entry,
    function: &Function,
    members: &Map<String, Value>,
    version: &str,
) -> Result<Option<Option<(String, f64)>>, ServiceError> {
    let Some(routing) = members.get("RoutingConfig").and_then(Value::as_object) else { return Ok(None) };
    let weights = routing.get("AdditionalVersionWeights").and_then(Value::as_object);
    let mut weights = weights.into_iter().flatten();
    let Some((other, weight)) = weights.next() else { return Ok(Some(None)) };
    if weights.next().is_some() {
        return Err(error::invalid_parameter("Number of items in AdditionalVersionWeights cannot be greater than 1"));
    }
    if other == version {
        return Err(error::invalid_parameter(format!(
            "Invalid function version {other}. Function version {other} is already included in routing configuration."
        )));
    }
    if version == LATEST || other == LATEST {
        return Err(error::invalid_parameter("$LATEST is not supported for an alias pointing to more than 1 version"));
    }
    must_exist(entry, function, other)?;
    Ok(Some(Some((other.clone(), weight.as_f64().unwrap_or_default()))))
}
