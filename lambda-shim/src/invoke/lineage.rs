//! Loops of functions that invoke themselves, found by the trace header: `Lineage=HASH:COUNT|…` counts how often each
//! function has run in one chain of requests. SDKs pass the header on from within functions, and so do the services in
//! between (Lambda, "Use Lambda recursive loop detection to prevent infinite loops").

use aws_wire::ServiceError;

/// What a function's configuration says where nothing was said.
pub(crate) const TERMINATE: &str = "Terminate";

/// How often a function may run in one chain.
const MOST: u32 = 16;
/// How many functions one chain is followed through.
const FUNCTIONS: usize = 32;

/// The trace header for an invocation of the function of `hash`: its count is one more. Refused where it is too many
/// and the function does not `allow` it.
pub(crate) fn follow(trace: &str, hash: &str, allow: bool) -> Result<String, ServiceError> {
    let mut counts: Vec<(&str, u32)> = Vec::new();
    let mut followed = String::with_capacity(trace.len() + 32);
    for part in trace.split(';').filter(|part| !part.is_empty()) {
        match part.strip_prefix("Lineage=") {
            Some(lineage) => counts.extend(lineage.split('|').filter_map(count).take(FUNCTIONS)),
            None => {
                followed.push_str(part);
                followed.push(';');
            }
        }
    }
    match counts.iter().position(|(of, _)| *of == hash) {
        Some(at) if counts[at].1 >= MOST && !allow => return Err(refusal()),
        Some(at) => counts[at].1 = counts[at].1.saturating_add(1),
        None if counts.len() < FUNCTIONS => counts.push((hash, 1)),
        None => {}
    }
    followed.push_str("Lineage=");
    for (at, (of, count)) in counts.iter().enumerate() {
        if at > 0 {
            followed.push('|');
        }
        followed.push_str(of);
        followed.push(':');
        followed.push_str(&count.to_string());
    }
    Ok(followed)
}

fn count(entry: &str) -> Option<(&str, u32)> {
    let (of, count) = entry.split_once(':')?;
    let is_hash = !of.is_empty() && of.len() <= 16 && of.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_hash.then(|| count.parse().ok()).flatten().map(|count| (of, count))
}

/// What a function is counted by.
pub(crate) fn hash(arn: &str) -> String {
    format!("{:08x}", crc32fast::hash(arn.as_bytes()))
}

fn refusal() -> ServiceError {
    ServiceError::bad_request(
        "RecursiveInvocationException",
        "Lambda has detected your function being invoked in a recursive loop with other Amazon Web Services resources \
         and stopped your function's invocation.",
    )
    .with_field("Type", "User")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_counted_for_each_function() {
        let once = follow("Root=1-a;Sampled=0", "aaaaaaaa", false).unwrap();
        assert_eq!(once, "Root=1-a;Sampled=0;Lineage=aaaaaaaa:1");
        let other = follow(&once, "bbbbbbbb", false).unwrap();
        assert_eq!(other, "Root=1-a;Sampled=0;Lineage=aaaaaaaa:1|bbbbbbbb:1");
        assert_eq!(
            follow(&other, "aaaaaaaa", false).unwrap(),
            "Root=1-a;Sampled=0;Lineage=aaaaaaaa:2|bbbbbbbb:1"
        );
        assert_eq!(follow("Lineage=::|x:y|%:1;Root=1-a", "c", false).unwrap(), "Root=1-a;Lineage=c:1");
    }

    #[test]
    fn the_seventeenth_run_is_refused_unless_it_is_allowed() {
        let mut trace = String::from("Root=1-a");
        for _ in 0..16 {
            trace = follow(&trace, "a", false).unwrap();
        }
        assert_eq!(follow(&trace, "a", false).unwrap_err().code, "RecursiveInvocationException");
        assert!(follow(&trace, "a", true).unwrap().ends_with("Lineage=a:17"));
        assert!(follow(&trace, "b", false).is_ok());
    }

    #[test]
    fn headers_from_outside_cannot_make_it_grow() {
        let many: Vec<_> = (0..10_000).map(|at| format!("{at:08x}:1")).collect();
        let trace = format!("Root=1-a;Lineage={}", many.join("|"));
        assert!(follow(&trace, "zzzzzzzz", false).unwrap().len() < 500);
    }
}
