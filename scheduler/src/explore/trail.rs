//! The shortest way to a violation.
//!
//! A search tells only that there is one: it may have left out states, and forgets how it came to
//! those that it visited. So all schedules are searched once more, one after the other, breadth
//! first and with nothing left out, up to the first violation.

use super::{
    history::Situation,
    judge::Violation,
    layout::Layout,
    lists::Lists,
    memo::{Judge, Memo, NO_MOVES},
    parts::{Id, Store},
};
use crate::{
    program::Program,
    state::{Choice, StepError},
};

/// A schedule that ends with a violation, and none is shorter.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Trail {
    pub(crate) choices: Vec<Choice>,
    pub(crate) violation: Violation,
}

/// How a search for the shortest way ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Shortest {
    Found(Trail),
    /// There is none.
    None,
    /// `go_on` said no.
    Cut,
}

/// Searches for the shortest schedule with a violation. `go_on` is asked now and then, with the
/// number of states and of bytes.
///
/// # Errors
/// If a thread of the program spins.
pub(crate) fn shortest(
    program: &Program,
    judge: &(dyn Judge + Sync),
    first: &Situation,
    go_on: &dyn Fn(u64, usize) -> bool,
) -> Result<Shortest, StepError> {
    let mut store = Store::new(program, first);
    let mut memo = Memo::new(&store, &Layout::Folded, None);
    let mut states = Lists::new(store.slots.all);
    states.number(&store.ids(first));
    memo.look_at(&mut store);
    // Of each state but the first: the one before, and the move from there.
    let mut came: Vec<(Id, u32)> = vec![(0, 0)];
    let mut best: Option<(u32, Option<usize>, Violation)> = None;
    let (mut ids, mut next) = (vec![0; store.slots.all], Vec::new());
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
        for (thread, id) in program.thread_ids().enumerate() {
            let leaf = match memo.leaf(thread, &ids) {
                Some(leaf) => leaf,
                None => {
                    memo.learn(program, &mut store, judge, first, id, &ids)?;
                    memo.leaf(thread, &ids).unwrap_or(NO_MOVES)
                }
            };
            if leaf == NO_MOVES {
                continue;
            }
            for step in leaf as usize.. {
                moves += 1;
                if let Some(breach) = memo.effects[step].breach {
                    let violation = memo.breaches[breach as usize].clone();
                    best.get_or_insert((at as Id, Some(step), violation));
                }
                memo.next_ids(step, &mut store, &ids, &mut next);
                memo.look_at(&mut store);
                if states.number(&next) as usize == came.len() {
                    came.push((at as Id, step as u32));
                }
                if memo.moves[step].last {
                    break;
                }
            }
        }
        if moves == 0
            && let Some(violation) = judge.end(&store.situation(&ids, first))
        {
            // No state of this level has a shorter one.
            best = Some((at as Id, None, violation));
            break;
        }
        at += 1;
        if at % 4096 == 0 && !go_on(at as u64, states.memory() + came.capacity() * 8) {
            return Ok(Shortest::Cut);
        }
    }
    let Some((mut state, last, violation)) = best else {
        return Ok(Shortest::None);
    };
    let mut choices: Vec<_> = last
        .map(|step| memo.effects[step].choice)
        .into_iter()
        .collect();
    while state != 0 {
        let (before, step) = came[state as usize];
        choices.push(memo.effects[step as usize].choice);
        state = before;
    }
    choices.reverse();
    Ok(Shortest::Found(Trail { choices, violation }))
}
