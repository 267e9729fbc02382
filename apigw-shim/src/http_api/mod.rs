//! HTTP APIs: their records, what is compiled of a stage, and the pipeline a request goes through.

mod access;
mod authorize;
pub(crate) mod compiled;
mod event;
pub(crate) mod parameters;
pub(crate) mod pipeline;
pub(crate) mod record;
pub(crate) mod subtype;
pub(crate) mod throttle;
