//! `apigateway:invoke`: requests to APIs that are deployed here.

use std::sync::Arc;

use asl::Payload;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use outbound::connection::encode;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use runtime::{ApiAnswer, CallContext};
use serde_json::{Map, Value, json};

use super::{Answer, TaskFailure, http_answer};
use crate::service::Inner;

/// What may not stand in a path as it is; a percent sign stays, as the path may be encoded already.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'}');

/// Headers that a task may not set (Step Functions developer guide, "Call Amazon API Gateway").
const NOT_ALLOWED: &[&str] = &[
    "authorization",
    "connection",
    "content-md5",
    "expect",
    "host",
    "max-forwards",
    "proxy-authenticate",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "www-authenticate",
];
const NOT_ALLOWED_PREFIXES: &[&str] = &["x-forwarded", "x-amz", "x-amzn"];

pub(super) async fn invoke(inner: &Arc<Inner>, ctx: &CallContext, input: &Payload) -> Answer {
    let Some(integrations) = inner.integrations.get() else {
        return Err(failed("SdkClientException", "API Gateway cannot be reached from here"));
    };
    let parameters = input.value();
    let endpoint = text(parameters, "ApiEndpoint");
    let Some((api, host)) = api_of(endpoint) else {
        return Err(failed(
            "SdkClientException",
            format!("{endpoint} is the endpoint of no API of API Gateway"),
        ));
    };
    let trace = trace_id(ctx);
    let request = request(ctx, parameters, host, &trace)?;
    let Some(answer) = integrations.apis.execute(api, request).await else {
        let text = format!("Unable to execute HTTP request: {host}: no API {api} is deployed here");
        return Err(failed("SdkClientException", text));
    };
    let ApiAnswer { response, edge } = answer;
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        let cause = String::from_utf8_lossy(response.body()).into_owned();
        return Err(TaskFailure { error: format!("ApiGateway.{}", status.as_u16()), cause });
    }
    Ok(shown(&response, edge, &trace))
}

fn failed(name: &str, cause: impl Into<String>) -> TaskFailure {
    TaskFailure { error: format!("ApiGateway.{name}"), cause: cause.into() }
}

fn text<'p>(parameters: &'p Value, name: &str) -> &'p str {
    parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// The API's id and the host of an endpoint: `ID.execute-api.…` as AWS has it, or one of the addresses that Tule gives
/// out (`http://127.0.0.1:4566/restapis/ID`, `…/_aws/execute-api/ID`).
fn api_of(endpoint: &str) -> Option<(&str, &str)> {
    let rest = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some((id, _)) = host.split_once(".execute-api.") {
        return (!id.is_empty()).then_some((id.split_once("-vpce-").map_or(id, |(id, _)| id), host));
    }
    let below = path.strip_prefix("restapis/").or_else(|| path.strip_prefix("_aws/execute-api/"))?;
    let id = below.split('/').next().filter(|id| !id.is_empty())?;
    Some((id, host))
}

fn request(
    ctx: &CallContext,
    parameters: &Value,
    host: &str,
    trace: &str,
) -> Result<Request<Bytes>, TaskFailure> {
    let nulls = parameters.get("AllowNullValues").and_then(Value::as_bool).unwrap_or_default();
    let method = Method::from_bytes(text(parameters, "Method").as_bytes())
        .map_err(|_| failed("SdkClientException", "the method is none"))?;
    let mut request = Request::new(body(parameters.get("RequestBody"), nulls));
    let headers = headers(parameters)?;
    let address = address(parameters);
    *request.uri_mut() =
        address.parse().map_err(|_| failed("SdkClientException", format!("{address} is no path")))?;
    *request.method_mut() = method;
    *request.headers_mut() = headers;
    let mut put = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            request.headers_mut().insert(name, value);
        }
    };
    put(header::HOST, host);
    put(HeaderName::from_static("x-amzn-trace-id"), trace);
    if text(parameters, "AuthType") == "IAM_ROLE" {
        let (account, region) = (&ctx.scope.account, &ctx.scope.region);
        let credential = format!("{account}/20260101/{region}/execute-api/aws4_request");
        put(
            header::AUTHORIZATION,
            &format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
        );
    }
    request.headers_mut().entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
    Ok(request)
}

/// Stage, path and query.
fn address(parameters: &Value) -> String {
    let mut address = String::new();
    for part in [text(parameters, "Stage"), text(parameters, "Path")] {
        let part = part.trim_start_matches('/');
        if !part.is_empty() {
            address.push('/');
            address.extend(utf8_percent_encode(part, PATH));
        }
    }
    if address.is_empty() {
        address.push('/');
    }
    let values = lists(parameters, "QueryParameters");
    if !values.is_empty() {
        address.push('?');
        address.push_str(&encode(values.iter().map(|(name, value)| (name.as_str(), value.as_str()))));
    }
    address
}

