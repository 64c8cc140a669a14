//! The words and signs of the view.

use super::rows::{Acts, Cell, Ends, Note, PortCell, Row};
use crate::{Change, SeenPacket, SeenResult};
use iocp_model::{NtStatus, Win32Error};
use std::{borrow::Cow, collections::BTreeSet};

/// How things are written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    pub(super) ascii: bool,
    /// Microsoft's names, rather than our abbreviations?
    pub(super) full: bool,
    /// Save blanks?
    pub(super) tight: bool,
}

/// The abbreviations. Calls that are not here keep their names.
const SHORT: [(&str, &str); 14] = [
    ("CreateIoCompletionPort", "CreatePort"),
    ("GetQueuedCompletionStatus", "Get"),
    ("GetQueuedCompletionStatusEx", "GetEx"),
    ("NtAllocateReserveObject", "NtReserve"),
    ("NtCreateIoCompletion", "NtCreate"),
    ("NtOpenIoCompletion", "NtOpen"),
    ("NtQueryIoCompletion", "NtQuery"),
    ("NtRemoveIoCompletion", "NtRemove"),
    ("NtRemoveIoCompletionEx", "NtRemoveEx"),
    ("NtSetInformationFile", "NtSetFile"),
    ("NtSetIoCompletion", "NtSet"),
    ("NtSetIoCompletionEx", "NtSetEx"),
    ("PostQueuedCompletionStatus", "Post"),
    ("WaitForSingleObject", "Wait"),
];

/// The abbreviation of a call, if it has one.
pub(super) fn short(call: &str) -> Option<&'static str> {
    let found = SHORT.iter().find(|(full, _)| *full == call);
    found.map(|(_, short)| *short)
}

/// The signs and abbreviations that a legend must explain.
#[derive(Default, Debug)]
pub(super) struct Used {
    pub(super) returns: bool,
    pub(super) handed: bool,
    pub(super) infinite: bool,
    pub(super) later: bool,
    pub(super) calls: BTreeSet<&'static str>,
    pub(super) errors: BTreeSet<u32>,
    pub(super) statuses: BTreeSet<u32>,
}

impl Style {
    fn pick(self, unicode: &'static str, ascii: &'static str) -> &'static str {
        if self.ascii { ascii } else { unicode }
    }

    pub(super) fn returns(self) -> &'static str {
        self.pick("→", "->")
    }

    pub(super) fn handed(self) -> &'static str {
        self.pick("⇒", "=>")
    }

    pub(super) fn infinite(self) -> &'static str {
        self.pick("∞", "infinite")
    }

    pub(super) fn waits(self) -> &'static str {
        self.pick("│", "|")
    }

    pub(super) fn out(self) -> &'static str {
        self.pick("┊", ":")
    }

    pub(super) fn none(self) -> &'static str {
        self.pick("–", "-")
    }

    pub(super) fn rule(self) -> &'static str {
        self.pick("─", "-")
    }

    pub(super) fn ellipsis(self) -> &'static str {
        self.pick("…", "~")
    }

    /// A call's name, and its full name if that was shortened.
    pub(super) fn call(self, call: &str) -> (&str, Option<&'static str>) {
        match SHORT.iter().find(|(full, _)| *full == call) {
            Some((full, short)) if !self.full => (short, Some(full)),
            _ => (call, None),
        }
    }

    /// What a cell says, in pieces between which a line may be broken.
    pub(super) fn pieces(self, cell: &Cell<'_>, row: &Row<'_>, used: &mut Used) -> Vec<String> {
        let mut pieces = Vec::new();
        match &cell.acts {
            Some(Acts::Calls { call, with }) => {
                let (name, full) = self.call(call);
                used.calls.extend(full);
                pieces.push(format!("{name}({})", self.arguments(with, used)));
            }
            Some(Acts::Until(condition)) => pieces.push(format!("until {condition}")),
            Some(Acts::Does(what)) => pieces.push((*what).to_owned()),
            Some(Acts::NeverReturns) => pieces.push("never returns".to_owned()),
            None => {}
        }
        for note in &cell.notes {
            if let Some(text) = note.beside(cell, row) {
                let apart = if pieces.is_empty() || self.tight {
                    ""
                } else {
                    self.pick("·\u{a0}", ";\u{a0}")
                };
                pieces.push(format!("{apart}{text}"));
            }
        }
        match &cell.ends {
            Some(Ends::Returns { result, after_ns }) => {
                pieces.push(self.returned(cell, result, *after_ns, used));
            }
            Some(Ends::GoesOn { seen }) => {
                let how = if *seen { "" } else { " after a pause" };
                pieces.push(format!("{} goes on{how}", self.returns()));
            }
            None => {}
        }
        if cell.exits {
            pieces.push(
                if pieces.is_empty() {
                    "ends"
                } else {
                    "and ends"
                }
                .to_owned(),
            );
        }
        if cell.is_ended {
            pieces.push(
                if pieces.is_empty() {
                    "is ended"
                } else {
                    "and is ended"
                }
                .to_owned(),
            );
        }
        for piece in &mut pieces {
            if let Cow::Owned(clean) = printable(piece) {
                *piece = clean;
            }
        }
        pieces
    }

    /// Arguments, each of which stays together.
    fn arguments(self, with: &str, used: &mut Used) -> String {
        let words = with.split(", ").map(|word| match word {
            "infinite" => {
                used.infinite = true;
                self.infinite().to_owned()
            }
            word => word.replace(' ', "\u{a0}"),
        });
        let between = match self.tight {
            // Short ones only: a longer list must be broken somewhere.
            true if with.chars().count() < 16 && !with.contains("key") => ",",
            _ => ", ",
        };
        words.collect::<Vec<_>>().join(between)
    }

    fn returned(
        self,
        cell: &Cell<'_>,
        result: &SeenResult,
        after_ns: u64,
        used: &mut Used,
    ) -> String {
        let handed = cell.notes.iter().any(|note| note.hands());
        let sign = if handed {
            used.handed = true;
            self.handed()
        } else {
            used.returns = true;
            self.returns()
        };
        let mut text = format!("{sign}\u{a0}{}", outcome(result, used));
        if cell.notes.iter().any(|note| note.what == Change::HandedOff) {
            text.push_str(" from queue");
        }
        if after_ns > 0 {
            used.later = true;
            text.push_str(" +");
            text.push_str(&duration(after_ns, self.ascii).replace(' ', "\u{a0}"));
        }
        text
    }
}

