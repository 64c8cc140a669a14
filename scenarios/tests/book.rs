//! The book and the README say nothing that the program does not say.
//!
//! A block of this form is run, and its output compared line by line:
//!
//! ````text
//! ```console
//! $ iocp run lifo-release
//! lifo-release: The thread that blocked last is released first
//! …
//! ```
//! ````
//!
//! A line that is only `…` stands for any lines, and a `…` in a line for any text. A block headed
//! `toml,file=NAME` is first written to that file, for the commands of the same page; its content may
//! be `{{#include FILE}}`, as mdbook has it. Recordings of the repository, `traces/recordings/NAME`, are
//! there as well. Beside `iocp` a command may be `cat FILE`, `head -N FILE`,
//! `echo $?` (the last exit code) and `python3 FILE`; its output may go to a file (`> FILE`).
//!
//! After a change of the program: `UPDATE_BOOK=1 cargo test -p iocp-scenarios --test book` writes
//! the new output into the pages. Read the difference before you keep it.

use iocp_model::{Profile, mutant::UNBROKEN, rules};
use iocp_scenarios::matrix::{
    self, Broken, Totals,
    page::{self as cards, Links},
};
use iocp_scenarios::questions;
use iocp_scheduler::{
    expect::FACTS,
    grammar::{CALLS, LAWS, STEPS},
    program::{MOST_NESTING, MOST_OPS, MOST_THREADS},
    strategy::Schedule,
    workload::{
        CounterDeclaration, EventDeclaration, Expectation, FileDeclaration, LawDeclaration,
        Machine, MutexDeclaration, PortDeclaration, ProcessDeclaration, SemaphoreDeclaration, Step,
        Test, ThreadDeclaration, Workload,
    },
};
use iocp_traces::{Change, Header};
use serde::de::DeserializeOwned;
use std::{
    collections::BTreeSet,
    env,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// The width for which the traces of the book are laid out.
const COLUMNS: &str = "108";

// ------------------------------------------------------------------ the pages

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a crate of a workspace")
        .to_owned()
}

/// The README and the pages of the book: path and text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut paths: Vec<_> = fs::read_dir(root().join("book/src"))
        .expect("the book has pages")
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "md"))
        .collect();
    paths.push(root().join("README.md"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| (path.clone(), read(&path)))
        .collect()
}

fn page(name: &str) -> String {
    read(&root().join("book/src").join(name))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        .replace("\r\n", "\n")
}

/// The tests read and, with UPDATE_BOOK, write the same files: one at a time.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn updates() -> bool {
    env::var_os("UPDATE_BOOK").is_some()
}

/// A page, cut at its fences.
#[derive(Debug)]
enum Piece {
    /// A line outside of blocks.
    Text(String),
    /// A block: what stands behind its opening fence, and its lines.
    Block(String, Vec<String>),
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut block: Option<(String, Vec<String>)> = None;
    for line in text.lines() {
        match (&mut block, line.strip_prefix("```")) {
            (None, None) => pieces.push(Piece::Text(line.to_owned())),
            (None, Some(info)) => block = Some((info.to_owned(), Vec::new())),
            (Some((_, lines)), None) => lines.push(line.to_owned()),
            (Some(_), Some(_)) => {
                let (info, lines) = block.take().expect("a block is open");
                pieces.push(Piece::Block(info, lines));
            }
        }
    }
    assert!(block.is_none(), "a block is not closed");
    pieces
}

fn join(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(line) => _ = writeln!(text, "{line}"),
            Piece::Block(info, lines) => {
                _ = writeln!(text, "```{info}");
                for line in lines {
                    _ = writeln!(text, "{line}");
                }
                _ = writeln!(text, "```");
            }
        }
    }
    text
}

// -------------------------------------------------------------- running blocks

/// Where the commands of a page run.
struct Shell {
    folder: PathBuf,
    last_exit: i32,
}

impl Shell {
    fn new(page: &Path) -> Self {
        let name = page.file_stem().expect("a page has a name");
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join("book")
            .join(name);
        _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder for a page's files can be made");
        Self {
            folder,
            last_exit: 0,
        }
    }

