//! PutIntegration, GetIntegration, UpdateIntegration, DeleteIntegration.

use std::collections::BTreeMap;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;

use super::{
    api_of_resource, keep, method,
    method::OfMethod,
    method_mut,
    parameter_mapping::{Declared, check_integration, entries},
    remove_entry, resource, set_entry, vpc_link,
};
use crate::{
    State,
    error::{bad_request, invalid, not_found},
    members,
    patch::Patch,
    rest_api::{
        compiled::cache_key,
        integration_kind::streamed_function,
        record::{Integration, Method, Resource, Texts, TlsConfig},
    },
};

/// The longest and the usual time an integration has.
const TIMEOUT: u64 = 29_000;
/// The longest time an integration has that streams its answer.
const STREAM_TIMEOUT: u64 = 900_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PutIntegration {
    rest_api_id: String,
    resource_id: String,
    http_method: String,
    #[serde(rename = "type")]
    kind: String,
    integration_http_method: Option<String>,
    uri: Option<String>,
    connection_type: Option<String>,
    connection_id: Option<String>,
    credentials: Option<String>,
    request_parameters: Option<Texts>,
    request_templates: Option<Texts>,
    passthrough_behavior: Option<String>,
    cache_namespace: Option<String>,
    #[serde(default)]
    cache_key_parameters: Vec<String>,
    content_handling: Option<String>,
    timeout_in_millis: Option<i64>,
    tls_config: Option<TlsConfig>,
    response_transfer_mode: Option<String>,
    integration_target: Option<String>,
}

fn no_integration() -> ServiceError {
    invalid("Integration identifier")
}

pub(super) fn of(method: &Method) -> Result<&Integration, ServiceError> {
    method.method_integration.as_ref().ok_or_else(no_integration)
}

pub(super) fn of_mut(method: &mut Method) -> Result<&mut Integration, ServiceError> {
    method.method_integration.as_mut().ok_or_else(no_integration)
}

/// The link that an integration goes through.
pub(super) fn link(integration: &Integration) -> Option<&str> {
    let is_linked = integration.connection_type.as_deref() == Some("VPC_LINK");
    integration.connection_id.as_deref().filter(|_| is_linked)
}

/// Checks the way to what stands behind a method: the internet, or a link that is there.
pub(crate) fn check_connection(
    state: &State,
    scope: &Scope,
    kind: Option<&str>,
    id: Option<&str>,
) -> Result<(), ServiceError> {
    match kind {
        None | Some("" | "INTERNET") => Ok(()),
        Some("VPC_LINK") => {
            let id = id.filter(|id| !id.is_empty()).ok_or_else(|| {
                bad_request(
                    "ConnectionId should be set to the vpcLinkId or stage variable on connection type VPC_LINK",
                )
            })?;
            vpc_link::check_connection(state, scope, id)
        }
        Some(_) => Err(bad_request("Invalid connection type specified. Valid options are INTERNET,VPC_LINK")),
    }
}

