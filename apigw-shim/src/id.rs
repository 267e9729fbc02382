//! Identifiers: ten lower-case letters and digits, as API Gateway makes them.

use std::collections::BTreeMap;

const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// The tag that chooses an API's id, for scripts that want one they know.
const CUSTOM_ID: &str = "_custom_id_";

/// A new identifier of `length` characters.
pub(crate) fn random(length: usize) -> String {
    let mut number = uuid::Uuid::new_v4().as_u128();
    (0..length)
        .map(|_| {
            let index = usize::try_from(number % 36).unwrap_or(0);
            number /= 36;
            char::from(ALPHABET[index])
        })
        .collect()
}

/// An API's new identifier.
pub(crate) fn api(tags: &BTreeMap<String, String>) -> String {
    tags.get(CUSTOM_ID).cloned().unwrap_or_else(|| random(10))
}