    /// What the command prints: standard output, then standard error. `None`: it cannot be run here.
    fn run(&mut self, command: &str) -> Option<String> {
        // Words in quotes have no spaces in the book, only what a shell would take for its own.
        let words = command.split_whitespace();
        let mut words: Vec<&str> = words.map(|word| word.trim_matches('"')).collect();
        for word in &words {
            self.bring(word);
        }
        let mut input = Stdio::null();
        if let Some(at) = words.iter().position(|word| *word == "<") {
            let file = fs::File::open(self.folder.join(words[at + 1])).expect("the input is there");
            input = file.into();
            words.truncate(at);
        }
        let mut file = None;
        if let Some(at) = words.iter().position(|word| *word == ">") {
            file = Some(self.folder.join(words[at + 1]));
            words.truncate(at);
        }
        let output = self.run_words(&words, input)?;
        let Some(file) = file else {
            return Some(output);
        };
        fs::write(file, output).expect("the page's folder can be written");
        Some(String::new())
    }

    /// Copies a recording of the repository into the page's folder, if this names one.
    fn bring(&self, word: &str) {
        let to = self.folder.join(word);
        if word.starts_with("traces/recordings/") && !to.exists() {
            let folder = to.parent().expect("a file is in a folder");
            fs::create_dir_all(folder).expect("the page's folder can be written");
            fs::copy(root().join(word), to).expect("the repository has the recording");
        }
    }

    fn run_words(&mut self, words: &[&str], input: Stdio) -> Option<String> {
        match *words {
            ["echo", "$?"] => Some(format!("{}\n", self.last_exit)),
            ["cat", file] => Some(read(&self.folder.join(file))),
            ["head", count, file] => {
                let count: usize = count[1..].parse().expect("head -N FILE");
                let text = read(&self.folder.join(file));
                Some(
                    text.lines()
                        .take(count)
                        .fold(String::new(), |all, line| all + line + "\n"),
                )
            }
            ["iocp", ref arguments @ ..] => self.spawn(
                Command::new(env!("CARGO_BIN_EXE_iocp"))
                    .args(arguments)
                    .stdin(input),
            ),
            ["python3", file] if !cfg!(windows) => self.spawn(Command::new("python3").arg(file)),
            ["python3", _] => None,
            _ => panic!(
                "`{}` is no command that the book's test knows",
                words.join(" ")
            ),
        }
    }

    fn spawn(&mut self, command: &mut Command) -> Option<String> {
        let programs = Path::new(env!("CARGO_BIN_EXE_iocp"))
            .parent()
            .expect("it is in a folder");
        let path = env::var_os("PATH").unwrap_or_default();
        let paths = [programs.to_owned()]
            .into_iter()
            .chain(env::split_paths(&path));
        let output = command
            .current_dir(&self.folder)
            .env("PATH", env::join_paths(paths).expect("a path list"))
            .env("COLUMNS", COLUMNS)
            // So that messages look alike on every machine.
            .env("NO_COLOR", "1")
            .env("LANG", "C.UTF-8")
            .env("LC_ALL", "C.UTF-8")
            .env("TERM", "xterm-256color")
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
            Err(error) => panic!("{command:?}: {error}"),
        };
        self.last_exit = output.status.code().unwrap_or(-1);
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("the output is UTF-8");
        Some((text(&output.stdout) + &text(&output.stderr)).replace("\r\n", "\n"))
    }
}

/// Does the output match what the page shows of it?
fn shows(shown: &[String], output: &[&str]) -> bool {
    match shown.split_first() {
        None => output.is_empty(),
        Some((line, rest)) if line == "…" => {
            (0..=output.len()).any(|skipped| shows(rest, &output[skipped..]))
        }
        Some((line, rest)) => output
            .split_first()
            .is_some_and(|(first, others)| shows_line(line, first) && shows(rest, others)),
    }
}

fn shows_line(shown: &str, line: &str) -> bool {
    let Some((begin, rest)) = shown.split_once('…') else {
        return shown == line;
    };
    let Some(mut line) = line.strip_prefix(begin) else {
        return false;
    };
    let mut parts: Vec<_> = rest.split('…').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        match line.find(part) {
            Some(at) => line = &line[at + part.len()..],
            None => return false,
        }
    }
    line.ends_with(end)
}

