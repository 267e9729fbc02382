//! `AWS::StepFunctions::StateMachine`.

use serde_json::{Value, json};

use super::{Call, Named, pseudo};
use crate::{Known, Refusals, document, plan::Resource};

pub(super) const PROPERTIES: &[&str] = &[
    "Definition",
    "DefinitionString",
    "DefinitionSubstitutions",
    "LoggingConfiguration",
    "RoleArn",
    "StateMachineName",
    "StateMachineType",
    "Tags",
    "TracingConfiguration",
];

/// A local definition file's text stands for it from here on; YAML becomes JSON.
pub(super) fn read_definition(
    resource: &mut Resource,
    read: &dyn Fn(&str) -> Result<String, String>,
) -> Result<(), Refusals> {
    let Some(path) = resource.properties.remove("DefinitionUri") else { return Ok(()) };
    let place = format!("Resources.{}.Properties.DefinitionUri", resource.id);
    let Some(path) = path.as_str().filter(|path| !path.starts_with("s3://")) else {
        return Err(Refusals::one(place, "Tule reads definitions only from local files yet"));
    };
    let text = read(path).map_err(|error| Refusals::one(&place, error))?;
    let is_yaml = [".yaml", ".yml"].iter().any(|extension| path.ends_with(extension));
    let text = if is_yaml {
        document::parse(&text).map_err(|error| Refusals::one(&place, error.to_string()))?.to_string()
    } else {
        text
    };
    resource.properties.insert("DefinitionString".to_owned(), Value::from(text));
    Ok(())
}

pub(super) fn calls(resource: Named<'_>, known: &Known) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    let definition = match (resource.get("DefinitionString"), resource.get("Definition")) {
        (Some(Value::String(text)), None) => text.clone(),
        (None, Some(definition @ Value::Object(_))) => definition.to_string(),
        _ => return Err(Refusals::one(place, "a state machine has one definition")),
    };
    let definition = substitute(&definition, resource.get("DefinitionSubstitutions"));
    let name = resource.name("StateMachineName");
    let mut create = json!({ "name": name, "definition": definition, "roleArn": resource.get("RoleArn") });
    if let Some(kind) = resource.get("StateMachineType") {
        create["type"] = kind.clone();
    }
    for (property, member) in
        [("LoggingConfiguration", "loggingConfiguration"), ("TracingConfiguration", "tracingConfiguration")]
    {
        if let Some(value) = resource.get(property) {
            create[member] = lower_keys(value);
        }
    }
    let tags = super::tag_map(resource.get("Tags"));
    if !tags.is_empty() {
        create["tags"] = tags.into_iter().map(|(key, value)| json!({ "key": key, "value": value })).collect();
    }
    let mut update = json!({ "stateMachineArn": arn(resource, known) });
    for member in ["definition", "roleArn", "loggingConfiguration", "tracingConfiguration"] {
        if let Some(value) = create.get(member) {
            update[member] = value.clone();
        }
    }
    let which = json!({ "stateMachineArn": arn(resource, known) });
    let instead = vec![Call::new("stepfunctions", "UpdateStateMachine", update)];
    Ok(vec![
        Call::new("stepfunctions", "CreateStateMachine", create).or_if("StateMachineAlreadyExists", instead),
        Call::new("stepfunctions", "DescribeStateMachine", which).saving(&[("revision", "/revisionId")]),
    ])
}

/// The machine's ARN follows from its name.
pub(super) fn arn(resource: Named<'_>, known: &Known) -> String {
    let (region, account) = (pseudo(known, "AWS::Region"), pseudo(known, "AWS::AccountId"));
    format!("arn:aws:states:{region}:{account}:stateMachine:{}", resource.name("StateMachineName"))
}

/// `${Name}` in a definition, by `DefinitionSubstitutions`; what has no value stays as it is, and so does what a value
/// brings in.
fn substitute(definition: &str, given: Option<&Value>) -> String {
    let Some(given) = given.and_then(Value::as_object) else { return definition.to_owned() };
    let mut out = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some(at) = rest.find("${") {
        let after = &rest[at + 2..];
        let found = after.split_once('}').and_then(|(name, tail)| Some((given.get(name)?, tail)));
        out.push_str(&rest[..at]);
        rest = match found {
            Some((value, tail)) => {
                out.push_str(&value.as_str().map_or_else(|| value.to_string(), str::to_owned));
                tail
            }
            None => {
                out.push_str("${");
                after
            }
        };
    }
    out.push_str(rest);
    out
}

fn lower_keys(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let lower = |key: &str| {
                let mut characters = key.chars();
                let first = characters.next().map(|first| first.to_ascii_lowercase());
                first.into_iter().chain(characters).collect::<String>()
            };
            map.iter().map(|(key, value)| (lower(key), lower_keys(value))).collect()
        }
        Value::Array(items) => items.iter().map(lower_keys).collect(),
        plain => plain.clone(),
    }
}
