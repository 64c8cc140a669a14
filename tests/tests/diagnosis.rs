//! A recording of a kernel that breaks known rules is diagnosed with just those.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Mutant, Mutants};
use iocp_scenarios::{
    experiment,
    generate::{self, Shape},
};
use iocp_scheduler::{
    Program,
    conform::{self, Recording, Verdict},
    diagnose::{self, Diagnosis, diagnose},
    outside,
    run::Options,
    strategy::Random,
};
use iocp_traces::Trace;
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;

/// How far an interval reaches beyond its call, in steps.
const REACH: u64 = 6;

/// A random program, half of the time from the catalogue.
fn program(rng: &mut ChaCha8Rng) -> Program {
    if rng.random() {
        let small = |(name, _): &&(&str, Program)| !name.starts_with("load");
        let programs: Vec<_> = experiment::programs().iter().filter(small).collect();
        programs.choose(rng).unwrap().1.clone()
    } else {
        let workload = generate::workload(rng.random(), &Shape::default());
        Program::compile(&workload).unwrap()
    }
}

/// A run of the program on that kernel as it is seen from outside, and the mutants that mattered.
fn record(program: &Program, mutants: Mutants, rng: &mut ChaCha8Rng) -> (Trace, Mutants) {
    let kernel = Kernel {
        mutants,
        ..Kernel::default()
    };
    let (strategy, options) = (Random::new(rng.random()), Options::default());
    let seen = outside::record(program, kernel, strategy, options, REACH, rng.random()).unwrap();
    (seen.trace, seen.heard)
}

fn conforms(recording: &Recording<'_>, mutants: Mutants) -> bool {
    let kernel = Kernel {
        mutants,
        ..Kernel::default()
    };
    let verdict = recording.check(kernel.semantics(), conform::Options::default(), &mut ());
    matches!(verdict.unwrap(), Verdict::Conforms { .. })
}

fn diagnosis(program: &Program, recording: &Recording<'_>) -> Option<Diagnosis> {
    let semantics = Kernel::default().semantics();
    let options = diagnose::Options::default();
    match recording
        .check(semantics, options.conform, &mut ())
        .unwrap()
    {
        Verdict::Diverges(divergence) => {
            Some(diagnose(program, recording, semantics, &divergence, options).unwrap())
        }
        _ => None,
    }
}

/// Of recordings of random kernels with one or two rules broken, how many are diagnosed with just
/// these? Asked only where the mutants had an effect: no schedule of fewer of them explains it.
fn score(cases: u32, seed: u64) -> (u32, Vec<String>) {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (mut right, mut wrong) = (0, Vec::new());
    while right + wrong.len() as u32 != cases {
        let program = program(&mut rng);
        // What matters to this program at all.
        let (_, heard) = record(&program, Mutants::NONE, &mut rng);
        let heard: Vec<Mutant> = heard.iter().collect();
        let pair = rng.random_range(1..=2);
        let truth: Mutants = heard.sample(&mut rng, pair).copied().collect();
        if truth.is_empty() {
            continue;
        }
        let (trace, _) = record(&program, truth, &mut rng);
        let recording = Recording::read(&program, &trace).unwrap();
        let fewer = truth.iter().map(|one| {
            let rest = truth.iter().filter(|other| *other != one);
            rest.collect::<Mutants>()
        });
        if conforms(&recording, Mutants::NONE)
            || fewer.into_iter().any(|set| conforms(&recording, set))
        {
            continue;
        }
        let found = diagnosis(&program, &recording);
        if found
            .as_ref()
            .is_some_and(|found| found.explanations.contains(&truth))
        {
            right += 1;
        } else {
            let name = &program.workload.name;
            wrong.push(format!("{name}: {truth:?}, found {found:?}"));
        }
    }
    (right, wrong)
}

#[test]
fn the_broken_rules_are_named() {
    let cases = 100;
    let (right, wrong) = score(cases, 1);
    println!("{right} of {cases} named; not named: {wrong:#?}");
    assert!(right * 100 >= cases * 95, "{wrong:#?}");
}

#[test]
fn an_honest_recording_is_never_diagnosed() {
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    for _ in 0..300 {
        let program = program(&mut rng);
        let (trace, _) = record(&program, Mutants::NONE, &mut rng);
        let recording = Recording::read(&program, &trace).unwrap();
        assert_eq!(
            diagnosis(&program, &recording),
            None,
            "{}",
            program.workload.name
        );
    }
}
