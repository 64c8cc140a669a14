//! A run of the model, seen from outside, conforms to the model; a result that is not its own
//! mostly does not.

#![allow(clippy::unwrap_used)]

use iocp_model::{
    Observer, Profile,
    rules::{self, RuleId},
};
use iocp_scenarios::generate::{self, Shape};
use iocp_scheduler::{
    Program, Workload,
    conform::{self, Recording, Verdict},
    outside,
    run::Options,
    strategy::Random,
};
use iocp_traces::{Event, Happening, Number, SeenResult, Trace};
use rand::{SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::{borrow::Cow, time::Instant};

/// A run as its own kernel's recorder would have seen it.
fn recording(program: &Program, profile: &Profile, seed: u64) -> Trace {
    let (kernel, strategy) = ((*profile).into(), Random::new(seed));
    let seen = outside::record(program, kernel, strategy, Options::default(), 8, seed);
    seen.unwrap().trace
}

fn profile(seed: u64) -> Profile {
    Profile::ALL[(seed % Profile::ALL.len() as u64) as usize]
}

fn check(program: &Program, profile: &Profile, trace: &Trace) -> Verdict {
    conform::check(
        program,
        profile.semantics,
        trace,
        conform::Options::default(),
    )
    .unwrap()
}

fn conforms(seeds: impl Iterator<Item = u64>) {
    let mut undecided = 0;
    let mut checked = 0;
    for seed in seeds {
        let program = Program::compile(&generate::workload(seed, &Shape::default())).unwrap();
        let profile = profile(seed);
        let trace = recording(&program, &profile, seed);
        match check(&program, &profile, &trace) {
            Verdict::Conforms { .. } => {}
            Verdict::NoVerdict { .. } => undecided += 1,
            Verdict::Diverges(divergence) => panic!(
                "seed {seed} under {}: a run of the model diverges from it\n{}\nat event {}: {}\nmodel: {:#?}",
                profile.name,
                lines(&trace),
                divergence.event,
                divergence.recorded,
                divergence.possible,
            ),
        }
        checked += 1;
    }
    assert!(
        undecided * 100 <= checked,
        "{undecided} of {checked} without a verdict"
    );
}

fn lines(trace: &Trace) -> String {
    let program = serde_json::to_string(&trace.header.scenario).unwrap();
    let events = trace
        .events
        .iter()
        .map(|event| serde_json::to_string(event).unwrap());
    std::iter::once(program)
        .chain(events)
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn a_run_conforms_to_its_own_profile() {
    conforms((0..3_000).step_by(2));
}

#[test]
fn another_run_conforms_to_its_own_profile() {
    conforms((1..3_000).step_by(2));
}

/// Results with packets, as places in the events.
fn packets(trace: &Trace) -> Vec<usize> {
    let has = |event: &Event<'_>| matches!(&event.what, Happening::End { result, .. } if !result.packets.is_empty());
    (0..trace.events.len())
        .filter(|&index| has(&trace.events[index]))
        .collect()
}

fn change(trace: &mut Trace, index: usize, change: impl FnOnce(&mut SeenResult)) {
    if let Happening::End { result, .. } = &mut trace.events[index].what {
        let mut changed = result.clone().into_owned();
        change(&mut changed);
        *result = Cow::Owned(changed);
    }
}

fn key(trace: &Trace, index: usize) -> Option<Number> {
    match &trace.events[index].what {
        Happening::End { result, .. } => result.packets.first().map(|packet| packet.key),
        _ => None,
    }
}

/// Of so many changed recordings, how many diverge.
#[derive(Default, Debug)]
struct Share {
    of: u32,
    diverge: u32,
}

#[test]
fn a_result_that_was_changed_diverges() {
    let [mut foreign, mut swapped, mut timed_out, mut unfinished] =
        [(); 4].map(|()| Share::default());
    for seed in 0..1_500 {
        let program = Program::compile(&generate::workload(seed, &Shape::default())).unwrap();
        let profile = profile(seed);
        let trace = recording(&program, &profile, seed);
        let places = packets(&trace);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let Some(&place) = places.choose(&mut rng) else {
            continue;
        };
        let count = |share: &mut Share, changed: &Trace| {
            share.of += 1;
            let verdict = check(&program, &profile, changed);
            share.diverge += u32::from(matches!(verdict, Verdict::Diverges(_)));
        };
        let mut changed = trace.clone();
        change(&mut changed, place, |result| {
            result.packets[0].key = Number(77)
        });
        count(&mut foreign, &changed);

        let other = places
            .iter()
            .copied()
            .find(|&other| key(&trace, other) != key(&trace, place));
        if let (Some(other), Some(mine)) = (other, key(&trace, place)) {
            let Some(theirs) = key(&trace, other) else {
                continue;
            };
            let mut changed = trace.clone();
            change(&mut changed, place, |result| result.packets[0].key = theirs);
            change(&mut changed, other, |result| result.packets[0].key = mine);
            count(&mut swapped, &changed);
        }
        let mut changed = trace.clone();
        change(&mut changed, place, |result| {
            *result = SeenResult {
                last_error: Some(258),
                ..SeenResult::default()
            };
        });
        count(&mut timed_out, &changed);

        // A call that never returned, though a packet was there for it.
        let mut changed = trace.clone();
        let thread = changed.events[place].thread().map(str::to_owned);
        let is_later = |event: &Event<'_>| event.thread() == thread.as_deref();
        let mut index = 0;
        changed.events.retain(|event| {
            index += 1;
            index <= place || !is_later(event)
        });
        count(&mut unfinished, &changed);
    }
    println!(
        "diverge: {foreign:?} with a foreign key, {swapped:?} with two keys swapped, \
         {timed_out:?} with a time-out for a packet, {unfinished:?} that never returned"
    );
    assert_eq!(foreign.diverge, foreign.of);
    assert!(swapped.diverge * 4 > swapped.of * 3);
    assert!(timed_out.diverge * 10 > timed_out.of * 9);
    assert!(unfinished.diverge * 4 > unfinished.of * 3);
}

/// A workload of some thousands of events: producers that post, workers that block.
fn busy(turns: u32) -> Program {
    let workload: Workload = serde_json::from_value(serde_json::json!({
        "name": "busy",
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "producer", "copies": 3, "program": [
                {"repeat": turns, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1},
                    {"call": "Sleep", "for": "1ms"}]}]},
            {"name": "worker", "copies": 5, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"call": "Sleep", "for": "1ms"}]}]}]
    }))
    .unwrap();
    Program::compile(&workload).unwrap()
}

