//! Is this recording explained by some schedule of the model?
//!
//! A recording is a partial order: each thread's calls come one after the other, and each call is
//! an interval. It *conforms* to a profile if there is a schedule in which every thread makes the
//! same calls with the same results and every step of a call lies inside that call's interval.
//!
//! The search goes through the recording's events in the order of time. A begin makes a call
//! possible; an end demands that it has returned with the recorded result, and only then, as late
//! as can be, are steps of the model taken: every order of the calls that are open then is tried
//! until one fits (just-in-time linearisation, after Lowe). States that were tried are remembered,
//! so that nothing is tried twice.
//!
//! What counts as evidence:
//! - a result, with every packet and error code in it;
//! - a call that never returned: in the model, too, it must be stuck when everything has settled;
//! - promptness: a thread that was given a packet returns within [`Options::prompt_ns`];
//! - a state that the recorder has waited for (`until`).
//!
//! What is not assumed: waits that the recording does not show. [`Options::hidden_waits`] allows
//! some, and the verdict says how many were needed.

use crate::{
    program::{CallOp, Condition, Op, Program},
    state::{Choice, State, StepError, Watch},
};
use foldhash::quality::FixedState;
use iocp_model::{
    Action, Api, Call, Frame, Observer, Returned, Semantics, ThreadId, ThreadState, Timeout,
};
use iocp_traces::{Event, Happening, SeenResult, Trace};
use std::{
    collections::{BTreeSet, HashSet},
    fmt,
    hash::BuildHasher,
};

/// How to check.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most states to look at before giving up.
    pub most_states: u64,
    /// A call that the model completes must return at most so much later, in nanoseconds; `None`
    /// for any time.
    pub prompt_ns: Option<u64>,
    /// How many waits that the recording does not show may be assumed.
    pub hidden_waits: u32,
    /// The most states to keep of those in which a divergence was met.
    pub most_frontier: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            most_states: 2_000_000,
            prompt_ns: Some(250_000_000),
            hidden_waits: 0,
            most_frontier: 64,
        }
    }
}

/// What the check came to.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Some schedule explains the recording.
    Conforms {
        /// States looked at.
        states: u64,
    },
    /// No schedule does.
    Diverges(Box<Divergence>),
    /// The most states were looked at, and neither was shown.
    NoVerdict {
        /// States looked at.
        states: u64,
        /// How many events some schedule explains.
        events: usize,
    },
}

/// Where a recording and the model part.
#[derive(Clone, PartialEq, Debug)]
pub struct Divergence {
    /// The first event of the recording that no schedule explains: its index, after the longest
    /// conforming prefix.
    pub event: usize,
    /// The thread that it is about.
    pub thread: Option<ThreadId>,
    /// What the recording did there.
    pub recorded: String,
    /// What the model could have done there instead, each possibility once.
    pub possible: Vec<String>,
    /// Every state that the model could be in there.
    pub states: Vec<State>,
    /// There were more states than are kept.
    pub more_states: bool,
    /// States looked at.
    pub looked_at: u64,
}

/// A recording that cannot be checked, since it is not one of this program.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unfit {
    /// The event, as an index; `None` for the header.
    pub event: Option<usize>,
    /// What does not fit.
    pub message: String,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let message = &self.message;
        match self.event {
            Some(event) => write!(
                f,
                "event {} does not belong to the program in the header: {message}",
                event + 1
            ),
            None => write!(f, "the header does not fit the program in it: {message}"),
        }
    }
}

impl std::error::Error for Unfit {}

/// Checks a recording against the model under these semantics.
///
/// # Errors
/// If the recording does not belong to the program.
pub fn check(
    program: &Program,
    semantics: Semantics,
    trace: &Trace,
    options: Options,
) -> Result<Verdict, Unfit> {
    let recording = Recording::read(program, trace)?;
    let mut search = Search {
        program,
        recording: &recording,
        private: private(program),
        spare: Vec::new(),
        options,
        seen: HashSet::with_hasher(FixedState::with_seed(0)),
        scratch: Vec::new(),
        looked_at: 0,
        farthest: 0,
        frontier: Vec::new(),
        more_frontier: false,
    };
    let state = State::initial(program, semantics).map_err(|_| Unfit {
        event: None,
        message: "a thread of the program goes round without doing anything".into(),
    })?;
    Ok(search.run(state))
}

