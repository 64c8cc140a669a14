//! The search itself: depth first, every state once.

use super::{
    Options, Verdict,
    compare::Compare,
    recording::{Kind, Recording, What},
};
use crate::{
    program::{Condition, Op, Program},
    state::{Choice, State, StepError, Watch},
};
use foldhash::quality::FixedState;
use iocp_model::{Action, Api, Call, Frame, NtStatus, Observer, ThreadId, ThreadState, Timeout};
use std::{collections::HashSet, hash::BuildHasher};

/// A point of the search: the model's state, and how far it is in the recording.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) state: State,
    /// Marks passed.
    pub(super) mark: usize,
    /// Items of each thread that have begun in the recording.
    begun: Vec<u32>,
    /// Items of each thread that are over in the model.
    pub(super) done: Vec<u32>,
    /// Hidden waits assumed so far.
    hidden: u32,
}

impl Clone for Node {
    fn clone(&self) -> Self {
        Self {
            state: self.state.clone(),
            mark: self.mark,
            begun: self.begun.clone(),
            done: self.done.clone(),
            hidden: self.hidden,
        }
    }

    fn clone_from(&mut self, source: &Self) {
        self.state.clone_from(&source.state);
        self.mark = source.mark;
        self.begun.clone_from(&source.begun);
        self.done.clone_from(&source.done);
        self.hidden = source.hidden;
    }
}

/// What the search can do at a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Move {
    Choice(Choice),
    /// The thread blocks for a reason that the recording does not show.
    Hide(ThreadId),
    /// That reason is over.
    Unhide(ThreadId),
}

pub(super) struct Search<'a, O> {
    pub(super) program: &'a Program,
    pub(super) recording: &'a Recording<'a>,
    /// Nodes that are needed no more, for their memory.
    spare: Vec<Node>,
    options: Options,
    observer: &'a mut O,
    seen: HashSet<u128, FixedState>,
    scratch: Vec<u8>,
    pub(super) looked_at: u64,
    /// The most marks that any schedule passed, and the states in which it did.
    pub(super) farthest: usize,
    pub(super) frontier: Vec<Node>,
    pub(super) more_frontier: bool,
}

/// Searches from this state on for a schedule that explains the recording.
pub(super) fn run<O: Observer>(
    recording: &Recording<'_>,
    options: Options,
    observer: &mut O,
    state: State,
) -> Verdict {
    let mut search = Search {
        program: recording.program,
        recording,
        spare: Vec::new(),
        options,
        observer,
        seen: HashSet::with_hasher(FixedState::with_seed(0)),
        scratch: Vec::new(),
        looked_at: 0,
        farthest: 0,
        frontier: Vec::new(),
        more_frontier: false,
    };
    search.run(state)
}

