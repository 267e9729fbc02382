//! The platform's own log lines: INIT_START, START, END, REPORT, as text or as JSON.

use std::time::Duration;

use runtime::Timestamp;
use serde_json::{Value, json};

use super::deployment::{Deployment, Initialization};

/// How an invocation ended, for its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Success,
    /// The function answered with an error.
    Failed,
    Timeout,
    /// The environment ended; the error's type.
    Error(&'static str),
}

/// How a start failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InitStatus {
    Timeout,
    /// The error's type.
    Error(String),
}

/// What a report says.
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) duration: Duration,
    /// With the first invocation of an environment.
    pub(crate) init: Option<Duration>,
    pub(crate) max_memory: u32,
    pub(crate) ended: Ended,
}

/// Writes the lines in a deployment's log format.
pub(crate) struct SystemLines<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) now: Timestamp,
}

impl SystemLines<'_> {
    /// Before an environment starts.
    pub(crate) fn init_start(&self, initialization: Initialization) -> Option<String> {
        let deployment = self.deployment;
        if deployment.image.is_some() {
            return self.image_init_start(initialization);
        }
        // AWS counts its builds of a runtime (`python:3.12.v11`); here there is one.
        let name = match &deployment.runtime.version {
            version if version.is_empty() => deployment.runtime.image.to_owned(),
            version => format!("{}:{version}.v1", deployment.runtime.image),
        };
        let arn = &deployment.runtime_version_arn;
        self.either(
            || format!("INIT_START Runtime Version: {name}\tRuntime Version ARN: {arn}\n"),
            "platform.initStart",
            || {
                json!({
                    "initializationType": initialization.name(),
                    "phase": "init",
                    "runtimeVersion": name,
                    "runtimeVersionArn": arn,
                    "functionName": deployment.function,
                    "functionVersion": deployment.version,
                })
            },
        )
    }

    /// The same for a container image, which has no version of a runtime: text says nothing then.
    fn image_init_start(&self, initialization: Initialization) -> Option<String> {
        let deployment = self.deployment;
        if !deployment.logging.json {
            return None;
        }
        self.either(String::new, "platform.initStart", || {
            json!({
                "initializationType": initialization.name(),
                "phase": "init",
                "functionName": deployment.function,
                "functionVersion": deployment.version,
            })
        })
    }

    /// When a start failed in a phase: `init`, or `invoke` for the one that an invocation makes.
    pub(crate) fn init_report(
        &self,
        (initialization, phase): (Initialization, &str),
        status: &InitStatus,
        duration: Duration,
    ) -> Option<String> {
        let millis = millis(duration);
        let (status, kind) = match status {
            InitStatus::Timeout => ("timeout", None),
            InitStatus::Error(kind) => ("error", Some(kind)),
        };
        self.either(
            || {
                let kind = kind.map(|kind| format!("\tError Type: {kind}")).unwrap_or_default();
                format!("INIT_REPORT Init Duration: {millis:.2} ms\tPhase: {phase}\tStatus: {status}{kind}\n")
            },
            "platform.initReport",
            || {
                let mut record =
                    json!({"initializationType": initialization.name(), "phase": phase, "status": status});
                if let Some(kind) = kind {
                    record["errorType"] = json!(kind);
                }
                record["metrics"] = json!({"durationMs": rounded(millis)});
                record
            },
        )
    }

    /// Before an invocation.
    pub(crate) fn start(&self, request_id: &str) -> Option<String> {
        let version = &self.deployment.version;
        self.either(
            || format!("START RequestId: {request_id} Version: {version}\n"),
            "platform.start",
            || json!({"requestId": request_id, "version": version}),
        )
    }

    /// When an invocation ran out of time.
    pub(crate) fn timed_out(&self, request_id: &str) -> Option<String> {
        let seconds = self.deployment.timeout.as_secs_f64();
        let now = self.now.rfc3339();
        (!self.deployment.logging.json)
            .then(|| format!("{now} {request_id} Task timed out after {seconds:.2} seconds\n\n"))
    }

    /// After an invocation. JSON has no line of this kind.
    pub(crate) fn end(&self, request_id: &str) -> Option<String> {
        (!self.deployment.logging.json).then(|| format!("END RequestId: {request_id}\n"))
    }

    /// What an invocation took.
    pub(crate) fn report(&self, report: &Report<'_>) -> Option<String> {
        let duration = millis(report.duration);
        let init = report.init.map(millis);
        let billed = (duration + init.unwrap_or_default()).ceil();
        let (memory, used, id) = (self.deployment.memory, report.max_memory, report.request_id);
        self.either(
            || {
                let mut line = format!(
                    "REPORT RequestId: {id}\tDuration: {duration:.2} ms\tBilled Duration: {billed:.0} ms\tMemory Size: \
                     {memory} MB\tMax Memory Used: {used} MB\t"
                );
                if let Some(init) = init {
                    line.push_str(&format!("Init Duration: {init:.2} ms\t"));
                }
                match &report.ended {
                    Ended::Success | Ended::Failed => {}
                    Ended::Timeout => line.push_str("Status: timeout"),
                    Ended::Error(kind) => line.push_str(&format!("Status: error\tError Type: {kind}")),
                }
                line.push('\n');
                line
            },
            "platform.report",
            || {
                let mut metrics = json!({
                    "durationMs": rounded(duration),
                    "billedDurationMs": billed,
                    "memorySizeMB": memory,
                    "maxMemoryUsedMB": used,
                });
                if let Some(init) = init {
                    metrics["initDurationMs"] = rounded(init);
                }
                let (status, kind) = match &report.ended {
                    Ended::Success => ("success", None),
                    Ended::Failed => ("error", None),
                    Ended::Timeout => ("timeout", None),
                    Ended::Error(kind) => ("error", Some(*kind)),
                };
                let mut record = json!({"requestId": id, "metrics": metrics, "status": status});
                if let Some(kind) = kind {
                    record["errorType"] = kind.into();
                }
                record
            },
        )
    }

    fn either(
        &self,
        text: impl FnOnce() -> String,
        kind: &str,
        record: impl FnOnce() -> Value,
    ) -> Option<String> {
        let logging = &self.deployment.logging;
        if !logging.json {
            return Some(text());
        }
        // The platform's events are of level INFO.
        if logging.system_level == "WARN" {
            return None;
        }
        Some(format!("{}\n", json!({"time": self.now.rfc3339(), "type": kind, "record": record()})))
    }
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn rounded(millis: f64) -> Value {
    json!((millis * 1000.0).round() / 1000.0)
}
