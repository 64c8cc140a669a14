//! `iocp merge`: the shards of a sweep, put together.

use super::{
    Exit, Problem, Result, output, quoted,
    results::{Folder, counts, read, verdict},
};
use crate::sweep::{Row, Sheet};
use clap::Args;
use std::{
    collections::BTreeMap,
    io::Write,
    path::{Path, PathBuf},
};

/// More missing points than this are not listed one by one.
const MOST_LISTED: usize = 10;

#[derive(Args)]
pub(super) struct Arguments {
    /// The folders of the shards.
    #[arg(required = true, value_name = "DIR")]
    shards: Vec<PathBuf>,
    /// The folder for the whole.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Forget the results that are in that folder.
    #[arg(long)]
    again: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result {
    let mut shards = Vec::new();
    for path in &arguments.shards {
        let (sheet, rows) = read(path)?;
        shards.push((path, sheet, rows));
    }
    let (first, whole, _) = &shards[0];
    for (path, sheet, _) in &shards[1..] {
        if let Some(what) = whole.differs(sheet) {
            return Err(Problem::new(format!(
                "{} and {} are of different plans (not the same: {what}). Merge the shards of one \
                 plan.",
                first.display(),
                path.display()
            )));
        }
    }
    let whole = Sheet {
        shard: None,
        ..whole.clone()
    };
    let (found, doubles) = together(&shards)?;
    let mut folder = Folder::open(&arguments.out, whole, arguments.again)?;
    let known = folder.rows.iter();
    let mut known = known.filter_map(|(point, row)| Some((point, row, found.get(point)?)));
    if let Some((point, _, (path, _))) = known.find(|(_, row, (_, other))| row != other) {
        return Err(Problem::new(format!(
            "{} --again forgets what is in {}.",
            differs(*point, &arguments.out, path),
            arguments.out.display()
        )));
    }
    for (point, (_, row)) in found {
        if !folder.rows.contains_key(&point) {
            folder.add(row.clone())?;
        }
    }
    let mut out = output();
    if doubles > 0 {
        let points = super::counted(doubles, "point");
        writeln!(
            out,
            "{points} had been simulated more than once, with the same results."
        )?;
    }
    let missing: Vec<_> = folder
        .missing()
        .map(|point| (point + 1).to_string())
        .collect();
    if missing.is_empty() {
        let files = folder.finish()?;
        writeln!(out, "{}", counts(&folder.rows))?;
        let files: Vec<_> = files
            .iter()
            .map(|file| file.display().to_string())
            .collect();
        writeln!(out, "Results: {}", files.join(", "))?;
        out.flush()?;
        return Ok(verdict(&folder.rows));
    }
    let listed = &missing[..missing.len().min(MOST_LISTED)];
    let more = match missing.len() - listed.len() {
        0 => String::new(),
        more => format!(" and {more} others"),
    };
    writeln!(
        out,
        "{} of {} points are missing: {}{more}. To simulate them: iocp sweep {} --out {}",
        missing.len(),
        folder.sheet.points,
        listed.join(", "),
        quoted(&folder.sheet.plan),
        quoted(&arguments.out.display().to_string()),
    )?;
    out.flush()?;
    Ok(Exit::NoVerdict)
}

/// A folder, what it is of, and what is in it.
type Part<'a> = (&'a PathBuf, Sheet, BTreeMap<usize, Row>);
/// Where each point was found first, and what it is.
type Found<'a> = BTreeMap<usize, (&'a Path, &'a Row)>;

/// All points, and how often one was found that had been found before. Nothing is written until
/// they are known to fit together.
fn together<'a>(shards: &'a [Part<'_>]) -> Result<(Found<'a>, usize)> {
    let mut found = Found::new();
    let mut doubles = 0;
    for (path, _, rows) in shards {
        for (point, row) in rows {
            match found.get(point) {
                None => _ = found.insert(*point, (path.as_path(), row)),
                Some((_, known)) if *known == row => doubles += 1,
                Some((other, _)) => return Err(Problem::new(differs(*point, other, path))),
            }
        }
    }
    Ok((found, doubles))
}

fn differs(point: usize, one: &Path, other: &Path) -> String {
    format!(
        "point {} is in {} and in {}, and is not the same in both. One of them was made by another \
         program or changed; leave it out.",
        point + 1,
        one.display(),
        other.display()
    )
}
