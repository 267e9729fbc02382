//! `DeleteFunction`: a function with everything of it, or one version.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{drop_blobs, named, release_layers};
use crate::{
    error,
    function::name::{self, LATEST},
    service::{Lambda, stop},
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let named = named(ctx, &input.members)?;
    if named.qualifier.as_deref() == Some(LATEST) {
        return Err(error::invalid_parameter("$LATEST version cannot be deleted without deleting the function."));
    }
    let missing = || error::function_not_found(&name::arn(&ctx.scope, &named.name, None));
    let entry = inner.table.get(&ctx.scope, &named.name).ok_or_else(missing)?;
    let before = entry.function();
    match named.qualifier.as_deref() {
        None => {
            if !inner.table.remove(&entry).await? {
                return Err(missing());
            }
            stop(&entry);
            drop_blobs(inner, &before, None).await;
            release_layers(inner, &before).await;
        }
        Some(qualifier) => {
            if before.aliases.contains_key(qualifier) {
                return Err(error::invalid_parameter("Deletion of aliases is not currently supported."));
            }
            if before.version(qualifier).is_none() {
                return Ok(Output::empty());
            }
            let after = inner
                .table
                .update(&entry, |function| {
                    let uses = |alias: &crate::function::record::Alias| {
                        alias.version == qualifier || alias.additional.as_ref().is_some_and(|(version, _)| version == qualifier)
                    };
                    if let Some((alias, _)) = function.aliases.iter().find(|(_, alias)| uses(alias)) {
                        return Err(error::conflict(format!("Version was not deleted because it is referenced by alias: {alias}")));
                    }
                    match qualifier.parse::<u64>() {
                        Ok(number) => drop(function.versions.remove(&number)),
                        Err(_) => function.latest_published = None,
                    }
                    function.scaling.remove(qualifier);
                    function.policies.remove(qualifier);
                    function.event_configs.remove(qualifier);
                    function.provisioned.remove(qualifier);
                    function.runtime_management.remove(qualifier);
                    Ok(function.clone())
                })
                .await?;
            for pool in entry.take_version(qualifier) {
                pool.retire();
            }
            drop_blobs(inner, &before, Some(&after)).await;
            release_layers(inner, &before).await;
        }
    }
    Ok(Output::empty())
}
