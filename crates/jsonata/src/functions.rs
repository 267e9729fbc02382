//! The functions that Step Functions adds: `$partition`, `$range`, `$hash`, `$random` with a seed, `$uuid`, `$parse`.

use std::{
    collections::BTreeSet,
    sync::{
        OnceLock,
        atomic::{AtomicU64, Ordering},
    },
};

use jlens_core::{Bindings, Error, HostFunction};
use md5::Md5;
use serde_json::{Value, json};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Their names.
pub(crate) const NAMES: &[&str] = &["hash", "parse", "partition", "random", "range", "uuid"];

/// The most items `$range` makes.
const MOST_ITEMS: usize = 1_000_000;

type Arguments<'a> = &'a [Option<Value>];
type Answer = jlens_core::Result<Option<Value>>;

/// The functions that always give the same for the same arguments.
pub(crate) fn pure() -> &'static Bindings {
    static PURE: OnceLock<Bindings> = OnceLock::new();
    PURE.get_or_init(|| {
        let function = |arity, call: fn(Arguments<'_>) -> Answer| {
            HostFunction::new(arity, move |arguments, _| call(arguments)).without_input()
        };
        Bindings::new()
            .function("hash", function(2, hash))
            .function("parse", function(1, parse))
            .function("partition", function(2, partition))
            .function("range", function(3, range))
            // Bound anew, with their seed, for each evaluation of an expression that draws.
            .function("random", function(1, |_| Ok(None)))
            .function("uuid", function(0, |_| Ok(None)))
    })
}

/// Which of the functions that draw numbers an expression calls.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    random: bool,
    uuid: bool,
}

impl Draws {
    pub(crate) fn of(names: &BTreeSet<String>) -> Self {
        Self { random: names.contains("random"), uuid: names.contains("uuid") }
    }

    pub(crate) fn any(self) -> bool {
        self.random || self.uuid
    }

    /// All functions, those that draw beginning at a seed.
    pub(crate) fn bind(self, seed: u64) -> Bindings {
        let state = std::sync::Arc::new(AtomicU64::new(seed));
        let mut bindings = pure().clone();
        if self.random {
            let state = std::sync::Arc::clone(&state);
            let random = HostFunction::new(1, move |arguments, _| match arguments.first() {
                Some(Some(seed)) => Ok(Some(json!(unit(&AtomicU64::new(seed_of(seed)?))))),
                _ => Ok(Some(json!(unit(&state)))),
            });
            bindings = bindings.function("random", random.without_input());
        }
        if self.uuid {
            let uuid = HostFunction::new(0, move |_, _| Ok(Some(json!(uuid_text(&state)))));
            bindings = bindings.function("uuid", uuid.without_input());
        }
        bindings
    }
}

/// The next number of a sequence (SplitMix64).
fn next(state: &AtomicU64) -> u64 {
    const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
    let mut mixed = state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

/// A number of at least 0 and below 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit a double")]
fn unit(state: &AtomicU64) -> f64 {
    (next(state) >> 11) as f64 / (1_u64 << 53) as f64
}

fn uuid_text(state: &AtomicU64) -> String {
    let (high, low) = (next(state), next(state));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xFFFF,
        high & 0xFFF,
        (low >> 48) & 0x3FFF | 0x8000,
        low & 0xFFFF_FFFF_FFFF
    )
}

/// An argument of the wrong kind: the code that the language's own functions give.
fn wrong(function: &str, argument: usize) -> Error {
    Error::new("T0410").with("token", function).with("index", argument)
}

fn seed_of(value: &Value) -> jlens_core::Result<u64> {
    value.as_f64().map(f64::to_bits).ok_or_else(|| wrong("random", 1))
}

/// Numbers that are not whole are rounded down.
#[expect(
    clippy::cast_possible_truncation,
    reason = "the cast saturates, and cutting the fraction is the aim"
)]
fn whole(arguments: Arguments<'_>, place: usize, function: &str) -> jlens_core::Result<i64> {
    let number = arguments.get(place).and_then(Option::as_ref).and_then(Value::as_f64);
    number.map(|number| number.floor() as i64).ok_or_else(|| wrong(function, place + 1))
}

fn partition(arguments: Arguments<'_>) -> Answer {
    let Some(Some(value)) = arguments.first() else { return Ok(None) };
    // A value that is no array is an array of one, as everywhere in the language.
    let items = value.as_array().map_or_else(|| std::slice::from_ref(value), Vec::as_slice);
    let size = usize::try_from(whole(arguments, 1, "partition")?).ok().filter(|size| *size > 0);
    let size = size.ok_or_else(|| wrong("partition", 2))?;
    Ok(Some(items.chunks(size).map(|chunk| Value::from(chunk.to_vec())).collect()))
}

fn range(arguments: Arguments<'_>) -> Answer {
    let (first, last) = (whole(arguments, 0, "range")?, whole(arguments, 1, "range")?);
    let step = whole(arguments, 2, "range")?;
    if step == 0 {
        return Err(wrong("range", 3));
    }
    let mut items = Vec::new();
    let mut at = first;
    while if step > 0 { at <= last } else { at >= last } {
        if items.len() == MOST_ITEMS {
            return Err(Error::new("D2014").with("value", items.len()));
        }
        items.push(json!(at));
        match at.checked_add(step) {
            Some(next) => at = next,
            None => break,
        }
    }
    // A range is a sequence: of one item, it is that item.
    Ok(Some(if items.len() == 1 { items.remove(0) } else { Value::Array(items) }))
}

fn hash(arguments: Arguments<'_>) -> Answer {
    let Some(Some(data)) = arguments.first() else { return Ok(None) };
    let text = data.as_str().map_or_else(|| data.to_string(), str::to_owned);
    let algorithm = arguments.get(1).and_then(Option::as_ref).and_then(Value::as_str);
    let digest = match algorithm.ok_or_else(|| wrong("hash", 2))? {
        "MD5" => hex(&Md5::digest(text)),
        "SHA-1" => hex(&Sha1::digest(text)),
        "SHA-256" => hex(&Sha256::digest(text)),
        "SHA-384" => hex(&Sha384::digest(text)),
        "SHA-512" => hex(&Sha512::digest(text)),
        _ => return Err(wrong("hash", 2)),
    };
    Ok(Some(Value::String(digest)))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse(arguments: Arguments<'_>) -> Answer {
    let Some(Some(text)) = arguments.first() else { return Ok(None) };
    let text = text.as_str().ok_or_else(|| wrong("parse", 1))?;
    serde_json::from_str(text).map(Some).map_err(|_| wrong("parse", 1))
}
