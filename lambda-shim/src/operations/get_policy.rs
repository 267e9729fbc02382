//! `GetPolicy`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{entry, named};
use crate::{error, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let policy = function
        .policies
        .get(named.qualifier.as_deref().unwrap_or_default())
        .ok_or_else(|| error::not_found("The resource you requested does not exist."))?;
    let text = json!({"Version": "2012-10-17", "Id": "default", "Statement": policy.statements}).to_string();
    Ok(Output::of(json!({"Policy": text, "RevisionId": policy.revision_id})))
}
