//! `RemoveLayerVersionPermission`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};

use super::add_layer_version_permission::{missing, must_be_revision};
use crate::{
    error,
    function::{configure::text, record::new_id},
    layer::name::{self, LayerRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let number = name::number(&members)?;
    let layer = LayerRef::of(ctx, &members);
    let arn = layer.version_arn(number);
    let sid = text(&members, "StatementId").unwrap_or_default();
    let remove = lambda.0.layers.change((&layer, number), || missing(&arn), |version| {
        let absent = || error::not_found(format!("Statement {sid} is not found in resource policy."));
        let policy = version.policy.as_mut().ok_or_else(absent)?;
        let index = policy.statements.iter().position(|statement| statement["Sid"] == sid);
        let index = index.ok_or_else(absent)?;
        must_be_revision(&members, policy)?;
        policy.statements.remove(index);
        policy.revision_id = new_id();
        if policy.statements.is_empty() {
            version.policy = None;
        }
        Ok(())
    });
    remove.await?;
    Ok(Output::empty())
}
