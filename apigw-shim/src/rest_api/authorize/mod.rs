//! The second stage: whether the caller may use the method. First the API's own policy, then the method's authorizer,
//! then the key it wants, then how often it may be used.

mod lambda;
mod log;
mod token;

pub(crate) use log::outcome;

use std::{sync::Arc, time::Duration};

use aws_wire::Credential;
use fancy_regex::Regex;
use runtime::Timestamp;
use serde_json::{Map, Value};

use super::{
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType, bad_signature, missing_authentication_token},
    record::{Authorizer, JwtIssuer},
};
use crate::{
    State,
    mapping::parameters::Source,
    metering::Refusal,
    policy::{Ask, Policy, Verdict},
};

/// How a method lets callers in.
pub(crate) enum Authorization {
    None,
    Iam,
    Authorizer(Arc<CompiledAuthorizer>, Vec<String>),
    /// It cannot work as it was deployed: why.
    Broken(String),
}

/// An authorizer that requests can be shown to.
pub(crate) struct CompiledAuthorizer {
    pub id: String,
    pub kind: Kind,
    /// How long what it says holds.
    pub ttl: Duration,
}

pub(crate) enum Kind {
    /// A function that looks at one header.
    Token { function: String, header: String, validation: Option<Regex> },
    /// A function that looks at the request.
    Request { function: String, sources: Vec<(String, Source)> },
    /// Signed tokens.
    Jwt { header: String, issuers: Vec<JwtIssuer>, algorithms: Vec<String>, is_cognito: bool },
}

/// What an authorizer has said of a caller.
#[derive(Debug, Clone, Default)]
pub(crate) struct Admission {
    /// `$context.authorizer`.
    pub context: Map<String, Value>,
    /// What it lets the caller do; all of the API for those who have none.
    pub policy: Option<Policy>,
    /// The API key it names.
    pub usage_key: Option<String>,
    /// Scopes of the caller's token.
    pub scopes: Vec<String>,
    /// Until when it holds.
    pub until: Option<Timestamp>,
}

/// Longer lists of what authorizers said are thinned.
const MOST_KEPT: usize = 10_000;

impl CompiledAuthorizer {
    pub fn new(record: &Authorizer) -> Result<Self, String> {
        let function = || {
            let uri = record.authorizer_uri.as_deref().unwrap_or_default();
            let path = uri.split_once(":path/2015-03-31/functions/").map(|(_, rest)| rest);
            let function = path.and_then(|rest| rest.strip_suffix("/invocations"));
            function.map(str::to_owned).ok_or_else(|| format!("{uri} is no ARN of an authorizer's function"))
        };
        let sources = record.identity_source.as_deref().unwrap_or_default();
        let header = || {
            let name = sources.trim().strip_prefix("method.request.header.");
            name.unwrap_or("Authorization").to_owned()
        };
        let kind = match record.kind.as_str() {
            "TOKEN" => Kind::Token {
                function: function()?,
                header: header(),
                validation: match record.identity_validation_expression.as_deref() {
                    None | Some("") => None,
                    Some(pattern) => {
                        let whole = format!(r"\A(?:{pattern})\z");
                        Some(Regex::new(&whole).map_err(|error| error.to_string())?)
                    }
                },
            },
            "REQUEST" => Kind::Request {
                function: function()?,
                sources: sources
                    .split(',')
                    .map(str::trim)
                    .filter(|source| !source.is_empty())
                    .map(|source| Ok((source.to_owned(), Source::parse_request(source)?)))
                    .collect::<Result<_, String>>()?,
            },
            "COGNITO_USER_POOLS" => Kind::Jwt {
                header: header(),
                issuers: record.provider_arns.iter().filter_map(|arn| pool(arn)).collect(),
                algorithms: vec![String::from("RS256")],
                is_cognito: true,
            },
            "JWT" => {
                let configuration = record.jwt_configuration.as_ref().ok_or("jwtConfiguration is missing")?;
                Kind::Jwt {
                    header: header(),
                    issuers: configuration.issuers.clone(),
                    algorithms: configuration.default_algorithms.clone(),
                    is_cognito: false,
                }
            }
            other => return Err(format!("there is no authorizer of type {other}")),
        };
        let ttl =
            record.authorizer_result_ttl_in_seconds.and_then(|ttl| u64::try_from(ttl).ok()).unwrap_or(300);
        Ok(Self { id: record.id.clone(), kind, ttl: Duration::from_secs(ttl) })
    }
}

/// The issuer that a user pool is: `arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID`.
fn pool(arn: &str) -> Option<JwtIssuer> {
    let region = arn.split(':').nth(3)?;
    let (_, id) = arn.rsplit_once('/')?;
    Some(JwtIssuer {
        issuer: format!("https://cognito-idp.{region}.amazonaws.com/{id}"),
        audiences: Vec::new(),
        additional_claims: Vec::new(),
        jwks_uri: None,
    })
}

pub(crate) fn unauthorized() -> GatewayError {
    GatewayError::new(ResponseType::Unauthorized, "Unauthorized")
}

