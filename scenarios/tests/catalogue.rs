//! Every scenario of the catalogue: it reads, its expectations hold in every schedule, no invariant
//! breaks on the way, and the rules that it claims to show do decide something in it.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use iocp_model::{
    Call, Event, Observer, Profile, Returned, ThreadId,
    invariants::Audit,
    rules::{self, Kind, RuleId},
};
use iocp_scenarios::{
    catalogue::{self, Entry},
    file::{Scenario, parse, to_toml},
};
use iocp_scheduler::{
    Choice, Op, Program, State, Watch,
    expect::{self, Collector},
    program::CallOp,
    simulate::{End, Settings, simulate},
};
use std::{
    collections::{BTreeSet, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
};

/// The most states of one scenario that are explored; beyond, schedules are sampled.
const MOST_STATES: usize = 100_000;
const SAMPLES: u64 = 200;
const MOST_STEPS: usize = 20_000;
/// Scenarios called so have 10,000 packets and more: one state of theirs is as large as all states
/// of another, so none is explored, and few schedules are sampled, each to its end.
const LOAD: &str = "load-";
const LOAD_SAMPLES: u64 = 2;
const MOST_LOAD_STEPS: usize = 1_000_000;

/// Scenarios called so are there to be measured by. They have up to ten million states and are all
/// alike, so few states are explored.
const MEASURED: &str = "peers-";

/// Watches one path.
#[derive(Clone)]
struct Path<'r> {
    collector: Collector,
    audit: Audit,
    rules: &'r std::cell::RefCell<BTreeSet<RuleId>>,
}

impl Observer for Path<'_> {
    fn event(&mut self, event: Event) {
        self.collector.event(event);
        self.audit.event(event);
    }
    fn rule(&mut self, rule: RuleId) {
        self.audit.rule(rule);
        self.rules.borrow_mut().insert(rule);
    }
}

impl Watch for Path<'_> {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        self.collector.begins(thread, op, call);
    }
    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.collector.ends(thread, op, returned);
    }
    fn does(&mut self, thread: ThreadId, op: &Op) {
        self.collector.does(thread, op);
    }
    fn marked_twice(&mut self, thread: ThreadId, key: u64) {
        self.collector.marked_twice(thread, key);
    }
}

/// What came of a scenario under one profile.
#[derive(Default)]
struct Found {
    rules: BTreeSet<RuleId>,
    failures: BTreeSet<String>,
    states: usize,
    ends: usize,
    complete: bool,
}

struct Explorer<'p> {
    program: &'p Program,
    profile: Profile,
    rules: std::cell::RefCell<BTreeSet<RuleId>>,
    failures: BTreeSet<String>,
    ends: usize,
}

impl<'p> Explorer<'p> {
    fn new(program: &'p Program, profile: Profile) -> Self {
        Self {
            program,
            profile,
            rules: std::cell::RefCell::default(),
            failures: BTreeSet::new(),
            ends: 0,
        }
    }

