//! What is wrong with a scenario file, and where.

use std::{fmt, ops::Range};

/// A message does not get longer than this, whatever the file has in it.
const MOST_CHARACTERS: usize = 400;

/// A line longer than this is not shown.
#[cfg(feature = "command")]
const LONGEST_LINE: usize = 1000;

/// Something in a scenario file, or in another file that people write, that cannot be: what, where,
/// and what to do about it.
///
/// It displays as one sentence with file, line and column. With the feature `command` it is a
/// [`miette::Diagnostic`] too, which shows the place in the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ScenarioError(Box<Inner>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Inner {
    file: String,
    text: String,
    span: Range<usize>,
    line: usize,
    column: usize,
    message: String,
    help: String,
}

impl ScenarioError {
    /// `message` has no full stop. The span may be anywhere; it is brought into the text.
    pub(crate) fn new(
        file: &str,
        text: &str,
        span: Range<usize>,
        message: impl Into<String>,
    ) -> Self {
        let start = floor(text, span.start);
        let end = floor(text, span.end).max(start);
        let before = &text[..start];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self(Box::new(Inner {
            file: file.to_owned(),
            text: text.to_owned(),
            span: start..end,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: clip(message.into()),
            help: String::new(),
        }))
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.0.help = clip(help.into());
        self
    }

    /// The file, as it was named.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The whole text of the file.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// The bytes of the text that the message is about.
    pub fn span(&self) -> Range<usize> {
        self.0.span.clone()
    }

    /// The line, counted from 1.
    pub fn line(&self) -> usize {
        self.0.line
    }

    /// The column, in characters, counted from 1.
    pub fn column(&self) -> usize {
        self.0.column
    }

    /// What is wrong.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What to do about it; may be empty.
    pub fn help(&self) -> &str {
        &self.0.help
    }
}

/// The nearest position at or before `at` at which a character begins.
fn floor(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn clip(text: String) -> String {
    match text.char_indices().nth(MOST_CHARACTERS) {
        None => text,
        Some((end, _)) => format!("{}...", &text[..end]),
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            file,
            line,
            column,
            message,
            ..
        } = &*self.0;
        write!(f, "{file}:{line}:{column}: {message}")?;
        if !message.ends_with(['.', '?', '!']) {
            f.write_str(".")?;
        }
        Ok(())
    }
}

impl std::error::Error for ScenarioError {}

#[cfg(feature = "command")]
impl miette::Diagnostic for ScenarioError {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        (!self.0.help.is_empty()).then(|| Box::new(&self.0.help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        let Inner { text, span, .. } = &*self.0;
        let start = text[..span.start]
            .rfind('\n')
            .map_or(0, |newline| newline + 1);
        let end = text[span.start..]
            .find('\n')
            .map_or(text.len(), |length| span.start + length);
        (!text.is_empty() && end - start <= LONGEST_LINE).then_some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        // Of a span over several lines, the first line is shown.
        let Inner { text, span, .. } = &*self.0;
        let length = text[span.clone()].find('\n').unwrap_or(span.len());
        let label = miette::LabeledSpan::new_primary_with_span(
            Some("here".into()),
            span.start..span.start + length,
        );
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(feature = "command")]
impl miette::SourceCode for ScenarioError {
    fn read_span<'a>(
        &'a self,
        span: &miette::SourceSpan,
        context_lines_before: usize,
        context_lines_after: usize,
    ) -> Result<Box<dyn miette::SpanContents<'a> + 'a>, miette::MietteError> {
        let read = self
            .0
            .text
            .read_span(span, context_lines_before, context_lines_after)?;
        Ok(Box::new(miette::MietteSpanContents::new_named(
            self.0.file.clone(),
            read.data(),
            *read.span(),
            read.line(),
            read.column(),
            read.line_count(),
        )))
    }
}
