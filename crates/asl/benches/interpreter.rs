//! How fast workflows run in the pure interpreter. Each answer is checked before it is timed.
#![expect(clippy::unwrap_used, reason = "a benchmark that finds nothing where something must be has failed")]

use std::{hint::black_box, sync::Arc};

use asl::{ContextObject, Definition, Execution, Outcome, Payload, Seed, Signal, Timestamp};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

fn compile(definition: &Value) -> Arc<Definition> {
    Arc::new(Definition::parse(&definition.to_string(), true).0.unwrap())
}

fn run(definition: &Arc<Definition>, input: &Payload) -> Payload {
    let context = ContextObject {
        execution_arn: "arn:aws:states:us-east-1:000000000000:express:m:e:u".into(),
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
    let (mut execution, mut step) =
        Execution::start(Arc::clone(definition), context, input.clone(), Seed::new(1), Timestamp(0));
    while step.more {
        step = execution.handle(Signal::Continue, Timestamp(0));
    }
    match step.outcome.unwrap() {
        Outcome::Succeeded { output } => output,
        other => panic!("{other:?}"),
    }
}

fn chain(length: usize) -> Value {
    let state = |place: usize| match place + 1 {
        next if next == length => json!({ "Type": "Pass", "End": true }),
        next => json!({ "Type": "Pass", "Next": format!("S{next}") }),
    };
    let states: serde_json::Map<String, Value> =
        (0..length).map(|place| (format!("S{place}"), state(place))).collect();
    json!({ "StartAt": "S0", "States": states })
}

fn map() -> Value {
    let processor = json!({ "StartAt": "P", "States": { "P": { "Type": "Pass", "End": true } } });
    json!({ "StartAt": "M", "States": { "M": { "Type": "Map", "ItemProcessor": processor, "End": true } } })
}

fn counting() -> Value {
    json!({ "StartAt": "C", "States": {
        "C": { "Type": "Choice", "Choices": [{ "Variable": "$.n", "NumericLessThan": 1000, "Next": "A" }], "Default": "D" },
        "A": { "Type": "Pass", "Parameters": { "n.$": "States.MathAdd($.n, 1)" }, "Next": "C" },
        "D": { "Type": "Succeed" },
    } })
}

fn counting_query() -> Value {
    json!({ "StartAt": "C", "QueryLanguage": "JSONata", "States": {
        "C": { "Type": "Choice", "Choices": [{ "Condition": "{% $states.input.n < 1000 %}", "Next": "A" }], "Default": "D" },
        "A": { "Type": "Pass", "Output": { "n": "{% $states.input.n + 1 %}" }, "Next": "C" },
        "D": { "Type": "Succeed" },
    } })
}

fn benchmarks(criterion: &mut Criterion) {
    let hundred = compile(&chain(100));
    let empty = Payload::empty_object();
    assert_eq!(run(&hundred, &empty).value(), &json!({}));
    criterion.bench_function("a chain of 100 Pass states", |bench| {
        bench.iter(|| run(black_box(&hundred), &empty));
    });
    for length in [1_000, 10_000] {
        let (definition, items) = (compile(&map()), Payload::new((0..length).collect()));
        assert_eq!(run(&definition, &items).value(), items.value());
        criterion.bench_function(&format!("a Map over {length} items"), |bench| {
            bench.iter(|| run(black_box(&definition), &items));
        });
    }
    let zero = Payload::new(json!({ "n": 0 }));
    for (name, definition) in [("Choice and MathAdd", counting()), ("Choice in JSONata", counting_query())] {
        let definition = compile(&definition);
        assert_eq!(run(&definition, &zero).value(), &json!({ "n": 1000 }));
        criterion.bench_function(&format!("a loop of 1,000 {name}"), |bench| {
            bench.iter(|| run(black_box(&definition), &zero));
        });
    }
}

criterion_group!(benches, benchmarks);
criterion_main!(benches);
