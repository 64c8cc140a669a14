//! Symmetry: of states that differ only in which of several like threads is which, one is enough.
//!
//! Threads are alike if they run the same code in the same process, begin alike, and nothing names
//! one of them: no condition, no call, no expectation. Then exchanging two of them maps schedules
//! to schedules (the model looks at a thread's id only to find the thread) and changes no property
//! that is offered. So every state is replaced by a representative: the kernel's side with like
//! threads in the order of what it says of them, and threads of which it says the same in the order
//! of where they are in their program. Nothing is guessed: two states get the same representative
//! if and only if they are the same but for the names of like threads.

use super::parts::{Id, Slots, Store};
use crate::{
    expect,
    program::{Condition, Op, Program},
};
use iocp_model::{Call, Kernel, System, ThreadId};
use std::collections::BTreeMap;

/// Which threads are alike.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Symmetry {
    /// Sets of like threads, each of two or more.
    classes: Vec<Vec<usize>>,
}

/// How to get from a state with a certain kernel's side to its representative.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Canon {
    /// The kernel's side of the representative.
    system: Id,
    /// The thread that comes into the place of each.
    from: Vec<u16>,
    /// Sets of threads of which the kernel's side says the same.
    cells: Vec<Vec<u16>>,
}

impl Symmetry {
    /// The like threads of a program.
    ///
    /// # Errors
    /// A sentence, if there are none.
    pub(crate) fn find(program: &Program, kernel: Kernel) -> Result<Self, String> {
        let mut named = named_by_code(program);
        named.extend(expect::threads_named(program, kernel.profile.name));
        let mut classes: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut lost = Vec::new();
        for (index, thread) in program.threads.iter().enumerate() {
            let class = (thread.code, thread.process.index());
            if named.contains(&index) {
                lost.push(index);
            } else {
                classes.entry(class).or_default().push(index);
            }
        }
        let classes: Vec<_> = classes.into_values().filter(|it| it.len() > 1).collect();
        if classes.is_empty() {
            let copies_named = lost.iter().find(|&&index| {
                let code = program.threads[index].code;
                program.threads.iter().filter(|it| it.code == code).count() > 1
            });
            return Err(match copies_named {
                Some(&index) => format!(
                    "{} is named in the scenario, so that it is not just like the others",
                    program.thread_names[index]
                ),
                None => "no two threads run the same program".to_owned(),
            });
        }
        Ok(Self { classes })
    }

    /// How states with this kernel's side get their representative.
    pub(crate) fn canon(&self, store: &mut Store, system: Id) -> Canon {
        let before = store.system_of(system);
        let said = before.said_of_threads();
        let as_it_is: Vec<_> = before.thread_ids().collect();
        let mut from = as_it_is.clone();
        let mut cells = Vec::new();
        for class in &self.classes {
            let mut members: Vec<_> = class
                .iter()
                .filter_map(|&index| ThreadId::new(index))
                .map(|id| (&said[id.index()], id))
                .collect();
            members.sort();
            for (&place, (_, id)) in class.iter().zip(&members) {
                from[place] = *id;
            }
            let mut start = 0;
            for cell in members.chunk_by(|a, b| a.0 == b.0) {
                let places = &class[start..start + cell.len()];
                if cell.len() > 1 {
                    cells.push(places.iter().map(|&place| place as u16).collect());
                }
                start += cell.len();
            }
        }
        let system = if from == as_it_is {
            system
        } else {
            let after: System = before.renamed(&from);
            store.system(&after)
        };
        Canon {
            system,
            from: from.iter().map(|id| id.index() as u16).collect(),
            cells,
        }
    }
}

impl Canon {
    /// Turns the parts of a state into those of its representative. `rank` orders what threads of
    /// the same code are at.
    pub(crate) fn apply(&self, ids: &mut [Id], rank: impl Fn(usize, Id) -> u64) {
        ids[Slots::SYSTEM] = self.system;
        let mut old = smallvec::SmallVec::<[Id; 16]>::new();
        old.extend_from_slice(&ids[1..=self.from.len()]);
        for (place, &from) in self.from.iter().enumerate() {
            ids[1 + place] = old[usize::from(from)];
        }
        for cell in &self.cells {
            old.clear();
            old.extend(cell.iter().map(|&place| ids[1 + usize::from(place)]));
            let thread = usize::from(cell[0]);
            old.sort_unstable_by_key(|&id| (rank(thread, id), id));
            for (&place, &id) in cell.iter().zip(&old) {
                ids[1 + usize::from(place)] = id;
            }
        }
    }
}

/// The threads that some thread's code names.
fn named_by_code(program: &Program) -> Vec<usize> {
    let mut named = Vec::new();
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        match op {
            Op::Until(conditions, _) => conditions.iter().for_each(|it| condition(it, &mut named)),
            Op::Branch { test, .. } => condition(test, &mut named),
            Op::Call(op) => match op.call {
                Call::QueueUserApc { thread, .. }
                | Call::WaitForThread { thread, .. }
                | Call::SuspendThread(thread)
                | Call::ResumeThread(thread)
                | Call::TerminateThread(thread) => named.push(thread.index()),
                _ => {}
            },
            _ => {}
        }
    }
    named
}

fn condition(test: &Condition, named: &mut Vec<usize>) {
    match test {
        Condition::Waits(thread, _)
        | Condition::Blocked(thread)
        | Condition::Suspended(thread)
        | Condition::Ended(thread) => named.push(thread.index()),
        Condition::All(all) => all.iter().for_each(|one| condition(one, named)),
        Condition::Depth(..)
        | Condition::Counter(..)
        | Condition::Result(_)
        | Condition::Key(_) => {}
    }
}
