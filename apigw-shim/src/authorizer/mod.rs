//! Authorizers of HTTP and WebSocket APIs, compiled: where they find identities, and how they decide.
//!
//! Knows neither routes nor connections: a caller gives the request's parts and the event, and gets a [`Decision`].
//! Authorizers of REST APIs (`rest_api::authorize`) find identities elsewhere, are kept with the stage's other admissions,
//! give each failure its own gateway response and may name API keys; how a function is asked, tokens' signatures and
//! policies are one code for both.

pub(crate) mod function;
pub(crate) mod token;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use dashmap::DashMap;
use proxy_events::{Incoming, PayloadVersion};
use runtime::{Scope, Timestamp};
use serde_json::{Map, Value};

use crate::{
    State,
    http_api::{
        compiled::function,
        record::{Child, text},
    },
    mapping::interpolate,
    policy::{Ask, Policy, Verdict},
};
use function::NoAnswer;
use token::Verifier;

/// More answers than this are not remembered at a time.
const MOST_CACHED: usize = 1_000;

/// An authorizer that is ready to decide.
pub(crate) struct Authorizer {
    pub kind: Kind,
    identity: Vec<Identity>,
    cache: DashMap<String, (Timestamp, Arc<Value>)>,
}

/// How an authorizer decides.
pub(crate) enum Kind {
    /// A function that gets the request.
    Lambda { function: String, version: PayloadVersion, simple: bool, ttl: Duration },
    /// A token's signature and claims.
    Jwt(Verifier),
}

/// Where a part of an identity is.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Header(String),
    Query(String),
    Context(String),
    StageVariable(String),
}

/// What an authorizer said.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// With what `requestContext.authorizer` is to have.
    Allowed(Map<String, Value>),
    Denied,
    /// There is no identity, or none that is known.
    Unauthorized,
    /// It could not decide, for a reason that is for the log.
    Failed(String),
}

impl Authorizer {
    /// An authorizer from its record; an error says why it cannot work.
    pub fn new(record: &Child) -> Result<Self, String> {
        let members = &record.members;
        let sources = members.get("IdentitySource").and_then(Value::as_array).into_iter().flatten();
        let identity: Result<Vec<_>, _> = sources.filter_map(Value::as_str).map(Identity::parse).collect();
        let seconds = members.get("AuthorizerResultTtlInSeconds").and_then(Value::as_u64).unwrap_or(0);
        let kind = match text(members, "AuthorizerType") {
            Some("REQUEST") => Kind::Lambda {
                function: function(text(members, "AuthorizerUri").unwrap_or_default()).to_owned(),
                version: match text(members, "AuthorizerPayloadFormatVersion") {
                    Some("2.0") => PayloadVersion::V2,
                    _ => PayloadVersion::V1,
                },
                simple: members.get("EnableSimpleResponses") == Some(&Value::Bool(true)),
                ttl: Duration::from_secs(seconds),
            },
            Some("JWT") => Kind::Jwt(Verifier::new(members.get("JwtConfiguration"))?),
            other => return Err(format!("there is no authorizer of type {}", other.unwrap_or_default())),
        };
        Ok(Self { kind, identity: identity?, cache: DashMap::new() })
    }

    /// Forgets what the function said before.
    pub fn reset(&self) {
        self.cache.clear();
    }

    /// The parts of the request's identity; `None` if one is missing.
    pub fn identity(
        &self,
        request: &Incoming,
        context: impl Fn(&str) -> Option<String>,
        variables: &BTreeMap<String, String>,
    ) -> Option<Vec<String>> {
        let query = request.query_pairs();
        let find = |identity: &Identity| match identity {
            Identity::Header(name) => request.header(name).map(str::to_owned),
            Identity::Query(name) => {
                query.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone())
            }
            Identity::Context(path) => context(path),
            Identity::StageVariable(name) => variables.get(name).cloned(),
        };
        self.identity.iter().map(|part| find(part).filter(|value| !value.is_empty())).collect()
    }

    /// Asks the function, unless it has said the same not long ago. `event` is made only if it is asked.
    pub async fn ask(
        &self,
        state: &State,
        scope: &Scope,
        asked: Asked<'_>,
        event: impl FnOnce() -> Vec<u8>,
    ) -> Decision {
        let Kind::Lambda { function, simple, ttl, .. } = &self.kind else {
            return Decision::Failed(String::from("the authorizer has no function"));
        };
        let now = state.clock.now();
        let key = asked.identity.join("\u{0}");
        let cached = (!ttl.is_zero() && !asked.identity.is_empty())
            .then(|| self.cache.get(&key).filter(|entry| entry.0 > now).map(|entry| Arc::clone(&entry.1)))
            .flatten();
        let answer = match cached {
            Some(answer) => answer,
            None => {
                let function = interpolate(function, Some(asked.variables));
                match function::ask(state, scope, asked.trace_id, &function, event()).await {
                    Ok(Value::Null) => return Decision::Failed(format!("{function} gave no JSON")),
                    Ok(answer) => {
                        let answer = Arc::new(answer);
                        if !ttl.is_zero() && !asked.identity.is_empty() {
                            self.remember(key, now, *ttl, &answer);
                        }
                        answer
                    }
                    Err(NoAnswer::Unauthorized) => return Decision::Unauthorized,
                    Err(NoAnswer::Unreachable(reason) | NoAnswer::Failed { reason, .. }) => {
                        return Decision::Failed(reason);
                    }
                }
            }
        };
        if *simple { simple_answer(&answer) } else { policy_answer(&answer, &asked.request) }
    }

    fn remember(&self, key: String, now: Timestamp, ttl: Duration, answer: &Arc<Value>) {
        if self.cache.len() >= MOST_CACHED {
            self.cache.retain(|_, entry| entry.0 > now);
        }
        if self.cache.len() < MOST_CACHED {
            self.cache.insert(key, (now.plus(ttl), Arc::clone(answer)));
        }
    }
}

