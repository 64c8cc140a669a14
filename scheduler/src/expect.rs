//! What a scenario says must be so, and whether it was.
//!
//! [`Collector`] watches a run and gathers its [`Outcome`]; [`check`] holds the outcome against the
//! scenario's `expect`. What must be so at every moment, or at some moment, the collector looks at
//! after each step. Expectations are checked for sense when the scenario is compiled, so that a
//! misspelt label is an error and not an expectation that nothing can break.

pub use crate::workload::When;
use crate::{
    compile::{error, unknown},
    program::{CallOp, Op, Program},
    run::RunWatch,
    state::{Part, State, Watch},
    waits::Waits,
    workload::{Expectation, OneOrMore, Place, WorkloadError},
};
use iocp_model::{
    Call, DequeuePhase, Event, Frame, Observer, PortId, Profile, Returned, Target, ThreadId,
    ThreadState, rules::RuleId,
};
use iocp_traces::{Number, SeenResult};
use std::fmt;

/// What an expectation can be about, and the facts that go with it.
pub const FACTS: &[(&str, &[&str])] = &[
    (
        "result",
        &[
            "is",
            "keys",
            "bytes",
            "last_error",
            "status",
            "count",
            "apcs",
        ],
    ),
    (
        "port",
        &[
            "depth",
            "active",
            "waiters",
            "most_active",
            "most_depth",
            "most_wait",
        ],
    ),
    ("thread", &["state", "took", "served", "goes_on"]),
    ("counter", &["value"]),
    ("marked", &["keys"]),
];

/// What a call can come to; "never": it did not return.
const RESULTS: [&str; 8] = [
    "packet",
    "timeout",
    "abandoned",
    "apc",
    "ok",
    "pending",
    "failed",
    "never",
];

/// What a thread can be doing in the end.
const STATES: [&str; 5] = ["waiting", "blocked", "suspended", "ended", "running"];

/// What a run gave.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Outcome {
    /// Its last state.
    pub state: State,
    /// The rest.
    pub seen: Seen,
}

/// What is remembered of a run besides its state.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Seen {
    /// The labelled calls that were made, in the order of their beginnings.
    pub calls: Vec<SeenCall>,
    /// The keys of the packets that each thread took, in order.
    pub took: Vec<Vec<u64>>,
    /// The packets that were marked more than once: the set and the key.
    pub marked_twice: Vec<(usize, u64)>,
    /// The expectations of every moment that were broken, each the first time.
    pub broken: Vec<Broken>,
    /// The expectations of some moment that were met, by number.
    pub met: Vec<usize>,
    /// How long packets have been queued, where somebody asks.
    pub waits: Vec<Waits>,
}

/// An expectation of every moment, and when it was broken.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Broken {
    /// Its position in the scenario's `expect`.
    pub expectation: usize,
    /// After so many steps.
    pub steps: u64,
    /// What was expected and what there was, as a sentence.
    pub message: String,
}

/// A labelled call that was made.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SeenCall {
    /// By whom.
    pub thread: ThreadId,
    /// Its label.
    pub label: String,
    /// What it came to, unless it never returned.
    pub result: Option<SeenResult>,
}

/// Gathers the outcome of a run while it happens. Call [`Collector::before`] before the first step
/// and [`Collector::after`] after each (a [`Run`](crate::Run) does), and [`Collector::finish`] in the
/// end.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Collector {
    seen: Seen,
    /// The set that the thread now marks in.
    marks: Option<usize>,
    /// The steps so far.
    steps: u64,
    /// The expectations of every moment that have not been broken, and those of some moment that
    /// have not been met.
    looked_at: Vec<usize>,
}

impl Collector {
    /// Nothing seen yet of a run of this program.
    pub fn new(program: &Program) -> Self {
        Self {
            seen: Seen {
                took: vec![Vec::new(); program.threads.len()],
                waits: waits(program, &program.workload.expect),
                ..Seen::default()
            },
            looked_at: (0..program.workload.expect.len())
                .filter(|index| {
                    let expectation = &program.workload.expect[*index];
                    is_of_every_moment(expectation) || when(expectation) == When::Eventually
                })
                .collect(),
            ..Self::default()
        }
    }

