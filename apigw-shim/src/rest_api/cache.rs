//! A stage's cache: the answers of its methods, by the parameters that make a difference, for as long as they hold.
//!
//! Source: AWS, "Cache settings for REST APIs in API Gateway" (API Gateway Developer Guide). Every answer is kept,
//! whatever its status: AWS does so too.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use dashmap::DashMap;
use http::{HeaderMap, HeaderValue, header};
use proxy_events::WrittenNames;
use runtime::{Body, Timestamp};
use serde_json::Value;

use super::{
    authorize,
    compiled::CompiledIntegration,
    exchange::Exchange,
    gateway_response::{GatewayError, ResponseType},
    integration_response::Answer,
};
use crate::State;

/// The largest answer that is kept.
const MOST_ANSWER: usize = 1 << 20;
/// The most that one stage keeps. Caching is best effort: what does not fit is not kept.
const MOST_KEPT: usize = 64 << 20;

/// The answers a stage has kept.
#[derive(Default)]
pub(crate) struct Cache {
    answers: DashMap<String, Kept>,
    bytes: AtomicUsize,
}

struct Kept {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
    names: Option<WrittenNames>,
    until: Timestamp,
}

/// What a stage says of caching a method's answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Caching {
    pub ttl: Duration,
    /// Whether a client that wants a fresh answer must be allowed to.
    pub guarded: bool,
    pub unauthorized: Unauthorized,
}

/// What happens to a client that wants a fresh answer and may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unauthorized {
    Fail,
    Warn,
    Ignore,
}

impl Caching {
    /// What the settings of a method say; nothing where it is not cached.
    pub fn of(record: &Value) -> Option<Self> {
        let ttl = record["cacheTtlInSeconds"].as_u64().unwrap_or(300);
        if record["cachingEnabled"] != Value::Bool(true) || ttl == 0 {
            return None;
        }
        Some(Self {
            ttl: Duration::from_secs(ttl),
            guarded: record["requireAuthorizationForCacheControl"] != Value::Bool(false),
            unauthorized: match record["unauthorizedCacheControlHeaderStrategy"].as_str() {
                Some("FAIL_WITH_403") => Unauthorized::Fail,
                Some("SUCCEED_WITHOUT_RESPONSE_HEADER") => Unauthorized::Ignore,
                _ => Unauthorized::Warn,
            },
        })
    }
}

impl Cache {
    fn get(&self, key: &str, now: Timestamp) -> Option<Answer> {
        let kept = self.answers.get(key).filter(|kept| now < kept.until)?;
        Some(Answer {
            status: kept.status,
            headers: kept.headers.clone(),
            body: Body::Bytes(kept.body.clone()),
            names: kept.names.clone(),
        })
    }

    fn put(&self, key: String, kept: Kept, now: Timestamp) {
        let size = key.len() + kept.body.len();
        if self.bytes.load(Ordering::Relaxed) + size > MOST_KEPT {
            self.answers.retain(|key, kept| {
                let stays = now < kept.until;
                if !stays {
                    self.bytes.fetch_sub(key.len() + kept.body.len(), Ordering::Relaxed);
                }
                stays
            });
            if self.bytes.load(Ordering::Relaxed) + size > MOST_KEPT {
                return;
            }
        }
        self.bytes.fetch_add(size, Ordering::Relaxed);
        let own = key.len();
        if let Some(before) = self.answers.insert(key, kept) {
            self.bytes.fetch_sub(own + before.body.len(), Ordering::Relaxed);
        }
    }

    /// Forgets everything.
    pub fn flush(&self) {
        self.answers.retain(|key, kept| {
            self.bytes.fetch_sub(key.len() + kept.body.len(), Ordering::Relaxed);
            false
        });
    }
}

/// What the cache has to do with a request.
pub(crate) enum Lookup {
    /// Nothing.
    Unused,
    /// It has the answer.
    Hit(Answer),
    /// It takes the answer.
    Miss { cache: Arc<Cache>, key: String, ttl: Duration, warns: bool },
}

/// Looks for the answer to a request.
pub(crate) fn look(state: &State, exchange: &Exchange<'_>) -> Result<Lookup, GatewayError> {
    let Some(cache) = &exchange.stage.cache else { return Ok(Lookup::Unused) };
    let method = &exchange.method;
    let is_get = exchange.request.method == http::Method::GET;
    let caching = exchange.stage.settings.caching(&method.key, is_get);
    let (Some(caching), Ok(integration)) = (caching, &method.integration) else { return Ok(Lookup::Unused) };
    let wants_fresh =
        exchange.request.header("cache-control").is_some_and(|value| value.trim() == "max-age=0");
    let may = wants_fresh && (!caching.guarded || authorize::may_invalidate(exchange));
    if wants_fresh && !may && caching.unauthorized == Unauthorized::Fail {
        let mut error = GatewayError::new(ResponseType::AccessDenied, "");
        error.message = "User is not authorized to invalidate the cache".into();
        return Err(error);
    }
    let warns = wants_fresh && !may && caching.unauthorized == Unauthorized::Warn;
    let key = key(exchange, integration);
    if !may && let Some(mut answer) = cache.get(&key, state.clock.now()) {
        warn(&mut answer, warns);
        return Ok(Lookup::Hit(answer));
    }
    Ok(Lookup::Miss { cache: Arc::clone(cache), key, ttl: caching.ttl, warns })
}

/// Keeps an answer that was not there. Streams are not kept.
pub(crate) fn keep(state: &State, lookup: Lookup, answer: &mut Answer) {
    let Lookup::Miss { cache, key, ttl, warns } = lookup else { return };
    if let Body::Bytes(body) = &answer.body
        && body.len() <= MOST_ANSWER
    {
        let now = state.clock.now();
        let (headers, body) = (answer.headers.clone(), body.clone());
        let names = answer.names.clone();
        cache.put(key, Kept { status: answer.status, headers, body, names, until: now.plus(ttl) }, now);
    }
    warn(answer, warns);
}

/// AWS warns in a header; its words are not known.
fn warn(answer: &mut Answer, warns: bool) {
    if warns {
        let text = "199 - \"Cache-Control was ignored: the caller may not invalidate the cache\"";
        answer.headers.insert(header::WARNING, HeaderValue::from_static(text));
    }
}

/// What tells two requests apart: the namespace, the method, and the values of the parameters named as keys. A
/// parameter that is not named makes no difference, not even one in the path.
fn key(exchange: &Exchange<'_>, integration: &CompiledIntegration) -> String {
    let mut parts =
        vec![Some(integration.cache_namespace.clone()), Some(exchange.request.method.to_string())];
    if !integration.cache_key.is_empty() {
        let context = exchange.context();
        let view = exchange.view(&context);
        parts.extend(integration.cache_key.iter().map(|source| source.value(&view)));
    }
    Value::from(parts).to_string()
}
