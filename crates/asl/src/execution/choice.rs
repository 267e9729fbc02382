//! Choice states.

use super::{Execution, Turn, dataflow::After};
use crate::{
    definition::{Choice, Next, State},
    failure::{self, Failure},
};

impl Execution {
    /// Goes where the first rule that holds leads.
    pub(super) fn choose(
        &mut self,
        turn: &mut Turn<'_>,
        scope: u64,
        state: &State,
        choices: &[Choice],
        default: Option<usize>,
    ) -> Result<(), Failure> {
        let input = self.selected_input(scope, state)?;
        let taken = self.evaluate(scope, state, input.value(), |env| {
            for choice in choices {
                if choice.rule.holds(env)? {
                    return Ok(Some(choice));
                }
            }
            Ok(None)
        })?;
        let flow = &state.flow;
        let (next, assign, output) = match (taken, default) {
            (Some(choice), _) => (choice.next, choice.assign.as_ref(), choice.output.as_ref()),
            (None, Some(default)) => (default, flow.assign.as_ref(), flow.output.as_ref()),
            (None, None) => {
                let cause =
                    "Failed to transition out of the state. The state does not point to a next state.";
                return Err(Failure::new(failure::NO_CHOICE_MATCHED, cause));
            }
        };
        if flow.jsonata {
            let assigned = self.query_assigned(scope, state, assign, After::Nothing)?;
            let output = self.query_output(scope, state, output, After::Nothing, &input)?;
            return self.leave(turn, scope, state, Next::State(next), output, assigned);
        }
        let assigned = self.assigned(scope, state, assign, &input)?;
        let output = self.output(scope, state, input)?;
        self.leave(turn, scope, state, Next::State(next), output, assigned)
    }
}
