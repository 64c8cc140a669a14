//! A dotted path into a workload: `thread.worker.copies`, `thread.clients.program.0.do.0.for.mean`.

use super::ParameterError;
use crate::near::nearest;
use serde_json::{Map, Value};

/// Tables that a workload may have and need not write: a path may go through them.
const MAY_BE_MISSING: [&str; 1] = ["machine"];

/// Puts the value where the path leads. The last part may be new; the others must be there.
pub(super) fn put(workload: &mut Value, path: &str, value: Value) -> Result<(), ParameterError> {
    let mut here = workload;
    let mut walked = String::new();
    let mut left = Some(path);
    while let Some(rest) = left {
        let (part, behind) = next(here, rest);
        let is_last = behind.is_none();
        left = behind;
        here = match here {
            Value::Object(table) if is_last => {
                table.insert(part.to_owned(), value);
                return Ok(());
            }
            Value::Object(table) => {
                if walked.is_empty() && MAY_BE_MISSING.contains(&part) {
                    let empty = || Value::Object(Map::new());
                    table.entry(part).or_insert_with(empty)
                } else {
                    let known: Vec<_> = table.keys().cloned().collect();
                    let missing = || no_such(path, &walked, part, &known);
                    table.get_mut(part).ok_or_else(missing)?
                }
            }
            Value::Array(list) => {
                let known: Vec<_> = list.iter().enumerate().map(of_list).collect();
                let by_name = known.iter().position(|name| name == part);
                let by_number = || part.parse().ok().filter(|&at: &usize| at < list.len());
                let at = by_name.or_else(by_number);
                let at = at.ok_or_else(|| no_such(path, &walked, part, &known))?;
                if is_last {
                    list[at] = value;
                    return Ok(());
                }
                &mut list[at]
            }
            leaf => {
                return Err(ParameterError::new(format!(
                    "{path}: `{walked}` is {leaf}; it has no `{part}`."
                )));
            }
        };
        if !walked.is_empty() {
            walked.push('.');
        }
        walked += part;
    }
    Ok(())
}

/// The next part of a path, and what is behind it. A name in a list may have dots of its own.
fn next<'p>(here: &Value, rest: &'p str) -> (&'p str, Option<&'p str>) {
    let named = |element: &Value| {
        let name = element["name"].as_str()?;
        let behind = rest.strip_prefix(name)?;
        let parted = behind.is_empty() || behind.starts_with('.');
        parted.then(|| (&rest[..name.len()], behind.strip_prefix('.')))
    };
    let elements = here.as_array().into_iter().flatten();
    let longest = elements
        .filter_map(named)
        .max_by_key(|(part, _)| part.len());
    longest.unwrap_or_else(|| match rest.split_once('.') {
        Some((part, behind)) => (part, Some(behind)),
        None => (rest, None),
    })
}

/// What an element of a list is called in a path: its name, or its number.
fn of_list((at, element): (usize, &Value)) -> String {
    match element["name"].as_str() {
        Some(name) if element["call"].is_null() => name.to_owned(),
        _ => at.to_string(),
    }
}

fn no_such(path: &str, walked: &str, part: &str, known: &[String]) -> ParameterError {
    let place = match walked {
        "" => "the scenario".to_owned(),
        walked => format!("`{walked}`"),
    };
    let near = nearest(part, known.iter().map(String::as_str))
        .map(|near| format!(" Did you mean `{near}`?"))
        .unwrap_or_default();
    let has = match known {
        [] => "It has nothing.".to_owned(),
        known => format!("It has: {}.", known.join(", ")),
    };
    ParameterError::new(format!("{path}: {place} has no `{part}`.{near} {has}"))
}
