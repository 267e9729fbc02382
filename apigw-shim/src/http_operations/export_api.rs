//! ExportApi: an HTTP API, or a stage of it, as an OpenAPI document.

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::Value;

use super::{Members, api, deployment, http_api, is_socket, required, text};
use crate::{
    State,
    apis::Live,
    error::{bad_request, not_found},
    openapi::{document as written_as, http::export::Export},
};

/// An API as a document: as a stage has it, or as it is now.
pub(crate) fn document(
    state: &State,
    live: &Live,
    stage: Option<&str>,
    with_extensions: bool,
) -> Result<Value, ServiceError> {
    let api = api::record(state, live)?;
    let deployed = match stage {
        None => None,
        Some(name) => {
            let found = state.apis.http_stages.get(&live.child(name));
            let found = found.ok_or_else(|| not_found("Invalid stage identifier specified"))?;
            found.deployment_id.as_deref().and_then(|id| state.apis.http_deployment(live, id))
        }
    };
    let deployment = match deployed {
        Some(deployed) => deployed,
        // A stage to which nothing has been deployed has no routes.
        None => std::sync::Arc::new(deployment::now_there(state, live, stage.is_some())),
    };
    let created = api.members.get("CreatedDate").and_then(Value::as_f64).unwrap_or_default();
    #[expect(clippy::cast_possible_truncation, reason = "the time of day is enough")]
    let at = jiff::Timestamp::from_second(created as i64).unwrap_or_default();
    let date = at.strftime("%Y-%m-%d %H:%M:%SUTC").to_string();
    let region = &live.scope.region;
    Ok(Export { api: &api, deployment: &deployment, stage, with_extensions, date: &date, region }.write())
}

pub(super) async fn export(state: &State, ctx: &CallContext, input: Members) -> Result<Output, ServiceError> {
    let live = http_api(state, &ctx.scope, &input)?;
    if is_socket(&live) {
        return Err(bad_request("ExportApi is supported for HTTP APIs only"));
    }
    if required(&input, "Specification") != "OAS30" {
        return Err(bad_request("Invalid specification. Valid options are OAS30"));
    }
    if text(&input, "ExportVersion").is_some_and(|version| version != "1.0") {
        return Err(bad_request("Invalid export version. Valid options are 1.0"));
    }
    let with_extensions = input.get("IncludeExtensions") != Some(&Value::Bool(false));
    let stage = text(&input, "StageName");
    let written = document(state, &live, stage.as_deref(), with_extensions)?;
    let body = match required(&input, "OutputType").as_str() {
        "YAML" => written_as::to_yaml(&written),
        "JSON" => written_as::to_json(&written),
        _ => return Err(bad_request("Invalid output type. Valid options are YAML, JSON")),
    };
    Ok(Output::empty().with_body(body))
}
