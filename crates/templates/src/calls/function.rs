//! `AWS::Lambda::Function`.

use serde_json::{Map, Value, json};

use super::{Call, Code, Named, tag_map};
use crate::Refusals;

pub(crate) const PROPERTIES: &[&str] = &[
    "Architectures",
    "CapacityProviderConfig",
    "Code",
    "CodeSigningConfigArn",
    "DeadLetterConfig",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "FileSystemConfigs",
    "FunctionName",
    "FunctionScalingConfig",
    "Handler",
    "ImageConfig",
    "KmsKeyArn",
    "Layers",
    "LoggingConfig",
    "MemorySize",
    "PackageType",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "Role",
    "Runtime",
    "RuntimeManagementConfig",
    "SnapStart",
    "Tags",
    "TenancyConfig",
    "Timeout",
    "TracingConfig",
    "VpcConfig",
];
/// Those that are no members of CreateFunction by the same name.
const OF_THEIR_OWN: &[&str] = &[
    "Code",
    "FunctionName",
    "FunctionScalingConfig",
    "KmsKeyArn",
    "PublishToLatestPublished",
    "RecursiveLoop",
    "ReservedConcurrentExecutions",
    "RuntimeManagementConfig",
    "Tags",
];
/// Those that a function has for good, or that are changed by themselves.
const OF_CREATION: &[&str] = &["Architectures", "CodeSigningConfigArn", "PackageType", "TenancyConfig"];

/// The qualifier of the newest published version of a function on managed instances.
const NEWEST: &str = "$LATEST.PUBLISHED";

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    if resource
        .get("FileSystemConfigs")
        .is_some_and(|listed| listed.as_array().is_none_or(|it| !it.is_empty()))
    {
        return Err(Refusals::one(
            format!("{place}.FileSystemConfigs"),
            "Tule mounts no file systems: functions have their own /tmp only",
        ));
    }
    let name = resource.name("FunctionName");
    let (code, stored) = code(resource, &place)?;
    let mut create = configuration(resource);
    let mut update = create.clone();
    update.retain(|member, _| !OF_CREATION.contains(&member.as_str()));
    create.insert("FunctionName".to_owned(), Value::from(name.as_str()));
    create.insert("Tags".to_owned(), Value::Object(tag_map(resource.get("Tags"))));
    create.insert("Code".to_owned(), stored.clone());
    update.insert("FunctionName".to_owned(), Value::from(name.as_str()));
    let mut update_code = json!({ "FunctionName": name });
    if let (Value::Object(members), Value::Object(stored)) = (&mut update_code, stored) {
        members.extend(stored);
    }
    let publishes = resource.get("PublishToLatestPublished").is_some_and(|it| *it == true || *it == "true");
    if publishes {
        create.insert("Publish".to_owned(), Value::Bool(true));
        create.insert("PublishTo".to_owned(), Value::from("LATEST_PUBLISHED"));
    }
    let save = [("arn", "/FunctionArn")];
    let mut change_code = Call::new("lambda", "UpdateFunctionCode", update_code);
    change_code.code.clone_from(&code);
    let change = Call::new("lambda", "UpdateFunctionConfiguration", Value::Object(update)).saving(&save);
    let mut again = vec![change_code, change];
    if let Some(arn) = resource.get("CodeSigningConfigArn") {
        let members = json!({ "FunctionName": name, "CodeSigningConfigArn": arn });
        again.push(Call::new("lambda", "PutFunctionCodeSigningConfig", members));
    }
    if publishes {
        let members = json!({ "FunctionName": name, "PublishTo": "LATEST_PUBLISHED" });
        again.push(Call::new("lambda", "PublishVersion", members));
    }
    let mut create = Call::new("lambda", "CreateFunction", Value::Object(create)).saving(&save);
    create.code = code;
    let mut calls = vec![create.or_if("ResourceConflictException", again)];
    calls.extend(beside(resource, &name));
    Ok(calls)
}

/// What is told of a function when it is made, and again when it is changed.
fn configuration(resource: Named<'_>) -> Map<String, Value> {
    let same = PROPERTIES.iter().copied().filter(|name| !OF_THEIR_OWN.contains(name));
    let mut members = resource.members(&same.collect::<Vec<_>>());
    members.extend(resource.get("KmsKeyArn").map(|key| ("KMSKeyArn".to_owned(), key.clone())));
    // Templates may write numbers as text.
    for name in ["MemorySize", "Timeout"] {
        if let Some(number) = members.get(name).and_then(number) {
            members.insert(name.to_owned(), number);
        }
    }
    members
}

fn number(value: &Value) -> Option<Value> {
    value.as_str()?.parse::<i64>().ok().map(Value::from)
}

/// Settings of a function that have calls of their own.
fn beside(resource: Named<'_>, name: &str) -> Vec<Call> {
    let mut calls = Vec::new();
    let mut put = |operation, members: Value| calls.push(Call::new("lambda", operation, members));
    if let Some(count) = resource.get("ReservedConcurrentExecutions") {
        let count = number(count).unwrap_or_else(|| count.clone());
        let members = json!({ "FunctionName": name, "ReservedConcurrentExecutions": count });
        put("PutFunctionConcurrency", members);
    }
    if let Some(mode) = resource.get("RecursiveLoop") {
        put("PutFunctionRecursionConfig", json!({ "FunctionName": name, "RecursiveLoop": mode }));
    }
    if let Some(Value::Object(config)) = resource.get("RuntimeManagementConfig") {
        let mut members = config.clone();
        members.insert("FunctionName".to_owned(), Value::from(name));
        put("PutRuntimeManagementConfig", Value::Object(members));
    }
    if let Some(config) = resource.get("FunctionScalingConfig") {
        let members = json!({ "FunctionName": name, "Qualifier": NEWEST, "FunctionScalingConfig": config });
        put("PutFunctionScalingConfig", members);
    }
    calls
}

/// Where the code is: a local path or a text to be packaged, an object in S3, or a container image.
fn code(resource: Named<'_>, place: &str) -> Result<(Option<Code>, Value), Refusals> {
    let code = resource.get("Code").unwrap_or(&Value::Null);
    let runtime = resource.text("Runtime").unwrap_or_default().to_owned();
    if let Some(path) = code.as_str() {
        return Ok((Some(Code::Path { path: path.to_owned(), runtime }), json!({})));
    }
    if let Some(text) = code.get("ZipFile").and_then(Value::as_str) {
        let extension = if runtime.starts_with("python") { "py" } else { "js" };
        let module =
            resource.text("Handler").and_then(|handler| handler.split('.').next()).unwrap_or("index");
        return Ok((
            Some(Code::Inline { text: text.to_owned(), file: format!("{module}.{extension}") }),
            json!({}),
        ));
    }
    if code.get("S3Bucket").is_some() || code.get("ImageUri").is_some() {
        return Ok((None, code.clone()));
    }
    Err(Refusals::one(
        format!("{place}.Code"),
        "a function's code is a local path, a text, an object in S3, or an image",
    ))
}
