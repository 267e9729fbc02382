//! The operations, by what they act on.

mod bucket;
mod list;
mod multipart;
mod notification;
mod object;
mod read;
mod upload;

use std::sync::Arc;

use aws_wire::ServiceError;
use runtime::{CallContext, Input, Output};
use serde_json::{Map, Value};

use crate::State;

/// What is done here.
pub(crate) const NAMES: &[&str] = &[
    "AbortMultipartUpload",
    "CompleteMultipartUpload",
    "CopyObject",
    "CreateBucket",
    "CreateMultipartUpload",
    "DeleteBucket",
    "DeleteObject",
    "DeleteObjects",
    "GetBucketLocation",
    "GetBucketNotificationConfiguration",
    "GetObject",
    "HeadBucket",
    "HeadObject",
    "ListBuckets",
    "ListObjects",
    "ListObjectsV2",
    "ListParts",
    "PutBucketNotificationConfiguration",
    "PutObject",
    "UploadPart",
];

pub(crate) async fn call(
    state: &Arc<State>,
    ctx: &CallContext,
    operation: &str,
    input: Input,
) -> Result<Output, ServiceError> {
    let Input { members, body } = input;
    match operation {
        "AbortMultipartUpload" => multipart::abort(state, &members).await,
        "CompleteMultipartUpload" => multipart::complete(state, ctx, &members).await,
        "CopyObject" => object::copy(state, ctx, &members).await,
        "CreateBucket" => bucket::create(state, ctx, &members).await,
        "CreateMultipartUpload" => multipart::create(state, &members).await,
        "DeleteBucket" => bucket::delete(state, &members).await,
        "DeleteObject" => object::delete(state, ctx, &members).await,
        "DeleteObjects" => object::delete_many(state, ctx, &members).await,
        "GetBucketLocation" => bucket::location(state, &members),
        "GetBucketNotificationConfiguration" => notification::get(state, &members),
        "GetObject" => read::get(state, &members).await,
        "HeadBucket" => bucket::head(state, &members),
        "HeadObject" => read::head(state, &members),
        "ListBuckets" => Ok(bucket::list(state, ctx)),
        "ListObjects" => list::first(state, &members),
        "ListObjectsV2" => list::second(state, &members),
        "ListParts" => multipart::list_parts(state, &members),
        "PutBucketNotificationConfiguration" => notification::put(state, ctx, &members).await,
        "PutObject" => object::put(state, ctx, &members, body).await,
        "UploadPart" => multipart::upload_part(state, &members, body).await,
        other => Err(ServiceError::not_implemented(format!("Tule does not implement {other} of s3 yet"))),
    }
}

/// A text member that routing has made sure of, or an empty one.
fn text<'m>(members: &'m Map<String, Value>, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Members that are kept with an object and given back with it.
const KEPT: &[&str] = &[
    "BucketKeyEnabled",
    "CacheControl",
    "ContentDisposition",
    "ContentEncoding",
    "ContentLanguage",
    "ContentType",
    "Expires",
    "Metadata",
    "SSEKMSKeyId",
    "ServerSideEncryption",
    "WebsiteRedirectLocation",
];

/// What of a request is kept with the object. `aws-chunked` is a transfer's encoding, not the content's.
fn kept(members: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for name in KEPT {
        let Some(value) = members.get(*name) else { continue };
        if *name == "ContentEncoding" {
            let rest: Vec<_> = value.as_str().unwrap_or_default().split(',').map(str::trim).collect();
            let rest: Vec<_> = rest.into_iter().filter(|it| *it != "aws-chunked" && !it.is_empty()).collect();
            if !rest.is_empty() {
                kept.insert((*name).to_owned(), Value::String(rest.join(",")));
            }
            continue;
        }
        kept.insert((*name).to_owned(), value.clone());
    }
    kept.entry("ContentType").or_insert_with(|| Value::from("binary/octet-stream"));
    kept
}

/// How an object is said to be encrypted: as its client asked, else as S3 does by itself. Nothing is encrypted here.
fn encryption(headers: &Map<String, Value>, members: &mut Map<String, Value>) {
    for name in ["ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled"] {
        if let Some(value) = headers.get(name) {
            members.insert(name.to_owned(), value.clone());
        }
    }
    members.entry("ServerSideEncryption").or_insert_with(|| Value::from("AES256"));
}

/// A document that has not what it must have.
fn malformed() -> ServiceError {
    let message = "The XML you provided was not well-formed or did not validate against our published schema";
    ServiceError::bad_request("MalformedXML", message)
}

/// Settings that would change what S3 does and are not there yet: refused, by name.
fn refuse_settings(members: &Map<String, Value>, names: &[&str]) -> Result<(), ServiceError> {
    match names.iter().find(|name| members.contains_key(**name)) {
        Some(name) => Err(ServiceError::new(
            "NotImplemented",
            501,
            format!("A header you provided implies functionality that is not implemented ({name})"),
        )),
        None => Ok(()),
    }
}
