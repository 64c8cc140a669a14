//! A folder of results: what `iocp sweep` writes, and what `iocp merge` puts together.
//!
//! `plan.json` says what the results are of. `points.jsonl` has a line for each point that is done;
//! lines are added as points are done, whole or not at all, and stand in the plan's order when the
//! last one is. The tables and the report are written then.

mod parquet;

use super::{Exit, Problem, Result, counted};
use crate::sweep::{Row, Sheet, Status, Table};
use std::{
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{ErrorKind, Read, Write},
    path::{Path, PathBuf},
};

const SHEET: &str = "plan.json";
const LINES: &str = "points.jsonl";
const CSV: &str = "points.csv";
const PARQUET: &str = "points.parquet";
const REPORT: &str = "report.html";

/// A folder that is being written. No other process writes to it meanwhile.
pub(super) struct Folder {
    path: PathBuf,
    /// The lines, locked.
    lines: File,
    /// What the results are of.
    pub(super) sheet: Sheet,
    /// The points that are done.
    pub(super) rows: BTreeMap<usize, Row>,
}

impl Folder {
    /// Opens a folder, or makes it. What is in it must be of the same sheet, or is forgotten if
    /// `again`.
    pub(super) fn open(path: &Path, sheet: Sheet, again: bool) -> Result<Self> {
        if path.is_file() {
            return Err(Problem::new(format!(
                "{} is a file, and the results need a folder. Choose another name with --out.",
                path.display()
            )));
        }
        fs::create_dir_all(path).map_err(|error| Problem::file("make", path, &error))?;
        let file = path.join(LINES);
        let lines = File::options()
            .read(true)
            .append(true)
            .create(true)
            .open(&file);
        let lines = lines.map_err(|error| Problem::file("write", &file, &error))?;
        match lines.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Problem::new(format!(
                    "another iocp writes its results to {}. Wait for it, or choose another folder \
                     with --out.",
                    path.display()
                )));
            }
            Err(TryLockError::Error(error)) => return Err(Problem::file("lock", &file, &error)),
        }
        let mut folder = Self {
            path: path.to_owned(),
            lines,
            sheet,
            rows: BTreeMap::new(),
        };
        if again {
            folder.forget()?;
        }
        match read_sheet(path)? {
            Some(there) => folder.go_on(&there)?,
            None => folder.begin()?,
        }
        Ok(folder)
    }

    /// Removes all results.
    fn forget(&self) -> Result<()> {
        for name in [SHEET, CSV, PARQUET, REPORT] {
            let file = self.path.join(name);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Problem::file("remove", &file, &error));
                }
                _ => {}
            }
        }
        let file = self.path.join(LINES);
        self.lines
            .set_len(0)
            .map_err(|error| Problem::file("write", &file, &error))
    }

    fn begin(&self) -> Result<()> {
        let file = self.path.join(LINES);
        let length = self.lines.metadata().map(|metadata| metadata.len());
        if length.map_err(|error| Problem::file("read", &file, &error))? > 0 {
            return Err(Problem::new(format!(
                "{} has results, and no {SHEET} says what they are of. Choose another folder with \
                 --out, or forget them with --again.",
                self.path.display()
            )));
        }
        write(&self.path.join(SHEET), self.sheet.to_json().as_bytes())
    }

    fn go_on(&mut self, there: &Sheet) -> Result<()> {
        let what = match (self.sheet.differs(there), &there.shard) {
            (Some(what), _) => format!("another plan (not the same: {what})"),
            (None, shard) if *shard != self.sheet.shard => match shard {
                Some(shard) => format!("shard {shard}"),
                None => "the whole plan".to_owned(),
            },
            _ => {
                let text = self.read_lines()?;
                self.rows = rows(&self.path.join(LINES), &text, there)?;
                return Ok(());
            }
        };
        Err(Problem::new(format!(
            "{} holds results of {what}. Choose another folder with --out, or forget them with \
             --again.",
            self.path.display()
        )))
    }

    /// The whole lines. What a process that was killed left of one is cut off.
    fn read_lines(&mut self) -> Result<String> {
        let file = self.path.join(LINES);
        let mut bytes = Vec::new();
        self.lines
            .read_to_end(&mut bytes)
            .map_err(|error| Problem::file("read", &file, &error))?;
        let whole = whole_lines(&bytes).len();
        if whole < bytes.len() {
            eprintln!(
                "{}: the last line is cut short, and dropped; its point is simulated again",
                file.display()
            );
            bytes.truncate(whole);
            self.lines
                .set_len(whole as u64)
                .map_err(|error| Problem::file("write", &file, &error))?;
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The points that are to be here and are not.
    pub(super) fn missing(&self) -> impl Iterator<Item = usize> {
        self.sheet
            .here()
            .filter(|point| !self.rows.contains_key(point))
    }

    /// A point is done.
    pub(super) fn add(&mut self, row: Row) -> Result<()> {
        self.lines
            .write_all(row.line().as_bytes())
            .and_then(|()| self.lines.flush())
            .map_err(|error| Problem::file("write", &self.path.join(LINES), &error))?;
        self.rows.insert(row.point(), row);
        Ok(())
    }

    /// All points are done: the lines in the plan's order and, unless this is a shard, the tables.
    /// What was written.
    pub(super) fn finish(&self) -> Result<Vec<PathBuf>> {
        let mut files = vec![self.path.join(LINES)];
        let lines: String = self.rows.values().map(Row::line).collect();
        write(&files[0], lines.as_bytes())?;
        if self.sheet.shard.is_some() {
            return Ok(files);
        }
        let rows: Vec<_> = self.rows.values().cloned().collect();
        let table = Table::of(&self.sheet, &rows);
        let parquet = parquet::bytes(&table)
            .map_err(|error| Problem::new(format!("cannot write {PARQUET}: {error}")))?;
        let report = self.sheet.report(&rows).html().into_bytes();
        for (name, bytes) in [(CSV, table.csv()), (PARQUET, parquet), (REPORT, report)] {
            let file = self.path.join(name);
            write(&file, &bytes)?;
            files.push(file);
        }
        Ok(files)
    }
}

/// What a folder holds, as it is.
pub(super) fn read(path: &Path) -> Result<(Sheet, BTreeMap<usize, Row>)> {
    let Some(sheet) = read_sheet(path)? else {
        return Err(Problem::new(format!(
            "{} has no {SHEET}: it is no folder that `iocp sweep` has written",
            path.display()
        )));
    };
    let file = path.join(LINES);
    let bytes = match fs::read(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => Vec::new(),
        bytes => bytes.map_err(|error| Problem::file("read", &file, &error))?,
    };
    let rows = rows(&file, &String::from_utf8_lossy(whole_lines(&bytes)), &sheet)?;
    Ok((sheet, rows))
}

/// The lines that have an end. A line that was torn may be so in the middle of a character.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n');
    &bytes[..end.map_or(0, |end| end + 1)]
}

