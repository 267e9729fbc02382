//! PutMethod, GetMethod, UpdateMethod, DeleteMethod.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{api_of_resource, keep, method, method_mut, remove_entry, resource, rest_api, set_entry};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    members,
    patch::Patch,
    rest_api::record::{Flags, Method, Resource, RestApi, Texts},
};

const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];
/// The models every API has.
const MODELS: &[&str] = &["Empty", "Error"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutMethod {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    authorization_type: String,
    #[serde(default)]
    api_key_required: bool,
    operation_name: Option<String>,
    request_parameters: Option<Flags>,
    request_models: Option<Texts>,
    request_validator_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfMethod {
    pub rest_api_id: String,
    pub resource_id: String,
    pub http_method: String,
    #[serde(default)]
    pub patch_operations: Vec<Patch>,
}

/// There are no authorizers yet, so none can be named.
fn check_authorization(kind: &str) -> Result<(), ServiceError> {
    match kind.to_uppercase().as_str() {
        "NONE" | "AWS_IAM" => Ok(()),
        "CUSTOM" | "COGNITO_USER_POOLS" => Err(bad_request(
            "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS requires \
             a valid authorizer.",
        )),
        "JWT" => Err(crate::error::not_yet("JWT authorizers")),
        _ => Err(bad_request(
            "Invalid Authorization Type specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS",
        )),
    }
}

pub(super) fn check_model(model: &str) -> Result<(), ServiceError> {
    if MODELS.contains(&model) {
        return Ok(());
    }
    Err(bad_request(format!("Invalid model identifier specified: {model}")))
}

fn check_validator(api: &RestApi, id: &str) -> Result<(), ServiceError> {
    if api.request_validators.iter().any(|validator| validator.id == id) {
        return Ok(());
    }
    Err(bad_request("Invalid Request Validator identifier specified"))
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: PutMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    if !METHODS.contains(&input.http_method.as_str()) {
        let options = METHODS.join(",");
        return Err(bad_request(format!("Invalid HttpMethod specified. Valid options are {options}")));
    }
    check_authorization(&input.authorization_type)?;
    if let Some(id) = &input.request_validator_id {
        check_validator(&*rest_api::record(state, &live)?, id)?;
    }
    input.request_models.iter().flat_map(BTreeMap::values).try_for_each(|model| check_model(model))?;
    if resource.resource_methods.contains_key(&input.http_method) {
        return Err(conflict("Method already exists for this resource"));
    }
    let method = Method {
        http_method: input.http_method.clone(),
        authorization_type: input.authorization_type.to_uppercase(),
        api_key_required: input.api_key_required,
        operation_name: input.operation_name,
        request_parameters: input.request_parameters,
        request_models: input.request_models,
        request_validator_id: input.request_validator_id,
        method_responses: BTreeMap::new(),
        method_integration: None,
    };
    let answer = members::answer(&method);
    resource.resource_methods.insert(input.http_method, method);
    keep(state, &live, resource).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let resource = resource(state, &live, &input.resource_id)?;
    members::answer(method(&resource, &input.http_method)?)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let api = rest_api::record(state, &live)?;
    for patch in &input.patch_operations {
        change(&api, method, patch)?;
    }
    let answer = members::answer(method);
    keep(state, &live, resource).await?;
    answer
}

fn change(api: &RestApi, method: &mut Method, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["requestParameters", name] => {
            if patch.sets()? {
                set_entry(&mut method.request_parameters, (*name).to_owned(), patch.is_true());
            } else if !remove_entry(&mut method.request_parameters, name) {
                return Err(invalid("parameter name"));
            }
        }
        ["requestModels", content_type] => {
            if patch.sets()? {
                check_model(&patch.value())?;
                set_entry(&mut method.request_models, (*content_type).to_owned(), patch.value());
            } else if !remove_entry(&mut method.request_models, content_type) {
                return Err(crate::error::not_found("Content-Type specified was not found"));
            }
        }
        ["operationName"] => {
            patch.only_replace()?;
            method.operation_name = Some(patch.value());
        }
        ["apiKeyRequired"] => {
            patch.only_replace()?;
            method.api_key_required = patch.is_true();
        }
        ["authorizationType"] => {
            patch.only_replace()?;
            check_authorization(&patch.value())?;
            method.authorization_type = patch.value().to_uppercase();
        }
        // AWS keeps an authorizer's id only beside a type that uses it, which check_authorization refuses.
        ["authorizerId"] => patch.only_replace()?,
        ["requestValidatorId"] => {
            patch.only_replace()?;
            let id = Some(patch.value()).filter(|id| !id.is_empty());
            if let Some(id) = &id {
                check_validator(api, id)?;
            }
            method.request_validator_id = id;
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    if resource.resource_methods.remove(&input.http_method).is_none() {
        return Err(invalid("Method identifier"));
    }
    keep(state, &live, resource).await?;
    Ok(Output::empty())
}
