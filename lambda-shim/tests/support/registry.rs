//! A registry of one image, as much of one as an engine needs to pull it: AWS's `provided` image and a layer of its
//! own.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::TcpListener,
    process::Command,
    sync::Arc,
};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Serves the image, for as long as the test runs. Gives its name.
pub fn serve() -> String {
    let contents = Arc::new(image("public.ecr.aws/lambda/provided:al2023"));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("127.0.0.1:{}/tule/provided:latest", listener.local_addr().unwrap().port());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let contents = Arc::clone(&contents);
            std::thread::spawn(move || answer(stream.unwrap(), &contents));
        }
    });
    name
}

fn answer(mut stream: std::net::TcpStream, contents: &HashMap<String, Vec<u8>>) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
    let first = lines.next().unwrap_or_default();
    lines.take_while(|line| !line.is_empty()).for_each(drop);
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let wanted = path.rsplit('/').next().unwrap_or_default();
    let none = Vec::new();
    let (status, body) = match contents.get(wanted) {
        Some(body) => ("200 OK", body),
        None if path == "/v2/" => ("200 OK", &none),
        None => ("404 Not Found", &none),
    };
    let kind = if path.contains("/manifests/") { MANIFEST } else { "application/octet-stream" };
    let digest = format!("sha256:{:x}", Sha256::digest(body));
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nDocker-Content-Digest: {digest}\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n",
        body.len()
    );
    // An engine that knows a layer already breaks off.
    let _ = stream.write_all(head.as_bytes());
    if method == "GET" {
        let _ = stream.write_all(body);
    }
}

/// What the registry serves, by the last part of its path: the manifest by its tag and digest, the blobs by theirs.
fn image(base: &str) -> HashMap<String, Vec<u8>> {
    let saved = saved(base);
    let list: Vec<Value> = serde_json::from_slice(&saved["manifest.json"]).unwrap();
    let mut config: Value = serde_json::from_slice(&saved[list[0]["Config"].as_str().unwrap()]).unwrap();
    let mut layers: Vec<Vec<u8>> = list[0]["Layers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|path| saved[path.as_str().unwrap()].clone())
        .collect();
    layers.push(own_layer());
    let digest = |bytes: &[u8]| format!("sha256:{:x}", Sha256::digest(bytes));
    config["rootfs"]["diff_ids"] = layers.iter().map(|layer| json!(digest(layer))).collect();
    config.as_object_mut().unwrap().remove("history");
    let config = config.to_string().into_bytes();
    let described = |kind: &str, bytes: &[u8]| {
        json!({
            "mediaType": format!("application/vnd.docker.{kind}"),
            "size": bytes.len(),
            "digest": digest(bytes),
        })
    };
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": described("container.image.v1+json", &config),
        "layers": layers.iter().map(|layer| described("image.rootfs.diff.tar", layer)).collect::<Vec<_>>(),
    })
    .to_string()
    .into_bytes();
    let mut contents: HashMap<_, _> = layers.into_iter().map(|layer| (digest(&layer), layer)).collect();
    contents.insert(digest(&config), config);
    contents.insert(digest(&manifest), manifest.clone());
    contents.insert("latest".to_owned(), manifest);
    contents
}

/// A layer that no engine has yet, so that there is something to fetch.
fn own_layer() -> Vec<u8> {
    let content: Vec<u8> = (0..(4 << 20) / 16).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect();
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    header.set_cksum();
    let mut archive = tar::Builder::new(Vec::new());
    archive.append_data(&mut header, "opt/of-its-own", content.as_slice()).unwrap();
    archive.into_inner().unwrap()
}

/// The files of a saved image.
fn saved(image: &str) -> HashMap<String, Vec<u8>> {
    let output = Command::new("docker").args(["save", image]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut archive = tar::Archive::new(output.stdout.as_slice());
    let entries = archive.entries().unwrap().map(Result::unwrap).map(|mut entry| {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        (entry.path().unwrap().to_string_lossy().into_owned(), content)
    });
    entries.collect()
}
