//! What holds of any program and of any sequence of actions, on random ones.
//!
//! More than ten thousand programs a run of the tests, under every profile and every strategy. What
//! fails names its seed; `iocp scenario new --random SEED` shows the program.

#![allow(clippy::unwrap_used)]

use iocp_model::{
    Action, Api, Call, Event, Kernel, Mutant, Mutants, Observer, Profile, Returned, System,
    ThreadId,
    invariants::Audit,
    rules::{self, RuleId},
};
use iocp_scenarios::{
    generate::{self, Shape},
    strategies,
};
use iocp_scheduler::{
    Choice, End, Op, Program, Run, State, Watch, determinism,
    program::CallOp,
    run::{Options, RunWatch},
    strategy::{self, Answer, Pct, Random, Recorded, RoundRobin},
};
use iocp_tests::actions::Checked;
use proptest::{prelude::*, test_runner::Config};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::LazyLock,
};

/// Programs for each of the two tests that share them.
const PROGRAMS: u64 = 20_000;
/// Sequences of actions, and the actions of each.
const SEQUENCES: u64 = 6_000;
const ACTIONS: usize = 120;

/// What has come up.
#[derive(Default)]
struct Coverage {
    rules: BTreeSet<RuleId>,
    apis: BTreeSet<Api>,
    choices: BTreeSet<&'static str>,
    actions: BTreeSet<&'static str>,
    steps: BTreeSet<&'static str>,
    ends: BTreeSet<&'static str>,
    longest: u64,
}

impl Coverage {
    fn add(&mut self, other: &Self) {
        self.rules.extend(&other.rules);
        self.apis.extend(&other.apis);
        self.choices.extend(&other.choices);
        self.actions.extend(&other.actions);
        self.steps.extend(&other.steps);
        self.ends.extend(&other.ends);
        self.longest = self.longest.max(other.longest);
    }
}

/// Follows every packet, checks all invariants after every step and notes what comes up.
struct Auditor<'c> {
    audit: Audit,
    coverage: &'c mut Coverage,
    seed: u64,
}

impl Observer for Auditor<'_> {
    fn event(&mut self, event: Event) {
        self.audit.event(event);
    }

    fn rule(&mut self, rule: RuleId) {
        self.audit.rule(rule);
        self.coverage.rules.insert(rule);
    }
}

impl Watch for Auditor<'_> {
    fn begins(&mut self, _: ThreadId, op: &CallOp, _: &Call) {
        self.coverage.apis.insert(op.call.api());
    }

    fn ends(&mut self, _: ThreadId, op: &CallOp, returned: &Returned) {
        assert_eq!(op.call.api(), returned.api, "seed {}", self.seed);
    }

    fn does(&mut self, _: ThreadId, op: &Op) {
        self.coverage.steps.insert(match op {
            Op::Compute(_) => "compute",
            Op::Until(..) => "until",
            Op::Add { of_call: true, .. } => "counts",
            Op::Add { .. } => "add",
            Op::Mark { .. } => "mark",
            Op::Complete { .. } => "complete",
            Op::End => "end",
            _ => "other",
        });
    }
}

impl RunWatch for Auditor<'_> {
    fn step_ends(&mut self, _: &Program, state: &State) {
        if let Err(violation) = self.audit.check(&state.system) {
            panic!("seed {}: {violation}", self.seed);
        }
    }
}

fn profile(seed: u64) -> Profile {
    Profile::ALL[(seed % Profile::ALL.len() as u64) as usize]
}

/// Each strategy in turn, with every profile.
fn chooser(seed: u64, threads: usize) -> Box<dyn strategy::Strategy> {
    match seed / 7 % 3 {
        0 => Box::new(Random::new(seed)),
        1 => Box::new(Pct::new(seed, threads, 60, 3)),
        _ => Box::new(RoundRobin::default()),
    }
}

