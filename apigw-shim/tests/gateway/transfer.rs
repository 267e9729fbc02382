//! How bodies travel: from a stage's cache, compressed, converted, and as they are made.

use std::{io::Write as _, time::Duration};

use futures::StreamExt as _;
use http::Request;
use runtime::{Body, Event, Timestamp, VirtualClock};
use serde_json::{Map, Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};

use crate::rig::{Rig, lambda, proxy, text, with};

fn settings(api: &str, patches: &[(&str, &str)]) -> Value {
    let patches: Vec<Value> =
        patches.iter().map(|(path, value)| json!({"op": "replace", "path": path, "value": value})).collect();
    json!({"restApiId": api, "stageName": "dev", "patchOperations": patches})
}

/// An API with a cache, whose function says how often it was asked.
async fn cached(rig: &Rig, keys: Value) -> (String, String) {
    let (api, root) = rig.rest_api().await;
    let item = rig.resource(&api, &root, "{id}").await;
    let integration = with(&proxy(), json!({"cacheKeyParameters": keys}));
    rig.method(&api, &item, "GET", integration).await;
    rig.method(&api, &item, "POST", proxy()).await;
    rig.deploy(&api, "dev").await;
    let patches = [("/cacheClusterEnabled", "true"), ("/*/*/caching/enabled", "true")];
    let stage = rig.rest("UpdateStage", settings(&api, &patches)).await;
    assert_eq!(
        (&stage["cacheClusterStatus"], &stage["cacheClusterSize"]),
        (&json!("AVAILABLE"), &json!("0.5"))
    );
    (api, item)
}

async fn asked(rig: &Rig, api: &str, line: &str, headers: &[(&str, &str)]) -> (u16, bool) {
    let before = rig.script.events.lock().unwrap().len();
    let status = rig.send(api, line, headers, "").await.status;
    (status, rig.script.events.lock().unwrap().len() > before)
}

#[tokio::test]
async fn a_cache_answers_by_its_keys_until_its_time_is_over() {
    let clock = VirtualClock::starting_at(Timestamp(1_795_000_000_000));
    let rig = Rig::at(clock.clone());
    let (api, _) = cached(&rig, json!(["method.request.querystring.page"])).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=1", &[]).await, (200, true));
    // The path is no key, so it makes no difference.
    assert_eq!(asked(&rig, &api, "GET /dev/2?page=1&other=x", &[]).await, (200, false));
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=2", &[]).await, (200, true));
    // What is said of all methods is said of GET alone.
    assert_eq!(asked(&rig, &api, "POST /dev/1", &[]).await, (200, true));
    assert_eq!(asked(&rig, &api, "POST /dev/1", &[]).await, (200, true));
    clock.advance(Duration::from_secs(301));
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=1", &[]).await, (200, true));
    rig.rest("FlushStageCache", json!({"restApiId": api, "stageName": "dev"})).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=1", &[]).await, (200, true));
    // A stage that changes keeps what it has; one whose cache goes does not.
    rig.rest("UpdateStage", settings(&api, &[("/variables/a", "b")])).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=1", &[]).await, (200, false));
    rig.rest("UpdateStage", settings(&api, &[("/~1{id}/GET/caching/ttlInSeconds", "0")])).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1?page=1", &[]).await, (200, true));
    rig.rest("UpdateStage", settings(&api, &[("/~1{id}/POST/caching/enabled", "true")])).await;
    assert_eq!(asked(&rig, &api, "POST /dev/1", &[]).await, (200, true));
    assert_eq!(asked(&rig, &api, "POST /dev/1", &[]).await, (200, false));
}

#[tokio::test]
async fn whoever_may_gets_a_fresh_answer() {
    let rig = Rig::new();
    let (api, item) = cached(&rig, json!([])).await;
    let fresh = [("cache-control", "max-age=0")];
    assert_eq!(asked(&rig, &api, "GET /dev/1", &[]).await, (200, true));
    let answer = rig.send(&api, "GET /dev/1", &fresh, "").await;
    assert!(answer.header("warning").is_some_and(|text| text.starts_with("199 ")), "{answer:?}");
    assert_eq!(asked(&rig, &api, "GET /dev/1", &fresh).await, (200, false));
    let strategy = "/*/*/caching/unauthorizedCacheControlHeaderStrategy";
    rig.rest("UpdateStage", settings(&api, &[(strategy, "FAIL_WITH_403")])).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1", &fresh).await, (403, false));
    rig.rest("UpdateStage", settings(&api, &[(strategy, "SUCCEED_WITHOUT_RESPONSE_HEADER")])).await;
    assert_eq!(rig.send(&api, "GET /dev/1", &fresh, "").await.header("warning"), None);
    // Who signs may.
    let of = json!({"restApiId": api, "resourceId": item, "httpMethod": "GET"});
    let iam = json!([{"op": "replace", "path": "/authorizationType", "value": "AWS_IAM"}]);
    rig.rest("UpdateMethod", with(&of, json!({"patchOperations": iam}))).await;
    rig.deploy(&api, "dev").await;
    let signed = [
        fresh[0],
        (
            "authorization",
            "AWS4-HMAC-SHA256 Credential=me/20261122/us-east-1/execute-api/aws4_request, SignedHeaders=host, Signature=0",
        ),
    ];
    assert_eq!(asked(&rig, &api, "GET /dev/1", &signed).await, (200, true));
    let open = [("/*/*/caching/requireAuthorizationForCacheControl", "false")];
    rig.rest("UpdateStage", settings(&api, &open)).await;
    assert_eq!(asked(&rig, &api, "GET /dev/1", &signed).await, (200, true));
}

