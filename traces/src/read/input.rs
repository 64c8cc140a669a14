//! Where a trace comes from: text, or text that gzip has compressed.
//!
//! Its first byte tells which: 0x1F begins every gzip file and no line of JSON. So a name like
//! `.jsonl.gz` is for people.

use flate2::bufread::MultiGzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// The first byte of a gzip file.
const GZIP: u8 = 0x1F;

/// An input of which the first byte may not have been looked at yet.
#[derive(Debug)]
pub(super) enum Input<R> {
    /// Nobody has looked.
    Unknown(Option<R>),
    Plain(R),
    Gzip(Box<BufReader<MultiGzDecoder<R>>>),
}

impl<R: BufRead> Input<R> {
    pub(super) fn new(input: R) -> Self {
        Self::Unknown(Some(input))
    }

    fn look(&mut self) -> io::Result<()> {
        let Self::Unknown(input) = self else {
            return Ok(());
        };
        let gzip = match input {
            Some(input) => input.fill_buf()?.first() == Some(&GZIP),
            None => false,
        };
        if let Some(input) = input.take() {
            *self = match gzip {
                true => Self::Gzip(Box::new(BufReader::new(MultiGzDecoder::new(input)))),
                false => Self::Plain(input),
            };
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Input<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.look()?;
        match self {
            Self::Plain(input) => input.read(buffer),
            Self::Gzip(input) => input.read(buffer),
            Self::Unknown(_) => Ok(0),
        }
    }
}

impl<R: BufRead> BufRead for Input<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.look()?;
        match self {
            Self::Plain(input) => input.fill_buf(),
            Self::Gzip(input) => input.fill_buf().map_err(say),
            Self::Unknown(_) => Ok(&[]),
        }
    }

    fn consume(&mut self, amount: usize) {
        match self {
            Self::Plain(input) => input.consume(amount),
            Self::Gzip(input) => input.consume(amount),
            Self::Unknown(_) => {}
        }
    }
}

/// What the decoder says in its own words, with what to do.
fn say(error: io::Error) -> io::Error {
    io::Error::new(
        error.kind(),
        format!(
            "it is compressed with gzip, and {}. Copy the file again",
            match error.kind() {
                io::ErrorKind::UnexpectedEof => "ends in the middle".to_owned(),
                _ => format!("damaged ({error})"),
            }
        ),
    )
}
