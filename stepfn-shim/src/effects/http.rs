//! `http:invoke`: requests to HTTP servers of the user's, authorised by an EventBridge connection.

use std::{sync::Arc, time::Duration};

use asl::Payload;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use outbound::{
    OutboundError,
    connection::{Connection, Parameters, encode, with_query},
};
use serde_json::{Map, Value, json};

use super::{Answer, TaskFailure, http_answer, http_sight, http_sight::Sight};
use crate::service::{Inner, Integrations};

/// How long AWS waits for an answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Headers that a task may not set (Step Functions developer guide, "Call HTTPS APIs").
const NOT_ALLOWED: &[&str] = &[
    "a-im",
    "accept-charset",
    "accept-datetime",
    "accept-encoding",
    "authorization",
    "cache-control",
    "connection",
    "content-encoding",
    "content-md5",
    "date",
    "expect",
    "forwarded",
    "from",
    "host",
    "http2-settings",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "max-forwards",
    "origin",
    "pragma",
    "proxy-authorization",
    "referer",
    "server",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "via",
    "warning",
];

pub(super) async fn invoke(
    inner: &Arc<Inner>,
    region: &str,
    input: &Payload,
    sight: Option<&Sight>,
) -> Answer {
    let Some(integrations) = inner.integrations.get() else {
        return Err(failed("States.Runtime", "HTTP endpoints cannot be reached from here"));
    };
    let parameters = input.value();
    let connection = connection(integrations, parameters)?;
    let response = send(integrations, region, parameters, &connection, sight).await?;
    if let Some(sight) = sight {
        sight.see_response(&response);
    }
    let status = response.status();
    if status.is_client_error() || status.is_server_error() {
        if matches!(status.as_u16(), 401 | 407) {
            connection.forget_token();
        }
        let body = String::from_utf8_lossy(response.body()).into_owned();
        let cause = if body.is_empty() { http_answer::reason(status).to_owned() } else { body };
        return Err(failed(&format!("States.Http.StatusCode.{}", status.as_u16()), cause));
    }
    let mut answer = Map::new();
    answer.insert("Headers".into(), Value::Object(http_answer::headers(response.headers())));
    answer.insert("ResponseBody".into(), http_answer::body(response.body()));
    answer.insert("StatusCode".into(), json!(status.as_u16()));
    answer.insert("StatusText".into(), json!(http_answer::reason(status)));
    Ok(Value::Object(answer))
}

fn failed(error: &str, cause: impl Into<String>) -> TaskFailure {
    TaskFailure { error: error.to_owned(), cause: cause.into() }
}

fn text<'p>(parameters: &'p Value, name: &str) -> &'p str {
    parameters.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn connection(integrations: &Integrations, parameters: &Value) -> Result<Arc<Connection>, TaskFailure> {
    let named = ["Authentication", "InvocationConfig"]
        .iter()
        .find_map(|group| parameters.get(group)?.get("ConnectionArn")?.as_str());
    let Some(arn) = named else {
        let cause = format!(
            "The Parameters '{parameters}' could not be used to start the Task: [The field \"ConnectionArn\" is required but was missing]"
        );
        return Err(failed("States.Runtime", cause));
    };
    integrations.connections.connection(arn).ok_or_else(|| {
        failed("Events.ConnectionResource.NotFound", format!("Connection {arn} does not exist."))
    })
}

async fn send(
    integrations: &Integrations,
    region: &str,
    parameters: &Value,
    connection: &Connection,
    sight: Option<&Sight>,
) -> Result<Response<Bytes>, TaskFailure> {
    let mut request = request(region, parameters, connection.parameters())?;
    let exchange = async {
        let authorised = connection.header(&integrations.outbound).await;
        let (name, value) = authorised
            .map_err(|error| failed("Events.ConnectionResource.InvalidConnectionState", error.0))?;
        request.headers_mut().insert(name, value);
        if let Some(sight) = sight {
            let shown = if sight.reveals() {
                http_sight::request(&request, parameters, Some(connection))
            } else {
                // Without what the connection adds it is the request that the definition alone would make.
                http_sight::request(
                    &self::request(region, parameters, &Parameters::default())?,
                    parameters,
                    None,
                )
            };
            sight.see_request(shown);
        }
        integrations.outbound.send(request).await.map_err(|error| match error {
            OutboundError::NoAddress(_) | OutboundError::Refused(_) => {
                failed("States.Runtime", error.to_string())
            }
            OutboundError::Unreachable(_) | OutboundError::Tls(_) | OutboundError::Broken(_) => {
                failed("States.Http.Socket", error.to_string())
            }
        })
    };
    let answered = tokio::time::timeout(PATIENCE, exchange).await;
    answered.unwrap_or_else(|_| Err(failed("States.Http.Socket", "The request has timed out.")))
}