/// The members of an object of lists, one pair for each item.
fn lists(parameters: &Value, name: &str) -> Vec<(String, String)> {
    let members = parameters.get(name).and_then(Value::as_object).into_iter().flatten();
    let pairs = members.flat_map(|(name, values)| {
        let items = values.as_array().into_iter().flatten();
        items.map(move |item| {
            let text = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            (name.clone(), text)
        })
    });
    pairs.collect()
}

fn headers(parameters: &Value) -> Result<HeaderMap, TaskFailure> {
    let mut headers = HeaderMap::new();
    for (name, value) in lists(parameters, "Headers") {
        let small = name.to_ascii_lowercase();
        let refused = NOT_ALLOWED.contains(&small.as_str())
            || NOT_ALLOWED_PREFIXES.iter().any(|prefix| small.starts_with(prefix));
        if refused {
            return Err(TaskFailure {
                error: String::from("States.Runtime"),
                cause: format!(
                    "The Parameters '{parameters}' could not be used to start the Task: [The header '{name}' is not allowed]"
                ),
            });
        }
        let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(&value).ok());
        let (name, value) =
            parsed.ok_or_else(|| failed("SdkClientException", format!("{name} is no header")))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// The body: JSON, whatever it is. Nulls are left out where they are not asked for.
fn body(value: Option<&Value>, nulls: bool) -> Bytes {
    match value {
        None => Bytes::new(),
        Some(Value::Null) if !nulls => Bytes::new(),
        Some(value) if nulls => Bytes::from(value.to_string()),
        Some(value) => Bytes::from(without_nulls(value).to_string()),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(_, value)| !value.is_null());
            Value::Object(kept.map(|(name, value)| (name.clone(), without_nulls(value))).collect())
        }
        Value::Array(items) => items.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}

fn trace_id(ctx: &CallContext) -> String {
    ctx.trace_id.as_deref().map_or_else(
        || {
            let unique = ctx.request_id.replace('-', "");
            let seconds = jiff::Timestamp::now().as_second();
            format!("Root=1-{seconds:08x}-{:0>24.24}", unique)
        },
        str::to_owned,
    )
}

/// The answer as the task shows it, with the headers that API Gateway's front adds.
fn shown(response: &Response<Bytes>, edge: bool, trace: &str) -> Value {
    let mut headers = Map::new();
    let date = jiff::Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let mut add = |name: &str, value: String| {
        headers.insert(name.to_owned(), json!([value]));
    };
    add("Connection", String::from("keep-alive"));
    add("Content-Length", response.body().len().to_string());
    add("Date", date);
    add("X-Amzn-Trace-Id", trace.to_owned());
    if edge {
        let unique = runtime::new_request_id().replace('-', "");
        add("Via", format!("1.1 {unique}.cloudfront.net (CloudFront)"));
        add("X-Amz-Cf-Id", unique);
        add("X-Amz-Cf-Pop", String::from("TULE1-C1"));
        add("X-Cache", String::from("Miss from cloudfront"));
    }
    for (name, values) in http_answer::headers(response.headers()) {
        headers.insert(name, values);
    }
    let mut answer = Map::new();
    answer.insert("Headers".into(), Value::Object(headers));
    answer.insert("ResponseBody".into(), http_answer::body(response.body()));
    answer.insert("StatusCode".into(), json!(response.status().as_u16()));
    answer.insert("StatusText".into(), json!(http_answer::reason(response.status())));
    Value::Object(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_name_their_api() {
        for (endpoint, expected) in [
            (
                "abc.execute-api.us-east-1.amazonaws.com",
                Some(("abc", "abc.execute-api.us-east-1.amazonaws.com")),
            ),
            (
                "https://abc-vpce-1.execute-api.eu-west-1.amazonaws.com",
                Some(("abc", "abc-vpce-1.execute-api.eu-west-1.amazonaws.com")),
            ),
            ("http://127.0.0.1:4566/restapis/abc", Some(("abc", "127.0.0.1:4566"))),
            ("http://127.0.0.1:4566/_aws/execute-api/abc/", Some(("abc", "127.0.0.1:4566"))),
            ("http://127.0.0.1:4566/_tule/reset", None),
            ("example.com", None),
        ] {
            assert_eq!(api_of(endpoint), expected, "{endpoint}");
        }
    }

    #[test]
    fn parameters_become_an_address_and_a_body() {
        let parameters = json!({
            "Stage": "dev", "Path": "/a b/c", "QueryParameters": { "x": ["1", 2], "y z": ["&"] },
            "RequestBody": { "a": null, "b": [{ "c": null }, 1] },
        });
        assert_eq!(address(&parameters), "/dev/a%20b/c?x=1&x=2&y%20z=%26");
        assert_eq!(body(parameters.get("RequestBody"), false), r#"{"b":[{},1]}"#);
        assert_eq!(body(parameters.get("RequestBody"), true), r#"{"a":null,"b":[{"c":null},1]}"#);
        assert_eq!(body(Some(&json!("")), false), "\"\"");
        assert!(headers(&json!({ "Headers": { "X-Forwarded-For": ["1.1.1.1"] } })).is_err());
    }
}
