//! CreateModel, GetModel, GetModels, UpdateModel, DeleteModel, GetModelTemplate.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{api, listing, page, rest, rest_api};
use crate::{
    State,
    error::{bad_request, conflict, not_found},
    id, members,
    patch::Patch,
    rest_api::record::{Model, RestApi},
    schema,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    name: String,
    description: Option<String>,
    schema: Option<String>,
    content_type: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfModel {
    rest_api_id: String,
    model_name: String,
    #[serde(default)]
    flatten: bool,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<i64>,
}

fn no_model(name: &str) -> ServiceError {
    not_found(format!("Invalid model name specified: {name}"))
}

fn find<'r>(record: &'r RestApi, name: &str) -> Result<&'r Model, ServiceError> {
    record.models.iter().find(|model| model.name == name).ok_or_else(|| no_model(name))
}

/// A schema must be one, and its references must lead to models that there are.
fn check_schema(record: &RestApi, name: &str, content_type: &str, text: &str) -> Result<(), ServiceError> {
    if text.trim().is_empty() {
        return Err(bad_request("Model schema must have at least 1 property or array items defined"));
    }
    if !content_type.contains("json") {
        return Ok(());
    }
    let refused = |reason: &str| {
        let result = format!("Validation Result: warnings : [], errors : [{reason}]");
        bad_request(format!("Invalid model specified: {result}"))
    };
    let parsed: Value = serde_json::from_str(text).map_err(|_| refused("Invalid model schema specified"))?;
    if !parsed.is_object() {
        return Err(refused("Invalid model schema specified"));
    }
    let mut models: std::collections::BTreeMap<String, Value> = record
        .models
        .iter()
        .filter_map(|model| Some((model.name.clone(), serde_json::from_str(&model.schema).ok()?)))
        .collect();
    models.insert(name.to_owned(), parsed);
    schema::compile(name, &models)
        .map(drop)
        .map_err(|reason| refused(&format!("Invalid model schema specified. {reason}")))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    if input.name.is_empty() {
        return Err(bad_request("Model name must be non-empty"));
    }
    if !input.name.chars().all(|character| character.is_ascii_alphanumeric()) {
        return Err(bad_request(format!("Model name must be alphanumeric: {}", input.name)));
    }
    if record.models.iter().any(|model| model.name == input.name) {
        return Err(conflict("Model name already exists for this REST API"));
    }
    let schema = input.schema.unwrap_or_default();
    check_schema(&record, &input.name, &input.content_type, &schema)?;
    let model = Model {
        id: id::random(6),
        name: input.name,
        description: input.description.filter(|text| !text.is_empty()),
        schema,
        content_type: input.content_type,
    };
    let answer = members::answer(&model);
    record.models.push(model);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfModel = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(|| no_model(&input.model_name))?;
    let record = rest_api::record(state, &live)?;
    let mut model = find(&record, &input.model_name)?.clone();
    if input.flatten {
        model.schema = flattened(&record, &model);
    }
    members::answer(&model)
}

/// The schema with the models that it refers to as its definitions.
fn flattened(record: &RestApi, model: &Model) -> String {
    let Ok(mut schema) = serde_json::from_str::<Value>(&model.schema) else { return model.schema.clone() };
    let mut wanted = Vec::new();
    schema::referenced(&schema, &mut wanted);
    let mut definitions = serde_json::Map::new();
    while let Some(name) = wanted.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let found = record.models.iter().find(|known| known.name == name);
        let part: Option<Value> = found.and_then(|found| serde_json::from_str(&found.schema).ok());
        if let Some(mut part) = part {
            schema::referenced(&part, &mut wanted);
            localize(&mut part);
            definitions.insert(name, part);
        }
    }
    localize(&mut schema);
    if !definitions.is_empty()
        && let Value::Object(members) = &mut schema
    {
        let own = members.entry("definitions").or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            own.extend(definitions);
        }
    }
    schema.to_string()
}

