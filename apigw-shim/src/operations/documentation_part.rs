//! Documentation parts: what is said of the parts of an API. They are kept and listed; nothing answers by them.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{api, listing, page, rest_api};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    id, members,
    patch::Patch,
    rest_api::record::{DocumentationPart, Location},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
    rest_api_id: String,
    location: Location,
    properties: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfPart {
    rest_api_id: String,
    documentation_part_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    rest_api_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
    name_query: Option<String>,
    path: Option<String>,
    position: Option<String>,
    limit: Option<i64>,
}

fn no_part() -> ServiceError {
    invalid("Documentation part identifier")
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let part =
        DocumentationPart { id: id::random(6), location: input.location, properties: input.properties };
    rest_api::alter(state, &live, |record| {
        if record.documentation_parts.iter().any(|known| known.location == part.location) {
            return Err(conflict("Documentation part already exists for the specified location"));
        }
        let answer = members::answer(&part);
        record.documentation_parts.push(part);
        answer
    })
    .await
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let part = record.documentation_parts.iter().find(|part| part.id == input.documentation_part_id);
    members::answer(part.ok_or_else(no_part)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let wanted = |part: &&DocumentationPart| {
        let location = &part.location;
        let named = |query: &String| location.name.as_ref().is_some_and(|name| name.contains(query));
        input.kind.as_ref().is_none_or(|kind| location.kind == *kind)
            && input.name_query.as_ref().is_none_or(named)
            && input.path.as_ref().is_none_or(|path| location.path.as_ref() == Some(path))
    };
    let all: Vec<&DocumentationPart> = record.documentation_parts.iter().filter(wanted).collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |part| &part.id);
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    rest_api::alter(state, &live, |record| {
        let mut parts = record.documentation_parts.iter_mut();
        let part = parts.find(|part| part.id == input.documentation_part_id).ok_or_else(no_part)?;
        for patch in &input.patch_operations {
            if patch.path != "/properties" {
                return Err(bad_request(format!(
                    "Invalid patch path  '{}' specified for op '{}'. Must be one of: [/properties]",
                    patch.path, patch.op
                )));
            }
            patch.only_replace()?;
            part.properties = patch.value();
        }
        members::answer(part)
    })
    .await
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    rest_api::alter(state, &live, |record| {
        let parts = &mut record.documentation_parts;
        let count = parts.len();
        parts.retain(|part| part.id != input.documentation_part_id);
        if parts.len() == count { Err(no_part()) } else { Ok(Output::empty()) }
    })
    .await
}
