//! Any definition is refused with diagnostics, or runs with any signals.

#![no_main]

use std::sync::Arc;

use asl::{ContextObject, Definition, Execution, Payload, Seed, Signal, TaskId, TimerId, Timestamp};
use libfuzzer_sys::fuzz_target;

/// As many signals as an execution is sent.
const SIGNALS: usize = 24;

fuzz_target!(|bytes: &[u8]| {
    // The text, and behind a zero what happens to its execution.
    let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
    let Ok(text) = std::str::from_utf8(&bytes[..end]) else { return };
    let (Some(definition), _) = Definition::parse(text, false) else { return };
    let context = ContextObject {
        execution_arn: "arn:aws:states:us-east-1:000000000000:execution:m:e".into(),
        execution_name: "e".into(),
        role_arn: "r".into(),
        state_machine_arn: "m".into(),
        state_machine_name: "m".into(),
        alias_arn: None,
        version_arn: None,
        region: "us-east-1".into(),
        express: false,
        counts_attempts: false,
    };
    let input = Payload::from_text(r#"{"a": [1, 2, {"b": "c"}], "n": 3}"#).expect("it is JSON");
    let (mut execution, mut step) =
        Execution::start(Arc::new(definition), context, input, Seed::new(1), Timestamp(0));
    for (at, byte) in bytes[end..].iter().skip(1).take(SIGNALS).enumerate() {
        let number = u64::from(byte >> 3);
        let task = TaskId(number);
        let output = || Payload::from_text("[{\"a\": 1}, 2]").expect("it is JSON");
        let signal = match byte & 7 {
            _ if step.more => Signal::Continue,
            0 => Signal::Continue,
            1 | 2 => Signal::TaskSucceeded { task, output: output() },
            3 => Signal::TaskFailed { task, error: Some("E".to_owned()), cause: None },
            4 => Signal::TaskSubmitted { task, output: output() },
            5 => Signal::ActivityStarted { task, worker: None },
            6 => Signal::StopRequested { error: None, cause: None },
            _ => Signal::TimerFired { timer: TimerId(number) },
        };
        step = execution.handle(signal, Timestamp(i64::try_from(at).unwrap_or_default()));
        if step.outcome.is_some() {
            return;
        }
    }
});
