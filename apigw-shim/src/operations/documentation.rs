//! Documentation parts and versions. They are kept and listed; nothing answers by them.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{api, listing, page, rest_api};
use crate::{
    State,
    error::{bad_request, conflict, invalid},
    id, members,
    patch::Patch,
    rest_api::record::{DocumentationPart, DocumentationVersion, Location, RestApi},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatePart {
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
struct CreateVersion {
    rest_api_id: String,
    documentation_version: String,
    stage_name: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfVersion {
    rest_api_id: String,
    documentation_version: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

/// Which to list; the members are filters of parts.
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

fn no_version() -> ServiceError {
    invalid("Documentation version")
}

/// Whether an API has that version of its documentation.
pub(super) fn check_version(api: &RestApi, version: &str) -> Result<(), ServiceError> {
    let known = api.documentation_versions.iter().any(|known| known.version == version);
    if known { Ok(()) } else { Err(no_version()) }
}

pub(super) async fn create_part(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: CreatePart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    if record.documentation_parts.iter().any(|part| part.location == input.location) {
        return Err(conflict("Documentation part already exists for the specified location"));
    }
    let part =
        DocumentationPart { id: id::random(6), location: input.location, properties: input.properties };
    let answer = members::answer(&part);
    record.documentation_parts.push(part);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn get_part(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let part = record.documentation_parts.iter().find(|part| part.id == input.documentation_part_id);
    members::answer(part.ok_or_else(no_part)?)
}

pub(super) async fn list_parts(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
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

pub(super) async fn update_part(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let parts = &mut record.documentation_parts;
    let part = parts.iter_mut().find(|part| part.id == input.documentation_part_id).ok_or_else(no_part)?;
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
    let answer = members::answer(part);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn delete_part(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfPart = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let count = record.documentation_parts.len();
    record.documentation_parts.retain(|part| part.id != input.documentation_part_id);
    if record.documentation_parts.len() == count {
        return Err(no_part());
    }
    rest_api::put(state, &live, record).await?;
    Ok(Output::empty())
}

pub(super) async fn create_version(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: CreateVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    if input.stage_name.is_some() {
        return Err(crate::error::not_yet("stageName of CreateDocumentationVersion"));
    }
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    if check_version(&record, &input.documentation_version).is_ok() {
        return Err(conflict("Documentation version already exists"));
    }
    let version = DocumentationVersion {
        version: input.documentation_version,
        created_date: rest_api::seconds(state),
        description: input.description,
    };
    let answer = members::answer(&version);
    record.documentation_versions.push(version);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn get_version(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let mut versions = record.documentation_versions.iter();
    let version = versions.find(|version| version.version == input.documentation_version);
    members::answer(version.ok_or_else(no_version)?)
}

pub(super) async fn list_versions(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all: Vec<&DocumentationVersion> = record.documentation_versions.iter().collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |version| &version.version);
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update_version(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    let mut versions = record.documentation_versions.iter_mut();
    let version = versions.find(|version| version.version == input.documentation_version);
    let version = version.ok_or_else(no_version)?;
    for patch in &input.patch_operations {
        if patch.path != "/description" {
            return Err(patch.invalid_path());
        }
        patch.only_replace()?;
        version.description = Some(patch.value());
    }
    let answer = members::answer(version);
    rest_api::put(state, &live, record).await?;
    answer
}

pub(super) async fn delete_version(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*rest_api::record(state, &live)?);
    check_version(&record, &input.documentation_version)?;
    record.documentation_versions.retain(|version| version.version != input.documentation_version);
    rest_api::put(state, &live, record).await?;
    Ok(Output::empty())
}