fn denied(text: String) -> GatewayError {
    let mut error = GatewayError::new(ResponseType::AccessDenied, "");
    error.message = text.into();
    error
}

/// The ARN by which policies name a request.
pub(crate) fn method_arn(exchange: &Exchange<'_>) -> String {
    let stage = exchange.stage;
    let path = exchange.request.path.strip_prefix('/').unwrap_or(&exchange.request.path);
    // Authorizers that are tried read another name of the stage than the rest of the event has.
    let name = if stage.is_test() { "ESTestInvoke-stage" } else { &stage.name };
    let resource = format!("{}/{name}/{}/{path}", stage.api_id, exchange.request.method);
    stage.scope.arn("execute-api", &resource)
}

pub(crate) async fn check<'r>(state: &State, exchange: Exchange<'r>) -> Result<Exchange<'r>, GatewayError> {
    let method = Arc::clone(&exchange.method);
    let policy = exchange.stage.api.policy.as_ref();
    // What most methods of most APIs have: nothing to check.
    if policy.is_none() && !method.needs_api_key && matches!(method.authorization, Authorization::None) {
        limit(&exchange)?;
        return Ok(exchange);
    }
    let arn = method_arn(&exchange);
    let own = match policy {
        None => Verdict::Allow,
        Some(policy) => policy.verdict(&ask(&exchange, &arn)),
    };
    if own == Verdict::Deny {
        return Err(by_resource_policy(&exchange, &arn, " with an explicit deny"));
    }
    let is_iam = matches!(method.authorization, Authorization::Iam);
    let mut usage_key = None;
    match &method.authorization {
        Authorization::None => {}
        Authorization::Iam => sign(&exchange)?,
        Authorization::Broken(reason) => {
            let mut error = GatewayError::new(ResponseType::AuthorizerConfigurationError, "");
            error.reason = Some(reason.clone());
            return Err(error);
        }
        Authorization::Authorizer(authorizer, scopes) => {
            let admission = admission(state, &exchange, authorizer, &arn).await?;
            allowed(&exchange, authorizer, &admission, &arn, scopes)?;
            usage_key.clone_from(&admission.usage_key);
            let _ = exchange.trail.authorizer.set(admission);
        }
    }
    // Those who sign are of the account, and so need no other leave.
    if own == Verdict::Neither && !is_iam {
        return Err(by_resource_policy(&exchange, &arn, ""));
    }
    if method.needs_api_key {
        meter(state, &exchange, usage_key)?;
    }
    limit(&exchange)?;
    Ok(exchange)
}

fn ask<'a>(exchange: &'a Exchange<'_>, arn: &'a str) -> Ask<'a> {
    let signed = access_key(exchange).is_some();
    Ask { account: signed.then_some(&*exchange.stage.scope.account), ..Ask::of(exchange.request, arn) }
}

/// Whether the caller may have answers made anew that the stage's cache holds: whoever signed, as nobody's own policies
/// are kept here, or whom the authorizer's policy lets.
pub(crate) fn may_invalidate(exchange: &Exchange<'_>) -> bool {
    if exchange.trail.access_key.get().is_some() {
        return true;
    }
    let admission = exchange.trail.authorizer.get();
    let Some(policy) = admission.and_then(|admission| admission.policy.as_ref()) else { return false };
    let arn = method_arn(exchange);
    policy.verdict(&Ask { action: "execute-api:InvalidateCache", ..ask(exchange, &arn) }) == Verdict::Allow
}

/// AWS shows but the last digits of the account.
fn by_resource_policy(exchange: &Exchange<'_>, arn: &str, rest: &str) -> GatewayError {
    let account = &*exchange.stage.scope.account;
    let hidden = format!("********{}", account.get(account.len().saturating_sub(4)..).unwrap_or_default());
    let arn = arn.replacen(account, &hidden, 1);
    let who = if access_key(exchange).is_some() {
        format!("arn:aws:iam::{hidden}:root")
    } else {
        String::from("anonymous")
    };
    denied(format!("User: {who} is not authorized to perform: execute-api:Invoke on resource: {arn}{rest}"))
}

/// Whose key signed a request. Whether the signature is right is checked only where that is asked for, as everywhere
/// in Tule.
fn access_key(exchange: &Exchange<'_>) -> Option<String> {
    Credential::signing(&exchange.request.headers, &exchange.request.query).map(|found| found.access_key)
}

fn sign(exchange: &Exchange<'_>) -> Result<(), GatewayError> {
    let key = access_key(exchange).ok_or_else(|| missing_authentication_token(&exchange.request.headers))?;
    if let Some(bad) = &exchange.trail.bad_signature {
        return Err(bad_signature(bad));
    }
    let _ = exchange.trail.access_key.set(key);
    Ok(())
}

