//! `GetAlias`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::unqualified;
use crate::{
    error,
    function::{answer, configure::text, name},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let entry = unqualified(&lambda.0, ctx, &input.members)?;
    let alias_name = text(&input.members, "Name").unwrap_or_default();
    let function = entry.function();
    let alias = function.aliases.get(alias_name).ok_or_else(|| {
        error::not_found(format!("Cannot find alias arn: {}", name::arn(&ctx.scope, &entry.name, Some(alias_name))))
    })?;
    Ok(Output::of(answer::alias(&ctx.scope, &entry.name, alias_name, alias)))
}
