//! The Lambda Runtime API: the only way work reaches function code, whatever executor started it.
//!
//! [`session`] is the state of one environment, [`serve`] the HTTP in front of it. Neither knows pools or executors.

pub(crate) mod serve;
pub(crate) mod session;