fn options(seed: u64) -> Options {
    Options {
        most_steps: 20_000,
        jitter_percent: if seed.is_multiple_of(4) { 30 } else { 0 },
        untimed: false,
    }
}

fn program(seed: u64, shape: &Shape) -> Program {
    let workload = generate::workload(seed, shape);
    Program::compile(&workload).unwrap_or_else(|error| panic!("seed {seed}: {error}"))
}

fn check_program(seed: u64, coverage: &mut Coverage) {
    let program = program(seed, &Shape::default());
    let (profile, options) = (profile(seed), options(seed));
    let make = || chooser(seed, program.threads.len());
    let mut run = Run::new(&program, profile.semantics, Recorded::new(make()), options)
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    let mut auditor = Auditor {
        audit: Audit::new(),
        coverage,
        seed,
    };
    let end = run
        .finish(&mut auditor)
        .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    assert_ne!(
        end,
        End::OutOfSteps,
        "seed {seed}: neither ends nor settles"
    );
    coverage.ends.insert(if end == End::Finished {
        "finished"
    } else {
        "settled"
    });
    coverage.longest = coverage.longest.max(run.steps());
    let steps = run.into_strategy().steps;
    for step in &steps {
        coverage.choices.insert(match step {
            Answer::Choice(Choice::Step(_)) => "step",
            Answer::Choice(Choice::Return(_, 0)) => "return",
            Answer::Choice(Choice::Return(..)) => "return with more",
            Answer::Choice(Choice::Expire(_)) => "expire",
            Answer::Choice(Choice::Suspend(_)) => "suspend",
            Answer::Value(_) => "value",
        });
    }
    let checked = if seed.is_multiple_of(16) {
        determinism::self_check(&program, &profile, make, options)
    } else {
        determinism::write(&program, &profile, make(), options)
            .map_err(determinism::Difference::Failed)
            .and_then(|first| {
                determinism::replays(&program, &profile, &first, options).map(|()| first)
            })
    };
    let written = checked.unwrap_or_else(|difference| panic!("seed {seed}: {difference}"));
    let noted = written.schedule.answers(&program).unwrap();
    assert_eq!(noted, steps, "seed {seed}: watching a run changes it");
}

/// A part of the programs, run once whichever test asks first.
static PROGRAM_PARTS: [LazyLock<Coverage>; 2] = [
    LazyLock::new(|| check_programs(0)),
    LazyLock::new(|| check_programs(1)),
];

fn check_programs(part: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in part * PROGRAMS..(part + 1) * PROGRAMS {
        check_program(seed, &mut coverage);
    }
    coverage
}

#[test]
fn programs_keep_the_invariants_and_replay_byte_for_byte() {
    assert!(PROGRAM_PARTS[0].longest > 30);
}

#[test]
fn more_programs_keep_the_invariants_and_replay_byte_for_byte() {
    assert!(PROGRAM_PARTS[1].longest > 30);
}

fn action_name(action: &Action) -> &'static str {
    match action {
        Action::Call(..) => "Call",
        Action::Return { more: 0, .. } => "Return",
        Action::Return { .. } => "Return with more",
        Action::Expire(_) => "Expire",
        Action::Unblock(_) => "Unblock",
        Action::KernelApc {
            inserts: [None, None],
            ..
        } => "KernelApc",
        Action::KernelApc {
            inserts: [_, None], ..
        } => "KernelApc with an insert",
        Action::KernelApc { .. } => "KernelApc with two inserts",
        Action::SuspensionRuns(_) => "SuspensionRuns",
        Action::Suspend(_) => "Suspend",
        Action::Resume(_) => "Resume",
        Action::QueueUserApc { .. } => "QueueUserApc",
        Action::Terminate(_) => "Terminate",
        Action::Insert(insert) if insert.at_head => "Insert at the head",
        Action::Insert(_) => "Insert",
        Action::InsertAs(..) => "InsertAs",
        Action::Complete { .. } => "Complete",
        Action::CloseHandle { .. } => "CloseHandle",
        Action::RunDown(_) => "RunDown",
    }
}

