//! Real web pages against Tule, in a headless Chromium: what the header checks promise, as a browser sees it.

#![cfg(unix)]

use e2e::{Tule, browser};
use serde_json::{Value, json};

/// What every page does: it tries to make a state machine and to reset everything, and writes down what came of it.
const PAGE: &str = r#"<!doctype html><script>
const machine = JSON.stringify({name: 'made-by-a-page', roleArn: 'arn:aws:iam::000000000000:role/r',
  definition: '{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}'});
const target = 'AWSStepFunctions.CreateStateMachine';
async function tried(url, options) {
  try { const answer = await fetch(url, options); return answer.type === 'opaque' ? 'opaque' : answer.status; }
  catch (error) { return 'blocked'; }
}
(async () => {
  const said = {};
  const there = 'http://TULE';
  said.rebound = await tried('/', {method: 'POST', headers: {'x-amz-target': target}, body: machine});
  said.read = await tried('/_tule/health');
  said.reset = await tried('/_tule/reset', {method: 'POST'});
  said.direct = await tried(there + '/_tule/reset', {method: 'POST', mode: 'no-cors', body: machine});
  said.preflighted = await tried(there + '/', {method: 'POST', headers: {'x-amz-target': target}, body: machine});
  said.socket = await new Promise(done => {
    const socket = new WebSocket('ws://TULE/_tule/health');
    socket.onopen = () => done('open');
    socket.onerror = () => done('refused');
  });
  said.events = await new Promise(done => {
    const events = new EventSource(there + '/_tule/health');
    events.onopen = () => done('open');
    events.onerror = () => done('refused');
  });
  fetch('/said', {method: 'POST', body: JSON.stringify(said)});
})();
</script>"#;

/// What the page says that became of its tries.
fn attack(tule: &Tule, url: &str) -> Option<Value> {
    browser::visit(tule, &PAGE.replace("TULE", &tule.address), url)
}

#[test]
fn pages_reach_nothing_under_a_rebound_name_or_from_their_own() {
    let tule = Tule::start(&["--executor", "process"]);
    let members = json!({
        "name": "stays",
        "roleArn": "arn:aws:iam::000000000000:role/r",
        "definition": r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
    });
    tule.states("CreateStateMachine", &members);
    let Some(said) = attack(&tule, "http://evil.example/attack") else { return };
    assert_eq!(
        (&said["rebound"], &said["read"], &said["reset"]),
        (&json!(403), &json!(403), &json!(403)),
        "{said}"
    );
    assert_eq!(said["preflighted"], "blocked", "{said}");
    assert!(said["direct"] == "opaque" || said["direct"] == "blocked", "{said}");
    assert_eq!((&said["socket"], &said["events"]), (&json!("refused"), &json!("refused")), "{said}");
    let machines = tule.states("ListStateMachines", &json!({}));
    let names: Vec<&Value> =
        machines["stateMachines"].as_array().unwrap().iter().map(|it| &it["name"]).collect();
    assert_eq!(names, ["stays"], "a page changed something");
}

#[test]
fn a_name_that_is_allowed_reaches_all_of_it() {
    let allowed = ["--allowed-host", "ours.example", "--allowed-origin", "http://ours.example"];
    let tule = Tule::start(&[&["--executor", "process"], &allowed[..]].concat());
    let Some(said) = attack(&tule, "http://ours.example/attack") else { return };
    let reached = json!([200, 200, 200, 200]);
    assert_eq!(json!([said["rebound"], said["read"], said["reset"], said["preflighted"]]), reached, "{said}");
}
