//! `rate(…)` and `cron(…)`: when a rule is due.

use aws_wire::ServiceError;
use jiff::{ToSpan as _, civil::Date, tz::TimeZone};
use runtime::Timestamp;

/// How far ahead a cron expression is looked for.
const MOST_DAYS: usize = 366 * 9;

/// When a rule is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Schedule {
    /// Every so many milliseconds.
    Rate(i64),
    /// At minutes that fit.
    Cron(Box<Cron>),
}

/// The fields of a cron expression, as the values they allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cron {
    minutes: Vec<u16>,
    hours: Vec<u16>,
    /// `None` is `?`.
    days: Option<Vec<u16>>,
    months: Vec<u16>,
    /// 1 is Sunday; `None` is `?`.
    weekdays: Option<Vec<u16>>,
    years: Vec<u16>,
}

fn invalid() -> ServiceError {
    ServiceError::validation("Parameter ScheduleExpression is not valid.")
}

impl Schedule {
    pub(crate) fn parse(text: &str) -> Result<Self, ServiceError> {
        let inner = |prefix: &str| text.strip_prefix(prefix)?.strip_suffix(')');
        if let Some(rate) = inner("rate(") {
            return rate_of(rate).ok_or_else(invalid);
        }
        let cron = inner("cron(").ok_or_else(invalid)?;
        if cron.bytes().any(|byte| matches!(byte, b'#')) || cron.split(' ').any(|it| it.ends_with(['L', 'W']))
        {
            return Err(ServiceError::not_implemented(
                "Tule does not implement L, W and # in ScheduleExpression yet",
            ));
        }
        Cron::parse(cron).map(|cron| Self::Cron(Box::new(cron))).ok_or_else(invalid)
    }

    /// The first moment behind `after`; rates count from `since`.
    pub(crate) fn next_after(&self, since: Timestamp, after: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Rate(every) => {
                let passed = (after.millis() - since.millis()).max(0) / every;
                Some(Timestamp(since.millis() + (passed + 1) * every))
            }
            Self::Cron(cron) => cron.next_after(after),
        }
    }
}

fn rate_of(text: &str) -> Option<Schedule> {
    let (value, unit) = text.split_once(' ')?;
    let value: i64 = value.parse().ok().filter(|value| (1..=1_000_000).contains(value))?;
    let plural = value > 1;
    let minutes = match unit {
        "minute" if !plural => 1,
        "minutes" if plural => 1,
        "hour" if !plural => 60,
        "hours" if plural => 60,
        "day" if !plural => 1_440,
        "days" if plural => 1_440,
        _ => return None,
    };
    Some(Schedule::Rate(value * minutes * 60_000))
}

const MONTHS: &[&str] = &["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Cron {
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let [minutes, hours, days, months, weekdays, years] = fields[..] else { return None };
        let optional = |field: &str, least, most, names| match field {
            "?" => Some(None),
            field => values(field, least, most, names).map(Some),
        };
        let cron = Self {
            minutes: values(minutes, 0, 59, &[])?,
            hours: values(hours, 0, 23, &[])?,
            days: optional(days, 1, 31, &[])?,
            months: values(months, 1, 12, MONTHS)?,
            weekdays: optional(weekdays, 1, 7, WEEKDAYS)?,
            years: values(years, 1970, 2199, &[])?,
        };
        // One of the two days is `?`: they cannot both say when.
        (cron.days.is_none() != cron.weekdays.is_none()).then_some(cron)
    }

    fn fits(&self, day: Date) -> bool {
        let unsigned = |value: i8| u16::try_from(value).unwrap_or_default();
        let weekday = unsigned(day.weekday().to_sunday_one_offset());
        u16::try_from(day.year()).is_ok_and(|year| self.years.contains(&year))
            && self.months.contains(&unsigned(day.month()))
            && self.days.as_ref().is_none_or(|days| days.contains(&unsigned(day.day())))
            && self.weekdays.as_ref().is_none_or(|days| days.contains(&weekday))
    }

    fn next_after(&self, after: Timestamp) -> Option<Timestamp> {
        let start = jiff::Timestamp::from_millisecond(after.millis()).ok()?.to_zoned(TimeZone::UTC);
        let mut day = start.date();
        for _ in 0..MOST_DAYS {
            if self.fits(day) {
                for hour in &self.hours {
                    for minute in &self.minutes {
                        let (hour, minute) = (i8::try_from(*hour).ok()?, i8::try_from(*minute).ok()?);
                        let at = day.at(hour, minute, 0, 0).to_zoned(TimeZone::UTC).ok()?;
                        let at = at.timestamp().as_millisecond();
                        if at > after.millis() {
                            return Some(Timestamp(at));
                        }
                    }
                }
            }
            day = day.checked_add(1.day()).ok()?;
        }
        None
    }
}

/// The values of a field: `*`, `a`, `a-b`, `a/b`, `a-b/c`, and lists of these; sorted.
fn values(field: &str, least: u16, most: u16, names: &[&str]) -> Option<Vec<u16>> {
    let number = |text: &str| -> Option<u16> {
        let named = names.iter().position(|name| name.eq_ignore_ascii_case(text));
        let value = match named {
            Some(at) => u16::try_from(at).ok()? + 1,
            None => text.parse().ok()?,
        };
        (least..=most).contains(&value).then_some(value)
    };
    let mut all = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u16>().ok().filter(|step| *step > 0)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (least, most),
            Some((from, to)) => (number(from)?, number(to)?),
            None if step.is_some() => (number(range)?, most),
            None => (number(range)?, number(range)?),
        };
        if from > to {
            return None;
        }
        all.extend((from..=to).step_by(usize::from(step.unwrap_or(1))));
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2023-11-14T22:13:20Z, a Tuesday.
    const NOW: Timestamp = Timestamp(1_700_000_000_000);

    fn next(text: &str) -> String {
        let schedule = Schedule::parse(text).unwrap();
        schedule.next_after(NOW, NOW).map(|at| at.rfc3339()).unwrap_or_default()
    }

    #[test]
    fn schedules_are_due() {
        for (text, expected) in [
            ("rate(5 minutes)", "2023-11-14T22:18:20.000Z"),
            ("rate(1 day)", "2023-11-15T22:13:20.000Z"),
            ("cron(0/15 * * * ? *)", "2023-11-14T22:15:00.000Z"),
            ("cron(0 18 ? * MON-FRI *)", "2023-11-15T18:00:00.000Z"),
            ("cron(0 8 1 * ? *)", "2023-12-01T08:00:00.000Z"),
            ("cron(30 23 29 2 ? *)", "2024-02-29T23:30:00.000Z"),
            ("cron(0 0 ? * 1 2024)", "2024-01-07T00:00:00.000Z"),
            ("cron(0 0 1 1 ? 2000)", ""),
        ] {
            assert_eq!(next(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_no_schedule_is_refused() {
        for text in [
            "",
            "rate()",
            "rate(0 minutes)",
            "rate(1 minutes)",
            "rate(5 minute)",
            "rate(5 weeks)",
            "cron(* * * * *)",
            "cron(* * * * * *)",
            "cron(60 * * * ? *)",
            "cron(5-1 * * * ? *)",
            "cron(0/0 * * * ? *)",
            "cron(0 12 L * ? *)",
        ] {
            assert!(Schedule::parse(text).is_err(), "{text}");
        }
    }
}