    /// What has been seen so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// Nothing has happened yet; this is the first state.
    pub fn before(&mut self, program: &Program, state: &State) {
        let Self {
            seen,
            steps,
            looked_at,
            ..
        } = self;
        looked_at.retain(|&expectation| {
            let waits_too_long = waits_too_long(program, expectation, &seen.waits);
            if let Some(message) = waits_too_long.or_else(|| fails_now(program, expectation, state))
            {
                seen.broken.push(Broken {
                    expectation,
                    steps: *steps,
                    message,
                });
                return false;
            }
            let is_hoped_for = when(&program.workload.expect[expectation]) == When::Eventually;
            let is_met = is_hoped_for && !is_open(program, expectation, state);
            if is_met {
                seen.met.push(expectation);
            }
            !is_met
        });
    }

    /// A step is over; this is the state after it.
    pub fn after(&mut self, program: &Program, state: &State) {
        self.steps += 1;
        self.seen.waits.iter_mut().for_each(Waits::step_ends);
        self.before(program, state);
    }

    /// The run is over in this state.
    pub fn finish(self, state: State) -> Outcome {
        Outcome {
            state,
            seen: self.seen,
        }
    }
}

impl Observer for Collector {
    #[inline]
    fn event(&mut self, event: Event) {
        self.seen.waits.iter_mut().for_each(|it| it.event(&event));
    }
    #[inline]
    fn rule(&mut self, _: RuleId) {}
}

impl Watch for Collector {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, _: &Call) {
        if let Some(label) = &op.label {
            self.seen.calls.push(SeenCall {
                thread,
                label: label.clone(),
                result: None,
            });
        }
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        if let Some(took) = self.seen.took.get_mut(thread.index()) {
            took.extend(returned.packets.iter().map(|packet| packet.key));
        }
        if op.label.is_some() {
            // A thread makes one call at a time.
            let call = self
                .seen
                .calls
                .iter_mut()
                .rev()
                .find(|call| call.thread == thread);
            if let Some(call) = call {
                call.result = Some(SeenResult::of(returned));
            }
        }
    }

    fn does(&mut self, _: ThreadId, op: &Op) {
        if let Op::Mark { set } = op {
            self.marks = Some(*set);
        }
    }

    fn marked_twice(&mut self, _: ThreadId, key: u64) {
        if let Some(set) = self.marks {
            self.seen.marked_twice.push((set, key));
        }
    }
}

impl RunWatch for Collector {
    fn run_begins(&mut self, program: &Program, state: &State) {
        self.before(program, state);
    }

    fn step_ends(&mut self, program: &Program, state: &State) {
        self.after(program, state);
    }
}

/// An expectation that was not met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Its position in the scenario's `expect`.
    pub expectation: usize,
    /// What was expected and what there was, as a sentence.
    pub message: String,
}

impl Failure {
    /// Where in the workload the expectation stands.
    pub fn place(&self) -> Place {
        Place::default().key("expect").index(self.expectation)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "expect[{}]: {}", self.expectation, self.message)
    }
}

/// Is an expectation meant for this profile? Without `under`, it is for all of Windows; with
/// "windows-vista+", for that one and all newer ones.
pub fn applies(expectation: &Expectation, profile: &str) -> bool {
    match &expectation.under {
        None => is_windows(profile),
        Some(names) => names.as_slice().iter().any(|name| covers(name, profile)),
    }
}

fn is_windows(profile: &str) -> bool {
    profile.starts_with("windows")
}

fn covers(name: &str, profile: &str) -> bool {
    // The newest is the first.
    let age = |name: &str| Profile::ALL.iter().position(|known| known.name == name);
    name == profile
        || name.strip_suffix('+').is_some_and(|oldest| {
            is_windows(oldest)
                && is_windows(profile)
                && matches!((age(profile), age(oldest)), (Some(profile), Some(oldest)) if profile <= oldest)
        })
}

/// The expectations for this profile that the outcome of a run does not meet. The run is over:
/// nothing can happen any more.
pub fn check(program: &Program, profile: &str, outcome: &Outcome) -> Vec<Failure> {
    let mut failures = broken(program, profile, &outcome.seen);
    failures.extend(check_end(program, profile, outcome));
    for (expectation, it) in program.workload.expect.iter().enumerate() {
        let is_met = match when(it) {
            When::Eventually if it.served.is_some() || it.goes_on.is_some() => false,
            When::Eventually => outcome.seen.met.contains(&expectation),
            When::End | When::Always => true,
        };
        if applies(it, profile) && !is_met && is_open(program, expectation, &outcome.state) {
            failures.push(Failure {
                expectation,
                message: never(program, expectation, &outcome.state),
            });
        }
    }
    failures.sort_by_key(|failure| failure.expectation);
    failures
}

