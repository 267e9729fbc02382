//! The calls to S3 that a Map Run makes, through the router like every other effect.

use std::sync::Arc;

use aws_wire::ServiceError;
use bytes::Bytes;
use runtime::{Body, CallContext, Input, Output, Scope};
use serde_json::{Map, Value};

use crate::service::Inner;

/// The largest object that is read. Items of larger data sets have to be in several objects.
const MOST_BYTES: usize = 256 * 1024 * 1024;

pub(super) async fn call(
    inner: &Inner,
    scope: &Scope,
    operation: &str,
    members: Map<String, Value>,
    body: Body,
) -> Result<Output, String> {
    let ctx = CallContext::internal(scope.clone(), Arc::clone(&inner.options.endpoint));
    let answer = inner.router.call(&ctx, "s3", operation, Input { members, body }).await;
    answer.map_err(|error| words(&ctx, &error))
}

/// An object's bytes.
pub(super) async fn object(
    inner: &Inner,
    scope: &Scope,
    members: Map<String, Value>,
) -> Result<Bytes, String> {
    let output = call(inner, scope, "GetObject", members, Body::Empty).await?;
    output.body.read(MOST_BYTES).await.map_err(|error| format!("The object could not be read: {error}"))
}

/// An error in the words of AWS's SDK for Java.
fn words(ctx: &CallContext, error: &ServiceError) -> String {
    let id = &ctx.request_id;
    format!(
        "{} (Service: Amazon S3; Status Code: {}; Error Code: {}; Request ID: {id}; S3 Extended Request ID: {id}; Proxy: null)",
        error.message, error.status, error.code
    )
}
