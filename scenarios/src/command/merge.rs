//! `iocp merge`: the shards of a sweep, put together.

use super::{
    Exit, Problem, Result, output, quoted,
    results::{Folder, counts, read, verdict},
};
use crate::sweep::Sheet;
use clap::Args;
use std::{
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
    let mut folder = Folder::open(&arguments.out, whole, arguments.again)?;
    // Where each point was found first.
    let mut found: Vec<Option<&Path>> = vec![None; folder.sheet.points];
    let mut doubles = 0;
    for (path, _, rows) in &shards {
        for (point, row) in rows {
            match folder.rows.get(point) {
                None => folder.add(row.clone())?,
                Some(known) if known != row => {
                    let other = found[*point].unwrap_or(&arguments.out);
                    return Err(Problem::new(format!(
                        "point {} is in {} and in {}, and is not the same in both. One of them was \
                         made by another program or changed; leave it out.",
                        point + 1,
                        other.display(),
                        path.display()
                    )));
                }
                Some(_) => doubles += usize::from(found[*point].is_some()),
            }
            found[*point].get_or_insert(path);
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
