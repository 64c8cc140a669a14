//! The search itself: depth first, no state twice.

use super::{
    Options, PART_PER_EVENT, Verdict,
    compare::Compare,
    divergence,
    memo::Memo,
    moves::{Move, Moves, leaves_quietly},
    node::Node,
    path::{Path, Step},
    recording::{Recording, What},
    trail::Trail,
};
use crate::{
    program::{Op, Program},
    state::{Choice, State, StepError, Watch},
};
use iocp_model::{Action, Call, Observer, ThreadId, ThreadState, Timeout};

/// Searches from this state on for a schedule that explains the recording.
pub(super) fn run<O: Observer>(
    recording: &Recording<'_>,
    options: Options,
    observer: &mut O,
    state: State,
) -> Verdict {
    let mut search = Search::new(recording, options, observer, state.clone());
    let in_order = search.trail.is_in_order();
    if in_order && recording.dequeues.contradictory {
        search.trail.tell(search.observer);
        return locate(recording, options, observer, state, (0, 0), true);
    }
    let mut explained = search.run(Aim::Explain);
    let (mut farthest, mut states) = (search.farthest, search.looked_at);
    let mut met_doom = search.trail.has_met_doom();
    if in_order && matches!(explained, Outcome::OutOfBudget) {
        // A wrong guess at the order of a deep queue shows only when it is too late to find it.
        if let Some(recording) = rehearse(recording, options, &state) {
            let mut search = Search::new(&recording, options, observer, state.clone());
            explained = search.run(Aim::Explain);
            farthest = farthest.max(search.farthest);
            states += search.looked_at;
            met_doom |= search.trail.has_met_doom();
        }
    }
    match explained {
        Outcome::Reached => Verdict::Conforms { states },
        Outcome::OutOfBudget => Verdict::NoVerdict {
            states,
            events: recording.marks[farthest].event,
        },
        Outcome::Refuted => {
            let known = (farthest, states);
            locate(recording, options, observer, state, known, met_doom)
        }
    }
}

/// The recording, with the packets in an order in which they can come and leave, if one is found.
fn rehearse<'p>(
    recording: &Recording<'p>,
    options: Options,
    state: &State,
) -> Option<Recording<'p>> {
    let mut nobody = ();
    let mut search = Search::new(recording, options, &mut nobody, state.clone());
    search.trail.rehearse();
    matches!(search.run(Aim::Explain), Outcome::Reached).then(|| {
        let mut recording = recording.clone();
        recording.reorder(search.trail.looks());
        recording
    })
}

/// It diverges. Where? `known`: how far a schedule is known to get, and how many states were looked
/// at; `refused`: some ways were not followed to their end, since they lead nowhere.
fn locate<O: Observer>(
    recording: &Recording<'_>,
    options: Options,
    observer: &mut O,
    state: State,
    known: (usize, u64),
    refused: bool,
) -> Verdict {
    let mut longest = true;
    let (mut farthest, mut looked_at) = known;
    if refused {
        let mut search = Search::new(recording, options, observer, state.clone());
        search.farthest = farthest;
        longest = matches!(search.run(Aim::Farthest), Outcome::Refuted);
        farthest = search.farthest;
        looked_at += search.looked_at;
    }
    // Which states are the last that some schedule reaches is known only now. To copy them on the
    // way would cost more than to go that way again.
    let mut nobody = ();
    let mut search = Search::new(recording, options, &mut nobody, state);
    search.farthest = farthest;
    if options.most_frontier > 0 {
        search.run(Aim::Gather);
    }
    divergence::describe_at(recording, search.frontier, farthest, longest, looked_at)
}

/// What a search is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Aim {
    /// An explanation of the whole recording.
    Explain,
    /// An explanation of as much of it as can be.
    Farthest,
    /// The states in which that ends.
    Gather,
}

/// How a search ended.
enum Outcome {
    /// The whole recording is explained.
    Reached,
    /// There is nothing left to try.
    Refuted,
    /// There is, but not room.
    OutOfBudget,
}

/// The states in which a schedule gets as far as any.
#[derive(Default)]
pub(super) struct Frontier {
    pub(super) nodes: Vec<Node>,
    /// There were more than were to be kept.
    pub(super) more: bool,
}

