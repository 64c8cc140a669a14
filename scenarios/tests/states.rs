//! The states of every scenario of the catalogue: how many, how many steps between them, and the
//! digest of both, with nothing left out. `states.txt` has them.
//!
//! A change here is a change of what can happen under some schedule. Where it is meant,
//! `UPDATE_STATES=1 cargo test --release -p iocp-scenarios --test states` writes the file anew.

use iocp_model::Kernel;
use iocp_scenarios::catalogue;
use iocp_scheduler::explore::{Limit, Options, Reductions, Report, Verdict, explore};
use std::{collections::BTreeMap, env, fs, path::PathBuf};

/// Scenarios of so many states are searched in every test run.
const FEW: u64 = 200_000;

/// Scenarios of so many states are searched where the code is optimised. There may be scenarios
/// with more.
const MANY: u64 = 20_000_000;

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/states.txt")
}

/// The lines of the file, by scenario.
fn pinned() -> BTreeMap<String, String> {
    let text = fs::read_to_string(path()).expect("the file is there");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter_map(|line| line.split_once(' '));
    lines
        .map(|(name, rest)| (name.to_owned(), rest.trim_start().to_owned()))
        .collect()
}

fn write(lines: &BTreeMap<String, String>) {
    let mut text = "\
# Every scenario of the catalogue under windows-10-1607+, nothing left out:
# states, transitions, ends, digest. Written by scenarios/tests/states.rs.
"
    .to_owned();
    for (name, line) in lines {
        text += &format!("{name:<32}{line}\n");
    }
    fs::write(path(), text).expect("the file can be written");
}

fn search(name: &str, most_states: u64) -> Report {
    let entry = catalogue::find(name).expect("it is in the catalogue");
    let scenario = entry.scenario().expect("the catalogue is sound");
    let options = Options {
        most_states,
        memory: 8 << 30,
        reductions: Reductions::NONE,
        ..Options::default()
    };
    explore(&scenario.program, Kernel::default(), &options, &|_| true).expect("no program spins")
}

/// The line of a scenario; `None` if it has more states than were searched.
fn line(report: &Report) -> Option<String> {
    if report.verdict == Verdict::Unknown(Limit::States) {
        return None;
    }
    let digest = match (report.digest, &report.verdict) {
        (Some(digest), _) => format!("{digest:016x}"),
        // The search ends where it finds it.
        (None, Verdict::Violated(found)) => format!("violated: {}", found.violation),
        (None, verdict) => panic!("{verdict:?}"),
    };
    Some(format!(
        "{:>10} {:>11} {:>4}  {digest}",
        report.states, report.transitions, report.ends
    ))
}

fn compare(wrong: &mut String, name: &str, pinned: &BTreeMap<String, String>, found: &str) {
    let known = pinned.get(name).map_or("nothing", String::as_str);
    if known.trim() != found.trim() {
        *wrong += &format!("\n{name}\n  there was {known}\n  there is  {found}");
    }
}

fn more_than(states: u64) -> String {
    format!("more than {states} states")
}

#[test]
fn scenarios_of_few_states_have_those() {
    let mut pinned = pinned();
    let mut wrong = String::new();
    let mut lines = BTreeMap::new();
    for entry in catalogue::all() {
        match line(&search(entry.name, FEW)) {
            Some(line) => {
                compare(&mut wrong, entry.name, &pinned, &line);
                lines.insert(entry.name.to_owned(), line);
            }
            // The other test knows how many there are.
            None => {
                let known = pinned.remove(entry.name).unwrap_or_default();
                let states = known.split_whitespace().next().unwrap_or_default();
                let many = states == "more" || states.parse().is_ok_and(|states: u64| states > FEW);
                if !many {
                    wrong += &format!("\n{}\n  there are more than {FEW} states", entry.name);
                }
                lines.insert(entry.name.to_owned(), known);
            }
        }
    }
    if env::var_os("UPDATE_STATES").is_some() {
        write(&lines);
        return;
    }
    let gone = pinned.keys().filter(|name| !lines.contains_key(*name));
    wrong.extend(gone.map(|name| format!("\n{name}\n  is not in the catalogue")));
    assert!(wrong.is_empty(), "UPDATE_STATES=1 rewrites this:{wrong}");
}

#[test]
#[cfg_attr(
    debug_assertions,
    ignore = "too slow without optimisation: `.ci/run` runs it"
)]
fn scenarios_of_many_states_have_those() {
    let mut pinned = pinned();
    let updates = env::var_os("UPDATE_STATES").is_some();
    let mut wrong = String::new();
    for entry in catalogue::all() {
        let known = pinned.get(entry.name).cloned().unwrap_or_default();
        let states = known.split_whitespace().next().unwrap_or_default();
        let is_large = known.is_empty() || states.parse().is_ok_and(|states: u64| states > FEW);
        // That there are too many states to count is looked at when the file is written only.
        if !is_large && !(updates && states == "more") {
            continue;
        }
        let found = line(&search(entry.name, MANY)).unwrap_or_else(|| more_than(MANY));
        compare(&mut wrong, entry.name, &pinned, &found);
        pinned.insert(entry.name.to_owned(), found);
    }
    if updates {
        write(&pinned);
    } else {
        assert!(wrong.is_empty(), "UPDATE_STATES=1 rewrites this:{wrong}");
    }
}
