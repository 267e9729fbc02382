//! CreateAuthorizer, GetAuthorizer, GetAuthorizers, UpdateAuthorizer, DeleteAuthorizer, FlushStageAuthorizersCache.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;

use super::{api, jwt_configuration, part::Part, rest, rest_api};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict, invalid},
    id, members,
    patch::Patch,
    rest_api::{
        authorize::CompiledAuthorizer,
        record::{Authorizer, JwtConfiguration, RestApi},
    },
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    name: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "providerARNs", default)]
    provider_arns: Vec<String>,
    auth_type: Option<String>,
    authorizer_uri: Option<String>,
    authorizer_credentials: Option<String>,
    identity_source: Option<String>,
    identity_validation_expression: Option<String>,
    authorizer_result_ttl_in_seconds: Option<i64>,
    jwt_configuration: Option<JwtConfiguration>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Flush {
    rest_api_id: String,
    stage_name: String,
}

impl Part for Authorizer {
    const MEMBER: &'static str = "authorizerId";

    fn all(record: &RestApi) -> &Vec<Self> {
        &record.authorizers
    }

    fn all_mut(record: &mut RestApi) -> &mut Vec<Self> {
        &mut record.authorizers
    }

    fn key(&self) -> &str {
        &self.id
    }

    fn missing(_: &str) -> ServiceError {
        invalid("Authorizer identifier")
    }

    fn api(state: &State, scope: &Scope, api: &str, id: &str) -> Result<Arc<Live>, ServiceError> {
        rest(state, scope, api).ok_or_else(|| Self::missing(id))
    }

    fn change(&mut self, _: &RestApi, patch: &Patch) -> Result<(), ServiceError> {
        change(self, patch)
    }

    fn check(&self) -> Result<(), ServiceError> {
        check(self)
    }

    fn check_unused(&self, state: &State, live: &Live, _: &RestApi) -> Result<(), ServiceError> {
        for resource in state.apis.resources.page(&live.prefix(), None, usize::MAX) {
            let mut methods = resource.resource_methods.iter();
            if let Some((verb, _)) =
                methods.find(|(_, method)| method.authorizer_id.as_ref() == Some(&self.id))
            {
                return Err(conflict(format!(
                    "Cannot delete authorizer '{}', is referenced in method: {}/{verb}",
                    self.name, resource.path
                )));
            }
        }
        Ok(())
    }
}

fn is_empty(text: Option<&String>) -> bool {
    text.is_none_or(String::is_empty)
}

/// Functions of requests are asked by what there may be of these, all others by one header.
fn check_sources(authorizer: &Authorizer) -> Result<(), ServiceError> {
    let places: &[&str] = match authorizer.kind.as_str() {
        "REQUEST" => {
            &["method.request.header.", "method.request.querystring.", "context.", "stageVariables."]
        }
        _ => &["method.request.header."],
    };
    let is_known = |source: &&str| {
        let mut names = places.iter().filter_map(|place| source.strip_prefix(place));
        names.any(|name| !name.is_empty() && !name.contains([',', ' ']))
    };
    let sources = authorizer.identity_source.as_deref().unwrap_or_default();
    let mut all: Vec<&str> = vec![sources.trim()];
    if authorizer.kind == "REQUEST" {
        all = sources.split(',').map(str::trim).collect();
    }
    match all.into_iter().find(|source| !source.is_empty() && !is_known(source)) {
        Some(wrong) => Err(bad_request(format!("Invalid identity source expression: {wrong}"))),
        None => Ok(()),
    }
}

