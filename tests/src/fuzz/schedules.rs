//! Any bytes as a schedule file of a scenario of the catalogue: it is refused with a sentence, or it
//! replays, and what the replay notes is the schedule.

use iocp_model::Profile;
use iocp_scenarios::experiment;
use iocp_scheduler::{
    Run, RunError,
    run::Options,
    strategy::{Pace, Recorded, Schedule},
};

/// Reads the bytes as a schedule, and replays it.
pub fn run(bytes: &[u8]) {
    let Ok(schedule) = serde_json::from_slice::<Schedule>(bytes) else {
        return;
    };
    let programs = experiment::programs().iter();
    let (Some((_, program)), Some(profile)) = (
        { programs }.find(|(name, _)| *name == schedule.scenario),
        Profile::find(&schedule.profile),
    ) else {
        return;
    };
    let (answers, replay) = match (schedule.answers(program), schedule.replay(program)) {
        (Ok(answers), Ok(replay)) => (answers, replay),
        (Err(error), Err(again)) => {
            assert_eq!(error, again);
            let _ = error.to_string();
            return;
        }
        (answers, _) => panic!("read twice, understood once: {answers:?}"),
    };
    let options = Options {
        most_steps: answers.len() as u64,
        jitter_percent: schedule.jitter_percent,
        untimed: schedule.clock == Pace::None,
    };
    let strategy = Recorded::new(replay);
    let Ok(mut run) = Run::new(program, profile.semantics, strategy, options) else {
        return;
    };
    match run.finish(&mut ()) {
        Ok(_) => {
            let steps = run.into_strategy().steps;
            assert_eq!(answers[..steps.len()], steps);
            let again = Schedule::new(program, profile.name, options.jitter_percent, &steps);
            assert_eq!(again.answers(program).as_ref(), Ok(&steps));
        }
        Err(RunError::Bug(bug)) => panic!("{bug}"),
        Err(error) => drop(error.to_string()),
    }
}

/// The schedules of runs.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    super::runs()
        .map(|(name, run)| {
            let text = serde_json::to_vec(&run.schedule).unwrap_or_else(|error| panic!("{error}"));
            (name.to_owned(), text)
        })
        .collect()
}