/// What the page should show: the output, with the page's omissions kept as far as they can be.
fn renewed(shown: &[String], output: &[&str]) -> Option<Vec<String>> {
    let own = |lines: &[&str]| {
        lines
            .iter()
            .map(|line| (*line).to_owned())
            .collect::<Vec<_>>()
    };
    let keep = |shown: &[String], output: &[&str]| {
        let pairs = shown.iter().zip(output);
        pairs
            .map(|(shown, line)| {
                if shows_line(shown, line) {
                    shown.clone()
                } else {
                    (*line).to_owned()
                }
            })
            .collect::<Vec<_>>()
    };
    let gaps: Vec<_> = (0..shown.len())
        .filter(|&line| shown[line] == "…")
        .collect();
    let (Some(&first), Some(&last)) = (gaps.first(), gaps.last()) else {
        // What a line leaves out stays out.
        let same_length = shown.len() == output.len();
        return Some(if same_length {
            keep(shown, output)
        } else {
            own(output)
        });
    };
    let end = shown.len() - last - 1;
    if first != last || first + end > output.len() {
        return None;
    }
    let mut renewed = keep(&shown[..first], &output[..first]);
    renewed.push("…".to_owned());
    renewed.extend(keep(&shown[last + 1..], &output[output.len() - end..]));
    Some(renewed)
}

/// What a block has in it: its lines, or the file of the book that it includes.
fn content(lines: &[String]) -> String {
    let included = |line: &String| {
        let file = line.strip_prefix("{{#include ")?.strip_suffix("}}")?;
        Some(page(file))
    };
    match lines {
        [line] if included(line).is_some() => included(line).unwrap_or_default(),
        lines => lines.join("\n") + "\n",
    }
}

/// Runs the commands of a block. The new lines of the block; what was wrong goes to `wrong`.
fn run_block(shell: &mut Shell, lines: &[String], wrong: &mut String) -> Vec<String> {
    let mut renewed_lines = Vec::new();
    let mut rest = lines;
    while let Some((line, mut after)) = rest.split_first() {
        let command = line
            .strip_prefix("$ ")
            .expect("a console block begins with `$ `");
        let next = after
            .iter()
            .position(|line| line.starts_with("$ "))
            .unwrap_or(after.len());
        let mut shown = &after[..next];
        after = &after[next..];
        // An empty line before the next command is the page's.
        let mut gap = false;
        if !after.is_empty()
            && let Some((last, others)) = shown.split_last()
            && last.is_empty()
        {
            (shown, gap) = (others, true);
        }
        renewed_lines.push(line.clone());
        match shell.run(command) {
            None => renewed_lines.extend_from_slice(shown),
            Some(output) => {
                let output: Vec<_> = output.lines().collect();
                if shows(shown, &output) {
                    renewed_lines.extend_from_slice(shown);
                } else {
                    _ = writeln!(
                        wrong,
                        "\n$ {command}\n-- prints:\n{}\n-- but the page shows:\n{}",
                        output.join("\n"),
                        shown.join("\n")
                    );
                    match renewed(shown, &output) {
                        Some(lines) => renewed_lines.extend(lines),
                        None => {
                            let place = "mend it by hand: it cannot be told what the `…` stand for";
                            assert!(!updates(), "`$ {command}`, {place}");
                            renewed_lines.extend_from_slice(shown);
                        }
                    }
                }
            }
        }
        if gap {
            renewed_lines.push(String::new());
        }
        rest = after;
    }
    renewed_lines
}

#[test]
fn what_the_pages_show_is_what_the_program_prints() {
    let _alone = alone();
    let mut wrong = String::new();
    let mut blocks = 0;
    for (path, text) in pages() {
        let mut shell = Shell::new(&path);
        let mut pieces = pieces(&text);
        let mut wrong_here = String::new();
        for piece in &mut pieces {
            let Piece::Block(info, lines) = piece else {
                continue;
            };
            if let Some((_, name)) = info.split_once("file=") {
                fs::write(shell.folder.join(name), content(lines)).expect("it can be written");
            } else if info == "console" {
                blocks += 1;
                *lines = run_block(&mut shell, lines, &mut wrong_here);
            } else {
                let trace = lines.iter().any(|line| line.contains("────  ─"));
                assert!(
                    !trace,
                    "{}: a trace stands outside of a console block",
                    path.display()
                );
            }
        }
        if !wrong_here.is_empty() {
            _ = writeln!(wrong, "\n==== {}{wrong_here}", path.display());
            if updates() {
                fs::write(&path, join(&pieces)).expect("the page can be written");
            }
        }
    }
    assert!(blocks > 30, "the pages have {blocks} console blocks");
    if updates() && !wrong.is_empty() {
        println!("rewritten:{wrong}");
    } else {
        assert!(wrong.is_empty(), "UPDATE_BOOK=1 rewrites these:{wrong}");
    }
}

// --------------------------------------------------- everything is documented

