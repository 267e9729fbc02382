//! Which operation of which service an integration's request names, and its input.
//!
//! `action/NAME` names the operation, and its parameters are members. `path/…` is the address of a request in the
//! service's own protocol. Services of the query protocol, and queues, take what is in the address as well as forms.

use aws_model::{Protocol, ServiceModel};
use aws_wire::{BodyNeed, ServiceError};
use http::{
    HeaderValue, Request,
    header::{self, HeaderName},
    request::Parts,
};
use runtime::{Body, Input, Scope};
use serde_json::{Map, Value};

use crate::{
    State,
    rest_api::{gateway_response::GatewayError, integration_request::Sent},
};

/// What a request asks of a service.
pub(super) struct Asked {
    pub model: &'static ServiceModel,
    pub dialect: Dialect,
    /// The operation and its input, or the service's refusal.
    pub found: Result<(&'static aws_model::Operation, Input), ServiceError>,
}

/// How an answer is written.
#[derive(Clone, Copy)]
pub(super) enum Dialect {
    /// In the service's own protocol.
    Own,
    /// As the query protocol answers those who accept JSON, and API Gateway says that it does.
    QueryInJson,
}

/// Finds what a request asks. A service that Tule has no model of is a mistake of the API's.
pub(super) fn find(
    state: &State,
    scope: &Scope,
    service: &str,
    action: Option<&str>,
    sent: &Sent,
) -> Result<Asked, GatewayError> {
    let model = model(service, action)?;
    let parts = parts(model, scope, sent)?;
    let dialect = dialect(model, action, sent, &parts);
    let found = match (action, dialect, model.protocol) {
        (Some(action), Dialect::QueryInJson, _) | (Some(action), _, Protocol::Query | Protocol::Ec2Query) => {
            by_parameters(state, model, action, sent, &parts)
        }
        (None, Dialect::QueryInJson, Protocol::AwsJson { .. }) => {
            let form = if is_form(sent) { &sent.body[..] } else { &[] };
            let text = String::from_utf8_lossy(form);
            let mut pairs = aws_wire::query_pairs(query(&parts)).chain(aws_wire::query_pairs(&text));
            match pairs.find(|(name, _)| name == "Action") {
                Some((_, action)) => by_parameters(state, model, &action, sent, &parts),
                // What a queue answers who does not say what to do with it.
                None => Err(ServiceError::new("UnknownOperationException", 404, "")),
            }
        }
        (Some(action), Dialect::Own, Protocol::AwsJson { .. }) => {
            let prefix = model.target_prefix.as_deref().unwrap_or_default();
            return addressed(sent, &with_target(parts, &format!("{prefix}.{action}")), model, dialect);
        }
        (Some(action), Dialect::Own, Protocol::RestJson | Protocol::RestXml) => {
            by_name(model, action, sent, &parts)
        }
        (None, _, _) => return addressed(sent, &parts, model, dialect),
    };
    Ok(Asked { model, dialect, found })
}

/// The model of a service by the name that ARNs of integrations have for it, which is what clients sign with. Where
/// several services sign alike, the action tells.
fn model(name: &str, action: Option<&str>) -> Result<&'static ServiceModel, GatewayError> {
    let name = if name == "streams.dynamodb" { "dynamodbstreams" } else { name };
    // A model is read when it is first asked for: those of other services are left alone.
    let candidates = || {
        let alike = aws_wire::signed_as(name).into_iter().flatten();
        aws_model::service(name).into_iter().chain(alike.filter_map(|known| aws_model::service(known)))
    };
    let has_it =
        |model: &&'static ServiceModel| action.is_some_and(|action| model.operation(action).is_some());
    let found = candidates().find(has_it).or_else(|| candidates().next());
    found.ok_or_else(|| {
        GatewayError::configuration(format!("Tule knows no service {name} for an integration"))
    })
}

/// The request's head, signed for the service: that is what says on the wire which service and account it is for.
fn parts(model: &'static ServiceModel, scope: &Scope, sent: &Sent) -> Result<Parts, GatewayError> {
    let mut request = Request::builder().method(sent.method.clone()).uri(sent.uri.as_str()).body(());
    if let Ok(request) = &mut request {
        *request.headers_mut() = sent.headers.clone();
    }
    let (mut parts, ()) =
        request.map_err(|error| GatewayError::configuration(error.to_string()))?.into_parts();
    let credential = format!(
        "AWS4-HMAC-SHA256 Credential={}/20000101/{}/{}/aws4_request, SignedHeaders=host, Signature=0",
        scope.account, scope.region, model.signing_name
    );
    if let Ok(value) = HeaderValue::from_str(&credential) {
        parts.headers.insert(header::AUTHORIZATION, value);
    }
    Ok(parts)
}

