//! A request to a deployed API or a function URL, whose body has been read.

use std::{borrow::Cow, net::IpAddr, sync::Arc};

use aws_wire::{decode_percent, query_pairs};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderMap, Method, Version, header, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use runtime::Timestamp;
use serde_json::{Map, Value};

use crate::{Secured, WrittenNames};

/// The most that a request's body may have.
pub const MOST_BODY: usize = 10 * 1024 * 1024;

/// A request whose body has been read.
#[derive(Debug)]
pub struct Incoming {
    /// GET and the like.
    pub method: Method,
    /// The path below the stage, as sent.
    pub path: String,
    /// The query, as sent and without `?`.
    pub query: String,
    /// HTTP's version.
    pub version: Version,
    /// All headers.
    pub headers: HeaderMap,
    /// How the headers' names were written, where that is known.
    pub names: Option<WrittenNames>,
    /// All of the body.
    pub body: Bytes,
    /// Where it comes from.
    pub peer: IpAddr,
    /// A UUID.
    pub request_id: Arc<str>,
    /// The id in AWS's other form.
    pub extended_request_id: String,
    /// X-Ray's, as sent or new.
    pub trace_id: String,
    /// When it came.
    pub at: Timestamp,
    /// The custom domain name that led it here.
    pub custom_domain: Option<CustomDomain>,
    /// How its connection is secured, where it came over TLS.
    pub secured: Option<Secured>,
}

/// How a request to a custom domain name found its API: an extension of requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CustomDomain {
    /// The path as the client asked it, with the base path.
    pub path: String,
    /// `$context.customDomain.basePathMatched`.
    pub base_path: String,
    /// `$context.customDomain.routingRuleIdMatched`, where a rule chose the API.
    pub rule: Option<String>,
}

impl Incoming {
    /// A request that came at `at`; `path` is the one below the stage.
    pub fn new(at: Timestamp, parts: Parts, path: String, body: Bytes, peer: IpAddr) -> Self {
        let sent =
            parts.headers.get("x-amzn-trace-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
        let custom_domain = parts.extensions.get::<CustomDomain>().cloned();
        let secured = parts.extensions.get::<Secured>().cloned();
        Self {
            query: parts.uri.query().unwrap_or_default().to_owned(),
            method: parts.method,
            path,
            version: parts.version,
            names: parts.extensions.get().cloned(),
            headers: parts.headers,
            body,
            peer,
            request_id: runtime::new_request_id(),
            extended_request_id: format!("{}=", random_id(15)),
            trace_id: sent.unwrap_or_else(|| trace_id(at)),
            at,
            custom_domain,
            secured,
        }
    }

    /// The path as the client asked it of a custom domain name; else the one below the stage.
    pub fn asked_path(&self) -> &str {
        self.custom_domain.as_ref().map_or(&self.path, |domain| &domain.path)
    }

    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The host that the client asked, with its port: with AWS there is none, here a client needs it to come back.
    pub fn host(&self) -> &str {
        self.header("host").unwrap_or_default()
    }

    /// Its media type, with parameters.
    pub fn content_type(&self) -> Option<&str> {
        self.header("content-type")
    }

    /// Headers with the names the client wrote, and those that the gateway adds.
    pub fn header_pairs(&self) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
        let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = Vec::with_capacity(self.headers.len() + 4);
        for (name, value) in &self.headers {
            let name = name.as_str();
            if matches!(name, "connection" | "content-length" | "transfer-encoding" | "x-amzn-trace-id") {
                continue;
            }
            let written = self.names.as_ref().and_then(|names| names.get(name));
            let name = known(name).or(written).unwrap_or(name);
            pairs.push((Cow::Borrowed(name), String::from_utf8_lossy(value.as_bytes())));
        }
        pairs.push((Cow::Borrowed("X-Amzn-Trace-Id"), Cow::Borrowed(&self.trace_id)));
        let mut add = |name: &'static str, value: String| {
            if !self.headers.contains_key(name) {
                pairs.push((Cow::Borrowed(known(name).unwrap_or(name)), Cow::Owned(value)));
            }
        };
        add("x-forwarded-for", self.peer.to_string());
        add("x-forwarded-port", self.port().to_owned());
        add("x-forwarded-proto", String::from(if self.secured.is_some() { "https" } else { "http" }));
        pairs
    }

    fn port(&self) -> &str {
        let host = self.header("host").unwrap_or_default();
        let port = host.rsplit_once(':').map(|(_, port)| port);
        port.filter(|port| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()))
            .unwrap_or(if self.secured.is_some() { "443" } else { "80" })
    }

    /// `clientCert` of events: the certificate that the client had to show.
    pub fn client_certificate(&self) -> Option<Value> {
        Some(self.secured.as_ref()?.client.as_ref()?.value())
    }

    /// Query parameters, decoded, in their order.
    pub fn query_pairs(&self) -> Vec<(String, String)> {
        query_pairs(&self.query).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
    }

    /// The protocol as AWS names it.
    pub fn protocol(&self) -> &'static str {
        match self.version {
            Version::HTTP_10 => "HTTP/1.0",
            Version::HTTP_2 => "HTTP/2.0",
            _ => "HTTP/1.1",
        }
    }

    /// `22/Nov/2026:13:05:00 +0000`.
    pub fn time(&self) -> String {
        jiff::Timestamp::from_millisecond(self.at.millis())
            .map(|at| at.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string())
            .unwrap_or_default()
    }

    /// The body in base64.
    pub fn body_base64(&self) -> String {
        STANDARD.encode(&self.body)
    }
}

