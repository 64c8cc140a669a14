//! The rule book as data: what is known of completion ports, where each fact comes from and how
//! far it can be trusted.
//!
//! Every rule is a constant that bears its id, `KQ-02` being [`KQ_02`]. Code cites it where it
//! obeys it (`observer.rule(rules::KQ_02)`), tests where they pin it. A [`RuleId`] is a small
//! number, so that an observer can keep the rules that it saw in a bit set.
//!
//! ```text
//! rules::KQ_02.id()        "KQ-02"
//! rules::KQ_02.rule()      its layer, confidence, sources and wording
//! rules::KQ_02.index()     its position in RULES, below COUNT
//! rules::find("KQ-02")     the other way
//! ```
//!
//! Beside the rules stand published [`OBSERVATIONS`] of real kernels, [`DISAGREEMENTS`] between
//! sources, and the [`QUESTIONS`] that no public source answers.

use core::fmt;

/// The part of the system that a rule is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Layer {
    /// The kernel queue object: packets, waiters, counters.
    KernelQueue,
    /// The NT `IoCompletion` object and its system calls.
    IoCompletion,
    /// The I/O manager: how a request completes.
    IoManager,
    /// The calls of kernel32.
    Win32,
    /// The Winsock 2 API.
    Winsock,
    /// The interface for Winsock service providers.
    ServiceProvider,
    /// The thread pool.
    ThreadPool,
    /// Named pipes.
    NamedPipe,
    /// The socket driver.
    SocketDriver,
    /// Job objects.
    Job,
    /// Files over the network: redirector, SMB, oplocks.
    NetworkFile,
    /// What well-known libraries depend on.
    Library,
}

impl Layer {
    /// All layers, from the kernel queue up.
    pub const ALL: [Layer; 12] = [
        Layer::KernelQueue,
        Layer::IoCompletion,
        Layer::IoManager,
        Layer::Win32,
        Layer::Winsock,
        Layer::ServiceProvider,
        Layer::ThreadPool,
        Layer::NamedPipe,
        Layer::SocketDriver,
        Layer::Job,
        Layer::NetworkFile,
        Layer::Library,
    ];

    /// The rule book's short form: `KQ`, `IOC`, ...
    pub const fn abbreviation(self) -> &'static str {
        match self {
            Layer::KernelQueue => "KQ",
            Layer::IoCompletion => "IOC",
            Layer::IoManager => "IOM",
            Layer::Win32 => "W32",
            Layer::Winsock => "WSK",
            Layer::ServiceProvider => "SPI",
            Layer::ThreadPool => "TP",
            Layer::NamedPipe => "NPFS",
            Layer::SocketDriver => "AFD",
            Layer::Job => "JOB",
            Layer::NetworkFile => "NETFS",
            Layer::Library => "LIB",
        }
    }

    /// A name for readers: `kernel queue`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Layer::KernelQueue => "kernel queue",
            Layer::IoCompletion => "completion object",
            Layer::IoManager => "I/O manager",
            Layer::Win32 => "Win32",
            Layer::Winsock => "Winsock",
            Layer::ServiceProvider => "service provider",
            Layer::ThreadPool => "thread pool",
            Layer::NamedPipe => "named pipes",
            Layer::SocketDriver => "socket driver",
            Layer::Job => "job objects",
            Layer::NetworkFile => "network files",
            Layer::Library => "libraries",
        }
    }
}

/// What kind of evidence a rule rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Confidence {
    /// Asserted by a conformance test of the Wine project, which runs on real Windows.
    Tested,
    /// Measured on Windows 11 by a third party and published.
    Measured,
    /// Stated in Microsoft's documentation.
    Documented,
    /// Read in reverse-engineered kernel source (ReactOS, the behaviour of NT 5.2).
    ReverseEngineered,
    /// Our inference from stronger rules.
    Inferred,
    /// Comments in libraries, blogs, issues.
    Folklore,
}