/// A call's result in a few words.
fn outcome(result: &SeenResult, used: &mut Used) -> String {
    let mut parts = Vec::new();
    match result.packets.as_slice() {
        [] => {}
        [packet] => parts.push(format!("key\u{a0}{}", key(packet, used))),
        packets => {
            let keys: Vec<_> = packets.iter().map(|packet| key(packet, used)).collect();
            parts.push(format!("keys\u{a0}{}", keys.join(" ")));
        }
    }
    let word = result.word();
    let status = result.status.filter(|status| *status != 0);
    match (result.last_error, status) {
        (Some(error), _) => {
            used.errors.insert(error);
            let word = if word == "packet" { "failed" } else { word };
            parts.push(format!("{word}\u{a0}{error}"));
        }
        (None, Some(status)) => {
            used.statuses.insert(status);
            let word = match word {
                "packet" if result.success => "status",
                "packet" => "failed",
                word => word,
            };
            parts.push(format!("{word}\u{a0}{status:#x}"));
        }
        (None, None) if !result.success => parts.push("failed".to_owned()),
        (None, None) => {}
    }
    if let Some(count) = result.count {
        parts.push(format!("count\u{a0}{count}"));
    }
    if parts.is_empty() {
        parts.push("ok".to_owned());
    }
    match result.apcs.as_slice() {
        [] => {}
        [apc] => parts.push(format!("ran APC {apc}")),
        apcs => {
            let apcs: Vec<_> = apcs.iter().map(u32::to_string).collect();
            parts.push(format!("ran APCs {}", apcs.join(" ")));
        }
    }
    parts.join(", ")
}

fn key(packet: &SeenPacket, used: &mut Used) -> String {
    match packet.status {
        Some(status) if status != 0 => {
            used.statuses.insert(status);
            format!("{} ({status:#x})", packet.key)
        }
        _ => packet.key.to_string(),
    }
}

impl Note<'_> {
    /// Does it give the thread a packet that it did not take itself?
    fn hands(&self) -> bool {
        matches!(self.what, Change::HandedOver | Change::HandedOff)
    }

    /// The note in words, unless the rest of the cell says it already.
    fn beside(&self, cell: &Cell<'_>, row: &Row<'_>) -> Option<String> {
        let returned = match &cell.ends {
            Some(Ends::Returns { result, .. }) => Some(*result),
            _ => None,
        };
        let shown = returned.is_some_and(|result| {
            let keys = result.packets.iter().map(|packet| packet.key);
            self.key
                .is_some_and(|key| keys.into_iter().any(|shown| shown == key))
        });
        let said = match self.what {
            Change::HandedOver | Change::HandedOff | Change::Taken => shown,
            Change::LeavesStack => {
                returned.is_some()
                    || cell
                        .notes
                        .iter()
                        .any(|note| note.hands() || note.what == Change::Expires)
            }
            Change::Expires => returned.is_some_and(|result| result.word() == "timeout"),
            Change::Unblocks => returned.is_some(),
            // A dequeue joins its port, and the port's waiters are in the column on the right.
            Change::Associated => match &cell.acts {
                Some(Acts::Calls { with, .. }) => with.split(", ").next() == self.port,
                _ => false,
            },
            Change::Waits => row.ports.iter().any(|cell| cell.state.is_some()),
            _ => false,
        };
        (!said).then(|| self.words())
    }

    /// Is it a packet that a thread's call put into the queue, as the port's depth shows?
    pub(super) fn shows_in_depth(&self, port: &PortCell<'_>, row: &Row<'_>) -> bool {
        let called = |cell: &Cell<'_>| matches!(cell.acts, Some(Acts::Calls { .. }));
        self.what == Change::Queued && port.state.is_some() && row.cells.values().any(called)
    }

    pub(super) fn words(&self) -> String {
        let key = self.key.map(|key| format!("key\u{a0}{key}"));
        let key = key.as_deref().unwrap_or("a packet");
        let port = self.port.unwrap_or("the port");
        match self.what {
            Change::Associated => format!("joins {port}"),
            Change::Dissociated => format!("leaves {port}"),
            Change::Queued => format!("{key} queued"),
            Change::QueuedInFront => format!("{key} queued in front"),
            Change::HandedOver => format!("is handed {key}"),
            Change::HandedOff => format!("is handed queued {key}"),
            Change::Taken => format!("takes {key}"),
            Change::Discarded => format!("{key} discarded"),
            Change::Waits => "waits".to_owned(),
            Change::LeavesStack => "is woken".to_owned(),
            Change::Blocks => "blocks".to_owned(),
            Change::Unblocks => "unblocks".to_owned(),
            Change::Expires => "time is up".to_owned(),
        }
    }
}

