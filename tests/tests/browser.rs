//! Real web pages against Tule, in a headless Chromium: what the header checks promise, as a browser sees it.
//!
//! The browser's names are resolved by a proxy of the test, so that a name can be bound anew between two requests, as
//! an attacker's DNS server does. Chromium's own guard for local addresses is off: ours must do without.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::mpsc::{Sender, channel},
};

use e2e::Tule;
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

/// Answers the first request with the page, takes what the page says, and hands all others to Tule under the name that
/// the browser used: the name was bound anew. Gives the proxy's port.
fn rebinding_proxy(tule: &Tule, said: &Sender<Value>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let there = tule.address.clone();
    let page = PAGE.replace("TULE", &there);
    let said = said.clone();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let (page, there, said) = (page.clone(), there.clone(), said.clone());
            // A browser goes away when it likes.
            std::thread::spawn(move || drop(answer(client.unwrap(), &page, &there, &said)));
        }
    });
    port
}

fn answer(mut client: TcpStream, page: &str, there: &str, said: &Sender<Value>) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    // A proxy is asked for `GET http://name/path`, a server for `GET /path`.
    let (method, rest) = line.split_once(" http://").unwrap_or(("", ""));
    let path = &rest[rest.find('/').unwrap_or(0)..];
    let (mut head, mut length) = (format!("{method} {path}"), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("proxy-connection:") && !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if path.starts_with("/attack ") {
        let length = page.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        return client.write_all(format!("{head}{page}").as_bytes());
    }
    if path.starts_with("/said ") {
        // The test may have given up.
        let _ = said.send(serde_json::from_slice(&body).unwrap());
        return client.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    }
    let mut server = TcpStream::connect(there)?;
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&body)?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}

/// What the page says that became of its tries.
fn attack(tule: &Tule, page: &str) -> Option<Value> {
    let profile = tempfile::tempdir().unwrap();
    let (said, heard) = channel();
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg("--disable-features=LocalNetworkAccessChecks,HttpsUpgrades")
        .arg(format!("--proxy-server=http://127.0.0.1:{}", rebinding_proxy(tule, &said)))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(page)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut browser) = browser else {
        e2e::skip_or_fail("chromium cannot be run");
        return None;
    };
    let said = heard.recv_timeout(e2e::PATIENCE);
    // Its children too.
    let group = format!("-{}", browser.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    browser.wait().unwrap();
    Some(said.expect("the page says what became of its tries"))
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
