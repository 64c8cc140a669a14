//! Experiments for the open questions of the rule book: which scenario settles a question, which
//! answers there can be, and which of them a recording gives.
//!
//! An answer is a sentence and a change of [`Semantics`]. A recording *gives* an answer if the
//! model explains it with that change and with no other. So nothing here looks at results: the
//! checker does, and what the answers mean is in the model alone.

use iocp_model::{
    Mutant, Profile, Semantics,
    profile::{
        BatchWake, DirectWait, HandOff, Limit, PollAtLimit, SelfInsert, Suspend, SuspendedWaiter,
    },
};
use iocp_scheduler::{
    Program, Workload,
    conform::{self, Options, Verdict},
};
use iocp_traces::{Happening, Producer, Trace};

/// A question and its experiment.
#[derive(Clone, Copy, Debug)]
pub struct Question {
    /// Its id in the rule book, such as `OPEN-1`.
    pub id: &'static str,
    /// The scenario of the catalogue that settles it.
    pub scenario: &'static str,
    /// The answers, those that allow less first.
    pub answers: &'static [Answer],
    /// What no recording of this scenario can tell; may be empty.
    pub untold: &'static str,
    /// A thread and a call: before that has returned, a recording has not come to the question.
    after: (&'static str, &'static str),
}

/// A possible answer.
#[derive(Clone, Copy, Debug)]
pub struct Answer {
    /// Its letter.
    pub letter: char,
    /// What it says, as a sentence.
    pub says: &'static str,
    /// What follows for programs and for the model.
    pub means: &'static str,
    /// It allows what the answers before it say, too: a recording that those explain is no
    /// evidence for it.
    pub allows_others: bool,
    /// Makes a kernel one of which it is true.
    pub apply: fn(&mut Semantics),
}

const fn answer(
    letter: char,
    says: &'static str,
    means: &'static str,
    apply: fn(&mut Semantics),
) -> Answer {
    Answer {
        letter,
        says,
        means,
        allows_others: false,
        apply,
    }
}

/// The questions that have an experiment.
pub static QUESTIONS: &[Question] = &[
    Question {
        id: "OPEN-1",
        scenario: "refused-at-limit",
        answers: &[
            answer(
                'A',
                "A poll at the limit is refused: it times out, and the packet stays.",
                "The port decides as in NT 5, and KQ-09 is measured. A server that drains its port with polls gets nothing from it while its workers fill the limit.",
                |semantics| {
                    semantics.limit = Limit::Enforced;
                    semantics.poll_at_limit = PollAtLimit::Refused;
                },
            ),
            answer(
                'B',
                "A poll at the limit gets the packet.",
                "KQ-09 is wrong for this kernel. More threads than the limit can be active without any of them having blocked.",
                |semantics| semantics.poll_at_limit = PollAtLimit::Served,
            ),
        ],
        untold: "If B: whether polls alone are served, or the limit is no limit for anybody; \
                 concurrency-limit tells.",
        after: ("poller", "NtQueryIoCompletion"),
    },
    Question {
        id: "OPEN-2",
        scenario: "open-2-suspended-waiter",
        answers: &[
            answer(
                'A',
                "A dequeuer that was interrupted blocks anew, as the one that blocked last.",
                "KQ-12 holds as in NT 5: a debugger or a profiler that suspends waiters changes which of them is served next.",
                |semantics| semantics.suspended_waiter = SuspendedWaiter::LeavesStack,
            ),
            answer(
                'B',
                "A dequeuer that was interrupted keeps its place.",
                "KQ-12 is wrong for this kernel: the order of waiters is that of their calls, whatever interrupts them.",
                |semantics| semantics.suspended_waiter = SuspendedWaiter::KeepsPlace,
            ),
        ],
        untold: "Whether kernel APCs other than that of a suspension do the same: no call of a \
                 program makes them.",
        after: ("warden", "PostQueuedCompletionStatus"),
    },
    Question {
        id: "OPEN-3",
        scenario: "open-3-woken-batch",
        answers: &[
            answer(
                'A',
                "A batch dequeuer that was woken returns with one packet.",
                "Batches form only while a server lags behind: a woken GetQueuedCompletionStatusEx costs a call for each packet.",
                |semantics| semantics.batch_wake = BatchWake::ExactlyOne,
            ),
            answer(
                'B',
                "A batch dequeuer that was woken returns with all that are queued.",
                "A woken batch dequeuer takes the backlog along under its one slot, as one that did not wait does.",
                |semantics| semantics.batch_wake = BatchWake::AllQueued,
            ),
            Answer {
                allows_others: true,
                ..answer(
                    'C',
                    "A batch dequeuer that was woken returns with one packet or more: it varies.",
                    "Something besides the queue decides, and the model's freedom (GQX-07) is right.",
                    |semantics| semantics.batch_wake = BatchWake::UpToMaximum,
                )
            },
        ],
        untold: "",
        after: ("waiter", "GetQueuedCompletionStatusEx"),
    },
    Question {
        id: "OPEN-8",
        scenario: "open-8-when-suspension-counts",
        answers: &[
            answer(
                'A',
                "A suspended thread counts no longer when SuspendThread has returned.",
                "The suspension reaches the thread before the call returns, or as good as: CONC-11 needs no step of its own.",
                |semantics| semantics.suspend = Suspend::Immediate,
            ),
            Answer {
                allows_others: true,
                ..answer(
                    'B',
                    "A suspended thread may count for a while after SuspendThread has returned.",
                    "The suspension is an APC that reaches the thread later, as in the model. Until then its slot is taken.",
                    |semantics| semantics.suspend = Suspend::AtApcPoint,
                )
            },
        ],
        untold: "A is only as sure as there are repetitions: the while of B may be too short to be \
                 seen.",
        after: ("warden", "NtQueryIoCompletion"),
    },
    Question {
        id: "OPEN-10",
        scenario: "open-10-direct-waiters-at-limit",
        answers: &[
            answer(
                'A',
                "A packet that is queued at the limit releases all direct waiters.",
                "PORT-18 holds at the limit too: the handle is signaled while packets are queued, whoever may take them.",
                |semantics| semantics.direct_wait = DirectWait::All,
            ),
            answer(
                'B',
                "A packet that is queued at the limit releases one direct waiter.",
                "A direct wait at the limit is like one on a synchronization event: a second direct waiter needs a second packet.",
                |semantics| {
                    semantics.direct_wait = DirectWait::All;
                    semantics.mutants.insert(Mutant::PostWakesOneDirectWaiter);
                },
            ),
            answer(
                'C',
                "Direct waiters stand in one line with dequeuers, and a packet wakes the first.",
                "PORT-17 to PORT-19 are wrong for this kernel: a direct waiter can swallow the waking of a dequeuer.",
                |semantics| {
                    semantics.direct_wait = DirectWait::SharedLine;
                    semantics.hand_off = HandOff::WakeAndRetry;
                },
            ),
        ],
        untold: "",
        after: ("poster", "NtQueryIoCompletion"),
    },
    Question {
        id: "OPEN-11",
        scenario: "open-11-stale-wait-reason",
        answers: &[
            answer(
                'A',
                "A post by a member that has just polled wakes a waiter, as any post does.",
                "What ReactOS does is its own; the Windows profiles are right.",
                |semantics| semantics.self_insert = SelfInsert::InsideWait,
            ),
            answer(
                'B',
                "A post by a member that has just polled wakes no waiter until the member blocks \
                 or ends.",
                "The wait reason goes stale here as in ReactOS (OPEN-11): a worker that polls, and posts to its own port, may keep its colleagues asleep beside work.",
                |semantics| semantics.self_insert = SelfInsert::StaleWaitReason,
            ),
        ],
        untold: "",
        after: ("worker", "NtQueryIoCompletion"),
    },
];

