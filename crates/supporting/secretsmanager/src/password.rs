//! GetRandomPassword.

use aws_wire::ServiceError;
use runtime::Output;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{Answer, Members, text};

/// A type of characters, and the member that leaves it out.
const TYPES: &[(&str, &str)] = &[
    ("ExcludeLowercase", "abcdefghijklmnopqrstuvwxyz"),
    ("ExcludeUppercase", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"),
    ("ExcludeNumbers", "0123456789"),
    ("ExcludePunctuation", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
];

pub(crate) fn random(members: &Members) -> Answer {
    let flag = |name: &str| members.get(name) == Some(&Value::Bool(true));
    let excluded = text(members, "ExcludeCharacters");
    let kept = |all: &str| -> Vec<char> { all.chars().filter(|it| !excluded.contains(*it)).collect() };
    let types = TYPES.iter().filter(|(member, _)| !flag(member)).map(|(_, all)| kept(all));
    let mut types: Vec<Vec<char>> = types.collect();
    if flag("IncludeSpace") {
        types.push(kept(" "));
    }
    types.retain(|characters| !characters.is_empty());
    let all: Vec<char> = types.concat();
    let length = members.get("PasswordLength").and_then(Value::as_u64).unwrap_or(32);
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(4096);
    let each = members.get("RequireEachIncludedType") != Some(&Value::Bool(false));
    let wrong = |message| ServiceError::bad_request("InvalidParameterException", message);
    if all.is_empty() {
        return Err(wrong("The password has no characters that it may be made of."));
    }
    if each && length < types.len() {
        return Err(wrong("Password length is too short based on the required types."));
    }
    let mut dice = Dice(Vec::new());
    let mut password = Vec::with_capacity(length);
    if each {
        password.extend(types.iter().map(|characters| characters[dice.below(characters.len())]));
    }
    while password.len() < length {
        password.push(all[dice.below(all.len())]);
    }
    for at in (1..password.len()).rev() {
        password.swap(at, dice.below(at + 1));
    }
    Ok(Output::of(json!({ "RandomPassword": password.into_iter().collect::<String>() })))
}

/// Random bytes, not yet used.
struct Dice(Vec<u8>);

impl Dice {
    fn byte(&mut self) -> u8 {
        if self.0.is_empty() {
            let id = Uuid::new_v4().into_bytes();
            // Two of its bytes tell the version and the variant.
            self.0.extend(id.iter().enumerate().filter(|(at, _)| !matches!(at, 6 | 8)).map(|(_, byte)| byte));
        }
        self.0.pop().unwrap_or_default()
    }

    /// A number below `count`, each as likely as another; `count` is at most 4096.
    fn below(&mut self, count: usize) -> usize {
        loop {
            let number = usize::from(u16::from_be_bytes([self.byte(), self.byte()]));
            if number < 65_536 - 65_536 % count {
                return number % count;
            }
        }
    }
}