/// Something that a thread does, as recorded.
#[derive(Clone, Debug)]
struct Item {
    kind: Kind,
    /// When it was over; `None` if it never was.
    ended_ns: Option<u64>,
}

#[derive(Clone, Debug)]
enum Kind {
    Call {
        name: String,
        result: Option<SeenResult>,
    },
    Until,
    Does,
    Ends,
}

/// An event, reduced to what the search needs.
#[derive(Clone, Copy, Debug)]
struct Mark {
    at_ns: u64,
    /// The event of the trace.
    event: usize,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// The thread's next item can happen from here on.
    Begins(ThreadId),
    /// The thread's item of this number has happened by here.
    Over(ThreadId, u32),
    /// Nothing happens any more.
    Settled,
}

struct Recording {
    /// What each thread does.
    items: Vec<Vec<Item>>,
    /// The events in the order of time; at the same time, begins come before ends.
    marks: Vec<Mark>,
}

impl Recording {
    fn read(program: &Program, trace: &Trace) -> Result<Self, Unfit> {
        let header = &trace.header;
        for (kind, named, known) in [
            ("threads", &header.threads, &program.thread_names),
            ("ports", &header.ports, &program.port_names),
        ] {
            if named != known {
                return Err(Unfit {
                    event: None,
                    message: format!("its list of {kind} is another than the program's"),
                });
            }
        }
        // What the threads that run each code may wait for.
        let conditions: Vec<BTreeSet<&str>> = program
            .codes
            .iter()
            .map(|code| {
                let texts = code.ops.iter().filter_map(|op| match op {
                    Op::Until(_, text) => Some(text.as_str()),
                    _ => None,
                });
                texts.collect()
            })
            .collect();
        let mut items: Vec<Vec<Item>> = vec![Vec::new(); program.threads.len()];
        let mut marks = Vec::new();
        // The last mark of each thread: from there on, what has no begin of its own can happen.
        let mut last_ns = vec![0; program.threads.len()];
        for (event, Event { at_ns, what }) in trace.events.iter().enumerate() {
            let at_ns = *at_ns;
            let unfit = |message: String| Unfit {
                event: Some(event),
                message,
            };
            let find = |name: &str| {
                program
                    .thread_names
                    .iter()
                    .position(|known| known == name)
                    .and_then(ThreadId::new)
                    .ok_or_else(|| unfit(format!("it has no thread \"{name}\"")))
            };
            let waits_for = |thread: ThreadId, condition: &str| {
                let code = program.threads[thread.index()].code;
                if conditions[code].contains(condition) {
                    return Ok(());
                }
                let name = program.thread_name(thread);
                Err(unfit(format!(
                    "its thread \"{name}\" never waits until \"{condition}\""
                )))
            };
            let mut begin = |thread: ThreadId, at_ns| {
                let what = What::Begins(thread);
                marks.push(Mark { at_ns, event, what });
            };
            let (thread, item) = match what {
                Happening::Begin { thread, call, .. } => {
                    let thread = find(thread)?;
                    begin(thread, at_ns);
                    items[thread.index()].push(Item {
                        kind: Kind::Call {
                            name: call.clone().into_owned(),
                            result: None,
                        },
                        ended_ns: None,
                    });
                    continue;
                }
                Happening::Until { thread, condition } => {
                    let thread = find(thread)?;
                    waits_for(thread, condition)?;
                    begin(thread, at_ns);
                    items[thread.index()].push(Item {
                        kind: Kind::Until,
                        ended_ns: None,
                    });
                    continue;
                }
                Happening::End { thread, result, .. } => {
                    let thread = find(thread)?;
                    match items[thread.index()].last_mut() {
                        Some(Item {
                            kind: Kind::Call { result: place, .. },
                            ended_ns: ended_ns @ None,
                        }) => {
                            *place = Some(result.clone().into_owned());
                            *ended_ns = Some(at_ns);
                        }
                        _ => return Err(unfit("a call ends that has not begun".into())),
                    }
                    (thread, None)
                }
                Happening::Reached {
                    thread, condition, ..
                } => {
                    let thread = find(thread)?;
                    waits_for(thread, condition)?;
                    match items[thread.index()].last_mut() {
                        Some(Item {
                            kind: Kind::Until,
                            ended_ns: ended_ns @ None,
                        }) => *ended_ns = Some(at_ns),
                        // A condition that was so at once has no begin of its own.
                        _ => {
                            begin(thread, last_ns[thread.index()]);
                            items[thread.index()].push(Item {
                                kind: Kind::Until,
                                ended_ns: Some(at_ns),
                            });
                        }
                    }
                    (thread, None)
                }
                Happening::Does { thread, what } if what.starts_with("compute") => {
                    last_ns[find(thread)?.index()] = at_ns;
                    continue;
                }
                Happening::Does { thread, .. } => (find(thread)?, Some(Kind::Does)),
                Happening::Ends { thread } => (find(thread)?, Some(Kind::Ends)),
                Happening::Kernel(_) | Happening::Port(_) => continue,
                Happening::Settled {} => {
                    let what = What::Settled;
                    marks.push(Mark { at_ns, event, what });
                    continue;
                }
            };
            if let Some(kind) = item {
                begin(thread, last_ns[thread.index()]);
                items[thread.index()].push(Item {
                    kind,
                    ended_ns: Some(at_ns),
                });
            }
            last_ns[thread.index()] = at_ns;
            // At most MOST_EVENTS items.
            let number = items[thread.index()].len() as u32 - 1;
            let what = What::Over(thread, number);
            marks.push(Mark { at_ns, event, what });
        }
        marks.sort_by_key(|mark| {
            let order = match mark.what {
                What::Begins(_) => 0,
                What::Over(..) => 1,
                What::Settled => 2,
            };
            (mark.at_ns, order)
        });
        Ok(Self { items, marks })
    }
}

