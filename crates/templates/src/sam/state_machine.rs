//! `AWS::Serverless::StateMachine`.

use serde_json::{Map, Value, json};

use super::{
    ApiKind, Serverless, Work,
    document::INTEGRATION,
    event::{self, Event},
    intrinsic::{attribute, entries, is_intrinsic, is_said, reference},
    rest::Caller,
    role::{Role, trust},
    rule::{self, Target},
    s3_location,
};

const KNOWN: &[&str] = &[
    "AutoPublishAlias",
    "Definition",
    "DefinitionSubstitutions",
    "DefinitionUri",
    "DeploymentPreference",
    "Events",
    "Logging",
    "Name",
    "PermissionsBoundary",
    "Policies",
    "PropagateTags",
    "Role",
    "RolePath",
    "Tags",
    "Tracing",
    "Type",
    "UseAliasAsEventTarget",
];

/// Properties under another name.
const RENAMED: &[(&str, &str)] = &[
    ("DefinitionSubstitutions", "DefinitionSubstitutions"),
    ("Logging", "LoggingConfiguration"),
    ("Name", "StateMachineName"),
    ("Role", "RoleArn"),
    ("Tracing", "TracingConfiguration"),
    ("Type", "StateMachineType"),
];
const CREATED_BY: &str = "stateMachine:createdBy";

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::StateMachine", &mut work.refusals);
    let place = format!("Resources.{id}.Properties");
    let mut properties: Map<String, Value> =
        RENAMED.iter().filter_map(|(from, to)| Some(((*to).to_owned(), found.get(from)?.clone()))).collect();
    properties.insert("Tags".to_owned(), found.tags(CREATED_BY));
    define(found, &mut properties, &place, work);
    if found.get("Role").is_none() {
        let role_id = format!("{id}Role");
        let mut role = Role::new(&role_id, trust("states.amazonaws.com"));
        role.add(found.properties.get("Policies"), &format!("{place}.Policies"), &mut work.refusals);
        if found.get("Tracing").and_then(|it| it.get("Enabled")) == Some(&Value::Bool(true)) {
            role.attach(super::role::managed_arn("AWSXrayWriteOnlyAccess"));
        }
        let mut made = role.properties();
        made.insert("Tags".to_owned(), found.tags(CREATED_BY));
        for (from, to) in [("RolePath", "Path"), ("PermissionsBoundary", "PermissionsBoundary")] {
            made.extend(found.get(from).map(|value| (to.to_owned(), value.clone())));
        }
        work.made.add(&role_id, "AWS::IAM::Role", made, &found.derived());
        properties.insert("RoleArn".to_owned(), attribute(&role_id, "Arn"));
    } else if found.get("Policies").is_some() {
        let text = "Specify either 'Role' or 'Policies' (but not both at the same time) or neither of them";
        work.refusals.add(&place, text);
    }
    work.made.add(id, "AWS::StepFunctions::StateMachine", properties, &found.beside);
    let started = publish(id, found, &place, work);
    for (name, event) in entries(found.properties.get("Events")) {
        connect(id, name, event, &started, found, &format!("{place}.Events.{name}"), work);
    }
}

/// The definition's text, or where it is.
fn define(found: &Serverless, properties: &mut Map<String, Value>, place: &str, work: &mut Work<'_>) {
    match (found.get("Definition"), found.get("DefinitionUri")) {
        (Some(definition @ Value::Object(_)), None) => {
            let mut definition = definition.clone();
            let mut values = Map::new();
            substitute(&mut definition, &mut values);
            if !values.is_empty() {
                let all = properties.entry("DefinitionSubstitutions").or_insert_with(|| json!({}));
                if let Some(all) = all.as_object_mut() {
                    all.extend(values);
                }
            }
            let text = indented(&definition);
            let lines: Vec<&str> = text.split('\n').collect();
            properties.insert("DefinitionString".to_owned(), json!({ "Fn::Join": ["\n", lines] }));
        }
        // A file beside the template is read when it is planned.
        (None, Some(Value::String(path))) if !path.starts_with("s3://") => {
            properties.insert("DefinitionUri".to_owned(), Value::from(path.as_str()));
        }
        (None, Some(uri)) => {
            let location = s3_location(
                uri,
                ["Bucket", "Key", "Version"],
                &format!("{place}.DefinitionUri"),
                &mut work.refusals,
            );
            properties.insert("DefinitionS3Location".to_owned(), location);
        }
        (Some(_), None) => work.refusals.add(format!("{place}.Definition"), "a definition is a map"),
        (Some(_), Some(_)) => {
            work.refusals.add(place, "Specify either 'Definition' or 'DefinitionUri' property and not both.");
        }
        (None, None) => {
            work.refusals.add(place, "Either 'Definition' or 'DefinitionUri' property must be specified.");
        }
    }
}

