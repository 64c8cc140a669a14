//! Partial-order reduction: of steps that commute with all others, only one order.
//!
//! Some steps of a thread are its own business: it marks a packet, adds to a counter that nobody
//! reads, computes. Such a *light* step depends on nothing that another thread can change, changes
//! nothing that another thread or a property looks at, and no other thread can prevent it. So it
//! commutes with every step of the others, and of all orders one is enough: it is taken at once,
//! alone (an *ample set* of one step, in the sense of Clarke, Grumberg and Peled).
//!
//! | condition | why it holds |
//! |---|---|
//! | C0: not empty | the step can be taken |
//! | C1: nothing that depends on it can come before it | what it reads and writes is its thread's own, or a set or a counter that is only added to |
//! | C2: invisible | no property that is checked on the way reads what it writes |
//! | C3: nothing is put off for ever | no loop of a program consists of light steps alone |
//!
//! Whether a step is light is read off its op here; [`Memo`](super::memo::Memo) calls it light only
//! if, when it was taken, it read nothing but what is allowed. Where threads may be suspended or
//! ended by others, no step is light.

use super::parts::Slots;
use crate::{
    expect,
    program::{Condition, Op, Program},
    state::Part,
};
use iocp_model::{Call, Kernel};

/// Which ops are light.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Light {
    /// Of each code, for each op.
    ops: Vec<Vec<bool>>,
    /// For each counter: is it only added to?
    counters: Vec<bool>,
    /// For each set: does no property look at it on the way?
    sets: Vec<bool>,
}

impl Light {
    /// The light ops of a program.
    ///
    /// # Errors
    /// A sentence, if there are none.
    pub(crate) fn find(program: &Program, kernel: Kernel) -> Result<Self, String> {
        let prevents = |op: &&Op| match op {
            Op::Call(op) => matches!(op.call, Call::SuspendThread(_) | Call::TerminateThread(_)),
            _ => false,
        };
        let all = || program.codes.iter().flat_map(|code| &code.ops);
        if all().any(|op| prevents(&op)) {
            return Err("a thread may be suspended or ended by another".to_owned());
        }
        if expect::counts_steps(program, kernel.profile.name) {
            return Err("an expectation counts steps (`most_wait`)".to_owned());
        }
        let mut light = Self {
            ops: Vec::new(),
            counters: vec![true; program.counter_names.len()],
            sets: vec![true; program.mark_names.len()],
        };
        for op in all() {
            match op {
                Op::Until(conditions, _) => conditions.iter().for_each(|it| light.reads(it)),
                Op::Branch { test, .. } => light.reads(test),
                _ => {}
            }
        }
        for part in expect::looked_at_on_the_way(program, kernel.profile.name) {
            match part {
                Part::Counter(counter) => light.counters[counter] = false,
                Part::Marked(set) => light.sets[set] = false,
                _ => {}
            }
        }
        light.ops = program
            .codes
            .iter()
            .map(|code| light.of(&code.ops))
            .collect();
        if light.ops.iter().flatten().any(|light| *light) {
            Ok(light)
        } else {
            Err("no thread has a step that is only its own business".to_owned())
        }
    }

    fn reads(&mut self, test: &Condition) {
        match test {
            Condition::Counter(counter, _) => self.counters[*counter] = false,
            Condition::All(all) => all.iter().for_each(|one| self.reads(one)),
            _ => {}
        }
    }

    fn of(&self, ops: &[Op]) -> Vec<bool> {
        let candidates: Vec<_> = ops
            .iter()
            .map(|op| match op {
                Op::Mark { set } => self.sets[*set],
                Op::Add { counter, .. } => self.counters[*counter],
                Op::Compute(_) => true,
                _ => false,
            })
            .collect();
        // One from which a program can come back to it by light and local ops alone is none.
        (0..ops.len())
            .map(|op| candidates[op] && !comes_back(ops, &candidates, op))
            .collect()
    }

    /// May a light step read this slot?
    pub(crate) fn may_read(&self, slots: &Slots, slot: usize) -> bool {
        match (slots.counter(slot), slots.set(slot, self.sets.len())) {
            (Some(counter), _) => self.counters[counter],
            (None, Some(set)) => self.sets[set],
            (None, None) => false,
        }
    }

    /// Is the op light?
    pub(crate) fn is_light(&self, code: usize, op: u32) -> bool {
        self.ops[code][op as usize]
    }
}

/// Can a program come back to this op by light and local ops alone?
fn comes_back(ops: &[Op], light: &[bool], start: usize) -> bool {
    let mut seen = vec![false; ops.len()];
    let mut to_see = vec![start + 1];
    while let Some(op) = to_see.pop() {
        if op == start {
            return true;
        }
        if std::mem::replace(&mut seen[op], true) {
            continue;
        }
        match &ops[op] {
            Op::Jump(to) => to_see.push(*to),
            Op::Again { body, .. } => to_see.extend([*body, op + 1]),
            Op::Branch { otherwise, .. } => to_see.extend([*otherwise, op + 1]),
            _ if light[op] => to_see.push(op + 1),
            _ => {}
        }
    }
    false
}
