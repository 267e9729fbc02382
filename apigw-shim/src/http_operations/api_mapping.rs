//! CreateApiMapping, GetApiMapping, GetApiMappings, UpdateApiMapping, DeleteApiMapping.

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::json;

use super::{Members, answer, domain_name::find, page, required, text};
use crate::{
    State,
    domain::{
        Routes, check,
        record::{EndpointType, Mapping, RoutingMode},
    },
    error::{bad_request, conflict, not_found, storage},
    id,
};

fn render(mapping: &Mapping) -> Members {
    Members::from_iter([
        (String::from("ApiId"), json!(mapping.api_id)),
        (String::from("ApiMappingId"), json!(mapping.id)),
        (String::from("ApiMappingKey"), json!(mapping.path)),
        (String::from("Stage"), json!(mapping.stage)),
    ])
}

fn mapping<'r>(routes: &'r Routes, input: &Members) -> Result<&'r Mapping, ServiceError> {
    let id = required(input, "ApiMappingId");
    let found = routes.mappings.iter().find(|mapping| mapping.id == id);
    found.map(|mapping| &**mapping).ok_or_else(|| not_found("Invalid ApiMapping identifier specified"))
}

/// Whether the domain may have the mapping.
fn check(state: &State, ctx: &CallContext, routes: &Routes, mapping: &Mapping) -> Result<(), ServiceError> {
    let others = routes.mappings.iter().filter(|other| other.id != mapping.id);
    let apis: Vec<&str> = others.clone().map(|other| other.api_id.as_str()).collect();
    let stage = mapping.stage.as_deref().unwrap_or_default();
    check::any_stage(state, &ctx.scope, &mapping.api_id, stage, &apis)?;
    check::same_reach(state, &ctx.scope, &routes.domain, &mapping.api_id)?;
    if mapping.path.contains('/') && routes.domain.endpoint_type == EndpointType::Edge {
        return Err(bad_request(
            "Mappings with multiple levels are supported for REGIONAL domain names only",
        ));
    }
    if routes.domain.routing_mode != RoutingMode::MappingOnly {
        check::rest_stage(state, &ctx.scope, &mapping.api_id, None).map_err(|_| {
            bad_request("Only REST APIs can be mapped to a domain name that has routing rules")
        })?;
    }
    if others.clone().any(|other| other.path == mapping.path) {
        return Err(conflict("ApiMapping key already exists for this domain name"));
    }
    Ok(())
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input)?;
    let mapping = Mapping {
        id: id::random(6),
        path: check::base_path(&required(&input, "ApiMappingKey"))?,
        api_id: required(&input, "ApiId"),
        stage: Some(required(&input, "Stage")),
    };
    check(state, ctx, &routes, &mapping)?;
    let mapping = state.domains.put_mapping(&routes, mapping).await.map_err(storage)?;
    Ok(answer(render(&mapping)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    Ok(answer(render(mapping(&*find(state, &ctx.scope, &input)?, &input)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let routes = find(state, &ctx.scope, &input)?;
    let mut all = routes.mappings.clone();
    all.sort_by(|one, other| one.path.cmp(&other.path));
    page("GetApiMappings", &all, &input, |mapping| mapping.id.clone(), |mapping| render(mapping))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input)?;
    let mut mapping = mapping(&routes, &input)?.clone();
    mapping.api_id = required(&input, "ApiId");
    if let Some(key) = text(&input, "ApiMappingKey") {
        mapping.path = check::base_path(&key)?;
    }
    if let Some(stage) = text(&input, "Stage") {
        mapping.stage = Some(stage);
    }
    check(state, ctx, &routes, &mapping)?;
    let mapping = state.domains.put_mapping(&routes, mapping).await.map_err(storage)?;
    Ok(answer(render(&mapping)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let _changing = state.domains.changing.lock().await;
    let routes = find(state, &ctx.scope, &input)?;
    state.domains.remove_mapping(&routes, mapping(&routes, &input)?).await.map_err(storage)?;
    Ok(Output::empty())
}
