//! What a violation looks like: a schedule, replayed on the model, and the point of no return; or a
//! schedule that goes round for ever.

use super::{
    Limit,
    graph::Agent,
    history::{History, Situation},
    judge::{Properties, Violation},
    memo::Judge,
    no_return::point_of_no_return,
    steps::Steps,
    trail::Trail,
};
use crate::{
    expect,
    program::{CallOp, Program},
    state::{Choice, State, StepError, Watch},
};
use iocp_model::{Call, Event, Kernel, Observer, Returned, ThreadId, rules::RuleId};

/// A schedule that ends with a violation, or goes on for ever without what must come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counterexample {
    /// The steps, in order. None is shorter, unless the next field says so; of those that go on for
    /// ever, none that was found in time.
    pub schedule: Vec<Choice>,
    /// There may be a shorter one: this limit cut the search for it short.
    pub not_shortest: Option<Limit>,
    /// The schedule goes on for ever: so many steps lead to a state, the others lead from there back
    /// to it, again and again.
    pub cycle: Option<usize>,
    /// What is wrong then.
    pub violation: Violation,
    /// After so many steps every continuation fails; after fewer, some continuation does not.
    /// `None` if a limit was reached before that was found out, or what never comes is the violation.
    pub point_of_no_return: Option<usize>,
}

impl Counterexample {
    /// Replays the schedule step by step on the model, and finds the point of no return, if `over` does
    /// not say before that a limit has been reached. It begins where these steps begin.
    ///
    /// # Errors
    /// If the schedule cannot be taken.
    ///
    /// # Panics
    /// If the schedule does not break the property: then the search that found it is wrong.
    pub(crate) fn new(
        properties: &Properties<'_>,
        steps: &mut Steps<'_>,
        trail: Trail,
        not_shortest: Option<Limit>,
        over: &dyn Fn(u64, usize) -> Option<Limit>,
    ) -> Result<Self, StepError> {
        let replay = Replay {
            program: steps.program,
            properties,
        };
        let mut on_the_way = vec![steps.first.clone()];
        let mut broken = replay.properties.first(&on_the_way[0]);
        for choice in &trail.choices {
            let mut next = on_the_way[on_the_way.len() - 1].clone();
            broken = replay.take(&mut next, *choice)?;
            on_the_way.push(next);
        }
        let last = &on_the_way[on_the_way.len() - 1];
        let broken = broken.or_else(|| properties.end(last));
        assert_eq!(
            broken.as_ref(),
            Some(&trail.violation),
            "the schedule that the search found, replayed on the model"
        );
        Ok(Self {
            point_of_no_return: point_of_no_return(steps, &on_the_way, over)?,
            schedule: trail.choices,
            not_shortest,
            cycle: None,
            violation: trail.violation,
        })
    }

    /// Of a schedule that was found in a search that leaves states out: as far as its first violation.
    /// The search for a shorter one reached this limit.
    ///
    /// # Errors
    /// If the schedule cannot be taken.
    ///
    /// # Panics
    /// If the schedule breaks no property: then the search that found it is wrong.
    pub(crate) fn longer(
        properties: &Properties<'_>,
        steps: &mut Steps<'_>,
        choices: &[Choice],
        limit: Limit,
        over: &dyn Fn(u64, usize) -> Option<Limit>,
    ) -> Result<Self, StepError> {
        let replay = Replay {
            program: steps.program,
            properties,
        };
        let mut situation = steps.first.clone();
        let mut broken = None;
        let mut taken = 0;
        for choice in choices {
            broken = replay.take(&mut situation, *choice)?;
            taken += 1;
            if broken.is_some() {
                break;
            }
        }
        let violation = broken.or_else(|| properties.end(&situation));
        let violation = violation
            .unwrap_or_else(|| panic!("the schedule that the search found breaks a property"));
        let trail = Trail {
            choices: choices[..taken].to_vec(),
            violation,
        };
        Self::new(properties, steps, trail, Some(limit), over)
    }

