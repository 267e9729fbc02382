//! Integrations behind VPC links: TLS to them, and addresses that stand for what is not emulated.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::rustls::{
    self,
    server::{ClientHello, ResolvesServerCert},
};

use crate::{
    integrations::echo,
    rig::{Rig, text, with},
};

/// Tells which name a client asks for, and has no certificate for any.
#[derive(Debug)]
struct Asked(mpsc::UnboundedSender<Option<String>>);

impl ResolvesServerCert for Asked {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<rustls::sign::CertifiedKey>> {
        let _ = self.0.send(hello.server_name().map(str::to_owned));
        None
    }
}

/// A server that only listens to which names are asked for.
async fn asked_names() -> (SocketAddr, mpsc::UnboundedReceiver<Option<String>>) {
    let (sender, names) = mpsc::unbounded_channel();
    let config = rustls::ServerConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Asked(sender)));
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let _ = acceptor.accept(connection).await;
        }
    });
    (address, names)
}

/// An HTTP API whose stage `$default` deploys itself, and what an integration of it behind a link has.
async fn linked(rig: &Rig) -> (String, Value) {
    let api = text(&rig.http("CreateApi", json!({"Name": "linked", "ProtocolType": "HTTP"})).await, "ApiId");
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "$default", "AutoDeploy": true})).await;
    let link = rig.http("CreateVpcLink", json!({"Name": "link", "SubnetIds": ["subnet-1"]})).await;
    let integration = json!({
        "ApiId": api, "IntegrationType": "HTTP_PROXY", "IntegrationMethod": "ANY", "PayloadFormatVersion": "1.0",
        "ConnectionType": "VPC_LINK", "ConnectionId": link["VpcLinkId"],
    });
    (api, integration)
}

/// A route for everything to an integration.
async fn route(rig: &Rig, api: &str, integration: Value) -> String {
    let id = text(&rig.http("CreateIntegration", integration).await, "IntegrationId");
    let target = format!("integrations/{id}");
    rig.http("CreateRoute", json!({"ApiId": api, "RouteKey": "$default", "Target": target})).await;
    id
}

#[tokio::test]
async fn the_server_is_asked_for_the_name_to_verify() {
    let rig = Rig::new();
    let (api, plain) = linked(&rig).await;
    let (address, mut names) = asked_names().await;
    let uri = json!({"IntegrationUri": format!("https://localhost:{}/", address.port())});
    let named = json!({"TlsConfig": {"ServerNameToVerify": "backend.internal"}});
    let id = route(&rig, &api, with(&with(&plain, uri.clone()), named.clone())).await;
    assert_eq!(rig.get(&api, "/").await.status, 503);
    assert_eq!(names.recv().await.unwrap().as_deref(), Some("backend.internal"));

    let of = json!({"ApiId": api, "IntegrationId": id});
    let kept = rig.http("GetIntegration", of.clone()).await;
    assert_eq!(kept["TlsConfig"], json!({"ServerNameToVerify": "backend.internal"}));
    rig.http("UpdateIntegration", with(&of, json!({"TlsConfig": {}}))).await;
    assert_eq!(rig.get(&api, "/").await.status, 503);
    assert_eq!(names.recv().await.unwrap().as_deref(), Some("localhost"));

    let http = json!({"IntegrationUri": "http://127.0.0.1:1/"});
    let error = rig.http_refuses("UpdateIntegration", with(&of, http)).await;
    assert_eq!(error.message, "TlsConfig needs an integration URI that begins with https://");
    let no_name = json!({"TlsConfig": {"ServerNameToVerify": "no name"}});
    let error = rig.http_refuses("UpdateIntegration", with(&of, no_name)).await;
    assert_eq!(error.message, "Invalid serverNameToVerify specified: no name");
    let mut open = with(&with(&plain, uri), named);
    open["ConnectionType"] = json!("INTERNET");
    open.as_object_mut().unwrap().remove("ConnectionId");
    let error = rig.http_refuses("CreateIntegration", open).await;
    assert_eq!(error.message, "TlsConfig is supported for VPC_LINK connections only");
}

#[tokio::test]
async fn nothing_goes_in_the_clear_where_tls_is_configured() {
    let rig = Rig::new();
    let (api, plain) = linked(&rig).await;
    let stage =
        json!({"ApiId": api, "StageName": "$default", "StageVariables": {"base": "http://127.0.0.1:1"}});
    rig.http("UpdateStage", stage).await;
    let variable = json!({"IntegrationUri": "${stageVariables.base}/", "TlsConfig": {}});
    route(&rig, &api, with(&plain, variable)).await;
    assert_eq!(rig.get(&api, "/").await.status, 500);
}