const ACTION_NAMES: [&str; 19] = [
    "Call",
    "CloseHandle",
    "Complete",
    "Expire",
    "Insert",
    "Insert at the head",
    "InsertAs",
    "KernelApc",
    "KernelApc with an insert",
    "KernelApc with two inserts",
    "QueueUserApc",
    "Resume",
    "Return",
    "Return with more",
    "RunDown",
    "Suspend",
    "SuspensionRuns",
    "Terminate",
    "Unblock",
];

/// Notes what comes up.
impl Observer for Coverage {
    fn rule(&mut self, rule: RuleId) {
        self.rules.insert(rule);
    }
}

/// Applies actions one by one, and checks each. `sound`: no rule is broken, so that the invariants
/// are promised.
fn check_actions(
    system: System,
    actions: &[Action],
    seed: u64,
    sound: bool,
    coverage: &mut Coverage,
) {
    let mut checked = match sound {
        true => Checked::new(system),
        false => Checked::without_invariants(system),
    };
    for (index, action) in actions.iter().enumerate() {
        let applied = catch_unwind(AssertUnwindSafe(|| checked.apply(*action, coverage)));
        let applied = applied.unwrap_or_else(|panic| {
            eprintln!("this was action {index} of seed {seed}");
            resume_unwind(panic)
        });
        if applied.is_err() {
            continue;
        }
        coverage.actions.insert(action_name(action));
        if let Action::Call(_, call) = action {
            coverage.apis.insert(call.api());
        }
        if index % 40 == 39 {
            let json = serde_json::to_string(checked.system()).unwrap();
            let read: System = serde_json::from_str(&json).unwrap();
            assert_eq!(read, *checked.system(), "seed {seed}: JSON");
        }
    }
}

static ACTION_PARTS: [LazyLock<Coverage>; 2] = [
    LazyLock::new(|| check_sequences(0)),
    LazyLock::new(|| check_sequences(1)),
];

fn check_sequences(part: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in (part..SEQUENCES).step_by(2) {
        let mut system = generate::lab(profile(seed / 2).semantics);
        system.limit_post_memory(seed.is_multiple_of(5).then_some(3));
        let actions = generate::actions(&system, seed, ACTIONS);
        check_actions(system, &actions, seed, true, &mut coverage);
    }
    coverage
}

#[test]
fn an_action_applies_or_changes_nothing() {
    assert!(!ACTION_PARTS[0].actions.is_empty());
}

#[test]
fn another_action_applies_or_changes_nothing() {
    assert!(!ACTION_PARTS[1].actions.is_empty());
}

/// Mechanisms that no random program or action can show, each with the reason.
const NEVER_FIRE: &[(&str, &str)] = &[(
    "TMO-05",
    "the model has no clock: it does not know that a machine slept",
)];