/// The expectations for this profile that were broken on the way, whatever comes later.
pub fn broken(program: &Program, profile: &str, seen: &Seen) -> Vec<Failure> {
    let concerns = |broken: &&Broken| {
        let expectation = program.workload.expect.get(broken.expectation);
        expectation.is_some_and(|expectation| applies(expectation, profile))
    };
    let tell = |broken: &Broken| Failure {
        expectation: broken.expectation,
        message: match broken.steps {
            0 => format!("before the first step: {}", broken.message),
            steps => format!("after step {steps}: {}", broken.message),
        },
    };
    seen.broken.iter().filter(concerns).map(tell).collect()
}

/// Of the expectations for this profile that speak of the end, those that are not met.
pub(crate) fn check_end(program: &Program, profile: &str, outcome: &Outcome) -> Vec<Failure> {
    let mut failures = Vec::new();
    for (index, expectation) in program.workload.expect.iter().enumerate() {
        if !applies(expectation, profile) || when(expectation) != When::End {
            continue;
        }
        let mut facts = Facts {
            program,
            state: &outcome.state,
            seen: &outcome.seen,
            failures: Vec::new(),
        };
        facts.check(expectation);
        failures.extend(facts.failures.into_iter().map(|message| Failure {
            expectation: index,
            message,
        }));
    }
    failures
}

/// Holds a state, and what was seen on the way to it, against one expectation.
struct Facts<'a> {
    program: &'a Program,
    state: &'a State,
    seen: &'a Seen,
    failures: Vec<String>,
}