impl Confidence {
    /// All kinds of evidence, the strongest for today's Windows first. Tests and measurements are
    /// about equally strong; for the queue of NT 5, reverse engineering is the best there is.
    pub const ALL: [Confidence; 6] = [
        Confidence::Tested,
        Confidence::Measured,
        Confidence::Documented,
        Confidence::ReverseEngineered,
        Confidence::Inferred,
        Confidence::Folklore,
    ];

    /// The rule book's short form: `TEST`, `DOC`, ...
    pub const fn abbreviation(self) -> &'static str {
        match self {
            Confidence::Tested => "TEST",
            Confidence::Measured => "MEAS",
            Confidence::Documented => "DOC",
            Confidence::ReverseEngineered => "RE",
            Confidence::Inferred => "INF",
            Confidence::Folklore => "FOLK",
        }
    }
}

/// What a rule asks of the model.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// Something happens, or is so, and a test can show it.
    Mechanism,
    /// Something does not happen, or does not matter.
    Absence,
    /// Advice and library lore; nothing to model.
    Advice,
    /// Facts without behaviour: availability, what a page says.
    Metadata,
    /// Needs a device, driver, socket, pipe or the like, which the model does not have today.
    Device,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 5] = [
        Kind::Mechanism,
        Kind::Absence,
        Kind::Advice,
        Kind::Metadata,
        Kind::Device,
    ];

    /// A name for readers: `mechanism`, ...
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Mechanism => "mechanism",
            Kind::Absence => "absence",
            Kind::Advice => "advice",
            Kind::Metadata => "metadata",
            Kind::Device => "device",
        }
    }
}

/// One rule of the book.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The constant that names this rule in code.
    pub key: RuleId,
    /// The id, such as `KQ-02`.
    pub id: &'static str,
    /// The part of the system that it is about.
    pub layer: Layer,
    /// The evidence, in the book's order; never empty.
    pub confidence: &'static [Confidence],
    /// The versions of Windows that it holds for: `all`, `V+` (Vista and later), `10-1607+`, `XP`
    /// (and earlier), `WS2` (any Windows Sockets 2), ...
    pub versions: &'static str,
    /// What it asks of the model.
    pub kind: Kind,
    /// Short names of the sources (see [`source`]) or ids of the rules that it follows from.
    pub sources: &'static [&'static str],
    /// The rule.
    pub says: &'static str,
    /// What weakens or qualifies it; may be empty.
    pub note: &'static str,
}

impl Rule {
    /// Whether the model must obey this rule today. Advice, metadata and what needs a device are
    /// out of scope.
    pub const fn in_scope(&self) -> bool {
        matches!(self.kind, Kind::Mechanism | Kind::Absence)
    }

    /// The section of the book that it stands in.
    pub fn section(&self) -> &'static Section {
        let index = self.key.index();
        &SECTIONS[SECTIONS.partition_point(|section| section.end <= index)]
    }
}

/// A rule, as a small number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(u16);

impl RuleId {
    /// The rule at this position of [`RULES`]; `None` from [`COUNT`] on.
    pub const fn from_index(index: usize) -> Option<Self> {
        if index < COUNT {
            Some(Self(index as u16))
        } else {
            None
        }
    }

    /// The position in [`RULES`], below [`COUNT`].
    #[inline]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The rule itself.
    #[inline]
    pub const fn rule(self) -> &'static Rule {
        &RULES[self.index()]
    }

    /// The id in the book's spelling, such as `KQ-02`.
    pub const fn id(self) -> &'static str {
        self.rule().id
    }
}

impl fmt::Debug for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.id())
    }
}

/// A section of the book: rules on one subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section {
    /// Its number in the book, such as `1.4`.
    pub number: &'static str,
    /// What the ids of its rules begin with, such as `KQ`.
    pub prefix: &'static str,
    /// Its subject.
    pub title: &'static str,
    start: usize,
    end: usize,
}

