//! Rates and windows, as functions of the time.

use runtime::Timestamp;

use super::{Quota, Throttle};

/// A bucket of tokens: it fills at the rate, up to the burst, and each request takes one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bucket {
    tokens: f64,
    at: Timestamp,
}

impl Bucket {
    pub fn full(throttle: Throttle, now: Timestamp) -> Self {
        Self { tokens: most(throttle), at: now }
    }

    /// Whether there was a token to take.
    pub fn take(&mut self, throttle: Throttle, now: Timestamp) -> bool {
        let filled = now.since(self.at).as_secs_f64() * throttle.rate_limit;
        self.tokens = (self.tokens + filled).min(most(throttle));
        self.at = self.at.max(now);
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

/// A burst of none means that only the rate was set.
#[expect(clippy::cast_precision_loss, reason = "bursts are small")]
fn most(throttle: Throttle) -> f64 {
    if throttle.burst_limit > 0 { throttle.burst_limit as f64 } else { throttle.rate_limit }
}

const DAY: i64 = 86_400_000;

/// Days since the epoch, in UTC.
pub(crate) fn day_of(at: Timestamp) -> i64 {
    at.millis().div_euclid(DAY)
}

/// The first day of the window that a day is in. `offset` is the day of the week (Sunday is 0) or of the month on which
/// windows begin.
pub(crate) fn window(quota: &Quota, day: i64) -> i64 {
    match quota.period.as_str() {
        // The epoch was a Thursday.
        "WEEK" => day - (day + 4 - quota.offset).rem_euclid(7),
        "MONTH" => {
            let (_, _, of_month) = civil(day);
            let wanted = quota.offset + 1;
            if of_month >= wanted {
                day - (of_month - wanted)
            } else {
                let end_of_last = day - of_month;
                let (_, _, last) = civil(end_of_last);
                end_of_last - (last - wanted).max(0)
            }
        }
        _ => day,
    }
}

/// Year, month and day of the month.
fn civil(day: i64) -> (i64, i64, i64) {
    // Howard Hinnant's algorithm, over eras of 400 years that begin in March.
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let of_era = shifted.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

/// `2026-11-22` as days since the epoch.
pub(crate) fn parse_day(text: &str) -> Option<i64> {
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let shifted = if month <= 2 { year - 1 } else { year };
    let era = shifted.div_euclid(400);
    let of_era = shifted.rem_euclid(400);
    let of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    let found = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    // The 31st of February is no day.
    (civil(found) == (year, month, day)).then_some(found)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn quota(period: &str, offset: i64) -> Quota {
        Quota { limit: 1, offset, period: period.to_owned() }
    }

    #[test]
    fn buckets_fill_with_time() {
        let throttle = Throttle { burst_limit: 2, rate_limit: 1.0 };
        let start = Timestamp(1_000);
        let mut bucket = Bucket::full(throttle, start);
        assert!(bucket.take(throttle, start) && bucket.take(throttle, start));
        assert!(!bucket.take(throttle, start));
        assert!(!bucket.take(throttle, start.plus(Duration::from_millis(500))));
        assert!(bucket.take(throttle, start.plus(Duration::from_millis(1_000))));
    }

    #[test]
    fn windows_begin_on_their_day() {
        let day = parse_day("2026-11-22").unwrap();
        assert_eq!(window(&quota("DAY", 0), day), day);
        // A Sunday.
        assert_eq!(window(&quota("WEEK", 0), day), day);
        assert_eq!(window(&quota("WEEK", 1), day), parse_day("2026-11-16").unwrap());
        assert_eq!(window(&quota("MONTH", 0), day), parse_day("2026-11-01").unwrap());
        assert_eq!(window(&quota("MONTH", 24), day), parse_day("2026-10-25").unwrap());
        let march = parse_day("2026-03-05").unwrap();
        assert_eq!(window(&quota("MONTH", 27), march), parse_day("2026-02-28").unwrap());
        assert_eq!(parse_day("2026-02-30"), None);
    }
}
