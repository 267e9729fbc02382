//! What a durable execution is and how it changes: values in, values out. It knows no store, no clock and no function;
//! moments and ids are arguments.
//!
//! [`execution`] is the state, [`draft`] a change under way that is taken over whole or not at all. What changes it is
//! told by [`checkpoint`] (the function's own updates), [`invocation`] (its invocations' beginnings and ends) and
//! [`control`] (timers, callbacks, other functions' ends, people). [`history`] has the events, [`show`] the shapes in
//! which all of it is answered.

pub(crate) mod checkpoint;
pub(crate) mod control;
pub(crate) mod draft;
pub(crate) mod execution;
pub(crate) mod history;
pub(crate) mod invocation;
pub(crate) mod operation;
pub(crate) mod rules;
pub(crate) mod show;
pub(crate) mod token;
pub(crate) mod update;

#[cfg(test)]
mod tests;
