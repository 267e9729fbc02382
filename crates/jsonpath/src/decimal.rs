//! Numbers in filters, compared exactly as Java's `BigDecimal` compares them.

use std::{cmp::Ordering, fmt};

use serde_json::Number;

/// A decimal number: `digits` times ten to the power of minus `scale`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decimal {
    negative: bool,
    /// Without leading zeros; `0` for zero.
    digits: String,
    scale: i64,
}

impl Decimal {
    /// Java's syntax: a sign, digits with a point somewhere, an exponent.
    pub fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (
                &text[..at],
                text[at + 1..].strip_prefix('+').unwrap_or(&text[at + 1..]).parse::<i32>().ok()?,
            ),
            None => (text, 0),
        };
        let (negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        if !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let significant = all.trim_start_matches('0');
        let is_zero = significant.is_empty();
        Some(Self {
            negative: negative && !is_zero,
            digits: if is_zero { String::from("0") } else { significant.to_owned() },
            scale: i64::try_from(fraction.len()).ok()? - i64::from(exponent),
        })
    }

    pub fn of(number: &Number) -> Self {
        let text = if number.is_f64() {
            java_double(number.as_f64().unwrap_or_default())
        } else {
            number.to_string()
        };
        Self::parse(&text).unwrap_or_else(|| Self { negative: false, digits: String::from("0"), scale: 0 })
    }

    fn is_zero(&self) -> bool {
        self.digits == "0"
    }

    /// The power of ten of the first digit.
    fn magnitude(&self) -> i64 {
        i64::try_from(self.digits.len()).unwrap_or(i64::MAX).saturating_sub(self.scale)
    }

    pub fn compare(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => return if other.negative { Ordering::Greater } else { Ordering::Less },
            (false, true) => return if self.negative { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        match (self.negative, other.negative) {
            (false, true) => return Ordering::Greater,
            (true, false) => return Ordering::Less,
            _ => {}
        }
        let trimmed = |digits: &str| digits.trim_end_matches('0').to_owned();
        let by_size = self
            .magnitude()
            .cmp(&other.magnitude())
            .then_with(|| trimmed(&self.digits).cmp(&trimmed(&other.digits)));
        if self.negative { by_size.reverse() } else { by_size }
    }

    /// The whole part, as Java's `intValue` gives it for numbers of that size.
    pub fn int_value(&self) -> Option<i64> {
        let magnitude = self.magnitude();
        if magnitude <= 0 || self.is_zero() {
            return Some(0);
        }
        if magnitude > 18 {
            return None;
        }
        let wanted = usize::try_from(magnitude).ok()?;
        let mut digits = self.digits.clone();
        while digits.len() < wanted {
            digits.push('0');
        }
        digits.truncate(wanted);
        let value: i64 = digits.parse().ok()?;
        Some(if self.negative { -value } else { value })
    }
}

impl fmt::Display for Decimal {
    /// `BigDecimal.toString`: plain where the exponent is small, else scientific.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.negative {
            f.write_str("-")?;
        }
        if self.scale == 0 {
            return f.write_str(&self.digits);
        }
        let adjusted = self.magnitude() - 1;
        if self.scale > 0 && adjusted >= -6 {
            let scale = usize::try_from(self.scale).unwrap_or(usize::MAX);
            return match self.digits.len().checked_sub(scale) {
                Some(point) if point > 0 => write!(f, "{}.{}", &self.digits[..point], &self.digits[point..]),
                _ => write!(f, "0.{}{}", "0".repeat(scale - self.digits.len()), self.digits),
            };
        }
        f.write_str(&self.digits[..1])?;
        if self.digits.len() > 1 {
            write!(f, ".{}", &self.digits[1..])?;
        }
        match adjusted {
            0 => Ok(()),
            _ => write!(f, "E{adjusted:+}"),
        }
    }
}

/// `Double.toString`.
fn java_double(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let scientific = format!("{value:E}");
    match scientific.split_once('E') {
        Some((mantissa, exponent)) if !mantissa.contains('.') => format!("{mantissa}.0E{exponent}"),
        _ => scientific,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn decimals_compare_by_value() {
        assert_eq!(decimal("10.0").compare(&decimal("10")), Ordering::Equal);
        assert_eq!(decimal("1e400").compare(&decimal("9e399")), Ordering::Greater);
        assert_eq!(decimal("-2").compare(&decimal("-10")), Ordering::Greater);
        assert_eq!(decimal("-0.0E0").compare(&decimal("0")), Ordering::Equal);
        assert_eq!(decimal("0.1").compare(&decimal("-5")), Ordering::Greater);
        assert!(
            Decimal::parse("five").is_none() && Decimal::parse("").is_none() && Decimal::parse("-").is_none()
        );
    }

    #[test]
    fn decimals_print_as_java_prints_them() {
        for (text, printed) in [
            ("5", "5"),
            ("5.10", "5.10"),
            ("0.00", "0.00"),
            ("1E9", "1E+9"),
            ("1.5e-9", "1.5E-9"),
            ("-.5", "-0.5"),
        ] {
            assert_eq!(decimal(text).to_string(), printed);
        }
        assert_eq!(java_double(1e9), "1.0E9");
        assert_eq!(java_double(100.0), "100.0");
    }
}
