//! A schedule that breaks a property, as a person sees it: the trace, with the step of no return
//! and the step that breaks the property marked, the rules at work, and the place in the file.

use super::super::{Problem, Result};
use crate::file::Scenario;
use iocp_model::{
    Call, Event as Happening, Kernel, Mutant, Observer, Returned, ThreadId, rules::RuleId,
};
use iocp_scheduler::{
    Op, Program, Run, State, Watch,
    explore::{Counterexample, Verdict, Violation},
    program::CallOp,
    run::{Options, RunWatch},
    strategy::{Answer, Replay},
    trace::{Tracer, header},
    workload::Place,
};
use iocp_traces::{
    Clock, Event, Trace,
    columns::{self, Mark},
};
use std::io::Write;

/// Of so many steps, the last ones, the rules are told.
const STEPS_WITH_RULES: usize = 2;

/// A counterexample, replayed.
pub(super) struct Shown {
    pub(super) trace: Trace,
    marks: Vec<Mark>,
    /// The last steps: the number, and the rules at work in it.
    rules: Vec<(usize, Vec<RuleId>)>,
    counterexample: Counterexample,
}

/// A trace, and the rules of each step.
struct Rules<'p> {
    tracer: Tracer<'p, Vec<Event<'static>>>,
    steps: Vec<Vec<RuleId>>,
}

impl Shown {
    /// Replays the counterexample, if there is one.
    pub(super) fn of(
        scenario: &Scenario,
        kernel: Kernel,
        verdict: &Verdict,
    ) -> Result<Option<Self>> {
        let Verdict::Violated(counterexample) = verdict else {
            return Ok(None);
        };
        let program = &scenario.program;
        let schedule = &counterexample.schedule;
        let mut trace_header = header(program, &kernel.to_string(), "explore", 0);
        trace_header.clock = Clock::Steps;
        let answers = schedule.iter().copied().map(Answer::Choice).collect();
        let options = Options {
            most_steps: u64::MAX,
            untimed: true,
            ..Options::default()
        };
        let mut run = Run::new(program, kernel.semantics(), Replay::new(answers), options)
            .map_err(Problem::new)?;
        let mut watch = Rules {
            tracer: Tracer::new(program, Vec::new(), true),
            steps: Vec::new(),
        };
        for _ in schedule {
            run.step(&mut watch).map_err(Problem::new)?;
        }
        let mut choices = Vec::new();
        run.state().choices(program, &mut choices);
        if choices.is_empty() {
            run.finish(&mut watch).map_err(Problem::new)?;
        }
        let trace = Trace {
            header: trace_header,
            events: watch.tracer.into_sink(),
        };
        let mut rules: Vec<_> = watch
            .steps
            .into_iter()
            .enumerate()
            .map(|(index, rules)| (index + 1, rules))
            .collect();
        rules.drain(..rules.len().saturating_sub(STEPS_WITH_RULES));
        Ok(Some(Self {
            marks: marks(&trace, counterexample),
            rules,
            trace,
            counterexample: counterexample.clone(),
        }))
    }

