//! Any definition with any order of signals: nothing panics, and a replay of the journal gives the same history.

use std::sync::Arc;

use asl::map_run::MapRunOutcome;
use asl::{
    ContextObject, Definition, Execution, Failure, HistoryEvent, Payload, Seed, Signal, TaskId, TimerId,
    Timestamp,
};
use proptest::prelude::*;
use serde_json::{Value, json};

const RESOURCES: &[&str] = &[
    "arn:aws:lambda:us-east-1:000000000000:function:f",
    "arn:aws:states:us-east-1:000000000000:activity:a",
    "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
    "arn:aws:states:::states:startExecution.sync:2",
    "arn:aws:states:::aws-sdk:s3:listBuckets",
];

/// A state's body; where it goes is added by the machine.
fn state(depth: u32) -> BoxedStrategy<Value> {
    let paths = prop_oneof![
        Just("$"),
        Just("$.a"),
        Just("$.a[0]"),
        Just("$$.State.Name"),
        Just("$v"),
        Just("$.no"),
        Just("$..a")
    ];
    let pass = (paths.clone(), paths.clone()).prop_map(|(input, value)| {
        json!({ "Type": "Pass", "InputPath": input, "Parameters": { "a.$": value, "n.$": "States.MathAdd(1, 2)" }, "ResultPath": "$.a" })
    });
    let task = (0..RESOURCES.len(), 0..3_u32, paths.clone()).prop_map(|(resource, attempts, path)| {
        json!({
            "Type": "Task", "Resource": RESOURCES[resource], "TimeoutSeconds": 60, "HeartbeatSeconds": 5, "OutputPath": path,
            "Retry": [{ "ErrorEquals": ["States.ALL"], "MaxAttempts": attempts, "JitterStrategy": "FULL" }],
            "Assign": { "v.$": "$" },
        })
    });
    let wait = prop_oneof![
        Just(json!({ "Type": "Wait", "Seconds": 3 })),
        Just(json!({ "Type": "Wait", "SecondsPath": "$.a" }))
    ];
    let query = Just(
        json!({ "Type": "Pass", "QueryLanguage": "JSONata", "Output": { "a": "{% $states.input.a %}" } }),
    );
    let leaf = prop_oneof![pass, task, wait, query].boxed();
    if depth == 0 {
        return leaf;
    }
    let inner = machine(depth - 1);
    let parallel = prop::collection::vec(inner.clone(), 1..3)
        .prop_map(|branches| json!({ "Type": "Parallel", "Branches": branches, "ResultPath": "$.a" }));
    let distributed = (inner.clone(), paths.clone()).prop_map(|(mut processor, items)| {
        processor["ProcessorConfig"] = json!({ "Mode": "DISTRIBUTED", "ExecutionType": "STANDARD" });
        json!({
            "Type": "Map", "ItemsPath": items, "ItemProcessor": processor, "Label": "L",
            "Retry": [{ "ErrorEquals": ["Bad"], "MaxAttempts": 1 }],
        })
    });
    let map = (inner, 0..3_u32, paths).prop_map(|(processor, concurrency, items)| {
        json!({ "Type": "Map", "ItemsPath": items, "ItemProcessor": processor, "MaxConcurrency": concurrency, "ToleratedFailureCount": 1 })
    });
    prop_oneof![4 => leaf, 1 => parallel, 1 => map, 1 => distributed].boxed()
}

/// States one after the other, now and then with a way back.
fn machine(depth: u32) -> BoxedStrategy<Value> {
    (prop::collection::vec(state(depth), 1..4), any::<bool>())
        .prop_map(|(mut states, back)| {
            let count = states.len();
            for (place, state) in states.iter_mut().enumerate() {
                if place + 1 < count {
                    state["Next"] = json!(format!("S{}", place + 1));
                } else if back {
                    state["Next"] = json!("Choice");
                } else {
                    state["End"] = json!(true);
                }
            }
            let mut named: serde_json::Map<String, Value> =
                states.into_iter().enumerate().map(|(place, state)| (format!("S{place}"), state)).collect();
            if back {
                let rule = json!({ "Variable": "$.a", "IsPresent": true, "Next": "S0" });
                named.insert(
                    "Choice".into(),
                    json!({ "Type": "Choice", "Choices": [rule], "Default": "End" }),
                );
                named.insert("End".into(), json!({ "Type": "Fail", "Error": "E" }));
            }
            json!({ "StartAt": "S0", "States": named })
        })
        .boxed()
}