/// The keys of a table, as its own error message lists them.
fn keys_of<T: DeserializeOwned>() -> Vec<String> {
    let error = match serde_json::from_str::<T>("{\"no such key\":0}") {
        Ok(_) => panic!("it takes any key"),
        Err(error) => error.to_string(),
    };
    let keys: Vec<_> = error
        .split('`')
        .skip(3)
        .step_by(2)
        .map(str::to_owned)
        .collect();
    assert!(!keys.is_empty(), "{error}");
    keys
}

/// Fails if one of the words does not stand on the page, as `word` or `word = …`.
fn assert_documented(page_name: &str, words: impl IntoIterator<Item = impl AsRef<str>>) {
    let text = page(page_name);
    let missing: BTreeSet<_> = words
        .into_iter()
        .map(|word| word.as_ref().to_owned())
        .filter(|word| {
            !text.contains(&format!("`{word}`")) && !text.contains(&format!("`{word} = "))
        })
        .collect();
    assert!(
        missing.is_empty(),
        "book/src/{page_name} does not explain {missing:?} (in backticks)"
    );
}

#[test]
fn every_key_of_a_scenario_is_in_the_book() {
    let _alone = alone();
    let page_name = "write-a-scenario.md";
    let mut keys = Vec::new();
    keys.extend(keys_of::<Workload>());
    keys.extend(keys_of::<Machine>());
    keys.extend(keys_of::<ProcessDeclaration>());
    keys.extend(keys_of::<PortDeclaration>());
    keys.extend(keys_of::<FileDeclaration>());
    keys.extend(keys_of::<EventDeclaration>());
    keys.extend(keys_of::<SemaphoreDeclaration>());
    keys.extend(keys_of::<MutexDeclaration>());
    keys.extend(keys_of::<CounterDeclaration>());
    keys.extend(keys_of::<ThreadDeclaration>());
    keys.extend(keys_of::<Step>());
    keys.extend(keys_of::<Test>());
    keys.extend(keys_of::<LawDeclaration>());
    keys.extend(keys_of::<Expectation>());
    assert_documented(page_name, keys);
    for (subject, facts) in FACTS {
        assert_documented(page_name, facts.iter().chain([subject]));
    }
    for (name, required, optional) in STEPS {
        assert_documented(page_name, required.iter().chain(*optional).chain([name]));
    }
    assert_documented(
        page_name,
        LAWS.iter().map(|(name, ..)| format!("\"{name}\"")),
    );
}

/// The table of calls is made from the grammar, and the page explains each key in it.
#[test]
fn every_call_and_its_keys_are_in_the_book() {
    let _alone = alone();
    let page_name = "write-a-scenario.md";
    let mut table = String::from("| call | must have | may have |\n|---|---|---|\n");
    for call in CALLS {
        let list = |words: &[&str]| {
            let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
            words.join(", ")
        };
        let names: Vec<_> = [call.api.name()]
            .into_iter()
            .chain(call.also.iter().copied())
            .collect();
        let row = format!(
            "| {} | {} | {} |",
            list(&names),
            list(call.required),
            list(call.optional)
        );
        _ = writeln!(
            table,
            "{}",
            row.replace("|  |", "| |").replace("|  |", "| |")
        );
    }
    assert_generated(page_name, "calls", &table);
    assert_documented(
        page_name,
        CALLS
            .iter()
            .flat_map(|call| call.required.iter().chain(call.optional)),
    );
}

#[test]
fn the_limits_are_in_the_book() {
    let _alone = alone();
    let text = page("write-a-scenario.md");
    for limit in [
        MOST_NESTING,
        MOST_THREADS,
        MOST_OPS,
        iocp_scenarios::file::MOST_BYTES,
    ] {
        let limit = thousands(limit);
        assert!(
            text.contains(&limit),
            "book/src/write-a-scenario.md does not give the limit {limit}"
        );
    }
}

/// 1024 as "1,024".
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[test]
fn the_trace_format_is_in_the_book() {
    let _alone = alone();
    let page_name = "run-replay-compare.md";
    assert_documented(page_name, keys_of::<Header>());
    assert_documented(page_name, keys_of::<Schedule>());
    assert_documented(page_name, Change::ALL.map(Change::name));
    let events = [
        "begin", "end", "until", "reached", "does", "ends", "kernel", "port", "settled",
    ];
    assert_documented(page_name, events);
    let fields = [
        "t",
        "event",
        "thread",
        "call",
        "with",
        "condition",
        "seen",
        "what",
        "key",
        "depth",
        "active",
        "limit",
        "waiters",
    ];
    assert_documented(page_name, fields);
    assert_documented(page_name, keys_of::<iocp_traces::SeenResult>());
    assert_documented(page_name, keys_of::<iocp_traces::SeenPacket>());
    assert_documented(page_name, ["simulator", "windows", "wine"]);
}

