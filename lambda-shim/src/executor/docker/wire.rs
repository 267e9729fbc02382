//! Frames between Tule and the init in a function's container (`init/main.rs`), over the container's standard input and
//! output.
//!
//! `kind (1) channel (4) length (4) payload`, numbers big-endian. A channel is one TCP connection inside the container,
//! opened from there. Each side may have [`WINDOW`] bytes of a channel unacknowledged; CREDIT gives back what was taken,
//! [`CREDITED`] or more at once. LOG is output, of the function (channel 0) or of the extension of that number, and FRAMED
//! the function's messages that come with their length ahead. EXIT is the runtime's end (exit code and signal, 4 bytes
//! each), MEMORY the most memory used (8 bytes). BEAT, from Tule, says that it is still there.
//!
//! Where there are extensions, EXTENSIONS names them (a line each, in the order of their numbers from 1), EXTENSION_EXIT is
//! the end of one and LAUNCH_ERROR that it could not be started (the system's number for why, 4 bytes); the runtime is
//! started by START. SIGNAL (1 byte) goes to the runtime. CONNECT opens a channel from here, to a port inside the
//! container (2 bytes); such channels have the highest bit.

use std::io::IoSlice;

use bytes::{Buf, BufMut, Bytes, BytesMut};

pub(super) const OPEN_RUNTIME: u8 = 1;
pub(super) const OPEN_ENDPOINT: u8 = 2;
pub(super) const DATA: u8 = 3;
pub(super) const CLOSE: u8 = 4;
pub(super) const LOG: u8 = 5;
pub(super) const EXIT: u8 = 6;
pub(super) const CREDIT: u8 = 7;
pub(super) const MEMORY: u8 = 8;
pub(super) const BEAT: u8 = 9;
pub(super) const EXTENSIONS: u8 = 10;
pub(super) const START: u8 = 11;
pub(super) const EXTENSION_EXIT: u8 = 12;
pub(super) const SIGNAL: u8 = 13;
pub(super) const CONNECT: u8 = 14;
pub(super) const FRAMED: u8 = 15;
pub(super) const LAUNCH_ERROR: u8 = 16;

/// Channels that are opened from here.
pub(super) const OUTWARD: u32 = 1 << 31;

const HEADER: usize = 9;
/// How much may be under way unacknowledged in each direction of a channel.
pub(super) const WINDOW: usize = 256 * 1024;
/// As much is taken of it before that is said: little of what is said is about room.
pub(super) const CREDITED: usize = WINDOW / 4;
/// The init sends no larger frames; a larger one is no frame of its.
const LONGEST: usize = 1 << 20;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) channel: u32,
    pub(super) payload: Bytes,
}

/// What arrives is not the init's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Garbled;

/// Takes the first whole frame out of `buffer`.
pub(super) fn take(buffer: &mut BytesMut) -> Result<Option<Frame>, Garbled> {
    let Some(header) = buffer.get(..HEADER) else { return Ok(None) };
    let mut header = header;
    let (kind, channel, length) = (header.get_u8(), header.get_u32(), header.get_u32() as usize);
    if length > LONGEST || !(OPEN_RUNTIME..=LAUNCH_ERROR).contains(&kind) {
        return Err(Garbled);
    }
    if buffer.len() < HEADER + length {
        return Ok(None);
    }
    buffer.advance(HEADER);
    Ok(Some(Frame { kind, channel, payload: buffer.split_to(length).freeze() }))
}

/// Puts a frame behind others, with the first `length` bytes of a payload in parts.
pub(super) fn put(frames: &mut Vec<u8>, kind: u8, channel: u32, parts: &[IoSlice<'_>], length: usize) {
    frames.reserve(HEADER + length);
    frames.put_u8(kind);
    frames.put_u32(channel);
    frames.put_u32(u32::try_from(length).unwrap_or_default());
    let mut left = length;
    for part in parts {
        let count = part.len().min(left);
        frames.put_slice(&part[..count]);
        left -= count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_however_they_are_cut() {
        let mut whole = Vec::new();
        put(&mut whole, DATA, 7, &[IoSlice::new(b"pay"), IoSlice::new(b"loadstone")], 7);
        put(&mut whole, CLOSE, 7, &[], 0);
        let mut buffer = BytesMut::new();
        let mut found = Vec::new();
        for byte in whole {
            buffer.put_u8(byte);
            found.extend(take(&mut buffer).unwrap());
        }
        assert_eq!(found[0], Frame { kind: DATA, channel: 7, payload: Bytes::from_static(b"payload") });
        assert_eq!((found[1].kind, found.len()), (CLOSE, 2));
        assert_eq!(take(&mut BytesMut::from(&b"Hello World"[..])), Err(Garbled));
    }
}
