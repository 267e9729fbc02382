//! `GetFunctionRecursionConfig`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::unqualified;
use crate::{invoke::lineage, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let function = unqualified(&lambda.0, ctx, &input.members)?.function();
    let says = function.recursive_loop.as_deref().unwrap_or(lineage::TERMINATE);
    Ok(Output::of(json!({"RecursiveLoop": says})))
}
