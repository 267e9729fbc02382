//! Integrations that templates speak for: mocks, services, HTTP servers.

use std::{future::Future, net::SocketAddr};

use aws_wire::ServiceError;
use base64::Engine as _;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::rustls;

use crate::rig::{Rig, lambda, text};

#[tokio::test]
async fn a_mock_answers_by_its_templates() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let mock = json!({
        "type": "MOCK",
        "requestTemplates": {
            "application/json": "{\"statusCode\": #if($input.params('fail') == 'yes')500#{else}200#end}",
        },
    });
    rig.method(&api, &root, "GET", mock).await;
    let good = json!({
        "responseTemplates": {"application/json": "{\"hello\":\"$input.params('name')\"}"},
        "responseParameters": {"method.response.header.X-Kind": "'mock'"},
    });
    rig.response(&api, &root, "GET", "200", good).await;
    let bad = json!({
        "selectionPattern": "5\\d{2}",
        "responseTemplates": {"application/json": "{\"failed\":true}"},
    });
    rig.response(&api, &root, "GET", "503", bad).await;
    rig.deploy(&api, "dev").await;
    let answer = rig.get(&api, "/dev?name=you").await;
    assert_eq!((answer.status, answer.json()), (200, json!({"hello": "you"})));
    assert_eq!(answer.header("x-kind"), Some("mock"));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let answer = rig.get(&api, "/dev?fail=yes").await;
    assert_eq!((answer.status, answer.json()), (503, json!({"failed": true})));
}

