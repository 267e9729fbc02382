//! Signed tokens (RFC 7519): who issued one, whether the signature is the issuer's, and whether it holds.
//!
//! Keys come from the issuer, found as OpenID Connect says, or from a file where the issuer is `file:///…`: then nothing
//! needs to run. They are kept for a while, and asked for anew when a token names one that is not known.

use std::{sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, Method};
use ring::signature;
use runtime::Timestamp;
use serde_json::{Map, Value};

use super::{Admission, unauthorized};
use crate::{
    State,
    integrate::http_endpoint,
    mapping::text,
    rest_api::{
        gateway_response::{GatewayError, ResponseType},
        record::JwtIssuer,
    },
};

/// How long keys are kept, and how soon they may be asked for again.
const KEPT: Duration = Duration::from_secs(300);
const AGAIN: Duration = Duration::from_secs(10);

/// An issuer's keys.
pub(crate) struct Jwks {
    keys: Vec<Value>,
    at: Timestamp,
}

struct Token<'t> {
    header: Value,
    claims: Map<String, Value>,
    signed: &'t str,
    signature: Vec<u8>,
}

fn parse(token: &str) -> Option<Token<'_>> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let json = |part: &str| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(part).ok()?).ok();
    let Value::Object(claims) = json(claims)? else { return None };
    Some(Token { header: json(header)?, claims, signed, signature: URL_SAFE_NO_PAD.decode(signature).ok()? })
}

fn refused(reason: impl Into<String>) -> GatewayError {
    let mut error = unauthorized();
    error.reason = Some(reason.into());
    error
}

/// What a token says, if it is one of the issuers' and holds.
pub(super) async fn verify(
    state: &State,
    token: &str,
    issuers: &[JwtIssuer],
    algorithms: &[String],
    is_cognito: bool,
) -> Result<Admission, GatewayError> {
    let token = parse(token).ok_or_else(|| refused("the token is no JWT"))?;
    let claim = |name: &str| token.claims.get(name).and_then(Value::as_str);
    let own = claim("iss").ok_or_else(|| refused("the token names no issuer"))?;
    let issuer = issuers.iter().find(|issuer| is_issuer(issuer, own, is_cognito));
    let issuer = issuer.ok_or_else(|| refused(format!("tokens of {own} are not taken")))?;
    let algorithm = token.header.get("alg").and_then(Value::as_str).unwrap_or_default();
    if !algorithms.iter().any(|known| known == algorithm) {
        return Err(refused(format!("the algorithm {algorithm} is not taken")));
    }
    let key_id = token.header.get("kid").and_then(Value::as_str);
    let key = key(state, issuer, own, key_id).await?;
    if !is_signed(&key, algorithm, token.signed.as_bytes(), &token.signature) {
        return Err(refused("the token's signature is not the issuer's"));
    }
    let now = state.clock.now();
    let until = check_times(&token.claims, now)?;
    check_audience(issuer, &token.claims)?;
    check_claims(issuer, &token.claims)?;
    let scopes = claim("scope").or_else(|| claim("scp")).unwrap_or_default();
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let claims: Map<String, Value> =
        token.claims.iter().map(|(name, value)| (name.clone(), shown(value).into())).collect();
    let mut context = Map::new();
    context.insert(String::from("claims"), Value::Object(claims));
    Ok(Admission { context, scopes, until, ..Admission::default() })
}

/// Templates and functions get claims as texts, lists with commas between what is in them.
fn shown(claim: &Value) -> String {
    match claim {
        Value::Array(items) => items.iter().map(text).collect::<Vec<_>>().join(","),
        other => text(other),
    }
}

