//! `Domain` of both kinds of APIs: the custom domain name, the API's mappings, and the records that point at it.

use serde_json::{Map, Value, json};

use super::{
    ApiKind, Made, Serverless,
    intrinsic::{attribute, is_said, plain_map, reference, said, tag_list},
    logical_id::hashed,
    made::resource,
};
use crate::Refusals;

/// Properties of every domain.
const KNOWN: &[&str] = &[
    "BasePath",
    "CertificateArn",
    "DomainName",
    "EndpointConfiguration",
    "OwnershipVerificationCertificateArn",
    "Route53",
    "SecurityPolicy",
];
/// Those of a REST API's domain beside.
const OF_REST: &[&str] =
    &["EndpointAccessMode", "IpAddressType", "MutualTlsAuthentication", "NormalizeBasePath"];
/// Those of one in private networks.
const OF_PRIVATE: &[&str] =
    &["AccessAssociation", "EndpointAccessMode", "IpAddressType", "NormalizeBasePath", "Policy"];
/// Those of an HTTP or WebSocket API's.
const OF_HTTP: &[&str] = &["MutualTlsAuthentication"];
const TRUST: &[&str] = &["TruststoreUri", "TruststoreVersion"];
/// Properties of a domain name under the same name.
const SAME: &[&str] = &["EndpointAccessMode", "OwnershipVerificationCertificateArn", "SecurityPolicy"];
/// The zone of all CloudFront distributions.
const CLOUDFRONT: &str = "Z2FDTNDATAQYW2";

/// A domain with what it needs, checked.
struct Domain<'d> {
    given: &'d Map<String, Value>,
    name: &'d Value,
    certificate: &'d Value,
    /// The resource's id.
    id: String,
    endpoint: &'d str,
    beside: Map<String, Value>,
}

impl<'d> Domain<'d> {
    fn read(
        kind: ApiKind,
        given: &'d Value,
        found: &Serverless,
        place: &str,
        refusals: &mut Refusals,
    ) -> Option<Self> {
        let Some(given) = plain_map(given) else {
            refusals.add(place, "a domain is a map");
            return None;
        };
        let (Some(name), Some(certificate)) = (said(given, "DomainName"), said(given, "CertificateArn"))
        else {
            refusals
                .add(place, "Custom Domains only works if both DomainName and CertificateArn are provided.");
            return None;
        };
        let kinds: &[&str] = match kind {
            ApiKind::Rest => &["EDGE", "REGIONAL", "PRIVATE"],
            ApiKind::Http => &["REGIONAL"],
        };
        let endpoint = match given.get("EndpointConfiguration").filter(|it| !it.is_null()) {
            None => "REGIONAL",
            Some(endpoint) => match kinds.iter().find(|known| endpoint == **known) {
                Some(known) => *known,
                None => {
                    let text = format!("EndpointConfiguration for Custom Domains must be one of {kinds:?}.");
                    refusals.add(format!("{place}.EndpointConfiguration"), text);
                    return None;
                }
            },
        };
        let (prefix, more) = match (kind, endpoint) {
            (ApiKind::Rest, "REGIONAL" | "EDGE") => ("ApiGatewayDomainName", OF_REST),
            (ApiKind::Rest, _) => ("ApiGatewayDomainNameV2", OF_PRIVATE),
            (ApiKind::Http, _) => ("ApiGatewayDomainNameV2", OF_HTTP),
        };
        // What guards a domain of another kind would guard nothing here.
        let is_known = |name: &str| KNOWN.contains(&name) || more.contains(&name);
        for (name, _) in given.iter().filter(|(name, value)| !is_known(name) && !value.is_null()) {
            let text = format!("Tule does not apply this property to a domain of this kind ({endpoint})");
            refusals.add(format!("{place}.{name}"), text);
        }
        let id = hashed(prefix, name);
        Some(Self { given, name, certificate, id, endpoint, beside: found.derived() })
    }

    /// The truststore of clients' certificates.
    fn trust(&self, place: &str, refusals: &mut Refusals) -> Option<Value> {
        let given = said(self.given, "MutualTlsAuthentication")?;
        let is_known = |trust: &Map<String, Value>| trust.keys().all(|name| TRUST.contains(&name.as_str()));
        if !plain_map(given).is_some_and(is_known) {
            let text = format!("this is a map of {}", TRUST.join(" and "));
            refusals.add(format!("{place}.MutualTlsAuthentication"), text);
        }
        let said = plain_map(given).into_iter().flatten().filter(|(_, value)| is_said(value));
        Some(said.map(|(name, value)| (name.clone(), value.clone())).collect())
    }