/// What the results in a folder are of, if there are any.
fn read_sheet(path: &Path) -> Result<Option<Sheet>> {
    let file = path.join(SHEET);
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| Problem::file("read", &file, &error))?,
    };
    let sheet = Sheet::parse(&text).map_err(|why| {
        Problem::new(format!(
            "{}: this is not what `iocp sweep` {} writes: {why}. --again forgets the results.",
            file.display(),
            env!("CARGO_PKG_VERSION")
        ))
    })?;
    Ok(Some(sheet))
}

/// The rows of these lines.
fn rows(file: &Path, text: &str, sheet: &Sheet) -> Result<BTreeMap<usize, Row>> {
    let mut rows = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        let row = Row::parse(line, sheet).map_err(|why| {
            Problem::new(format!(
                "{}:{}: this line is no result: {why}. Delete the line, and its point is simulated \
                 again.",
                file.display(),
                at + 1
            ))
        })?;
        rows.insert(row.point(), row);
    }
    Ok(rows)
}

/// Writes a file at once: whoever reads meanwhile sees the old one or the new one.
fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, bytes)
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| Problem::file("write", path, &error))
}

/// "24 points: 20 done, 4 unstable".
pub(super) fn counts(rows: &BTreeMap<usize, Row>) -> String {
    let kinds = [
        (Status::Done, "done"),
        (Status::Unstable, "unstable"),
        (Status::Imprecise, "imprecise"),
        (Status::Failed, "failed"),
    ];
    let count = |status| rows.values().filter(|row| row.status() == status).count();
    let kinds = kinds.map(|(status, word)| (count(status), word));
    let kinds = kinds.iter().filter(|(count, _)| *count > 0);
    let kinds: Vec<_> = kinds
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{}: {}", counted(rows.len(), "point"), kinds.join(", "))
}

/// Has every point an answer? One that says that the system is unstable is one.
pub(super) fn verdict(rows: &BTreeMap<usize, Row>) -> Exit {
    let open = |row: &&Row| matches!(row.status(), Status::Imprecise | Status::Failed);
    match rows.values().find(open) {
        None => Exit::Holds,
        Some(row) => {
            let message = row.text("message").unwrap_or_default();
            eprintln!("Point {}: {message}", row.point() + 1);
            Exit::NoVerdict
        }
    }
}
