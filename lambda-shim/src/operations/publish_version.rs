//! `PublishVersion`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{activate, entry, must_be_revision, must_be_settled, named};
use crate::{
    error,
    function::{
        answer,
        configure::{self, text},
        record::{Function, State, Update},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let inner = &lambda.0;
    let members = input.members;
    configure::refuse_unsupported(&members)?;
    let named = crate::function::name::FunctionRef { qualifier: None, ..named(ctx, &members)? };
    let entry = entry(inner, ctx, &named)?;
    let members = inner
        .table
        .update(&entry, |function| {
            must_be_revision(&members, &function.latest.revision_id)?;
            must_be_settled(&entry, function)?;
            let current = &function.latest.code.sha256;
            if let Some(given) = text(&members, "CodeSha256").filter(|given| given != current) {
                return Err(error::invalid_parameter(format!(
                    "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again \
                     with the CodeSHA256 in $LATEST."
                )));
            }
            let version = publish(function, text(&members, "Description"));
            let shown = function.version(&version).unwrap_or(&function.latest);
            Ok(answer::configuration(&ctx.scope, &named.name, shown, Some(&version)))
        })
        .await?;
    activate::snapshots(inner, &entry);
    Ok(Output { members, ..Output::default() })
}

/// Publishes `$LATEST`, unless the newest version is the same already. Answers the version's name.
pub(super) fn publish(function: &mut Function, description: Option<&str>) -> String {
    if let Some(newest) = function.versions.get(&function.last_version)
        && newest.deployment == function.latest.deployment
    {
        return newest.version.clone();
    }
    function.last_version += 1;
    let version = function.last_version.to_string();
    let mut published = function.latest.clone();
    published.publish_as(function.last_version);
    published.last_update = Some(Update::Successful);
    if published.has_snapshot() {
        published.state = State::Pending;
    }
    if let Some(description) = description {
        published.description = description.to_owned();
    }
    function.versions.insert(function.last_version, published);
    function.latest.revise();
    version
}