/// What the authorizer says, now or a while ago.
async fn admission(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
    arn: &str,
) -> Result<Arc<Admission>, GatewayError> {
    let identity = identified(state, exchange, authorizer)?;
    let stage = exchange.stage;
    let key = format!("{}/{}/{}/{}/{identity}", stage.api_id, stage.name, stage.deployment_id, authorizer.id);
    // A function that is shown nothing in particular would say the same to everybody.
    let is_kept = !authorizer.ttl.is_zero() && !identity.is_empty();
    let now = state.clock.now();
    if is_kept
        && let Some(known) = state.admissions.get(&key).map(|known| Arc::clone(&known))
        && known.until.is_some_and(|until| now < until)
    {
        log::completed(state, exchange, known.context.get("principalId"));
        return Ok(known);
    }
    let mut admission = ask_anew(state, exchange, authorizer, &identity, arn).await?;
    let until = now.plus(authorizer.ttl);
    admission.until = Some(admission.until.map_or(until, |own| own.min(until)));
    let admission = Arc::new(admission);
    if is_kept {
        if state.admissions.len() >= MOST_KEPT {
            state.admissions.retain(|_, known| known.until.is_some_and(|until| now < until));
            if state.admissions.len() >= MOST_KEPT {
                state.admissions.clear();
            }
        }
        state.admissions.insert(key, Arc::clone(&admission));
    }
    Ok(admission)
}

/// By what the caller is known to the authorizer.
fn identified(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
) -> Result<String, GatewayError> {
    log::starting(state, exchange, authorizer);
    let identity = lambda::identity(exchange, authorizer)?;
    log::identity(state, exchange, || lambda::shown_identity(&identity, authorizer));
    Ok(identity)
}

/// What the authorizer says now.
async fn ask_anew(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
    identity: &str,
    arn: &str,
) -> Result<Admission, GatewayError> {
    let admission = match &authorizer.kind {
        Kind::Token { function, .. } => {
            let event = lambda::token_event(identity, arn);
            lambda::ask(state, exchange, authorizer, function, event).await
        }
        Kind::Request { function, .. } => {
            let event = lambda::request_event(exchange, arn);
            lambda::ask(state, exchange, authorizer, function, event).await
        }
        Kind::Jwt { issuers, algorithms, is_cognito, .. } => {
            token::verify(state, identity, issuers, algorithms, *is_cognito).await
        }
    }?;
    log::completed(state, exchange, admission.context.get("principalId"));
    Ok(admission)
}

fn allowed(
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
    admission: &Admission,
    arn: &str,
    scopes: &[String],
) -> Result<(), GatewayError> {
    if matches!(authorizer.kind, Kind::Jwt { is_cognito: true, .. }) {
        token::check_use(admission, scopes)?;
    }
    if !scopes.is_empty() && !scopes.iter().any(|scope| admission.scopes.contains(scope)) {
        return Err(unauthorized());
    }
    let Some(policy) = &admission.policy else { return Ok(()) };
    const TEXT: &str = "User is not authorized to access this resource";
    match policy.verdict(&ask(exchange, arn)) {
        Verdict::Allow => Ok(()),
        Verdict::Deny => Err(denied(format!("{TEXT} with an explicit deny"))),
        Verdict::Neither => Err(denied(TEXT.to_owned())),
    }
}

fn meter(state: &State, exchange: &Exchange<'_>, usage_key: Option<String>) -> Result<(), GatewayError> {
    let stage = exchange.stage;
    let value = if stage.api.key_from_authorizer {
        usage_key
    } else {
        exchange.request.header("x-api-key").map(str::to_owned)
    };
    let forbidden = || GatewayError::new(ResponseType::InvalidApiKey, "Forbidden");
    let value = value.ok_or_else(forbidden)?;
    let place = (stage.api_id.as_str(), stage.name.as_str());
    let admitted =
        state.metering.admit(&stage.scope, place, &exchange.method.key, &value, exchange.request.at);
    match admitted {
        Ok(key) => {
            let _ = exchange.trail.api_key.set(key);
            Ok(())
        }
        Err(Refusal::NoKey) => Err(forbidden()),
        Err(Refusal::Throttled) => Err(too_many()),
        Err(Refusal::QuotaExceeded) => Err(GatewayError::new(ResponseType::QuotaExceeded, "Limit Exceeded")),
    }
}

fn too_many() -> GatewayError {
    GatewayError::new(ResponseType::Throttled, "Too Many Requests")
}

/// The stage's own limit for the method.
fn limit(exchange: &Exchange<'_>) -> Result<(), GatewayError> {
    if exchange.stage.admits(&exchange.method.key, exchange.request.at) { Ok(()) } else { Err(too_many()) }
}

/// Tries an authorizer with a request, for TestInvokeAuthorizer: nothing is kept.
pub(crate) async fn try_out(
    state: &State,
    exchange: &Exchange<'_>,
    authorizer: &CompiledAuthorizer,
) -> Result<Admission, GatewayError> {
    let identity = identified(state, exchange, authorizer)?;
    let admission = ask_anew(state, exchange, authorizer, &identity, &method_arn(exchange)).await?;
    if matches!(authorizer.kind, Kind::Jwt { is_cognito: true, .. }) {
        token::check_use(&admission, &[])?;
    }
    Ok(admission)
}
