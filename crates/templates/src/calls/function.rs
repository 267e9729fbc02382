//! `AWS::Lambda::Function` and `AWS::Lambda::Permission`.

use serde_json::{Value, json};

use super::{Call, Code, Named, tag_map};
use crate::Refusals;

/// Properties that are members of CreateFunction by the same name.
const SAME: &[&str] = &[
    "Architectures",
    "Description",
    "DurableConfig",
    "Environment",
    "EphemeralStorage",
    "Handler",
    "LoggingConfig",
    "MemorySize",
    "Role",
    "Runtime",
    "Timeout",
    "TracingConfig",
];

pub(super) const PROPERTIES: &[&str] = &[
    "Architectures",
    "Code",
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
    "Tags",
    "Timeout",
    "TracingConfig",
];

pub(super) fn calls(resource: Named<'_>) -> Result<Vec<Call>, Refusals> {
    let place = format!("Resources.{}.Properties", resource.id);
    if resource.text("PackageType").is_some_and(|package| package != "Zip") {
        return Err(Refusals::one(
            format!("{place}.PackageType"),
            "Tule runs only functions packaged as Zip yet",
        ));
    }
    let name = resource.name("FunctionName");
    let (code, stored) = code(resource, &place)?;
    let mut create = resource.members(SAME);
    numbers(&mut create);
    create.insert("FunctionName".to_owned(), Value::from(name.as_str()));
    create.insert("Tags".to_owned(), Value::Object(tag_map(resource.get("Tags"))));
    create.insert("Code".to_owned(), stored.clone());
    let mut update = resource.members(SAME);
    numbers(&mut update);
    update.remove("Architectures");
    update.insert("FunctionName".to_owned(), Value::from(name.as_str()));
    let mut update_code = json!({ "FunctionName": name });
    if let (Value::Object(members), Value::Object(stored)) = (&mut update_code, stored) {
        members.extend(stored);
    }
    let save = [("arn", "/FunctionArn")];
    let mut change_code = Call::new("lambda", "UpdateFunctionCode", update_code);
    change_code.code.clone_from(&code);
    let change = Call::new("lambda", "UpdateFunctionConfiguration", Value::Object(update)).saving(&save);
    let mut create = Call::new("lambda", "CreateFunction", Value::Object(create)).saving(&save);
    create.code = code;
    Ok(vec![create.or_if("ResourceConflictException", vec![change_code, change])])
}

/// Templates may write numbers as text.
fn numbers(members: &mut serde_json::Map<String, Value>) {
    for name in ["MemorySize", "Timeout"] {
        let number = members.get(name).and_then(Value::as_str).and_then(|text| text.parse::<i64>().ok());
        if let Some(number) = number {
            members.insert(name.to_owned(), Value::from(number));
        }
    }
}

/// Where the code is: a local path or a text to be packaged, or an object in S3.
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
    if code.get("S3Bucket").is_some() {
        return Ok((None, code.clone()));
    }
    Err(Refusals::one(
        format!("{place}.Code"),
        "a function's code is a local path, a text, or an object in S3",
    ))
}

pub(super) const PERMISSION: &[&str] = &["Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"];

pub(super) fn permission(resource: Named<'_>) -> Vec<Call> {
    let mut add = resource.members(PERMISSION);
    let id = Value::from(format!("{}-{}", resource.stack, resource.id));
    add.insert("StatementId".to_owned(), id.clone());
    let remove = json!({ "FunctionName": resource.get("FunctionName"), "StatementId": id });
    let again = Call::new("lambda", "AddPermission", Value::Object(add.clone()));
    let instead = vec![Call::new("lambda", "RemovePermission", remove), again];
    vec![Call::new("lambda", "AddPermission", Value::Object(add)).or_if("ResourceConflictException", instead)]
}
