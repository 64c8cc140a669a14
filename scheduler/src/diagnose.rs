//! Which rules does a kernel break, of which no schedule explains a recording?
//!
//! The answer is every smallest set of [`Mutant`]s that together let the recording conform. Sets
//! are tried from small to large. A set that does not do is enlarged only by mutants that the check
//! *heard* of while it failed ([`Observer::mutant`]): the search went through every state that the
//! set allows, and a mutant that was not asked for in any of them changes nothing. So nothing is
//! missed, unless a budget runs out, and then the diagnosis says so.
//!
//! Beside the rules there is always another explanation: that threads blocked where the recording
//! does not show it. The diagnosis gives the least number of such waits that would do.

use crate::{
    conform::{self, Divergence, Recording, Unfit, Verdict},
    program::Program,
    state::State,
};
use iocp_model::{Mutant, Mutants, Observer, Profile, Semantics};
use std::collections::BTreeSet;

/// How far to look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// How each check is made.
    pub conform: conform::Options,
    /// The most mutants in one explanation.
    pub most_mutants: usize,
    /// The most hidden waits that are tried.
    pub most_hidden_waits: u32,
    /// The most states that all checks together look at, before the diagnosis stops.
    pub most_states: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            conform: conform::Options::default(),
            most_mutants: 3,
            most_hidden_waits: 3,
            most_states: 2_000_000,
        }
    }
}

/// Why a recording may not conform.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnosis {
    /// The smallest sets of mutants under which it conforms; the likeliest first.
    pub explanations: Vec<Mutants>,
    /// The least number of hidden waits with which it conforms, no rule being broken; of several
    /// recordings, the most that one of them needs.
    pub hidden_waits: Option<u32>,
    /// Every set of at most so many mutants was tried or need not be.
    pub complete_to: usize,
    /// How many checks it took.
    pub checks: u64,
    /// How many states they looked at.
    pub states: u64,
}

/// A recording of a kernel, and what these semantics say to it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The program that was recorded.
    pub program: &'a Program,
    /// The recording.
    pub recording: &'a Recording<'a>,
    /// Where it diverges; `None` if it conforms.
    pub divergence: Option<&'a Divergence>,
}

/// Looks for the smallest sets of mutants that explain a divergence.
///
/// # Errors
/// As [`Recording::check`].
pub fn diagnose(
    program: &Program,
    recording: &Recording<'_>,
    semantics: Semantics,
    divergence: &Divergence,
    options: Options,
) -> Result<Diagnosis, Unfit> {
    let evidence = Evidence {
        program,
        recording,
        divergence: Some(divergence),
    };
    diagnose_all(&[evidence], semantics, options)
}

/// Looks for the smallest sets of mutants, each of which explains all of these recordings of one
/// kernel; those that conform as it is must conform then, too.
///
/// # Errors
/// As [`Recording::check`].
pub fn diagnose_all(
    evidence: &[Evidence<'_>],
    semantics: Semantics,
    options: Options,
) -> Result<Diagnosis, Unfit> {
    let mut search = Search {
        evidence,
        semantics,
        options,
        checks: 0,
        states: 0,
        exhausted: false,
        explanations: Vec::new(),
    };
    let hidden_waits = search.hidden_waits()?;
    let complete_to = search.run()?;
    let near = evidence.iter().fold(Mutants::NONE, |all, one| {
        let near = one
            .divergence
            .map(|divergence| near(one.program, divergence));
        all.union(near.unwrap_or_default())
    });
    // Those first that known kernels break, then those that matter where recording and model part.
    search.explanations.sort_by_key(|set| {
        let unheard_of = set
            .iter()
            .filter(|mutant| !is_in_the_field(*mutant))
            .count();
        let far = set.iter().filter(|mutant| !near.contains(*mutant)).count();
        (set.len(), unheard_of, far)
    });
    Ok(Diagnosis {
        explanations: search.explanations,
        hidden_waits,
        complete_to,
        checks: search.checks,
        states: search.states,
    })
}

/// The mutants that a check heard of.
#[derive(Default)]
struct Heard(Mutants);

impl Observer for Heard {
    fn mutant(&mut self, mutant: Mutant) {
        self.0.insert(mutant);
    }
}

impl crate::Watch for Heard {}

/// Does a kernel of which there is a profile break these rules?
fn is_in_the_field(mutant: Mutant) -> bool {
    let mut profiles = Profile::ALL.iter();
    profiles.any(|profile| profile.semantics.with(mutant) == profile.semantics)
}

/// The mutants that matter to the very next step where recording and model part.
fn near(program: &Program, divergence: &Divergence) -> Mutants {
    let mut heard = Heard::default();
    for state in &divergence.states {
        let mut choices = Vec::new();
        state.choices(program, &mut choices);
        for choice in choices {
            // A thread that then goes round without doing anything has been heard all the same.
            let _ = state.clone().take(program, choice, &mut heard);
        }
    }
    heard.0
}

/// A set that does not explain the recording.
struct Failure {
    set: Mutants,
    /// What may be added to it.
    heard: Mutants,
    /// The first recording, and the first event of it, that it leaves unexplained.
    place: (usize, usize),
}

struct Search<'a> {
    evidence: &'a [Evidence<'a>],
    semantics: Semantics,
    options: Options,
    checks: u64,
    states: u64,
    /// A budget ran out, here or within a check.
    exhausted: bool,
    explanations: Vec<Mutants>,
}