/// A role's ARN, or that of whoever asks: `arn:aws:iam::*:user/*`.
pub(crate) fn check_credentials(credentials: Option<&str>) -> Result<(), ServiceError> {
    match credentials {
        Some(arn) if !arn.is_empty() && !arn.starts_with("arn:") && !arn.contains("${stageVariables.") => {
            Err(bad_request("Invalid ARN specified in the request"))
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_content_handling(handling: Option<&str>) -> Result<(), ServiceError> {
    match handling {
        None | Some("" | "CONVERT_TO_BINARY" | "CONVERT_TO_TEXT") => Ok(()),
        Some(_) => Err(bad_request(
            "Invalid content handling specified. Valid options are CONVERT_TO_BINARY,CONVERT_TO_TEXT",
        )),
    }
}

fn refuse(state: &State, scope: &Scope, input: &PutIntegration) -> Result<(), ServiceError> {
    check_connection(state, scope, input.connection_type.as_deref(), input.connection_id.as_deref())?;
    check_credentials(input.credentials.as_deref())?;
    check_content_handling(input.content_handling.as_deref())
}

/// Some settings are of some integrations only.
fn check_fit(integration: &Integration) -> Result<(), ServiceError> {
    if integration.integration_target.is_some() && integration.connection_type.as_deref() != Some("VPC_LINK")
    {
        return Err(bad_request("integrationTarget can only be specified when connectionType is VPC_LINK"));
    }
    if integration.tls_config.is_some() && !integration.kind.starts_with("HTTP") {
        return Err(bad_request("tlsConfig is only supported for HTTP and HTTP_PROXY integrations"));
    }
    Ok(())
}

/// Checks the address of an integration of a kind.
pub(crate) fn check_uri(kind: &str, uri: Option<&str>, streams: bool) -> Result<(), ServiceError> {
    if streams && !kind.ends_with("_PROXY") {
        return Err(bad_request(
            "Response transfer mode STREAM is only supported for AWS_PROXY and HTTP_PROXY integrations",
        ));
    }
    if kind == "MOCK" {
        return Ok(());
    }
    let uri = uri.unwrap_or_default();
    if uri.is_empty() {
        return Err(bad_request("Invalid HTTP endpoint specified for URI"));
    }
    if kind.starts_with("HTTP") {
        let is_variable = uri.contains("${stageVariables.");
        if uri.starts_with("http://") || uri.starts_with("https://") || is_variable {
            return Ok(());
        }
        return Err(bad_request("Invalid HTTP endpoint specified for URI"));
    }
    check_aws_uri(kind, uri, streams)
}

fn check_aws_uri(kind: &str, uri: &str, streams: bool) -> Result<(), ServiceError> {
    if !uri.starts_with("arn:") {
        return Err(bad_request("Invalid ARN specified in the request"));
    }
    let mut parts = uri.splitn(6, ':').skip(2);
    let (service, _, target, resource) =
        (parts.next(), parts.next(), parts.next(), parts.next().unwrap_or_default());
    if service != Some("apigateway") || !(resource.starts_with("path/") || resource.starts_with("action/")) {
        return Err(bad_request("AWS ARN for integration must contain path or action"));
    }
    if kind == "AWS_PROXY" {
        let invokes = if streams {
            streamed_function(resource).is_some()
        } else {
            resource.starts_with("path/2015-03-31/functions/") && resource.ends_with("/invocations")
        };
        if target != Some("lambda") || !invokes {
            return Err(bad_request(
                "Integrations of type 'AWS_PROXY' currently only supports Lambda function and Firehose stream \
                 invocations.",
            ));
        }
    }
    Ok(())
}

/// Templates are parsed when they are deployed; one that does not parse is refused at once, by us alone: AWS fails the
/// requests instead.
pub(crate) fn check_templates(templates: Option<&Texts>) -> Result<(), ServiceError> {
    for (content_type, template) in templates.into_iter().flatten() {
        vtl::Template::parse(template).map_err(|error| {
            bad_request(format!("Invalid mapping template specified for {content_type}: {error}"))
        })?;
    }
    Ok(())
}

pub(crate) fn passthrough(behavior: Option<String>) -> Result<String, ServiceError> {
    let behavior = behavior.unwrap_or_else(|| String::from("WHEN_NO_MATCH"));
    if !["WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"].contains(&behavior.as_str()) {
        return Err(bad_request(
            "Invalid passthrough behavior specified. Valid options are WHEN_NO_MATCH,WHEN_NO_TEMPLATES,NEVER",
        ));
    }
    Ok(behavior)
}

pub(crate) fn timeout(millis: Option<i64>, streams: bool) -> Result<u64, ServiceError> {
    let Some(millis) = millis else { return Ok(TIMEOUT) };
    let most = if streams { STREAM_TIMEOUT } else { TIMEOUT };
    let millis = u64::try_from(millis).ok().filter(|millis| (50..=most).contains(millis));
    millis.ok_or_else(|| bad_request(format!("Timeout should be between 50 ms and {most} ms")))
}

fn streams(mode: Option<&String>) -> bool {
    mode.is_some_and(|mode| mode == "STREAM")
}

/// Keys are made of what the method declares, or of what is mapped from it.
pub(crate) fn check_cache_key(integration: &Integration, declared: &Declared) -> Result<(), ServiceError> {
    let is_known = |name: &String| {
        let mapped = integration.request_parameters.as_ref().is_some_and(|mapped| mapped.contains_key(name));
        mapped || declared.has(name) || name.starts_with("method.request.body")
    };
    if !integration.cache_key_parameters.iter().all(is_known) {
        return Err(bad_request("Invalid cache key parameter specified"));
    }
    cache_key(integration).map(drop).map_err(bad_request)
}

pub(super) async fn put(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: PutIntegration = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    refuse(state, &ctx.scope, &input)?;
    if input.kind != "MOCK" && input.integration_http_method.is_none() {
        return Err(bad_request("Enumeration value for HttpMethod must be non-empty"));
    }
    check_uri(&input.kind, input.uri.as_deref(), streams(input.response_transfer_mode.as_ref()))?;
    check_templates(input.request_templates.as_ref())?;
    let declared = Declared::of(method.request_parameters.as_ref());
    check_integration(entries(input.request_parameters.as_ref()), &declared).map_err(bad_request)?;
    let is_http = input.kind.starts_with("HTTP");
    let timeout_in_millis = timeout(input.timeout_in_millis, streams(input.response_transfer_mode.as_ref()))?;
    let integration = Integration {
        // A MOCK has no method of its own.
        http_method: input.integration_http_method.filter(|_| input.kind != "MOCK"),
        kind: input.kind,
        uri: input.uri,
        connection_id: input.connection_id,
        integration_target: input.integration_target,
        connection_type: input.connection_type.or_else(|| is_http.then(|| String::from("INTERNET"))),
        credentials: input.credentials,
        request_parameters: input.request_parameters,
        request_templates: input.request_templates,
        passthrough_behavior: passthrough(input.passthrough_behavior)?,
        content_handling: input.content_handling,
        timeout_in_millis,
        response_transfer_mode: input.response_transfer_mode,
        tls_config: input.tls_config,
        cache_namespace: input.cache_namespace.unwrap_or(input.resource_id),
        cache_key_parameters: input.cache_key_parameters,
        integration_responses: BTreeMap::new(),
    };
    check_fit(&integration)?;
    check_cache_key(&integration, &declared)?;
    let answer = members::answer(&integration);
    method.method_integration = Some(integration);
    keep(state, &live, resource).await?;
    answer
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let resource = resource(state, &live, &input.resource_id)?;
    members::answer(of(method(&resource, &input.http_method)?)?)
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    let declared = Declared::of(method.request_parameters.as_ref());
    let integration = of_mut(method)?;
    for patch in &input.patch_operations {
        change(integration, &declared, patch)?;
    }
    let streams = streams(integration.response_transfer_mode.as_ref());
    check_uri(&integration.kind, integration.uri.as_deref(), streams)?;
    check_fit(integration)?;
    check_cache_key(integration, &declared)?;
    let names = |part: &str| input.patch_operations.iter().any(|patch| patch.path.starts_with(part));
    if names("/connection") {
        let id = integration.connection_id.as_deref();
        check_connection(state, &ctx.scope, integration.connection_type.as_deref(), id)?;
    }
    let answer = members::answer(integration);
    keep(state, &live, resource).await?;
    answer
}

fn change(integration: &mut Integration, declared: &Declared, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["requestParameters", name] => {
            if patch.sets()? {
                let (name, source) = ((*name).to_owned(), patch.value());
                check_integration([(&name, &source)], declared).map_err(bad_request)?;
                set_entry(&mut integration.request_parameters, name, source);
            } else if !remove_entry(&mut integration.request_parameters, name) {
                return Err(invalid("parameter name"));
            }
        }
        ["requestTemplates", content_type] => {
            if patch.sets()? {
                let one = Texts::from([((*content_type).to_owned(), patch.value())]);
                check_templates(Some(&one))?;
                set_entry(&mut integration.request_templates, (*content_type).to_owned(), patch.value());
            } else if !remove_entry(&mut integration.request_templates, content_type) {
                return Err(not_found("Content-Type specified was not found"));
            }
        }
        ["cacheKeyParameters", name] => {
            integration.cache_key_parameters.retain(|known| known != name);
            if patch.sets()? {
                integration.cache_key_parameters.push((*name).to_owned());
            }
        }
        ["uri"] => integration.uri = replaced(patch)?,
        ["httpMethod"] => integration.http_method = replaced(patch)?,
        ["credentials"] => {
            check_credentials(patch.value.as_deref())?;
            integration.credentials = replaced(patch)?;
        }
        ["contentHandling"] => {
            let value = patch.value();
            check_content_handling(patch.value.as_deref())?;
            integration.content_handling = (patch.sets()? && !value.is_empty()).then_some(value);
        }
        ["cacheNamespace"] => integration.cache_namespace = replaced(patch)?.unwrap_or_default(),
        ["passthroughBehavior"] => integration.passthrough_behavior = passthrough(replaced(patch)?)?,
        ["timeoutInMillis"] => {
            let streams = streams(integration.response_transfer_mode.as_ref());
            integration.timeout_in_millis = timeout(Some(patch.value().parse().unwrap_or(0)), streams)?;
        }
        ["tlsConfig", "insecureSkipVerification"] => {
            patch.only_replace()?;
            integration.tls_config.get_or_insert_default().insecure_skip_verification = patch.is_true();
        }
        ["responseTransferMode"] => {
            check_transfer_mode(&patch.value())?;
            integration.response_transfer_mode = replaced(patch)?;
        }
        ["connectionId"] => integration.connection_id = replaced(patch)?,
        ["integrationTarget"] => integration.integration_target = replaced(patch)?,
        ["connectionType"] => integration.connection_type = replaced(patch)?,
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

fn check_transfer_mode(mode: &str) -> Result<(), ServiceError> {
    match mode {
        "BUFFERED" | "STREAM" => Ok(()),
        _ => Err(bad_request("Invalid response transfer mode specified. Valid options are BUFFERED,STREAM")),
    }
}

fn replaced(patch: &Patch) -> Result<Option<String>, ServiceError> {
    patch.only_replace()?;
    Ok(Some(patch.value()))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMethod = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut resource = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    let method = method_mut(&mut resource, &input.http_method)?;
    method.method_integration.take().ok_or_else(no_integration)?;
    keep(state, &live, resource).await?;
    Ok(Output::empty())
}
