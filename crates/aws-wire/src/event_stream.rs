//! `application/vnd.amazon.eventstream`: the frames of streamed answers.
//!
//! A frame is `total length, headers length, CRC of these, headers, payload, CRC of all`, big-endian. (AWS SDK's
//! event-stream specification.)

use aws_model::{Operation, ServiceModel, ShapeKind, StructureShape};
use bytes::Bytes;
use serde_json::{Map, Value};

use crate::json;

/// The event stream that is an operation's answer, if it is one.
pub fn of(model: &'static ServiceModel, operation: &Operation) -> Option<&'static StructureShape> {
    let ShapeKind::Structure(output) = &model.shape(operation.output?).kind else { return None };
    match &model.shape(output.fields[output.payload?].shape).kind {
        ShapeKind::Structure(stream) if stream.event_stream => Some(stream),
        _ => None,
    }
}

/// The content type of event streams.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

/// A frame with text headers.
pub fn frame(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let mut block = Vec::new();
    for (name, value) in headers {
        let (name, value) =
            (&name.as_bytes()[..name.len().min(255)], &value.as_bytes()[..value.len().min(0x7FFF)]);
        block.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
        block.extend_from_slice(name);
        block.push(7);
        block.extend_from_slice(&u16::try_from(value.len()).unwrap_or(u16::MAX).to_be_bytes());
        block.extend_from_slice(value);
    }
    let total = u32::try_from(16 + block.len() + payload.len()).expect("an event is far below 4 GiB");
    let mut out = Vec::with_capacity(total as usize);
    out.extend_from_slice(&total.to_be_bytes());
    out.extend_from_slice(&u32::try_from(block.len()).expect("headers are short").to_be_bytes());
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.extend_from_slice(&block);
    out.extend_from_slice(payload);
    out.extend_from_slice(&crc32fast::hash(&out).to_be_bytes());
    out.into()
}

/// The frame of one event of an operation's answer. `stream` is the event stream's shape.
pub fn event(
    model: &ServiceModel,
    stream: &StructureShape,
    name: &str,
    members: &Map<String, Value>,
    payload: Option<&[u8]>,
) -> Bytes {
    let blob = "application/octet-stream";
    if let Some(payload) = payload {
        return frame(&[(":message-type", "event"), (":event-type", name), (":content-type", blob)], payload);
    }
    let mut body = Vec::new();
    if let Some(ShapeKind::Structure(shape)) = stream.field(name).map(|field| &model.shape(field.shape).kind)
    {
        json::write_structure(&mut body, model, shape, members);
    }
    frame(&[(":message-type", "event"), (":event-type", name), (":content-type", "application/json")], &body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_laid_out_as_specified() {
        let frame = frame(&[("a", "bc")], b"xyz");
        assert_eq!(frame.len(), 16 + 7 + 3);
        assert_eq!(frame[..8], [0, 0, 0, 26, 0, 0, 0, 7]);
        assert_eq!(frame[8..12], crc32fast::hash(&frame[..8]).to_be_bytes());
        assert_eq!(frame[12..19], [1, b'a', 7, 0, 2, b'b', b'c']);
        assert_eq!(frame[22..26], crc32fast::hash(&frame[..22]).to_be_bytes());
    }
}
