//! Open connections, by id. Ids are unique over all APIs.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bytes::Bytes;
use dashmap::DashMap;
use runtime::Timestamp;
use serde_json::Value;
use tokio::sync::mpsc;

use crate::apis::Live;

/// As many messages wait for a client as this; a client that reads no more makes senders fail.
pub(crate) const MOST_WAITING: usize = 32;

/// A connection that is open.
pub(crate) struct Connection {
    pub id: Arc<str>,
    pub live: Arc<Live>,
    pub stage: Arc<str>,
    pub connected_at: Timestamp,
    active_at: AtomicI64,
    pub source_ip: std::net::IpAddr,
    pub user_agent: Option<Box<str>>,
    /// The host that the client asked.
    pub host: Box<str>,
    /// What the authorizer said when the connection was opened.
    pub authorizer: Option<Box<Value>>,
    /// The API key that it was opened with.
    pub api_key: Option<Box<str>>,
    outbox: mpsc::Sender<Outgoing>,
    /// Why the gateway closes it, from when it does so.
    closing: Mutex<Option<Closing>>,
    pub close: tokio::sync::Notify,
}

/// A message on its way to the client.
pub(crate) struct Outgoing(pub Bytes);

/// Why a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Closing {
    pub code: u16,
    pub reason: &'static str,
}

/// What a connection is made from.
pub(crate) struct Opened {
    pub live: Arc<Live>,
    pub stage: Arc<str>,
    pub connected_at: Timestamp,
    pub source_ip: std::net::IpAddr,
    pub user_agent: Option<Box<str>>,
    pub host: Box<str>,
    pub authorizer: Option<Box<Value>>,
    pub api_key: Option<Box<str>>,
}

/// Why a message could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendError {
    /// The connection is closed.
    Gone,
    /// The client reads too slowly.
    Full,
}

impl Connection {
    pub fn active_at(&self) -> Timestamp {
        Timestamp(self.active_at.load(Ordering::Relaxed))
    }

    pub fn touch(&self, now: Timestamp) {
        self.active_at.store(now.0, Ordering::Relaxed);
    }

    /// Queues a message for the client.
    pub fn send(&self, message: Bytes) -> Result<(), SendError> {
        self.outbox.try_send(Outgoing(message)).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => SendError::Full,
            mpsc::error::TrySendError::Closed(_) => SendError::Gone,
        })
    }

    /// Asks for the connection's end, behind the messages that wait.
    pub fn end(&self, closing: Closing) {
        self.closing.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(closing);
        self.close.notify_one();
    }

    /// Why the gateway wants it closed.
    pub fn closing(&self) -> Option<Closing> {
        *self.closing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All connections.
#[derive(Default)]
pub(crate) struct Connections {
    open: DashMap<Arc<str>, Arc<Connection>>,
}

impl Connections {
    /// Makes a connection known; what others send it comes out of the receiver.
    pub fn add(&self, id: Arc<str>, opened: Opened) -> (Arc<Connection>, mpsc::Receiver<Outgoing>) {
        let (outbox, inbox) = mpsc::channel(MOST_WAITING);
        let connection = Arc::new(Connection {
            id: Arc::clone(&id),
            live: opened.live,
            stage: opened.stage,
            connected_at: opened.connected_at,
            active_at: AtomicI64::new(opened.connected_at.0),
            source_ip: opened.source_ip,
            user_agent: opened.user_agent,
            host: opened.host,
            authorizer: opened.authorizer,
            api_key: opened.api_key,
            outbox,
            closing: Mutex::default(),
            close: tokio::sync::Notify::new(),
        });
        self.open.insert(id, Arc::clone(&connection));
        (connection, inbox)
    }

    pub fn get(&self, id: &str) -> Option<Arc<Connection>> {
        self.open.get(id).map(|connection| Arc::clone(&connection))
    }

    pub fn remove(&self, id: &str) {
        self.open.remove(id);
    }

    /// Ends the connections to an API, or to one of its stages.
    pub fn end_of(&self, api_id: &str, stage: Option<&str>, closing: Closing) {
        let is_meant = |connection: &Connection| {
            connection.live.id == api_id && stage.is_none_or(|stage| *connection.stage == *stage)
        };
        self.open.iter().filter(|connection| is_meant(connection)).for_each(|it| it.end(closing));
    }

    /// Ends all connections.
    pub fn end_all(&self, closing: Closing) {
        for connection in &self.open {
            connection.end(closing);
        }
    }
}

/// A new id in AWS's form: fifteen letters and `=`.
pub(crate) fn new_id() -> Arc<str> {
    let random = runtime::new_request_id();
    let mut bytes = [0_u8; 11];
    let digits: Vec<u8> = random.bytes().filter(u8::is_ascii_hexdigit).collect();
    // The last eleven bytes of a random UUID have all but six of its bits from chance.
    for (byte, pair) in bytes.iter_mut().zip(digits[10..].chunks(2)) {
        let text = std::str::from_utf8(pair).unwrap_or("00");
        *byte = u8::from_str_radix(text, 16).unwrap_or(0);
    }
    URL_SAFE.encode(bytes).into()
}
