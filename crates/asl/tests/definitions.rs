//! Real definitions, of AWS's own collections: all are read, found right, and drawn.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

use std::path::Path;

use asl::{
    Code, Definition,
    layout::{Layout, NodeKind, svg},
};
use serde_json::Value;

/// Definitions that wait for Map states in the mode DISTRIBUTED.
const WAITING: &[&str] = &[];

/// Fields whose value is a number.
const NUMBERS: &[&str] = &[
    "Seconds",
    "TimeoutSeconds",
    "HeartbeatSeconds",
    "MaxConcurrency",
    "IntervalSeconds",
    "MaxAttempts",
    "BackoffRate",
    "MaxItems",
    "MaxItemsPerBatch",
    "ToleratedFailureCount",
    "ToleratedFailurePercentage",
];

/// Fills in what a deployment would: an ARN for a resource, a number where one belongs, a word elsewhere.
fn filled(field: &str, value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains("${") => {
            let whole = text.starts_with("${") && text.ends_with('}') && text.matches("${").count() == 1;
            if whole && field == "Resource" {
                return "arn:aws:lambda:us-east-1:000000000000:function:filled".into();
            }
            if whole && NUMBERS.contains(&field) {
                return 1.into();
            }
            let mut out = String::new();
            let mut rest = text.as_str();
            while let Some(at) = rest.find("${") {
                out.push_str(&rest[..at]);
                out.push_str(match &rest[at..] {
                    placeholder
                        if placeholder.to_lowercase().split('}').next().unwrap().contains("partition") =>
                    {
                        "aws"
                    }
                    _ => "filled",
                });
                rest = rest[at..].find('}').map_or("", |end| &rest[at + end + 1..]);
            }
            Value::String(out + rest)
        }
        Value::Object(members) => {
            members.iter().map(|(name, member)| (name.clone(), filled(name, member))).collect()
        }
        Value::Array(items) => items.iter().map(|item| filled(field, item)).collect(),
        other => other.clone(),
    }
}

fn samples() -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/definitions/samples.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn all_real_definitions_are_right_and_can_be_drawn() {
    let mut wrong = Vec::new();
    let mut drawn = 0;
    for sample in samples() {
        let id = sample["id"].as_str().unwrap();
        let (definition, diagnostics) =
            Definition::parse(&filled("", &sample["definition"]).to_string(), false);
        if WAITING.contains(&id) {
            assert!(diagnostics.iter().any(|found| found.code == Code::NotImplemented), "{id} waits no more");
            continue;
        }
        match (sample["expect"].as_str().unwrap(), definition) {
            ("clean", Some(definition)) => {
                let layout = Layout::of(&definition);
                let states = layout.nodes.iter().filter(|node| matches!(node.kind, NodeKind::State { .. }));
                let count: usize = definition.machines.iter().map(|machine| machine.states.len()).sum();
                assert_eq!(states.count(), count, "{id}");
                check_places(id, &layout);
                assert_eq!(layout, Layout::of(&definition), "{id}");
                assert!(svg(&layout, None).ends_with("</svg>\n"));
                drawn += 1;
            }
            ("diagnostic", None) => {}
            (_, found) => {
                let said: Vec<String> = diagnostics.iter().map(ToString::to_string).collect();
                wrong.push(format!("{id}: {} {}", found.is_some(), said.join("; ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}\n{}", wrong.len(), wrong.join("\n"));
    assert!(drawn + WAITING.len() >= 141, "{drawn}");
}

/// Everything stands within the picture, and no two boxes overlap unless one holds the other.
fn check_places(id: &str, layout: &Layout) {
    for (at, one) in layout.nodes.iter().enumerate() {
        assert!(one.x >= 0 && one.y >= 0, "{id}: {one:?}");
        assert!(one.x + one.width <= layout.width && one.y + one.height <= layout.height, "{id}: {one:?}");
        for other in &layout.nodes[at + 1..] {
            let apart = one.x + one.width <= other.x
                || other.x + other.width <= one.x
                || one.y + one.height <= other.y
                || other.y + other.height <= one.y;
            let within = other.x >= one.x
                && other.y >= one.y
                && other.x + other.width <= one.x + one.width
                && other.y + other.height <= one.y + one.height;
            assert!(apart || within, "{id}: {one:?} {other:?}");
        }
    }
    for (x, y) in layout.edges.iter().flat_map(|edge| &edge.points) {
        assert!(*x >= 0 && *y >= 0 && *x <= layout.width && *y <= layout.height, "{id}: {x} {y}");
    }
}

#[test]
fn the_work_of_drawing_grows_with_what_is_drawn() {
    // Every state leads to the next one and back to the first, and may end at the last: as many long transitions as
    // states.
    let machine = |count: usize| {
        let mut states = serde_json::Map::new();
        for at in 0..count {
            let choices = serde_json::json!([
                { "Variable": "$.a", "IsNull": true, "Next": format!("S{}", (at + 1) % count) },
                { "Variable": "$.b", "IsNull": true, "Next": "S0" },
            ]);
            let state = serde_json::json!({ "Type": "Choice", "Choices": choices, "Default": format!("S{}", count - 1) });
            states.insert(format!("S{at}"), state);
        }
        states.insert("End".into(), serde_json::json!({ "Type": "Succeed" }));
        states[&format!("S{}", count / 2)]["Default"] = "End".into();
        let definition = serde_json::json!({ "StartAt": "S0", "States": states }).to_string();
        Definition::parse(&definition, false).0.unwrap()
    };
    let layout = Layout::of(&machine(3000));
    assert_eq!(layout.nodes.len(), 3003);
    // Points stand for work: were every long transition led past all layers between, there would be millions.
    let points: usize = layout.edges.iter().map(|edge| edge.points.len()).sum();
    assert!(points < 100_000, "{points}");
}

#[test]
fn names_cannot_break_out_of_the_picture() {
    let name = "<script>&\"\u{1}";
    let definition = serde_json::json!({ "StartAt": name, "States": { name: { "Type": "Succeed" } } });
    let (definition, _) = Definition::parse(&definition.to_string(), false);
    let picture = svg(&Layout::of(&definition.unwrap()), None);
    assert!(
        picture.contains("&lt;script&gt;&amp;&quot;</text>") && !picture.contains("<script"),
        "{picture}"
    );
}
