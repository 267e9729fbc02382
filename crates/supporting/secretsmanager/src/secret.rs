//! Secrets: made, described, changed, removed after a while.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Output, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use store::Key;

use crate::{
    Answer, Members, State, refuse, storage, text,
    value::{self, Version},
};

/// A secret, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Secret {
    pub(crate) name: String,
    /// Six characters behind the name in the ARN.
    suffix: String,
    account: String,
    region: String,
    description: Option<String>,
    kms_key: Option<String>,
    created: Timestamp,
    pub(crate) changed: Timestamp,
    /// When it goes, once it has been deleted.
    pub(crate) deleted: Option<Timestamp>,
    tags: BTreeMap<String, String>,
    pub(crate) versions: Vec<Version>,
}

impl Secret {
    fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    pub(crate) fn key(&self) -> Key {
        key(&self.scope(), &self.name)
    }

    pub(crate) fn arn(&self) -> String {
        self.scope().arn("secretsmanager", &format!("secret:{}-{}", self.name, self.suffix))
    }

    fn stages(&self) -> Value {
        let staged = self.versions.iter().filter(|version| !version.stages.is_empty());
        Value::Object(staged.map(|version| (version.id.clone(), json!(version.stages))).collect())
    }

    fn shown(&self) -> Map<String, Value> {
        let tags: Vec<Value> =
            self.tags.iter().map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| {
            if !value.is_null() {
                shown.insert(name.to_owned(), value);
            }
        };
        put("ARN", json!(self.arn()));
        put("Name", json!(self.name));
        put("Description", json!(self.description));
        put("KmsKeyId", json!(self.kms_key));
        put("LastChangedDate", json!(self.changed.epoch_seconds()));
        put("CreatedDate", json!(self.created.epoch_seconds()));
        put("DeletedDate", json!(self.deleted.map(Timestamp::epoch_seconds)));
        put("Tags", if tags.is_empty() { Value::Null } else { json!(tags) });
        shown
    }
}

fn scope_key(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

fn key(scope: &Scope, name: &str) -> Key {
    scope_key(scope).text(name)
}

/// The secret of a `SecretId`: its name, its ARN, or its ARN without the characters behind the name.
pub(crate) fn find(state: &State, ctx: &CallContext, members: &Members) -> Result<Arc<Secret>, ServiceError> {
    let id = text(members, "SecretId");
    let arn: Option<aws_wire::Arn> = id.parse().ok();
    let arn = arn.filter(|arn| arn.service == "secretsmanager");
    let found = match &arn {
        None => state.secrets.get(&key(&ctx.scope, id)),
        Some(arn) => {
            let scope = Scope::new(&arn.account, &arn.region);
            let name = arn.resource.trim_start_matches("secret:");
            let whole = state.secrets.get(&key(&scope, name));
            whole.or_else(|| {
                let (name, suffix) = name.rsplit_once('-')?;
                state.secrets.get(&key(&scope, name)).filter(|secret| secret.suffix == suffix)
            })
        }
    };
    let gone = |secret: &Arc<Secret>| secret.deleted.is_some_and(|at| at <= state.clock.now());
    found.filter(|secret| !gone(secret)).ok_or_else(|| {
        let message = "Secrets Manager can't find the specified secret.";
        ServiceError::bad_request("ResourceNotFoundException", message)
    })
}

/// The same, and not one that is about to go.
pub(crate) fn find_living(
    state: &State,
    ctx: &CallContext,
    members: &Members,
) -> Result<Arc<Secret>, ServiceError> {
    let found = find(state, ctx, members)?;
    if found.deleted.is_none() {
        return Ok(found);
    }
    let message = "You can't perform this operation on the secret because it was marked for deletion.";
    Err(ServiceError::bad_request("InvalidRequestException", message))
}

fn tags_of(members: &Members) -> BTreeMap<String, String> {
    let tags = members.get("Tags").and_then(Value::as_array).into_iter().flatten();
    let member =
        |tag: &Value, name: &str| tag.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    tags.map(|tag| (member(tag, "Key"), member(tag, "Value"))).collect()
}

pub(crate) async fn create(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["AddReplicaRegions", "ForceOverwriteReplicaSecret", "Type"])?;
    let name = text(members, "Name");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-!".contains(&byte);
    if name.is_empty() || !name.bytes().all(plain) {
        let message = "Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!";
        return Err(ServiceError::validation(message));
    }
    let key = key(&ctx.scope, name);
    let _turn = state.changing.turn(&key).await;
    let now = state.clock.now();
    if let Some(existing) = state.secrets.get(&key).filter(|it| it.deleted.is_none_or(|at| at > now)) {
        if existing.deleted.is_some() {
            let message = "You can't create this secret because a secret with this name is already scheduled for deletion.";
            return Err(ServiceError::bad_request("InvalidRequestException", message));
        }
        let message = format!("The operation failed because the secret {name} already exists.");
        return Err(ServiceError::bad_request("ResourceExistsException", message));
    }
    let given = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let mut secret = Secret {
        name: name.to_owned(),
        suffix: uuid::Uuid::new_v4().simple().to_string().chars().take(6).collect(),
        account: ctx.scope.account.to_string(),
        region: ctx.scope.region.to_string(),
        description: given("Description"),
        kms_key: given("KmsKeyId"),
        created: now,
        changed: now,
        deleted: None,
        tags: tags_of(members),
        versions: Vec::new(),
    };
    let version = value::add(&mut secret, members, now)?;
    let secret = state.secrets.put(key, secret).await.map_err(storage)?;
    Ok(Output::of(json!({ "ARN": secret.arn(), "Name": secret.name, "VersionId": version })))
}

