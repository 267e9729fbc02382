//! The Amazon States Language: definitions, their diagnostics, and the interpreter.
//!
//! Pure: time, seeds and ids are arguments; no clock, randomness, file or network. A workflow's durable record is the
//! sequence of [`Signal`]s it received; from them an [`Execution`] derives its state, its commands and the history that
//! users see. Start at [`Definition::parse`] and [`Execution::start`].

mod choice;
pub mod definition;
mod execution;
mod failure;
mod history;
mod intrinsic;
pub mod layout;
pub mod map_run;
mod parameters;
mod path;
mod payload;
mod scope;
mod seed;
mod template;
mod time;

pub use definition::{Code, Definition, Diagnostic, Pattern, Resource, Severity};
pub use execution::probe;
pub use execution::{
    Command, Execution, Outcome, OutstandingTask, RestoreError, ScheduledTask, Signal, Status, Step, TaskId,
    TaskPlace, TimerId, VERSION, task_of_token,
};
pub use failure::Failure;
pub use history::{Details, EventType, HistoryEvent, ShownEvent};
pub use payload::{MAX_BYTES, Payload};
pub use scope::ContextObject;
pub use seed::Seed;
pub use time::Timestamp;