#[test]
fn the_generators_reach_everything() {
    let mut all = Coverage::default();
    for part in PROGRAM_PARTS.iter().chain(&ACTION_PARTS) {
        all.add(part);
    }
    let programs = &mut Coverage::default();
    PROGRAM_PARTS.iter().for_each(|part| programs.add(part));
    let missing: Vec<_> = iocp_scheduler::grammar::CALLS
        .iter()
        .map(|call| call.api)
        // The step ExitThread is the end of a program.
        .filter(|api| !programs.apis.contains(api) && *api != Api::ExitThread)
        .collect();
    assert!(
        missing.is_empty(),
        "no program made these calls: {missing:?}"
    );
    let missing: Vec<_> = Api::ALL
        .iter()
        .filter(|api| !all.apis.contains(api))
        .collect();
    assert!(missing.is_empty(), "nobody made these calls: {missing:?}");
    assert_eq!(
        programs.choices.iter().copied().collect::<Vec<_>>(),
        [
            "expire",
            "return",
            "return with more",
            "step",
            "suspend",
            "value"
        ]
    );
    assert_eq!(
        programs.steps.iter().copied().collect::<Vec<_>>(),
        [
            "add", "complete", "compute", "counts", "end", "mark", "until"
        ]
    );
    assert_eq!(
        programs.ends.iter().copied().collect::<Vec<_>>(),
        ["finished", "settled"]
    );
    assert_eq!(
        all.actions.iter().copied().collect::<Vec<_>>(),
        ACTION_NAMES
    );

    let excepted = |id: &str| NEVER_FIRE.iter().any(|(exception, _)| *exception == id);
    let silent: Vec<_> = rules::all()
        .filter(|rule| rule.kind == rules::Kind::Mechanism && !all.rules.contains(&rule.key))
        .map(|rule| rule.id)
        .filter(|id| !excepted(id))
        .collect();
    assert!(
        silent.is_empty(),
        "these rules never decided anything: {silent:?}"
    );
    let loud: Vec<_> = NEVER_FIRE
        .iter()
        .map(|(id, _)| *id)
        .filter(|id| rules::find(id).is_none_or(|rule| all.rules.contains(&rule.key)))
        .collect();
    assert!(
        loud.is_empty(),
        "these exceptions fire after all, or are no rules: {loud:?}"
    );
}

/// A kernel with a few of its rules broken, or many.
fn broken_kernels() -> impl proptest::strategy::Strategy<Value = Kernel> {
    let mutants: Vec<_> = Mutant::all().collect();
    let sets = prop_oneof![
        proptest::collection::vec(proptest::sample::select(mutants.clone()), 1..4),
        proptest::sample::subsequence(mutants, 0..Mutant::COUNT),
    ];
    (proptest::sample::select(Profile::ALL), sets).prop_map(|(profile, mutants)| Kernel {
        profile,
        mutants: Mutants::from_iter(mutants),
    })
}

/// The same state of a kernel with other rules.
fn under(system: &System, kernel: Kernel) -> System {
    let mut json = serde_json::to_value(system).unwrap();
    json["semantics"] = serde_json::to_value(kernel.semantics()).unwrap();
    serde_json::from_value(json).unwrap()
}

/// What an observer is told.
#[derive(Default)]
struct Told {
    events: Vec<Event>,
    mutants: Mutants,
}

impl Observer for Told {
    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn mutant(&mut self, mutant: Mutant) {
        self.mutants.insert(mutant);
    }
}

/// Where a broken rule makes the first difference, an observer of the sound kernel has heard of it:
/// whoever looks for the broken rules of a kernel relies on that. `None`: there is no difference.
fn announces(mutant: Mutant, profile: Profile, seed: u64) -> Option<Result<(), String>> {
    let kernel = Kernel {
        profile,
        mutants: Mutants::from_iter([mutant]),
    };
    let mut sound = generate::lab(profile.semantics);
    sound.limit_post_memory(seed.is_multiple_of(5).then_some(3));
    let mut broken = under(&sound, kernel);
    let mut told = Told::default();
    for action in generate::actions(&sound, seed, ACTIONS) {
        let mut other = Told::default();
        told.events.clear();
        let outcomes = (
            sound.apply(action, &mut told),
            broken.apply(action, &mut other),
        );
        if outcomes.0 != outcomes.1
            || told.events != other.events
            || !sound.enabled().eq(broken.enabled())
        {
            let heard = told.mutants.contains(mutant);
            let unheard = || format!("{kernel}, seed {seed}, {action:?}: {outcomes:?}");
            return Some(heard.then_some(()).ok_or_else(unheard));
        }
    }
    None
}

