//! Rows and columns.

use super::page::rich;
use maud::{Markup, html};

/// A table. Columns of numbers stand at the right.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Table {
    /// The heads of the columns.
    pub head: Vec<String>,
    /// The cells, row by row. A short row ends with empty cells.
    pub rows: Vec<Vec<String>>,
    /// Rows that stand out, by their places.
    pub marked: Vec<usize>,
}

impl Table {
    /// A table with these heads and no rows.
    pub fn new<T: Into<String>>(head: impl IntoIterator<Item = T>) -> Self {
        Self {
            head: head.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// Puts a row at the end.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) -> &mut Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// Marks the last row.
    pub fn mark(&mut self) -> &mut Self {
        self.marked.extend(self.rows.len().checked_sub(1));
        self
    }

    pub(super) fn html(&self) -> Markup {
        if self.head.is_empty() && self.rows.is_empty() {
            return super::page::nothing();
        }
        let rows = self.rows.iter().map(Vec::len);
        let width = rows.chain([self.head.len()]).max().unwrap_or(0);
        let is_number = |column: usize| {
            let mut cells = self.rows.iter().filter_map(|row| row.get(column));
            cells.clone().next().is_some() && cells.all(|cell| is_number(cell))
        };
        let numbers: Vec<_> = (0..width).map(is_number).collect();
        let class = |column: usize| numbers[column].then_some("number");
        html! {
            div.scrolls tabindex="0" role="region" aria-label="table" {
                table {
                    @if !self.head.is_empty() {
                        thead { tr {
                            @for column in 0..width {
                                th scope="col" class=[class(column)] {
                                    (rich(self.head.get(column).map_or("", String::as_str)))
                                }
                            }
                        } }
                    }
                    tbody {
                        @for (index, row) in self.rows.iter().enumerate() {
                            tr class=[self.marked.contains(&index).then_some("marked")] {
                                @for column in 0..width {
                                    td class=[class(column)] {
                                        (rich(row.get(column).map_or("", String::as_str)))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// A number, with or without a unit, or the absence of one?
fn is_number(cell: &str) -> bool {
    let cell = cell.trim_start_matches(['-', '+', '±', '<', '>', '≈', ' ', '*', '`']);
    cell.is_empty() || ["–", "?"].contains(&cell) || cell.starts_with(|c: char| c.is_ascii_digit())
}
