//! `ListTags`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{tagged, tagged_capacity_provider, tagged_code_signing_config, tagged_mapping};
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    if let Some(mapping) = tagged_mapping(&lambda.0, ctx, &input.members) {
        return Ok(Output::of(json!({"Tags": mapping.tags})));
    }
    if let Some(config) = tagged_code_signing_config(&lambda.0, &input.members) {
        return Ok(Output::of(json!({"Tags": config.tags})));
    }
    if let Some(provider) = tagged_capacity_provider(&lambda.0, &input.members) {
        return Ok(Output::of(json!({"Tags": lambda.0.capacity.named(&provider)?.tags})));
    }
    let function = tagged(&lambda.0, ctx, &input.members)?.function();
    Ok(Output::of(json!({"Tags": function.tags})))
}
