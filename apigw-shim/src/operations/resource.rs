//! CreateResource, GetResource, GetResources, UpdateResource, DeleteResource.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{api, api_of_resource, keep, listing, page, resource};
use crate::{
    State,
    apis::Live,
    error::{bad_request, conflict, invalid, storage},
    id, members,
    patch::Patch,
    rest_api::record::Resource,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateResource {
    rest_api_id: String,
    parent_id: String,
    path_part: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfResource {
    rest_api_id: String,
    resource_id: String,
    #[serde(default)]
    embed: Vec<String>,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetResources {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<i64>,
    #[serde(default)]
    embed: Vec<String>,
}

/// The answer for a resource. Its methods are named without their content, unless the client asked to embed them.
fn render(resource: &Resource, embed: &[String]) -> Result<Value, ServiceError> {
    let mut answer = members::value(resource)?;
    if !embed.iter().any(|name| name == "methods")
        && let Some(methods) = answer.get_mut("resourceMethods").and_then(Value::as_object_mut)
    {
        methods.values_mut().for_each(|method| *method = json!({}));
    }
    Ok(answer)
}

fn all(state: &State, live: &Live) -> Vec<Arc<Resource>> {
    let mut all = state.apis.resources.page(&live.prefix(), None, usize::MAX);
    all.sort_by(|left, right| left.path.cmp(&right.path));
    all
}

/// Path parts are names, `{name}` or `{name+}`.
pub(crate) fn check_path_part(part: &str) -> Result<(), ServiceError> {
    let name = part.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
    let name = name.map_or(part, |name| name.strip_suffix('+').unwrap_or(name));
    let allowed =
        |character: char| character.is_ascii_alphanumeric() || "._-:$&!*'(),;=@%~+".contains(character);
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(bad_request(
            "Resource's path part only allow a-zA-Z0-9._-: or a valid greedy path variable and curly braces at the \
             beginning and the end.",
        ));
    }
    Ok(())
}

fn is_variable(part: &str) -> bool {
    part.starts_with('{')
}

/// Refuses a resource beside others that its part of the path could not be told from.
fn check_siblings(
    state: &State,
    live: &Live,
    parent: &Resource,
    part: &str,
    except: &str,
) -> Result<(), ServiceError> {
    if parent.path_part.as_deref().is_some_and(|part| part.ends_with("+}")) {
        return Err(bad_request(format!(
            "Cannot create a child of a resource with a greedy path variable: {}",
            parent.path
        )));
    }
    let siblings = all(state, live);
    let siblings =
        siblings.iter().filter(|other| other.parent_id.as_ref() == Some(&parent.id) && other.id != except);
    for sibling in siblings {
        let other = sibling.path_part.as_deref().unwrap_or_default();
        if other == part {
            return Err(conflict(format!(
                "Another resource with the same parent already has this name: {part}"
            )));
        }
        if is_variable(other) && is_variable(part) {
            return Err(bad_request(format!(
                "A sibling ({other}) of this resource already has a variable path part -- only one is allowed"
            )));
        }
    }
    Ok(())
}

fn join(parent: &str, part: &str) -> String {
    format!("{}/{part}", parent.trim_end_matches('/'))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: CreateResource = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let parent = resource(state, &live, &input.parent_id)?;
    check_path_part(&input.path_part)?;
    check_siblings(state, &live, &parent, &input.path_part, "")?;
    let resource = Resource {
        id: id::random(6),
        parent_id: Some(parent.id.clone()),
        path: join(&parent.path, &input.path_part),
        path_part: Some(input.path_part),
        resource_methods: BTreeMap::new(),
    };
    let resource = keep(state, &live, resource).await?;
    Ok(Output::of(render(&resource, &[])?))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResource = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    Ok(Output::of(render(&*resource(state, &live, &input.resource_id)?, &input.embed)?))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: GetResources = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let (found, position) =
        page(all(state, &live), input.limit, input.position.as_deref(), |resource| &resource.id);
    let items = found.iter().map(|resource| render(resource, &input.embed)).collect::<Result<_, _>>()?;
    Ok(listing(items, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResource = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut changed = Resource::clone(&*resource(state, &live, &input.resource_id)?);
    for patch in &input.patch_operations {
        change(state, &live, &mut changed, patch)?;
    }
    let changed = keep(state, &live, changed).await?;
    move_children(state, &live, &changed).await?;
    Ok(Output::of(render(&changed, &[])?))
}

fn change(state: &State, live: &Live, changed: &mut Resource, patch: &Patch) -> Result<(), ServiceError> {
    let path = patch.path.as_str();
    if patch.op != "replace" {
        return Err(bad_request(format!(
            "Invalid patch path  '{path}' specified for op '{}'. Please choose supported operations",
            patch.op
        )));
    }
    let name = match path {
        "/parentId" | "/pathPart" => path.trim_start_matches('/'),
        _ => {
            return Err(bad_request(format!(
                "Invalid patch path  '{path}' specified for op 'replace'. Must be one of: [/parentId, /pathPart]"
            )));
        }
    };
    let Some(parent_id) = changed.parent_id.clone() else {
        return Err(bad_request(format!("Root resource cannot update its {name}.")));
    };
    let (parent_id, part) = match name {
        "parentId" => (patch.value(), changed.path_part.clone().unwrap_or_default()),
        _ => (parent_id, patch.value()),
    };
    let parent = resource(state, live, &parent_id)?;
    if parent.id == changed.id || is_below(&parent.path, &changed.path) {
        return Err(bad_request("Resources cannot be cyclical."));
    }
    check_path_part(&part)?;
    check_siblings(state, live, &parent, &part, &changed.id)?;
    changed.path = join(&parent.path, &part);
    changed.parent_id = Some(parent_id);
    changed.path_part = Some(part);
    Ok(())
}

fn is_below(path: &str, above: &str) -> bool {
    path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'))
}

/// Gives all resources below a moved one their new paths, parents first.
async fn move_children(state: &State, live: &Live, moved: &Resource) -> Result<(), ServiceError> {
    let everything = all(state, live);
    let mut waiting = vec![moved.clone()];
    while let Some(parent) = waiting.pop() {
        for child in everything.iter().filter(|child| child.parent_id.as_ref() == Some(&parent.id)) {
            let path = join(&parent.path, child.path_part.as_deref().unwrap_or_default());
            let child = Resource { path, ..Resource::clone(child) };
            keep(state, live, child.clone()).await?;
            waiting.push(child);
        }
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfResource = members::read(input)?;
    let live = api_of_resource(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let deleted = resource(state, &live, &input.resource_id)?;
    if deleted.parent_id.is_none() {
        return Err(bad_request("Root resource cannot be deleted"));
    }
    let mut doomed: Vec<_> = all(state, &live)
        .into_iter()
        .filter(|other| other.id == deleted.id || is_below(&other.path, &deleted.path))
        .collect();
    // Children first, so that none is left without its parent.
    doomed.reverse();
    if doomed.is_empty() {
        return Err(invalid("Resource identifier"));
    }
    for resource in doomed {
        state.apis.resources.remove(&live.child(&resource.id)).await.map_err(storage)?;
    }
    Ok(Output::empty())
}
