//! A divergence, explained: which rules were broken, what else it may be, what would decide.

use crate::experiment;
use iocp_model::{Kernel, Mutant, Mutants};
use iocp_scheduler::{
    Program, State,
    conform::{Divergence, Recording, Unfit},
    diagnose::{Diagnosis, Options, diagnose},
};
use std::{collections::BTreeMap, fmt::Write};

/// How many explanations are told apart from each other.
const MOST_TOLD_APART: usize = 4;

/// Of how many rules of a mutant the wording is printed.
const MOST_TOLD: usize = 2;

/// How many explanations are printed.
const MOST_SHOWN: usize = 8;

/// "no schedule of windows-7 explains event 3 of 20", for an event that is counted from 0.
pub fn unexplained(kernel: Kernel, event: usize, events: usize) -> String {
    format!(
        "no schedule of {kernel} explains event {} of {events}",
        event + 1
    )
}

/// What is to be said of a check that gave no verdict, without a full stop.
pub fn undecided(kernel: Kernel, states: u64, explained: usize, events: usize) -> String {
    format!(
        "no verdict under {kernel} after {states} states; {explained} of {events} events are \
         explained. --most-states N looks at more"
    )
}

/// Where recording and model part: what the recording did, the states of the model there, of which
/// at most so many are shown, and what it could have done.
pub fn parting(program: &Program, divergence: &Divergence, most_states: usize) -> String {
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = write_parting(&mut text, program, divergence, most_states);
    text
}

fn write_parting(
    out: &mut String,
    program: &Program,
    divergence: &Divergence,
    most_states: usize,
) -> std::fmt::Result {
    let Divergence {
        recorded,
        possible,
        states,
        more_states,
        longest,
        ..
    } = divergence;
    writeln!(out, "Then the recording: {recorded}.")?;
    if !longest {
        writeln!(
            out,
            "No schedule explains the recording; one that gets farther was not ruled out."
        )?;
    }
    writeln!(
        out,
        "The model there{}:",
        if states.len() == 1 {
            ""
        } else {
            ", in one of these states"
        }
    )?;
    for state in states.iter().take(most_states) {
        writeln!(out, "  {}", describe_state(program, state))?;
    }
    if *more_states || states.len() > most_states {
        writeln!(out, "  and more")?;
    }
    if possible.is_empty() {
        writeln!(out, "It could do nothing about that thread.")?;
    } else {
        let only = match possible.len() {
            1 => "this",
            _ => "one of these",
        };
        writeln!(out, "The rules allow only {only}:")?;
        for one in possible {
            writeln!(out, "  {one}")?;
        }
    }
    Ok(())
}

/// The ports of a state, in a line: "p: depth 1, active 1 of 1, waiters a b (b next)".
pub fn describe_state(program: &Program, state: &State) -> String {
    let mut ports = Vec::new();
    for (index, port) in state.system.ports().iter().enumerate() {
        let name = iocp_model::PortId::new(index)
            .map(|id| program.port_name(id))
            .unwrap_or_default();
        let waiters: Vec<_> = port
            .waiters
            .iter()
            .map(|&waiter| program.thread_name(waiter))
            .collect();
        let waiters = if waiters.is_empty() {
            "nobody waits".to_owned()
        } else {
            let order = if waiters.len() > 1 {
                " (oldest first)"
            } else {
                ""
            };
            format!("waiting{order} {}", waiters.join(" "))
        };
        ports.push(format!(
            "{name}: depth {}, active {} of {}, {waiters}",
            port.depth(),
            port.active,
            port.limit
        ));
    }
    ports.join("; ")
}

/// Why a recording does not conform to a kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Explanation {
    /// The kernel to which it does not conform.
    pub kernel: Kernel,
    /// The rules that would have to be broken.
    pub diagnosis: Diagnosis,
    /// What would decide between the first few explanations.
    pub decide: Vec<Decider>,
}

/// A scenario whose recording decides between two explanations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Decider {
    /// The two, by their place in the diagnosis.
    pub between: (usize, usize),
    /// The scenario, if the catalogue has one.
    pub scenario: Option<&'static str>,
}

/// Explains a divergence.
///
/// # Errors
/// As [`Recording::check`].
pub fn explain(
    program: &Program,
    recording: &Recording<'_>,
    kernel: Kernel,
    divergence: &Divergence,
    options: Options,
) -> Result<Explanation, Unfit> {
    let diagnosis = diagnose(program, recording, kernel.semantics(), divergence, options)?;
    let compared = diagnosis.explanations.iter().take(MOST_TOLD_APART);
    let compared: Vec<Kernel> = compared.map(|set| with(kernel, *set)).collect();
    let mut decide: Vec<Decider> = Vec::new();
    for (second, &b) in compared.iter().enumerate() {
        for (first, &a) in compared.iter().enumerate().take(second) {
            // Few recordings are better than many: one that is to be made anyway comes first.
            let chosen = decide.iter().filter_map(|decider| decider.scenario);
            let again = chosen.clone().find(|name| experiment::decides(name, a, b));
            decide.push(Decider {
                between: (first, second),
                scenario: again.or_else(|| experiment::deciding(a, b)),
            });
        }
    }
    Ok(Explanation {
        kernel,
        diagnosis,
        decide,
    })
}