/// The question of this id, if it has an experiment.
pub fn find(id: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.id == id)
}

/// The question that recordings of this scenario settle.
pub fn of_scenario(name: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.scenario == name)
}

/// The profile that is nearest to the kernel that made a trace: the answers are changes of it.
pub fn nearest_profile(producer: &Producer) -> Profile {
    match producer {
        Producer::Simulator { profile, .. } => Profile::find(profile).unwrap_or_default(),
        Producer::Wine { .. } => Profile::WINE_8,
        Producer::Windows { build, .. } => {
            let mut numbers = build.split('.').map(|number| number.parse().unwrap_or(0));
            let mut next = || numbers.next().unwrap_or(0_u32);
            match (next(), next(), next()) {
                (..6, _, _) => Profile::WINDOWS_XP,
                (6, 0, _) => Profile::WINDOWS_VISTA,
                (6, 1 | 2, _) => Profile::WINDOWS_7,
                (6, _, _) | (10, 0, ..14_393) => Profile::WINDOWS_8_1,
                _ => Profile::WINDOWS_10_1607,
            }
        }
    }
}

/// What the recordings of one kernel say of one question.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The question.
    pub question: &'static Question,
    /// Recordings that came to the question.
    pub recordings: usize,
    /// Recordings that ended before it.
    pub short: usize,
    /// For each answer: how many of the recordings it explains.
    pub explains: Vec<usize>,
    /// For how many of the recordings some answer got no verdict.
    pub undecided: usize,
}

/// What that comes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Conclusion {
    /// This answer, by its letter.
    Answer(char),
    /// More than one answer explains everything that was recorded.
    Several(Vec<char>),
    /// No answer does: this kernel does something that nobody has thought of.
    Neither,
    /// No recording came to the question.
    Untold,
    /// The checker gave up.
    NoVerdict,
}

impl Evidence {
    /// No recording yet.
    pub fn new(question: &'static Question) -> Self {
        Self {
            question,
            recordings: 0,
            short: 0,
            explains: vec![0; question.answers.len()],
            undecided: 0,
        }
    }

