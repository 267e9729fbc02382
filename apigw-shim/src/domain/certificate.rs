//! Certificates as API Gateway shows them: their names, numbers and times, and the PEM around them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use proxy_events::ClientCertificate;
use x509_parser::{
    certificate::X509Certificate,
    objects::{oid_registry, oid2abbrev},
    oid_registry::OID_PKCS1_SHA1WITHRSA,
    prelude::FromDer as _,
    time::ASN1Time,
    x509::{X509Name, X509Version},
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

/// The public key (as its DER) of a certificate of version 1; `None` if it is of another version, or none.
///
/// `openssl x509 -req` makes such certificates unless it is told of extensions, and AWS takes them; rustls does not.
pub fn key_of_version_1(der: &[u8]) -> Option<Vec<u8>> {
    let (_, certificate) = X509Certificate::from_der(der).ok()?;
    (certificate.version() == X509Version::V1).then(|| certificate.public_key().raw.to_vec())
}

/// Whether a certificate of version 1 is one that another, of an authority, has issued, and both hold at a time (seconds
/// since 1970).
pub(super) fn has_issued_version_1(authority: &[u8], der: &[u8], now: i64) -> bool {
    let (Ok((_, authority)), Ok((_, own))) =
        (X509Certificate::from_der(authority), X509Certificate::from_der(der))
    else {
        return false;
    };
    let holds = |certificate: &X509Certificate<'_>| {
        let validity = certificate.validity();
        (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
    };
    own.version() == X509Version::V1
        && own.issuer().as_raw() == authority.subject().as_raw()
        // A certificate of version 1 cannot say that it is an authority's.
        && (authority.is_ca() || authority.version() == X509Version::V1)
        && own.signature_algorithm.algorithm != OID_PKCS1_SHA1WITHRSA
        && holds(&own)
        && holds(&authority)
        && own.verify_signature(Some(authority.public_key())).is_ok()
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

    /// Made by OpenSSL 3.0, for a hundred years: an authority, another of that name, and a certificate of version 1 that
    /// the first has issued.
    const AUTHORITY: &str = "MIIBdTCCARugAwIBAgIUfy0p3wezMRnbMaYzRyvHoneb0mAwCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEUm9vdDAgFw0yNjEx\
         MjMwMzA4MzlaGA8yMTI2MTAzMDAzMDgzOVowDzENMAsGA1UEAwwEUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGXE\
         jtwFrtw9G9AOoIcBeYgmjgy+IoKDdUVwka3qKdqimdAxDOj4N/p4f/uGTzXmJqM1cHbHXdFlVxfEhUDKvxyjUzBRMB0GA1Ud\
         DgQWBBSqbxkNPYrkcJqyWOjFQ8Td1Qld/zAfBgNVHSMEGDAWgBSqbxkNPYrkcJqyWOjFQ8Td1Qld/zAPBgNVHRMBAf8EBTAD\
         AQH/MAoGCCqGSM49BAMCA0gAMEUCIQDo8AfvB+3unkw2V3Bf2QjU/Z5LdSfhWDj4p2Aj5VGcVwIgSXczENXYuJAkKK1CKkPe\
         9bFZO6rFnKoshzvusQxtGuE=";
    const OTHER: &str = "MIIBdjCCARugAwIBAgIUWljqq/ABDuaz9YZF1BdnxjzWQ18wCgYIKoZIzj0EAwIwDzENMAsGA1UEAwwEUm9vdDAgFw0yNjEx\
         MjMwMzA4NDBaGA8yMTI2MTAzMDAzMDg0MFowDzENMAsGA1UEAwwEUm9vdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABOWw\
         YvLKr/69Lej/W59J/98ZHBrzZFc/JuKKpijUFOhKkJ6DxCFixTE5gR0ZIURPmCRBbiDek5r3V1KfbNJlDC2jUzBRMB0GA1Ud\
         DgQWBBTztGWqSUHZgIETgf+nqcdbN8xKvTAfBgNVHSMEGDAWgBTztGWqSUHZgIETgf+nqcdbN8xKvTAPBgNVHRMBAf8EBTAD\
         AQH/MAoGCCqGSM49BAMCA0kAMEYCIQCJMX5cl4N87sbrlTUVXMDzzwr0ydkh6l5uyjPn0X9E7AIhAIlVPt2s/JpilNl+4t1r\
         PF/0M4bXD6gUkOiMox2XQb4J";
    const VERSION_1: &str = "MIIBBDCBrAIBATAKBggqhkjOPQQDAjAPMQ0wCwYDVQQDDARSb290MCAXDTI2MTEyMzAzMDgzOVoYDzIxMjYxMDMwMDMwODM5\
         WjANMQswCQYDVQQDDAJtZTBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABGvnpoGJdOwJvEbFcbC8hFuVVW1Dyb/dC8BydmQq\
         YbEEDpW4DjWYxAzKLKhZj20zd2L3zpq2N10aTG7i2aG1I6YwCgYIKoZIzj0EAwIDRwAwRAIfIfaB1sePrOLEz4L9E7ogWkMU\
         FEnj02udwfuDp8gZLwIhAP/LHTEouiuc5vTe/jIyWZrm1R4irhQ2tdriSmvVFU3b";

    #[test]
    fn certificates_of_version_1_are_held_against_their_issuer() {
        let der = |text: &str| STANDARD.decode(text).unwrap();
        let (authority, other, own) = (der(AUTHORITY), der(OTHER), der(VERSION_1));
        const NOW: i64 = 1_900_000_000;
        assert!(key_of_version_1(&own).is_some() && key_of_version_1(&authority).is_none());
        assert!(has_issued_version_1(&authority, &own, NOW));
        assert!(!has_issued_version_1(&other, &own, NOW), "of the same name, with another key");
        assert!(!has_issued_version_1(&authority, &authority, NOW), "of another version");
        assert!(!has_issued_version_1(&own, &own, NOW));
        assert!(
            !has_issued_version_1(&authority, &own, 0) && !has_issued_version_1(&authority, &own, 1 << 40)
        );
        let mut forged = own.clone();
        let last = forged.len() - 1;
        forged[last] ^= 1;
        assert!(!has_issued_version_1(&authority, &forged, NOW));
        assert!(!has_issued_version_1(b"none", &own, NOW) && key_of_version_1(b"none").is_none());
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
