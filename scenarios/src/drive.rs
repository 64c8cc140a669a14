//! The model for other programs: one JSON request a line in, one JSON answer a line out.
//!
//! A [`Session`] is a [`System`](iocp_model::System) with names for its ports and threads;
//! [`serve`] connects one to a reader and a writer. Every rule is the model's: a request becomes
//! one [`Action`](iocp_model::Action), and then every thread whose wait that ended goes on until
//! it has returned or blocked again, so that between two lines no thread is half-way.
//!
//! ```
//! use iocp_scenarios::drive::serve;
//!
//! let requests = br#"{"op":"port","port":"p","limit":1}
//! {"op":"thread","thread":"t0"}
//! {"op":"dequeue","thread":"t0","port":"p","timeout":0}
//! {"op":"dequeue","thread":"t1","port":"p","timeout":0}
//! "#;
//! let mut answers = Vec::new();
//! serve(&requests[..], &mut answers, Default::default())?;
//!
//! let answers = String::from_utf8(answers).expect("answers are UTF-8");
//! let last: Vec<_> = answers.lines().skip(2).collect();
//! assert_eq!(last, [
//!     concat!(
//!         r#"{"ok":true,"result":{"status":"timeout","return":false,"last_error":258,"#,
//!         r#""nt_status":258},"released":[],"ports":{"p":{"limit":1,"active":1,"queue":[],"#,
//!         r#""waiters":[],"members":["t0"],"closed":false}}}"#,
//!     ),
//!     r#"{"ok":false,"error":"There is no thread \"t1\"."}"#,
//! ]);
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # Where the protocol leaves a choice
//!
//! - A blank line is a malformed request. `null` for an optional field says that it is absent.
//! - `return`, `last_error` and `nt_status` are those of `GetQueuedCompletionStatus`, or of
//!   `GetQueuedCompletionStatusEx` if `max` or `alertable` asks for it. `last_error` is `null`
//!   where the call leaves it alone (GQ-04). `nt_status` is the status of the remove itself; that
//!   of the operation is in the packet.
//! - `bytes` is shown in full even where `GetQueuedCompletionStatus` would cut it to 32 bits
//!   (GQ-06).
//! - A batch dequeue that blocked returns with the one packet that woke it. Real kernels may add
//!   what is queued by then; how much is not known (GQX-07, OPEN-3).
//! - A thread interrupted in its wait by a suspension has not left the wait: it is in `released`
//!   when it returns, after the last `resume`. `suspend` takes effect at once (OPEN-8).
//! - A suspended thread can be killed. It is then in `released` like every other that was blocked.
//! - A port is `closed` when its last handle is closed, or when its queue is run down in a kernel
//!   where that ends all waits (T13, CLOSE-06). Its name stays taken.
//! - A dequeue on a port without a handle answers `abandoned`, as the kernel queue does (T2), in
//!   kernels that abandon waits on close; a program would not get so far as the queue and see
//!   `ERROR_INVALID_HANDLE` (GQ-09). Elsewhere it is refused, as a post to such a port always is.
//! - `save` answers `{"state":…}`; `state` answers the same state without the wrapping, to be read.
//!   `load` takes either, and only under the profile that it was saved under.

mod number;
mod request;
mod session;
mod show;
mod snapshot;
mod step;
mod watch;

pub use session::Session;

use iocp_model::Profile;
use std::io::{self, BufRead, ErrorKind, Write};

/// The longest request that [`serve`] reads, in bytes, without its line end. A longer one is
/// skipped and refused. The state of the largest session fits, so what `save` answers can be loaded.
pub const MOST_LINE_BYTES: usize = 64 << 20;

/// Answers each line of `input` with one line of `output`, until `input` ends.
///
/// # Errors
/// Only those of `input` and `output`; no request is one.
pub fn serve(mut input: impl BufRead, mut output: impl Write, profile: Profile) -> io::Result<()> {
    let mut session = Session::new(profile);
    let mut line = Vec::new();
    while let Some(length) = read_line(&mut input, &mut line)? {
        let mut answer = match length {
            Length::Bearable => session.answer(&line),
            Length::Excessive => show::refuse(&format!(
                "the line is longer than {MOST_LINE_BYTES} bytes and was skipped"
            )),
        };
        answer.push('\n');
        output.write_all(answer.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

/// Is a line short enough to be looked at?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Length {
    Bearable,
    Excessive,
}

/// Reads one line, without its end, into `line`; of an excessive one, keeps nothing. `None` at the
/// end of input.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<Option<Length>> {
    line.clear();
    let mut length = None;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(length);
        }
        let end = buffer.iter().position(|&byte| byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        if length == Some(Length::Excessive) || line.len() + part.len() > MOST_LINE_BYTES {
            length = Some(Length::Excessive);
            line.clear();
        } else {
            length = Some(Length::Bearable);
            line.extend_from_slice(part);
        }
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(length);
        }
    }
}
