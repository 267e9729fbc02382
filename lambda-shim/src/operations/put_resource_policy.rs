//! `PutResourcePolicy`: a policy as a whole. It is the one that `AddPermission` adds to.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Value, json};

use super::{entry, get_policy, get_resource_policy::resource, must_be_revision};
use crate::{
    error,
    function::{
        configure::text,
        record::{Policy, new_id},
    },
    service::Lambda,
};

/// AWS's limit of a policy, in bytes.
const LIMIT: usize = 20_480;

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = resource(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let given = read(text(&members, "Policy").unwrap_or_default())?;
    let update = lambda.0.table.update(&entry, |function| {
        if function.qualified(named.qualifier.as_deref()).is_none() {
            return Err(error::function_not_found(&named.arn()));
        }
        let key = named.qualifier.clone().unwrap_or_default();
        match function.policies.get(&key) {
            Some(before) => must_be_revision(&members, &before.revision_id)?,
            None if text(&members, "RevisionId").is_some() => return Err(error::precondition_failed()),
            None => {}
        }
        function.policies.insert(key, given.clone());
        Ok(())
    });
    update.await?;
    Ok(Output::of(json!({"Policy": get_policy::document(&given), "RevisionId": given.revision_id})))
}

/// A policy from its document.
fn read(document: &str) -> Result<Policy, ServiceError> {
    if document.len() > LIMIT {
        return Err(ServiceError::bad_request(
            "PolicyLengthExceededException",
            format!("The final policy size ({}) is bigger than the limit ({LIMIT}).", document.len()),
        )
        .with_field("Type", "User"));
    }
    let refuse = |why: &str| error::invalid_parameter(format!("The policy is not valid: {why}"));
    let document: Value = serde_json::from_str(document).map_err(|problem| refuse(&problem.to_string()))?;
    let statements = match &document["Statement"] {
        Value::Array(statements) => statements.clone(),
        one @ Value::Object(_) => vec![one.clone()],
        _ => return Err(refuse("Statement is missing.")),
    };
    if statements.is_empty() {
        return Err(refuse("Statement is empty."));
    }
    for (at, statement) in statements.iter().enumerate() {
        for name in ["Effect", "Principal", "Action", "Resource"] {
            if statement.get(name).is_none_or(Value::is_null) {
                return Err(refuse(&format!("{name} is missing in a statement.")));
            }
        }
        if !matches!(statement["Effect"].as_str(), Some("Allow" | "Deny")) {
            return Err(refuse("Effect is neither Allow nor Deny."));
        }
        let sid = statement.get("Sid");
        if sid.is_some() && statements[..at].iter().any(|other| other.get("Sid") == sid) {
            return Err(refuse("two statements have the same Sid."));
        }
    }
    let id = document["Id"].as_str().map(str::to_owned);
    Ok(Policy { revision_id: new_id(), statements, id })
}
