//! Values of secrets: versions with their stages.

use aws_wire::ServiceError;
use runtime::{CallContext, Output, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::{
    Answer, Members, State, refuse,
    secret::{self, Secret},
    text,
};

const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
/// Secrets Manager keeps about as many versions without a stage.
const MOST_VERSIONS: usize = 100;

/// A value, as it is kept.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Version {
    pub(crate) id: String,
    text: Option<String>,
    /// In Base64.
    binary: Option<String>,
    created: Timestamp,
    pub(crate) stages: Vec<String>,
}

/// Adds the value of a request to a secret, if it has one; the id of its version.
pub(crate) fn add(
    secret: &mut Secret,
    members: &Members,
    now: Timestamp,
) -> Result<Option<String>, ServiceError> {
    let given = |name: &str| members.get(name).and_then(Value::as_str).map(str::to_owned);
    let (text, binary) = (given("SecretString"), given("SecretBinary"));
    if text.is_some() && binary.is_some() {
        let message =
            "You can't specify both a binary secret value and a string secret value in the same secret.";
        return Err(ServiceError::bad_request("InvalidParameterException", message));
    }
    if text.is_none() && binary.is_none() {
        return Ok(None);
    }
    let id = given("ClientRequestToken").unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
    if let Some(known) = secret.versions.iter().find(|version| version.id == id) {
        // The same request again changes nothing.
        if known.text == text && known.binary == binary {
            return Ok(Some(id));
        }
        let message = "You can't modify an existing version of a secret. Create a new version instead.";
        return Err(ServiceError::bad_request("ResourceExistsException", message));
    }
    let stages = members.get("VersionStages").and_then(Value::as_array).into_iter().flatten();
    let mut stages: Vec<String> = stages.filter_map(Value::as_str).map(str::to_owned).collect();
    if stages.is_empty() {
        stages.push(CURRENT.to_owned());
    }
    for stage in &stages {
        move_stage(secret, stage);
    }
    secret.versions.push(Version { id: id.clone(), text, binary, created: now, stages });
    if secret.versions.len() > MOST_VERSIONS
        && let Some(oldest) = secret.versions.iter().position(|version| version.stages.is_empty())
    {
        secret.versions.remove(oldest);
    }
    Ok(Some(id))
}

/// Takes a stage from whoever has it; what was current is the previous one from then on.
fn move_stage(secret: &mut Secret, stage: &str) {
    let holder = secret.versions.iter().position(|version| version.stages.iter().any(|it| it == stage));
    let Some(holder) = holder else { return };
    secret.versions[holder].stages.retain(|it| it != stage);
    if stage == CURRENT {
        for version in &mut secret.versions {
            version.stages.retain(|it| it != PREVIOUS);
        }
        secret.versions[holder].stages.push(PREVIOUS.to_owned());
    }
}

pub(crate) async fn put(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["RotationToken"])?;
    secret::find_living(state, ctx, members)?;
    let now = state.clock.now();
    let (secret, version) = secret::change(state, ctx, members, |secret| {
        let added = add(secret, members, now)?.ok_or_else(|| {
            let message = "You must provide either SecretString or SecretBinary.";
            ServiceError::bad_request("InvalidRequestException", message)
        })?;
        secret.changed = now;
        Ok(added)
    })
    .await?;
    let stages = secret.versions.iter().find(|it| it.id == version).map(|it| it.stages.clone());
    let out =
        json!({ "ARN": secret.arn(), "Name": secret.name, "VersionId": version, "VersionStages": stages });
    Ok(Output::of(out))
}

pub(crate) fn get(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    let secret = secret::find_living(state, ctx, members)?;
    let (id, stage) = (text(members, "VersionId"), text(members, "VersionStage"));
    let wanted = if id.is_empty() && stage.is_empty() { CURRENT } else { stage };
    let found = secret.versions.iter().find(|version| {
        (id.is_empty() || version.id == id)
            && (wanted.is_empty() || version.stages.iter().any(|stage| stage == wanted))
    });
    let version = found.ok_or_else(|| {
        let what =
            if id.is_empty() { format!("staging label: {wanted}") } else { format!("VersionId: {id}") };
        let message = format!("Secrets Manager can't find the specified secret value for {what}");
        ServiceError::bad_request("ResourceNotFoundException", message)
    })?;
    let mut out = Map::new();
    out.insert("ARN".into(), json!(secret.arn()));
    out.insert("Name".into(), json!(secret.name));
    out.insert("VersionId".into(), json!(version.id));
    if let Some(text) = &version.text {
        out.insert("SecretString".into(), json!(text));
    }
    if let Some(binary) = &version.binary {
        out.insert("SecretBinary".into(), json!(binary));
    }
    out.insert("VersionStages".into(), json!(version.stages));
    out.insert("CreatedDate".into(), json!(version.created.epoch_seconds()));
    Ok(Output { members: out, ..Output::default() })
}

pub(crate) fn list(state: &State, ctx: &CallContext, members: &Members) -> Answer {
    refuse(members, &["MaxResults", "NextToken"])?;
    let secret = secret::find(state, ctx, members)?;
    let all = members.get("IncludeDeprecated") == Some(&json!(true));
    let shown = secret.versions.iter().filter(|version| all || !version.stages.is_empty());
    let versions: Vec<Value> = shown
        .map(|version| json!({
            "VersionId": version.id, "VersionStages": version.stages, "CreatedDate": version.created.epoch_seconds(),
        }))
        .collect();
    Ok(Output::of(json!({ "ARN": secret.arn(), "Name": secret.name, "Versions": versions })))
}
