//! Rows laid out in columns.

use super::{
    Options,
    rows::{Lane, PortCell, Row},
    words::{Clock, Style, Used, clip, error_name, printable, status_name},
};
use crate::{Clock as Ticks, Header};
use std::{borrow::Cow, collections::BTreeSet};

/// Between two columns.
const GAP: &str = "  ";
/// The least width of a thread's column, even if lines become too long.
const LEAST: usize = 8;
/// When all threads' columns are narrower than this, the gaps between them are narrower too.
const NARROW: usize = 16;
/// When they are narrower than this, blanks are saved inside as well.
const TIGHT: usize = 12;
/// The most width of the waiters' column, and of what else happened to a port: with room and
/// without.
const MOST_WAITERS: [usize; 2] = [30, 16];
/// A blank at which a line is broken only when it must be.
const NO_BREAK: char = '\u{a0}';

/// Where everything stands.
#[derive(Debug)]
pub(crate) struct Layout {
    style: Style,
    width: usize,
    clock: Clock,
    /// Over the column of the times.
    title: &'static str,
    time: usize,
    /// Between the columns of two threads.
    gap: &'static str,
    threads: Vec<(String, usize)>,
    right: Option<Right>,
}

/// The columns on the right: the ports.
#[derive(Debug)]
struct Right {
    title: String,
    columns: Vec<(&'static str, usize)>,
}

impl Layout {
    pub(crate) fn new(header: &Header, rows: &[&Row<'_>], options: &Options) -> Self {
        let mut style = Style {
            ascii: options.ascii,
            full: true,
            tight: false,
        };
        let moments = rows.iter().filter(|row| !row.settled || rows.len() == 1);
        let (clock, title) = match header.clock {
            Ticks::Steps => (Clock::of_steps(), "step"),
            _ => (
                Clock::new(moments.map(|row| row.at_ns), options.ascii),
                "time",
            ),
        };
        let texts = rows.iter().map(|row| clock.text(row.at_ns).chars().count());
        let time = texts.max().unwrap_or(0).max(title.len());
        let natural = |style: Style| -> Vec<usize> {
            let names = header.threads.iter().map(|name| name.chars().count());
            let mut widths: Vec<_> = names.collect();
            for row in rows {
                for (column, cell) in &row.cells {
                    let pieces = style.pieces(cell, row, &mut Used::default());
                    widths[*column] = widths[*column].max(pieces.join(" ").chars().count());
                }
            }
            widths
        };
        let mut right = Right::new(header, rows, style, MOST_WAITERS[0]);
        let mut gap = GAP;
        // What is left for the threads, their gaps taken off.
        let room = |right: &Option<Right>, gap: &str| {
            let right = right.as_ref().map_or(0, |right| right.width() + GAP.len());
            let gaps = gap.len() * header.threads.len().saturating_sub(1) + GAP.len();
            options.width.saturating_sub(time + right + gaps)
        };
        let mut widths = natural(style);
        if widths.iter().sum::<usize>() > room(&right, gap) {
            style.full = false;
            widths = natural(style);
        }
        if widths.iter().sum::<usize>() > room(&right, gap) {
            right = Right::new(header, rows, style, MOST_WAITERS[1]);
            share(&mut widths, room(&right, gap));
            if widths.iter().all(|width| *width < NARROW) {
                gap = &GAP[1..];
                style.tight = widths.iter().all(|width| *width < TIGHT);
                widths = natural(style);
                share(&mut widths, room(&right, gap));
            }
        }
        let threads = header.threads.iter().zip(widths);
        let threads = threads.map(|(name, width)| {
            (
                clip(&printable(name), width, style.ellipsis()).into_owned(),
                width,
            )
        });
        Self {
            style,
            width: options.width,
            clock,
            title,
            time,
            gap,
            threads: threads.collect(),
            right,
        }
    }

    pub(crate) fn head(&self, out: &mut String) {
        let rule = |width: usize| self.style.rule().repeat(width);
        let mut names = format!("{:1$}", self.title, self.time);
        let mut rules = rule(self.time);
        for (column, (name, width)) in self.threads.iter().enumerate() {
            let gap = self.gap(column);
            names.push_str(&format!("{gap}{name:width$}"));
            rules.push_str(&format!("{gap}{}", rule(*width)));
        }
        if let Some(right) = &self.right {
            line(
                out,
                &format!("{:1$}{GAP}{2}", "", names.chars().count(), right.title),
            );
            names.push_str(GAP);
            rules.push_str(GAP);
            names.push_str(&right.line(right.columns.iter().map(|(name, _)| (*name).into())));
            rules.push_str(&rule(right.width()));
        }
        line(out, &names);
        line(out, &rules);
    }

    /// In front of a thread's column.
    fn gap(&self, column: usize) -> &'static str {
        if column == 0 { GAP } else { self.gap }
    }

