//! Where services meet: a [`Service`] is one of them, the [`ServiceRouter`] finds it by name.

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use crate::{Body, BoxFuture, CallContext};
use aws_wire::ServiceError;

/// An operation's input, decoded by the service's model.
///
/// Member names are the model's. Timestamps are numbers (seconds since the epoch), blobs are base64 text, except the
/// blob that is the HTTP payload: that one is `body`.
#[derive(Debug, Default)]
pub struct Input {
    /// All members but the payload.
    pub members: Map<String, Value>,
    /// The payload, where the input shape has a blob or streaming one.
    pub body: Body,
}

/// An operation's answer, encoded by the service's model. The same conventions as [`Input`]; members that are null
/// are left out on the wire.
#[derive(Debug, Default)]
pub struct Output {
    /// All members but the payload.
    pub members: Map<String, Value>,
    /// The payload, where the output shape has a blob, streaming or event-stream one.
    pub body: Body,
    /// The HTTP status, where it is not the one the model says.
    pub status: Option<u16>,
    /// Headers that no member of the shape stands for.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The whole body, already as the JSON protocols have it: for long answers, which are never built as members.
    /// Whoever calls a [`ServiceRouter`] sees members all the same.
    pub document: Option<Bytes>,
}

impl Output {
    /// An answer of nothing.
    pub fn empty() -> Self {
        Self::default()
    }

    /// An answer of members; anything but an object is an answer of nothing.
    pub fn of(members: Value) -> Self {
        match members {
            Value::Object(members) => Self { members, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// An answer that is written already, by an operation of a JSON protocol whose members have the model's names on
    /// the wire.
    pub fn of_document(document: Vec<u8>) -> Self {
        Self { document: Some(document.into()), ..Self::default() }
    }

    /// The same with the members of a document read, for callers that look at them.
    #[must_use]
    pub fn opened(mut self) -> Self {
        if let Some(Ok(Value::Object(members))) =
            self.document.take().map(|text| serde_json::from_slice(&text))
        {
            self.members = members;
        }
        self
    }

    /// The same with a payload.
    #[must_use]
    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Body::Bytes(body.into());
        self
    }
}

/// One emulated service. Input has been validated against the model when `call` sees it.
pub trait Service: Send + Sync {
    /// The name of its model, e.g. `lambda`, `stepfunctions`, `apigatewayv2`.
    fn name(&self) -> &'static str;

    /// The operations it does, by the model's names. All others answer `NotImplemented`.
    fn operations(&self) -> &'static [&'static str];

    /// Does one of [`Service::operations`].
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>>;
}

/// Every service there is, emulated here or delegated to another endpoint.
pub trait ServiceRouter: Send + Sync {
    /// Validates `input` against the model and calls the operation. `service` is the model's name (`lambda`,
    /// `stepfunctions`, `s3`, …), `operation` the model's (`Invoke`).
    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        service: &'a str,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>>;
}
