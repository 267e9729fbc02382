//! PutGatewayResponse, GetGatewayResponse, GetGatewayResponses, UpdateGatewayResponse, DeleteGatewayResponse.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{
    ListOfApi, api, integration::check_templates, listing, page, parameter_mapping::check_gateway_response,
    rest_api,
};
use crate::{
    State,
    error::{bad_request, invalid},
    members,
    openapi::import::is_status,
    patch::Patch,
    rest_api::{
        gateway_response::ResponseType,
        record::{GatewayResponse, RestApi, Texts},
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResponse {
    rest_api_id: String,
    response_type: String,
    status_code: Option<String>,
    response_parameters: Option<Texts>,
    response_templates: Option<Texts>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

fn default_templates() -> Texts {
    Texts::from([(
        String::from("application/json"),
        String::from("{\"message\":$context.error.messageString}"),
    )])
}

pub(crate) fn default_of(name: &str) -> Option<GatewayResponse> {
    let known = ResponseType::ALL.into_iter().find(|known| known.name() == name)?;
    Some(GatewayResponse {
        response_type: name.to_owned(),
        status_code: known.status().map(|status| status.to_string()),
        response_parameters: Texts::new(),
        response_templates: default_templates(),
        default_response: true,
    })
}

fn of(api: &RestApi, name: &str) -> Result<GatewayResponse, ServiceError> {
    let custom = api.gateway_responses.get(name).cloned();
    custom.or_else(|| default_of(name)).ok_or_else(|| invalid("Gateway response type"))
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let default = default_of(&input.response_type).ok_or_else(|| invalid("Gateway response type"))?;
    check_templates(input.response_templates.as_ref())?;
    input.response_parameters.iter().try_for_each(check_gateway_response).map_err(bad_request)?;
    let response = GatewayResponse {
        status_code: input.status_code.or(default.status_code),
        response_parameters: input.response_parameters.unwrap_or_default(),
        response_templates: input.response_templates.unwrap_or(default.response_templates),
        response_type: input.response_type.clone(),
        default_response: false,
    };
    let answer = members::answer(&response);
    record.gateway_responses.insert(input.response_type, response);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    members::answer(&of(&*rest_api::record(state, &live)?, &input.response_type)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: ListOfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all =
        ResponseType::ALL.iter().map(|known| of(&record, known.name())).collect::<Result<Vec<_>, _>>()?;
    let (found, position) =
        page(all, input.limit, input.position.as_deref(), |response| &response.response_type);
    let items = found.iter().map(members::value).collect::<Result<_, _>>()?;
    Ok(listing(items, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let mut response = of(&record, &input.response_type)?;
    for patch in &input.patch_operations {
        change(&mut response, patch)?;
    }
    response.default_response = false;
    let answer = members::answer(&response);
    record.gateway_responses.insert(input.response_type, response);
    rest_api::put(state, &live, record).await?;
    answer
}

fn change(response: &mut GatewayResponse, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["statusCode"] => {
            patch.only_replace()?;
            if !is_status(&patch.value()) {
                return Err(bad_request("Invalid response status code specified"));
            }
            response.status_code = Some(patch.value());
        }
        ["responseParameters", name] => {
            if patch.sets()? {
                let one = Texts::from([((*name).to_owned(), patch.value())]);
                check_gateway_response(&one).map_err(bad_request)?;
                response.response_parameters.extend(one);
            } else if response.response_parameters.remove(*name).is_none() {
                return Err(invalid("parameter name"));
            }
        }
        ["responseTemplates", content_type] => {
            if patch.sets()? {
                let one = Texts::from([((*content_type).to_owned(), patch.value())]);
                check_templates(Some(&one))?;
                response.response_templates.extend(one);
            } else if response.response_templates.remove(*content_type).is_none() {
                return Err(crate::error::not_found("Content-Type specified was not found"));
            }
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResponse = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    if record.gateway_responses.remove(&input.response_type).is_none() {
        return Err(crate::error::not_found("Gateway response type not defined on api"));
    }
    rest_api::put(state, &live, record).await?;
    Ok(Output::empty())
}
