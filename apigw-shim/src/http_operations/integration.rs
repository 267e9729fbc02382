//! CreateIntegration, GetIntegration, GetIntegrations, UpdateIntegration, DeleteIntegration.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::json;

use super::{
    Members, answer, child, deployment, http_api, is_socket, keep, page, parameter_mapping, refuse, required,
    text, vpc_link,
};
use crate::{
    State,
    apis::{Live, scope_key},
    error::{bad_request, conflict, not_found, not_yet, storage},
    http_api::{compiled, record::Integration, subtype},
    id,
    integrate::vpc_link as link_target,
};

const KEPT: &[&str] = &[
    "ConnectionType",
    "CredentialsArn",
    "Description",
    "IntegrationMethod",
    "IntegrationType",
    "IntegrationUri",
    "PayloadFormatVersion",
    "TimeoutInMillis",
];
/// What HTTP APIs have beyond [`KEPT`].
const HTTP_KEPT: &[&str] =
    &["ConnectionId", "IntegrationSubtype", "RequestParameters", "ResponseParameters", "TlsConfig"];
const REFUSED: &[&str] = &["ContentHandlingStrategy", "RequestTemplates", "TemplateSelectionExpression"];

const NO_CONNECTION: &str = "ConnectionId must be set to vpcLinkId for ConnectionType VPC_LINK";

fn render(integration: &Integration) -> Members {
    let mut members = integration.members.clone();
    members.insert(String::from("IntegrationId"), json!(integration.id));
    members
}

fn is_function(uri: &str) -> bool {
    crate::http_api::compiled::function(uri).split(':').nth(2) == Some("lambda")
}

/// The target of an API made with one: a function's ARN or a URL.
pub(super) fn check_target(target: &str) -> Result<(), ServiceError> {
    if is_function(target) {
        return Ok(());
    }
    check_url(target)
}

fn check_url(uri: &str) -> Result<(), ServiceError> {
    let is_address = uri.starts_with("http://") || uri.starts_with("https://");
    if is_address || uri.contains("${stageVariables.") {
        return Ok(());
    }
    Err(bad_request("HttpIntegration URI should be a valid URL"))
}

/// What WebSocket APIs have beyond [`KEPT`].
const SOCKET_KEPT: &[&str] = &[
    "ConnectionId",
    "ContentHandlingStrategy",
    "IntegrationResponseSelectionExpression",
    "PassthroughBehavior",
    "RequestParameters",
    "RequestTemplates",
    "TemplateSelectionExpression",
];
const SOCKET_REFUSED: &[&str] = &["IntegrationSubtype", "ResponseParameters", "TlsConfig"];

/// The members that are kept, once those that cannot be are refused.
pub(super) fn given(live: &Live, input: &Members) -> Result<Members, ServiceError> {
    if !is_socket(live) {
        refuse(input, REFUSED)?;
        let mut members = keep(input, KEPT);
        members.extend(keep(input, HTTP_KEPT));
        return Ok(members);
    }
    refuse(input, SOCKET_REFUSED)?;
    let mut members = keep(input, KEPT);
    members.extend(keep(input, SOCKET_KEPT));
    Ok(members)
}

/// The links of WebSocket APIs are those of REST APIs, and lead wherever the address says.
fn check_socket_link(state: &State, scope: &runtime::Scope, members: &Members) -> Result<(), ServiceError> {
    let is_linked = text(members, "ConnectionType").as_deref() == Some("VPC_LINK");
    let Some(id) = text(members, "ConnectionId") else {
        return match is_linked {
            true => Err(bad_request(NO_CONNECTION)),
            false => Ok(()),
        };
    };
    if !is_linked {
        return Err(bad_request("ConnectionId is supported for VPC_LINK connections only"));
    }
    if !matches!(text(members, "IntegrationType").as_deref(), Some("HTTP" | "HTTP_PROXY")) {
        return Err(bad_request(
            "VPC_LINK connections are supported for HTTP and HTTP_PROXY integrations only",
        ));
    }
    if state.apis.vpc_links.get(&scope_key(scope).text(&id)).is_none() {
        return Err(not_found(format!("Invalid VpcLink identifier specified {id}")));
    }
    Ok(())
}