    /// The paths under which the API is, if not the root.
    fn paths(&self, place: &str, refusals: &mut Refusals) -> Option<Vec<&'d str>> {
        let wrong =
            |refusals: &mut Refusals| refusals.add(format!("{place}.BasePath"), "Basepath must be a string.");
        match said(self.given, "BasePath")? {
            Value::String(path) => Some(vec![path]),
            Value::Array(paths) => {
                if paths.iter().any(|path| !path.is_string()) {
                    wrong(refusals);
                }
                Some(paths.iter().filter_map(Value::as_str).collect())
            }
            _ => {
                wrong(refusals);
                None
            }
        }
    }

    fn endpoint_configuration(&self) -> Value {
        let mut endpoint = json!({ "Types": [self.endpoint] });
        if let Some(addresses) = said(self.given, "IpAddressType") {
            endpoint["IpAddressType"] = addresses.clone();
        }
        endpoint
    }

    /// Lets a private network's endpoint reach the domain, where one is named.
    fn associate(&self, made: &mut Made) {
        let Some(source) = self.given.get("AccessAssociation") else { return };
        let endpoint = source.get("VpcEndpointId").cloned().unwrap_or_default();
        let id = hashed("DomainNameAccessAssociation", &json!([endpoint, self.id]));
        let properties = json!({
            "DomainNameArn": reference(&self.id), "AccessAssociationSourceType": "VPCE",
            "AccessAssociationSource": endpoint,
        });
        let properties = properties.as_object().cloned().unwrap_or_default();
        made.add(&id, "AWS::ApiGateway::DomainNameAccessAssociation", properties, &self.beside);
    }

    fn records(&self, made: &mut Made, place: &str, refusals: &mut Refusals) {
        let Some(given) = self.given.get("Route53").filter(|given| !given.is_null()) else { return };
        let place = format!("{place}.Route53");
        let zone = |name: &str| given.get(name).filter(|zone| !zone.is_null());
        let Some(zone_name) = zone("HostedZoneId").or(zone("HostedZoneName")) else {
            let text =
                "HostedZoneId or HostedZoneName is required to enable Route53 support on Custom Domains.";
            refusals.add(place, text);
            return;
        };
        let (hosted_zone, name) = match self.endpoint {
            "REGIONAL" => {
                (attribute(&self.id, "RegionalHostedZoneId"), attribute(&self.id, "RegionalDomainName"))
            }
            "EDGE" => {
                let name = given.get("DistributionDomainName").cloned();
                let name = name.unwrap_or_else(|| attribute(&self.id, "DistributionDomainName"));
                (Value::from(CLOUDFRONT), name)
            }
            _ => {
                let of = |name: &str| given.get(name).cloned().unwrap_or_default();
                (of("VpcEndpointHostedZoneId"), of("VpcEndpointDomainName"))
            }
        };
        let mut target = json!({ "HostedZoneId": hosted_zone, "DNSName": name });
        if let Some(health) = zone("EvaluateTargetHealth") {
            target["EvaluateTargetHealth"] = health.clone();
        }
        let record = |kind: &str| {
            let mut record = json!({ "Name": self.name, "Type": kind, "AliasTarget": target });
            for name in ["Region", "SetIdentifier"] {
                if let Some(value) = zone(name) {
                    record[name] = value.clone();
                }
            }
            record
        };
        let mut records = vec![record("A")];
        if given.get("IpV6") == Some(&Value::Bool(true)) {
            records.push(record("AAAA"));
        }
        let is_alone = given.get("SeparateRecordSetGroup") == Some(&Value::Bool(true));
        let id = match is_alone {
            true => hashed("RecordSetGroup", &json!([zone_name, self.name])),
            false => hashed("RecordSetGroup", zone_name),
        };
        // Domains of one zone share the group.
        if let Some(Value::Array(before)) =
            made.get(&id).and_then(|group| group.pointer("/Properties/RecordSets"))
        {
            records = before.iter().cloned().chain(records).collect();
        }
        let mut group = Map::new();
        group.insert("RecordSets".to_owned(), Value::Array(records));
        for name in ["HostedZoneId", "HostedZoneName"] {
            group.extend(zone(name).map(|zone| (name.to_owned(), zone.clone())));
        }
        made.replace(id, resource("AWS::Route53::RecordSetGroup", group, &self.beside));
    }
}

fn letters(path: &str) -> String {
    path.chars().filter(|it| it.is_alphanumeric()).collect()
}

