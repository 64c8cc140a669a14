//! Numbers that stand for requests to `iocp drive`; what must hold is what [`drive`](super::drive)
//! says.
//!
//! The first byte chooses the profile. Then four bytes stand for a request: its operation, its
//! thread and port, its flags, its key.

use iocp_model::Profile;
use serde_json::{Value, json};
use std::fmt::Write;

/// What every session begins with: a few of the names that requests are about. Others are unknown
/// until a request creates them.
const BEGINNING: &str = r#"{"op":"port","port":"p0","limit":1}
{"op":"port","port":"p1","limit":2}
{"op":"thread","thread":"t0"}
{"op":"thread","thread":"t1"}
{"op":"thread","thread":"t2"}
"#;

/// The most requests of one input.
const MOST_REQUESTS: usize = 150;

/// Gives the requests to a session.
pub fn run(bytes: &[u8]) {
    if let Some((profile, lines)) = lines(bytes) {
        let lines: Vec<_> = lines.lines().map(str::as_bytes).collect();
        super::drive::session(profile, &lines);
    }
}

/// The profile and the requests that the bytes stand for.
pub(super) fn lines(bytes: &[u8]) -> Option<(Profile, String)> {
    let (first, rest) = bytes.split_first()?;
    let profile = Profile::ALL[usize::from(*first) % Profile::ALL.len()];
    let mut lines = format!("{}\n{BEGINNING}", profile.name);
    for &numbers in rest.as_chunks().0.iter().take(MOST_REQUESTS) {
        // Writing to a string cannot fail.
        let _ = writeln!(lines, "{}", request(numbers));
    }
    Some((profile, lines))
}

fn request([operation, names, flags, key]: [u8; 4]) -> Value {
    let thread = format!("t{}", names % 5);
    let port = format!("p{}", names / 5 % 3);
    let flag = |bit: u32| flags >> bit & 1 == 1;
    let forever = [json!("infinite"), json!("finite")][usize::from(flag(0))].clone();
    let timeout = if flag(1) { forever.clone() } else { json!(0) };
    let alertable = flag(2);
    let mut request = match operation % 24 {
        0..=3 => json!({ "op": "dequeue", "thread": thread, "port": port, "timeout": forever }),
        4 => json!({
            "op": "dequeue", "thread": thread, "port": port, "timeout": timeout,
            "max": 1 + u16::from(key % 3), "alertable": alertable,
        }),
        5..=8 => json!({ "op": "post", "port": port, "key": key }),
        9 => json!({
            "op": "post", "port": port, "key": format!("{key:#x}"), "thread": thread,
            "head": alertable, "bytes": u64::from(key) << 40, "status": key,
        }),
        10 | 11 => {
            json!({ "op": "block", "thread": thread, "timeout": forever, "alertable": alertable })
        }
        12 => json!({ "op": "unblock", "thread": thread }),
        13 => json!({ "op": "poll", "thread": thread }),
        14 => json!({ "op": "expire", "thread": thread }),
        15 => json!({ "op": "suspend", "thread": thread }),
        16 => json!({ "op": "resume", "thread": thread }),
        17 => json!({ "op": "user_apc", "thread": thread }),
        18 => json!({ "op": "kernel_apc", "thread": thread }),
        19 => json!({ "op": "kill", "thread": thread }),
        20 => json!({ "op": "thread", "thread": thread }),
        21 => json!({ "op": "port", "port": port, "limit": key % 4 }),
        // Once in a while only: not much happens afterwards.
        22 => match key {
            0..64 => json!({ "op": "exit", "thread": thread }),
            64..96 => json!({ "op": "close", "port": port }),
            96..112 => json!({ "op": "rundown", "port": port }),
            112 => json!({ "op": "reset" }),
            113 => json!({ "op": "save" }),
            _ => json!({ "op": "state" }),
        },
        _ => json!({ "op": "resume", "thread": thread }),
    };
    if operation % 24 == 18 && flag(3) {
        request["post"] = json!({ "port": port, "key": key, "head": alertable });
    }
    request
}

/// Random requests.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    super::random_seeds(28, 81)
}