impl Section {
    /// Its rules, in the book's order.
    pub fn rules(&self) -> &'static [Rule] {
        &RULES[self.start..self.end]
    }
}

/// Makes one section: a constant per rule, and their table. It counts on from the section that is
/// imported as `previous`.
macro_rules! rules {
    ($(
        $(#[$doc:meta])*
        $name:ident $id:literal {
            layer: $layer:ident,
            confidence: [$($confidence:ident),+],
            versions: $versions:literal,
            kind: $kind:ident,
            sources: [$($source:literal),+],
            says: $says:literal,
            $(note: $note:literal,)?
        }
    )+) => {
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        enum Place { $($name),+ }

        pub(super) const START: u16 = previous::END;
        pub(super) const END: u16 = START + [$(Place::$name),+].len() as u16;

        $(
            $(#[$doc])*
            #[doc = ""]
            #[doc = $says]
            pub const $name: super::RuleId = super::RuleId(START + Place::$name as u16);
        )+

        pub(super) const RULES: [super::Rule; (END - START) as usize] = [$(
            super::Rule {
                key: $name,
                id: $id,
                layer: super::Layer::$layer,
                confidence: &[$(super::Confidence::$confidence),+],
                versions: $versions,
                kind: super::Kind::$kind,
                sources: &[$($source),+],
                says: $says,
                note: concat!($($note)?),
            }
        ),+];
    };
}

/// Declares the sections in the order in which they count, and what is gathered from them.
macro_rules! sections {
    ($($module:ident: $number:literal $prefix:literal $title:literal;)+) => {
        $(
            mod $module;
            pub use $module::*;
        )+

        /// The sections, in the book's order.
        pub static SECTIONS: [Section; [$($number),+].len()] = [$(Section {
            number: $number,
            prefix: $prefix,
            title: $title,
            start: $module::START as usize,
            end: $module::END as usize,
        }),+];

        /// How many rules there are.
        pub const COUNT: usize = 0 $(+ $module::RULES.len())+;

        /// All rules, by [`RuleId::index`].
        pub static RULES: [Rule; COUNT] = gather(&[$(&$module::RULES),+]);
    };
}

/// One table out of several. It does not compile if a rule's number is not its position.
const fn gather(sections: &[&[Rule]]) -> [Rule; COUNT] {
    let mut rules = [sections[0][0]; COUNT];
    let (mut count, mut section) = (0, 0);
    while section < sections.len() {
        let mut at = 0;
        while at < sections[section].len() {
            rules[count] = sections[section][at];
            assert!(
                rules[count].key.index() == count,
                "the sections are out of order"
            );
            count += 1;
            at += 1;
        }
        section += 1;
    }
    assert!(count == COUNT, "a section is missing");
    rules
}

/// What the first section counts on from.
mod origin {
    pub(super) const END: u16 = 0;
}

sections! {
    port: "1.1" "PORT" "creation, handle, object";
    assoc: "1.2" "ASSOC" "file association";
    pkt: "1.3" "PKT" "packets";
    kq: "1.4" "KQ" "the kernel queue: insert and remove";
    conc: "1.5" "CONC" "active count and concurrency limit";
    thr: "1.6" "THR" "thread association";
    wait: "1.7" "WAIT" "the stack of waiters";
    tmo: "1.8" "TMO" "time-outs";
    apc: "1.9" "APC" "user APCs";
    gq: "1.10" "GQ" "GetQueuedCompletionStatus";
    gqx: "1.11" "GQX" "GetQueuedCompletionStatusEx";
    post: "1.12" "POST" "PostQueuedCompletionStatus and NtSetIoCompletion";
    iom: "1.13" "IOM" "how a request completes";
    iosb: "1.14" "IOSB" "when the status block is written";
    evt: "1.15" "EVT" "events and signaled handles";
    skip: "1.16" "SKIP" "skip modes";
    canc: "1.17" "CANC" "cancellation";
    close: "1.18" "CLOSE" "closing files, sockets and ports";
    texit: "1.19" "TEXIT" "thread exit and pending requests";
    job: "1.20" "JOB" "job messages";
    wcp: "1.21" "WCP" "wait completion packets and reserve objects";
    np: "1.22" "NP" "named pipes";
    sock: "1.23" "SOCK" "sockets";
    ioctl: "1.24" "IOCTL" "WSAIoctl";
    tp: "1.25" "TP" "the thread pool";
    rio: "1.26" "RIO" "registered I/O";
    spi: "1.27" "SPI" "Winsock service providers";
    net: "1.28" "NET" "files over the network";
    lib_: "1.29" "LIB" "what libraries rely on";
}

mod disagreements;
mod observations;
mod open;
mod sources;

pub use disagreements::{DISAGREEMENTS, Disagreement};
pub use observations::{OBSERVATIONS, Observation};
pub use open::{QUESTIONS, Question};
pub use sources::{SOURCES, source};

/// All rules, in the book's order.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    RULES.iter()
}

/// The rule with this id, as the book spells it (`KQ-02`).
pub fn find(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}

/// The published observation with this id (`OBS-NS-3`).
pub fn observation(id: &str) -> Option<&'static Observation> {
    OBSERVATIONS.iter().find(|observation| observation.id == id)
}

