//! `AutoPublishAlias`: a version of a function for each of its states, and the alias that shows the newest.

use serde_json::{Map, Value, json};

use super::super::{
    Serverless, Work,
    intrinsic::{attribute, reference, said, with_parameters},
    logical_id,
};

/// Adds version and alias; gives the alias's id and name, if there is one.
pub(super) fn make(
    id: &str,
    found: &Serverless,
    function: &mut Map<String, Value>,
    work: &mut Work<'_>,
) -> Option<(String, String)> {
    let place = format!("Resources.{id}.Properties");
    let Some(alias) = found.get("AutoPublishAlias").map(|alias| with_parameters(alias, work.known)) else {
        for name in ["ProvisionedConcurrencyConfig", "VersionDeletionPolicy", "DeploymentPreference"] {
            if found.get(name).is_some_and(|it| it.get("Enabled") != Some(&Value::Bool(false))) {
                work.refusals.add(format!("{place}.{name}"), "this goes with an AutoPublishAlias only");
            }
        }
        return None;
    };
    let is_name = |name: &&str| {
        name.chars().all(|it| it.is_ascii_alphanumeric() || it == '-' || it == '_')
            && !name.chars().all(|it| it.is_ascii_digit())
    };
    let Some(alias) = alias.as_str().filter(is_name) else {
        let text =
            "this is a name of letters, digits, hyphens and underscores, or a Ref to a template parameter";
        work.refusals.add(format!("{place}.AutoPublishAlias"), text);
        return None;
    };
    let code = found.get("AutoPublishCodeSha256").map(|code| with_parameters(code, work.known));
    if let Some(code) = &code {
        describe(function, code, work);
    }
    let version = version_id(id, found, function, code.as_ref(), work);
    let mut properties = Map::new();
    properties.insert("FunctionName".to_owned(), reference(id));
    if let Some(text) = found.get("VersionDescription") {
        properties.insert("Description".to_owned(), text.clone());
    }
    let on_instances = found.get("CapacityProviderConfig").is_some();
    if let Some(scaling) = found.get("FunctionScalingConfig").filter(|_| on_instances) {
        properties.insert("FunctionScalingConfig".to_owned(), scaling.clone());
    }
    let mut beside = found.derived();
    let policy = found.get("VersionDeletionPolicy").cloned();
    let usual = if on_instances { "Delete" } else { "Retain" };
    beside.entry("DeletionPolicy").or_insert_with(|| policy.unwrap_or_else(|| Value::from(usual)));
    work.made.add(&version, "AWS::Lambda::Version", properties, &beside);
    let alias_id = format!("{id}Alias{}", alias.replace('-', "D").replace('_', "U"));
    let mut properties = found.same(&["ProvisionedConcurrencyConfig"]);
    properties.insert("Name".to_owned(), Value::from(alias));
    properties.insert("FunctionName".to_owned(), reference(id));
    properties.insert("FunctionVersion".to_owned(), attribute(&version, "Version"));
    work.made.add(&alias_id, "AWS::Lambda::Alias", properties, &found.derived());
    work.made.refer(id, "Version", &version);
    work.made.refer(id, "Alias", &alias_id);
    Some((alias_id, alias.to_owned()))
}

/// Puts what is said of the code into the function's description.
fn describe(function: &mut Map<String, Value>, code: &Value, work: &Work<'_>) {
    // The function is another one, even where its code has the same place as before.
    let text = function.get("Description").map(|text| with_parameters(text, work.known));
    let text = match text {
        Some(Value::String(text)) => Value::from(format!("{text} {}", code.as_str().unwrap_or_default())),
        Some(text) => json!({ "Fn::Join": [" ", [text, code]] }),
        None => code.clone(),
    };
    function.insert("Description".to_owned(), text);
}

/// Another id for another code, environment or memory; or for all that is another, where that is asked for.
fn version_id(
    id: &str,
    found: &Serverless,
    function: &Map<String, Value>,
    code: Option<&Value>,
    work: &Work<'_>,
) -> String {
    let prefix = format!("{id}Version");
    if let Some(code) = code.and_then(Value::as_str) {
        return format!("{prefix}{}", code.chars().take(10).collect::<String>());
    }
    if found.get("AutoPublishAliasAllProperties").is_some() {
        return logical_id::hashed(&prefix, &Value::Object(function.clone()));
    }
    let code = function.get("Code").map(|code| with_parameters(code, work.known)).unwrap_or_default();
    let mut data = match code {
        Value::Object(code) => code,
        path => Map::from_iter([("Path".to_owned(), path)]),
    };
    data.extend(said(function, "Environment").and_then(Value::as_object).cloned().unwrap_or_default());
    data.extend(said(function, "MemorySize").map(|size| ("MemorySize".to_owned(), size.clone())));
    let snap = said(function, "SnapStart").filter(|it| it.get("ApplyOn").is_some_and(|on| on != "None"));
    data.extend(snap.map(|snap| ("SnapStart".to_owned(), snap.clone())));
    logical_id::hashed(&prefix, &Value::Object(data))
}
