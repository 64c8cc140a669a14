//! ARCHITECTURE.md says what must stay so; here it is checked, as far as reading the source can.
//!
//! The checks read text, not syntax: comments and strings are cut away, and so is everything after
//! `#[cfg(test)]` on a module. That is crude, quick, and enough to notice.

use iocp_model::{Mutant, Profile, mutant::UNBROKEN, rules};
use iocp_scenarios::{catalogue, matrix};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

// ------------------------------------------------------------- reading the tree

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("a crate of a workspace")
        .to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the repository below this folder, as a path with slashes.
fn files(folder: &str) -> Vec<String> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default()
                .to_owned();
            if path.is_dir() {
                let built = name == "target" || path.ends_with("book/book");
                if !built && name != ".git" {
                    walk(&path, found);
                }
            } else {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    let mut found: Vec<_> = found
        .iter()
        .map(|path| path.strip_prefix(root()).expect("it is below the root"))
        .map(|path| path.to_str().expect("names are UTF-8").replace('\\', "/"))
        .collect();
    found.sort();
    found
}

/// The Rust files below this folder.
fn rust(folder: &str) -> Vec<String> {
    files(folder)
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .collect()
}

/// The code of a file: without comments, strings and its tests. Lines stay lines.
fn code(path: &str) -> String {
    let text = read(path);
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let mut code = String::new();
    let mut rest = text.chars().peekable();
    let mut in_string = false;
    while let Some(c) = rest.next() {
        match c {
            '\\' if in_string => _ = rest.next(),
            '"' => in_string = !in_string,
            '\n' => code.push('\n'),
            _ if in_string => {}
            // A quote as a character opens no string.
            '\'' if rest.peek() == Some(&'"') => _ = (rest.next(), rest.next()),
            '/' if rest.peek() == Some(&'/') => {
                while rest.peek().is_some_and(|&c| c != '\n') {
                    rest.next();
                }
            }
            c => code.push(c),
        }
    }
    code
}

/// The words of a code: letters, digits and underscores.
fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
}

/// The modules of `std` and `core` that a code uses, however it spells that.
fn std_modules(code: &str) -> BTreeSet<String> {
    let mut modules = BTreeSet::new();
    for library in ["std::", "core::"] {
        for (at, _) in code.match_indices(library) {
            let rest = &code[at + library.len()..];
            if !rest.starts_with('{') {
                modules.extend(words(rest).next().map(str::to_owned));
                continue;
            }
            // A group: its items at the outermost level.
            let mut depth = 0;
            let mut item_begins = true;
            let mut item = String::new();
            for c in rest.chars() {
                match c {
                    '{' | '}' | ',' => {
                        if depth == 1 && item_begins && !item.trim().is_empty() {
                            modules.insert(item.trim().to_owned());
                        }
                        item.clear();
                        match c {
                            '{' => depth += 1,
                            '}' => depth -= 1,
                            _ => {}
                        }
                        item_begins = depth == 1;
                        if depth == 0 {
                            break;
                        }
                    }
                    ':' if depth == 1 && item_begins => {
                        modules.insert(item.trim().to_owned());
                        item_begins = false;
                    }
                    c => item.push(c),
                }
            }
        }
    }
    modules
}

#[test]
fn modules_of_std_are_found_however_they_are_spelt() {
    let code = "use std::{collections::{fs, BTreeMap}, fs, io::{self, Read}, thread};\nstd::time::Instant::now()";
    let expected = ["collections", "fs", "io", "thread", "time"].map(str::to_owned);
    assert_eq!(std_modules(code), BTreeSet::from(expected));
}

// ----------------------------------------------------------------- dependencies

/// What each section of a manifest lists: section and name of the dependency, with its line.
fn dependencies(package: &str) -> Vec<(String, String, String)> {
    let mut section = String::new();
    let mut found = Vec::new();
    for line in read(&format!("{package}/Cargo.toml")).lines() {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
        } else if section.ends_with("dependencies")
            && line.starts_with(|c: char| c.is_ascii_alphabetic())
        {
            let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
            found.push((section.clone(), name.to_owned(), line.to_owned()));
        }
    }
    found
}

