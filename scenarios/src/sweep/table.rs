//! Rows as columns: what the tables of a sweep have in common, and the table as CSV.

use super::{Row, Sheet};
use serde_json::Value;
use std::collections::BTreeSet;

/// The first columns behind the parameters. What else rows have follows in alphabetical order.
const FIRST: [&str; 8] = [
    "status",
    "warnings",
    "message",
    "seed",
    "replications",
    "requests",
    "simulated",
    "warm_up",
];
/// What is in the lines of JSON only.
const NOT_A_COLUMN: &str = "latency.curve";

/// A column.
#[derive(Clone, PartialEq, Debug)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// A cell for each row.
    pub cells: Cells,
}

/// The cells of a column; those without a value are `None`.
#[derive(Clone, PartialEq, Debug)]
pub enum Cells {
    /// Whole numbers.
    Integers(Vec<Option<i64>>),
    /// Numbers.
    Numbers(Vec<Option<f64>>),
    /// Texts.
    Texts(Vec<Option<String>>),
}

/// The rows of a sweep as columns.
#[derive(Clone, PartialEq, Debug)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// How many rows there are.
    pub rows: usize,
}

impl Table {
    /// Of these rows, in their order.
    pub fn of(sheet: &Sheet, rows: &[Row]) -> Self {
        let mut names = vec!["point"];
        names.extend(sheet.over.iter().map(|axis| axis.key.as_str()));
        names.extend(FIRST);
        let known: BTreeSet<_> = names.iter().copied().chain([NOT_A_COLUMN]).collect();
        let all: BTreeSet<_> = rows.iter().flat_map(Row::keys).collect();
        let mut rest: Vec<_> = all.difference(&known).copied().collect();
        rest.sort_by_key(|name| place(name));
        names.extend(rest);
        let columns = names.iter().map(|name| Column {
            name: (*name).to_owned(),
            cells: Cells::of(rows.iter().map(|row| row.get(name))),
        });
        Self {
            columns: columns.collect(),
            rows: rows.len(),
        }
    }

    /// As CSV, with a line of names at the top.
    pub fn csv(&self) -> Vec<u8> {
        let mut csv = csv::Writer::from_writer(Vec::new());
        let names = self.columns.iter().map(|column| column.name.as_str());
        // Writing to memory does not fail, and all rows are equally long.
        let _ = csv.write_record(names);
        for row in 0..self.rows {
            let cells = self.columns.iter().map(|column| column.cells.text(row));
            let _ = csv.write_record(cells);
        }
        csv.into_inner().unwrap_or_default()
    }
}

/// Where a metric stands: its interval behind it, the lower end first.
fn place(name: &str) -> (&str, u8) {
    match (name.strip_suffix(".low"), name.strip_suffix(".high")) {
        (Some(metric), _) => (metric, 1),
        (_, Some(metric)) => (metric, 2),
        (None, None) => (name, 0),
    }
}

impl Cells {
    fn of<'v>(values: impl Iterator<Item = Option<&'v Value>> + Clone) -> Self {
        let present = || values.clone().flatten().filter(|value| !value.is_null());
        if present().all(|value| value.is_i64()) {
            return Self::Integers(values.map(|value| value?.as_i64()).collect());
        }
        if present().all(Value::is_number) {
            return Self::Numbers(values.map(|value| value?.as_f64()).collect());
        }
        let text = |value: &Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            value => Some(value.to_string()),
        };
        Self::Texts(values.map(|value| value.and_then(text)).collect())
    }

    /// A cell as a text; one without a value is empty.
    fn text(&self, row: usize) -> String {
        match self {
            Self::Integers(cells) => cells[row].map(|cell| cell.to_string()),
            // As JSON has it: all digits that count, and no more.
            Self::Numbers(cells) => cells[row].map(|cell| Value::from(cell).to_string()),
            Self::Texts(cells) => cells[row].clone(),
        }
        .unwrap_or_default()
    }
}