/// An authorizer must be able to work.
pub(crate) fn check(authorizer: &Authorizer) -> Result<(), ServiceError> {
    if authorizer.name.is_empty() {
        return Err(bad_request("Authorizer name cannot be empty"));
    }
    let ttl = authorizer.authorizer_result_ttl_in_seconds;
    if ttl.is_some_and(|ttl| !(0..=3600).contains(&ttl)) {
        return Err(bad_request("Authorizer result TTL must be between 0 and 3600 seconds"));
    }
    let is_function = matches!(authorizer.kind.as_str(), "TOKEN" | "REQUEST");
    if is_function && is_empty(authorizer.authorizer_uri.as_ref()) {
        return Err(bad_request(
            "Invalid Authorizer URI: null. Authorizer URI should be a valid API Gateway ARN that represents a Lambda function invocation.",
        ));
    }
    let needs_source = authorizer.kind == "TOKEN" || (authorizer.kind == "REQUEST" && ttl != Some(0));
    if needs_source && is_empty(authorizer.identity_source.as_ref()) {
        return Err(bad_request(if authorizer.kind == "TOKEN" {
            "IdentitySource cannot be empty"
        } else {
            "Identity source is required for REQUEST authorizers when caching is enabled"
        }));
    }
    check_sources(authorizer)?;
    if authorizer.kind != "COGNITO_USER_POOLS" && !authorizer.provider_arns.is_empty() {
        return Err(bad_request("Provider ARNs are only supported for COGNITO_USER_POOLS authorizers"));
    }
    if authorizer.kind == "COGNITO_USER_POOLS" {
        if authorizer.provider_arns.is_empty() {
            return Err(bad_request(
                "At least one user pool ARN is required for COGNITO_USER_POOLS authorizers",
            ));
        }
        let is_pool = |arn: &&String| arn.contains(":cognito-idp:") && arn.contains(":userpool/");
        if let Some(arn) = authorizer.provider_arns.iter().find(|arn| !is_pool(arn)) {
            return Err(bad_request(format!("Invalid ARN specified in the request: {arn}")));
        }
    }
    if authorizer.kind == "JWT" {
        let Some(configuration) = &authorizer.jwt_configuration else {
            return Err(bad_request("jwtConfiguration is required for JWT authorizers"));
        };
        jwt_configuration::check(configuration)?;
    }
    CompiledAuthorizer::new(authorizer).map(drop).map_err(|reason| {
        if is_function && reason.contains("is no ARN") {
            let uri = authorizer.authorizer_uri.as_deref().unwrap_or_default();
            bad_request(format!(
                "Invalid Authorizer URI: {uri}. Authorizer URI should be a valid API Gateway ARN that represents a \
                 Lambda function invocation."
            ))
        } else {
            bad_request(reason)
        }
    })
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let default_type = match input.kind.as_str() {
        "COGNITO_USER_POOLS" => "cognito_user_pools",
        "JWT" => "jwt",
        _ => "custom",
    };
    let authorizer = Authorizer {
        id: id::random(6),
        name: input.name,
        kind: input.kind,
        provider_arns: input.provider_arns,
        auth_type: input.auth_type.or_else(|| Some(default_type.to_owned())),
        authorizer_uri: input.authorizer_uri,
        authorizer_credentials: input.authorizer_credentials,
        identity_source: input.identity_source,
        identity_validation_expression: input.identity_validation_expression,
        authorizer_result_ttl_in_seconds: input.authorizer_result_ttl_in_seconds,
        jwt_configuration: input.jwt_configuration,
    };
    check(&authorizer)?;
    rest_api::alter(state, &live, |record| {
        if record.authorizers.iter().any(|known| known.name == authorizer.name) {
            return Err(bad_request(format!(
                "Authorizer name must be unique. Authorizer {} already exists in this RestApi.",
                authorizer.name
            )));
        }
        let answer = members::answer(&authorizer);
        record.authorizers.push(authorizer);
        answer
    })
    .await
}

fn change(authorizer: &mut Authorizer, patch: &Patch) -> Result<(), ServiceError> {
    let text = Some(patch.value()).filter(|text| !text.is_empty());
    if patch.path == "/providerARNs" {
        let arn = patch.value();
        authorizer.provider_arns.retain(|known| *known != arn);
        if patch.sets()? {
            authorizer.provider_arns.push(arn);
        }
        return Ok(());
    }
    if let ["jwtConfiguration", below @ ..] =
        patch.segments().iter().map(String::as_str).collect::<Vec<_>>().as_slice()
    {
        return jwt_configuration::change(&mut authorizer.jwt_configuration, patch, below);
    }
    patch.only_replace()?;
    match patch.path.as_str() {
        "/name" => authorizer.name = patch.value(),
        "/type" => authorizer.kind = patch.value(),
        "/authType" => authorizer.auth_type = text,
        "/authorizerUri" => authorizer.authorizer_uri = text,
        "/authorizerCredentials" => authorizer.authorizer_credentials = text,
        "/identitySource" => authorizer.identity_source = text,
        "/identityValidationExpression" => authorizer.identity_validation_expression = text,
        "/authorizerResultTtlInSeconds" => {
            let seconds = patch.value().parse();
            let seconds = seconds.map_err(|_| bad_request("Invalid authorizer result TTL specified"))?;
            authorizer.authorizer_result_ttl_in_seconds = Some(seconds);
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

pub(super) async fn flush(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Flush = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    if state.apis.rest_stages.get(&live.child(&input.stage_name)).is_none() {
        return Err(invalid("stage identifier"));
    }
    let prefix = format!("{}/{}/", live.id, input.stage_name);
    state.admissions.retain(|key, _| !key.starts_with(&prefix));
    Ok(Output::empty())
}
