//! Whether every state of a machine can be reached.

use super::{Machine, Next, StateKind, diagnostic::Code, fields::Findings};

/// Notes the states that nothing leads to.
pub(super) fn check(machine: &Machine, base: &str, findings: &mut Findings) {
    let mut reached = vec![false; machine.states.len()];
    let mut open = vec![machine.start];
    while let Some(place) = open.pop() {
        if std::mem::replace(&mut reached[place], true) {
            continue;
        }
        let state = &machine.states[place];
        if let Next::State(next) = state.next {
            open.push(next);
        }
        if let StateKind::Choice { choices, default } = &state.kind {
            open.extend(choices.iter().map(|choice| choice.next).chain(*default));
        }
        open.extend(
            state.handlers().into_iter().flat_map(|handlers| &handlers.catch).map(|catcher| catcher.next),
        );
    }
    for (state, reached) in machine.states.iter().zip(reached) {
        if !reached {
            let message = format!("State \"{}\" is not reachable.", state.name);
            findings.error(Code::MissingTransitionTarget, format!("{base}/{}", state.name), message);
        }
    }
}
