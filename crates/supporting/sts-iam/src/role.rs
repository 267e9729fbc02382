//! Roles: their records, their policies, their tags.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{CallContext, Output, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;
use uuid::Uuid;

use crate::{State, storage, text};

/// A role, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Role {
    account: String,
    name: String,
    path: String,
    id: String,
    created: Timestamp,
    assume_role_policy: String,
    description: Option<String>,
    max_session_duration: u64,
    permissions_boundary: Option<String>,
    policies: BTreeMap<String, String>,
    attached: Vec<String>,
    tags: BTreeMap<String, String>,
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

pub(crate) async fn call(
    state: &Arc<State>,
    ctx: &CallContext,
    operation: &str,
    members: &Members,
) -> Answer {
    let account = &*ctx.scope.account;
    match operation {
        "CreateRole" => create(state, account, members).await,
        "DeleteRole" => delete(state, account, members).await,
        "ListRoles" => Ok(list(state, account, members)),
        "GetRole" => find(state, account, members).map(|role| Output::of(json!({ "Role": role.shown() }))),
        "GetRolePolicy" => get_policy(&*find(state, account, members)?, members),
        "ListAttachedRolePolicies" => find(state, account, members).map(|role| attached(&role)),
        "ListInstanceProfilesForRole" => find(state, account, members)
            .map(|_| Output::of(json!({ "InstanceProfiles": [], "IsTruncated": false }))),
        "ListRolePolicies" => find(state, account, members).map(|role| {
            Output::of(
                json!({ "PolicyNames": role.policies.keys().collect::<Vec<_>>(), "IsTruncated": false }),
            )
        }),
        "ListRoleTags" => find(state, account, members)
            .map(|role| Output::of(json!({ "Tags": role.tag_list(), "IsTruncated": false }))),
        _ => change(state, account, operation, members).await,
    }
}

fn key(account: &str, name: &str) -> Key {
    Key::new().text(account).text(name)
}

fn not_found(name: &str) -> ServiceError {
    ServiceError::new("NoSuchEntity", 404, format!("The role with name {name} cannot be found."))
}

fn find(state: &Arc<State>, account: &str, members: &Members) -> Result<Arc<Role>, ServiceError> {
    let name = text(members, "RoleName");
    state.roles.get(&key(account, name)).ok_or_else(|| not_found(name))
}

async fn create(state: &Arc<State>, account: &str, members: &Members) -> Answer {
    let _turn = state.changing.turn(&key(account, text(members, "RoleName"))).await;
    let name = text(members, "RoleName");
    if state.roles.get(&key(account, name)).is_some() {
        let message = format!("Role with name {name} already exists.");
        return Err(ServiceError::new("EntityAlreadyExists", 409, message));
    }
    check_document(text(members, "AssumeRolePolicyDocument"))?;
    let id = Uuid::new_v4().simple().to_string().to_uppercase();
    let path = text(members, "Path");
    let role = Role {
        account: account.to_owned(),
        name: name.to_owned(),
        path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
        id: format!("AROA{}", &id[..17]),
        created: state.clock.now(),
        assume_role_policy: text(members, "AssumeRolePolicyDocument").to_owned(),
        description: members.get("Description").and_then(Value::as_str).map(str::to_owned),
        max_session_duration: members.get("MaxSessionDuration").and_then(Value::as_u64).unwrap_or(3_600),
        permissions_boundary: members.get("PermissionsBoundary").and_then(Value::as_str).map(str::to_owned),
        policies: BTreeMap::new(),
        attached: Vec::new(),
        tags: tags(members),
    };
    let role = state.roles.put(key(account, name), role).await.map_err(storage)?;
    Ok(Output::of(json!({ "Role": role.shown() })))
}

fn check_document(document: &str) -> Result<(), ServiceError> {
    match serde_json::from_str::<Value>(document) {
        Ok(Value::Object(_)) => Ok(()),
        _ => Err(ServiceError::bad_request("MalformedPolicyDocument", "This policy contains invalid Json")),
    }
}

fn tags(members: &Members) -> BTreeMap<String, String> {
    let tags = members.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let text = |tag: &Value, part: &str| tag.get(part).and_then(Value::as_str).unwrap_or_default().to_owned();
    tags.map(|tag| (text(tag, "Key"), text(tag, "Value"))).collect()
}

async fn delete(state: &Arc<State>, account: &str, members: &Members) -> Answer {
    let _turn = state.changing.turn(&key(account, text(members, "RoleName"))).await;
    let role = find(state, account, members)?;
    if !role.attached.is_empty() || !role.policies.is_empty() {
        let what = if role.attached.is_empty() {
            "must delete policies first."
        } else {
            "must detach all policies first."
        };
        let message = format!("Cannot delete entity, {what}");
        return Err(ServiceError::new("DeleteConflict", 409, message));
    }
    state.roles.remove(&key(account, &role.name)).await.map_err(storage)?;
    Ok(Output::empty())
}

