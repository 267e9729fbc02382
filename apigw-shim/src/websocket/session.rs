//! An open connection, from the upgrade to `$disconnect`.
//!
//! What a connection costs while nothing happens is what this task holds, so buffers are small and made late.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use runtime::Timestamp;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    sync::{Semaphore, mpsc},
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Error, Message, Utf8Bytes,
        error::CapacityError,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use super::{
    connection::{Closing, Connection, Opened, Outgoing},
    message,
};
use crate::State;

/// A connection on which nothing happens ends after this time.
const IDLE: Duration = Duration::from_secs(10 * 60);
/// No connection lives longer.
const LIFETIME: Duration = Duration::from_secs(2 * 60 * 60);
const MOST_FRAME: usize = 32 << 10;
const MOST_MESSAGE: usize = 128 << 10;
/// As many messages of one connection are worked on at a time.
const MOST_AT_WORK: usize = 64;
/// How long a client may take to read a message, and to answer a close.
const PATIENCE: Duration = Duration::from_secs(30);
const FAREWELL: Duration = Duration::from_secs(2);

/// Nothing happened for too long, or the API is no more.
pub(crate) const GOING_AWAY: Closing = Closing { code: 1001, reason: "Going away" };
const NO_BINARY: Closing = Closing { code: 1003, reason: "Binary frames are not supported" };
const NO_TEXT: Closing = Closing { code: 1007, reason: "Invalid frame payload data" };
const BROKEN: Closing = Closing { code: 1002, reason: "Protocol error" };
const TOO_MANY: Closing = Closing { code: 1008, reason: "Too many requests" };
const TOO_BIG: Closing = Closing { code: 1009, reason: "Message too big" };
/// Nobody said goodbye.
const ABNORMAL: Closing = Closing { code: 1006, reason: "Connection Closed Abnormally" };
/// The gateway itself goes down.
pub(crate) const RESTART: Closing = Closing { code: 1012, reason: "Service restart" };
/// Somebody called `DeleteConnection`.
pub(crate) const DELETED: Closing = Closing { code: 1000, reason: "Connection Closed Normally" };

/// A connection that is accepted. It is known to others from here on, until it is dropped.
pub struct Session {
    state: Arc<State>,
    connection: Arc<Connection>,
    inbox: mpsc::Receiver<Outgoing>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.state.connections.remove(&self.connection.id);
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session").field("connection", &self.connection.id).finish_non_exhaustive()
    }
}

/// Why the loop ended.
enum End {
    /// The client closed, with this code and reason.
    Client(u16, String),
    /// The gateway closes.
    Gateway(Closing),
}

impl Session {
    pub(super) fn new(state: &Arc<State>, id: Arc<str>, opened: Opened) -> Self {
        let (connection, inbox) = state.connections.add(id, opened);
        Self { state: Arc::clone(state), connection, inbox }
    }