#[test]
fn dependencies_point_one_way() {
    let order = ["model", "traces", "scheduler", "scenarios", "tests"];
    for (place, package) in order.iter().enumerate() {
        for (section, name, _) in dependencies(package) {
            let Some(other) = name.strip_prefix("iocp-") else {
                continue;
            };
            let below = order
                .iter()
                .position(|known| *known == other)
                .is_some_and(|at| at < place);
            assert!(
                below,
                "{package} lists {name} in [{section}]; it may know only {:?}",
                &order[..place]
            );
        }
    }
}

#[test]
fn the_model_depends_on_next_to_nothing() {
    for (section, name, line) in dependencies("model") {
        let allowed = match name.as_str() {
            "smallvec" => true,
            "serde" => line.contains("optional = true"),
            _ => section == "dev-dependencies",
        };
        assert!(allowed, "model depends on {name} ({line})");
    }
}

#[test]
fn the_command_is_a_feature() {
    let only_for_the_command = [
        "clap",
        "clap_complete",
        "ctrlc",
        "indicatif",
        "miette",
        "parquet",
        "procfs",
    ];
    for package in ["model", "traces", "scheduler", "scenarios"] {
        for (section, name, line) in dependencies(package) {
            if only_for_the_command.contains(&name.as_str()) && section == "dependencies" {
                assert!(
                    line.contains("optional = true"),
                    "{package} always has {name}"
                );
            }
        }
    }
    let manifest = read("scenarios/Cargo.toml");
    for name in only_for_the_command {
        assert!(
            manifest.contains(&format!("\"dep:{name}\"")),
            "the feature `command` does not bring {name}"
        );
    }
    assert!(manifest.contains("required-features = [\"command\"]"));
    let wasm = read(".ci/wasm-build");
    for package in [
        "iocp-model",
        "iocp-traces",
        "iocp-scheduler",
        "iocp-scenarios",
    ] {
        assert!(
            wasm.contains(package),
            ".ci/wasm-build does not build {package}"
        );
    }
    assert!(wasm.contains("--no-default-features"));
}

// ----------------------------------------------------------------------- sources

/// The files of the libraries' core paths: what builds for a browser.
fn core_paths() -> Vec<String> {
    let mut paths = Vec::new();
    for folder in ["model/src", "traces/src", "scheduler/src", "scenarios/src"] {
        paths.extend(rust(folder));
    }
    // What the command, the recorder and the self-check need is not for a browser.
    let elsewhere = [
        "scheduler/src/native/",
        "scheduler/src/determinism.rs",
        "scenarios/src/command/",
        "scenarios/src/command.rs",
        "scenarios/src/main.rs",
    ];
    paths.retain(|path| !elsewhere.iter().any(|other| path.starts_with(other)));
    assert!(paths.len() > 40, "the sources are not where they were");
    paths
}

#[test]
fn libraries_touch_no_file_thread_or_clock() {
    for path in core_paths() {
        let code = code(&path);
        for module in ["fs", "thread", "time", "env", "net", "process", "os"] {
            // A search takes as many threads as it is given; they change nothing that it reports.
            if module == "thread" && path == "scheduler/src/explore/search.rs" {
                continue;
            }
            assert!(
                !std_modules(&code).contains(module),
                "{path} uses std::{module}"
            );
        }
        for word in [
            "Instant",
            "SystemTime",
            "thread_rng",
            "RandomState",
            "println",
            "eprintln",
        ] {
            assert!(
                !words(&code).any(|known| known == word),
                "{path} uses {word}"
            );
        }
    }
}

/// Where hashed collections are, they are asked and never listed.
#[test]
fn hashes_have_no_order() {
    for path in core_paths() {
        let code = code(&path);
        if !words(&code).any(|word| ["HashMap", "HashSet"].contains(&word)) {
            continue;
        }
        let in_a_search = path.starts_with("scheduler/src/");
        assert!(
            in_a_search,
            "{path} has a hashed collection; only a search may, for states that it has seen"
        );
        assert!(
            words(&code).any(|word| word == "FixedState"),
            "{path} hashes with a seed that is not fixed"
        );
    }
    let lints = read("clippy.toml");
    for method in [
        "HashMap::iter",
        "HashMap::keys",
        "HashMap::values",
        "HashSet::iter",
    ] {
        assert!(
            lints.contains(method),
            "clippy.toml does not forbid {method}"
        );
    }
}

