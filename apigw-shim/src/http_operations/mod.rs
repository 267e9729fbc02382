//! The control plane of HTTP and WebSocket APIs: one file for each kind of thing, one function for each operation.

mod api;
mod api_mapping;
mod authorizer;
mod child;
mod cors;
mod deployment;
mod domain_name;
mod export_api;
mod import_api;
mod integration;
mod integration_response;
mod model;
mod parameter_mapping;
mod portal;
mod portal_product;
mod product_page;
mod product_rest_endpoint_page;
mod route;
mod route_response;
mod routing_rule;
mod stage;
mod tags;
mod vpc_link;

pub(crate) use export_api::document as export;
pub(crate) use vpc_link::routes_through;

use std::sync::Arc;

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Input, Output, Scope};
use serde_json::{Map, Value, json};

use crate::{
    State,
    apis::{Kind, Live},
    error::{bad_request, not_found, not_yet},
};

macro_rules! operations {
    ($($name:literal => $handler:path,)*) => {
        /// All operations there are.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        /// Does one of [`NAMES`].
        pub(crate) async fn call(
            state: &State,
            ctx: &CallContext,
            operation: &str,
            input: Input,
        ) -> Result<Output, ServiceError> {
            match operation {
                $($name => $handler(state, ctx, input.members).await,)*
                _ => Err(ServiceError::not_implemented(format!("Tule does not implement {operation} of apigatewayv2 yet"))),
            }
        }
    };
}

operations! {
    "CreateApi" => api::create,
    "GetApi" => api::get,
    "GetApis" => api::list,
    "UpdateApi" => api::update,
    "DeleteApi" => api::delete,
    "ImportApi" => import_api::import,
    "ReimportApi" => import_api::reimport,
    "ExportApi" => export_api::export,
    "DeleteCorsConfiguration" => api::delete_cors,
    "CreateRoute" => route::create,
    "GetRoute" => route::get,
    "GetRoutes" => route::list,
    "UpdateRoute" => route::update,
    "DeleteRoute" => route::delete,
    "DeleteRouteRequestParameter" => route::delete_request_parameter,
    "CreateIntegration" => integration::create,
    "GetIntegration" => integration::get,
    "GetIntegrations" => integration::list,
    "UpdateIntegration" => integration::update,
    "DeleteIntegration" => integration::delete,
    "CreateIntegrationResponse" => child::create::<integration_response::IntegrationResponse>,
    "GetIntegrationResponse" => child::get::<integration_response::IntegrationResponse>,
    "GetIntegrationResponses" => child::get_all::<integration_response::IntegrationResponse>,
    "UpdateIntegrationResponse" => child::update::<integration_response::IntegrationResponse>,
    "DeleteIntegrationResponse" => child::delete::<integration_response::IntegrationResponse>,
    "CreateRouteResponse" => child::create::<route_response::RouteResponse>,
    "GetRouteResponse" => child::get::<route_response::RouteResponse>,
    "GetRouteResponses" => child::get_all::<route_response::RouteResponse>,
    "UpdateRouteResponse" => child::update::<route_response::RouteResponse>,
    "DeleteRouteResponse" => child::delete::<route_response::RouteResponse>,
    "CreateAuthorizer" => authorizer::create,
    "GetAuthorizer" => authorizer::get,
    "GetAuthorizers" => authorizer::list,
    "UpdateAuthorizer" => authorizer::update,
    "DeleteAuthorizer" => authorizer::delete,
    "ResetAuthorizersCache" => authorizer::reset_cache,
    "CreateModel" => child::create::<model::Model>,
    "GetModel" => child::get::<model::Model>,
    "GetModels" => child::get_all::<model::Model>,
    "GetModelTemplate" => model::template,
    "UpdateModel" => child::update::<model::Model>,
    "DeleteModel" => child::delete::<model::Model>,
    "CreateDeployment" => deployment::create,
    "GetDeployment" => deployment::get,
    "GetDeployments" => deployment::list,
    "UpdateDeployment" => deployment::update,
    "DeleteDeployment" => deployment::delete,
    "CreateStage" => stage::create,
    "GetStage" => stage::get,
    "GetStages" => stage::list,
    "UpdateStage" => stage::update,
    "DeleteStage" => stage::delete,
    "DeleteRouteSettings" => stage::delete_route_settings,
    "DeleteAccessLogSettings" => stage::delete_access_log_settings,
    "CreateDomainName" => domain_name::create,
    "GetDomainName" => domain_name::get,
    "GetDomainNames" => domain_name::list,
    "UpdateDomainName" => domain_name::update,
    "DeleteDomainName" => domain_name::delete,
    "CreateApiMapping" => api_mapping::create,
    "GetApiMapping" => api_mapping::get,
    "GetApiMappings" => api_mapping::list,
    "UpdateApiMapping" => api_mapping::update,
    "DeleteApiMapping" => api_mapping::delete,
    "CreateRoutingRule" => routing_rule::create,
    "GetRoutingRule" => routing_rule::get,
    "ListRoutingRules" => routing_rule::list,
    "PutRoutingRule" => routing_rule::put,
    "DeleteRoutingRule" => routing_rule::delete,
    "CreateVpcLink" => vpc_link::create,
    "GetVpcLink" => vpc_link::get,
    "GetVpcLinks" => vpc_link::list,
    "UpdateVpcLink" => vpc_link::update,
    "DeleteVpcLink" => vpc_link::delete,
    "CreatePortal" => portal::create,
    "GetPortal" => portal::get,
    "ListPortals" => portal::list,
    "UpdatePortal" => portal::update,
    "DeletePortal" => portal::delete,
    "PreviewPortal" => portal::preview,
    "PublishPortal" => portal::publish,
    "DisablePortal" => portal::disable,
    "CreatePortalProduct" => portal_product::create,
    "GetPortalProduct" => portal_product::get,
    "ListPortalProducts" => portal_product::list,
    "UpdatePortalProduct" => portal_product::update,
    "DeletePortalProduct" => portal_product::delete,
    "PutPortalProductSharingPolicy" => portal_product::put_policy,
    "GetPortalProductSharingPolicy" => portal_product::get_policy,
    "DeletePortalProductSharingPolicy" => portal_product::delete_policy,
    "CreateProductPage" => product_page::create,
    "GetProductPage" => product_page::get,
    "ListProductPages" => product_page::list,
    "UpdateProductPage" => product_page::update,
    "DeleteProductPage" => product_page::delete,
    "CreateProductRestEndpointPage" => product_rest_endpoint_page::create,
    "GetProductRestEndpointPage" => product_rest_endpoint_page::get,
    "ListProductRestEndpointPages" => product_rest_endpoint_page::list,
    "UpdateProductRestEndpointPage" => product_rest_endpoint_page::update,
    "DeleteProductRestEndpointPage" => product_rest_endpoint_page::delete,
    "GetTags" => tags::get,
    "TagResource" => tags::tag,
    "UntagResource" => tags::untag,
}

