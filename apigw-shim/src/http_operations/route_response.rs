//! CreateRouteResponse, GetRouteResponse, GetRouteResponses, UpdateRouteResponse, DeleteRouteResponse: of WebSocket APIs.

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::CallContext;
use store::Collection;

use super::{
    Members,
    child::{self, Kind, Sort},
    route, text,
};
use crate::{
    State,
    apis::{Apis, Live},
    error::{bad_request, conflict},
    http_api::record::Child,
};

/// Route responses.
pub(super) struct RouteResponse;

impl Kind for RouteResponse {
    const SORT: Sort = Sort { name: "RouteResponse", id: "RouteResponseId", listing: "GetRouteResponses" };
    /// Models and parameters describe what clients get, as those of a REST API's method responses do: AWS holds no message
    /// against them.
    const KEPT: &'static [&'static str] =
        &["ModelSelectionExpression", "ResponseModels", "ResponseParameters", "RouteResponseKey"];
    const ID_LENGTH: usize = 7;
    const IS_DEPLOYED: bool = true;

    fn records(apis: &Apis) -> &Collection<Child> {
        &apis.route_responses
    }

    /// The route that is asked about.
    fn place(
        state: &State,
        ctx: &CallContext,
        input: &Members,
    ) -> Result<(Arc<Live>, Option<String>), ServiceError> {
        let place = child::part_of_socket(state, ctx, input, "Route", &state.apis.routes)?;
        route::check_models(state, &place.0, input.get("ResponseModels"))?;
        Ok(place)
    }

    fn check(members: &Members, others: &[Arc<Child>]) -> Result<(), ServiceError> {
        let key = text(members, "RouteResponseKey").unwrap_or_default();
        if key != "$default" {
            return Err(bad_request("Currently, only $default is supported as a RouteResponseKey."));
        }
        check_key_is_new("RouteResponseKey", &key, others)
    }
}

/// Responses of one route or integration differ in their keys.
pub(super) fn check_key_is_new(member: &str, key: &str, others: &[Arc<Child>]) -> Result<(), ServiceError> {
    if others.iter().any(|other| text(&other.members, member).as_deref() == Some(key)) {
        return Err(conflict(format!("A response with the key {key} exists already")));
    }
    Ok(())
}
