//! A workload and its floor in turns: what a noisy machine takes from one it takes from the other, and the medians of
//! turns forget what it took from a few.

use super::{
    load::{self, Request},
    server::Server,
};
use crate::Failure;

const TURNS: u8 = 7;

/// A server, and what it is asked.
pub(super) type Load<'l> = (&'l Server, &'l Request);

/// Medians of turns.
pub(super) struct Figures {
    pub(super) per_second: f64,
    /// Microseconds.
    pub(super) p50: f64,
    /// Microseconds.
    pub(super) p99: f64,
    /// The server's own CPU time of a request, in microseconds.
    pub(super) cpu: f64,
    /// Requests per second, of the floor's in the same turn.
    pub(super) of_floor: f64,
}

/// `clients` ask the server for `seconds` in all, and the floor for half as long.
pub(super) fn measure(
    (server, request): Load<'_>,
    (floor, bare): Load<'_>,
    clients: usize,
    seconds: f64,
) -> Result<Figures, Failure> {
    let slice = seconds / f64::from(TURNS);
    load::run(&server.address, request, clients, slice)?;
    let mut turns = Vec::new();
    for _ in 0..TURNS {
        let before = server.cpu();
        let found = load::run(&server.address, request, clients, slice)?;
        let spent = server.cpu() - before;
        let least = load::run(&floor.address, bare, clients, slice / 2.0)?;
        #[expect(clippy::cast_precision_loss, reason = "a count of requests is far below the limit")]
        let cpu = spent.as_secs_f64() * 1e6 / found.requests as f64;
        turns.push(Figures {
            per_second: found.per_second,
            p50: found.p50,
            p99: found.p99,
            cpu,
            of_floor: found.per_second / least.per_second,
        });
    }
    let median = |of: fn(&Figures) -> f64| {
        let mut all: Vec<f64> = turns.iter().map(of).collect();
        all.sort_unstable_by(f64::total_cmp);
        all[all.len() / 2]
    };
    Ok(Figures {
        per_second: median(|turn| turn.per_second),
        p50: median(|turn| turn.p50),
        p99: median(|turn| turn.p99),
        cpu: median(|turn| turn.cpu),
        of_floor: median(|turn| turn.of_floor),
    })
}
