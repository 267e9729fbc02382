//! JSON web tokens: signatures by the keys that an issuer publishes, and claims by what an authorizer expects.
//!
//! Knows no API: [`Verifier::verify`] takes a token and gives its claims or what is wrong with it. As with AWS, only
//! RSA signatures are taken.

use std::sync::{Arc, PoisonError, RwLock};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use dashmap::DashMap;
use http::Request;
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents};
use runtime::Timestamp;
use serde_json::{Map, Value};

use crate::State;

/// Keys are fetched anew after two hours, or after this time if a token names one that is not known.
const KEYS_LAST: i64 = 2 * 60 * 60 * 1000;
const KEYS_REST: i64 = 10 * 1000;
/// More tokens than this are not remembered at a time.
const MOST_CACHED: usize = 1_000;

/// What tokens are held against.
pub(crate) struct Verifier {
    /// What `iss` must be.
    issuer: String,
    /// Where the keys are.
    source: String,
    audience: Vec<String>,
    keys: RwLock<Option<Arc<Keys>>>,
    /// Held while keys are fetched.
    fetching: tokio::sync::Mutex<()>,
    /// Claims of tokens whose signature was right.
    cache: DashMap<String, Arc<Map<String, Value>>>,
}

struct Keys {
    at: Timestamp,
    all: Vec<Key>,
}

struct Key {
    id: String,
    modulus: Vec<u8>,
    exponent: Vec<u8>,
}

/// What is wrong with a token, in the words that the client gets.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct TokenError(pub &'static str);

impl Verifier {
    /// From an authorizer's `JwtConfiguration`.
    pub fn new(configuration: Option<&Value>) -> Result<Self, String> {
        let issuer = configuration.and_then(|it| it.get("Issuer")?.as_str());
        let audience = configuration.and_then(|it| it.get("Audience")?.as_array()).into_iter().flatten();
        let source = issuer.ok_or("the authorizer has no issuer")?;
        // `file:///keys.json#https://issuer`: the keys of an issuer that cannot be reached from here.
        let named = source.strip_prefix("file://").and_then(|path| path.split_once('#'));
        Ok(Self {
            issuer: named.map_or(source, |(_, issuer)| issuer).to_owned(),
            source: source.to_owned(),
            audience: audience.filter_map(Value::as_str).map(str::to_owned).collect(),
            keys: RwLock::default(),
            fetching: tokio::sync::Mutex::default(),
            cache: DashMap::new(),
        })
    }

    /// The claims of a token that is right now.
    pub async fn verify(&self, state: &State, token: &str) -> Result<Arc<Map<String, Value>>, TokenError> {
        let cached = self.cache.get(token).map(|claims| Arc::clone(&claims));
        let claims = match cached {
            Some(claims) => claims,
            None => {
                let claims = Arc::new(self.open(state, token).await?);
                if self.cache.len() >= MOST_CACHED {
                    self.cache.clear();
                }
                self.cache.insert(token.to_owned(), Arc::clone(&claims));
                claims
            }
        };
        check_times(&claims, state.clock.now())?;
        Ok(claims)
    }

    async fn open(&self, state: &State, token: &str) -> Result<Map<String, Value>, TokenError> {
        let malformed = TokenError("invalid number of segments");
        let mut parts = token.split('.');
        let (Some(head), Some(body), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(malformed);
        };
        let header = object(head).ok_or(TokenError("the token is malformed"))?;
        let claims = object(body).ok_or(TokenError("the token is malformed"))?;
        if claims.get("iss").and_then(Value::as_str).map(trimmed) != Some(trimmed(&self.issuer)) {
            return Err(TokenError("unable to match issuer"));
        }
        self.check_audience(&claims)?;
        let algorithm = algorithm(header.get("alg").and_then(Value::as_str).unwrap_or_default())?;
        let id = header.get("kid").and_then(Value::as_str);
        let signature =
            URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError("the token is malformed"))?;
        let keys = self.keys(state, id).await?;
        let key = keys.find(id).ok_or(TokenError("unable to find a signing key for the token"))?;
        let public = RsaPublicKeyComponents { n: &key.modulus, e: &key.exponent };
        let signed = &token[..head.len() + 1 + body.len()];
        public
            .verify(algorithm, signed.as_bytes(), &signature)
            .map_err(|_| TokenError("signature is invalid"))?;
        Ok(claims)
    }

    /// `aud`, or `client_id` where there is none, names one that is expected.
    fn check_audience(&self, claims: &Map<String, Value>) -> Result<(), TokenError> {
        if self.audience.is_empty() {
            return Ok(());
        }
        let expected = |text: &str| self.audience.iter().any(|audience| audience == text);
        let is_right = match claims.get("aud").or_else(|| claims.get("client_id")) {
            Some(Value::String(text)) => expected(text),
            Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(expected),
            _ => false,
        };
        if is_right { Ok(()) } else { Err(TokenError("the token does not have a valid audience")) }
    }

    /// The issuer's keys; fetched again if they are old, or the one asked for is not among them.
    async fn keys(&self, state: &State, id: Option<&str>) -> Result<Arc<Keys>, TokenError> {
        let now = state.clock.now();
        let known = || self.keys.read().unwrap_or_else(PoisonError::into_inner).clone();
        let serves = |keys: &Arc<Keys>| {
            let age = now.0 - keys.at.0;
            age < KEYS_REST || age < KEYS_LAST && keys.find(id).is_some()
        };
        if let Some(keys) = known().filter(serves) {
            return Ok(keys);
        }
        let _alone = self.fetching.lock().await;
        if let Some(keys) = known().filter(serves) {
            return Ok(keys);
        }
        let all = fetch(state, &self.source).await.map_err(|reason| {
            tracing::warn!(issuer = self.issuer, "the keys of an issuer cannot be had: {reason}");
            TokenError("unable to fetch the keys of the issuer")
        })?;
        let keys = Arc::new(Keys { at: now, all });
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
        Ok(keys)
    }
}

