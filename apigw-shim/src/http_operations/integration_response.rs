//! CreateIntegrationResponse, GetIntegrationResponse, GetIntegrationResponses, UpdateIntegrationResponse, DeleteIntegrationResponse: of WebSocket APIs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::CallContext;
use serde_json::Value;
use store::Collection;

use super::{
    Members,
    child::{self, Kind, Sort},
    route_response::check_key_is_new,
    text,
};
use crate::{
    State,
    apis::{Apis, Live},
    error::bad_request,
    http_api::record::Child,
};

/// Integration responses.
pub(super) struct IntegrationResponse;

impl Kind for IntegrationResponse {
    const SORT: Sort =
        Sort { name: "IntegrationResponse", id: "IntegrationResponseId", listing: "GetIntegrationResponses" };
    const KEPT: &'static [&'static str] = &[
        "ContentHandlingStrategy",
        "IntegrationResponseKey",
        "ResponseTemplates",
        "TemplateSelectionExpression",
    ];
    const REFUSED: &'static [&'static str] = &["ResponseParameters"];
    const ID_LENGTH: usize = 7;
    const IS_DEPLOYED: bool = true;

    fn records(apis: &Apis) -> &Collection<Child> {
        &apis.integration_responses
    }

    /// The integration that is asked about.
    fn place(
        state: &State,
        ctx: &CallContext,
        input: &Members,
    ) -> Result<(Arc<Live>, Option<String>), ServiceError> {
        child::part_of_socket(state, ctx, input, "Integration", &state.apis.integrations)
    }

    fn check(members: &Members, others: &[Arc<Child>]) -> Result<(), ServiceError> {
        let key = text(members, "IntegrationResponseKey").unwrap_or_default();
        let is_pattern = key.len() > 1 && key.starts_with('/') && key.ends_with('/');
        if key != "$default" && !(is_pattern && crate::websocket::compiled::pattern(&key).is_ok()) {
            return Err(bad_request(format!("Invalid integration response key specified: {key}")));
        }
        let templates = members.get("ResponseTemplates").and_then(Value::as_object);
        for (key, template) in templates.into_iter().flatten() {
            if let Err(error) = vtl::Template::parse(template.as_str().unwrap_or_default()) {
                return Err(bad_request(format!("Invalid mapping template specified for {key}: {error}")));
            }
        }
        check_key_is_new("IntegrationResponseKey", &key, others)
    }
}