#[test]
fn what_a_broken_rule_changes_is_announced() {
    let mut silent = Vec::new();
    for mutant in Mutant::all() {
        let seeds = 0..20 * Profile::ALL.len() as u64;
        let differences: Result<Vec<()>, String> = seeds
            .filter_map(|seed| announces(mutant, profile(seed), seed))
            .collect();
        let differences = differences.unwrap_or_else(|unheard| panic!("{unheard}"));
        if differences.is_empty() {
            silent.push(mutant);
        }
    }
    // Random actions do not reach everything; each mutant's unit test does.
    assert!(silent.len() * 5 < Mutant::COUNT, "{silent:?}");
}

proptest! {
    #![proptest_config(Config { cases: 400, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_program_under_any_schedule_keeps_the_invariants(
        workload in strategies::workloads(Shape::default()),
        schedule in strategies::schedules(200),
        profile in proptest::sample::select(Profile::ALL),
    ) {
        let program = Program::compile(&workload)?;
        let mut coverage = Coverage::default();
        let mut auditor = Auditor { audit: Audit::new(), coverage: &mut coverage, seed: 0 };
        let mut run = Run::new(&program, profile.semantics, schedule, options(1))?;
        prop_assert_ne!(run.finish(&mut auditor)?, End::OutOfSteps);
    }

    #[test]
    fn any_actions_apply_or_change_nothing(
        (system, actions) in proptest::sample::select(Profile::ALL)
            .prop_map(|profile| generate::lab(profile.semantics))
            .prop_flat_map(|system| (Just(system.clone()), strategies::actions(system, 60))),
    ) {
        check_actions(system, &actions, 0, true, &mut Coverage::default());
    }
}

proptest! {
    #![proptest_config(Config { cases: 600, failure_persistence: None, ..Config::default() })]

    #[test]
    fn any_program_comes_to_an_end_whatever_is_broken(
        workload in strategies::workloads(Shape::default()),
        schedule in strategies::schedules(200),
        kernel in broken_kernels(),
    ) {
        let program = Program::compile(&workload)?;
        let options = Options { most_steps: 2_000, ..options(1) };
        let mut run = Run::new(&program, kernel.semantics(), schedule, options)?;
        // Who never blocks may go round for ever: then the steps are used up.
        run.finish(&mut ())?;
    }

    #[test]
    fn any_actions_apply_or_change_nothing_whatever_is_broken(
        (system, actions) in broken_kernels()
            .prop_map(|kernel| generate::lab(kernel.semantics()))
            .prop_flat_map(|system| (Just(system.clone()), strategies::actions(system, 120))),
    ) {
        check_actions(system, &actions, 0, false, &mut Coverage::default());
    }
}

#[test]
fn what_fails_shrinks_to_little() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};
    let mut runner = TestRunner::deterministic();
    let strategy = strategies::workloads(Shape::default());
    let fails = |workload: &iocp_scheduler::Workload| {
        let json = serde_json::to_string(workload).unwrap();
        json.contains("GetQueuedCompletionStatusEx")
    };
    let mut tree = loop {
        let tree = strategy.new_tree(&mut runner).unwrap();
        if fails(&tree.current()) {
            break tree;
        }
    };
    loop {
        let smaller = if fails(&tree.current()) {
            tree.simplify()
        } else {
            tree.complicate()
        };
        if !smaller {
            break;
        }
    }
    let workload = tree.current();
    let steps: usize = workload
        .threads
        .iter()
        .map(|thread| thread.program.len())
        .sum();
    assert!(fails(&workload));
    assert_eq!((workload.threads.len(), steps), (1, 1), "{workload:#?}");
}

#[test]
fn a_seed_is_the_same_workload_everywhere() {
    // Pinned: what a seed stands for is a promise to whoever wrote one down.
    let json = serde_json::to_string(&generate::workload(1, &Shape::default())).unwrap();
    let sum = json.bytes().fold(0u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(byte.into())
    });
    assert_eq!(sum, 12_491_355_306_761_136_221, "{json}");
}
