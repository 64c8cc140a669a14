//! Reads a trace, event by event, and says where and why when it cannot.
//!
//! Reading is *total*: any bytes whatever give events and then at most one [`ReadError`], in bounded
//! memory, and the events before the error have been given by then. What is checked of a trace:
//!
//! - it is lines of UTF-8, each a JSON object of [the schema](crate::event), no longer than
//!   [`Limits`] allow;
//! - the threads and ports that events name are in the header;
//! - each thread's times do not go back, it returns from the call that it is in, and makes no call
//!   inside another;
//! - nothing comes after [`Happening::Settled`].
//!
//! Between threads the lines may come in any order: the recorder merges them by time, but equal
//! times have no order.
//!
//! What gzip has compressed is read like the text in it; the limits are those of the text.
//!
//! It does not know files: the caller opens them, and puts the name into the error with
//! [`ReadError::in_file`].

mod error;
mod input;
mod lines;
mod order;

pub use error::{ReadError, ReadErrorKind};

use crate::{
    Event, Happening, Header,
    event::{FORMAT, Flat, VERSION},
};
use lines::Lines;
use order::Order;
use serde::Deserialize;
use serde_json::error::Category;
use std::io::BufRead;

/// The most bytes of the first line; it holds the whole scenario.
pub const MOST_HEADER_BYTES: usize = 16 << 20;
/// The most bytes of any other line.
pub const MOST_LINE_BYTES: usize = 1 << 20;
/// The most events of a trace that is read event by event.
pub const MOST_EVENTS: u64 = 50_000_000;
/// The most events of a trace that is held in memory.
pub const MOST_EVENTS_HELD: u64 = 5_000_000;
/// The most bytes of a trace that is held in memory.
pub const MOST_BYTES_HELD: u64 = 1 << 30;
/// The most threads, and the most ports.
pub const MOST_NAMES: usize = 65_536;

/// How much a reader takes before it refuses. An error that a limit caused names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Of the first line: [`MOST_HEADER_BYTES`].
    pub header_bytes: usize,
    /// Of any other line: [`MOST_LINE_BYTES`].
    pub line_bytes: usize,
    /// Events: [`MOST_EVENTS`], or [`MOST_EVENTS_HELD`].
    pub events: u64,
    /// Of all lines together: no limit, or [`MOST_BYTES_HELD`].
    pub bytes: u64,
    /// Threads, and ports: [`MOST_NAMES`].
    pub names: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: MOST_HEADER_BYTES,
            line_bytes: MOST_LINE_BYTES,
            events: MOST_EVENTS,
            bytes: u64::MAX,
            names: MOST_NAMES,
        }
    }
}

impl Limits {
    /// The limits of [`Trace::read`], which keeps what it reads: 2 to 3 GiB at the very most.
    pub fn held() -> Self {
        Self {
            events: MOST_EVENTS_HELD,
            bytes: MOST_BYTES_HELD,
            ..Self::default()
        }
    }
}

/// A trace that is being read: its header, and an iterator over its events.
///
/// After an error there are no more events.
///
/// ```
/// use iocp_traces::Reader;
///
/// let file = concat!(
///     r#"{"format":"iocp-trace","version":1,"producer":{"kind":"simulator","version":"0.1.0","#,
///     r#""profile":"windows-10-1607+","strategy":"random","seed":7},"processors":1,"#,
///     r#""clock":"virtual","threads":["a"],"ports":[],"scenario":{}}"#, "\n",
///     r#"{"t":5,"event":"does","thread":"a","what":"compute 1ms"}"#, "\n",
///     r#"{"t":6,"event":"en"#,
/// );
/// let mut reader = Reader::new(file.as_bytes())?;
/// assert_eq!(reader.header().threads, ["a"]);
/// assert_eq!(reader.next().unwrap()?.at_ns, 5);
/// let error = reader.next().unwrap().unwrap_err();
/// assert_eq!((error.line(), error.column()), (3, Some(19)));
/// assert!(error.to_string().contains("ends in the middle of this line"));
/// assert!(reader.next().is_none());
/// # Ok::<(), iocp_traces::ReadError>(())
/// ```
#[derive(Debug)]
pub struct Reader<R> {
    lines: Lines<R>,
    header: Header,
    limits: Limits,
    order: Order,
    events: u64,
    done: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header, with the usual [`Limits`].
    ///
    /// # Errors
    ///
    /// The first line is no header, or not one that this version can read.
    pub fn new(input: R) -> Result<Self, ReadError> {
        Self::with_limits(input, Limits::default())
    }

