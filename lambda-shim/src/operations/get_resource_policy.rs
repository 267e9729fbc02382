//! `GetResourcePolicy`: the policy that `GetPolicy` shows, by ARN.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, get_policy};
use crate::{
    error,
    function::{configure::text, name::FunctionRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let named = resource(ctx, &input.members)?;
    let function = entry(&lambda.0, ctx, &named)?.function();
    let policy = function
        .policies
        .get(named.qualifier.as_deref().unwrap_or_default())
        .ok_or_else(|| error::not_found("The resource you requested does not exist."))?;
    Ok(Output::of(json!({"Policy": get_policy::document(policy), "RevisionId": policy.revision_id})))
}

/// `ResourceArn`: a function, a version or an alias. Of runtimes nobody has a policy here.
pub(super) fn resource(ctx: &CallContext, members: &Map<String, Value>) -> Result<FunctionRef, ServiceError> {
    let arn = text(members, "ResourceArn").unwrap_or_default();
    if arn.split(':').nth(5) != Some("function") {
        return Err(error::unsupported("resource policies of runtimes"));
    }
    FunctionRef::parse(&ctx.scope, arn, None)
}
