//! `java.lang.String`. Positions count UTF-16 units, as Java's do.

use fancy_regex::{Captures, Regex, RegexBuilder};

use super::{Called, int};
use crate::{context::Context, error::RenderError, print, value::Value};

/// How much work one pattern may make on one text.
const MAX_BACKTRACKS: usize = 1_000_000;

pub(super) fn call(context: &mut Context, text: &str, method: &str, arguments: &[Value]) -> Called {
    let answer = match (method, arguments) {
        ("length", []) => int(text.encode_utf16().count()),
        ("isEmpty", []) => Value::Boolean(text.is_empty()),
        ("isBlank", []) => Value::Boolean(text.trim().is_empty()),
        ("hashCode", []) => Value::Integer(i128::from(hash_code(text))),
        ("contains", [part]) => Value::Boolean(text.contains(&*print::text(&context.heap, part))),
        ("startsWith", [Value::Text(part)]) => Value::Boolean(text.starts_with(&**part)),
        ("endsWith", [Value::Text(part)]) => Value::Boolean(text.ends_with(&**part)),
        ("equalsIgnoreCase", [Value::Text(other)]) => {
            Value::Boolean(text.to_lowercase() == other.to_lowercase())
        }
        ("compareTo", [Value::Text(other)]) => compare(text, other),
        ("compareToIgnoreCase", [Value::Text(other)]) => compare(&text.to_lowercase(), &other.to_lowercase()),
        ("indexOf", [Value::Text(part)]) => index_of(text, part, 0),
        ("indexOf", [Value::Text(part), Value::Integer(from)]) => index_of(text, part, *from),
        ("lastIndexOf", [Value::Text(part)]) => {
            text.rfind(&**part).map_or(Value::Integer(-1), |at| int(text[..at].encode_utf16().count()))
        }
        ("charAt", [Value::Integer(index)]) => substring(context, text, *index, Some(index + 1), method)?,
        ("substring" | "subSequence", [Value::Integer(from), Value::Integer(to)]) => {
            substring(context, text, *from, Some(*to), method)?
        }
        ("substring", [Value::Integer(from)]) => substring(context, text, *from, None, method)?,
        ("matches", [Value::Text(pattern)]) => {
            let regex = compile(method, &format!(r"\A(?:{pattern})\z"))?;
            Value::Boolean(
                regex.is_match(text).map_err(|error| RenderError::method(method, error.to_string()))?,
            )
        }
        ("split", [Value::Text(pattern)]) => split(context, text, pattern, 0)?,
        ("split", [Value::Text(pattern), Value::Integer(limit)]) => split(context, text, pattern, *limit)?,
        ("getBytes", []) => {
            let bytes = text.bytes().map(|byte| Value::Integer(i128::from(byte.cast_signed()))).collect();
            context.heap.list(bytes)?
        }
        ("toCharArray", []) => {
            let characters = text.chars().map(|character| Value::from(character.to_string())).collect();
            context.heap.list(characters)?
        }
        _ => return changed(context, text, method, arguments),
    };
    Ok(Some(answer))
}

/// The methods that make another text.
fn changed(context: &mut Context, text: &str, method: &str, arguments: &[Value]) -> Called {
    let result = match (method, arguments) {
        ("trim", []) => text.trim_matches(|character: char| character <= ' ').to_owned(),
        ("strip", []) => text.trim().to_owned(),
        ("intern", []) => text.to_owned(),
        ("toLowerCase", []) => text.to_lowercase(),
        ("toUpperCase", []) => text.to_uppercase(),
        ("concat", [Value::Text(other)]) => format!("{text}{other}"),
        ("replace", [from, to]) => {
            let (from, to) = (print::text(&context.heap, from), print::text(&context.heap, to));
            let found = text.matches(&*from).count();
            check_length(context, text.len().saturating_add(found.saturating_mul(to.len())))?;
            text.replace(&*from, &to)
        }
        ("replaceAll", [Value::Text(pattern), Value::Text(to)]) => {
            replace(context, text, pattern, to, usize::MAX)?
        }
        ("replaceFirst", [Value::Text(pattern), Value::Text(to)]) => replace(context, text, pattern, to, 1)?,
        ("repeat", [Value::Integer(count)]) => {
            let count =
                usize::try_from(*count).map_err(|_| RenderError::method(method, "count is negative"))?;
            check_length(context, text.len().saturating_mul(count))?;
            text.repeat(count)
        }
        ("format" | "valueOf" | "copyValueOf", [value]) => print::text(&context.heap, value),
        _ => return Ok(None),
    };
    context.text(result).map(Some)
}

fn check_length(context: &Context, length: usize) -> Result<(), RenderError> {
    if length > context.limits.text { Err(RenderError::Limit("text")) } else { Ok(()) }
}

fn hash_code(text: &str) -> i32 {
    text.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)))
}