/// Roles looked at at a time.
const LOOKED_AT: usize = 200;

fn list(state: &Arc<State>, account: &str, members: &Members) -> Output {
    let most = members
        .get("MaxItems")
        .and_then(Value::as_u64)
        .map_or(100, |most| usize::try_from(most).unwrap_or(100));
    let marker = text(members, "Marker");
    let after = (!marker.is_empty()).then(|| key(account, marker));
    let prefix = text(members, "PathPrefix");
    let mut position = after;
    let mut found = Vec::new();
    // A path may be that of few roles: as many are looked at as a page needs, not all.
    loop {
        let page = state.roles.page(&Key::new().text(account), position.as_ref(), LOOKED_AT);
        position = page.last().map(|role| key(account, &role.name));
        found.extend(page.into_iter().filter(|role| role.path.starts_with(prefix)));
        if position.is_none() || found.len() > most {
            break;
        }
    }
    let truncated = found.len() > most;
    found.truncate(most);
    let mut out = json!({ "Roles": found.iter().map(|role| role.shown()).collect::<Vec<_>>(), "IsTruncated": truncated });
    if let Some(last) = found.last().filter(|_| truncated) {
        out["Marker"] = Value::from(last.name.as_str());
    }
    Output::of(out)
}

fn get_policy(role: &Role, members: &Members) -> Answer {
    let name = text(members, "PolicyName");
    let document = role.policies.get(name).ok_or_else(|| no_policy(name))?;
    let encoded = utf8_percent_encode(document, NON_ALPHANUMERIC).to_string();
    Ok(Output::of(json!({ "RoleName": role.name, "PolicyName": name, "PolicyDocument": encoded })))
}

fn no_policy(name: &str) -> ServiceError {
    ServiceError::new("NoSuchEntity", 404, format!("The role policy with name {name} cannot be found."))
}

fn attached(role: &Role) -> Output {
    let policies: Vec<Value> = role
        .attached
        .iter()
        .map(|arn| json!({ "PolicyName": arn.rsplit('/').next().unwrap_or_default(), "PolicyArn": arn }))
        .collect();
    Output::of(json!({ "AttachedPolicies": policies, "IsTruncated": false }))
}

/// The operations that change a role in place.
async fn change(state: &Arc<State>, account: &str, operation: &str, members: &Members) -> Answer {
    let _turn = state.changing.turn(&key(account, text(members, "RoleName"))).await;
    let mut role = (*find(state, account, members)?).clone();
    let mut out = Output::empty();
    match operation {
        "AttachRolePolicy" => {
            let arn = text(members, "PolicyArn");
            if !role.attached.iter().any(|it| it == arn) {
                role.attached.push(arn.to_owned());
            }
        }
        "DetachRolePolicy" => {
            let arn = text(members, "PolicyArn");
            if !role.attached.iter().any(|it| it == arn) {
                let message = format!("Policy {arn} was not found.");
                return Err(ServiceError::new("NoSuchEntity", 404, message));
            }
            role.attached.retain(|it| it != arn);
        }
        "PutRolePolicy" => {
            check_document(text(members, "PolicyDocument"))?;
            role.policies
                .insert(text(members, "PolicyName").to_owned(), text(members, "PolicyDocument").to_owned());
        }
        "DeleteRolePolicy" => {
            let name = text(members, "PolicyName");
            role.policies.remove(name).ok_or_else(|| no_policy(name))?;
        }
        "TagRole" => role.tags.extend(tags(members)),
        "UntagRole" => {
            let keys = members
                .get("TagKeys")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            keys.for_each(|key| drop(role.tags.remove(key)));
        }
        "UpdateAssumeRolePolicy" => {
            check_document(text(members, "PolicyDocument"))?;
            text(members, "PolicyDocument").clone_into(&mut role.assume_role_policy);
        }
        "UpdateRole" | "UpdateRoleDescription" => {
            if let Some(description) = members.get("Description").and_then(Value::as_str) {
                role.description = Some(description.to_owned());
            }
            if let Some(duration) = members.get("MaxSessionDuration").and_then(Value::as_u64) {
                role.max_session_duration = duration;
            }
            if operation == "UpdateRoleDescription" {
                out = Output::of(json!({ "Role": role.shown() }));
            }
        }
        other => {
            return Err(ServiceError::not_implemented(format!("Tule does not implement {other} of iam yet")));
        }
    }
    let key = key(account, &role.name);
    state.roles.put(key, role).await.map_err(storage)?;
    Ok(out)
}

impl Role {
    fn tag_list(&self) -> Vec<Value> {
        self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect()
    }

