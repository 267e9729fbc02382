//! Texts of URLs: percent-decoding and query strings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Percent-decodes a path segment. Bytes that are no UTF-8 become the replacement character.
pub fn decode_percent(text: &str) -> Cow<'_, str> {
    percent_decode_str(text).decode_utf8_lossy()
}

/// The name-value pairs of a query string or a form, decoded (`+` is a space).
pub fn query_pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode_form(name), decode_form(value))
    })
}

fn decode_form(text: &str) -> Cow<'_, str> {
    if text.contains('+') {
        let spaced = text.replace('+', " ");
        return Cow::Owned(percent_decode_str(&spaced).decode_utf8_lossy().into_owned());
    }
    decode_percent(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_decoded() {
        let pairs: Vec<_> = query_pairs("a=1&b&c=x%20y+z&&d=%zz").collect();
        let expected = [("a", "1"), ("b", ""), ("c", "x y z"), ("d", "%zz")];
        assert_eq!(pairs, expected.map(|(name, value)| (Cow::from(name), Cow::from(value))));
    }
}
