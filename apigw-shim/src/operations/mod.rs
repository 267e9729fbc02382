//! The control plane of REST APIs: one file for each kind of thing, one function for each operation.

pub(crate) mod access_log_settings;
mod account;
mod api_key;
mod authorizer;
mod base_path_mapping;
mod canary;
mod client_certificate;
mod deployment;
mod documentation_part;
mod documentation_version;
mod domain_name;
mod domain_name_access_association;
mod gateway_response;
mod get_export;
mod import_documentation_parts;
mod import_rest_api;
mod integration;
mod integration_response;
mod jwt_configuration;
mod method;
mod method_response;
mod model;
pub(crate) mod parameter_mapping;
mod part;
mod put_rest_api;
mod request_validator;
mod resource;
mod rest_api;
mod stage;
mod tags;
mod test_invoke;
mod undocumented;
mod usage;
mod usage_plan;
mod usage_plan_key;
mod vpc_link;

pub(crate) use authorizer::check as check_authorizer;
pub(crate) use client_certificate::{ClientCertificate, check as check_client_certificate};
pub(crate) use domain_name::keep as keep_domain;
pub(crate) use gateway_response::default_of as default_gateway_response;
pub(crate) use get_export::export;
pub(crate) use integration::{
    check_cache_key, check_content_handling, check_credentials, check_templates,
    check_uri as check_integration_uri, passthrough as checked_passthrough, timeout as checked_timeout,
};
pub(crate) use integration_response::check_pattern;
pub(crate) use method::plain as plain_method;
pub(crate) use resource::check_path_part;
pub(crate) use rest_api::{checked_policy, compression_size};
pub(crate) use stage::check_variables as check_stage_variables;
pub(crate) use vpc_link::{VpcLink, check_unused as check_link_unused};

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::{PageToken, ServiceError};
use runtime::{CallContext, Input, Output, Scope};
use serde_json::Value;

use crate::{
    State,
    apis::{Kind, Live},
    error::{bad_request, invalid, not_found},
    rest_api::record::{
        Authorizer, DocumentationPart, DocumentationVersion, Method, Model, RequestValidator, Resource,
    },
};

macro_rules! operations {
    ($($name:literal => $handler:path,)*) => {
        /// All operations there are.
        pub(crate) const NAMES: &[&str] = &[$($name),*];

        async fn done(
            state: &State,
            ctx: &CallContext,
            operation: &str,
            input: Input,
        ) -> Result<Output, ServiceError> {
            match operation {
                $($name => $handler(state, ctx, input).await,)*
                _ => Err(ServiceError::not_implemented(format!("Tule does not implement {operation} of apigateway yet"))),
            }
        }
    };
}

/// Does one of [`NAMES`]. The position of a page is a token to clients: what is none of the listing's is refused. Tule's
/// own deployments, which carry no access key, may name what a page is to begin behind.
pub(crate) async fn call(
    state: &State,
    ctx: &CallContext,
    operation: &str,
    mut input: Input,
) -> Result<Output, ServiceError> {
    if let Some(Value::String(token)) = input.members.remove("position").filter(|token| token != "") {
        let after = match PageToken::decode(operation, &token) {
            Some(position) => position.after,
            None if ctx.access_key.is_none() => token,
            None => return Err(bad_request("Invalid position specified")),
        };
        input.members.insert(String::from("position"), after.into());
    }
    let mut output = done(state, ctx, operation, input).await?;
    if let Some(Value::String(position)) = output.members.get_mut("position") {
        *position = PageToken::encode(operation, position);
    }
    Ok(output)
}

