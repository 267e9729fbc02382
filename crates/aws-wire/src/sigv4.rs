//! Verification of Signature Version 4, in headers or presigned; for `--verify-signatures`.
//!
//! Source: AWS, "Create a signed AWS API request" (IAM User Guide). Every access key's secret is given by the caller;
//! local users all use the secret `test`.

use hmac::{Hmac, Mac};
use http::{HeaderMap, request::Parts};
use sha2::{Digest, Sha256};

use crate::{ServiceError, text};

/// Checks that `parts` were signed with `secret`. `payload_hash` is the SHA-256 of the body in hexadecimal where the
/// request names no hash of its own.
pub fn verify(parts: &Parts, secret: &str, payload_hash: &str) -> Result<(), ServiceError> {
    let claim = Claim::of(parts).ok_or_else(incomplete)?;
    let canonical = canonical_request(parts, &claim, payload_hash);
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let scope = claim.scope();
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", claim.moment);
    let mut key = hmac(format!("AWS4{secret}").as_bytes(), claim.date.as_bytes());
    for part in [&claim.region, &claim.service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    let given = unhex(&claim.signature).ok_or_else(mismatch)?;
    mac.verify_slice(&given).map_err(|_| mismatch())
}

fn incomplete() -> ServiceError {
    ServiceError::new("MissingAuthenticationToken", 403, "Missing Authentication Token")
}

fn mismatch() -> ServiceError {
    let text = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                Access Key and signing method. Consult the service documentation for details.";
    ServiceError::new("SignatureDoesNotMatch", 403, text)
}

/// What a request says of its signature.
struct Claim {
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: String,
    moment: String,
    presigned: bool,
}

impl Claim {
    fn of(parts: &Parts) -> Option<Self> {
        let credential = crate::Credential::of(parts)?;
        let header =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (signed_headers, signature, moment, presigned) = match header("authorization") {
            Some(authorization) => {
                let part = |name: &str| {
                    let (_, after) = authorization.split_once(name)?;
                    Some(after.split([',', ' ']).next()?.to_owned())
                };
                (part("SignedHeaders=")?, part("Signature=")?, header("x-amz-date")?, false)
            }
            None => {
                let query = parts.uri.query()?;
                let value = |name: &str| {
                    text::query_pairs(query)
                        .find(|(found, _)| found == name)
                        .map(|(_, value)| value.into_owned())
                };
                (value("X-Amz-SignedHeaders")?, value("X-Amz-Signature")?, value("X-Amz-Date")?, true)
            }
        };
        let signed_headers = signed_headers.split(';').map(str::to_owned).collect();
        let crate::Credential { date, region, service, .. } = credential;
        Some(Self { date, region, service, signed_headers, signature, moment, presigned })
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

fn canonical_request(parts: &Parts, claim: &Claim, payload_hash: &str) -> String {
    let path = if claim.service == "s3" {
        canonical_path(parts.uri.path())
    } else {
        twice_encoded(parts.uri.path())
    };
    let query = canonical_query(parts.uri.query().unwrap_or_default(), claim.presigned);
    let headers: String = claim
        .signed_headers
        .iter()
        .map(|name| format!("{name}:{}\n", header_values(&parts.headers, name)))
        .collect();
    let named = parts.headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok());
    let hash = if claim.presigned && claim.service == "s3" {
        "UNSIGNED-PAYLOAD"
    } else {
        named.unwrap_or(payload_hash)
    };
    format!("{}\n{path}\n{query}\n{headers}\n{}\n{hash}", parts.method, claim.signed_headers.join(";"))
}

fn header_values(headers: &HeaderMap, name: &str) -> String {
    let values = headers.get_all(name).iter().map(|value| {
        let value = String::from_utf8_lossy(value.as_bytes());
        value.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    values.collect::<Vec<_>>().join(",")
}

fn canonical_path(path: &str) -> String {
    path.split('/').map(|segment| encode(&text::decode_percent(segment))).collect::<Vec<_>>().join("/")
}

fn twice_encoded(path: &str) -> String {
    path.split('/')
        .map(|segment| encode(&encode(&text::decode_percent(segment))))
        .collect::<Vec<_>>()
        .join("/")
}

fn canonical_query(query: &str, presigned: bool) -> String {
    let mut pairs: Vec<(String, String)> = text::query_pairs(query)
        .filter(|(name, _)| !(presigned && name == "X-Amz-Signature"))
        .map(|(name, value)| (encode(&name), encode(&value)))
        .collect();
    pairs.sort();
    pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

/// AWS's own percent-encoding: only unreserved characters stay.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// Lower-case hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    if !text.is_ascii() || text.len() != 64 {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of AWS's signature test suite, `get-vanilla-query-order-key-case`.
    fn example(signature: &str) -> Parts {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        http::Request::get("/?Param2=value2&Param1=value1")
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

    #[test]
    fn a_true_signature_passes_and_any_other_fails() {
        let empty = hex(&Sha256::digest(b""));
        let right = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";
        assert!(verify(&example(right), SECRET, &empty).is_ok());
        assert_eq!(verify(&example(right), "other", &empty).unwrap_err().code, "SignatureDoesNotMatch");
        assert_eq!(verify(&example("00"), SECRET, &empty).unwrap_err().code, "SignatureDoesNotMatch");
        let bare = http::Request::get("/").body(()).unwrap().into_parts().0;
        assert_eq!(verify(&bare, SECRET, &empty).unwrap_err().status, 403);
    }
}
