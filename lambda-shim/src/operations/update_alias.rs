//! `UpdateAlias`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{
    create_alias::{must_exist, routing},
    must_be_revision, provision, unqualified,
};
use crate::{
    error,
    function::{answer, configure::text, name, record::new_id},
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
            let Some(mut alias) = function.aliases.get(&alias_name).cloned() else {
                let arn = name::arn(&ctx.scope, &entry.name, Some(&alias_name));
                return Err(error::not_found(format!("Alias not found: {arn}")));
            };
            must_be_revision(&members, &alias.revision_id)?;
            if let Some(version) = text(&members, "FunctionVersion") {
                must_exist(&entry, function, version)?;
                alias.version = version.to_owned();
            }
            if let Some(description) = text(&members, "Description") {
                alias.description = description.to_owned();
            }
            if let Some(additional) = routing(&entry, function, &members, &alias.version)? {
                alias.additional = additional;
            }
            alias.revision_id = new_id();
            let shown = answer::alias(&ctx.scope, &entry.name, &alias_name, &alias);
            function.aliases.insert(alias_name.clone(), alias);
            Ok(shown)
        })
        .await?;
    provision::apply(&lambda.0, &entry);
    Ok(Output::of(shown))
}