#[test]
fn only_semantics_tell_kernels_apart() {
    let names: Vec<_> = Profile::ALL
        .iter()
        .map(|profile| format!("\"{}\"", profile.name))
        .collect();
    for path in rust("model/src").into_iter().chain(rust("scheduler/src")) {
        // Where the names are, and where recordings are labelled.
        if path == "model/src/profile.rs" || path.starts_with("scheduler/src/native/") {
            continue;
        }
        let text = read(&path);
        let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
        for line in text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
        {
            for name in &names {
                assert!(
                    !line.contains(name.as_str()),
                    "{path} asks for the profile {name}: {line}"
                );
            }
        }
    }
}

#[test]
fn unsafe_is_in_the_recorder_only() {
    for path in rust(".") {
        if !path.starts_with("scheduler/src/native/") {
            assert!(
                !words(&code(&path)).any(|word| word == "unsafe"),
                "{path} has unsafe code"
            );
        }
    }
    for library in ["model", "traces", "scenarios"] {
        let text = read(&format!("{library}/src/lib.rs"));
        assert!(
            text.contains("#![forbid(unsafe_code)]"),
            "{library} does not forbid unsafe code"
        );
    }
    assert!(read("scheduler/src/lib.rs").contains("#![deny(unsafe_code)]"));
}

#[test]
fn no_file_is_named_after_a_plan() {
    let plans = [
        "phase",
        "milestone",
        "sprint",
        "issue",
        "ticket",
        "plan",
        "wip",
        "tmp",
        "temp",
        "old",
        "bak",
        "orig",
        "rej",
        "misc",
        "util",
        "utils",
        "helper",
        "helpers",
        "stuff",
        "v1",
        "v2",
        "part1",
        "part2",
        "fixes",
        "todo",
    ];
    for path in files(".") {
        let name = path.rsplit('/').next().unwrap_or_default();
        for word in name.split(|c: char| !c.is_alphanumeric()) {
            assert!(
                !plans.contains(&word.to_lowercase().as_str()),
                "{path} is named for {word:?}, not for what is in it"
            );
        }
    }
}

// ------------------------------------------------------------------------- rules

/// The ids in a text: of rules, open questions, disagreements and observations.
fn ids(text: &str) -> BTreeSet<&str> {
    let sections: BTreeSet<_> = rules::SECTIONS
        .iter()
        .map(|section| section.prefix)
        .collect();
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .map(|word| word.trim_matches('-'))
        .filter(|word| {
            let parts: Vec<_> = word.split('-').collect();
            let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            match parts[..] {
                ["OPEN" | "DIS", number] => digits(number),
                ["OBS", group, number] => {
                    group.chars().all(|c| c.is_ascii_uppercase()) && digits(number)
                }
                [section, number] => {
                    sections.contains(section) && number.len() == 2 && digits(number)
                }
                _ => false,
            }
        })
        .collect()
}

#[test]
fn every_rule_that_is_cited_exists() {
    let mut cited = 0;
    for path in files(".") {
        let readable = [".rs", ".toml", ".md", ".yml"]
            .iter()
            .any(|ending| path.ends_with(ending));
        if !readable || path.starts_with("model/src/rules") {
            continue;
        }
        for id in ids(&read(&path)) {
            cited += 1;
            assert!(
                rules::exists(id),
                "{path} cites {id}, which the rule book does not have"
            );
        }
    }
    assert!(cited > 500, "only {cited} citations were found");
}

#[test]
fn every_rule_in_scope_is_used() {
    let lacks = |row: &matrix::Row| {
        let gaps = row.gaps();
        (!gaps.is_empty()).then(|| format!("{} lacks {}", row.rule.id, gaps.join(", ")))
    };
    let gaps: Vec<_> = matrix::rows().iter().filter_map(lacks).collect();
    assert!(
        gaps.is_empty(),
        "{gaps:#?}\nwhere that must be so, UNBROKEN in model/src/mutant.rs says why"
    );
}

#[test]
fn every_mutant_is_asked_about() {
    for broken in matrix::mutants() {
        let name = broken.kill.mutant.name();
        assert!(!broken.code.is_empty(), "no code asks about {name}");
    }
}