fn with_target(mut parts: Parts, target: &str) -> Parts {
    if let Ok(value) = HeaderValue::from_str(target) {
        parts.headers.insert(HeaderName::from_static("x-amz-target"), value);
    }
    parts
}

fn query(parts: &Parts) -> &str {
    parts.uri.query().unwrap_or_default()
}

/// In which words a service is asked and answers.
fn dialect(model: &'static ServiceModel, action: Option<&str>, sent: &Sent, parts: &Parts) -> Dialect {
    match model.protocol {
        Protocol::Query => {
            let accept = sent.headers.get(header::ACCEPT).and_then(|value| value.to_str().ok());
            // An API may ask for XML.
            let takes_json = accept.is_none_or(|accept| accept.contains("json") || accept.contains("*/*"));
            if takes_json { Dialect::QueryInJson } else { Dialect::Own }
        }
        // A queue is asked in JSON by who names the target, and by who sends JSON and no parameters to an action.
        Protocol::AwsJson { .. } if model.query_compatible => {
            let in_json = parts.headers.contains_key("x-amz-target")
                || content_type(sent).is_some_and(|it| it.starts_with("application/x-amz-json"));
            let is_bare_action = action.is_some() && query(parts).is_empty() && !is_form(sent);
            let in_json = in_json || (is_bare_action && !sent.body.is_empty());
            if in_json { Dialect::Own } else { Dialect::QueryInJson }
        }
        Protocol::AwsJson { .. } | Protocol::Ec2Query | Protocol::RestJson | Protocol::RestXml => {
            Dialect::Own
        }
    }
}

type Found = Result<(&'static aws_model::Operation, Input), ServiceError>;

fn invalid_action(action: &str) -> ServiceError {
    let text = format!("The action {action} is not valid for this endpoint.");
    ServiceError::bad_request("InvalidAction", text)
}

/// An operation of the query protocol: its members are in the address, in a form, or in both.
fn by_parameters(
    state: &State,
    model: &'static ServiceModel,
    action: &str,
    sent: &Sent,
    parts: &Parts,
) -> Found {
    let operation = model.operation(action).ok_or_else(|| invalid_action(action))?;
    let form = if is_form(sent) { &sent.body[..] } else { &[] };
    let mut members = aws_wire::decode_query(model, operation, query(parts), form)?;
    let path = parts.uri.path();
    if model.query_compatible && path.len() > 1 {
        // Queues have addresses of their own.
        members.insert(String::from("QueueUrl"), format!("{}{path}", state.options.endpoint).into());
    }
    Ok((operation, read(members)))
}

/// An operation of a service of the REST protocols by its name.
fn by_name(model: &'static ServiceModel, action: &str, sent: &Sent, parts: &Parts) -> Found {
    let operation = model.operation(action).ok_or_else(|| invalid_action(action))?;
    let (members, need) = aws_wire::decode_named(model, operation, parts, &sent.body)?;
    let body = match need {
        BodyNeed::Payload => Body::Bytes(sent.body.clone()),
        BodyNeed::Members => Body::Empty,
    };
    Ok((operation, Input { members, body }))
}

/// The operation that the service's protocol finds at the address, or in the header of the target.
fn addressed(
    sent: &Sent,
    parts: &Parts,
    model: &'static ServiceModel,
    dialect: Dialect,
) -> Result<Asked, GatewayError> {
    let form: &[u8] = if model.protocol.is_query() && !is_form(sent) { &[] } else { &sent.body };
    let identified = aws_wire::identify(parts);
    let target = match identified.target(parts, Some(form)) {
        Ok(target) => target,
        Err(error) => return Ok(Asked { model, dialect, found: Err(error) }),
    };
    let (model, operation) = (target.model, target.operation);
    let found = if aws_wire::body_need(&target) == BodyNeed::Payload {
        aws_wire::decode(&target, parts, &[])
            .map(|members| Input { members, body: Body::Bytes(sent.body.clone()) })
    } else {
        aws_wire::decode(&target, parts, form).map(read)
    };
    Ok(Asked { model, dialect, found: found.map(|input| (operation, input)) })
}

fn read(members: Map<String, Value>) -> Input {
    Input { members, body: Body::Empty }
}

fn content_type(sent: &Sent) -> Option<&str> {
    sent.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok())
}

fn is_form(sent: &Sent) -> bool {
    content_type(sent).is_some_and(|it| it.starts_with("application/x-www-form-urlencoded"))
}