    fn start<'r>(&self, rules: &'r std::cell::RefCell<BTreeSet<RuleId>>) -> (State, Path<'r>) {
        let state = State::initial(self.program, self.profile.semantics).unwrap();
        let mut path = Path {
            collector: Collector::new(self.program),
            audit: Audit::new(),
            rules,
        };
        path.collector.before(self.program, &state);
        (state, path)
    }

    fn step(&self, state: &mut State, path: &mut Path<'_>, choice: Choice) -> Option<String> {
        state.take(self.program, choice, path).unwrap();
        path.collector.after(self.program, state);
        path.audit
            .check(&state.system)
            .err()
            .map(|violation| violation.to_string())
    }

    fn end(&mut self, state: &State, path: &Path<'_>) {
        self.ends += 1;
        let outcome = path.collector.clone().finish(state.clone());
        for failure in expect::check(self.program, self.profile.name, &outcome) {
            self.failures.insert(failure.to_string());
        }
    }

    fn explore(mut self, most_states: usize) -> Found {
        let rules = std::mem::take(&mut self.rules);
        let mut visited = HashSet::new();
        let mut stack = vec![self.start(&rules)];
        let mut choices = Vec::new();
        let mut complete = true;
        while let Some((state, path)) = stack.pop() {
            choices.clear();
            state.choices(self.program, &mut choices);
            if choices.is_empty() {
                self.end(&state, &path);
            }
            for &choice in choices.iter().rev() {
                let (mut state, mut path) = (state.clone(), path.clone());
                let violation = self.step(&mut state, &mut path, choice);
                self.failures.extend(violation);
                if visited.insert(digest(&state, &path.collector)) {
                    stack.push((state, path));
                }
            }
            if visited.len() > most_states {
                complete = false;
                break;
            }
        }
        if !complete {
            self.sample(&rules, SAMPLES, MOST_STEPS);
        }
        Found {
            rules: rules.into_inner(),
            failures: self.failures,
            states: visited.len(),
            ends: self.ends,
            complete,
        }
    }

    fn sample_only(mut self) -> Found {
        let rules = std::mem::take(&mut self.rules);
        self.sample(&rules, LOAD_SAMPLES, MOST_LOAD_STEPS);
        Found {
            rules: rules.into_inner(),
            failures: self.failures,
            states: 0,
            ends: self.ends,
            complete: false,
        }
    }

    fn sample(
        &mut self,
        rules: &std::cell::RefCell<BTreeSet<RuleId>>,
        samples: u64,
        most_steps: usize,
    ) {
        let mut choices = Vec::new();
        for seed in 0..samples {
            let mut random = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
            let (mut state, mut path) = self.start(rules);
            for _ in 0..most_steps {
                choices.clear();
                state.choices(self.program, &mut choices);
                if choices.is_empty() {
                    self.end(&state, &path);
                    break;
                }
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                let choice = choices[(random % choices.len() as u64) as usize];
                let violation = self.step(&mut state, &mut path, choice);
                self.failures.extend(violation);
            }
        }
    }
}

fn digest(state: &State, collector: &Collector) -> (u64, u64) {
    let mut bytes = Vec::new();
    state.encode(&mut bytes);
    let digest = |salt: u8| {
        let mut hasher = DefaultHasher::new();
        (salt, &bytes, collector.seen()).hash(&mut hasher);
        hasher.finish()
    };
    (digest(0), digest(1))
}

fn read(entry: &Entry) -> Scenario {
    entry
        .scenario()
        .unwrap_or_else(|error| panic!("{error}\n  {}", error.help()))
}

#[test]
fn every_entry_reads_and_is_named_after_its_file() {
    for entry in catalogue::all().iter().chain(catalogue::endless()) {
        let workload = read(entry).workload;
        assert_eq!(workload.name, entry.name);
        assert!(!workload.title.is_empty(), "{}: no title", entry.name);
        assert!(workload.title.len() <= 90, "{}: a long title", entry.name);
        assert!(
            !workload.title.ends_with('.'),
            "{}: a title is no sentence",
            entry.name
        );
        let sentences = workload.about.matches(['.', '?']).count();
        assert!(sentences >= 2, "{}: about is short", entry.name);
        assert!(!workload.rules.is_empty(), "{}: no rules", entry.name);
        assert!(
            !workload.expect.is_empty(),
            "{}: no expectation",
            entry.name
        );
        let longest = entry
            .text
            .lines()
            .map(|line| line.chars().count())
            .max()
            .unwrap();
        assert!(
            longest <= 124,
            "{}: a line of {longest} characters",
            entry.name
        );
    }
}

#[test]
fn the_list_is_the_folder() {
    for (folder, entries) in [("", catalogue::all()), ("endless", catalogue::endless())] {
        let folder = format!("{}/catalogue/{folder}", env!("CARGO_MANIFEST_DIR"));
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .filter_map(|file| file.strip_suffix(".toml").map(str::to_owned))
            .collect();
        files.sort();
        let list: Vec<&str> = entries.iter().map(|entry| entry.name).collect();
        assert_eq!(list, files);
    }
    assert!(catalogue::all().len() >= 40);
}

