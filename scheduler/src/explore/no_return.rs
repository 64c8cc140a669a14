//! The point of no return: the first state of a schedule from which every continuation fails.
//!
//! From the end of the schedule backwards, each state is asked whether some continuation breaks no
//! property. One that goes round for ever is such a continuation too: a fact that must come in the
//! end is not asked for here. What has been found to fail is not looked at again.
//!
//! Like threads may be exchanged: a continuation of a state that breaks nothing becomes one of each
//! like state, and who comes back to a like state can go on in a like way, again and again.

use super::{Limit, history::Situation, lists::Lists, parts::Id, steps::Steps};
use crate::state::StepError;

/// After how many steps of a schedule every continuation fails; it goes through these situations.
/// `over` is asked now and then, with the number of states and of bytes, whether a limit has been
/// reached: `None` if one has.
///
/// # Errors
/// If a thread of the program spins.
pub(crate) fn point_of_no_return(
    steps: &mut Steps<'_>,
    on_the_way: &[Situation],
    over: &dyn Fn(u64, usize) -> Option<Limit>,
) -> Result<Option<usize>, StepError> {
    let width = steps.ids(steps.first).len();
    let mut continuations = Continuations {
        states: Lists::new(width),
        marks: Vec::new(),
        next: Vec::new(),
        opened: 0,
        steps,
        over,
    };
    for (taken, situation) in on_the_way.iter().enumerate().rev().skip(1) {
        match continuations.can_go_well(situation)? {
            Some(true) => return Ok(Some(taken + 1)),
            Some(false) => {}
            None => return Ok(None),
        }
    }
    Ok(Some(0))
}

/// Whether a limit has been reached is asked once in so many states.
const OFTEN: usize = 1024;

/// What is known of a state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Mark {
    /// A step leads to it.
    Met,
    /// It is on the path.
    OnPath,
    /// Every continuation of it fails.
    Fails,
}

/// The continuations of states, depth first.
struct Continuations<'s, 'a> {
    steps: &'s mut Steps<'a>,
    over: &'s dyn Fn(u64, usize) -> Option<Limit>,
    states: Lists,
    /// Of each state.
    marks: Vec<Mark>,
    /// From each state on the path, the states to which steps lead that break nothing.
    next: Vec<Id>,
    /// How many states have been opened.
    opened: usize,
}

impl Continuations<'_, '_> {
    /// Is there a continuation without a violation? `None`: a limit has been reached.
    fn can_go_well(&mut self, from: &Situation) -> Result<Option<bool>, StepError> {
        let mut ids = self.steps.ids(from);
        let start = self.meet(&mut ids);
        // The states on the path, and where in `next` begins what each leads to.
        let mut path: Vec<(Id, usize)> = Vec::new();
        self.next.push(start);
        loop {
            let begin = path.last().map_or(0, |(_, begin)| *begin);
            let Some(state) = self.next[begin..].last().copied() else {
                // No step leads anywhere good.
                let Some((state, _)) = path.pop() else {
                    return Ok(Some(false));
                };
                self.marks[state as usize] = Mark::Fails;
                continue;
            };
            self.next.pop();
            match self.marks[state as usize] {
                Mark::Fails => continue,
                // A way back to where it was can be gone round for ever.
                Mark::OnPath => return Ok(Some(true)),
                Mark::Met => {}
            }
            self.marks[state as usize] = Mark::OnPath;
            path.push((state, self.next.len()));
            ids.copy_from_slice(self.states.of(state));
            if self.open(&ids)? {
                return Ok(Some(true));
            }
            if self.is_over(&path) {
                return Ok(None);
            }
        }
    }

    /// The number of the state of these parts, or of the one that represents it.
    fn meet(&mut self, ids: &mut [Id]) -> Id {
        self.steps.represent(ids);
        let state = self.states.number(ids);
        self.marks.resize(self.states.len(), Mark::Met);
        state
    }

    /// Notes where unbroken steps lead. True: nothing can happen here, and nothing is wrong.
    fn open(&mut self, ids: &[Id]) -> Result<bool, StepError> {
        let mut is_end = true;
        let mut next = Vec::new();
        for thread in self.steps.program.thread_ids() {
            for step in self.steps.of(thread, ids)? {
                is_end = false;
                if !self.steps.memo.moves[step].breaks {
                    self.steps.take(step, ids, &mut next);
                    let to = self.meet(&mut next);
                    self.next.push(to);
                }
            }
        }
        Ok(is_end && self.steps.end(ids).is_none())
    }

    /// Has a limit been reached?
    fn is_over(&mut self, path: &Vec<(Id, usize)>) -> bool {
        self.opened += 1;
        if !self.opened.is_multiple_of(OFTEN) {
            return false;
        }
        let memory = self.steps.memory()
            + self.states.memory()
            + self.marks.capacity() * size_of::<Mark>()
            + self.next.capacity() * size_of::<Id>()
            + path.capacity() * size_of::<(Id, usize)>();
        (self.over)(self.states.len() as u64, memory).is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Program,
        explore::{
            counterexample::Replay,
            history::History,
            judge::Properties,
            memo::Judge,
            symmetry::Symmetry,
            trail::{Shortest, shortest},
        },
        state::State,
    };
    use iocp_model::Kernel;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn program(threads: &[Value], expect: &[Value]) -> Program {
        let workload = serde_json::from_value(json!({
            "name": "no-return",
            "port": [{"name": "p", "concurrency": 1}],
            "counter": [{"name": "n"}],
            "thread": threads,
            "expect": expect,
        }));
        Program::compile(&workload.expect("a workload")).expect("a program")
    }

