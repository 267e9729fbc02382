//! Limits of routes: so many requests in a second, and so many at once.

use std::sync::{Mutex, PoisonError};

use runtime::Timestamp;
use serde_json::{Map, Value};

/// A bucket of tokens: each request takes one, and they come back at a rate.
#[derive(Debug)]
pub(crate) struct Bucket {
    rate: f64,
    burst: f64,
    level: Mutex<(f64, Timestamp)>,
}

impl Bucket {
    /// The limits of a route by its stage's settings, if it has any; a route's own go before those of all.
    pub fn of(stage: &Map<String, Value>, route_key: &str) -> Option<Self> {
        let own = stage.get("RouteSettings").and_then(|settings| settings.get(route_key));
        let all = stage.get("DefaultRouteSettings");
        let limit = |name: &str| {
            let of = |settings: Option<&Value>| settings.and_then(|settings| settings.get(name)?.as_f64());
            of(own).or_else(|| of(all))
        };
        let (rate, burst) = (limit("ThrottlingRateLimit"), limit("ThrottlingBurstLimit"));
        if rate.is_none() && burst.is_none() {
            return None;
        }
        // What is not set is the account's, which nobody reaches on one machine.
        let (rate, burst) = (rate.unwrap_or(10_000.0), burst.unwrap_or(5_000.0));
        Some(Self { rate, burst, level: Mutex::new((burst, Timestamp(i64::MIN))) })
    }

    /// Takes a token, if there is one.
    #[expect(clippy::cast_precision_loss, reason = "milliseconds between two requests fit a double")]
    pub fn take(&self, now: Timestamp) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let (tokens, at) = *level;
        let passed = if at.0 == i64::MIN { 0.0 } else { (now.0 - at.0).max(0) as f64 / 1000.0 };
        let tokens = (tokens + passed * self.rate).min(self.burst);
        let taken = tokens >= 1.0;
        *level = (if taken { tokens - 1.0 } else { tokens }, now);
        taken
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn tokens_come_back_at_the_rate() {
        let stage = json!({
            "DefaultRouteSettings": {"ThrottlingRateLimit": 2.0, "ThrottlingBurstLimit": 3},
            "RouteSettings": {"GET /shut": {"ThrottlingRateLimit": 0.0, "ThrottlingBurstLimit": 0}},
        });
        let stage = stage.as_object().unwrap();
        let bucket = Bucket::of(stage, "GET /").unwrap();
        let take = |at: i64| bucket.take(Timestamp(at));
        assert_eq!([0, 0, 0, 0].map(take), [true, true, true, false]);
        assert_eq!([400, 500, 600, 1_000].map(take), [false, true, false, true]);
        assert_eq!([60_000; 4].map(take), [true, true, true, false]);
        assert!(!Bucket::of(stage, "GET /shut").unwrap().take(Timestamp(5)));
        assert!(Bucket::of(&Map::new(), "GET /").is_none());
    }
}
