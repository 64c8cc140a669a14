//! What can happen at a point of the search, and what of it to try first.

use super::{
    node::Node,
    rank::Ranking,
    recording::{Kind, Recording, What},
    trail::Trail,
};
use crate::{
    program::{Condition, Op, Program},
    state::{Choice, State},
};
use iocp_model::{Api, Frame, ThreadId, ThreadState};

/// What the search can do at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Move {
    Choice(Choice),
    /// The thread blocks for a reason that the recording does not show.
    Hide(ThreadId),
    /// That reason is over.
    Unhide(ThreadId),
}

impl Recording<'_> {
    /// Lists what can happen at a node, the likeliest last.
    pub(super) fn moves(&self, node: &Node, trail: &Trail, hidden_waits: u32, to: &mut Moves) {
        let Moves {
            choices,
            ranking,
            list,
        } = to;
        list.clear();
        if node.hidden < hidden_waits {
            let hides = node.state.system.thread_ids().filter(|&thread| {
                let object = node.state.system.thread(thread);
                object.can_call() && object.port.is_some()
            });
            // Assumed only when nothing else is left to try.
            list.extend(hides.map(Move::Hide));
        }
        choices.clear();
        node.state.choices(&self.program, choices);
        choices.retain(|choice| self.fits(node, *choice) && self.is_timely(node, *choice));
        self.rank(node, trail, choices, ranking, list);
        // No program makes this call: these are the waits that were assumed.
        let hidden = node.state.system.thread_ids().filter(|&thread| {
            matches!(node.state.system.thread(thread).frame, Frame::Wait(wait)
                if wait.api == Api::WaitOutside)
        });
        list.extend(hidden.map(Move::Unhide));
    }

    /// Is everything stuck that is stuck in the recording?
    pub(super) fn is_settled(&self, node: &Node, moves: &[Move]) -> bool {
        let forced = |one: &Move| match one {
            Move::Choice(Choice::Expire(_)) | Move::Hide(_) => false,
            Move::Choice(_) | Move::Unhide(_) => true,
        };
        let all_over = node
            .state
            .system
            .threads()
            .iter()
            .enumerate()
            .all(|(index, thread)| {
                let items = &self.items[index];
                let done = node.done[index] as usize;
                // What never ended in the recording is open here, or its thread is no more.
                thread.state == ThreadState::Terminated
                    || items.len() == done
                    || items[done].ended_ns.is_none()
            });
        all_over && !moves.iter().any(forced)
    }

    /// A step that is nobody else's business is left until the recording demands its end: it makes
    /// no difference which of the others' steps come before it.
    fn is_timely(&self, node: &Node, choice: Choice) -> bool {
        let demanded = self.marks.get(node.mark).map(|mark| mark.what);
        let Some(What::Over(demanded, _)) = demanded else {
            return true;
        };
        let is_local = |thread| self.is_local(node, thread);
        demanded == choice.thread() || !is_local(demanded) && !is_local(choice.thread())
    }

    /// Is the next step of this thread nobody else's business?
    fn is_local(&self, node: &Node, thread: ThreadId) -> bool {
        let joined = node.state.system.thread(thread).port.is_some();
        let is_local = match node.state.op(&self.program, thread) {
            Op::Mark { .. } => true,
            Op::Call(op) => op.call.api() == Api::Sleep && !joined,
            _ => false,
        };
        is_local
            && self.private[thread.index()]
            && leaves_quietly(&self.program, &node.state, thread)
    }

    /// Can this choice be part of an explanation?
    fn fits(&self, node: &Node, choice: Choice) -> bool {
        let thread = choice.thread();
        let index = thread.index();
        let item = self.items[index].get(node.done[index] as usize);
        let op = node.state.op(&self.program, thread);
        match choice {
            Choice::Step(_) if matches!(op, Op::Compute(_)) => true,
            Choice::Step(_) => {
                if node.done[index] >= node.begun[index] {
                    return false;
                }
                match (op, item.map(|item| &item.kind)) {
                    (Op::Call(op), Some(Kind::Call { name, .. })) => op.call.api().name() == name,
                    (Op::Until(..), Some(Kind::Until)) | (Op::End, Some(Kind::Ends)) => true,
                    (Op::Add { .. } | Op::Mark { .. } | Op::Complete { .. }, Some(Kind::Does)) => {
                        true
                    }
                    _ => false,
                }
            }
            // It returns then; what with, the model says.
            Choice::Expire(_) => matches!(
                item.map(|item| &item.kind),
                Some(Kind::Call {
                    result: Some(_),
                    ..
                })
            ),
            Choice::Return(..) | Choice::Suspend(_) => true,
        }
    }
}

/// The moves at a node, and room to list them.
#[derive(Default, Debug)]
pub(super) struct Moves {
    choices: Vec<Choice>,
    ranking: Ranking,
    /// The moves, the likeliest last.
    pub(super) list: Vec<Move>,
}

/// Is it all the same to the other threads when this one leaves the op at which it rests? It is not
/// if a branch then looks at a shared counter, or if the thread ends.
pub(super) fn leaves_quietly(program: &Program, state: &State, thread: ThreadId) -> bool {
    fn reads_counter(test: &Condition) -> bool {
        match test {
            Condition::Counter(..) => true,
            Condition::All(all) => all.iter().any(reads_counter),
            _ => false,
        }
    }
    let code = program.code(thread);
    let mut local = state.threads[thread.index()];
    local.at += 1;
    let mut quiet = true;
    let rests = local.follow(code, |_, test| {
        quiet &= !reads_counter(test);
        state.holds(thread, test)
    });
    quiet && rests && !matches!(code.ops[local.at as usize], Op::End)
}
