//! Where a recording and the model part, in words.

use super::{
    Verdict,
    moves::{Move, Moves},
    node::Node,
    recording::{Item, Kind, Recording, What},
    search::Frontier,
    trail::Trail,
};
use crate::{
    program::{CallOp, Program},
    state::{State, Watch},
};
use iocp_model::{Frame, Observer, Returned, ThreadId, ThreadState};
use iocp_traces::SeenResult;

/// Where a recording and the model part.
#[derive(Clone, PartialEq, Debug)]
pub struct Divergence {
    /// The first event of the recording that no schedule explains: its index, after the longest
    /// conforming prefix.
    pub event: usize,
    /// No schedule gets farther: this was shown, too. Otherwise the states ran out before; that no
    /// schedule explains the whole recording is certain in any case.
    pub longest: bool,
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

/// Puts the divergence at this mark into words.
pub(super) fn describe_at(
    recording: &Recording<'_>,
    frontier: Frontier,
    farthest: usize,
    longest: bool,
    looked_at: u64,
) -> Verdict {
    let mark = recording.marks[farthest.min(recording.marks.len() - 1)];
    let (thread, recorded) = match mark.what {
        What::Over(thread, item) => {
            let name = recording.program.thread_name(thread);
            let item = &recording.items[thread.index()][item as usize];
            (Some(thread), format!("{name}: {}", item.describe()))
        }
        What::Begins(thread) => (Some(thread), "a call began".into()),
        What::Settled => (None, recording.describe_stuck()),
    };
    let mut possible = Vec::new();
    for node in &frontier.nodes {
        for text in recording.possibilities(node, mark.what) {
            if !possible.contains(&text) {
                possible.push(text);
            }
        }
    }
    Verdict::Diverges(Box::new(Divergence {
        event: mark.event,
        longest,
        thread,
        recorded,
        possible,
        states: frontier.nodes.into_iter().map(|node| node.state).collect(),
        more_states: frontier.more,
        looked_at,
    }))
}

impl Recording<'_> {
    /// The calls that never returned, in words.
    fn describe_stuck(&self) -> String {
        let stuck: Vec<String> = self
            .items
            .iter()
            .zip(&self.program.thread_names)
            .filter_map(|(items, name)| match items.last() {
                Some(Item {
                    kind: Kind::Call { name: call, .. },
                    ended_ns: None,
                    ..
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
        let trail = Trail::new(&self.dequeues, node.state.system.semantics(), true);
        let mut moves = Moves::default();
        self.moves(node, &trail, 0, &mut moves);
        for one in moves.list {
            let Move::Choice(choice) = one else { continue };
            let mut after = node.clone();
            let mut listen = Listen {
                program: &self.program,
                recording: self,
                done: &node.done,
                target,
                concerns: false,
                said: Vec::new(),
            };
            let taken = after.state.take(&self.program, choice, &mut listen).is_ok();
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

/// Notes, in words, what a step makes threads return with, and what the recording has there.
struct Listen<'a> {
    program: &'a Program,
    recording: &'a Recording<'a>,
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
            }) => Some(format!("in the recording {}", describe(result))),
            _ => Some("in the recording it had not returned when the recording ended".into()),
        };
        if let Some(recorded) = &recorded {
            said += &format!(" ({recorded})");
        }
        self.concerns |= self.target == Some(thread) || recorded.is_some();
        self.said.push(said);
    }
}
