//! The last stage: the answer as it goes out.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use runtime::Body;

use super::{compression, exchange::Exchange, integration_response::Answer};

pub(crate) fn finish(exchange: &Exchange<'_>, mut answer: Answer) -> Response<Body> {
    compression::encode(exchange.stage, exchange.request, &mut answer);
    let mut response = Response::new(answer.body);
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    *response.headers_mut() = remapped(answer.headers);
    if let Some(names) = answer.names {
        response.extensions_mut().insert(names);
    }
    response
}

/// Headers that are not an API's to answer go out under another name.
fn remapped(headers: HeaderMap) -> HeaderMap {
    const REMAPPED: &[(&str, &str)] = &[
        ("authorization", "x-amzn-remapped-authorization"),
        ("connection", "x-amzn-remapped-connection"),
        ("content-length", "x-amzn-remapped-content-length"),
        ("content-md5", "x-amzn-remapped-content-md5"),
        ("date", "x-amzn-remapped-date"),
        ("expect", "x-amzn-remapped-expect"),
        ("host", "x-amzn-remapped-host"),
        ("max-forwards", "x-amzn-remapped-max-forwards"),
        ("proxy-authenticate", "x-amzn-remapped-proxy-authenticate"),
        ("server", "x-amzn-remapped-server"),
        ("trailer", "x-amzn-remapped-trailer"),
        ("upgrade", "x-amzn-remapped-upgrade"),
        ("user-agent", "x-amzn-remapped-user-agent"),
        ("www-authenticate", "x-amzn-remapped-www-authenticate"),
    ];
    let mut headers = headers;
    headers.remove(header::TRANSFER_ENCODING);
    for (name, other) in REMAPPED {
        if let header::Entry::Occupied(found) = headers.entry(*name) {
            let (_, values) = found.remove_entry_mult();
            let values: Vec<HeaderValue> = values.collect();
            for value in values {
                headers.append(HeaderName::from_static(other), value);
            }
        }
    }
    headers
}
