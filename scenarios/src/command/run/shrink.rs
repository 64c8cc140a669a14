//! The smaller scenario in which some run fails as this one did.

use super::{Arguments, Result};
use crate::{command::smaller::Smaller, file::Scenario, shrink};
use iocp_model::Kernel;
use iocp_scheduler::{
    End, Program, Run,
    expect::{self, Collector},
    run::Options,
    workload::Expectation,
};

/// Each smaller scenario is run with so many seeds.
const SEEDS: u64 = 200;
/// The most steps of such a run.
const MOST_STEPS: u64 = 100_000;

/// Makes a scenario smaller as long as one of some runs breaks the same expectation; and, if one of
/// them goes well, as long as one still does.
pub(super) fn shrink(
    arguments: &Arguments,
    scenario: &Scenario,
    kernel: Kernel,
    expectation: usize,
) -> Result<Smaller> {
    let broken = &scenario.workload.expect[expectation];
    let goes_well = Seeds::of(arguments, &scenario.program, kernel, broken)
        .good
        .is_some();
    let mut tried = 0;
    let mut seed = arguments.seed;
    let workload = shrink::shrink(&scenario.workload, Some(expectation), |program| {
        tried += 1;
        let seeds = Seeds::of(arguments, program, kernel, broken);
        let keeps = seeds.bad.is_some() && (!goes_well || seeds.good.is_some());
        if let Some(bad) = seeds.bad.filter(|_| keeps) {
            seed = bad;
        }
        Some(keeps)
    });
    let mut how = format!(" --seed {seed}");
    if kernel != Kernel::default() {
        how += &format!(" --profile {kernel}");
    }
    how += &arguments.chooser();
    let smaller = Smaller {
        workload,
        tried,
        cut: false,
        shows: "run".into(),
        how,
    };
    smaller.write(arguments.output.as_deref())?;
    Ok(smaller)
}

/// The first seeds of runs that break an expectation, and that break none.
struct Seeds {
    bad: Option<u64>,
    good: Option<u64>,
}

impl Seeds {
    fn of(arguments: &Arguments, program: &Program, kernel: Kernel, broken: &Expectation) -> Self {
        let mut seeds = Self {
            bad: None,
            good: None,
        };
        let position = program.workload.expect.iter().position(|it| it == broken);
        // The seed that was given comes first: it is known to break the whole scenario.
        let others = (0..SEEDS).filter(|seed| *seed != arguments.seed);
        for seed in std::iter::once(arguments.seed).chain(others) {
            if seeds.bad.is_some() && seeds.good.is_some() {
                break;
            }
            let Some(failures) = failures(arguments, program, kernel, seed) else {
                continue;
            };
            if position.is_some_and(|position| failures.contains(&position)) {
                seeds.bad.get_or_insert(seed);
            } else if failures.is_empty() {
                seeds.good.get_or_insert(seed);
            }
        }
        seeds
    }
}

/// The expectations that a run breaks; `None` if it does not come to an end.
fn failures(
    arguments: &Arguments,
    program: &Program,
    kernel: Kernel,
    seed: u64,
) -> Option<Vec<usize>> {
    let options = Options {
        most_steps: MOST_STEPS,
        jitter_percent: arguments.jitter,
        untimed: false,
    };
    let strategy = arguments.strategy.make(seed, program);
    let mut run = Run::new(program, kernel.semantics(), strategy, options).ok()?;
    let mut collector = Collector::new(program);
    let end = run.finish(&mut collector).ok()?;
    if end == End::OutOfSteps {
        return None;
    }
    let outcome = collector.finish(run.state().clone());
    let failures = expect::check(program, kernel.profile.name, &outcome);
    Some(failures.iter().map(|failure| failure.expectation).collect())
}
