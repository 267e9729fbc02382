//! CreateModel, GetModel, GetModels, GetModelTemplate, UpdateModel, DeleteModel: of WebSocket APIs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Output};
use serde_json::{Value, json};
use store::Collection;

use super::{
    Members,
    child::{self, Kind, Sort},
    http_api, is_socket, required,
};
use crate::{
    State,
    apis::{Apis, Live},
    error::{bad_request, conflict},
    http_api::record::Child,
    schema::sample,
};

/// Models.
pub(super) struct Model;

impl Kind for Model {
    const SORT: Sort = Sort { name: "Model", id: "ModelId", listing: "GetModels" };
    const KEPT: &'static [&'static str] = &["ContentType", "Description", "Name", "Schema"];
    const ID_LENGTH: usize = 6;
    const IS_DEPLOYED: bool = true;

    fn records(apis: &Apis) -> &Collection<Child> {
        &apis.models
    }

    fn place(
        state: &State,
        ctx: &CallContext,
        input: &Members,
    ) -> Result<(Arc<Live>, Option<String>), ServiceError> {
        let live = http_api(state, &ctx.scope, input)?;
        if is_socket(&live) {
            Ok((live, None))
        } else {
            Err(bad_request("Models are not supported for HTTP APIs"))
        }
    }

    fn complete(members: &mut Members) {
        members.entry("ContentType").or_insert(json!("application/json"));
    }

    fn check(members: &Members, others: &[Arc<Child>]) -> Result<(), ServiceError> {
        let name = required(members, "Name");
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Err(bad_request(format!("Model name must be alphanumeric: {name}")));
        }
        let schema = required(members, "Schema");
        if !matches!(serde_json::from_str::<Value>(&schema), Ok(Value::Object(_))) {
            return Err(bad_request("Model schema must be a valid JSON object"));
        }
        if others.iter().any(|other| required(&other.members, "Name") == name) {
            return Err(conflict("Model name already exists for this API"));
        }
        Ok(())
    }
}

/// GetModelTemplate.
pub(super) async fn template(
    state: &State,
    ctx: &CallContext,
    input: Members,
) -> Result<Output, ServiceError> {
    let (_, found) = child::found::<Model>(state, ctx, &input)?;
    let schema: Value = serde_json::from_str(&required(&found.members, "Schema")).unwrap_or_default();
    Ok(Output::of(json!({"Value": sample::line(&schema)})))
}
