//! The tokens that HTTP APIs take, and what is said of those that they do not. As with AWS, only RSA signatures are taken.

use std::sync::Arc;

use dashmap::DashMap;
use runtime::Timestamp;
use serde_json::{Map, Value};

use crate::{
    State,
    jwt::{Malformed, Token, Unverified, is_same_issuer},
};

/// More tokens than this are not remembered at a time.
const MOST_CACHED: usize = 1_000;
const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"];

/// What tokens are held against.
pub(crate) struct Verifier {
    /// What `iss` must be.
    issuer: String,
    /// Where the keys are.
    source: String,
    audience: Vec<String>,
    /// Claims of tokens whose signature was right.
    cache: DashMap<String, Arc<Map<String, Value>>>,
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
        let token = Token::parse(token).map_err(|malformed| match malformed {
            Malformed::Segments => TokenError("invalid number of segments"),
            Malformed::Content => TokenError("the token is malformed"),
        })?;
        if !token.claim("iss").is_some_and(|own| is_same_issuer(own, &self.issuer)) {
            return Err(TokenError("unable to match issuer"));
        }
        if !token.has_audience(&self.audience) {
            return Err(TokenError("the token does not have a valid audience"));
        }
        if !ALGORITHMS.contains(&token.algorithm.as_str()) {
            return Err(TokenError("signing method is invalid"));
        }
        match token.verify(state, &self.source, None).await {
            Ok(()) => Ok(token.claims),
            Err(Unverified::UnknownKey) => Err(TokenError("unable to find a signing key for the token")),
            Err(Unverified::WrongSignature) => Err(TokenError("signature is invalid")),
            Err(Unverified::NoKeys(reason)) => {
                tracing::warn!(issuer = self.issuer, "the keys of an issuer cannot be had: {reason}");
                Err(TokenError("unable to fetch the keys of the issuer"))
            }
        }
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