operations! {
    "CreateRestApi" => rest_api::create,
    "GetRestApi" => rest_api::get,
    "GetRestApis" => rest_api::list,
    "UpdateRestApi" => rest_api::update,
    "DeleteRestApi" => rest_api::delete,
    "ImportRestApi" => import_rest_api::import,
    "PutRestApi" => put_rest_api::put,
    "GetExport" => get_export::get,
    "CreateResource" => resource::create,
    "GetResource" => resource::get,
    "GetResources" => resource::list,
    "UpdateResource" => resource::update,
    "DeleteResource" => resource::delete,
    "PutMethod" => method::put,
    "GetMethod" => method::get,
    "UpdateMethod" => method::update,
    "DeleteMethod" => method::delete,
    "PutMethodResponse" => method_response::put,
    "GetMethodResponse" => method_response::get,
    "UpdateMethodResponse" => method_response::update,
    "DeleteMethodResponse" => method_response::delete,
    "PutIntegration" => integration::put,
    "GetIntegration" => integration::get,
    "UpdateIntegration" => integration::update,
    "DeleteIntegration" => integration::delete,
    "PutIntegrationResponse" => integration_response::put,
    "GetIntegrationResponse" => integration_response::get,
    "UpdateIntegrationResponse" => integration_response::update,
    "DeleteIntegrationResponse" => integration_response::delete,
    "PutGatewayResponse" => gateway_response::put,
    "GetGatewayResponse" => gateway_response::get,
    "GetGatewayResponses" => gateway_response::list,
    "UpdateGatewayResponse" => gateway_response::update,
    "DeleteGatewayResponse" => gateway_response::delete,
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
    "CreateDocumentationPart" => documentation_part::create,
    "GetDocumentationPart" => part::get::<DocumentationPart>,
    "GetDocumentationParts" => documentation_part::list,
    "UpdateDocumentationPart" => part::update::<DocumentationPart>,
    "DeleteDocumentationPart" => part::delete::<DocumentationPart>,
    "ImportDocumentationParts" => import_documentation_parts::import,
    "CreateDocumentationVersion" => documentation_version::create,
    "GetDocumentationVersion" => part::get::<DocumentationVersion>,
    "GetDocumentationVersions" => part::list::<DocumentationVersion>,
    "UpdateDocumentationVersion" => part::update::<DocumentationVersion>,
    "DeleteDocumentationVersion" => part::delete::<DocumentationVersion>,
    "CreateRequestValidator" => request_validator::create,
    "GetRequestValidator" => part::get::<RequestValidator>,
    "GetRequestValidators" => part::list::<RequestValidator>,
    "UpdateRequestValidator" => part::update::<RequestValidator>,
    "DeleteRequestValidator" => part::delete::<RequestValidator>,
    "CreateModel" => model::create,
    "GetModel" => model::get,
    "GetModels" => part::list::<Model>,
    "UpdateModel" => part::update::<Model>,
    "DeleteModel" => part::delete::<Model>,
    "GetModelTemplate" => model::template,
    "CreateApiKey" => api_key::create,
    "GetApiKey" => api_key::get,
    "GetApiKeys" => api_key::list,
    "UpdateApiKey" => api_key::update,
    "DeleteApiKey" => api_key::delete,
    "ImportApiKeys" => api_key::import,
    "CreateUsagePlan" => usage_plan::create,
    "GetUsagePlan" => usage_plan::get,
    "GetUsagePlans" => usage_plan::list,
    "UpdateUsagePlan" => usage_plan::update,
    "DeleteUsagePlan" => usage_plan::delete,
    "CreateUsagePlanKey" => usage_plan_key::create,
    "GetUsagePlanKey" => usage_plan_key::get,
    "GetUsagePlanKeys" => usage_plan_key::list,
    "DeleteUsagePlanKey" => usage_plan_key::delete,
    "GetUsage" => usage::get,
    "UpdateUsage" => usage::update,
    "CreateAuthorizer" => authorizer::create,
    "GetAuthorizer" => part::get::<Authorizer>,
    "GetAuthorizers" => part::list::<Authorizer>,
    "UpdateAuthorizer" => part::update::<Authorizer>,
    "DeleteAuthorizer" => part::delete::<Authorizer>,
    "FlushStageAuthorizersCache" => authorizer::flush,
    "TestInvokeMethod" => test_invoke::method,
    "TestInvokeAuthorizer" => test_invoke::authorizer,
    "CreateDomainName" => domain_name::create,
    "GetDomainName" => domain_name::get,
    "GetDomainNames" => domain_name::list,
    "UpdateDomainName" => domain_name::update,
    "DeleteDomainName" => domain_name::delete,
    "CreateDomainNameAccessAssociation" => domain_name_access_association::create,
    "GetDomainNameAccessAssociations" => domain_name_access_association::list,
    "DeleteDomainNameAccessAssociation" => domain_name_access_association::delete,
    "RejectDomainNameAccessAssociation" => domain_name_access_association::delete,
    "CreateBasePathMapping" => base_path_mapping::create,
    "GetBasePathMapping" => base_path_mapping::get,
    "GetBasePathMappings" => base_path_mapping::list,
    "UpdateBasePathMapping" => base_path_mapping::update,
    "DeleteBasePathMapping" => base_path_mapping::delete,
    "GenerateClientCertificate" => client_certificate::generate,
    "GetClientCertificate" => client_certificate::get,
    "GetClientCertificates" => client_certificate::list,
    "UpdateClientCertificate" => client_certificate::update,
    "DeleteClientCertificate" => client_certificate::delete,
    "CreateVpcLink" => vpc_link::create,
    "GetVpcLink" => vpc_link::get,
    "GetVpcLinks" => vpc_link::list,
    "UpdateVpcLink" => vpc_link::update,
    "DeleteVpcLink" => vpc_link::delete,
    "FlushStageCache" => stage::flush_cache,
    "GetTags" => tags::get,
    "TagResource" => tags::tag,
    "UntagResource" => tags::untag,
    "GetAccount" => account::get,
    "UpdateAccount" => account::update,
}

