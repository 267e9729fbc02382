//! ImportRestApi: a new API of an OpenAPI document.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;

use super::{integration, rest_api};
use crate::{
    State,
    error::bad_request,
    id, members,
    openapi::{
        self,
        apply::{self, Mode},
        import::{self, Draft, Options},
    },
    rest_api::record::Texts,
};

/// No document is longer; what is wrong with longer ones is said where they are read.
pub(super) const MOST_BYTES: usize = 8 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportRestApi {
    #[serde(default)]
    fail_on_warnings: bool,
    #[serde(default)]
    parameters: Texts,
}

/// The links that a document's integrations go through must be there.
pub(super) fn check_links(state: &State, scope: &Scope, draft: &Draft) -> Result<(), ServiceError> {
    for (path, methods) in &draft.paths {
        for (verb, method) in methods {
            let Some(found) = &method.method_integration else { continue };
            let (kind, id) = (found.connection_type.as_deref(), found.connection_id.as_deref());
            integration::check_connection(state, scope, kind, id).map_err(|error| {
                bad_request(format!(
                    "Errors found during import:\n\tUnable to put integration on '{verb}' for resource at path \
                     '{path}': {}",
                    error.message
                ))
            })?;
        }
    }
    Ok(())
}

pub(super) async fn import(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let Input { members, body } = input;
    let body = body.read(MOST_BYTES).await.map_err(|error| bad_request(error.to_string()))?;
    let input: ImportRestApi = members::read(Input { members, ..Input::default() })?;
    let options = Options::new(&ctx.scope.region, &ctx.scope.account).with(&input.parameters)?;
    let (draft, notes) = import::read(&openapi::parse(&body)?, &options)?;
    notes.verdict(input.fail_on_warnings)?;
    check_links(state, &ctx.scope, &draft)?;
    let name = draft.name.clone().filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| bad_request("Invalid OpenAPI input. (it has no title)"))?;
    let mut api = rest_api::blank(state, id::random(10), name);
    // What every other API has from the start, an imported one has only if its document has it.
    api.models.clear();
    let made = apply::apply(draft, api, &[], Mode::Overwrite, id::random)?;
    let mut output = Output::of(rest_api::render(&made.api, false));
    output.members.insert(String::from("warnings"), notes.warnings());
    rest_api::keep_new(state, &ctx.scope, made.api, made.resources).await?;
    Ok(output)
}
