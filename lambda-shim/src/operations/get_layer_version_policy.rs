//! `GetLayerVersionPolicy`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::add_layer_version_permission::missing;
use crate::{
    error,
    layer::name::{self, LayerRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let number = name::number(&input.members)?;
    let layer = LayerRef::of(ctx, &input.members);
    let version = lambda.0.layers.get(&layer, number).ok_or_else(|| missing(&layer.version_arn(number)))?;
    let none = || error::not_found("No policy is associated with the given resource.");
    let policy = version.policy.as_ref().ok_or_else(none)?;
    let text =
        json!({"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}).to_string();
    Ok(Output::of(json!({"Policy": text, "RevisionId": policy.revision_id})))
}
