//! The layers of a function: checked when they are given, and what they measure together with its code.

use aws_wire::ServiceError;
use runtime::Scope;
use serde_json::{Map, Value};

use super::{name::LayerRef, table::Layers};
use crate::{
    access,
    code::archive::UNZIPPED_LIMIT,
    error,
    function::record::{Code, Configuration, LayerOfFunction},
};

/// AWS's limit of one function.
const MOST: usize = 5;

/// Takes `Layers` over, where they are given: an empty list takes them away.
pub(crate) fn apply(
    configuration: &mut Configuration,
    scope: &Scope,
    layers: &Layers,
    members: &Map<String, Value>,
) -> Result<(), ServiceError> {
    let Some(given) = members.get("Layers").and_then(Value::as_array) else { return Ok(()) };
    let given: Vec<&str> = given.iter().filter_map(Value::as_str).collect();
    configuration.layers = resolve(&given, scope, layers, &configuration.layers)?;
    Ok(())
}

fn resolve(
    given: &[&str],
    scope: &Scope,
    layers: &Layers,
    before: &[LayerOfFunction],
) -> Result<Vec<LayerOfFunction>, ServiceError> {
    if given.len() > MOST {
        return Err(error::invalid_parameter(format!("Cannot reference more than {MOST} layers.")));
    }
    let mut resolved: Vec<(LayerRef, LayerOfFunction)> = Vec::with_capacity(given.len());
    for arn in given {
        let missing = || error::invalid_parameter(format!("Layer version {arn} does not exist."));
        let (layer, number) = LayerRef::of_version(arn).ok_or_else(missing)?;
        if layer.scope.region != scope.region {
            return Err(error::invalid_parameter(format!(
                "Layers are not in the same region as the function. Layers are expected to be in region {}.",
                scope.region
            )));
        }
        // One that the function has already stays usable when it has been deleted.
        let kept = before.iter().any(|kept| kept.arn == *arn);
        let found = if kept { layers.get_even_deleted(&layer, number) } else { layers.get(&layer, number) };
        // What the function has already it keeps, whatever has become of the permission.
        let found = found.filter(|found| kept || access::may_use(scope, found)).ok_or_else(|| {
            if layer.scope.account == scope.account { missing() } else { access::no_layer(scope, arn) }
        })?;
        if let Some((_, other)) = resolved.iter().find(|(other, _)| *other == layer) {
            return Err(error::invalid_parameter(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. {} and \
                 {arn} are versions of the same layer.",
                other.arn
            )));
        }
        resolved.push((layer, LayerOfFunction { arn: (*arn).to_owned(), code: found.code.clone() }));
    }
    Ok(resolved.into_iter().map(|(_, layer)| layer).collect())
}

/// Refuses code that is too large together with the layers.
pub(crate) fn must_fit(code: &Code, layers: &[LayerOfFunction]) -> Result<(), ServiceError> {
    let size = layers.iter().fold(code.unzipped, |sum, layer| sum.saturating_add(layer.code.unzipped));
    if size <= UNZIPPED_LIMIT {
        return Ok(());
    }
    Err(error::invalid_parameter(format!(
        "Function code combined with layers exceeds the maximum allowed size of {UNZIPPED_LIMIT} bytes. The actual size \
         is {size} bytes."
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_layers_have_one_limit_together() {
        let code = |unzipped| Code {
            sha256: String::new(),
            size: 1,
            blob: String::new(),
            unzipped,
            folders: Vec::new(),
        };
        let layer = |unzipped| LayerOfFunction { arn: String::new(), code: code(unzipped) };
        assert!(must_fit(&code(62_144_000), &[layer(100_000_000), layer(100_000_000)]).is_ok());
        let refused = must_fit(&code(62_144_001), &[layer(100_000_000), layer(100_000_000)]).unwrap_err();
        assert_eq!(
            refused.message,
            "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size is \
             262144001 bytes."
        );
    }
}
