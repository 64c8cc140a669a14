//! `iocp show` and `iocp compare`: traces as files.

use super::{Exit, Format, Problem, Result, output, picture, print_json, quoted, trace_file::read};
use clap::Args;
use iocp_traces::{columns, compare as comparison};
use std::{io::Write, path::PathBuf};

#[derive(Args)]
pub(super) struct Show {
    /// The trace: of the simulator (`iocp run --trace`), or a recording.
    file: PathBuf,
    /// Use ASCII characters only.
    #[arg(long)]
    ascii: bool,
    /// Show only the last so many events.
    #[arg(long, value_name = "EVENTS")]
    last: Option<usize>,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = picture::Format::Human)]
    format: picture::Format,
}

#[derive(Args)]
pub(super) struct Compare {
    /// A trace.
    first: PathBuf,
    /// Another of the same kind.
    second: PathBuf,
    /// The format of the output.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

pub(super) fn show(arguments: &Show) -> Result {
    let trace = read(&arguments.file)?;
    match arguments.format {
        picture::Format::Human => {
            let options = columns::Options {
                ascii: arguments.ascii,
                width: super::terminal_width(),
                last: arguments.last.unwrap_or(usize::MAX),
                ..Default::default()
            };
            let mut out = output();
            write!(out, "{}", columns::columns(&trace, &options))?;
            out.flush()?;
        }
        picture::Format::Json => {
            print_json(&serde_json::json!({ "header": trace.header, "events": trace.events }))?;
        }
        picture::Format::Html => {
            let file = quoted(&arguments.file.display().to_string());
            let command = format!("iocp show {file} --format html");
            picture::page(&trace, 0, command, Vec::new())?;
        }
        picture::Format::Perfetto => picture::perfetto(&trace, 0)?,
    }
    Ok(Exit::Holds)
}

pub(super) fn compare(arguments: &Compare) -> Result {
    let (first, second) = (read(&arguments.first)?, read(&arguments.second)?);
    let difference = comparison::compare(&first, &second).map_err(Problem::new)?;
    if arguments.format == Format::Json {
        print_json(&match &difference {
            None => serde_json::json!({ "same": true }),
            Some(difference) => serde_json::json!({
                "same": false,
                "field": difference.field(),
                "event": difference.event().map(|event| event + 1),
                "difference": difference.to_string(),
            }),
        })?;
    } else {
        let mut out = output();
        match &difference {
            None => writeln!(
                out,
                "The traces are the same: {} events.",
                first.events.len()
            )?,
            Some(difference) => writeln!(out, "{difference}")?,
        }
        out.flush()?;
    }
    Ok(if difference.is_none() {
        Exit::Holds
    } else {
        Exit::Violated
    })
}
