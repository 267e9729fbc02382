//! Who may talk to us at all. Any credentials work here, so these checks carry the whole weight against web pages:
//! they run before routing, on every request.
//!
//! A page can send requests to a local port, under a name it controls (DNS rebinding) or from its own origin. The
//! first has a foreign `Host`, the second a foreign `Origin` or `Sec-Fetch-Site: cross-site`; SDKs have neither.

use std::net::IpAddr;

use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};

/// Names and origins that the user allows beyond the built-in ones.
#[derive(Debug, Clone, Default)]
pub(crate) struct Allowed {
    /// `--allowed-host`.
    pub(crate) hosts: Vec<String>,
    /// `--allowed-origin`.
    pub(crate) origins: Vec<String>,
}

/// A refusal, with the words for the client.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

fn bad(message: &str) -> Refusal {
    Refusal { status: StatusCode::BAD_REQUEST, message: message.to_owned() }
}

fn forbidden(message: String) -> Refusal {
    Refusal { status: StatusCode::FORBIDDEN, message }
}

/// Longer host names do not exist.
const LONGEST_HOST: usize = 300;

/// Checks the host a request names: exactly one, well-formed, and one of ours. `is_deployed` tells whether an API or
/// function URL of that name exists here. Gives the host without its port.
pub(crate) fn host(
    parts: &Parts,
    allowed: &Allowed,
    is_deployed: impl Fn(&str) -> bool,
) -> Result<String, Refusal> {
    let mut values = parts.headers.get_all(header::HOST).iter();
    let first = values.next().ok_or_else(|| bad("a request must name its host"))?;
    if values.next().is_some() {
        return Err(bad("a request must name one host"));
    }
    let text = first.to_str().map_err(|_| bad("the host is malformed"))?;
    let name = host_name(text).ok_or_else(|| bad("the host is malformed"))?;
    if let Some(authority) = parts.uri.authority()
        && !authority.as_str().eq_ignore_ascii_case(text)
    {
        return Err(bad("the request's target and its host differ"));
    }
    if is_allowed(&name, allowed) || is_deployed(&name) {
        return Ok(name);
    }
    Err(forbidden(format!(
        "Tule does not answer to the host name {name}, so that web pages cannot reach it under a name of theirs; \
         allow it with --allowed-host {name}"
    )))
}

/// The name in `name`, `name:port`, `[v6]` or `[v6]:port`, in lower case; `None` if it is none of these.
fn host_name(text: &str) -> Option<String> {
    if text.is_empty() || text.len() > LONGEST_HOST {
        return None;
    }
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, rest) = rest.split_once(']')?;
            address.parse::<std::net::Ipv6Addr>().ok()?;
            (address, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("0"))?)
        }
        None => text.split_once(':').unwrap_or((text, "0")),
    };
    port.parse::<u16>().ok()?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':');
    (!name.is_empty() && name.bytes().all(plain)).then(|| name.to_ascii_lowercase())
}

pub(crate) fn is_allowed(name: &str, allowed: &Allowed) -> bool {
    if is_local(name) || allowed.hosts.iter().any(|host| host.eq_ignore_ascii_case(name)) {
        return true;
    }
    // StartSyncExecution and TestState put `sync-` in front of whatever the endpoint is called.
    name.strip_prefix("sync-").is_some_and(|rest| is_allowed(rest, allowed))
}

/// Names that no resolver gives to anybody else.
fn is_local(name: &str) -> bool {
    let localstack = "localhost.localstack.cloud";
    name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || name == localstack
        || name.strip_suffix(localstack).is_some_and(|rest| rest.ends_with('.'))
        || name == "host.docker.internal"
}

static FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Checks where a request comes from, if it says so. Gives the origin that answers may be shown to.
pub(crate) fn origin(headers: &HeaderMap, host: &str, allowed: &Allowed) -> Result<Option<String>, Refusal> {
    let text = |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("(malformed)"));
    let origin = text(&header::ORIGIN);
    if let Some(origin) = origin {
        let listed = allowed.origins.iter().any(|it| it.eq_ignore_ascii_case(origin));
        if !listed && !is_own_origin(origin, host, allowed) {
            return Err(forbidden(format!(
                "Tule does not serve pages of {origin}; if that page is yours, allow it with --allowed-origin {origin}"
            )));
        }
    } else if text(&FETCH_SITE) == Some("cross-site") {
        return Err(forbidden("Tule does not serve requests that another site's page makes".to_owned()));
    }
    Ok(origin.map(str::to_owned))
}

