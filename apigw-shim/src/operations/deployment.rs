//! CreateDeployment, GetDeployment, GetDeployments, UpdateDeployment, DeleteDeployment.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{ListOfApi, api, listing, page, rest_api, stage};
use crate::{
    State,
    apis::Live,
    error::{bad_request, invalid, storage},
    id, members,
    patch::Patch,
    rest_api::record::{Canary, Deployment, Resource, RestApi, Snapshot, Stage, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateDeployment {
    rest_api_id: String,
    stage_name: Option<String>,
    stage_description: Option<String>,
    description: Option<String>,
    cache_cluster_enabled: Option<bool>,
    cache_cluster_size: Option<String>,
    variables: Option<Texts>,
    canary_settings: Option<CanarySettings>,
    tracing_enabled: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CanarySettings {
    #[serde(default)]
    percent_traffic: f64,
    stage_variable_overrides: Option<Texts>,
    #[serde(default)]
    use_stage_cache: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfDeployment {
    rest_api_id: String,
    deployment_id: String,
    #[serde(default)]
    embed: Vec<String>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

fn render(deployment: &Deployment, with_summary: bool) -> Value {
    let mut answer = json!({
        "id": deployment.id,
        "description": deployment.description,
        "createdDate": deployment.created_date,
    });
    if with_summary {
        answer["apiSummary"] = summary(&deployment.snapshot.resources);
    }
    answer
}

/// Paths with their methods, in brief.
fn summary(resources: &[Arc<Resource>]) -> Value {
    let methods = |resource: &Resource| -> BTreeMap<String, Value> {
        let brief = |(name, method): (&String, &crate::rest_api::record::Method)| {
            let brief = json!({"authorizationType": method.authorization_type, "apiKeyRequired": method.api_key_required});
            (name.clone(), brief)
        };
        resource.resource_methods.iter().map(brief).collect()
    };
    let with_methods = resources.iter().filter(|resource| !resource.resource_methods.is_empty());
    json!(with_methods.map(|resource| (resource.path.clone(), methods(resource))).collect::<BTreeMap<_, _>>())
}

/// An API can be deployed when it has a method, and each method has an integration.
fn check(resources: &[Arc<Resource>]) -> Result<(), ServiceError> {
    let mut methods = resources.iter().flat_map(|resource| resource.resource_methods.values()).peekable();
    if methods.peek().is_none() {
        return Err(bad_request("The REST API doesn't contain any methods"));
    }
    if methods.any(|method| method.method_integration.is_none()) {
        return Err(bad_request("No integration defined for method"));
    }
    Ok(())
}

fn refuse(state: &State, live: &Live, input: &CreateDeployment) -> Result<(), ServiceError> {
    if input.canary_settings.is_some() {
        let refused = |rest: String| Err(bad_request(format!("Invalid deployment content specified.{rest}")));
        let required =
            "Non null and non empty stageName must be provided for canary deployment. Provided value is ";
        let Some(name) = &input.stage_name else { return refused(format!("{required}null")) };
        if name.is_empty() {
            return refused(required.to_owned());
        }
        if state.apis.rest_stages.get(&live.child(name)).is_none() {
            return refused(format!(
                "Stage {name} must already be created before making a canary release deployment"
            ));
        }
        stage::check_percent(input.canary_settings.as_ref().map_or(0.0, |canary| canary.percent_traffic))?;
    }
    Ok(())
}

/// What a deployment freezes.
pub(super) fn snapshot(record: &RestApi, resources: Vec<Arc<Resource>>) -> Snapshot {
    Snapshot {
        resources,
        gateway_responses: record.gateway_responses.clone(),
        binary_media_types: record.binary_media_types.clone(),
        request_validators: record.request_validators.clone(),
        models: record.models.clone(),
        authorizers: record.authorizers.clone(),
        policy: record.policy.clone(),
        api_key_source: record.api_key_source.clone(),
    }
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: CreateDeployment = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    refuse(state, &live, &input)?;
    let record = rest_api::record(state, &live)?;
    let resources = state.apis.resources.page(&live.prefix(), None, usize::MAX);
    check(&resources)?;
    if let Some(name) = input.stage_name.as_deref().filter(|name| !name.is_empty()) {
        stage::check_name(name)?;
    }
    let deployment = Deployment {
        id: id::random(6),
        sequence: state.apis.sequence(),
        description: input.description,
        created_date: rest_api::seconds(state),
        snapshot: snapshot(&record, resources),
    };
    let key = live.numbered(deployment.sequence);
    stage::check_variables(input.variables.iter().flatten())?;
    if let Some(canary) = &input.canary_settings {
        stage::check_variables(canary.stage_variable_overrides.iter().flatten())?;
    }
    // Nothing is kept before all of it has been checked.
    let mut staged = None;
    if let Some(name) = input.stage_name.filter(|name| !name.is_empty()) {
        let now = rest_api::seconds(state);
        let before = state.apis.rest_stages.get(&live.child(&name));
        let mut stage = before.map_or_else(|| stage::new(name, now), |stage| Stage::clone(&*stage));
        match input.canary_settings {
            None => stage.deployment_id.clone_from(&deployment.id),
            Some(canary) => {
                stage.canary_settings = Some(Canary {
                    percent_traffic: canary.percent_traffic,
                    deployment_id: deployment.id.clone(),
                    stage_variable_overrides: canary.stage_variable_overrides,
                    use_stage_cache: canary.use_stage_cache,
                });
            }
        }
        stage.last_updated_date = now;
        stage.description = input.stage_description.or(stage.description);
        stage.variables = input.variables.or(stage.variables);
        stage.tracing_enabled = input.tracing_enabled.unwrap_or(stage.tracing_enabled);
        stage.cache_cluster_size = input.cache_cluster_size.or(stage.cache_cluster_size);
        let enabled = input.cache_cluster_enabled.unwrap_or(stage.cache_cluster_enabled);
        stage::enable_cache(&mut stage, enabled)?;
        staged = Some(stage);
    }
    let deployment = state.apis.rest_deployments.put(key, deployment).await.map_err(storage)?;
    if let Some(stage) = staged {
        stage::keep(state, &live, stage).await?;
    }
    Ok(Output::of(render(&deployment, false)))
}

fn find(state: &State, live: &Live, id: &str) -> Result<Arc<Deployment>, ServiceError> {
    state.apis.rest_deployment(live, id).ok_or_else(|| invalid("Deployment identifier"))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDeployment = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let deployment = find(state, &live, &input.deployment_id)?;
    Ok(Output::of(render(&deployment, input.embed.iter().any(|name| name == "apisummary"))))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: ListOfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let all = state.apis.rest_deployments.page(&live.prefix(), None, usize::MAX);
    let (found, position) = page(all, input.limit, input.position.as_deref(), |deployment| &deployment.id);
    Ok(listing(found.iter().map(|deployment| render(deployment, false)).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDeployment = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut deployment = Deployment::clone(&*find(state, &live, &input.deployment_id)?);
    for patch in &input.patch_operations {
        if patch.path != "/description" {
            return Err(patch.invalid_path());
        }
        patch.only_replace()?;
        deployment.description = Some(patch.value());
    }
    let key = live.numbered(deployment.sequence);
    let deployment = state.apis.rest_deployments.put(key, deployment).await.map_err(storage)?;
    Ok(Output::of(render(&deployment, false)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfDeployment = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let deployment = find(state, &live, &input.deployment_id)?;
    let stages = state.apis.rest_stages.page(&live.prefix(), None, usize::MAX);
    let is_used = |stage: &Arc<Stage>| {
        let canary = stage.canary_settings.as_ref();
        stage.deployment_id == deployment.id
            || canary.is_some_and(|canary| canary.deployment_id == deployment.id)
    };
    if stages.iter().any(is_used) {
        return Err(bad_request("Active stages pointing to this deployment must be moved or deleted"));
    }
    state.apis.rest_deployments.remove(&live.numbered(deployment.sequence)).await.map_err(storage)?;
    Ok(Output::empty())
}