impl<O: Observer> Search<'_, O> {
    fn run(&mut self, state: State) -> Verdict {
        let threads = self.program.threads.len();
        let mut first = Node {
            state,
            mark: 0,
            begun: vec![0; threads],
            done: vec![0; threads],
            hidden: 0,
        };
        // Threads that end before they do anything are over at once.
        for (index, thread) in first.state.system.threads().iter().enumerate() {
            if thread.state == ThreadState::Terminated {
                first.done[index] = u32::from(!self.recording.items[index].is_empty());
            }
        }
        let mut compare = Compare {
            recording: self.recording,
            done: &mut first.done,
            now_ns: 0,
            prompt_ns: self.options.prompt_ns,
            differs: false,
            observer: &mut *self.observer,
        };
        // A computation that is not seen to end leads to a call, not to an error.
        let _ = skip_computations(self.program, &mut first.state, &mut compare);
        // Nodes with the moves still to try there, the next one last.
        let mut stack: Vec<(Node, Vec<Move>)> = Vec::new();
        let mut next = Some(first);
        loop {
            let Some(mut node) = next.take().or_else(|| self.pop(&mut stack)) else {
                return self.diverged();
            };
            if self.advance(&mut node) {
                return Verdict::Conforms {
                    states: self.looked_at,
                };
            }
            if self.looked_at >= self.options.most_states {
                return Verdict::NoVerdict {
                    states: self.looked_at,
                    events: self.recording.marks[self.farthest].event,
                };
            }
            if self.is_new(&node) {
                self.looked_at += 1;
                self.note_frontier(&node);
                let moves = self.moves(&node);
                stack.push((node, moves));
            } else {
                self.spare.push(node);
            }
        }
    }

    /// The next node to look at: the top of the stack after its next possible move.
    fn pop(&mut self, stack: &mut Vec<(Node, Vec<Move>)>) -> Option<Node> {
        loop {
            let (node, moves) = stack.last_mut()?;
            let mut child = self.spare.pop();
            let next = moves.pop();
            if next.is_none() || moves.is_empty() {
                // Nothing more is to be tried there: the node itself goes on, if at all.
                let (node, _) = stack.pop()?;
                self.spare.extend(child.replace(node));
            } else if let Some(child) = &mut child {
                child.clone_from(node);
            } else {
                child = Some(node.clone());
            }
            let mut child = child?;
            if next.is_some_and(|next| self.advance_by(&mut child, next)) {
                return Some(child);
            }
            self.spare.push(child);
        }
    }

    /// Passes all marks that demand nothing; `true` if there are no others.
    fn advance(&self, node: &mut Node) -> bool {
        while let Some(mark) = self.recording.marks.get(node.mark) {
            let satisfied = match mark.what {
                What::Begins(thread) => {
                    node.begun[thread.index()] += 1;
                    true
                }
                What::Over(thread, item) => node.done[thread.index()] > item,
                What::Settled => self.is_settled(node, &self.moves(node)),
            };
            if !satisfied {
                return false;
            }
            node.mark += 1;
        }
        true
    }

    /// Is everything stuck that is stuck in the recording?
    fn is_settled(&self, node: &Node, moves: &[Move]) -> bool {
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
                let items = &self.recording.items[index];
                let done = node.done[index] as usize;
                // What never ended in the recording is open here, or its thread is no more.
                thread.state == ThreadState::Terminated
                    || items.len() == done
                    || items[done].ended_ns.is_none()
            });
        all_over && !moves.iter().any(forced)
    }

    /// What can happen at a node, the likeliest last: calls in the order in which they began.
    pub(super) fn moves(&self, node: &Node) -> Vec<Move> {
        let mut choices = Vec::new();
        node.state.choices(self.program, &mut choices);
        let mut moves: Vec<Move> = choices
            .into_iter()
            .filter(|choice| self.fits(node, *choice) && self.is_due(node, *choice))
            .map(Move::Choice)
            .collect();
        moves.sort_by_key(|one| match one {
            Move::Choice(Choice::Step(thread)) => {
                std::cmp::Reverse((1, self.ends_ns(node, *thread)))
            }
            // Going on comes before anything new; time runs out as late as it can.
            Move::Choice(Choice::Return(..) | Choice::Suspend(_)) => std::cmp::Reverse((0, 0)),
            _ => std::cmp::Reverse((2, 0)),
        });
        if node.hidden < self.options.hidden_waits {
            let hides = node.state.system.thread_ids().filter(|&thread| {
                let object = node.state.system.thread(thread);
                object.can_call() && object.port.is_some()
            });
            // Assumed only when nothing else is left to try.
            moves.splice(0..0, hides.map(Move::Hide));
        }
        // No program makes this call: these are the waits that were assumed.
        let hidden = node.state.system.thread_ids().filter(|&thread| {
            matches!(node.state.system.thread(thread).frame, Frame::Wait(wait)
                if wait.api == Api::WaitOutside)
        });
        moves.extend(hidden.map(Move::Unhide));
        moves
    }

    /// A step that is nobody else's business is left until the recording demands its end: it makes
    /// no difference which of the others' steps come before it.
    fn is_due(&self, node: &Node, choice: Choice) -> bool {
        let demanded = self.recording.marks.get(node.mark).map(|mark| mark.what);
        let Some(What::Over(demanded, _)) = demanded else {
            return true;
        };
        let is_local = |thread| self.is_local(node, thread);
        demanded == choice.thread() || !is_local(demanded) && !is_local(choice.thread())
    }

    /// Is the next step of this thread nobody else's business?
    fn is_local(&self, node: &Node, thread: ThreadId) -> bool {
        let joined = node.state.system.thread(thread).port.is_some();
        let is_local = match node.state.op(self.program, thread) {
            Op::Mark { .. } => true,
            Op::Call(op) => op.call.api() == Api::Sleep && !joined,
            _ => false,
        };
        is_local
            && self.recording.private[thread.index()]
            && leaves_quietly(self.program, &node.state, thread)
    }

    /// When the next item of a thread was over, as a guess at when it happened.
    fn ends_ns(&self, node: &Node, thread: ThreadId) -> u64 {
        let items = &self.recording.items[thread.index()];
        items
            .get(node.done[thread.index()] as usize)
            .and_then(|item| item.ended_ns)
            .unwrap_or(u64::MAX / 2)
    }

    /// Can this choice be part of an explanation?
    fn fits(&self, node: &Node, choice: Choice) -> bool {
        let thread = choice.thread();
        let index = thread.index();
        let item = self.recording.items[index].get(node.done[index] as usize);
        let op = node.state.op(self.program, thread);
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
            Choice::Expire(_) => match item.map(|item| &item.kind) {
                Some(Kind::Call {
                    result: Some(result),
                    name,
                }) => {
                    name == "Sleep"
                        || matches!(result.word(), "timeout" | "ok")
                        // With a packet that is none.
                        || result.last_error == Some(NtStatus::TIMEOUT.to_win32().0)
                }
                _ => false,
            },
            Choice::Return(..) | Choice::Suspend(_) => true,
        }
    }

    /// Makes a move; says whether what happens in it is what the recording shows.
    fn advance_by(&mut self, node: &mut Node, next: Move) -> bool {
        let now_ns = self
            .recording
            .marks
            .get(node.mark)
            .map_or(u64::MAX, |mark| mark.at_ns);
        let mut compare = Compare {
            recording: self.recording,
            done: &mut node.done,
            now_ns,
            prompt_ns: self.options.prompt_ns,
            differs: false,
            observer: &mut *self.observer,
        };
        let taken = match next {
            Move::Choice(choice) => node.state.take(self.program, choice, &mut compare),
            Move::Hide(thread) => {
                node.hidden += 1;
                let wait = Call::WaitOutside {
                    timeout: Timeout::Infinite,
                    alertable: false,
                };
                node.state
                    .hide(self.program, Action::Call(thread, wait), &mut compare)
            }
            Move::Unhide(thread) => node.state.unhide(thread, &mut compare),
        };
        let taken =
            taken.and_then(|()| skip_computations(self.program, &mut node.state, &mut compare));
        taken.is_ok() && !compare.differs
    }

    /// Has this node not been looked at before?
    fn is_new(&mut self, node: &Node) -> bool {
        self.scratch.clear();
        self.scratch
            .extend_from_slice(&(node.mark as u64).to_le_bytes());
        self.scratch.extend_from_slice(&node.hidden.to_le_bytes());
        for done in &node.done {
            self.scratch.extend_from_slice(&done.to_le_bytes());
        }
        node.state.encode(&mut self.scratch);
        let half = |seed| u128::from(FixedState::with_seed(seed).hash_one(&self.scratch));
        self.seen.insert(half(1) << 64 | half(2))
    }

    fn note_frontier(&mut self, node: &Node) {
        if node.mark > self.farthest {
            self.farthest = node.mark;
            self.frontier.clear();
            self.more_frontier = false;
        }
        if node.mark == self.farthest {
            if self.frontier.len() < self.options.most_frontier {
                self.frontier.push(node.clone());
            } else {
                self.more_frontier = true;
            }
        }
    }
}

