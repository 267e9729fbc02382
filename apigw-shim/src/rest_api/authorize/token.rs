//! The tokens that REST APIs take: whose, signed how, and with which claims.

use runtime::Timestamp;
use serde_json::{Map, Value};

use super::{Admission, unauthorized};
use crate::{
    State,
    jwt::{Token, Unverified, is_same_issuer},
    mapping::text,
    rest_api::{
        gateway_response::{GatewayError, ResponseType},
        record::JwtIssuer,
    },
};

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
    let token = Token::parse(token).map_err(|_| refused("the token is no JWT"))?;
    let own = token.claim("iss").ok_or_else(|| refused("the token names no issuer"))?;
    let issuer = issuers.iter().find(|issuer| is_issuer(issuer, own, is_cognito));
    let issuer = issuer.ok_or_else(|| refused(format!("tokens of {own} are not taken")))?;
    if !algorithms.contains(&token.algorithm) {
        return Err(refused(format!("the algorithm {} is not taken", token.algorithm)));
    }
    token.verify(state, own, issuer.jwks_uri.as_deref()).await.map_err(|unverified| match unverified {
        Unverified::UnknownKey => refused("the issuer has no such key"),
        Unverified::WrongSignature => refused("the token's signature is not the issuer's"),
        Unverified::NoKeys(reason) => {
            let mut error = GatewayError::new(ResponseType::AuthorizerFailure, "");
            error.reason = Some(format!("the keys of {own} could not be had: {reason}"));
            error
        }
    })?;
    let until = check_times(&token.claims, state.clock.now())?;
    if !token.has_audience(&issuer.audiences) {
        return Err(refused("the token is for another audience"));
    }
    check_claims(issuer, &token.claims)?;
    let scopes = token.claim("scope").or_else(|| token.claim("scp")).unwrap_or_default();
    let scopes = scopes.split_whitespace().map(str::to_owned).collect();
    let claims: Map<String, Value> =
        token.claims.iter().map(|(name, value)| (name.clone(), shown(value).into())).collect();
    let mut context = Map::new();
    context.insert(String::from("claims"), Value::Object(claims));
    Ok(Admission { context, scopes, until, ..Admission::default() })
}

/// A user pool's methods take the token that says who somebody is, those with scopes the one that says what they may do.
pub(super) fn check_use(admission: &Admission, scopes: &[String]) -> Result<(), GatewayError> {
    let of = admission.context.get("claims").and_then(|claims| claims.get("token_use"));
    match of.and_then(Value::as_str) {
        Some("access") if scopes.is_empty() => Err(refused("an access token, where an ID token is wanted")),
        Some("id") if !scopes.is_empty() => Err(refused("an ID token, where an access token is wanted")),
        _ => Ok(()),
    }
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
    if is_same_issuer(&issuer.issuer, own) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_user_pools_token_is_of_the_kind_that_the_method_takes() {
        let status = |token_use: Value, scopes: &[&str]| {
            let mut context = Map::new();
            context.insert(String::from("claims"), json!({"sub": "ann", "token_use": token_use}));
            let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            let checked = check_use(&Admission { context, ..Admission::default() }, &scopes);
            checked.map_err(|error| error.response_type.status()).err().flatten()
        };
        assert_eq!(status(json!("id"), &[]), None);
        assert_eq!(status(json!("access"), &["orders/read"]), None);
        assert_eq!(status(json!("access"), &[]), Some(401));
        assert_eq!(status(json!("id"), &["orders/read"]), Some(401));
    }
}
