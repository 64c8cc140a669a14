//! The states of every scenario of the catalogue: how many, how many steps between them, and the
//! digest of both, with nothing left out. `states.txt` has them.
//!
//! A change here is a change of what can happen under some schedule. Where it is meant,
//! `UPDATE_STATES=20000000 cargo test --release -p iocp-scenarios --test states` writes the file
//! anew; a scenario with more states than that stands there as one.

use iocp_model::Kernel;
use iocp_scenarios::catalogue;
use iocp_scheduler::explore::{Limit, Options, Reductions, Report, Verdict, explore};
use std::{collections::BTreeMap, env, fs, path::PathBuf};

/// Scenarios of so many states are searched in every test run.
const FEW: u64 = 200_000;

/// Of the others, so many are looked at there.
const SOME: u64 = 20_000;

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
        memory: 4 << 30,
        // A scenario may mean its deadlocks, and a violation would end the search.
        deadlocks: false,
        reductions: Reductions::NONE,
        ..Options::default()
    };
    explore(&scenario.program, Kernel::default(), &options, &|_| true).expect("no program spins")
}

/// The line of a scenario; `None` if it has more states than were searched.
fn line(report: &Report) -> Option<String> {
    if let Verdict::Unknown(Limit::States | Limit::Memory) = report.verdict {
        return None;
    }
    assert_eq!(report.verdict, Verdict::Holds);
    let digest = report.digest.expect("the search left nothing out");
    Some(format!(
        "{:>10} {:>11} {:>4}  {digest:016x}",
        report.states, report.transitions, report.ends
    ))
}

fn compare(wrong: &mut String, name: &str, pinned: &BTreeMap<String, String>, found: &str) {
    let known = pinned.get(name).map_or("nothing", String::as_str);
    if known.trim() != found.trim() {
        *wrong += &format!("\n{name}\n  there was {known}\n  there is  {found}");
    }
}

/// Does the file say that there are more states than the quick test searches?
fn has_many(known: &str) -> bool {
    let states = known.split_whitespace().next().unwrap_or_default();
    states == "more" || states.parse().is_ok_and(|states: u64| states > FEW)
}

#[test]
fn scenarios_of_few_states_have_those() {
    let mut pinned = pinned();
    let mut wrong = String::new();
    for entry in catalogue::all() {
        let known = pinned.get(entry.name).cloned().unwrap_or_default();
        let most = if has_many(&known) { SOME } else { FEW };
        match line(&search(entry.name, most)) {
            Some(line) => {
                compare(&mut wrong, entry.name, &pinned, &line);
                pinned.insert(entry.name.to_owned(), line);
            }
            // The other test counts them.
            None if has_many(&known) => {}
            None => {
                wrong += &format!("\n{}\n  has more than {most} states", entry.name);
                pinned.insert(entry.name.to_owned(), format!("more than {most} states"));
            }
        }
    }
    if env::var_os("UPDATE_STATES").is_some() {
        pinned.retain(|name, _| catalogue::find(name).is_some());
        write(&pinned);
        return;
    }
    let gone = pinned.keys().filter(|name| catalogue::find(name).is_none());
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
    let update = env::var("UPDATE_STATES").ok();
    let most = update.as_deref().and_then(|most| most.parse::<u64>().ok());
    let mut wrong = String::new();
    for entry in catalogue::all() {
        let known = pinned.get(entry.name).cloned().unwrap_or_default();
        // That there are more than anybody counted is looked at when the file is written only.
        let is_open = known.starts_with("more");
        if !has_many(&known) || (is_open && most.is_none()) {
            continue;
        }
        let most = most.unwrap_or(u64::MAX);
        let report = search(entry.name, most);
        let found = line(&report).unwrap_or_else(|| {
            // How many there are when the memory is used up is not quite the same everywhere.
            let seen = most.min(report.states / 100_000 * 100_000);
            format!("more than {seen} states")
        });
        compare(&mut wrong, entry.name, &pinned, &found);
        pinned.insert(entry.name.to_owned(), found);
    }
    if update.is_some() {
        write(&pinned);
    } else {
        assert!(
            wrong.is_empty(),
            "UPDATE_STATES=20000000 rewrites this:{wrong}"
        );
    }
}
