//! Request validators. Methods name one.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;

use super::{part::Part, rest, rest_api};
use crate::{
    State,
    apis::Live,
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

impl Part for RequestValidator {
    const MEMBER: &'static str = "requestValidatorId";

    fn all(record: &RestApi) -> &Vec<Self> {
        &record.request_validators
    }

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self> {
        &mut record.request_validators
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn missing(_: &str) -> ServiceError {
        invalid("Request Validator identifier")
    }

    fn api(state: &State, scope: &Scope, api: &str, id: &str) -> Result<Arc<Live>, ServiceError> {
        rest(state, scope, api).ok_or_else(|| Self::missing(id))
    }

    fn change(&mut self, _: &RestApi, patch: &Patch) -> Result<(), ServiceError> {
        patch.only_replace()?;
        match patch.path.as_str() {
            "/name" => self.name = Some(patch.value()),
            "/validateRequestBody" => self.validate_request_body = patch.is_true(),
            "/validateRequestParameters" => self.validate_request_parameters = patch.is_true(),
            _ => return Err(patch.invalid_path()),
        }
        Ok(())
    }

    fn check_unused(&self, state: &State, live: &Live, _: &RestApi) -> Result<(), ServiceError> {
        let resources = state.apis.resources.page(&live.prefix(), None, usize::MAX);
        let mut methods = resources.iter().flat_map(|resource| resource.resource_methods.values());
        if methods.any(|method| method.request_validator_id.as_ref() == Some(&self.id)) {
            return Err(conflict("Cannot delete a request validator that a method uses"));
        }
        Ok(())
    }
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = rest(state, &ctx.scope, &input.rest_api_id)
        .ok_or_else(|| bad_request("Invalid REST API identifier specified"))?;
    let validator = RequestValidator {
        id: id::random(6),
        name: input.name,
        validate_request_body: input.validate_request_body,
        validate_request_parameters: input.validate_request_parameters,
    };
    rest_api::alter(state, &live, |record| {
        let answer = members::answer(&validator);
        record.request_validators.push(validator);
        answer
    })
    .await
}
