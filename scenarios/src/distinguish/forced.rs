//! The order of a schedule, written into its workload as `until`s.
//!
//! A workload alone allows many schedules, and a recording of it shows one of them. So each step that
//! could have come earlier gets an `until` in front that says what came right before it: that a
//! thread waits on a port, is blocked, is suspended or has ended; and if the thread just went on, it
//! counts, and the `until` waits for that number. What happens by itself, a time-out or the return of
//! a call whose wait is over, nobody can hold back; that is said in words.

use super::Experiment;
use iocp_model::{Frame, Kernel, Target, ThreadId, ThreadState};
use iocp_scheduler::{
    Choice, Program, State, StepError, Workload,
    workload::{CounterDeclaration, OneOrMore, Step},
};
use std::mem::discriminant;

/// A workload whose schedule is forced, as far as that is possible.
#[derive(Clone, Debug)]
pub struct Forced {
    /// What to run: its `about` says what is forced and what is not.
    pub program: Program,
    /// How many `until`s were put in. Without any the steps come in their order by themselves, but
    /// for those that cannot be forced.
    pub untils: usize,
    /// What could not be forced, a sentence each, without its full stop. A step is called by its
    /// number in the thread's program, with all that was put in.
    pub unforced: Vec<String>,
}

/// The workload of an experiment with the order of its steps in it. `kernel` is the one under which
/// its outcome is possible.
///
/// # Errors
/// A sentence, if its programs are such that no order can be written into them.
pub fn forced(found: &Experiment, kernel: Kernel) -> Result<Forced, String> {
    let program = &found.program;
    let is_plain = |index: usize| {
        let steps = program.workload.threads.get(index).map(|it| &it.program);
        let ops = &program.codes[program.threads[index].code].ops;
        steps.is_some_and(|steps| steps.len() + 1 == ops.len())
    };
    if program.threads.len() != program.workload.threads.len()
        || !(0..program.threads.len()).all(is_plain)
    {
        return Err(
            "The order is not forced: that takes programs without loops, branches, copies \
                    and counts."
                .to_owned(),
        );
    }
    let states = states(program, kernel, &found.schedule).map_err(|_| {
        "The order is not forced: the schedule could not be taken again.".to_owned()
    })?;
    let mut writer = Writer {
        program,
        schedule: &found.schedule,
        states,
        counter: free_name(&program.workload),
        counted: 0,
        orders: vec![Vec::new(); found.schedule.len()],
        inserted: vec![Vec::new(); program.threads.len()],
        unforced: Vec::new(),
    };
    writer.force(found.decisive);
    let mut workload = writer.workload(&program.workload);
    let untils = writer.untils();
    let unforced = writer.unforced();
    let lines = workload.about.lines().chain([match (untils, &unforced[..]) {
        (0, []) => "The steps come in one order by themselves.",
        (0, _) => "No step had to be put behind another.",
        (1, _) => "The `until` puts a step behind one of another thread, as in the schedule that was found.",
        _ => "Each `until` puts a step behind one of another thread, as in the schedule that was found.",
    }]);
    let mut about: Vec<_> = lines.map(str::to_owned).collect();
    if !unforced.is_empty() {
        about.push("No `until` can say, and it is left to luck:".to_owned());
        about.extend(unforced.iter().map(|sentence| format!("- {sentence}")));
    }
    workload.about = about.join("\n") + "\n";
    let program =
        Program::compile(&workload).map_err(|error| format!("The order is not forced: {error}"))?;
    Ok(Forced {
        program,
        untils,
        unforced,
    })
}

/// The states before, between and after the steps.
fn states(program: &Program, kernel: Kernel, schedule: &[Choice]) -> Result<Vec<State>, StepError> {
    let mut states = vec![State::initial(program, kernel.semantics())?];
    for choice in schedule {
        let mut next = states[states.len() - 1].clone();
        next.take(program, *choice, &mut ())?;
        states.push(next);
    }
    Ok(states)
}

/// A name that no counter has.
fn free_name(workload: &Workload) -> String {
    let is_free = |name: &String| workload.counters.iter().all(|known| known.name != *name);
    let names = std::iter::once("order".to_owned()).chain((2..).map(|n| format!("order-{n}")));
    names.into_iter().find(is_free).unwrap_or_default()
}

struct Writer<'a> {
    program: &'a Program,
    schedule: &'a [Choice],
    /// One more than the steps: before each, and in the end.
    states: Vec<State>,
    /// The counter of those who just go on.
    counter: String,
    counted: i64,
    /// Of each step of the schedule, the sentences that say that it has been taken, once somebody
    /// had to know.
    orders: Vec<Vec<String>>,
    /// Of each thread, the steps to insert, and in front of which.
    inserted: Vec<Vec<(u32, Step)>>,
    /// Steps that should have come after others, and cannot be made to.
    unforced: Vec<(usize, usize)>,
}

