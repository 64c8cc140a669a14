//! The smaller scenario with the same violation.

use super::{Arguments, Result, watch::Watch};
use crate::{command::smaller::Smaller, file::Scenario, shrink};
use iocp_scheduler::{
    Program, Workload,
    explore::{self, Counterexample, Options, Verdict, Violation},
};

/// Makes the scenario smaller as long as a search finds a violation of the same kind, of the same
/// expectation if it is one; and, if the scenario can go well, as long as it still can.
pub(super) fn shrink(
    arguments: &Arguments,
    scenario: &Scenario,
    found: &Counterexample,
    watch: &Watch,
) -> Result<Smaller> {
    let expectation = match found.violation {
        Violation::Expectation(index, _) => Some(index),
        _ => None,
    };
    let options = Options {
        digest: false,
        ..arguments.options()
    };
    let mut tried = 0;
    let mut cut = false;
    let same = |program: &Program| {
        tried += 1;
        watch.begin(&format!("smaller scenario {tried}"));
        let report = explore::explore(program, arguments.profile, &options, &|progress| {
            watch.goes_on(progress)
        });
        watch.end();
        if watch.is_interrupted() {
            cut = true;
            return None;
        }
        let Ok(Verdict::Violated(other)) = report.map(|report| report.verdict) else {
            return Some(false);
        };
        Some(is_same(scenario, found, program, &other))
    };
    let workload = shrink::shrink(&scenario.workload, expectation, same);
    let smaller = Smaller {
        workload,
        tried,
        cut,
        shows: "explore".into(),
        how: arguments.switches(),
    };
    smaller.write(arguments.output.as_deref())?;
    Ok(smaller)
}

/// Is it the same violation, in another program?
fn is_same(
    scenario: &Scenario,
    found: &Counterexample,
    program: &Program,
    other: &Counterexample,
) -> bool {
    let expectation = |violation: &Violation, workload: &Workload| match violation {
        Violation::Expectation(index, _) => workload.expect.get(*index).cloned(),
        _ => None,
    };
    // What fails whatever happens is another failure than what fails sometimes.
    let can_go_well = |counterexample: &Counterexample| {
        counterexample
            .point_of_no_return
            .is_none_or(|step| step > 0)
    };
    found.violation.kind() == other.violation.kind()
        && expectation(&found.violation, &scenario.workload)
            == expectation(&other.violation, &program.workload)
        && (can_go_well(other) || !can_go_well(found))
}