/// Ends the computations of whose end nobody can tell when it was: to a check of orders they take no
/// time.
fn skip_computations<O: Observer>(
    program: &Program,
    state: &mut State,
    compare: &mut Compare<'_, O>,
) -> Result<(), StepError> {
    for thread in state.system.thread_ids() {
        while state.system.thread(thread).can_call()
            && matches!(state.op(program, thread), Op::Compute(_))
            && leaves_quietly(program, state, thread)
        {
            state.finish_computation(program, thread, compare)?;
        }
    }
    Ok(())
}

/// Is it all the same to the other threads when this one leaves the op at which it rests? It is not
/// if a branch then looks at a shared counter, or if the thread ends.
fn leaves_quietly(program: &Program, state: &State, thread: ThreadId) -> bool {
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

impl State {
    /// A thread in its own code blocks for a reason that no program shows.
    fn hide<W: Watch>(
        &mut self,
        program: &Program,
        action: Action,
        watch: &mut W,
    ) -> Result<(), StepError> {
        self.apply_and_settle(program, action, watch)
    }

    /// That reason is over.
    fn unhide<W: Watch>(&mut self, thread: ThreadId, watch: &mut W) -> Result<(), StepError> {
        self.system.apply(Action::Unblock(thread), watch)?;
        self.system
            .apply(Action::Return { thread, more: 0 }, watch)?;
        Ok(())
    }
}