/// Microsoft's name for an error.
pub(super) fn error_name(error: u32) -> Option<&'static str> {
    Win32Error(error).name()
}

/// Microsoft's name for a status.
pub(super) fn status_name(status: u32) -> Option<&'static str> {
    NtStatus(status).name()
}

/// The same text, unable to steer a terminal.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.contains(char::is_control) {
        text.replace(char::is_control, "\u{fffd}").into()
    } else {
        text.into()
    }
}

/// A text of at most `width` characters. It loses its middle, since the ends tell names apart.
pub(super) fn clip<'a>(text: &'a str, width: usize, ellipsis: &str) -> Cow<'a, str> {
    let length = text.chars().count();
    if length <= width {
        return text.into();
    }
    let kept = width.saturating_sub(1);
    let tail = kept / 3;
    let head = text.chars().take(kept - tail);
    let tail = text.chars().skip(length - tail);
    head.chain(ellipsis.chars())
        .chain(tail)
        .take(width)
        .collect::<String>()
        .into()
}

const UNITS: [(&str, u64); 4] = [
    ("ns", 1),
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
];

fn unit_name(name: &'static str, ascii: bool) -> &'static str {
    if name == "us" && !ascii { "µs" } else { name }
}

/// A duration by itself: three significant digits or more.
fn duration(ns: u64, ascii: bool) -> String {
    let unit = UNITS
        .iter()
        .rev()
        .find(|(_, size)| ns >= *size)
        .unwrap_or(&UNITS[0]);
    let clock = Clock {
        unit: *unit,
        decimals: decimals(std::iter::once(ns), unit.1).min(3),
        ascii,
    };
    clock.text(ns)
}

/// How all the times of a view are written, so that they can be compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    unit: (&'static str, u64),
    decimals: usize,
    ascii: bool,
}

impl Clock {
    /// Counts steps rather than time.
    pub(super) fn of_steps() -> Self {
        Self {
            unit: ("", 1),
            decimals: 0,
            ascii: false,
        }
    }

    /// In the unit of the latest time; to the nanosecond below a millisecond, else to the
    /// microsecond; without decimals where none are needed.
    pub(super) fn new(times: impl Iterator<Item = u64> + Clone, ascii: bool) -> Self {
        let latest = times.clone().max().unwrap_or(0);
        let unit = UNITS
            .iter()
            .rev()
            .find(|(_, size)| latest >= *size)
            .unwrap_or(&UNITS[0]);
        let most = if unit.0 == "s" { 6 } else { 3 };
        Self {
            unit: *unit,
            decimals: decimals(times, unit.1).min(most),
            ascii,
        }
    }

    pub(super) fn text(self, ns: u64) -> String {
        let (name, size) = self.unit;
        if name.is_empty() {
            return ns.to_string();
        }
        let name = unit_name(name, self.ascii);
        let whole = ns / size;
        if self.decimals == 0 {
            return format!("{whole} {name}");
        }
        let digits = size.ilog10() as usize;
        let rest = format!("{:0digits$}", ns % size);
        format!("{whole}.{} {name}", &rest[..self.decimals.min(digits)])
    }
}

/// The decimals that show all the times exactly, a multiple of three.
fn decimals(times: impl Iterator<Item = u64>, unit: u64) -> usize {
    let mut decimals = 0;
    for ns in times {
        let mut exact = unit / 10_u64.pow(decimals as u32);
        while exact > 1 && ns % exact != 0 {
            decimals += 3;
            exact /= 1_000;
        }
    }
    decimals
}
