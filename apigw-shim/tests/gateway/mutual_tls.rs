//! Mutual TLS of custom domain names: truststores, and what becomes of the certificates that clients show.

use std::sync::Arc;

use aws_wire::ServiceError;
use proxy_events::{ClientCertificate, Secured};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair, date_time_ymd};
use serde_json::{Value, json};

use crate::rig::{Rig, proxy, text, with};

const HOST: &str = "api.example.com";

/// An authority's certificate in DER and PEM.
fn authority(name: &str, until: i32) -> (Vec<u8>, String) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.not_after = date_time_ymd(until, 1, 1);
    let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
    (made.der().to_vec(), apigw_shim::pem(made.der()))
}

/// What S3 has: by its key.
fn store(rig: &Rig, objects: Vec<(&'static str, String)>) {
    rig.services_answer(move |service, operation, members| {
        assert_eq!((service, operation, &members["Bucket"]), ("s3", "GetObject", &json!("trust")));
        let found = objects.iter().find(|(key, _)| members["Key"] == *key);
        let missing = || ServiceError::new("NoSuchKey", 404, "The specified key does not exist.");
        found.map(|(_, text)| json!(text)).ok_or_else(missing)
    });
}

fn given(truststore: &str) -> Value {
    json!({
        "domainName": HOST,
        "regionalCertificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1",
        "endpointConfiguration": {"types": ["REGIONAL"]},
        "mutualTlsAuthentication": {"truststoreUri": truststore},
    })
}

/// A client that has shown a certificate, and what its truststore said.
fn shown(trusted_by: Result<[u8; 32], String>) -> Option<Secured> {
    let certificate = ClientCertificate {
        pem: "-----BEGIN CERTIFICATE-----".to_owned(),
        subject: "CN=ann".to_owned(),
        issuer: "CN=ours".to_owned(),
        serial_number: "0a:b1".to_owned(),
        not_before: "May 28 12:30:02 2019 GMT".to_owned(),
        not_after: "Aug  5 09:36:04 2029 GMT".to_owned(),
        trusted_by,
    };
    Some(Secured { server_name: Some(HOST.into()), client: Some(Arc::new(certificate)) })
}

fn expected() -> Value {
    json!({
        "clientCertPem": "-----BEGIN CERTIFICATE-----", "subjectDN": "CN=ann", "issuerDN": "CN=ours",
        "serialNumber": "0a:b1",
        "validity": {"notBefore": "May 28 12:30:02 2019 GMT", "notAfter": "Aug  5 09:36:04 2029 GMT"},
    })
}

#[tokio::test]
async fn a_truststore_is_read_when_it_is_set() {
    let rig = Rig::new();
    let (first, first_pem) = authority("first", 2090);
    let (_, old_pem) = authority("old", 2020);
    let (second, second_pem) = authority("second", 2090);
    store(
        &rig,
        vec![
            ("both.pem", format!("{old_pem}{first_pem}")),
            ("second.pem", second_pem),
            ("old.pem", old_pem),
            ("none.pem", "nothing".to_owned()),
        ],
    );
    for (wrong, said) in [
        ("https://a/b", "Invalid truststore URI specified"),
        ("s3://trust", "Invalid truststore URI specified"),
        ("s3://trust/missing.pem", "The specified key does not exist."),
        ("s3://trust/none.pem", "no certificate that can be used"),
        ("s3://trust/old.pem", "Certificate has expired: CN=old"),
    ] {
        let refused = rig.rest_refuses("CreateDomainName", given(wrong)).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.message.contains(said), "{wrong}: {}", refused.message);
    }
    let edge = json!({
        "endpointConfiguration": {"types": ["EDGE"]},
        "certificateArn": "arn:aws:acm:us-east-1:000000000000:certificate/1",
    });
    let refused = rig.rest_refuses("CreateDomainName", with(&given("s3://trust/both.pem"), edge)).await;
    assert_eq!(refused.message, "Mutual TLS is supported for regional domain names only");
    assert!(!rig.gateway.has_domain(HOST));

    let made = rig.rest("CreateDomainName", given("s3://trust/both.pem")).await;
    let tls = &made["mutualTlsAuthentication"];
    assert_eq!(tls["truststoreUri"], "s3://trust/both.pem");
    assert_eq!(tls["truststoreWarnings"], json!(["Certificate has expired: CN=old"]));
    let rig = rig.restarted();
    let before = rig.gateway.truststore(HOST).unwrap();
    assert_eq!(before.certificates, [first]);
    let of = json!({"DomainName": HOST});
    let seen = rig.http("GetDomainName", of.clone()).await;
    assert_eq!(seen["MutualTlsAuthentication"]["TruststoreUri"], "s3://trust/both.pem");

    let patch = |op: &str, path: &str, value: &str| {
        let patch = json!({"op": op, "path": format!("/mutualTlsAuthentication{path}"), "value": value});
        json!({"domainName": HOST, "patchOperations": [patch]})
    };
    let missing = patch("replace", "/truststoreUri", "s3://trust/missing.pem");
    assert_eq!(rig.rest_refuses("UpdateDomainName", missing).await.status, 400);
    assert_eq!(rig.rest_refuses("UpdateDomainName", patch("replace", "/colour", "red")).await.status, 400);
    assert_eq!(rig.gateway.truststore(HOST).unwrap(), before);
    rig.rest("UpdateDomainName", patch("replace", "/truststoreUri", "s3://trust/second.pem")).await;
    let after = rig.gateway.truststore(HOST).unwrap();
    assert_eq!(after.certificates, [second]);
    assert_ne!(after.fingerprint, before.fingerprint);
    let ended = rig.rest("UpdateDomainName", patch("replace", "/truststoreUri", "")).await;
    assert!(ended["mutualTlsAuthentication"].is_null() && rig.gateway.truststore(HOST).is_none());
    let by_http = |uri: &str| with(&of, json!({"MutualTlsAuthentication": {"TruststoreUri": uri}}));
    rig.http("UpdateDomainName", by_http("s3://trust/second.pem")).await;
    assert_eq!(rig.gateway.truststore(HOST).unwrap(), after);
    rig.rest("UpdateDomainName", patch("remove", "", "")).await;
    assert!(rig.gateway.truststore(HOST).is_none());
    rig.http("UpdateDomainName", by_http("s3://trust/second.pem")).await;
    rig.http("UpdateDomainName", by_http("")).await;
    assert!(rig.gateway.truststore(HOST).is_none());
}