#[tokio::test]
async fn executions_are_started_by_a_template() {
    let rig = Rig::new();
    rig.services_answer(|_, _, input| {
        if input["stateMachineArn"] == "arn:none" {
            return Err(ServiceError::new("StateMachineDoesNotExist", 400, "State Machine Does Not Exist"));
        }
        Ok(json!({"executionArn": "arn:started", "startDate": 1_700_000_000.5}))
    });
    let (api, root) = rig.rest_api().await;
    let start = json!({
        "type": "AWS",
        "integrationHttpMethod": "POST",
        "uri": "arn:aws:apigateway:us-east-1:states:action/StartExecution",
        "credentials": "arn:aws:iam::000000000000:role/r",
        "passthroughBehavior": "NEVER",
        "requestTemplates": {
            "application/json":
                "{\"stateMachineArn\":\"$input.params('machine')\",\"input\":\"$util.escapeJavaScript($input.json('$')).replaceAll(\"\\\\'\",\"'\")\"}",
        },
    });
    rig.method(&api, &root, "POST", start).await;
    rig.response(&api, &root, "POST", "200", json!({})).await;
    let failed = json!({
        "selectionPattern": "4\\d{2}",
        "responseTemplates": {"application/json": "{\"why\":$input.json('$.message')}"},
    });
    rig.response(&api, &root, "POST", "409", failed).await;
    rig.deploy(&api, "dev").await;
    let headers = [("content-type", "application/json")];
    let answer = rig.send(&api, "POST /dev?machine=arn:m", &headers, r#"{"it's":"here"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.json()["executionArn"], "arn:started");
    let (service, operation, input) = rig.script.calls.lock().unwrap()[0].clone();
    assert_eq!((service.as_str(), operation.as_str()), ("stepfunctions", "StartExecution"));
    assert_eq!(input, json!({"stateMachineArn": "arn:m", "input": r#"{"it's":"here"}"#}));

    let answer = rig.send(&api, "POST /dev?machine=arn:none", &headers, "{}").await;
    assert_eq!((answer.status, answer.json()), (409, json!({"why": "State Machine Does Not Exist"})));

    // Nothing for this content type, and nothing is to pass.
    let answer = rig.send(&api, "POST /dev", &[("content-type", "text/xml")], "<a/>").await;
    assert_eq!((answer.status, answer.text()), (415, r#"{"message": "Unsupported Media Type"}"#));
}

#[tokio::test]
async fn queues_take_forms() {
    let rig = Rig::new();
    rig.services_answer(|_, _, _| Ok(json!({"MessageId": "m1"})));
    let (api, root) = rig.rest_api().await;
    let send = json!({
        "type": "AWS",
        "integrationHttpMethod": "POST",
        "uri": "arn:aws:apigateway:us-east-1:sqs:path/000000000000/orders",
        "credentials": "arn:aws:iam::000000000000:role/r",
        "requestParameters": {
            "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
        },
        "requestTemplates": {
            "application/json":
                "Action=SendMessage&MessageBody=$util.urlEncode($input.body)&MessageAttributes.1.Name=from&\
                 MessageAttributes.1.Value.DataType=String&MessageAttributes.1.Value.StringValue=me",
        },
    });
    rig.method(&api, &root, "POST", send).await;
    rig.response(&api, &root, "POST", "200", json!({})).await;
    rig.deploy(&api, "dev").await;
    let answer = rig.send(&api, "POST /dev", &[("content-type", "application/json")], r#"{"a":"&"}"#).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let (service, operation, input) = rig.script.calls.lock().unwrap()[0].clone();
    assert_eq!((service.as_str(), operation.as_str()), ("sqs", "SendMessage"));
    let expected = json!({
        "QueueUrl": "http://127.0.0.1:4566/000000000000/orders",
        "MessageBody": r#"{"a":"&"}"#,
        "MessageAttributes": {"from": {"DataType": "String", "StringValue": "me"}},
    });
    assert_eq!(input, expected);
}

#[tokio::test]
async fn a_functions_error_selects_a_response() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let integration = json!({"type": "AWS", "integrationHttpMethod": "POST", "uri": lambda("orders")});
    rig.method(&api, &root, "POST", integration).await;
    rig.response(&api, &root, "POST", "200", json!({})).await;
    let failed = json!({
        "selectionPattern": "Not found.*",
        "responseTemplates": {"application/json": "{\"error\":$input.json('$.errorMessage')}"},
    });
    rig.response(&api, &root, "POST", "404", failed).await;
    rig.deploy(&api, "dev").await;
    rig.function_returns(json!({"made": 1}));
    let answer = rig.send(&api, "POST /dev", &[], r#"{"as":"sent"}"#).await;
    assert_eq!((answer.status, answer.json()), (200, json!({"made": 1})));
    assert_eq!(rig.last_event(), json!({"as": "sent"}));
    rig.function_fails(json!({"errorMessage": "Not found: 7", "errorType": "Error"}));
    let answer = rig.get_post(&api).await;
    assert_eq!(answer, (404, json!({"error": "Not found: 7"})));
}

impl Rig {
    async fn get_post(&self, api: &str) -> (u16, serde_json::Value) {
        let answer = self.send(api, "POST /dev", &[], "{}").await;
        (answer.status, answer.json())
    }
}

/// A server for one request after another; answers with the request it got.
pub async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            let mut request = vec![0; 8192];
            let count = connection.read(&mut request).await.unwrap();
            let text = String::from_utf8_lossy(&request[..count]).into_owned();
            let answer = format!(
                "HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: {}\r\nX-Echo: yes\r\nX-Port: {}\r\n\r\n{text}",
                text.len(),
                address.port()
            );
            connection.write_all(answer.as_bytes()).await.unwrap();
        }
    });
    address
}

#[tokio::test]
async fn http_servers_get_the_request_and_their_answer_comes_back() {
    let server = echo().await;
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let rest = rig.resource(&api, &root, "{proxy+}").await;
    let of = json!({"restApiId": api, "resourceId": rest, "httpMethod": "ANY"});
    let parameters = json!({"method.request.path.proxy": true});
    rig.rest(
        "PutMethod",
        crate::rig::with(&of, json!({"authorizationType": "NONE", "requestParameters": parameters})),
    )
    .await;
    let integration = json!({
        "type": "HTTP_PROXY",
        "integrationHttpMethod": "ANY",
        "uri": format!("http://{server}/base/{{proxy}}"),
        "requestParameters": {"integration.request.path.proxy": "method.request.path.proxy"},
    });
    rig.rest("PutIntegration", crate::rig::with(&of, integration)).await;
    rig.deploy(&api, "dev").await;
    let answer = rig.send(&api, "PUT /dev/a/b?c=d", &[("x-own", "1")], "sent").await;
    // Where a redirect leads is the client's to follow.
    assert_eq!((answer.status, answer.header("location")), (302, Some("http://169.254.169.254/")));
    assert_eq!(answer.header("x-echo"), Some("yes"));
    let seen = answer.text();
    assert!(seen.starts_with("PUT /base/a/b?c=d HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains("x-own: 1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {server}\r\n")), "{seen}");
}

/// A server that does the same with every connection.
async fn server<F: Future<Output = ()> + Send>(
    serve: impl Fn(TcpStream) -> F + Send + 'static,
) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            serve(connection).await;
        }
    });
    address
}

async fn answering(text: &'static str) -> SocketAddr {
    server(move |mut connection| async move {
        let _ = connection.read(&mut [0; 8192]).await;
        let _ = connection.write_all(text.as_bytes()).await;
    })
    .await
}

#[tokio::test]
async fn backends_that_fail_are_told_in_aws_words() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    let gone = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let hangs = server(|mut connection| async move {
        let _ = connection.read(&mut [0; 8192]).await;
        // It is kept, and never answered.
        std::mem::forget(connection);
    })
    .await;
    let network = "Network error communicating with endpoint";
    let backends = [
        ("gone", gone, network),
        ("hangs", hangs, "Endpoint request timed out"),
        ("closes", server(|connection| async move { drop(connection) }).await, network),
        ("garbage", answering("no HTTP at all\r\n\r\n").await, network),
        ("short", answering("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf").await, network),
        ("endless", answering("HTTP/1.1 200 OK\r\ncontent-length: 99999999\r\n\r\n").await, network),
        ("chunks", answering("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n").await, network),
    ];
    for (part, address, _) in &backends {
        let resource = rig.resource(&api, &root, part).await;
        let integration = json!({
            "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": format!("http://{address}/"),
            "timeoutInMillis": 300,
        });
        rig.method(&api, &resource, "GET", integration).await;
    }
    rig.deploy(&api, "dev").await;
    for (part, _, message) in &backends {
        let answer = rig.get(&api, &format!("/dev/{part}")).await;
        assert_eq!((answer.status, answer.json()), (504, json!({"message": message})), "{part}");
    }
}

