//! Does an implementation of the port do what the model says? The judgement of `iocp verify`.
//!
//! Each scenario is recorded a few times. Every attempt is a [`Turn`]: a recording, or the reason
//! why there is none. All turns of a scenario together are a [`Case`] with one [`Outcome`]. The
//! [list of expected failures](Expectations) makes a [`Standing`] of it, and the cases together are
//! a [`Report`], which also says [which rules are broken](Report::broken).
//!
//! Nothing here makes a recording, opens a file or prints.

mod broken;
mod expectations;

pub use broken::{Broken, Causes};
pub use expectations::{Expectations, Expected};

use crate::{explain, recordings};
use iocp_model::Kernel;
use iocp_scheduler::{
    Program,
    conform::{Options, Recording, Verdict},
};
use iocp_traces::Trace;
use std::collections::BTreeSet;

/// Of how many states of the model a divergence tells.
const MOST_STATES_TOLD: usize = 4;

/// One attempt to record a scenario.
pub enum Turn {
    /// It was recorded.
    Recorded(Box<Recorded>),
    /// The watchdog ended it. What it did until then, as a sentence without its full stop.
    Hung(String),
    /// The recorder, or the call that it made, failed: why.
    Aborted(String),
    /// The recorder reached a limit: which, and what raises it.
    Limit(String),
}

/// A recording that can be checked.
pub struct Recorded {
    file: Option<String>,
    trace: Trace,
    program: Program,
}

impl Recorded {
    /// Takes a recording; `file` is its name in the report, if it was kept.
    ///
    /// # Errors
    /// A sentence without a full stop: it was cut short, or does not belong to the scenario in its
    /// header.
    pub fn new(file: Option<String>, trace: Trace) -> Result<Self, String> {
        let program = recordings::program(&trace)?;
        Recording::read(&program, &trace).map_err(|error| error.to_string())?;
        Ok(Self {
            file,
            trace,
            program,
        })
    }

    /// The scenario.
    pub fn scenario(&self) -> &str {
        &self.program.workload.name
    }

    /// Who made it.
    pub fn producer(&self) -> String {
        self.trace.header.producer.name().into_owned()
    }
}

/// What a scenario came to, over all its turns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Every recording conforms.
    Conforms,
    /// Some recordings conform and some diverge.
    Unstable,
    /// No recording conforms.
    Diverges,
    /// A recording did not come to an end, and the watchdog ended it.
    Hung,
    /// The recorder failed where it should not.
    Aborted,
    /// A limit was reached before the answer was known.
    NoVerdict,
    /// It cannot be recorded here.
    Skipped,
}

impl Outcome {
    /// The outcome in a word or two.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Unstable => "unstable",
            Self::Diverges => "diverges",
            Self::Hung => "hung",
            Self::Aborted => "aborted",
            Self::NoVerdict => "no verdict",
            Self::Skipped => "skipped",
        }
    }
}

/// An outcome in the light of what was expected.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// It conforms, as it should.
    Passes,
    /// It fails, and the list says so.
    FailsAsExpected,
    /// It fails, and the list does not say so, or says that it fails otherwise.
    Fails,
    /// It conforms, and the list says that it fails.
    PassesUnexpectedly,
    /// Nobody knows.
    NoVerdict,
    /// It was not recorded.
    Skipped,
}

impl Standing {
    /// How it stands, in a word or two.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Passes => "passes",
            Self::FailsAsExpected => "fails as expected",
            Self::Fails => "fails",
            Self::PassesUnexpectedly => "passes unexpectedly",
            Self::NoVerdict => "no verdict",
            Self::Skipped => "skipped",
        }
    }

    /// Does it ask for an answer?
    pub const fn is_surprising(self) -> bool {
        matches!(
            self,
            Self::Fails | Self::PassesUnexpectedly | Self::NoVerdict
        )
    }
}