impl Facts<'_> {
    fn check(&mut self, expectation: &Expectation) {
        if let Some(name) = &expectation.result {
            self.result(name, expectation);
        }
        if let Some(name) = &expectation.port {
            self.port(name, expectation);
        }
        if let Some(name) = &expectation.thread {
            self.thread(name, expectation);
        }
        if let Some(name) = &expectation.counter {
            let counter = self
                .program
                .counter_names
                .iter()
                .position(|known| known == name);
            let value = counter.and_then(|counter| self.state.counters.get(counter));
            self.same(
                &format!("counter {name}"),
                expectation.value.as_ref(),
                value,
            );
        }
        if let Some(name) = &expectation.marked {
            self.marked(name, expectation);
        }
    }

    fn fail(&mut self, message: String) {
        self.failures.push(message);
    }

    fn same<T: PartialEq + fmt::Debug>(&mut self, what: &str, wanted: Option<&T>, got: Option<&T>) {
        match (wanted, got) {
            (Some(wanted), Some(got)) if wanted != got => {
                self.fail(format!("{what} should be {wanted:?} and is {got:?}."));
            }
            (Some(wanted), None) => {
                self.fail(format!("{what} should be {wanted:?}, and there is none."))
            }
            _ => {}
        }
    }

    fn keys(&mut self, what: &str, wanted: Option<&Vec<Number>>, got: &[u64]) {
        if let Some(wanted) = wanted
            && !wanted.iter().map(|key| key.0).eq(got.iter().copied())
        {
            self.fail(format!(
                "{what} should be {} and is {}.",
                list(wanted),
                list(got)
            ));
        }
    }

    fn result(&mut self, name: &str, expectation: &Expectation) {
        let Some(reference) = Reference::find(self.program, name) else {
            return;
        };
        let call = self
            .seen
            .calls
            .iter()
            .filter(|call| call.thread == reference.thread && call.label == reference.label)
            .nth(reference.occurrence);
        let result = call.and_then(|call| call.result.as_ref());
        let word = result.map_or("never", SeenResult::word);
        if let Some(wanted) = &expectation.is
            && !wanted.as_slice().iter().any(|wanted| wanted == word)
        {
            let wanted = wanted.as_slice().join("\" or \"");
            self.fail(match (call, word) {
                (None, _) => format!("{name} should be \"{wanted}\", and the call was not made."),
                (_, "never") => format!("{name} should be \"{wanted}\", and it did not return."),
                _ => format!("{name} should be \"{wanted}\" and is \"{word}\"."),
            });
            return;
        }
        let Some(result) = result else {
            if expectation.is.is_none() {
                self.fail(format!("{name} should have returned, and it did not."));
            }
            return;
        };
        let keys: Vec<_> = result.packets.iter().map(|packet| packet.key.0).collect();
        // With a choice of outcomes, the packets are those of the outcome "packet".
        let packet_is_one_of_several =
            matches!(&expectation.is, Some(OneOrMore::More(all)) if all.len() > 1);
        if !(packet_is_one_of_several && word != "packet") {
            self.keys(&format!("keys of {name}"), expectation.keys.as_ref(), &keys);
            let bytes = result.packets.first().map(|packet| &packet.bytes);
            self.same(
                &format!("byte count of {name}"),
                expectation.bytes.as_ref(),
                bytes,
            );
        }
        self.same(
            &format!("last error of {name}"),
            expectation.last_error.as_ref(),
            result.last_error.as_ref(),
        );
        if let Some(Number(wanted)) = expectation.status {
            // A call that shows its packet's status speaks of that one, not of its own.
            let shown = result.packets.first().and_then(|packet| packet.status);
            match shown.or(result.status) {
                Some(status) if u64::from(status) == wanted => {}
                Some(status) => self.fail(format!(
                    "status of {name} should be {wanted:#x} and is {status:#x}."
                )),
                None => self.fail(format!(
                    "status of {name} should be {wanted:#x}, and this call shows none."
                )),
            }
        }
        self.same(
            &format!("count of {name}"),
            expectation.count.as_ref(),
            result.count.as_ref(),
        );
        self.same(
            &format!("APCs of {name}"),
            expectation.apcs.as_ref(),
            Some(&result.apcs),
        );
    }

    fn port(&mut self, name: &str, expectation: &Expectation) {
        let state = self.state;
        let id = port_named(self.program, name, state);
        let Some(id) = id else {
            self.fail(format!("there is no port behind {name}."));
            return;
        };
        let port = state.system.port(id);
        let depth = u32::try_from(port.depth()).ok();
        self.same(
            &format!("depth of {name}"),
            expectation.depth.as_ref(),
            depth.as_ref(),
        );
        self.same(
            &format!("active count of {name}"),
            expectation.active.as_ref(),
            Some(&port.active),
        );
        if let Some(wanted) = &expectation.waiters {
            let waiters: Vec<_> = port
                .waiters
                .iter()
                .map(|&thread| self.program.thread_name(thread).to_owned())
                .collect();
            self.same(&format!("waiters of {name}"), Some(wanted), Some(&waiters));
        }
    }

    fn thread(&mut self, name: &str, expectation: &Expectation) {
        let Some(index) = self
            .program
            .thread_names
            .iter()
            .position(|known| known == name)
        else {
            return;
        };
        if let Some(wanted) = &expectation.state {
            let thread = &self.state.system.threads()[index];
            let in_port = match thread.frame {
                Frame::Dequeue(_) => true,
                Frame::Wait(wait) => matches!(wait.target, Target::Port(_)),
                Frame::User => false,
            };
            let is = match thread.state {
                ThreadState::Running => "running",
                ThreadState::Waiting if in_port => "waiting",
                ThreadState::Waiting => "blocked",
                ThreadState::Suspended => "suspended",
                ThreadState::Terminated => "ended",
            };
            // Who waits on a port is blocked as well.
            if wanted != is && !(wanted == "blocked" && is == "waiting") {
                self.fail(format!("{name} should be {wanted} and is {is}."));
            }
        }
        let took = self.seen.took.get(index).map_or(&[][..], Vec::as_slice);
        self.keys(
            &format!("what {name} took"),
            expectation.took.as_ref(),
            took,
        );
    }

    fn marked(&mut self, name: &str, expectation: &Expectation) {
        let Some(set) = self
            .program
            .mark_names
            .iter()
            .position(|known| known == name)
        else {
            return;
        };
        let marked = self.state.marked.get(set).map_or(&[][..], Vec::as_slice);
        let mut wanted = expectation.keys.clone().unwrap_or_default();
        wanted.sort_unstable();
        self.keys(&format!("the set {name}"), Some(&wanted), marked);
        for (_, key) in self
            .seen
            .marked_twice
            .iter()
            .filter(|(twice, _)| *twice == set)
        {
            self.failures
                .push(format!("packet {key} was marked {name} more than once."));
        }
    }
}

fn list<T: fmt::Display>(values: &[T]) -> String {
    let words: Vec<_> = values.iter().map(T::to_string).collect();
    format!("[{}]", words.join(", "))
}

/// Which call an expectation is about.
struct Reference {
    thread: ThreadId,
    label: String,
    /// Counted from zero.
    occurrence: usize,
}

