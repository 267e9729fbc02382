//! Amazon CloudWatch Logs: groups, streams, events, and the filter language to search them.
//!
//! Owns log data and knows no service that writes it: those write through [`runtime::LogSink`]. Groups and streams are
//! stored, and so is what PutLogEvents acknowledged; what Tule's own services write stays in memory. A stream keeps its
//! newest events and says how many older ones it dropped; all of them together have a bound. Start at [`Logs`].

mod error;
mod filter;
mod group;
mod operations;
mod room;
mod service;
mod sink;
mod stream;
mod token;

pub use service::{Logs, Options};
