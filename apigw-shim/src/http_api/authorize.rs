//! Whether a caller may use a route: signatures, tokens and functions.

use aws_wire::Credential;
use http::{HeaderValue, Response, StatusCode, header};
use proxy_events::{Incoming, PayloadVersion};
use runtime::Body;
use serde_json::{Map, Value, json};

use super::{
    compiled::{Authorization, HttpStage, Matched},
    event,
};
use crate::{
    State,
    addressed::of_http_api,
    authorizer::{
        Asked, Authorizer, Decision, Kind, is_signed,
        token::{TokenError, Verifier},
    },
    mapping,
    policy::Ask,
};

/// Who was let through, for the event of the function behind the route.
pub(super) enum Caller {
    Anybody,
    /// By a signature: whose key, and of which account.
    Signed {
        access_key: String,
        account: String,
    },
    /// By a token: its claims as texts, and the scopes that the route asks for.
    Token {
        claims: Map<String, Value>,
        scopes: Value,
    },
    /// By a function: what it said.
    Function(Map<String, Value>),
}

impl Caller {
    /// `requestContext.authorizer` of events of version 2.0.
    pub fn version_2(&self) -> Value {
        match self {
            Self::Anybody => Value::Null,
            Self::Signed { access_key, account } => json!({"iam": {
                "accessKey": access_key,
                "accountId": account,
                "callerId": access_key,
                "cognitoIdentity": null,
                "principalOrgId": null,
                "userArn": format!("arn:aws:iam::{account}:root"),
                "userId": access_key,
            }}),
            Self::Token { claims, scopes } => json!({"jwt": {"claims": claims, "scopes": scopes}}),
            Self::Function(context) => json!({"lambda": context}),
        }
    }

    /// `requestContext.authorizer` of events of version 1.0.
    pub fn version_1(&self) -> Value {
        match self {
            Self::Anybody | Self::Signed { .. } => Value::Null,
            Self::Token { claims, scopes } => json!({"claims": claims, "scopes": scopes}),
            Self::Function(context) => Value::Object(context.clone()),
        }
    }

    /// What a signature says of the caller, as `identity` of version 1.0 and of `$context` has it.
    pub fn identify(&self, identity: &mut Value) {
        if let Self::Signed { access_key, account } = self {
            identity["accessKey"] = json!(access_key);
            identity["accountId"] = json!(account);
            identity["caller"] = json!(access_key);
            identity["user"] = json!(access_key);
            identity["userArn"] = json!(format!("arn:aws:iam::{account}:root"));
        }
    }
}

/// Lets a request through, or gives the answer that refuses it.
pub(super) async fn check(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    is_forged: bool,
) -> Result<Caller, Response<Body>> {
    match &matched.route.authorization {
        Authorization::Anybody => Ok(Caller::Anybody),
        Authorization::Signed => {
            if is_forged || !is_signed(request) {
                return Err(forbidden());
            }
            let credential = Credential::signing(&request.headers, &request.query);
            Ok(credential.map_or(Caller::Anybody, |credential| Caller::Signed {
                access_key: credential.access_key,
                account: stage.scope.account.to_string(),
            }))
        }
        Authorization::By(Err(reason), _) => Err(failed(stage, request, matched, reason)),
        Authorization::By(Ok(authorizer), scopes) => {
            let identity = authorizer.identity(
                request,
                |path| {
                    mapping::parameters::context_text(
                        &context(stage, request, &matched.route.key, &Caller::Anybody),
                        path,
                    )
                },
                &stage.variables,
            );
            match &authorizer.kind {
                Kind::Jwt(verifier) => token(state, verifier, identity, scopes).await,
                Kind::Lambda { version, .. } => {
                    let identity = identity.ok_or_else(unauthorized)?;
                    ask(state, stage, request, matched, authorizer, *version, &identity).await
                }
            }
        }
    }
}

/// What of `$context` is the same for all parts of a request.
pub(super) fn context(
    stage: &HttpStage,
    request: &Incoming,
    route_key: &str,
    caller: &Caller,
) -> Map<String, Value> {
    let host = request.host();
    let mut context = json!({
        "authorizer": caller.version_1(),
        "accountId": &*stage.scope.account,
        "apiId": stage.api_id,
        "domainName": host,
        "domainPrefix": host.split('.').next().unwrap_or_default(),
        "extendedRequestId": request.extended_request_id,
        "httpMethod": request.method.as_str(),
        "identity": {
            "sourceIp": request.peer.to_string(),
            "userAgent": request.header("user-agent").unwrap_or_default(),
        },
        "path": event::raw_path(stage, request),
        "protocol": request.protocol(),
        "requestId": request.extended_request_id,
        "requestTime": request.time(),
        "requestTimeEpoch": request.at.millis(),
        "routeKey": route_key,
        "stage": stage.name,
    });
    caller.identify(&mut context["identity"]);
    if let Some(certificate) = request.client_certificate() {
        context["identity"]["clientCert"] = certificate;
    }
    if let Some(domain) = &request.custom_domain {
        context["customDomain"] = json!({"basePathMatched": domain.base_path});
    }
    match context {
        Value::Object(context) => context,
        _ => Map::new(),
    }
}