    /// Without anything clever: of all situations that can be reached without a violation, those are
    /// left out, again and again, from which no step leads to one that is not, until none is.
    fn plainly(replay: &Replay<'_>, on_the_way: &[Situation]) -> usize {
        let key = |situation: &Situation| format!("{situation:?}");
        let mut left: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let mut good_ends = Vec::new();
        let mut open = on_the_way[..on_the_way.len() - 1].to_vec();
        while let Some(situation) = open.pop() {
            if left.contains_key(&key(&situation)) {
                continue;
            }
            let mut choices = Vec::new();
            situation.state.choices(replay.program, &mut choices);
            if choices.is_empty() && replay.properties.end(&situation).is_none() {
                good_ends.push(key(&situation));
            }
            let mut to = Vec::new();
            for choice in choices {
                let mut next = situation.clone();
                if replay.take(&mut next, choice).expect("a step").is_none() {
                    to.push(key(&next));
                    open.push(next);
                }
            }
            left.insert(key(&situation), to);
        }
        loop {
            let goes_on = |to: &Vec<String>| to.iter().any(|to| left.contains_key(to));
            let fails = left
                .iter()
                .find(|(key, to)| !good_ends.contains(key) && !goes_on(to));
            let Some(key) = fails.map(|(key, _)| key.clone()) else {
                break;
            };
            left.remove(&key);
        }
        let well = on_the_way[..on_the_way.len() - 1]
            .iter()
            .rposition(|situation| left.contains_key(&key(situation)));
        well.map_or(0, |steps| steps + 1)
    }

    #[test]
    fn it_is_where_plain_counting_finds_it() {
        let post =
            |key: u64| json!({"call": "PostQueuedCompletionStatus", "port": "p", "key": key});
        let take = json!({"call": "GetQueuedCompletionStatus", "port": "p"});
        let add = json!({"add": 1, "counter": "n"});
        let forever = |ops: &[&Value]| json!([{"repeat": "forever", "do": ops}]);
        let takers = |program: Value| json!({"name": "taker", "copies": 2, "program": program});
        let poster = |program: Value| json!({"name": "poster", "program": program});
        let programs = [
            // The first step decides it, or the last.
            program(
                &[poster(json!([post(1)])), takers(json!([take]))],
                &[json!({"thread": "taker-1", "took": [1]})],
            ),
            program(
                &[
                    poster(json!([post(1), post(2)])),
                    takers(json!([take, add, take])),
                ],
                &[json!({"thread": "taker-1", "took": [1, 2]})],
            ),
            // Who goes round for ever breaks nothing.
            program(
                &[
                    poster(json!([post(1), post(2)])),
                    takers(forever(&[&take, &post(3)])),
                ],
                &[json!({"port": "p", "most_depth": 1})],
            ),
            // It cannot be avoided.
            program(
                &[poster(json!([post(1)])), takers(json!([take, take]))],
                &[json!({"thread": "taker-1", "took": [2]})],
            ),
        ];
        let mut points = Vec::new();
        for program in &programs {
            let kernel = Kernel::default();
            let properties = Properties::new(program, kernel, true);
            let first = Situation {
                state: State::initial(program, kernel.semantics()).expect("a state"),
                history: History::new(program, kernel.profile.name),
            };
            let replay = Replay {
                program,
                properties: &properties,
            };
            let symmetry = Symmetry::find(program, kernel).ok();
            for symmetry in [None, symmetry.as_ref()] {
                let mut steps = Steps::new(program, &properties, symmetry, &first);
                let Ok(Shortest::Found(trail)) = shortest(&mut steps, &|_, _| None) else {
                    panic!("nothing is broken");
                };
                let mut on_the_way = vec![first.clone()];
                for choice in &trail.choices {
                    let mut next = on_the_way[on_the_way.len() - 1].clone();
                    replay.take(&mut next, *choice).expect("a step");
                    on_the_way.push(next);
                }
                let found = point_of_no_return(&mut steps, &on_the_way, &|_, _| None);
                let plain = plainly(&replay, &on_the_way);
                assert_eq!(found, Ok(Some(plain)), "{:?}", trail.choices);
                points.push((plain, trail.choices.len()));
            }
        }
        // All kinds there are: in the middle, at the end, and at the beginning.
        assert!(
            points.iter().any(|(at, steps)| 0 < *at && at < steps),
            "{points:?}"
        );
        assert!(points.iter().any(|(at, steps)| at == steps), "{points:?}");
        assert!(points.iter().any(|(at, _)| *at == 0), "{points:?}");
    }
}
