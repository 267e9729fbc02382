//! The platform's own log lines and events: INIT_START, START, END, REPORT and the like, as text or as JSON, and for
//! those who subscribe to telemetry.
//!
//! The levels are those of AWS's "System log level event mapping".

use std::{borrow::Cow, fmt, time::Duration};

use runtime::Timestamp;
use serde_json::{Value, json};

use super::{
    deployment::{Deployment, Initialization},
    log::EnvironmentLog,
    telemetry::Subscribed,
};
use crate::runtime_api::{
    extensions::Shown,
    subscription::{Api, Category},
};

/// How an invocation ended, for its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ended {
    Success,
    /// The function answered with an error.
    Failed,
    Timeout,
    /// The environment ended, or never came to be; the error's type.
    Error(Cow<'static, str>),
}

impl Ended {
    /// `status` and `errorType` of a record.
    fn status(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Success => ("success", None),
            Self::Failed => ("error", None),
            Self::Timeout => ("timeout", None),
            Self::Error(kind) => ("error", Some(kind)),
        }
    }
}

/// How a start ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum InitStatus {
    Success,
    Timeout,
    /// The error's type.
    Error(String),
}

impl InitStatus {
    fn status(&self) -> (&'static str, Option<&str>) {
        match self {
            Self::Success => ("success", None),
            Self::Timeout => ("timeout", None),
            Self::Error(kind) => ("error", Some(kind)),
        }
    }
}

/// What a report says.
pub(crate) struct Report<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) duration: Duration,
    /// With the first invocation of an environment.
    pub(crate) init: Option<Duration>,
    /// The same of one that was restored from a snapshot.
    pub(crate) restore: Option<Duration>,
    pub(crate) max_memory: u32,
    pub(crate) ended: Ended,
    /// How long extensions went on after the runtime was done, and since when.
    pub(crate) overhead: Option<(Timestamp, Duration)>,
    pub(crate) trace_id: &'a str,
}

/// How the runtime took an invocation.
pub(crate) struct RuntimeDone<'a> {
    pub(crate) request_id: &'a str,
    pub(crate) began: Timestamp,
    pub(crate) duration: Duration,
    /// Until the response began, and from there to its end, if there was one.
    pub(crate) response: Option<(Duration, Duration)>,
    pub(crate) produced: usize,
    pub(crate) ended: &'a Ended,
    pub(crate) trace_id: &'a str,
}

/// The level of an event of the platform's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Debug,
    Info,
    Warn,
}

impl Level {
    fn of(well: bool, otherwise: Self) -> Self {
        if well { otherwise } else { Self::Warn }
    }
}

/// Writes the lines in a deployment's log format, and tells telemetry of them.
pub(crate) struct SystemLines<'a> {
    pub(crate) deployment: &'a Deployment,
    pub(crate) log: &'a EnvironmentLog,
}

/// A start or its part.
pub(crate) type Phase<'a> = (Initialization, &'a str);