/// Checks an integration of a WebSocket API as it is to be kept.
fn check_socket(state: &State, scope: &runtime::Scope, members: &Members) -> Result<(), ServiceError> {
    check_socket_link(state, scope, members)?;
    if let Some(version) = text(members, "PayloadFormatVersion").filter(|version| version != "1.0") {
        return Err(bad_request(format!("Unsupported PayloadFormatVersion: {version}")));
    }
    let timeout = members.get("TimeoutInMillis").and_then(serde_json::Value::as_u64);
    if timeout.is_some_and(|millis| !(50..=29_000).contains(&millis)) {
        return Err(bad_request("Timeout should be between 50 ms and 29000 ms"));
    }
    let uri = text(members, "IntegrationUri").unwrap_or_default();
    let is_arn = uri.starts_with("arn:");
    match text(members, "IntegrationType").as_deref() {
        Some("MOCK") => {}
        Some("AWS_PROXY") if is_function(&uri) || uri.contains("${stageVariables.") => {}
        Some("AWS") if is_arn => {}
        Some("AWS" | "AWS_PROXY") => return Err(bad_request("Invalid integration URI specified")),
        Some("HTTP" | "HTTP_PROXY") => {
            check_url(&uri)?;
            if text(members, "IntegrationMethod").is_none() {
                return Err(bad_request("HttpMethod must be specified for HTTP integrations"));
            }
        }
        _ => return Err(bad_request("Invalid integration type specified")),
    }
    let templates = members.get("RequestTemplates").and_then(serde_json::Value::as_object);
    for (key, template) in templates.into_iter().flatten() {
        if let Err(error) = vtl::Template::parse(template.as_str().unwrap_or_default()) {
            return Err(bad_request(format!("Invalid mapping template specified for {key}: {error}")));
        }
    }
    Ok(())
}

/// Load balancers and services are not emulated, so something must stand for one.
fn check_target_behind_link(state: &State, uri: &str, is_secure: bool) -> Result<(), ServiceError> {
    if !link_target::is_target(uri) {
        return Ok(());
    }
    match link_target::of_target(state, uri) {
        Some(stand_in) if is_secure && stand_in.scheme_str() != Some("https") => Err(bad_request(format!(
            "The integration has a TlsConfig, so what stands for {uri} must be an https:// address; it is {stand_in}"
        ))),
        Some(_) => Ok(()),
        None => Err(not_yet(&format!(
            "load balancers and Cloud Map, which IntegrationUri names; give an address, or {}",
            link_target::how_to_say(uri)
        ))),
    }
}

/// Integrations behind a link may speak TLS, and say by which name they know the server.
fn check_tls(members: &Members, uri: &str) -> Result<(), ServiceError> {
    let Some(config) = members.get("TlsConfig") else { return Ok(()) };
    if text(members, "ConnectionType").as_deref() != Some("VPC_LINK") {
        return Err(bad_request("TlsConfig is supported for VPC_LINK connections only"));
    }
    if let Some(name) = compiled::server_name(config).filter(|name| !outbound::is_server_name(name)) {
        return Err(bad_request(format!("Invalid serverNameToVerify specified: {name}")));
    }
    // AWS knows no addresses here, so it has no words for one that contradicts the rest.
    if uri.starts_with("http://") {
        return Err(bad_request("TlsConfig needs an integration URI that begins with https://"));
    }
    Ok(())
}

/// Checks an integration as it is to be kept.
fn check(state: &State, scope: &runtime::Scope, members: &Members) -> Result<(), ServiceError> {
    let uri = text(members, "IntegrationUri").unwrap_or_default();
    match text(members, "ConnectionType").as_deref() {
        Some("VPC_LINK") => {
            let id = text(members, "ConnectionId").ok_or_else(|| bad_request(NO_CONNECTION))?;
            vpc_link::find(state, scope, &id)?;
            check_target_behind_link(state, &uri, members.contains_key("TlsConfig"))?;
        }
        _ if members.contains_key("ConnectionId") => {
            return Err(bad_request("ConnectionId is supported for VPC_LINK connections only"));
        }
        _ => {}
    }
    check_tls(members, &uri)?;
    parameter_mapping::check(members)?;
    match text(members, "IntegrationSubtype") {
        Some(name) => check_subtype(members, &name),
        None => check_type(members, &uri),
    }?;
    let probe = Integration { id: String::new(), members: members.clone() };
    compiled::compile(&probe).map(drop).map_err(bad_request)
}

