//! The last stage: the answer as it goes out.

use std::io::Write as _;

use http::{HeaderValue, Response, StatusCode, header};
use runtime::Body;

use super::{integration_request::Prepared, integration_response::Answer};

pub(crate) fn finish(prepared: &Prepared<'_>, mut answer: Answer) -> Response<Body> {
    let exchange = &prepared.exchange;
    let least = exchange.stage.minimum_compression_size.and_then(|size| usize::try_from(size).ok());
    let accepts_gzip = exchange.request.header("accept-encoding").is_some_and(|accepted| {
        accepted.split(',').any(|coding| coding.trim().split(';').next() == Some("gzip"))
    });
    let is_plain = !answer.headers.contains_key(header::CONTENT_ENCODING);
    if accepts_gzip && is_plain && least.is_some_and(|least| answer.body.len() >= least.max(1)) {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        if let Ok(zipped) = encoder.write_all(&answer.body).and_then(|()| encoder.finish()) {
            answer.body = zipped.into();
            answer.headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
    }
    let mut response = Response::new(Body::Bytes(answer.body));
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = answer.headers;
    response
}
