//! Verification of Signature Version 4, in headers or presigned; for `--verify-signatures`.
//!
//! Source: AWS, "Create a signed AWS API request" (IAM User Guide). Every access key's secret is given by the caller;
//! local users all use the secret `test`.

use hmac::{Hmac, Mac};
use http::{HeaderMap, request::Parts};
use sha2::{Digest, Sha256};

use crate::{ServiceError, text};

/// What a signature is checked against.
#[derive(Debug, Clone, Copy)]
pub struct Check<'a> {
    /// The secret of whoever signs.
    pub secret: &'a str,
    /// The SHA-256 of the body in hexadecimal, where it has been read; else it is checked by who reads it.
    pub body_hash: Option<&'a str>,
    /// Now, in seconds since the epoch.
    pub now: i64,
    /// How the service tells of refusals.
    pub dialect: Dialect,
}

/// The services name the same refusals differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `InvalidSignatureException`: the JSON protocols.
    Json,
    /// `SignatureDoesNotMatch`: the query protocol.
    Query,
    /// S3's own codes.
    S3,
}

impl Dialect {
    /// Of a service.
    pub fn of(model: &aws_model::ServiceModel) -> Self {
        match model.protocol {
            aws_model::Protocol::RestXml => Self::S3,
            aws_model::Protocol::Query | aws_model::Protocol::Ec2Query => Self::Query,
            _ => Self::Json,
        }
    }

    fn missing(self) -> ServiceError {
        match self {
            Self::Json => {
                ServiceError::new("MissingAuthenticationTokenException", 403, "Missing Authentication Token")
            }
            Self::Query => ServiceError::new(
                "MissingAuthenticationToken",
                403,
                "Request is missing Authentication Token",
            ),
            Self::S3 => ServiceError::new("AccessDenied", 403, "Access Denied"),
        }
    }

    fn refused(self, text: impl Into<String>) -> ServiceError {
        let code = if self == Self::Json { "InvalidSignatureException" } else { "SignatureDoesNotMatch" };
        ServiceError::new(code, 403, text)
    }

    fn mismatch(self) -> ServiceError {
        self.refused(if self == Self::S3 {
            "The request signature we calculated does not match the signature you provided. Check your key and \
             signing method."
        } else {
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
        })
    }
}

/// The hashes that `x-amz-content-sha256` may name instead of the body's own.
fn names_no_hash(value: &str) -> bool {
    value == "UNSIGNED-PAYLOAD" || value.starts_with("STREAMING-")
}

/// The body's hash that a request claims, if it claims one that can be checked.
pub fn claimed_body_hash(parts: &Parts) -> Option<&str> {
    let value = parts.headers.get("x-amz-content-sha256")?.to_str().ok()?;
    (!names_no_hash(value)).then_some(value)
}

/// The refusal of a body that has another hash than the request says.
pub fn other_body(dialect: Dialect) -> ServiceError {
    if dialect == Dialect::S3 {
        let text = "The provided 'x-amz-content-sha256' header does not match what was computed.";
        ServiceError::bad_request("XAmzContentSHA256Mismatch", text)
    } else {
        dialect.mismatch()
    }
}

