//! Writes what a fuzzer begins with: the seeds of a target into a folder, and its dictionary beside
//! that, as libFuzzer reads it. Without arguments, lists the targets.
//!
//! ```sh
//! cargo run -p iocp-tests --example fuzz_inputs -- drive target/fuzz/drive/seeds
//! ```

use iocp_tests::fuzz::TARGETS;
use std::{env, error::Error, fmt::Write, fs, path::Path};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    let [name, folder] = &arguments[..] else {
        for target in TARGETS {
            println!("{}", target.name);
        }
        return Ok(());
    };
    let target = TARGETS.iter().find(|target| target.name == *name);
    let target = target.ok_or_else(|| format!("there is no target {name}"))?;
    let folder = Path::new(folder);
    fs::create_dir_all(folder)?;
    for (name, bytes) in (target.seeds)() {
        fs::write(folder.join(name), bytes)?;
    }
    let mut dictionary = String::new();
    for word in target.words() {
        dictionary.push('"');
        for byte in word.bytes() {
            match byte {
                b'"' | b'\\' => write!(dictionary, "\\{}", char::from(byte))?,
                b' '..=b'~' => dictionary.push(byte.into()),
                _ => write!(dictionary, "\\x{byte:02X}")?,
            }
        }
        dictionary.push_str("\"\n");
    }
    fs::write(folder.with_extension("dict"), dictionary)?;
    Ok(())
}
