//! Which scenario tells two kernels apart?
//!
//! An experiment is a scenario of the catalogue with a run under one kernel that no schedule of the
//! other explains, seen from outside. Whoever wants to know which of the two a real kernel is
//! records that scenario there.
//!
//! ```
//! use iocp_model::{Kernel, Mutant};
//! use iocp_scenarios::experiment;
//!
//! let broken: Kernel = "windows-10-1607+,fifo-waiters".parse()?;
//! let names: Vec<_> = experiment::find(broken, Kernel::default()).collect();
//! assert!(names.contains(&"lifo-release"));
//! # Ok::<(), iocp_model::mutant::UnknownKernel>(())
//! ```

use crate::catalogue;
use iocp_model::{Kernel, Mutant, Mutants};
use iocp_scheduler::{
    Program, RunError,
    conform::{self, Recording, Verdict},
    outside::{self, Seen},
    run::{End, Options},
    strategy::Random,
};
use std::sync::OnceLock;

/// How far the ends of an interval are from its call, in steps.
const REACH: u64 = 4;

/// How many runs of a scenario are tried.
const RUNS: u64 = 8;

/// Runs that take more steps are not tried: there are smaller scenarios for everything.
const MOST_STEPS: u64 = 2_000;

/// The programs of the catalogue, by name.
pub fn programs() -> &'static [(&'static str, Program)] {
    static PROGRAMS: OnceLock<Vec<(&'static str, Program)>> = OnceLock::new();
    PROGRAMS.get_or_init(|| {
        // A test reads them all.
        let read = |entry: &catalogue::Entry| Some((entry.name, entry.scenario().ok()?.program));
        catalogue::all().iter().filter_map(read).collect()
    })
}

/// The scenarios of the catalogue that show that a kernel is `actual` rather than `claimed`.
pub fn find(actual: Kernel, claimed: Kernel) -> impl Iterator<Item = &'static str> {
    let shows = move |(name, program): &(&'static str, Program)| {
        tells_apart(program, actual, claimed).then_some(*name)
    };
    programs().iter().filter_map(shows)
}

/// The scenario of the catalogue whose recording decides best between two kernels: if there is one,
/// it shows the difference whichever of the two is real, and is about a rule in which they differ.
pub fn deciding(a: Kernel, b: Kernel) -> Option<&'static str> {
    let differ = a.mutants.difference(b.mutants);
    let is_about = |program: &Program| {
        let rules = &program.workload.rules;
        let broken = differ.iter().flat_map(|mutant: Mutant| mutant.rules());
        broken
            .into_iter()
            .any(|rule| rules.iter().any(|id| id == rule.id()))
    };
    let mut best = None;
    for about in [true, false] {
        for (name, program) in programs()
            .iter()
            .filter(|(_, program)| is_about(program) == about)
        {
            match (tells_apart(program, a, b), tells_apart(program, b, a)) {
                (true, true) => return Some(name),
                (false, false) => {}
                _ => best = best.or(Some(*name)),
            }
        }
    }
    best
}

/// Does a recording of this scenario show which of the two a kernel is, whichever it is?
pub fn decides(name: &str, a: Kernel, b: Kernel) -> bool {
    let program = programs().iter().find(|(known, _)| *known == name);
    program.is_some_and(|(_, program)| tells_apart(program, a, b) && tells_apart(program, b, a))
}

/// Does some run of the program under `actual`, seen from outside, differ from all of `claimed`?
pub fn tells_apart(program: &Program, actual: Kernel, claimed: Kernel) -> bool {
    let shown = |seed| differs(program, actual, claimed, seed);
    (0..RUNS).map_while(shown).any(|differs| differs)
}

/// The mutants that this program [tells apart](tells_apart) from `kernel`, one at a time.
pub fn killed(program: &Program, kernel: Kernel) -> Mutants {
    // A mutant of which no run of the kernel itself heard would have changed none of these runs.
    let heard = (0..RUNS)
        .filter_map(|seed| record(program, kernel, seed).ok())
        .fold(Mutants::NONE, |all, seen| all.union(seen.heard));
    let killed = |mutant: &Mutant| {
        !kernel.mutants.contains(*mutant) && tells_apart(program, kernel.with(*mutant), kernel)
    };
    heard.iter().filter(killed).collect()
}

fn record(program: &Program, kernel: Kernel, seed: u64) -> Result<Seen, RunError> {
    let options = Options {
        most_steps: MOST_STEPS,
        ..Options::default()
    };
    outside::record(program, kernel, Random::new(seed), options, REACH, seed)
}

/// Does this run differ? `None` if it does not end.
pub(crate) fn differs(
    program: &Program,
    actual: Kernel,
    claimed: Kernel,
    seed: u64,
) -> Option<bool> {
    let seen = record(program, actual, seed).ok()?;
    if seen.end == End::OutOfSteps {
        return None;
    }
    // Where nothing depends on what differs, the run is one of the other kernel too.
    let differ = actual.mutants.difference(claimed.mutants);
    if actual.profile == claimed.profile && !seen.heard.intersects(differ) {
        return Some(false);
    }
    let verdict = Recording::read(program, &seen.trace).and_then(|recording| {
        recording.check(claimed.semantics(), conform::Options::default(), &mut ())
    });
    Some(matches!(verdict, Ok(Verdict::Diverges(_))))
}
