//! The experiments for the open questions: whatever a kernel answers, its recordings say so.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use iocp_model::{Profile, Semantics, rules};
use iocp_scenarios::{
    catalogue,
    questions::{Answer, Conclusion, Evidence, QUESTIONS, Question},
};
use iocp_scheduler::{
    Program, Run, conform,
    run::Options,
    strategy::Random,
    trace::{Sink, Tracer, header},
};
use iocp_traces::{Event, Trace};
use std::collections::BTreeSet;

/// How many schedules stand for what a kernel does.
const SCHEDULES: u64 = 20;

struct Stored<'e>(&'e mut Vec<Event<'static>>);

impl Sink for &mut Stored<'_> {
    fn event(&mut self, event: &Event<'_>) {
        self.0.push(event.clone().into_owned());
    }
}

/// What a kernel of these semantics does, as a trace.
fn trace(program: &Program, semantics: Semantics, seed: u64) -> Trace {
    let mut events = Vec::new();
    let mut run = Run::new(program, semantics, Random::new(seed), Options::default()).unwrap();
    run.finish(&mut Tracer::new(program, &mut Stored(&mut events), false))
        .unwrap();
    Trace {
        header: header(program, Profile::default().name, "random", seed),
        events,
    }
}

fn evidence(question: &'static Question, answer: &Answer) -> Evidence {
    let program = catalogue::find(question.scenario)
        .unwrap()
        .scenario()
        .unwrap()
        .program;
    let mut semantics = Semantics::WINDOWS;
    (answer.apply)(&mut semantics);
    let mut evidence = Evidence::new(question);
    for seed in 0..SCHEDULES {
        let trace = trace(&program, semantics, seed);
        evidence
            .add(&trace, conform::Options::default())
            .unwrap_or_else(|problem| panic!("{} {}: {problem}", question.id, answer.letter));
    }
    evidence
}

/// OPEN-1, OPEN-2, OPEN-3, OPEN-8, OPEN-10, OPEN-11: a kernel of which one answer is true is told
/// from the others.
#[test]
fn each_answer_is_told_from_the_others() {
    for question in QUESTIONS {
        for answer in question.answers {
            let evidence = evidence(question, answer);
            assert_eq!(
                evidence.conclusion(),
                Conclusion::Answer(answer.letter),
                "{}: {} schedules of kernel {} came to it, explained {:?}",
                question.id,
                evidence.recordings,
                answer.letter,
                evidence.explains,
            );
            assert_eq!(evidence.short, 0, "{}", question.id);
        }
    }
}

/// In one run: but for the answers that say "it varies", one schedule is enough.
#[test]
fn one_recording_settles_a_question() {
    for question in QUESTIONS {
        for answer in question.answers.iter().filter(|one| !one.allows_others) {
            let all = evidence(question, answer);
            let others = question.answers.iter().zip(&all.explains);
            for (other, explained) in others {
                let told = other.letter == answer.letter || other.allows_others;
                let wanted = if told { SCHEDULES as usize } else { 0 };
                assert_eq!(
                    *explained, wanted,
                    "{}: {} explains {explained} of {SCHEDULES} schedules of {}",
                    question.id, other.letter, answer.letter
                );
            }
        }
    }
}

#[test]
fn questions_and_scenarios_fit() {
    let mut letters = BTreeSet::new();
    for question in QUESTIONS {
        let known = rules::question(question.id).is_some();
        assert!(known, "{} is not in the rule book", question.id);
        let scenario = catalogue::find(question.scenario).unwrap();
        let named = scenario.scenario().unwrap().workload.rules;
        assert!(
            named.iter().any(|rule| rule == question.id),
            "{} does not name {}",
            question.scenario,
            question.id
        );
        assert!(question.answers.len() >= 2);
        letters.clear();
        for answer in question.answers {
            assert!(letters.insert(answer.letter), "{}", question.id);
        }
        assert!(!question.answers[0].allows_others, "{}", question.id);
    }
}

/// What Wine 8 was seen to do is known from elsewhere: the experiments must find it too.
#[test]
fn wine_answers_as_its_profile_says() {
    let answers: Vec<_> = QUESTIONS
        .iter()
        .map(|question| {
            let mut evidence = Evidence::new(question);
            let begins = format!("{}--wine-8.0--", question.scenario);
            for (name, bytes) in iocp_scenarios::recordings::all() {
                if name.starts_with(&begins) {
                    let trace = Trace::read(*bytes).unwrap();
                    evidence.add(&trace, conform::Options::default()).unwrap();
                }
            }
            (question.id, evidence.conclusion())
        })
        .collect();
    let expected = [
        ("OPEN-1", Conclusion::Answer('B')),
        ("OPEN-2", Conclusion::Answer('B')),
        ("OPEN-3", Conclusion::Answer('B')),
        ("OPEN-8", Conclusion::Untold),
        ("OPEN-10", Conclusion::Answer('C')),
        ("OPEN-11", Conclusion::Several(vec!['A', 'B'])),
    ];
    assert_eq!(answers, expected);
}
