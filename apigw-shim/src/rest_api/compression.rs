//! Payload compression: what an API with a `minimumCompressionSize` does with encoded bodies.
//!
//! Source: AWS, "Payload compression for REST APIs in API Gateway": `gzip`, `deflate` and `identity`; a request's body is
//! decoded before anything maps it, an answer is encoded last.

use std::io::{self, Read as _, Write as _};

use bytes::Bytes;
use flate2::{
    Compression,
    read::{MultiGzDecoder, ZlibDecoder},
    write::{GzEncoder, ZlibEncoder},
};
use http::{HeaderValue, header};
use proxy_events::{Incoming, MOST_BODY};
use runtime::Body;

use super::{
    compiled::RestStage,
    gateway_response::{GatewayError, ResponseType},
    integration_response::Answer,
};

/// An encoding of bodies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Gzip,
    Deflate,
}

impl Coding {
    fn named(name: &str) -> Option<Self> {
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => Some(Self::Gzip),
            name if name.eq_ignore_ascii_case("deflate") => Some(Self::Deflate),
            _ => None,
        }
    }

    /// The one that a client likes best.
    fn accepted(header: &str) -> Option<Self> {
        let mut best: Option<(Self, f32)> = None;
        for part in header.split(',') {
            let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
            let weight = parameters.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok());
            let weight = weight.unwrap_or(1.0);
            if let Some(coding) = Self::named(name)
                && weight > best.map_or(0.0, |(_, weight)| weight)
            {
                best = Some((coding, weight));
            }
        }
        best.map(|(coding, _)| coding)
    }

    fn encode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
            Self::Deflate => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(body)?;
                encoder.finish()
            }
        }
    }

    /// At most one byte more than a request may have.
    fn decode(self, body: &[u8]) -> io::Result<Vec<u8>> {
        let most = u64::try_from(MOST_BODY).unwrap_or(u64::MAX).saturating_add(1);
        let mut decoded = Vec::new();
        match self {
            Self::Gzip => MultiGzDecoder::new(body).take(most).read_to_end(&mut decoded)?,
            Self::Deflate => ZlibDecoder::new(body).take(most).read_to_end(&mut decoded)?,
        };
        Ok(decoded)
    }
}

/// Decodes a request's body, if the API does that.
pub(crate) fn decode(stage: &RestStage, request: &mut Incoming) -> Result<(), GatewayError> {
    if stage.minimum_compression_size.is_none() {
        return Ok(());
    }
    let Some(coding) = request.header("content-encoding").and_then(Coding::named) else { return Ok(()) };
    let decoded = coding.decode(&request.body).map_err(|error| {
        let mut refused = GatewayError::new(ResponseType::BadRequestBody, "Invalid request body");
        refused.reason = Some(format!("the body is not what its Content-Encoding says: {error}"));
        refused
    })?;
    if decoded.len() > MOST_BODY {
        return Err(GatewayError::new(ResponseType::RequestTooLarge, "Request Too Long"));
    }
    request.body = decoded.into();
    request.headers.remove(header::CONTENT_ENCODING);
    Ok(())
}

/// Encodes an answer that is large enough, for a client that takes it so.
pub(crate) fn encode(stage: &RestStage, request: &Incoming, answer: &mut Answer) {
    let least = stage.minimum_compression_size.and_then(|size| usize::try_from(size).ok());
    let (Some(least), Body::Bytes(body)) = (least, &answer.body) else { return };
    if body.len() < least.max(1) || answer.headers.contains_key(header::CONTENT_ENCODING) {
        return;
    }
    let Some(coding) = request.header("accept-encoding").and_then(Coding::accepted) else { return };
    if let Ok(encoded) = coding.encode(body) {
        answer.body = Body::Bytes(Bytes::from(encoded));
        let name = if coding == Coding::Gzip { "gzip" } else { "deflate" };
        answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
}
