//! An execution: who it is, how far it is, and its operations.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};

use super::{
    draft::Change,
    operation::{ErrorObject, Operation},
};

/// What never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Identity {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) function: String,
    /// `$LATEST` or a number.
    pub(crate) version: String,
    pub(crate) name: String,
    /// A UUID.
    pub(crate) id: String,
    pub(crate) started: Timestamp,
    /// Seconds.
    pub(crate) timeout: u32,
    /// Days.
    pub(crate) retention: u32,
    pub(crate) kms_key: Option<String>,
    /// The SHA-256 of the input, in hexadecimal.
    pub(crate) input_hash: String,
    /// How it was started, and with that how much it may answer.
    pub(crate) origin: Origin,
    pub(crate) trace: String,
    pub(crate) tenant: Option<String>,
}

/// How an execution was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Origin {
    /// Somebody waited.
    Synchronous,
    /// As an event, by this qualifier.
    Event { qualifier: String, request_id: String },
    /// By an operation of another execution.
    Chained { execution: String, operation: String },
}

impl Identity {
    pub(crate) fn scope(&self) -> Scope {
        Scope::new(&self.account, &self.region)
    }

    /// Of the function's version.
    pub(crate) fn function_arn(&self) -> String {
        self.scope().arn("lambda", &format!("function:{}:{}", self.function, self.version))
    }

    pub(crate) fn arn(&self) -> String {
        format!("{}/durable-execution/{}/{}", self.function_arn(), self.name, self.id)
    }

    /// How many bytes its result may have.
    pub(crate) fn result_limit(&self) -> usize {
        match self.origin {
            Origin::Synchronous => 6 << 20,
            Origin::Event { .. } | Origin::Chained { .. } => 1 << 20,
        }
    }
}

/// How far an execution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) enum Status {
    Running,
    Pausing,
    Paused,
    Succeeded,
    Failed,
    TimedOut,
    Stopped,
    Deleting,
}

impl Status {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Pausing => "PAUSING",
            Self::Paused => "PAUSED",
            Self::Succeeded => "SUCCEEDED",
            Self::Failed => "FAILED",
            Self::TimedOut => "TIMED_OUT",
            Self::Stopped => "STOPPED",
            Self::Deleting => "DELETING",
        }
    }

    pub(crate) fn is_open(self) -> bool {
        match self {
            Self::Running | Self::Pausing | Self::Paused => true,
            Self::Succeeded | Self::Failed | Self::TimedOut | Self::Stopped | Self::Deleting => false,
        }
    }
}

/// What changes, and is small.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Progress {
    pub(crate) status: Status,
    pub(crate) ended: Option<Timestamp>,
    /// When it times out; `None` while a pause holds that.
    pub(crate) deadline: Option<Timestamp>,
    /// How many events there are.
    pub(crate) events: u64,
    /// How many changes there were, and up to which of them the function knows.
    pub(crate) changes: u64,
    pub(crate) seen: u64,
    /// How many checkpoints were taken.
    pub(crate) sequence: u64,
    /// Bytes of payloads that were kept.
    pub(crate) written: u64,
    pub(crate) invocation: Option<Invocation>,
    /// Whether an answer told the function of something that happened while it ran, and it has said nothing since.
    pub(crate) unanswered: bool,
    /// Invocations in a row that failed, and those that waited for nothing.
    pub(crate) failures: u32,
    pub(crate) idle: u32,
    /// When an invocation that failed is tried again.
    pub(crate) retry: Option<Timestamp>,
    pub(crate) pause: Option<Pause>,
    /// The last checkpoint, for those who ask again.
    pub(crate) last: Option<LastCheckpoint>,
    /// What the last pause or resume was asked with, for the same.
    pub(crate) last_request: Option<LastRequest>,
    /// Whether an event's destination still has to be told of the end.
    pub(crate) to_tell: bool,
}

/// An invocation under way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Invocation {
    /// The request id.
    pub(crate) id: String,
    pub(crate) began: Timestamp,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pause {
    pub(crate) requested: Timestamp,
    pub(crate) reason: Option<String>,
    pub(crate) holds_timeout: bool,
    /// What was left of the execution's time, where the pause holds it.
    pub(crate) left: Option<u64>,
    /// Whether an invocation is owed when it is over.
    pub(crate) owes: bool,
}

/// What a checkpoint was asked with and answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastCheckpoint {
    pub(crate) client_token: String,
    pub(crate) token: String,
    pub(crate) next: String,
    /// The ids of the operations that were answered.
    pub(crate) operations: Vec<String>,
    pub(crate) at: Timestamp,
}