async fn token(
    state: &State,
    verifier: &Verifier,
    identity: Option<Vec<String>>,
    wanted: &[String],
) -> Result<Caller, Response<Body>> {
    let Some(identity) = identity.and_then(|identity| identity.into_iter().next()) else {
        return Err(challenge(unauthorized(), "Bearer"));
    };
    let bearer = identity.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("bearer "));
    let token = bearer.map_or(identity.as_str(), |_| identity[7..].trim());
    let claims = verifier.verify(state, token).await.map_err(|TokenError(reason)| {
        let text = format!("Bearer scope=\"\" error=\"invalid_token\" error_description=\"{reason}\"");
        challenge(unauthorized(), &text)
    })?;
    let granted = claims.get("scope").or_else(|| claims.get("scp"));
    let has = |scope: &String| match granted {
        Some(Value::String(text)) => text.split(' ').any(|granted| granted == scope),
        Some(Value::Array(all)) => all.iter().any(|granted| granted.as_str() == Some(scope)),
        _ => false,
    };
    if !wanted.is_empty() && !wanted.iter().any(has) {
        let text = format!(
            "Bearer scope=\"{}\" error=\"insufficient_scope\" error_description=\"token does not have required scopes\"",
            wanted.join(" ")
        );
        return Err(challenge(forbidden(), &text));
    }
    let scopes = if wanted.is_empty() { Value::Null } else { json!(wanted) };
    let claims = claims.iter().map(|(name, value)| (name.clone(), claim(value).into())).collect();
    Ok(Caller::Token { claims, scopes })
}

/// A claim as events have it: a text, lists in brackets.
fn claim(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            let values: Vec<String> = values.iter().map(mapping::text).collect();
            format!("[{}]", values.join(" "))
        }
        other => mapping::text(other),
    }
}

async fn ask(
    state: &State,
    stage: &HttpStage,
    request: &Incoming,
    matched: &Matched,
    authorizer: &Authorizer,
    version: PayloadVersion,
    identity: &[String],
) -> Result<Caller, Response<Body>> {
    let resource = format!("{}/{}/{}{}", stage.api_id, stage.name, request.method, request.path);
    let arn = stage.scope.arn("execute-api", &resource);
    let asked = Asked {
        identity,
        request: Ask::of(request, &arn),
        trace_id: &request.trace_id,
        variables: &stage.variables,
    };
    let make = || {
        let event = match version {
            PayloadVersion::V1 => event::version_1(stage, request, matched, &Caller::Anybody),
            PayloadVersion::V2 => event::version_2(stage, request, matched, Value::Null),
        };
        let mut event: Map<String, Value> = serde_json::from_slice(&event).unwrap_or_default();
        event.remove("body");
        event.remove("isBase64Encoded");
        event.insert("type".into(), "REQUEST".into());
        match version {
            PayloadVersion::V1 => {
                event.insert("methodArn".into(), arn.as_str().into());
                event.insert("identitySource".into(), identity.join(",").into());
                event.insert("authorizationToken".into(), identity.join(",").into());
            }
            PayloadVersion::V2 => {
                event.insert("routeArn".into(), arn.as_str().into());
                event.insert("identitySource".into(), identity.into());
            }
        }
        Value::Object(event).to_string().into_bytes()
    };
    match authorizer.ask(state, &stage.scope, asked, make).await {
        Decision::Allowed(context) => Ok(Caller::Function(context)),
        Decision::Denied => Err(forbidden()),
        Decision::Unauthorized => Err(unauthorized()),
        Decision::Failed(reason) => Err(failed(stage, request, matched, &reason)),
    }
}

fn forbidden() -> Response<Body> {
    of_http_api(StatusCode::FORBIDDEN, "Forbidden")
}

fn unauthorized() -> Response<Body> {
    of_http_api(StatusCode::UNAUTHORIZED, "Unauthorized")
}

fn challenge(mut response: Response<Body>, text: &str) -> Response<Body> {
    if let Ok(value) = HeaderValue::from_str(text) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

fn failed(stage: &HttpStage, request: &Incoming, matched: &Matched, reason: &str) -> Response<Body> {
    let _ = matched.failure.set(reason.to_owned());
    tracing::warn!(api = stage.api_id, path = request.path, "the authorizer failed: {reason}");
    of_http_api(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
}
