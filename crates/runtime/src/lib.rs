//! What every shim needs and none owns: the [`Clock`], the [`CallContext`] of a request, and the traits through which
//! services meet ([`Service`], [`ServiceRouter`], [`FunctionInvoker`]).
//!
//! Knows no service, no listener and no storage. Start at [`ServiceRouter`].

mod api_invoker;
mod body;
mod clock;
mod context;
mod invoker;
mod log_sink;
mod polled_again;
mod router;
mod stand_in;
mod timers;
mod to_the_end;

pub use api_invoker::{ApiAnswer, ApiInvoker};
pub use body::{Body, BodyError, ByteStream, Event, EventStream};
pub use clock::{Clock, Timestamp, VirtualClock};
pub use context::{CallContext, Scope, new_request_id};
pub use invoker::{FunctionInvoker, Invocation, InvocationMode, InvocationOutcome};
pub use log_sink::{LogSink, LogStream};
pub use polled_again::PolledAgain;
pub use router::{Input, Output, Service, ServiceRouter};
pub use stand_in::{NoServices, ScriptedRouter};
pub use timers::Timers;
pub use to_the_end::{BrokenOff, ToTheEnd};

/// A boxed future, as the object-safe traits here return them.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
