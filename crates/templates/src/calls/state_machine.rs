//! `AWS::StepFunctions::StateMachine`.

use serde_json::{Value, json};

use super::{Call, Follow, Named, pseudo};
use crate::{Known, Refusals, document, plan::Resource};

pub(super) const PROPERTIES: &[&str] = &[
    "Definition",
    "DefinitionS3Location",
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
    let name = resource.name("StateMachineName");
    let mut create = json!({ "name": name, "roleArn": resource.get("RoleArn") });
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
    let which = json!({ "stateMachineArn": arn(resource, known) });
    let wanted = json!({
        "create": create, "arn": arn(resource, known), "substitutions": resource.get("DefinitionSubstitutions"),
    });
    let first = match ["DefinitionString", "Definition", "DefinitionS3Location"].map(|it| resource.get(it)) {
        [Some(Value::String(text)), None, None] => made(&wanted, text),
        [None, Some(definition @ Value::Object(_)), None] => made(&wanted, &definition.to_string()),
        [None, None, Some(location)] => {
            let mut members = json!({ "Bucket": location.get("Bucket"), "Key": location.get("Key") });
            if let Some(version) = location.get("Version") {
                members["VersionId"] = version.clone();
            }
            Call::new("s3", "GetObject", members).then(Follow::DefineStateMachine(wanted))
        }
        _ => return Err(Refusals::one(place, "a state machine has one definition")),
    };
    Ok(vec![
        first,
        Call::new("stepfunctions", "DescribeStateMachine", which).saving(&[("revision", "/revisionId")]),
    ])
}

/// The machine of a definition that was read from S3: JSON, or YAML.
pub(super) fn define(wanted: &Value, answer: &Value) -> Result<Call, String> {
    let text = answer.get("Body").and_then(Value::as_str).ok_or("the definition in S3 is no text")?;
    if serde_json::from_str::<Value>(text).is_ok() {
        return Ok(made(wanted, text));
    }
    let parsed = document::parse(text).map_err(|error| format!("the definition in S3: {error}"))?;
    Ok(made(wanted, &parsed.to_string()))
}

fn made(wanted: &Value, definition: &str) -> Call {
    let mut create = wanted["create"].clone();
    create["definition"] = Value::from(substitute(definition, wanted.get("substitutions")));
    let mut update = json!({ "stateMachineArn": wanted["arn"] });
    for member in ["definition", "roleArn", "loggingConfiguration", "tracingConfiguration"] {
        if let Some(value) = create.get(member) {
            update[member] = value.clone();
        }
    }
    let instead = vec![Call::new("stepfunctions", "UpdateStateMachine", update)];
    Call::new("stepfunctions", "CreateStateMachine", create).or_if("StateMachineAlreadyExists", instead)
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
