//! `GetPolicy`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::json;

use super::{entry, named};
use crate::{error, function::record::Policy, service::Lambda};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = named(ctx, &input.members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let policy = function
        .policies
        .get(named.qualifier.as_deref().unwrap_or_default())
        .ok_or_else(|| error::not_found("The resource you requested does not exist."))?;
    Ok(Output::of(json!({"Policy": document(policy), "RevisionId": policy.revision_id})))
}

/// A policy as its document.
pub(super) fn document(policy: &Policy) -> String {
    let id = policy.id.as_deref().unwrap_or("default");
    json!({"Version": "2012-10-17", "Id": id, "Statement": policy.statements}).to_string()
}