struct Search<'a, O> {
    program: &'a Program,
    recording: &'a Recording<'a>,
    options: Options,
    observer: &'a mut O,
    /// Where it begins.
    state: State,
    path: Path,
    trail: Trail,
    memo: Memo,
    moves: Moves,
    scratch: Vec<u8>,
    looked_at: u64,
    /// How many more may be looked at, or gone to again, before it gives up.
    left: u64,
    /// The most marks that it has passed, whatever was known before.
    reached: usize,
    aim: Aim,
    /// The most marks that any schedule passed.
    farthest: usize,
    /// The states in which they do, if they are gathered.
    frontier: Frontier,
}

impl<'a, O: Observer> Search<'a, O> {
    fn new(
        recording: &'a Recording<'a>,
        options: Options,
        observer: &'a mut O,
        state: State,
    ) -> Self {
        Self {
            program: &recording.program,
            recording,
            options,
            observer,
            path: Path::default(),
            trail: Trail::new(&recording.dequeues, state.system.semantics(), options.plain),
            state,
            memo: Memo::default(),
            moves: Moves::default(),
            scratch: Vec::new(),
            looked_at: 0,
            left: options.most_states,
            reached: 0,
            aim: Aim::Explain,
            farthest: 0,
            frontier: Frontier::default(),
        }
    }

    fn run(&mut self, aim: Aim) -> Outcome {
        self.aim = aim;
        let mut node = self.first();
        self.path.begin(&node, self.options.plain);
        loop {
            if self.advance(&mut node) {
                return Outcome::Reached;
            }
            if self.left == 0 {
                return Outcome::OutOfBudget;
            }
            let mut is_new = !self.options.plain || self.is_new(&node);
            if is_new {
                self.look_at(&node);
                // Where only one thing can happen, the next node is as good as this one to see that
                // it has been looked at.
                if !self.options.plain && self.moves.list.len() > 1 {
                    is_new = self.is_new(&node);
                }
            }
            let is_last = aim == Aim::Gather && is_new && node.mark == self.farthest;
            if is_last && !self.frontier.add(&node, self.options.most_frontier) {
                return Outcome::OutOfBudget;
            }
            let is_open = is_new && !self.moves.list.is_empty();
            let advanced = is_open && self.go_on(&mut node);
            if !advanced && !self.go_back(&mut node) {
                return Outcome::Refuted;
            }
        }
    }

    /// Counts a node, and lists what can happen there.
    fn look_at(&mut self, node: &Node) {
        self.looked_at += 1;
        self.left = self.left.saturating_sub(1);
        if node.mark > self.reached {
            let marks = (node.mark - self.reached) as u64;
            let credit = marks * (self.options.most_states / PART_PER_EVENT);
            self.left = (self.left + credit).min(self.options.most_states);
            self.reached = node.mark;
            if !self.options.plain {
                self.memo.forget();
            }
        }
        self.farthest = self.farthest.max(node.mark);
        self.list_moves(node);
    }

    /// Has this node not been looked at before, as far as that is known?
    fn is_new(&mut self, node: &Node) -> bool {
        self.memo.insert(node.hash(&mut self.scratch))
    }

    /// The mark that a node must be able to reach to be of use.
    fn needed(&self) -> u32 {
        match self.aim {
            Aim::Explain => u32::MAX,
            Aim::Farthest => self.farthest as u32 + 1,
            Aim::Gather => self.farthest as u32,
        }
    }

    fn first(&mut self) -> Node {
        let mut first = Node::new(self.state.clone());
        // Threads that end before they do anything are over at once.
        for (index, thread) in first.state.system.threads().iter().enumerate() {
            if thread.state == ThreadState::Terminated {
                first.done[index] = u32::from(!self.recording.items[index].is_empty());
            }
        }
        let mut compare = Compare {
            recording: self.recording,
            done: &mut first.done,
            mark: 0,
            got: 0,
            now_ns: 0,
            prompt_ns: self.options.prompt_ns,
            differs: false,
            trail: &mut self.trail,
            queues: &mut first.queues,
            order: &mut first.order,
            observer: &mut *self.observer,
        };
        // A computation that is not seen to end leads to a call, not to an error.
        let _ = skip_computations(self.program, &mut first.state, &mut compare);
        first
    }

    fn list_moves(&mut self, node: &Node) {
        let hidden_waits = self.options.hidden_waits;
        self.recording
            .moves(node, &self.trail, hidden_waits, &mut self.moves);
    }

