//! PutMethodResponse, GetMethodResponse, UpdateMethodResponse, DeleteMethodResponse.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{
    api_of_resource, keep, method, method::check_model, method_mut, parameter_mapping, remove_entry,
    resource, rest_api, set_entry,
};
use crate::{
    State,
    error::{bad_request, conflict, invalid, not_found},
    members,
    patch::Patch,
    rest_api::record::{Flags, MethodResponse, Resource, RestApi, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResponse {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    status_code: String,
    response_parameters: Option<Flags>,
    response_models: Option<Texts>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

fn no_status() -> ServiceError {
    invalid("Response status code")
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let api = rest_api::record(state, &live)?;
    input.response_models.iter().flat_map(BTreeMap::values).try_for_each(|name| check_model(&api, name))?;
    let parameters = input.response_parameters.iter().flat_map(BTreeMap::keys);
    parameter_mapping::check_method_response(parameters).map_err(bad_request)?;
    if method.method_responses.contains_key(&input.status_code) {
        return Err(conflict("Response already exists for this resource"));
    }
    let response = MethodResponse {
        status_code: input.status_code.clone(),
        response_parameters: input.response_parameters,
        response_models: input.response_models,
    };
    let answer = members::answer(&response);
    method.method_responses.insert(input.status_code, response);
    keep(state, &live, resource).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let resource = resource(state, &live, &input.resource_id)?;
    let method = method(&resource, &input.http_method)?;
    members::answer(method.method_responses.get(&input.status_code).ok_or_else(no_status)?)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let response = method.method_responses.get_mut(&input.status_code).ok_or_else(no_status)?;
    let api = rest_api::record(state, &live)?;
    for patch in &input.patch_operations {
        change(&api, response, patch)?;
    }
    let answer = members::answer(response);
    keep(state, &live, resource).await?;
    answer
}

fn change(api: &RestApi, response: &mut MethodResponse, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["responseParameters", name] => {
            if patch.sets()? {
                parameter_mapping::check_method_response([name]).map_err(bad_request)?;
                set_entry(&mut response.response_parameters, (*name).to_owned(), patch.is_true());
            } else if !remove_entry(&mut response.response_parameters, name) {
                return Err(invalid("parameter name"));
            }
        }
        ["responseModels", content_type] => {
            if patch.sets()? {
                check_model(api, &patch.value())?;
                set_entry(&mut response.response_models, (*content_type).to_owned(), patch.value());
            } else if !remove_entry(&mut response.response_models, content_type) {
                return Err(not_found("Content-Type specified was not found"));
            }
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    method.method_responses.remove(&input.status_code).ok_or_else(no_status)?;
    keep(state, &live, resource).await?;
    Ok(Output::empty())
}
