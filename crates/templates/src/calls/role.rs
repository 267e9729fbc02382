//! `AWS::IAM::Role`, and `AWS::IAM::Policy` of roles.

use serde_json::{Value, json};

use super::{Call, Named};

pub(super) const PROPERTIES: &[&str] = &[
    "AssumeRolePolicyDocument",
    "Description",
    "ManagedPolicyArns",
    "MaxSessionDuration",
    "Path",
    "PermissionsBoundary",
    "Policies",
    "RoleName",
    "Tags",
];

pub(super) fn calls(resource: Named<'_>) -> Vec<Call> {
    let name = resource.name("RoleName");
    let document = resource.get("AssumeRolePolicyDocument").map(Value::to_string).unwrap_or_default();
    let mut create =
        resource.members(&["Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags"]);
    create.insert("RoleName".to_owned(), Value::from(name.as_str()));
    create.insert("AssumeRolePolicyDocument".to_owned(), Value::from(document.as_str()));
    let save = [("arn", "/Role/Arn"), ("id", "/Role/RoleId")];
    let update = json!({ "RoleName": name, "PolicyDocument": document });
    let instead = vec![
        Call::new("iam", "UpdateAssumeRolePolicy", update),
        Call::new("iam", "GetRole", json!({ "RoleName": name })).saving(&save),
    ];
    let create = Call::new("iam", "CreateRole", Value::Object(create)).saving(&save);
    let mut calls = vec![create.or_if("EntityAlreadyExists", instead)];
    for policy in resource.get("Policies").and_then(Value::as_array).into_iter().flatten() {
        let document = policy.get("PolicyDocument").map(Value::to_string).unwrap_or_default();
        let members =
            json!({ "RoleName": name, "PolicyName": policy.get("PolicyName"), "PolicyDocument": document });
        calls.push(Call::new("iam", "PutRolePolicy", members));
    }
    for arn in resource.get("ManagedPolicyArns").and_then(Value::as_array).into_iter().flatten() {
        calls.push(Call::new("iam", "AttachRolePolicy", json!({ "RoleName": name, "PolicyArn": arn })));
    }
    calls
}

/// Policies of users and groups are refused: there are none.
pub(super) const POLICY: &[&str] = &["PolicyDocument", "PolicyName", "Roles"];

pub(super) fn policy(resource: Named<'_>) -> Vec<Call> {
    let document = resource.get("PolicyDocument").map(Value::to_string).unwrap_or_default();
    let put = |role: &Value| {
        let members = json!({
            "RoleName": role, "PolicyName": resource.get("PolicyName"), "PolicyDocument": document
        });
        Call::new("iam", "PutRolePolicy", members)
    };
    resource.get("Roles").and_then(Value::as_array).into_iter().flatten().map(put).collect()
}