    /// Reads the header, with these limits.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn with_limits(input: R, limits: Limits) -> Result<Self, ReadError> {
        let mut lines = Lines::new(input, limits.bytes);
        let Some(line) = lines.next(limits.header_bytes, "header_bytes")? else {
            return Err(ReadError::empty());
        };
        let header = read_header(line)?;
        let order = Order::new(&header, limits.names)?;
        Ok(Self {
            lines,
            header,
            limits,
            order,
            events: 0,
            done: false,
        })
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The line that was read last; the header is line 1.
    pub fn line(&self) -> u64 {
        self.lines.number()
    }

    fn event(&mut self) -> Result<Option<Event<'static>>, ReadError> {
        let Some(line) = self.lines.next(self.limits.line_bytes, "line_bytes")? else {
            return Ok(None);
        };
        if self.events == self.limits.events {
            return Err(ReadError::too_many_events(line.number, self.limits.events));
        }
        let flat: Flat<'_> =
            serde_json::from_str(line.text).map_err(|error| not_an_event(line, &error))?;
        let event = Event::try_from(flat).map_err(|misfit| ReadError::misfit(line, &misfit))?;
        self.order.check(line, &event)?;
        self.events += 1;
        Ok(Some(event.into_owned()))
    }
}

impl<R: BufRead> Iterator for Reader<R> {
    type Item = Result<Event<'static>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let event = self.event().transpose();
        self.done = !matches!(event, Some(Ok(_)));
        event
    }
}

/// A line, with what is needed to say where in the file it stands.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: u64,
    text: &'a str,
    /// It ends with a line end: the file was not cut off inside it.
    whole: bool,
}

fn read_header(line: Line<'_>) -> Result<Header, ReadError> {
    /// What must be so before the schema can be looked at.
    #[derive(Deserialize)]
    struct Start {
        format: Option<serde_json::Value>,
        version: Option<serde_json::Value>,
        event: Option<serde::de::IgnoredAny>,
    }
    let start: Start = serde_json::from_str(line.text).map_err(|error| match error.classify() {
        Category::Eof if !line.whole => ReadError::truncated(line),
        Category::Data => ReadError::not_a_header(),
        _ => ReadError::header_not_json(line, &error),
    })?;
    match (&start.format, start.event) {
        (Some(format), _) if format == FORMAT => {}
        (Some(format), _) => return Err(ReadError::wrong_format(line, format)),
        (None, Some(_)) => return Err(ReadError::header_missing()),
        (None, None) => return Err(ReadError::not_a_header()),
    }
    match start.version.as_ref().and_then(serde_json::Value::as_u64) {
        Some(version) if version == u64::from(VERSION) => {}
        Some(version) if version > VERSION.into() => {
            return Err(ReadError::too_new(line, version));
        }
        _ => return Err(ReadError::wrong_version(line, start.version.as_ref())),
    }
    serde_json::from_str(line.text).map_err(|error| ReadError::header(line, &error))
}

fn not_an_event(line: Line<'_>, error: &serde_json::Error) -> ReadError {
    match error.classify() {
        _ if line.text.trim().is_empty() => ReadError::empty_line(line),
        Category::Eof if !line.whole => ReadError::truncated(line),
        Category::Data => ReadError::event(line, error),
        _ => ReadError::not_json(line, error),
    }
}

/// A whole trace in memory.
#[derive(Clone, PartialEq, Debug)]
pub struct Trace {
    /// The header.
    pub header: Header,
    /// The events, in the order of their lines.
    pub events: Vec<Event<'static>>,
}

impl Trace {
    /// Reads a whole trace, within [`Limits::held`].
    ///
    /// # Errors
    ///
    /// The first thing that is wrong with it. To keep what stands before, see
    /// [`read_start`](Self::read_start).
    pub fn read(input: impl BufRead) -> Result<Self, ReadError> {
        Self::read_with_limits(input, Limits::held())
    }

    /// Reads a whole trace, with these limits.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    pub fn read_with_limits(input: impl BufRead, limits: Limits) -> Result<Self, ReadError> {
        match Self::read_start(input, limits)? {
            (trace, None) => Ok(trace),
            (_, Some(error)) => Err(error),
        }
    }

    /// Reads as much of a trace as can be read: what stands before the first error, and the error.
    ///
    /// # Errors
    ///
    /// There is no header.
    pub fn read_start(
        input: impl BufRead,
        limits: Limits,
    ) -> Result<(Self, Option<ReadError>), ReadError> {
        let mut reader = Reader::with_limits(input, limits)?;
        let mut events = Vec::new();
        let mut error = None;
        for event in &mut reader {
            match event {
                Ok(event) => events.push(event),
                Err(first) => error = Some(first),
            }
        }
        Ok((
            Self {
                header: reader.header,
                events,
            },
            error,
        ))
    }

    /// When nothing happened any more; nothing if the trace does not say, so that it may have been
    /// cut off.
    pub fn settled_at_ns(&self) -> Option<u64> {
        let last = self.events.last()?;
        (last.what == Happening::Settled {}).then_some(last.at_ns)
    }
}
