//! Operations: what an execution is made of.

use runtime::Timestamp;
use serde::{Deserialize, Serialize};

/// What kind of operation it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Kind {
    Execution,
    Context,
    Step,
    Wait,
    Callback,
    ChainedInvoke,
}

impl Kind {
    /// As the API writes it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Execution => "EXECUTION",
            Self::Context => "CONTEXT",
            Self::Step => "STEP",
            Self::Wait => "WAIT",
            Self::Callback => "CALLBACK",
            Self::ChainedInvoke => "CHAINED_INVOKE",
        }
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum OperationStatus {
    Started,
    /// A step that waits for its next attempt.
    Pending,
    /// A step whose next attempt may begin.
    Ready,
    Succeeded,
    Failed,
    Cancelled,
    TimedOut,
    Stopped,
}

impl OperationStatus {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Started => "STARTED",
            Self::Pending => "PENDING",
            Self::Ready => "READY",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::Cancelled => "CANCELLED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
        }
    }

    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Started | Self::Pending | Self::Ready => true,
            Self::Succeeded | Self::Failed | Self::Cancelled | Self::TimedOut | Self::Stopped => false,
        }
    }
}

/// An error as functions and the API write it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ErrorObject {
    #[serde(rename = "ErrorMessage", default, skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<String>,
    #[serde(rename = "ErrorType", default, skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(rename = "ErrorData", default, skip_serializing_if = "Option::is_none")]
    pub(crate) data: Option<String>,
    #[serde(rename = "StackTrace", default, skip_serializing_if = "Option::is_none")]
    pub(crate) stack_trace: Option<Vec<String>>,
}

impl ErrorObject {
    pub(crate) fn new(kind: Option<&str>, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), kind: kind.map(str::to_owned), ..Self::default() }
    }

    /// Bytes of all its fields together.
    pub(crate) fn size(&self) -> usize {
        let texts = [&self.message, &self.kind, &self.data];
        let fields: usize = texts.into_iter().flatten().map(String::len).sum();
        fields + self.stack_trace.iter().flatten().map(String::len).sum::<usize>()
    }
}

/// An operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Operation {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) sub_type: Option<String>,
    pub(crate) status: OperationStatus,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// The number of the change that was its last.
    pub(crate) changed: u64,
    /// The input of the execution, or of an invoked function.
    pub(crate) input: Option<String>,
    pub(crate) result: Option<String>,
    pub(crate) error: Option<ErrorObject>,
    pub(crate) details: Details,
}

/// What only one kind has.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) enum Details {
    Execution,
    Context {
        replay_children: bool,
    },
    Step {
        /// Attempts that have ended.
        attempt: u32,
        next: Option<Timestamp>,
    },
    Wait {
        seconds: u32,
        until: Timestamp,
    },
    Callback {
        callback_id: String,
        deadline: Option<Timestamp>,
        /// Seconds, and when they are over.
        heartbeat: Option<(u32, Timestamp)>,
    },
    ChainedInvoke {
        function: String,
        tenant: Option<String>,
        trace: Option<String>,
        /// The id of the execution that the function was given, if it is a durable one.
        child: Option<String>,
        /// The request id of the invocation, if it is not: the same when it is made again after a crash.
        request_id: Option<String>,
    },
}

impl Operation {
    pub(crate) fn kind(&self) -> Kind {
        match self.details {
            Details::Execution => Kind::Execution,
            Details::Context { .. } => Kind::Context,
            Details::Step { .. } => Kind::Step,
            Details::Wait { .. } => Kind::Wait,
            Details::Callback { .. } => Kind::Callback,
            Details::ChainedInvoke { .. } => Kind::ChainedInvoke,
        }
    }

    /// When time changes it, if it does.
    pub(crate) fn due(&self) -> Option<Timestamp> {
        match (&self.details, self.status) {
            (Details::Step { next, .. }, OperationStatus::Pending) => *next,
            (Details::Wait { until, .. }, OperationStatus::Started) => Some(*until),
            (Details::Callback { deadline, heartbeat, .. }, OperationStatus::Started) => {
                let heartbeat = heartbeat.map(|(_, until)| until);
                deadline.iter().chain(heartbeat.iter()).min().copied()
            }
            _ => None,
        }
    }

    /// Whether the execution waits for something that the function itself does not do.
    pub(crate) fn is_awaited(&self) -> bool {
        match self.kind() {
            Kind::Step => self.status == OperationStatus::Pending,
            Kind::Wait | Kind::Callback | Kind::ChainedInvoke => self.status == OperationStatus::Started,
            Kind::Execution | Kind::Context => false,
        }
    }
}