    /// Takes the first of the moves that are listed, and leaves the others for later.
    fn go_on(&mut self, node: &mut Node) -> bool {
        let depth = self.path.depth();
        self.path.keep(depth, node, &mut self.trail);
        let taken = self.moves.list.len() - 1;
        let next = self.moves.list[taken];
        if taken > 0 {
            self.path
                .fork(depth, node, &self.moves.list, &mut self.trail);
        }
        self.take(node, next, taken)
    }

    /// Goes back to the last node at which something is left to try, and tries that. `false`: there
    /// is none.
    fn go_back(&mut self, node: &mut Node) -> bool {
        while let Some(step) = self.path.pop() {
            self.trail.forget_packets(step.packets as usize);
            if step.taken == 0 {
                continue;
            }
            let depth = self.path.depth();
            if !self.path.return_to_fork(depth, node, &mut self.trail) {
                self.replay(depth, node);
            }
            let taken = usize::from(step.taken) - 1;
            let next = self.path.next_at_fork(taken);
            if self.take(node, next, taken) {
                return true;
            }
        }
        false
    }

    /// Makes a move, and notes it in the path.
    fn take(&mut self, node: &mut Node, next: Move, taken: usize) -> bool {
        let before = self.trail.packets();
        let fits = self.advance_by(node, next);
        self.path.push(Step {
            packets: (self.trail.packets() - before) as u32,
            // There are at most MOST_THREADS threads, and a few moves of each.
            taken: taken as u16,
        });
        fits
    }

    /// Goes the path again from where a whole node was kept, up to this depth.
    fn replay(&mut self, depth: usize, node: &mut Node) {
        let mut at = self.path.rewind(depth, node, &mut self.trail);
        loop {
            self.advance(node);
            self.list_moves(node);
            if self.moves.list.len() > 1 {
                // What was forgotten of this node is known again.
                self.memo.insert(node.hash(&mut self.scratch));
            }
            if at == depth {
                self.path.fork(at, node, &self.moves.list, &mut self.trail);
                return;
            }
            self.path.keep(at, node, &mut self.trail);
            let taken = usize::from(self.path.step(at).taken);
            if taken > 0 {
                self.path.fork(at, node, &self.moves.list, &mut self.trail);
            }
            let next = self.moves.list[taken];
            // It may lead to a mark that is not far enough by now; that is for the next step to see.
            let fits = self.explains(node, next);
            assert!(fits, "what was done once can be done again");
            self.left = self.left.saturating_sub(1);
            at += 1;
        }
    }

    /// Passes all marks that demand nothing; `true` if there are no others.
    fn advance(&mut self, node: &mut Node) -> bool {
        while let Some(mark) = self.recording.marks.get(node.mark) {
            let satisfied = match mark.what {
                What::Begins(thread) => {
                    node.begun[thread.index()] += 1;
                    true
                }
                What::Over(thread, item) => node.done[thread.index()] > item,
                What::Settled => {
                    self.list_moves(node);
                    self.recording.is_settled(node, &self.moves.list)
                }
            };
            if !satisfied {
                return false;
            }
            node.mark += 1;
        }
        true
    }

    /// Makes a move; says whether to go on from there.
    fn advance_by(&mut self, node: &mut Node, next: Move) -> bool {
        self.explains(node, next) && node.order.doom >= self.needed()
    }

    /// Makes a move; says whether what happens in it is what the recording shows.
    fn explains(&mut self, node: &mut Node, next: Move) -> bool {
        // One that was woken has a packet already.
        let got = usize::from(matches!(next, Move::Choice(Choice::Return(..))));
        let now_ns = self
            .recording
            .marks
            .get(node.mark)
            .map_or(u64::MAX, |mark| mark.at_ns);
        let mut compare = Compare {
            recording: self.recording,
            done: &mut node.done,
            mark: node.mark,
            got,
            now_ns,
            prompt_ns: self.options.prompt_ns,
            differs: false,
            trail: &mut self.trail,
            queues: &mut node.queues,
            order: &mut node.order,
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
        let fits = taken.is_ok() && !compare.differs;
        // What was marked changes nothing that happens, and would be copied again and again.
        node.state.marked.iter_mut().for_each(Vec::clear);
        fits
    }
}

impl Frontier {
    /// Adds a node; `false` if there is no room for it.
    fn add(&mut self, node: &Node, most: usize) -> bool {
        if self.nodes.iter().any(|known| known.state == node.state) {
            return true;
        }
        self.more = self.nodes.len() == most;
        if !self.more {
            self.nodes.push(node.clone());
        }
        !self.more
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
