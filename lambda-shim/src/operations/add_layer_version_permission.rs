//! `AddLayerVersionPermission`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::add_permission::principal;
use crate::{
    error,
    function::{
        configure::text,
        record::{Policy, new_id},
    },
    layer::name::{self, LayerRef},
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let number = name::number(&members)?;
    let layer = LayerRef::of(ctx, &members);
    let arn = layer.version_arn(number);
    let statement = statement(&members, &arn);
    let shown = statement.to_string();
    let sid = text(&members, "StatementId").unwrap_or_default();
    let add = lambda.0.layers.change((&layer, number), || missing(&arn), |version| {
        let policy =
            version.policy.get_or_insert_with(|| Policy { revision_id: new_id(), statements: Vec::new(), id: None });
        if policy.statements.iter().any(|statement| statement["Sid"] == sid) {
            return Err(error::conflict(format!(
                "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                 existing statement."
            )));
        }
        if !policy.statements.is_empty() {
            must_be_revision(&members, policy)?;
        }
        policy.statements.push(statement);
        policy.revision_id = new_id();
        Ok(policy.revision_id.clone())
    });
    let revision = add.await?;
    Ok(Output::of(json!({"Statement": shown, "RevisionId": revision})))
}

fn statement(members: &Map<String, Value>, resource: &str) -> Value {
    let mut statement = json!({
        "Sid": text(members, "StatementId"),
        "Effect": "Allow",
        "Principal": principal(text(members, "Principal").unwrap_or_default()),
        "Action": text(members, "Action"),
        "Resource": resource,
    });
    if let Some(organization) = text(members, "OrganizationId") {
        statement["Condition"] = json!({"StringEquals": {"aws:PrincipalOrgID": organization}});
    }
    statement
}

/// There is no such version.
pub(super) fn missing(arn: &str) -> ServiceError {
    error::not_found(format!("Layer version {arn} does not exist."))
}

/// Refuses a change of a policy that has changed since the caller looked.
pub(super) fn must_be_revision(members: &Map<String, Value>, policy: &Policy) -> Result<(), ServiceError> {
    match text(members, "RevisionId") {
        Some(given) if given != policy.revision_id => Err(ServiceError::new(
            "PreconditionFailedException",
            412,
            "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to retrieve \
             the latest Revision Id",
        )
        .with_field("Type", "User")),
        _ => Ok(()),
    }
}
