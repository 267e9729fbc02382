//! Pages in a headless Chromium.
//!
//! The browser's names are resolved by a proxy of the test, so that a name can be bound anew between two requests, as
//! an attacker's DNS server does. Chromium's own guard for local addresses is off: ours must do without.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    os::unix::process::CommandExt as _,
    process::{Command, Stdio},
    sync::mpsc::{Sender, channel},
};

use serde_json::Value;

use crate::{PATIENCE, Tule, skip_or_fail};

/// Opens `url`, where the browser finds `page`, and gives what the page posts to `/said` of its own origin. All other
/// requests to names that are not this machine's go to Tule, under those names. `None` where there is no Chromium.
pub fn visit(tule: &Tule, page: &str, url: &str) -> Option<Value> {
    let profile = tempfile::tempdir().expect("there is room for a profile");
    let (said, heard) = channel();
    let browser = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"])
        .arg("--disable-features=LocalNetworkAccessChecks,HttpsUpgrades")
        .arg(format!("--proxy-server=http://127.0.0.1:{}", proxy(tule, page, url, &said)))
        .arg(format!("--user-data-dir={}", profile.path().display()))
        .arg(url)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn();
    let Ok(mut browser) = browser else {
        skip_or_fail("chromium cannot be run");
        return None;
    };
    let said = heard.recv_timeout(PATIENCE);
    // Its children too.
    let group = format!("-{}", browser.id());
    let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
    browser.wait().expect("it can be waited for");
    Some(said.expect("the page says what became of its tries"))
}

/// Answers requests for the page's path with the page, takes what the page says, and hands all others to Tule under the
/// name that the browser used: the name was bound anew. Gives the proxy's port.
fn proxy(tule: &Tule, page: &str, url: &str, said: &Sender<Value>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let port = listener.local_addr().expect("it is bound").port();
    let own = url.strip_prefix("http://").and_then(|rest| Some(format!("{} ", &rest[rest.find('/')?..])));
    let own = own.expect("the page has a path");
    let (page, there, said) = (page.to_owned(), tule.address.clone(), said.clone());
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let (page, own, there, said) = (page.clone(), own.clone(), there.clone(), said.clone());
            // A browser goes away when it likes.
            std::thread::spawn(move || drop(answer(client, &page, &own, &there, &said)));
        }
    });
    port
}

fn answer(
    mut client: TcpStream,
    page: &str,
    own: &str,
    there: &str,
    said: &Sender<Value>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    // A proxy is asked for `GET http://name/path`, a server for `GET /path`.
    let (method, rest) = line.split_once(" http://").unwrap_or(("", ""));
    let path = &rest[rest.find('/').unwrap_or(0)..];
    let (mut head, mut length) = (format!("{method} {path}"), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? <= 2 {
            break;
        }
        let lower = line.to_lowercase();
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if !lower.starts_with("proxy-connection:") && !lower.starts_with("connection:") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    if path.starts_with(own) {
        let length = page.len();
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n"
        );
        return client.write_all(format!("{head}{page}").as_bytes());
    }
    if path.starts_with("/said ") {
        // The test may have given up.
        let _ = said.send(serde_json::from_slice(&body)?);
        return client.write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n");
    }
    let mut server = TcpStream::connect(there)?;
    server.write_all(format!("{head}connection: close\r\n\r\n").as_bytes())?;
    server.write_all(&body)?;
    std::io::copy(&mut server, &mut client)?;
    Ok(())
}
