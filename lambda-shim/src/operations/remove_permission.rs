//! `RemovePermission`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::{entry, must_be_revision, named};
use crate::{
    error,
    function::{configure::text, record::new_id},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let sid = text(&members, "StatementId").unwrap_or_default();
    lambda
        .0
        .table
        .update(&entry, |function| {
            let key = named.qualifier.as_deref().unwrap_or_default();
            let Some(policy) = function.policies.get_mut(key) else {
                return Err(error::not_found("No policy is associated with the given resource."));
            };
            let Some(index) = policy.statements.iter().position(|statement| statement["Sid"] == sid) else {
                return Err(error::not_found(format!("Statement {sid} is not found in resource policy.")));
            };
            must_be_revision(&members, &policy.revision_id)?;
            policy.statements.remove(index);
            policy.revision_id = new_id();
            if policy.statements.is_empty() {
                function.policies.remove(key);
            }
            Ok(())
        })
        .await?;
    Ok(Output::empty())
}
