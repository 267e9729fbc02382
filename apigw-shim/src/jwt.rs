//! JSON web tokens (RFC 7519): their parts, and whether a signature is of one of the keys that an issuer publishes.
//!
//! Knows no API and no rule: what issuers, algorithms and claims are taken, and what a client is told, is the
//! authorizers' own (`authorizer::token` for HTTP APIs, `rest_api::authorize::token` for REST APIs). Keys are found as
//! OpenID Connect says, or are in a file where the issuer is `file:///…`: then nothing needs to run.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use dashmap::DashMap;
use http::Request;
use p521::ecdsa::{self, signature::Verifier as _};
use ring::signature::{self, EcdsaVerificationAlgorithm, RsaParameters, RsaPublicKeyComponents};
use runtime::Timestamp;
use serde_json::{Map, Value};

use crate::State;

/// Keys are fetched anew after two hours, or after the second time if a token names one that is not known.
const KEPT: Duration = Duration::from_secs(2 * 60 * 60);
const AGAIN: Duration = Duration::from_secs(10);
/// Keys of more issuers than this are not remembered at a time: a stand-in for a user pool may be at many addresses.
const MOST_ISSUERS: usize = 1_000;

/// A token, taken apart. Nothing of it has been checked.
pub(crate) struct Token<'t> {
    pub claims: Map<String, Value>,
    pub algorithm: String,
    key_id: Option<String>,
    signed: &'t str,
    signature: Vec<u8>,
}

/// Why a text is no token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// It does not consist of three parts.
    Segments,
    /// Its parts are not what they should be.
    Content,
}

/// Why a token's signature is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unverified {
    /// The issuer's keys cannot be had; why is for the log.
    NoKeys(String),
    /// The issuer has no such key.
    UnknownKey,
    WrongSignature,
}

impl<'t> Token<'t> {
    pub fn parse(token: &'t str) -> Result<Self, Malformed> {
        let mut parts = token.split('.');
        let (Some(head), Some(body), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Malformed::Segments);
        };
        let header = object(head).ok_or(Malformed::Content)?;
        let text = |name: &str| header.get(name).and_then(Value::as_str).map(str::to_owned);
        Ok(Self {
            claims: object(body).ok_or(Malformed::Content)?,
            algorithm: text("alg").unwrap_or_default(),
            key_id: text("kid"),
            signed: &token[..head.len() + 1 + body.len()],
            signature: URL_SAFE_NO_PAD.decode(signature).map_err(|_| Malformed::Content)?,
        })
    }

    /// A claim that is a text.
    pub fn claim(&self, name: &str) -> Option<&str> {
        self.claims.get(name).and_then(Value::as_str)
    }

    /// Whether `aud`, or `client_id` where there is none, names one of those expected; any will do if none is.
    pub fn has_audience(&self, expected: &[String]) -> bool {
        let is_known = |text: &str| expected.iter().any(|audience| audience == text);
        expected.is_empty()
            || match self.claims.get("aud").or_else(|| self.claims.get("client_id")) {
                Some(Value::String(text)) => is_known(text),
                Some(Value::Array(all)) => all.iter().filter_map(Value::as_str).any(is_known),
                _ => false,
            }
    }

    /// Whether the signature is of a key of the issuer, whose keys are at `jwks_uri` if that is given.
    pub async fn verify(
        &self,
        state: &State,
        issuer: &str,
        jwks_uri: Option<&str>,
    ) -> Result<(), Unverified> {
        let id = self.key_id.as_deref();
        let keys = state.issuers.keys(state, issuer, jwks_uri, id).await.map_err(Unverified::NoKeys)?;
        let key = keys.find(id).ok_or(Unverified::UnknownKey)?;
        let is_right = key.material.has_signed(&self.algorithm, self.signed.as_bytes(), &self.signature);
        if is_right { Ok(()) } else { Err(Unverified::WrongSignature) }
    }
}

fn object(part: &str) -> Option<Map<String, Value>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

/// Whether two texts name one issuer.
pub(crate) fn is_same_issuer(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}

/// Those who issue tokens, by where their keys are.
#[derive(Default)]
pub(crate) struct Issuers(DashMap<String, Arc<Issuer>>);

#[derive(Default)]
struct Issuer {
    keys: RwLock<Option<Arc<Keys>>>,
    /// Held while keys are fetched.
    fetching: tokio::sync::Mutex<()>,
}

struct Keys {
    at: Timestamp,
    all: Vec<Key>,
}

struct Key {
    id: String,
    material: Material,
}

enum Material {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// A point of a curve, not compressed.
    Point(Vec<u8>),
}

