//! CreateVpcLink, GetVpcLink, GetVpcLinks, UpdateVpcLink, DeleteVpcLink. Everything is within reach here, so a link is
//! there at once, and an integration that goes through it goes to the address it names.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::{Deserialize, Serialize};

use super::{integration, listing};
use crate::{
    State,
    apis::scope_key,
    error::{bad_request, invalid, not_found, storage},
    http_operations::routes_through,
    id,
    mapping::interpolate,
    members,
    patch::Patch,
    rest_api::record::Texts,
};

/// A way into a private network.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VpcLink {
    pub id: String,
    pub name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub target_arns: Vec<String>,
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_message: Option<String>,
    #[serde(default, skip_serializing_if = "Texts::is_empty")]
    pub tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    name: String,
    description: Option<String>,
    target_arns: Vec<String>,
    #[serde(default)]
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfLink {
    vpc_link_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
struct List {
    position: Option<String>,
    limit: Option<i64>,
}

fn no_link() -> ServiceError {
    invalid("Vpc Link identifier")
}

pub(super) fn find(state: &State, scope: &Scope, id: &str) -> Result<Arc<VpcLink>, ServiceError> {
    state.apis.vpc_links.get(&scope_key(scope).text(id)).ok_or_else(no_link)
}

/// Checks what an integration names as its connection: a link of either control plane, or a stage's variable.
pub(crate) fn check_connection(state: &State, scope: &Scope, id: &str) -> Result<(), ServiceError> {
    let key = scope_key(scope).text(id);
    let apis = &state.apis;
    if id.contains("${stageVariables.")
        || apis.vpc_links.get(&key).is_some()
        || apis.http_vpc_links.get(&key).is_some()
    {
        return Ok(());
    }
    Err(not_found(format!("Invalid VpcLink identifier specified {id}")))
}

/// A link that something deployed goes through stays.
pub(crate) fn check_unused(state: &State, scope: &Scope, id: &str) -> Result<(), ServiceError> {
    let refused = |users: &[String], format: &str| {
        bad_request(format!(
            "Cannot delete vpc link. Vpc link '{id}', is referenced in [{}] in format of [{format}].",
            users.join(", ")
        ))
    };
    let methods = deployed_through(state, scope, id);
    if !methods.is_empty() {
        return Err(refused(&methods, "RESTApiId:Method:Resource:Stage"));
    }
    let routes = routes_through(state, scope, id);
    if routes.is_empty() { Ok(()) } else { Err(refused(&routes, "Method:Resource")) }
}

/// All methods that stages of REST APIs have behind a link.
fn deployed_through(state: &State, scope: &Scope, id: &str) -> Vec<String> {
    let mut found = Vec::new();
    for live in state.apis.all_live().iter().filter(|live| live.scope == *scope) {
        for stage in state.apis.rest_stages.page(&live.prefix(), None, usize::MAX) {
            let Some(deployment) = state.apis.rest_deployment(live, &stage.deployment_id) else { continue };
            for resource in &deployment.snapshot.resources {
                for (verb, method) in &resource.resource_methods {
                    let named = method.method_integration.as_ref().and_then(integration::link);
                    if named.is_some_and(|named| interpolate(named, stage.variables.as_ref()) == id) {
                        found.push(format!("{}:{verb}:{}:{}", live.id, resource.id, stage.stage_name));
                    }
                }
            }
        }
    }
    found
}

pub(super) async fn keep(state: &State, scope: &Scope, link: VpcLink) -> Result<Arc<VpcLink>, ServiceError> {
    state.apis.vpc_links.put(scope_key(scope).text(&link.id), link).await.map_err(storage)
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    if input.name.is_empty() {
        return Err(bad_request("Name cannot be empty"));
    }
    match input.target_arns.len() {
        0 => return Err(bad_request("At least one target arn must be specified for vpc link.")),
        1 => {}
        _ => return Err(bad_request("More than one target arn specified for vpc link.")),
    }
    let is_arn = |arn: &&String| arn.splitn(6, ':').count() == 6 && arn.starts_with("arn:");
    if let Some(arn) = input.target_arns.iter().find(|arn| !is_arn(arn)) {
        return Err(bad_request(format!("Invalid ARN. ARN is not well formed {arn}")));
    }
    let link = VpcLink {
        id: id::random(6),
        name: input.name,
        description: input.description,
        target_arns: input.target_arns,
        status: String::from("AVAILABLE"),
        status_message: Some(String::from("Your vpc link is ready for use")),
        tags: input.tags,
    };
    let link = keep(state, &ctx.scope, link).await?;
    // As on AWS, the first answer says that it is being made.
    let pending = VpcLink { status: String::from("PENDING"), status_message: None, ..VpcLink::clone(&link) };
    members::answer(&pending)
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfLink = members::read(input)?;
    members::answer(&*find(state, &ctx.scope, &input.vpc_link_id)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let limit = super::limit(input.limit);
    let prefix = scope_key(&ctx.scope);
    let after = input.position.as_deref().map(|id| prefix.clone().text(id));
    let mut found = state.apis.vpc_links.page(&prefix, after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|link| link.id.clone());
    let items = found.iter().map(|link| members::value(&**link)).collect::<Result<_, _>>()?;
    Ok(listing(items, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfLink = members::read(input)?;
    let mut link = VpcLink::clone(&*find(state, &ctx.scope, &input.vpc_link_id)?);
    for patch in &input.patch_operations {
        patch.only_replace()?;
        match patch.path.as_str() {
            "/name" if patch.value().is_empty() => return Err(bad_request("Name cannot be empty")),
            "/name" => link.name = patch.value(),
            "/description" => link.description = Some(patch.value()),
            _ => return Err(patch.invalid_path()),
        }
    }
    members::answer(&*keep(state, &ctx.scope, link).await?)
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfLink = members::read(input)?;
    let link = find(state, &ctx.scope, &input.vpc_link_id)?;
    check_unused(state, &ctx.scope, &link.id)?;
    state.apis.vpc_links.remove(&scope_key(&ctx.scope).text(&input.vpc_link_id)).await.map_err(storage)?;
    Ok(Output::empty())
}