impl Search<'_> {
    /// Tries sets of growing size; says up to which size all were tried.
    fn run(&mut self) -> Result<usize, Unfit> {
        let mut failures = Vec::new();
        self.attempt(Mutants::NONE, &mut failures)?;
        for size in 1..=self.options.most_mutants {
            let mut tried = BTreeSet::new();
            let mut next = Vec::new();
            // What gets farthest is likeliest to need only one rule more.
            failures.sort_by_key(|failure: &Failure| std::cmp::Reverse(failure.place));
            for failure in &failures {
                for mutant in failure.heard.iter() {
                    let mut set = failure.set;
                    set.insert(mutant);
                    if self.exhausted {
                        return Ok(size - 1);
                    }
                    if set != failure.set && self.is_minimal(set) && tried.insert(set) {
                        self.attempt(set, &mut next)?;
                    }
                }
            }
            if self.exhausted {
                return Ok(size - 1);
            }
            failures = next;
        }
        Ok(self.options.most_mutants)
    }

    /// Does no smaller set explain the recording already?
    fn is_minimal(&self, set: Mutants) -> bool {
        !self
            .explanations
            .iter()
            .any(|smaller| smaller.is_subset(set))
    }

    /// Checks the recordings with this set of rules broken.
    fn attempt(&mut self, set: Mutants, failures: &mut Vec<Failure>) -> Result<(), Unfit> {
        let semantics = set.iter().fold(self.semantics, Semantics::with);
        let without = |mutant| {
            let rest = set.iter().filter(|other| *other != mutant);
            rest.fold(self.semantics, Semantics::with)
        };
        // One that these semantics have in any case is no part of an explanation.
        if set.iter().any(|mutant| without(mutant) == semantics) {
            return Ok(());
        }
        for (index, one) in self.evidence.iter().enumerate() {
            let mut heard = Heard(State::heard_at_start(one.program, semantics));
            match self.check(one, semantics, 0, &mut heard)? {
                Verdict::Conforms { .. } => {}
                Verdict::Diverges(divergence) => {
                    // Whatever else the set does to the others: without one more of what was heard
                    // here, this recording stays unexplained.
                    failures.push(Failure {
                        set,
                        heard: heard.0,
                        place: (index, divergence.event),
                    });
                    return Ok(());
                }
                Verdict::NoVerdict { .. } => {
                    self.exhausted = true;
                    return Ok(());
                }
            }
        }
        self.explanations.push(set);
        Ok(())
    }

    /// The most that any of the recordings needs.
    fn hidden_waits(&mut self) -> Result<Option<u32>, Unfit> {
        let mut most = 1;
        for one in self.evidence.iter().filter(|one| one.divergence.is_some()) {
            loop {
                if most > self.options.most_hidden_waits {
                    return Ok(None);
                }
                match self.check(one, self.semantics, most, &mut Heard::default())? {
                    Verdict::Conforms { .. } => break,
                    Verdict::Diverges(_) => most += 1,
                    Verdict::NoVerdict { .. } => return Ok(None),
                }
            }
        }
        Ok(Some(most))
    }

    fn check(
        &mut self,
        one: &Evidence<'_>,
        semantics: Semantics,
        hidden_waits: u32,
        heard: &mut Heard,
    ) -> Result<Verdict, Unfit> {
        let options = conform::Options {
            hidden_waits,
            // Nobody looks at where it stopped.
            most_frontier: 0,
            // What is not looked at is not heard of.
            plain: true,
            ..self.options.conform
        };
        let verdict = one.recording.check(semantics, options, heard)?;
        self.checks += 1;
        self.states += match &verdict {
            Verdict::Conforms { states } | Verdict::NoVerdict { states, .. } => *states,
            Verdict::Diverges(divergence) => divergence.looked_at,
        };
        self.exhausted |= self.states >= self.options.most_states;
        Ok(verdict)
    }
}
