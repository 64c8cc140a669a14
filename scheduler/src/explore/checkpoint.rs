//! A search that was cut short, kept to be gone on with.
//!
//! One line of JSON says whose search it is and lists the parts of its states; behind it come the
//! numbers of the search as plain words of eight bytes, the lowest first.

use super::{
    history::Situation,
    layout::Layout,
    lists::Lists,
    parts::{Control, Id, Store, Value},
    search::Counted,
};
use crate::{program::Program, state::Last};
use iocp_model::System;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    io::{self, BufRead, Read, Write},
};

/// The version of the format.
const VERSION: u32 = 1;

/// Why a search cannot be gone on with, or kept.
#[derive(Debug)]
pub enum CheckpointError {
    /// Reading or writing failed.
    Io(io::Error),
    /// It is no checkpoint, or damaged.
    Damaged(String),
    /// It is one of another search.
    Other(&'static str),
    /// A search that keeps a few bits of each state cannot be kept for later.
    Bits,
}

impl fmt::Display for CheckpointError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "{error}"),
            Self::Bits => f.write_str(
                "a search that keeps only bits of its states cannot be kept: use compact storage",
            ),
            Self::Damaged(why) => write!(f, "this is no checkpoint, or it is damaged: {why}"),
            Self::Other(what) => write!(
                f,
                "this checkpoint is of a search with another {what}: go on with the same"
            ),
        }
    }
}

impl std::error::Error for CheckpointError {}

impl From<io::Error> for CheckpointError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::Damaged("it ends too early".to_owned())
        } else {
            Self::Io(error)
        }
    }
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    version: u32,
    /// What is searched, under which rules, and how.
    workload: String,
    kernel: String,
    options: String,
    layout: Layout,
    parts: Parts,
}

#[derive(Serialize, Deserialize)]
struct Parts {
    systems: Vec<System>,
    controls: Vec<Vec<Control>>,
    lasts: Vec<Last>,
    locals: Vec<Vec<(Id, Id)>>,
    values: Vec<Vec<Value>>,
}

/// What a search is, apart from its threads.
pub(crate) struct Kept {
    pub(crate) store: Store,
    pub(crate) layout: Layout,
    pub(crate) rest: Lists,
    /// The words that stand for the visited states.
    pub(crate) visited: Vec<u64>,
    pub(crate) frontier: Vec<u64>,
    pub(crate) next: Vec<u64>,
    pub(crate) depth: usize,
    pub(crate) counted: Counted,
}

/// Whose search it is.
pub(crate) struct Label<'a> {
    pub(crate) program: &'a Program,
    pub(crate) kernel: String,
    pub(crate) options: String,
}

impl Label<'_> {
    fn workload(&self) -> String {
        // Cannot fail: plain data with names for keys.
        serde_json::to_string(&self.program.workload).unwrap_or_default()
    }

    /// Writes a search.
    ///
    /// # Errors
    /// If writing fails.
    pub(crate) fn write<'w>(
        &self,
        to: &mut dyn Write,
        store: &Store,
        layout: &Layout,
        numbers: impl IntoIterator<Item = &'w [u64]>,
    ) -> Result<(), CheckpointError> {
        let header = Header {
            version: VERSION,
            workload: self.workload(),
            kernel: self.kernel.clone(),
            options: self.options.clone(),
            layout: layout.clone(),
            parts: Parts {
                systems: store.systems().to_vec(),
                controls: store.controls(),
                lasts: store.lasts(),
                locals: store.locals(),
                values: store.values(),
            },
        };
        serde_json::to_writer(&mut *to, &header).map_err(io::Error::from)?;
        to.write_all(b"\n")?;
        for list in numbers {
            to.write_all(&(list.len() as u64).to_le_bytes())?;
            for word in list {
                to.write_all(&word.to_le_bytes())?;
            }
        }
        Ok(to.flush()?)
    }

    /// Reads a search that was kept. `first` is the situation in which it began.
    ///
    /// # Errors
    /// If it cannot be read, or is another search.
    pub(crate) fn read(
        &self,
        from: &mut dyn BufRead,
        first: &Situation,
    ) -> Result<Kept, CheckpointError> {
        let mut line = Vec::new();
        from.read_until(b'\n', &mut line)?;
        let header: Header = serde_json::from_slice(&line)
            .map_err(|error| CheckpointError::Damaged(error.to_string()))?;
        if header.version != VERSION {
            return Err(CheckpointError::Other("version of the format"));
        }
        if header.workload != self.workload() {
            return Err(CheckpointError::Other("scenario"));
        }
        if header.kernel != self.kernel {
            return Err(CheckpointError::Other("profile"));
        }
        if header.options != self.options {
            return Err(CheckpointError::Other("order, storage or reductions"));
        }
        let mut store = Store::new(self.program, first);
        let Parts {
            systems,
            controls,
            lasts,
            locals,
            values,
        } = header.parts;
        store
            .refill(&systems, controls, lasts, locals, values)
            .map_err(|what| CheckpointError::Damaged(what.to_owned()))?;
        let mut list = || numbers(from);
        let (rest, visited, frontier, next, counts) = (list()?, list()?, list()?, list()?, list()?);
        let [depth, states, transitions, ends, digest] = counts[..] else {
            return Err(CheckpointError::Damaged("there are no counts".to_owned()));
        };
        let mut lists = Lists::new(store.slots.all - 1);
        for ids in rest.chunks(store.slots.all - 1) {
            let ids: Vec<_> = ids.iter().map(|id| *id as Id).collect();
            lists.number(&ids);
        }
        Ok(Kept {
            layout: header.layout,
            rest: lists,
            visited,
            frontier,
            next,
            depth: depth as usize,
            counted: Counted {
                states,
                transitions,
                ends,
                digest,
            },
            store,
        })
    }
}

fn numbers(from: &mut dyn BufRead) -> io::Result<Vec<u64>> {
    let mut word = [0; 8];
    from.read_exact(&mut word)?;
    let length = u64::from_le_bytes(word);
    let mut bytes = Vec::new();
    let wanted = length.saturating_mul(8);
    if from.take(wanted).read_to_end(&mut bytes)? as u64 != wanted {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let word = |bytes: &[u8]| {
        bytes
            .iter()
            .rev()
            .fold(0, |word, byte| word << 8 | u64::from(*byte))
    };
    Ok(bytes.chunks(8).map(word).collect())
}
