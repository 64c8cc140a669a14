//! Which rules does the implementation break?
//!
//! A kernel is one: what explains a scenario must explain all its recordings, those that conform
//! too. Most divergences can be explained in several ways; over all scenarios together, the fewest
//! rules that do are told.

use super::{Case, Recorded};
use iocp_model::{Kernel, Mutants};
use iocp_scheduler::{
    conform::{self, Recording, Verdict},
    diagnose::{self, Evidence, diagnose_all},
};
use std::cmp::Reverse;

/// Why the recordings of a scenario diverge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Causes {
    /// The smallest sets of broken rules, each of which explains all its recordings; the likeliest
    /// first.
    pub sets: Vec<Mutants>,
    /// Every set of at most so many was tried or need not be.
    pub complete_to: usize,
}

/// The causes, if a recording diverges. Takes every verdict there is on the scenario.
pub(super) fn causes(
    verdicts: &[(&Recorded, Verdict)],
    kernel: Kernel,
    options: conform::Options,
) -> Option<Causes> {
    let known: Vec<_> = verdicts
        .iter()
        .filter(|(_, verdict)| !matches!(verdict, Verdict::NoVerdict { .. }))
        .filter_map(|(recorded, verdict)| {
            let recording = Recording::read(&recorded.program, &recorded.trace).ok()?;
            Some((*recorded, recording, verdict))
        })
        .collect();
    let evidence: Vec<_> = known
        .iter()
        .map(|(recorded, recording, verdict)| Evidence {
            program: &recorded.program,
            recording,
            divergence: match verdict {
                Verdict::Diverges(divergence) => Some(divergence),
                _ => None,
            },
        })
        .collect();
    if evidence.iter().all(|one| one.divergence.is_none()) {
        return None;
    }
    let options = diagnose::Options {
        conform: options,
        // They would be another way to be right, not a rule that is broken.
        most_hidden_waits: 0,
        ..diagnose::Options::default()
    };
    let diagnosis = diagnose_all(&evidence, kernel.semantics(), options).ok()?;
    Some(Causes {
        sets: diagnosis.explanations,
        complete_to: diagnosis.complete_to,
    })
}

/// The broken rules of all scenarios together.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Broken {
    /// Rules, and the scenarios that they explain; what explains most first. A scenario stands
    /// with the last of the rules that it needs.
    pub explained: Vec<(Mutants, Vec<String>)>,
    /// Scenarios that diverge and that nothing explains.
    pub unexplained: Vec<String>,
    /// Of those, every set of at most so many rules was tried or need not be.
    pub complete_to: usize,
}

impl Broken {
    /// Chooses rules until every scenario is explained that can be: each time those that explain
    /// the most further scenarios for each rule that is new.
    pub(super) fn of(cases: &[Case]) -> Self {
        let mut broken = Self::default();
        let mut open: Vec<(&str, &[Mutants])> = Vec::new();
        for case in cases {
            match &case.causes {
                Some(causes) if causes.sets.is_empty() => {
                    broken.complete_to = match broken.unexplained.is_empty() {
                        true => causes.complete_to,
                        false => broken.complete_to.min(causes.complete_to),
                    };
                    broken.unexplained.push(case.scenario.clone());
                }
                Some(causes) => open.push((&case.scenario, &causes.sets)),
                None => {}
            }
        }
        let mut chosen = Mutants::NONE;
        while !open.is_empty() {
            let explained = |by: Mutants| {
                open.iter()
                    .filter(|(_, sets)| sets.iter().any(|set| set.is_subset(by)))
                    .count()
            };
            // The likelier ones come first, and of equals the first is taken.
            let candidates = open.iter().flat_map(|(_, sets)| sets.iter().enumerate());
            let best = candidates.min_by_key(|(rank, set)| {
                let union = chosen.union(**set);
                let new = union.len() - chosen.len();
                // Scenarios for each new rule, in hundredths, so that no fraction is compared.
                (Reverse(explained(union) * 100 / new.max(1)), *rank)
            });
            let Some((_, set)) = best else { break };
            chosen = chosen.union(*set);
            let (now, later) = open
                .into_iter()
                .partition(|(_, sets)| sets.iter().any(|set| set.is_subset(chosen)));
            open = later;
            let names: Vec<(&str, &[Mutants])> = now;
            let names = names.iter().map(|(name, _)| (*name).to_owned());
            broken.explained.push((*set, names.collect()));
        }
        broken
    }
}
