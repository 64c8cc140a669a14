//! Every rule can be broken, and somebody notices.
//!
//! What is found out here is kept in `scenarios/src/matrix/kills.txt`. After a change of rules,
//! mutants or scenarios, `UPDATE_KILLS=1 cargo test -p iocp-tests --test mutants` writes that file.
//! Read the difference before you keep it.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Mutant, Mutants, Profile};
use iocp_scenarios::{
    experiment,
    generate::{self, Shape},
    matrix::kills::{self, Kill},
};
use iocp_scheduler::{
    Program,
    conform::{self, Recording, Verdict},
    outside::{self, Seen},
    run::Options,
    strategy::Random,
};
use rand::{RngExt, SeedableRng, seq::IndexedRandom};
use rand_chacha::ChaCha8Rng;
use std::{
    env, fs,
    path::Path,
    sync::{
        LazyLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

/// How many recordings of each mutant are checked, if there are as many in which it matters.
const RECORDINGS: usize = 200;

/// How many random programs there are.
const PROGRAMS: usize = 4_000;

/// How far an interval reaches beyond its call, in steps.
const REACH: u64 = 6;

/// Runs that take more steps are no part of the sample.
const MOST_STEPS: u64 = 2_000;

/// Computes `function` of each index, on as many threads as there are processors.
fn each<T: Send>(count: usize, function: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let work = || {
        let indices = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
        let indices = indices.take_while(|index| *index < count);
        indices
            .map(|index| (index, function(index)))
            .collect::<Vec<_>>()
    };
    let threads = thread::available_parallelism().map_or(2, usize::from);
    let mut results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap());
        results.collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, result)| result).collect()
}

/// For each mutant, the scenarios of the catalogue that kill it.
fn killers() -> Vec<Vec<&'static str>> {
    let programs = experiment::programs();
    let killed = each(programs.len(), |index| {
        experiment::killed(&programs[index].1, Kernel::default())
    });
    let kills = |mutant: Mutant| {
        let killers = programs.iter().zip(&killed);
        killers
            .filter(|(_, killed)| killed.contains(mutant))
            .map(|((name, _), _)| *name)
            .collect()
    };
    Mutant::all().map(kills).collect()
}

/// A random program, half of the time from the catalogue.
fn program(rng: &mut ChaCha8Rng) -> Program {
    if rng.random() {
        // Those that are made to be large have nothing of their own.
        let large = ["load", "peers"];
        let small =
            |(name, _): &&(&str, Program)| !large.iter().any(|large| name.starts_with(large));
        let programs: Vec<_> = experiment::programs().iter().filter(small).collect();
        programs.choose(rng).unwrap().1.clone()
    } else {
        let workload = generate::workload(rng.random(), &Shape::default());
        Program::compile(&workload).unwrap()
    }
}

/// A run as it is seen from outside.
fn record(program: &Program, kernel: Kernel, seed: u64) -> Option<Seen> {
    let options = Options {
        most_steps: MOST_STEPS,
        ..Options::default()
    };
    outside::record(program, kernel, Random::new(seed), options, REACH, seed).ok()
}

fn is_rejected(program: &Program, seen: &Seen, kernel: Kernel) -> bool {
    let recording = Recording::read(program, &seen.trace).unwrap();
    let verdict = recording.check(kernel.semantics(), conform::Options::default(), &mut ());
    matches!(verdict, Ok(Verdict::Diverges(_)))
}

