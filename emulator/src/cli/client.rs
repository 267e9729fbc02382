//! The client of the subcommands that talk to a running Tule: AWS's API, as any SDK would call it.

use std::time::Duration;

use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::{
    client::legacy::{Client as HttpClient, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;

use crate::config::PORT;

/// Where the running Tule is.
#[derive(Debug, Args)]
pub(crate) struct Endpoint {
    /// Where Tule listens.
    #[arg(long, env = "AWS_ENDPOINT_URL", default_value_t = format!("http://127.0.0.1:{PORT}"), global = true)]
    endpoint: String,
    /// The region to address.
    #[arg(long, env = "AWS_REGION", default_value = "us-east-1", global = true)]
    region: String,
}

/// A client of one Tule.
pub(crate) struct Client {
    endpoint: String,
    region: String,
    http: HttpClient<HttpConnector, Full<Bytes>>,
}

/// An answer: its status, headers and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// Tule is on this machine; one that does not take a connection in this time is not there.
const CONNECT_TIME: Duration = Duration::from_secs(5);

impl Client {
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_connect_timeout(Some(CONNECT_TIME));
        Self {
            endpoint: endpoint.endpoint.trim_end_matches('/').to_owned(),
            region: endpoint.region.clone(),
            http: HttpClient::builder(TokioExecutor::new()).build(connector),
        }
    }

    pub(crate) fn region(&self) -> &str {
        &self.region
    }

    /// One request, signed as any credentials are.
    pub(crate) async fn send(
        &self,
        method: &str,
        path: &str,
        service: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Answer, String> {
        let scope = format!("test/20260101/{}/{service}/aws4_request", self.region);
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(header::AUTHORIZATION, format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).map_err(|error| format!("{}: {error}", self.endpoint))?;
        let answer = self.http.request(request).await.map_err(|_| {
            format!("no Tule answers at {}; start one with `tule up` or `tule start`, or name another with --endpoint", self.endpoint)
        })?;
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.map_err(|error| format!("the answer broke off: {error}"))?.to_bytes();
        Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
    }

    /// An operation of a JSON service; `target` is `AWSStepFunctions.StartExecution`.
    pub(crate) async fn json(&self, service: &str, target: &str, members: &Value) -> Result<Value, String> {
        let headers = [("x-amz-target", target), ("content-type", "application/x-amz-json-1.0")];
        let answer = self.send("POST", "/", service, &headers, members.to_string()).await?;
        answer.json()
    }

    /// A GET of a JSON document.
    pub(crate) async fn get(&self, path: &str, service: &str) -> Result<Value, String> {
        self.send("GET", path, service, &[], Bytes::new()).await?.json()
    }
}

impl Answer {
    /// The body as JSON; an error of the service as its code and message.
    pub(crate) fn json(&self) -> Result<Value, String> {
        let value: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        if self.status < 300 {
            return Ok(value);
        }
        let text = |name: &str| value.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let code = self.headers.get("x-amzn-errortype").and_then(|code| code.to_str().ok()).map(str::to_owned);
        let code = code.unwrap_or_else(|| format!("status {}", self.status));
        Err(format!("{code}: {}", text("message").or_else(|| text("Message")).unwrap_or("no message")))
    }
}