    /// Asks a recording of the question's scenario.
    ///
    /// # Errors
    /// If the recording is none of its program, as a sentence.
    pub fn add(&mut self, recording: &Trace, options: Options) -> Result<(), String> {
        if !comes_to(recording, self.question.after) {
            self.short += 1;
            return Ok(());
        }
        let header = &recording.header;
        let mut workload: Workload = serde_json::from_value(header.scenario.clone())
            .map_err(|error| format!("the header's scenario cannot be read: {error}"))?;
        workload.machine.processors = u16::try_from(header.processors).ok();
        let program = Program::compile(&workload)
            .map_err(|error| format!("the header's scenario cannot be: {error}"))?;
        let base = nearest_profile(&header.producer);
        let mut undecided = false;
        for (answer, explains) in self.question.answers.iter().zip(&mut self.explains) {
            let mut semantics = base.semantics;
            (answer.apply)(&mut semantics);
            match conform::check(&program, semantics, recording, options) {
                Ok(Verdict::Conforms { .. }) => *explains += 1,
                Ok(Verdict::Diverges(_)) => {}
                Ok(Verdict::NoVerdict { .. }) => undecided = true,
                Err(unfit) => return Err(unfit.to_string()),
            }
        }
        self.recordings += 1;
        self.undecided += usize::from(undecided);
        Ok(())
    }

    /// Which answer explains all recordings?
    pub fn conclusion(&self) -> Conclusion {
        if self.undecided > 0 {
            return Conclusion::NoVerdict;
        }
        if self.recordings == 0 {
            return Conclusion::Untold;
        }
        let answers = self.question.answers.iter().zip(&self.explains);
        let mut left: Vec<&Answer> = Vec::new();
        for (answer, &explains) in answers {
            if explains == self.recordings && (left.is_empty() || !answer.allows_others) {
                left.push(answer);
            }
        }
        match left[..] {
            [] => Conclusion::Neither,
            [one] => Conclusion::Answer(one.letter),
            _ => Conclusion::Several(left.iter().map(|answer| answer.letter).collect()),
        }
    }

    /// The conclusion as a sentence.
    pub fn sentence(&self) -> String {
        match self.conclusion() {
            Conclusion::Answer(letter) => {
                let answers = self.question.answers;
                let answer = answers.iter().find(|answer| answer.letter == letter);
                format!("{letter}. {}", answer.map_or("", |answer| answer.says))
            }
            Conclusion::Several(letters) => {
                let letters: Vec<_> = letters.iter().map(char::to_string).collect();
                format!(
                    "Not told: {} explain all that was seen.",
                    letters.join(" and ")
                )
            }
            Conclusion::Neither => {
                "Something else: no answer explains all that was seen.".to_owned()
            }
            Conclusion::Untold => {
                "Not told: the recordings end before they come to the question.".to_owned()
            }
            Conclusion::NoVerdict => "No verdict: the checker gave up.".to_owned(),
        }
    }
}

/// Has this thread returned from this call?
fn comes_to(recording: &Trace, (wanted, name): (&str, &str)) -> bool {
    recording.events.iter().any(|event| match &event.what {
        Happening::End { thread, call, .. } => thread == wanted && call == name,
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn builds_and_their_profiles() {
        let named = |build: &str| {
            nearest_profile(&Producer::Windows {
                build: build.into(),
                recorder: String::new(),
            })
            .name
        };
        for (build, profile) in [
            ("5.2.3790", "windows-xp"),
            ("6.0.6002", "windows-vista"),
            ("6.1.7601", "windows-7"),
            ("6.2.9200", "windows-7"),
            ("6.3.9600", "windows-8.1"),
            ("10.0.10586", "windows-8.1"),
            ("10.0.14393", "windows-10-1607+"),
            ("10.0.20348", "windows-10-1607+"),
            ("10.0.26100", "windows-10-1607+"),
        ] {
            assert_eq!(named(build), profile, "{build}");
        }
    }

    #[test]
    fn what_evidence_comes_to() {
        let question = find("OPEN-3").expect("it has an experiment");
        let evidence = |recordings, explains: [usize; 3], undecided| Evidence {
            question,
            recordings,
            short: 0,
            explains: explains.to_vec(),
            undecided,
        };
        for (recordings, explains, undecided, conclusion) in [
            (0, [0, 0, 0], 0, Conclusion::Untold),
            (5, [5, 0, 5], 0, Conclusion::Answer('A')),
            (5, [0, 5, 5], 0, Conclusion::Answer('B')),
            (5, [2, 3, 5], 0, Conclusion::Answer('C')),
            (5, [5, 5, 5], 0, Conclusion::Several(vec!['A', 'B'])),
            (5, [2, 2, 4], 0, Conclusion::Neither),
            (5, [2, 2, 4], 1, Conclusion::NoVerdict),
        ] {
            let found = evidence(recordings, explains, undecided);
            assert_eq!(found.conclusion(), conclusion, "{explains:?}");
        }
    }
}
