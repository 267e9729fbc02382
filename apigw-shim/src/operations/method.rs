//! PutMethod, GetMethod, UpdateMethod, DeleteMethod.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{
    api_of_resource, keep, method, method_mut, parameter_mapping, remove_entry, resource, rest_api, set_entry,
};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    members,
    patch::Patch,
    rest_api::record::{Flags, Method, Resource, RestApi, Texts},
};

const METHODS: &[&str] = &["GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "HEAD", "ANY"];

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
    authorizer_id: Option<String>,
    #[serde(default)]
    authorization_scopes: Vec<String>,
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

/// Types that use an authorizer must name one of the API's; others keep none.
fn check_authorization(
    api: &RestApi,
    kind: &str,
    authorizer: Option<String>,
) -> Result<Option<String>, ServiceError> {
    match kind.to_uppercase().as_str() {
        "NONE" | "AWS_IAM" => Ok(None),
        "CUSTOM" | "COGNITO_USER_POOLS" | "JWT" => {
            let found = authorizer.filter(|id| api.authorizers.iter().any(|known| known.id == *id));
            found.map(Some).ok_or_else(|| {
                bad_request(
                    "Invalid authorizer ID specified. Setting the authorization type to CUSTOM or COGNITO_USER_POOLS \
                     requires a valid authorizer.",
                )
            })
        }
        _ => Err(bad_request(
            "Invalid Authorization Type specified. Valid options are NONE,AWS_IAM,CUSTOM,COGNITO_USER_POOLS",
        )),
    }
}

/// A method that lets everybody in and has nothing behind it.
pub(crate) fn plain(name: &str) -> Method {
    Method {
        http_method: name.to_owned(),
        authorization_type: String::from("NONE"),
        authorizer_id: None,
        authorization_scopes: Vec::new(),
        api_key_required: false,
        operation_name: None,
        request_parameters: None,
        request_models: None,
        request_validator_id: None,
        method_responses: BTreeMap::new(),
        method_integration: None,
    }
}

pub(super) fn check_model(api: &RestApi, name: &str) -> Result<(), ServiceError> {
    if api.models.iter().any(|model| model.name == name) {
        return Ok(());
    }
    Err(bad_request(format!("Invalid model identifier specified: {name}")))
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
    let api = rest_api::record(state, &live)?;
    let authorizer_id = check_authorization(&api, &input.authorization_type, input.authorizer_id)?;
    let has_scopes = matches!(&*input.authorization_type.to_uppercase(), "COGNITO_USER_POOLS" | "JWT");
    if !has_scopes && !input.authorization_scopes.is_empty() {
        return Err(bad_request(
            "Authorization Scopes are only valid for COGNITO_USER_POOLS authorization type",
        ));
    }
    if let Some(id) = &input.request_validator_id {
        check_validator(&api, id)?;
    }
    input.request_models.iter().flat_map(BTreeMap::values).try_for_each(|name| check_model(&api, name))?;
    let parameters = input.request_parameters.iter().flat_map(BTreeMap::keys);
    parameter_mapping::check_method(parameters).map_err(bad_request)?;
    if resource.resource_methods.contains_key(&input.http_method) {
        return Err(conflict("Method already exists for this resource"));
    }
    let method = Method {
        http_method: input.http_method.clone(),
        authorization_type: input.authorization_type.to_uppercase(),
        authorization_scopes: input.authorization_scopes,
        authorizer_id,
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
    // The type and its authorizer come in any order, so they are looked at together.
    method.authorizer_id =
        check_authorization(&api, &method.authorization_type, method.authorizer_id.take())?;
    if method.authorizer_id.is_none() {
        method.authorization_scopes.clear();
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
                parameter_mapping::check_method([name]).map_err(bad_request)?;
                set_entry(&mut method.request_parameters, (*name).to_owned(), patch.is_true());
            } else if !remove_entry(&mut method.request_parameters, name) {
                return Err(invalid("parameter name"));
            }
        }
        ["requestModels", content_type] => {
            if patch.sets()? {
                check_model(api, &patch.value())?;
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
            method.authorization_type = patch.value().to_uppercase();
        }
        ["authorizerId"] => {
            patch.only_replace()?;
            method.authorizer_id = Some(patch.value()).filter(|id| !id.is_empty());
        }
        ["authorizationScopes"] => {
            let scope = patch.value();
            method.authorization_scopes.retain(|known| *known != scope);
            if patch.sets()? {
                method.authorization_scopes.push(scope);
            }
        }
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