/// A user pool's stand-in on this machine has another host, and the same id at the end of its address.
fn is_issuer(issuer: &JwtIssuer, own: &str, is_cognito: bool) -> bool {
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    if same(&issuer.issuer, own) {
        return true;
    }
    let uri: Option<http::Uri> = own.parse().ok();
    let is_local = uri.as_ref().and_then(http::Uri::host).is_some_and(|host| {
        matches!(host, "localhost" | "127.0.0.1" | "[::1]" | "host.docker.internal")
            || host.ends_with(".localhost")
    });
    let id = |address: &str| address.trim_end_matches('/').rsplit('/').next().map(str::to_owned);
    is_cognito && is_local && id(own) == id(&issuer.issuer)
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<Option<Timestamp>, GatewayError> {
    let seconds = now.epoch_seconds();
    let number = |name: &str| claims.get(name).and_then(Value::as_f64);
    let until = match number("exp") {
        Some(end) if end <= seconds => {
            return Err(GatewayError::new(ResponseType::Unauthorized, "The incoming token has expired"));
        }
        Some(end) => {
            #[expect(clippy::cast_possible_truncation, reason = "a far end is cut off, which is right")]
            let millis = (end * 1000.0) as i64;
            Some(Timestamp(millis))
        }
        None => return Err(refused("the token has no exp")),
    };
    if number("nbf").is_some_and(|start| start > seconds) {
        return Err(refused("the token does not hold yet"));
    }
    Ok(until)
}

fn check_audience(issuer: &JwtIssuer, claims: &Map<String, Value>) -> Result<(), GatewayError> {
    if issuer.audiences.is_empty() {
        return Ok(());
    }
    let named = claims.get("aud").or_else(|| claims.get("client_id"));
    let is_known =
        |value: &Value| value.as_str().is_some_and(|it| issuer.audiences.iter().any(|own| own == it));
    let fits = match named {
        Some(Value::Array(all)) => all.iter().any(is_known),
        Some(one) => is_known(one),
        None => false,
    };
    if fits { Ok(()) } else { Err(refused("the token is for another audience")) }
}

fn check_claims(issuer: &JwtIssuer, claims: &Map<String, Value>) -> Result<(), GatewayError> {
    for wanted in &issuer.additional_claims {
        let name = &wanted.claim_name;
        match claims.get(name) {
            None if wanted.required => return Err(refused(format!("the token has no {name}"))),
            None => {}
            Some(Value::String(value))
                if wanted.expected_values.is_empty() || wanted.expected_values.contains(value) => {}
            Some(_) => return Err(refused(format!("the token has another {name}"))),
        }
    }
    Ok(())
}

/// The key that a token was signed with.
async fn key(
    state: &State,
    issuer: &JwtIssuer,
    own: &str,
    key_id: Option<&str>,
) -> Result<Value, GatewayError> {
    let pick = |keys: &Jwks| {
        let mut all = keys.keys.iter();
        match key_id {
            Some(id) => all.find(|key| key.get("kid").and_then(Value::as_str) == Some(id)).cloned(),
            None if keys.keys.len() == 1 => all.next().cloned(),
            None => None,
        }
    };
    let now = state.clock.now();
    let known = state.jwks.get(own).map(|keys| Arc::clone(&keys));
    if let Some(keys) = known.filter(|keys| now.since(keys.at) < KEPT) {
        let found = pick(&keys);
        if found.is_some() || now.since(keys.at) < AGAIN {
            return found.ok_or_else(|| refused("the issuer has no such key"));
        }
    }
    let keys = fetch(state, issuer, own).await.map_err(|reason| {
        let mut error = GatewayError::new(ResponseType::AuthorizerFailure, "");
        error.reason = Some(format!("the keys of {own} could not be had: {reason}"));
        error
    })?;
    let keys = Arc::new(Jwks { keys, at: now });
    state.jwks.insert(own.to_owned(), Arc::clone(&keys));
    pick(&keys).ok_or_else(|| refused("the issuer has no such key"))
}

async fn fetch(state: &State, issuer: &JwtIssuer, own: &str) -> Result<Vec<Value>, String> {
    let base = own.trim_end_matches('/');
    let address = match &issuer.jwks_uri {
        Some(address) => address.clone(),
        None if base.starts_with("file:") => base.to_owned(),
        None => {
            let described = document(state, &format!("{base}/.well-known/openid-configuration")).await;
            let found = described.ok().and_then(|it| it.get("jwks_uri")?.as_str().map(str::to_owned));
            found.unwrap_or_else(|| format!("{base}/.well-known/jwks.json"))
        }
    };
    let mut set = document(state, &address).await?;
    match set.get_mut("keys").map(Value::take) {
        Some(Value::Array(keys)) => Ok(keys),
        _ => Err(format!("{address} has no keys")),
    }
}

async fn document(state: &State, address: &str) -> Result<Value, String> {
    let text = if let Some(path) = address.strip_prefix("file://") {
        let path = path.to_owned();
        let read =
            tokio::task::spawn_blocking(move || std::fs::read(&path).map_err(|it| format!("{path}: {it}")));
        Bytes::from(read.await.map_err(|error| error.to_string())??)
    } else {
        let send = http_endpoint::send(state, Method::GET, address, HeaderMap::new(), Bytes::new());
        let (status, _, body) = send.await?;
        if !status.is_success() {
            return Err(format!("{address} answered {status}"));
        }
        body
    };
    serde_json::from_slice(&text).map_err(|error| format!("{address}: {error}"))
}

fn is_signed(key: &Value, algorithm: &str, signed: &[u8], given: &[u8]) -> bool {
    let part = |name: &str| {
        let text = key.get(name).and_then(Value::as_str)?;
        URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
    };
    let rsa = |parameters: &signature::RsaParameters| {
        let (Some(n), Some(e)) = (part("n"), part("e")) else { return false };
        signature::RsaPublicKeyComponents { n, e }.verify(parameters, signed, given).is_ok()
    };
    let ecdsa = |parameters: &'static signature::EcdsaVerificationAlgorithm| {
        let (Some(x), Some(y)) = (part("x"), part("y")) else { return false };
        let point: Vec<u8> = [&[4u8][..], &x, &y].concat();
        signature::UnparsedPublicKey::new(parameters, point).verify(signed, given).is_ok()
    };
    match algorithm {
        "RS256" => rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        "RS384" => rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        "RS512" => rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        "ES256" => ecdsa(&signature::ECDSA_P256_SHA256_FIXED),
        "ES384" => ecdsa(&signature::ECDSA_P384_SHA384_FIXED),
        _ => false,
    }
}