impl Reference {
    /// The threads that make a call with a label, and the label.
    fn calls(program: &Program) -> impl Iterator<Item = (usize, &str)> {
        program
            .threads
            .iter()
            .enumerate()
            .flat_map(|(thread, code)| {
                let ops = &program.codes[code.code].ops;
                ops.iter().filter_map(move |op| match op {
                    Op::Call(CallOp {
                        label: Some(label), ..
                    }) => Some((thread, label.as_str())),
                    _ => None,
                })
            })
    }

    fn find(program: &Program, name: &str) -> Option<Self> {
        Self::all(program, name).into_iter().next()
    }

    /// All calls that the name could mean, each thread and label once.
    fn all(program: &Program, name: &str) -> Vec<Self> {
        let mut found: Vec<Self> = Vec::new();
        for (thread, label) in Self::calls(program) {
            let known = found
                .iter()
                .any(|reference| reference.thread.index() == thread && reference.label == label);
            let occurrence = Self::occurrence(&program.thread_names[thread], label, name);
            if let (false, Some(occurrence), Some(thread)) =
                (known, occurrence, ThreadId::new(thread))
            {
                found.push(Self {
                    thread,
                    label: label.to_owned(),
                    occurrence,
                });
            }
        }
        found
    }

    /// Does the name mean this call of this thread, and which time?
    fn occurrence(thread: &str, label: &str, name: &str) -> Option<usize> {
        let after_thread = name
            .strip_prefix(thread)
            .and_then(|rest| rest.strip_prefix('.'));
        [Some(name), after_thread]
            .into_iter()
            .flatten()
            .find_map(|name| match name.strip_prefix(label)? {
                "" => Some(0),
                rest => rest
                    .strip_prefix('.')?
                    .parse::<usize>()
                    .ok()?
                    .checked_sub(1),
            })
    }
}

/// When an expectation must be met.
pub fn when(expectation: &Expectation) -> When {
    expectation.when.unwrap_or_default()
}

/// What the expectations for a profile look at on the way, before the end.
pub(crate) fn looked_at_on_the_way(program: &Program, profile: &str) -> Vec<Part> {
    let expectations = program.workload.expect.iter();
    expectations
        .filter(|it| applies(it, profile) && is_of_every_moment(it))
        .flat_map(|it| parts(program, it))
        .collect()
}

/// The threads that the expectations for a profile name, or whose calls they do; but for those of
/// what must come, which are decided among all states.
pub(crate) fn threads_named(program: &Program, profile: &str) -> Vec<usize> {
    let mut named = Vec::new();
    for expectation in &program.workload.expect {
        if !applies(expectation, profile) || when(expectation) == When::Eventually {
            continue;
        }
        let names = expectation.thread.iter();
        let names = names.chain(expectation.waiters.iter().flatten());
        named.extend(names.filter_map(|name| {
            let known = &program.thread_names;
            known.iter().position(|known| known == name)
        }));
        let result = expectation.result.as_deref();
        named.extend(
            result
                .and_then(|name| call_named(program, name))
                .map(|(thread, ..)| thread.index()),
        );
    }
    named
}

/// Is it to be looked at after every step?
pub(crate) fn is_of_every_moment(expectation: &Expectation) -> bool {
    when(expectation) == When::Always
        || expectation.most_active.is_some()
        || expectation.most_depth.is_some()
        || expectation.most_wait.is_some()
}

/// Does an expectation for a profile count the steps of all threads? Then none may be left out.
pub(crate) fn counts_steps(program: &Program, profile: &str) -> bool {
    let mut expectations = program.workload.expect.iter();
    expectations.any(|it| applies(it, profile) && it.most_wait.is_some())
}

/// The waits that these expectations ask for.
pub(crate) fn waits<'e>(
    program: &Program,
    expectations: impl IntoIterator<Item = &'e Expectation>,
) -> Vec<Waits> {
    let mut all: Vec<Waits> = Vec::new();
    for expectation in expectations {
        let port = expectation.port.as_deref();
        let port = port.and_then(|name| declared_port(program, name));
        let (Some(port), Some(most)) = (port, expectation.most_wait) else {
            continue;
        };
        match all.iter_mut().find(|waits| waits.port == port) {
            Some(known) => known.most = known.most.max(most),
            None => all.push(Waits::new(port, most)),
        }
    }
    all
}

