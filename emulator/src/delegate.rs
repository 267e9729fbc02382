//! Services that another endpoint serves: `--delegate dynamodb=http://127.0.0.1:8000`.

use std::collections::BTreeMap;

use aws_model::{Operation, Protocol, ServiceModel};
use aws_wire::ServiceError;
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, header};
use http_body_util::{BodyExt as _, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use runtime::{Body, CallContext, Input, Output};
use serde_json::Value;

use crate::front_door::body::{HttpBody, to_http};

/// An answer of a delegate larger than this is refused.
const LARGEST_ANSWER: usize = 16 << 20;

/// Which services are delegated, and the client that reaches them.
pub(crate) struct Delegates {
    endpoints: BTreeMap<String, Uri>,
    client: Client<HttpConnector, HttpBody>,
}

impl Delegates {
    /// From the configuration's pairs of service and URL.
    pub(crate) fn new(endpoints: BTreeMap<String, Uri>) -> Self {
        Self { endpoints, client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// Where a service is delegated to. Who serves DynamoDB serves its streams, where nothing else is said.
    pub(crate) fn endpoint(&self, service: &str) -> Option<&Uri> {
        let found = self.endpoints.get(service);
        if service == "dynamodbstreams" { found.or_else(|| self.endpoints.get("dynamodb")) } else { found }
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &Uri)> {
        self.endpoints.iter().map(|(service, endpoint)| (service.as_str(), endpoint))
    }

    /// Sends a client's request on as it came, but for the host.
    pub(crate) async fn forward(
        &self,
        endpoint: &Uri,
        mut request: Request<HttpBody>,
    ) -> Result<http::Response<hyper::body::Incoming>, ServiceError> {
        let path = request.uri().path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
        *request.uri_mut() = join(endpoint, path)?;
        if let Some(authority) = endpoint.authority().and_then(|it| HeaderValue::from_str(it.as_str()).ok()) {
            request.headers_mut().insert(header::HOST, authority);
        }
        self.client.request(request).await.map_err(|error| unreachable(endpoint, &error))
    }

    /// Calls an operation as a client would; for calls that Tule's own services make.
    pub(crate) async fn call(
        &self,
        endpoint: &Uri,
        ctx: &CallContext,
        model: &ServiceModel,
        operation: &Operation,
        input: Input,
    ) -> Result<Output, ServiceError> {
        let Protocol::AwsJson { version } = model.protocol else {
            return Err(ServiceError::not_implemented(format!(
                "Tule cannot call {} of the delegated service {} itself yet (only JSON services)",
                operation.name, model.name
            )));
        };
        let target = format!("{}.{}", model.target_prefix.as_deref().unwrap_or_default(), operation.name);
        let scope = format!("20260101/{}/{}/aws4_request", ctx.scope.region, model.signing_name);
        let body = Value::Object(input.members).to_string();
        let request = Request::post(join(endpoint, "/")?)
            .header("x-amz-target", target)
            .header(header::CONTENT_TYPE, format!("application/x-amz-json-{version}"))
            .header(
                header::AUTHORIZATION,
                format!(
                    "AWS4-HMAC-SHA256 Credential={}/{scope}, SignedHeaders=host, Signature=0",
                    ctx.scope.account
                ),
            )
            .body(to_http(Body::Bytes(body.into())))
            .map_err(|error| ServiceError::internal(error.to_string()))?;
        let answer = self.client.request(request).await.map_err(|error| {
            // As an SDK fails that reaches no endpoint: the call is one that Tule makes as a client.
            let mut error = unreachable(endpoint, &error);
            error.code = "SdkClientException".into();
            error
        })?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
        let body = body.map_err(|error| ServiceError::internal(format!("{endpoint}: {error}")))?.to_bytes();
        read_answer(status, &body)
    }
}

fn read_answer(status: u16, body: &Bytes) -> Result<Output, ServiceError> {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    if status < 300 {
        return Ok(Output::of(value));
    }
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let code =
        text("__type").and_then(|code| code.rsplit('#').next()).unwrap_or("ServiceException").to_owned();
    let message = text("message").or_else(|| text("Message")).unwrap_or_default();
    Err(ServiceError::new(code, status, message))
}

fn join(endpoint: &Uri, path: &str) -> Result<Uri, ServiceError> {
    let base = endpoint.to_string();
    let joined = format!("{}{path}", base.trim_end_matches('/'));
    joined.parse().map_err(|_| ServiceError::internal(format!("{joined} is no URL")))
}

fn unreachable(endpoint: &Uri, error: &hyper_util::client::legacy::Error) -> ServiceError {
    ServiceError::new(
        "ServiceUnavailable",
        503,
        format!("the delegated endpoint {endpoint} does not answer: {error}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_serves_dynamodb_serves_its_streams() {
        let at = |text: &'static str| Uri::from_static(text);
        let mut endpoints = BTreeMap::from([("dynamodb".to_owned(), at("http://127.0.0.1:8000"))]);
        let delegates = Delegates::new(endpoints.clone());
        assert_eq!(delegates.endpoint("dynamodbstreams"), delegates.endpoint("dynamodb"));
        assert_eq!(delegates.endpoint("kinesis"), None);
        endpoints.insert("dynamodbstreams".to_owned(), at("http://127.0.0.1:8001"));
        let delegates = Delegates::new(endpoints);
        assert_ne!(delegates.endpoint("dynamodbstreams"), delegates.endpoint("dynamodb"));
    }
}
