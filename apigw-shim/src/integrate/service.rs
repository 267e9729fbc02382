//! Integrations with services of AWS: a request in the service's own protocol, answered by the service here.

use aws_wire::{BodyNeed, ServiceError};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::{Body, Input, Scope};
use serde_json::{Map, Value};

use super::{Reply, Selector, call_context};
use crate::{
    State,
    rest_api::{
        gateway_response::GatewayError,
        integration_request::{Prepared, Sent},
    },
};

/// The most that a service's answer may have.
const MOST_ANSWER: usize = 10 * 1024 * 1024;

pub(super) async fn call(
    state: &State,
    prepared: &Prepared<'_>,
    service: &str,
    region: &str,
    action: Option<&str>,
    sent: &Sent,
) -> Result<Reply, GatewayError> {
    let scope = Scope::new(&prepared.exchange.stage.scope.account, region);
    let trace_id = &prepared.exchange.request.trace_id;
    let (status, headers, body) = perform(state, &scope, trace_id, service, action, sent).await?;
    Ok(Reply::Mapped { selector: Selector::Text(status.to_string()), headers, body })
}

/// Lets a service answer a request: by the action, or by where the request's path and headers lead.
pub(crate) async fn perform(
    state: &State,
    scope: &Scope,
    trace_id: &str,
    service: &str,
    action: Option<&str>,
    sent: &Sent,
) -> Result<Answered, GatewayError> {
    let model = model(service)?;
    let operation = match action {
        Some(action) => Operation::named(model, action, sent, scope)?,
        None => Operation::addressed(model, sent, scope, state)?,
    };
    let ctx = call_context(state, scope, trace_id);
    let known = model.operation(&operation.name).ok_or_else(|| {
        GatewayError::configuration(format!("{service} has no operation {}", operation.name))
    })?;
    let encoded = match operation.input {
        Ok(input) => match state.router.call(&ctx, model.name, &operation.name, input).await {
            Ok(output) => {
                let encoded =
                    aws_wire::encode_output(model, known, &output.members, output.status, &ctx.request_id);
                let body = match encoded.body {
                    Some(body) => body,
                    None => output.body.read(MOST_ANSWER).await.map_err(|error| {
                        GatewayError::failure(format!("the answer of {service} could not be read: {error}"))
                    })?,
                };
                (encoded.status, encoded.headers, body)
            }
            Err(error) => refused(model, &error, &ctx.request_id),
        },
        Err(error) => refused(model, &error, &ctx.request_id),
    };
    Ok(encoded)
}

/// Status, headers and body.
pub(crate) type Answered = (u16, HeaderMap, Bytes);

fn refused(model: &'static aws_model::ServiceModel, error: &ServiceError, request_id: &str) -> Answered {
    let encoded = aws_wire::encode_error(model, error, request_id);
    (encoded.status, encoded.headers, encoded.body.unwrap_or_default())
}

/// The model of a service by the name that ARNs of integrations have for it, which is what clients sign with.
fn model(name: &str) -> Result<&'static aws_model::ServiceModel, GatewayError> {
    let models = aws_model::NAMES.iter().filter_map(|known| aws_model::service(known));
    let mut found = models.filter(|model| model.name == name || model.signing_name == name);
    found.next().ok_or_else(|| {
        GatewayError::configuration(format!("Tule knows no service {name} for an integration"))
    })
}

/// An operation and its input, or why that cannot be read.
struct Operation {
    name: String,
    input: Result<Input, ServiceError>,
}

impl Operation {
    /// `action/NAME`: the body is the operation's input.
    fn named(
        model: &'static aws_model::ServiceModel,
        action: &str,
        sent: &Sent,
        scope: &Scope,
    ) -> Result<Self, GatewayError> {
        let input = match model.protocol {
            aws_model::Protocol::AwsJson { .. } if is_form(sent) => form_members(&sent.body).map(members),
            aws_model::Protocol::AwsJson { .. } => return Self::by_header(model, action, sent, scope),
            aws_model::Protocol::Query | aws_model::Protocol::Ec2Query => {
                let query = utf8_percent_encode(action, NON_ALPHANUMERIC);
                let version = &model.api_version;
                return Self::decode(
                    model,
                    sent,
                    scope,
                    &format!("/?Action={query}&Version={version}"),
                    None,
                );
            }
            aws_model::Protocol::RestJson | aws_model::Protocol::RestXml => {
                serde_json::from_slice::<Map<String, Value>>(&sent.body).map(members).map_err(|error| {
                    ServiceError::bad_request(
                        "SerializationException",
                        format!("the request is no JSON object: {error}"),
                    )
                })
            }
        };
        Ok(Self { name: action.to_owned(), input })
    }

    /// `path/…`: the operation is where the service's protocol has it.
    fn addressed(
        model: &'static aws_model::ServiceModel,
        sent: &Sent,
        scope: &Scope,
        state: &State,
    ) -> Result<Self, GatewayError> {
        if matches!(model.protocol, aws_model::Protocol::AwsJson { .. }) && is_form(sent) {
            // Queues have addresses of their own, and take forms there.
            let (path, _) = sent.uri.split_once('?').unwrap_or((&sent.uri, ""));
            let mut members_read = form_members(&sent.body);
            let name = members_read.as_mut().ok().and_then(|members| members.remove("Action"));
            if let Ok(members) = &mut members_read {
                members.remove("Version");
                members.insert(String::from("QueueUrl"), format!("{}{path}", state.options.endpoint).into());
            }
            let name = name.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
            return Ok(Self { name, input: members_read.map(members) });
        }
        Self::decode(model, sent, scope, &sent.uri, None)
    }

