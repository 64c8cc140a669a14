//! What the expectations of a scenario need to know of a run besides its state.
//!
//! A search tells states apart by their history too, so no more is kept than somebody asks for: the
//! results of the calls that an expectation names, what the threads took whose packets one lists,
//! and how long packets have been queued where one bounds that.

use crate::{
    expect::{self, Outcome, Seen, SeenCall},
    program::{CallOp, Program},
    state::State,
    waits::Waits,
};
use iocp_model::{Event, Returned, ThreadId};
use iocp_traces::SeenResult;

/// A state, and what is remembered of the way to it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Situation {
    /// The state.
    pub(crate) state: State,
    /// What is remembered.
    pub(crate) history: History,
}

/// What is remembered of a run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct History {
    pub(crate) calls: Vec<Calls>,
    pub(crate) took: Vec<Took>,
    pub(crate) waits: Vec<Waits>,
}

/// The calls of one label that one thread has made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Calls {
    thread: ThreadId,
    label: String,
    /// Nobody asks for later ones.
    most: usize,
    /// What they came to; `None` while a call has not returned.
    pub(crate) results: Vec<Option<SeenResult>>,
}

/// The packets that one thread has taken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Took {
    thread: ThreadId,
    pub(crate) keys: Vec<u64>,
}

impl History {
    /// Nothing yet, of what the program's expectations for a profile need.
    pub(crate) fn new(program: &Program, profile: &str) -> Self {
        let all = program.workload.expect.iter();
        let meant = all.filter(|expectation| expect::applies(expectation, profile));
        let mut history = Self {
            waits: expect::waits(program, meant.clone()),
            ..Self::default()
        };
        for expectation in meant {
            if let Some((thread, label, occurrence)) = expectation
                .result
                .as_deref()
                .and_then(|name| expect::call_named(program, name))
            {
                history.needs_call(thread, label, occurrence + 1);
            }
            if expectation.took.is_some()
                && let Some(thread) = expectation.thread.as_deref().and_then(|name| {
                    let index = program.thread_names.iter().position(|known| known == name);
                    index.and_then(ThreadId::new)
                })
                && history.took.iter().all(|took| took.thread != thread)
            {
                history.took.push(Took {
                    thread,
                    keys: Vec::new(),
                });
            }
        }
        history
    }

    fn needs_call(&mut self, thread: ThreadId, label: String, most: usize) {
        match self.find(thread, &label) {
            Some(known) => self.calls[known].most = self.calls[known].most.max(most),
            None => self.calls.push(Calls {
                thread,
                label,
                most,
                results: Vec::new(),
            }),
        }
    }

    fn find(&self, thread: ThreadId, label: &str) -> Option<usize> {
        self.calls
            .iter()
            .position(|calls| calls.thread == thread && calls.label == label)
    }

    /// Something happens in a step.
    pub(crate) fn event(&mut self, event: &Event) {
        self.waits.iter_mut().for_each(|waits| waits.event(event));
    }

    /// A step is over: the parts that this may change.
    pub(crate) fn step_ends(&mut self) -> std::ops::Range<usize> {
        self.waits.iter_mut().for_each(Waits::step_ends);
        self.parts() - self.waits.len()..self.parts()
    }

    /// The thread makes a call of this label: the part that this changes.
    pub(crate) fn begins(&mut self, thread: ThreadId, label: &str) -> Option<usize> {
        let index = self.find(thread, label)?;
        let calls = &mut self.calls[index];
        if calls.results.len() < calls.most {
            calls.results.push(None);
        }
        Some(index)
    }

    /// A call returns to the thread: the parts that this changes.
    pub(crate) fn returned(
        &mut self,
        thread: ThreadId,
        op: &CallOp,
        returned: &Returned,
    ) -> [Option<usize>; 2] {
        let call = op.label.as_ref().and_then(|label| {
            let index = self.find(thread, label)?;
            // A thread makes one call at a time; those that nobody asks for are not noted.
            if let Some(open @ None) = self.calls[index].results.last_mut() {
                *open = Some(SeenResult::of(returned));
            }
            Some(index)
        });
        let took = || {
            let index = self.took.iter().position(|took| took.thread == thread)?;
            let keys = returned.packets.iter().map(|packet| packet.key);
            self.took[index].keys.extend(keys);
            Some(self.calls.len() + index)
        };
        let took = (!returned.packets.is_empty()).then(took).flatten();
        [call, took]
    }
}

impl Situation {
    /// The outcome of a run that ends here.
    pub(crate) fn outcome(&self, program: &Program) -> Outcome {
        let mut took = vec![Vec::new(); program.threads.len()];
        for one in &self.history.took {
            took[one.thread.index()].clone_from(&one.keys);
        }
        let calls = self.history.calls.iter().flat_map(|calls| {
            calls.results.iter().map(|result| SeenCall {
                thread: calls.thread,
                label: calls.label.clone(),
                result: result.clone(),
            })
        });
        Outcome {
            state: self.state.clone(),
            seen: Seen {
                calls: calls.collect(),
                took,
                ..Seen::default()
            },
        }
    }
}
