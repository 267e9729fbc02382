//! ImportDocumentationParts: the documentation of an OpenAPI document, without its API.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::json;

use super::{api, import_rest_api::MOST_BYTES, put_rest_api, rest_api};
use crate::{
    State,
    error::bad_request,
    id, members,
    openapi::{self, Notes, apply, import},
    rest_api::record::Location,
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ImportDocumentationParts {
    rest_api_id: String,
    mode: Option<String>,
    #[serde(default)]
    fail_on_warnings: bool,
}

/// What documentation may be of.
const KINDS: &[&str] = &[
    "API",
    "AUTHORIZER",
    "METHOD",
    "MODEL",
    "PATH_PARAMETER",
    "QUERY_PARAMETER",
    "REQUEST_BODY",
    "REQUEST_HEADER",
    "RESOURCE",
    "RESPONSE",
    "RESPONSE_BODY",
    "RESPONSE_HEADER",
];

fn check(location: &Location) -> Result<(), String> {
    if KINDS.contains(&location.kind.as_str()) {
        return Ok(());
    }
    Err(format!("Invalid documentation part location type specified: {}. Ignoring.", location.kind))
}

pub(super) async fn import(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let Input { members, body } = input;
    let body = body.read(MOST_BYTES).await.map_err(|error| bad_request(error.to_string()))?;
    let input: ImportDocumentationParts = members::read(Input { members, ..Input::default() })?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let mut notes = Notes::default();
    let mut parts = import::documentation(&openapi::parse(&body)?);
    parts.retain(|part| check(&part.location).map_err(|reason| notes.warn(reason)).is_ok());
    notes.verdict(input.fail_on_warnings)?;
    let mode = put_rest_api::mode(input.mode.as_deref());
    rest_api::alter(state, &live, |record| {
        let ids = apply::document(record, parts, mode, id::random);
        Ok(Output::of(json!({"ids": ids, "warnings": notes.warnings()})))
    })
    .await
}
