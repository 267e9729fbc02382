//! Certificates as API Gateway shows them: their names, numbers and times, and the PEM around them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proxy_events::ClientCertificate;
use x509_parser::{
    certificate::X509Certificate,
    objects::{oid_registry, oid2abbrev},
    prelude::FromDer as _,
    time::ASN1Time,
    x509::X509Name,
};

/// A certificate (DER) in PEM.
pub fn pem(certificate: &[u8]) -> String {
    let text = STANDARD.encode(certificate);
    let mut pem = String::from("-----BEGIN CERTIFICATE-----\n");
    for line in text.as_bytes().chunks(64) {
        pem.extend(line.iter().copied().map(char::from));
        pem.push('\n');
    }
    pem.push_str("-----END CERTIFICATE-----\n");
    pem
}

/// What events show of a client's certificate (DER), and who trusts it; `None` if it is no certificate.
pub fn client_certificate(der: &[u8], trusted_by: Result<[u8; 32], String>) -> Option<ClientCertificate> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    Some(ClientCertificate {
        pem: pem(der),
        subject: name(certificate.subject()),
        issuer: name(certificate.issuer()),
        serial_number: certificate.raw_serial_as_string(),
        not_before: time(certificate.validity().not_before),
        not_after: time(certificate.validity().not_after),
        trusted_by,
    })
}

/// What is wrong with a certificate of a truststore at a time (seconds since 1970), where anything is.
pub(super) fn fault(der: &[u8], now: i64) -> Option<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(der) else {
        return Some(String::from("Certificate cannot be read"));
    };
    let subject = name(certificate.subject());
    let validity = certificate.validity();
    if validity.not_after.timestamp() < now {
        return Some(format!("Certificate has expired: {subject}"));
    }
    (validity.not_before.timestamp() > now).then(|| format!("Certificate is not valid yet: {subject}"))
}

/// A name as RFC 2253 writes it: the most particular part first.
fn name(of: &X509Name<'_>) -> String {
    let attribute = |attribute: &x509_parser::x509::AttributeTypeAndValue<'_>| {
        let kind = attribute.attr_type();
        let kind = oid2abbrev(kind, oid_registry()).map_or_else(|_| kind.to_id_string(), str::to_owned);
        format!("{kind}={}", escaped(attribute.as_str().unwrap_or_default()))
    };
    let parts = of.iter_rdn().map(|part| part.iter().map(attribute).collect::<Vec<_>>().join("+"));
    let mut parts: Vec<String> = parts.collect();
    parts.reverse();
    parts.join(",")
}

/// A value with what would end it escaped.
fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for (at, character) in value.char_indices() {
        let at_edge = at == 0 || at + character.len_utf8() == value.len();
        let is_special = matches!(character, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        if is_special || (character == ' ' && at_edge) || (character == '#' && at == 0) {
            text.push('\\');
        }
        text.push(character);
    }
    text
}

/// `May 28 12:30:02 2019 GMT`; days of one digit have a blank before them.
fn time(at: ASN1Time) -> String {
    let at = jiff::Timestamp::from_second(at.timestamp()).unwrap_or_default();
    at.strftime("%b %e %H:%M:%S %Y GMT").to_string()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SerialNumber, date_time_ymd};

    use super::*;

    fn certificate(until: i32) -> Vec<u8> {
        let mut name = DistinguishedName::new();
        name.push(DnType::CountryName, "US");
        name.push(DnType::OrganizationName, "Example, Inc.");
        name.push(DnType::CommonName, "client");
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name = name;
        params.serial_number = Some(SerialNumber::from(vec![0x0a, 0xb1]));
        params.not_before = date_time_ymd(2019, 5, 28);
        params.not_after = date_time_ymd(until, 8, 5);
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
    }

    #[test]
    fn certificates_are_shown_as_aws_shows_them() {
        let der = certificate(2021);
        let shown = client_certificate(&der, Ok([0; 32])).unwrap();
        assert_eq!(shown.subject, "CN=client,O=Example\\, Inc.,C=US");
        assert_eq!(shown.issuer, shown.subject);
        assert_eq!(shown.serial_number, "0a:b1");
        assert_eq!(shown.not_before, "May 28 00:00:00 2019 GMT");
        assert_eq!(shown.not_after, "Aug  5 00:00:00 2021 GMT");
        assert!(shown.pem.starts_with("-----BEGIN CERTIFICATE-----\nMII"), "{}", shown.pem);
        assert!(client_certificate(b"none", Ok([0; 32])).is_none());
    }

    #[test]
    fn faults_are_named() {
        let der = certificate(2021);
        let at = |second| fault(&der, second);
        assert_eq!(at(1_600_000_000), None);
        let subject = "CN=client,O=Example\\, Inc.,C=US";
        assert_eq!(at(1_900_000_000), Some(format!("Certificate has expired: {subject}")));
        assert_eq!(at(0), Some(format!("Certificate is not valid yet: {subject}")));
        assert!(fault(b"none", 0).is_some());
    }
}