    /// A line between two rows, across all columns.
    pub(crate) fn mark(&self, text: &str, out: &mut String) {
        let rule = self.style.rule();
        let shown = format!("{} {text} ", rule.repeat(self.time + GAP.len()));
        let threads = self.threads.iter().enumerate();
        let threads = threads.map(|(column, (_, width))| self.gap(column).len() + width);
        let right = self
            .right
            .as_ref()
            .map_or(0, |right| GAP.len() + right.width());
        let all = self.time + threads.sum::<usize>() + right;
        let rest = all.saturating_sub(shown.chars().count());
        line(out, &format!("{shown}{}", rule.repeat(rest)));
    }

    /// A row, on as many lines as it takes.
    pub(crate) fn row(&self, row: &Row<'_>, out: &mut String) {
        let mut used = Used::default();
        let cells: Vec<_> = (self.threads.iter().enumerate())
            .map(|(column, (_, width))| match row.cells.get(&column) {
                Some(cell) => self.wrap(&self.style.pieces(cell, row, &mut used), *width),
                None => Vec::new(),
            })
            .collect();
        let mut right: Vec<_> = match &self.right {
            Some(right) => row
                .ports
                .iter()
                .map(|cell| right.cells(cell, row, self.style))
                .collect(),
            None => Vec::new(),
        };
        if row.settled && row.cells.is_empty() {
            let text = "nothing happens any more";
            line(
                out,
                &format!("{:>1$}{GAP}{text}", self.clock.text(row.at_ns), self.time),
            );
            return;
        }
        right.reverse();
        let lines = cells
            .iter()
            .map(Vec::len)
            .max()
            .unwrap_or(0)
            .max(right.len())
            .max(1);
        for index in 0..lines {
            let time = if index == 0 {
                self.clock.text(row.at_ns)
            } else {
                String::new()
            };
            let mut text = format!("{time:>0$}", self.time);
            for (column, (_, width)) in self.threads.iter().enumerate() {
                let cell = match cells[column].get(index) {
                    Some(cell) => cell,
                    None => match row.lanes[column] {
                        Lane::Out => self.style.out(),
                        Lane::Runs => "",
                        Lane::Waits => self.style.waits(),
                    },
                };
                text.push_str(&format!("{}{cell:width$}", self.gap(column)));
            }
            if let (Some(right), Some(cells)) = (&self.right, right.pop()) {
                text.push_str(GAP);
                text.push_str(&right.line(cells.into_iter()));
            }
            line(out, &text);
        }
    }

    /// Breaks what a cell says into lines of `width`: between pieces, else between words, else
    /// between words that had better stay together.
    fn wrap(&self, pieces: &[String], width: usize) -> Vec<String> {
        let indent = if self.style.tight { " " } else { "  " };
        let mut lines: Vec<String> = Vec::new();
        let mut add = |text: &str, joins: bool, last: bool| -> bool {
            let length = text.chars().count();
            let room = if lines.is_empty() {
                width
            } else {
                width.saturating_sub(indent.len())
            };
            match lines.last_mut() {
                Some(line) if joins && line.chars().count() + 1 + length <= width => {
                    line.push(' ');
                    line.push_str(text);
                }
                _ if length > room && !last => return false,
                line => {
                    let indent = if line.is_some() { indent } else { "" };
                    let text = clip(text, room, self.style.ellipsis());
                    lines.push(format!("{indent}{text}"));
                }
            }
            true
        };
        for piece in pieces {
            if add(piece, true, false) {
                continue;
            }
            // The words of a piece that was broken stand by themselves.
            let mut joins = false;
            for word in piece.split(' ') {
                if !add(word, joins, false) {
                    let (call, word) = word.split_at(word.find('(').map_or(0, |at| at + 1));
                    if !call.is_empty() {
                        add(call, joins, true);
                        joins = false;
                    }
                    for part in word.split(NO_BREAK) {
                        add(part, joins, true);
                        joins = true;
                    }
                }
                joins = true;
            }
        }
        for line in &mut lines {
            *line = line.replace(NO_BREAK, " ");
        }
        lines
    }