/// The request without its authorisation. What the connection adds goes before what the task says.
fn request(region: &str, parameters: &Value, added: &Parameters) -> Result<Request<Bytes>, TaskFailure> {
    let address = text(parameters, "ApiEndpoint");
    let own = |(name, _): &(String, String)| !added.query.iter().any(|(known, _)| known == name);
    let query: Vec<_> = pairs(parameters.get("QueryParameters")).into_iter().filter(own).collect();
    let address = with_query(&with_query(address, &query), &added.query);
    let mut headers = headers(region, parameters)?;
    for (name, value) in &added.headers {
        insert(&mut headers, name, value)?;
    }
    let body = body(parameters, added, &mut headers)?;
    let mut request = Request::new(body);
    *request.method_mut() = Method::from_bytes(text(parameters, "Method").as_bytes())
        .map_err(|_| failed("States.Runtime", "the method is none"))?;
    *request.uri_mut() =
        address.parse().map_err(|_| failed("States.Runtime", format!("{address} is no URL")))?;
    *request.headers_mut() = headers;
    Ok(request)
}

fn insert(headers: &mut HeaderMap, name: &str, value: &str) -> Result<(), TaskFailure> {
    let parsed = HeaderName::from_bytes(name.as_bytes()).ok().zip(HeaderValue::from_str(value).ok());
    let (name, value) = parsed.ok_or_else(|| failed("States.Runtime", format!("{name} is no header")))?;
    headers.insert(name, value);
    Ok(())
}

/// A value as text: texts as they are, the rest as JSON.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The members of an object, one pair for each item where the value is a list.
fn pairs(object: Option<&Value>) -> Vec<(String, String)> {
    let members = object.and_then(Value::as_object).into_iter().flatten();
    let pairs = members.flat_map(|(name, value)| match value {
        Value::Array(items) => items.iter().map(|item| (name.clone(), plain(item))).collect(),
        Value::Null => Vec::new(),
        value => vec![(name.clone(), plain(value))],
    });
    pairs.collect()
}

fn headers(region: &str, parameters: &Value) -> Result<HeaderMap, TaskFailure> {
    let mut headers = HeaderMap::new();
    insert(&mut headers, "user-agent", &format!("Amazon|StepFunctions|HttpInvoke|{region}"))?;
    headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-262144"));
    for (name, value) in parameters.get("Headers").and_then(Value::as_object).into_iter().flatten() {
        let small = name.to_ascii_lowercase();
        if NOT_ALLOWED.contains(&small.as_str())
            || small.starts_with("x-forwarded")
            || small.starts_with("x-amz")
        {
            let cause = format!(
                "The Parameters '{parameters}' could not be used to start the Task: [The header '{name}' is not allowed]"
            );
            return Err(failed("States.Runtime", cause));
        }
        let value = match value {
            Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(","),
            value => plain(value),
        };
        insert(&mut headers, name, &value)?;
    }
    Ok(headers)
}

fn body(parameters: &Value, added: &Parameters, headers: &mut HeaderMap) -> Result<Bytes, TaskFailure> {
    let mut body = parameters.get("RequestBody").cloned().filter(|body| !body.is_null());
    if !added.body.is_empty() {
        let members = body.get_or_insert_with(|| json!({}));
        if let Some(members) = members.as_object_mut() {
            members.extend(added.body.iter().map(|(name, value)| (name.clone(), json!(value))));
        }
    }
    let transform = parameters.get("Transform");
    let encoding = transform.and_then(|it| it.get("RequestBodyEncoding")).and_then(Value::as_str);
    let Some(body) = body else { return Ok(Bytes::new()) };
    match encoding.unwrap_or("NONE") {
        "NONE" => {
            let json = HeaderValue::from_static("application/json");
            let kind = headers.entry(header::CONTENT_TYPE).or_insert(json);
            let is_json = kind.to_str().is_ok_and(|kind| kind.contains("json"));
            Ok(Bytes::from(if is_json { body.to_string() } else { plain(&body) }))
        }
        "URL_ENCODED" => {
            let options = transform.and_then(|it| it.get("RequestEncodingOptions"));
            let arrays = options.and_then(|it| it.get("ArrayFormat")).and_then(Value::as_str);
            let mut fields = Vec::new();
            flatten("", &body, arrays.unwrap_or("INDICES"), &mut fields)?;
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            headers.insert(header::CONTENT_TYPE, form);
            let encoded = encode(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())));
            Ok(Bytes::from(encoded))
        }
        other => Err(failed("States.Runtime", format!("RequestBodyEncoding cannot be {other}"))),
    }
}

