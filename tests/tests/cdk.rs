//! What CDK made of an app with every kind of API, deployed as it is, and used by curl, by a WebSocket client and from
//! a page in a browser.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{path::PathBuf, time::Duration};

use e2e::{Answer, Tule, browser, root};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, client::IntoClientRequest as _},
};

const PAGE: &str = "http://page.example";
const KEY: (&str, &str) = ("x-api-key", "a-key-of-twenty-letters");
const JSON: (&str, &str) = ("content-type", "application/json");

fn template() -> PathBuf {
    root().join("fixtures/apps/cdk/synthesised/Shop.template.json")
}

fn up(more: &[&str]) -> Tule {
    Tule::up(&template(), &[&["--executor", "process"], more].concat())
}

/// The path of an API's URL.
fn base(tule: &Tule, parts: &[&str]) -> String {
    let scheme = if parts.contains(&"Socket") { "ws" } else { "http" };
    let url = tule.said_url_of(scheme, parts);
    url[url.find(&tule.address).unwrap() + tule.address.len()..].to_owned()
}

fn order(tule: &Tule, headers: &[(&str, &str)], body: &str) -> Answer {
    tule.request("POST", &format!("{}/orders", base(tule, &["Orders"])), headers, body)
}

#[test]
fn an_api_of_resources_and_methods_acts_as_it_says() {
    let tule = up(&[]);
    let orders = base(&tule, &["Orders"]);
    let spec = tule.request("GET", &format!("{}/mock", base(&tule, &["Spec  "])), &[], "");
    assert_eq!((spec.status, spec.value()), (200, json!({"from": "spec"})));
    let of_file = tule.request("GET", &format!("{}/file", base(&tule, &["SpecOfFile"])), &[], "");
    assert_eq!((of_file.status, of_file.value()), (200, json!({"from": "a file"})));

    let got = tule.request("GET", &format!("{orders}/orders/a/b"), &[], "");
    assert_eq!((got.status, &got.value()["path"]), (200, &json!("/orders/a/b")), "{}", got.body);
    let asked = [("origin", PAGE), ("access-control-request-method", "POST")];
    let preflight = tule.request("OPTIONS", &format!("{orders}/orders"), &asked, "");
    assert_eq!(preflight.status, 204);
    assert!(
        preflight.headers.contains("access-control-allow-headers: x-api-key,content-type"),
        "{preflight:?}"
    );
    assert!(preflight.headers.contains(&format!("access-control-allow-origin: {PAGE}")), "{preflight:?}");

    // Neither of these counts towards the quota of two.
    assert_eq!(order(&tule, &[JSON], r#"{"dish": "soup"}"#).status, 403);
    assert_eq!(order(&tule, &[JSON, ("x-api-key", "another")], r#"{"dish": "soup"}"#).status, 403);
    let made = order(&tule, &[JSON, KEY], r#"{"dish": "soup"}"#);
    assert_eq!((made.status, &made.value()["said"]), (200, &json!(r#"{"dish": "soup"}"#)), "{}", made.body);
    let wrong = order(&tule, &[JSON, KEY], "{}");
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    assert_eq!(wrong.body, r#"{"wrong": [object has missing required properties (["dish"])]}"#);
    assert!(wrong.headers.contains("access-control-allow-origin: *"), "{}", wrong.headers);
    let over = order(&tule, &[JSON, KEY], r#"{"dish": "soup"}"#);
    assert_eq!(over.status, 429, "{}", over.body);

    let groups = tule.json("logs", "Logs_20140328.DescribeLogGroups", &json!({})).value();
    let groups = groups["logGroups"].as_array().unwrap().clone();
    let access =
        groups.iter().map(|it| it["logGroupName"].as_str().unwrap()).find(|it| it.contains("Access"));
    let lines = e2e::wait_for("the access log", || {
        let members = json!({"logGroupName": access.unwrap()});
        let told = tule.json("logs", "Logs_20140328.FilterLogEvents", &members).value();
        let lines: Vec<Value> = told["events"].as_array()?.clone();
        (lines.len() >= 7).then_some(lines)
    });
    let statuses: Vec<Value> = lines
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line["message"].as_str().unwrap()).unwrap()["status"].clone()
        })
        .collect();
    for status in ["200", "204", "403", "422", "429"] {
        assert!(statuses.contains(&json!(status)), "{statuses:?}");
    }

    let hello =
        tule.request("GET", &format!("{}/hello/you", base(&tule, &["Http"])), &[("origin", PAGE)], "");
    assert_eq!((hello.status, &hello.value()["name"]), (200, &json!("you")), "{}", hello.body);
    assert!(hello.headers.contains(&format!("access-control-allow-origin: {PAGE}")), "{}", hello.headers);
}

#[test]
fn the_same_template_again_has_the_same_addresses_and_keys() {
    let folder = tempfile::tempdir().unwrap();
    let data = ["--data-dir", folder.path().to_str().unwrap()];
    let tule = up(&data);
    let before = (base(&tule, &["Orders"]), base(&tule, &["Http"]), base(&tule, &["Socket"]));
    assert_eq!(order(&tule, &[JSON, KEY], r#"{"dish": "soup"}"#).status, 200);
    tule.kill();
    let tule = up(&data);
    assert_eq!((base(&tule, &["Orders"]), base(&tule, &["Http"]), base(&tule, &["Socket"])), before);
    assert_eq!(order(&tule, &[JSON], r#"{"dish": "soup"}"#).status, 403);
    assert_eq!(order(&tule, &[JSON, KEY], r#"{"dish": "soup"}"#).status, 200);
}

type Client = WebSocketStream<TcpStream>;

async fn connect(tule: &Tule) -> Client {
    let request = tule.said_url_of("ws", &["Socket"]).into_client_request().unwrap();
    let stream = TcpStream::connect(&tule.address).await.unwrap();
    tokio_tungstenite::client_async(request, stream).await.unwrap().0
}

async fn say(client: &mut Client, text: &Value) {
    client.send(Message::text(text.to_string())).await.unwrap();
}

async fn heard(client: &mut Client) -> Value {
    let next = tokio::time::timeout(Duration::from_secs(60), client.next()).await;
    serde_json::from_str(next.unwrap().unwrap().unwrap().to_text().unwrap()).unwrap()
}

#[tokio::test]
async fn clients_talk_through_functions() {
    let tule = up(&[]);
    let (mut one, mut two) = (connect(&tule).await, connect(&tule).await);
    say(&mut one, &json!({"action": "say", "text": "hello"})).await;
    let hello = heard(&mut one).await;
    assert_eq!((&hello["text"], &hello["route"]), (&json!("hello"), &json!("say")), "{hello}");
    let first = &hello["from"];
    say(&mut two, &json!({"action": "say", "to": first, "text": "over here"})).await;
    let told = heard(&mut one).await;
    assert_eq!(told["text"], "over here", "{told}");
    assert_ne!(&told["from"], first);
    // What has no route of its own is answered by another function, over the route's response.
    say(&mut two, &json!({"action": "unheard"})).await;
    let answered = heard(&mut two).await;
    assert_eq!((&answered["path"], &answered["stage"]), (&json!("$default"), &json!("live")), "{answered}");
    two.close(None).await.unwrap();
    assert_eq!(heard(&mut one).await["left"], told["from"]);
}

const SCRIPT: &str = r#"<!doctype html><script>
const json = {'content-type': 'application/json'};
async function tried(url, options) {
  try { const answer = await fetch(url, options); return {status: answer.status, body: await answer.json()}; }
  catch (error) { return {blocked: true}; }
}
function heard(socket, message) {
  return new Promise(done => {
    socket.onmessage = event => done(JSON.parse(event.data));
    socket.onerror = () => done('error');
    socket.send(JSON.stringify(message));
  });
}
(async () => {
  const said = {};
  const order = {method: 'POST', body: '{"dish": "soup"}'};
  said.ordered = await tried('ORDERS/orders', {...order, headers: {...json, 'x-api-key': 'a-key-of-twenty-letters'}});
  // The preflight does not allow this header.
  said.unlisted = await tried('ORDERS/orders', {...order, headers: {...json, 'x-other': 'a'}});
  said.hello = await tried('HTTP/hello/page');
  said.mock = await tried('SPEC/mock');
  const socket = new WebSocket('SOCKET');
  said.opened = await new Promise(done => { socket.onopen = () => done(true); socket.onerror = () => done(false); });
  if (said.opened) {
    said.told = await heard(socket, {action: 'say', text: 'from a page'});
    said.answered = await heard(socket, {action: 'else'});
    said.closed = await new Promise(done => { socket.onclose = event => done(event.wasClean); socket.close(1000); });
  }
  fetch('/said', {method: 'POST', body: JSON.stringify(said)});
})();
</script>"#;

fn page(tule: &Tule) -> String {
    SCRIPT
        .replace("ORDERS", &tule.said_url(&["Orders"]))
        .replace("HTTP", &tule.said_url(&["Http"]))
        .replace("SPEC", &tule.said_url(&["Spec  "]))
        .replace("SOCKET", &tule.said_url_of("ws", &["Socket"]))
}

#[test]
fn a_page_reaches_what_its_origin_is_let_into() {
    let tule = up(&["--allowed-origin", PAGE]);
    let Some(said) = browser::visit(&tule, &page(&tule), &format!("{PAGE}/page")) else { return };
    assert_eq!(
        (&said["ordered"]["status"], &said["unlisted"]),
        (&json!(200), &json!({"blocked": true})),
        "{said}"
    );
    assert_eq!((&said["hello"]["body"]["name"], &said["opened"]), (&json!("page"), &json!(true)), "{said}");
    // This API allows no other origin.
    assert_eq!(said["mock"], json!({"blocked": true}), "{said}");
    assert_eq!(
        (&said["told"]["text"], &said["answered"]["path"]),
        (&json!("from a page"), &json!("$default"))
    );
    assert_eq!(said["closed"], true, "{said}");
}
