//! A Unix socket that wakes its task for what there is to read, and for room to write only where there was none.
//!
//! tokio registers its own streams for both, and such a socket tells of room whenever its peer has read: each message that
//! is sent would wake its sender once more, for nothing.

#![allow(unsafe_code, reason = "std has no safe way to read into memory that was not written before")]

use std::{
    io::{self, IoSlice, Write as _},
    net::Shutdown,
    os::{fd::AsRawFd as _, unix::net::UnixStream},
    pin::Pin,
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf, unix::AsyncFd};

/// See the module.
pub(crate) struct QuietStream {
    socket: AsyncFd<UnixStream>,
    /// The same socket, while it is full.
    full: Option<AsyncFd<UnixStream>>,
}

impl QuietStream {
    /// Takes a connected socket. Fails where tokio's driver can take no more.
    pub(crate) fn new(socket: UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: registered(socket, Interest::READABLE)?, full: None })
    }

    /// Writes what there is room for, or waits for room.
    fn poll_sent(
        &mut self,
        cx: &mut Context<'_>,
        send: impl Fn(&UnixStream) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let room = match &self.full {
                Some(full) => Some(ready!(full.poll_write_ready(cx))?),
                None => None,
            };
            match send(self.socket.get_ref()) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => match room {
                    Some(mut room) => room.clear_ready(),
                    None => {
                        let socket = self.socket.get_ref().try_clone()?;
                        self.full = Some(registered(socket, Interest::WRITABLE)?);
                    }
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                sent => {
                    self.full = None;
                    return Poll::Ready(sent);
                }
            }
        }
    }
}

fn registered(socket: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    // SAFETY: a socket of std is open, and the same, for as long as it lives.
    Ok(unsafe { AsyncFd::register_with_interest(socket, interest) }?)
}

impl AsyncRead for QuietStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(cx))?;
            // SAFETY: recv writes, and takes back nothing that was written.
            let room = unsafe { buffer.unfilled_mut() };
            let (room, asked) = (room.as_mut_ptr(), room.len());
            // SAFETY: the room is valid for its length for the duration of the call.
            let count = unsafe { libc::recv(self.socket.as_raw_fd(), room.cast(), asked, 0) };
            let Ok(count) = usize::try_from(count) else {
                let error = io::Error::last_os_error();
                match error.kind() {
                    io::ErrorKind::WouldBlock => ready.clear_ready(),
                    io::ErrorKind::Interrupted => {}
                    _ => return Poll::Ready(Err(error)),
                }
                continue;
            };
            // Less than was asked for is all there was.
            if 0 < count && count < asked {
                ready.clear_ready();
            }
            // SAFETY: recv has written so many bytes.
            unsafe { buffer.assume_init(count) };
            buffer.advance(count);
            return Poll::Ready(Ok(()));
        }
    }
}

impl AsyncWrite for QuietStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().poll_sent(cx, |mut socket| socket.write(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_sent(cx, |mut socket| socket.write_vectored(parts))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.socket.get_ref().shutdown(Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn more_than_the_socket_holds_arrives_whole_both_ways() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = QuietStream::new(ours).unwrap();
        let mut theirs = QuietStream::new(theirs).unwrap();
        let payload: Vec<u8> = (0..5_000_000_u32).map(|at| (at % 251) as u8).collect();
        let expected = payload.clone();
        let echo = tokio::spawn(async move {
            let mut taken = vec![0; expected.len()];
            theirs.read_exact(&mut taken).await.unwrap();
            assert!(taken == expected);
            theirs.write_all(&taken).await.unwrap();
            theirs.shutdown().await.unwrap();
        });
        ours.write_all(&payload).await.unwrap();
        let mut back = Vec::new();
        ours.read_to_end(&mut back).await.unwrap();
        assert!(back == payload);
        echo.await.unwrap();
        assert!(ours.full.is_none(), "room is asked after only where there is none");
    }

    #[tokio::test]
    async fn a_peer_that_is_gone_ends_reading_and_fails_writing() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let mut ours = QuietStream::new(ours).unwrap();
        let mut byte = [0];
        let waiting = tokio::spawn(async move { (ours.read(&mut byte).await, ours) });
        tokio::task::yield_now().await;
        drop(theirs);
        let (read, mut ours) = waiting.await.unwrap();
        assert_eq!(read.unwrap(), 0);
        assert_eq!(ours.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
