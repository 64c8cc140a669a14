//! Traces as files: plain, or compressed with gzip if the name ends in `.gz`.

use super::{Problem, Result};
use flate2::{Compression, write::GzEncoder};
use iocp_traces::{Event, Header, Trace, Writer};
use std::{
    fs::File,
    io::{self, BufReader, Write},
    path::Path,
};

/// The endings of a trace's name.
const ENDINGS: [&str; 2] = [".jsonl", ".jsonl.gz"];

/// Is the file called as traces are?
pub(super) fn is_trace(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| ENDINGS.iter().any(|ending| name.ends_with(ending)))
}

/// Reads a trace, whole; what the file is called does not matter.
pub(super) fn read(path: &Path) -> Result<Trace> {
    let file = File::open(path).map_err(|error| Problem::file("read", path, &error))?;
    Trace::read(BufReader::with_capacity(1 << 16, file))
        .map_err(|error| Problem::new(error.in_file(path.display().to_string())))
}

/// A file to write a trace into.
pub(super) struct TraceFile(Writer<Sink>);

enum Sink {
    Plain(File),
    Gzip(GzEncoder<File>),
}

impl TraceFile {
    /// Makes the file and writes the header.
    pub(super) fn create(path: &Path, header: &Header) -> io::Result<Self> {
        let compress = path.extension().is_some_and(|ending| ending == "gz");
        Self::open(File::create(path)?, compress, header)
    }

    pub(super) fn open(file: File, compress: bool, header: &Header) -> io::Result<Self> {
        let sink = match compress {
            true => Sink::Gzip(GzEncoder::new(file, Compression::best())),
            false => Sink::Plain(file),
        };
        Writer::new(sink, header).map(Self)
    }

    pub(super) fn event(&mut self, event: &Event<'_>) -> io::Result<()> {
        self.0.event(event)
    }

    pub(super) fn finish(self) -> io::Result<()> {
        match self.0.finish()? {
            Sink::Plain(_) => Ok(()),
            Sink::Gzip(file) => file.finish().map(drop),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            Self::Gzip(file) => file.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            Self::Gzip(file) => file.flush(),
        }
    }
}

/// Writes a whole trace.
#[cfg(windows)]
pub(super) fn write(path: &Path, trace: &Trace) -> io::Result<()> {
    let file = TraceFile::create(path, &trace.header)?;
    write_events(file, trace)
}

/// Writes a trace in the place of the old file: beside it first, so that nothing is lost if this
/// fails half-way.
pub(super) fn replace(path: &Path, trace: &Trace) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let compress = path.extension().is_some_and(|ending| ending == "gz");
    let file = TraceFile::open(File::create(&beside)?, compress, &trace.header)?;
    write_events(file, trace)?;
    std::fs::rename(&beside, path)
}

fn write_events(mut file: TraceFile, trace: &Trace) -> io::Result<()> {
    for event in &trace.events {
        file.event(event)?;
    }
    file.finish()
}