/// References to other models become ones to definitions.
fn localize(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(reference)) = members.get_mut("$ref")
                && let Some((_, name)) = reference.rsplit_once("/models/")
            {
                *reference = format!("#/definitions/{name}");
            }
            members.values_mut().for_each(localize);
        }
        Value::Array(items) => items.iter_mut().for_each(localize),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all: Vec<&Model> = record.models.iter().collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |model| &model.name);
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfModel = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(|| no_model(&input.model_name))?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let mut changed = find(&record, &input.model_name)?.clone();
    for patch in &input.patch_operations {
        match patch.path.as_str() {
            "/description" => {
                patch.only_replace()?;
                changed.description = Some(patch.value()).filter(|text| !text.is_empty());
            }
            "/schema" => {
                patch.only_replace()?;
                check_schema(&record, &changed.name, &changed.content_type, &patch.value())?;
                changed.schema = patch.value();
            }
            _ => {
                return Err(bad_request(format!(
                    "Invalid patch path  '{}' specified for op '{}'. Must be one of: [/description, /schema]",
                    patch.path, patch.op
                )));
            }
        }
    }
    let answer = members::answer(&changed);
    for model in record.models.iter_mut().filter(|model| model.name == changed.name) {
        model.clone_from(&changed);
    }
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfModel = members::read(input)?;
    let name = &input.model_name;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(|| no_model(name))?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    find(&record, name)?;
    let used = |place: String| conflict(format!("Cannot delete model '{name}', is referenced in {place}"));
    for resource in state.apis.resources.page(&live.prefix(), None, usize::MAX) {
        for (verb, method) in &resource.resource_methods {
            let path = format!("{}/{verb}", resource.path);
            if method.request_models.iter().flatten().any(|(_, model)| model == name) {
                return Err(used(format!("method request: {path}")));
            }
            for (status, response) in &method.method_responses {
                if response.response_models.iter().flatten().any(|(_, model)| model == name) {
                    return Err(used(format!("method response: {path}/{status}")));
                }
            }
        }
    }
    for other in record.models.iter().filter(|other| other.name != *name) {
        let mut names = Vec::new();
        if let Ok(schema) = serde_json::from_str(&other.schema) {
            schema::referenced(&schema, &mut names);
        }
        if names.contains(name) {
            return Err(used(format!("model: {}", other.name)));
        }
    }
    record.models.retain(|model| model.name != *name);
    rest_api::put(state, &live, record).await?;
    Ok(Output::empty())
}

/// A mapping template that writes what the model describes, with examples for values.
pub(super) async fn template(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfModel = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(|| no_model(&input.model_name))?;
    let record = rest_api::record(state, &live)?;
    let model = find(&record, &input.model_name)?;
    let schema: Value = serde_json::from_str(&model.schema).unwrap_or(Value::Null);
    let mut text = String::from("#set($inputRoot = $input.path('$'))\n");
    sample(&record, &schema, "$inputRoot", 0, &mut text);
    Ok(Output::of(json!({ "value": text })))
}

fn sample(record: &RestApi, schema: &Value, root: &str, depth: usize, text: &mut String) {
    let indent = "  ".repeat(depth);
    if let Some(name) = schema.get("$ref").and_then(Value::as_str).and_then(|it| it.rsplit('/').next()) {
        let found = record.models.iter().find(|model| model.name == name).filter(|_| depth < 8);
        let other = found.and_then(|model| serde_json::from_str(&model.schema).ok()).unwrap_or(Value::Null);
        return sample(record, &other, root, depth + 1, text);
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("array") => {
            let element = format!("$elem{}", if depth == 0 { String::new() } else { depth.to_string() });
            text.push_str(&format!(
                "[\n##TODO: Update this foreach loop to reference array from input json\n#foreach({element} in {root})\n {indent} "
            ));
            sample(record, schema.get("items").unwrap_or(&Value::Null), &element, depth + 1, text);
            text.push_str("#if($foreach.hasNext),#end\n#end\n]");
        }
        Some("object") => {
            text.push_str("{\n");
            let properties = schema.get("properties").and_then(Value::as_object);
            let count = properties.map_or(0, serde_json::Map::len);
            for (at, (name, property)) in properties.into_iter().flatten().enumerate() {
                text.push_str(&format!("{indent}  {} : ", Value::from(name.as_str())));
                sample(record, property, root, depth + 1, text);
                text.push_str(if at + 1 < count { ",\n" } else { "\n" });
            }
            text.push_str(&format!("{indent}}}"));
        }
        Some("integer") => text.push_str("42"),
        Some("number") => text.push_str("3.14"),
        Some("boolean") => text.push_str("true"),
        Some("null") => text.push_str("null"),
        _ => text.push_str("\"foo\""),
    }
}
