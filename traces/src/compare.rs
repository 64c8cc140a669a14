//! Two traces of the same kind: are they the same, and where do they first differ?
//!
//! The comparison is exact: the same bytes, but for the order of a scenario's keys. That is what a
//! simulator promises for equal seeds. It is not what a real kernel can promise: whether a
//! *recording* is one that the model could have made is the question of conformance, not of this
//! module, and comparing a simulation with a recording is [refused](NotComparable).

use crate::{
    Event, Header, Trace,
    columns::{Layout, Options, Rows, begins_step, printable},
    write::write_line,
};
use std::fmt;

/// The most rows that are shown of what two traces have in common.
const COMMON_ROWS: usize = 6;
/// The most rows that are shown of each trace after that.
const OWN_ROWS: usize = 3;
/// The most events that are looked at for those.
const WINDOW: usize = 200;

/// Finds the first difference between two traces; nothing if they are equal.
///
/// ```
/// use iocp_traces::{Trace, compare::compare};
///
/// let file = |seed: u32| format!(
///     r#"{{"format":"iocp-trace","version":1,"producer":{{"kind":"simulator","version":"0.1.0",
///         "profile":"windows-10-1607+","strategy":"random","seed":{seed}}},"processors":1,
///         "clock":"virtual","threads":[],"ports":[],"scenario":{{}}}}"#
/// ).replace('\n', "");
/// let (a, b) = (Trace::read(file(1).as_bytes())?, Trace::read(file(2).as_bytes())?);
/// assert!(compare(&a, &a)?.is_none());
/// let difference = compare(&a, &b)?.expect("the seeds differ");
/// assert_eq!(difference.field(), Some("producer"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
///
/// One is a recording and the other is not.
pub fn compare(first: &Trace, second: &Trace) -> Result<Option<Difference>, NotComparable> {
    let (a, b) = (&first.header.producer, &second.header.producer);
    if a.is_recorded() != b.is_recorded() {
        return Err(NotComparable(a.name().into_owned(), b.name().into_owned()));
    }
    let header = |difference: Option<(&'static str, String, String)>| {
        difference.map(|(field, first, second)| {
            Difference(Place::Header {
                field,
                first,
                second,
            })
        })
    };
    if let Some(difference) = header(subject_difference(&first.header, &second.header)) {
        return Ok(Some(difference));
    }
    let common = first.events.iter().zip(&second.events);
    let index = common.take_while(|(first, second)| first == second).count();
    if index == first.events.len() && index == second.events.len() {
        // What happened is the same; who saw it, and what is said of it, comes last.
        return Ok(header(maker_difference(&first.header, &second.header)));
    }
    let text = show(first, second, index);
    Ok(Some(Difference(Place::Event { index, text })))
}

/// Why two traces cannot be compared. Displayed, it says what to do instead.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotComparable(String, String);

impl fmt::Display for NotComparable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(first, second) = self;
        write!(
            f,
            "the first trace is of {first}, the second of {second}: a real kernel and a simulator \
             need not choose the same order, so a simulation and a recording cannot be compared \
             line by line. Use `iocp check` to see whether the model can do what the recording \
             shows"
        )
    }
}

impl std::error::Error for NotComparable {}

/// The first difference between two traces. Displayed, it is shown in its context.
#[derive(Clone, PartialEq, Debug)]
pub struct Difference(Place);

#[derive(Clone, PartialEq, Debug)]
enum Place {
    Header {
        field: &'static str,
        first: String,
        second: String,
    },
    Event {
        index: usize,
        text: String,
    },
}

impl Difference {
    /// The field of the header that differs, if it is in the header.
    pub fn field(&self) -> Option<&'static str> {
        match self.0 {
            Place::Header { field, .. } => Some(field),
            Place::Event { .. } => None,
        }
    }

    /// The index of the first event that differs, or that only one of them has, if the headers are
    /// equal. The event is on line index + 2 of its file.
    pub fn event(&self) -> Option<usize> {
        match self.0 {
            Place::Header { .. } => None,
            Place::Event { index, .. } => Some(index),
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Header {
                field,
                first,
                second,
            } => write!(
                f,
                "The headers differ in `{field}`.\n  first:  {first}\n  second: {second}"
            ),
            Place::Event { text, .. } => f.write_str(text),
        }
    }
}

/// Returns the first of these fields that differs, and what it is in each.
macro_rules! differ {
    ($first:ident $second:ident: $($field:ident)*) => {
        $(if $first.$field != $second.$field {
            let (first, second) = (json(&$first.$field), json(&$second.$field));
            return Some((stringify!($field), first, second));
        })*
    };
}