#[test]
fn ten_thousand_events_are_checked_in_seconds() {
    let program = busy(420);
    let profile = Profile::default();
    let trace = recording(&program, &profile, 1);
    assert!(trace.events.len() >= 10_000, "{}", trace.events.len());
    let begun = Instant::now();
    let verdict = check(&program, &profile, &trace);
    let took = begun.elapsed();
    println!("{} events: {verdict:?} in {took:?}", trace.events.len());
    assert!(matches!(verdict, Verdict::Conforms { .. }), "{verdict:?}");
    assert!(took.as_secs() < 5, "{took:?}");
}

/// Twenty thousand packets, three quarters of them queued before the first is taken.
fn deep(posts: u32) -> Program {
    let workload: Workload = serde_json::from_value(serde_json::json!({
        "name": "deep",
        "port": [{"name": "p", "concurrency": 2}],
        "thread": [
            {"name": "producer", "copies": 4, "program": [
                {"repeat": posts, "do": [
                    {"call": "PostQueuedCompletionStatus", "port": "p", "key": 1, "key_step": 1}]}]},
            {"name": "worker", "copies": 4, "program": [
                {"repeat": "forever", "do": [
                    {"call": "GetQueuedCompletionStatus", "port": "p"},
                    {"call": "Sleep", "for": "1ms"}]}]}]
    }))
    .unwrap();
    Program::compile(&workload).unwrap()
}

/// In which order the packets of a deep queue came shows only when they leave.
#[test]
fn a_deep_queue_is_explained() {
    let (program, profile) = (deep(500), Profile::default());
    let trace = recording(&program, &profile, 1);
    let verdict = check(&program, &profile, &trace);
    println!("{} events: {verdict:?}", trace.events.len());
    assert!(matches!(verdict, Verdict::Conforms { .. }), "{verdict:?}");
}

/// A million events, as seen from outside; and the same with a packet near the end that nobody
/// posted.
#[test]
#[cfg_attr(debug_assertions, ignore = "slow without optimisation")]
fn a_million_events_are_checked_in_seconds() {
    let (program, profile) = (busy(42_000), Profile::default());
    let options = Options {
        most_steps: u64::MAX,
        ..Options::default()
    };
    let (kernel, strategy) = (profile.into(), Random::new(1));
    let mut trace = outside::record(&program, kernel, strategy, options, 8, 1)
        .unwrap()
        .trace;
    assert!(trace.events.len() >= 1_000_000, "{}", trace.events.len());
    let verdict = check(&program, &profile, &trace);
    println!("{verdict:?}");
    let Verdict::Conforms { states } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(states < 2 * trace.events.len() as u64);
    let places = packets(&trace);
    let late = places[places.len() * 97 / 100];
    change(&mut trace, late, |result| {
        result.packets[0].key = Number(77_000_000)
    });
    let Verdict::Diverges(divergence) = check(&program, &profile, &trace) else {
        panic!("a packet that nobody posted")
    };
    println!("{} states", divergence.looked_at);
    assert_eq!(divergence.event, late);
    assert!(divergence.looked_at < 10 * trace.events.len() as u64);
}