/// Every option of every subcommand stands somewhere in the book.
#[test]
fn every_option_is_in_the_book() {
    let _alone = alone();
    let text: String = pages().into_iter().map(|(_, text)| text).collect();
    let help = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_iocp"))
            .args(arguments)
            .arg("--help")
            .output();
        String::from_utf8(output.expect("iocp runs").stdout).expect("help is UTF-8")
    };
    let commands: &[&[&str]] = &[
        &["run"],
        &["explore"],
        &["simulate"],
        &["sweep"],
        &["merge"],
        &["advise"],
        &["check"],
        &["record"],
        &["verify"],
        &["rules"],
        &["drive"],
        &["completions"],
        &["scenario", "list"],
        &["scenario", "show"],
        &["scenario", "new"],
    ];
    for command in commands {
        assert!(
            text.contains(&format!("iocp {}", command.join(" "))),
            "iocp {command:?} is not in the book"
        );
        for line in help(command).lines() {
            let line = line.trim_start();
            if !line.starts_with('-') || line.starts_with("- ") {
                continue;
            }
            let option = line
                .split_whitespace()
                .find(|word| word.starts_with("--"))
                .unwrap_or(line);
            if !["--help", "--version"].contains(&option) {
                let option = option.trim_end_matches(',');
                assert!(
                    text.contains(option),
                    "{option} of iocp {command:?} is not in the book"
                );
            }
        }
    }
}

#[test]
fn every_operation_of_drive_is_in_the_book() {
    let _alone = alone();
    let mut answers = Vec::new();
    iocp_scenarios::drive::serve(
        &b"{\"op\":\"no such operation\"}\n"[..],
        &mut answers,
        Profile::default(),
    )
    .expect("memory does not fail");
    let answer = String::from_utf8(answers).expect("answers are UTF-8");
    let (_, names) = answer
        .split_once("there is ")
        .expect("the answer lists the operations");
    let names: Vec<_> = names
        .split(|c: char| !(c.is_ascii_lowercase() || c == '_'))
        .filter(|name| !name.is_empty())
        .collect();
    assert!(names.len() > 10, "{answer}");
    assert_documented("drive.md", names);
}

/// The anchors of a page: its headings, as their `{#ID}` or their words have it.
fn anchors(path: &Path) -> BTreeSet<String> {
    let anchor = |line: &str| {
        let heading = line.trim_start_matches('#').trim();
        if let Some((_, id)) = heading.split_once("{#") {
            return id.trim_end_matches('}').to_owned();
        }
        heading
            .to_lowercase()
            .replace(' ', "-")
            .chars()
            .filter(|c| c.is_alphanumeric() || ['-', '_'].contains(c))
            .collect()
    };
    let text = read(path);
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(anchor).collect()
}

/// A link to a page or a file of the repository leads somewhere.
#[test]
fn links_lead_somewhere() {
    let _alone = alone();
    for (path, text) in pages() {
        for piece in pieces(&text) {
            let Piece::Text(line) = piece else { continue };
            for link in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split_once(')'))
                .map(|(link, _)| link)
            {
                let file = link.split('#').next().unwrap_or_default();
                if file.is_empty() || link.starts_with("https://") || link.starts_with("http://") {
                    continue;
                }
                let target = path.parent().expect("a page is in a folder").join(file);
                assert!(target.exists(), "{}: {link} leads nowhere", path.display());
                if let Some((_, anchor)) = link.split_once('#') {
                    assert!(
                        anchors(&target).contains(anchor),
                        "{}: {link}: that page has no such heading",
                        path.display()
                    );
                }
            }
        }
    }
}

// ------------------------------------------------------------ generated tables

/// Compares what stands between `<!-- NAME -->` and `<!-- end -->` with what should.
fn assert_generated(page_name: &str, name: &str, wanted: &str) {
    let text = page(page_name);
    let begin = format!("<!-- {name} -->\n");
    let (before, rest) = text
        .split_once(&begin)
        .unwrap_or_else(|| panic!("{page_name} has no {begin}"));
    let (is, after) = rest.split_once("<!-- end -->").expect("it has an end");
    let wanted = format!("\n{wanted}\n");
    if is != wanted && updates() {
        let text = format!("{before}{begin}{wanted}<!-- end -->{after}");
        fs::write(root().join("book/src").join(page_name), text).expect("the page can be written");
    } else {
        assert!(
            is == wanted,
            "the table \"{name}\" of {page_name} is not up to date; UPDATE_BOOK=1 rewrites it"
        );
    }
}

