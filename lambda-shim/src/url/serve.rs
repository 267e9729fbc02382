//! One request to a function URL.
//!
//! Source: AWS, "Invoking Lambda function URLs" and "Control access to Lambda function URLs" (Lambda Developer Guide).

use std::{
    net::IpAddr,
    sync::{Arc, atomic::Ordering},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use proxy_events::{Cors, Incoming, PayloadVersion, Route};
use runtime::{Body, BodyError, CallContext, Invocation, InvocationOutcome};
use serde_json::{Value, json};

use super::{ERROR_TYPE, stream};
use crate::{
    access,
    function::{
        name,
        record::{Function, FunctionUrl},
        table::Entry,
    },
    service::Lambda,
};

/// What AWS says to those who may not ask, and of URLs that are not there.
const FORBIDDEN: &str = "Forbidden. For troubleshooting Function URL authorization issues, see: \
     https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html";
/// The most that a request's body may have.
const MOST_BODY: usize = 6 << 20;

/// A URL that was found, with what it belongs to.
struct Found {
    entry: Arc<Entry>,
    function: Arc<Function>,
    qualifier: Option<String>,
    url: FunctionUrl,
}

/// Answers a request to the URL of this id.
pub(crate) async fn serve(lambda: &Lambda, id: &str, request: Request<Body>, peer: IpAddr) -> Response<Body> {
    let Some(found) = find(lambda, id) else { return forbidden() };
    let (parts, body) = request.into_parts();
    let body = match body.read(MOST_BODY).await {
        Ok(body) => body,
        Err(BodyError::TooLarge { .. }) => {
            return refusal(413, "RequestEntityTooLargeException", "Request Entity Too Large");
        }
        Err(_) => return refusal(400, "BadRequestException", "The body did not arrive"),
    };
    // Slashes doubled at the front reach a function as one, as recorded on AWS.
    let path = format!("/{}", parts.uri.path().trim_start_matches('/'));
    let request = Incoming::new(lambda.0.clock.now(), parts, path, body, peer);
    let cors = found.url.cors.as_ref().map(Cors::new);
    if let Some(cors) = cors.as_ref().filter(|_| Cors::is_preflight(&request)) {
        return cors.preflight(&request);
    }
    let mut response = answer(lambda, &found, &request).await;
    if let Some(cors) = cors {
        cors.apply(&request, response.headers_mut());
    }
    let headers = response.headers_mut();
    set(headers, "x-amzn-requestid", &request.request_id);
    set(headers, "x-amzn-trace-id", &request.trace_id);
    response
}

fn find(lambda: &Lambda, id: &str) -> Option<Found> {
    let (entry, qualifier) = lambda.0.table.by_url(id)?;
    let function = entry.function();
    let url = function.urls.get(qualifier.as_deref().unwrap_or_default())?.clone();
    Some(Found { entry, function, qualifier, url })
}

async fn answer(lambda: &Lambda, found: &Found, request: &Incoming) -> Response<Body> {
    let caller = access_key(&request.headers);
    let is_iam = found.url.auth_type == "AWS_IAM";
    let may = if is_iam { caller.is_some() } else { is_public(&found.function, found.qualifier.as_deref()) };
    if !may {
        return forbidden();
    }
    if !is_iam {
        warn_if_closed_on_aws(found);
    }
    let Entry { scope, name, .. } = &*found.entry;
    let event = event(found, request, caller.filter(|_| is_iam));
    let mut ctx = CallContext::internal(scope.clone(), Arc::clone(&lambda.0.endpoint));
    ctx.request_id = Arc::clone(&request.request_id);
    ctx.trace_id = Some(request.trace_id.as_str().into());
    let arn = name::arn(scope, name, found.qualifier.as_deref());
    let invocation = Invocation::request_response(arn, event);
    let answered = if found.url.invoke_mode.as_deref() == Some("RESPONSE_STREAM") {
        stream::invoke(lambda, &ctx, invocation).await
    } else {
        lambda.invoke_function(&ctx, invocation).await.map(|outcome| read(&outcome))
    };
    match answered {
        Ok(response) => response,
        Err(error) if error.status == 429 => {
            let body = json!({
                "Reason": error.fields.get("Reason"), "Type": "User", "message": error.message,
            });
            let mut response = Response::new(Body::Bytes(body.to_string().into()));
            *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
            set(response.headers_mut(), "content-type", "application/json");
            set(response.headers_mut(), ERROR_TYPE, "TooManyRequestsException");
            response
        }
        Err(error) => {
            tracing::debug!(%error.message, "a function URL's function could not be invoked");
            failed()
        }
    }
}

/// The access key of a signed request.
fn access_key(headers: &HeaderMap) -> Option<String> {
    let authorization = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let scope = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?.split("Credential=").nth(1)?;
    Some(scope.split(['/', ',']).next()?.to_owned())
}

/// Whether the resource policy lets everybody invoke the URL.
fn is_public(function: &Function, qualifier: Option<&str>) -> bool {
    grants_everybody(function, qualifier, "lambda:InvokeFunctionUrl", |condition| {
        let auth_type = &condition["StringEquals"]["lambda:FunctionUrlAuthType"];
        auth_type.is_null() || auth_type == "NONE"
    })
}

/// Whether it lets everybody run the function through its URL, too.
fn is_public_through_url(function: &Function, qualifier: Option<&str>) -> bool {
    grants_everybody(function, qualifier, "lambda:InvokeFunction", |condition| {
        let through = &condition["Bool"]["lambda:InvokedViaFunctionUrl"];
        condition.is_null() || through == "true" || *through == true
    })
}

fn grants_everybody(
    function: &Function,
    qualifier: Option<&str>,
    action: &str,
    holds: impl Fn(&Value) -> bool,
) -> bool {
    let Some(policy) = function.policies.get(qualifier.unwrap_or_default()) else { return false };
    let about = |effect: &str, holds: &dyn Fn(&Value) -> bool| {
        policy.statements.iter().any(|statement| {
            statement["Effect"] == effect
                && access::names_everybody(statement)
                && access::names_action(statement, action)
                && holds(&statement["Condition"])
        })
    };
    about("Allow", &holds) && !about("Deny", &Value::is_null)
}

/// URLs made since October 2025 need both permissions on AWS, older ones from November 2026. Which of them one is that
/// was made here nobody can say, and what was recorded on AWS grants the first alone: so it is answered, and said.
/// Source: AWS, "Control access to Lambda function URLs" (Lambda Developer Guide).
fn warn_if_closed_on_aws(found: &Found) {
    let Entry { name, warned_of_url, .. } = &*found.entry;
    if warned_of_url.load(Ordering::Relaxed)
        || is_public_through_url(&found.function, found.qualifier.as_deref())
        || warned_of_url.swap(true, Ordering::Relaxed)
    {
        return;
    }
    tracing::warn!(
        function = &**name,
        "its URL is answered here, and refused with 403 on AWS: since October 2025 everybody needs lambda:InvokeFunction, \
         too. Add a permission with Action lambda:InvokeFunction, Principal * and InvokedViaFunctionUrl true"
    );
}

fn event(found: &Found, request: &Incoming, access_key: Option<String>) -> Bytes {
    let account = &*found.entry.scope.account;
    let authorizer = access_key.map_or(Value::Null, |access_key| {
        json!({ "iam": {
            "accessKey": access_key,
            "accountId": account,
            "callerId": access_key,
            "cognitoIdentity": null,
            "principalOrgId": null,
            "userArn": format!("arn:aws:iam::{account}:root"),
            "userId": access_key,
        } })
    });
    let route = Route {
        account: if authorizer.is_null() { "anonymous" } else { account },
        api_id: &found.url.id,
        key: "$default",
        stage: "$default",
        path: &proxy_events::decode(&request.path),
        parameters: &[],
        variables: Value::Null,
        authorizer,
    };
    proxy_events::version_2(&route, request)
}

/// The response in what the function returned.
fn read(outcome: &InvocationOutcome) -> Response<Body> {
    if outcome.function_error.is_some() {
        return failed();
    }
    proxy_events::read(&outcome.payload, PayloadVersion::V2).unwrap_or_else(failed)
}

/// The function failed, or what it returned is no response.
pub(super) fn failed() -> Response<Body> {
    let mut response = Response::new(Body::Bytes(Bytes::from_static(b"Internal Server Error")));
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    set(response.headers_mut(), "content-type", "application/json");
    response
}

fn forbidden() -> Response<Body> {
    refusal(403, "AccessDeniedException", FORBIDDEN)
}

fn refusal(status: u16, kind: &str, message: &str) -> Response<Body> {
    let mut response = Response::new(Body::Bytes(json!({ "Message": message }).to_string().into()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    set(response.headers_mut(), "content-type", "application/json");
    set(response.headers_mut(), ERROR_TYPE, kind);
    response
}

pub(super) fn set(headers: &mut HeaderMap, name: &str, value: &str) {
    if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
        headers.insert(name, value);
    }
}
