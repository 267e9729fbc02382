//! What an execution is told, and what it asks for.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    definition::Resource,
    failure::Failure,
    history::HistoryEvent,
    map_run::{MapRunOutcome, MapRunSpec},
    payload::Payload,
    time::Timestamp,
};

/// A task of an execution; a retried task is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskId(pub u64);

/// A timer of an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TimerId(pub u64);

/// Something that happened to an execution. A signal that no longer means anything (a timer that was cancelled, a task
/// that has ended) changes nothing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Signal {
    /// Go on where the last step stopped after its share of transitions.
    Continue,
    /// The service took what the task started; the end comes later.
    TaskSubmitted {
        /// Which task.
        task: TaskId,
        /// The service's answer.
        output: Payload,
    },
    /// The task ended well.
    TaskSucceeded {
        /// Which task.
        task: TaskId,
        /// Its result.
        output: Payload,
    },
    /// The task failed.
    TaskFailed {
        /// Which task.
        task: TaskId,
        /// The error's name.
        error: Option<String>,
        /// The error's cause.
        cause: Option<String>,
    },
    /// A worker took the activity's task.
    ActivityStarted {
        /// Which task.
        task: TaskId,
        /// What the worker calls itself.
        worker: Option<String>,
    },
    /// A worker says that it is still at it.
    Heartbeat {
        /// Which task.
        task: TaskId,
    },
    /// The moment of a timer has come.
    TimerFired {
        /// Which timer.
        timer: TimerId,
    },
    /// The Map Run of a distributed Map ended.
    MapRunEnded {
        /// Which run.
        run: TaskId,
        /// How.
        outcome: MapRunOutcome,
    },
    /// RedriveExecution, of an execution that ended badly.
    Redriven,
    /// StopExecution.
    StopRequested {
        /// The error given.
        error: Option<String>,
        /// The cause given.
        cause: Option<String>,
    },
}

/// Something an execution asks for. Nothing of it may be done before the step that asks for it is committed.
#[derive(Debug, Clone)]
pub enum Command {
    /// Have a task done.
    ScheduleTask(ScheduledTask),
    /// Nobody waits for the task's end any more.
    CancelTask {
        /// Which task.
        task: TaskId,
    },
    /// Stop an execution that a task which was called off had started and waited for.
    StopExecution {
        /// Its ARN.
        execution: Arc<str>,
    },
    /// Start a Map Run; [`Signal::MapRunEnded`] tells of its end.
    StartMapRun(Arc<MapRunSpec>),
    /// Let the children of a Map Run that failed go on.
    RedriveMapRun {
        /// Which run.
        run: Arc<MapRunSpec>,
        /// How often it is redriven with this time.
        redrives: u64,
    },
    /// Nobody waits for a Map Run's end any more.
    StopMapRun {
        /// Which run.
        run: Arc<MapRunSpec>,
    },
    /// Send [`Signal::TimerFired`] at a moment.
    StartTimer {
        /// Which timer.
        timer: TimerId,
        /// When.
        at: Timestamp,
    },
    /// Nobody waits for the timer any more.
    CancelTimer {
        /// Which timer.
        timer: TimerId,
        /// When it would have fired.
        at: Timestamp,
    },
}

/// A task to be done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScheduledTask {
    /// Which task.
    pub task: TaskId,
    /// By what.
    pub resource: Arc<Resource>,
    /// On what.
    pub input: Payload,
    /// By which a worker answers; for activities and callbacks.
    pub token: Option<Arc<str>>,
    /// A token that stays the same when the effect has to be repeated after a crash.
    pub request_token: Arc<str>,
    /// The role of Credentials.
    pub role_arn: Option<Arc<str>>,
    /// Whose task it is, where attempts are counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TaskPlace>,
}

/// Which attempt of which state a task is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskPlace {
    /// The state's name.
    pub state: Arc<str>,
    /// How many tasks the state has had before in the execution: retries, iterations and later visits count alike.
    pub attempt: u64,
}

/// What became of a signal.
#[derive(Debug, Clone, Default)]
pub struct Step {
    /// Events for the history.
    pub events: Vec<HistoryEvent>,
    /// What is to be done once the step is committed.
    pub commands: Vec<Command>,
    /// How the execution ended, if it did.
    pub outcome: Option<Outcome>,
    /// Whether there is more to do at once: send [`Signal::Continue`].
    pub more: bool,
}

/// How an execution ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Outcome {
    /// With an output.
    Succeeded {
        /// The output.
        output: Payload,
    },
    /// With an error.
    Failed(Failure),
    /// Because its TimeoutSeconds were over.
    TimedOut,
    /// Because somebody stopped it.
    Aborted(Failure),
}

/// The state of an execution as a whole, as AWS names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are AWS's")]
pub enum Status {
    Running,
    Succeeded,
    Failed,
    TimedOut,
    Aborted,
}

impl Status {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Aborted => "ABORTED",
        }
    }
}

impl Outcome {
    /// The status it leaves the execution in.
    pub fn status(&self) -> Status {
        match self {
            Self::Succeeded { .. } => Status::Succeeded,
            Self::Failed(_) => Status::Failed,
            Self::TimedOut => Status::TimedOut,
            Self::Aborted(_) => Status::Aborted,
        }
    }
}
