//! What an image may be called: the grammar of references to images, which registries and engines share.
//!
//! On AWS an image is one of ECR's; here any is good that the engine can have. Source: the OCI distribution
//! specification, "Pulling manifests", and the grammar of `distribution/reference`.

/// The longest name of a repository, with its registry.
const LONGEST_NAME: usize = 255;
/// The longest tag.
const LONGEST_TAG: usize = 128;

/// Whether `uri` is `[REGISTRY/]REPOSITORY[:TAG][@DIGEST]`.
pub(crate) fn is_reference(uri: &str) -> bool {
    let (named, digest) = match uri.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (uri, None),
    };
    // A colon before the last slash is a registry's port.
    let (name, tag) = match named.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (named, None),
    };
    let path = match name.split_once('/') {
        Some((registry, path)) if is_registry(registry) => path,
        _ => name,
    };
    name.len() <= LONGEST_NAME
        && path.split('/').all(is_component)
        && tag.is_none_or(is_tag)
        && digest.is_none_or(is_digest)
}

/// Whether the first part of a name is a host: what has a dot or a port, or is this machine.
fn is_registry(part: &str) -> bool {
    let (host, port) = part.split_once(':').unwrap_or((part, "0"));
    let is_host = !host.is_empty()
        && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-'));
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_host && is_port && (part.contains(['.', ':']) || part == "localhost")
}

fn is_component(part: &str) -> bool {
    let is_end =
        |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = part.as_bytes();
    let inner =
        |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-');
    is_end(bytes.first()) && is_end(bytes.last()) && bytes.iter().all(inner)
}

fn is_tag(tag: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    tag.len() <= LONGEST_TAG
        && tag.bytes().next().is_some_and(word)
        && tag.bytes().all(|byte| word(byte) || matches!(byte, b'.' | b'-'))
}

fn is_digest(digest: &str) -> bool {
    digest.split_once(':').is_some_and(|(algorithm, hash)| {
        !algorithm.is_empty()
            && algorithm.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+._-".contains(&byte))
            && hash.len() >= 32
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_named_as_engines_name_them() {
        let digest = format!("app@sha256:{}", "0a".repeat(32));
        for good in [
            "app",
            "app:1",
            "team/app_2.x:Latest-1",
            "localhost/app",
            "localhost:5000/a/b:tag",
            "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app:1",
            "Registry.example.com/app",
            "sha256:0a0a",
            &digest,
        ] {
            assert!(is_reference(good), "{good}");
        }
        let long = "a".repeat(256);
        for bad in [
            "",
            "UPPER case",
            "app:",
            "app:a b",
            "App",
            "-app",
            "a//b",
            "/app",
            "app@sha256:1",
            ":1",
            "host:x/app",
            "app:tag:tag",
            &long,
        ] {
            assert!(!is_reference(bad), "{bad}");
        }
    }
}
