//! GetExecutionHistory: pages of events, forwards or backwards.

use std::sync::Arc;

use asl::{HistoryEvent, ShownEvent};
use aws_wire::ServiceError;
use runtime::Output;
use serde::Serialize;
use store::Key;

use super::{Request, execution::named};
use crate::{errors, records, service::Inner};

/// How many blocks are read at a time: about what a page of AWS's size needs.
const BLOCKS: usize = 4;

pub(super) async fn get(inner: &Arc<Inner>, request: Request<'_>) -> Result<Output, ServiceError> {
    let members = &request.members;
    let (key, _) = named(inner, members)?;
    let backwards = members.boolean("reverseOrder") == Some(true);
    let with_data = members.boolean("includeExecutionData") != Some(false);
    let size = members.page_size(100);
    let from = members.optional_text("nextToken").map(event_of_token).transpose()?;
    let mut page: Vec<HistoryEvent> = Vec::with_capacity(size.min(128) + 1);
    // One event more than the page holds tells whether there is another page.
    read(inner, &key.key(), from, backwards, |event| {
        page.push(event);
        page.len() <= size
    })?;
    let more = page.len() > size;
    page.truncate(size);
    let next = page.last().filter(|_| more).map(|event| if backwards { event.id - 1 } else { event.id + 1 });
    let events = page.iter().map(|event| ShownEvent { event, with_data }).collect();
    let page = Page { events, next_token: next.map(token_of_event) };
    Ok(Output::of_document(serde_json::to_vec(&page).expect("events can be written to memory")))
}

/// The answer. Pages are long, so it is written as it is built.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<'e> {
    events: Vec<ShownEvent<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Hands events on from the one given, until told to stop.
fn read(
    inner: &Inner,
    key: &Key,
    from: Option<u64>,
    backwards: bool,
    mut take: impl FnMut(HistoryEvent) -> bool,
) -> Result<(), ServiceError> {
    // Blocks are found by their first event: the one that holds an event begins at it or before.
    let mut edge: Option<Key> = match (from, backwards) {
        (None, _) => None,
        (Some(id), true) => Some(key.clone().number(id.saturating_add(1))),
        (Some(id), false) => {
            let before = key.clone().number(id.saturating_add(1));
            let block = inner.store.scan_backwards(records::HISTORY, key, Some(before.as_bytes()), 1);
            let block = block.map_err(errors::storage)?;
            block
                .first()
                .and_then(|(found, _)| first_event(found, key))
                .filter(|first| *first > 1)
                .map(|first| key.clone().number(first - 1))
        }
    };
    loop {
        let at = edge.as_ref().map(Key::as_bytes);
        let rows = if backwards {
            inner.store.scan_backwards(records::HISTORY, key, at, BLOCKS)
        } else {
            inner.store.scan(records::HISTORY, key, at, BLOCKS)
        };
        let rows = rows.map_err(errors::storage)?;
        for (_, block) in &rows {
            let mut events: Vec<HistoryEvent> =
                serde_json::from_slice(block).map_err(|_| errors::damaged("a history"))?;
            if backwards {
                events.reverse();
            }
            let wanted = |event: &HistoryEvent| match from {
                None => true,
                Some(id) => {
                    if backwards {
                        event.id <= id
                    } else {
                        event.id >= id
                    }
                }
            };
            for event in events.into_iter().filter(wanted) {
                if !take(event) {
                    return Ok(());
                }
            }
        }
        match rows.last() {
            Some((last, _)) if rows.len() == BLOCKS => {
                edge = first_event(last, key).map(|first| key.clone().number(first));
            }
            _ => return Ok(()),
        }
    }
}

/// The id of a block's first event, from its key.
fn first_event(found: &[u8], key: &Key) -> Option<u64> {
    found.strip_prefix(key.as_bytes())?.try_into().ok().map(u64::from_be_bytes)
}

fn token_of_event(id: u64) -> String {
    format!("event-{id}")
}

fn event_of_token(token: &str) -> Result<u64, ServiceError> {
    token.strip_prefix("event-").and_then(|id| id.parse().ok()).ok_or_else(errors::page_token)
}