/// Random lower-case letters and digits, as many as asked for, 22 at most.
pub fn random_id(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    let (high, low) = uuid::Uuid::new_v4().as_u64_pair();
    // Each half is good for that many letters; not all of its bits are random.
    let letters = |mut number: u64| {
        std::iter::repeat_with(move || {
            let letter = ALPHABET[usize::try_from(number % 36).unwrap_or(0)];
            number /= 36;
            char::from(letter)
        })
        .take(11)
    };
    letters(high).chain(letters(low)).take(length).collect()
}

fn trace_id(at: Timestamp) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("Root=1-{:08x}-{}", at.millis() / 1000, &unique[..24])
}

/// One value per name (the last), as `headers` and `queryStringParameters` have it; null without any.
pub fn single_values<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> Value {
    if pairs.is_empty() {
        return Value::Null;
    }
    Value::Object(
        pairs.iter().map(|(name, value)| (name.as_ref().to_owned(), value.as_ref().into())).collect(),
    )
}

/// All values per name; null without any.
pub fn multi_values<N: AsRef<str>, V: AsRef<str>>(pairs: &[(N, V)]) -> Value {
    if pairs.is_empty() {
        return Value::Null;
    }
    let mut all: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let values = all.entry(name.as_ref()).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values {
            values.push(value.as_ref().into());
        }
    }
    Value::Object(all)
}

/// Path parameters as an event has them; null without any.
pub fn path_values(parameters: &[(String, String)]) -> Value {
    single_values(parameters)
}

/// Undoes the escapes of a path's part.
pub fn decode(part: &str) -> String {
    decode_percent(part).into_owned()
}

/// What a path has unescaped.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/')
    .remove(b':')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=');

/// Escapes what is to become a part of a path.
pub fn encode_path(part: &str) -> String {
    utf8_percent_encode(part, IN_PATH).to_string()
}

/// Names of headers that AWS writes in one way, however the client wrote them. Others are as the client wrote them, or,
/// where that is not known, as HTTP/2 has them, in small letters.
fn known(name: &str) -> Option<&'static str> {
    const KNOWN: &[&str] = &[
        "Accept",
        "Accept-Charset",
        "Accept-Encoding",
        "Accept-Language",
        "Access-Control-Request-Headers",
        "Access-Control-Request-Method",
        "Age",
        "Authorization",
        "Cache-Control",
        "Content-Encoding",
        "Content-Language",
        "Content-MD5",
        "Content-Type",
        "Cookie",
        "DNT",
        "Date",
        "Expect",
        "Forwarded",
        "From",
        "Host",
        "If-Match",
        "If-Modified-Since",
        "If-None-Match",
        "If-Range",
        "If-Unmodified-Since",
        "Max-Forwards",
        "Origin",
        "Pragma",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Range",
        "Referer",
        "TE",
        "Upgrade",
        "Upgrade-Insecure-Requests",
        "User-Agent",
        "Via",
        "Warn",
        "Warning",
        "X-Amzn-Trace-Id",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Proto",
        "X-Requested-With",
    ];
    KNOWN.iter().find(|known| known.eq_ignore_ascii_case(name)).copied()
}

/// Whether a content type is one of the binary media types of an API; `*/*` is all of them.
pub fn is_binary(types: &[String], content_type: Option<&str>) -> bool {
    let matches = |wanted: &String| {
        let wanted = wanted.as_str();
        if wanted == "*/*" {
            return true;
        }
        let Some(content_type) = content_type else { return false };
        let content_type = content_type.split(';').next().unwrap_or_default().trim();
        match wanted.strip_suffix("/*") {
            Some(family) => {
                content_type.split('/').next().is_some_and(|own| own.eq_ignore_ascii_case(family))
            }
            None => content_type.eq_ignore_ascii_case(wanted),
        }
    };
    types.iter().any(matches)
}

/// Whether HTTP sends this header itself.
pub fn is_framing(name: &header::HeaderName) -> bool {
    matches!(
        *name,
        header::CONNECTION
            | header::CONTENT_LENGTH
            | header::TRANSFER_ENCODING
            | header::UPGRADE
            | header::TE
            | header::TRAILER
    )
}
