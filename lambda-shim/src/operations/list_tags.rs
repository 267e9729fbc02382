//! `ListTags`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::tagged;
use crate::service::Lambda;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let function = tagged(&lambda.0, ctx, &input.members)?.function();
    Ok(Output::of(json!({"Tags": function.tags})))
}