#[tokio::test]
async fn caches_that_cannot_be_are_refused() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    rig.deploy(&api, "dev").await;
    for patch in [
        ("/cacheClusterSize", "7"),
        ("/*/*/caching/ttlInSeconds", "3601"),
        ("/*/*/caching/unauthorizedCacheControlHeaderStrategy", "PERHAPS"),
    ] {
        let patches = settings(&api, &[("/cacheClusterEnabled", "true"), patch]);
        assert_eq!(rig.rest_refuses("UpdateStage", patches).await.code, "BadRequestException", "{patch:?}");
    }
    let stage = rig.rest("GetStage", json!({"restApiId": api, "stageName": "dev"})).await;
    assert_eq!(stage["cacheClusterEnabled"], false);
}

#[tokio::test]
async fn bodies_are_compressed_both_ways() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let size = json!([{"op": "replace", "path": "/minimumCompressionSize", "value": "10"}]);
    rig.rest("UpdateRestApi", json!({"restApiId": api, "patchOperations": size})).await;
    rig.method(&api, &root, "POST", proxy()).await;
    rig.deploy(&api, "dev").await;
    rig.function_returns(json!({"statusCode": 200, "body": "long enough to be worth it"}));
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(b"{\"sent\":\"zipped\"}").unwrap();
    let headers = [("content-encoding", "gzip"), ("accept-encoding", "gzip;q=0.5, deflate, br")];
    let answer = rig.send(&api, "POST /dev", &headers, zipped.finish().unwrap()).await;
    assert_eq!(rig.last_event()["body"], "{\"sent\":\"zipped\"}");
    assert_eq!((answer.status, answer.header("content-encoding")), (200, Some("deflate")));
    let mut plain = String::new();
    std::io::Read::read_to_string(&mut flate2::read::ZlibDecoder::new(&answer.body[..]), &mut plain).unwrap();
    assert_eq!(plain, "long enough to be worth it");
    let refused = rig.send(&api, "POST /dev", &headers, "not zipped").await;
    assert_eq!(refused.status, 400);
    // Ten megabytes are the most, however small they were sent.
    let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    bomb.write_all(&vec![0; 11 << 20]).unwrap();
    let refused = rig.send(&api, "POST /dev", &headers, bomb.finish().unwrap()).await;
    assert_eq!(refused.status, 413);
}

#[tokio::test]
async fn binary_bodies_become_text_for_templates() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let binary = json!([{"op": "add", "path": "/binaryMediaTypes/image~1png"}]);
    rig.rest("UpdateRestApi", json!({"restApiId": api, "patchOperations": binary})).await;
    let template = json!({"image/png": "{\"image\":\"$input.body\"}"});
    let integration = json!({
        "type": "AWS", "integrationHttpMethod": "POST", "uri": lambda("orders"), "requestTemplates": template,
    });
    rig.method(&api, &root, "POST", with(&integration, json!({"contentHandling": "CONVERT_TO_TEXT"}))).await;
    rig.response(&api, &root, "POST", "200", json!({"contentHandling": "CONVERT_TO_BINARY", "responseTemplates": {"application/json": "$input.path('$.image')"}})).await;
    rig.method(&api, &root, "PUT", integration).await;
    rig.response(&api, &root, "PUT", "200", json!({})).await;
    rig.deploy(&api, "dev").await;
    rig.function_returns(json!({"image": "//4="}));
    let png = [("content-type", "image/png")];
    let answer = rig.send(&api, "POST /dev", &png, vec![0xff, 0xfe]).await;
    assert_eq!(rig.last_event(), json!({"image": "//4="}));
    assert_eq!((answer.status, &answer.body[..]), (200, &[0xff, 0xfe][..]));
    // Bytes that nobody makes text of are nothing for a template.
    assert_eq!(rig.send(&api, "PUT /dev", &png, vec![0xff]).await.status, 500);
}

