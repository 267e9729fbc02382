//! What a JWT authorizer of a REST API may be configured with, and the patches of it.
//!
//! AWS publishes no list of these patches. Paths are those of its pointer rules: `/jwtConfiguration/defaultAlgorithms`,
//! `/jwtConfiguration/issuers`, and below that an issuer by its address (`https:~1~1issuer.test`) or its place in the
//! list. What is a list takes `add` and `remove` of one value, and `replace` of all of it as JSON.

use aws_wire::ServiceError;
use serde::de::DeserializeOwned;

use crate::{
    error::bad_request,
    patch::Patch,
    rest_api::record::{JwtClaim, JwtConfiguration, JwtIssuer},
};

const ALGORITHMS: &[&str] = &["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"];
/// Claims that are checked anyway.
const OWN_CLAIMS: &[&str] = &["iss", "aud", "exp", "nbf", "iat", "scope", "scp"];

/// Whether an authorizer can work with it.
pub(super) fn check(configuration: &JwtConfiguration) -> Result<(), ServiceError> {
    if configuration.issuers.is_empty() {
        return Err(bad_request("At least one issuer is required for JWT authorizers"));
    }
    let mut algorithms = configuration.default_algorithms.iter();
    if let Some(name) = algorithms.find(|name| !ALGORITHMS.contains(&name.as_str())) {
        return Err(bad_request(format!(
            "Invalid signing algorithm specified: {name}. Valid options are {}",
            ALGORITHMS.join(",")
        )));
    }
    let mut known: Vec<&str> = Vec::new();
    for issuer in &configuration.issuers {
        if known.contains(&issuer.issuer.as_str()) {
            return Err(bad_request(format!("The issuer {} is specified more than once", issuer.issuer)));
        }
        known.push(&issuer.issuer);
        for claim in &issuer.additional_claims {
            if claim.claim_name.is_empty() || OWN_CLAIMS.contains(&claim.claim_name.as_str()) {
                return Err(bad_request(format!("Invalid claim name specified: {}", claim.claim_name)));
            }
            if claim.format != "SINGLE_STRING" {
                return Err(bad_request(format!("Invalid claim format specified: {}", claim.format)));
            }
        }
    }
    Ok(())
}

/// Makes the change that a patch of `/jwtConfiguration` and what is below asks for.
pub(super) fn change(
    of: &mut Option<JwtConfiguration>,
    patch: &Patch,
    below: &[&str],
) -> Result<(), ServiceError> {
    if below.is_empty() {
        patch.only_replace()?;
        *of = Some(json(patch)?);
        return Ok(());
    }
    let configuration = of.as_mut().ok_or_else(|| bad_request("The authorizer has no jwtConfiguration"))?;
    match below {
        ["defaultAlgorithms"] => change_texts(&mut configuration.default_algorithms, patch),
        ["issuers"] => {
            change_list(&mut configuration.issuers, patch, |one: &JwtIssuer, name| one.issuer == name)
        }
        ["issuers", named, member] => {
            let place = named.parse::<usize>().ok();
            let mut issuers = configuration.issuers.iter_mut().enumerate();
            let found = issuers.find(|(at, issuer)| Some(*at) == place || issuer.issuer == *named);
            let (_, issuer) = found.ok_or_else(|| bad_request(format!("There is no issuer {named}")))?;
            change_issuer(issuer, patch, member)
        }
        _ => Err(patch.invalid_path()),
    }
}

fn change_issuer(issuer: &mut JwtIssuer, patch: &Patch, member: &str) -> Result<(), ServiceError> {
    match member {
        "issuer" => {
            patch.only_replace()?;
            issuer.issuer = patch.value();
            Ok(())
        }
        "audiences" => change_texts(&mut issuer.audiences, patch),
        "additionalClaims" => {
            change_list(&mut issuer.additional_claims, patch, |one: &JwtClaim, name| one.claim_name == name)
        }
        "jwksUri" => Err(bad_request("jwksUri is read-only and cannot be set")),
        _ => Err(patch.invalid_path()),
    }
}

/// A list of texts: `add` and `remove` one; `replace` gives all, as JSON or as the only one.
fn change_texts(texts: &mut Vec<String>, patch: &Patch) -> Result<(), ServiceError> {
    let value = patch.value();
    match patch.op.as_str() {
        "replace" if value.trim_start().starts_with('[') => *texts = json(patch)?,
        "replace" => *texts = vec![value],
        _ => {
            texts.retain(|known| *known != value);
            if patch.sets()? {
                texts.push(value);
            }
        }
    }
    Ok(())
}

/// A list of structures: `add` gives one as JSON, `remove` names one, `replace` gives all.
fn change_list<T: DeserializeOwned>(
    all: &mut Vec<T>,
    patch: &Patch,
    is_named: impl Fn(&T, &str) -> bool,
) -> Result<(), ServiceError> {
    match patch.op.as_str() {
        "replace" => *all = json(patch)?,
        "add" => all.push(json(patch)?),
        "remove" => {
            let name = patch.value();
            let before = all.len();
            all.retain(|one| !is_named(one, &name));
            if all.len() == before {
                return Err(bad_request(format!("There is no {name} at {}", patch.path)));
            }
        }
        _ => drop(patch.sets()?),
    }
    Ok(())
}

fn json<T: DeserializeOwned>(patch: &Patch) -> Result<T, ServiceError> {
    serde_json::from_str(&patch.value())
        .map_err(|error| bad_request(format!("Invalid value for {}: {error}", patch.path)))
}
