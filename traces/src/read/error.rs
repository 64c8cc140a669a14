//! What can be wrong with a trace, in sentences.

use super::Line;
use crate::event::{FORMAT, Misfit, VERSION};
use std::{fmt, io};

/// Why a trace cannot be read, or not further.
///
/// Displayed, it says where (file, if [told](Self::in_file), line and column), what was wrong and
/// what to do about it.
#[derive(Debug)]
pub struct ReadError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: ReadErrorKind,
    file: Option<String>,
    line: u64,
    column: Option<u64>,
    message: String,
}

/// The kinds of [`ReadError`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ReadErrorKind {
    /// The input could not be read.
    Input,
    /// There is nothing in it.
    Empty,
    /// It ends in the middle of a line.
    Truncated,
    /// A [limit](super::Limits) is exceeded.
    Limit,
    /// It is not UTF-8.
    NotUtf8,
    /// A line is not JSON.
    NotJson,
    /// The first line is not a header.
    NotAHeader,
    /// It is a file of a newer version of iocp-lab.
    TooNew,
    /// The header is not what its version says that it is.
    Header,
    /// A line is JSON, but no event.
    NotAnEvent,
    /// An event names a thread or a port that is not in the header.
    UnknownName,
    /// An event cannot come where it stands.
    Order,
}

