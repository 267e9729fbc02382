//! Durable functions: executions that a function's checkpoints carry over many invocations, for up to a year.
//!
//! `engine` decides, as a function of values; everything else acts. [`driver`] takes a change, commits it, and only then
//! does what follows from it: [`run`] invokes the function, [`chained`] other functions, [`timers`] waits, [`ending`]
//! tells those who wait. [`table`] has the executions, [`start`] makes them for [`invoke`], [`recover`] goes on with them after a
//! restart. This module knows the functions' table and how an invocation runs, and no service.

pub(crate) mod chained;
pub(crate) mod config;
pub(crate) mod driver;
pub(crate) mod ending;
pub(crate) mod engine;
pub(crate) mod invoke;
pub(crate) mod recover;
pub(crate) mod rows;
pub(crate) mod run;
pub(crate) mod start;
pub(crate) mod table;
pub(crate) mod timers;
