//! Any request is an operation's, with its members, or is refused.

#![no_main]

use aws_wire::{BodyNeed, aws_chunked, body_need, decode, identify, sigv4};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // `METHOD uri`, header lines, an empty line, the body.
    let (head, body) = match bytes.windows(2).position(|pair| pair == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (bytes, &[][..]),
    };
    let Ok(head) = std::str::from_utf8(head) else { return };
    let mut lines = head.lines();
    let (method, uri) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or(("POST", "/"));
    let mut request = http::Request::builder().method(method).uri(uri);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        request = request.header(name, value.trim());
    }
    let Ok(request) = request.body(()) else { return };
    let parts = request.into_parts().0;
    let check = sigv4::Check { secret: "test", body_hash: Some("00"), now: 0, dialect: sigv4::Dialect::Json };
    let _ = sigv4::verify(&parts, &check);
    let _ = aws_chunked::Decoder::default().push(body);
    let identified = identify(&parts);
    let form = identified.names_operation_in_body(&parts).then_some(body);
    let Ok(target) = identified.target(&parts, form) else { return };
    let body = if body_need(&target) == BodyNeed::Payload { &[][..] } else { body };
    let _ = decode(&target, &parts, body);
});