/// For each mutant, of how many random recordings in which it matters how many are rejected.
fn shares() -> Vec<(u32, u32)> {
    let programs = each(PROGRAMS, |index| {
        let mut rng = ChaCha8Rng::seed_from_u64(index as u64);
        let program = program(&mut rng);
        let seed = rng.random();
        // Up to the first step that a mutant changes, its run is this one.
        let heard =
            record(&program, Kernel::default(), seed).map_or(Mutants::NONE, |run| run.heard);
        (program, seed, heard)
    });
    // The first so many recordings of each mutant, whichever thread makes them.
    let mut wanted = [RECORDINGS; Mutant::COUNT];
    let chosen: Vec<Mutants> = programs
        .iter()
        .map(|(_, _, heard)| {
            let chosen = heard.iter().filter(|mutant| wanted[*mutant as usize] > 0);
            let chosen: Mutants = chosen.collect();
            chosen
                .iter()
                .for_each(|mutant| wanted[mutant as usize] -= 1);
            chosen
        })
        .collect();
    let rejected = each(programs.len(), |index| {
        let (program, seed, _) = &programs[index];
        let rejected = chosen[index].iter().filter(|mutant| {
            let broken = record(program, Kernel::default().with(*mutant), *seed);
            broken.is_some_and(|seen| is_rejected(program, &seen, Kernel::default()))
        });
        rejected.collect::<Mutants>()
    });
    let count = |sets: &[Mutants], mutant| {
        let with = sets.iter().filter(|set| set.contains(mutant));
        u32::try_from(with.count()).unwrap()
    };
    Mutant::all()
        .map(|mutant| (count(&rejected, mutant), count(&chosen, mutant)))
        .collect()
}

/// What is true of the mutants now.
static KILLS: LazyLock<Vec<Kill>> = LazyLock::new(|| {
    Mutant::all()
        .zip(killers())
        .zip(shares())
        .map(|((mutant, scenarios), (rejected, recordings))| Kill {
            mutant,
            recordings,
            rejected,
            scenarios,
        })
        .collect()
});

#[test]
fn the_file_of_kills_is_true() {
    let lines = KILLS.iter().map(|kill| format!("{kill}\n"));
    let text: String = lines.collect();
    println!("{text}");
    if text == kills::TEXT {
        return;
    }
    if env::var_os("UPDATE_KILLS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/src/matrix/kills.txt");
        fs::write(path, text).unwrap();
        return;
    }
    let is: Vec<_> = text.lines().collect();
    let differs = |line: &&&str| !kills::TEXT.lines().any(|known| known == **line);
    let differ: Vec<_> = is.iter().filter(differs).collect();
    panic!("UPDATE_KILLS=1 writes these lines into the file of kills: {differ:#?}");
}

/// A mutant that no scenario shows is a hole in the catalogue.
#[test]
fn every_mutant_is_killed_by_a_scenario() {
    let observable = KILLS
        .iter()
        .filter(|kill| kill.mutant.unobservable().is_none());
    let alive: Vec<_> = observable
        .filter(|kill| kill.scenarios.is_empty())
        .map(|kill| kill.mutant.name())
        .collect();
    assert!(alive.is_empty(), "no scenario kills {alive:?}");
}

/// A mutant that the checker never rejects is a hole in the check.
#[test]
fn every_mutant_is_rejected_in_random_recordings() {
    let observable = KILLS
        .iter()
        .filter(|kill| kill.mutant.unobservable().is_none());
    let alive: Vec<_> = observable
        .filter(|kill| kill.rejected == 0)
        .map(Kill::to_string)
        .collect();
    assert!(alive.is_empty(), "never rejected: {alive:#?}");
}

/// What is said to be unobservable is never seen.
#[test]
fn nothing_tells_what_is_unobservable() {
    for kill in KILLS.iter() {
        if let Some(why) = kill.mutant.unobservable() {
            assert_eq!(
                (kill.rejected, &kill.scenarios[..]),
                (0, &[][..]),
                "{}: {why}",
                kill.mutant.name()
            );
        }
    }
}

/// Profiles whose recordings of the catalogue another profile explains. `iocp distinguish` finds a
/// workload of four steps that tells these two apart.
const NOT_IN_THE_CATALOGUE: &[(&str, &str)] = &[
    // Up to 8.1 a direct waiter wakes when a dequeuer is served; in the catalogue it might be late.
    ("windows-10-1607+", "windows-8.1"),
];

/// For each two profiles, a recording of the one that does not conform to the other.
#[test]
fn every_profile_rejects_recordings_of_the_others() {
    for claimed in Profile::ALL {
        for actual in Profile::ALL {
            if actual == claimed || NOT_IN_THE_CATALOGUE.contains(&(actual.name, claimed.name)) {
                continue;
            }
            let mut found = experiment::find((*actual).into(), (*claimed).into());
            let found = found.next();
            let pair = format!("{} rejects a recording of {}", claimed.name, actual.name);
            println!("{pair}: {found:?}");
            assert!(found.is_some(), "not so: {pair}");
        }
    }
}
