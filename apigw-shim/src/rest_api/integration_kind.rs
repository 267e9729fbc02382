//! What stands behind a method, by the type and the URI of its integration.

use super::record::{Integration, Texts};
use crate::mapping::interpolate;

/// What stands behind a method.
pub(crate) enum Kind {
    Mock,
    /// A function that gets an event and gives an answer.
    LambdaProxy {
        function: String,
    },
    /// A function that gets what templates make.
    Lambda {
        function: String,
    },
    /// An operation of another service.
    Service {
        service: String,
        region: String,
        call: ServiceCall,
    },
    Http {
        uri: String,
        is_proxy: bool,
    },
}

/// How a service's operation is named.
pub(crate) enum ServiceCall {
    Action(String),
    Path(String),
}

impl ServiceCall {
    /// The action, if one is named, and the address that it is asked at: what follows the action are parameters.
    pub fn at(&self, variables: Option<&Texts>) -> (Option<String>, String) {
        match self {
            Self::Action(action) => {
                let action = interpolate(action, variables);
                match action.split_once('&') {
                    Some((name, parameters)) => (Some(name.to_owned()), format!("/?{parameters}")),
                    None => (Some(action), String::from("/")),
                }
            }
            Self::Path(path) => (None, interpolate(path, variables)),
        }
    }
}

/// What an integration's type and URI name.
pub(super) fn kind(integration: &Integration) -> Result<Kind, String> {
    let uri = integration.uri.clone().unwrap_or_default();
    match integration.kind.as_str() {
        "MOCK" => Ok(Kind::Mock),
        "HTTP" => Ok(Kind::Http { uri, is_proxy: false }),
        "HTTP_PROXY" => Ok(Kind::Http { uri, is_proxy: true }),
        "AWS" | "AWS_PROXY" => aws_kind(&uri, integration.kind == "AWS_PROXY"),
        other => Err(format!("there is no integration of type {other}")),
    }
}

/// The function that `path/2021-11-15/functions/ARN/response-streaming-invocations` names.
pub(crate) fn streamed_function(resource: &str) -> Option<&str> {
    resource.strip_prefix("path/2021-11-15/functions/")?.strip_suffix("/response-streaming-invocations")
}

/// `arn:aws:apigateway:REGION:SERVICE:action/NAME` (with parameters after it, `action/NAME&Key=…`) or `…:path/PATH`; a
/// function's path names the function.
pub(crate) fn aws_kind(uri: &str, is_proxy: bool) -> Result<Kind, String> {
    let mut parts = uri.splitn(6, ':').skip(3);
    let (Some(region), Some(service), Some(resource)) = (parts.next(), parts.next(), parts.next()) else {
        return Err(format!("{uri} is no ARN of an integration"));
    };
    let function = resource
        .strip_prefix("path/2015-03-31/functions/")
        .and_then(|rest| rest.strip_suffix("/invocations"))
        .or_else(|| streamed_function(resource))
        .filter(|_| service == "lambda");
    if let Some(function) = function {
        let function = function.to_owned();
        return Ok(if is_proxy { Kind::LambdaProxy { function } } else { Kind::Lambda { function } });
    }
    let call = match resource.split_once('/') {
        Some(("action", name)) => ServiceCall::Action(name.to_owned()),
        Some(("path", path)) => ServiceCall::Path(format!("/{path}")),
        _ => return Err(format!("{uri} names neither an action nor a path")),
    };
    let (service, call) = below_subdomain(service, call);
    Ok(Kind::Service { service: service.to_owned(), region: region.to_owned(), call })
}

/// What `SUBDOMAIN.SERVICE` means: a bucket of S3, or an API whose connections are meant. The service has the same at
/// addresses without it.
fn below_subdomain(service: &str, call: ServiceCall) -> (&str, ServiceCall) {
    match (service.rsplit_once('.'), call) {
        (Some((bucket, "s3")), ServiceCall::Path(path)) => {
            ("s3", ServiceCall::Path(format!("/{bucket}{path}")))
        }
        (Some((bucket, "s3")), ServiceCall::Action(action)) => {
            ("s3", ServiceCall::Action(format!("{action}&Bucket={bucket}")))
        }
        (Some((_, "execute-api")), ServiceCall::Path(path)) => {
            let below = path.find("/@connections/").map_or(path.as_str(), |at| &path[at..]);
            ("execute-api", ServiceCall::Path(below.to_owned()))
        }
        (_, call) => (service, call),
    }
}
