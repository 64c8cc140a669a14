//! A scenario with other numbers: `--set limit=4`, `--set thread.worker.copies=8`.
//!
//! A key is one of the short names (`limit`, `threads`, `processors`, `batch`, `rate`) or a dotted
//! path into the scenario, in which the elements of a list go by their name, or by their number from
//! 0: `port.p.concurrency`, `thread.clients.program.0.do.0.for.mean`. What a short name means is
//! in [`short`]. A value is written as in the file; a text needs no quotes.

mod path;
pub mod short;

use crate::{file::mistyped, near::nearest};
use iocp_scheduler::Workload;
use serde_json::Value;
use std::{fmt, str::FromStr};

/// A key and the value that it is to have.
#[derive(Clone, PartialEq, Debug)]
pub struct Setting {
    /// A short name or a path.
    pub key: String,
    /// The value, as it was written.
    pub value: String,
}

impl FromStr for Setting {
    type Err = ParameterError;

    fn from_str(text: &str) -> Result<Self, ParameterError> {
        match text.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() && !value.trim().is_empty() => Ok(Self {
                key: key.trim().to_owned(),
                value: value.trim().to_owned(),
            }),
            _ => Err(ParameterError::new(format!(
                "\"{text}\" sets nothing; write KEY=VALUE, as in threads=8."
            ))),
        }
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Why a setting cannot be, as a sentence that begins with its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ParameterError {
    message: String,
}

impl ParameterError {
    fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
        }
    }
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ParameterError {}

/// The workload with these settings, one after the other.
///
/// ```
/// use iocp_scenarios::{catalogue, parameters::apply};
/// let scenario = catalogue::find("load-blocking-workers").unwrap().scenario()?;
/// let set = |text: &str| apply(&scenario.workload, &[text.parse()?]);
/// assert_eq!(set("limit=8")?.ports[0].concurrency, 8);
/// assert_eq!(set("thread.worker.copies=3")?.threads[2].copies, Some(3));
/// assert_eq!(
///     set("thread.workers.copies=3").unwrap_err().to_string(),
///     "thread.workers.copies: `thread` has no `workers`. Did you mean `worker`? \
///      It has: acceptor-a, acceptor-b, worker, main."
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// A key that nothing has, or a value that it cannot have. What the numbers mean together is only
/// seen when the workload is compiled.
pub fn apply(workload: &Workload, settings: &[Setting]) -> Result<Workload, ParameterError> {
    let mut workload = workload.clone();
    for setting in settings {
        workload = match short::find(&setting.key) {
            Some(name) => name.apply(&workload, &setting.value)?,
            None if setting.key.contains('.') => at_path(&workload, setting)?,
            None => return Err(unknown(&setting.key)),
        };
    }
    Ok(workload)
}

/// A key without a dot that is no short name.
fn unknown(key: &str) -> ParameterError {
    let names = short::NAMES.iter().map(|name| name.key);
    let near = nearest(key, names.clone())
        .map(|near| format!(" Did you mean `{near}`?"))
        .unwrap_or_default();
    ParameterError::new(format!(
        "{key}: there is no such parameter.{near} There are {}, and every path into the scenario, \
         as in port.NAME.concurrency or thread.NAME.copies.",
        names.collect::<Vec<_>>().join(", ")
    ))
}

fn at_path(workload: &Workload, setting: &Setting) -> Result<Workload, ParameterError> {
    let key = &setting.key;
    let mut value = serde_json::to_value(workload)
        .map_err(|error| ParameterError::new(format!("{key}: {error}.")))?;
    let new = read(&setting.value);
    if new.is_null() {
        // JSON has no such number; it would take it for none at all.
        return Err(ParameterError::new(format!(
            "{key} cannot be {}: that is no number.",
            setting.value
        )));
    }
    path::put(&mut value, key, new)?;
    serde_json::from_value(value).map_err(|error| refused(setting, &error.to_string()))
}

/// A value as TOML has it; what is none is a text.
fn read(text: &str) -> Value {
    let value = toml::from_str::<Value>(&format!("value = {text}"));
    match value {
        Ok(Value::Object(mut table)) if table.len() == 1 => {
            table.remove("value").unwrap_or_default()
        }
        _ => Value::String(text.to_owned()),
    }
}

/// The workload with the value cannot be read.
fn refused(setting: &Setting, message: &str) -> ParameterError {
    let Setting { key, value } = setting;
    if let Some(rest) = message.strip_prefix("unknown field `")
        && let Some((given, expected)) = rest.split_once('`')
    {
        let known: Vec<_> = expected.split('`').skip(1).step_by(2).collect();
        let near = nearest(given, known.iter().copied())
            .map(|near| format!(" Did you mean `{near}`?"))
            .unwrap_or_default();
        return ParameterError::new(format!(
            "{key}: there is no `{given}` there.{near} There is: {}.",
            known.join(", ")
        ));
    }
    ParameterError::new(match mistyped(message) {
        Some((_, wanted)) => format!("{key} cannot be {value}; it is {wanted}."),
        None => format!("{key} cannot be {value}: {message}."),
    })
}
