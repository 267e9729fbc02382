//! `DeleteResourcePolicy`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{entry, get_resource_policy::resource, must_be_revision};
use crate::{error, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = resource(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let update = lambda.0.table.update(&entry, |function| {
        let key = named.qualifier.as_deref().unwrap_or_default();
        let none = || error::not_found("The resource you requested does not exist.");
        must_be_revision(&members, &function.policies.get(key).ok_or_else(none)?.revision_id)?;
        function.policies.remove(key);
        Ok(())
    });
    update.await?;
    Ok(Output::empty())
}