/// The REST API of that id, as operations on the API itself word its absence.
fn api(state: &State, scope: &Scope, id: &str) -> Result<Arc<Live>, ServiceError> {
    rest(state, scope, id)
        .ok_or_else(|| not_found(format!("Invalid API identifier specified {}:{id}", scope.account)))
}

/// The REST API of that id, as operations on what is in it word its absence.
fn api_of_resource(state: &State, scope: &Scope, id: &str) -> Result<Arc<Live>, ServiceError> {
    rest(state, scope, id).ok_or_else(|| invalid("Resource identifier"))
}

fn rest(state: &State, scope: &Scope, id: &str) -> Option<Arc<Live>> {
    state.apis.live_in(scope, id).filter(|live| matches!(live.kind, Kind::Rest(_)))
}

fn resource(state: &State, live: &Live, id: &str) -> Result<Arc<Resource>, ServiceError> {
    state.apis.resources.get(&live.child(id)).ok_or_else(|| invalid("Resource identifier"))
}

fn method<'r>(resource: &'r Resource, name: &str) -> Result<&'r Method, ServiceError> {
    resource.resource_methods.get(name).ok_or_else(|| invalid("Method identifier"))
}

fn method_mut<'r>(resource: &'r mut Resource, name: &str) -> Result<&'r mut Method, ServiceError> {
    resource.resource_methods.get_mut(name).ok_or_else(|| invalid("Method identifier"))
}

async fn keep(state: &State, live: &Live, resource: Resource) -> Result<Arc<Resource>, ServiceError> {
    state.apis.resources.put(live.child(&resource.id), resource).await.map_err(crate::error::storage)
}

/// How many a page has.
fn limit(limit: Option<i64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0).unwrap_or(25).min(500)
}

/// A page of what an API has.
#[derive(serde::Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListOfApi {
    rest_api_id: String,
    position: Option<String>,
    limit: Option<i64>,
}

/// A page of a listing by `limit` and `position`. Pages go on behind the id that the position names.
fn page<T>(
    all: Vec<T>,
    limit: Option<i64>,
    position: Option<&str>,
    id: impl Fn(&T) -> &str,
) -> (Vec<T>, Option<String>) {
    let limit = self::limit(limit);
    // What the position names may be gone since: lists that are in the order of ids go on where it was, others begin
    // anew, so that nothing is passed over.
    let start = position.map_or(0, |position| match all.iter().position(|item| id(item) == position) {
        Some(at) => at + 1,
        None if all.is_sorted_by(|one, other| id(one) <= id(other)) => {
            all.partition_point(|item| id(item) <= position)
        }
        None => 0,
    });
    let more = all.len() > start + limit;
    let items: Vec<T> = all.into_iter().skip(start).take(limit).collect();
    let position = if more { items.last().map(|item| id(item).to_owned()) } else { None };
    (items, position)
}

fn listing(items: Vec<Value>, position: Option<String>) -> Output {
    let mut output = Output::default();
    output.members.insert(String::from("items"), Value::Array(items));
    output.members.insert(String::from("position"), position.map_or(Value::Null, Value::String));
    output
}

/// Sets or removes one entry of a map that is absent while it is empty.
fn set_entry<T>(map: &mut Option<BTreeMap<String, T>>, name: String, value: T) {
    map.get_or_insert_default().insert(name, value);
}

fn remove_entry<T>(map: &mut Option<BTreeMap<String, T>>, name: &str) -> bool {
    let removed = map.as_mut().is_some_and(|map| map.remove(name).is_some());
    if map.as_ref().is_some_and(BTreeMap::is_empty) {
        *map = None;
    }
    removed
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn pages_go_on_where_something_was_and_pass_nothing_over() {
        let behind = |all: &[&'static str], position: &str| {
            let (found, more) = page(all.to_vec(), Some(2), Some(position), |item| item);
            (found.concat(), more)
        };
        assert_eq!(behind(&["a", "b", "d", "e"], "b"), (String::from("de"), None));
        assert_eq!(behind(&["a", "b", "d", "e", "f"], "c"), (String::from("de"), Some(String::from("e"))));
        assert_eq!(behind(&["a", "b"], "c"), (String::new(), None));
        // In the order in which they were made.
        assert_eq!(behind(&["z", "b", "x"], "y"), (String::from("zb"), Some(String::from("b"))));
    }
}