/// The fields of a form: members of members are `a[b]`, items of lists as `arrays` says.
fn flatten(
    name: &str,
    value: &Value,
    arrays: &str,
    fields: &mut Vec<(String, String)>,
) -> Result<(), TaskFailure> {
    let below = |member: &str| if name.is_empty() { member.to_owned() } else { format!("{name}[{member}]") };
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                flatten(&below(member), value, arrays, fields)?;
            }
        }
        Value::Array(items) if arrays == "COMMAS" => {
            fields.push((name.to_owned(), items.iter().map(plain).collect::<Vec<_>>().join(",")));
        }
        Value::Array(items) => {
            for (at, item) in items.iter().enumerate() {
                let name = match arrays {
                    "INDICES" => below(&at.to_string()),
                    "REPEAT" => name.to_owned(),
                    "BRACKETS" => below(""),
                    other => {
                        return Err(failed("States.Runtime", format!("ArrayFormat cannot be {other}")));
                    }
                };
                flatten(&name, item, arrays, fields)?;
            }
        }
        value => fields.push((name.to_owned(), plain(value))),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(parameters: &Value, added: &Parameters) -> Request<Bytes> {
        request("us-east-1", parameters, added).expect("it can be made")
    }

    #[test]
    fn the_connection_adds_to_what_the_task_says() {
        let added = Parameters {
            headers: vec![("x-own".into(), "c".into())],
            query: vec![("q".into(), "c".into())],
            body: vec![("b".into(), "c".into())],
        };
        let request = made(
            &json!({
                "ApiEndpoint": "https://h/p", "Method": "PUT", "Headers": { "X-Own": "t", "X-Other": "t" },
                "QueryParameters": { "q": "t", "r": ["1", "2"] }, "RequestBody": { "a": 1, "b": 2 },
            }),
            &added,
        );
        assert_eq!(request.uri(), "https://h/p?r=1&r=2&q=c");
        assert_eq!(
            (&request.headers()["x-own"], &request.headers()["x-other"]),
            (&"c".parse().unwrap(), &"t".parse().unwrap())
        );
        assert_eq!(request.body(), r#"{"a":1,"b":"c"}"#);
        assert_eq!(request.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[test]
    fn forms_are_encoded_in_four_ways() {
        for (arrays, expected) in [
            ("INDICES", "a%5B0%5D=1&a%5B1%5D=2&b%5Bc%5D=d%20e"),
            ("REPEAT", "a=1&a=2&b%5Bc%5D=d%20e"),
            ("COMMAS", "a=1%2C2&b%5Bc%5D=d%20e"),
            ("BRACKETS", "a%5B%5D=1&a%5B%5D=2&b%5Bc%5D=d%20e"),
        ] {
            let request = made(
                &json!({
                    "ApiEndpoint": "http://h", "Method": "POST", "RequestBody": { "a": [1, 2], "b": { "c": "d e" } },
                    "Transform": { "RequestBodyEncoding": "URL_ENCODED", "RequestEncodingOptions": { "ArrayFormat": arrays } },
                }),
                &Parameters::default(),
            );
            assert_eq!(request.body(), expected);
        }
    }

    #[test]
    fn headers_of_the_connection_itself_are_refused() {
        let parameters =
            json!({ "ApiEndpoint": "http://h", "Method": "GET", "Headers": { "Authorization": "x" } });
        assert_eq!(
            request("us-east-1", &parameters, &Parameters::default()).unwrap_err().error,
            "States.Runtime"
        );
    }
}
