//! The Lambda Runtime, Extensions and Telemetry APIs: the only way work reaches function code, whatever executor started
//! it.
//!
//! [`session`] is the state of one environment, [`work`] its invocations, [`extensions`] its extensions, [`serve`] the HTTP in front of
//! them. None knows pools or executors.

pub(crate) mod extensions;
mod extensions_http;
pub(crate) mod serve;
pub(crate) mod session;
pub(crate) mod subscription;
mod work;
