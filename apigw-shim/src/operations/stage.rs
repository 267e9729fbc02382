//! CreateStage, GetStage, GetStages, UpdateStage, DeleteStage.

use std::{collections::BTreeMap, sync::Arc};

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    access_log_settings::{Protocol, check_format},
    api, canary, client_certificate, documentation_version, remove_entry, rest_api, set_entry,
};
use crate::{
    State,
    apis::{Kind, Live},
    error::{bad_request, conflict, invalid, storage},
    members,
    patch::Patch,
    rest_api::{
        access_log,
        record::{Canary, Stage, Texts},
    },
};

/// The sizes of caches there are.
const CACHE_SIZES: &[&str] = &["0.5", "1.6", "6.1", "13.5", "28.4", "58.2", "118", "237"];
/// The longest that a cache may keep answers, in seconds.
const LONGEST_TTL: u32 = 3_600;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreateStage {
    rest_api_id: String,
    stage_name: String,
    deployment_id: String,
    description: Option<String>,
    #[serde(default)]
    cache_cluster_enabled: bool,
    variables: Option<Texts>,
    documentation_version: Option<String>,
    canary_settings: Option<CanarySettings>,
    cache_cluster_size: Option<String>,
    #[serde(default)]
    tracing_enabled: bool,
    #[serde(default)]
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CanarySettings {
    #[serde(default)]
    percent_traffic: f64,
    deployment_id: Option<String>,
    stage_variable_overrides: Option<Texts>,
    #[serde(default)]
    use_stage_cache: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfStage {
    rest_api_id: String,
    stage_name: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct List {
    rest_api_id: String,
    deployment_id: Option<String>,
}

/// A stage as it is when it is made; it has yet to get its deployment.
pub(super) fn new(name: String, now: f64) -> Stage {
    Stage {
        stage_name: name,
        deployment_id: String::new(),
        description: None,
        documentation_version: None,
        cache_cluster_enabled: false,
        cache_cluster_status: String::from("NOT_AVAILABLE"),
        cache_cluster_size: None,
        client_certificate_id: None,
        canary_settings: None,
        access_log_settings: None,
        method_settings: BTreeMap::new(),
        variables: None,
        tracing_enabled: false,
        tags: Texts::new(),
        created_date: now,
        last_updated_date: now,
    }
}

pub(super) fn check_name(name: &str) -> Result<(), ServiceError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-');
    if name.is_empty() || name.len() > 128 || !name.chars().all(allowed) {
        return Err(bad_request("Stage name only allows a-zA-Z0-9_-"));
    }
    Ok(())
}

/// Variables become parts of addresses and templates: AWS allows them few characters. Its text does not name all of
/// those that its documentation has.
pub(crate) fn check_variables<'a>(
    variables: impl IntoIterator<Item = (&'a String, &'a String)>,
) -> Result<(), ServiceError> {
    let in_name = |character: char| character.is_ascii_alphanumeric() || character == '_';
    let in_value = |character: char| character.is_ascii_alphanumeric() || " -._~:/?#&=,".contains(character);
    for (name, value) in variables {
        if name.is_empty() || !name.chars().all(in_name) {
            return Err(bad_request(format!(
                "Invalid stage variable name: {name}. Please use names with only word characters."
            )));
        }
        if !value.chars().all(in_value) {
            return Err(bad_request(format!(
                "Invalid stage variable value of key {name}.  Please use values with alphanumeric characters and the symbols ' ', -', '.', '_', ':', '/', '?', '&', '=', and ','."
            )));
        }
    }
    Ok(())
}

/// Keeps a stage, and lets it answer requests.
pub(super) async fn keep(state: &State, live: &Live, stage: Stage) -> Result<Arc<Stage>, ServiceError> {
    let stage = state.apis.rest_stages.put(live.child(&stage.stage_name), stage).await.map_err(storage)?;
    state.apis.restage(live, &stage);
    Ok(stage)
}

pub(super) fn find(state: &State, live: &Live, name: &str) -> Result<Arc<Stage>, ServiceError> {
    state.apis.rest_stages.get(&live.child(name)).ok_or_else(|| invalid("stage identifier"))
}

pub(super) async fn create(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: CreateStage = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    check_name(&input.stage_name)?;
    if state.apis.rest_stages.get(&live.child(&input.stage_name)).is_some() {
        return Err(conflict("Stage already exists"));
    }
    if state.apis.rest_deployment(&live, &input.deployment_id).is_none() {
        return Err(bad_request("Deployment id does not exist"));
    }
    let canary = match input.canary_settings {
        None => None,
        Some(settings) => {
            check_percent(settings.percent_traffic)?;
            check_variables(settings.stage_variable_overrides.iter().flatten())?;
            let deployment_id = settings.deployment_id.unwrap_or_else(|| input.deployment_id.clone());
            if state.apis.rest_deployment(&live, &deployment_id).is_none() {
                return Err(bad_request("Deployment id does not exist"));
            }
            Some(Canary {
                percent_traffic: settings.percent_traffic,
                deployment_id,
                stage_variable_overrides: settings.stage_variable_overrides,
                use_stage_cache: settings.use_stage_cache,
            })
        }
    };
    if let Some(version) = &input.documentation_version {
        documentation_version::check(&*rest_api::record(state, &live)?, version)?;
    }
    check_variables(input.variables.iter().flatten())?;
    let mut stage = new(input.stage_name, rest_api::seconds(state));
    stage.deployment_id = input.deployment_id;
    stage.cache_cluster_size = input.cache_cluster_size;
    enable_cache(&mut stage, input.cache_cluster_enabled)?;
    stage.canary_settings = canary;
    stage.description = input.description;
    stage.variables = input.variables;
    stage.documentation_version = input.documentation_version;
    stage.tracing_enabled = input.tracing_enabled;
    stage.tags = input.tags;
    members::answer(&*keep(state, &live, stage).await?)
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfStage = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    members::answer(&*find(state, &live, &input.stage_name)?)
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let all = state.apis.rest_stages.page(&live.prefix(), None, usize::MAX);
    let wanted =
        |stage: &&Arc<Stage>| input.deployment_id.as_ref().is_none_or(|id| *id == stage.deployment_id);
    let items: Vec<Value> =
        all.iter().filter(wanted).map(|stage| members::value(&**stage)).collect::<Result<_, _>>()?;
    Ok(Output::of(json!({"item": items})))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfStage = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    let mut stage = Stage::clone(&*find(state, &live, &input.stage_name)?);
    for patch in &input.patch_operations {
        change(state, &live, &mut stage, patch)?;
    }
    let named = input.patch_operations.iter().any(|patch| patch.path == "/accessLogSettings/destinationArn");
    let arn = stage.access_log_settings.as_ref().and_then(|settings| settings.destination_arn.as_deref());
    if let Some(arn) = arn.filter(|_| named) {
        access_log::check(state, &live.scope, arn).await?;
    }
    stage.last_updated_date = rest_api::seconds(state);
    members::answer(&*keep(state, &live, stage).await?)
}

fn change(state: &State, live: &Live, stage: &mut Stage, patch: &Patch) -> Result<(), ServiceError> {
    let segments = patch.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if patch.op == "copy" {
        return canary::promote(stage, patch);
    }
    match segments.as_slice() {
        ["deploymentId"] => {
            patch.only_replace()?;
            if state.apis.rest_deployment(live, &patch.value()).is_none() {
                return Err(bad_request("Deployment id does not exist"));
            }
            stage.deployment_id = patch.value();
        }
        ["description"] => stage.description = patch.sets()?.then(|| patch.value()),
        ["tracingEnabled"] => stage.tracing_enabled = patch.is_true(),
        ["variables", name] => {
            if patch.sets()? {
                let (name, value) = ((*name).to_owned(), patch.value());
                check_variables([(&name, &value)])?;
                set_entry(&mut stage.variables, name, value);
            } else if !remove_entry(&mut stage.variables, name) {
                return Err(crate::error::not_found(format!("Invalid stage variable specified: {name}")));
            }
        }
        ["cacheClusterEnabled"] => {
            patch.only_replace()?;
            enable_cache(stage, patch.is_true())?;
        }
        ["cacheClusterSize"] => {
            patch.only_replace()?;
            stage.cache_cluster_size = Some(patch.value());
            enable_cache(stage, stage.cache_cluster_enabled)?;
            // AWS makes a new cache of the new size.
            flush(live, &stage.stage_name);
        }
        ["clientCertificateId"] => {
            let id = if patch.sets()? { patch.value() } else { String::new() };
            if !id.is_empty() {
                client_certificate::find(state, &live.scope, &id)?;
            }
            stage.client_certificate_id = Some(id).filter(|id| !id.is_empty());
        }
        ["documentationVersion"] => {
            if patch.sets()? {
                documentation_version::check(&*rest_api::record(state, live)?, &patch.value())?;
            }
            stage.documentation_version = patch.sets()?.then(|| patch.value());
        }
        ["canarySettings", rest @ ..] => canary::change(state, live, stage, patch, rest)?,
        ["accessLogSettings", ..] => access_log(stage, patch, &segments)?,
        [] | [_] => return Err(invalid_setting(patch)),
        _ => method_setting(stage, patch)?,
    }
    Ok(())
}

/// Where access logs go, and what stands in them.
fn access_log(stage: &mut Stage, patch: &Patch, segments: &[&str]) -> Result<(), ServiceError> {
    if patch.op == "remove" {
        if segments.len() == 1 && stage.access_log_settings.take().is_some() {
            return Ok(());
        }
        return Err(no_such_setting(&patch.path));
    }
    let value = patch.value();
    let (name, is_empty) = match segments {
        [_, name @ ("destinationArn" | "format")] => (*name, value.is_empty()),
        _ => {
            return Err(bad_request(
                "Invalid accessLogSettings path. Must be one of : [/accessLogSettings/destinationArn, \
                 /accessLogSettings/format]",
            ));
        }
    };
    if is_empty {
        return Err(bad_request("Access Log value must not be empty"));
    }
    if name == "format" {
        check_format(Protocol::Rest, &value)?;
        stage.access_log_settings.get_or_insert_default().format = Some(value);
        return Ok(());
    }
    stage.access_log_settings.get_or_insert_default().destination_arn = Some(value);
    Ok(())
}

/// The share of requests that a canary gets, in hundredths.
pub(super) fn check_percent(percent: f64) -> Result<(), ServiceError> {
    if (0.0..=100.0).contains(&percent) {
        return Ok(());
    }
    Err(bad_request("Invalid percentTraffic specified. Must be between 0.0 and 100.0"))
}

fn no_such_setting(path: &str) -> ServiceError {
    let setting = path.trim_start_matches('/');
    bad_request(format!(
        "Cannot remove method setting {setting} because there is no method setting for this method "
    ))
}

/// Settings of single methods: `/{path}/{method}/caching/enabled`. Those of the cache have no effect without a cache
/// cluster, here as on AWS.
fn method_setting(stage: &mut Stage, patch: &Patch) -> Result<(), ServiceError> {
    let path = patch.path.trim_start_matches('/');
    if patch.op == "remove" {
        return stage.method_settings.remove(path).map(drop).ok_or_else(|| no_such_setting(path));
    }
    let mut parts = path.rsplitn(3, '/');
    let (Some(name), Some(group), Some(method)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(invalid_setting(patch));
    };
    if !method.contains('/') {
        return Err(invalid_setting(patch));
    }
    let (name, value) = match (group, name) {
        ("caching", "enabled") => ("cachingEnabled", json!(patch.is_true())),
        ("caching", "dataEncrypted") => ("cacheDataEncrypted", json!(patch.is_true())),
        ("caching", "requireAuthorizationForCacheControl") => {
            ("requireAuthorizationForCacheControl", json!(patch.is_true()))
        }
        ("caching", "unauthorizedCacheControlHeaderStrategy") => {
            let known = ["FAIL_WITH_403", "SUCCEED_WITH_RESPONSE_HEADER", "SUCCEED_WITHOUT_RESPONSE_HEADER"];
            if !known.contains(&patch.value().as_str()) {
                return Err(bad_request(format!(
                    "Invalid unauthorizedCacheControlHeaderStrategy specified. Valid options are {}",
                    known.join(",")
                )));
            }
            ("unauthorizedCacheControlHeaderStrategy", json!(patch.value()))
        }
        ("caching", "ttlInSeconds") => {
            let seconds: u32 = patch.value().parse().map_err(|_| invalid_ttl())?;
            if seconds > LONGEST_TTL {
                return Err(invalid_ttl());
            }
            ("cacheTtlInSeconds", json!(seconds))
        }
        ("throttling", "burstLimit") => ("throttlingBurstLimit", json!(burst_limit(patch)?)),
        ("throttling", "rateLimit") => ("throttlingRateLimit", json!(rate_limit(patch)?)),
        ("logging", "dataTrace") => ("dataTraceEnabled", json!(patch.is_true())),
        ("logging", "loglevel") => {
            if !["OFF", "ERROR", "INFO"].contains(&patch.value().as_str()) {
                return Err(bad_request("Invalid logging level specified. Valid options are OFF,ERROR,INFO"));
            }
            ("loggingLevel", json!(patch.value()))
        }
        // There is nowhere to see metrics here; the setting is kept and shown.
        ("metrics", "enabled") => ("metricsEnabled", json!(patch.is_true())),
        _ => return Err(invalid_setting(patch)),
    };
    // What a method is not told itself it has from what all are told.
    let common = stage.method_settings.get("*/*").cloned();
    let new = || common.unwrap_or_else(default_settings);
    let settings = stage.method_settings.entry(method.to_owned()).or_insert_with(new);
    settings[name] = value;
    Ok(())
}

fn burst_limit(patch: &Patch) -> Result<u32, ServiceError> {
    patch.value().parse().map_err(|_| bad_request("Invalid throttling burst limit, must be an integer"))
}

fn rate_limit(patch: &Patch) -> Result<f64, ServiceError> {
    let limit = patch.value().parse().ok().filter(|limit: &f64| limit.is_finite() && *limit >= 0.0);
    limit.ok_or_else(|| bad_request("Invalid throttling rate limit, must be a number"))
}

fn invalid_ttl() -> ServiceError {
    bad_request("Invalid time-to-live setting, must be an integer no greater than 3600")
}

fn default_settings() -> Value {
    json!({
        "metricsEnabled": false,
        "dataTraceEnabled": false,
        "throttlingBurstLimit": 5000,
        "throttlingRateLimit": 10000.0,
        "cachingEnabled": false,
        "cacheTtlInSeconds": 300,
        "cacheDataEncrypted": false,
        "requireAuthorizationForCacheControl": true,
        "unauthorizedCacheControlHeaderStrategy": "SUCCEED_WITH_RESPONSE_HEADER",
    })
}

fn invalid_setting(patch: &Patch) -> ServiceError {
    // AWS's own list, its missing commas included.
    bad_request(format!(
        "Invalid method setting path: {}. Must be one of: [/deploymentId, /description, /cacheClusterEnabled, \
         /cacheClusterSize, /clientCertificateId, /accessLogSettings, /accessLogSettings/destinationArn, \
         /accessLogSettings/format, /{{resourcePath}}/{{httpMethod}}/metrics/enabled, \
         /{{resourcePath}}/{{httpMethod}}/logging/dataTrace, /{{resourcePath}}/{{httpMethod}}/logging/loglevel, \
         /{{resourcePath}}/{{httpMethod}}/throttling/burstLimit/{{resourcePath}}/{{httpMethod}}/throttling/rateLimit\
         /{{resourcePath}}/{{httpMethod}}/caching/ttlInSeconds, /{{resourcePath}}/{{httpMethod}}/caching/enabled, \
         /{{resourcePath}}/{{httpMethod}}/caching/dataEncrypted, \
         /{{resourcePath}}/{{httpMethod}}/caching/requireAuthorizationForCacheControl, \
         /{{resourcePath}}/{{httpMethod}}/caching/unauthorizedCacheControlHeaderStrategy, /*/*/metrics/enabled, \
         /*/*/logging/dataTrace, /*/*/logging/loglevel, /*/*/throttling/burstLimit /*/*/throttling/rateLimit \
         /*/*/caching/ttlInSeconds, /*/*/caching/enabled, /*/*/caching/dataEncrypted, \
         /*/*/caching/requireAuthorizationForCacheControl, /*/*/caching/unauthorizedCacheControlHeaderStrategy, \
         /variables/{{variable_name}}, /tracingEnabled]",
        patch.path
    ))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfStage = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    let _changing = live.changing.lock().await;
    find(state, &live, &input.stage_name)?;
    state.apis.rest_stages.remove(&live.child(&input.stage_name)).await.map_err(storage)?;
    if let Kind::Rest(stages) = &live.kind {
        stages.remove(&input.stage_name);
    }
    Ok(Output::empty())
}

/// Empties the stage's cache, if it has one.
pub(super) async fn flush_cache(
    state: &State,
    ctx: &CallContext,
    input: Input,
) -> Result<Output, ServiceError> {
    let input: OfStage = members::read(input)?;
    let live = api(state, &ctx.scope, &input.rest_api_id)?;
    find(state, &live, &input.stage_name)?;
    flush(&live, &input.stage_name);
    Ok(Output::empty())
}

fn flush(live: &Live, stage: &str) {
    let Kind::Rest(stages) = &live.kind else { return };
    let Some(stage) = stages.get(stage).map(|stage| Arc::clone(&stage)) else { return };
    let canary = stage.canary.iter().map(|canary| &canary.stage);
    for cache in std::iter::once(&stage).chain(canary).filter_map(|part| part.cache.as_ref()) {
        cache.flush();
    }
}

/// Turns the cache on or off. It is there at once; its size, in GB, is of no consequence here.
pub(super) fn enable_cache(stage: &mut Stage, enabled: bool) -> Result<(), ServiceError> {
    if enabled {
        let size = stage.cache_cluster_size.get_or_insert_with(|| String::from("0.5"));
        if !CACHE_SIZES.contains(&size.as_str()) {
            return Err(bad_request(format!(
                "Invalid cache cluster size specified. Valid options are {}",
                CACHE_SIZES.join(",")
            )));
        }
    }
    stage.cache_cluster_enabled = enabled;
    stage.cache_cluster_status = String::from(if enabled { "AVAILABLE" } else { "NOT_AVAILABLE" });
    Ok(())
}
