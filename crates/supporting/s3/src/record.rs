//! What is kept: buckets, objects, uploads under way.

use runtime::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::notify::Rule;

/// A bucket.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Bucket {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) created: Timestamp,
    /// Buckets of older stores have none.
    #[serde(default)]
    pub(crate) notifications: Vec<Rule>,
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
    /// Objects of older stores have none.
    #[serde(default)]
    pub(crate) checksum: Option<Checksum>,
}

/// An object's checksum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Checksum {
    /// `CRC32`.
    pub(crate) algorithm: String,
    /// Base64; of a composite one with the number of parts behind it.
    pub(crate) value: String,
    /// Of all bytes, not of the parts' checksums.
    pub(crate) full_object: bool,
}

impl Checksum {
    /// Puts it where a member of its own is for it.
    pub(crate) fn show(&self, members: &mut Map<String, Value>) {
        members.insert(format!("Checksum{}", self.algorithm), Value::from(self.value.clone()));
        let kind = if self.full_object { "FULL_OBJECT" } else { "COMPOSITE" };
        members.insert("ChecksumType".to_owned(), Value::from(kind));
    }
}

/// A multipart upload that has not been completed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Upload {
    pub(crate) bucket: String,
    pub(crate) key: String,
    pub(crate) started: Timestamp,
    pub(crate) headers: Map<String, Value>,
    /// The algorithm that the client chose for its parts, and whether the whole is to have one of all bytes.
    #[serde(default)]
    pub(crate) checksum: Option<(String, bool)>,
}

/// A part of an upload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) number: u64,
    pub(crate) blob: String,
    pub(crate) size: u64,
    pub(crate) etag: String,
    pub(crate) modified: Timestamp,
    #[serde(default)]
    pub(crate) checksum: Option<Checksum>,
}
