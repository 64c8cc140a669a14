//! What the fuzzers begin with, and what they found before: without a fuzzer.
//!
//! To add a finding, copy the input into `tests/fuzz/regressions/TARGET`, named for what it shows.

use iocp_tests::fuzz::{TARGETS, Target};
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    path::Path,
};

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn run(target: &Target, name: &str, bytes: &[u8]) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| (target.run)(bytes))) {
        eprintln!("this was the target {} with {name}", target.name);
        resume_unwind(panic);
    }
}

#[test]
fn seeds_pass() {
    for target in TARGETS {
        let seeds = (target.seeds)();
        assert!(
            seeds.len() > 10,
            "{} has {} seeds",
            target.name,
            seeds.len()
        );
        for (name, bytes) in seeds {
            run(target, &name, &bytes);
        }
    }
}

#[test]
fn what_was_found_before_passes() {
    let regressions = folder().join("regressions");
    if !regressions.exists() {
        // Nothing was found so far: an empty folder is not kept.
        return;
    }
    for entry in fs::read_dir(&regressions).expect("the folder can be read") {
        let path = entry.expect("the entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str());
        let target = TARGETS.iter().find(|target| Some(target.name) == name);
        let target = target.unwrap_or_else(|| panic!("{} is of no target", path.display()));
        for entry in fs::read_dir(&path).expect("the folder can be read") {
            let path = entry.expect("the entry can be read").path();
            let bytes = fs::read(&path).expect("the file can be read");
            run(target, &path.display().to_string(), &bytes);
        }
    }
}

/// Every target is a program, and every program a target.
#[test]
fn every_target_can_be_fuzzed() {
    let manifest = fs::read_to_string(folder().join("Cargo.toml")).expect("it can be read");
    for Target { name, .. } in TARGETS {
        let program = format!("[[bin]]\nname = \"{name}\"\npath = \"targets/{name}.rs\"\n");
        assert!(manifest.contains(&program), "tests/fuzz has no {name}");
        let text = fs::read_to_string(folder().join(format!("targets/{name}.rs")));
        let text = text.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            text.contains(&format!("fuzz::{name}::run(")),
            "{name} runs another"
        );
    }
    assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
}
