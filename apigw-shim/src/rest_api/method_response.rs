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
fn remapped(mut headers: HeaderMap) -> HeaderMap {
    const REMAPPED: &[&str] = &[
        "authorization",
        "connection",
        "content-length",
        "content-md5",
        "date",
        "expect",
        "host",
        "max-forwards",
        "proxy-authenticate",
        "server",
        "trailer",
        "upgrade",
        "user-agent",
        "www-authenticate",
    ];
    headers.remove(header::TRANSFER_ENCODING);
    let found = headers.keys().filter(|name| REMAPPED.contains(&name.as_str()));
    for name in found.cloned().collect::<Vec<HeaderName>>() {
        let other = HeaderName::try_from(format!("x-amzn-remapped-{name}")).expect("it is a name of letters");
        if let header::Entry::Occupied(found) = headers.entry(name) {
            let values: Vec<HeaderValue> = found.remove_entry_mult().1.collect();
            for value in values {
                headers.append(other.clone(), value);
            }
        }
    }
    headers
}
