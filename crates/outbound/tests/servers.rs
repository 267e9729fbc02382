//! Requests to servers in this process, with and without TLS.

use std::{net::SocketAddr, sync::Arc};

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Request, header};
use outbound::{
    Outbound, OutboundError, Special,
    connection::{Authorization, Connection, Parameters},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
    sync::mpsc,
};
use tokio_rustls::{TlsAcceptor, rustls};

const OWN: &str = "http://127.0.0.1:4566";

/// Reads one request (its head, and as much body as it says) and answers.
async fn serve_one<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, answer: &str) -> String {
    let mut seen = Vec::new();
    let mut chunk = [0; 4_096];
    loop {
        let read = stream.read(&mut chunk).await.unwrap_or(0);
        seen.extend_from_slice(&chunk[..read]);
        let text = String::from_utf8_lossy(&seen);
        let length =
            text.to_ascii_lowercase().split("content-length: ").nth(1).map_or(0, |rest| {
                rest.split("\r\n").next().and_then(|it| it.parse::<usize>().ok()).unwrap_or(0)
            });
        if read == 0 || text.split_once("\r\n\r\n").is_some_and(|(_, body)| body.len() >= length) {
            break;
        }
    }
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nx-from: server\r\n\r\n", answer.len());
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(answer.as_bytes()).await;
    let _ = stream.shutdown().await;
    String::from_utf8_lossy(&seen).into_owned()
}

async fn server(
    answer: &'static str,
    tls: Option<TlsAcceptor>,
) -> (SocketAddr, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
    let address = listener.local_addr().expect("it has an address");
    let (sender, requests) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = match &tls {
                None => serve_one(stream, answer).await,
                Some(tls) => match tls.accept(stream).await {
                    Ok(stream) => serve_one(stream, answer).await,
                    Err(_) => continue,
                },
            };
            let _ = sender.send(seen);
        }
    });
    (address, requests)
}

fn certificate() -> (TlsAcceptor, Vec<u8>) {
    acceptor(None)
}

/// A server's certificate, and what it takes connections by; `client` is the only certificate it lets in, if there is one.
fn acceptor(client: Option<&[u8]>) -> (TlsAcceptor, Vec<u8>) {
    let made = rcgen::generate_simple_self_signed(vec![String::from("localhost")]).expect("it can be made");
    let der = made.cert.der().to_vec();
    let key =
        rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).expect("it is a key");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("there are ciphers");
    let config = match client {
        None => config.with_no_client_auth(),
        Some(client) => {
            let mut roots = rustls::RootCertStore::empty();
            roots.add(client.to_vec().into()).expect("it is a certificate");
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let verifier =
                rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            config.with_client_cert_verifier(verifier.build().expect("there is a root"))
        }
    };
    let config = config.with_single_cert(vec![der.clone().into()], key).expect("key and certificate fit");
    (TlsAcceptor::from(Arc::new(config)), der)
}

fn get(uri: &str) -> Request<Bytes> {
    Request::get(uri).body(Bytes::new()).expect("it is a request")
}

#[tokio::test]
async fn plain_servers_answer() {
    let (address, mut requests) = server("hello", None).await;
    let answer = Outbound::new(OWN).send(get(&format!("http://{address}/a%20b?c=d"))).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hello"[..]));
    let seen = requests.recv().await.unwrap();
    assert!(seen.starts_with("GET /a%20b?c=d HTTP/1.1\r\n"), "{seen}");
    assert!(seen.contains(&format!("host: {address}")), "{seen}");
}

