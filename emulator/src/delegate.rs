//! Services that another endpoint serves: `--delegate dynamodb=http://127.0.0.1:8000`.

use std::{collections::BTreeMap, time::Duration};

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

use crate::{
    dynamodb_local::DynamodbLocal,
    front_door::body::{HttpBody, to_http},
};

/// An answer of a delegate larger than this is refused.
const LARGEST_ANSWER: usize = 16 << 20;

/// How long an answer may take: as long as an SDK waits by default, since whoever asks may have others wait for the
/// change it makes, and longer for a workflow's end, which comes within five minutes.
fn patience(service: &str, operation: &str) -> Duration {
    match (service, operation) {
        ("stepfunctions", "StartSyncExecution") => Duration::from_secs(6 * 60),
        _ => Duration::from_secs(60),
    }
}

/// Which services are delegated, and the client that reaches them.
pub(crate) struct Delegates {
    endpoints: BTreeMap<String, Uri>,
    local: DynamodbLocal,
    client: Client<HttpConnector, HttpBody>,
}

impl Delegates {
    /// From the configuration's pairs of service and URL.
    pub(crate) fn new(endpoints: BTreeMap<String, Uri>) -> Self {
        Self {
            endpoints,
            local: DynamodbLocal::default(),
            client: Client::builder(TokioExecutor::new()).build_http(),
        }
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
        let scope = format!("20260101/{}/{}/aws4_request", ctx.scope.region, model.signing_name);
        let credential = format!("{}/{scope}", ctx.scope.account);
        let prefix = model.target_prefix.as_deref().unwrap_or_default();
        let ask = |members: &Value| {
            let body = members.to_string();
            Request::post(join(endpoint, "/")?)
                .header("x-amz-target", format!("{prefix}.{}", operation.name))
                .header(header::CONTENT_TYPE, format!("application/x-amz-json-{version}"))
                .header(
                    header::AUTHORIZATION,
                    format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
                )
                .body(to_http(Body::Bytes(body.into())))
                .map_err(|error| ServiceError::internal(error.to_string()))
        };
        let members = Value::Object(input.members);
        let patience = patience(model.name, &operation.name);
        let is_dynamodb = matches!(model.name, "dynamodb" | "dynamodbstreams");
        if !is_dynamodb {
            return self.send(endpoint, ask(&members)?, patience, |_, _| ()).await;
        }
        let heard = |body: &Bytes, answer: &mut Value| self.local.answered(body, answer, &ctx.scope);
        let asked = self.local.asked(&members);
        let answer = self.send(endpoint, ask(asked.as_ref().unwrap_or(&members))?, patience, heard).await;
        let guess = match &answer {
            Err(error) if error.status == 400 => self.local.guess(&members),
            _ => None,
        };
        match guess {
            // A stream that was mapped before this process began.
            Some(guess) => self.send(endpoint, ask(&guess)?, patience, heard).await.or(answer),
            None => answer,
        }
    }

    /// Sends a request and reads its answer; `heard` may change that.
    async fn send(
        &self,
        endpoint: &Uri,
        request: Request<HttpBody>,
        patience: Duration,
        heard: impl Fn(&Bytes, &mut Value),
    ) -> Result<Output, ServiceError> {
        // As an SDK fails that gets no answer: the call is one that Tule makes as a client.
        let failed = |error: &dyn std::fmt::Display| {
            let mut error = unreachable(endpoint, error);
            error.code = "SdkClientException".into();
            error
        };
        let answered = tokio::time::timeout(patience, async {
            let answer = self.client.request(request).await.map_err(|error| failed(&error))?;
            let status = answer.status().as_u16();
            let body = Limited::new(answer.into_body(), LARGEST_ANSWER).collect().await;
            let body = body.map_err(|error| ServiceError::internal(format!("{endpoint}: {error}")))?;
            Ok::<_, ServiceError>((status, body.to_bytes()))
        });
        let late = |_| failed(&format_args!("no answer within {} seconds", patience.as_secs_f32()));
        let (status, body) = answered.await.map_err(late)??;
        let mut value: Value = serde_json::from_slice(&body).unwrap_or_default();
        heard(&body, &mut value);
        read_answer(status, value)
    }
}

fn read_answer(status: u16, value: Value) -> Result<Output, ServiceError> {
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

fn unreachable(endpoint: &Uri, error: &dyn std::fmt::Display) -> ServiceError {
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

    #[test]
    fn a_workflow_that_is_waited_for_has_its_time() {
        let model = aws_model::service("stepfunctions").unwrap();
        let seconds =
            |operation: &str| patience(model.name, &model.operation(operation).unwrap().name).as_secs();
        assert_eq!((seconds("StartSyncExecution"), seconds("StartExecution")), (360, 60));
    }

    #[tokio::test]
    async fn an_endpoint_that_never_answers_is_one_that_cannot_be_reached() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint: Uri = format!("http://{}", silent.local_addr().unwrap()).parse().unwrap();
        let request = Request::post(endpoint.clone()).body(to_http(Body::Empty)).unwrap();
        let delegates = Delegates::new(BTreeMap::new());
        let refused = delegates.send(&endpoint, request, Duration::from_millis(20), |_, _| ()).await;
        let refused = refused.unwrap_err();
        assert_eq!((refused.status, &*refused.code), (503, "SdkClientException"));
        assert!(refused.message.ends_with("no answer within 0.02 seconds"), "{}", refused.message);
    }
}