const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:listener/app/a/1/2";
const SERVICE: &str = "arn:aws:servicediscovery:us-east-1:000000000000:service/srv-1";
const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:000000000000:loadbalancer/net/a/1";

#[tokio::test]
async fn an_address_stands_for_a_listener_or_a_service() {
    let server = echo().await;
    let rig = Rig::new();
    let (api, plain) = linked(&rig).await;
    let listener = with(&plain, json!({"IntegrationUri": LISTENER}));
    let error = rig.http_refuses("CreateIntegration", listener.clone()).await;
    assert!(error.message.contains(&format!("--vpc-link-target {LISTENER}=http://HOST:PORT")), "{error:?}");

    let at = format!("http://{server}");
    let rig = rig.with_targets(&[(LISTENER, at.clone()), (SERVICE, at)]);
    let id = route(&rig, &api, listener).await;
    rig.http("CreateStage", json!({"ApiId": api, "StageName": "dev", "AutoDeploy": true})).await;
    let seen = rig.send(&api, "PUT /a%20b/c?d=e", &[], "sent").await;
    assert!(seen.text().starts_with("PUT /a%20b/c?d=e HTTP/1.1\r\n"), "{}", seen.text());
    assert!(seen.text().contains(&format!("host: {server}\r\n")), "{}", seen.text());
    // A stage's name is part of what is asked, unless a parameter says otherwise.
    let seen = rig.get(&api, "/dev/a").await;
    assert!(seen.text().starts_with("GET /dev/a HTTP/1.1\r\n"), "{}", seen.text());
    let of = json!({"ApiId": api, "IntegrationId": id});
    let path = json!({"RequestParameters": {"overwrite:path": "$request.path"}});
    rig.http("UpdateIntegration", with(&of, path)).await;
    let seen = rig.get(&api, "/dev/a").await;
    assert!(seen.text().starts_with("GET /a HTTP/1.1\r\n"), "{}", seen.text());

    let some = json!({"IntegrationUri": format!("{SERVICE}?stage=prod")});
    rig.http("UpdateIntegration", with(&of, some)).await;
    assert_eq!(rig.get(&api, "/dev/a").await.status, 302);
    let error = rig.http_refuses("UpdateIntegration", with(&of, json!({"TlsConfig": {}}))).await;
    assert!(error.message.contains("must be an https:// address"), "{error:?}");
    let error = rig.http_refuses("UpdateIntegration", with(&of, json!({"IntegrationUri": BALANCER}))).await;
    assert_eq!(error.message, "HttpIntegration URI should be a valid URL");
    // Without what stood for it, it says so and is not sent anywhere.
    let rig = rig.restarted();
    assert_eq!(rig.get(&api, "/dev/a").await.status, 500);
}

#[tokio::test]
async fn rest_apis_reach_what_stands_for_a_link_s_load_balancer() {
    let (balancer, listener) = (echo().await, echo().await);
    let rig = Rig::new();
    let link = rig.rest("CreateVpcLink", json!({"name": "l", "targetArns": [BALANCER]})).await;
    let (api, root) = rig.rest_api().await;
    let through = |part: Value| {
        let all = json!({
            "type": "HTTP_PROXY", "integrationHttpMethod": "GET", "uri": "https://inner.example.com/base",
            "connectionType": "VPC_LINK", "connectionId": link["id"],
        });
        with(&all, part)
    };
    rig.method(&api, &root, "GET", through(json!({}))).await;
    let named = rig.resource(&api, &root, "named").await;
    rig.method(&api, &named, "GET", through(json!({"integrationTarget": LISTENER}))).await;
    let streamed = rig.resource(&api, &root, "streamed").await;
    rig.method(&api, &streamed, "GET", through(json!({"responseTransferMode": "STREAM"}))).await;
    rig.deploy(&api, "dev").await;
    let targets = [(BALANCER, format!("http://{balancer}")), (LISTENER, format!("http://{listener}"))];
    let rig = rig.with_targets(&targets);
    for path in ["/dev", "/dev/named", "/dev/streamed"] {
        let seen = rig.get(&api, path).await;
        assert_eq!(seen.status, 302, "{path}: {}", seen.text());
        assert!(seen.text().starts_with("GET /base HTTP/1.1\r\n"), "{path}: {}", seen.text());
        assert!(seen.text().contains("host: inner.example.com\r\n"), "{path}: {}", seen.text());
        let wanted = if path == "/dev/named" { listener } else { balancer };
        assert_eq!(seen.header("x-port"), Some(wanted.port().to_string().as_str()), "{path}");
    }
}