/// Each type of integration has what it cannot do without.
fn check_type(members: &Members, uri: &str) -> Result<(), ServiceError> {
    match text(members, "IntegrationType").as_deref() {
        Some("AWS_PROXY") => {
            if !is_function(uri) && !uri.contains("${stageVariables.") {
                return Err(bad_request(format!("Invalid integration URI specified: {uri}")));
            }
            let version = text(members, "PayloadFormatVersion");
            if !matches!(version.as_deref(), Some("1.0" | "2.0")) {
                return Err(bad_request(
                    "Invalid payload format version specified. Valid options are 1.0, 2.0",
                ));
            }
        }
        Some("HTTP_PROXY") => {
            let is_linked = text(members, "ConnectionType").as_deref() == Some("VPC_LINK");
            if !(is_linked && link_target::is_target(uri)) {
                check_url(uri)?;
            }
            if text(members, "IntegrationMethod").is_none() {
                return Err(bad_request(
                    "HttpMethod parameter method must be specified for integrationType HTTPPROXY",
                ));
            }
            if let Some(version) = text(members, "PayloadFormatVersion").filter(|version| version != "1.0") {
                return Err(bad_request(format!(
                    "PayloadFormatVersion {version} is not supported for integration of type HTTP_PROXY"
                )));
            }
        }
        _ => {
            return Err(bad_request(
                "Invalid integration type specified. HTTP APIs support AWS_PROXY and HTTP_PROXY integrations",
            ));
        }
    }
    Ok(())
}

/// Subtypes that AWS has and nothing here could answer ("Integration subtype reference", API Gateway Developer Guide).
const SUBTYPES_ELSEWHERE: &[&str] = &["AppConfig-GetConfiguration"];

/// A subtype has its parameters, and all that it cannot do without.
fn check_subtype(members: &Members, name: &str) -> Result<(), ServiceError> {
    if SUBTYPES_ELSEWHERE.contains(&name) {
        return Err(not_yet(&format!("the integration subtype {name}")));
    }
    let unsupported = || bad_request(format!("Operation: {name} is not supported."));
    let subtype = subtype::find(name).ok_or_else(unsupported)?;
    if text(members, "PayloadFormatVersion").is_some_and(|version| version != "1.0") {
        return Err(unsupported());
    }
    if text(members, "IntegrationType").as_deref() != Some("AWS_PROXY") {
        return Err(bad_request("IntegrationSubtype is supported for AWS_PROXY integrations only"));
    }
    if text(members, "CredentialsArn").is_none() {
        return Err(bad_request(format!(
            "Role ARN must be specified for AWS integration configuration with Subtype: {name}"
        )));
    }
    let given = super::texts(members, "RequestParameters");
    if let Some(missing) = subtype.required.iter().find(|required| !given.contains_key(**required)) {
        return Err(bad_request(format!("Parameter: {missing} is required for Integration Subtype: {name}")));
    }
    if let Some(unknown) = given.keys().find(|given| !subtype.takes(given)) {
        return Err(bad_request(format!("Parameter: {unknown} does not fit schema for Operation: {name}")));
    }
    Ok(())
}

async fn add(state: &State, live: &Live, given: Members) -> Result<Arc<Integration>, ServiceError> {
    put(state, live, Integration { id: id::random(7), members: complete(state, live, given)? }).await
}

/// An integration with all that it has unless it says so, once it is checked.
pub(super) fn complete(state: &State, live: &Live, given: Members) -> Result<Members, ServiceError> {
    let timeout = if is_socket(live) { 29_000 } else { 30_000 };
    let mut members = Members::from_iter([
        (String::from("ConnectionType"), json!("INTERNET")),
        (String::from("PayloadFormatVersion"), json!("1.0")),
        (String::from("TimeoutInMillis"), json!(timeout)),
    ]);
    if is_socket(live) {
        members.insert(String::from("PassthroughBehavior"), json!("WHEN_NO_MATCH"));
    }
    members.extend(given);
    if is_socket(live) {
        check_socket(state, &live.scope, &members)
    } else {
        check(state, &live.scope, &members)
    }?;
    if is_socket(live) {
        let by_message = matches!(text(&members, "IntegrationType").as_deref(), Some("AWS" | "AWS_PROXY"))
            && is_function(&text(&members, "IntegrationUri").unwrap_or_default());
        let expression = if by_message {
            "${integration.response.body.errorMessage}"
        } else {
            "${integration.response.statuscode}"
        };
        members.entry("IntegrationResponseSelectionExpression").or_insert_with(|| json!(expression));
    }
    Ok(members)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let given = given(&live, &input)?;
    let integration = add(state, &live, given).await?;
    Ok(answer(render(&integration)))
}

