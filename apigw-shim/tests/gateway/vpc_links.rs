//! Integrations behind VPC links: TLS to them.

use std::{net::SocketAddr, sync::Arc};

use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_rustls::rustls::{
    self,
    server::{ClientHello, ResolvesServerCert},
};

use crate::rig::{Rig, text, with};

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
