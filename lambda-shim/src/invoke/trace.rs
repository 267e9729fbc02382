//! The trace header of an invocation: `Root=…;Parent=…;Sampled=…` (X-Ray, "Tracing header").

use std::time::{SystemTime, UNIX_EPOCH};

use uuid::Uuid;

/// A header of nobody's, for an invocation that came without: whether it is sampled is to be decided.
pub(super) fn new_header() -> String {
    // One draw is enough for both: a segment's id has no other within its trace.
    let random = Uuid::new_v4();
    let mut digits = Uuid::encode_buffer();
    let root = &random.simple().encode_lower(&mut digits)[..24];
    let segment = segment_of(random);
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    format!("Root=1-{seconds:08x}-{root};Parent={segment:016x}")
}

/// The header as the function gets it. What was decided upstream stands; otherwise a function with active tracing is
/// sampled, each time, where X-Ray would take the first request of a second and one in twenty besides.
pub(super) fn decided(mut header: String, is_active: bool) -> String {
    let (mut has_parent, mut asks, mut is_decided) = (false, false, false);
    for part in header.split(';').map(str::trim_start) {
        has_parent |= part.starts_with("Parent=");
        if let Some(said) = part.strip_prefix(SAMPLED) {
            asks = true;
            is_decided |= said.starts_with(['0', '1']);
        }
    }
    if !has_parent {
        header.push_str(&format!(";Parent={:016x}", segment_of(Uuid::new_v4())));
    }
    if is_decided {
        return header;
    }
    if asks {
        // `Sampled=?` asks for the decision.
        let rest = header.split(';').filter(|part| !part.trim_start().starts_with(SAMPLED));
        header = rest.collect::<Vec<_>>().join(";");
    }
    header.push_str(if is_active { ";Sampled=1" } else { ";Sampled=0" });
    header
}

const SAMPLED: &str = "Sampled=";

/// 64 bits of which none is always the same, as some of a UUID are.
fn segment_of(random: Uuid) -> u64 {
    let (high, low) = random.as_u64_pair();
    high ^ low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_has_decided_is_sampled_where_tracing_is_active() {
        assert!(decided(new_header(), true).ends_with(";Sampled=1"));
        assert!(decided(new_header(), false).ends_with(";Sampled=0"));
        assert_eq!(decided("Root=1-a; Sampled=?;Parent=b".to_owned(), true), "Root=1-a;Parent=b;Sampled=1");
        for there in ["Root=1-a;Parent=b;Sampled=0", "Root=1-a;Parent=b;Sampled=1"] {
            assert_eq!(decided(there.to_owned(), true), there);
            assert_eq!(decided(there.to_owned(), false), there);
        }
    }

    #[test]
    fn a_root_alone_gets_a_segment() {
        let header = decided("Root=1-a".to_owned(), true);
        let segment = header.strip_prefix("Root=1-a;Parent=").unwrap().strip_suffix(";Sampled=1").unwrap();
        assert_eq!(segment.len(), 16);
    }

    #[test]
    fn new_headers_have_the_lengths_that_x_ray_gives_them() {
        let header = new_header();
        let (root, parent) = header.split_once(";Parent=").unwrap();
        let lengths: Vec<_> = root.strip_prefix("Root=").unwrap().split('-').map(str::len).collect();
        assert_eq!((lengths, parent.len()), (vec![1, 8, 24], 16), "{header}");
        assert_ne!(new_header(), header);
    }
}