#[tokio::test]
async fn tls_is_spoken_with_whom_is_trusted_and_nobody_else() {
    let (acceptor, der) = certificate();
    let (address, _requests) = server("secret", Some(acceptor)).await;
    let uri = format!("https://localhost:{}/", address.port());
    let answer = Outbound::trusting(OWN, vec![der.clone()]).send(get(&uri)).await.unwrap();
    assert_eq!(&answer.body()[..], b"secret");
    let refused = Outbound::trusting(OWN, Vec::new()).send(get(&uri)).await;
    assert!(matches!(refused, Err(OutboundError::Tls(_))), "{refused:?}");
    // The name is part of it.
    let other = format!("https://127.0.0.1:{}/", address.port());
    let refused = Outbound::trusting(OWN, vec![der]).send(get(&other)).await;
    assert!(matches!(refused, Err(OutboundError::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_connection_takes_the_next_request_too() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        // One connection, and never another.
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 4_096];
        while stream.read(&mut seen).await.unwrap_or(0) > 0 {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let client = Outbound::new(OWN);
    for _ in 0..3 {
        assert_eq!(&client.send(get(&uri)).await.unwrap().body()[..], b"ok");
    }
}

#[tokio::test]
async fn a_streamed_answer_is_read_as_it_comes() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let (more, mut wanted) = mpsc::unbounded_channel::<()>();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut seen = [0; 4_096];
        let _ = stream.read(&mut seen).await;
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n")
            .await
            .unwrap();
        wanted.recv().await;
        stream.write_all(b"6\r\nsecond\r\n").await.unwrap();
        wanted.recv().await;
        // It breaks off.
    });
    let mut body = Outbound::new(OWN).stream(get(&uri)).await.unwrap().into_body();
    assert_eq!(body.next().await.unwrap().unwrap(), "first");
    more.send(()).unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "second");
    more.send(()).unwrap();
    assert!(body.next().await.unwrap().unwrap_err().to_string().contains("broke off"));
}

#[tokio::test]
async fn any_issuer_may_do_but_not_any_name() {
    let (acceptor, _) = certificate();
    let (address, _requests) = server("secret", Some(acceptor)).await;
    let tls = Special { any_issuer: true, ..Special::default() };
    let client = Outbound::new(OWN).special(&tls).unwrap();
    let answer = client.send(get(&format!("https://localhost:{}/", address.port()))).await.unwrap();
    assert_eq!(&answer.body()[..], b"secret");
    let refused = client.send(get(&format!("https://127.0.0.1:{}/", address.port()))).await;
    assert!(matches!(refused, Err(OutboundError::Tls(_))), "{refused:?}");
}

#[tokio::test]
async fn a_certificate_is_held_against_the_name_that_is_asked_for() {
    let (acceptor, der) = certificate();
    let (address, _requests) = server("secret", Some(acceptor)).await;
    let client = Outbound::trusting(OWN, vec![der]);
    let uri = format!("https://127.0.0.1:{}/", address.port());
    assert!(matches!(client.send(get(&uri)).await, Err(OutboundError::Tls(_))));
    let named = |name: &str| Special { server_name: Some(String::from(name)), ..Special::default() };
    let answer = client.special(&named("localhost")).unwrap().send(get(&uri)).await.unwrap();
    assert_eq!(&answer.body()[..], b"secret");
    let refused = client.special(&named("other.test")).unwrap().send(get(&uri)).await;
    assert!(matches!(refused, Err(OutboundError::Tls(_))), "{refused:?}");
    assert!(matches!(client.special(&named("no name")), Err(OutboundError::Tls(_))));
}

#[tokio::test]
async fn connections_may_go_elsewhere_under_the_address_s_name() {
    let (acceptor, der) = certificate();
    let (address, mut requests) = server("secret", Some(acceptor)).await;
    let client = Outbound::trusting(OWN, vec![der]);
    let at = |port: u16| Special { at: Some((String::from("127.0.0.1"), port)), ..Special::default() };
    let elsewhere = client.special(&at(address.port())).unwrap();
    let answer = elsewhere.send(get("https://localhost:1/path")).await.unwrap();
    assert_eq!(&answer.body()[..], b"secret");
    assert!(requests.recv().await.unwrap().contains("host: localhost:1\r\n"));
    let refused = elsewhere.send(get("https://other.test/")).await;
    assert!(matches!(refused, Err(OutboundError::Tls(_))), "{refused:?}");
    let refused = client.special(&at(4566)).unwrap().send(get("http://other.test/_tule/reset")).await;
    assert!(matches!(refused, Err(OutboundError::Refused(_))), "{refused:?}");
}

