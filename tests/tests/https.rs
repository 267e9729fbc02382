//! The HTTPS listener: certificates by name, the same checks of hosts as over HTTP, and mutual TLS of custom domains.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::{io, sync::Arc};

use e2e::{
    Answer, PATIENCE, Tule,
    certificates::{Authority, Identity, pem},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::ring,
        pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, pem::PemObject as _},
    },
};

const DOMAIN: &str = "api.example.com";

/// A client that trusts this Tule alone, and may show a certificate.
fn connector(tule: &Tule, identity: Option<&Identity>) -> TlsConnector {
    let own = tule.request("GET", "/_tule/tls/ca.pem", &[], "");
    assert_eq!(own.status, 200, "{}", own.body);
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(own.body.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(Identity { certificate, key }) => {
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.clone()));
            builder.with_client_auth_cert(vec![certificate.clone().into()], key).unwrap()
        }
    };
    TlsConnector::from(Arc::new(config))
}

/// One request to `host` over a connection that asked for `name`.
async fn send(
    tule: &Tule,
    connector: &TlsConnector,
    name: &str,
    host: &str,
    line: &str,
) -> io::Result<Answer> {
    let url = tule.said_url_of("https", &[]);
    let exchange = async {
        let stream = TcpStream::connect(url.trim_start_matches("https://")).await?;
        let mut stream = connector.connect(ServerName::try_from(name.to_owned()).unwrap(), stream).await?;
        let request = format!("{line} HTTP/1.0\r\nhost: {host}\r\naccept: application/json\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        // Servers that close without a goodbye have still answered.
        match stream.read_to_end(&mut answer).await {
            Err(error) if answer.is_empty() => Err(error),
            _ => Ok(Answer::parse(&String::from_utf8_lossy(&answer))),
        }
    };
    tokio::time::timeout(PATIENCE, exchange).await.expect("it answers in time")
}

fn call(tule: &Tule, method: &str, path: &str, body: &Value) -> Value {
    let scope = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/apigateway/aws4_request, SignedHeaders=h, Signature=0";
    let answer = tule.request(method, path, &[("authorization", scope)], &body.to_string());
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
    if answer.body.is_empty() { Value::Null } else { answer.value() }
}

/// An object in S3, in a bucket of its own.
fn put(tule: &Tule, key: &str, text: &str) {
    let scope =
        "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, SignedHeaders=h, Signature=0";
    let headers = [("authorization", scope)];
    tule.request("PUT", "/trust", &headers, "");
    let answer = tule.request("PUT", &format!("/trust/{key}"), &headers, text);
    assert_eq!(answer.status, 200, "{}", answer.body);
}

/// A REST API that answers with the subject of the client's certificate, at a custom domain.
fn api(tule: &Tule) -> String {
    let api = call(tule, "POST", "/restapis", &json!({"name": "who"}));
    let id = api["id"].as_str().unwrap().to_owned();
    let method = format!("/restapis/{id}/resources/{}/methods/GET", api["rootResourceId"].as_str().unwrap());
    call(tule, "PUT", &method, &json!({"authorizationType": "NONE"}));
    let templates = json!({"application/json": "{\"statusCode\": 200}"});
    call(
        tule,
        "PUT",
        &format!("{method}/integration"),
        &json!({"type": "MOCK", "requestTemplates": templates}),
    );
    call(tule, "PUT", &format!("{method}/responses/200"), &json!({}));
    let templates = json!({"application/json": "$context.identity.clientCert.subjectDN"});
    let response = json!({"responseTemplates": templates});
    call(tule, "PUT", &format!("{method}/integration/responses/200"), &response);
    call(tule, "POST", &format!("/restapis/{id}/deployments"), &json!({"stageName": "dev"}));
    let domain = json!({
        "domainName": DOMAIN,
        "regionalCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1",
        "endpointConfiguration": {"types": ["REGIONAL"]},
    });
    call(tule, "POST", "/domainnames", &domain);
    let mapping = json!({"restApiId": id, "stage": "dev"});
    call(tule, "POST", &format!("/domainnames/{DOMAIN}/basepathmappings"), &mapping);
    id
}

fn trust(tule: &Tule, uri: &str) {
    let patch = json!({"op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": uri});
    call(tule, "PATCH", &format!("/domainnames/{DOMAIN}"), &json!({"patchOperations": [patch]}));
}

#[tokio::test(flavor = "multi_thread")]
async fn https_serves_the_same_names_as_http() {
    let tule = Tule::start(&["--https-port", "0"]);
    let client = connector(&tule, None);
    let id = api(&tule);
    let own = format!("{id}.execute-api.localhost");
    for (name, host, line, status) in [
        ("localhost", "localhost", "GET /restapis", 200),
        ("127.0.0.1", "127.0.0.1", "GET /restapis", 200),
        (own.as_str(), own.as_str(), "GET /dev", 200),
        (DOMAIN, DOMAIN, "GET /", 200),
        // What is kept from other sites' pages over HTTP is so here.
        ("localhost", "evil.example", "GET /restapis", 403),
        ("localhost", "localhost", "GET /_tule/health", 403),
    ] {
        let answer = send(&tule, &client, name, host, line).await.unwrap();
        assert_eq!(answer.status, status, "{name} {host} {line}: {}", answer.body);
    }
    // A name that is not served has no certificate.
    assert!(send(&tule, &client, "evil.example", "evil.example", "GET /").await.is_err());
    // What is no TLS gets no answer.
    let address = tule.said_url_of("https", &[]);
    let mut plain = TcpStream::connect(address.trim_start_matches("https://")).await.unwrap();
    plain.write_all(b"GET / HTTP/1.0\r\nhost: localhost\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("HTTP/1."), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_with_mutual_tls_asks_who_comes() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let tule = Tule::start(&["--https-port", "0", "--data-dir", data]);
    api(&tule);
    let [ours, theirs] = ["ours", "theirs"].map(Authority::new);
    let (ann, eve) = (ours.client("ann"), theirs.client("eve"));
    put(&tule, "ours.pem", &pem("CERTIFICATE", &ours.certificate));
    put(&tule, "theirs.pem", &pem("CERTIFICATE", &theirs.certificate));
    let before = send(&tule, &connector(&tule, None), DOMAIN, DOMAIN, "GET /").await.unwrap();
    assert_eq!((before.status, before.body.as_str()), (200, ""), "nobody is asked yet");
    trust(&tule, "s3://trust/ours.pem");

    let by = async |tule: &Tule, identity: Option<&Identity>, name: &str| {
        send(tule, &connector(tule, identity), name, DOMAIN, "GET /").await
    };
    let ours = by(&tule, Some(&ann), DOMAIN).await.unwrap();
    assert_eq!((ours.status, ours.body.as_str()), (200, "CN=ann"));
    let foreign = by(&tule, Some(&eve), DOMAIN).await.unwrap();
    assert_eq!((foreign.status, foreign.body.as_str()), (403, r#"{"message":"Forbidden"}"#));
    assert!(by(&tule, None, DOMAIN).await.is_err(), "without a certificate there is no connection");
    assert_eq!(by(&tule, Some(&ann), "localhost").await.unwrap().status, 403, "another name asked for none");
    let plain = tule.raw(format!("GET / HTTP/1.0\r\nhost: {DOMAIN}\r\n\r\n").as_bytes());
    assert!(plain.starts_with("HTTP/1.0 403") || plain.starts_with("HTTP/1.1 403"), "{plain}");

    // What was acknowledged is there after a crash, and clients need not trust another authority.
    let own = tule.request("GET", "/_tule/tls/ca.pem", &[], "").body;
    tule.kill();
    let tule = Tule::start(&["--https-port", "0", "--data-dir", data]);
    assert_eq!(tule.request("GET", "/_tule/tls/ca.pem", &[], "").body, own);
    assert_eq!(std::fs::read_to_string(folder.path().join("tls/ca.pem")).unwrap(), own);
    assert_eq!(by(&tule, Some(&ann), DOMAIN).await.unwrap().status, 200);
    assert!(by(&tule, None, DOMAIN).await.is_err());

    trust(&tule, "s3://trust/theirs.pem");
    assert_eq!(by(&tule, Some(&ann), DOMAIN).await.unwrap().status, 403);
    assert_eq!(by(&tule, Some(&eve), DOMAIN).await.unwrap().body, "CN=eve");
    trust(&tule, "");
    assert_eq!(by(&tule, None, DOMAIN).await.unwrap().status, 200);
}

#[test]
fn without_https_a_domain_with_mutual_tls_lets_nobody_in() {
    let tule = Tule::start(&[]);
    assert_eq!(tule.request("GET", "/_tule/tls/ca.pem", &[], "").status, 404);
    api(&tule);
    put(&tule, "ours.pem", &pem("CERTIFICATE", &Authority::new("ours").certificate));
    let send =
        || Answer::parse(&tule.raw(format!("GET / HTTP/1.0\r\nhost: {DOMAIN}\r\n\r\n").as_bytes())).status;
    assert_eq!(send(), 200);
    trust(&tule, "s3://trust/ours.pem");
    assert_eq!(send(), 403);
    trust(&tule, "");
    assert_eq!(send(), 200);
}