    fn by_header(
        model: &'static aws_model::ServiceModel,
        action: &str,
        sent: &Sent,
        scope: &Scope,
    ) -> Result<Self, GatewayError> {
        let prefix = model.target_prefix.as_deref().unwrap_or_default();
        Self::decode(model, sent, scope, "/", Some(&format!("{prefix}.{action}")))
    }

    fn decode(
        model: &'static aws_model::ServiceModel,
        sent: &Sent,
        scope: &Scope,
        uri: &str,
        target: Option<&str>,
    ) -> Result<Self, GatewayError> {
        let mut request = Request::builder().method(sent.method.clone()).uri(uri).body(());
        if let Ok(request) = &mut request {
            *request.headers_mut() = sent.headers.clone();
        }
        let (mut parts, ()) =
            request.map_err(|error| GatewayError::configuration(error.to_string()))?.into_parts();
        // What says which service and account a request is for, on the wire, is its signature.
        let credential = format!(
            "AWS4-HMAC-SHA256 Credential={}/20000101/{}/{}/aws4_request, SignedHeaders=host, Signature=0",
            scope.account, scope.region, model.signing_name
        );
        let mut insert = |name: header::HeaderName, value: &str| {
            if let Ok(value) = HeaderValue::from_str(value) {
                parts.headers.insert(name, value);
            }
        };
        insert(header::AUTHORIZATION, &credential);
        if let Some(target) = target {
            insert(header::HeaderName::from_static("x-amz-target"), target);
        }
        let identified = aws_wire::identify(&parts);
        let target = identified.target(&parts, Some(&sent.body)).map_err(|error| {
            GatewayError::configuration(format!("the integration names no operation: {error}"))
        })?;
        let name = target.operation.name.clone();
        let input = if aws_wire::body_need(&target) == BodyNeed::Payload {
            aws_wire::decode(&target, &parts, &[])
                .map(|members| Input { members, body: Body::Bytes(sent.body.clone()) })
        } else {
            aws_wire::decode(&target, &parts, &sent.body).map(members)
        };
        Ok(Self { name, input })
    }
}

fn members(members: Map<String, Value>) -> Input {
    Input { members, body: Body::Empty }
}

fn is_form(sent: &Sent) -> bool {
    let content_type = sent.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    content_type.is_some_and(|content_type| content_type.starts_with("application/x-www-form-urlencoded"))
}

/// The deepest that a form's member may lie: `MessageAttributes.1.Value.DataType` lies at four.
const MOST_PARTS: usize = 8;

/// The members of a form: `Name=value`, and those with parts, `MessageAttributes.1.Name=…`.
fn form_members(body: &[u8]) -> Result<Map<String, Value>, ServiceError> {
    let text = String::from_utf8_lossy(body);
    let mut members = Map::new();
    for (name, value) in aws_wire::query_pairs(&text) {
        let parts: Vec<&str> = name.split('.').collect();
        if parts.len() > MOST_PARTS {
            return Err(ServiceError::bad_request("MalformedInput", format!("{name} lies too deep")));
        }
        put_member(&mut members, &parts, &value);
    }
    Ok(members
        .into_iter()
        .map(|(name, value)| {
            let value = gathered(value);
            // A list's or map's form has the name of one of its entries.
            let one_of_many = !value.is_string() && !name.ends_with('s');
            (if one_of_many { name + "s" } else { name }, value)
        })
        .collect())
}

fn put_member(members: &mut Map<String, Value>, parts: &[&str], value: &str) {
    match parts {
        [] => {}
        [name] => {
            members.insert((*name).to_owned(), value.into());
        }
        [name, rest @ ..] => {
            let inner = members.entry(*name).or_insert_with(|| Value::Object(Map::new()));
            if let Value::Object(inner) = inner {
                put_member(inner, rest, value);
            }
        }
    }
}

/// What has numbers for names is a list, and a list of names with values is a map.
fn gathered(value: Value) -> Value {
    let Value::Object(members) = value else { return value };
    let is_numbered = members.keys().all(|name| name.parse::<u16>().is_ok());
    let mut members: Vec<(String, Value)> =
        members.into_iter().map(|(name, value)| (name, gathered(value))).collect();
    if !is_numbered {
        return Value::Object(members.into_iter().collect());
    }
    members.sort_by_key(|(number, _)| number.parse::<u16>().unwrap_or_default());
    let pairs: Option<Map<String, Value>> = members.iter().map(|(_, entry)| pair(entry)).collect();
    pairs.map_or_else(|| members.into_iter().map(|(_, value)| value).collect(), Value::Object)
}

fn pair(entry: &Value) -> Option<(String, Value)> {
    let entry = entry.as_object().filter(|entry| entry.len() == 2)?;
    let name = entry.get("Name").or_else(|| entry.get("Key"))?.as_str()?;
    Some((name.to_owned(), entry.get("Value")?.clone()))
}
