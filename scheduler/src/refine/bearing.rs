//! How far it is to a step on which a difference between two kernels has a bearing.
//!
//! Up to such a step the kernels do the same. So what cannot lead to one need not be looked at.

use super::{Client, explained::Explained, hash};
use crate::state::{State, StepError};
use foldhash::quality::FixedState;
use iocp_model::Mutants;
use std::collections::{HashMap, VecDeque};

/// For each state from which there is a way to such a step, how many steps of programs it is away.
pub(super) struct Bearing {
    steps: HashMap<u128, u32, FixedState>,
    scratch: Vec<u8>,
}

/// Nothing is known to be there.
const NEVER: u32 = u32::MAX;

impl Bearing {
    /// Goes through all states; `None` if there are more than so many.
    pub(super) fn find(
        client: Client<'_>,
        first: &State,
        mutants: Mutants,
        most_states: u64,
    ) -> Result<Option<Self>, StepError> {
        let mut numbers: HashMap<u128, u32, FixedState> = HashMap::default();
        let mut scratch = Vec::new();
        let mut explained = Explained::new(client);
        let (mut now, mut later) = (VecDeque::new(), VecDeque::new());
        numbers.insert(key(first, &mut scratch), 0);
        now.push_back((0, first.clone(), 0, 0));
        // Steps between states, and those on which a mutant has a bearing: from where, at what cost.
        let mut edges: Vec<(u32, u32, u32)> = Vec::new();
        let mut least: Vec<u32> = vec![NEVER];
        let mut moves = Vec::new();
        let mut after = first.clone();
        loop {
            let Some((number, state, used, steps)) = now.pop_front() else {
                if later.is_empty() {
                    break;
                }
                std::mem::swap(&mut now, &mut later);
                continue;
            };
            client.moves(&state, used, steps, &mut moves);
            for &(taken, cost) in &moves {
                after.clone_from(&state);
                let heard = explained.act(&mut after, taken)?;
                if heard.intersects(mutants) {
                    let known = &mut least[number as usize];
                    *known = (*known).min(cost);
                    continue;
                }
                let next = least.len() as u32;
                let to = *numbers.entry(key(&after, &mut scratch)).or_insert(next);
                edges.push((to, number, cost));
                if to == next {
                    least.push(NEVER);
                    let used = used.max(taken.choice.thread().index() + 1);
                    let queue = if cost > 0 { &mut later } else { &mut now };
                    queue.push_back((to, after.clone(), used, steps + cost));
                }
            }
            if least.len() as u64 >= most_states {
                return Ok(None);
            }
        }
        go_back(edges, &mut least);
        let steps = numbers.into_iter().filter_map(|(key, number)| {
            let steps = least[number as usize];
            (steps != NEVER).then_some((key, steps))
        });
        Ok(Some(Self {
            steps: steps.collect(),
            scratch,
        }))
    }

    /// How many steps of programs it takes from this state, if there is a way.
    pub(super) fn steps_from(&mut self, state: &State) -> Option<u32> {
        self.steps.get(&key(state, &mut self.scratch)).copied()
    }
}

fn key(state: &State, scratch: &mut Vec<u8>) -> u128 {
    scratch.clear();
    state.encode(scratch);
    hash(scratch)
}

/// Carries what is known of some states back to those before them. An edge is a state, the one
/// before it, and the cost of the step between them.
fn go_back(mut edges: Vec<(u32, u32, u32)>, least: &mut [u32]) {
    edges.sort_unstable();
    let mut queue: VecDeque<u32> = (0..least.len() as u32)
        .filter(|number| least[*number as usize] != NEVER)
        .collect();
    while let Some(number) = queue.pop_front() {
        let from = edges.partition_point(|(to, ..)| *to < number);
        let steps = least[number as usize];
        for &(_, before, cost) in edges[from..].iter().take_while(|(to, ..)| *to == number) {
            if steps + cost < least[before as usize] {
                least[before as usize] = steps + cost;
                queue.push_back(before);
            }
        }
    }
}