    /// Replays a schedule on which something never comes, and checks everything that makes it one.
    ///
    /// # Errors
    /// If the schedule cannot be taken.
    ///
    /// # Panics
    /// If it does come, the schedule does not lead back, or somebody waits without reason: then the
    /// search that found it is wrong.
    pub(crate) fn never(program: &Program, first: State, lasso: Lasso) -> Result<Self, StepError> {
        let Lasso {
            expectation: index,
            choices: schedule,
            cycle,
        } = lasso;
        let expectation = &program.workload.expect[index];
        let mut states = vec![first];
        for choice in &schedule {
            let mut next = states[states.len() - 1].clone();
            next.take(program, *choice, &mut ())?;
            states.push(next);
        }
        let last = &states[states.len() - 1];
        // A fact must not come about on the way either.
        let is_fact = expectation.served.is_none() && expectation.goes_on.is_none();
        let owed_from = if is_fact {
            0
        } else {
            cycle.unwrap_or(schedule.len())
        };
        let comes = states[owed_from..]
            .iter()
            .any(|state| !expect::is_open(program, index, state));
        assert!(
            !comes,
            "what never comes does come when the schedule is replayed"
        );
        match cycle {
            None => assert!(
                choices(program, last).is_empty(),
                "something can happen in the end"
            ),
            Some(begin) => {
                let bytes = |state: &State| {
                    let mut bytes = Vec::new();
                    state.encode(&mut bytes);
                    bytes
                };
                assert_eq!(
                    bytes(&states[begin]),
                    bytes(last),
                    "the schedule leads back"
                );
                let round = &schedule[begin..];
                let still = expect::thread_named(program, expectation)
                    .filter(|_| expectation.goes_on.is_some());
                let goes_on = |choice: &Choice| {
                    still.is_some_and(|still| Agent::of(*choice).goes_on(still.index()))
                };
                assert!(!round.iter().any(goes_on), "who stands still goes on");
                // Whoever can take a step all the time takes one.
                let mut waiting: Vec<Agent> =
                    choices(program, last).into_iter().map(Agent::of).collect();
                waiting.retain(|agent| !round.iter().any(|choice| Agent::of(*choice) == *agent));
                for state in &states[begin..] {
                    let can: Vec<_> = choices(program, state).into_iter().map(Agent::of).collect();
                    waiting.retain(|agent| can.contains(agent));
                }
                assert_eq!(
                    waiting,
                    [],
                    "they could take a step all the time and never do"
                );
            }
        }
        let message = expect::never(program, index, last);
        Ok(Self {
            schedule,
            not_shortest: None,
            cycle,
            violation: Violation::Expectation(index, message),
            point_of_no_return: None,
        })
    }
}

/// A schedule on which what an expectation says must come never does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Lasso {
    /// The expectation's number.
    pub(crate) expectation: usize,
    pub(crate) choices: Vec<Choice>,
    /// After so many steps it goes round for ever; `None` if it ends.
    pub(crate) cycle: Option<usize>,
}

/// What can happen next.
fn choices(program: &Program, state: &State) -> Vec<Choice> {
    let mut choices = Vec::new();
    state.choices(program, &mut choices);
    choices
}

/// What a schedule breaks in the end, replayed step by step on the model; `None` if nothing.
/// `deadlocks`: is it a violation if a thread has work and can never go on?
///
/// # Errors
/// If the schedule cannot be taken.
pub fn violation(
    program: &Program,
    kernel: Kernel,
    deadlocks: bool,
    schedule: &[Choice],
) -> Result<Option<Violation>, StepError> {
    let properties = Properties::new(program, kernel, deadlocks);
    let replay = Replay {
        program,
        properties: &properties,
    };
    let mut situation = Situation {
        state: State::initial(program, kernel.semantics())?,
        history: History::new(program, kernel.profile.name),
    };
    let mut broken = properties.first(&situation);
    for choice in schedule {
        broken = replay.take(&mut situation, *choice)?;
    }
    let mut choices = Vec::new();
    situation.state.choices(program, &mut choices);
    Ok(broken.or_else(|| {
        choices
            .is_empty()
            .then(|| properties.end(&situation))
            .flatten()
    }))
}

/// Takes steps on the plain model.
pub(super) struct Replay<'a> {
    pub(super) program: &'a Program,
    pub(super) properties: &'a Properties<'a>,
}

/// Remembers what the expectations need.
struct Remember {
    history: History,
    twice: Option<u64>,
}

impl Replay<'_> {
    /// Takes a step; what it breaks.
    pub(super) fn take(
        &self,
        situation: &mut Situation,
        choice: Choice,
    ) -> Result<Option<Violation>, StepError> {
        let mut watch = Remember {
            history: std::mem::take(&mut situation.history),
            twice: None,
        };
        situation.state.take(self.program, choice, &mut watch)?;
        watch.history.step_ends();
        situation.history = watch.history;
        Ok(watch
            .twice
            .map(Violation::twice)
            .or_else(|| self.properties.first(situation)))
    }
}

impl Observer for Remember {
    fn event(&mut self, event: Event) {
        self.history.event(&event);
    }
    fn rule(&mut self, _: RuleId) {}
}

impl Watch for Remember {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, _: &Call) {
        if let Some(label) = &op.label {
            self.history.begins(thread, label);
        }
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.history.returned(thread, op, returned);
    }

    fn marked_twice(&mut self, _: ThreadId, key: u64) {
        self.twice = Some(key);
    }
}