/// The domain of a REST API.
pub(super) fn rest(
    api: &str,
    stage: &str,
    given: &Value,
    found: &Serverless,
    made: &mut Made,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(domain) = Domain::read(ApiKind::Rest, given, found, place, refusals) else { return };
    let is_private = domain.endpoint == "PRIVATE";
    let mut properties = Map::new();
    let mut set = |name: &str, value: Value| drop(properties.insert(name.to_owned(), value));
    set("DomainName", domain.name.clone());
    set("EndpointConfiguration", domain.endpoint_configuration());
    let certificate = if domain.endpoint == "REGIONAL" { "RegionalCertificateArn" } else { "CertificateArn" };
    set(certificate, domain.certificate.clone());
    for name in SAME.iter().copied().chain(is_private.then_some("Policy")) {
        if let Some(value) = said(domain.given, name) {
            set(name, value.clone());
        }
    }
    if let Some(trust) = domain.trust(place, refusals).filter(|_| !is_private) {
        set("MutualTlsAuthentication", trust);
    }
    let (kind, mapping, member) = match is_private {
        true => ("AWS::ApiGateway::DomainNameV2", "AWS::ApiGateway::BasePathMappingV2", "DomainNameArn"),
        false => ("AWS::ApiGateway::DomainName", "AWS::ApiGateway::BasePathMapping", "DomainName"),
    };
    if found.properties.get("PropagateTags") == Some(&Value::Bool(true)) {
        let tags = tag_list(said(&found.properties, "Tags"));
        properties.insert("Tags".to_owned(), Value::Array(tags));
    }
    made.add(&domain.id, kind, properties, &domain.beside);
    made.refer(api, "DomainName", &domain.id);
    let plain = domain.given.get("NormalizeBasePath") != Some(&Value::Bool(false));
    let mut map = |id: &str, path: Option<String>| {
        let mut properties = Map::new();
        properties.insert(member.to_owned(), reference(&domain.id));
        properties.insert("RestApiId".to_owned(), reference(api));
        properties.insert("Stage".to_owned(), reference(stage));
        properties.extend(path.map(|path| ("BasePath".to_owned(), Value::from(path))));
        made.add(id, mapping, properties, &domain.beside);
    };
    match domain.paths(place, refusals) {
        None => map(&format!("{api}BasePathMapping"), None),
        Some(paths) => {
            for path in paths {
                let id = format!("{api}{}BasePathMapping", letters(path));
                map(&id, Some(if plain { letters(path) } else { path.to_owned() }));
            }
        }
    }
    if is_private {
        domain.associate(made);
    }
    domain.records(made, place, refusals);
}

/// The domain of an HTTP API. `tags` are all that the API has.
pub(super) fn http(
    (api, stage): (&str, &str),
    given: &Value,
    tags: Option<&Map<String, Value>>,
    found: &Serverless,
    made: &mut Made,
    place: &str,
    refusals: &mut Refusals,
) {
    let Some(domain) = Domain::read(ApiKind::Http, given, found, place, refusals) else { return };
    let mut configuration = json!({ "CertificateArn": domain.certificate, "EndpointType": domain.endpoint });
    for name in ["OwnershipVerificationCertificateArn", "SecurityPolicy"] {
        if let Some(value) = said(domain.given, name) {
            configuration[name] = value.clone();
        }
    }
    let mut properties = Map::new();
    properties.insert("DomainName".to_owned(), domain.name.clone());
    properties.insert("DomainNameConfigurations".to_owned(), json!([configuration]));
    if let Some(trust) = domain.trust(place, refusals) {
        properties.insert("MutualTlsAuthentication".to_owned(), trust);
    }
    properties.extend(tags.map(|tags| ("Tags".to_owned(), Value::Object(tags.clone()))));
    made.add(&domain.id, "AWS::ApiGatewayV2::DomainName", properties, &domain.beside);
    made.refer(api, "DomainName", &domain.id);
    let mut map = |id: &str, key: Option<&str>| {
        let mut properties = Map::new();
        properties.insert("DomainName".to_owned(), reference(&domain.id));
        properties.insert("ApiId".to_owned(), reference(api));
        properties.insert("Stage".to_owned(), reference(stage));
        properties.extend(key.map(|key| ("ApiMappingKey".to_owned(), Value::from(key))));
        made.add(id, "AWS::ApiGatewayV2::ApiMapping", properties, &domain.beside);
    };
    match domain.paths(place, refusals) {
        None => map(&format!("{api}ApiMapping"), None),
        Some(paths) => {
            for path in paths {
                let is_plain = |it: char| it.is_ascii_alphanumeric() || matches!(it, '/' | '-' | '_');
                if !path.chars().all(is_plain) {
                    refusals.add(format!("{place}.BasePath"), "Invalid Basepath name provided.");
                }
                let id = format!("{api}{}ApiMapping", path.replace(['-', '_', '/'], ""));
                map(&id, Some(path.trim_matches('/')));
            }
        }
    }
    domain.records(made, place, refusals);
}
