//! GetExport: a stage as an OpenAPI document.

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{api, rest_api};
use crate::{
    State,
    apis::Live,
    error::{bad_request, invalid, not_yet},
    members,
    openapi::{
        document,
        export::{Documented, Export, Extensions, Format},
    },
    rest_api::record::{DocumentationVersion, Texts},
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct GetExport {
    rest_api_id: String,
    stage_name: String,
    export_type: String,
    #[serde(default)]
    parameters: Texts,
    accepts: Option<String>,
}

/// What is wanted beside plain OpenAPI: a list, as `extensions=integrations,authorizers` has it.
fn extensions(parameters: &Texts) -> Result<Extensions, ServiceError> {
    let mut extensions = Extensions::default();
    let given = parameters.get("extensions").map(String::as_str).unwrap_or_default();
    for name in given.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        match name {
            "integrations" => extensions.integrations = true,
            "authorizers" => extensions.authorizers = true,
            "apigateway" => extensions.apigateway = true,
            "documentation" => extensions.documentation = true,
            "postman" => return Err(not_yet("extensions=postman of GetExport")),
            other => return Err(bad_request(format!("Invalid export extension specified: {other}"))),
        }
    }
    Ok(extensions)
}

/// Whether YAML is wanted.
fn wants_yaml(accepts: Option<&str>) -> Result<bool, ServiceError> {
    match accepts {
        Some(accepts) if accepts.contains("yaml") => Ok(true),
        None | Some("") => Ok(false),
        Some(accepts) if accepts.contains("json") || accepts.contains('*') => Ok(false),
        Some(accepts) => Err(bad_request(format!(
            "Invalid accept type specified: {accepts}. Valid options are application/json, application/yaml"
        ))),
    }
}

/// A stage as a document, and the API's version.
pub(crate) fn export(
    state: &State,
    live: &Live,
    stage: &str,
    format: Format,
    extensions: Extensions,
) -> Result<(Value, String), ServiceError> {
    let api = rest_api::record(state, live)?;
    let stage = state.apis.rest_stages.get(&live.child(stage)).ok_or_else(|| invalid("stage identifier"))?;
    let deployment = state.apis.rest_deployment(live, &stage.deployment_id);
    let deployment = deployment.ok_or_else(|| invalid("Deployment identifier"))?;
    let date = date(deployment.created_date);
    let wanted =
        |version: &&DocumentationVersion| stage.documentation_version.as_ref() == Some(&version.version);
    let version = api.documentation_versions.iter().find(wanted);
    let created = version.map(|version| self::date(version.created_date)).unwrap_or_default();
    let documented = version.and_then(|version| {
        let parts = api.documentation_snapshots.get(&version.version)?;
        Some(Documented { version: &version.version, created: &created, parts })
    });
    let export = Export {
        api: &api,
        stage: &stage,
        snapshot: &deployment.snapshot,
        format,
        extensions,
        date: &date,
        region: &live.scope.region,
        documented,
    };
    Ok((export.write(), export.version().to_owned()))
}

/// `2016-11-17T07:03:59Z`.
fn date(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "records have whole seconds")]
    let seconds = seconds as i64;
    jiff::Timestamp::from_second(seconds).map(|at| at.to_string()).unwrap_or_default()
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: GetExport = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let format = match input.export_type.as_str() {
        "swagger" => Format::Swagger2,
        "oas30" => Format::OpenApi3,
        other => return Err(bad_request(format!("No API exporter found for type '{other}'"))),
    };
    let extensions = extensions(&input.parameters)?;
    let yaml = wants_yaml(input.accepts.as_deref())?;
    let (exported, version) = export(state, &live, &input.stage_name, format, extensions)?;
    let (text, ending) = match yaml {
        true => (document::to_yaml(&exported), "yaml"),
        false => (document::to_json(&exported), "json"),
    };
    // A version is any text, and what stands in a header is not.
    let version: String =
        version.chars().filter(|it| it.is_ascii_graphic() && !"\"\\/;".contains(*it)).collect();
    let disposition = format!("attachment; filename=\"{}_{version}.{ending}\"", input.export_type);
    let members = json!({"contentType": "application/octet-stream", "contentDisposition": disposition});
    Ok(Output::of(members).with_body(text))
}