/// A point of the search: the model's state, and how far it is in the recording.
#[derive(Debug)]
struct Node {
    state: State,
    /// Marks passed.
    mark: usize,
    /// Items of each thread that have begun in the recording.
    begun: Vec<u32>,
    /// Items of each thread that are over in the model.
    done: Vec<u32>,
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
enum Move {
    Choice(Choice),
    /// The thread blocks for a reason that the recording does not show.
    Hide(ThreadId),
    /// That reason is over.
    Unhide(ThreadId),
}

struct Search<'a> {
    program: &'a Program,
    recording: &'a Recording,
    /// For each thread: does no program ask or do anything about it?
    private: Vec<bool>,
    /// Nodes that are needed no more, for their memory.
    spare: Vec<Node>,
    options: Options,
    seen: HashSet<u128, FixedState>,
    scratch: Vec<u8>,
    looked_at: u64,
    /// The most marks that any schedule passed, and the states in which it did.
    farthest: usize,
    frontier: Vec<Node>,
    more_frontier: bool,
}

impl Search<'_> {
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
        };
        // A computation that is not seen to end leads to a call, not to an error.
        let _ = self.skip_computations(&mut first.state, &mut compare);
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
    fn moves(&self, node: &Node) -> Vec<Move> {
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
            && self.private[thread.index()]
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
                }) => name == "Sleep" || result.word() == "timeout" || result.word() == "ok",
                _ => false,
            },
            Choice::Return(..) | Choice::Suspend(_) => true,
        }
    }

    /// Makes a move; says whether what happens in it is what the recording shows.
    fn advance_by(&self, node: &mut Node, next: Move) -> bool {
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
        let taken = taken.and_then(|()| self.skip_computations(&mut node.state, &mut compare));
        taken.is_ok() && !compare.differs
    }

    /// Ends the computations of whose end nobody can tell when it was: to a check of orders they
    /// take no time.
    fn skip_computations(
        &self,
        state: &mut State,
        compare: &mut Compare<'_>,
    ) -> Result<(), StepError> {
        for thread in state.system.thread_ids() {
            while state.system.thread(thread).can_call()
                && matches!(state.op(self.program, thread), Op::Compute(_))
                && leaves_quietly(self.program, state, thread)
            {
                state.finish_computation(self.program, thread, compare)?;
            }
        }
        Ok(())
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

    fn diverged(&mut self) -> Verdict {
        let mark = self.recording.marks[self.farthest.min(self.recording.marks.len() - 1)];
        let (thread, recorded) = match mark.what {
            What::Over(thread, item) => {
                let name = self.program.thread_name(thread);
                let item = &self.recording.items[thread.index()][item as usize];
                (Some(thread), format!("{name}: {}", item.describe()))
            }
            What::Begins(thread) => (Some(thread), "a call began".into()),
            What::Settled => (None, self.describe_stuck()),
        };
        let mut possible = Vec::new();
        for node in &self.frontier {
            for text in self.possibilities(node, mark.what) {
                if !possible.contains(&text) {
                    possible.push(text);
                }
            }
        }
        let mut states: Vec<State> = Vec::new();
        for node in self.frontier.drain(..) {
            if !states.contains(&node.state) {
                states.push(node.state);
            }
        }
        Verdict::Diverges(Box::new(Divergence {
            event: mark.event,
            thread,
            recorded,
            possible,
            states,
            more_states: self.more_frontier,
            looked_at: self.looked_at,
        }))
    }

    /// The calls that never returned, in words.
    fn describe_stuck(&self) -> String {
        let stuck: Vec<String> = self
            .recording
            .items
            .iter()
            .zip(&self.program.thread_names)
            .filter_map(|(items, name)| match items.last() {
                Some(Item {
                    kind: Kind::Call { name: call, .. },
                    ended_ns: None,
                }) => Some(format!("{name} never returned from {call}")),
                _ => None,
            })
            .collect();
        if stuck.is_empty() {
            "nothing happened any more".into()
        } else {
            stuck.join(", ")
        }
    }

    /// What the model could do at a node where the recording goes another way.
    fn possibilities(&self, node: &Node, what: What) -> Vec<String> {
        let mut found = Vec::new();
        let target = match what {
            What::Over(thread, _) | What::Begins(thread) => Some(thread),
            What::Settled => None,
        };
        for one in self.moves(node) {
            let Move::Choice(choice) = one else { continue };
            let mut after = node.clone();
            let mut listen = Listen {
                program: self.program,
                recording: self.recording,
                done: &node.done,
                target,
                concerns: false,
                said: Vec::new(),
            };
            let taken = after.state.take(self.program, choice, &mut listen).is_ok();
            if taken && listen.concerns {
                found.push(listen.said.join(", and "));
            }
        }
        if let What::Over(thread, _) = what {
            let object = node.state.system.thread(thread);
            let name = self.program.thread_name(thread);
            match (object.state, object.frame) {
                (ThreadState::Waiting, Frame::Dequeue(dequeue)) => {
                    found.push(format!(
                        "{name} waits on {}",
                        self.program.port_name(dequeue.port)
                    ));
                }
                (ThreadState::Waiting, _) => found.push(format!("{name} is blocked")),
                (ThreadState::Suspended, _) => found.push(format!("{name} is suspended")),
                _ => {}
            }
        }
        found
    }
}

