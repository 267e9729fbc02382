//! CreateRestApi, GetRestApi, GetRestApis, UpdateRestApi, DeleteRestApi.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use dashmap::DashMap;
use runtime::{CallContext, Input, Output, Scope};
use serde::Deserialize;
use serde_json::{Value, json};
use store::Batch;

use super::{api, listing};
use crate::{
    State,
    apis::{Kind, Live, scope_key},
    error::{bad_request, conflict, storage},
    id, members,
    patch::Patch,
    rest_api::record::{Model, Resource, RestApi, Texts},
};

/// The largest `minimumCompressionSize`.
const MOST_COMPRESSION_SIZE: u32 = 10_485_760;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateRestApi {
    name: String,
    description: Option<String>,
    version: Option<String>,
    clone_from: Option<String>,
    #[serde(default)]
    binary_media_types: Vec<String>,
    minimum_compression_size: Option<i64>,
    api_key_source: Option<String>,
    endpoint_configuration: Option<EndpointConfiguration>,
    policy: Option<String>,
    #[serde(default)]
    tags: Texts,
    #[serde(default)]
    disable_execute_api_endpoint: bool,
    security_policy: Option<String>,
    endpoint_access_mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EndpointConfiguration {
    types: Option<Vec<String>>,
    ip_address_type: Option<String>,
    #[serde(default)]
    vpc_endpoint_ids: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfApi {
    rest_api_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
struct Paging {
    position: Option<String>,
    limit: Option<i64>,
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: CreateRestApi = members::read(input)?;
    if input.description.as_deref() == Some("") {
        return Err(bad_request("Description cannot be an empty string"));
    }
    let minimum_compression_size = match input.minimum_compression_size {
        None => None,
        Some(size) => Some(compression_size(size).ok_or_else(invalid_compression_size)?),
    };
    let endpoint = input.endpoint_configuration.map(|given| endpoint(Some(given))).transpose()?;
    let policy = match input.policy.filter(|policy| !policy.is_empty()) {
        None => None,
        Some(policy) => Some(checked_policy(&policy)?),
    };
    let id = id::api(&input.tags);
    if state.apis.live(&id).is_some() {
        return Err(conflict(format!("An API with the id {id} exists already")));
    }
    let new = blank(state, id, input.name);
    let (base, resources) = match input.clone_from.filter(|from| !from.is_empty()) {
        Some(from) => copy_of(state, &*api(state, &ctx.scope, &from)?, new)?,
        None => {
            let root =
                Resource { id: new.root_resource_id.clone(), path: String::from("/"), ..Resource::default() };
            (new, vec![root])
        }
    };
    let given = |own: Vec<String>, other: Vec<String>| if own.is_empty() { other } else { own };
    let (endpoint_type, ip_address_type, vpc_endpoint_ids) =
        endpoint.unwrap_or((base.endpoint_type, base.ip_address_type, base.vpc_endpoint_ids));
    let api = RestApi {
        description: input.description.or(base.description),
        version: input.version.or(base.version),
        binary_media_types: given(input.binary_media_types, base.binary_media_types),
        minimum_compression_size: minimum_compression_size.or(base.minimum_compression_size),
        api_key_source: input.api_key_source.unwrap_or(base.api_key_source),
        endpoint_type,
        ip_address_type,
        vpc_endpoint_ids,
        security_policy: input.security_policy.or(base.security_policy),
        endpoint_access_mode: input.endpoint_access_mode.or(base.endpoint_access_mode),
        tags: input.tags,
        disable_execute_api_endpoint: input.disable_execute_api_endpoint || base.disable_execute_api_endpoint,
        policy: policy.or(base.policy),
        ..base
    };
    let answer = render(&api, false);
    keep_new(state, &ctx.scope, api, resources).await?;
    Ok(Output::of(answer))
}

/// Keeps an API and its resources, all at once, and lets it be found.
pub(super) async fn keep_new(
    state: &State,
    scope: &Scope,
    api: RestApi,
    resources: Vec<Resource>,
) -> Result<(), ServiceError> {
    let apis = &state.apis;
    let (id, sequence) = (api.id.clone(), api.sequence);
    let prefix = scope_key(scope).text(&id);
    let mut batch = Batch::new();
    let resources = resources.into_iter().map(|resource| {
        let key = prefix.clone().text(&resource.id);
        apis.resources.stage(&mut batch, key, resource)
    });
    let resources = resources.collect::<Result<Vec<_>, _>>().map_err(storage)?;
    let api = apis.rest_apis.stage(&mut batch, scope_key(scope).number(sequence), api).map_err(storage)?;
    apis.rest_apis.commit(batch).await.map_err(storage)?;
    resources.into_iter().for_each(|staged| apis.resources.show(staged));
    apis.rest_apis.show(api);
    apis.add(&id, scope.clone(), sequence, Kind::Rest(DashMap::new()));
    Ok(())
}

/// All that an API is made of, under the name and the ids of a new one. Its deployments and stages stay its own.
fn copy_of(state: &State, from: &Live, new: RestApi) -> Result<(RestApi, Vec<Resource>), ServiceError> {
    let source = RestApi::clone(&*record(state, from)?);
    let all = state.apis.resources.page(&from.prefix(), None, usize::MAX);
    let ids: BTreeMap<&str, String> = all
        .iter()
        .map(|resource| {
            let is_root = resource.id == source.root_resource_id;
            (&*resource.id, if is_root { new.root_resource_id.clone() } else { id::random(6) })
        })
        .collect();
    let renamed = |id: &str| ids.get(id).cloned().unwrap_or_else(|| id.to_owned());
    let copy = |resource: &Arc<Resource>| {
        let mut copy = Resource::clone(resource);
        copy.id = renamed(&copy.id);
        copy.parent_id = copy.parent_id.as_deref().map(renamed);
        let integrations =
            copy.resource_methods.values_mut().filter_map(|method| method.method_integration.as_mut());
        for integration in integrations {
            integration.cache_namespace = renamed(&integration.cache_namespace);
        }
        copy
    };
    let resources = all.iter().map(copy).collect();
    let RestApi { id, sequence, name, created_date, root_resource_id, .. } = new;
    Ok((RestApi { id, sequence, name, created_date, root_resource_id, ..source }, resources))
}

/// An API of which nothing is said but its name.
pub(super) fn blank(state: &State, id: String, name: String) -> RestApi {
    RestApi {
        id,
        sequence: state.apis.sequence(),
        name,
        description: None,
        created_date: seconds(state),
        version: None,
        binary_media_types: Vec::new(),
        minimum_compression_size: None,
        api_key_source: String::from("HEADER"),
        endpoint_type: String::from("EDGE"),
        ip_address_type: String::from("ipv4"),
        vpc_endpoint_ids: Vec::new(),
        security_policy: None,
        endpoint_access_mode: None,
        tags: Texts::new(),
        disable_execute_api_endpoint: false,
        root_resource_id: id::random(10),
        gateway_responses: std::collections::BTreeMap::new(),
        documentation_parts: Vec::new(),
        documentation_versions: Vec::new(),
        documentation_snapshots: std::collections::BTreeMap::new(),
        request_validators: Vec::new(),
        models: Model::defaults(),
        authorizers: Vec::new(),
        policy: None,
    }
}

/// Type, address type and VPC endpoints of an API.
fn endpoint(
    configuration: Option<EndpointConfiguration>,
) -> Result<(String, String, Vec<String>), ServiceError> {
    let Some(configuration) = configuration else {
        return Ok((String::from("EDGE"), String::from("ipv4"), Vec::new()));
    };
    let types = configuration.types.unwrap_or_else(|| vec![String::from("EDGE")]);
    let [endpoint_type] = <[String; 1]>::try_from(types).map_err(|types| {
        bad_request(if types.is_empty() {
            "REGIONAL Configuration and EDGE Configuration cannot be both DISABLED."
        } else {
            "Cannot create an api with multiple Endpoint Types."
        })
    })?;
    let is_private = endpoint_type == "PRIVATE";
    let default = if is_private { "dualstack" } else { "ipv4" };
    let address_type = configuration.ip_address_type.unwrap_or_else(|| default.to_owned());
    if is_private && address_type != "dualstack" {
        return Err(private_is_dualstack());
    }
    Ok((endpoint_type, address_type, configuration.vpc_endpoint_ids))
}

fn private_is_dualstack() -> ServiceError {
    bad_request("Only dualstack ipAddressType is supported for Private APIs.")
}

pub(crate) fn compression_size(size: i64) -> Option<u32> {
    u32::try_from(size).ok().filter(|size| *size <= MOST_COMPRESSION_SIZE)
}

fn invalid_compression_size() -> ServiceError {
    bad_request(format!("Invalid minimum compression size, must be between 0 and {MOST_COMPRESSION_SIZE}"))
}

/// A policy that can be evaluated. AWS answers with its quotes escaped, and takes such back.
pub(crate) fn checked_policy(policy: &str) -> Result<String, ServiceError> {
    let plain = policy.replace("\\\"", "\"");
    crate::policy::Policy::kept(&plain).map(|_| plain).map_err(|error| {
        error.refusal(|reason| {
            format!(
                "Invalid policy document. Please check the policy syntax and ensure that Principals are valid. ({reason})"
            )
        })
    })
}

pub(super) fn seconds(state: &State) -> f64 {
    // AWS keeps whole seconds here.
    #[expect(clippy::cast_precision_loss, reason = "seconds fit a double")]
    let seconds = (state.clock.now().millis() / 1000) as f64;
    seconds
}

/// The answer for an API. Only UpdateRestApi shows tags where there are none.
pub(super) fn render(api: &RestApi, always_tags: bool) -> Value {
    let mut endpoint = json!({"types": [api.endpoint_type], "ipAddressType": api.ip_address_type});
    if !api.vpc_endpoint_ids.is_empty() {
        endpoint["vpcEndpointIds"] = json!(api.vpc_endpoint_ids);
    }
    let or_null = |value: Value, is_there: bool| if is_there { value } else { Value::Null };
    json!({
        "id": api.id,
        "name": api.name,
        "description": api.description,
        "createdDate": api.created_date,
        "version": api.version,
        "binaryMediaTypes": or_null(json!(api.binary_media_types), !api.binary_media_types.is_empty()),
        "minimumCompressionSize": api.minimum_compression_size,
        "apiKeySource": api.api_key_source,
        "endpointConfiguration": endpoint,
        "tags": or_null(json!(api.tags), always_tags || !api.tags.is_empty()),
        "disableExecuteApiEndpoint": api.disable_execute_api_endpoint,
        "rootResourceId": api.root_resource_id,
        "securityPolicy": api.security_policy,
        "endpointAccessMode": api.endpoint_access_mode,
        "policy": api.policy.as_ref().map(|policy| policy.replace('"', "\\\"")),
    })
}

/// The record of an API.
pub(super) fn record(state: &State, live: &Live) -> Result<Arc<RestApi>, ServiceError> {
    state.apis.rest_apis.get(&live.key()).ok_or_else(|| {
        crate::error::not_found(format!(
            "Invalid API identifier specified {}:{}",
            live.scope.account, live.id
        ))
    })
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    Ok(Output::of(render(&*record(state, &live)?, false)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Paging = members::read(input)?;
    let limit = input.limit.and_then(|limit| usize::try_from(limit).ok()).filter(|limit| *limit > 0);
    let limit = limit.unwrap_or(25).min(500);
    let after =
        input.position.as_deref().and_then(|id| state.apis.live_in(&ctx.scope, id)).map(|live| live.key());
    let mut found = state.apis.rest_apis.page(&scope_key(&ctx.scope), after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|api| api.id.clone());
    Ok(listing(found.iter().map(|api| render(api, false)).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*record(state, &live)?);
    for patch in &input.patch_operations {
        change(&mut record, patch)?;
    }
    let record = put(state, &live, record).await?;
    Ok(Output::of(render(&record, true)))
}

/// Changes an API's record; nothing of it is kept if the change is refused.
pub(super) async fn alter<T>(
    state: &State,
    live: &Live,
    change: impl FnOnce(&mut RestApi) -> Result<T, ServiceError>,
) -> Result<T, ServiceError> {
    let _changing = live.changing.lock().await;
    let mut record = RestApi::clone(&*record(state, live)?);
    let answer = change(&mut record)?;
    put(state, live, record).await?;
    Ok(answer)
}

/// Keeps an API's record; what of it acts at once (not with the next deployment) takes effect.
pub(super) async fn put(state: &State, live: &Live, record: RestApi) -> Result<Arc<RestApi>, ServiceError> {
    let record = state.apis.rest_apis.put(live.key(), record).await.map_err(storage)?;
    restage(state, live);
    Ok(record)
}

/// Lets all stages see an API's record as it is now.
pub(super) fn restage(state: &State, live: &Live) {
    for stage in state.apis.rest_stages.page(&live.prefix(), None, usize::MAX) {
        state.apis.restage(live, &stage);
    }
}

fn change(api: &mut RestApi, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["name"] => {
            patch.only_replace()?;
            api.name = patch.value();
        }
        ["description"] => api.description = patch.sets()?.then(|| patch.value()),
        ["version"] => api.version = patch.sets()?.then(|| patch.value()),
        ["apiKeySource"] => {
            patch.only_replace()?;
            let value = patch.value();
            if !["HEADER", "AUTHORIZER"].contains(&value.as_str()) {
                return Err(bad_request(
                    "Invalid API Key Source specified. Valid options are HEADER,AUTHORIZER",
                ));
            }
            api.api_key_source = value;
        }
        ["disableExecuteApiEndpoint"] => {
            patch.only_replace()?;
            api.disable_execute_api_endpoint = patch.is_true();
        }
        ["minimumCompressionSize"] => {
            patch.only_replace()?;
            let value = patch.value();
            api.minimum_compression_size = match value.as_str() {
                "" => None,
                text => {
                    Some(text.parse().ok().and_then(compression_size).ok_or_else(invalid_compression_size)?)
                }
            };
        }
        ["securityPolicy"] => {
            patch.only_replace()?;
            api.security_policy = Some(patch.value());
        }
        ["endpointAccessMode"] => {
            patch.only_replace()?;
            let value = patch.value();
            if !["BASIC", "STRICT"].contains(&value.as_str()) {
                return Err(bad_request(
                    "Invalid endpoint access mode specified. Valid options are BASIC,STRICT",
                ));
            }
            api.endpoint_access_mode = Some(value);
        }
        ["policy"] => {
            let value = if patch.sets()? { patch.value() } else { String::new() };
            api.policy = if value.is_empty() { None } else { Some(checked_policy(&value)?) };
        }
        ["binaryMediaTypes", media_type] => change_media_type(api, patch, media_type)?,
        ["endpointConfiguration", "types", ..] => {
            if patch.op != "replace" {
                return Err(bad_request(
                    "Invalid patch operation specified. Must be 'add'|'remove'|'replace'",
                ));
            }
            let value = patch.value();
            if !["REGIONAL", "EDGE", "PRIVATE"].contains(&value.as_str()) {
                let text = "Invalid EndpointTypes specified. Valid options are REGIONAL,EDGE,PRIVATE";
                return Err(bad_request(text));
            }
            if value == "PRIVATE" {
                api.ip_address_type = String::from("dualstack");
            }
            api.endpoint_type = value;
        }
        ["endpointConfiguration", "ipAddressType"] => {
            patch.only_replace()?;
            let value = patch.value();
            if !["ipv4", "dualstack"].contains(&value.as_str()) {
                return Err(bad_request("ipAddressType must be either ipv4 or dualstack."));
            }
            if api.endpoint_type == "PRIVATE" && value != "dualstack" {
                return Err(private_is_dualstack());
            }
            api.ip_address_type = value;
        }
        _ => return Err(patch.invalid_path()),
    }
    Ok(())
}

/// The media type is in the path; `replace` takes it away and puts the value behind the others.
fn change_media_type(api: &mut RestApi, patch: &Patch, media_type: &str) -> Result<(), ServiceError> {
    match patch.op.as_str() {
        "add" => {
            if !api.binary_media_types.iter().any(|known| known == media_type) {
                api.binary_media_types.push(media_type.to_owned());
            }
        }
        "remove" => api.binary_media_types.retain(|known| known != media_type),
        "replace" => {
            api.binary_media_types.retain(|known| known != media_type);
            api.binary_media_types.push(patch.value());
        }
        _ => return Err(bad_request("Invalid patch operation specified. Must be 'add'|'remove'|'replace'")),
    }
    Ok(())
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfApi = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let domains = state.domains.of_api(&ctx.scope, &live.id);
    if !domains.is_empty() {
        return Err(bad_request(format!(
            "Deleting RestApi {} failed. Please remove all base path mappings related to the RestApi in your domains: \
             {}.",
            live.id,
            domains.join(", ")
        )));
    }
    // The API goes first. What belonged to it is unreachable from then on.
    state.apis.rest_apis.remove(&live.key()).await.map_err(storage)?;
    state.apis.forget(&live.id);
    let apis = &state.apis;
    for stage in apis.rest_stages.page(&live.prefix(), None, usize::MAX) {
        apis.rest_stages.remove(&live.child(&stage.stage_name)).await.map_err(storage)?;
    }
    for deployment in apis.rest_deployments.page(&live.prefix(), None, usize::MAX) {
        apis.rest_deployments.remove(&live.numbered(deployment.sequence)).await.map_err(storage)?;
    }
    for resource in apis.resources.page(&live.prefix(), None, usize::MAX) {
        apis.resources.remove(&live.child(&resource.id)).await.map_err(storage)?;
    }
    Ok(Output::empty())
}
