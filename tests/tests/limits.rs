//! Requests that are too large, too slow, or reach for what is not theirs: the answer expected, and the listener lives.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use e2e::{Answer, Tule};
use serde_json::{Value, json};

fn signed(service: &str) -> String {
    format!(
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/{service}/aws4_request, SignedHeaders=h, Signature=0"
    )
}

fn call(tule: &Tule, method: &str, path: &str, service: &str, body: &Value) -> Answer {
    tule.request(method, path, &[("authorization", &signed(service))], &body.to_string())
}

/// A REST API with one integration at GET and POST /; gives its id.
fn rest_api(tule: &Tule, integration: &Value) -> (String, Answer) {
    let made = call(tule, "POST", "/restapis", "apigateway", &json!({ "name": "limits" })).value();
    let (id, root) = (made["id"].as_str().unwrap().to_owned(), made["rootResourceId"].as_str().unwrap());
    let method = format!("/restapis/{id}/resources/{root}/methods/POST");
    call(tule, "PUT", &method, "apigateway", &json!({ "authorizationType": "NONE" }));
    let put = call(tule, "PUT", &format!("{method}/integration"), "apigateway", integration);
    (id, put)
}

fn deployed(tule: &Tule, integration: &Value) -> String {
    let (id, put) = rest_api(tule, integration);
    assert_eq!(put.status, 201, "{}", put.body);
    let deployed = call(
        tule,
        "POST",
        &format!("/restapis/{id}/deployments"),
        "apigateway",
        &json!({ "stageName": "s" }),
    );
    assert_eq!(deployed.status, 201, "{}", deployed.body);
    format!("/restapis/{id}/s/_user_request_/")
}

#[test]
fn large_bodies_and_headers_are_refused_in_aws_words() {
    let tule = Tule::start(&["--executor", "process"]);
    let mock = json!({ "type": "MOCK", "requestTemplates": { "application/json": "{\"statusCode\": 200}" } });
    let path = deployed(&tule, &mock);
    let large = "x".repeat((10 << 20) + 1);
    assert_eq!(tule.request("POST", &path, &[], &large).status, 413);
    let long = "a".repeat(1 << 20);
    let answer =
        tule.request("GET", "/", &[("authorization", &format!("AWS4-HMAC-SHA256 Credential={long}"))], "");
    assert!(matches!(answer.status, 0 | 431), "{}", answer.status);
    assert_eq!(tule.request("GET", "/_tule/health", &[], "").status, 200);
}

#[test]
fn odd_credentials_and_targets_are_answered_not_feared() {
    let tule = Tule::start(&["--executor", "process"]);
    for credential in
        ["a/99999999/r/lambda/aws4_request", "a//r/lambda/aws4_request", "////aws4_request", "a/b/c/d/e/f/g"]
    {
        let header = format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=h, Signature=0");
        let answer = tule.request("GET", "/2015-03-31/functions", &[("authorization", &header)], "");
        assert!((200..500).contains(&answer.status), "{credential}: {}", answer.status);
    }
    let repeated =
        "/b/k?X-Amz-Credential=a%2Fb%2Fc%2Fs3%2Faws4_request&X-Amz-Credential=x&X-Amz-Date=100000101T000000Z";
    assert_eq!(tule.request("GET", repeated, &[], "").status, 404);
    // A target of another service than the one signed for; a type that is not JSON's.
    let foreign = [("authorization", signed("lambda")), ("x-amz-target", "AWSStepFunctions.Nope".to_owned())];
    let foreign: Vec<(&str, &str)> = foreign.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let answer = tule.request("POST", "/", &foreign, "{}");
    assert!(answer.status == 400 && answer.body.contains("UnknownOperationException"), "{}", answer.body);
}