impl Item {
    fn describe(&self) -> String {
        match &self.kind {
            Kind::Call {
                name,
                result: Some(result),
            } => format!("{name} returned {}", describe(result)),
            Kind::Call { name, result: None } => format!("{name} never returned"),
            Kind::Until => "what it waited for came true".into(),
            Kind::Does => "did a step of its own".into(),
            Kind::Ends => "ended".into(),
        }
    }
}

/// A result in a few words: "packet key 7", "timeout (258)".
pub fn describe(result: &SeenResult) -> String {
    let mut text = result.word().to_owned();
    if let Some(error) = result.last_error {
        text += &format!(" (error {error})");
    }
    let keys: Vec<_> = result
        .packets
        .iter()
        .map(|packet| packet.key.to_string())
        .collect();
    if !keys.is_empty() {
        text = format!(
            "{}key {}",
            if result.success { "" } else { "FALSE, " },
            keys.join(", ")
        );
        if let Some(error) = result.last_error {
            text += &format!(" (error {error})");
        }
    } else if let (Some(status), "failed") = (result.status, result.word()) {
        text += &format!(" (status {status:#010x})");
    }
    if let Some(count) = result.count {
        text += &format!(", count {count}");
    }
    if !result.apcs.is_empty() {
        text += &format!(", APCs {:?} ran", result.apcs);
    }
    text
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

/// For each thread: does no program ask what it is doing, or do anything to it?
fn private(program: &Program) -> Vec<bool> {
    fn asked(condition: &Condition, private: &mut [bool]) {
        match condition {
            Condition::Waits(thread, _)
            | Condition::Blocked(thread)
            | Condition::Suspended(thread)
            | Condition::Ended(thread) => private[thread.index()] = false,
            Condition::All(all) => all.iter().for_each(|one| asked(one, private)),
            _ => {}
        }
    }
    let mut private: Vec<bool> = program
        .threads
        .iter()
        .map(|thread| {
            // Whoever completes such a request queues an APC to the thread that made it.
            let invites = |op: &Op| {
                matches!(op, Op::Call(op)
                    if matches!(op.call, Call::Request(request) if request.apc))
            };
            !program.codes[thread.code].ops.iter().any(invites)
        })
        .collect();
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        match op {
            Op::Until(conditions, _) => {
                conditions.iter().for_each(|one| asked(one, &mut private));
            }
            Op::Call(op) => match op.call {
                Call::QueueUserApc { thread, .. }
                | Call::WaitForThread { thread, .. }
                | Call::SuspendThread(thread)
                | Call::ResumeThread(thread)
                | Call::TerminateThread(thread) => private[thread.index()] = false,
                _ => {}
            },
            _ => {}
        }
    }
    private
}