/// The open question with this id (`OPEN-11`).
pub fn question(id: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.id == id)
}

/// The disagreement between sources with this id (`DIS-07`).
pub fn disagreement(id: &str) -> Option<&'static Disagreement> {
    DISAGREEMENTS
        .iter()
        .find(|disagreement| disagreement.id == id)
}

/// Whether the book has anything with this id: a rule, an observation, a question or a
/// disagreement.
pub fn exists(id: &str) -> bool {
    find(id).is_some()
        || observation(id).is_some()
        || question(id).is_some()
        || disagreement(id).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The ids in a text: capitals, hyphens and a number.
    fn cited(text: &str) -> impl Iterator<Item = &str> {
        let is_prefix = |prefix: &str| {
            ["OBS", "OPEN", "DIS", "RES"].contains(&prefix)
                || SECTIONS.iter().any(|section| section.prefix == prefix)
        };
        text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-')
            .filter(move |word| {
                let numbered = word
                    .rsplit('-')
                    .next()
                    .is_some_and(|n| n.parse::<u16>().is_ok());
                numbered && word.split('-').next().is_some_and(is_prefix)
            })
    }

    /// Every text of the book, with the id that it belongs to.
    fn texts() -> impl Iterator<Item = (&'static str, &'static str)> {
        let rules = all().flat_map(|r| [(r.id, r.says), (r.id, r.note)]);
        let observations = OBSERVATIONS
            .iter()
            .flat_map(|o| [(o.id, o.says), (o.id, o.before)]);
        let questions = QUESTIONS.iter().map(|q| (q.id, q.says));
        let disagreements = DISAGREEMENTS
            .iter()
            .flat_map(|d| [(d.id, d.says), (d.id, d.verdict)]);
        rules
            .chain(observations)
            .chain(questions)
            .chain(disagreements)
    }

    #[test]
    fn ids_are_unique() {
        let mut ids: Vec<_> = all().map(|rule| rule.id).collect();
        ids.extend(OBSERVATIONS.iter().map(|observation| observation.id));
        ids.extend(QUESTIONS.iter().map(|question| question.id));
        ids.extend(DISAGREEMENTS.iter().map(|disagreement| disagreement.id));
        let total = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), total);
    }

    #[test]
    fn every_rule_is_found_by_its_id_and_by_its_number() {
        for rule in all() {
            assert_eq!(find(rule.id), Some(rule));
            assert_eq!(RuleId::from_index(rule.key.index()), Some(rule.key));
            assert_eq!(rule.key.rule(), rule);
        }
        assert_eq!(RuleId::from_index(COUNT), None);
        assert_eq!(find("KQ-99"), None);
    }

    #[test]
    fn a_constant_is_named_after_its_rule() {
        const KEY: RuleId = KQ_02;
        assert_eq!(KEY.id(), "KQ-02");
        assert_eq!(format!("{KEY:?} {KEY:>6}"), "KQ-02  KQ-02");
        assert_eq!(PORT_01.index(), 0);
        assert_eq!(LIB_05.index(), COUNT - 1);
    }

    #[test]
    fn sections_hold_the_rules_of_their_prefix() {
        assert_eq!(
            SECTIONS
                .iter()
                .map(|section| section.rules().len())
                .sum::<usize>(),
            COUNT
        );
        for section in &SECTIONS {
            for rule in section.rules() {
                let prefix = rule.id.rsplit_once('-').map(|(prefix, _)| prefix);
                assert!(
                    prefix == Some(section.prefix) || rule.id == "RES-01",
                    "{}",
                    rule.id
                );
                assert_eq!(rule.section(), section);
            }
        }
    }

    #[test]
    fn the_rules_within_scope_are_those_of_the_port_itself() {
        for rule in all().filter(|rule| rule.in_scope()) {
            let section = rule.section().number;
            let closing = ["CLOSE-02", "CLOSE-05", "CLOSE-06", "CLOSE-07", "CLOSE-08"];
            assert!(
                SECTIONS[..12].iter().any(|s| s.number == section) || closing.contains(&rule.id),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn every_source_is_known() {
        for rule in all() {
            for name in rule.sources {
                assert!(
                    find(name).is_some() || source(name).is_some(),
                    "{}: {name}",
                    rule.id
                );
            }
        }
        for observation in &OBSERVATIONS {
            assert!(source(observation.source).is_some(), "{}", observation.id);
        }
    }

    #[test]
    fn no_text_cites_an_unknown_id() {
        for (id, text) in texts() {
            for other in cited(text) {
                assert!(exists(other), "{id} cites {other}");
                assert_ne!(id, other, "{id} cites itself");
            }
        }
    }

    #[test]
    fn the_wording_is_whole_sentences() {
        for rule in all() {
            assert!(
                rule.says.ends_with('.') && !rule.says.contains("  "),
                "{}",
                rule.id
            );
            assert!(
                !rule.confidence.is_empty() && !rule.versions.is_empty(),
                "{}",
                rule.id
            );
        }
    }

    #[test]
    fn everything_with_an_id_is_found_by_it() {
        let id = OBSERVATIONS[1].id;
        assert_eq!(observation(id), Some(&OBSERVATIONS[1]));
        assert!(exists(id));
        let id = QUESTIONS[1].id;
        assert_eq!(question(id), Some(&QUESTIONS[1]));
        assert!(exists(id));
        let id = DISAGREEMENTS[1].id;
        assert_eq!(disagreement(id), Some(&DISAGREEMENTS[1]));
        assert!(exists(id));
        assert!(!exists("KQ-99"));
    }

    #[test]
    fn no_two_things_have_the_same_name() {
        fn differ<T: Copy>(all: &[T], name: impl Fn(T) -> &'static str) {
            let names: std::collections::BTreeSet<_> = all.iter().map(|&of| name(of)).collect();
            assert_eq!(names.len(), all.len(), "{names:?}");
        }
        differ(&Layer::ALL, Layer::abbreviation);
        differ(&Layer::ALL, Layer::name);
        differ(&Confidence::ALL, Confidence::abbreviation);
        differ(&Kind::ALL, Kind::name);
    }

    #[test]
    fn a_source_with_a_detail_is_the_source() {
        for &(name, what) in &SOURCES {
            assert_eq!(source(name), Some(what), "{name}");
            assert_eq!(source(&format!("{name}-119")), Some(what), "{name}");
        }
        assert_eq!(source("nobody"), None);
    }
}