/// The difference of the first units that differ, or of the lengths.
fn compare(left: &str, right: &str) -> Value {
    let differing = left.encode_utf16().zip(right.encode_utf16()).find(|(left, right)| left != right);
    let by_length = || length(left) - length(right);
    Value::Integer(differing.map_or_else(by_length, |(left, right)| i128::from(left) - i128::from(right)))
}

fn length(text: &str) -> i128 {
    i128::try_from(text.encode_utf16().count()).unwrap_or(i128::MAX)
}

fn index_of(text: &str, part: &str, from: i128) -> Value {
    let mut units = 0_i128;
    for (at, character) in text.char_indices() {
        if units >= from && text[at..].starts_with(part) {
            return Value::Integer(units);
        }
        units += i128::try_from(character.len_utf16()).unwrap_or(0);
    }
    Value::Integer(if part.is_empty() { units } else { -1 })
}

fn substring(
    context: &mut Context,
    text: &str,
    from: i128,
    to: Option<i128>,
    method: &str,
) -> Result<Value, RenderError> {
    let units: Vec<u16> = text.encode_utf16().collect();
    let length = units.len();
    let to = to.map_or(Ok(length), usize::try_from);
    let part = usize::try_from(from).ok().zip(to.ok()).and_then(|(from, to)| units.get(from..to));
    match part {
        Some(part) => {
            let part = String::from_utf16_lossy(part);
            context.text(part)
        }
        None => Err(RenderError::method(
            method,
            format!("String index out of range: begin {from}, length {length}"),
        )),
    }
}

fn compile(method: &str, pattern: &str) -> Result<Regex, RenderError> {
    RegexBuilder::new(pattern)
        .backtrack_limit(MAX_BACKTRACKS)
        .build()
        .map_err(|error| RenderError::method(method, error.to_string()))
}

fn replace(
    context: &Context,
    text: &str,
    pattern: &str,
    to: &str,
    limit: usize,
) -> Result<String, RenderError> {
    const METHOD: &str = "replaceAll";
    let regex = compile(METHOD, pattern)?;
    let mut out = String::new();
    let mut copied = 0;
    for found in regex.captures_iter(text).take(limit) {
        let captures = found.map_err(|error| RenderError::method(METHOD, error.to_string()))?;
        let Some(whole) = captures.get(0) else { continue };
        out.push_str(&text[copied..whole.start()]);
        append_replacement(&captures, to, &mut out)?;
        copied = whole.end();
        check_length(context, out.len())?;
    }
    out.push_str(&text[copied..]);
    Ok(out)
}

/// Java's replacement texts: `$1` and `${name}` are groups, a backslash takes the meaning from what follows.
fn append_replacement(captures: &Captures<'_>, to: &str, out: &mut String) -> Result<(), RenderError> {
    let illegal = || RenderError::method("replaceAll", "Illegal group reference");
    let mut characters = to.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\\' => out.push(characters.next().ok_or_else(illegal)?),
            '$' => {
                let group = if characters.next_if_eq(&'{').is_some() {
                    let name: String = characters.by_ref().take_while(|next| *next != '}').collect();
                    captures.name(&name)
                } else {
                    let digit = characters.next().and_then(|next| next.to_digit(10)).ok_or_else(illegal)?;
                    let mut group = digit as usize;
                    if group >= captures.len() {
                        return Err(illegal());
                    }
                    // More digits belong to the number as long as there is such a group.
                    while let Some(next) = characters.peek().and_then(|next| next.to_digit(10)) {
                        let longer = group * 10 + next as usize;
                        if longer >= captures.len() {
                            break;
                        }
                        group = longer;
                        characters.next();
                    }
                    captures.get(group)
                };
                out.push_str(group.map_or("", |group| group.as_str()));
            }
            other => out.push(other),
        }
    }
    Ok(())
}

/// `split`: an empty part at the start is dropped if the match there was empty, empty parts at the end are dropped
/// unless a limit says otherwise.
fn split(context: &mut Context, text: &str, pattern: &str, limit: i128) -> Result<Value, RenderError> {
    let regex = compile("split", pattern)?;
    let most = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let mut parts: Vec<Value> = Vec::new();
    let mut start = 0;
    for found in regex.find_iter(text) {
        let found = found.map_err(|error| RenderError::method("split", error.to_string()))?;
        if parts.len() + 1 >= most {
            break;
        }
        if found.end() == 0 || found.start() == found.end() && found.start() >= text.len() {
            continue;
        }
        parts.push(Value::from(&text[start..found.start()]));
        start = found.end();
        context.heap.charge(1)?;
    }
    parts.push(Value::from(&text[start..]));
    if limit == 0 && parts.len() > 1 {
        while matches!(parts.last(), Some(Value::Text(part)) if part.is_empty()) {
            parts.pop();
        }
    }
    context.heap.list(parts)
}
