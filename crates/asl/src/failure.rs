//! A state's error: data that walks through Retry and Catch.

use serde::{Deserialize, Serialize};

/// Why a state failed: an error name and a cause, either of which a worker may have left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// `States.Timeout`, `Lambda.TooManyRequestsException`, a function's own error type.
    pub error: Option<String>,
    /// What it was, in words; for a function's error, its JSON.
    pub cause: Option<String>,
    /// A missed heartbeat is shown as `States.Timeout`, and also answers to `States.HeartbeatTimeout`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub heartbeat: bool,
    /// Where in a state an expression failed; such a failure has an event of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
}

/// Where an expression of the query language JSONata failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evaluation {
    /// The field, e.g. `Arguments/FunctionName`; none where no field is at fault.
    pub location: Option<String>,
    /// Whether it had a value, which was then not what the field takes.
    pub evaluated: bool,
}

impl Failure {
    /// A failure with an error name and a cause.
    pub fn new(error: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::given(Some(error.into()), Some(cause.into()))
    }

    /// A failure as a worker gives it.
    pub fn given(error: Option<String>, cause: Option<String>) -> Self {
        Self { error, cause, heartbeat: false, evaluation: None }
    }

    /// `States.QueryEvaluationError`, at a field if one is at fault.
    pub fn query_evaluation(location: Option<&str>, cause: impl Into<String>) -> Self {
        let evaluation = Evaluation { location: location.map(str::to_owned), evaluated: false };
        Self { evaluation: Some(evaluation), ..Self::new(QUERY_EVALUATION_ERROR, cause) }
    }

    /// A failure of which only the error name is known.
    pub fn named(error: impl Into<String>) -> Self {
        Self::given(Some(error.into()), None)
    }

    /// `States.Runtime`.
    pub fn runtime(cause: impl Into<String>) -> Self {
        Self::new(RUNTIME, cause)
    }

    /// `States.DataLimitExceeded` for the result of a state or a task.
    pub fn data_limit_exceeded(of: &str) -> Self {
        Self::new(
            DATA_LIMIT_EXCEEDED,
            format!(
                "The state/task '{of}' returned a result with a size exceeding the maximum number of bytes service limit."
            ),
        )
    }

    /// `States.ExceedToleratedFailureThreshold`: more iterations of a Map failed than it tolerates.
    pub fn threshold_exceeded() -> Self {
        Self::new(
            EXCEED_TOLERATED_FAILURE_THRESHOLD,
            "The specified tolerated failure threshold was exceeded",
        )
    }

    /// `States.ItemReaderFailed`.
    pub fn item_reader(cause: impl Into<String>) -> Self {
        Self::new(ITEM_READER_FAILED, cause)
    }

    /// `States.ResultWriterFailed`.
    pub fn result_writer(cause: impl Into<String>) -> Self {
        Self::new(RESULT_WRITER_FAILED, cause)
    }

    /// The error name, or an empty text.
    pub fn name(&self) -> &str {
        self.error.as_deref().unwrap_or("")
    }

    /// What a catcher puts into the state: `{"Error": …, "Cause": …}`. A timeout has no cause, which is shown as an
    /// empty text; a worker that gave none is shown as `null`.
    pub fn output(&self) -> serde_json::Value {
        let no_cause = if self.name() == TIMEOUT { serde_json::json!("") } else { serde_json::Value::Null };
        serde_json::json!({ "Error": self.error, "Cause": self.cause.clone().map_or(no_cause, serde_json::Value::from) })
    }

    /// Whether one of the names of a retrier or catcher means this failure.
    ///
    /// `States.Runtime` cannot be handled at all, `States.DataLimitExceeded` only by name; `States.TaskFailed` stands
    /// for every failure of a task but a timeout.
    pub fn matches(&self, error_equals: &[String]) -> bool {
        let name = self.name();
        if name == RUNTIME {
            return false;
        }
        error_equals.iter().any(|wanted| match wanted.as_str() {
            "States.ALL" => name != DATA_LIMIT_EXCEEDED,
            "States.TaskFailed" => name != TIMEOUT && name != DATA_LIMIT_EXCEEDED,
            "States.HeartbeatTimeout" => self.heartbeat,
            wanted => wanted == name,
        })
    }
}

/// `States.Runtime`.
pub const RUNTIME: &str = "States.Runtime";
/// `States.Timeout`.
pub const TIMEOUT: &str = "States.Timeout";
/// `States.DataLimitExceeded`.
pub const DATA_LIMIT_EXCEEDED: &str = "States.DataLimitExceeded";
/// `States.NoChoiceMatched`.
pub const NO_CHOICE_MATCHED: &str = "States.NoChoiceMatched";
/// `States.IntrinsicFailure`.
pub const INTRINSIC_FAILURE: &str = "States.IntrinsicFailure";
/// `States.ResultPathMatchFailure`.
pub const RESULT_PATH_MATCH_FAILURE: &str = "States.ResultPathMatchFailure";
/// `States.QueryEvaluationError`.
pub const QUERY_EVALUATION_ERROR: &str = "States.QueryEvaluationError";
/// `States.ExceedToleratedFailureThreshold`.
pub const EXCEED_TOLERATED_FAILURE_THRESHOLD: &str = "States.ExceedToleratedFailureThreshold";
/// `States.ItemReaderFailed`.
pub const ITEM_READER_FAILED: &str = "States.ItemReaderFailed";
/// `States.ResultWriterFailed`.
pub const RESULT_WRITER_FAILED: &str = "States.ResultWriterFailed";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_leave_out_what_aws_leaves_out() {
        let all = [String::from("States.ALL")];
        let task_failed = [String::from("States.TaskFailed")];
        assert!(Failure::named("Any").matches(&all));
        assert!(Failure::given(None, None).matches(&all));
        assert!(!Failure::named(RUNTIME).matches(&all));
        assert!(!Failure::named(DATA_LIMIT_EXCEEDED).matches(&all));
        assert!(Failure::named(DATA_LIMIT_EXCEEDED).matches(&[DATA_LIMIT_EXCEEDED.to_owned()]));
        assert!(!Failure::named(TIMEOUT).matches(&task_failed));
        assert!(Failure::named("Any").matches(&task_failed));
    }
}