impl SystemLines<'_> {
    /// `python:3.12.v1`; nothing for container images.
    fn runtime_version(&self) -> Option<String> {
        let deployment = self.deployment;
        // AWS counts its builds of a runtime (`python:3.12.v11`); here there is one.
        deployment.image.is_none().then(|| match &deployment.runtime.version {
            version if version.is_empty() => deployment.runtime.image.to_owned(),
            version => format!("{}:{version}.v1", deployment.runtime.image),
        })
    }

    fn about(&self, mut record: Value) -> Value {
        let deployment = self.deployment;
        if let Some(version) = self.runtime_version() {
            record["runtimeVersion"] = json!(version);
            record["runtimeVersionArn"] = json!(deployment.runtime_version_arn);
        }
        record["functionName"] = json!(deployment.function);
        record["functionVersion"] = json!(deployment.version);
        record
    }

    fn version_line(&self, word: &str) -> Option<String> {
        let arn = &self.deployment.runtime_version_arn;
        let name = self.runtime_version()?;
        Some(format!("{word} Runtime Version: {name}\tRuntime Version ARN: {arn}\n"))
    }

    /// Before an environment starts.
    pub(crate) fn init_start(&self, (initialization, phase): Phase<'_>) {
        // The text names the runtime's version alone, once.
        let text = || (phase == "init").then(|| self.version_line("INIT_START")).flatten();
        self.emit("platform.initStart", Level::Info, text, || {
            self.about(json!({"initializationType": initialization.name(), "phase": phase}))
        });
    }

    /// When the runtime, and before that all extensions, have asked for work, or will not.
    pub(crate) fn init_runtime_done(&self, (initialization, phase): Phase<'_>, status: &InitStatus) {
        let level = Level::of(*status == InitStatus::Success, Level::Debug);
        self.emit(
            "platform.initRuntimeDone",
            level,
            || None,
            || {
                let mut record = json!({"initializationType": initialization.name(), "phase": phase});
                put_status(&mut record, status.status());
                record
            },
        );
    }

    /// What a start in a phase took: `init`, or `invoke` for the one that an invocation makes.
    pub(crate) fn init_report(
        &self,
        (initialization, phase): Phase<'_>,
        status: &InitStatus,
        duration: Duration,
    ) {
        let millis = millis(duration);
        let well = *status == InitStatus::Success;
        let on_demand = initialization == Initialization::OnDemand;
        let level = Level::of(well, if on_demand { Level::Debug } else { Level::Info });
        let text = || {
            // Only starts ahead of requests are reported that went well.
            (!well || !on_demand).then(|| {
                let end = status_text(status.status());
                format!("INIT_REPORT Init Duration: {} ms\tPhase: {phase}{end}\n", Hundredths(millis))
            })
        };
        self.emit("platform.initReport", level, text, || {
            let mut record = json!({"initializationType": initialization.name(), "phase": phase});
            put_status(&mut record, status.status());
            record["metrics"] = json!({"durationMs": rounded(millis)});
            record
        });
    }

    /// Before an environment is made of a snapshot.
    pub(crate) fn restore_start(&self) {
        let text = || self.version_line("RESTORE_START");
        self.emit("platform.restoreStart", Level::Info, text, || self.about(json!({})));
    }

    /// When the hooks of the runtime have run.
    pub(crate) fn restore_runtime_done(&self, status: &InitStatus) {
        let level = Level::of(*status == InitStatus::Success, Level::Debug);
        self.emit(
            "platform.restoreRuntimeDone",
            level,
            || None,
            || {
                let mut record = json!({});
                put_status(&mut record, status.status());
                record
            },
        );
    }

    /// What a restoration took.
    pub(crate) fn restore_report(&self, status: &InitStatus, duration: Duration) {
        let millis = millis(duration);
        let level = Level::of(*status == InitStatus::Success, Level::Info);
        let text = || {
            let end = status_text(status.status());
            Some(format!("RESTORE_REPORT Restore Duration: {} ms{end}\n", Hundredths(millis)))
        };
        self.emit("platform.restoreReport", level, text, || {
            let mut record = json!({"metrics": {"durationMs": rounded(millis)}});
            put_status(&mut record, status.status());
            record
        });
    }

    /// How an extension came through the start.
    pub(crate) fn extension(&self, shown: &Shown) {
        let level = Level::of(shown.error.is_none(), Level::Info);
        let text = || {
            let (name, state, events) = (&shown.name, shown.state, shown.events.join(", "));
            let error =
                shown.error.as_ref().map(|error| format!("\tError Type: {error}")).unwrap_or_default();
            Some(format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{events}]{error}\n"))
        };
        self.emit("platform.extension", level, text, || {
            let mut record = json!({"name": shown.name, "state": shown.state, "events": shown.events});
            if let Some(error) = &shown.error {
                record["errorType"] = json!(error);
            }
            record
        });
    }

    /// That an extension has subscribed to telemetry.
    pub(crate) fn subscription(&self, subscribed: &Subscribed) {
        let (word, kind) = match subscribed.api {
            Api::Telemetry => ("TELEMETRY", "platform.telemetrySubscription"),
            Api::Logs => ("LOGS", "platform.logsSubscription"),
        };
        let name = &subscribed.extension;
        let text = || {
            let types: Vec<_> = subscribed.categories.iter().map(|category| category.title()).collect();
            Some(format!("{word}\tName: {name}\tState: Subscribed\tTypes: [{}]\n", types.join(", ")))
        };
        self.emit(kind, Level::Info, text, || {
            let types: Vec<_> = subscribed.categories.iter().map(|category| category.name()).collect();
            json!({"name": name, "state": "Subscribed", "types": types})
        });
    }

    /// Before an invocation.
    pub(crate) fn start(&self, request_id: &str, trace_id: &str) {
        let version = &self.deployment.version;
        let text = || Some(format!("START RequestId: {request_id} Version: {version}\n"));
        self.emit("platform.start", Level::Info, text, || {
            traced(json!({"requestId": request_id, "version": version}), trace_id)
        });
    }

    /// When the runtime has asked for more, or will not.
    pub(crate) fn runtime_done(&self, done: &RuntimeDone<'_>) {
        let (status, kind) = done.ended.status();
        let level = Level::of(*done.ended == Ended::Success, Level::Debug);
        self.emit(
            "platform.runtimeDone",
            level,
            || None,
            || {
                let mut record = json!({
                    "requestId": done.request_id,
                    "metrics": {"durationMs": rounded(millis(done.duration)), "producedBytes": done.produced},
                });
                put_status(&mut record, (status, kind));
                if let Some((latency, rest)) = done.response {
                    let answered = done.began.plus(latency);
                    let mut spans = vec![
                        span("responseLatency", done.began, latency),
                        span("responseDuration", answered, rest),
                    ];
                    if let Some(overhead) = done.duration.checked_sub(latency + rest) {
                        spans.push(span("runtimeOverhead", answered.plus(rest), overhead));
                    }
                    record["spans"] = json!(spans);
                }
                traced(record, done.trace_id)
            },
        );
    }

    /// When an invocation ran out of time.
    pub(crate) fn timed_out(&self, request_id: &str) {
        let seconds = self.deployment.timeout.as_secs_f64();
        if !self.deployment.logging.json {
            let now = self.log.now().rfc3339();
            self.log.platform(format!("{now} {request_id} Task timed out after {seconds:.2} seconds\n\n"));
        }
    }

    /// When its environment failed. JSON has no line of this kind.
    pub(crate) fn broke_off(&self, request_id: &str, (kind, message): (&str, &str)) {
        if !self.deployment.logging.json {
            self.log.platform(format!("RequestId: {request_id} Error: {message}\n{kind}\n"));
        }
    }

    /// After an invocation. JSON has no line of this kind.
    pub(crate) fn end(&self, request_id: &str) {
        if !self.deployment.logging.json {
            self.log.platform(format!("END RequestId: {request_id}\n"));
        }
        if self.log.telemetry.wants(Category::Platform) {
            self.log.telemetry.tell(self.log.now(), "platform.end", json!({"requestId": request_id}));
        }
    }

    /// What an invocation took.
    pub(crate) fn report(&self, report: &Report<'_>) {
        let duration = millis(report.duration);
        // Instances are what is billed, and their memory is not an invocation's: AWS's interface emulator for managed
        // instances reports nothing but the duration (`interop/events_api.go`, `ReportMetrics`).
        let managed = self.deployment.concurrency.is_some();
        let (init, restore) = (report.init.filter(|_| !managed).map(millis), report.restore.map(millis));
        let billed = (duration + init.unwrap_or_default() + restore.unwrap_or_default()).ceil();
        let (memory, used, id) = (self.deployment.memory, report.max_memory, report.request_id);
        let text = || {
            let mut line = format!("REPORT RequestId: {id}\tDuration: {} ms\t", Hundredths(duration));
            if !managed {
                line.push_str(&format!(
                    "Billed Duration: {} ms\tMemory Size: {memory} MB\tMax Memory Used: {used} MB\t",
                    whole(billed)
                ));
            }
            if let Some(init) = init {
                line.push_str(&format!("Init Duration: {} ms\t", Hundredths(init)));
            }
            if let Some(restore) = restore {
                line.push_str(&format!(
                    "Restore Duration: {} ms\tBilled Restore Duration: {} ms\t",
                    Hundredths(restore),
                    whole(restore.ceil())
                ));
            }
            match &report.ended {
                Ended::Success | Ended::Failed => {}
                Ended::Timeout => line.push_str("Status: timeout"),
                Ended::Error(kind) => line.push_str(&format!("Status: error\tError Type: {kind}")),
            }
            line.push('\n');
            line.extend(x_ray(report.trace_id));
            Some(line)
        };
        let level = Level::of(report.ended == Ended::Success, Level::Info);
        self.emit("platform.report", level, text, || {
            let mut metrics = json!({ "durationMs": rounded(duration) });
            if !managed {
                metrics["billedDurationMs"] = json!(billed);
                metrics["memorySizeMB"] = json!(memory);
                metrics["maxMemoryUsedMB"] = json!(used);
            }
            if let Some(init) = init {
                metrics["initDurationMs"] = rounded(init);
            }
            if let Some(restore) = restore {
                metrics["restoreDurationMs"] = rounded(restore);
            }
            let mut record = json!({"requestId": id, "metrics": metrics});
            put_status(&mut record, report.ended.status());
            if let Some((since, overhead)) = report.overhead {
                record["spans"] = json!([span("extensionOverhead", since, overhead)]);
            }
            traced(record, report.trace_id)
        });
    }

    /// Writes an event where it belongs; nothing is made that nobody gets.
    fn emit(
        &self,
        kind: &'static str,
        level: Level,
        text: impl FnOnce() -> Option<String>,
        record: impl FnOnce() -> Value,
    ) {
        let logging = &self.deployment.logging;
        let wanted = self.log.telemetry.wants(Category::Platform);
        let least = match logging.system_level.as_str() {
            "DEBUG" => Level::Debug,
            "WARN" => Level::Warn,
            _ => Level::Info,
        };
        let written = logging.json && level >= least;
        if !logging.json
            && let Some(text) = text()
        {
            self.log.platform(text);
        }
        if !written && !wanted {
            return;
        }
        let (now, record) = (self.log.now(), record());
        if written {
            self.log
                .platform(format!("{}\n", json!({"time": now.rfc3339(), "type": kind, "record": record})));
        }
        if wanted {
            self.log.telemetry.tell(now, kind, record);
        }
    }
}