#[test]
fn what_is_said_to_be_unbroken_is() {
    let mut said = BTreeSet::new();
    for (rule, why) in UNBROKEN {
        assert!(said.insert(rule.id()), "{rule} is there twice");
        assert!(rule.rule().in_scope(), "{rule} is not in scope");
        assert!(why.ends_with('.'), "{rule}: {why:?} is no sentence");
        let mut breaks = Mutant::all().filter(|mutant| mutant.rules().contains(rule));
        if let Some(mutant) = breaks.next() {
            panic!(
                "{rule} is said to be unbroken, and {} breaks it",
                mutant.name()
            );
        }
    }
}

// --------------------------------------------------------------------- catalogue

#[test]
fn a_scenario_is_called_as_its_file() {
    let mut names = BTreeSet::new();
    for (folder, entries) in [("", catalogue::all()), ("endless/", catalogue::endless())] {
        for entry in entries {
            let scenario = entry
                .scenario()
                .unwrap_or_else(|error| panic!("{}: {error}", entry.name));
            assert_eq!(scenario.workload.name, entry.name);
            names.insert(format!("scenarios/catalogue/{folder}{}.toml", entry.name));
        }
    }
    let files: BTreeSet<_> = files("scenarios/catalogue").into_iter().collect();
    assert_eq!(
        files, names,
        "the files of the catalogue are not those that it lists"
    );
}

// ------------------------------------------------------------------ documentation

#[test]
fn exit_codes_are_documented() {
    let command = code("scenarios/src/command.rs");
    for code in ["Holds = 0", "Violated = 1", "BadInput = 2", "NoVerdict = 3"] {
        assert!(
            command.contains(code),
            "the exit codes of the command are not {code}"
        );
    }
    let promise = "Exit codes: 0 it holds, 1 it is violated or diverges, 2 the input or the usage is wrong, 3";
    for path in ["scenarios/src/command.rs", "README.md"] {
        let text = read(path).replace("/// ", "").replace('\n', " ");
        assert!(
            text.contains(promise),
            "{path} does not promise the exit codes"
        );
    }
    let book = read("book/src/run-replay-compare.md");
    for code in ["0", "1", "2", "3", "101"] {
        assert!(
            book.contains(&format!("\n| {code} | ")),
            "the book does not explain exit code {code}"
        );
    }
}

#[test]
fn the_code_map_is_complete() {
    let page = read("ARCHITECTURE.md");
    let mut sections: BTreeMap<&str, &str> = BTreeMap::new();
    for section in page.split("\n### ").skip(1) {
        let name = section.lines().next().unwrap_or_default();
        sections.insert(name, section);
    }
    for package in ["model", "traces", "scheduler", "scenarios"] {
        let section = sections
            .get(package)
            .unwrap_or_else(|| panic!("there is no section {package}"));
        for path in rust(&format!("{package}/src")) {
            let rest = path
                .strip_prefix(&format!("{package}/src/"))
                .unwrap_or_default();
            let named = match rest.split_once('/') {
                // What is inside a module's folder is for that module to explain.
                Some((folder, _)) => {
                    section.contains(&format!("`{folder}/`"))
                        || section.contains(&format!("`{folder}.rs`"))
                }
                None => rest == "lib.rs" || section.contains(&format!("`{rest}`")),
            };
            assert!(named, "ARCHITECTURE.md does not say what {path} is");
        }
    }
}

/// Each invariant says what holds it; a test that it names is one.
#[test]
fn every_invariant_names_what_holds_it() {
    let tests: String = rust(".")
        .iter()
        .filter(|path| path.contains("/tests/"))
        .map(|path| read(path))
        .collect();
    let page = read("ARCHITECTURE.md");
    let mut count = 0;
    for paragraph in page
        .split("\n\n")
        .filter(|paragraph| paragraph.starts_with("Architecture invariant: "))
    {
        count += 1;
        let (_, holders) = paragraph
            .split_once("*Held by* ")
            .unwrap_or_else(|| panic!("nothing holds this:\n{paragraph}"));
        for name in holders.split('`').skip(1).step_by(2) {
            let exists = root().join(name).exists() || tests.contains(&format!("fn {name}("));
            assert!(exists, "there is no test or file `{name}`");
        }
    }
    assert!(count > 15, "ARCHITECTURE.md has {count} invariants");
}
