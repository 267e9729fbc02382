//! Rules that happen by the clock. What was due while nobody ran is not made up for.

use std::{sync::Weak, time::Duration};

use runtime::{CallContext, Timestamp};
use serde_json::json;
use store::Key;

use crate::{State, deliver, put_events::envelope, schedule::Schedule};

/// How long the scheduler sleeps at most, so that it finds out when nobody holds the service any more.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);

/// Fires rules until the service is gone.
pub(crate) async fn run(state: Weak<State>) {
    let Some(mut last) = state.upgrade().map(|state| state.clock.now()) else { return };
    loop {
        let Some(state) = state.upgrade() else { return };
        let changed = state.rescheduled.notified();
        let now = state.clock.now();
        let next = fire_until(&state, last, now).await;
        last = now;
        let wake = next.unwrap_or_else(|| now.plus(LONGEST_SLEEP)).min(now.plus(LONGEST_SLEEP));
        let sleep = state.clock.sleep_until(wake);
        tokio::select! {
            () = sleep => {}
            () = changed => {}
        }
    }
}

/// Fires what was due behind `last` and up to `now`; when the next one is.
async fn fire_until(state: &std::sync::Arc<State>, last: Timestamp, now: Timestamp) -> Option<Timestamp> {
    let mut next: Option<Timestamp> = None;
    for rule in state.rules.page(&Key::new(), None, usize::MAX) {
        let Some(schedule) = rule.schedule.as_deref().filter(|_| rule.enabled) else { continue };
        let Ok(schedule) = Schedule::parse(schedule) else { continue };
        // A rule that is younger than the last look counts from its own beginning.
        let from = last.max(rule.since);
        if let Some(due) = schedule.next_after(rule.since, from)
            && due <= now
        {
            let ctx = CallContext::internal(rule.scope(), state.endpoint.clone());
            let resources = json!([rule.arn()]);
            let event = envelope("Scheduled Event", "aws.events", &rule.place(), due, &resources, json!({}));
            deliver::to_targets(state, &ctx, &rule, &event, 0).await;
        }
        let after = schedule.next_after(rule.since, now.max(rule.since));
        next = [next, after].into_iter().flatten().min();
    }
    next
}
