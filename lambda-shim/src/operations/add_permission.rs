//! `AddPermission`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, must_be_revision, named};
use crate::{
    error,
    function::{
        configure::text,
        record::{Policy, new_id},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    let entry = entry(&lambda.0, ctx, &named)?;
    let statement = statement(&members, &named.arn());
    let sid = text(&members, "StatementId").unwrap_or_default().to_owned();
    let text = statement.to_string();
    lambda
        .0
        .table
        .update(&entry, |function| {
            if function.qualified(named.qualifier.as_deref()).is_none() {
                return Err(error::function_not_found(&named.arn()));
            }
            let key = named.qualifier.clone().unwrap_or_default();
            let policy = function.policies.entry(key).or_insert_with(|| Policy { revision_id: new_id(), statements: Vec::new(), id: None });
            if !policy.statements.is_empty() {
                must_be_revision(&members, &policy.revision_id)?;
            }
            if policy.statements.iter().any(|statement| statement["Sid"] == sid.as_str()) {
                return Err(error::conflict(format!(
                    "The statement id ({sid}) provided already exists. Please provide a new statement id, or remove the \
                     existing statement."
                )));
            }
            policy.statements.push(statement);
            policy.revision_id = new_id();
            Ok(())
        })
        .await?;
    Ok(Output::of(json!({"Statement": text})))
}

fn statement(members: &Map<String, Value>, resource: &str) -> Value {
    let mut statement = json!({
        "Sid": text(members, "StatementId"),
        "Effect": "Allow",
        "Principal": principal(text(members, "Principal").unwrap_or_default()),
        "Action": text(members, "Action"),
        "Resource": resource,
    });
    let mut conditions = Map::new();
    let equal = [
        ("AWS:SourceAccount", "SourceAccount"),
        ("lambda:EventSourceToken", "EventSourceToken"),
        ("lambda:FunctionUrlAuthType", "FunctionUrlAuthType"),
        ("aws:PrincipalOrgID", "PrincipalOrgID"),
    ];
    let equal: Map<String, Value> = equal
        .iter()
        .filter_map(|(key, member)| text(members, member).map(|value| ((*key).to_owned(), value.into())))
        .collect();
    if !equal.is_empty() {
        conditions.insert("StringEquals".into(), equal.into());
    }
    if members.get("InvokedViaFunctionUrl").and_then(Value::as_bool) == Some(true) {
        conditions.insert("Bool".into(), json!({"lambda:InvokedViaFunctionUrl": "true"}));
    }
    if let Some(source) = text(members, "SourceArn") {
        conditions.insert("ArnLike".into(), json!({"AWS:SourceArn": source}));
    }
    if !conditions.is_empty() {
        statement["Condition"] = conditions.into();
    }
    statement
}

/// A principal as policies write it.
pub(super) fn principal(given: &str) -> Value {
    if given == "*" {
        return given.into();
    }
    if given.len() == 12 && given.bytes().all(|byte| byte.is_ascii_digit()) {
        return json!({"AWS": format!("arn:aws:iam::{given}:root")});
    }
    if given.starts_with("arn:") { json!({"AWS": given}) } else { json!({"Service": given}) }
}