/// An operation's members.
type Members = Map<String, Value>;

fn text(members: &Members, name: &str) -> Option<String> {
    crate::http_api::record::text(members, name).map(str::to_owned)
}

/// A member that the model requires, so it is there.
fn required(members: &Members, name: &str) -> String {
    text(members, name).unwrap_or_default()
}

fn texts(members: &Members, name: &str) -> std::collections::BTreeMap<String, String> {
    let found = members.get(name).and_then(Value::as_object).into_iter().flatten();
    found.map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
}

/// Whether an API is one of WebSockets.
fn is_socket(live: &Live) -> bool {
    matches!(live.kind, Kind::Socket(_))
}

/// The HTTP or WebSocket API that an operation is about.
fn http_api(state: &State, scope: &Scope, members: &Members) -> Result<Arc<Live>, ServiceError> {
    let id = required(members, "ApiId");
    let found = state.apis.live_in(scope, &id).filter(|live| !matches!(live.kind, Kind::Rest(_)));
    found.ok_or_else(|| not_found(format!("Invalid API identifier specified {}:{id}", scope.account)))
}

/// Keeps of the members those named, without nulls.
fn keep(members: &Members, names: &[&str]) -> Members {
    let is_kept = |name: &String, value: &Value| names.contains(&name.as_str()) && !value.is_null();
    members
        .iter()
        .filter(|(name, value)| is_kept(name, value))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

/// Refuses members that AWS has and Tule does not, by name.
fn refuse(members: &Members, names: &[&str]) -> Result<(), ServiceError> {
    let is_set = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::Object(members) => !members.is_empty(),
        Value::Array(elements) => !elements.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) => true,
    };
    match names.iter().find(|name| members.get(**name).is_some_and(is_set)) {
        Some(name) => Err(not_yet(name)),
        None => Ok(()),
    }
}

fn now(state: &State) -> Value {
    json!(state.clock.now().epoch_seconds())
}

/// A page of a listing, by `MaxResults` and `NextToken`.
fn page<T>(
    listing: &str,
    all: &[T],
    members: &Members,
    id: impl Fn(&T) -> String,
    render: impl Fn(&T) -> Members,
) -> Result<Output, ServiceError> {
    let limit = text(members, "MaxResults").map_or(Ok(usize::MAX), |text| text.parse());
    let limit =
        limit.ok().filter(|limit| *limit > 0).ok_or_else(|| bad_request("Invalid value for maxResults"))?;
    let start = match text(members, "NextToken") {
        None => 0,
        Some(token) => {
            let token = PageToken::decode(listing, &token)
                .ok_or_else(|| bad_request("Invalid value for nextToken"))?;
            all.iter().position(|item| id(item) == token.after).map_or(0, |at| at + 1)
        }
    };
    let items: Vec<&T> = all.iter().skip(start).take(limit).collect();
    let more = start + items.len() < all.len();
    let next = items.last().filter(|_| more).map(|item| PageToken::encode(listing, &id(item)));
    let items: Vec<Value> = items.into_iter().map(|item| Value::Object(render(item))).collect();
    Ok(Output::of(json!({"Items": items, "NextToken": next})))
}

fn answer(members: Members) -> Output {
    Output { members, ..Output::default() }
}