/// The kernel with these rules broken as well.
fn with(kernel: Kernel, mutants: Mutants) -> Kernel {
    Kernel {
        mutants: kernel.mutants.union(mutants),
        ..kernel
    }
}

impl Explanation {
    /// The report, in lines of at most `width` characters.
    pub fn text(&self, width: usize) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = self.write(&mut text, width);
        text
    }

    fn write(&self, text: &mut String, width: usize) -> std::fmt::Result {
        let Diagnosis {
            explanations,
            hidden_waits,
            complete_to,
            ..
        } = &self.diagnosis;
        match explanations.len() {
            0 if *complete_to == 0 => writeln!(
                text,
                "No explanation was found within what a search may look at."
            )?,
            0 => writeln!(
                text,
                "No set of up to {complete_to} broken rules explains it: the kernel does something \
                 that is not among the {} deviations tried.",
                Mutant::COUNT
            )?,
            1 => writeln!(text, "It is explained by:")?,
            several => writeln!(text, "It is explained in {several} ways, by:")?,
        }
        for (index, set) in explanations.iter().enumerate().take(MOST_SHOWN) {
            let names: Vec<_> = set.iter().map(Mutant::name).collect();
            writeln!(text, "{:>3}. {}", index + 1, names.join(" and "))?;
        }
        if explanations.len() > MOST_SHOWN {
            writeln!(text, "     and {} more", explanations.len() - MOST_SHOWN)?;
        }
        let shown = explanations.iter().take(MOST_SHOWN);
        let mut told = Mutants::NONE;
        for mutant in shown.flat_map(|set| set.iter()) {
            if told.contains(mutant) {
                continue;
            }
            told = told.union([mutant].into_iter().collect());
            paragraph(
                text,
                &format!("{}: {}", mutant.name(), mutant.says()),
                width,
                2,
            )?;
            let (first, others) = mutant.rules().split_at(mutant.rules().len().min(MOST_TOLD));
            for rule in first {
                let rule = rule.rule();
                let says = format!("  then does not hold {}: {}", page(rule.id), rule.says);
                paragraph(text, &says, width, 4)?;
            }
            if !others.is_empty() {
                let others: Vec<_> = others.iter().map(|rule| rule.id()).collect();
                paragraph(
                    text,
                    &format!("  nor what goes with it: {}", others.join(", ")),
                    width,
                    4,
                )?;
            }
        }
        match hidden_waits {
            Some(1) => paragraph(
                text,
                "Or no rule is broken, and one thread blocked once where the recording does not \
                 show it (a page fault, a lock). If so, another recording will not show it again.",
                width,
                0,
            )?,
            Some(waits) => paragraph(
                text,
                &format!(
                    "Or no rule is broken, and threads blocked {waits} times where the recording \
                     does not show it. If so, another recording will not show it again."
                ),
                width,
                0,
            )?,
            None => {}
        }
        self.write_deciders(text, width)
    }

    /// One line for each scenario that decides something.
    fn write_deciders(&self, text: &mut String, width: usize) -> std::fmt::Result {
        let mut pairs: BTreeMap<Option<&str>, Vec<String>> = BTreeMap::new();
        for Decider { between, scenario } in &self.decide {
            let pair = format!("{} and {}", between.0 + 1, between.1 + 1);
            pairs.entry(*scenario).or_default().push(pair);
        }
        for (scenario, pairs) in pairs {
            let pairs = pairs.join(", ");
            let says = match scenario {
                Some(name) => format!("To decide between {pairs}: iocp record {name}"),
                None => format!("No scenario of the catalogue decides between {pairs}."),
            };
            paragraph(text, &says, width, 2)?;
        }
        Ok(())
    }

    /// The same for programs.
    pub fn json(&self) -> serde_json::Value {
        let explanations = self.diagnosis.explanations.iter().map(|set| {
            let mutants = set.iter().map(|mutant| {
                let rules: Vec<_> = mutant.rules().iter().map(|rule| rule.id()).collect();
                serde_json::json!({
                    "mutant": mutant.name(),
                    "says": mutant.says(),
                    "breaks": rules,
                })
            });
            mutants.collect::<Vec<_>>()
        });
        let decide = self.decide.iter().map(|decider| {
            let (first, second) = decider.between;
            serde_json::json!({
                "between": [first + 1, second + 1],
                "scenario": decider.scenario,
            })
        });
        serde_json::json!({
            "explanations": explanations.collect::<Vec<_>>(),
            "hidden_waits": self.diagnosis.hidden_waits,
            "complete_to": self.diagnosis.complete_to,
            "checks": self.diagnosis.checks,
            "states": self.diagnosis.states,
            "decide": decide.collect::<Vec<_>>(),
        })
    }
}

/// A rule's id, with its place in the book.
fn page(id: &str) -> String {
    format!("{id} (book: sources.html#{id})")
}

/// A text in lines of at most `width` characters, all but the first behind `indent` spaces.
fn paragraph(out: &mut String, text: &str, width: usize, indent: usize) -> std::fmt::Result {
    let options = textwrap::Options::new(width)
        .break_words(false)
        .subsequent_indent(&INDENT[..indent]);
    writeln!(out, "{}", textwrap::fill(text, options))
}

/// Enough spaces.
const INDENT: &str = "          ";