    /// The trace and what is to be said of it; `why_long` says why the search for a shorter one ended,
    /// if it is not known to be the shortest.
    pub(super) fn human(
        &self,
        out: &mut impl Write,
        scenario: &Scenario,
        ascii: bool,
        why_long: Option<&str>,
    ) -> std::io::Result<()> {
        let width = super::super::terminal_width();
        let options = columns::Options {
            ascii,
            width,
            title: false,
            ..Default::default()
        };
        writeln!(
            out,
            "{}",
            columns::marked(&self.trace, &options, &self.marks)
        )?;
        let steps = self.counterexample.schedule.len();
        let says = match self.counterexample.cycle {
            None if self.counterexample.not_shortest.is_some() => format!(
                "This is a schedule of {} that breaks a property. It is not the shortest, but the \
                 one that was found. The search for the shortest was cut short: {}. {}",
                super::super::counted(steps, "step"),
                why_long.unwrap_or("a limit was reached"),
                no_return(&self.counterexample),
            ),
            None => format!(
                "This is a schedule of {} that breaks a property; none is shorter. {}",
                super::super::counted(steps, "step"),
                no_return(&self.counterexample),
            ),
            Some(0) => format!(
                "These {steps} steps lead back to where they began, and may be taken for ever: what \
                 must come never does, though every thread has its turn."
            ),
            Some(cycle) => format!(
                "Steps {} to {steps} lead back to where step {cycle} had led, and may be taken for \
                 ever: what must come never does, though every thread has its turn.",
                cycle + 1
            ),
        };
        writeln!(out, "{}", super::super::wrapped(&says, width, 0))?;
        for (step, rules) in &self.rules {
            if rules.is_empty() {
                continue;
            }
            writeln!(
                out,
                "\nRules at work in step {step} (`iocp rules {}` tells more):",
                rules[0]
            )?;
            for rule in rules {
                let line = format!("  {:<8}  {}", rule.id(), rule.rule().says);
                writeln!(out, "{}", clipped(&line, width, ascii))?;
            }
        }
        writeln!(out)?;
        if let Violation::Expectation(index, message) = &self.counterexample.violation {
            let place = Place::default().key("expect").index(*index);
            let error = scenario.at(&place, message);
            let place = format!("{:?}", miette::Report::new(error));
            for line in place.lines() {
                writeln!(out, "{}", line.trim_end())?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

/// When it was too late, in a sentence.
fn no_return(counterexample: &Counterexample) -> String {
    let steps = counterexample.schedule.len();
    match counterexample.point_of_no_return {
        None => "From which step on it cannot be avoided was not found within the limits.".into(),
        Some(0) => "Every schedule of this scenario breaks one.".into(),
        Some(step) if step == steps => {
            "Before its last step, another continuation still goes well.".into()
        }
        Some(step) => format!(
            "Before step {step}, another continuation still goes well; after it, none does."
        ),
    }
}

/// A text on one line of at most this width.
fn clipped(text: &str, width: usize, ascii: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let more = if ascii { "..." } else { "…" };
    let kept: String = text
        .chars()
        .take(width.saturating_sub(more.len()))
        .collect();
    let end = kept.rfind(' ').unwrap_or(kept.len());
    format!(
        "{}{more}",
        kept[..end].trim_end_matches([',', ';', ':', '.'])
    )
}

fn marks(trace: &Trace, counterexample: &Counterexample) -> Vec<Mark> {
    let steps = counterexample.schedule.len();
    // The time of an event is the number of its step.
    let through = |step: usize| {
        let happened = |event: &Event<'_>| event.at_ns <= step as u64;
        trace.events.partition_point(happened)
    };
    let mut marks = Vec::new();
    if let Some(cycle) = counterexample.cycle {
        marks.push(Mark {
            events: through(cycle),
            text: "from here it goes round for ever".to_owned(),
        });
    }
    if let Some(step) = counterexample.point_of_no_return
        && step < steps
    {
        let text = match step {
            0 => "every continuation fails".to_owned(),
            _ => format!("step {step}: from here every continuation fails"),
        };
        marks.push(Mark {
            events: through(step),
            text,
        });
    }
    let broken = match &counterexample.violation {
        Violation::Expectation(index, _) => format!("breaks expect[{index}]"),
        other => other.to_string(),
    };
    marks.push(Mark {
        events: through(steps),
        text: format!("step {steps}: {broken}"),
    });
    marks
}

impl Observer for Rules<'_> {
    fn event(&mut self, event: Happening) {
        self.tracer.event(event);
    }

    fn rule(&mut self, rule: RuleId) {
        if let Some(step) = self.steps.last_mut()
            && !step.contains(&rule)
        {
            step.push(rule);
        }
    }

    fn mutant(&mut self, mutant: Mutant) {
        self.tracer.mutant(mutant);
    }
}

impl Watch for Rules<'_> {
    fn begins(&mut self, thread: ThreadId, op: &CallOp, call: &Call) {
        self.tracer.begins(thread, op, call);
    }

    fn ends(&mut self, thread: ThreadId, op: &CallOp, returned: &Returned) {
        self.tracer.ends(thread, op, returned);
    }

    fn does(&mut self, thread: ThreadId, op: &Op) {
        self.tracer.does(thread, op);
    }

    fn ended(&mut self, thread: ThreadId) {
        self.tracer.ended(thread);
    }
}

impl RunWatch for Rules<'_> {
    fn step_begins(&mut self, now_ns: u64) {
        self.tracer.step_begins(now_ns);
        // A step may be announced before it is taken.
        self.steps.resize_with(now_ns as usize, Vec::new);
    }

    fn step_ends(&mut self, program: &Program, state: &State) {
        self.tracer.step_ends(program, state);
    }

    fn waits_until(&mut self, thread: ThreadId, op: &Op) {
        self.tracer.waits_until(thread, op);
    }

    fn settled(&mut self, now_ns: u64) {
        self.tracer.settled(now_ns);
    }
}