/// A text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('*', "\\*")
        .replace('_', "\\_")
}

#[test]
fn the_tables_are_up_to_date() {
    let _alone = alone();
    let mut profiles = String::from("| profile | what it is |\n|---|---|\n");
    for profile in Profile::ALL {
        _ = writeln!(profiles, "| `{}` | {} |", profile.name, cell(profile.about));
    }
    assert_generated("sources.md", "profiles", &profiles);

    let reductions = iocp_scheduler::explore::soundness::table();
    assert_generated("every-schedule.md", "reductions", &reductions);

    let mut answers =
        String::from("| question | scenario | answer | and that means |\n|---|---|---|---|\n");
    for question in questions::QUESTIONS {
        let mut first = format!("{} | `{}`", question.id, question.scenario);
        for answer in question.answers {
            _ = writeln!(
                answers,
                "| {first} | {}: {} | {} |",
                answer.letter,
                cell(answer.says),
                cell(answer.means)
            );
            first = " | ".into();
        }
    }
    assert_generated("open-questions.md", "answers", &answers);

    let mut questions = String::from("| question | what is open |\n|---|---|\n");
    for question in &rules::QUESTIONS {
        _ = writeln!(questions, "| {} | {} |", question.id, cell(question.says));
    }
    assert_generated("sources.md", "questions", &questions);

    let mut disagreements =
        String::from("| | who says what | what the model does |\n|---|---|---|\n");
    for one in &rules::DISAGREEMENTS {
        if one.rules.iter().any(|rule| rule.rule().in_scope()) {
            _ = writeln!(
                disagreements,
                "| {} | {} | {} |",
                one.id,
                cell(one.says),
                cell(one.verdict)
            );
        }
    }
    assert_generated("sources.md", "disagreements", &disagreements);

    let mut sources = String::from("| short name | what it is |\n|---|---|\n");
    for (name, what) in &rules::SOURCES {
        _ = writeln!(sources, "| `{name}` | {} |", cell(what));
    }
    assert_generated("sources.md", "sources", &sources);
}

/// The chapters of the matrix, as each page links to the other.
const LINKS: Links<'_> = Links {
    rules: "sources.md",
    mutants: "mutants.md",
};

#[test]
fn the_rules_are_up_to_date() {
    let _alone = alone();
    let rows = matrix::rows();
    assert_generated("sources.md", "totals", &Totals::of(&rows).to_string());
    let mut text = String::new();
    for section in &rules::SECTIONS {
        let rows = rows.iter().filter(|row| row.rule.section() == section);
        let rows: Vec<_> = rows.filter(|row| row.rule.in_scope()).collect();
        if rows.is_empty() {
            continue;
        }
        _ = writeln!(text, "### {}: {}\n", section.prefix, section.title);
        for row in rows {
            let id = row.rule.id;
            let links = Links { rules: "", ..LINKS };
            _ = writeln!(text, "#### {id} {{#{id}}}\n\n{}", cards::rule(row, links));
        }
    }
    assert_generated("sources.md", "rules", text.trim_end_matches('\n'));
}

#[test]
fn the_mutants_are_up_to_date() {
    let _alone = alone();
    let mutants: Vec<_> = matrix::mutants().collect();
    let mut text = String::new();
    for section in &rules::SECTIONS {
        let first = |broken: &&Broken| broken.kill.mutant.rules()[0].rule().section() == section;
        let mutants: Vec<_> = mutants.iter().filter(first).collect();
        if mutants.is_empty() {
            continue;
        }
        _ = writeln!(text, "### {}: {}\n", section.prefix, section.title);
        for broken in mutants {
            let name = broken.kill.mutant.name();
            let links = Links {
                mutants: "",
                ..LINKS
            };
            let card = cards::mutant(broken, links);
            _ = writeln!(text, "#### {name} {{#{name}}}\n\n{card}");
        }
    }
    assert_generated("mutants.md", "mutants", text.trim_end_matches('\n'));

    let mut unbroken = String::from("| rule | why |\n|---|---|\n");
    for (rule, why) in UNBROKEN {
        _ = writeln!(
            unbroken,
            "| [{0}](sources.md#{0}) | {1} |",
            rule.id(),
            cell(why)
        );
    }
    assert_generated("mutants.md", "unbroken", &unbroken);
}