/// Replaces functions in a definition by names, and notes what these stand for, in the order of the names around them.
fn substitute(value: &mut Value, values: &mut Map<String, Value>) {
    let is_dynamic = |value: &Value| {
        let secret = |text: &str| text.starts_with("{{resolve:") && text.ends_with("}}");
        is_intrinsic(value) || value.as_str().is_some_and(secret)
    };
    let mut replace = |value: &mut Value| {
        if is_dynamic(value) {
            let name = format!("definition_substitution_{}", values.len() + 1);
            let text = Value::from(format!("${{{name}}}"));
            values.insert(name, std::mem::replace(value, text));
        } else {
            substitute(value, values);
        }
    };
    match value {
        Value::Object(map) => {
            let mut pairs: Vec<_> = map.iter_mut().collect();
            pairs.sort_by(|one, other| one.0.cmp(other.0));
            pairs.into_iter().for_each(|(_, value)| replace(value));
        }
        Value::Array(items) => items.iter_mut().for_each(replace),
        _ => {}
    }
}

/// JSON with its keys in order, four spaces deep, in ASCII.
fn indented(value: &Value) -> String {
    let mut out = String::new();
    write_indented(value, 0, &mut out);
    out
}

fn write_indented(value: &Value, depth: usize, out: &mut String) {
    let (open, close, mut parts): (_, _, Vec<(Option<&String>, &Value)>) = match value {
        Value::Object(map) => ('{', '}', map.iter().map(|(key, value)| (Some(key), value)).collect()),
        Value::Array(items) => ('[', ']', items.iter().map(|item| (None, item)).collect()),
        plain => {
            for character in plain.to_string().chars() {
                match character.is_ascii() {
                    true => out.push(character),
                    false => {
                        let mut units = [0; 2];
                        let units = character.encode_utf16(&mut units).iter();
                        units.for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
                    }
                }
            }
            return;
        }
    };
    parts.sort_by(|one, other| one.0.cmp(&other.0));
    out.push(open);
    for (at, (key, part)) in parts.iter().enumerate() {
        out.push_str(if at == 0 { "\n" } else { ",\n" });
        out.push_str(&"    ".repeat(depth + 1));
        if let Some(key) = key {
            write_indented(&Value::from(key.as_str()), 0, out);
            out.push_str(": ");
        }
        write_indented(part, depth + 1, out);
    }
    if !parts.is_empty() {
        out.push('\n');
        out.push_str(&"    ".repeat(depth));
    }
    out.push(close);
}

/// Version and alias, where they are asked for. Gives the id of what events start.
fn publish(id: &str, found: &Serverless, place: &str, work: &mut Work<'_>) -> String {
    let wants_alias = found.get("UseAliasAsEventTarget").is_some();
    let Some(name) = found.get("AutoPublishAlias") else {
        for name in ["DeploymentPreference", "UseAliasAsEventTarget"] {
            if found.get(name).is_some() {
                let text = format!("'{name}' requires 'AutoPublishAlias' property to be specified.");
                work.refusals.add(place, text);
            }
        }
        return id.to_owned();
    };
    let version = format!("{id}Version");
    let mut beside = found.derived();
    for policy in ["DeletionPolicy", "UpdateReplacePolicy"] {
        beside.entry(policy).or_insert_with(|| Value::from("Retain"));
    }
    let mut of_version = Map::new();
    of_version.insert("StateMachineArn".to_owned(), reference(id));
    of_version.insert("StateMachineRevisionId".to_owned(), attribute(id, "StateMachineRevisionId"));
    work.made.add(&version, "AWS::StepFunctions::StateMachineVersion", of_version, &beside);
    let usual = json!({ "Type": "ALL_AT_ONCE" });
    let mut preference = found.get("DeploymentPreference").cloned().unwrap_or(usual);
    if let Some(preference) = preference.as_object_mut() {
        preference.insert("StateMachineVersionArn".to_owned(), reference(&version));
    }
    let mut of_alias = Map::new();
    of_alias.insert("Name".to_owned(), name.clone());
    of_alias.insert("DeploymentPreference".to_owned(), preference);
    let alias = format!("{id}Alias{}", name.as_str().unwrap_or_default());
    work.made.add(&alias, "AWS::StepFunctions::StateMachineAlias", of_alias, &found.derived());
    work.made.refer(id, "Version", &version);
    work.made.refer(id, "Alias", &alias);
    if wants_alias { alias } else { id.to_owned() }
}

