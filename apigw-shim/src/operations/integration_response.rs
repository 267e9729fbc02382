//! PutIntegrationResponse, GetIntegrationResponse, UpdateIntegrationResponse, DeleteIntegrationResponse.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{
    api_of_resource,
    integration::{self, check_templates},
    keep, method, method_mut,
    parameter_mapping::{check_integration_response, entries},
    remove_entry, resource, set_entry,
};
use crate::{
    State,
    error::{bad_request, invalid, not_found},
    members,
    patch::Patch,
    rest_api::record::{IntegrationResponse, MethodResponse, Resource, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResponse {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    status_code: String,
    selection_pattern: Option<String>,
    response_parameters: Option<Texts>,
    response_templates: Option<Texts>,
    content_handling: Option<String>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

fn no_status() -> ServiceError {
    invalid("Response status code")
}

pub(crate) fn check_pattern(pattern: Option<&str>) -> Result<(), ServiceError> {
    match pattern.map(fancy_regex::Regex::new) {
        Some(Err(_)) => Err(bad_request("Invalid regex pattern specified")),
        _ => Ok(()),
    }
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let declared = method.method_responses.get(&input.status_code).cloned();
    let integration = integration::of_mut(method)?;
    check_templates(input.response_templates.as_ref())?;
    check_pattern(input.selection_pattern.as_deref())?;
    integration::check_content_handling(input.content_handling.as_deref())?;
    check_integration_response(entries(input.response_parameters.as_ref()), declared.as_ref())
        .map_err(bad_request)?;
    let response = IntegrationResponse {
        status_code: input.status_code.clone(),
        selection_pattern: input.selection_pattern,
        response_parameters: input.response_parameters,
        response_templates: input.response_templates,
        content_handling: input.content_handling,
    };
    let answer = members::answer(&response);
    integration.integration_responses.insert(input.status_code, response);
    keep(state, &live, resource).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let resource = resource(state, &live, &input.resource_id)?;
    let integration = integration::of(method(&resource, &input.http_method)?)?;
    members::answer(integration.integration_responses.get(&input.status_code).ok_or_else(no_status)?)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let declared = method.method_responses.get(&input.status_code).cloned();
    let integration = integration::of_mut(method)?;
    let response = integration.integration_responses.get_mut(&input.status_code).ok_or_else(no_status)?;
    for patch in &input.patch_operations {
        change(response, declared.as_ref(), patch)?;
    }
    let answer = members::answer(response);
    keep(state, &live, resource).await?;
    answer
}

fn change(
    response: &mut IntegrationResponse,
    declared: Option<&MethodResponse>,
    patch: &Patch,
) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["selectionPattern"] => {
            patch.only_replace()?;
            check_pattern(patch.value.as_deref())?;
            response.selection_pattern = Some(patch.value());
        }
        ["contentHandling"] => {
            let value = patch.value();
            integration::check_content_handling(patch.value.as_deref())?;
            response.content_handling = (patch.sets()? && !value.is_empty()).then_some(value);
        }
        ["responseParameters", name] => {
            if patch.sets()? {
                let (name, source) = ((*name).to_owned(), patch.value());
                check_integration_response([(&name, &source)], declared).map_err(bad_request)?;
                set_entry(&mut response.response_parameters, name, source);
            } else if !remove_entry(&mut response.response_parameters, name) {
                return Err(invalid("parameter name"));
            }
        }
        ["responseTemplates", content_type] => {
            if patch.sets()? {
                let one = Texts::from([((*content_type).to_owned(), patch.value())]);
                check_templates(Some(&one))?;
                set_entry(&mut response.response_templates, (*content_type).to_owned(), patch.value());
            } else if !remove_entry(&mut response.response_templates, content_type) {
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
    // Here, and only here, a method that is not there is an integration that is not there.
    let method =
        method_mut(&mut resource, &input.http_method).map_err(|_| invalid("Integration identifier"))?;
    let integration = integration::of_mut(method)?;
    integration.integration_responses.remove(&input.status_code).ok_or_else(no_status)?;
    keep(state, &live, resource).await?;
    Ok(Output::empty())
}
