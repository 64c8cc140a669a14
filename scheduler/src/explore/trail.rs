//! The shortest way to a violation.
//!
//! A search tells only that there is one: it may have left out states, and forgets how it came to
//! those that it visited. So all schedules are searched once more, one after the other and breadth
//! first, up to the first violation. Only reductions that keep the length of every schedule may leave
//! something out here, and of these that is symmetry: exchanging like threads turns a schedule into
//! one that is as long and breaks the same properties. So a representative is as far from the first
//! state as each state that it stands for, and the first violation among representatives is one of
//! the shortest of all.
//!
//! The way through representatives is no schedule, since a thread has another name in each. It is
//! gone once more from the first state, without exchanging anything: of the steps from the state
//! where it is now, one leads to a state with the next representative, because one led there from the
//! representative of this state.

use super::{Limit, judge::Violation, lists::Lists, parts::Id, steps::Steps};
use crate::state::{Choice, StepError};

/// A schedule that ends with a violation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trail {
    pub(crate) choices: Vec<Choice>,
    pub(crate) violation: Violation,
}

/// How a search for the shortest way ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shortest {
    /// None is shorter.
    Found(Trail),
    /// There is none.
    None,
    /// This limit was reached.
    Cut(Limit),
}

/// Searches for the shortest schedule with a violation. `over` is asked now and then, with the number
/// of states and of bytes, whether a limit has been reached.
///
/// # Errors
/// If a thread of the program spins.
pub(crate) fn shortest(
    steps: &mut Steps<'_>,
    over: &dyn Fn(u64, usize) -> Option<Limit>,
) -> Result<Shortest, StepError> {
    let start = steps.ids(steps.first);
    let mut states = Lists::new(start.len());
    let mut next = start.clone();
    steps.represent(&mut next);
    states.number(&next);
    // Of each state, the one before.
    let mut came: Vec<Id> = vec![0];
    // Where a violation was found first.
    let mut best: Option<Id> = None;
    let mut ids = vec![0; start.len()];
    // The states of a level stand one behind the other.
    let (mut at, mut level) = (0, 1);
    while at < states.len() {
        if at == level {
            // What has been found is one step longer than the states visited so far.
            if best.is_some() {
                break;
            }
            level = states.len();
        }
        ids.copy_from_slice(states.of(at as Id));
        let mut moves = 0;
        for thread in steps.program.thread_ids() {
            for step in steps.of(thread, &ids)? {
                moves += 1;
                if steps.memo.moves[step].breaks {
                    best.get_or_insert(at as Id);
                }
                steps.take(step, &ids, &mut next);
                steps.represent(&mut next);
                if states.number(&next) as usize == came.len() {
                    came.push(at as Id);
                }
            }
        }
        if moves == 0 && steps.end(&ids).is_some() {
            // No state of this level has a shorter one.
            best = Some(at as Id);
            break;
        }
        at += 1;
        if at % 1024 == 0 {
            let memory = states.memory() + came.capacity() * size_of::<Id>() + steps.memory();
            if let Some(limit) = over(at as u64, memory) {
                return Ok(Shortest::Cut(limit));
            }
        }
    }
    let Some(mut state) = best else {
        return Ok(Shortest::None);
    };
    let mut way = vec![state];
    while state != 0 {
        state = came[state as usize];
        way.push(state);
    }
    let mut choices = Vec::new();
    let mut here = start;
    for &state in way.iter().rev().skip(1) {
        let leads = |next: &[Id]| next == states.of(state);
        let (choice, to) = steps
            .one(&here, |_, next| leads(next))?
            .unwrap_or_else(|| unreachable!("like states have like steps"));
        choices.push(choice);
        here = to;
    }
    let breaks = steps.one(&here, |breach, _| breach.is_some())?;
    let violation = match breaks {
        Some((choice, _)) => {
            choices.push(choice);
            steps.found.take()
        }
        None => steps.end(&here),
    };
    let violation = violation.unwrap_or_else(|| unreachable!("like states break like properties"));
    Ok(Shortest::Found(Trail { choices, violation }))
}
