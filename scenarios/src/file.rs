//! Reads a scenario file.
//!
//! [`parse`] turns the text into a [`Workload`] and that into a [`Program`]. What is wrong with it
//! is a [`ScenarioError`], which knows where in the file: TOML's own errors bring their place, and
//! the compiler's places (`thread[1].program[3].port`) are looked up in the text.
//!
//! Nothing here opens files; whoever has the bytes gives them, with the name to show in messages. A
//! scenario can name files with the values of a law: [`parse_with`] asks for their text.

mod error;
mod place;
mod values;
mod write;

pub use error::ScenarioError;
pub(crate) use place::mistyped;
pub use values::Reader;
pub use write::to_toml;

use crate::near::nearest;
use iocp_scheduler::{Program, Workload, WorkloadError, workload::Place};
use place::Source;
use std::ops::Range;

/// The largest scenario file that is read. The largest in the catalogue has three thousand bytes.
pub const MOST_BYTES: usize = 1 << 20;

/// A scenario that has been read and checked.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What the file says.
    pub workload: Workload,
    /// The same, compiled.
    pub program: Program,
    /// The file's name, for messages.
    name: String,
    /// Its text.
    text: String,
}

impl Scenario {
    /// Something to say about a place of the scenario, which is shown in its file.
    pub fn at(&self, place: &Place, message: &str) -> ScenarioError {
        let span = Source::new(&self.text).span_of(place);
        ScenarioError::new(&self.name, &self.text, span, message)
    }
}

/// Reads a scenario from the text of a file; `name` is the file's name in messages.
///
/// ```
/// let text = r#"
/// name = "one-post"
///
/// [[port]]
/// name = "p"
/// concurency = 1
/// "#;
/// let error = iocp_scenarios::file::parse("one-post.toml", text).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "one-post.toml:6:1: a port has no `concurency`; did you mean `concurrency`?"
/// );
/// ```
///
/// # Errors
/// The first thing that is wrong, and where.
pub fn parse(name: &str, text: &str) -> Result<Scenario, ScenarioError> {
    parse_with(name, text, &mut nothing_beside)
}

/// For a scenario that is no file.
fn nothing_beside(_: &str) -> Result<String, String> {
    Err("this scenario is not read from a file, so nothing is beside it".into())
}

/// Reads a scenario that may name files with the values of its laws; `read` gives their text.
///
/// # Errors
/// As [`parse`]; and what is wrong with such a file, with its name and line.
pub fn parse_with(
    name: &str,
    text: &str,
    read: &mut Reader<'_>,
) -> Result<Scenario, ScenarioError> {
    if text.len() > MOST_BYTES {
        return Err(too_long(name, text.len()));
    }
    let mut workload: Workload =
        toml::from_str(text).map_err(|error| unreadable(name, text, &error))?;
    values::fill(name, text, &mut workload, read)?;
    let program = Program::compile(&workload).map_err(|error| impossible(name, text, &error))?;
    Ok(Scenario {
        workload,
        program,
        name: name.to_owned(),
        text: text.to_owned(),
    })
}

/// Reads a scenario from the bytes of a file.
///
/// # Errors
/// As [`parse`]; and if the bytes are not UTF-8.
pub fn parse_bytes(name: &str, bytes: &[u8]) -> Result<Scenario, ScenarioError> {
    parse_bytes_with(name, bytes, &mut nothing_beside)
}

/// Reads a scenario from the bytes of a file, as [`parse_with`].
///
/// # Errors
/// As [`parse_with`]; and if the bytes are not UTF-8.
pub fn parse_bytes_with(
    name: &str,
    bytes: &[u8],
    read: &mut Reader<'_>,
) -> Result<Scenario, ScenarioError> {
    if bytes.len() > MOST_BYTES {
        return Err(too_long(name, bytes.len()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => parse_with(name, text, read),
        Err(error) => {
            let at = error.valid_up_to();
            let text = String::from_utf8_lossy(bytes);
            let message = format!("this is not UTF-8: byte {at} of the file begins no character");
            Err(ScenarioError::new(name, &text, at..at + 1, message)
                .with_help("Save the file as UTF-8."))
        }
    }
}

fn too_long(name: &str, bytes: usize) -> ScenarioError {
    let message = format!("the file has {bytes} bytes; at most {MOST_BYTES} are read");
    ScenarioError::new(name, "", 0..0, message)
        .with_help("A scenario is small; a recording goes to `iocp check`.")
}

/// The text is not TOML, or its keys and values are not those of a scenario.
fn unreadable(name: &str, text: &str, error: &toml::de::Error) -> ScenarioError {
    let span = error.span().unwrap_or(0..0);
    let source = Source::new(text);
    let (message, help) = place::explain(&source, error.message(), &span);
    ScenarioError::new(name, text, span, message).with_help(help)
}

/// The workload cannot be.
fn impossible(name: &str, text: &str, error: &WorkloadError) -> ScenarioError {
    let span = Source::new(text).span_of(&error.place);
    locate(name, text, span, error)
}

fn locate(name: &str, text: &str, span: Range<usize>, error: &WorkloadError) -> ScenarioError {
    let mut help = error.help.clone();
    if let Some(wrong) = &error.name
        && let Some(near) = nearest(&wrong.given, wrong.known.iter().map(String::as_str))
    {
        help = format!("Did you mean \"{near}\"? {help}");
    }
    ScenarioError::new(name, text, span, error.message.trim_end_matches('.'))
        .with_help(help.trim_end())
}
