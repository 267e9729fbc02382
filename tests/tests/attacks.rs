//! The web page next door: requests that must be refused before anything acts, each with the answer expected.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use e2e::{Answer, Tule};
use serde_json::{Value, json};

/// A request that would make a state machine, with other header lines.
fn create(lines: &str) -> Vec<u8> {
    let body = json!({
        "name": "made-by-a-page",
        "roleArn": "arn:aws:iam::000000000000:role/r",
        "definition": r#"{"StartAt":"A","States":{"A":{"Type":"Succeed"}}}"#,
    })
    .to_string();
    let length = body.len();
    format!(
        "POST / HTTP/1.1\r\n{lines}x-amz-target: AWSStepFunctions.CreateStateMachine\r\n\
         content-type: text/plain\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}

fn status(tule: &Tule, lines: &str) -> u16 {
    Answer::parse(&tule.raw(&create(lines))).status
}

fn machines(tule: &Tule) -> usize {
    tule.states("ListStateMachines", &json!({}))["stateMachines"].as_array().unwrap().len()
}

#[test]
fn requests_under_foreign_names_or_from_foreign_pages_change_nothing() {
    let tule = Tule::start(&["--executor", "process"]);
    let here = &tule.address;
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil-localhost"] {
        assert_eq!(status(&tule, &format!("host: {host}\r\n")), 403, "{host}");
    }
    let long = "a".repeat(8_192);
    for host in ["localhost:1@evil", "", "a\tb", &long] {
        assert_eq!(status(&tule, &format!("host: {host}\r\n")), 400, "{host:?}");
    }
    assert_eq!(status(&tule, ""), 400, "no host");
    assert_eq!(status(&tule, &format!("host: {here}\r\nhost: {here}\r\n")), 400, "two hosts");
    for line in [
        "origin: https://evil.example",
        "origin: null",
        "origin: http://localhost.evil.example",
        "origin: file://",
        "sec-fetch-site: cross-site",
    ] {
        assert_eq!(status(&tule, &format!("host: {here}\r\n{line}\r\n")), 403, "{line}");
    }
    // Names that proxies trust mean nothing here.
    let forwarded = "x-forwarded-host: localhost\r\nforwarded: host=localhost\r\nx-original-url: /\r\n";
    assert_eq!(status(&tule, &format!("host: evil.example\r\n{forwarded}")), 403);
    let absolute = format!("GET http://evil/ HTTP/1.1\r\nhost: {here}\r\nconnection: close\r\n\r\n");
    assert!(matches!(Answer::parse(&tule.raw(absolute.as_bytes())).status, 400 | 403));
    assert_eq!(machines(&tule), 0, "a refused request made something");
    assert_eq!(status(&tule, &format!("host: {here}\r\norigin: http://localhost:3000\r\n")), 200);
    assert_eq!(machines(&tule), 1);
}

#[test]
fn admin_routes_are_not_for_other_sites_and_have_no_effect() {
    let tule = Tule::start(&["--executor", "process"]);
    let api = r#"{"name": "a", "protocolType": "HTTP", "target": "http://127.0.0.1:9/"}"#;
    let made = tule.request("POST", "/v2/apis", &[("content-type", "application/json")], api);
    let made: Value = serde_json::from_str(&made.body).unwrap();
    let document = format!("/_tule/openapi/{}/$default", made["apiId"].as_str().unwrap());
    for path in [
        "/_tule/health",
        "/_localstack/health",
        "/health",
        "/_localstack/info",
        "/_localstack/init",
        document.as_str(),
    ] {
        let answer = tule.request("GET", path, &[], "");
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.headers.contains("x-content-type-options: nosniff"), "{path}: {}", answer.headers);
        assert!(answer.headers.contains("cross-origin-resource-policy: same-origin"), "{path}");
        assert!(!answer.headers.contains("access-control-allow-origin"), "{path}");
        for foreign in
            [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")]
        {
            assert_eq!(tule.request("GET", path, &[foreign], "").status, 403, "{path}");
            let upgrade = [foreign, ("connection", "upgrade"), ("upgrade", "websocket")];
            assert_eq!(tule.request("GET", path, &upgrade, "").status, 403, "{path} as a WebSocket");
            let events = [foreign, ("accept", "text/event-stream")];
            assert_eq!(tule.request("GET", path, &events, "").status, 403, "{path} as server-sent events");
        }
        assert_eq!(tule.request("HEAD", path, &[], "").status, 200, "{path}");
    }
    assert_eq!(tule.request("GET", "/_tule/nothing", &[], "").status, 404);
}

#[test]
fn a_preflight_grants_own_pages_and_no_private_network() {
    let tule = Tule::start(&["--executor", "process"]);
    let ask = [
        ("origin", "http://localhost:3000"),
        ("access-control-request-method", "POST"),
        ("access-control-request-headers", "x-amz-target"),
        ("access-control-request-private-network", "true"),
    ];
    let answer = tule.request("OPTIONS", "/", &ask, "");
    assert_eq!(answer.status, 204);
    assert!(
        answer.headers.contains("access-control-allow-origin: http://localhost:3000"),
        "{}",
        answer.headers
    );
    assert!(!answer.headers.contains("private-network"), "{}", answer.headers);
    let foreign = [("origin", "https://evil.example"), ("access-control-request-method", "POST")];
    assert_eq!(tule.request("OPTIONS", "/", &foreign, "").status, 403);
}

#[test]
fn functions_in_containers_reach_no_route_of_ours_and_no_engine() {
    if !e2e::has_docker() {
        return;
    }
    let tule = Tule::start(&["--executor", "docker"]);
    let script = r#"
import boto3, io, json, zipfile
source = """
import os, urllib.error, urllib.request
def handler(event, context):
    said = {}
    for path in ['/_tule/health', '/_tule/reset', '/_localstack/info']:
        try:
            said[path] = urllib.request.urlopen(os.environ['AWS_ENDPOINT_URL'] + path).status
        except urllib.error.HTTPError as error:
            said[path] = error.code
    said['engine'] = os.path.exists('/var/run/docker.sock')
    return said
"""
package = io.BytesIO()
with zipfile.ZipFile(package, 'w') as archive:
    archive.writestr('index.py', source)
functions = boto3.client('lambda')
role = 'arn:aws:iam::000000000000:role/r'
code = {'ZipFile': package.getvalue()}
functions.create_function(FunctionName='f', Runtime='python3.12', Handler='index.handler', Role=role, Code=code)
print(functions.invoke(FunctionName='f')['Payload'].read().decode())
"#;
    let Some(said) = e2e::client(&tule, "python", &["-c", script]) else { return };
    let said: Value = serde_json::from_str(&said).unwrap();
    let refused =
        json!({"/_tule/health": 403, "/_tule/reset": 403, "/_localstack/info": 403, "engine": false});
    assert_eq!(said, refused);
}

#[test]
fn malformed_requests_are_refused_and_the_listener_lives() {
    let tule = Tule::start(&["--executor", "process"]);
    let here = &tule.address;
    let refused = |request: &str| {
        let answer = Answer::parse(&tule.raw(request.as_bytes()));
        assert!(
            matches!(answer.status, 400 | 413 | 414 | 431 | 501),
            "{}: {}",
            answer.status,
            &request[..request.len().min(120)]
        );
    };
    refused(&format!(
        "POST / HTTP/1.1\r\nhost: {here}\r\ncontent-length: 4\r\ncontent-length: 5\r\n\r\nabcd"
    ));
    refused(&format!(
        "POST / HTTP/1.1\r\nhost: {here}\r\ntransfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n"
    ));
    refused(&format!("POST / HTTP/1.1\r\nhost: {here}\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n"));
    for lengths in
        ["content-length: 4\r\ntransfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 4"]
    {
        refused(&format!("POST / HTTP/1.1\r\nhost: {here}\r\n{lengths}\r\n\r\n0\r\n\r\n"));
    }
    refused(&format!(
        "POST / HTTP/1.1\r\nhost: {here}\r\nx-amz-target: AWSStepFunctions.ListStateMachines\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"
    ));
    refused(&format!("GET /_tule/health HTTP/1.1\nhost: {here}\n\n"));
    // HTTP/2 is not spoken: none of its floods has anything to reach.
    let preface = tule.raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert!(preface.is_empty() || preface.contains(" 400 "), "{preface}");
    let many: String = (0..101).map(|number| format!("x-{number}: a\r\n")).collect();
    refused(&format!("GET / HTTP/1.1\r\nhost: {here}\r\n{many}\r\n"));
    refused(&format!(
        "GET / HTTP/1.1\r\nhost: {here}\r\nx-long: {}\r\nconnection: close\r\n\r\n",
        "a".repeat(17 << 10)
    ));
    refused("GARBAGE\r\n\r\n");
    let authorization = "a".repeat(15 << 10);
    let answer = tule.request("GET", "/", &[("authorization", &authorization)], "");
    assert!(answer.status < 500, "{}", answer.status);
    assert_eq!(tule.request("GET", "/_tule/health", &[], "").status, 200);
}

#[test]
fn a_custom_domain_name_is_an_allowed_host_that_leads_to_apis_only() {
    let tule = Tule::start(&["--executor", "process"]);
    let path = "/restapis";
    let sign = (
        "authorization",
        "AWS4-HMAC-SHA256 Credential=t/20260101/us-east-1/apigateway/aws4_request, SignedHeaders=host, Signature=0",
    );
    let call = |method: &str, path: &str, body: &serde_json::Value| {
        let answer = tule.request(method, path, &[sign], &body.to_string());
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.body);
        answer.value()
    };
    let ask = |host: &str, path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        Answer::parse(&tule.raw(request.as_bytes()))
    };
    let refused = ask("api.example.com", "/v1/hello");
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("--allowed-host"), "{}", refused.body);

    let api = call("POST", path, &json!({"name": "a"}));
    let (api, root) = (api["id"].as_str().unwrap(), api["rootResourceId"].as_str().unwrap());
    let hello = call("POST", &format!("{path}/{api}/resources/{root}"), &json!({"pathPart": "hello"}));
    let method = format!("{path}/{api}/resources/{}/methods/GET", hello["id"].as_str().unwrap());
    call("PUT", &method, &json!({"authorizationType": "NONE"}));
    let templates = json!({"application/json": "{\"statusCode\": 200}"});
    call("PUT", &format!("{method}/integration"), &json!({"type": "MOCK", "requestTemplates": templates}));
    call("PUT", &format!("{method}/responses/200"), &json!({}));
    let templates = json!({"application/json": "$context.domainName $context.customDomain.basePathMatched"});
    call("PUT", &format!("{method}/integration/responses/200"), &json!({"responseTemplates": templates}));
    call("POST", &format!("{path}/{api}/deployments"), &json!({"stageName": "dev"}));
    let certificate = "arn:aws:acm:us-east-1:000000000000:certificate/1";
    let domain = json!({"domainName": "API.example.com", "certificateArn": certificate});
    call("POST", "/domainnames", &domain);
    let mapping = json!({"basePath": "v1", "restApiId": api, "stage": "dev"});
    call("POST", "/domainnames/api.example.com/basepathmappings", &mapping);

    let answer = ask("api.example.com", "/v1/hello");
    assert_eq!((answer.status, answer.body.as_str()), (200, "api.example.com v1"));
    for path in ["/hello", "/_tule/health", "/restapis", "/v1x/hello"] {
        let answer = ask("api.example.com", path);
        assert_eq!((answer.status, answer.body.as_str()), (403, r#"{"message":"Forbidden"}"#), "{path}");
    }
    assert_eq!(ask("other.example.com", "/v1/hello").status, 403);
    assert_eq!(status(&tule, "host: api.example.com\r\n"), 403);
    assert_eq!(machines(&tule), 0, "an operation was reached under a custom domain name");
}
