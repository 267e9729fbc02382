//! `AWS::Serverless::StateMachine`.

use serde_json::{Map, Value, json};

use super::{Serverless, Work, api::Event, role};

const KNOWN: &[&str] = &[
    "Definition",
    "DefinitionSubstitutions",
    "DefinitionUri",
    "Events",
    "Logging",
    "Name",
    "Policies",
    "Role",
    "Tags",
    "Tracing",
    "Type",
];

/// Properties under another name.
const RENAMED: &[(&str, &str)] = &[
    ("Definition", "Definition"),
    ("DefinitionSubstitutions", "DefinitionSubstitutions"),
    ("DefinitionUri", "DefinitionUri"),
    ("Logging", "LoggingConfiguration"),
    ("Name", "StateMachineName"),
    ("Role", "RoleArn"),
    ("Tracing", "TracingConfiguration"),
    ("Type", "StateMachineType"),
];

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::StateMachine", &mut work.refusals);
    let given = &found.properties;
    let mut properties: Map<String, Value> =
        RENAMED.iter().filter_map(|(from, to)| Some(((*to).to_owned(), given.get(*from)?.clone()))).collect();
    let tags = given.get("Tags").and_then(Value::as_object).into_iter().flatten();
    let mut tags: Vec<Value> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    tags.insert(0, json!({ "Key": "stateMachine:createdBy", "Value": "SAM" }));
    properties.insert("Tags".to_owned(), Value::Array(tags));
    if !given.contains_key("Role") {
        let role_id = format!("{id}Role");
        let made = role("states.amazonaws.com", &[], given.get("Policies"), &role_id);
        work.add(&role_id, "AWS::IAM::Role", made, &Map::new());
        properties.insert("RoleArn".to_owned(), json!({ "Fn::GetAtt": [role_id, "Arn"] }));
    }
    work.add(id, "AWS::StepFunctions::StateMachine", properties, &found.beside);
    for (name, event) in given.get("Events").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("Resources.{id}.Properties.Events.{name}");
        let Some(event) = Event::read(event, &place, &mut work.refusals) else { continue };
        if event.is_http {
            work.refusals.add(place, "Tule connects state machines to REST APIs only yet (event type Api)");
            continue;
        }
        let role_id = format!("{id}{name}Role");
        let start = json!({ "Statement": [{ "Action": "states:StartExecution", "Effect": "Allow", "Resource": { "Ref": id } }] });
        work.add(
            &role_id,
            "AWS::IAM::Role",
            role("apigateway.amazonaws.com", &[], Some(&start), &role_id),
            &Map::new(),
        );
        // `${id}` is the machine's ARN; the rest is the mapping template that the real transform writes.
        let template = format!(
            "{{\"input\": \"$util.escapeJavaScript($input.json('$'))\", \"stateMachineArn\": \"${{{id}}}\"}}"
        );
        let integration = json!({
            "type": "aws",
            "httpMethod": "POST",
            "uri": { "Fn::Sub": "arn:${AWS::Partition}:apigateway:${AWS::Region}:states:action/StartExecution" },
            "credentials": { "Fn::GetAtt": [role_id, "Arn"] },
            "requestTemplates": { "application/json": { "Fn::Sub": template } },
            "responses": { "200": { "statusCode": "200" }, "400": { "statusCode": "400" } },
        });
        let responses = json!({ "200": { "description": "OK" }, "400": { "description": "Bad Request" } });
        let operation = json!({ "x-amazon-apigateway-integration": integration, "responses": responses });
        work.apis.add(&event, operation, &place, &mut work.refusals);
    }
}
