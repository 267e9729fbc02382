//! CreateBasePathMapping, GetBasePathMapping, GetBasePathMappings, UpdateBasePathMapping, DeleteBasePathMapping.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{domain_name::find, listing, page};
use crate::{
    State,
    domain::{Routes, check, record::Mapping},
    error::{bad_request, conflict, invalid, storage},
    id, members,
    patch::Patch,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    domain_name: String,
    domain_name_id: Option<String>,
    base_path: Option<String>,
    rest_api_id: String,
    stage: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfMapping {
    domain_name: String,
    domain_name_id: Option<String>,
    base_path: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    domain_name: String,
    domain_name_id: Option<String>,
    position: Option<String>,
    limit: Option<i64>,
}

fn render(mapping: &Mapping) -> Value {
    let path = if mapping.path.is_empty() { "(none)" } else { &mapping.path };
    json!({"basePath": path, "restApiId": mapping.api_id, "stage": mapping.stage})
}

/// This control plane makes paths of one part only.
fn one_part(path: &str) -> Result<String, ServiceError> {
    if path.contains('/') {
        return Err(bad_request(
            "API Gateway V1 doesn't support the slash character (/) in base path mappings. To create a multi-level \
             base path mapping, use API Gateway V2.",
        ));
    }
    check::base_path(path)
}

fn mapping<'r>(routes: &'r Routes, path: &str) -> Result<&'r Mapping, ServiceError> {
    let path = if path == "(none)" { "" } else { path };
    let found = routes.mappings.iter().find(|mapping| mapping.path == path);
    found.map(|mapping| &**mapping).ok_or_else(|| invalid("base path mapping identifier"))
}

fn check_is_new(routes: &Routes, mapping: &Mapping) -> Result<(), ServiceError> {
    if routes.mappings.iter().any(|other| other.path == mapping.path && other.id != mapping.id) {
        return Err(conflict("Base path already exists for this domain name"));
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    let mapping = Mapping {
        id: id::random(6),
        path: one_part(input.base_path.as_deref().unwrap_or_default())?,
        api_id: input.rest_api_id,
        stage: input.stage.filter(|stage| !stage.is_empty()),
    };
    check::rest_stage(state, &ctx.scope, &mapping.api_id, mapping.stage.as_deref())?;
    check::same_reach(state, &ctx.scope, &routes.domain, &mapping.api_id)?;
    check_is_new(&routes, &mapping)?;
    let mapping = state.domains.put_mapping(&routes, mapping).await.map_err(storage)?;
    Ok(Output::of(render(&mapping)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMapping = members::read(input)?;
    let routes = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    Ok(Output::of(render(mapping(&routes, &input.base_path)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let routes = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    let mut all: Vec<&Mapping> = routes.mappings.iter().map(|mapping| &**mapping).collect();
    all.sort_by(|one, other| one.path.cmp(&other.path));
    let (found, position) = page(all, input.limit, input.position.as_deref(), |mapping| &mapping.id);
    Ok(listing(found.into_iter().map(render).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMapping = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    let mut mapping = mapping(&routes, &input.base_path)?.clone();
    for patch in &input.patch_operations {
        patch.only_replace()?;
        match patch.path.as_str() {
            "/basePath" => mapping.path = one_part(&patch.value())?,
            "/restapiId" | "/restApiId" => mapping.api_id = patch.value(),
            "/stage" => mapping.stage = Some(patch.value()).filter(|stage| !stage.is_empty()),
            _ => return Err(patch.invalid_path()),
        }
    }
    check::rest_stage(state, &ctx.scope, &mapping.api_id, mapping.stage.as_deref())?;
    check::same_reach(state, &ctx.scope, &routes.domain, &mapping.api_id)?;
    check_is_new(&routes, &mapping)?;
    let mapping = state.domains.put_mapping(&routes, mapping).await.map_err(storage)?;
    Ok(Output::of(render(&mapping)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfMapping = members::read(input)?;
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input.domain_name, input.domain_name_id.as_deref())?;
    let found = mapping(&routes, &input.base_path)?;
    state.domains.remove_mapping(&routes, found).await.map_err(storage)?;
    Ok(Output::empty())
}
