//! Searches that are kept in a file, and gone on with.

use super::{Arguments, Problem, Result, watch::Watch};
use iocp_scheduler::{
    Program, RunError,
    explore::{self, Checkpoints, ExploreError, Report},
};
use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, BufWriter, Write},
    path::{Path, PathBuf},
};

/// Searches a program: from the beginning, or where a checkpoint left off.
pub(super) fn explore(arguments: &Arguments, program: &Program, watch: &Watch) -> Result<Report> {
    let mut from = match &arguments.resume {
        Some(path) => {
            let file = File::open(path).map_err(|error| Problem::file("read", path, &error))?;
            Some(BufReader::with_capacity(1 << 16, file))
        }
        None => None,
    };
    let mut to = arguments.checkpoint.as_deref().map(Kept::new);
    let checkpoints = Checkpoints {
        from: from.as_mut().map(|from| from as &mut dyn BufRead),
        to: to.as_mut().map(|to| to as &mut dyn Write),
    };
    let report = explore::explore_on(
        program,
        arguments.profile,
        &arguments.options(),
        &|progress| watch.goes_on(progress),
        checkpoints,
    );
    watch.end();
    let report = report.map_err(|error| match error {
        ExploreError::Step(error) => match RunError::of_step(program, error) {
            RunError::Bug(message) => panic!("{message}"),
            error => Problem::new(error),
        },
        ExploreError::Checkpoint(error) => {
            let path = arguments.resume.as_ref().or(arguments.checkpoint.as_ref());
            let path = path.map(|path| path.display().to_string());
            Problem::new(format!("{}: {error}", path.unwrap_or_default()))
        }
    })?;
    if let (Some(to), Some(path)) = (to, &arguments.checkpoint) {
        to.finish()
            .map_err(|error| Problem::file("write", path, &error))?;
    }
    Ok(report)
}

/// A file that is made when something is written, and has its name when all is. So the checkpoint
/// before it is there until then.
struct Kept {
    path: PathBuf,
    file: Option<BufWriter<File>>,
}

impl Kept {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            file: None,
        }
    }

    fn unfinished(&self) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".unfinished");
        name.into()
    }

    fn finish(mut self) -> io::Result<()> {
        let Some(mut file) = self.file.take() else {
            return Ok(());
        };
        file.flush()?;
        drop(file);
        fs::rename(self.unfinished(), &self.path)
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let file = File::create(self.unfinished())?;
                self.file.insert(BufWriter::with_capacity(1 << 16, file))
            }
        };
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), BufWriter::flush)
    }
}
