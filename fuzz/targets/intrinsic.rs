//! Any intrinsic function call is refused at creation, fails, or has a value.

#![no_main]

use std::sync::Arc;

use asl::{ContextObject, Definition, Execution, Payload, Seed, Timestamp};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|call: &str| {
    let machine = serde_json::json!({ "StartAt": "P", "States": { "P": {
        "Type": "Pass", "End": true, "Parameters": { "v.$": format!("States.{call}") },
    } } });
    let (Some(definition), _) = Definition::parse(&machine.to_string(), true) else { return };
    let context = ContextObject {
        execution_arn: "e".into(),
        execution_name: "e".into(),
        role_arn: "r".into(),
        state_machine_arn: "m".into(),
        state_machine_name: "m".into(),
        alias_arn: None,
        version_arn: None,
        region: "us-east-1".into(),
        express: true,
        counts_attempts: false,
    };
    let input = Payload::from_text(r#"{"a": [1, 2, {"b": "c"}], "n": 3, "t": "é{}"}"#).expect("it is JSON");
    let (_, step) = Execution::start(Arc::new(definition), context, input, Seed::new(1), Timestamp(0));
    assert!(step.outcome.is_some(), "a Pass state ends at once");
});