fn put_status(record: &mut Value, (status, kind): (&str, Option<&str>)) {
    record["status"] = json!(status);
    if let Some(kind) = kind {
        record["errorType"] = json!(kind);
    }
}

fn status_text((status, kind): (&str, Option<&str>)) -> String {
    match (status, kind) {
        ("success", _) => String::new(),
        (status, None) => format!("\tStatus: {status}"),
        (status, Some(kind)) => format!("\tStatus: {status}\tError Type: {kind}"),
    }
}

/// A part of a trace header.
fn trace_part<'a>(trace_id: &'a str, name: &str) -> Option<&'a str> {
    trace_id.split(';').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='))
}

fn is_sampled(trace_id: &str) -> bool {
    trace_part(trace_id, "Sampled") == Some("1")
}

/// The line below a report that names the trace it belongs to, if that is kept anywhere.
fn x_ray(trace_id: &str) -> Option<String> {
    let root = trace_part(trace_id, "Root").filter(|_| is_sampled(trace_id))?;
    let segment = trace_part(trace_id, "Parent").unwrap_or_default();
    Some(format!("XRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t\n"))
}

/// The record with the trace it belongs to, if that is kept anywhere.
fn traced(mut record: Value, trace_id: &str) -> Value {
    if is_sampled(trace_id) {
        record["tracing"] = json!({"type": "X-Amzn-Trace-Id", "value": trace_id});
        if let Some(parent) = trace_part(trace_id, "Parent") {
            record["tracing"]["spanId"] = json!(parent);
        }
    }
    record
}

fn span(name: &str, start: Timestamp, duration: Duration) -> Value {
    json!({"name": name, "start": start.rfc3339(), "durationMs": rounded(millis(duration))})
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// A number of milliseconds with two decimals, by whole numbers: every invocation is reported, and the standard library
/// takes any number for one that is hard to round.
struct Hundredths(f64);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hundredths = whole(self.0 * 100.0);
        write!(f, "{}.{:02}", hundredths / 100, hundredths % 100)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a duration, rounded")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

fn rounded(millis: f64) -> Value {
    json!((millis * 1000.0).round() / 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_decimals() {
        for millis in [0.0, 0.004, 0.996, 1.0, 1.234, 9.999, 12.3, 100.05, 899_999.999] {
            assert_eq!(Hundredths(millis).to_string(), format!("{millis:.2}"));
        }
    }
}
