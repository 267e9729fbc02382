//! Addresses of integrations, as parameters are put into them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proxy_events::encode_path;

/// Escapes in a query.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Puts a value into an address in the place of `{name}` or `{name+}`. In a query it stays one value: clients, who choose
/// it, can add no parameters of their own.
pub(crate) fn fill(uri: &mut String, name: &str, value: &str) {
    if !uri.contains('{') {
        return;
    }
    let put = |part: &str, value: &str| {
        part.replace(&format!("{{{name}}}"), value).replace(&format!("{{{name}+}}"), value)
    };
    *uri = match uri.split_once('?') {
        None => put(uri, &encode_path(value)),
        Some((path, query)) => {
            let (path, query) = (put(path, &encode_path(value)), put(query, &in_query(value)));
            format!("{path}?{query}")
        }
    };
}

/// Adds a parameter to a query.
pub(crate) fn append_query(query: &mut String, name: &str, value: &str) {
    if !query.is_empty() {
        query.push('&');
    }
    query.push_str(&in_query(name));
    query.push('=');
    query.push_str(&in_query(value));
}

/// Adds a query to an address that may have one.
pub(crate) fn push_query(uri: &mut String, query: &str) {
    if !query.is_empty() {
        uri.push(if uri.contains('?') { '&' } else { '?' });
        uri.push_str(query);
    }
}

fn in_query(text: &str) -> String {
    utf8_percent_encode(text, IN_QUERY).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_places() {
        for (uri, filled) in [
            ("/a/{k}/b", "/a/x/y&B=1+2/b"),
            ("http://h/{k+}?q={k}&z={k}", "http://h/x/y&B=1+2?q=x%2Fy%26B%3D1%2B2&z=x%2Fy%26B%3D1%2B2"),
            ("/?Bucket=b&Key={other}", "/?Bucket=b&Key={other}"),
        ] {
            let mut uri = uri.to_owned();
            fill(&mut uri, "k", "x/y&B=1+2");
            assert_eq!(uri, filled);
        }
    }

    #[test]
    fn parameters_are_added() {
        let (mut uri, mut query) = (String::from("/a"), String::new());
        push_query(&mut uri, &query);
        append_query(&mut query, "a", "1+2");
        append_query(&mut query, "b c", "d=&e");
        push_query(&mut uri, &query);
        push_query(&mut uri, "f=g");
        assert_eq!(uri, "/a?a=1%2B2&b%20c=d%3D%26e&f=g");
    }
}
