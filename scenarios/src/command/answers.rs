//! Which answers recordings give to the open questions: gathered a kernel at a time, and shown.

use super::{Exit, counted, wrapped};
use crate::questions::{self, Conclusion, Evidence, QUESTIONS, Question};
use iocp_scheduler::conform::Options;
use iocp_traces::Trace;
use std::io::Write;

/// What each kernel answers: a list for each, in the order in which they were met.
#[derive(Default)]
pub(super) struct Answers {
    kernels: Vec<(String, Vec<Evidence>)>,
}

impl Answers {
    /// Asks a recording; one of a scenario that settles nothing is left out.
    pub(super) fn add(
        &mut self,
        file: &str,
        recording: &Trace,
        options: Options,
    ) -> Result<(), String> {
        let scenario = recording.header.scenario["name"].as_str();
        let Some(question) = scenario.and_then(questions::of_scenario) else {
            return Ok(());
        };
        let kernel = recording.header.producer.name().into_owned();
        let at = match self.kernels.iter().position(|(known, _)| *known == kernel) {
            Some(at) => at,
            None => {
                let nothing = QUESTIONS.iter().map(Evidence::new).collect();
                self.kernels.push((kernel, nothing));
                self.kernels.len() - 1
            }
        };
        self.kernels[at]
            .1
            .iter_mut()
            .filter(|evidence| evidence.question.id == question.id)
            .try_for_each(|evidence| evidence.add(recording, options))
            .map_err(|problem| format!("{file}: {problem}"))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kernels.is_empty()
    }

    /// A question without a verdict is no answer; a kernel that does something else is one.
    pub(super) fn exit(&self) -> Exit {
        let mut all = self.kernels.iter().flat_map(|(_, evidence)| evidence);
        match all.any(|evidence| evidence.conclusion() == Conclusion::NoVerdict) {
            true => Exit::NoVerdict,
            false => Exit::Holds,
        }
    }

    pub(super) fn write(&self, out: &mut impl Write) -> std::io::Result<()> {
        let width = super::terminal_width().saturating_sub(9).max(30);
        for (index, (kernel, evidence)) in self.kernels.iter().enumerate() {
            if index > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{kernel} answers:")?;
            for evidence in evidence.iter().filter(|evidence| asked(evidence)) {
                let Question { id, .. } = evidence.question;
                writeln!(out, "{id:<9}{}", wrapped(&evidence.sentence(), width, 9))?;
                writeln!(out, "{:9}{}", "", wrapped(&support(evidence), width, 9))?;
            }
        }
        Ok(())
    }

    pub(super) fn json(&self) -> serde_json::Value {
        let kernels = self.kernels.iter().map(|(kernel, evidence)| {
            let answers = evidence.iter().filter(|evidence| asked(evidence));
            let answers: Vec<_> = answers.map(json).collect();
            serde_json::json!({ "kernel": kernel, "questions": answers })
        });
        serde_json::json!({ "kernels": kernels.collect::<Vec<_>>() })
    }
}

/// Was there any recording for the question?
fn asked(evidence: &Evidence) -> bool {
    evidence.recordings + evidence.short > 0
}

/// "A explains 0, B 5 of 5 recordings of refused-at-limit."
fn support(evidence: &Evidence) -> String {
    let question = evidence.question;
    let answers = question.answers.iter().zip(&evidence.explains);
    let mut text: Vec<String> = answers
        .map(|(answer, explains)| format!("{} {explains}", answer.letter))
        .collect();
    if evidence.recordings == 0 {
        return format!(
            "{} of {} did not come to it.",
            counted(evidence.short, "recording"),
            question.scenario
        );
    }
    if let Some(first) = text.first_mut() {
        first.insert_str(1, " explains");
    }
    let short = match evidence.short {
        0 => String::new(),
        short => format!(" {} more did not come to it.", counted(short, "recording")),
    };
    format!(
        "{} of {} of {}.{short}",
        text.join(", "),
        counted(evidence.recordings, "recording"),
        question.scenario
    )
}

fn json(evidence: &Evidence) -> serde_json::Value {
    let question = evidence.question;
    let (word, answers) = match evidence.conclusion() {
        Conclusion::Answer(letter) => ("answer", vec![letter]),
        Conclusion::Several(letters) => ("several", letters),
        Conclusion::Neither => ("something else", Vec::new()),
        Conclusion::Untold => ("untold", Vec::new()),
        Conclusion::NoVerdict => ("no verdict", Vec::new()),
    };
    let explains = question.answers.iter().zip(&evidence.explains);
    let explains: serde_json::Map<_, _> = explains
        .map(|(answer, &explains)| (answer.letter.to_string(), explains.into()))
        .collect();
    serde_json::json!({
        "id": question.id,
        "scenario": question.scenario,
        "conclusion": word,
        "answers": answers,
        "says": evidence.sentence(),
        "recordings": evidence.recordings,
        "short": evidence.short,
        "explains": explains,
    })
}