/// Compares what the model does with what was recorded.
struct Compare<'a> {
    recording: &'a Recording,
    done: &'a mut [u32],
    now_ns: u64,
    prompt_ns: Option<u64>,
    differs: bool,
}

impl Compare<'_> {
    fn over(&mut self, thread: ThreadId) -> Option<&Item> {
        let done = &mut self.done[thread.index()];
        let item = self.recording.items[thread.index()].get(*done as usize)?;
        *done += 1;
        // Steps are taken as late as they can be: now is the latest moment for this one.
        let latest = self
            .prompt_ns
            .map(|prompt| self.now_ns.saturating_add(prompt));
        match (item.ended_ns, latest) {
            (None, _) => self.differs = true,
            (Some(ended), Some(latest)) if ended > latest => self.differs = true,
            _ => {}
        }
        Some(item)
    }
}

impl Observer for Compare<'_> {}

impl Watch for Compare<'_> {
    fn ends(&mut self, thread: ThreadId, _: &CallOp, returned: &Returned) {
        let same = match self.over(thread) {
            Some(Item {
                kind:
                    Kind::Call {
                        result: Some(result),
                        ..
                    },
                ..
            }) => SeenResult::of(returned) == *result,
            _ => false,
        };
        self.differs |= !same;
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        if !matches!(op, Op::Compute(_) | Op::End) && self.over(thread).is_none() {
            self.differs = true;
        }
    }

    fn ended(&mut self, thread: ThreadId) {
        // A recording need not say that a thread ended; but one that ends does nothing more.
        if let Some(item) = self.over(thread) {
            let ends = matches!(item.kind, Kind::Ends);
            self.differs |= !ends;
        }
    }
}

/// Notes, in words, what a step makes threads return with, and what the recording has there.
struct Listen<'a> {
    program: &'a Program,
    recording: &'a Recording,
    done: &'a [u32],
    /// The thread that the divergence is about, if it is about one.
    target: Option<ThreadId>,
    /// The step is about that thread, or contradicts the recording.
    concerns: bool,
    said: Vec<String>,
}

impl Observer for Listen<'_> {}

impl Watch for Listen<'_> {
    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        let seen = SeenResult::of(returned);
        let name = self.program.thread_name(thread);
        let api = op.call.api().name();
        let mut said = format!("{name}: {api} returns {}", describe(&seen));
        let index = thread.index();
        let item = self.recording.items[index].get(self.done[index] as usize);
        let recorded = match item.map(|item| &item.kind) {
            Some(Kind::Call {
                result: Some(result),
                ..
            }) if *result == seen => None,
            Some(Kind::Call {
                result: Some(result),
                ..
            }) => Some(describe(result)),
            _ => Some("that it never returned".into()),
        };
        if let Some(recorded) = &recorded {
            said += &format!(" (the recording has {recorded})");
        }
        self.concerns |= self.target == Some(thread) || recorded.is_some();
        self.said.push(said);
    }
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
