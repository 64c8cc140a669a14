//! One value for each pair of two others, as a table in colours: the number stands in its cell.

use super::{Unit, page::nothing};
use maud::{Markup, html};

/// A heat map: "the 99th percentile by limit and threads".
#[derive(Clone, PartialEq, Default, Debug)]
pub struct HeatMap {
    /// What the numbers are.
    pub what: String,
    /// What they count.
    pub unit: Unit,
    /// What the columns are: "limit".
    pub across: String,
    /// The columns: "1", "2", "4".
    pub columns: Vec<String>,
    /// What the rows are: "threads".
    pub down: String,
    /// The rows.
    pub rows: Vec<String>,
    /// The cells, row by row. A missing one is empty.
    pub cells: Vec<Vec<Cell>>,
    /// What a cell must fulfil, in words; those that do not are marked. Empty: nothing is asked.
    pub objective: String,
    /// What the cell is that is spoken of: "the advice".
    pub choice: String,
    /// Is more better? Colours begin with the best.
    pub more_is_better: bool,
}

/// A cell of a heat map.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Cell {
    /// The number. Not finite: there is none.
    pub value: f64,
    /// The interval around it, if there is one.
    pub between: Option<(f64, f64)>,
    /// Does it miss the objective?
    pub misses: bool,
    /// Is it the one that is spoken of?
    pub chosen: bool,
    /// What else there is to say: "unstable". Stands in the cell where it has no number.
    pub note: String,
}

impl Cell {
    /// A cell with a number.
    pub fn new(value: f64) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }

    /// A cell without a number.
    pub fn empty(note: impl Into<String>) -> Self {
        Self {
            value: f64::NAN,
            note: note.into(),
            ..Self::default()
        }
    }

    /// The same with an interval.
    #[must_use]
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.between = Some((low, high));
        self
    }

    /// The same, being the one that is spoken of.
    #[must_use]
    pub fn chosen(mut self) -> Self {
        self.chosen = true;
        self
    }

    /// The same, missing the objective.
    #[must_use]
    pub fn misses(mut self) -> Self {
        self.misses = true;
        self
    }
}

/// The steps from the best colour to the worst.
const SHADES: usize = 8;

impl HeatMap {
    pub(super) fn html(&self) -> Markup {
        if self.columns.is_empty() || self.rows.is_empty() {
            return nothing();
        }
        let all = || self.cells.iter().flatten();
        let marked = all().any(|cell| cell.misses);
        let shades = self.shades();
        let caption = format!("{} by {} and {}", self.what, self.across, self.down);
        html! {
            div.scrolls tabindex="0" role="region" aria-label=(caption) {
                table.heat {
                    caption { (caption) }
                    thead {
                        tr {
                            th.corner rowspan="2" scope="col" { (self.down) }
                            th.across scope="colgroup" colspan=(self.columns.len()) { (self.across) }
                        }
                        tr {
                            @for column in &self.columns { th scope="col" { (column) } }
                        }
                    }
                    tbody {
                        @for (index, row) in self.rows.iter().enumerate() {
                            tr {
                                th scope="row" { (row) }
                                @for (at, column) in self.columns.iter().enumerate() {
                                    @let cell = self.cells.get(index).and_then(|row| row.get(at));
                                    (self.cell(cell, row, column, &shades))
                                }
                            }
                        }
                    }
                }
            }
            p.key {
                @if let Some((best, worst)) = self.ends().filter(|(best, worst)| best != worst) {
                    span.shades aria-hidden="true" {
                        @for shade in 0..SHADES { span class=(format!("shade{shade}")) {} }
                    }
                    " from " (self.unit.text(best)) " to " (self.unit.text(worst)) ". "
                }
                @if marked {
                    span.misses { "✗" } " misses "
                    @if self.objective.is_empty() { "the objective." } @else { (self.objective) ". " }
                }
                @if all().any(|cell| cell.chosen) { span.chosen { "★" } " " (self.choice) "." }
            }
        }
    }

    /// The best number and the worst.
    fn ends(&self) -> Option<(f64, f64)> {
        let values = self.cells.iter().flatten().map(|cell| cell.value);
        let values = values.filter(|value| value.is_finite());
        let low = values.clone().reduce(f64::min)?;
        let high = values.reduce(f64::max)?;
        Some(match self.more_is_better {
            true => (high, low),
            false => (low, high),
        })
    }

    /// From a number to its shade: by its logarithm where all are above zero and far apart.
    fn shades(&self) -> impl Fn(f64) -> usize + use<> {
        let (best, worst) = self.ends().unwrap_or((0.0, 0.0));
        let (low, high) = (best.min(worst), best.max(worst));
        let log = low > 0.0 && high / low > 10.0;
        let scaled = move |value: f64| if log { value.ln() } else { value };
        move |value| {
            let part = (scaled(value) - scaled(best)) / (scaled(worst) - scaled(best));
            match part.is_finite() {
                true => ((part * SHADES as f64) as usize).min(SHADES - 1),
                false => 0,
            }
        }
    }

    fn cell(
        &self,
        cell: Option<&Cell>,
        row: &str,
        column: &str,
        shades: &impl Fn(f64) -> usize,
    ) -> Markup {
        let Some(cell) = cell else {
            return html! { td {} };
        };
        let mut says = format!("{} {column}, {} {row}: ", self.across, self.down);
        says += &self.unit.text(cell.value);
        if let Some((low, high)) = cell.between {
            says += &format!(" ({} to {})", self.unit.text(low), self.unit.text(high));
        }
        if cell.misses {
            says += ", misses the objective";
        }
        if cell.chosen {
            says += &format!(", {}", self.choice);
        }
        if !cell.note.is_empty() {
            says += &format!(", {}", cell.note);
        }
        let has_number = cell.value.is_finite();
        let mut class = match has_number {
            true => format!("shade{}", shades(cell.value)),
            false => "none".to_owned(),
        };
        if cell.misses {
            class += " misses";
        }
        if cell.chosen {
            class += " chosen";
        }
        html! {
            td class=(class) title=(says) {
                @if has_number || cell.note.is_empty() { (self.unit.text(cell.value)) }
                @else { (cell.note) }
                @if cell.misses { " ✗" }
                @if cell.chosen { " ★" }
            }
        }
    }
}
