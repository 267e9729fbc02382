//! Texts of URLs: percent-decoding and query strings.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// `str::split_once` for short texts and marks, which are gone through sooner than the standard library's search is
/// prepared.
pub fn split_at_mark<'t>(text: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    let first = *mark.as_bytes().first()?;
    let mut places = text.as_bytes().windows(mark.len());
    let at = places.position(|place| place[0] == first && place == mark.as_bytes())?;
    Some((&text[..at], &text[at + mark.len()..]))
}

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
    fn marks_are_found_where_the_standard_library_finds_them() {
        for text in ["", "a", "=", "a=", "=b", "a==b", "a=-=b", "ä=-ö", "a=-", "=-"] {
            for mark in ["=", "=-", "ö"] {
                assert_eq!(split_at_mark(text, mark), text.split_once(mark), "{text} at {mark}");
            }
        }
    }

    #[test]
    fn pairs_are_decoded() {
        let pairs: Vec<_> = query_pairs("a=1&b&c=x%20y+z&&d=%zz").collect();
        let expected = [("a", "1"), ("b", ""), ("c", "x y z"), ("d", "%zz")];
        assert_eq!(pairs, expected.map(|(name, value)| (Cow::from(name), Cow::from(value))));
    }
}