/// Checks that `parts` were signed with the secret, for about now, over the host and the body.
///
/// # Errors
/// AWS's own, by the service's dialect: a missing, false, expired or early signature, a host that is not signed, a
/// body that is not the one signed.
pub fn verify(parts: &Parts, check: &Check<'_>) -> Result<(), ServiceError> {
    let dialect = check.dialect;
    let claim = Claim::of(parts).ok_or_else(|| dialect.missing())?;
    claim.check_time(check.now, dialect)?;
    if !claim.signed_headers.iter().any(|name| name == "host" || name == ":authority") {
        return Err(
            dialect.refused("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        );
    }
    if let (Some(claimed), Some(real)) = (claimed_body_hash(parts), check.body_hash)
        && claimed != real
    {
        return Err(other_body(dialect));
    }
    let canonical = canonical_request(parts, &claim, check.body_hash.unwrap_or("UNSIGNED-PAYLOAD"));
    let hash = hex(&Sha256::digest(canonical.as_bytes()));
    let scope = claim.scope();
    let to_sign = format!("AWS4-HMAC-SHA256\n{}\n{scope}\n{hash}", claim.moment);
    let mut key = hmac(format!("AWS4{}", check.secret).as_bytes(), claim.date.as_bytes());
    for part in [&claim.region, &claim.service, "aws4_request"] {
        key = hmac(&key, part.as_bytes());
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(to_sign.as_bytes());
    let given = unhex(&claim.signature).ok_or_else(|| dialect.mismatch())?;
    mac.verify_slice(&given).map_err(|_| dialect.mismatch())
}

/// Checks what the credential of a request to a deployed API is for; one without a credential is [`verify`]'s to refuse.
///
/// # Errors
/// AWS's `InvalidSignatureException`, naming all that is not right.
pub fn check_scope(parts: &Parts, service: &str, region: &str) -> Result<(), ServiceError> {
    let Some(credential) = crate::Credential::of(parts) else { return Ok(()) };
    let mut wrong = String::new();
    if credential.region != region {
        wrong.push_str("Credential should be scoped to a valid region. ");
    }
    if credential.service != service {
        wrong.push_str(&format!("Credential should be scoped to correct service: '{service}'. "));
    }
    if wrong.is_empty() { Ok(()) } else { Err(Dialect::Json.refused(wrong)) }
}

/// Seconds that a request's date may be off, by AWS's documentation: five minutes, S3 fifteen.
const SKEW: i64 = 300;
const SKEW_S3: i64 = 900;
/// The longest that a presigned request may stay valid.
const WEEK: i64 = 604_800;

/// `20150830T123600Z` in seconds since the epoch.
fn seconds_of(moment: &str) -> Option<i64> {
    let at = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", moment).ok()?;
    Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

/// Seconds since the epoch as `20150830T123600Z`.
fn moment_of(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .map_or_else(|_| String::new(), |at| at.strftime("%Y%m%dT%H%M%SZ").to_string())
}

/// What a request says of its signature.
struct Claim {
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: String,
    moment: String,
    /// Seconds that a presigned request stays valid, as it says.
    expires: Option<String>,
    presigned: bool,
}

impl Claim {
    fn of(parts: &Parts) -> Option<Self> {
        let credential = crate::Credential::of(parts)?;
        let header =
            |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (signed_headers, signature, moment, expires) = match header("authorization") {
            Some(authorization) => {
                let part = |name: &str| {
                    let (_, after) = authorization.split_once(name)?;
                    Some(after.split([',', ' ']).next()?.to_owned())
                };
                (part("SignedHeaders=")?, part("Signature=")?, header("x-amz-date")?, None)
            }
            None => {
                let query = parts.uri.query()?;
                let value = |name: &str| {
                    text::query_pairs(query)
                        .find(|(found, _)| found == name)
                        .map(|(_, value)| value.into_owned())
                };
                let signed = value("X-Amz-SignedHeaders")?;
                (signed, value("X-Amz-Signature")?, value("X-Amz-Date")?, value("X-Amz-Expires"))
            }
        };
        let presigned = header("authorization").is_none();
        let signed_headers = signed_headers.split(';').map(str::to_owned).collect();
        let crate::Credential { date, region, service, .. } = credential;
        Some(Self { date, region, service, signed_headers, signature, moment, expires, presigned })
    }

    /// The date is one, that of the scope, and about now, or within the time that a presigned request gives itself.
    fn check_time(&self, now: i64, dialect: Dialect) -> Result<(), ServiceError> {
        let Self { moment, date, .. } = self;
        let at = seconds_of(moment).ok_or_else(|| {
            dialect.refused(format!(
                "Date must be in ISO-8601 'basic format'. Got '{moment}'. See http://en.wikipedia.org/wiki/ISO_8601"
            ))
        })?;
        if !moment.starts_with(date.as_str()) {
            return Err(dialect.refused(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{date}' != \
                 '{}', from '{moment}'.",
                moment.get(..8).unwrap_or(moment)
            )));
        }
        let valid = match &self.expires {
            Some(expires) => match expires.parse::<i64>() {
                Ok(seconds) if (0..=WEEK).contains(&seconds) => Some(seconds),
                _ => {
                    let text = "X-Amz-Expires must be a number between 0 and 604800";
                    return Err(ServiceError::bad_request("AuthorizationQueryParametersError", text));
                }
            },
            None => None,
        };
        let skew = if dialect == Dialect::S3 { SKEW_S3 } else { SKEW };
        let early = at > now + skew;
        let late = at + valid.unwrap_or(skew) < now;
        if !early && !late {
            return Ok(());
        }
        if dialect == Dialect::S3 {
            return Err(if late && valid.is_some() {
                ServiceError::new("AccessDenied", 403, "Request has expired")
            } else {
                let text = "The difference between the request time and the current time is too large.";
                ServiceError::new("RequestTimeTooSkewed", 403, text)
            });
        }
        Err(dialect.refused(if late {
            let limit = moment_of(now - skew);
            format!("Signature expired: {moment} is now earlier than {limit} ({} - 5 min.)", moment_of(now))
        } else {
            let limit = moment_of(now + skew);
            format!(
                "Signature not yet current: {moment} is still later than {limit} ({} + 5 min.)",
                moment_of(now)
            )
        }))
    }

    fn scope(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }
}

fn canonical_request(parts: &Parts, claim: &Claim, payload_hash: &str) -> String {
    let path = if claim.service == "s3" {
        canonical_path(parts.uri.path())
    } else {
        encoded_as_sent(parts.uri.path())
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

/// The escapes that a path was sent with are escaped once more. What could have been escaped and was not, as the `@` of
/// `@connections`, is so once only.
fn encoded_as_sent(path: &str) -> String {
    path.split('/').map(encode).collect::<Vec<_>>().join("/")
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
        signed("/?Param2=value2&Param1=value1", signature)
    }

    fn signed(address: &str, signature: &str) -> Parts {
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders=host;x-amz-date, Signature={signature}"
        );
        http::Request::get(address)
            .header("host", "example.amazonaws.com")
            .header("x-amz-date", "20150830T123600Z")
            .header("authorization", authorization)
            .body(())
            .unwrap()
            .into_parts()
            .0
    }

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
    /// 2015-08-30T12:36:00Z.
    const THEN: i64 = 1_440_938_160;
    const RIGHT: &str = "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500";

    fn told(parts: &Parts, secret: &str, now: i64, dialect: Dialect) -> String {
        let empty = hex(&Sha256::digest(b""));
        let check = Check { secret, body_hash: Some(&empty), now, dialect };
        verify(parts, &check)
            .map_or_else(|error| format!("{}: {}", error.code, error.message), |()| "ok".to_owned())
    }

    #[test]
    fn a_true_signature_passes_and_any_other_fails() {
        assert_eq!(told(&example(RIGHT), SECRET, THEN, Dialect::Json), "ok");
        for (signature, secret) in [(RIGHT, "other"), ("00", SECRET)] {
            let said = told(&example(signature), secret, THEN, Dialect::Json);
            assert!(said.starts_with("InvalidSignatureException: The request signature"), "{said}");
            let said = told(&example(signature), secret, THEN, Dialect::Query);
            assert!(said.starts_with("SignatureDoesNotMatch"), "{said}");
        }
        let bare = http::Request::get("/").body(()).unwrap().into_parts().0;
        assert!(told(&bare, SECRET, THEN, Dialect::S3).starts_with("AccessDenied"));
    }

    #[test]
    fn paths_are_signed_as_they_are_sent() {
        // Signed by botocore.
        let signature = "202e4b74063bdebc3d65cfb6dcae513527a1b9b756b322c31f4b7d9e5ea4772e";
        let path = "/dev/@connections/L0SM9cOFvHcCIhw%3D";
        assert_eq!(told(&signed(path, signature), SECRET, THEN, Dialect::Json), "ok");
    }

    #[test]
    fn a_credential_is_for_a_service_and_a_region() {
        let told = |service: &str, region: &str| {
            check_scope(&example(RIGHT), service, region).map_err(|error| error.message).err()
        };
        assert_eq!(told("service", "us-east-1"), None);
        let region = "Credential should be scoped to a valid region. ";
        assert_eq!(told("service", "eu-west-1").as_deref(), Some(region));
        let both = format!("{region}Credential should be scoped to correct service: 'execute-api'. ");
        assert_eq!(told("execute-api", "eu-west-1"), Some(both));
    }

    #[test]
    fn a_signature_is_for_about_now() {
        let at = |now| told(&example(RIGHT), SECRET, now, Dialect::Json);
        assert_eq!((at(THEN + 300), at(THEN - 300)), ("ok".to_owned(), "ok".to_owned()));
        assert_eq!(
            at(THEN + 301),
            "InvalidSignatureException: Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z \
             (20150830T124101Z - 5 min.)"
        );
        assert!(at(THEN - 301).contains("Signature not yet current: 20150830T123600Z is still later than"));
        let s3 = told(&example(RIGHT), SECRET, THEN + 901, Dialect::S3);
        assert!(s3.starts_with("RequestTimeTooSkewed"), "{s3}");
        let mut early = example(RIGHT);
        early.headers.insert("x-amz-date", "20150831T000000Z".parse().unwrap());
        assert!(told(&early, SECRET, THEN, Dialect::Json).contains("'20150830' != '20150831'"));
        early.headers.insert("x-amz-date", "100000830T123600Z".parse().unwrap());
        assert!(told(&early, SECRET, THEN, Dialect::Json).contains("ISO-8601"));
    }

    #[test]
    fn a_presigned_request_ends_when_it_says() {
        let presigned = |expires: &str| {
            let query = format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a%2F20150830%2Fus-east-1%2Fs3%2Faws4_request&\
                 X-Amz-Date=20150830T123600Z&X-Amz-Expires={expires}&X-Amz-SignedHeaders=host&X-Amz-Signature=00"
            );
            http::Request::get(format!("/b/k?{query}")).header("host", "h").body(()).unwrap().into_parts().0
        };
        let at = |expires, now| told(&presigned(expires), SECRET, now, Dialect::S3);
        assert!(at("60", THEN + 60).starts_with("SignatureDoesNotMatch"), "in time, but false");
        assert_eq!(at("60", THEN + 61), "AccessDenied: Request has expired");
        for wrong in ["604801", "-1", "x"] {
            assert!(at(wrong, THEN).starts_with("AuthorizationQueryParametersError"), "{wrong}");
        }
    }

    #[test]
    fn host_and_body_are_signed() {
        let mut parts = example(RIGHT);
        let unsigned = parts.headers["authorization"].to_str().unwrap().replace("host;", "");
        parts.headers.insert("authorization", unsigned.parse().unwrap());
        assert!(told(&parts, SECRET, THEN, Dialect::Json).contains("must be a 'SignedHeader'"));
        let mut parts = example(RIGHT);
        parts.headers.insert("x-amz-content-sha256", hex(&[0; 32]).parse().unwrap());
        assert!(told(&parts, SECRET, THEN, Dialect::S3).starts_with("XAmzContentSHA256Mismatch"));
    }
}