/// What one turn came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The file of the recording, if it was kept.
    pub file: Option<String>,
    /// Its outcome; `Unstable` and `Skipped` are for all turns together.
    pub outcome: Outcome,
    /// What there is to say about it, in lines; empty if it conforms.
    pub says: String,
}

/// A scenario, judged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// The name of the scenario.
    pub scenario: String,
    /// What it came to.
    pub outcome: Outcome,
    /// What each turn came to; empty if it was skipped.
    pub findings: Vec<Finding>,
    /// Why its recordings diverge, if some do.
    pub causes: Option<Causes>,
    /// Why it was skipped; empty if it was not.
    pub reason: String,
    /// What the list says of it.
    pub expected: Option<Expected>,
    /// How long it took, in milliseconds; 0 if nobody measured.
    pub took_ms: u64,
}

impl Case {
    /// A scenario that cannot be recorded here, and why.
    pub fn skipped(scenario: &str, reason: String) -> Self {
        Self {
            scenario: scenario.to_owned(),
            outcome: Outcome::Skipped,
            findings: Vec::new(),
            causes: None,
            reason,
            expected: None,
            took_ms: 0,
        }
    }

    /// Judges the turns of a scenario.
    pub fn judge(scenario: &str, turns: &[Turn], kernel: Kernel, options: Options) -> Self {
        let mut findings = Vec::new();
        let mut verdicts = Vec::new();
        for turn in turns {
            let (outcome, says) = match turn {
                Turn::Hung(says) => (Outcome::Hung, says.clone()),
                Turn::Aborted(says) => (Outcome::Aborted, says.clone()),
                Turn::Limit(says) => (Outcome::NoVerdict, says.clone()),
                Turn::Recorded(recorded) => match check(recorded, kernel, options) {
                    Ok((verdict, says)) => {
                        let outcome = match &verdict {
                            Verdict::Conforms { .. } => Outcome::Conforms,
                            Verdict::Diverges(_) => Outcome::Diverges,
                            Verdict::NoVerdict { .. } => Outcome::NoVerdict,
                        };
                        verdicts.push((&**recorded, verdict));
                        (outcome, says)
                    }
                    Err(unfit) => (Outcome::Aborted, unfit),
                },
            };
            let file = match turn {
                Turn::Recorded(recorded) => recorded.file.clone(),
                _ => None,
            };
            findings.push(Finding {
                file,
                outcome,
                says,
            });
        }
        Self {
            scenario: scenario.to_owned(),
            outcome: together(&findings),
            findings,
            causes: broken::causes(&verdicts, kernel, options),
            reason: String::new(),
            expected: None,
            took_ms: 0,
        }
    }

    /// In how many turns the outcome was this one.
    pub fn count(&self, outcome: Outcome) -> usize {
        let same = self.findings.iter();
        same.filter(|finding| finding.outcome == outcome).count()
    }

    /// The outcome in the light of what was expected.
    pub fn standing(&self) -> Standing {
        match (self.outcome, &self.expected) {
            (Outcome::Skipped, _) => Standing::Skipped,
            (Outcome::NoVerdict, _) => Standing::NoVerdict,
            (Outcome::Conforms, None) => Standing::Passes,
            (Outcome::Conforms, Some(expected)) if expected.outcome == Outcome::Unstable => {
                Standing::Passes
            }
            (Outcome::Conforms, Some(_)) => Standing::PassesUnexpectedly,
            (outcome, Some(expected))
                if expected.outcome == outcome || expected.outcome == Outcome::Unstable =>
            {
                Standing::FailsAsExpected
            }
            _ => Standing::Fails,
        }
    }

