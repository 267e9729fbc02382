//! What every Describe shares: ids asked for by name, or pages of all.

use std::sync::Arc;

use aws_wire::{PageToken, ServiceError};
use runtime::{Output, Scope};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};
use store::{Collection, Key};

use crate::{Answer, Members, error, error::Named, key, prefix, text, texts};

/// How many rows are looked at at a time.
const CHUNK: usize = 256;

/// How one kind of resource is listed.
pub(crate) struct Listing {
    /// The operation.
    pub(crate) operation: &'static str,
    /// The member that names some by their ids.
    pub(crate) ids: &'static str,
    pub(crate) named: &'static Named,
    /// The answer's member.
    pub(crate) answer: &'static str,
}

impl Listing {
    /// Answers those that are named, or a page, of `rows`: as `show` shows them, which shows nothing of what is filtered
    /// out.
    pub(crate) fn answer<T: Serialize + DeserializeOwned>(
        &self,
        rows: &Collection<T>,
        scope: &Scope,
        members: &Members,
        id: impl Fn(&T) -> &str,
        show: impl Fn(&T) -> Option<Value>,
    ) -> Answer {
        let ids = texts(members, self.ids);
        if !ids.is_empty() {
            if members.get("MaxResults").is_some_and(Value::is_number) {
                return Err(self.not_together());
            }
            let found = by_ids(rows, scope, &ids, self.named)?;
            return Ok(self.output(found.iter().filter_map(|row| show(row)).collect(), None));
        }
        let most = page_size(members);
        let mut after = self.position(scope, members)?;
        let mut shown = Vec::new();
        let mut last = None;
        loop {
            let chunk = rows.page(&prefix(scope), after.as_ref(), CHUNK);
            for row in &chunk {
                let Some(one) = show(row) else { continue };
                if shown.len() == most {
                    let token = last.map(|last: Arc<T>| PageToken::encode(self.operation, id(&last)));
                    return Ok(self.output(shown, token));
                }
                shown.push(one);
                last = Some(Arc::clone(row));
            }
            match chunk.last() {
                Some(row) if chunk.len() == CHUNK => after = Some(key(scope, id(row))),
                _ => return Ok(self.output(shown, None)),
            }
        }
    }

    /// Answers a page of what is not in rows of its own, whose ids are in order: `all` begins behind the id it is given.
    pub(crate) fn page<I: Iterator<Item = (String, Value)>>(
        &self,
        members: &Members,
        all: impl FnOnce(Option<String>) -> I,
    ) -> Answer {
        let most = page_size(members);
        let mut shown = Vec::new();
        let mut last = String::new();
        for (id, one) in all(self.token(members)?) {
            if shown.len() == most {
                return Ok(self.output(shown, Some(PageToken::encode(self.operation, &last))));
            }
            shown.push(one);
            last = id;
        }
        Ok(self.output(shown, None))
    }

    fn not_together(&self) -> ServiceError {
        let name = self.ids;
        let text = format!("The parameter {name} cannot be used with the parameter MaxResults");
        error::refusal("InvalidParameterCombination", text)
    }

    fn position(&self, scope: &Scope, members: &Members) -> Result<Option<Key>, ServiceError> {
        Ok(self.token(members)?.map(|after| key(scope, &after)))
    }

    fn token(&self, members: &Members) -> Result<Option<String>, ServiceError> {
        let Some(token) = text(members, "NextToken") else { return Ok(None) };
        match PageToken::decode(self.operation, token) {
            Some(token) => Ok(Some(token.after)),
            None => Err(error::refusal("InvalidNextToken", "The specified NextToken is not valid.")),
        }
    }

    fn output(&self, shown: Vec<Value>, token: Option<String>) -> Output {
        let mut out = Map::new();
        out.insert(self.answer.to_owned(), Value::Array(shown));
        if let Some(token) = token {
            out.insert(String::from("NextToken"), token.into());
        }
        Output { members: out, ..Output::default() }
    }
}

/// All, where no number is given.
fn page_size(members: &Members) -> usize {
    let asked = members.get("MaxResults").and_then(Value::as_u64);
    asked.and_then(|most| usize::try_from(most).ok()).unwrap_or(usize::MAX)
}

/// The rows of these ids, each once; those that are not there are a refusal.
pub(crate) fn by_ids<T: Serialize + DeserializeOwned>(
    rows: &Collection<T>,
    scope: &Scope,
    ids: &[&str],
    named: &Named,
) -> Result<Vec<Arc<T>>, ServiceError> {
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let found: Vec<_> = ids.iter().map(|id| (*id, rows.get(&key(scope, id)))).collect();
    let missing: Vec<&str> = found.iter().filter(|(_, row)| row.is_none()).map(|(id, _)| *id).collect();
    if missing.is_empty() {
        Ok(found.into_iter().filter_map(|(_, row)| row).collect())
    } else {
        Err(named.unknown(&missing))
    }
}

/// The row of an id.
pub(crate) fn by_id<T: Serialize + DeserializeOwned>(
    rows: &Collection<T>,
    scope: &Scope,
    id: &str,
    named: &Named,
) -> Result<Arc<T>, ServiceError> {
    rows.get(&key(scope, id)).ok_or_else(|| named.unknown(&[id]))
}

/// All rows of an account's region, in the order of their ids.
pub(crate) fn all<T: Serialize + DeserializeOwned>(rows: &Collection<T>, scope: &Scope) -> Vec<Arc<T>> {
    rows.page(&prefix(scope), None, usize::MAX)
}
