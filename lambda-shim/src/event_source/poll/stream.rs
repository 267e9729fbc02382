//! The poller of a stream: finds its shards, and sees to it that each is read, children after their parents.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use aws_wire::ServiceError;
use runtime::Timestamp;
use serde_json::Value;
use tokio::task::JoinSet;

use super::{
    Job, Stop,
    reader::{self, ShardInfo},
    shard,
};
use crate::event_source::{
    event,
    table::{Checkpoint, Position},
};

/// How often new shards are looked for.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// Reads the stream until it is told to stop.
pub(super) async fn run(job: Arc<Job>, mut stop: Stop) {
    let mut readers: JoinSet<String> = JoinSet::new();
    let mut running: BTreeSet<String> = BTreeSet::new();
    let mut failures = 0;
    loop {
        let looked = tokio::select! {
            biased;
            () = stop.stopped() => break,
            looked = begin(&job) => looked,
        };
        match looked {
            Ok(ready) => {
                failures = 0;
                // Those who read the shards say how that goes.
                if running.is_empty() {
                    job.live.source_problem(None);
                }
                for checkpoint in ready {
                    if running.insert(checkpoint.shard.clone()) {
                        readers.spawn(shard::run(Arc::clone(&job), checkpoint, stop.clone()));
                    }
                }
            }
            Err(refusal) => {
                tokio::select! {
                    () = stop.stopped() => break,
                    () = job.trouble(&refusal, &mut failures) => continue,
                }
            }
        }
        tokio::select! {
            () = stop.stopped() => break,
            // Its children can be read now.
            Some(ended) = readers.join_next() => if let Ok(shard) = ended { running.remove(&shard); },
            () = job.sleep(LOOK_EVERY) => {}
        }
    }
    // Readers end by themselves, when what they have under way is done.
    while readers.join_next().await.is_some() {}
}

/// The shards that can be read, each from where it is to be read.
async fn begin(job: &Job) -> Result<Vec<Checkpoint>, ServiceError> {
    let shards = reader::shards(job).await?;
    let uuid = &job.mapping.uuid;
    let known: BTreeMap<String, Checkpoint> = job
        .inner
        .mappings
        .checkpoints(uuid)
        .into_iter()
        .map(|checkpoint| (checkpoint.shard.clone(), Checkpoint::clone(&checkpoint)))
        .collect();
    let first = known.is_empty().then(|| starting_position(job));
    let (begun, ready) = plan(&shards, &known, first.as_ref());
    for checkpoint in begun {
        // What comes from here on must be found again after a crash.
        let position = match checkpoint.position {
            Position::Latest => Position::Since(job.inner.clock.now()),
            other => other,
        };
        let stored = job.inner.mappings.pass(uuid, Checkpoint { position, ..checkpoint }).await;
        stored.map_err(crate::error::storage)?;
    }
    Ok(ready)
}

fn starting_position(job: &Job) -> Position {
    let settings = &job.mapping.settings;
    match settings.get("StartingPosition").and_then(Value::as_str) {
        Some("LATEST") => Position::Latest,
        Some("AT_TIMESTAMP") => {
            let at = settings.get("StartingPositionTimestamp").and_then(event::moment);
            Position::Since(at.unwrap_or(Timestamp(0)))
        }
        _ => Position::Horizon,
    }
}

/// Which shards are begun with (their checkpoints are new), and which can be read now. `first` is where to begin in a
/// stream of which nothing is known.
fn plan(
    shards: &[ShardInfo],
    known: &BTreeMap<String, Checkpoint>,
    first: Option<&Position>,
) -> (Vec<Checkpoint>, Vec<Checkpoint>) {
    let mut begun = Vec::new();
    let mut ready = Vec::new();
    let listed: BTreeSet<&str> = shards.iter().map(|shard| shard.id.as_str()).collect();
    let new =
        |shard: &ShardInfo, position| Checkpoint { shard: shard.id.clone(), position, windows: Vec::new() };
    for shard in shards {
        let checkpoint = match (known.get(&shard.id), first) {
            (Some(checkpoint), _) => checkpoint.clone(),
            // What was written before is not wanted.
            (None, Some(Position::Latest)) if shard.closed => {
                begun.push(new(shard, Position::End));
                continue;
            }
            (None, Some(position)) => new(shard, position.clone()),
            (None, None) => new(shard, Position::Horizon),
        };
        let parents_done = shard.parents.iter().all(|parent| {
            let ended = |checkpoint: &Checkpoint| checkpoint.position == Position::End;
            let skipped = first == Some(&Position::Latest)
                && shards.iter().any(|other| other.id == *parent && other.closed);
            !listed.contains(parent.as_str()) || known.get(parent).is_some_and(ended) || skipped
        });
        if parents_done && checkpoint.position != Position::End {
            if !known.contains_key(&shard.id) {
                begun.push(checkpoint.clone());
            }
            ready.push(checkpoint);
        }
    }
    (begun, ready)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shard(id: &str, parents: &[&str], closed: bool) -> ShardInfo {
        let parents = parents.iter().map(|parent| (*parent).to_owned()).collect();
        ShardInfo { id: id.to_owned(), parents, closed }
    }

    fn at(shard: &str, position: Position) -> (String, Checkpoint) {
        (shard.to_owned(), Checkpoint { shard: shard.to_owned(), position, windows: Vec::new() })
    }

    fn shown(checkpoints: &[Checkpoint]) -> Vec<(&str, &Position)> {
        checkpoints.iter().map(|it| (it.shard.as_str(), &it.position)).collect()
    }

    #[test]
    fn children_come_after_their_parents() {
        let shards = [
            shard("a", &[], true),
            shard("b", &["a"], false),
            shard("c", &["a", "gone"], false),
            shard("d", &["gone"], false),
        ];
        let (begun, ready) = plan(&shards, &BTreeMap::new(), Some(&Position::Horizon));
        assert_eq!(shown(&ready), [("a", &Position::Horizon), ("d", &Position::Horizon)]);
        assert_eq!(begun.len(), 2);
        let known = BTreeMap::from([at("a", Position::End), at("d", Position::After("9".to_owned()))]);
        let (begun, ready) = plan(&shards, &known, None);
        assert_eq!(shown(&begun), [("b", &Position::Horizon), ("c", &Position::Horizon)]);
        let after = Position::After("9".to_owned());
        assert_eq!(shown(&ready), [("b", &Position::Horizon), ("c", &Position::Horizon), ("d", &after)]);
    }

    #[test]
    fn from_the_latest_on_closed_shards_are_left_out() {
        let shards = [shard("a", &[], true), shard("b", &["a"], false)];
        let (begun, ready) = plan(&shards, &BTreeMap::new(), Some(&Position::Latest));
        assert_eq!(shown(&begun), [("a", &Position::End), ("b", &Position::Latest)]);
        assert_eq!(shown(&ready), [("b", &Position::Latest)]);
    }
}