/// What an expectation about moments depends on, besides waits.
pub(crate) fn parts(program: &Program, expectation: &Expectation) -> Vec<Part> {
    let index = |names: &[String], name: &Option<String>| {
        let name = name.as_deref()?;
        names.iter().position(|known| known == name)
    };
    let speaks_of_waits_only = expectation.most_wait.is_some()
        && expectation.most_active.is_none()
        && expectation.most_depth.is_none()
        && when(expectation) == When::End;
    let mut parts = Vec::new();
    if expectation.port.is_some() && !speaks_of_waits_only {
        parts.extend([Part::System, Part::Variables]);
    }
    if expectation.thread.is_some() {
        parts.push(Part::System);
    }
    parts.extend(index(&program.counter_names, &expectation.counter).map(Part::Counter));
    parts.extend(index(&program.mark_names, &expectation.marked).map(Part::Marked));
    parts
}

/// Why a state is not as the expectation of this number says, if it is not.
fn failure(program: &Program, index: usize, state: &State) -> Option<String> {
    let mut facts = Facts {
        program,
        state,
        // What needs more than a state is refused unless it is about the end.
        seen: &Seen::default(),
        failures: Vec::new(),
    };
    facts.check(&program.workload.expect[index]);
    facts.failures.into_iter().next()
}

/// Why this state breaks what the expectation of this number says of every moment, if it does.
pub(crate) fn fails_now(program: &Program, index: usize, state: &State) -> Option<String> {
    let expectation = &program.workload.expect[index];
    let bound = || {
        let name = expectation.port.as_deref()?;
        let port = state.system.port(port_named(program, name, state)?);
        let depth = u32::try_from(port.depth()).unwrap_or(u32::MAX);
        if let Some(most) = expectation.most_active
            && port.active > most
        {
            let seen = port.active;
            let threads = if most == 1 { "thread" } else { "threads" };
            return Some(format!(
                "at most {most} {threads} of {name} should be active at a time; {seen} were."
            ));
        }
        let most = expectation.most_depth?;
        (depth > most).then(|| {
            let packets = if most == 1 { "packet" } else { "packets" };
            format!("at most {most} {packets} should be queued at {name} at a time; {depth} were.")
        })
    };
    let bound = bound();
    match when(expectation) {
        When::Always => bound.or_else(|| failure(program, index, state)),
        When::End | When::Eventually => bound,
    }
}

/// Why these waits are longer than the expectation of this number allows, if they are.
pub(crate) fn waits_too_long(program: &Program, index: usize, waits: &[Waits]) -> Option<String> {
    let expectation = &program.workload.expect[index];
    let (name, most) = (expectation.port.as_deref()?, expectation.most_wait?);
    let port = declared_port(program, name)?;
    let waits = waits.iter().find(|waits| waits.port == port)?;
    waits.is_older_than(most).then(|| {
        let steps = if most == 1 { "step" } else { "steps" };
        format!("no packet should be queued at {name} for more than {most} {steps}; one was.")
    })
}

/// Does this state still owe what the expectation of this number, one of `when = "eventually"`, says
/// must come?
pub(crate) fn is_open(program: &Program, index: usize, state: &State) -> bool {
    let expectation = &program.workload.expect[index];
    let thread = thread_named(program, expectation).map(|thread| state.system.thread(thread));
    match thread {
        Some(thread) if expectation.served.is_some() => matches!(
            thread.frame,
            Frame::Dequeue(dequeue)
                if matches!(dequeue.phase, DequeuePhase::Blocked | DequeuePhase::Interrupted)
        ),
        Some(thread) if expectation.goes_on.is_some() => thread.state != ThreadState::Terminated,
        _ => failure(program, index, state).is_some(),
    }
}

/// That what the expectation of this number says must come never does, in a sentence; this is a
/// state in which it has not.
pub(crate) fn never(program: &Program, index: usize, state: &State) -> String {
    let expectation = &program.workload.expect[index];
    let name = expectation.thread.as_deref().unwrap_or_default();
    if expectation.served.is_some() {
        format!("{name} waits for a packet for ever.")
    } else if expectation.goes_on.is_some() {
        format!("{name} stands still for ever.")
    } else {
        let message = failure(program, index, state).unwrap_or_default();
        format!("it never becomes so: {message}")
    }
}

/// The thread that an expectation is about.
pub(crate) fn thread_named(program: &Program, expectation: &Expectation) -> Option<ThreadId> {
    let name = expectation.thread.as_deref()?;
    let names = &program.thread_names;
    ThreadId::new(names.iter().position(|known| known == name)?)
}

/// The port that exists from the start under this name.
fn declared_port(program: &Program, name: &str) -> Option<PortId> {
    let names = &program.port_names;
    PortId::new(names.iter().position(|known| known == name)?)
}