/// The same host, where it is one that no page can be given, or a page on this machine.
fn is_own_origin(origin: &str, host: &str, allowed: &Allowed) -> bool {
    let Some(authority) = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")) else {
        return false;
    };
    let Some(name) = host_name(authority) else { return false };
    let loopback = name.parse::<IpAddr>().map_or_else(
        |_| name == "localhost" || name.ends_with(".localhost"),
        |address| address.is_loopback(),
    );
    loopback || (name == host && is_allowed(&name, allowed))
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn check_host(values: &[&str]) -> u16 {
        let mut request = Request::builder().uri("/");
        for value in values {
            request = request.header("host", *value);
        }
        let parts = request.body(()).unwrap().into_parts().0;
        let allowed = Allowed { hosts: vec!["tule.test".to_owned()], origins: Vec::new() };
        let deployed = |name: &str| name == "abc123.execute-api.us-east-1.amazonaws.com";
        host(&parts, &allowed, deployed).map_or_else(|refusal| refusal.status.as_u16(), |_| 200)
    }

    #[test]
    fn own_names_are_served() {
        for name in [
            "127.0.0.1:4566",
            "localhost",
            "LOCALHOST:1",
            "[::1]:4566",
            "abc.execute-api.localhost:4566",
            "b.s3.localhost.localstack.cloud:4566",
            "sync-localhost:4566",
            "sync-127.0.0.1:4566",
            "host.docker.internal",
            "tule.test:80",
            "abc123.execute-api.us-east-1.amazonaws.com",
        ] {
            assert_eq!(check_host(&[name]), 200, "{name}");
        }
    }

    #[test]
    fn foreign_names_are_refused() {
        for name in [
            "evil.example",
            "localhost.evil.example",
            "127.0.0.1.nip.io",
            "evil-localhost",
            "evillocalhost.localstack.cloud",
            "other.execute-api.us-east-1.amazonaws.com",
            "sync-evil.example",
        ] {
            assert_eq!(check_host(&[name]), 403, "{name}");
        }
    }

    #[test]
    fn malformed_hosts_are_refused() {
        let long = "a".repeat(8_192);
        for name in
            ["localhost:1@evil", "", "localhost:99999", "local\thost", "[::1", "[::1]x", &long, "a b", "ü"]
        {
            assert_eq!(check_host(&[name]), 400, "{name:?}");
        }
        assert_eq!(check_host(&[]), 400);
        assert_eq!(check_host(&["localhost", "localhost"]), 400);
        let absolute =
            Request::get("http://evil/").header("host", "localhost").body(()).unwrap().into_parts().0;
        assert_eq!(host(&absolute, &Allowed::default(), |_| false).unwrap_err().status, 400);
    }

    fn check_origin(name: &str, value: &str) -> bool {
        let headers = Request::builder().header(name, value).body(()).unwrap().into_parts().0.headers;
        let allowed = Allowed { hosts: Vec::new(), origins: vec!["https://app.example".to_owned()] };
        origin(&headers, "localhost", &allowed).is_ok()
    }

    #[test]
    fn only_own_origins_are_served() {
        for own in
            ["http://localhost:3000", "http://127.0.0.1:4566", "http://app.localhost", "https://app.example"]
        {
            assert!(check_origin("origin", own), "{own}");
        }
        for foreign in
            ["null", "https://evil.example", "http://192.168.1.5", "file://", "http://localhost.evil", "x"]
        {
            assert!(!check_origin("origin", foreign), "{foreign}");
        }
        let allowed = Allowed { hosts: vec!["tule.test".to_owned()], origins: Vec::new() };
        let of = |origin: &'static str| [(header::ORIGIN, http::HeaderValue::from_static(origin))];
        let page = |page, host| origin(&of(page).into_iter().collect(), host, &allowed).is_ok();
        assert!(page("http://tule.test:4566", "tule.test"), "a page of the allowed host itself");
        assert!(
            !page("http://tule.test", "localhost")
                && !page("http://a.execute-api.evil", "a.execute-api.evil")
        );
        assert!(!check_origin("sec-fetch-site", "cross-site"));
        assert!(check_origin("sec-fetch-site", "same-origin"));
    }
}