impl Issuers {
    /// An issuer's keys; fetched again if they are old, or the one asked for is not among them.
    async fn keys(
        &self,
        state: &State,
        issuer: &str,
        jwks_uri: Option<&str>,
        id: Option<&str>,
    ) -> Result<Arc<Keys>, String> {
        let place = jwks_uri.unwrap_or(issuer);
        let known = self.0.get(place).map(|known| Arc::clone(&known));
        let known = known.unwrap_or_else(|| {
            if self.0.len() >= MOST_ISSUERS {
                self.0.clear();
            }
            Arc::clone(&self.0.entry(place.to_owned()).or_default())
        });
        let now = state.clock.now();
        let serves = |keys: &Arc<Keys>| {
            let age = now.since(keys.at);
            age < AGAIN || age < KEPT && keys.find(id).is_some()
        };
        let now_known = || known.keys.read().unwrap_or_else(PoisonError::into_inner).clone().filter(serves);
        if let Some(keys) = now_known() {
            return Ok(keys);
        }
        let _alone = known.fetching.lock().await;
        if let Some(keys) = now_known() {
            return Ok(keys);
        }
        let keys = Arc::new(Keys { at: now, all: fetch(state, issuer, jwks_uri).await? });
        *known.keys.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&keys));
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

impl Key {
    /// A key of a set; `None` if it is not one for signatures, or of a kind that is not known.
    fn of(key: &Value) -> Option<Self> {
        let member = |name: &str| key.get(name).and_then(Value::as_str);
        let number = |name: &str| URL_SAFE_NO_PAD.decode(member(name)?.trim_end_matches('=')).ok();
        if member("use").is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        let material = match member("kty")? {
            "RSA" => Material::Rsa { modulus: number("n")?, exponent: number("e")? },
            "EC" => Material::Point([&[4u8][..], &number("x")?, &number("y")?].concat()),
            _ => return None,
        };
        Some(Self { id: member("kid").unwrap_or_default().to_owned(), material })
    }
}

enum Algorithm {
    Rsa(&'static RsaParameters),
    Curve(&'static EcdsaVerificationAlgorithm),
    /// ES512, whose curve `ring` does not have.
    P521,
}

fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => Algorithm::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "PS256" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
        "PS384" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
        "PS512" => Algorithm::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
        "ES256" => Algorithm::Curve(&signature::ECDSA_P256_SHA256_FIXED),
        "ES384" => Algorithm::Curve(&signature::ECDSA_P384_SHA384_FIXED),
        "ES512" => Algorithm::P521,
        _ => return None,
    })
}

impl Material {
    fn has_signed(&self, name: &str, signed: &[u8], given: &[u8]) -> bool {
        match (self, algorithm(name)) {
            (Self::Rsa { modulus, exponent }, Some(Algorithm::Rsa(parameters))) => {
                let public = RsaPublicKeyComponents { n: modulus, e: exponent };
                public.verify(parameters, signed, given).is_ok()
            }
            (Self::Point(point), Some(Algorithm::Curve(curve))) => {
                signature::UnparsedPublicKey::new(curve, point).verify(signed, given).is_ok()
            }
            (Self::Point(point), Some(Algorithm::P521)) => p521_has_signed(point, signed, given).is_ok(),
            (Self::Rsa { .. } | Self::Point(_), _) => false,
        }
    }
}

fn p521_has_signed(point: &[u8], signed: &[u8], given: &[u8]) -> Result<(), ecdsa::Error> {
    let key = ecdsa::VerifyingKey::from_sec1_bytes(point)?;
    key.verify(signed, &ecdsa::Signature::from_slice(given)?)
}

/// The keys of an issuer: where they are said to be, or its discovery document says, or they mostly are.
async fn fetch(state: &State, issuer: &str, jwks_uri: Option<&str>) -> Result<Vec<Key>, String> {
    let base = issuer.trim_end_matches('/');
    let address = match jwks_uri {
        Some(address) => address.to_owned(),
        None if base.starts_with("file:") => base.to_owned(),
        None => {
            let described = document(state, &format!("{base}/.well-known/openid-configuration")).await;
            let found = described.ok().and_then(|it| it.get("jwks_uri")?.as_str().map(str::to_owned));
            found.unwrap_or_else(|| format!("{base}/.well-known/jwks.json"))
        }
    };
    let set = document(state, &address).await?;
    let keys = set.get("keys").and_then(Value::as_array);
    Ok(keys.ok_or_else(|| format!("{address} has no keys"))?.iter().filter_map(Key::of).collect())
}

async fn document(state: &State, address: &str) -> Result<Value, String> {
    let failed = |error: &dyn std::fmt::Display| format!("{address}: {error}");
    let text = match address.strip_prefix("file://") {
        Some(path) => {
            // `file:///keys.json#https://issuer`: the keys of an issuer that cannot be reached from here.
            let path = path.split_once('#').map_or(path, |(path, _)| path);
            Bytes::from(tokio::fs::read(path).await.map_err(|error| failed(&error))?)
        }
        None => {
            let request = Request::get(address).body(Bytes::new()).map_err(|error| failed(&error))?;
            let answer = state.outbound.send(request).await.map_err(|error| failed(&error))?;
            if !answer.status().is_success() {
                return Err(format!("{address} answered {}", answer.status()));
            }
            answer.into_body()
        }
    };
    serde_json::from_slice(&text).map_err(|error| failed(&error))
}