/// The port that is declared under this name, or is behind the variable of this name.
fn port_named(program: &Program, name: &str, state: &State) -> Option<PortId> {
    let position = |names: &[String]| names.iter().position(|known| known == name);
    match position(&program.port_names) {
        Some(index) => PortId::new(index),
        None => state.port_behind(position(&program.variables)?),
    }
}

/// The thread, the label and the occurrence (from zero) of the call that a name means.
pub(crate) fn call_named(program: &Program, name: &str) -> Option<(ThreadId, String, usize)> {
    let reference = Reference::find(program, name)?;
    Some((reference.thread, reference.label, reference.occurrence))
}

/// Checks that every expectation is about something that exists and says something about it.
pub(crate) fn check_expectations(program: &Program) -> Result<(), WorkloadError> {
    let root = Place::default().key("expect");
    for (index, expectation) in program.workload.expect.iter().enumerate() {
        check_expectation(program, &root.index(index), expectation)?;
    }
    Ok(())
}

fn check_expectation(
    program: &Program,
    place: &Place,
    expectation: &Expectation,
) -> Result<(), WorkloadError> {
    check_facts(place, expectation)?;
    let of_a_run = [
        ("result", expectation.result.is_some()),
        ("took", expectation.took.is_some()),
        ("most_active", expectation.most_active.is_some()),
        ("most_depth", expectation.most_depth.is_some()),
        ("most_wait", expectation.most_wait.is_some()),
    ];
    if when(expectation) != When::End
        && let Some((key, _)) = of_a_run.iter().find(|(_, is_there)| *is_there)
    {
        return error(
            &place.key("when"),
            format!("`{key}` is a fact about a whole run, and not about a moment of it."),
            "Leave `when` out.",
        );
    }
    check_progress(place, expectation)?;
    if expectation.most_wait.is_some()
        && let Some(name) = &expectation.port
        && program.variables.contains(name)
        && declared_port(program, name).is_none()
    {
        return error(
            &place.key("most_wait"),
            format!("\"{name}\" is no port that exists from the start."),
            "Waits are counted at ports that are declared with `[[port]]`.",
        );
    }
    if let Some(name) = &expectation.result {
        check_result(program, &place.key("result"), name)?;
    }
    if expectation.is.is_some() {
        check_words(place, expectation)?;
    }
    if let Some(name) = &expectation.port {
        let variables = &program.variables[2..];
        check_known(&place.key("port"), "port", "ports", name, variables)?;
    }
    for name in expectation.waiters.iter().flatten() {
        check_known(
            &place.key("waiters"),
            "thread",
            "threads",
            name,
            &program.thread_names,
        )?;
    }
    if let Some(name) = &expectation.thread {
        check_known(
            &place.key("thread"),
            "thread",
            "threads",
            name,
            &program.thread_names,
        )?;
    }
    if let Some(state) = &expectation.state
        && !STATES.contains(&state.as_str())
    {
        let message = format!("\"{state}\" is no state of a thread.");
        return unknown(&place.key("state"), message, "states", state, STATES);
    }
    if let Some(name) = &expectation.counter {
        check_known(
            &place.key("counter"),
            "counter",
            "counters",
            name,
            &program.counter_names,
        )?;
    }
    if let Some(name) = &expectation.marked {
        let sets = "sets that `mark` fills";
        check_known(&place.key("marked"), "set", sets, name, &program.mark_names)?;
    }
    for name in expectation.under.iter().flat_map(OneOrMore::as_slice) {
        let and_newer = name.strip_suffix('+').filter(|name| is_windows(name));
        if Profile::find(name)
            .or_else(|| Profile::find(and_newer?))
            .is_none()
        {
            let profiles = Profile::ALL.iter().map(|profile| profile.name);
            let message = format!("there is no profile \"{name}\".");
            return unknown(&place.key("under"), message, "profiles", name, profiles);
        }
    }
    Ok(())
}