impl Writer<'_> {
    /// Puts every step behind the one before it. Of those behind the first `decisive` ones only
    /// that matters.
    fn force(&mut self, decisive: usize) {
        for (step, &choice) in self.schedule.iter().enumerate().skip(1) {
            // What came last before it, as far as it has to wait for that.
            let before = (step - 1).min(decisive.saturating_sub(1));
            let thread = choice.thread();
            let comes_by_itself = (before..step)
                .any(|earlier| self.schedule[earlier].thread() == thread)
                || !self.is_possible(before, choice);
            if comes_by_itself {
                continue;
            }
            if let Choice::Step(_) = choice {
                let sentences = self.taken(before);
                if sentences.is_empty() {
                    self.unforced.push((step, before));
                    continue;
                }
                let at = self.states[step].threads[thread.index()].at;
                let until = match &sentences[..] {
                    [one] => OneOrMore::One(one.clone()),
                    _ => OneOrMore::More(sentences),
                };
                let until = Step {
                    until: Some(until),
                    ..Step::default()
                };
                self.inserted[thread.index()].push((at, until));
            } else {
                self.unforced.push((step, before));
            }
        }
    }

    fn untils(&self) -> usize {
        let inserted = self.inserted.iter().flatten();
        inserted.filter(|(_, step)| step.until.is_some()).count()
    }

    /// What could not be forced.
    fn unforced(&self) -> Vec<String> {
        let sentence = |&(step, before): &(usize, usize)| {
            format!("{} only after {}", self.words(step), self.words(before))
        };
        self.unforced.iter().map(sentence).collect()
    }

    /// Could this, or a return with another result, have happened before the step?
    fn is_possible(&self, step: usize, choice: Choice) -> bool {
        let mut choices = Vec::new();
        self.states[step].choices(self.program, &mut choices);
        choices.iter().any(|other| {
            other.thread() == choice.thread() && discriminant(other) == discriminant(&choice)
        })
    }

    /// The sentences that are true once this step has been taken, and were not before; none if there
    /// is none.
    fn taken(&mut self, step: usize) -> Vec<String> {
        if !self.orders[step].is_empty() {
            return self.orders[step].clone();
        }
        let thread = self.schedule[step].thread();
        let name = self.program.thread_name(thread).to_owned();
        let after = &self.states[step + 1];
        let now = after.system.thread(thread);
        let port = match now.frame {
            Frame::Dequeue(dequeue) => Some(dequeue.port),
            Frame::Wait(wait) => match wait.target {
                Target::Port(port) => Some(port),
                _ => None,
            },
            Frame::User => None,
        };
        let changed = self.states[step].system.thread(thread).state != now.state;
        let port = port.and_then(|port| self.program.port_names.get(port.index()));
        let mut sentences = match now.state {
            ThreadState::Terminated if changed => vec![format!("{name} has ended")],
            ThreadState::Waiting if changed => match port {
                Some(port) => vec![format!("{name} waits on {port}")],
                None => vec![format!("{name} is blocked")],
            },
            ThreadState::Suspended if changed => vec![format!("{name} is suspended")],
            ThreadState::Running if now.frame == Frame::User => {
                self.counted += 1;
                let at = after.threads[thread.index()].at;
                let add = Step {
                    add: Some(1),
                    counter: Some(self.counter.clone()),
                    ..Step::default()
                };
                self.inserted[thread.index()].push((at, add));
                vec![format!("{} is {}", self.counter, self.counted)]
            }
            _ => return Vec::new(),
        };
        // What could not be put behind something else does not say that it has happened.
        if step > 0
            && !matches!(self.schedule[step], Choice::Step(_))
            && self.is_possible(step - 1, self.schedule[step])
            && self.schedule[step - 1].thread() != thread
        {
            sentences.extend(self.taken(step - 1));
        }
        self.orders[step].clone_from(&sentences);
        sentences
    }

    /// A step of the schedule, in words.
    fn words(&self, step: usize) -> String {
        let choice = self.schedule[step];
        let thread = choice.thread();
        let name = self.program.thread_name(thread);
        match choice {
            Choice::Return(..) => format!("{name} returns from its call"),
            Choice::Expire(_) => format!("the time-out of {name} runs out"),
            Choice::Suspend(_) => format!("the suspension of {name} takes effect"),
            Choice::Step(_) => {
                let at = self.states[step].threads[thread.index()].at;
                match self.number(thread, at) {
                    Some(number) => format!("{name} takes its step {number}"),
                    None => format!("{name} ends"),
                }
            }
        }
    }

    /// The number of an op of a thread among the steps of its program and those that were put in,
    /// from one.
    fn number(&self, thread: ThreadId, at: u32) -> Option<usize> {
        let steps = &self.program.workload.threads[thread.index()].program;
        let inserted = self.inserted[thread.index()].iter();
        let before = inserted.filter(|(before, _)| *before <= at).count();
        ((at as usize) < steps.len()).then_some(at as usize + 1 + before)
    }

    /// The workload with the steps inserted.
    fn workload(&self, plain: &Workload) -> Workload {
        let mut workload = plain.clone();
        for (thread, inserted) in workload.threads.iter_mut().zip(&self.inserted) {
            let old = std::mem::take(&mut thread.program);
            let inserted_at = |at: usize| {
                let here = inserted
                    .iter()
                    .filter(move |(before, _)| *before as usize == at);
                // Who has been waited for says so before it waits for others.
                let adds = here.clone().filter(|(_, step)| step.add.is_some());
                let untils = here.filter(|(_, step)| step.add.is_none());
                adds.chain(untils).map(|(_, step)| step.clone())
            };
            let end = old.len();
            for (at, step) in old.into_iter().enumerate() {
                thread.program.extend(inserted_at(at));
                thread.program.push(step);
            }
            thread.program.extend(inserted_at(end));
        }
        if self.counted > 0 {
            workload.counters.push(CounterDeclaration {
                name: self.counter.clone(),
                value: 0,
            });
        }
        workload
    }
}
