//! Writes a workload as a scenario file that a person would have written.

use iocp_scheduler::Workload;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// The text of a scenario file: a table for each thing, one step a line. [`parse`](super::parse)
/// reads the same workload from it.
///
/// ```
/// # fn main() -> Result<(), iocp_scenarios::file::ScenarioError> {
/// use iocp_scenarios::file::{parse, to_toml};
/// let text = "name = \"quiet\"\n\n[[thread]]\nname = \"a\"\nprogram = [\n  { compute = \"1ms\" },\n]\n";
/// assert_eq!(to_toml(&parse("quiet", text)?.workload), text);
/// # Ok(())
/// # }
/// ```
pub fn to_toml(workload: &Workload) -> String {
    let mut out = String::new();
    let Value::Object(mut map) = value_of(workload) else {
        return out;
    };
    for key in ["name", "title", "about", "rules", "expect"] {
        if let Some(value) = map.shift_remove(key) {
            entry(&mut out, key, &value);
        }
    }
    for (key, value) in &map {
        match value {
            Value::Array(tables) => {
                for table in tables {
                    section(&mut out, &format!("[[{key}]]"), table);
                }
            }
            other => section(&mut out, &format!("[{key}]"), other),
        }
    }
    out
}

fn value_of<T: Serialize>(value: &T) -> Value {
    // Cannot fail: the keys of a workload are texts.
    serde_json::to_value(value).unwrap_or_default()
}

fn section(out: &mut String, header: &str, table: &Value) {
    let Value::Object(table) = table else { return };
    // Writing to a String cannot fail.
    let _ = writeln!(out, "\n{header}");
    for (key, value) in table {
        entry(out, key, value);
    }
}

/// `key = value`, on one line, or one line for each table in a list.
fn entry(out: &mut String, key: &str, value: &Value) {
    let _ = write!(out, "{key} = ");
    match value {
        Value::Array(values) if values.iter().any(Value::is_object) => list(out, values, 0),
        Value::String(text) if text.contains('\n') => {
            let _ = write!(out, "\"\"\"\n{}\"\"\"", escape(text, true));
        }
        other => inline(out, other, 0),
    }
    out.push('\n');
}

/// A list of tables, one a line.
fn list(out: &mut String, values: &[Value], depth: usize) {
    out.push_str("[\n");
    for value in values {
        out.push_str(&"  ".repeat(depth + 1));
        inline(out, value, depth + 1);
        out.push_str(",\n");
    }
    out.push_str(&"  ".repeat(depth));
    out.push(']');
}

fn inline(out: &mut String, value: &Value, depth: usize) {
    match value {
        Value::Null => out.push_str("\"\""),
        Value::Bool(truth) => {
            let _ = write!(out, "{truth}");
        }
        Value::Number(number) => {
            let _ = write!(out, "{number}");
        }
        Value::String(text) => {
            let _ = write!(out, "\"{}\"", escape(text, false));
        }
        Value::Array(values) if values.iter().any(Value::is_object) => list(out, values, depth),
        Value::Array(values) => {
            out.push('[');
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                inline(out, value, depth);
            }
            out.push(']');
        }
        Value::Object(table) => {
            out.push_str("{ ");
            for (index, (key, value)) in in_reading_order(table).into_iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                let _ = write!(out, "{key} = ");
                inline(out, value, depth);
            }
            out.push_str(" }");
        }
    }
}

/// What a step does and on what comes first, what counts it, its label and the steps in it last.
fn in_reading_order(table: &Map<String, Value>) -> Vec<(&String, &Value)> {
    let rank = |key: &str| match key {
        "counts" => 1,
        "label" => 2,
        "do" => 3,
        "else" => 4,
        "under" => 5,
        _ => 0,
    };
    let mut entries: Vec<_> = table.iter().collect();
    entries.sort_by_key(|(key, _)| rank(key));
    entries
}

fn escape(text: &str, lines: bool) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' if lines => escaped.push(c),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(escaped, "\\u{:04X}", u32::from(c));
            }
            c => escaped.push(c),
        }
    }
    escaped
}