/// A pause or a resume that was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastRequest {
    pub(crate) client_token: String,
    pub(crate) is_pause: bool,
    pub(crate) at: Timestamp,
}

/// What came of an execution.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) result: Option<String>,
    pub(crate) error: Option<ErrorObject>,
}

/// An execution as it is held in memory: its history is in the store only, and so are operations once it has ended.
#[derive(Debug)]
pub(crate) struct Execution {
    pub(crate) identity: Arc<Identity>,
    pub(crate) progress: Progress,
    /// In the order in which they started; the execution itself is the first.
    pub(crate) operations: Vec<Arc<Operation>>,
    by_id: BTreeMap<String, usize>,
    /// Those that time changes.
    due: BTreeSet<(Timestamp, usize)>,
}

impl Execution {
    /// One of which nothing has happened yet.
    pub(crate) fn new(identity: Arc<Identity>) -> Self {
        let deadline = identity.started.plus(std::time::Duration::from_secs(identity.timeout.into()));
        let progress = Progress {
            status: Status::Running,
            ended: None,
            deadline: Some(deadline),
            events: 0,
            changes: 0,
            seen: 0,
            sequence: 0,
            written: 0,
            invocation: None,
            unanswered: false,
            failures: 0,
            idle: 0,
            retry: None,
            pause: None,
            last: None,
            last_request: None,
            to_tell: false,
        };
        Self::load(identity, progress, Vec::new())
    }

    /// One as it was stored.
    pub(crate) fn load(identity: Arc<Identity>, progress: Progress, operations: Vec<Operation>) -> Self {
        let mut execution =
            Self { identity, progress, operations: Vec::new(), by_id: BTreeMap::new(), due: BTreeSet::new() };
        for (at, operation) in operations.into_iter().enumerate() {
            execution.place(at, operation);
        }
        execution
    }

    /// Takes a change over.
    pub(crate) fn apply(&mut self, change: Change) {
        self.progress = change.progress;
        for (at, operation) in change.operations {
            self.place(at, operation);
        }
        if !self.progress.status.is_open() {
            self.operations = Vec::new();
            self.by_id.clear();
            self.due.clear();
        }
    }

    fn place(&mut self, at: usize, operation: Operation) {
        if let Some(due) = self.operations.get(at).and_then(|before| before.due()) {
            self.due.remove(&(due, at));
        }
        if let Some(due) = operation.due() {
            self.due.insert((due, at));
        }
        if at < self.operations.len() {
            self.operations[at] = Arc::new(operation);
        } else {
            self.by_id.insert(operation.id.clone(), at);
            self.operations.push(Arc::new(operation));
        }
    }

    pub(crate) fn find(&self, id: &str) -> Option<usize> {
        self.by_id.get(id).copied()
    }

    /// The operations that are due at `now`, the earliest first.
    pub(crate) fn due(&self, now: Timestamp) -> Vec<usize> {
        self.due.range(..=(now, usize::MAX)).map(|(_, at)| *at).collect()
    }

    /// When time does something next.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let progress = &self.progress;
        if !progress.status.is_open() {
            let kept = std::time::Duration::from_secs(u64::from(self.identity.retention) * 86_400);
            return progress.ended.map(|ended| ended.plus(kept));
        }
        let retry = progress.retry.filter(|_| progress.status == Status::Running);
        let operation = self.due.first().map(|(at, _)| *at);
        progress.deadline.into_iter().chain(retry).chain(operation).min()
    }

    /// The operations as a function is given them: in their order, without what is inside of contexts that have ended
    /// and need nothing of it.
    pub(crate) fn visible<'a>(
        &'a self,
        changed: &'a BTreeMap<usize, Operation>,
    ) -> impl Iterator<Item = (usize, &'a Operation)> {
        let count = self.operations.len().max(changed.keys().last().map_or(0, |last| last + 1));
        let mut hidden: BTreeSet<&str> = BTreeSet::new();
        (0..count).filter_map(move |at| {
            let operation = changed.get(&at).or_else(|| self.operations.get(at).map(|found| &**found))?;
            let inside = operation.parent.as_deref().is_some_and(|parent| hidden.contains(parent));
            let closes =
                matches!(operation.details, super::operation::Details::Context { replay_children: false })
                    && !operation.status.is_open();
            if inside || closes {
                hidden.insert(&operation.id);
            }
            (!inside).then_some((at, operation))
        })
    }
}