#[test]
fn paths_lead_nowhere_but_where_aws_s_lead() {
    let tule = Tule::start(&["--executor", "process"]);
    for path in [
        "/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/..%2f..%2fetc/passwd",
        "//etc/passwd",
        "/bucket/%00",
        "/bucket/a;b",
        "/bucket/%c0%ae%c0%ae/",
        "/restapis/x/_user_request_/../..",
        "/_tule/../../etc/passwd",
        "/_tule/lambda/code/..%2f..%2fetc%2fpasswd",
    ] {
        let answer = tule.request("GET", path, &[], "");
        assert!((400..500).contains(&answer.status), "{path}: {} {}", answer.status, answer.body);
        assert!(!answer.body.contains("root:"), "{path}");
    }
}

#[test]
fn integrations_do_not_reach_what_is_not_for_them() {
    let tule = Tule::start(&["--executor", "process"]);
    let proxy = |uri: &str| json!({ "type": "HTTP_PROXY", "httpMethod": "POST", "uri": uri });
    for uri in ["file:///etc/passwd", "gopher://127.0.0.1/x"] {
        let (_, put) = rest_api(&tule, &proxy(uri));
        assert!((400..=501).contains(&put.status), "{uri}: {}", put.status);
    }
    let own = format!("{}/_tule/reset", tule.endpoint());
    for uri in ["http://169.254.169.254/latest/meta-data", &own] {
        let answer = tule.request("POST", &deployed(&tule, &proxy(uri)), &[], "");
        assert!(answer.status >= 400, "{uri}: {} {}", answer.status, answer.body);
    }
    let apis = call(&tule, "GET", "/restapis", "apigateway", &json!({})).value();
    assert!(apis["item"].as_array().is_some_and(|apis| !apis.is_empty()), "an integration reached the reset");
}

#[test]
fn slow_clients_are_cut_and_others_are_served() {
    let tule = Tule::start(&["--executor", "process"]);
    let began = Instant::now();
    let slow: Vec<TcpStream> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(&tule.address).unwrap();
            stream.write_all(b"GET / HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ").unwrap();
            stream
        })
        .collect();
    for _ in 0..20 {
        let asked = Instant::now();
        assert_eq!(tule.request("GET", "/_tule/health", &[], "").status, 200);
        assert!(asked.elapsed() < Duration::from_secs(25), "others wait for the slow ones");
    }
    for mut stream in slow {
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut rest = Vec::new();
        // Cut: an answer (408 or 400) or nothing, then the end.
        let _ = stream.read_to_end(&mut rest);
    }
    assert!(began.elapsed() < Duration::from_secs(59), "slow clients were not cut after thirty seconds");
    assert_eq!(tule.request("GET", "/_tule/health", &[], "").status, 200);
}

#[test]
fn what_a_function_answers_splits_no_header() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let tule = Tule::start(&["--executor", "process"]);
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("index.py", zip::write::SimpleFileOptions::default()).unwrap();
    let source = b"def handler(event, context):\n    return {'statusCode': 200, 'body': 'x', 'headers': \
                   {'x-one': 'a\\r\\nx-two: b', 'x-three\\r\\nx-four': 'c', 'location': '/\\r\\nset-cookie: d=e'}}\n";
    zip.write_all(source).unwrap();
    let zip = STANDARD.encode(zip.finish().unwrap().into_inner());
    let function = json!({
        "FunctionName": "split", "Runtime": "python3.12", "Handler": "index.handler",
        "Role": "arn:aws:iam::000000000000:role/r", "Code": { "ZipFile": zip }
    });
    assert_eq!(call(&tule, "POST", "/2015-03-31/functions", "lambda", &function).status, 201);
    let arn = "arn:aws:lambda:us-east-1:000000000000:function:split";
    let uri = format!("arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations");
    let proxy = json!({ "type": "AWS_PROXY", "httpMethod": "POST", "uri": uri });
    let answer = tule.request("POST", &deployed(&tule, &proxy), &[], "");
    let lines: Vec<&str> = answer.headers.lines().collect();
    for split in ["x-two", "x-four", "set-cookie"] {
        assert!(!lines.iter().any(|line| line.starts_with(split)), "{}", answer.headers);
    }
    assert_eq!(tule.request("GET", "/_tule/health", &[], "").status, 200);
}