/// Leads an event to the state machine, in a role of the event's own.
fn connect(
    id: &str,
    name: &str,
    event: &Value,
    started: &str,
    found: &Serverless,
    place: &str,
    work: &mut Work<'_>,
) {
    let event_id = format!("{id}{name}");
    let role_id = format!("{event_id}Role");
    let beside = found.derived();
    let add_role = |service: &str, made: &mut super::Made| {
        let mut role = Map::new();
        role.insert("AssumeRolePolicyDocument".to_owned(), trust(service));
        let start =
            json!({ "Action": "states:StartExecution", "Effect": "Allow", "Resource": reference(started) });
        let policy = json!({
            "PolicyName": format!("{role_id}StartExecutionPolicy"), "PolicyDocument": { "Statement": [start] },
        });
        role.insert("Policies".to_owned(), json!([policy]));
        role.extend(
            found.get("PermissionsBoundary").map(|it| ("PermissionsBoundary".to_owned(), it.clone())),
        );
        if found.propagated().is_some_and(is_said) {
            let tags = super::intrinsic::tag_list(found.properties.get("Tags"));
            role.insert("Tags".to_owned(), Value::Array(tags));
        }
        made.add(&role_id, "AWS::IAM::Role", role, &beside);
        attribute(&role_id, "Arn")
    };
    if rule::is_rule(event) {
        let given = event.get("Properties").and_then(|it| it.get("RoleArn")).cloned();
        let role = given.unwrap_or_else(|| add_role("events.amazonaws.com", &mut work.made));
        let target = Target { arn: reference(started), role: Some(role), suffix: "StepFunctionsTarget" };
        rule::make(&event_id, event, target, &mut work.made, &beside, place, &mut work.refusals);
        return;
    }
    let Some(event) = Event::read(event, event::OF_STATE_MACHINE, place, &mut work.refusals) else { return };
    if event.kind == ApiKind::Http {
        work.refusals.add(place, "state machines are connected to REST APIs only (event type Api)");
        return;
    }
    let role = add_role("apigateway.amazonaws.com", &mut work.made);
    let operation = operation(&event, started, &role);
    let tags = found.propagated();
    work.apis.add_rest(&event, &Caller::StateMachine { operation }, tags, place, &mut work.refusals);
}

/// The operation that starts the state machine.
fn operation(event: &Event, started: &str, role: &Value) -> Value {
    let template = match event.get("UnescapeMappingTemplate") {
        // What escapes a text for scripts escapes single quotes, too, which JSON does not have.
        Some(_) => format!(
            "{{\"input\": \"$util.escapeJavaScript($input.json('$')).replaceAll(\"\\\\'\",\"'\")\", \
             \"stateMachineArn\": \"${{{started}}}\"}}"
        ),
        None => format!(
            "{{\"input\": \"$util.escapeJavaScript($input.json('$'))\", \"stateMachineArn\": \"${{{started}}}\"}}"
        ),
    };
    let integration = json!({
        "type": "aws",
        "httpMethod": "POST",
        "uri": { "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution" },
        "responses": { "200": { "statusCode": "200" }, "400": { "statusCode": "400" } },
        "credentials": role,
        "requestTemplates": { "application/json": { "Fn::Sub": template } },
    });
    let responses = json!({ "200": { "description": "OK" }, "400": { "description": "Bad Request" } });
    json!({ INTEGRATION: integration, "responses": responses })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn definitions_are_texts_with_names_for_functions() {
        let mut definition =
            json!({"b": [{"Ref": "X"}, 1.5], "a": {"Fn::Sub": "é"}, "c": {}, "d": "é", "e": []});
        let mut values = Map::new();
        substitute(&mut definition, &mut values);
        assert_eq!(values["definition_substitution_1"], json!({"Fn::Sub": "é"}));
        assert_eq!(values["definition_substitution_2"], json!({"Ref": "X"}));
        let text = indented(&definition);
        assert!(
            text.starts_with("{\n    \"a\": \"${definition_substitution_1}\",\n    \"b\": [\n        \"${"),
            "{text}"
        );
        assert!(text.ends_with("    \"c\": {},\n    \"d\": \"\\u00e9\",\n    \"e\": []\n}"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), definition);
    }
}
