//! Answers whose headers are named as AWS, or a function, wrote them.
//!
//! hyper writes names in capitals of its own, but for answers that carry names as they were once read, in a type that
//! only hyper can make. So each set of names is read once by hyper itself, from memory, and kept.

use std::{cell::RefCell, convert::Infallible, io::Cursor};

use bytes::Bytes;
use dashmap::DashMap;
use futures::FutureExt as _;
use http::{Extensions, HeaderValue, Request, Response, header};
use http_body_util::Empty;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use proxy_events::WrittenNames;

/// As many sets of names are kept; functions that make up ever new ones do not fill the memory.
const MOST_KEPT: usize = 256;

/// The sets of names that answers have had.
#[derive(Default)]
pub(crate) struct Spoken(DashMap<WrittenNames, Extensions>);

impl Spoken {
    /// Sees to it that an answer goes out with the names it was given, if it was given any: it is an API's, and says
    /// what AWS says of the connection.
    pub(crate) fn write<B>(&self, response: &mut Response<B>, stays_open: bool) {
        let Some(names) = response.extensions_mut().remove::<WrittenNames>() else { return };
        if stays_open {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("keep-alive"));
        }
        if let Some(known) = self.0.get(&names) {
            response.extensions_mut().extend(known.clone());
            return;
        }
        let read = read(&names);
        response.extensions_mut().extend(read.clone());
        if self.0.len() >= MOST_KEPT {
            self.0.clear();
        }
        self.0.insert(names, read);
    }
}

/// What hyper makes of the names; nothing if it cannot read them.
fn read(names: &WrittenNames) -> Extensions {
    let mut text = String::from("GET / HTTP/1.1\r\n");
    let mut count = 0;
    for name in names.iter() {
        text.push_str(name);
        text.push_str(": a\r\n");
        count += 1;
    }
    text.push_str("Connection: close\r\n\r\n");
    let found = RefCell::new(Extensions::new());
    let service = service_fn(|request: Request<Incoming>| {
        found.replace(request.extensions().clone());
        std::future::ready(Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())))
    });
    let io = TokioIo::new(tokio::io::join(Cursor::new(text.into_bytes()), tokio::io::sink()));
    let connection =
        http1::Builder::new().preserve_header_case(true).max_headers(count + 2).serve_connection(io, service);
    // All of it is in memory, so nothing waits.
    let _ = connection.now_or_never();
    found.into_inner()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_is_written_with_its_names() {
        let spoken = std::sync::Arc::new(Spoken::default());
        let service = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Empty::<Bytes>::new());
            for name in ["x-amzn-requestid", "header-bool", "x-other"] {
                response.headers_mut().insert(name, HeaderValue::from_static("1"));
            }
            response.extensions_mut().insert(WrittenNames::lines("x-amzn-RequestId\nheader-bool\n"));
            spoken.write(&mut response, true);
            std::future::ready(Ok::<_, Infallible>(response))
        });
        for _ in 0..2 {
            let mut written = Vec::new();
            let request = Cursor::new(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n".to_vec());
            let io = TokioIo::new(tokio::io::join(request, &mut written));
            let mut http = http1::Builder::new();
            http.title_case_headers(true).half_close(true);
            http.serve_connection(io, service.clone()).await.unwrap();
            let text = String::from_utf8(written).unwrap();
            for line in [
                "x-amzn-RequestId: 1\r\n",
                "header-bool: 1\r\n",
                "X-Other: 1\r\n",
                "Connection: keep-alive\r\n",
            ] {
                assert!(text.contains(line), "{text}");
            }
        }
    }
}