/// The same machine with names that nothing else in it has, as the language demands.
fn named(machine: &Value, prefix: &str) -> Value {
    fn renamed(value: &Value, prefix: &str, own: &str) -> Value {
        let Value::Object(fields) = value else { return value.clone() };
        let fields = fields.iter().map(|(field, value)| {
            let changed = match (field.as_str(), value) {
                ("Next" | "Default" | "StartAt", Value::String(target)) => json!(format!("{prefix}{target}")),
                ("Choices", Value::Array(rules)) => {
                    rules.iter().map(|rule| renamed(rule, prefix, own)).collect()
                }
                ("Branches", Value::Array(branches)) => {
                    let branches = branches.iter().enumerate();
                    branches.map(|(at, branch)| named(branch, &format!("{own}{at}"))).collect()
                }
                ("ItemProcessor", processor) => named(processor, own),
                (_, other) => other.clone(),
            };
            (field.clone(), changed)
        });
        Value::Object(fields.collect())
    }
    let states = machine["States"].as_object().into_iter().flatten().map(|(name, state)| {
        let own = format!("{prefix}{name}");
        let state = renamed(state, prefix, &own);
        (own, state)
    });
    let states: serde_json::Map<String, Value> = states.collect();
    let start = machine["StartAt"].as_str().unwrap_or_default();
    let mut machine = machine.clone();
    machine["StartAt"] = json!(format!("{prefix}{start}"));
    machine["States"] = Value::Object(states);
    machine
}

fn signal() -> impl Strategy<Value = Signal> {
    let value =
        prop_oneof![Just("{}"), Just("[1,2,3]"), Just(r#"{"a":[1,2]}"#), Just("null"), Just(r#"{"a":1}"#)];
    let payload = value.prop_map(|text| Payload::from_text(text).unwrap_or_else(|_| Payload::empty_object()));
    let task = || (0..40_u64).prop_map(TaskId);
    prop_oneof![
        2 => Just(Signal::Continue),
        8 => (task(), payload.clone()).prop_map(|(task, output)| Signal::TaskSucceeded { task, output }),
        4 => task().prop_map(|task| Signal::TaskFailed { task, error: Some("Bad".into()), cause: None }),
        2 => (task(), payload).prop_map(|(task, output)| Signal::TaskSubmitted { task, output }),
        2 => task().prop_map(|task| Signal::ActivityStarted { task, worker: None }),
        2 => task().prop_map(|task| Signal::Heartbeat { task }),
        8 => (0..40_u64).prop_map(|timer| Signal::TimerFired { timer: TimerId(timer) }),
        3 => (task(), any::<bool>()).prop_map(|(run, good)| {
            let outcome = if good {
                MapRunOutcome::Succeeded { output: Payload::new(json!([1])) }
            } else {
                MapRunOutcome::Failed(Failure::named("Bad"))
            };
            Signal::MapRunEnded { run, outcome }
        }),
        4 => Just(Signal::Redriven),
        1 => Just(Signal::StopRequested { error: None, cause: None }),
    ]
}

fn start(definition: &Arc<Definition>) -> (Execution, Vec<HistoryEvent>) {
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
    let input = Payload::new(json!({ "a": [1, 2, 3] }));
    let (execution, step) =
        Execution::start(Arc::clone(definition), context, input, Seed::new(1), Timestamp(0));
    (execution, step.events)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_panics_and_a_replay_is_the_same(definition in machine(2), signals in prop::collection::vec(signal(), 0..60)) {
        let (definition, diagnostics) = Definition::parse(&named(&definition, "").to_string(), false);
        prop_assert!(definition.is_some(), "{:?}", diagnostics);
        let Some(definition) = definition.map(Arc::new) else { return Ok(()) };
        let run = || {
            let (mut execution, mut events) = start(&definition);
            let mut at = 0;
            for signal in &signals {
                at += 1000;
                events.extend(execution.handle(signal.clone(), Timestamp(at)).events);
                let snapshot = execution.snapshot();
                if let Ok(restored) = Execution::restore(Arc::clone(&definition), &snapshot) {
                    execution = restored;
                }
            }
            events
        };
        let (mut straight, mut events) = start(&definition);
        for (place, signal) in (1..).zip(&signals) {
            events.extend(straight.handle(signal.clone(), Timestamp(place * 1000)).events);
        }
        prop_assert_eq!(run(), events.clone());
        prop_assert!(events.iter().zip(1..).all(|(event, id)| event.id == id && event.previous_event_id < id));
    }

    #[test]
    fn any_text_is_a_definition_or_has_diagnostics(text in ".{0,200}") {
        let (definition, diagnostics) = Definition::parse(&text, false);
        prop_assert!(definition.is_some() || !diagnostics.is_empty());
    }
}

#[test]
fn deep_and_endless_things_end() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Definition::parse(&deep, false).0.is_none());
    let growing = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Parameters":{"a.$":"$"},"Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}"#;
    let (definition, _) = Definition::parse(growing, false);
    let Some(definition) = definition.map(Arc::new) else { panic!("it is a definition") };
    let (execution, events) = start(&definition);
    assert!(execution.status() == asl::Status::Failed && events.len() < 1000, "nesting has a limit");
    let endless = r#"{"StartAt":"A","States":{"A":{"Type":"Pass","Next":"B"},"B":{"Type":"Choice","Choices":[{"Variable":"$.no","IsPresent":true,"Next":"C"}],"Default":"A"},"C":{"Type":"Succeed"}}}"#;
    let (definition, _) = Definition::parse(endless, false);
    let Some(definition) = definition.map(Arc::new) else { panic!("it is a definition") };
    let (mut execution, mut events) = start(&definition);
    while execution.status() == asl::Status::Running {
        events.extend(execution.handle(Signal::Continue, Timestamp(1)).events);
    }
    assert_eq!(events.len(), 25_000, "a history has a limit");
}
