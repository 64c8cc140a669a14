//! A recording, reduced to what a search for its schedule needs: what each thread did, and when it
//! can have done so.
//!
//! Read once, checked as often as anyone likes: nothing here depends on the semantics.

use super::{
    Options, Unfit, Verdict,
    dequeues::{Dequeues, Look},
    search,
};
use crate::{
    program::{Condition, Op, Program},
    state::State,
};
use iocp_model::{Call, Observer, Semantics, ThreadId};
use iocp_traces::{Event, Happening, SeenResult, Trace};
use std::{borrow::Cow, collections::BTreeSet};

/// What a recording says, with the program that it is of.
#[derive(Clone, Debug)]
pub struct Recording<'p> {
    /// Whoever made it may have come back from a call and counted it later.
    pub(super) program: Cow<'p, Program>,
    /// For each thread: does no program ask or do anything about it?
    pub(super) private: Vec<bool>,
    /// What each thread does.
    pub(super) items: Vec<Vec<Item>>,
    /// The events in the order of time; at the same time, begins come before ends.
    pub(super) marks: Vec<Mark>,
    /// How many marks it usually takes from the begin of a call to its end, if it does not wait.
    pub(super) usual_length: u32,
    /// When each packet was dequeued.
    pub(super) dequeues: Dequeues,
}

impl<'p> Recording<'p> {
    /// Reads it out of a trace.
    ///
    /// # Errors
    /// If the trace does not belong to the program.
    pub fn read(program: &'p Program, trace: &Trace) -> Result<Self, Unfit> {
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
                        turn: u32::MAX,
                        begin: 0,
                        over: u32::MAX,
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
                        turn: u32::MAX,
                        begin: 0,
                        over: u32::MAX,
                    });
                    continue;
                }
                Happening::End { thread, result, .. } => {
                    let thread = find(thread)?;
                    match items[thread.index()].last_mut() {
                        Some(Item {
                            kind: Kind::Call { result: place, .. },
                            ended_ns: ended_ns @ None,
                            ..
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
                            ..
                        }) => *ended_ns = Some(at_ns),
                        // A condition that was so at once has no begin of its own.
                        _ => {
                            begin(thread, last_ns[thread.index()]);
                            items[thread.index()].push(Item {
                                kind: Kind::Until,
                                ended_ns: Some(at_ns),
                                turn: u32::MAX,
                                begin: 0,
                                over: u32::MAX,
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
                    turn: u32::MAX,
                    begin: 0,
                    over: u32::MAX,
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
        let mut begun = vec![0; items.len()];
        for (place, mark) in marks.iter().enumerate() {
            // At most two marks for each of MOST_EVENTS events.
            let place = place as u32;
            match mark.what {
                What::Begins(thread) => {
                    let next = &mut begun[thread.index()];
                    items[thread.index()][*next].begin = place;
                    *next += 1;
                }
                What::Over(thread, item) => items[thread.index()][item as usize].over = place,
                What::Settled => {}
            }
        }
        let dequeues = Dequeues::read(program, &items, &marks);
        let mut recording = Self {
            program: program.with_counts_apart(),
            private: private(program),
            usual_length: usual_length(&items),
            dequeues,
            items,
            marks,
        };
        recording.note_turns();
        Ok(recording)
    }

    /// Takes another order of the packets for the likeliest: their looks as they come.
    pub(super) fn reorder(&mut self, order: &[Look]) {
        self.dequeues.reorder(order);
        self.note_turns();
    }

    /// Gives each item the place of its first packet.
    fn note_turns(&mut self) {
        self.dequeues.turns_by_end(|mark, turn| {
            if let What::Over(thread, item) = self.marks[mark as usize].what {
                self.items[thread.index()][item as usize].turn = turn;
            }
        });
    }

    /// Is there a schedule of the model under these semantics that explains it? The observer is
    /// told of every step that the search takes, also of those that turn out to explain nothing.
    ///
    /// # Errors
    /// If the program cannot run: a thread of it goes round without doing anything.
    pub fn check<O: Observer>(
        &self,
        semantics: Semantics,
        options: Options,
        observer: &mut O,
    ) -> Result<Verdict, Unfit> {
        let state = State::initial(&self.program, semantics).map_err(|_| Unfit {
            event: None,
            message: "a thread of the program goes round without doing anything".into(),
        })?;
        Ok(search::run(self, options, observer, state))
    }
}

/// Something that a thread does, as recorded.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) kind: Kind,
    /// When it was over; `None` if it never was.
    pub(super) ended_ns: Option<u64>,
    /// The place of its first packet in the order in which packets come: an estimate.
    pub(super) turn: u32,
    /// The mark at which it could begin.
    pub(super) begin: u32,
    /// The mark at which it is over; the greatest number if there is none.
    pub(super) over: u32,
}

#[derive(Clone, Debug)]
pub(super) enum Kind {
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
pub(super) struct Mark {
    pub(super) at_ns: u64,
    /// The event of the trace.
    pub(super) event: usize,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum What {
    /// The thread's next item can happen from here on.
    Begins(ThreadId),
    /// The thread's item of this number has happened by here.
    Over(ThreadId, u32),
    /// Nothing happens any more.
    Settled,
}

/// The length of a call that is longer than every fourth, in marks.
fn usual_length(items: &[Vec<Item>]) -> u32 {
    let lengths = items
        .iter()
        .flatten()
        .filter(|item| item.over != u32::MAX && matches!(item.kind, Kind::Call { .. }));
    let mut lengths: Vec<u32> = lengths.map(|item| item.over - item.begin).collect();
    let place = lengths.len() / 4;
    match lengths.get_mut(place) {
        Some(_) => *lengths.select_nth_unstable(place).1,
        None => 0,
    }
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
