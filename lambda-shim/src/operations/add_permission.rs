//! `AddPermission`.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value, json};

use super::{entry, must_be_revision, named};
use crate::{
    error,
    function::{
        configure::text,
        name::LATEST,
        record::{Policy, new_id},
    },
    service::Lambda,
};

pub(super) async fn call(lambda: &Lambda, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let members = input.members;
    let named = named(ctx, &members)?;
    if named.qualifier.as_deref() == Some(LATEST) {
        return Err(error::invalid_parameter("We currently do not support adding policies for $LATEST."));
    }
    let entry = entry(&lambda.0, ctx, &named)?;
    check(&members)?;
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

/// Refuses what a statement cannot be made of.
fn check(members: &Map<String, Value>) -> Result<(), ServiceError> {
    if members.contains_key("FunctionUrlAuthType") && text(members, "Action") != Some("lambda:InvokeFunctionUrl") {
        return Err(error::invalid_parameter(
            "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
        ));
    }
    if !is_principal(text(members, "Principal").unwrap_or_default()) {
        return Err(error::invalid_parameter(
            "The provided principal was invalid. Please check the principal and try again.",
        ));
    }
    Ok(())
}

/// Whether policies know such principals: everybody, an account, an identity of one, a service. Which services there
/// are is not looked up, and neither are users and roles.
fn is_principal(given: &str) -> bool {
    let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if given == "*" || is_account(given) {
        return true;
    }
    if let ["arn", _, service, _, account, resource, ..] = given.splitn(6, ':').collect::<Vec<_>>()[..] {
        return matches!(service, "iam" | "sts") && is_account(account) && !resource.is_empty();
    }
    // Alexa's are below amazon.com.
    [".amazonaws.com", ".amazonaws.com.cn", ".amazon.com"]
        .iter()
        .any(|domain| given.strip_suffix(domain).is_some_and(|service| !service.is_empty()))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn principals_are_accounts_identities_and_services() {
        for good in [
            "*",
            "123456789012",
            "arn:aws:iam::123456789012:root",
            "arn:aws:iam::123456789012:role/path/name",
            "s3.amazonaws.com",
            "logs.us-east-1.amazonaws.com",
            "alexa-appkit.amazon.com",
        ] {
            assert!(is_principal(good), "{good}");
        }
        for bad in ["foo", "", ".amazonaws.com", "12345", "arn:aws:iam::1:root", "arn:aws:s3:::bucket", "arn:aws:iam::123456789012:"] {
            assert!(!is_principal(bad), "{bad}");
        }
    }
}
