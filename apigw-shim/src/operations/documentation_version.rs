//! Documentation versions: names for what an API's documentation was at a time. Stages name one.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;

use super::{api, listing, page, rest_api};
use crate::{
    State,
    error::{conflict, invalid, not_yet},
    members,
    patch::Patch,
    rest_api::record::{DocumentationVersion, RestApi},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Create {
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

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<i64>,
}

fn no_version() -> ServiceError {
    invalid("Documentation version")
}

/// Whether an API has that version of its documentation.
pub(super) fn check(api: &RestApi, version: &str) -> Result<(), ServiceError> {
    let known = api.documentation_versions.iter().any(|known| known.version == version);
    if known { Ok(()) } else { Err(no_version()) }
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Create = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    if input.stage_name.is_some() {
        return Err(not_yet("stageName of CreateDocumentationVersion"));
    }
    let version = DocumentationVersion {
        version: input.documentation_version,
        created_date: rest_api::seconds(state),
        description: input.description,
    };
    rest_api::alter(state, &live, |record| {
        if check(record, &version.version).is_ok() {
            return Err(conflict("Documentation version already exists"));
        }
        let answer = members::answer(&version);
        let parts = record.documentation_parts.clone();
        record.documentation_snapshots.insert(version.version.clone(), parts);
        record.documentation_versions.push(version);
        answer
    })
    .await
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let mut versions = record.documentation_versions.iter();
    let version = versions.find(|version| version.version == input.documentation_version);
    members::answer(version.ok_or_else(no_version)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let record = rest_api::record(state, &live)?;
    let all: Vec<&DocumentationVersion> = record.documentation_versions.iter().collect();
    let (found, position) = page(all, input.limit, input.position.as_deref(), |version| &version.version);
    Ok(listing(found.iter().map(members::value).collect::<Result<_, _>>()?, position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    rest_api::alter(state, &live, |record| {
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
        members::answer(version)
    })
    .await
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfVersion = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    rest_api::alter(state, &live, |record| {
        check(record, &input.documentation_version)?;
        record.documentation_versions.retain(|version| version.version != input.documentation_version);
        record.documentation_snapshots.remove(&input.documentation_version);
        Ok(Output::empty())
    })
    .await
}