/// What a function is asked with.
pub(crate) struct Asked<'a> {
    pub identity: &'a [String],
    /// What is asked for, as policies name it.
    pub request: Ask<'a>,
    pub trace_id: &'a str,
    pub variables: &'a BTreeMap<String, String>,
}

/// `{"isAuthorized": true, "context": {…}}`.
fn simple_answer(answer: &Value) -> Decision {
    match answer.get("isAuthorized") {
        Some(Value::Bool(true)) => {
            let context = answer.get("context").and_then(Value::as_object).cloned();
            Decision::Allowed(context.unwrap_or_default())
        }
        Some(Value::Bool(false)) => Decision::Denied,
        _ => Decision::Failed(String::from("the authorizer's answer has no isAuthorized")),
    }
}

/// `{"principalId": …, "policyDocument": …, "context": {…}}`.
fn policy_answer(answer: &Value, request: &Ask<'_>) -> Decision {
    let failed = |reason: &str| Decision::Failed(format!("the authorizer's answer has {reason}"));
    let Some(document) = answer.get("policyDocument") else { return failed("no policy") };
    let policy = match Policy::of(document) {
        Ok(policy) => policy,
        Err(reason) => return failed(&format!("a wrong policy: {reason}")),
    };
    let Some(principal) = answer.get("principalId").and_then(Value::as_str) else {
        return failed("no principalId");
    };
    match policy.verdict(request) {
        Verdict::Deny | Verdict::Neither => Decision::Denied,
        Verdict::Allow => {
            let mut context = Map::new();
            context.insert("principalId".into(), principal.into());
            for (name, value) in answer.get("context").and_then(Value::as_object).into_iter().flatten() {
                context.insert(name.clone(), value.clone());
            }
            // By which an API's key selection expression can find the caller's key.
            if let Some(key) = answer.get("usageIdentifierKey").filter(|key| key.is_string()) {
                context.insert("usageIdentifierKey".into(), key.clone());
            }
            Decision::Allowed(context)
        }
    }
}

/// Whether a request is signed, in its headers or its query. Whose signature it is is not checked, as everywhere here.
pub(crate) fn is_signed(request: &Incoming) -> bool {
    request.header("authorization").is_some_and(|value| value.starts_with("AWS4-"))
        || request.query_pairs().iter().any(|(name, _)| name == "X-Amz-Signature")
}

impl Identity {
    fn parse(text: &str) -> Result<Self, String> {
        let name = text.strip_prefix('$').or_else(|| text.strip_prefix("route.")).unwrap_or(text);
        let known = [
            ("request.header.", Self::Header as fn(String) -> Self),
            ("request.querystring.", Self::Query),
            ("context.", Self::Context),
            ("stageVariables.", Self::StageVariable),
        ];
        let mut found =
            known.iter().filter_map(|(prefix, make)| name.strip_prefix(prefix).map(|it| make(it.to_owned())));
        found.next().ok_or_else(|| format!("Invalid identity source specified: {text}"))
    }
}

/// Whether a text names a place where identities are.
pub(crate) fn is_identity_source(text: &str) -> bool {
    Identity::parse(text).is_ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ARN: &str = "arn:aws:execute-api:us-east-1:000000000000:abc/dev/$connect";

    fn decide(answer: &Value) -> Decision {
        let source_ip = std::net::IpAddr::from([127, 0, 0, 1]);
        policy_answer(answer, &Ask { resource: ARN, ..Ask::nobody(source_ip) })
    }

    fn policy(statements: &Value) -> Decision {
        decide(
            &json!({"principalId": "me", "policyDocument": {"Statement": statements}, "context": {"n": 1}}),
        )
    }

    #[test]
    fn a_deny_wins_and_nothing_is_a_denial() {
        let allow = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:abc/*"});
        let deny = json!({"Effect": "Deny", "Action": ["execute-api:*"], "Resource": [ARN]});
        let other = json!({"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:xyz/*"});
        let expected = json!({"principalId": "me", "n": 1});
        assert_eq!(policy(&json!([allow])), Decision::Allowed(expected.as_object().unwrap().clone()));
        assert_eq!(policy(&allow), Decision::Allowed(expected.as_object().unwrap().clone()));
        assert_eq!(policy(&json!([allow, deny])), Decision::Denied);
        assert_eq!(policy(&json!([other])), Decision::Denied);
        assert_eq!(policy(&json!([])), Decision::Denied);
        assert!(matches!(decide(&json!({"principalId": "me"})), Decision::Failed(_)));
        assert!(matches!(decide(&json!({"policyDocument": {"Statement": []}})), Decision::Failed(_)));
    }
}