    /// Serves the connection over a stream whose protocol has been changed, until it ends.
    pub async fn serve<S>(mut self, stream: S)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let config = WebSocketConfig::default()
            .read_buffer_size(1 << 10)
            .write_buffer_size(0)
            .max_write_buffer_size(2 * MOST_MESSAGE)
            .max_message_size(Some(MOST_MESSAGE))
            .max_frame_size(Some(MOST_FRAME));
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config)).await;
        let end = self.exchange(&mut socket).await;
        self.state.connections.remove(&self.connection.id);
        let (code, reason) = match end {
            End::Client(code, reason) => {
                // The answer to a close is written by then, or nobody is there to read it.
                let _ = tokio::time::timeout(FAREWELL, socket.flush()).await;
                (code, reason)
            }
            End::Gateway(closing) => {
                if closing != ABNORMAL {
                    let _ = tokio::time::timeout(FAREWELL, Box::pin(farewell(&mut socket, closing))).await;
                }
                (closing.code, closing.reason.to_owned())
            }
        };
        drop(socket);
        // Boxed, as it would make every open connection as large as its end.
        Box::pin(message::disconnected(&self.state, &self.connection, code, &reason)).await;
    }

    async fn exchange<S>(&mut self, socket: &mut WebSocketStream<S>) -> End
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let at_work = Arc::new(Semaphore::new(MOST_AT_WORK));
        let connection = Arc::clone(&self.connection);
        let mut alarm = self.state.clock.sleep_until(deadline(&connection).0);
        loop {
            tokio::select! {
                biased;
                message = self.inbox.recv() => {
                    let Some(Outgoing(bytes)) = message else { return End::Gateway(ABNORMAL) };
                    if let Err(end) = self.write(socket, bytes).await {
                        return end;
                    }
                }
                () = connection.close.notified() => {
                    // What was sent before the end still arrives.
                    while let Ok(Outgoing(bytes)) = self.inbox.try_recv() {
                        if let Err(end) = self.write(socket, bytes).await {
                            return end;
                        }
                    }
                    return End::Gateway(connection.closing().unwrap_or(DELETED));
                }
                () = &mut alarm => {
                    let (at, is_over) = deadline(&connection);
                    if is_over(self.state.clock.now()) {
                        return End::Gateway(GOING_AWAY);
                    }
                    alarm = self.state.clock.sleep_until(at);
                }
                read = socket.next() => if let Some(end) = self.read(read, &at_work) {
                    return end;
                },
            }
        }
    }

    async fn write<S>(&self, socket: &mut WebSocketStream<S>, bytes: Bytes) -> Result<(), End>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send,
    {
        let message = match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Message::Text(text),
            Err(_) => Message::Binary(bytes),
        };
        self.connection.touch(self.state.clock.now());
        match tokio::time::timeout(PATIENCE, socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(End::Gateway(ABNORMAL)),
        }
    }

    /// Takes what has been read; what ends the connection, if that does.
    fn read(&self, read: Option<Result<Message, Error>>, at_work: &Arc<Semaphore>) -> Option<End> {
        self.connection.touch(self.state.clock.now());
        match read {
            Some(Ok(Message::Text(text))) => {
                let Ok(permit) = Arc::clone(at_work).try_acquire_owned() else {
                    return Some(End::Gateway(TOO_MANY));
                };
                let (state, connection) = (Arc::clone(&self.state), Arc::clone(&self.connection));
                tokio::spawn(async move {
                    message::take(&state, &connection, &text).await;
                    drop(permit);
                });
                None
            }
            Some(Ok(Message::Binary(_))) => Some(End::Gateway(NO_BINARY)),
            // Pings are answered where they are read.
            Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => None,
            Some(Ok(Message::Close(frame))) => Some(match frame {
                Some(CloseFrame { code, reason }) => End::Client(code.into(), reason.to_string()),
                None => End::Client(1005, String::from("Client-side close frame status not set")),
            }),
            Some(Err(Error::Capacity(CapacityError::MessageTooLong { .. }))) => Some(End::Gateway(TOO_BIG)),
            Some(Err(Error::Utf8(_))) => Some(End::Gateway(NO_TEXT)),
            Some(Err(Error::Protocol(
                tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake,
            ))) => Some(End::Gateway(ABNORMAL)),
            Some(Err(Error::Protocol(_))) => Some(End::Gateway(BROKEN)),
            Some(Err(_)) | None => Some(End::Gateway(ABNORMAL)),
        }
    }
}

/// When the connection is to be looked at next, and whether it is over by then.
fn deadline(connection: &Connection) -> (Timestamp, impl Fn(Timestamp) -> bool) {
    let idle = connection.active_at().plus(IDLE);
    let at = idle.min(connection.connected_at.plus(LIFETIME));
    (at, move |now| now >= at)
}

/// Says why, and gives the client a moment to read it: a stream closed with bytes unread would take the words back.
async fn farewell<S>(socket: &mut WebSocketStream<S>, closing: Closing)
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let frame =
        CloseFrame { code: CloseCode::from(closing.code), reason: Utf8Bytes::from_static(closing.reason) };
    if socket.send(Message::Close(Some(frame))).await.is_err() {
        return;
    }
    let stream = socket.get_mut();
    if stream.flush().await.is_err() {
        return;
    }
    let mut rest = [0_u8; 1024];
    // Until the client has answered, which is the first it sends, or all of what was too long has come.
    while let Ok(read @ 1..) = stream.read(&mut rest).await {
        if closing.code == 1009 {
            continue;
        }
        let is_close = rest[..read].first().is_some_and(|byte| byte & 0x0f == 8);
        if is_close {
            break;
        }
    }
}
