//! Request validators. Methods name one.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{api, listing, page, rest, rest_api};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    id, members,
    patch::Patch,
    rest_api::record::{RequestValidator, RestApi},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    name: Option<String>,
    #[serde(default)]
    validate_request_body: bool,
    #[serde(default)]
    validate_request_parameters: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfValidator {
    rest_api_id: String,
    request_validator_id: String,
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

fn no_validator() -> ServiceError {
    invalid("Request Validator identifier")
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id)
        .ok_or_else(|| bad_request("Invalid REST API identifier specified"))?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let validator = RequestValidator {
        id: id::random(6),
        name: input.name,
        validate_request_body: input.validate_request_body,
        validate_request_parameters: input.validate_request_parameters,
    };
    let answer = members::answer(&validator);
    record.request_validators.push(validator);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfValidator = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(no_validator)?;
    let record = rest_api::record(state, &live)?;
    let mut validators = record.request_validators.iter();
    let validator = validators.find(|validator| validator.id == input.request_validator_id);
    members::answer(validator.ok_or_else(no_validator)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all: Vec<&RequestValidator> = record.request_validators.iter().collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |validator| &validator.id);
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfValidator = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(no_validator)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let mut validators = record.request_validators.iter_mut();
    let validator = validators.find(|validator| validator.id == input.request_validator_id);
    let validator = validator.ok_or_else(no_validator)?;
    for patch in &input.patch_operations {
        patch.only_replace()?;
        match patch.path.as_str() {
            "/name" => validator.name = Some(patch.value()),
            "/validateRequestBody" => validator.validate_request_body = patch.is_true(),
            "/validateRequestParameters" => validator.validate_request_parameters = patch.is_true(),
            _ => return Err(patch.invalid_path()),
        }
    }
    let answer = members::answer(validator);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfValidator = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id).ok_or_else(no_validator)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let count = record.request_validators.len();
    record.request_validators.retain(|validator| validator.id != input.request_validator_id);
    if record.request_validators.len() == count {
        return Err(no_validator());
    }
    let resources = state.apis.resources.page(&live.prefix(), None, usize::MAX);
    let mut methods = resources.iter().flat_map(|resource| resource.resource_methods.values());
    if methods.any(|method| method.request_validator_id.as_ref() == Some(&input.request_validator_id)) {
        return Err(conflict("Cannot delete a request validator that a method uses"));
    }
    rest_api::put(state, &live, record).await?;
    Ok(Output::empty())
}
