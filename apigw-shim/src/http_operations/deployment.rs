//! CreateDeployment, GetDeployment, GetDeployments, UpdateDeployment, DeleteDeployment; and the deployments that stages
//! with `AutoDeploy` make of themselves.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};

use super::{Members, answer, api, http_api, keep, now, page, required, stage, text};
use crate::{
    State,
    apis::Live,
    error::{bad_request, not_found, storage},
    http_api::record::{Deployment, Stage},
    id,
    websocket::admission,
};

fn render(deployment: &Deployment) -> Members {
    let mut members = deployment.members.clone();
    members.insert(String::from("DeploymentId"), json!(deployment.id));
    members
}

/// What a deployment would have now, without a name; nothing at all, if that is asked for.
pub(super) fn now_there(state: &State, live: &Live, nothing: bool) -> Deployment {
    let most = if nothing { 0 } else { usize::MAX };
    let (apis, prefix) = (&state.apis, live.prefix());
    Deployment {
        id: String::new(),
        sequence: 0,
        members: Members::new(),
        routes: apis.routes.page(&prefix, None, most),
        integrations: apis.integrations.page(&prefix, None, most),
        authorizers: apis.authorizers.page(&prefix, None, most),
        integration_responses: apis.integration_responses.page(&prefix, None, most),
        route_responses: apis.route_responses.page(&prefix, None, most),
        models: apis.models.page(&prefix, None, most),
    }
}

/// The models of a WebSocket API must be schemas when it is deployed, and what they refer to must be there, unless the
/// API says that nobody is to look.
fn check_models(state: &State, live: &Live) -> Result<(), ServiceError> {
    let api = api::record(state, live)?;
    if api.members.get("DisableSchemaValidation") == Some(&Value::Bool(true)) {
        return Ok(());
    }
    match admission::broken_model(&state.apis.models.page(&live.prefix(), None, usize::MAX)) {
        None => Ok(()),
        Some((name, reason)) => {
            Err(bad_request(format!("Unable to deploy API because the model {name} is invalid: {reason}")))
        }
    }
}

async fn deploy(
    state: &State,
    live: &Live,
    description: Option<String>,
    automatic: bool,
) -> Result<Arc<Deployment>, ServiceError> {
    let mut deployment = now_there(state, live, false);
    let mut members = Members::from_iter([
        (String::from("AutoDeployed"), json!(automatic)),
        (String::from("CreatedDate"), now(state)),
        (String::from("DeploymentStatus"), json!("DEPLOYED")),
    ]);
    if let Some(description) = description {
        members.insert(String::from("Description"), json!(description));
    }
    (deployment.id, deployment.sequence, deployment.members) =
        (id::random(6), state.apis.sequence(), members);
    state.apis.http_deployments.put(live.numbered(deployment.sequence), deployment).await.map_err(storage)
}

pub(super) async fn remove(state: &State, live: &Live, deployment: &Deployment) -> Result<(), ServiceError> {
    let key = live.numbered(deployment.sequence);
    state.apis.http_deployments.remove(&key).await.map(drop).map_err(storage)
}

/// Deploys to all stages that want it. What they had before, unless somebody asked for it, goes away. Where it cannot be,
/// they keep what they have, and say why.
pub(super) async fn automatically(state: &State, live: &Live) -> Result<(), ServiceError> {
    let stages = state.apis.http_stages.page(&live.prefix(), None, usize::MAX);
    let wanting: Vec<_> = stages.iter().filter(|stage| stage.auto_deploy).collect();
    if wanting.is_empty() {
        return Ok(());
    }
    if let Err(error) = check_models(state, live) {
        let message = json!(format!("Deployment attempt failed: {}", error.message));
        for stage in wanting {
            let mut changed = Stage::clone(stage);
            changed.members.insert(String::from("LastDeploymentStatusMessage"), message.clone());
            stage::put(state, live, changed).await?;
        }
        return Ok(());
    }
    let deployment = deploy(
        state,
        live,
        Some(String::from("Automatic deployment triggered by changes to the Api configuration")),
        true,
    )
    .await?;
    for stage in wanting {
        let mut changed = Stage { deployment_id: Some(deployment.id.clone()), ..Stage::clone(stage) };
        changed.members.remove("LastDeploymentStatusMessage");
        stage::put(state, live, changed).await?;
    }
    let stages = state.apis.http_stages.page(&live.prefix(), None, usize::MAX);
    for old in state.apis.http_deployments.page(&live.prefix(), None, usize::MAX) {
        let is_used = stages.iter().any(|stage| stage.deployment_id.as_ref() == Some(&old.id));
        if !is_used && old.members.get("AutoDeployed") == Some(&Value::Bool(true)) {
            remove(state, live, &old).await?;
        }
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    if state.apis.routes.page(&live.prefix(), None, 1).is_empty() {
        return Err(bad_request("Unable to deploy API because no routes exist in this API"));
    }
    let target = match text(&input, "StageName") {
        None => None,
        Some(name) => {
            let found = state.apis.http_stages.get(&live.child(&name));
            Some(found.ok_or_else(|| not_found("Invalid stage identifier specified"))?)
        }
    };
    if target.as_ref().is_some_and(|stage| stage.auto_deploy) {
        return Err(bad_request("Deployment ID cannot be set on a stage with auto deploy"));
    }
    check_models(state, &live)?;
    let deployment = deploy(state, &live, text(&input, "Description"), false).await?;
    if let Some(target) = target {
        let changed = Stage { deployment_id: Some(deployment.id.clone()), ..Stage::clone(&target) };
        stage::put(state, &live, changed).await?;
    }
    Ok(answer(render(&deployment)))
}

fn find(state: &State, live: &Live, input: &Members) -> Result<Arc<Deployment>, ServiceError> {
    let id = required(input, "DeploymentId");
    let found = state.apis.http_deployment(live, &id);
    found.ok_or_else(|| not_found(format!("Invalid Deployment identifier specified {id}")))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    Ok(answer(render(&*find(state, &live, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let all = state.apis.http_deployments.page(&live.prefix(), None, usize::MAX);
    page("GetDeployments", &all, &input, |deployment| deployment.id.clone(), |deployment| render(deployment))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let mut deployment = Deployment::clone(&*find(state, &live, &input)?);
    deployment.members.extend(keep(&input, &["Description"]));
    let key = live.numbered(deployment.sequence);
    let deployment = state.apis.http_deployments.put(key, deployment).await.map_err(storage)?;
    Ok(answer(render(&deployment)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    let _changing = live.changing.lock().await;
    let deployment = find(state, &live, &input)?;
    let stages = state.apis.http_stages.page(&live.prefix(), None, usize::MAX);
    if stages.iter().any(|stage| stage.deployment_id.as_ref() == Some(&deployment.id)) {
        return Err(bad_request("Active stages pointing to this deployment must be moved or deleted"));
    }
    remove(state, &live, &deployment).await?;
    Ok(Output::empty())
}
