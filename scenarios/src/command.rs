//! The `iocp` command.
//!
//! Each subcommand is a file. What they share is here: the exit codes, how a scenario is found,
//! how results are written.

mod advise;
mod answers;
mod check;
mod distinguish;
mod drive;
mod explore;
mod fit;
mod merge;
mod picture;
mod record;
mod results;
mod rules;
mod run;
mod scenario;
mod simulate;
mod smaller;
mod sweep;
mod trace;
mod trace_file;
mod verify;

use crate::{
    catalogue,
    file::{self, Scenario},
    near::nearest,
    report::Page,
};
use clap::{
    CommandFactory, Parser, Subcommand, ValueEnum,
    builder::{PossibleValue, PossibleValuesParser, TypedValueParser},
};
use iocp_model::{Kernel, Mutant, Profile, mutant::UnknownKernel};
use std::{
    fmt::Display,
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How the command ends. The numbers are promised in the documentation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Exit {
    /// It holds; it conforms; it was done.
    Holds = 0,
    /// It is violated; it diverges.
    Violated = 1,
    /// The input or the usage is wrong.
    BadInput = 2,
    /// A limit was reached before the answer was known.
    NoVerdict = 3,
}

/// What a subcommand gives back: an exit, or what is wrong with its input.
type Result<T = Exit> = std::result::Result<T, Problem>;

/// What is wrong with the input: shown on standard error, exit 2.
enum Problem {
    /// A sentence.
    Sentence(String),
    /// A place in a scenario file.
    Scenario(Box<file::ScenarioError>),
    /// Nobody reads the output any more; not an error.
    OutputClosed,
}

impl Problem {
    fn new(sentence: impl Display) -> Self {
        Self::Sentence(sentence.to_string())
    }

    /// Something could not be done with a file.
    fn file(doing: &str, path: &Path, error: &io::Error) -> Self {
        Self::Sentence(format!("cannot {doing} {}: {error}", path.display()))
    }
}

impl From<file::ScenarioError> for Problem {
    fn from(error: file::ScenarioError) -> Self {
        Self::Scenario(Box::new(error))
    }
}

/// Writing to standard output failed.
impl From<io::Error> for Problem {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::Sentence(format!("cannot write the output: {error}"))
        }
    }
}

/// A deterministic model of Windows I/O completion ports.
///
/// A SCENARIO is a file, or the name of one in the catalogue (`iocp scenario list`).
///
/// Exit codes: 0 it holds, 1 it is violated or diverges, 2 the input or the usage is wrong, 3 a
/// limit was reached before the answer was known, 101 a bug in iocp.
#[derive(Parser)]
#[command(name = "iocp", version, propagate_version = true, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario on the model under one schedule, and show the trace.
    Run(run::Arguments),
    /// Search all schedules of a scenario: can a property fail, and what is the shortest way?
    Explore(explore::Arguments),
    /// Simulate a scenario under load: latency, throughput and utilisation, and how sure they are.
    Simulate(simulate::Arguments),
    /// Simulate a scenario under many settings: ranges of limits, threads, rates and other parameters.
    Sweep(sweep::Arguments),
    /// Put the shards of a sweep together.
    Merge(merge::Arguments),
    /// Find the smallest limit and pool of threads that meet objectives, and say what limits them.
    Advise(advise::Arguments),
    /// Check recordings against the model; without files, all that are shipped.
    Check(check::Arguments),
    /// Find the smallest workload and schedule that tell two kernels apart.
    Distinguish(distinguish::Arguments),
    /// Record scenarios on the kernel of this machine (Windows, or Wine).
    Record(record::Arguments),
    /// Verify the implementation of completion ports on this machine: record the catalogue, check it.
    Verify(verify::Arguments),
    /// Show a trace in columns.
    Show(trace::Show),
    /// Compare two traces of the same kind: the first difference, in context.
    Compare(trace::Compare),
    /// Show the rule book, and where each rule is in code, tests and scenarios.
    Rules(rules::Arguments),
    /// Fit a scenario to recordings: how requests arrive, what a worker does, in laws.
    Fit(fit::Arguments),
    /// Serve the model to another program: a JSON request a line in, an answer a line out.
    Drive(drive::Arguments),
    /// List, show or make scenarios.
    Scenario(scenario::Arguments),
    /// Print the completions for a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