    /// Explains what the rows use.
    pub(crate) fn legend(&self, rows: &[&Row<'_>], out: &mut String) {
        let style = self.style;
        let mut used = Used::default();
        let mut lanes = BTreeSet::new();
        for row in rows {
            for cell in row.cells.values() {
                style.pieces(cell, row, &mut used);
            }
            let quiet = (0..row.lanes.len()).filter(|column| !row.cells.contains_key(column));
            lanes.extend(quiet.map(|column| row.lanes[column] as u8));
        }
        let mut items = Vec::new();
        if lanes.contains(&(Lane::Waits as u8)) {
            items.push(format!("{} has not returned yet", style.waits()));
        }
        if lanes.contains(&(Lane::Out as u8)) {
            items.push(format!("{} not begun, or ended", style.out()));
        }
        if used.returns {
            items.push(format!("{} returns", style.returns()));
        }
        if used.handed {
            let sign = style.handed();
            items.push(format!(
                "{sign} returns with a packet that it was handed while waiting"
            ));
        }
        if used.infinite && !style.ascii {
            items.push(format!("{} no time-out", style.infinite()));
        }
        if used.later {
            items.push("+ so much later".to_owned());
        }
        if !items.is_empty() || self.right.is_some() {
            out.push('\n');
        }
        paragraph(out, &items, self.width);
        let mut items: Vec<_> = used
            .calls
            .iter()
            .map(|full| {
                let short = style.call(full).0;
                format!("{short} = {full}")
            })
            .collect();
        items.extend(
            used.errors
                .iter()
                .filter_map(|error| error_name(*error).map(|name| format!("{error} = {name}"))),
        );
        items.extend(
            used.statuses.iter().filter_map(|status| {
                status_name(*status).map(|name| format!("{status:#x} = {name}"))
            }),
        );
        paragraph(out, &items, self.width);
        if self.right.is_some() {
            let items = [
                "depth: packets in the queue".to_owned(),
                "active: its threads that are not blocked / the limit".to_owned(),
                "waiters: oldest first".to_owned(),
            ];
            paragraph(out, &items, self.width);
        }
    }
}

impl Right {
    fn new(header: &Header, rows: &[&Row<'_>], style: Style, most: usize) -> Option<Self> {
        let mut right = Self {
            title: String::new(),
            columns: Vec::new(),
        };
        let names = ["port", "depth", "active", "waiters", ""];
        let mut widths = names.map(str::len);
        let mut ports = BTreeSet::new();
        let cells = rows
            .iter()
            .flat_map(|row| row.ports.iter().map(move |cell| (cell, row)));
        for (cell, row) in cells {
            ports.insert(cell.port);
            right.columns = vec![("", usize::MAX); names.len()];
            for (width, text) in widths.iter_mut().zip(right.cells(cell, row, style)) {
                *width = (*width).max(text.chars().count());
            }
        }
        let only = ports.first()?;
        widths[3] = widths[3].min(most);
        widths[4] = widths[4].min(most);
        right.columns = names.into_iter().zip(widths).collect();
        if ports.len() == 1 && header.ports.len() <= 1 {
            right.columns[0] = ("", 0);
            right.title = format!("port {}", printable(only));
        } else {
            right.title = "ports".to_owned();
        }
        Some(right)
    }

    fn width(&self) -> usize {
        let widths = self
            .columns
            .iter()
            .map(|(_, width)| *width)
            .filter(|width| *width > 0);
        widths
            .map(|width| width + GAP.len())
            .sum::<usize>()
            .saturating_sub(GAP.len())
    }

    fn cells(&self, cell: &PortCell<'_>, row: &Row<'_>, style: Style) -> [String; 5] {
        let notes = cell
            .notes
            .iter()
            .filter(|note| !note.shows_in_depth(cell, row));
        let notes: Vec<_> = notes
            .map(|note| note.words().replace(NO_BREAK, " "))
            .collect();
        let notes = notes.join(", ");
        let port = cell.port.to_owned();
        let cells = match cell.state {
            None => [port, String::new(), String::new(), String::new(), notes],
            Some(state) => [
                port,
                state.depth.to_string(),
                format!("{}/{}", state.active, state.limit),
                match state.waiters.as_slice() {
                    [] => style.none().to_owned(),
                    waiters => together(waiters),
                },
                notes,
            ],
        };
        let mut index = 0;
        cells.map(|text| {
            let width = self.columns[index].1;
            index += 1;
            clip(&printable(&text), width, style.ellipsis()).into_owned()
        })
    }

    fn line(&self, cells: impl Iterator<Item = String>) -> String {
        let columns = self
            .columns
            .iter()
            .zip(cells)
            .filter(|((_, width), _)| *width > 0);
        let texts: Vec<_> = columns
            .map(|((_, width), text)| format!("{text:width$}"))
            .collect();
        texts.join(GAP)
    }
}

/// Narrow columns keep their width, wide ones share what is left.
fn share(widths: &mut [usize], room: usize) {
    let mut order: Vec<usize> = (0..widths.len()).collect();
    order.sort_by_key(|column| widths[*column]);
    let mut left = room;
    for (done, column) in order.iter().enumerate() {
        let fair = left / (order.len() - done);
        let width = widths[*column].min(fair.max(LEAST));
        widths[*column] = width;
        left = left.saturating_sub(width);
    }
}

/// Names beside each other; of those that differ in a number only, the numbers:
/// `main worker-1..3,7`.
fn together(names: &[Cow<'_, str>]) -> String {
    let mut text = String::new();
    let mut names = names.iter().map(|name| split_number(name)).peekable();
    while let Some((stem, number)) = names.next() {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(stem);
        let Some(mut last) = number else { continue };
        text.push_str(&last.to_string());
        // The last of a run of numbers that is not written yet, and how long the run is.
        let mut run = 1;
        let close = |text: &mut String, last: u64, run: usize| match run {
            1 => {}
            2 => text.push_str(&format!(",{last}")),
            _ => text.push_str(&format!("..{last}")),
        };
        while let Some((_, Some(next))) =
            names.next_if(|(other, next)| *other == stem && next.is_some())
        {
            if last.checked_add(1) == Some(next) {
                run += 1;
            } else {
                close(&mut text, last, run);
                text.push_str(&format!(",{next}"));
                run = 1;
            }
            last = next;
        }
        close(&mut text, last, run);
    }
    text
}

/// A name and the number at its end, if it has one that can be taken off and put back.
fn split_number(name: &str) -> (&str, Option<u64>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let digits = &name[stem.len()..];
    match digits.parse::<u64>() {
        Ok(number) if !stem.is_empty() && number.to_string() == digits => (stem, Some(number)),
        _ => (name, None),
    }
}

/// A line without blanks at its end.
fn line(out: &mut String, text: &str) {
    out.push_str(text.trim_end());
    out.push('\n');
}

/// Items beside each other, on lines of `width`.
fn paragraph(out: &mut String, items: &[String], width: usize) {
    const BETWEEN: &str = "   ";
    let mut text = String::new();
    for item in items {
        let more = BETWEEN.len() + item.chars().count();
        if !text.is_empty() && text.chars().count() + more > width {
            line(out, &std::mem::take(&mut text));
        }
        if !text.is_empty() {
            text.push_str(BETWEEN);
        }
        text.push_str(item);
    }
    if !text.is_empty() {
        line(out, &text);
    }
}
