//! An advice, for people and for programs.

use super::super::{explore::number, output, terminal_width, titled, wrapped};
use crate::advise::{
    Advice, Finding, Holds, Objective, Pool, Question, Reason, Risk, Trial, Verdict,
};
use crate::unit::Unit;
use iocp_scheduler::Workload;
use serde_json::{Value, json};
use std::{
    io::{Result, Write},
    time::Duration,
};

/// A scenario for which there is an advice.
pub(super) struct Advised<'a> {
    pub(super) workload: &'a Workload,
    pub(super) question: &'a Question,
    pub(super) advice: &'a Advice,
    pub(super) elapsed: Duration,
    pub(super) again: String,
}

/// Where the sentences under a heading begin.
const INDENT: usize = 2;

impl Advised<'_> {
    pub(super) fn human(&self) -> Result<()> {
        let mut out = output();
        let title = titled(&self.workload.name, &self.workload.title);
        writeln!(out, "{title}\n")?;
        self.paragraph(&mut out, &self.answer(), 0)?;
        writeln!(out)?;
        self.table(&mut out)?;
        let headed = [
            ("What limits it", self.limits()),
            ("How far it holds", self.holds()),
            ("What can go wrong in some schedule", self.risks()),
            (
                "How sure that is",
                self.sure(&format!(" in {:.1} s", self.elapsed.as_secs_f64())),
            ),
        ];
        for (heading, sentences) in headed {
            if sentences.is_empty() {
                continue;
            }
            writeln!(out, "\n{heading}")?;
            for sentence in sentences {
                self.paragraph(&mut out, &sentence, INDENT)?;
            }
        }
        writeln!(out, "\nAgain: {}", self.again)?;
        out.flush()
    }

    fn paragraph(&self, out: &mut impl Write, text: &str, indent: usize) -> Result<()> {
        let width = terminal_width().saturating_sub(indent).max(20);
        writeln!(out, "{:indent$}{}", "", wrapped(text, width, indent))
    }

    /// The advice in sentences.
    pub(super) fn answer(&self) -> String {
        let Advice {
            smallest, one_less, ..
        } = self.advice;
        let Some(trial) = smallest else {
            return self.none();
        };
        let Pool { threads, limit } = trial.pool;
        let mut text = format!(
            "Advice: {}, limit {limit}. {}.",
            of_threads(threads),
            self.meets(trial)
        );
        let (least, most) = (self.question.threads.start(), self.question.threads.end());
        text += &format!(" No smaller pool from {least} to {most} threads does");
        match one_less {
            Some(less) => {
                text += &format!(
                    ": with {}, the best is a limit of {}, where {}.",
                    of_threads(less.pool.threads),
                    less.pool.limit,
                    self.values(less)
                );
            }
            None => text += ", for there is none.",
        }
        text += " The smallest is that of the fewest threads, and with so many the lowest limit.";
        text
    }

    /// Nothing in the range will do.
    fn none(&self) -> String {
        let Question {
            threads, limits, ..
        } = self.question;
        let mut text = format!(
            "No pool of {} with a limit of {} meets {}.",
            match (threads.start(), threads.end()) {
                (least, most) if least == most => of_threads(*least),
                (least, most) => format!("{least} to {most} threads"),
            },
            match (limits.start(), limits.end()) {
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            },
            self.asked()
        );
        if let Some(best) = &self.advice.best {
            text += &format!(
                " The best that was found is {} with a limit of {}: {}.",
                of_threads(best.pool.threads),
                best.pool.limit,
                self.values(best)
            );
        }
        if let Some(why) = &self.advice.why_not {
            text += &format!(" Why: {why}");
        }
        text
    }

    fn asked(&self) -> String {
        let each: Vec<_> = self
            .question
            .objectives
            .iter()
            .map(Objective::to_string)
            .collect();
        each.join(" and ")
    }

    /// "p99 is 17 to 18 ms, and at most 20 ms was asked for".
    fn meets(&self, trial: &Trial) -> String {
        let each = self.question.objectives.iter().filter_map(|objective| {
            let interval = trial.metrics.get(&objective.metric)?;
            let unit = objective.unit();
            Some(format!(
                "With {} % confidence {} is from {} to {}, and at {} {} was asked for",
                100.0 * self.question.confidence,
                objective.name(),
                unit.in_words(interval.low.max(0.0)),
                unit.in_words(interval.high),
                if objective.at_most { "most" } else { "least" },
                unit.in_words(objective.bound),
            ))
        });
        each.collect::<Vec<_>>().join(". ")
    }

    /// "p99 is 18 ms".
    fn values(&self, trial: &Trial) -> String {
        if let Some(why) = &trial.stopped {
            return why.clone();
        }
        if !trial.stable {
            return "ever more requests pile up".into();
        }
        let each = self.question.objectives.iter().filter_map(|objective| {
            let interval = trial.metrics.get(&objective.metric)?;
            let unit = objective.unit();
            let unclear = match objective.judge(*interval) {
                Verdict::Unclear => ", which is not sure enough",
                _ => "",
            };
            Some(format!(
                "{} is {} ({} to {}{unclear})",
                objective.name(),
                unit.in_words(interval.mean),
                unit.in_words(interval.low.max(0.0)),
                unit.in_words(interval.high),
            ))
        });
        each.collect::<Vec<_>>().join(" and ")
    }

    /// The pools that are worth a line, each with what it is.
    pub(super) fn lines(&self) -> Vec<(String, &Trial)> {
        let Advice {
            smallest,
            one_less,
            best,
            defaults,
            ..
        } = self.advice;
        let own = [
            ("the advice", smallest),
            ("one thread less", one_less),
            ("the best that was found", best),
        ];
        let own = own
            .into_iter()
            .filter_map(|(name, trial)| Some((name.to_owned(), trial.as_ref()?)));
        own.chain(defaults.iter().map(|(name, trial)| (name.clone(), trial)))
            .collect()
    }

    fn table(&self, out: &mut impl Write) -> Result<()> {
        let lines = self.lines();
        let width = lines
            .iter()
            .map(|(name, _)| name.chars().count())
            .max()
            .unwrap_or(0);
        write!(out, "{:width$}  threads  limit", "")?;
        for objective in &self.question.objectives {
            write!(out, "  {:>10}  {:<22}", objective.name(), "interval")?;
        }
        writeln!(out, "  {:>6}", "busy")?;
        for (name, trial) in lines {
            let Pool { threads, limit } = trial.pool;
            write!(out, "{name:<width$}  {threads:>7}  {limit:>5}")?;
            for objective in &self.question.objectives {
                let unit = objective.unit();
                match trial
                    .metrics
                    .get(&objective.metric)
                    .filter(|_| trial.stable)
                {
                    Some(i) => write!(
                        out,
                        "  {:>10}  {:<22}",
                        unit.in_words(i.mean),
                        format!(
                            "{} to {}",
                            unit.in_words(i.low.max(0.0)),
                            unit.in_words(i.high)
                        )
                    )?,
                    None => write!(out, "  {:>10}  {:<22}", "–", "does not keep up")?,
                }
            }
            let busy = Unit::Share.in_words(trial.mean("utilisation"));
            let meets = meets(trial);
            writeln!(out, "  {busy:>6}  {meets}")?;
        }
        Ok(())
    }

    pub(super) fn limits(&self) -> Vec<String> {
        self.advice
            .reasons
            .iter()
            .map(|reason| reason.says.clone())
            .collect()
    }

    pub(super) fn holds(&self) -> Vec<String> {
        let holds = match &self.advice.holds {
            Ok(holds) => holds,
            Err(why) => return vec![format!("Not known: {why}")],
        };
        let Holds {
            unit,
            now,
            up_to,
            not_at,
            because,
            ..
        } = holds;
        let load = |load: f64| Unit::Number.in_words(load);
        let mut text = match (*up_to, *not_at) {
            (0.0, _) => format!(
                "Under no load that was tried, down to {} {unit}.",
                load(*not_at)
            ),
            (_, not_at) if not_at.is_infinite() => format!(
                "Up to {} {unit}, {:.1} times what it has, and more was not tried.",
                load(*up_to),
                up_to / now
            ),
            _ => format!(
                "Up to {} {unit}, {:.2} times the {} that it has; at {} it is missed or not sure.",
                load(*up_to),
                up_to / now,
                load(*now),
                load(*not_at)
            ),
        };
        if let Some(because) = because {
            text += &format!(" What gives first there: {because}");
        }
        vec![text]
    }

    pub(super) fn risks(&self) -> Vec<String> {
        let mut all: Vec<_> = self
            .advice
            .risks
            .iter()
            .map(|risk| risk.says.clone())
            .collect();
        let mut versions: Vec<&Vec<String>> = Vec::new();
        for risk in &self.advice.risks {
            if !versions.contains(&&risk.small) {
                versions.push(&risk.small);
            }
        }
        for version in versions {
            let asked = self
                .advice
                .risks
                .iter()
                .filter(|risk| &risk.small == version);
            let asked: Vec<_> = asked.map(|risk| risk.kind.name()).collect();
            all.push(format!(
                "How it was made small, for {}: {}.",
                asked.join(" and "),
                version.join("; ")
            ));
        }
        all
    }

    /// How it was found; `took` is how long that took, or nothing.
    pub(super) fn sure(&self, took: &str) -> Vec<String> {
        let question = self.question;
        vec![format!(
            "{} settings were tried, {} requests{took}; each with the same random requests (seed {}), {} \
             a replication, and 4, 8, 16 or 32 replications, as many as it took to tell. An objective is met \
             if its whole interval of {} % is on the good side, at each look with a quarter of the error. \
             Whether the scenario is like the server, no figure here says.",
            self.advice.tried,
            number(self.advice.simulated),
            question.seed,
            number(question.requests),
            100.0 * question.confidence,
        )]
    }

    pub(super) fn json(&self) -> Value {
        let advice = self.advice;
        let of = |found: &Option<Trial>| found.as_ref().map(|trial| self.trial(trial));
        let defaults: Vec<_> = advice
            .defaults
            .iter()
            .map(|(name, trial)| {
                let mut json = self.trial(trial);
                json["name"] = json!(name);
                json
            })
            .collect();
        json!({
            "scenario": self.workload.name,
            "objectives": self.question.objectives.iter().map(Objective::to_string).collect::<Vec<_>>(),
            "confidence": self.question.confidence,
            "says": self.answer(),
            "advice": of(&advice.smallest),
            "one_less": of(&advice.one_less),
            "best": of(&advice.best),
            "defaults": defaults,
            "limits": advice.reasons.iter().map(reason).collect::<Vec<_>>(),
            "why_not": advice.why_not,
            "holds": match &advice.holds {
                Ok(holds) => json!({
                    "unit": holds.unit,
                    "now": holds.now,
                    "up_to": holds.up_to,
                    "not_at": holds.not_at.is_finite().then_some(holds.not_at),
                    "because": holds.because,
                }),
                Err(why) => json!({ "unknown": why }),
            },
            "risks": advice.risks.iter().map(risk).collect::<Vec<_>>(),
            "settings": advice.tried,
            "simulated": advice.simulated,
            "requests": self.question.requests,
            "seed": self.question.seed,
            "profile": self.question.kernel.to_string(),
            "seconds": self.elapsed.as_secs_f64(),
            "command": self.again,
        })
    }

    fn trial(&self, trial: &Trial) -> Value {
        let finite = |number: f64| number.is_finite().then_some(number);
        let metrics: serde_json::Map<_, _> = trial
            .metrics
            .iter()
            .map(|(name, i)| {
                let value = json!({
                    "mean": finite(i.mean),
                    "interval": [finite(i.low), finite(i.high)],
                });
                (name.clone(), value)
            })
            .collect();
        json!({
            "threads": trial.pool.threads,
            "limit": trial.pool.limit,
            "meets": match trial.verdict {
                Verdict::Meets => "yes",
                Verdict::Fails => "no",
                Verdict::Unclear => "not sure",
            },
            "stable": trial.stable,
            "stopped": trial.stopped,
            "replications": trial.replications,
            "metrics": metrics,
        })
    }
}

/// Does it meet what was asked for, in a word or two?
pub(super) fn meets(trial: &Trial) -> &'static str {
    match trial.verdict {
        Verdict::Meets => "meets",
        Verdict::Fails => "fails",
        Verdict::Unclear => "not sure",
    }
}

pub(super) fn of_threads(threads: u32) -> String {
    match threads {
        1 => "1 thread".into(),
        threads => format!("{threads} threads"),
    }
}

fn reason(reason: &Reason) -> Value {
    json!({ "kind": reason.kind, "share": reason.share, "says": reason.says })
}

fn risk(risk: &Risk) -> Value {
    let (found, steps, states) = match risk.found {
        Finding::Happens { steps } => ("happens", Some(steps), None),
        Finding::Never { states } => ("never", None, Some(states)),
        Finding::Unknown { states } => ("unknown", None, Some(states)),
    };
    json!({
        "kind": risk.kind.name(),
        "found": found,
        "steps": steps,
        "states": states,
        "says": risk.says,
        "small": risk.small,
        "scenario": risk.scenario,
    })
}
