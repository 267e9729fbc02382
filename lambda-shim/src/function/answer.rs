//! A function's configuration as the API answers it.

use runtime::Scope;
use serde_json::{Map, Value, json};

use super::{
    name,
    record::{Alias, Configuration, State, Update},
};

const CREATING: &str = "The function is being created.";

/// `FunctionConfiguration`, for a function asked for by `qualifier`.
pub(crate) fn configuration(
    scope: &Scope,
    function: &str,
    shown: &Configuration,
    qualifier: Option<&str>,
) -> Map<String, Value> {
    let mut members = described(scope, function, shown, qualifier);
    if shown.image.is_none() {
        members.insert("RuntimeVersionConfig".into(), runtime_version(scope, shown));
    }
    match &shown.state {
        // `$LATEST` of a function on managed instances is there to be published.
        State::Active if shown.capacity.is_some() && shown.version == name::LATEST => {
            members.insert("State".into(), "ActiveNonInvocable".into());
        }
        State::Deactivated => {
            members.insert("State".into(), "Deactivated".into());
        }
        State::Active => {
            members.insert("State".into(), "Active".into());
        }
        State::Pending => {
            members.insert("State".into(), "Pending".into());
            members.insert("StateReason".into(), CREATING.into());
            members.insert("StateReasonCode".into(), "Creating".into());
        }
        State::Failed(reason) => {
            members.insert("State".into(), "Failed".into());
            members.insert("StateReason".into(), reason.as_str().into());
            members.insert("StateReasonCode".into(), "InternalError".into());
        }
    }
    match &shown.last_update {
        None => {}
        Some(Update::Successful) => {
            members.insert("LastUpdateStatus".into(), "Successful".into());
        }
        Some(Update::InProgress) => {
            members.insert("LastUpdateStatus".into(), "InProgress".into());
            members.insert("LastUpdateStatusReason".into(), CREATING.into());
            members.insert("LastUpdateStatusReasonCode".into(), "Creating".into());
        }
        Some(Update::Failed(reason)) => {
            members.insert("LastUpdateStatus".into(), "Failed".into());
            members.insert("LastUpdateStatusReason".into(), reason.as_str().into());
            members.insert("LastUpdateStatusReasonCode".into(), "InternalError".into());
        }
    }
    members
}

/// The same as lists show it: without state and runtime version.
pub(crate) fn listed(scope: &Scope, function: &str, shown: &Configuration, qualifier: Option<&str>) -> Value {
    Value::Object(described(scope, function, shown, qualifier))
}

fn described(
    scope: &Scope,
    function: &str,
    shown: &Configuration,
    qualifier: Option<&str>,
) -> Map<String, Value> {
    let mut members = Map::new();
    let mut put = |name: &str, value: Value| {
        members.insert(name.to_owned(), value);
    };
    put("FunctionName", function.into());
    put("FunctionArn", name::arn(scope, function, qualifier).into());
    if let Some(runtime) = &shown.runtime {
        put("Runtime", runtime.as_str().into());
    }
    put("Role", shown.role.as_str().into());
    if let Some(handler) = &shown.handler {
        put("Handler", handler.as_str().into());
    }
    put("CodeSize", shown.code.size.into());
    put("Description", shown.description.as_str().into());
    put("Timeout", shown.timeout.into());
    put("MemorySize", shown.memory_size.into());
    put("LastModified", shown.last_modified.as_str().into());
    put("CodeSha256", shown.code.sha256.as_str().into());
    put("Version", shown.version.as_str().into());
    put("TracingConfig", json!({"Mode": "PassThrough"}));
    put("RevisionId", shown.revision_id.as_str().into());
    put("PackageType", if shown.image.is_some() { "Image" } else { "Zip" }.into());
    if let Some(config) = shown.image.as_ref().and_then(super::record::Image::config) {
        put("ImageConfigResponse", json!({"ImageConfig": config}));
    }
    put("Architectures", json!([shown.architecture]));
    put("EphemeralStorage", json!({"Size": shown.ephemeral_storage}));
    put("SnapStart", json!({"ApplyOn": "None", "OptimizationStatus": "Off"}));
    put("LoggingConfig", logging(shown));
    if let Some(environment) = &shown.environment {
        put("Environment", json!({"Variables": environment}));
    }
    if let Some(tenancy) = &shown.tenancy {
        put("TenancyConfig", tenancy.clone());
    }
    if let Some(target) = &shown.dead_letters {
        put("DeadLetterConfig", json!({"TargetArn": target}));
    }
    if let Some(capacity) = &shown.capacity {
        put("CapacityProviderConfig", capacity.shown());
    }
    if let Some(durable) = &shown.durable {
        put("DurableConfig", durable.show());
    }
    if !shown.layers.is_empty() {
        let layers = shown.layers.iter().map(|layer| json!({"Arn": layer.arn, "CodeSize": layer.code.size}));
        put("Layers", layers.collect());
    }
    for (name, value) in &shown.echoed {
        put(name, value.clone());
    }
    members
}

fn logging(shown: &Configuration) -> Value {
    let logging = &shown.logging;
    if logging.json {
        json!({
            "LogFormat": "JSON",
            "ApplicationLogLevel": logging.application_level,
            "SystemLogLevel": logging.system_level,
            "LogGroup": logging.group,
        })
    } else {
        json!({"LogFormat": "Text", "LogGroup": logging.group})
    }
}

/// The ARN names the runtime's build by a hash; ours is the hash of the runtime's name.
fn runtime_version(scope: &Scope, shown: &Configuration) -> Value {
    json!({"RuntimeVersionArn": runtime_version_arn(scope, shown)})
}

pub(crate) fn runtime_version_arn(scope: &Scope, shown: &Configuration) -> String {
    use sha2::{Digest, Sha256};

    let hash = Sha256::digest(shown.runtime.as_deref().unwrap_or_default().as_bytes());
    let hex = crate::hex::hex(&hash);
    format!("arn:aws:lambda:{}::runtime:{hex}", scope.region)
}

/// `AliasConfiguration`.
pub(crate) fn alias(scope: &Scope, function: &str, name: &str, alias: &Alias) -> Value {
    let mut members = json!({
        "AliasArn": name::arn(scope, function, Some(name)),
        "Name": name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    });
    if let Some((version, weight)) = &alias.additional {
        members["RoutingConfig"] = json!({"AdditionalVersionWeights": {version: weight}});
    }
    members
}
