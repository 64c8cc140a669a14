//! A trace as text in columns: one column a thread, time on the left, the port on the right.
//!
//! Meant for a terminal, a test's snapshot and a book: one line for each thing that happens, and a
//! legend of what it uses, so that nobody needs anything else to read it.
//!
//! ```
//! use iocp_traces::{Trace, columns::{Options, columns}};
//!
//! let file = concat!(
//!     r#"{"format":"iocp-trace","version":1,"producer":{"kind":"simulator","version":"0.1.0","#,
//!     r#""profile":"windows-10-1607+","strategy":"random","seed":7},"processors":1,"#,
//!     r#""clock":"virtual","threads":["a","b"],"ports":["p"],"scenario":{}}"#, "\n",
//!     r#"{"t":0,"event":"begin","thread":"a","call":"GetQueuedCompletionStatus","with":"p, infinite"}"#, "\n",
//!     r#"{"t":0,"event":"port","port":"p","depth":0,"active":0,"limit":1,"waiters":["a"]}"#, "\n",
//!     r#"{"t":5,"event":"begin","thread":"b","call":"PostQueuedCompletionStatus","with":"p, key 7"}"#, "\n",
//!     r#"{"t":5,"event":"kernel","what":"handed-over","thread":"a","port":"p","key":7}"#, "\n",
//!     r#"{"t":5,"event":"port","port":"p","depth":0,"active":1,"limit":1,"waiters":[]}"#, "\n",
//!     r#"{"t":5,"event":"end","thread":"b","call":"PostQueuedCompletionStatus","return":true}"#, "\n",
//!     r#"{"t":5,"event":"end","thread":"a","call":"GetQueuedCompletionStatus","return":true,"#,
//!     r#""packets":[{"key":7,"overlapped":0,"bytes":0}]}"#, "\n",
//! );
//! let trace = Trace::read(file.as_bytes())?;
//! let text = columns(&trace, &Options { width: 90, legend: false, ..Options::default() });
//! assert_eq!(text, "\
//! Simulated: windows-10-1607+, strategy random, seed 7, 1 processor
//!
//!                                       port p
//! time  a          b                    depth  active  waiters
//! ────  ─────────  ───────────────────  ──────────────────────
//! 0 ns  Get(p, ∞)  ┊                    0      0/1     a
//! 5 ns  ⇒ key 7    Post(p, key 7) → ok  0      1/1     –
//! ");
//! # Ok::<(), iocp_traces::ReadError>(())
//! ```
//!
//! Inside, `rows` says which events stand together, `words` how they are put, `layout` where.

mod layout;
mod rows;
mod words;

pub(crate) use layout::Layout;
pub(crate) use rows::Rows;
pub(crate) use words::printable;

use crate::{Event, Header, Producer, Trace};
use std::fmt::Write;

/// How a trace is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// The most characters of a line. With so many threads that they do not fit at all, lines are
    /// longer.
    pub width: usize,
    /// Only ASCII characters, apart from names.
    pub ascii: bool,
    /// Say in a first line who made the trace?
    pub title: bool,
    /// Explain signs and abbreviations at the end?
    pub legend: bool,
    /// Show only so many events, the last ones.
    pub last: usize,
}

/// The most cells of a view by [`columns`], rows times threads.
pub const MOST_CELLS: usize = 10_000_000;

impl Default for Options {
    /// 120 characters, Unicode, with title and legend, all events.
    fn default() -> Self {
        Self {
            width: 120,
            ascii: false,
            title: true,
            legend: true,
            last: usize::MAX,
        }
    }
}

/// Shows a trace in columns.
///
/// What one atomic step did is one line: who called and what came of it, and beside it, in their
/// columns, the threads that it released. In a recording a call's end stands with its begin when
/// nothing was seen between them. Names that are not in the header have no column.
///
/// A view of more than [`MOST_CELLS`] is cut off, and says so.
pub fn columns(trace: &Trace, options: &Options) -> String {
    columns_within(trace, options, MOST_CELLS)
}

/// A line across the view that says something of what follows it, or of what went before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mark {
    /// It stands behind the rows of so many events.
    pub events: usize,
    /// What it says.
    pub text: String,
}

/// Shows a trace in columns, as [`columns`] does, with marks between the rows. They are in the order
/// of their events.
pub fn marked(trace: &Trace, options: &Options, marks: &[Mark]) -> String {
    view(trace, options, MOST_CELLS, marks)
}

/// Shows a trace in columns, as [`columns`] does, but no more than so many cells: rows times
/// threads.
pub fn columns_within(trace: &Trace, options: &Options, cells: usize) -> String {
    view(trace, options, cells, &[])
}

fn view(trace: &Trace, options: &Options, cells: usize, marks: &[Mark]) -> String {
    let mut rows = Rows::new(&trace.header);
    let most_rows = cells / trace.header.threads.len().max(1);
    let (before, shown) = trace
        .events
        .split_at(trace.events.len().saturating_sub(options.last));
    before.iter().for_each(|event| rows.skip(event));
    let mut left = shown.len();
    for event in shown {
        if rows.len() > most_rows {
            break;
        }
        rows.push(event);
        left -= 1;
    }
    let rows = rows.finish();
    let rows: Vec<_> = rows.iter().collect();
    let mut out = String::new();
    if options.title {
        out.push_str(&title(&trace.header));
        out.push_str("\n\n");
    }
    let layout = Layout::new(&trace.header, &rows, options);
    layout.head(&mut out);
    if !before.is_empty() {
        let _ = writeln!(out, "... {} events before these", before.len());
    }
    let mut marks = marks
        .iter()
        .skip_while(|mark| mark.events < before.len())
        .peekable();
    for row in &rows {
        while let Some(mark) = marks.next_if(|mark| mark.events < row.events) {
            layout.mark(&mark.text, &mut out);
        }
        layout.row(row, &mut out);
    }
    for mark in marks {
        layout.mark(&mark.text, &mut out);
    }
    if left > 0 {
        let _ = writeln!(
            out,
            "... and {left} more events; `columns_within` shows more than {cells} cells"
        );
    }
    if options.legend {
        layout.legend(&rows, &mut out);
    }
    out
}

/// Who made it, in a line.
fn title(header: &Header) -> String {
    let mut title = match &header.producer {
        Producer::Simulator {
            version: _,
            profile,
            strategy,
            seed,
        } => {
            format!("Simulated: {profile}, strategy {strategy}, seed {seed}")
        }
        Producer::Windows { build, .. } => format!("Recorded: Windows {build}"),
        Producer::Wine {
            version, claims, ..
        } => {
            format!("Recorded: Wine {version}, which claims to be Windows {claims}")
        }
    };
    let plural = if header.processors == 1 { "" } else { "s" };
    // Writing to a string cannot fail.
    let _ = write!(title, ", {} processor{plural}", header.processors);
    printable(&title).into_owned()
}

/// A call's name as the view shortens it: "Get" for `GetQueuedCompletionStatus`.
pub fn short_name(call: &str) -> &str {
    words::short(call).unwrap_or(call)
}

/// Is this the first event of a step, rather than something that a step caused?
pub(crate) fn begins_step(event: &Event<'_>) -> bool {
    rows::phase(event) == rows::Phase::Acts
}
