//! Contents as they arrive: stored, digested, and held to what the client says of them.

use std::sync::Arc;

use aws_wire::{
    ServiceError,
    aws_chunked::Broken,
    checksum::{ALGORITHMS, Algorithm, Hasher},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures::stream;
use md5::{Digest as _, Md5};
use runtime::Body;
use serde_json::{Map, Value};
use store::BlobId;

use super::text;
use crate::{State, record::Checksum, storage};

/// S3's limit of one put.
pub(super) const LARGEST: u64 = 5 << 30;

/// Content that has been stored.
pub(super) struct Stored {
    pub(super) blob: BlobId,
    pub(super) size: u64,
    /// With its quotes.
    pub(super) etag: String,
    pub(super) checksum: Checksum,
}

/// What a client says of its content.
struct Claims {
    md5: Option<Vec<u8>>,
    algorithm: Algorithm,
    /// In Base64.
    checksum: Option<String>,
}

fn invalid_request(text: impl Into<String>) -> ServiceError {
    ServiceError::bad_request("InvalidRequest", text)
}

/// The checksum that a request carries in a header.
pub(super) fn claimed(members: &Map<String, Value>) -> Result<Option<(Algorithm, String)>, ServiceError> {
    super::refuse_settings(members, &["ChecksumXXHASH64", "ChecksumXXHASH3", "ChecksumXXHASH128"])?;
    let mut found = ALGORITHMS.iter().filter_map(|algorithm| {
        let value = members.get(&algorithm.member()).and_then(Value::as_str)?;
        Some((*algorithm, value.to_owned()))
    });
    let first = found.next();
    if found.next().is_some() {
        return Err(invalid_request(
            "Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.",
        ));
    }
    Ok(first)
}

/// The algorithm that a request names, if it does.
pub(super) fn named(members: &Map<String, Value>) -> Result<Option<Algorithm>, ServiceError> {
    match text(members, "ChecksumAlgorithm") {
        "" => Ok(None),
        name if name.starts_with("XXHASH") => Err(ServiceError::not_implemented(format!(
            "Tule does not implement the ChecksumAlgorithm {name} yet"
        ))),
        name => Algorithm::of(name).map(Some).ok_or_else(|| {
            invalid_request("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
        }),
    }
}

impl Claims {
    fn of(members: &Map<String, Value>) -> Result<Self, ServiceError> {
        let md5 = match text(members, "ContentMD5") {
            "" => None,
            sent => {
                let decoded = STANDARD.decode(sent).ok().filter(|digest| digest.len() == 16);
                let message = "The Content-MD5 you specified was invalid.";
                Some(decoded.ok_or_else(|| ServiceError::bad_request("InvalidDigest", message))?)
            }
        };
        let (claimed, named) = (claimed(members)?, named(members)?);
        if let Some((algorithm, value)) = &claimed {
            let length = STANDARD.decode(value).ok().map(|value| value.len());
            if length != Some(algorithm.length()) {
                let name = algorithm.name().to_ascii_lowercase();
                return Err(invalid_request(format!("Value for x-amz-checksum-{name} header is invalid.")));
            }
            if named.is_some_and(|named| named != *algorithm) {
                return Err(invalid_request("Value for x-amz-sdk-checksum-algorithm header is invalid."));
            }
        }
        let chosen = claimed.as_ref().map(|(algorithm, _)| *algorithm).or(named);
        Ok(Self {
            md5,
            // What S3 makes of everything that comes without.
            algorithm: chosen.unwrap_or(Algorithm::Crc64Nvme),
            checksum: claimed.map(|(_, value)| value),
        })
    }
}

/// The words of S3 for a checksum that is another's.
pub(super) fn bad_digest(algorithm: &str) -> ServiceError {
    let message = format!("The {algorithm} you specified did not match the calculated checksum.");
    ServiceError::bad_request("BadDigest", message)
}

fn broken(error: std::io::Error) -> ServiceError {
    let incomplete = || {
        let message = "You did not provide the number of bytes specified by the Content-Length HTTP header";
        ServiceError::bad_request("IncompleteBody", message)
    };
    if let Some(broken) = error.get_ref().and_then(|inner| inner.downcast_ref::<Broken>()) {
        return match broken {
            Broken::Checksum(algorithm) => bad_digest(algorithm),
            Broken::NoTrailer => ServiceError::bad_request(
                "MalformedTrailerError",
                "The request contained trailing data that was not well-formed or did not conform to our published schema.",
            ),
            Broken::Length | Broken::Malformed(_) => incomplete(),
        };
    }
    // Whoever reads the body in front of us may have found it to be another than was signed.
    if let Some(refusal) = error.get_ref().and_then(|inner| inner.downcast_ref::<ServiceError>()) {
        return refusal.clone();
    }
    match error.kind() {
        std::io::ErrorKind::FileTooLarge => {
            let message = "Your proposed upload exceeds the maximum allowed size";
            ServiceError::bad_request("EntityTooLarge", message)
        }
        std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => incomplete(),
        _ => storage(error),
    }
}

/// Stores a body as it arrives. What is not what the client says of it is not kept.
pub(super) async fn store_body(
    state: &Arc<State>,
    members: &Map<String, Value>,
    body: Body,
) -> Result<Stored, ServiceError> {
    let claims = Claims::of(members)?;
    let mut digest = Md5::new();
    let mut hasher = Hasher::new(claims.algorithm);
    let stream: runtime::ByteStream = match body {
        Body::Empty | Body::Events(_) => Box::pin(stream::empty()),
        Body::Bytes(bytes) => Box::pin(stream::once(std::future::ready(Ok::<Bytes, std::io::Error>(bytes)))),
        Body::Stream(stream) => stream,
    };
    let stored = state.store.blobs().put_stream(stream, LARGEST, |chunk| {
        digest.update(chunk);
        hasher.update(chunk);
    });
    let (blob, size) = stored.await.map_err(broken)?;
    let (digest, checksum) = (digest.finalize(), hasher.finish_base64());
    let refused = if claims.md5.is_some_and(|sent| sent != digest.as_slice()) {
        let message = "The Content-MD5 you specified did not match what we received.";
        Some(ServiceError::bad_request("BadDigest", message))
    } else if claims.checksum.is_some_and(|sent| sent != checksum) {
        Some(bad_digest(claims.algorithm.name()))
    } else {
        None
    };
    if let Some(error) = refused {
        state.store.blobs().delete(&blob).await.map_err(storage)?;
        return Err(error);
    }
    let etag = format!("\"{}\"", aws_wire::sigv4::hex(&digest));
    let checksum =
        Checksum { algorithm: claims.algorithm.name().to_owned(), value: checksum, full_object: true };
    Ok(Stored { blob, size, etag, checksum })
}