/// Changes a secret that is there, in its turn.
pub(crate) async fn change<T>(
    state: &State,
    ctx: &CallContext,
    members: &Members,
    change: impl FnOnce(&mut Secret) -> Result<T, ServiceError>,
) -> Result<(Arc<Secret>, T), ServiceError> {
    let key = find(state, ctx, members)?.key();
    let _turn = state.changing.turn(&key).await;
    let mut secret = (*find(state, ctx, members)?).clone();
    let done = change(&mut secret)?;
    Ok((state.secrets.put(key, secret).await.map_err(storage)?, done))
}

pub(crate) async fn update(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["Type"])?;
    find_living(state, ctx, members)?;
    let now = state.clock.now();
    let (secret, version) = change(state, ctx, members, |secret| {
        let given = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
        secret.description = given("Description").or(secret.description.take());
        secret.kms_key = given("KmsKeyId").or(secret.kms_key.take());
        secret.changed = now;
        value::add(secret, members, now)
    })
    .await?;
    Ok(Output::of(json!({ "ARN": secret.arn(), "Name": secret.name, "VersionId": version })))
}

pub(crate) async fn delete(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let force = members.get("ForceDeleteWithoutRecovery") == Some(&json!(true));
    let days = members.get("RecoveryWindowInDays").and_then(Value::as_u64);
    if force && days.is_some() {
        let message = "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays.";
        return Err(ServiceError::bad_request("InvalidParameterException", message));
    }
    let days = days.unwrap_or(30);
    if !(7..=30).contains(&days) {
        let message = "The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).";
        return Err(ServiceError::bad_request("InvalidParameterException", message));
    }
    let now = state.clock.now();
    let (secret, at) = change(state, ctx, members, |secret| {
        let at = if force { now } else { now.plus(Duration::from_secs(days * 86_400)) };
        secret.deleted = Some(at);
        Ok(at)
    })
    .await?;
    if force {
        state.secrets.remove(&secret.key()).await.map_err(storage)?;
    }
    Ok(Output::of(json!({ "ARN": secret.arn(), "Name": secret.name, "DeletionDate": at.epoch_seconds() })))
}

pub(crate) async fn restore(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let (secret, ()) = change(state, ctx, members, |secret| {
        secret.deleted = None;
        Ok(())
    })
    .await?;
    Ok(Output::of(json!({ "ARN": secret.arn(), "Name": secret.name })))
}

pub(crate) fn describe(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let secret = find(state, ctx, members)?;
    let mut shown = secret.shown();
    shown.insert("VersionIdsToStages".into(), secret.stages());
    Ok(Output { members: shown, ..Output::default() })
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["Filters", "SortBy", "SortOrder"])?;
    let planned = members.get("IncludePlannedDeletion") == Some(&json!(true));
    let limit = members.get("MaxResults").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
    let limit = limit.unwrap_or(100).clamp(1, 100);
    let mut after = match text(members, "NextToken") {
        "" => None,
        token => {
            let token = PageToken::decode("ListSecrets", token);
            let wrong = || ServiceError::bad_request("InvalidNextTokenException", "Invalid NextToken.");
            Some(key(&ctx.scope, &token.ok_or_else(wrong)?.after))
        }
    };
    let now = state.clock.now();
    let (mut shown, mut next) = (Vec::new(), None);
    'pages: loop {
        let page = state.secrets.page(&scope_key(&ctx.scope), after.as_ref(), limit + 1);
        let Some(last) = page.last() else { break };
        after = Some(last.key());
        for secret in &page {
            let hidden = secret.deleted.is_some_and(|at| at <= now || !planned);
            if hidden {
                continue;
            }
            if shown.len() == limit {
                break 'pages;
            }
            let mut members = secret.shown();
            members.insert("SecretVersionsToStages".into(), secret.stages());
            next = Some(secret.name.clone());
            shown.push(Value::Object(members));
        }
        if page.len() <= limit {
            next = None;
            break;
        }
    }
    let mut out = Map::new();
    out.insert("SecretList".into(), Value::Array(shown));
    if let Some(next) = next {
        out.insert("NextToken".into(), PageToken::encode("ListSecrets", &next).into());
    }
    Ok(Output { members: out, ..Output::default() })
}

pub(crate) async fn tag(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    change(state, ctx, members, |secret| {
        secret.tags.extend(tags_of(members));
        Ok(())
    })
    .await?;
    Ok(Output::empty())
}

pub(crate) async fn untag(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let keys = members.get("TagKeys").and_then(Value::as_array).cloned().unwrap_or_default();
    change(state, ctx, members, |secret| {
        secret.tags.retain(|key, _| !keys.iter().any(|gone| gone == key));
        Ok(())
    })
    .await?;
    Ok(Output::empty())
}
