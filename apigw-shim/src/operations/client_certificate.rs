//! GenerateClientCertificate, GetClientCertificate, GetClientCertificates, UpdateClientCertificate,
//! DeleteClientCertificate.
//!
//! A certificate is a real one, signed by its own key. Stages that name one show it to the servers behind them.

use std::{sync::Arc, time::Duration};

use aws_wire::ServiceError;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair};
use runtime::{CallContext, Input, Output, Scope};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{limit, listing, rest_api::seconds};
use crate::{
    State,
    apis::scope_key,
    domain::pem,
    error::{bad_request, invalid, storage},
    id, members,
    patch::Patch,
    rest_api::record::Texts,
};

/// How long a certificate holds, as AWS's do.
const LASTS: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A certificate with its key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ClientCertificate {
    pub id: String,
    pub description: Option<String>,
    pub pem: String,
    /// PKCS #8, in base64. It is shown to nobody.
    pub key: String,
    pub created: f64,
    pub tags: Texts,
}

impl ClientCertificate {
    /// The certificate and its key, both DER.
    pub fn identity(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let base64: String = self.pem.lines().filter(|line| !line.starts_with('-')).collect();
        Some((STANDARD.decode(base64.trim()).ok()?, STANDARD.decode(&self.key).ok()?))
    }
}

#[derive(Deserialize)]
struct Generate {
    description: Option<String>,
    #[serde(default)]
    tags: Texts,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OfCertificate {
    client_certificate_id: String,
    #[serde(default)]
    patch_operations: Vec<Patch>,
}

#[derive(Deserialize)]
struct List {
    position: Option<String>,
    limit: Option<i64>,
}

fn render(certificate: &ClientCertificate) -> Value {
    json!({
        "clientCertificateId": certificate.id,
        "description": certificate.description,
        "pemEncodedCertificate": certificate.pem,
        "createdDate": certificate.created,
        "expirationDate": certificate.created + LASTS.as_secs_f64(),
        "tags": if certificate.tags.is_empty() { Value::Null } else { json!(certificate.tags) },
    })
}

pub(super) fn find(state: &State, scope: &Scope, id: &str) -> Result<Arc<ClientCertificate>, ServiceError> {
    let found = state.apis.client_certificates.get(&scope_key(scope).text(id));
    found.ok_or_else(|| invalid("Client Certificate identifier"))
}

/// Whether there is such a certificate.
pub(crate) fn check(state: &State, scope: &Scope, id: &str) -> Result<(), ServiceError> {
    find(state, scope, id).map(drop)
}

pub(super) async fn keep(
    state: &State,
    scope: &Scope,
    certificate: ClientCertificate,
) -> Result<Arc<ClientCertificate>, ServiceError> {
    let key = scope_key(scope).text(&certificate.id);
    state.apis.client_certificates.put(key, certificate).await.map_err(storage)
}

/// A certificate that holds from `created` on (seconds since 1970), in PEM, and its key in DER.
fn make(created: u64) -> Result<(String, Vec<u8>), rcgen::Error> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CountryName, "US");
    name.push(DnType::StateOrProvinceName, "WA");
    name.push(DnType::LocalityName, "Seattle");
    name.push(DnType::OrganizationName, "Amazon.com");
    name.push(DnType::CommonName, "ApiGateway");
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name = name;
    params.not_before = rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(created);
    params.not_after = params.not_before + LASTS;
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((pem(certificate.der()), key.serialize_der()))
}

pub(super) async fn generate(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: Generate = members::read(input)?;
    let created = u64::try_from(state.clock.now().millis() / 1000).unwrap_or_default();
    let (pem, key) = make(created)
        .map_err(|error| ServiceError::internal(format!("no certificate could be made: {error}")))?;
    let certificate = ClientCertificate {
        id: id::random(6),
        description: input.description,
        pem,
        key: STANDARD.encode(key),
        created: seconds(state),
        tags: input.tags,
    };
    Ok(Output::of(render(&*keep(state, &ctx.scope, certificate).await?)))
}

pub(super) async fn get(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfCertificate = members::read(input)?;
    Ok(Output::of(render(&*find(state, &ctx.scope, &input.client_certificate_id)?)))
}

pub(super) async fn list(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: List = members::read(input)?;
    let limit = limit(input.limit);
    let prefix = scope_key(&ctx.scope);
    let after = input.position.as_deref().map(|id| prefix.clone().text(id));
    let mut found = state.apis.client_certificates.page(&prefix, after.as_ref(), limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let position = found.last().filter(|_| more).map(|certificate| certificate.id.clone());
    Ok(listing(found.iter().map(|certificate| render(certificate)).collect(), position))
}

pub(super) async fn update(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfCertificate = members::read(input)?;
    let mut certificate = ClientCertificate::clone(&*find(state, &ctx.scope, &input.client_certificate_id)?);
    for patch in &input.patch_operations {
        if patch.path != "/description" {
            return Err(patch.invalid_path());
        }
        patch.only_replace()?;
        certificate.description = Some(patch.value());
    }
    Ok(Output::of(render(&*keep(state, &ctx.scope, certificate).await?)))
}

pub(super) async fn delete(state: &State, ctx: &CallContext, input: Input) -> Result<Output, ServiceError> {
    let input: OfCertificate = members::read(input)?;
    let found = find(state, &ctx.scope, &input.client_certificate_id)?;
    let stages = state.apis.rest_stages.page(&scope_key(&ctx.scope), None, usize::MAX);
    let sockets = state.apis.http_stages.page(&scope_key(&ctx.scope), None, usize::MAX);
    let names = |stage: &&Arc<crate::http_api::record::Stage>| {
        stage.members.get("ClientCertificateId").is_some_and(|id| *id == *found.id)
    };
    if let Some(stage) = sockets.iter().find(names) {
        return Err(bad_request(format!("Client Certificate is in use by the stage {}", stage.name)));
    }
    if let Some(stage) = stages.iter().find(|stage| stage.client_certificate_id.as_ref() == Some(&found.id)) {
        return Err(bad_request(format!("Client Certificate is in use by the stage {}", stage.stage_name)));
    }
    let key = scope_key(&ctx.scope).text(&found.id);
    state.apis.client_certificates.remove(&key).await.map_err(storage)?;
    Ok(Output::empty())
}