    /// The outcome in words: "hung in 1 of 3, conforms in 2"; or why it was skipped.
    pub fn says(&self) -> String {
        let all = self.findings.len();
        let mut counts = Vec::new();
        for outcome in [
            Outcome::Hung,
            Outcome::Aborted,
            Outcome::Diverges,
            Outcome::NoVerdict,
            Outcome::Conforms,
        ] {
            match self.count(outcome) {
                0 => {}
                count if counts.is_empty() && count < all => {
                    counts.push(format!("{} in {count} of {all}", outcome.word()));
                }
                count if count < all => counts.push(format!("{} in {count}", outcome.word())),
                _ => counts.push(outcome.word().to_owned()),
            }
        }
        let counts = counts.join(", ");
        match self.outcome {
            Outcome::Skipped => self.reason.clone(),
            Outcome::Unstable => format!("unstable: {counts}"),
            _ => counts,
        }
    }

    /// What is to be done about the list of expected failures, if anything; a sentence.
    pub fn advice(&self) -> Option<String> {
        let expected = self.expected.as_ref()?;
        let place = &expected.place;
        match self.standing() {
            Standing::PassesUnexpectedly => Some(format!(
                "It was expected to fail, and conforms now: remove line {place}."
            )),
            Standing::Fails => Some(format!(
                "It was expected under [{}], line {place}: move the line to [{}] if that is to stay.",
                expected.outcome.word(),
                self.outcome.word()
            )),
            _ => None,
        }
    }

    /// The first finding that shows why it does not conform.
    pub fn telling(&self) -> Option<&Finding> {
        let shows = match self.outcome {
            Outcome::Conforms | Outcome::Skipped => return None,
            Outcome::Unstable => Outcome::Diverges,
            outcome => outcome,
        };
        self.findings
            .iter()
            .find(|finding| finding.outcome == shows)
    }
}

/// One outcome for all turns. A turn that hung or was aborted is never outweighed by others.
fn together(findings: &[Finding]) -> Outcome {
    let has = |outcome| findings.iter().any(|finding| finding.outcome == outcome);
    if has(Outcome::Hung) {
        Outcome::Hung
    } else if has(Outcome::Aborted) {
        Outcome::Aborted
    } else if has(Outcome::Diverges) && has(Outcome::Conforms) {
        Outcome::Unstable
    } else if has(Outcome::Diverges) {
        Outcome::Diverges
    } else if has(Outcome::NoVerdict) || findings.is_empty() {
        Outcome::NoVerdict
    } else {
        Outcome::Conforms
    }
}

/// The verdict, and what there is to say about it.
fn check(
    recorded: &Recorded,
    kernel: Kernel,
    options: Options,
) -> Result<(Verdict, String), String> {
    let Recorded { trace, program, .. } = recorded;
    let events = trace.events.len();
    let verdict = Recording::read(program, trace)
        .and_then(|recording| recording.check(kernel.semantics(), options, &mut ()))
        .map_err(|error| error.to_string())?;
    let says = match &verdict {
        Verdict::Conforms { .. } => String::new(),
        Verdict::Diverges(divergence) => {
            let first = explain::unexplained(kernel, divergence.event, events);
            let rest = explain::parting(program, divergence, MOST_STATES_TOLD);
            format!("{first}.\n{}", rest.trim_end())
        }
        Verdict::NoVerdict {
            states,
            events: explained,
        } => explain::undecided(kernel, *states, *explained, events) + ".",
    };
    Ok((verdict, says))
}

/// All that `iocp verify` found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// What the recordings were checked against.
    pub kernel: Kernel,
    /// Who made the recordings.
    pub producers: BTreeSet<String>,
    /// The scenarios.
    pub cases: Vec<Case>,
    /// Recordings that could not be read, and why.
    pub unreadable: Vec<String>,
}

impl Report {
    /// How many scenarios stand so.
    pub fn count(&self, standing: Standing) -> usize {
        let same = self.cases.iter();
        same.filter(|case| case.standing() == standing).count()
    }

    /// Is it known of any scenario whether it conforms?
    pub fn knows_something(&self) -> bool {
        let unknown = [Standing::Skipped, Standing::NoVerdict];
        self.cases
            .iter()
            .any(|case| !unknown.contains(&case.standing()))
    }

    /// The broken rules that explain the divergences.
    pub fn broken(&self) -> Broken {
        Broken::of(&self.cases)
    }
}
