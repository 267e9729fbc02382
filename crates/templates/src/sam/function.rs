//! `AWS::Serverless::Function`.

use serde_json::{Map, Value, json};

use super::{Serverless, Work, api::Event, event_source, role};

const KNOWN: &[&str] = &[
    "Architectures",
    "CodeUri",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "Events",
    "FunctionName",
    "Handler",
    "InlineCode",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Policies",
    "Role",
    "Runtime",
    "Tags",
    "Timeout",
    "Tracing",
];

/// Properties that go over as they are.
const SAME: &[&str] = &[
    "Architectures",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "Role",
    "Runtime",
    "Timeout",
];

pub(super) fn transform(id: &str, found: &Serverless, work: &mut Work<'_>) {
    found.check(id, KNOWN, "AWS::Serverless::Function", &mut work.refusals);
    let given = &found.properties;
    let mut properties: Map<String, Value> =
        SAME.iter().filter_map(|name| Some(((*name).to_owned(), given.get(*name)?.clone()))).collect();
    let code = match (given.get("InlineCode"), given.get("CodeUri")) {
        (Some(text), _) => json!({ "ZipFile": text }),
        (None, Some(Value::String(path))) if path.starts_with("s3://") => s3(path),
        (None, Some(code @ Value::Object(_))) => json!({
            "S3Bucket": code.get("Bucket"), "S3Key": code.get("Key"), "S3ObjectVersion": code.get("Version")
        }),
        (None, path) => path.cloned().unwrap_or_else(|| Value::from(".")),
    };
    properties.insert("Code".to_owned(), code);
    if let Some(mode) = given.get("Tracing") {
        properties.insert("TracingConfig".to_owned(), json!({ "Mode": mode }));
    }
    let tags = given.get("Tags").and_then(Value::as_object).into_iter().flatten();
    let mut tags: Vec<Value> = tags.map(|(key, value)| json!({ "Key": key, "Value": value })).collect();
    tags.insert(0, json!({ "Key": "lambda:createdBy", "Value": "SAM" }));
    properties.insert("Tags".to_owned(), Value::Array(tags));
    if !given.contains_key("Role") {
        let role_id = format!("{id}Role");
        let basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
        let made = role("lambda.amazonaws.com", &[basic], given.get("Policies"), &role_id);
        work.add(&role_id, "AWS::IAM::Role", made, &Map::new());
        properties.insert("Role".to_owned(), json!({ "Fn::GetAtt": [role_id, "Arn"] }));
    }
    work.add(id, "AWS::Lambda::Function", properties, &found.beside);
    for (name, event) in given.get("Events").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("Resources.{id}.Properties.Events.{name}");
        if event_source::transform(id, name, event, &place, work) {
            continue;
        }
        let Some(event) = Event::read(event, &place, &mut work.refusals) else { continue };
        let version = "2015-03-31/functions";
        let uri = format!(
            "arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/{version}/${{{id}.Arn}}/invocations"
        );
        let mut integration = json!({ "type": "aws_proxy", "httpMethod": "POST", "uri": { "Fn::Sub": uri } });
        let permission = if event.is_http {
            let format = event.payload_format.clone().unwrap_or_else(|| Value::from("2.0"));
            integration["payloadFormatVersion"] = format;
            format!("{id}{name}Permission")
        } else {
            format!("{id}{name}PermissionProd")
        };
        let operation = json!({ "x-amazon-apigateway-integration": integration, "responses": {} });
        let api = work.apis.add(&event, operation, &place, &mut work.refusals);
        let arn = format!(
            "arn:${{AWS::Partition}}:execute-api:${{AWS::Region}}:${{AWS::AccountId}}:${{{api}}}/*/{}{}",
            event.verb(),
            event.path_pattern()
        );
        let properties = json!({
            "Action": "lambda:InvokeFunction",
            "FunctionName": { "Ref": id },
            "Principal": "apigateway.amazonaws.com",
            "SourceArn": { "Fn::Sub": arn },
        });
        work.add(
            &permission,
            "AWS::Lambda::Permission",
            properties.as_object().cloned().unwrap_or_default(),
            &Map::new(),
        );
    }
}

fn s3(uri: &str) -> Value {
    let (bucket, key) = uri.trim_start_matches("s3://").split_once('/').unwrap_or_default();
    json!({ "S3Bucket": bucket, "S3Key": key })
}