/// The integration of an API made with a target; its id.
pub(super) async fn quick(
    state: &State,
    live: &Live,
    target: &str,
    credentials: Option<String>,
) -> Result<String, ServiceError> {
    let mut members = Members::from_iter([(String::from("ApiGatewayManaged"), json!(true))]);
    aim(&mut members, Some(target), credentials);
    add(state, live, members).await.map(|integration| integration.id.clone())
}

/// What a target and credentials make of an integration.
fn aim(members: &mut Members, target: Option<&str>, credentials: Option<String>) {
    if let Some(target) = target {
        let (kind, version, method) =
            if is_function(target) { ("AWS_PROXY", "2.0", "POST") } else { ("HTTP_PROXY", "1.0", "ANY") };
        members.insert(String::from("IntegrationMethod"), json!(method));
        members.insert(String::from("IntegrationType"), json!(kind));
        members.insert(String::from("IntegrationUri"), json!(target));
        members.insert(String::from("PayloadFormatVersion"), json!(version));
    }
    if let Some(credentials) = credentials {
        members.insert(String::from("CredentialsArn"), json!(credentials));
    }
    // AWS does not use them for HTTP.
    if members.get("IntegrationType") != Some(&json!("AWS_PROXY")) {
        members.remove("CredentialsArn");
    }
}

/// The integration that an API was made with, with another target or other credentials; to be kept by [`put`].
pub(super) fn changed_quick(
    state: &State,
    live: &Live,
    target: Option<&str>,
    credentials: Option<String>,
) -> Result<Integration, ServiceError> {
    let all = state.apis.integrations.page(&live.prefix(), None, usize::MAX);
    let found = all.iter().find(|it| it.members.get("ApiGatewayManaged") == Some(&json!(true)));
    let found =
        found.ok_or_else(|| bad_request("The API was not made with a target, so it has none to change"))?;
    let mut integration = Integration::clone(found);
    aim(&mut integration.members, target, credentials);
    check(state, &live.scope, &integration.members)?;
    Ok(integration)
}

/// Keeps an integration that has been checked.
pub(super) async fn put(
    state: &State,
    live: &Live,
    integration: Integration,
) -> Result<Arc<Integration>, ServiceError> {
    state.apis.integrations.put(live.child(&integration.id), integration).await.map_err(storage)
}

fn find(state: &State, live: &Live, input: &Members) -> Result<Arc<Integration>, ServiceError> {
    let id = required(input, "IntegrationId");
    let found = state.apis.integrations.get(&live.child(&id));
    found.ok_or_else(|| not_found(format!("Invalid Integration identifier specified {id}")))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    Ok(answer(render(&*find(state, &live, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let all = state.apis.integrations.page(&live.prefix(), None, usize::MAX);
    page(
        "GetIntegrations",
        &all,
        &input,
        |integration| integration.id.clone(),
        |integration| render(integration),
    )
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut integration = Integration::clone(&*find(state, &live, &input)?);
    integration.members.extend(given(&live, &input)?);
    if is_socket(&live) {
        check_socket(state, &live.scope, &integration.members)
    } else {
        check(state, &live.scope, &integration.members)
    }?;
    let integration = put(state, &live, integration).await?;
    deployment::automatically(state, &live).await?;
    Ok(answer(render(&integration)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let integration = find(state, &live, &input)?;
    let target = format!("integrations/{}", integration.id);
    let routes = state.apis.routes.page(&live.prefix(), None, usize::MAX);
    let users = routes.iter().filter(|route| text(&route.members, "Target").as_ref() == Some(&target));
    let users: Vec<&str> = users.map(|route| route.id.as_str()).collect();
    if !users.is_empty() {
        return Err(conflict(format!(
            "Cannot delete Integration because it is referenced by the following Routes with Ids: [{}]",
            users.join(", ")
        )));
    }
    state.apis.integrations.remove(&live.child(&integration.id)).await.map_err(storage)?;
    child::remove_below(&state.apis.integration_responses, &live, &integration.id).await?;
    Ok(Output::empty())
}