fn streaming(function: &str) -> Value {
    let uri = lambda(function)
        .replace("2015-03-31", "2021-11-15")
        .replace("/invocations", "/response-streaming-invocations");
    json!({
        "type": "AWS_PROXY", "integrationHttpMethod": "POST", "uri": uri, "responseTransferMode": "STREAM",
        "timeoutInMillis": 600_000,
    })
}

fn chunk(text: impl Into<Vec<u8>>) -> Event {
    Event { name: String::from("PayloadChunk"), members: Map::new(), payload: Some(text.into().into()) }
}

fn request(api: &str) -> (apigw_shim::Addressed, Request<Body>, std::net::IpAddr) {
    let request =
        Request::get("/dev").header("host", format!("{api}.execute-api.localhost")).body(Body::Empty);
    let addressed = apigw_shim::Addressed { api_id: api.to_owned(), stage: None };
    (addressed, request.unwrap(), [203, 0, 113, 9].into())
}

#[tokio::test]
async fn a_function_answers_as_it_goes() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", streaming("orders")).await;
    rig.deploy(&api, "dev").await;
    let events = rig.function_streams();
    // The divider comes in two parts.
    events
        .unbounded_send(chunk(
            "{\"statusCode\":201,\"headers\":{\"x-own\":\"1\"},\"cookies\":[\"a=b\"]}\0\0\0",
        ))
        .unwrap();
    events.unbounded_send(chunk("\0\0\0\0\0first")).unwrap();
    let (addressed, request, peer) = request(&api);
    let (parts, body) = rig.gateway.execute(addressed, request, peer).await.into_parts();
    assert_eq!((parts.status.as_u16(), &parts.headers["x-own"]), (201, &"1".parse().unwrap()));
    assert_eq!(parts.headers["set-cookie"], "a=b");
    let Body::Stream(mut body) = body else { panic!("it is no stream") };
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    events.unbounded_send(chunk("second")).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "second");
    let failed = json!({"ErrorCode": "Unhandled", "ErrorDetails": "it broke"});
    let failed = failed.as_object().cloned().unwrap();
    events
        .unbounded_send(Event { name: String::from("InvokeComplete"), members: failed, payload: None })
        .unwrap();
    assert!(body.next().await.unwrap().unwrap_err().to_string().contains("it broke"));
    assert_eq!(rig.script.calls.lock().unwrap()[0].1, "InvokeWithResponseStream");
}

#[tokio::test]
async fn a_stream_without_a_head_is_malformed() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", streaming("orders")).await;
    rig.deploy(&api, "dev").await;
    for written in
        [b"no head".to_vec(), vec![b' '; 20 << 10], b"{\"statusCode\":\"?\"}\0\0\0\0\0\0\0\0".to_vec()]
    {
        rig.function_streams().unbounded_send(chunk(written)).unwrap();
        let answer = rig.get(&api, "/dev").await;
        assert_eq!((answer.status, answer.text()), (502, r#"{"message": "Internal server error"}"#));
    }
}

#[tokio::test]
async fn a_servers_answer_is_streamed() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let (more, mut wanted) = mpsc::unbounded_channel::<()>();
    tokio::spawn(async move {
        let (mut connection, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 8192];
        let _ = connection.read(&mut request).await;
        let head =
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.write_all(head).await.unwrap();
        connection.write_all(b"5\r\nfirst\r\n").await.unwrap();
        wanted.recv().await;
        connection.write_all(b"6\r\nsecond\r\n0\r\n\r\n").await.unwrap();
    });
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let integration = json!({
        "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri, "responseTransferMode": "STREAM",
    });
    rig.method(&api, &root, "GET", integration).await;
    rig.deploy(&api, "dev").await;
    let (addressed, request, peer) = request(&api);
    let (parts, body) = rig.gateway.execute(addressed, request, peer).await.into_parts();
    assert_eq!(parts.headers["content-type"], "text/event-stream");
    let Body::Stream(mut body) = body else { panic!("it is no stream") };
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    more.send(()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "second");
    assert!(body.next().await.is_none());
}

#[tokio::test]
async fn only_proxies_stream() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET"});
    rig.rest("PutMethod", with(&of, json!({"authorizationType": "NONE"}))).await;
    let stream = json!({"responseTransferMode": "STREAM"});
    for integration in [
        with(&json!({"type": "MOCK"}), stream.clone()),
        with(&proxy(), stream.clone()),
        with(&streaming("orders"), json!({"responseTransferMode": "BUFFERED"})),
        with(&streaming("orders"), json!({"timeoutInMillis": 900_001})),
    ] {
        let refused = rig.rest_refuses("PutIntegration", with(&of, integration)).await;
        assert_eq!(refused.code, "BadRequestException");
    }
    let kept = rig.rest("PutIntegration", with(&of, streaming("orders"))).await;
    assert_eq!(text(&kept, "responseTransferMode"), "STREAM");
}
