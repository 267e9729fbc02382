//! WebSocket APIs: what is compiled of a stage, the opening of connections, and what happens to their messages.
//!
//! Owns open connections and the routes that messages take. Knows no HTTP server: the front door does the upgrade and
//! hands the stream over. Start at [`handshake::open`], then [`session::serve`].

mod access;
pub(crate) mod admission;
pub(crate) mod compiled;
pub(crate) mod connection;
mod event;
mod execution_log;
pub(crate) mod handshake;
mod integration;
mod message;
mod selection;
pub(crate) mod session;