/// They finish every request that they are asked for, and what is always so is so.
#[test]
fn endless_entries_finish_requests() {
    for entry in catalogue::endless() {
        let program = read(entry).program;
        let settings = Settings {
            requests: 10_000,
            ..Settings::default()
        };
        let simulated = simulate(&program, Profile::default().semantics, &settings).unwrap();
        assert_eq!((simulated.requests, simulated.end), (10_000, End::Finished));
        let mut explorer = Explorer::new(&program, Profile::default());
        let rules = std::mem::take(&mut explorer.rules);
        explorer.sample(&rules, SAMPLES / 20, MOST_STEPS / 10);
        assert!(explorer.failures.is_empty(), "{:?}", explorer.failures);
        let fired = rules.into_inner();
        for rule in read(entry).workload.rules {
            assert!(
                fired.iter().any(|fired| fired.to_string() == rule),
                "{}: {rule} decides nothing",
                entry.name
            );
        }
    }
}

#[test]
fn names_are_found_and_near_names_suggested() {
    assert_eq!(
        catalogue::find("lifo-release").map(|entry| entry.name),
        Some("lifo-release")
    );
    assert!(catalogue::find("lifo").is_none());
    assert_eq!(catalogue::near("lifo-relaese"), Some("lifo-release"));
    assert_eq!(catalogue::near("something else entirely"), None);
}

#[test]
fn every_entry_survives_being_written_and_read_again() {
    for entry in catalogue::all().iter().chain(catalogue::endless()) {
        let workload = read(entry).workload;
        let text = to_toml(&workload);
        let again = parse(entry.name, &text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        assert_eq!(again.workload, workload);
        assert_eq!(to_toml(&again.workload), text);
    }
}

/// Under every profile: some rules decide only in an older one. Load is sampled.
#[test]
fn expectations_hold_in_every_schedule_and_claimed_rules_decide() {
    let only = std::env::var("ONLY").ok();
    let mut problems = Vec::new();
    let mut uncovered: BTreeSet<&str> = rules::all()
        .filter(|rule| rule.kind == Kind::Mechanism)
        .map(|rule| rule.id)
        .collect();
    let mut sampled = Vec::new();
    for entry in catalogue::all() {
        if only.as_ref().is_some_and(|only| !entry.name.contains(only)) {
            continue;
        }
        let program = read(entry).program;
        let mut fired = BTreeSet::new();
        for &profile in Profile::ALL {
            let most = if profile == Profile::default() && !entry.name.starts_with(MEASURED) {
                MOST_STATES
            } else {
                MOST_STATES / 20
            };
            let explorer = Explorer::new(&program, profile);
            let found = match entry.name.starts_with(LOAD) {
                true => explorer.sample_only(),
                false => explorer.explore(most),
            };
            if std::env::var_os("VERBOSE").is_some() {
                println!(
                    "{} {}: {} states, {} ends",
                    entry.name, profile.name, found.states, found.ends
                );
            }
            if found.ends == 0 {
                problems.push(format!("{} under {}: never ends", entry.name, profile.name));
            }
            if !found.complete {
                sampled.push((entry.name, profile.name));
            }
            fired.extend(found.rules.iter().copied());
            for failure in found.failures {
                problems.push(format!("{} under {}: {failure}", entry.name, profile.name));
            }
        }
        for id in &program.workload.rules {
            let Some(rule) = rules::find(id) else {
                continue;
            };
            if rule.kind == Kind::Mechanism && !fired.contains(&rule.key) {
                problems.push(format!("{}: {id} never decides anything", entry.name));
            }
            uncovered.remove(id.as_str());
        }
    }
    if std::env::var_os("VERBOSE").is_some() {
        println!("sampled: {sampled:?}");
        println!("mechanisms without a scenario: {uncovered:?}");
    }
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}