#[tokio::test]
async fn servers_may_ask_who_connects() {
    let made = rcgen::generate_simple_self_signed(vec![String::from("gateway")]).unwrap();
    let certificate = made.cert.der().to_vec();
    let (acceptor, _) = acceptor(Some(&certificate));
    let (address, _requests) = server("secret", Some(acceptor)).await;
    let uri = format!("https://localhost:{}/", address.port());
    let nobody = Special { any_issuer: true, ..Special::default() };
    assert!(Outbound::new(OWN).special(&nobody).unwrap().send(get(&uri)).await.is_err());
    let somebody =
        Special { identity: Some((certificate, made.signing_key.serialize_der())), ..nobody.clone() };
    let answer = Outbound::new(OWN).special(&somebody).unwrap().send(get(&uri)).await.unwrap();
    assert_eq!(&answer.body()[..], b"secret");
    let nonsense = Special { identity: Some((vec![1], vec![2])), ..nobody };
    assert!(matches!(Outbound::new(OWN).special(&nonsense), Err(OutboundError::Tls(_))));
}

#[tokio::test]
async fn what_must_not_be_reached_is_not() {
    let client = Outbound::new(OWN);
    for uri in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fd00:ec2::254]/",
        "http://127.0.0.1:4566/_tule/reset",
    ] {
        let answer = client.send(get(uri)).await;
        assert!(matches!(answer, Err(OutboundError::Refused(_))), "{uri}: {answer:?}");
    }
    for uri in ["ftp://localhost/", "/path"] {
        let answer = client.send(get(uri)).await;
        assert!(matches!(answer, Err(OutboundError::NoAddress(_))), "{uri}: {answer:?}");
    }
}

#[tokio::test]
async fn credentials_become_headers() {
    let client = Outbound::new(OWN);
    let basic = Authorization::Basic { username: "Aladdin".into(), password: "open sesame".into() };
    let (name, value) = Connection::new(basic, Parameters::default()).header(&client).await.unwrap();
    assert_eq!(
        (name, value.to_str().unwrap()),
        (header::AUTHORIZATION, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    );
    let key = Authorization::ApiKey { name: "X-Key".into(), value: "k".into() };
    let (name, value) = Connection::new(key, Parameters::default()).header(&client).await.unwrap();
    assert_eq!((name.as_str(), value.to_str().unwrap()), ("x-key", "k"));
}

#[tokio::test]
async fn tokens_are_fetched_kept_and_fetched_again() {
    let (address, mut requests) =
        server(r#"{"access_token":"t0","token_type":"Bearer","expires_in":3600}"#, None).await;
    let oauth = Authorization::OAuth {
        client_id: "me".into(),
        client_secret: "a&b".into(),
        endpoint: format!("http://{address}/token"),
        method: "POST".into(),
        parameters: Parameters { body: vec![("scope".into(), "all".into())], ..Parameters::default() },
    };
    let connection = Connection::new(oauth, Parameters::default());
    let client = Outbound::new(OWN);
    for _ in 0..2 {
        let (_, value) = connection.header(&client).await.unwrap();
        assert_eq!(value.to_str().unwrap(), "Bearer t0");
    }
    let seen = requests.recv().await.unwrap();
    assert!(
        seen.ends_with("grant_type=client_credentials&client_id=me&client_secret=a%26b&scope=all"),
        "{seen}"
    );
    assert!(requests.try_recv().is_err(), "the token is kept");
    connection.forget_token();
    connection.header(&client).await.unwrap();
    assert!(requests.recv().await.is_some());
}
