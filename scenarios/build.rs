//! Gathers what the command carries inside: the shipped recordings, and where each rule of the
//! book is cited in code and tests, and each mutant asked about.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

/// Where rules are implemented.
const CODE: &[&str] = &["model/src", "scheduler/src", "traces/src"];
/// Where they are pinned.
const TESTS: &[&str] = &[
    "model/tests",
    "scheduler/tests",
    "scenarios/tests",
    "tests/tests",
];

fn main() {
    let crate_folder = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let workspace = crate_folder
        .parent()
        .expect("a crate of a workspace")
        .to_owned();
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    write(&out.join("recordings.rs"), &recordings(&workspace));
    write(&out.join("citations.rs"), &citations(&workspace));
}

fn write(path: &Path, text: &str) {
    fs::write(path, text).expect("the output folder can be written");
}

/// A list of (name, text) of the files in `traces/recordings`.
fn recordings(workspace: &Path) -> String {
    let folder = workspace.join("traces/recordings");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut list = String::from("&[\n");
    let mut recordings = files(&folder, "jsonl");
    recordings.extend(files(&folder, "gz"));
    recordings.sort();
    for path in recordings {
        println!("cargo::rerun-if-changed={}", path.display());
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or_default();
        list += &format!(
            "    ({name:?}, include_bytes!({:?})),\n",
            path.display().to_string()
        );
    }
    list + "]\n"
}

/// A list of (rule or mutant, code places, test places).
fn citations(workspace: &Path) -> String {
    let mut cited: BTreeMap<String, [Vec<String>; 2]> = BTreeMap::new();
    for (column, folders) in [CODE, TESTS].into_iter().enumerate() {
        for folder in folders {
            // A folder that is not there would count as changed each time.
            if !workspace.join(folder).is_dir() {
                continue;
            }
            println!(
                "cargo::rerun-if-changed={}",
                workspace.join(folder).display()
            );
            for path in files(&workspace.join(folder), "rs") {
                let shown = path
                    .strip_prefix(workspace)
                    .unwrap_or(&path)
                    .display()
                    .to_string()
                    .replace('\\', "/");
                // The rule book itself is no citation of its rules, nor the table of mutants.
                if shown.starts_with("model/src/rules") || shown == "model/src/mutant.rs" {
                    continue;
                }
                let text = fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<_> = text.lines().collect();
                for (index, line) in lines.iter().enumerate() {
                    let rules = if column == 0 {
                        fired(line)
                    } else {
                        pinned(line)
                    };
                    for id in rules.into_iter().chain(asked(line)) {
                        let places = &mut cited.entry(id).or_default()[column];
                        let place = format!(
                            "Place {{ file: {shown:?}, line: {}, item: {:?} }}",
                            index + 1,
                            item(&lines, index)
                        );
                        if !places.contains(&place) {
                            places.push(place);
                        }
                    }
                }
            }
        }
    }
    let mut list = String::from("&[\n");
    for (id, [code, tests]) in cited {
        list += &format!(
            "    ({id:?}, &[{}], &[{}]),\n",
            code.join(", "),
            tests.join(", ")
        );
    }
    list + "]\n"
}

/// The name of the item that a line is part of: the function around it or, if it is a comment of
/// the documentation, the item below.
fn item<'a>(lines: &[&'a str], index: usize) -> &'a str {
    let documents = lines[index].trim_start().starts_with("///");
    let named = |keywords: &[&str], line: &'a str| {
        let mut words = line
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .skip_while(|word| !keywords.contains(word));
        words.nth(1).filter(|name| !name.is_empty())
    };
    if documents {
        let below = lines[index..].iter().map(|line| line.trim_start());
        let mut below = below.filter(|line| !line.starts_with("//") && !line.starts_with('#'));
        let keywords = [
            "fn",
            "struct",
            "enum",
            "mod",
            "const",
            "static",
            "macro_rules",
        ];
        below.find_map(|line| named(&keywords, line))
    } else {
        let above = lines[..=index].iter().rev();
        let mut above = above.filter(|line| !line.trim_start().starts_with("//"));
        above.find_map(|line| named(&["fn"], line))
    }
    .unwrap_or_default()
}

/// The mutants that a line asks about: `Mutant::FifoWaiters`.
fn asked(line: &str) -> Vec<String> {
    if line.trim_start().starts_with("//") {
        return Vec::new();
    }
    line.split("Mutant::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(char::is_ascii_alphanumeric)
                .collect()
        })
        // Not a function, such as `Mutant::all`.
        .filter(|name: &String| name.starts_with(|c: char| c.is_ascii_uppercase()))
        .filter(|name| name.chars().any(|c| c.is_ascii_lowercase()))
        .collect()
}

/// The rules that a line of code obeys: `rules::KQ_02`.
fn fired(line: &str) -> Vec<String> {
    line.split("rules::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect()
        })
        .filter_map(|constant: String| {
            let (section, number) = constant.split_once('_')?;
            let upper = section.chars().all(|c| c.is_ascii_uppercase());
            (upper && number.chars().all(|c| c.is_ascii_digit()))
                .then(|| format!("{section}-{number}"))
        })
        .collect()
}

/// The rules that a test's documentation names: `/// KQ-02, KQ-03: ...`.
fn pinned(line: &str) -> Vec<String> {
    let Some(comment) = line.trim_start().strip_prefix("///") else {
        return Vec::new();
    };
    comment
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))
        .filter(|word| {
            word.split_once('-').is_some_and(|(section, number)| {
                !section.is_empty()
                    && section.chars().all(|c| c.is_ascii_uppercase())
                    && number.len() == 2
                    && number.chars().all(|c| c.is_ascii_digit())
            })
        })
        .map(str::to_owned)
        .collect()
}

/// The files below a folder with this ending, in the order of their names.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return found;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path
            .extension()
            .is_some_and(|extension| extension == ending)
        {
            found.push(path);
        }
    }
    found.sort();
    found
}