/// The first field that differs of those that say what the trace is of.
fn subject_difference(first: &Header, second: &Header) -> Option<(&'static str, String, String)> {
    differ!(first second: format version processors clock threads ports);
    if let Some((path, first, second)) = value_difference(&first.scenario, &second.scenario) {
        let shown = |value: Option<&serde_json::Value>| {
            let value = value.map_or("nothing".to_owned(), json);
            format!("scenario{path} is {value}")
        };
        return Some(("scenario", shown(first), shown(second)));
    }
    None
}

/// The first field that differs of those that say who made the trace, and what to think of it.
fn maker_difference(first: &Header, second: &Header) -> Option<(&'static str, String, String)> {
    let Header {
        format: _,
        version: _,
        producer: _,
        processors: _,
        clock: _,
        threads: _,
        ports: _,
        scenario: _,
        expect: _,
        settled_ns: _,
        provenance: _,
    } = first;
    differ!(first second: producer expect settled_ns provenance);
    None
}

fn json(value: &impl serde::Serialize) -> String {
    const MOST: usize = 200;
    let text = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
    let text = printable(&text);
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

type Values<'v> = (Option<&'v serde_json::Value>, Option<&'v serde_json::Value>);

/// The innermost values that differ first, and the way to them.
fn value_difference<'v>(
    first: &'v serde_json::Value,
    second: &'v serde_json::Value,
) -> Option<(
    String,
    Option<&'v serde_json::Value>,
    Option<&'v serde_json::Value>,
)> {
    use serde_json::Value;
    if first == second {
        return None;
    }
    let found: Option<(String, Values<'v>)> = match (first, second) {
        (Value::Object(a), Value::Object(b)) => a
            .keys()
            .chain(b.keys().filter(|key| !a.contains_key(*key)))
            .map(|key| (format!(".{key}"), (a.get(key), b.get(key))))
            .find(|(_, (a, b))| a != b),
        (Value::Array(a), Value::Array(b)) => (0..a.len().max(b.len()))
            .map(|index| (format!("[{index}]"), (a.get(index), b.get(index))))
            .find(|(_, (a, b))| a != b),
        _ => None,
    };
    Some(match found {
        Some((step, (Some(a), Some(b)))) => match value_difference(a, b) {
            Some((path, a, b)) => (format!("{step}{path}"), a, b),
            None => (step, Some(a), Some(b)),
        },
        Some((step, (a, b))) => (step, a, b),
        None => (String::new(), Some(first), Some(second)),
    })
}

/// Shows where two traces part: the last rows in common, then those of each.
fn show(first: &Trace, second: &Trace, index: usize) -> String {
    let options = Options::default();
    let start = window_start(&first.events, index);
    let sides = [first, second].map(|trace| {
        let mut rows = Rows::new(&trace.header);
        for event in &trace.events[..start] {
            rows.skip(event);
        }
        for event in trace.events[start..].iter().take(index - start + WINDOW) {
            rows.push(event);
        }
        rows.finish()
    });
    // A row that holds the event that differs is each one's own.
    let common = sides
        .each_ref()
        .map(|rows| rows.iter().take_while(|row| row.events <= index).count());
    let common = common[0].min(common[1]);
    let context = &sides[0][common.saturating_sub(COMMON_ROWS)..common];
    let own = sides
        .each_ref()
        .map(|rows| &rows[common..rows.len().min(common + OWN_ROWS)]);
    let shown: Vec<_> = context.iter().chain(own[0]).chain(own[1]).collect();
    let layout = Layout::new(&first.header, &shown, &options);

    let mut text = format!(
        "The traces differ at event {}, line {}.\n\n",
        index + 1,
        index + 2
    );
    layout.head(&mut text);
    if common > context.len() || start > 0 {
        text.push_str("...\n");
    }
    for row in context {
        layout.row(row, &mut text);
    }
    for ((name, trace), rows) in [("first", first), ("second", second)].into_iter().zip(own) {
        text.push_str(&format!("\n{name}:\n"));
        for row in rows {
            layout.row(row, &mut text);
        }
        match trace.events.get(index) {
            Some(event) => text.push_str(&format!("line {}: {}\n", index + 2, raw(event))),
            None => text.push_str(&format!("(ends with line {})\n", index + 1)),
        }
    }
    layout.legend(&shown, &mut text);
    text
}

/// Where to begin, so that enough rows end before `index`, and the first is whole.
fn window_start(events: &[Event<'_>], index: usize) -> usize {
    let far = index.saturating_sub(WINDOW);
    let steps = (far..index).rev().filter(|at| begins_step(&events[*at]));
    steps.take(2 * COMMON_ROWS).last().unwrap_or(far)
}

/// An event as it stands in its file.
fn raw(event: &Event<'_>) -> String {
    let mut line = Vec::new();
    write_line(event, &mut line);
    printable(&String::from_utf8_lossy(&line)).into_owned()
}
