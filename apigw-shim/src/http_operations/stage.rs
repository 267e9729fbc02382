//! CreateStage, GetStage, GetStages, UpdateStage, DeleteStage, DeleteRouteSettings, DeleteAccessLogSettings.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, answer, deployment, http_api, is_socket, keep, now, page, required, text, texts};
use crate::{
    State,
    apis::{Kind, Live},
    error::{bad_request, conflict, not_found, storage},
    http_api::record::Stage,
    operations::{
        access_log_settings::{Protocol, check_format},
        check_client_certificate, check_stage_variables as check_variables,
    },
    rest_api::access_log,
    websocket::session::GOING_AWAY,
};

const KEPT: &[&str] =
    &["AccessLogSettings", "ClientCertificateId", "DefaultRouteSettings", "Description", "RouteSettings"];

fn render(stage: &Stage) -> Members {
    let mut members = Members::from_iter([
        (String::from("AutoDeploy"), json!(stage.auto_deploy)),
        (String::from("DefaultRouteSettings"), json!({"DetailedMetricsEnabled": false})),
        (String::from("DeploymentId"), json!(stage.deployment_id)),
        (String::from("RouteSettings"), json!({})),
        (String::from("StageName"), json!(stage.name)),
        (String::from("StageVariables"), json!(stage.variables)),
        (String::from("Tags"), json!(stage.tags)),
    ]);
    members.extend(stage.members.clone());
    members
}

/// Settings of routes are limits, logs and metrics.
async fn check(state: &State, live: &Live, input: &Members) -> Result<(), ServiceError> {
    if let Some(id) = text(input, "ClientCertificateId").filter(|id| !id.is_empty()) {
        if !is_socket(live) {
            return Err(bad_request("ClientCertificateId is supported for WEBSOCKET APIs only"));
        }
        check_client_certificate(state, &live.scope, &id)?;
    }
    check_variables(&texts(input, "StageVariables"))?;
    let format = input.get("AccessLogSettings").and_then(|settings| settings.get("Format")?.as_str());
    if let Some(format) = format.filter(|format| !format.is_empty()) {
        let protocol = if is_socket(live) { Protocol::WebSocket } else { Protocol::Http };
        check_format(protocol, format)?;
    }
    let access_log =
        input.get("AccessLogSettings").and_then(|settings| settings.get("DestinationArn")?.as_str());
    // A form without a place, or a place without a form, writes nothing yet.
    if let Some(arn) = access_log.filter(|arn| !arn.is_empty()) {
        access_log::check(state, &live.scope, arn).await?;
    }
    check_settings(live, input.get("DefaultRouteSettings"))?;
    let routes = state.apis.routes.page(&live.prefix(), None, usize::MAX);
    for (key, settings) in input.get("RouteSettings").and_then(Value::as_object).into_iter().flatten() {
        check_settings(live, Some(settings))?;
        if !routes.iter().any(|route| text(&route.members, "RouteKey").as_ref() == Some(key)) {
            return Err(not_found(format!(
                "Unable to find Route by key {key} within the provided RouteSettings"
            )));
        }
    }
    if let Some(id) = text(input, "DeploymentId")
        && state.apis.http_deployment(live, &id).is_none()
    {
        return Err(not_found(format!("Invalid Deployment identifier specified {id}")));
    }
    Ok(())
}

/// Writes no more access logs.
pub(super) async fn delete_access_log_settings(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut stage = Stage::clone(&*of(state, &live, &required(&input, "StageName"))?);
    stage.members.remove("AccessLogSettings");
    put(state, &live, stage).await?;
    Ok(Output::empty())
}

fn check_settings(live: &Live, settings: Option<&Value>) -> Result<(), ServiceError> {
    for (name, value) in settings.and_then(Value::as_object).into_iter().flatten() {
        let asks_for_nothing = matches!(value, Value::Null | Value::Bool(false)) || *value == json!("OFF");
        match name.as_str() {
            "ThrottlingBurstLimit" | "ThrottlingRateLimit"
                if value.as_f64().is_some_and(|limit| limit < 0.0) =>
            {
                return Err(bad_request(format!("{name} must not be negative")));
            }
            "LoggingLevel" | "DataTraceEnabled" if !asks_for_nothing && !is_socket(live) => {
                return Err(bad_request("Execution logs are not supported on protocolType HTTP"));
            }
            "LoggingLevel" if !asks_for_nothing && *value != json!("INFO") && *value != json!("ERROR") => {
                return Err(bad_request("Invalid logging level specified. Valid options are OFF,ERROR,INFO"));
            }
            // There is nowhere to see metrics here; that setting is kept and shown.
            _ => {}
        }
    }
    Ok(())
}

/// Takes a route's own settings away.
pub(super) async fn delete_route_settings(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut stage = Stage::clone(&*of(state, &live, &required(&input, "StageName"))?);
    let key = required(&input, "RouteKey");
    let settings = stage.members.get_mut("RouteSettings").and_then(Value::as_object_mut);
    if settings.and_then(|settings| settings.remove(&key)).is_none() {
        return Err(not_found(format!(
            "Unable to find Route by key {key} within the provided RouteSettings"
        )));
    }
    put(state, &live, stage).await?;
    Ok(Output::empty())
}

