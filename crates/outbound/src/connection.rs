//! EventBridge connections, as requests are authorised by them: an API key, a user's password, or a token that a client's
//! credentials get; and the parameters that a connection adds to each request.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Outbound;

/// What form encoding leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// A token is renewed this long before it ends, so that none ends on its way.
const MARGIN: Duration = Duration::from_secs(10);

/// Names and values that are added to a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Query parameters.
    pub query: Vec<(String, String)>,
    /// Members of the body.
    pub body: Vec<(String, String)>,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Authorization {
    /// A header with a key.
    ApiKey {
        /// The header.
        name: String,
        /// The key.
        value: String,
    },
    /// `Authorization: Basic …`.
    Basic {
        /// Who.
        username: String,
        /// And the password.
        password: String,
    },
    /// `Authorization: Bearer …`, with a token that these credentials get.
    OAuth {
        /// Who.
        client_id: String,
        /// And the secret.
        client_secret: String,
        /// Where tokens are given out.
        endpoint: String,
        /// `POST`, `GET` or `PUT`.
        method: String,
        /// What the request for a token has besides.
        parameters: Parameters,
    },
}

/// A connection in use: with the token it got last.
#[derive(Debug)]
pub struct Connection {
    authorization: Authorization,
    parameters: Parameters,
    token: Mutex<Option<(String, Instant)>>,
}

/// Where connections are kept.
pub trait Connections: Send + Sync {
    /// The connection of an ARN, if it is there and authorised.
    fn connection(&self, arn: &str) -> Option<Arc<Connection>>;
}

/// A request could not be authorised; the text says why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct AuthorizationError(pub String);

impl Connection {
    /// A connection that has no token yet.
    pub fn new(authorization: Authorization, parameters: Parameters) -> Self {
        Self { authorization, parameters, token: Mutex::new(None) }
    }

    /// What it adds to every request besides the authorisation; the user's own parameters give way to it.
    pub fn parameters(&self) -> &Parameters {
        &self.parameters
    }

    /// The name of the header that authorises a request, as it was given.
    pub fn header_name(&self) -> &str {
        match &self.authorization {
            Authorization::ApiKey { name, .. } => name,
            Authorization::Basic { .. } | Authorization::OAuth { .. } => "Authorization",
        }
    }

    /// The header that authorises a request. Where that is a token, it is fetched if none is at hand.
    pub async fn header(&self, outbound: &Outbound) -> Result<(HeaderName, HeaderValue), AuthorizationError> {
        let (name, value) = match &self.authorization {
            Authorization::ApiKey { name, value } => (
                HeaderName::from_bytes(name.as_bytes())
                    .map_err(|_| AuthorizationError(format!("{name} is no name of a header")))?,
                value.clone(),
            ),
            Authorization::Basic { username, password } => {
                let encoded = STANDARD.encode(format!("{username}:{password}"));
                (header::AUTHORIZATION, format!("Basic {encoded}"))
            }
            Authorization::OAuth { .. } => {
                (header::AUTHORIZATION, format!("Bearer {}", self.token(outbound).await?))
            }
        };
        let mut value = HeaderValue::from_str(&value)
            .map_err(|_| AuthorizationError(String::from("the credentials are no value of a header")))?;
        value.set_sensitive(true);
        Ok((name, value))
    }

    /// Forgets the token, so that the next request gets a new one: the server did not take it.
    pub fn forget_token(&self) {
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    async fn token(&self, outbound: &Outbound) -> Result<String, AuthorizationError> {
        let at_hand = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((token, _)) = at_hand.filter(|(_, until)| *until > Instant::now()) {
            return Ok(token);
        }
        let Authorization::OAuth { client_id, client_secret, endpoint, method, parameters } =
            &self.authorization
        else {
            return Err(AuthorizationError(String::from("the connection has no token")));
        };
        let mut form = vec![
            ("grant_type", "client_credentials"),
            ("client_id", client_id),
            ("client_secret", client_secret),
        ];
        for (name, value) in &parameters.body {
            form.retain(|(known, _)| known != name);
            form.push((name, value));
        }
        let request = token_request(endpoint, method, parameters, &form)?;
        let answer = outbound.send(request).await;
        let answer = answer.map_err(|error| AuthorizationError(format!("{endpoint}: {error}")))?;
        let body: Value = serde_json::from_slice(answer.body()).unwrap_or_default();
        let Some(token) =
            body.get("access_token").and_then(Value::as_str).filter(|_| answer.status().is_success())
        else {
            let text = format!("{endpoint} gave no access_token (status {})", answer.status().as_u16());
            return Err(AuthorizationError(text));
        };
        // A server that does not say how long has it fetched anew each time.
        let seconds = body.get("expires_in").and_then(Value::as_u64).unwrap_or(0).min(86_400);
        let until = Instant::now() + Duration::from_secs(seconds).saturating_sub(MARGIN);
        *self.token.lock().unwrap_or_else(PoisonError::into_inner) = Some((token.to_owned(), until));
        Ok(token.to_owned())
    }
}

fn token_request(
    endpoint: &str,
    method: &str,
    parameters: &Parameters,
    form: &[(&str, &str)],
) -> Result<Request<Bytes>, AuthorizationError> {
    let fail = |_| AuthorizationError(format!("{endpoint} is no address to get tokens from"));
    let method = Method::from_bytes(method.as_bytes()).unwrap_or(Method::POST);
    let in_query = method == Method::GET;
    let mut address = with_query(endpoint, &parameters.query);
    let form = encode(form.iter().copied());
    if in_query {
        address.push(if address.contains('?') { '&' } else { '?' });
        address.push_str(&form);
    }
    let mut request = Request::builder().method(method).uri(address);
    if !in_query {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    for (name, value) in &parameters.headers {
        request = request.header(name, value);
    }
    request.body(if in_query { Bytes::new() } else { Bytes::from(form) }).map_err(fail)
}

/// Names and values as a form has them.
pub fn encode<'p>(pairs: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let pairs = pairs.map(|(name, value)| {
        format!("{}={}", utf8_percent_encode(name, FORM), utf8_percent_encode(value, FORM))
    });
    pairs.collect::<Vec<_>>().join("&")
}

/// An address with query parameters added.
pub fn with_query(address: &str, query: &[(String, String)]) -> String {
    if query.is_empty() {
        return address.to_owned();
    }
    let joint = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joint}{}", encode(query.iter().map(|(name, value)| (name.as_str(), value.as_str()))))
}
