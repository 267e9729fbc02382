//! The sample backend from start to end, in both executors, as a new user would try it.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::process::Command;

use e2e::{Tule, client, has_docker, root, wait_for};
use serde_json::{Value, json};

fn curl(arguments: &[&str]) -> Value {
    let output =
        Command::new("curl").args(["--silent", "--show-error", "--max-time", "60"]).args(arguments).output();
    let output = output.expect("curl runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "curl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("curl {arguments:?}: {error}: {text}"))
}

fn post(url: &str, body: &Value) -> Value {
    curl(&["--header", "content-type: application/json", "--data", &body.to_string(), url])
}

fn ended(tule: &Tule, arn: &str) -> Value {
    wait_for(arn, || {
        let described = tule.states("DescribeExecution", &json!({ "executionArn": arn }));
        (described["status"] != "RUNNING").then_some(described)
    })
}

fn order(rest: &str, card: &str) -> String {
    let items = json!([{ "dish": "soup", "price": 4.5 }, { "dish": "bread", "price": 1.5 }]);
    let made =
        post(&format!("{rest}/orders"), &json!({ "items": items, "card": card, "address": "5 River Road" }));
    assert_eq!((made["status"].as_str(), made["total"].as_f64()), (Some("CREATED"), Some(6.0)), "{made}");
    made["id"].as_str().unwrap().to_owned()
}

fn walk_through(tule: &Tule) {
    let rest = tule.said_url(&["REST"]);
    let http = tule.said_url(&["HTTP"]);

    // Created over REST in Python, read over HTTP in Node, queried over GraphQL.
    let id = order(&rest, "4242");
    assert_eq!(curl(&[&format!("{http}/orders/{id}")])["id"], json!(id));
    assert_eq!(curl(&[&format!("{http}/orders/none")])["message"], "no such order");
    let refused = post(&format!("{rest}/orders"), &json!({ "items": [] }));
    assert_eq!(refused["message"], "an order has at least one item");
    let query = json!({ "query": "query($id: ID!) { order(id: $id) { status total items { dish } } }", "variables": { "id": id } });
    let answer = post(&format!("{http}/graphql"), &query);
    let expected = json!({ "data": { "order": { "status": "CREATED", "total": 6.0, "items": [{ "dish": "soup" }, { "dish": "bread" }] } } });
    assert_eq!(answer["data"]["order"]["items"], expected["data"]["order"]["items"], "{answer}");

    // The workflow, started by the REST API's service integration: delivered.
    let started = post(&format!("{rest}/workflows"), &json!({ "orderId": id }));
    let arn = started["executionArn"].as_str().unwrap_or_else(|| panic!("{started}")).to_owned();
    let end = ended(tule, &arn);
    assert_eq!(end["status"], "SUCCEEDED", "{end}");
    let output: Value = serde_json::from_str(end["output"].as_str().unwrap()).unwrap();
    assert_eq!((&output["status"], &output["plates"]), (&json!("DELIVERED"), &json!(2)), "{output}");
    assert_eq!(curl(&[&format!("{http}/orders/{id}")])["status"], "DELIVERED");
    let page = tule.states("GetExecutionHistory", &json!({ "executionArn": arn, "maxResults": 1000 }));
    let kinds: Vec<&str> =
        page["events"].as_array().unwrap().iter().map(|it| it["type"].as_str().unwrap()).collect();
    for kind in [
        "MapIterationSucceeded",
        "ParallelStateSucceeded",
        "WaitStateExited",
        "ChoiceStateEntered",
        "LambdaFunctionSucceeded",
    ] {
        assert!(kinds.contains(&kind), "no {kind} in {kinds:?}");
    }

    // Started from a function by boto3: the payment is busy twice, and retried.
    let busy = order(&rest, "busy");
    let started = post(&format!("{http}/orders/{busy}/deliver"), &json!({}));
    let end = ended(tule, started["executionArn"].as_str().unwrap_or_else(|| panic!("{started}")));
    assert_eq!(end["status"], "SUCCEEDED", "{end}");

    // A declined card is compensated.
    let declined = order(&rest, "declined");
    let started = post(&format!("{rest}/workflows"), &json!({ "orderId": declined }));
    let end = ended(tule, started["executionArn"].as_str().unwrap());
    assert_eq!(
        (end["status"].as_str(), end["error"].as_str()),
        (Some("FAILED"), Some("OrderCancelled")),
        "{end}"
    );
    assert_eq!(curl(&[&format!("{http}/orders/{declined}")])["reason"], "PaymentDeclined");

    // What the functions wrote.
    if let Some(said) = client(
        tule,
        "aws",
        &["logs", "filter-log-events", "--log-group-name", "/aws/lambda/orders-CreateOrder"],
    ) {
        assert!(said.contains(&format!("created order {id}")), "{said}");
    }
}

#[test]
fn the_sample_backend_runs_in_local_processes() {
    let tule = Tule::up(&root().join("fixtures/apps/orders"), &["--executor", "process"]);
    walk_through(&tule);
}

#[test]
fn the_sample_backend_runs_in_containers() {
    if !has_docker() {
        return;
    }
    let tule = Tule::up(&root().join("fixtures/apps/orders"), &["--executor", "docker"]);
    walk_through(&tule);
}

#[test]
fn the_same_template_again_changes_what_is_there_and_a_reset_removes_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let backend = root().join("fixtures/apps/orders");
    let arguments = ["--executor", "process", "--data-dir", data];
    let tule = Tule::up(&backend, &arguments);
    let id = order(&tule.said_url(&["REST"]), "4242");
    tule.kill();
    let tule = Tule::up(&backend, &arguments);
    let http = tule.said_url(&["HTTP"]);
    assert_eq!(curl(&[&format!("{http}/orders/{id}")])["id"], json!(id), "the order outlives the process");
    assert_eq!(tule.request("GET", "/_tule/reset", &[], "").status, 405, "nothing acts on a GET");
    let foreign = [("origin", "https://evil.example")];
    assert_eq!(tule.request("POST", "/_tule/reset", &foreign, "").status, 403);
    assert_eq!(curl(&[&format!("{http}/orders/{id}")])["id"], json!(id));
    assert_eq!(tule.request("POST", "/_tule/reset", &[], "").status, 200);
    assert_eq!(tule.states("ListStateMachines", &json!({}))["stateMachines"], json!([]));
    let made = json!({ "name": "after", "roleArn": "arn:aws:iam::000000000000:role/r", "definition": "{\"StartAt\":\"A\",\"States\":{\"A\":{\"Type\":\"Succeed\"}}}" });
    tule.states("CreateStateMachine", &made);
}
