//! The trace header of an invocation: `Root=…;Parent=…;Sampled=…` (X-Ray, "Tracing header").

use std::{
    borrow::Cow,
    time::{SystemTime, UNIX_EPOCH},
};

/// A header of nobody's, for an invocation that came without: whether it is sampled is to be decided.
pub(super) fn new_header() -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("Root=1-{seconds:08x}-{};Parent={}", &random[..24], new_segment())
}

fn new_segment() -> String {
    let random = uuid::Uuid::new_v4().simple().to_string();
    random[..16].to_owned()
}

/// The header as the function gets it. What was decided upstream stands; otherwise a function with active tracing is
/// sampled, each time, where X-Ray would take the first request of a second and one in twenty besides.
pub(super) fn decided(header: &str, is_active: bool) -> Cow<'_, str> {
    let has = |name| header.split(';').any(|part| part.trim_start().starts_with(name));
    let mut decided = Cow::Borrowed(header);
    if !has("Parent=") {
        decided.to_mut().push_str(&format!(";Parent={}", new_segment()));
    }
    if !has("Sampled=0") && !has("Sampled=1") {
        decided.to_mut().push_str(if is_active { ";Sampled=1" } else { ";Sampled=0" });
    }
    decided
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_decided_is_sampled_where_tracing_is_active() {
        assert!(decided(&new_header(), true).ends_with(";Sampled=1"));
        assert!(decided(&new_header(), false).ends_with(";Sampled=0"));
        for there in ["Root=1-a;Parent=b;Sampled=0", "Root=1-a;Parent=b;Sampled=1"] {
            assert_eq!(decided(there, true), there);
            assert_eq!(decided(there, false), there);
        }
    }

    #[test]
    fn a_root_alone_gets_a_segment() {
        let header = decided("Root=1-a", true);
        let segment = header.strip_prefix("Root=1-a;Parent=").unwrap().strip_suffix(";Sampled=1").unwrap();
        assert_eq!(segment.len(), 16);
    }
}
