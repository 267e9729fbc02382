//! What Lambda has in subnets and security groups: while a function or a capacity provider names them they stay, as they
//! stay on AWS while Lambda's interfaces are in them.

use aws_wire::ServiceError;
use runtime::{CallContext, Input};
use serde_json::{Value, json};

use crate::State;

/// Whether a `VpcConfig` of Lambda's names `id` in `list`, which is `SubnetIds` or `SecurityGroupIds`.
pub(crate) async fn are_in(
    state: &State,
    ctx: &CallContext,
    list: &str,
    id: &str,
) -> Result<bool, ServiceError> {
    let versions = json!({ "FunctionVersion": "ALL" });
    Ok(any(state, ctx, ("ListFunctions", "Functions"), versions, list, id).await?
        || any(state, ctx, ("ListCapacityProviders", "CapacityProviders"), json!({}), list, id).await?)
}

/// Looks through all pages of a list.
async fn any(
    state: &State,
    ctx: &CallContext,
    (operation, answer): (&str, &str),
    mut members: Value,
    list: &str,
    id: &str,
) -> Result<bool, ServiceError> {
    let ctx = CallContext::internal(ctx.scope.clone(), ctx.endpoint.clone());
    loop {
        let asked = members.as_object().cloned().unwrap_or_default();
        let input = Input { members: asked, ..Input::default() };
        let page = match state.router.call(&ctx, "lambda", operation, input).await {
            Ok(output) => output.members,
            // Who does not have the operation has nothing of its kind.
            Err(refusal) if refusal.status == 501 => return Ok(false),
            Err(refusal) => return Err(refusal),
        };
        let mut found = page.get(answer).and_then(Value::as_array).into_iter().flatten();
        let names =
            |one: &Value| one["VpcConfig"][list].as_array().is_some_and(|ids| ids.iter().any(|it| it == id));
        if found.any(names) {
            return Ok(true);
        }
        match page.get("NextMarker").and_then(Value::as_str) {
            Some(marker) if !marker.is_empty() => members["Marker"] = marker.into(),
            _ => return Ok(false),
        }
    }
}