#[tokio::test]
async fn only_those_who_are_trusted_get_in_and_events_name_them() {
    let rig = Rig::new();
    store(&rig, vec![("ca.pem", authority("ours", 2090).1)]);
    let (api, root) = rig.rest_api().await;
    rig.method(&api, &root, "GET", proxy()).await;
    let template = "$context.identity.clientCert.subjectDN $context.identity.clientCert.validity.notAfter";
    let mock = json!({"type": "MOCK", "requestTemplates": {"application/json": "{\"statusCode\": 200}"}});
    rig.method(&api, &root, "POST", mock).await;
    rig.response(&api, &root, "POST", "200", json!({"responseTemplates": {"application/json": template}}))
        .await;
    rig.deploy(&api, "dev").await;
    rig.rest("CreateDomainName", given("s3://trust/ca.pem")).await;
    let of = json!({"domainName": HOST, "restApiId": api, "stage": "dev"});
    rig.rest("CreateBasePathMapping", with(&of, json!({"basePath": "rest"}))).await;
    let target = "arn:aws:lambda:us-east-1:000000000000:function:orders";
    let http = rig.http("CreateApi", json!({"Name": "h", "ProtocolType": "HTTP", "Target": target})).await;
    let mapping =
        json!({"DomainName": HOST, "ApiId": http["ApiId"], "Stage": "$default", "ApiMappingKey": "http"});
    rig.http("CreateApiMapping", mapping).await;

    let trusted = rig.gateway.truststore(HOST).unwrap().fingerprint;
    let send = async |secured: Option<Secured>, line: &str| {
        let answer = rig.send_over(secured, HOST, line, &[("accept", "application/json")]).await;
        (answer.status, answer.text().to_owned())
    };
    let forbidden = (403, r#"{"message":"Forbidden"}"#.to_owned());
    let nobody = Secured { server_name: Some(HOST.into()), client: None };
    let by_another_name =
        shown(Ok(trusted)).map(|it| Secured { server_name: Some("a.example.com".into()), ..it });
    for refused in [
        None,
        Some(nobody.clone()),
        shown(Err("UnknownIssuer".to_owned())),
        shown(Ok([7; 32])),
        by_another_name,
    ] {
        assert_eq!(send(refused.clone(), "GET /rest").await, forbidden, "{refused:?}");
    }
    assert_eq!(send(shown(Ok(trusted)), "GET /rest").await.0, 200);
    let event = rig.last_event();
    assert_eq!(event["requestContext"]["identity"]["clientCert"], expected());
    assert_eq!(event["headers"]["X-Forwarded-Proto"], "https");
    assert_eq!(event["headers"]["X-Forwarded-Port"], "443");
    let mapped = send(shown(Ok(trusted)), "POST /rest").await;
    assert_eq!(mapped, (200, "CN=ann Aug  5 09:36:04 2029 GMT".to_owned()));
    assert_eq!(send(shown(Ok(trusted)), "GET /http/orders").await.0, 200);
    assert_eq!(rig.last_event()["requestContext"]["authentication"], json!({"clientCert": expected()}));

    // A name that asks for nothing tells nothing of what another has asked for.
    let open = with(&given(""), json!({"domainName": "open.example.com"}));
    rig.rest("CreateDomainName", open).await;
    let mapping = json!({"domainName": "open.example.com", "restApiId": api, "stage": "dev"});
    rig.rest("CreateBasePathMapping", mapping).await;
    assert_eq!(rig.send_over(shown(Ok(trusted)), "open.example.com", "GET /", &[]).await.status, 200);
    assert!(rig.last_event()["requestContext"]["identity"].get("clientCert").is_none());
    assert_eq!(text(&rig.last_event()["requestContext"], "domainName"), "open.example.com");
    assert_eq!(rig.send_over(None, "open.example.com", "GET /", &[]).await.status, 200);
    assert_eq!(rig.last_event()["headers"]["X-Forwarded-Proto"], "http");
}