/// Messages name no stage by default, so WebSocket APIs have no default one.
fn check_name(live: &Live, name: &str) -> Result<(), ServiceError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if name == "$default" && !is_socket(live) || !name.is_empty() && name.chars().all(allowed) {
        return Ok(());
    }
    Err(bad_request("Stage name only allows a-zA-Z0-9_-"))
}

/// Keeps a stage, and lets it answer requests.
pub(super) async fn put(state: &State, live: &Live, mut stage: Stage) -> Result<Arc<Stage>, ServiceError> {
    stage.members.insert(String::from("LastUpdatedDate"), now(state));
    let stage = state.apis.http_stages.put(live.child(&stage.name), stage).await.map_err(storage)?;
    state.apis.restage_http(live, &stage);
    Ok(stage)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let name = required(&input, "StageName");
    check_name(&live, &name)?;
    check(state, &live, &input).await?;
    if state.apis.http_stages.get(&live.child(&name)).is_some() {
        return Err(conflict("Stage already exists"));
    }
    let auto_deploy = input.get("AutoDeploy") == Some(&Value::Bool(true));
    let deployment_id = text(&input, "DeploymentId");
    if auto_deploy && deployment_id.is_some() {
        return Err(bad_request("Deployment ID cannot be set on a stage with auto deploy"));
    }
    let mut members = keep(&input, KEPT);
    members.insert(String::from("CreatedDate"), now(state));
    let (variables, tags) = (texts(&input, "StageVariables"), texts(&input, "Tags"));
    let stage = Stage { name: name.clone(), auto_deploy, deployment_id, variables, members, tags };
    put(state, &live, stage).await?;
    deploy_new(state, &live, auto_deploy).await?;
    Ok(answer(render(&*of(state, &live, &name)?)))
}

/// A stage that deploys itself does so at once, if there is anything to deploy.
async fn deploy_new(state: &State, live: &Live, auto_deploy: bool) -> Result<(), ServiceError> {
    if auto_deploy && !state.apis.routes.page(&live.prefix(), None, 1).is_empty() {
        deployment::automatically(state, live).await?;
    }
    Ok(())
}

/// The stage of an API made with a target.
pub(super) async fn quick(state: &State, live: &Live) -> Result<(), ServiceError> {
    let members = Members::from_iter([
        (String::from("ApiGatewayManaged"), json!(true)),
        (String::from("CreatedDate"), now(state)),
    ]);
    let stage = Stage {
        name: String::from("$default"),
        auto_deploy: true,
        deployment_id: None,
        variables: BTreeMap::new(),
        members,
        tags: BTreeMap::new(),
    };
    put(state, live, stage).await?;
    deploy_new(state, live, true).await
}

fn of(state: &State, live: &Live, name: &str) -> Result<Arc<Stage>, ServiceError> {
    state
        .apis
        .http_stages
        .get(&live.child(name))
        .ok_or_else(|| not_found("Invalid stage identifier specified"))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    Ok(answer(render(&*of(state, &live, &required(&input, "StageName"))?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let all = state.apis.http_stages.page(&live.prefix(), None, usize::MAX);
    page("GetStages", &all, &input, |stage| stage.name.clone(), |stage| render(stage))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut stage = Stage::clone(&*of(state, &live, &required(&input, "StageName"))?);
    check(state, &live, &input).await?;
    if let Some(Value::Bool(auto_deploy)) = input.get("AutoDeploy") {
        stage.auto_deploy = *auto_deploy;
        if !auto_deploy {
            // It is of stages that deploy themselves.
            stage.members.remove("LastDeploymentStatusMessage");
        }
    }
    if let Some(id) = text(&input, "DeploymentId") {
        if stage.auto_deploy {
            return Err(bad_request("Deployment ID cannot be set on a stage with auto deploy"));
        }
        stage.deployment_id = Some(id);
    }
    if input.contains_key("StageVariables") {
        stage.variables = texts(&input, "StageVariables");
    }
    let mut given = keep(&input, KEPT);
    // Nothing as its id takes a certificate away.
    if given.get("ClientCertificateId").is_some_and(|id| id == "") {
        given.remove("ClientCertificateId");
        stage.members.remove("ClientCertificateId");
    }
    // Settings of routes that are not named stay.
    if let (Some(Value::Object(mut before)), Some(Value::Object(now))) =
        (stage.members.get("RouteSettings").cloned(), given.remove("RouteSettings"))
    {
        before.extend(now);
        given.insert(String::from("RouteSettings"), before.into());
    } else {
        given.extend(keep(&input, &["RouteSettings"]));
    }
    stage.members.extend(given);
    let name = stage.name.clone();
    let auto_deploy = stage.auto_deploy;
    put(state, &live, stage).await?;
    deploy_new(state, &live, auto_deploy).await?;
    Ok(answer(render(&*of(state, &live, &name)?)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let name = required(&input, "StageName");
    of(state, &live, &name)?;
    state.apis.http_stages.remove(&live.child(&name)).await.map_err(storage)?;
    match &live.kind {
        Kind::Http(stages) => drop(stages.remove(&name)),
        Kind::Socket(stages) => {
            stages.remove(&name);
            state.connections.end_of(&live.id, Some(&name), GOING_AWAY);
        }
        Kind::Rest(_) => {}
    }
    Ok(Output::empty())
}
