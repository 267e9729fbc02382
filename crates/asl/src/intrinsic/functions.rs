//! Which functions there are, how many arguments they take, and the ones that are neither about arrays nor texts.

use serde_json::{Map, Value, json};

use super::{arrays, strings};
use crate::seed::Seed;

/// One of the eighteen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    Array,
    ArrayContains,
    ArrayGetItem,
    ArrayLength,
    ArrayPartition,
    ArrayRange,
    ArrayUnique,
    Base64Decode,
    Base64Encode,
    Format,
    Hash,
    JsonMerge,
    JsonToString,
    MathAdd,
    MathRandom,
    StringSplit,
    StringToJson,
    Uuid,
}

impl Function {
    /// By its full name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("States.")? {
            "Array" => Self::Array,
            "ArrayContains" => Self::ArrayContains,
            "ArrayGetItem" => Self::ArrayGetItem,
            "ArrayLength" => Self::ArrayLength,
            "ArrayPartition" => Self::ArrayPartition,
            "ArrayRange" => Self::ArrayRange,
            "ArrayUnique" => Self::ArrayUnique,
            "Base64Decode" => Self::Base64Decode,
            "Base64Encode" => Self::Base64Encode,
            "Format" => Self::Format,
            "Hash" => Self::Hash,
            "JsonMerge" => Self::JsonMerge,
            "JsonToString" => Self::JsonToString,
            "MathAdd" => Self::MathAdd,
            "MathRandom" => Self::MathRandom,
            "StringSplit" => Self::StringSplit,
            "StringToJson" => Self::StringToJson,
            "UUID" => Self::Uuid,
            _ => return None,
        })
    }

    /// Whether it takes that many arguments.
    pub(super) fn check_count(self, count: usize) -> Result<(), String> {
        let allowed = match self {
            Self::Array => 0..=usize::MAX,
            Self::Format => 1..=usize::MAX,
            Self::Uuid => 0..=0,
            Self::ArrayLength
            | Self::ArrayUnique
            | Self::Base64Decode
            | Self::Base64Encode
            | Self::JsonToString
            | Self::StringToJson => 1..=1,
            Self::ArrayContains
            | Self::ArrayGetItem
            | Self::ArrayPartition
            | Self::Hash
            | Self::MathAdd
            | Self::StringSplit => 2..=2,
            Self::MathRandom => 2..=3,
            Self::ArrayRange | Self::JsonMerge => 3..=3,
        };
        if allowed.contains(&count) {
            Ok(())
        } else {
            Err(format!("Invalid number of arguments for States.{self:?}"))
        }
    }

    /// Its value; the error is a reason in words.
    pub(super) fn call(self, arguments: Vec<Value>, seed: &Seed) -> Result<Value, String> {
        let mut arguments = arguments.into_iter();
        let mut next = || arguments.next().unwrap_or(Value::Null);
        match self {
            Self::Array => Ok(Value::Array(arguments.collect())),
            Self::ArrayContains => arrays::contains(&next(), &next()),
            Self::ArrayGetItem => arrays::get_item(next(), &next()),
            Self::ArrayLength => arrays::length(&next()),
            Self::ArrayPartition => arrays::partition(next(), &next()),
            Self::ArrayRange => arrays::range(&next(), &next(), &next()),
            Self::ArrayUnique => arrays::unique(next()),
            Self::Base64Decode => strings::base64_decode(&next()),
            Self::Base64Encode => strings::base64_encode(&next()),
            Self::Format => {
                let template = next();
                strings::format(&template, arguments.as_slice())
            }
            Self::Hash => strings::hash(&next(), &next()),
            Self::JsonMerge => json_merge(next(), next(), &next()),
            Self::JsonToString => Ok(Value::String(next().to_string())),
            Self::MathAdd => Ok(json!(integer(&next())?.wrapping_add(integer(&next())?))),
            Self::MathRandom => math_random(&next(), &next(), arguments.next().as_ref(), seed),
            Self::StringSplit => strings::split(&next(), &next()),
            Self::StringToJson => strings::to_json(&next()),
            Self::Uuid => Ok(Value::String(seed.uuid())),
        }
    }
}

/// An integer of 32 bits, as the number functions take them; what is not whole is rounded, as AWS documents.
pub(super) fn integer(value: &Value) -> Result<i64, String> {
    let number =
        value.as_i64().or_else(|| value.as_f64().map(round)).ok_or("The argument must be an integer")?;
    Ok(number)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and rounding to an integer is the aim"
)]
fn round(number: f64) -> i64 {
    number.round() as i64
}

fn math_random(start: &Value, end: &Value, given: Option<&Value>, seed: &Seed) -> Result<Value, String> {
    let (start, end) = (integer(start)?, integer(end)?);
    let span = end.checked_sub(start).and_then(|span| u64::try_from(span).ok()).filter(|span| *span > 0);
    let Some(span) = span else {
        return Err(String::from("The start of the range must be smaller than its end"));
    };
    let drawn = match given {
        None => seed.below(span),
        #[expect(clippy::cast_sign_loss, reason = "a seed is any 64 bits")]
        Some(given) => Seed::new(integer(given)? as u64).below(span),
    };
    Ok(json!(start.saturating_add_unsigned(drawn)))
}

fn json_merge(left: Value, right: Value, deep: &Value) -> Result<Value, String> {
    match deep {
        Value::Bool(false) => {}
        Value::Bool(true) => return Err(String::from("Deep merging is not supported")),
        _ => return Err(String::from("The third argument must be a boolean")),
    }
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => {
            let merged: Map<String, Value> = left.into_iter().chain(right).collect();
            Ok(Value::Object(merged))
        }
        _ => Err(String::from("The first two arguments must be JSON objects")),
    }
}
