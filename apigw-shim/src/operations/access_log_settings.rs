//! What the format of an access log may be: one line, with an id of the request in it.

use aws_wire::ServiceError;

use crate::error::bad_request;

/// The kinds of APIs, as far as formats differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    Rest,
    Http,
    WebSocket,
}

/// Checks a format. HTTP APIs know the variables that there are; others write nothing for those there are not.
pub(crate) fn check_format(protocol: Protocol, format: &str) -> Result<(), ServiceError> {
    let prefix = match protocol {
        Protocol::Rest => "",
        Protocol::Http | Protocol::WebSocket => "The following errors are found in Access Log Format: ",
    };
    let (line, but) = match protocol {
        // A line may end where it ends.
        Protocol::Rest => (
            format.strip_suffix('\n').map_or(format, |line| line.strip_suffix('\r').unwrap_or(line)),
            ", new line character is allowed only at end of the format",
        ),
        Protocol::Http | Protocol::WebSocket => (format, ""),
    };
    if line.contains(['\r', '\n']) {
        return Err(bad_request(format!("{prefix}Access Log format must be single line{but}: '{format}'")));
    }
    let names = variables(format);
    if protocol == Protocol::Http {
        let unknown: Vec<String> = names
            .iter()
            .filter(|(_, name)| !is_of_http(name))
            .map(|(written, _)| (*written).to_owned())
            .collect();
        if !unknown.is_empty() {
            return Err(bad_request(format!(
                "The following context variables are not supported: [{}]",
                unknown.join(", ")
            )));
        }
    }
    if names.iter().any(|(_, name)| matches!(*name, "requestId" | "extendedRequestId")) {
        return Ok(());
    }
    Err(bad_request(format!(
        "{prefix}Access Log format must include either $context.requestId or $context.extendedRequestId : '{format}'"
    )))
}

/// The variables of a format: as they are written, and by their names.
fn variables(format: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for (at, _) in format.match_indices('$') {
        let rest = &format[at + 1..];
        if let Some(braced) = rest.strip_prefix("{context.") {
            // No name has a dollar in it, so that none is looked for beyond the next one.
            let end = braced.find(['}', '$']).filter(|end| braced[*end..].starts_with('}'));
            if let Some(end) = end {
                found.push((&format[at..at + "${context.}".len() + end], &braced[..end]));
            }
        } else if let Some(plain) = rest.strip_prefix("context.") {
            let is_part = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
            let length = plain.find(|character| !is_part(character)).unwrap_or(plain.len());
            // A full stop behind a name ends a sentence.
            let name = plain[..length].trim_end_matches('.');
            found.push((&format[at..at + "$context.".len() + name.len()], name));
        }
    }
    found
}

/// The variables of the Developer Guide's list, "Customize HTTP API access logs".
fn is_of_http(name: &str) -> bool {
    const KNOWN: &[&str] = &[
        "accountId",
        "apiId",
        "awsEndpointRequestId",
        "awsEndpointRequestId2",
        "customDomain.basePathMatched",
        "dataProcessed",
        "domainName",
        "domainPrefix",
        "error.message",
        "error.messageString",
        "error.responseType",
        "extendedRequestId",
        "httpMethod",
        "identity.accountId",
        "identity.caller",
        "identity.cognitoAuthenticationProvider",
        "identity.cognitoAuthenticationType",
        "identity.cognitoIdentityId",
        "identity.cognitoIdentityPoolId",
        "identity.principalOrgId",
        "identity.sourceIp",
        "identity.user",
        "identity.userAgent",
        "identity.userArn",
        "integration.error",
        "integration.integrationStatus",
        "integration.latency",
        "integration.requestId",
        "integration.status",
        "integrationErrorMessage",
        "integrationLatency",
        "integrationStatus",
        "path",
        "protocol",
        "requestId",
        "requestTime",
        "requestTimeEpoch",
        "resourcePath",
        "responseLatency",
        "responseLength",
        "routeKey",
        "stage",
        "status",
    ];
    name.starts_with("authorizer.") || name.starts_with("identity.clientCert.") || KNOWN.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_found_with_braces_and_without() {
        let format =
            r#"{"id":"$context.requestId", "ip": "${context.identity.sourceIp}"} $context.path. $other"#;
        let names: Vec<&str> = variables(format).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["requestId", "identity.sourceIp", "path"]);
        assert_eq!(variables("$context.a|$")[0].0, "$context.a");
        assert_eq!(variables("${context.a${context.b}")[0], ("${context.b}", "b"));
        assert!(variables("$ ${context.a $context.").iter().all(|(_, name)| name.is_empty()));
    }

    #[test]
    fn formats() {
        let said = |protocol, format| check_format(protocol, format).map_err(|error| error.message);
        for good in ["$context.requestId", "a $context.extendedRequestId b", "${context.requestId}"] {
            for protocol in [Protocol::Rest, Protocol::Http, Protocol::WebSocket] {
                assert_eq!(said(protocol, good), Ok(()));
            }
        }
        assert_eq!(said(Protocol::Rest, "$context.requestId $context.any\n"), Ok(()));
        assert_eq!(
            said(Protocol::Rest, "foo").unwrap_err(),
            "Access Log format must include either $context.requestId or $context.extendedRequestId : 'foo'"
        );
        assert_eq!(
            said(Protocol::Http, "$context.requestId $context.request.header.a ${context.b}").unwrap_err(),
            "The following context variables are not supported: [$context.request.header.a, ${context.b}]"
        );
        assert_eq!(
            said(Protocol::WebSocket, "$context.requestId\n").unwrap_err(),
            "The following errors are found in Access Log Format: Access Log format must be single line: \
             '$context.requestId\n'"
        );
    }
}
