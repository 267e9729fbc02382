//! CreateModel, GetModel, GetModels, UpdateModel, DeleteModel, GetModelTemplate.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    api,
    part::{Part, find},
    rest, rest_api,
};
use crate::{
    State,
    apis::Live,
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
}

impl Part for Model {
    const MEMBER: &'static str = "modelName";

    fn all(record: &RestApi) -> &Vec<Self> {
        &record.models
    }

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self> {
        &mut record.models
    }

    fn key(&self) -> &str {
        &self.name
    }

    fn missing(name: &str) -> ServiceError {
        not_found(format!("Invalid model name specified: {name}"))
    }

    fn api(state: &State, scope: &Scope, api: &str, name: &str) -> Result<Arc<Live>, ServiceError> {
        rest(state, scope, api).ok_or_else(|| Self::missing(name))
    }

    fn change(&mut self, record: &RestApi, patch: &Patch) -> Result<(), ServiceError> {
        match patch.path.as_str() {
            "/description" => {
                patch.only_replace()?;
                self.description = Some(patch.value()).filter(|text| !text.is_empty());
            }
            "/schema" => {
                patch.only_replace()?;
                check_schema(record, &self.name, &self.content_type, &patch.value())?;
                self.schema = patch.value();
            }
            _ => {
                return Err(bad_request(format!(
                    "Invalid patch path  '{}' specified for op '{}'. Must be one of: [/description, /schema]",
                    patch.path, patch.op
                )));
            }
        }
        Ok(())
    }

    fn check_unused(&self, state: &State, live: &Live, record: &RestApi) -> Result<(), ServiceError> {
        let name = &self.name;
        let used =
            |place: String| conflict(format!("Cannot delete model '{name}', is referenced in {place}"));
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
        Ok(())
    }
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
    let (name, content_type) = (input.name, input.content_type);
    if name.is_empty() {
        return Err(bad_request("Model name must be non-empty"));
    }
    if !name.chars().all(|character| character.is_ascii_alphanumeric()) {
        return Err(bad_request(format!("Model name must be alphanumeric: {name}")));
    }
    let schema = input.schema.unwrap_or_default();
    rest_api::alter(state, &live, |record| {
        if find::<Model>(record, &name).is_ok() {
            return Err(conflict("Model name already exists for this REST API"));
        }
        check_schema(record, &name, &content_type, &schema)?;
        let description = input.description.filter(|text| !text.is_empty());
        let model = Model { id: id::random(6), name, description, schema, content_type };
        let answer = members::answer(&model);
        record.models.push(model);
        answer
    })
    .await
}

/// The record of the API, the model's name, and whether it is to be whole in itself.
fn of_model(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<(Arc<RestApi>, String, bool), ServiceError> {
    let input: OfModel = members::read(input)?;
    let live = Model::api(state, &ctx.scope, &input.rest_api_id, &input.model_name)?;
    Ok((rest_api::record(state, &live)?, input.model_name, input.flatten))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let (record, name, is_flat) = of_model(state, ctx, input)?;
    let mut model = find::<Model>(&record, &name)?.clone();
    if is_flat {
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

/// A mapping template that writes what the model describes, with examples for values.
pub(super) async fn template(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let (record, name, _) = of_model(state, ctx, input)?;
    let schema: Value = serde_json::from_str(&find::<Model>(&record, &name)?.schema).unwrap_or(Value::Null);
    let model =
        |name: &str| find::<Model>(&record, name).ok().and_then(|it| serde_json::from_str(&it.schema).ok());
    Ok(Output::of(json!({ "value": schema::sample::template(&schema, &model) })))
}