#[test]
fn a_divergence_after_ten_thousand_events_is_found() {
    let program = busy(420);
    let profile = Profile::default();
    let mut trace = recording(&program, &profile, 1);
    let last = packets(&trace).pop().unwrap();
    change(&mut trace, last, |result| {
        result.packets[0].key = Number(77)
    });
    let begun = Instant::now();
    let verdict = check(&program, &profile, &trace);
    let took = begun.elapsed();
    let Verdict::Diverges(divergence) = verdict else {
        panic!("{verdict:?}")
    };
    println!(
        "{} events, {} states, {took:?}",
        trace.events.len(),
        divergence.looked_at
    );
    assert_eq!(divergence.event, last);
    assert!(took.as_secs() < 5, "{took:?}");
}

/// Counts how often the model hands a packet to a blocked dequeuer, and the rule for it.
#[derive(Default)]
struct HandOffs {
    events: u32,
    rules: u32,
}

impl Observer for HandOffs {
    fn event(&mut self, event: iocp_model::Event) {
        self.events += u32::from(matches!(event, iocp_model::Event::HandedOff { .. }));
    }

    fn rule(&mut self, rule: RuleId) {
        self.rules += u32::from(rule == rules::WAIT_03);
    }
}

#[test]
fn an_observer_sees_the_steps_of_the_search() {
    let program = busy(20);
    let options = conform::Options::default();
    let trace = recording(&program, &Profile::default(), 1);
    let read = Recording::read(&program, &trace).unwrap();
    // Read once, checked twice: Windows hands packets over, Wine's waiters look for themselves.
    let mut windows = HandOffs::default();
    let verdict = read.check(Profile::default().semantics, options, &mut windows);
    assert!(matches!(verdict, Ok(Verdict::Conforms { .. })));
    assert!(windows.events > 0 && windows.events == windows.rules);
    let mut wine = HandOffs::default();
    let verdict = read.check(Profile::WINE_8.semantics, options, &mut wine);
    assert!(verdict.is_ok());
    assert_eq!((wine.events, wine.rules), (0, 0));
}

/// A check looks ahead and forgets; one that does neither says the same, and stops at the same
/// event.
#[test]
fn looking_ahead_and_forgetting_change_no_answer() {
    let plain = conform::Options {
        plain: true,
        ..conform::Options::default()
    };
    let [mut conform, mut diverge] = [0; 2];
    let mut compare = |seed: u64, program: &Program, profile: &Profile, trace: &Trace| {
        let read = Recording::read(program, trace).unwrap();
        let check = |options| read.check(profile.semantics, options, &mut ()).unwrap();
        let told = format!("seed {seed} under {}", profile.name);
        match (check(conform::Options::default()), check(plain)) {
            (Verdict::Conforms { .. }, Verdict::Conforms { .. }) => conform += 1,
            (Verdict::Diverges(one), Verdict::Diverges(other)) => {
                assert!(one.longest && other.longest, "{told}");
                assert_eq!(one.event, other.event, "{told}\n{}", lines(trace));
                diverge += 1;
            }
            (Verdict::NoVerdict { .. }, _) | (_, Verdict::NoVerdict { .. }) => {}
            (one, other) => panic!("{told}: {one:?}, plain {other:?}\n{}", lines(trace)),
        }
    };
    for seed in 0..700 {
        let program = Program::compile(&generate::workload(seed, &Shape::default())).unwrap();
        let trace = recording(&program, &profile(seed), seed);
        for profile in Profile::ALL {
            compare(seed, &program, profile, &trace);
        }
        let places = packets(&trace);
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let [Some(&one), Some(&other)] = [(); 2].map(|()| places.choose(&mut rng)) else {
            continue;
        };
        if let (Some(first), Some(second)) = (key(&trace, one), key(&trace, other)) {
            let mut changed = trace.clone();
            change(&mut changed, one, |result| result.packets[0].key = second);
            change(&mut changed, other, |result| result.packets[0].key = first);
            compare(seed, &program, &profile(seed), &changed);
        }
        let mut changed = trace.clone();
        change(&mut changed, one, |result| {
            result.packets[0].key = Number(77)
        });
        compare(seed, &program, &profile(seed), &changed);
    }
    println!("{conform} conform, {diverge} diverge");
    assert!(conform > 700 && diverge > 700);
}

#[test]
fn a_check_without_end_gives_no_verdict() {
    // The last packet was never posted; without a look at the whole recording, that takes a search.
    let program = busy(420);
    let mut trace = recording(&program, &Profile::default(), 1);
    let last = packets(&trace).pop().unwrap();
    change(&mut trace, last, |result| {
        result.packets[0].key = Number(77)
    });
    let options = conform::Options {
        most_states: 500,
        plain: true,
        ..conform::Options::default()
    };
    let verdict = conform::check(&program, Profile::default().semantics, &trace, options).unwrap();
    println!("{verdict:?}");
    let Verdict::NoVerdict { states, events } = verdict else {
        panic!("{verdict:?}")
    };
    assert!(states == 500 && events <= last, "{verdict:?}");
}
