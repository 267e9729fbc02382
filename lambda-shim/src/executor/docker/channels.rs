//! The connections inside a container, as streams on this side of its link.

use std::{
    collections::{HashMap, VecDeque},
    io::{self, IoSlice},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

use bytes::{Buf, Bytes};
use runtime::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::wire;
use crate::{environment::telemetry::Connect, options::Connection};

/// As much goes into one frame.
const CHUNK: usize = 32 * 1024;

/// What a link has open. Its own task and those of its channels share it.
#[derive(Default)]
pub(super) struct Channels(Mutex<State>);

#[derive(Default)]
struct State {
    /// Frames that are not written yet: no more than the windows of all channels, and a few of the link's own.
    said: Vec<u8>,
    /// Who writes them.
    writer: Option<Waker>,
    open: HashMap<u32, Ends>,
    /// How many channels were opened from here.
    outward: u32,
    /// The link has ended.
    has_ended: bool,
}

/// What is on its way over one channel.
struct Ends {
    /// What the container sent and nobody has read. Bounded by the window, which the init keeps.
    received: VecDeque<Bytes>,
    /// The container has closed it.
    is_closed: bool,
    /// How much was read that the container was not told of.
    taken: usize,
    reader: Option<Waker>,
    /// How much we may still send.
    window: usize,
    sender: Option<Waker>,
}

impl Channels {
    /// Opens the channel of a connection that was made inside the container.
    pub(super) fn open(self: &Arc<Self>, number: u32) -> Channel {
        self.lock().open(number);
        Channel { number, channels: Arc::clone(self) }
    }

    /// What arrived on a channel. Nobody may read there any more: the init will learn it by CLOSE.
    pub(super) fn receive(&self, number: u32, payload: Bytes) {
        // To read nothing would be to read the end.
        if payload.is_empty() {
            return;
        }
        if let Some(ends) = self.lock().open.get_mut(&number) {
            ends.received.push_back(payload);
            wake(&mut ends.reader);
        }
    }

    /// More may be sent.
    pub(super) fn credit(&self, number: u32, more: usize) {
        if let Some(ends) = self.lock().open.get_mut(&number) {
            ends.window += more.min(wire::WINDOW);
            wake(&mut ends.sender);
        }
    }

    /// The container has closed a channel: what it sent before can still be read.
    pub(super) fn close(&self, number: u32) {
        if let Some(ends) = self.lock().open.get_mut(&number) {
            ends.close();
        }
    }

    /// Has a frame written.
    pub(super) fn say(&self, kind: u8, number: u32, payload: &[u8]) {
        self.lock().say(kind, number, payload);
    }

    /// The frames that are to be written; the writer waits for some.
    pub(super) fn poll_said(&self, cx: &Context<'_>) -> Poll<Vec<u8>> {
        let mut state = self.lock();
        if state.said.is_empty() {
            state.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut state.said))
    }

    /// The link has ended, and with it all channels.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        state.has_ended = true;
        state.open.values_mut().for_each(Ends::close);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ports inside the container, reached through its link.
pub(super) struct Ports(pub(super) Arc<Channels>);

impl Connect for Ports {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<Box<dyn Connection>>> {
        Box::pin(std::future::ready(self.open(port)))
    }
}

impl Ports {
    fn open(&self, port: u16) -> io::Result<Box<dyn Connection>> {
        let mut state = self.0.lock();
        if state.has_ended {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let number = wire::OUTWARD | state.outward;
        state.outward = (state.outward + 1) & !wire::OUTWARD;
        state.open(number);
        state.say(wire::CONNECT, number, &port.to_be_bytes());
        Ok(Box::new(Channel { number, channels: Arc::clone(&self.0) }))
    }
}

impl State {
    fn open(&mut self, number: u32) {
        let ends = Ends {
            received: VecDeque::new(),
            is_closed: self.has_ended,
            taken: 0,
            reader: None,
            window: wire::WINDOW,
            sender: None,
        };
        self.open.insert(number, ends);
    }

    /// Closes a channel from here: the init does so when it has written what came before, and says nothing of it.
    fn shut(&mut self, number: u32) {
        if let Some(ends) = self.open.get_mut(&number).filter(|ends| !ends.is_closed) {
            ends.close();
            self.say(wire::CLOSE, number, &[]);
        }
    }

    fn say(&mut self, kind: u8, number: u32, payload: &[u8]) {
        // Nobody writes any more.
        if !self.has_ended {
            wire::put(&mut self.said, kind, number, &[IoSlice::new(payload)], payload.len());
            wake(&mut self.writer);
        }
    }
}

impl Ends {
    fn close(&mut self) {
        self.is_closed = true;
        wake(&mut self.reader);
        wake(&mut self.sender);
    }
}

fn wake(waiting: &mut Option<Waker>) {
    if let Some(waker) = waiting.take() {
        waker.wake();
    }
}

/// One connection inside the container. It is closed when this is dropped.
pub(super) struct Channel {
    number: u32,
    channels: Arc<Channels>,
}

impl AsyncRead for Channel {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut state = self.channels.lock();
        let Some(ends) = state.open.get_mut(&self.number) else { return Poll::Ready(Ok(())) };
        let Some(first) = ends.received.front_mut() else {
            if ends.is_closed {
                return Poll::Ready(Ok(()));
            }
            ends.reader = Some(cx.waker().clone());
            return Poll::Pending;
        };
        let count = first.len().min(buffer.remaining());
        buffer.put_slice(&first[..count]);
        first.advance(count);
        if first.is_empty() {
            ends.received.pop_front();
        }
        ends.taken += count;
        if ends.taken >= wire::CREDITED && !ends.is_closed {
            let credit = u32::try_from(std::mem::take(&mut ends.taken)).unwrap_or_default();
            state.say(wire::CREDIT, self.number, &credit.to_be_bytes());
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Channel {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut state = self.channels.lock();
        let Some(ends) = state.open.get_mut(&self.number).filter(|ends| !ends.is_closed) else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let count = parts.iter().map(|part| part.len()).sum::<usize>().min(CHUNK);
        if count == 0 {
            return Poll::Ready(Ok(0));
        }
        let count = count.min(ends.window);
        if count == 0 {
            ends.sender = Some(cx.waker().clone());
            return Poll::Pending;
        }
        ends.window -= count;
        wire::put(&mut state.said, wire::DATA, self.number, parts, count);
        wake(&mut state.writer);
        Poll::Ready(Ok(count))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.channels.lock().shut(self.number);
        Poll::Ready(Ok(()))
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        let mut state = self.channels.lock();
        state.shut(self.number);
        state.open.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use bytes::BytesMut;
    use futures::{FutureExt as _, task::noop_waker_ref};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// The frames that wait to be written: kind, channel and payload.
    fn said(channels: &Channels) -> Vec<(u8, u32, Vec<u8>)> {
        let mut frames = Vec::new();
        let cx = Context::from_waker(noop_waker_ref());
        while let Poll::Ready(bytes) = channels.poll_said(&cx) {
            let mut bytes = BytesMut::from(&*bytes);
            while let Some(frame) = wire::take(&mut bytes).unwrap() {
                frames.push((frame.kind, frame.channel, frame.payload.to_vec()));
            }
        }
        frames
    }

    #[tokio::test]
    async fn no_more_is_sent_than_the_other_side_has_room_for() {
        let channels = Arc::<Channels>::default();
        let mut channel = channels.open(7);
        let mut sending = tokio::spawn(async move {
            channel.write_all(&vec![1; wire::WINDOW + 10]).await.unwrap();
            channel
        });
        while channels.lock().open[&7].window > 0 {
            tokio::task::yield_now().await;
        }
        let sent = |frames: &[(u8, u32, Vec<u8>)]| {
            assert!(frames.iter().all(|(kind, channel, _)| (*kind, *channel) == (wire::DATA, 7)));
            frames.iter().map(|(_, _, payload)| payload.len()).sum::<usize>()
        };
        assert_eq!(sent(&said(&channels)), wire::WINDOW);
        tokio::task::yield_now().await;
        assert!((&mut sending).now_or_never().is_none(), "there is no room for the rest");
        channels.credit(7, 4);
        channels.credit(7, 100);
        let channel = sending.await.unwrap();
        assert_eq!(sent(&said(&channels)), 10);
        drop(channel);
        assert_eq!(said(&channels), [(wire::CLOSE, 7, Vec::new())]);
    }

    #[tokio::test]
    async fn the_other_side_learns_what_was_taken_and_not_what_has_arrived() {
        let channels = Arc::<Channels>::default();
        let mut channel = channels.open(7);
        let payload = Bytes::from(vec![1; wire::CREDITED / 2 + 1]);
        for payload in [Bytes::new(), payload.clone(), payload.clone()] {
            channels.receive(7, payload);
        }
        assert_eq!(said(&channels), []);
        let mut taken = vec![0; payload.len() * 2];
        channel.read_exact(&mut taken).await.unwrap();
        let credit = u32::try_from(taken.len()).unwrap();
        assert_eq!(said(&channels), [(wire::CREDIT, 7, credit.to_be_bytes().to_vec())]);
        channels.receive(8, payload);
        assert!(!channels.lock().open.contains_key(&8), "nobody opened it");
    }

    #[tokio::test]
    async fn what_came_before_the_end_is_read() {
        let channels = Arc::<Channels>::default();
        let [mut closed, mut cut] = [channels.open(1), channels.open(2)];
        channels.receive(1, Bytes::from_static(b"last words"));
        channels.close(1);
        assert_eq!(closed.write_all(b"x").await.unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        let mut words = String::new();
        closed.read_to_string(&mut words).await.unwrap();
        assert_eq!(words, "last words");
        drop(closed);
        assert_eq!(said(&channels), [], "who has closed it need not be told");
        let reading = tokio::spawn(async move { cut.read(&mut [0]).await });
        tokio::task::yield_now().await;
        channels.end();
        assert_eq!(reading.await.unwrap().unwrap(), 0);
        assert!(channels.lock().open.is_empty());
        assert_eq!(channels.open(3).read(&mut [0]).await.unwrap(), 0, "nothing comes any more");
    }

    #[tokio::test]
    async fn ports_inside_are_channels_of_another_kind() {
        let channels = Arc::<Channels>::default();
        let mut inside = Ports(Arc::clone(&channels)).connect(9000).await.unwrap();
        inside.write_all(b"hello").await.unwrap();
        inside.shutdown().await.unwrap();
        let number = wire::OUTWARD;
        let frames = [
            (wire::CONNECT, number, 9000_u16.to_be_bytes().to_vec()),
            (wire::DATA, number, b"hello".to_vec()),
            (wire::CLOSE, number, Vec::new()),
        ];
        assert_eq!(said(&channels), frames);
        assert_eq!(inside.read(&mut [0]).await.unwrap(), 0, "a channel is closed both ways");
    }
}