/// How results are written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum Format {
    /// For people.
    Human,
    /// For programs.
    Json,
}

/// How results are written that can be a page, too.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Debug)]
enum PageFormat {
    /// For people.
    Human,
    /// For programs.
    Json,
    /// For people, as one page for a browser.
    Html,
}

/// Runs the command on the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Usage errors go to standard error with exit 2, help and version to standard output.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let result = match cli.command {
        Command::Run(arguments) => run::run(&arguments),
        Command::Explore(arguments) => explore::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Sweep(arguments) => sweep::run(&arguments),
        Command::Merge(arguments) => merge::run(&arguments),
        Command::Advise(arguments) => advise::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Distinguish(arguments) => distinguish::run(&arguments),
        Command::Record(arguments) => record::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Show(arguments) => trace::show(&arguments),
        Command::Compare(arguments) => trace::compare(&arguments),
        Command::Rules(arguments) => rules::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Drive(arguments) => drive::run(&arguments),
        Command::Scenario(arguments) => scenario::run(&arguments),
        Command::Completions { shell } => completions(shell),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(Problem::OutputClosed) => Exit::Holds,
        Err(Problem::Sentence(sentence)) => {
            eprintln!("iocp: {sentence}");
            Exit::BadInput
        }
        Err(Problem::Scenario(error)) => {
            eprintln!("{:?}", miette::Report::new(*error));
            Exit::BadInput
        }
    };
    ExitCode::from(exit as u8)
}

fn completions(shell: clap_complete::Shell) -> Result {
    // Into memory first: the generator panics if it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "iocp", &mut script);
    let mut out = output();
    out.write_all(&script)?;
    out.flush()?;
    Ok(Exit::Holds)
}

/// Finds a scenario: a file, or a name in the catalogue.
fn find_scenario(argument: &str) -> Result<Scenario> {
    let path = PathBuf::from(argument);
    let looks_like_a_path = argument.ends_with(".toml") || argument.contains(['/', '\\']);
    if !looks_like_a_path {
        if let Some(entry) = catalogue::find(argument) {
            return Ok(file::parse(entry.name, entry.text)?);
        }
        if !path.exists() {
            let names = catalogue::all().iter().map(|entry| entry.name);
            let near = nearest(argument, names)
                .map(|near| format!(" Did you mean \"{near}\"?"))
                .unwrap_or_default();
            return Err(Problem::new(format!(
                "there is no scenario \"{argument}\", neither in the catalogue nor as a file.{near} \
                 `iocp scenario list` shows the catalogue."
            )));
        }
    }
    let bytes = read_at_most(&path, file::MOST_BYTES as u64 + 1)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    Ok(file::parse_bytes_with(argument, &bytes, &mut |name| {
        values_file(folder, name)
    })?)
}

/// The largest file with values of a law that is read.
const MOST_VALUES_BYTES: u64 = 64 << 20;

/// The text of a file that a scenario in this folder names.
fn values_file(folder: &Path, name: &str) -> std::result::Result<String, String> {
    use io::Read;
    let mut text = String::new();
    let file = std::fs::File::open(folder.join(name)).map_err(|error| error.to_string())?;
    let read = file.take(MOST_VALUES_BYTES + 1).read_to_string(&mut text);
    read.map_err(|error| match error.kind() {
        std::io::ErrorKind::InvalidData => "it is not UTF-8; save it as UTF-8".into(),
        _ => error.to_string(),
    })?;
    match text.len() as u64 > MOST_VALUES_BYTES {
        true => Err("it has more than 64 MiB".into()),
        false => Ok(text),
    }
}