#[tokio::test]
async fn a_server_of_any_issuer_may_be_trusted_and_may_ask_who_connects() {
    let rig = Rig::new();
    let made = rig.rest("GenerateClientCertificate", json!({})).await;
    let pem = text(&made, "pemEncodedCertificate");
    let base64: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    let client = base64::engine::general_purpose::STANDARD.decode(base64).unwrap();
    let own = rcgen::generate_simple_self_signed(vec![String::from("localhost")]).unwrap();
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let mut roots = rustls::RootCertStore::empty();
    roots.add(client.into()).unwrap();
    let verifier =
        rustls::server::WebPkiClientVerifier::builder_with_provider(roots.into(), provider.clone()).build();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier.unwrap())
        .with_single_cert(
            vec![own.cert.der().clone()],
            rustls::pki_types::PrivateKeyDer::try_from(own.signing_key.serialize_der()).unwrap(),
        );
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config.unwrap()));
    let address = server(move |connection| {
        let accepting = acceptor.accept(connection);
        async move {
            let Ok(mut connection) = accepting.await else { return };
            let _ = connection.read(&mut [0; 8192]).await;
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nsecret").await;
            let _ = connection.shutdown().await;
        }
    })
    .await;
    let (api, root) = rig.rest_api().await;
    let integration = json!({
        "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": format!("https://localhost:{}/", address.port()),
        "tlsConfig": {"insecureSkipVerification": true},
    });
    rig.method(&api, &root, "GET", integration).await;
    rig.deploy(&api, "dev").await;
    assert_eq!(rig.get(&api, "/dev").await.status, 504);
    let patch = |value: &str| {
        let patch = json!([{"op": "replace", "path": "/clientCertificateId", "value": value}]);
        json!({"restApiId": api, "stageName": "dev", "patchOperations": patch})
    };
    assert_eq!(rig.rest_refuses("UpdateStage", patch("none")).await.code, "NotFoundException");
    rig.rest("UpdateStage", patch(&text(&made, "clientCertificateId"))).await;
    let answer = rig.get(&api, "/dev").await;
    assert_eq!((answer.status, answer.text()), (200, "secret"));
    let patch = json!([{"op": "replace", "path": "/tlsConfig/insecureSkipVerification", "value": "false"}]);
    let of = json!({"restApiId": api, "resourceId": root, "httpMethod": "GET", "patchOperations": patch});
    rig.rest("UpdateIntegration", of).await;
    rig.deploy(&api, "dev").await;
    assert_eq!(rig.get(&api, "/dev").await.status, 504);
}

#[tokio::test]
async fn what_only_this_machine_may_reach_is_not_reached() {
    let rig = Rig::new();
    let (api, root) = rig.rest_api().await;
    for (part, uri) in [
        ("metadata", "http://169.254.169.254/latest/meta-data/"),
        ("admin", "http://127.0.0.1:4566/_tule/reset"),
        ("escaped", "http://127.0.0.1:4566/%5flocalstack/state/reset"),
    ] {
        let resource = rig.resource(&api, &root, part).await;
        let integration = json!({"type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": uri});
        rig.method(&api, &resource, "GET", integration).await;
    }
    rig.deploy(&api, "dev").await;
    for part in ["metadata", "admin", "escaped"] {
        let answer = rig.get(&api, &format!("/dev/{part}")).await;
        assert!(answer.status >= 500, "{part}: {}", answer.status);
        assert!(
            answer.text().contains("nternal server error") || answer.text().contains("Network"),
            "{}",
            answer.text()
        );
    }
}
