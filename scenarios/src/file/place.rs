//! Between the text of a scenario and its places: where `thread[1].program[3].port` stands, and
//! what stands where the TOML reader stumbled.

use crate::near::nearest;
use iocp_scheduler::workload::{Place, Segment};
use std::ops::Range;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// The text as a tree in which everything knows its place.
pub(super) struct Source<'t> {
    root: Option<Spanned<DeTable<'t>>>,
}

impl<'t> Source<'t> {
    /// The tree, if the text is TOML.
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            root: DeTable::parse(text).ok(),
        }
    }

    /// Where the place stands, or else the nearest place around it that stands anywhere.
    pub(super) fn span_of(&self, place: &Place) -> Range<usize> {
        let Some(root) = &self.root else { return 0..0 };
        let mut segments = place.0.iter();
        let mut value = match segments.next() {
            Some(Segment::Key(key)) => match root.get_ref().get(*key) {
                Some(value) => value,
                None => return 0..0,
            },
            _ => return 0..0,
        };
        for segment in segments {
            let inner = match (segment, value.get_ref()) {
                (Segment::Key(key), DeValue::Table(table)) => table.get(*key),
                (Segment::Index(index), DeValue::Array(array)) => array.get(*index),
                _ => None,
            };
            match inner {
                Some(inner) => value = inner,
                None => break,
            }
        }
        value.span()
    }

    /// The keys on the way from the root to what stands at this span.
    fn path_to(&self, span: &Range<usize>) -> Vec<&str> {
        let mut path = Vec::new();
        let mut table = match &self.root {
            Some(root) => root.get_ref(),
            None => return path,
        };
        // Each turn goes one key down, and the reader nests 80 deep at most.
        loop {
            let inner = table.iter().find_map(|(key, value)| {
                if covers(&key.span(), span) {
                    return Some((key, None));
                }
                innermost(value, span).map(|table| (key, table))
            });
            match inner {
                None => return path,
                Some((key, inner)) => {
                    path.push(key.get_ref().as_ref());
                    match inner {
                        Some(inner) => table = inner,
                        None => return path,
                    }
                }
            }
        }
    }
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// If the value holds this span: the table in it that does, or `Some(None)` if no table does.
fn innermost<'v, 't>(
    value: &'v Spanned<DeValue<'t>>,
    span: &Range<usize>,
) -> Option<Option<&'v DeTable<'t>>> {
    match value.get_ref() {
        // The span of a table that has a header is the header's, so its content is asked.
        DeValue::Table(table) => {
            let inside = table
                .iter()
                .any(|(key, value)| covers(&key.span(), span) || innermost(value, span).is_some());
            if inside {
                Some(Some(table))
            } else {
                covers(&value.span(), span).then_some(None)
            }
        }
        DeValue::Array(array) => array
            .iter()
            .find_map(|value| innermost(value, span))
            .or_else(|| covers(&value.span(), span).then_some(None)),
        _ => covers(&value.span(), span).then_some(None),
    }
}

/// What the reader's message means for a scenario, without a full stop, and what to do.
pub(super) fn explain(source: &Source<'_>, message: &str, span: &Range<usize>) -> (String, String) {
    let message = message.trim().trim_end_matches('.');
    let path = source.path_to(span);
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((given, expected)) = rest.split_once('`')
    {
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let (owner, _) = path
            .split_last()
            .map_or((&path[..0], ""), |(last, owner)| (owner, last));
        let what = describe(owner);
        return match nearest(given, known.iter().copied()) {
            Some(near) => (
                format!("{what} has no `{given}`; did you mean `{near}`?"),
                format!("It has: {}.", known.join(", ")),
            ),
            None => (
                format!("{what} has no `{given}`"),
                format!("It has: {}.", known.join(", ")),
            ),
        };
    }
    if let Some(field) = message
        .strip_prefix("missing field `")
        .and_then(|rest| rest.strip_suffix('`'))
    {
        let what = describe(&path);
        return (format!("{what} needs a `{field}`"), String::new());
    }
    if let Some((given, wanted)) = mistyped(message) {
        let key = path.last().map_or("this", |key| key);
        return (format!("`{key}` is {wanted}, not {given}"), String::new());
    }
    if message.contains("recursion limit") || message.contains("max recursion depth met") {
        return (
            "this is nested too deep".into(),
            "Nothing in a scenario needs more than a few brackets in each other.".into(),
        );
    }
    (message.to_owned(), String::new())
}

/// What was given and what is wanted, in words, if that is what the reader's message is about.
pub(crate) fn mistyped(message: &str) -> Option<(String, &str)> {
    let wrong = message
        .strip_prefix("invalid value: ")
        .or_else(|| message.strip_prefix("invalid type: "))?;
    let (given, wanted) = wrong.rsplit_once(", expected ")?;
    let given = given
        .replace('`', "")
        .replace("integer ", "")
        .replace("floating point ", "")
        .replace("string ", "the text ")
        .replace("boolean ", "")
        .replace(" as i128", "")
        .replace(" as u128", "");
    let given = match given.as_str() {
        "map" => "a table".into(),
        "sequence" => "a list".into(),
        _ => given,
    };
    let wanted = match wanted {
        "u8" => "a number from 0 to 255",
        "u16" => "a number from 0 to 65535",
        "u32" => "a number from 0 to 4294967295",
        "u64" | "usize" => "a number from 0 to 18446744073709551615",
        "i64" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a string" => "a text in quotes",
        "a sequence" => "a list",
        wanted if wanted.starts_with("struct ") => "a table",
        wanted => wanted,
    };
    Some((given, wanted))
}

/// What stands at the end of this path, in words.
fn describe(path: &[&str]) -> String {
    match path.last() {
        None => "a scenario".into(),
        Some(&"program" | &"do" | &"else") => "a step".into(),
        Some(&"if") => "a test".into(),
        Some(&"expect") => "an expectation".into(),
        Some(&"machine") => "the machine".into(),
        Some(&name) => {
            let article = if name.starts_with(['a', 'e', 'i', 'o', 'u']) {
                "an"
            } else {
                "a"
            };
            format!("{article} {name}")
        }
    }
}