use ReadErrorKind as Kind;

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            file,
            line,
            column,
            message,
            ..
        } = &*self.0;
        match (file, column) {
            (Some(file), Some(column)) => write!(f, "{file}:{line}:{column}: {message}"),
            (Some(file), None) => write!(f, "{file}:{line}: {message}"),
            (None, Some(column)) => write!(f, "line {line}, column {column}: {message}"),
            (None, None) => write!(f, "line {line}: {message}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl ReadError {
    /// What kind of error it is.
    pub fn kind(&self) -> ReadErrorKind {
        self.0.kind
    }

    /// The line, from 1.
    pub fn line(&self) -> u64 {
        self.0.line
    }

    /// The character of the line, from 1, where one can be named.
    pub fn column(&self) -> Option<u64> {
        self.0.column
    }

    /// What was wrong and what to do, without the place.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The same error, displayed with the name of the file.
    #[must_use]
    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.0.file = Some(file.into());
        self
    }

    fn new(kind: Kind, line: u64, column: Option<u64>, message: String) -> Self {
        Self(Box::new(Inner {
            kind,
            file: None,
            line,
            column,
            message,
        }))
    }

    /// At the value of a field of a line.
    fn at(kind: Kind, line: Line<'_>, field: &str, message: String) -> Self {
        Self::new(kind, line.number, column_of(line.text, field), message)
    }

    fn in_header(kind: Kind, message: String) -> Self {
        Self::new(kind, 1, None, message)
    }

    pub(super) fn io(line: u64, error: &io::Error) -> Self {
        Self::new(
            Kind::Input,
            line,
            None,
            format!("the input cannot be read further: {error}"),
        )
    }

    pub(super) fn empty() -> Self {
        Self::in_header(
            Kind::Empty,
            "the file is empty; a trace begins with a header, which the program that makes it \
             writes first. Make it again"
                .into(),
        )
    }

    pub(super) fn truncated(line: Line<'_>) -> Self {
        let what = if line.number == 1 {
            "Make or copy the file again"
        } else {
            "The lines before are whole: delete this one to use them, or make or copy the file \
             again"
        };
        let column = line.text.chars().count() as u64 + 1;
        Self::new(
            Kind::Truncated,
            line.number,
            Some(column),
            format!("the file ends in the middle of this line. {what}"),
        )
    }

    pub(super) fn too_long(line: u64, most: usize, limit: &str) -> Self {
        Self::limit(line, format!("the line is longer than {most} bytes"), limit)
    }

    pub(super) fn too_many_events(line: u64, most: u64) -> Self {
        Self::limit(line, format!("there are more than {most} events"), "events")
    }

    pub(super) fn too_many_bytes(line: u64, most: u64) -> Self {
        Self::limit(
            line,
            format!("the file is larger than {most} bytes"),
            "bytes",
        )
    }

    pub(super) fn too_many_names(what: &str, names: usize, most: usize) -> Self {
        Self::limit(
            1,
            format!("the header names {names} {what}; the most are {most}"),
            "names",
        )
    }

    fn limit(line: u64, message: String, limit: &str) -> Self {
        Self::new(
            Kind::Limit,
            line,
            None,
            format!("{message}. If it is meant to be so, raise the limit `Limits::{limit}`"),
        )
    }

    pub(super) fn utf16() -> Self {
        Self::new(
            Kind::NotUtf8,
            1,
            Some(1),
            "the file is UTF-16, as `>` in Windows PowerShell writes it; a trace is UTF-8. Let the \
             program write the file itself"
                .into(),
        )
    }

    pub(super) fn not_utf8(good: Line<'_>, byte: u8) -> Self {
        Self::new(
            Kind::NotUtf8,
            good.number,
            Some(good.text.chars().count() as u64 + 1),
            format!("the byte {byte:#04x} is not UTF-8 here; a trace is UTF-8 throughout"),
        )
    }

    pub(super) fn not_json(line: Line<'_>, error: &serde_json::Error) -> Self {
        Self::json(
            Kind::NotJson,
            line,
            error,
            "the line is not JSON",
            "Every line of a trace is one JSON object",
        )
    }

    pub(super) fn empty_line(line: Line<'_>) -> Self {
        let message = "the line is empty; every line of a trace holds an event. Delete it";
        Self::new(Kind::NotJson, line.number, None, message.into())
    }

    pub(super) fn header_not_json(line: Line<'_>, error: &serde_json::Error) -> Self {
        Self::json(
            Kind::NotAHeader,
            line,
            error,
            "the first line is not the header of a trace, it is not even JSON",
            "Is this the right file?",
        )
    }

    pub(super) fn not_a_header() -> Self {
        Self::in_header(
            Kind::NotAHeader,
            format!(
                "the first line is not the header of a trace: that is a JSON object with \
                 `\"format\":\"{FORMAT}\"`. Is this the right file?"
            ),
        )
    }

    pub(super) fn header_missing() -> Self {
        Self::in_header(
            Kind::NotAHeader,
            "the first line is an event, and should be the header: the beginning of the file is \
             missing. Make or copy it again"
                .into(),
        )
    }

    pub(super) fn wrong_format(line: Line<'_>, format: &serde_json::Value) -> Self {
        let found = clip(format);
        Self::at(
            Kind::NotAHeader,
            line,
            "format",
            format!(
                "the file says that its format is {found}; a trace's is \"{FORMAT}\". Is this the \
                 right file?"
            ),
        )
    }

    pub(super) fn too_new(line: Line<'_>, version: u64) -> Self {
        Self::at(
            Kind::TooNew,
            line,
            "version",
            format!(
                "the file is of version {version} of the format, this program reads version \
                 {VERSION}. Use a newer iocp-lab"
            ),
        )
    }

    pub(super) fn wrong_version(line: Line<'_>, version: Option<&serde_json::Value>) -> Self {
        let found = match version {
            Some(version) => format!("says that its version is {}", clip(version)),
            None => "does not say its version".into(),
        };
        Self::at(
            Kind::Header,
            line,
            "version",
            format!(
                "the header {found}; a trace's is {VERSION}. The header was damaged or made up"
            ),
        )
    }

    pub(super) fn header(line: Line<'_>, error: &serde_json::Error) -> Self {
        Self::json(
            Kind::Header,
            line,
            error,
            &format!("the header says that it is of version {VERSION}, but it is not"),
            "The header was damaged, or written by something else than iocp-lab",
        )
    }

    pub(super) fn event(line: Line<'_>, error: &serde_json::Error) -> Self {
        Self::json(
            Kind::NotAnEvent,
            line,
            error,
            "the line is not an event",
            "The line was damaged, or written by something else than iocp-lab",
        )
    }

    pub(super) fn misfit(line: Line<'_>, misfit: &Misfit) -> Self {
        let advice = if misfit.unknown_kind {
            "Was the file written by a newer iocp-lab?"
        } else {
            "The line was damaged, or written by something else than iocp-lab"
        };
        Self::at(
            Kind::NotAnEvent,
            line,
            misfit.field.unwrap_or_default(),
            format!("the line is not an event: {misfit}. {advice}"),
        )
    }

    fn json(
        kind: Kind,
        line: Line<'_>,
        error: &serde_json::Error,
        what: &str,
        advice: &str,
    ) -> Self {
        // serde_json appends the place in the text that it was given; ours is the one in the file.
        let reason = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let reason = reason.strip_suffix(place.as_str()).unwrap_or(&reason);
        // serde_json counts bytes, people count characters.
        let before = line.text.as_bytes().iter().take(error.column());
        let characters = before.filter(|byte| (**byte as i8) >= -0x40).count() as u64;
        let column = (characters > 0).then_some(characters);
        Self::new(
            kind,
            line.number,
            column,
            format!("{what}: {reason}. {advice}"),
        )
    }

    pub(super) fn duplicate(what: &str, name: &str) -> Self {
        Self::in_header(
            Kind::Header,
            format!(
                "the header names two {what}s `{}`; events could not be told apart. Names must \
                 differ",
                name.escape_debug()
            ),
        )
    }

    pub(super) fn unknown_name(line: Line<'_>, field: &str, what: &str, name: &str) -> Self {
        Self::at(
            Kind::UnknownName,
            line,
            field,
            format!(
                "there is no {what} `{}` in the header. The header is of another trace, or the \
                 line was damaged",
                name.escape_debug()
            ),
        )
    }

    fn order(line: Line<'_>, field: &str, message: String) -> Self {
        Self::at(
            Kind::Order,
            line,
            field,
            format!("{message}. Lines are missing, or were put in another order"),
        )
    }

    pub(super) fn goes_back(line: Line<'_>, name: &str, at: u64, last: u64, begun: u64) -> Self {
        Self::order(
            line,
            "t",
            format!(
                "the time of `{}` goes back, to {at} ns from {last} ns on line {begun}",
                name.escape_debug()
            ),
        )
    }

    pub(super) fn call_in_call(line: Line<'_>, call: &str, inside: &str, begun: u64) -> Self {
        Self::order(
            line,
            "call",
            format!(
                "the thread calls {} while it is in {}, since line {begun}",
                call.escape_debug(),
                inside.escape_debug()
            ),
        )
    }

    pub(super) fn end_of_another(line: Line<'_>, call: &str, inside: &str, begun: u64) -> Self {
        Self::order(
            line,
            "call",
            format!(
                "the thread returns from {}, but it is in {}, since line {begun}",
                call.escape_debug(),
                inside.escape_debug()
            ),
        )
    }

    pub(super) fn end_without_begin(line: Line<'_>, call: &str) -> Self {
        Self::order(
            line,
            "call",
            format!(
                "the thread returns from {}, but it is in no call",
                call.escape_debug()
            ),
        )
    }

    pub(super) fn after_its_end(line: Line<'_>, name: &str, ended: u64) -> Self {
        Self::order(
            line,
            "thread",
            format!(
                "`{}` does something after its end on line {ended}",
                name.escape_debug()
            ),
        )
    }

    pub(super) fn after_settled(line: Line<'_>, settled: u64) -> Self {
        Self::order(
            line,
            "event",
            format!("something happens after line {settled} said that nothing happened any more"),
        )
    }

    pub(super) fn settled_early(line: Line<'_>, at: u64, latest: u64) -> Self {
        Self::order(
            line,
            "t",
            format!(
                "nothing happened after {at} ns, says this line, but something did at {latest} ns"
            ),
        )
    }
}

/// A value from a file, short enough for a message.
fn clip(value: &serde_json::Value) -> String {
    const MOST: usize = 40;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Where a field's name stands in the line, in characters from 1.
fn column_of(text: &str, field: &str) -> Option<u64> {
    let quoted = format!("\"{field}\"");
    let (start, _) = text
        .match_indices(&quoted)
        .find(|(at, name)| text[at + name.len()..].trim_start().starts_with(':'))?;
    Some(text[..start].chars().count() as u64 + 1)
}
