//! What is kept: buckets, objects, uploads under way.

use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
}

/// An object: what its head says, and where its content is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Object {
    /// The contents' blobs in order; one but for multipart uploads.
    pub(crate) blobs: Vec<(String, u64)>,
    pub(crate) size: u64,
    /// With its quotes.
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    /// `ContentType`, `CacheControl`, `Metadata` … by the members' names, as they were put.
    pub(crate) headers: Map<String, Value>,
}

/// A multipart upload that has not been completed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) started: Timestamp,
    pub(crate) headers: Map<String, Value>,
}

/// A part of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) blob: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
}
