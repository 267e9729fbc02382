//! Where a request goes, from its parts alone.

use std::borrow::Cow;

use http::request::Parts;

/// A place a request can go to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Destination {
    /// Tule's own routes: `/_tule/…`, and the paths existing scripts know.
    Admin,
    /// A deployed API.
    Api {
        /// Its id.
        id: String,
        /// The stage, where the address names it apart from the path.
        stage: Option<String>,
        /// The path and query below.
        path_and_query: String,
    },
    /// A custom domain name, in small letters: its rules and mappings say which API.
    Domain(String),
    /// A function URL.
    FunctionUrl {
        /// Its id.
        id: String,
        /// The path and query below.
        path_and_query: String,
    },
    /// An operation of a service.
    Aws,
}

/// Decides by host and path. `is_domain` tells whether a host is a custom domain name: nothing but APIs is there.
pub(crate) fn classify(parts: &Parts, host: &str, is_domain: impl Fn(&str) -> bool) -> Destination {
    let path_and_query = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    if let Some(id) = host_id(host, ".execute-api.") {
        return Destination::Api { id, stage: None, path_and_query: path_and_query.to_owned() };
    }
    if let Some(id) = host_id(host, ".lambda-url.") {
        return Destination::FunctionUrl { id, path_and_query: path_and_query.to_owned() };
    }
    if is_domain(host) {
        return Destination::Domain(host.to_owned());
    }
    let path = parts.uri.path();
    if let Some(rest) = path_and_query.strip_prefix("/_aws/execute-api/") {
        let (id, below) = split_segment(rest);
        return Destination::Api { id: id.into_owned(), stage: None, path_and_query: below };
    }
    if let Some(rest) = path_and_query.strip_prefix("/_aws/lambda-url/") {
        let (id, below) = split_segment(rest);
        return Destination::FunctionUrl { id: id.into_owned(), path_and_query: below };
    }
    if let Some(rest) = path_and_query.strip_prefix("/restapis/")
        && let Some(api) = user_request(rest)
    {
        return api;
    }
    let admin = path.starts_with("/_tule/")
        || path.starts_with("/_localstack/")
        || path == "/_tule"
        || path == "/health";
    if admin { Destination::Admin } else { Destination::Aws }
}

/// `{id}/{stage}/_user_request_/{path}`.
fn user_request(rest: &str) -> Option<Destination> {
    let mut parts = rest.splitn(3, '/');
    let (id, stage, below) = (parts.next()?, parts.next()?, parts.next()?);
    let below = below.strip_prefix("_user_request_")?;
    let below = match below.bytes().next() {
        None => "/".to_owned(),
        Some(b'/') => below.to_owned(),
        Some(b'?') => format!("/{below}"),
        Some(_) => return None,
    };
    let stage = aws_wire::decode_percent(stage).into_owned();
    Some(Destination::Api { id: id.to_owned(), stage: Some(stage), path_and_query: below })
}

fn split_segment(rest: &str) -> (Cow<'_, str>, String) {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let below = &rest[end..];
    let below = if below.starts_with('/') { below.to_owned() } else { format!("/{below}") };
    (aws_wire::decode_percent(&rest[..end]), below)
}

/// The id in `{id}.execute-api.…` or `{id}-vpce-….execute-api.…`.
fn host_id(host: &str, service: &str) -> Option<String> {
    let (label, _) = aws_wire::split_at_mark(host, service)?;
    let id = label.split_once("-vpce-").map_or(label, |(id, _)| id);
    (!id.is_empty() && !id.contains('.')).then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(host: &str, uri: &str) -> Destination {
        let parts = http::Request::get(uri).body(()).unwrap().into_parts().0;
        classify(&parts, host, |name| name == "api.example.com")
    }

    fn api(id: &str, stage: Option<&str>, below: &str) -> Destination {
        Destination::Api {
            id: id.to_owned(),
            stage: stage.map(str::to_owned),
            path_and_query: below.to_owned(),
        }
    }

    #[test]
    fn every_style_of_api_url_is_known() {
        assert_eq!(
            to("127.0.0.1", "/restapis/abc/dev/_user_request_/a/b?c=1"),
            api("abc", Some("dev"), "/a/b?c=1")
        );
        assert_eq!(to("127.0.0.1", "/restapis/abc/dev/_user_request_"), api("abc", Some("dev"), "/"));
        assert_eq!(to("localhost", "/_aws/execute-api/abc/dev/a?b"), api("abc", None, "/dev/a?b"));
        assert_eq!(to("localhost", "/_aws/execute-api/abc"), api("abc", None, "/"));
        assert_eq!(to("abc.execute-api.localhost", "/dev/a"), api("abc", None, "/dev/a"));
        assert_eq!(to("abc-vpce-0f.execute-api.us-east-1.amazonaws.com", "/dev"), api("abc", None, "/dev"));
        let domain = Destination::Domain("api.example.com".to_owned());
        assert_eq!(to("api.example.com", "/_tule/health"), domain);
        assert_eq!(to("api.example.com", "/restapis/abc/dev/_user_request_/a"), domain);
        assert_eq!(
            to("u1.lambda-url.us-east-1.localhost", "/a?b"),
            Destination::FunctionUrl { id: "u1".to_owned(), path_and_query: "/a?b".to_owned() }
        );
        assert_eq!(
            to("127.0.0.1", "/_aws/lambda-url/u1/a?b"),
            Destination::FunctionUrl { id: "u1".to_owned(), path_and_query: "/a?b".to_owned() }
        );
    }

    #[test]
    fn the_rest_is_aws_s_or_ours() {
        assert_eq!(to("127.0.0.1", "/restapis/abc/resources"), Destination::Aws);
        assert_eq!(to("127.0.0.1", "/restapis"), Destination::Aws);
        assert_eq!(to("127.0.0.1", "/_tule/health"), Destination::Admin);
        assert_eq!(to("127.0.0.1", "/_localstack/health"), Destination::Admin);
        assert_eq!(to("127.0.0.1", "/_tulex"), Destination::Aws);
        assert_eq!(to("127.0.0.1", "/bucket/key"), Destination::Aws);
    }
}