/// Reads a file, but no more of it than `most` bytes.
fn read_at_most(path: &Path, most: u64) -> Result<Vec<u8>> {
    use io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .map_err(|error| Problem::file("read", path, &error))?;
    Ok(bytes)
}

/// A profile by name, for clap: its help lists them, and a shell completes them.
fn profiles() -> impl TypedValueParser<Value = Profile> {
    PossibleValuesParser::new(Profile::ALL.iter().map(|profile| profile.name))
        .map(|name| Profile::find(&name).unwrap_or_default())
}

/// A profile, with mutants or without, for clap: `windows-10-1607+,no-limit`.
#[derive(Clone)]
struct Kernels;

impl TypedValueParser for Kernels {
    type Value = Kernel;

    fn parse_ref(
        &self,
        command: &clap::Command,
        _: Option<&clap::Arg>,
        value: &std::ffi::OsStr,
    ) -> std::result::Result<Kernel, clap::Error> {
        let text = value.to_string_lossy();
        text.parse().map_err(|error: UnknownKernel| {
            let (name, near) = match &error {
                UnknownKernel::Profile(name) => {
                    let known = Profile::ALL.iter().map(|profile| profile.name);
                    (name, nearest(name, known))
                }
                UnknownKernel::Mutant(name) => {
                    (name, nearest(name, Mutant::all().map(Mutant::name)))
                }
            };
            let hint = match near {
                Some(near) => format!("did you mean \"{near}\" rather than \"{name}\"?"),
                None => "`iocp rules --mutants` lists the mutants, `--help` the profiles.".into(),
            };
            let message = format!("{error}; {hint}\n");
            clap::Error::raw(clap::error::ErrorKind::InvalidValue, message).with_cmd(command)
        })
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let profiles = Profile::ALL.iter();
        Some(Box::new(profiles.map(|profile| {
            PossibleValue::new(profile.name).help(profile.about)
        })))
    }
}

/// Standard output, buffered. Flush it before the end: what is lost on drop is lost in silence.
fn output() -> io::BufWriter<io::StdoutLock<'static>> {
    io::BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Writes one JSON value on standard output.
fn print_json(value: &serde_json::Value) -> Result<()> {
    let mut out = output();
    serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from)?;
    writeln!(out)?;
    Ok(out.flush()?)
}

/// Writes a page on standard output.
fn print_page(page: &Page) -> Result<()> {
    let mut out = output();
    out.write_all(page.html().as_bytes())?;
    Ok(out.flush()?)
}

/// A scenario's name, and behind it its title if it has one.
fn titled(name: &str, title: &str) -> String {
    match title {
        "" => name.to_owned(),
        title => format!("{name}: {title}"),
    }
}

/// The columns of the terminal: as `COLUMNS` says, or the terminal itself, or else 120.
fn terminal_width() -> usize {
    let told = std::env::var("COLUMNS").ok();
    let told = told.and_then(|columns| columns.parse().ok());
    told.or_else(|| {
        let (width, _) = terminal_size::terminal_size()?;
        Some(usize::from(width.0))
    })
    .unwrap_or(120)
}

/// A text in lines of at most `width` characters, all but the first behind `indent` spaces.
fn wrapped(text: &str, width: usize, indent: usize) -> String {
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .break_words(false)
        // A name with hyphens or slashes stays whole.
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .word_separator(textwrap::WordSeparator::AsciiSpace);
    let lines = textwrap::wrap(text, options);
    lines.join(&format!("\n{indent}"))
}

/// "1 recording", "2 recordings".
fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// A word for a shell: in quotes if it needs them.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./\\:+,=@%".contains(c);
    match word {
        _ if word.starts_with('-') => format!("./{word}"),
        _ if !word.is_empty() && word.chars().all(plain) => word.to_owned(),
        _ => format!("\"{word}\""),
    }
}