impl Keys {
    fn find(&self, id: Option<&str>) -> Option<&Key> {
        match id {
            Some(id) => self.all.iter().find(|key| key.id == id),
            // Without a name there must be nothing to choose.
            None => self.all.first().filter(|_| self.all.len() == 1),
        }
    }
}

fn trimmed(issuer: &str) -> &str {
    issuer.trim_end_matches('/')
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

fn algorithm(name: &str) -> Result<&'static RsaParameters, TokenError> {
    match name {
        "RS256" => Ok(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Ok(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Ok(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Ok(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Ok(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Ok(&signature::RSA_PSS_2048_8192_SHA512),
        _ => Err(TokenError("signing method is invalid")),
    }
}

/// `exp` must lie ahead, `nbf` and `iat` behind, each in seconds.
fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), TokenError> {
    let at = |name: &str| claims.get(name).and_then(Value::as_f64);
    let now = now.epoch_seconds();
    if at("exp").is_none_or(|at| at <= now) {
        return Err(TokenError("the token has expired"));
    }
    if at("nbf").is_some_and(|at| at > now) || at("iat").is_some_and(|at| at > now) {
        return Err(TokenError("the token is not valid yet"));
    }
    Ok(())
}

/// The keys of an issuer, by its discovery document; those of a `file:` issuer are in that file.
async fn fetch(state: &State, issuer: &str) -> Result<Vec<Key>, String> {
    let document = match issuer.strip_prefix("file://") {
        Some(path) => {
            let path = path.split_once('#').map_or(path, |(path, _)| path);
            let text = tokio::fs::read(path).await.map_err(|error| format!("{path}: {error}"))?;
            serde_json::from_slice(&text).map_err(|error| format!("{path}: {error}"))?
        }
        None => {
            let found = get(state, &format!("{}/.well-known/openid-configuration", trimmed(issuer))).await?;
            let uri = found.get("jwks_uri").and_then(Value::as_str);
            get(state, uri.ok_or("the discovery document names no jwks_uri")?).await?
        }
    };
    let keys = document.get("keys").and_then(Value::as_array).ok_or("there are no keys")?;
    Ok(keys.iter().filter_map(key).collect())
}

async fn get(state: &State, uri: &str) -> Result<Value, String> {
    let request = Request::get(uri).body(Bytes::new()).map_err(|error| format!("{uri}: {error}"))?;
    let answer = state.outbound.send(request).await.map_err(|error| format!("{uri}: {error}"))?;
    if !answer.status().is_success() {
        return Err(format!("{uri} answered {}", answer.status()));
    }
    serde_json::from_slice(answer.body()).map_err(|error| format!("{uri}: {error}"))
}

fn key(key: &Value) -> Option<Key> {
    let member = |name: &str| key.get(name).and_then(Value::as_str);
    if member("kty") != Some("RSA") || member("use").is_some_and(|purpose| purpose != "sig") {
        return None;
    }
    let number = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?.trim_end_matches('=')).ok();
    Some(Key {
        id: member("kid").unwrap_or_default().to_owned(),
        modulus: number("n")?,
        exponent: number("e")?,
    })
}
