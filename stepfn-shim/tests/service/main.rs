//! The service through its own operations: a virtual clock, scripted neighbours, the store in memory.
#![expect(clippy::unwrap_used, reason = "a test that finds nothing where something must be has failed")]

mod crashes;
mod executions;
mod full_disk;
mod map_runs;
mod mocks;
mod redrive;
mod test_state;
mod world;