    fn shown(&self) -> Value {
        let mut shown = json!({
            "Path": self.path,
            "RoleName": self.name,
            "RoleId": self.id,
            "Arn": format!("arn:aws:iam::{}:role{}{}", self.account, self.path, self.name),
            "CreateDate": self.created.epoch_seconds(),
            "AssumeRolePolicyDocument": utf8_percent_encode(&self.assume_role_policy, NON_ALPHANUMERIC).to_string(),
            "MaxSessionDuration": self.max_session_duration,
        });
        if let Some(description) = &self.description {
            shown["Description"] = Value::from(description.as_str());
        }
        if let Some(boundary) = &self.permissions_boundary {
            shown["PermissionsBoundary"] =
                json!({ "PermissionsBoundaryType": "Policy", "PermissionsBoundaryArn": boundary });
        }
        if !self.tags.is_empty() {
            shown["Tags"] = Value::Array(self.tag_list());
        }
        shown
    }
}

#[cfg(test)]
mod tests {
    use runtime::{Clock, Input, Scope, Service as _};
    use store::Store;

    use super::*;
    use crate::Iam;

    #[tokio::test]
    async fn a_role_is_made_changed_and_removed() {
        let iam = Iam::new(&Store::memory(), Clock::Real).unwrap();
        let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "".into());
        let call = async |operation: &str, members: Value| {
            let Value::Object(members) = members else { panic!("members are an object") };
            let answer = iam.call(&ctx, operation, Input { members, ..Input::default() }).await;
            answer.map(|output| Value::Object(output.members)).map_err(|error| error.code.into_owned())
        };
        let create = json!({"RoleName": "r", "AssumeRolePolicyDocument": "{\"a\": 1}"});
        let made = call("CreateRole", create.clone()).await.unwrap();
        assert_eq!(made["Role"]["Arn"], "arn:aws:iam::000000000000:role/r");
        assert_eq!(made["Role"]["AssumeRolePolicyDocument"], "%7B%22a%22%3A%201%7D");
        assert_eq!(call("CreateRole", create).await.unwrap_err(), "EntityAlreadyExists");
        let policy = json!({"RoleName": "r", "PolicyName": "p", "PolicyDocument": "{}"});
        call("PutRolePolicy", policy.clone()).await.unwrap();
        assert_eq!(call("GetRolePolicy", policy.clone()).await.unwrap()["PolicyDocument"], "%7B%7D");
        assert_eq!(call("DeleteRole", json!({"RoleName": "r"})).await.unwrap_err(), "DeleteConflict");
        call("DeleteRolePolicy", policy).await.unwrap();
        call("DeleteRole", json!({"RoleName": "r"})).await.unwrap();
        assert_eq!(call("GetRole", json!({"RoleName": "r"})).await.unwrap_err(), "NoSuchEntity");
        let broken = json!({"RoleName": "r", "AssumeRolePolicyDocument": "{"});
        assert_eq!(call("CreateRole", broken).await.unwrap_err(), "MalformedPolicyDocument");
    }

    #[tokio::test]
    async fn policies_attached_side_by_side_are_all_kept() {
        let folder = tempfile::tempdir().unwrap();
        let iam = Iam::new(&Store::open(folder.path()).unwrap(), Clock::Real).unwrap();
        let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "".into());
        let call = async |operation: &'static str, members: Value| {
            let Value::Object(members) = members else { panic!("members are an object") };
            iam.call(&ctx, operation, Input { members, ..Input::default() }).await.unwrap().members
        };
        call("CreateRole", json!({"RoleName": "r", "AssumeRolePolicyDocument": "{}"})).await;
        let attach = |at: usize| {
            let arn = format!("arn:aws:iam::aws:policy/p{at}");
            call("AttachRolePolicy", json!({"RoleName": "r", "PolicyArn": arn}))
        };
        tokio::join!(attach(1), attach(2), attach(3), attach(4));
        let listed = call("ListAttachedRolePolicies", json!({"RoleName": "r"})).await;
        assert_eq!(listed["AttachedPolicies"].as_array().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn pages_of_roles_together_are_all_of_a_path() {
        let iam = Iam::new(&Store::memory(), Clock::Real).unwrap();
        let ctx = CallContext::internal(Scope::new("000000000000", "us-east-1"), "".into());
        let call = async |operation: &'static str, members: Value| {
            let Value::Object(members) = members else { panic!("members are an object") };
            Value::Object(
                iam.call(&ctx, operation, Input { members, ..Input::default() }).await.unwrap().members,
            )
        };
        for at in 0..450 {
            let path = if at % 3 == 0 { "/a/" } else { "/b/" };
            let name = format!("r{at}");
            call("CreateRole", json!({"RoleName": name, "Path": path, "AssumeRolePolicyDocument": "{}"}))
                .await;
        }
        let (mut seen, mut ask) = (0, json!({"PathPrefix": "/a/", "MaxItems": 40}));
        loop {
            let page = call("ListRoles", ask.clone()).await;
            seen += page["Roles"].as_array().unwrap().len();
            if page["IsTruncated"] == false {
                break;
            }
            ask["Marker"] = page["Marker"].clone();
        }
        assert_eq!(seen, 150);
    }
}