/// What a thread must come to is said alone, of no moment in particular.
fn check_progress(place: &Place, expectation: &Expectation) -> Result<(), WorkloadError> {
    let facts = [
        ("served", expectation.served),
        ("goes_on", expectation.goes_on),
    ];
    let given = |(key, is): (&'static str, Option<bool>)| Some((key, is?));
    let mut all = facts.into_iter().filter_map(given);
    let Some((key, is)) = all.next() else {
        return Ok(());
    };
    let place = place.key(key);
    if !is {
        let message = format!("`{key} = false` says nothing.");
        return error(&place, message, "Write `true`, or leave it out.");
    }
    if when(expectation) != When::Eventually {
        return error(
            &place,
            format!("`{key}` is about what must come, and not about a moment."),
            "Write `when = \"eventually\"` beside it.",
        );
    }
    if all.next().is_some() || expectation.state.is_some() {
        let message = format!("`{key}` cannot stand beside another fact.");
        return error(&place, message, "Write two expectations.");
    }
    Ok(())
}

fn check_known(
    place: &Place,
    what: &str,
    all: &str,
    name: &str,
    known: &[String],
) -> Result<(), WorkloadError> {
    if known.iter().any(|known| known == name) {
        return Ok(());
    }
    let message = format!("there is no {what} \"{name}\".");
    unknown(place, message, all, name, known.iter().map(String::as_str))
}

/// One subject, at least one fact, and only facts that go with the subject.
fn check_facts(place: &Place, expectation: &Expectation) -> Result<(), WorkloadError> {
    let help = "An expectation is about one of: result, port, thread, counter, marked.";
    let given: Vec<String> = match serde_json::to_value(expectation) {
        Ok(serde_json::Value::Object(map)) => map.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    };
    let has = |key: &str| given.iter().any(|given| given == key);
    let subjects: Vec<_> = FACTS.iter().filter(|(subject, _)| has(subject)).collect();
    let [(subject, facts)] = subjects[..] else {
        return match subjects[..] {
            [] => error(place, "this expectation is about nothing.", help),
            _ => error(
                place,
                "this expectation is about several things at once.",
                help,
            ),
        };
    };
    let takes = format!("With `{subject}` go: {}.", facts.join(", "));
    let stray = given
        .iter()
        .map(String::as_str)
        .find(|key| !["under", "when", subject].contains(key) && !facts.contains(key));
    if let Some(stray) = stray {
        let key = FACTS
            .iter()
            .flat_map(|(_, facts)| facts.iter())
            .find(|key| **key == stray);
        return Err(WorkloadError {
            place: key.map_or_else(|| place.clone(), |key| place.key(key)),
            message: format!("`{stray}` says nothing about a {subject}."),
            help: takes,
            name: None,
        });
    }
    if !facts.iter().any(|fact| has(fact)) {
        return error(
            place,
            format!("this says nothing about the {subject}."),
            takes,
        );
    }
    Ok(())
}

fn check_words(place: &Place, expectation: &Expectation) -> Result<(), WorkloadError> {
    let words = expectation
        .is
        .as_ref()
        .map(OneOrMore::as_slice)
        .unwrap_or_default();
    let place_of_words = place.key("is");
    if words.is_empty() {
        return error(
            &place_of_words,
            "the list is empty, so nothing would do.",
            "",
        );
    }
    for word in words {
        if !RESULTS.contains(&word.as_str()) {
            let message = format!("\"{word}\" is no result.");
            return unknown(&place_of_words, message, "results", word, RESULTS);
        }
    }
    let more = expectation.keys.is_some()
        || expectation.bytes.is_some()
        || expectation.last_error.is_some()
        || expectation.status.is_some()
        || expectation.count.is_some()
        || expectation.apcs.is_some();
    if more && words.iter().all(|word| word == "never") {
        return error(
            &place_of_words,
            "a call that never returns has no result to speak of.",
            "Write just is = \"never\".",
        );
    }
    Ok(())
}

fn check_result(program: &Program, place: &Place, name: &str) -> Result<(), WorkloadError> {
    let references = Reference::all(program, name);
    match references.as_slice() {
        [_] => Ok(()),
        [] => {
            let mut labels: Vec<String> = Reference::calls(program)
                .map(|(_, label)| label.to_owned())
                .collect();
            labels.sort_unstable();
            labels.dedup();
            let names: Vec<&str> = labels.iter().map(String::as_str).collect();
            unknown(
                place,
                format!("no call is labelled \"{name}\"."),
                "labels",
                name,
                names,
            )
        }
        several => {
            let full = |reference: &Reference| {
                format!(
                    "{}.{}",
                    program.thread_name(reference.thread),
                    reference.label
                )
            };
            let names: Vec<_> = several.iter().map(full).collect();
            Err(WorkloadError {
                place: place.clone(),
                message: format!("several threads make a call labelled \"{name}\"."),
                help: format!(
                    "Say which: {}{}.",
                    names[..names.len().min(4)].join(", "),
                    if names.len() > 4 { ", ..." } else { "" }
                ),
                name: None,
            })
        }
    }
}
