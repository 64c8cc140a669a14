//! Lines of bounded length.

use super::{Line, ReadError, input::Input};
use std::io::{BufRead, Read};

/// Takes lines from an input. Holds one at a time.
#[derive(Debug)]
pub(super) struct Lines<R> {
    input: Input<R>,
    line: Vec<u8>,
    number: u64,
    bytes: u64,
    most_bytes: u64,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R, most_bytes: u64) -> Self {
        Self {
            input: Input::new(input),
            line: Vec::new(),
            number: 0,
            bytes: 0,
            most_bytes,
        }
    }

    /// The line that was read last, from 1.
    pub(super) fn number(&self) -> u64 {
        self.number
    }

    /// The next line, of at most `most` bytes; `limit` is what that limit is called.
    pub(super) fn next(
        &mut self,
        most: usize,
        limit: &'static str,
    ) -> Result<Option<Line<'_>>, ReadError> {
        self.line.clear();
        // With the line end, and one byte that shows that there would be more.
        let window = (most as u64).saturating_add(2);
        let read = self
            .input
            .by_ref()
            .take(window)
            .read_until(b'\n', &mut self.line)
            .map_err(|error| ReadError::io(self.number + 1, &error))?;
        if read == 0 {
            return Ok(None);
        }
        self.number += 1;
        self.bytes += read as u64;
        let whole = self.line.last() == Some(&b'\n');
        let line = if whole {
            &self.line[..read - 1]
        } else {
            &self.line[..]
        };
        if line.len() > most {
            return Err(ReadError::too_long(self.number, most, limit));
        }
        if self.bytes > self.most_bytes {
            return Err(ReadError::too_many_bytes(self.number, self.most_bytes));
        }
        let line = match line.strip_prefix(b"\xef\xbb\xbf") {
            // The byte order mark that some editors put in front of a file.
            Some(rest) if self.number == 1 => rest,
            _ => line,
        };
        match std::str::from_utf8(line) {
            Ok(text) => Ok(Some(Line {
                number: self.number,
                text,
                whole,
            })),
            Err(error) => {
                let good = std::str::from_utf8(&line[..error.valid_up_to()]).unwrap_or_default();
                let good = Line {
                    number: self.number,
                    text: good,
                    whole,
                };
                Err(match error.error_len() {
                    None if !whole => ReadError::truncated(good),
                    _ if self.number == 1 && line.starts_with(b"\xff\xfe") => ReadError::utf16(),
                    _ => ReadError::not_utf8(good, line[error.valid_up_to()]),
                })
            }
        }
    }
}
