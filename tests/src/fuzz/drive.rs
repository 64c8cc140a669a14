//! Any bytes as lines for `iocp drive`: one answer a line; what is refused changes nothing; and a
//! session that was saved and loaded goes on as the other does.
//!
//! If the first line is the name of a profile, the session is under that profile, and the line is a
//! malformed request like others. A debug build checks all invariants after each line.

use iocp_model::Profile;
use iocp_scenarios::drive::{Session, serve};

/// Gives the lines to a session, and all of them to `serve`.
pub fn run(bytes: &[u8]) {
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    // What follows the last line end is a line only if there is something.
    lines.pop_if(|last| last.is_empty());
    let first = lines.first().and_then(|line| str::from_utf8(line).ok());
    let profile = first.and_then(Profile::find).unwrap_or_default();
    let mut answers = session(profile, &lines).join("\n");
    if !lines.is_empty() {
        answers.push('\n');
    }
    let mut served = Vec::new();
    serve(bytes, &mut served, profile).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(String::from_utf8(served).as_ref(), Ok(&answers));
}

/// Gives the lines to a session; what it answers.
pub(super) fn session(profile: Profile, lines: &[&[u8]]) -> Vec<String> {
    let mut session = Session::new(profile);
    // It takes over the state in the middle.
    let mut loaded = None;
    let mut answers = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        if index == lines.len() / 2 {
            loaded = Some(load(profile, &mut session));
        }
        let mut before = session.clone();
        let answer = session.answer(line);
        let Answer { ok, error } =
            serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error} in {answer}"));
        assert_eq!(ok, error.is_none(), "{answer}");
        if !ok {
            let (before, after) = (state(&mut before), state(&mut session));
            assert_eq!(after, before, "changed, and said {answer}");
        }
        if let Some(loaded) = &mut loaded {
            assert_eq!(
                loaded.answer(line),
                answer,
                "other than before save and load"
            );
        }
        answers.push(answer);
    }
    load(profile, &mut session);
    answers
}

/// What every answer has, whatever else.
#[derive(serde::Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
}

/// The state, as the session answers it.
fn state(session: &mut Session) -> String {
    session.answer(br#"{"op":"state"}"#)
}

/// The request that leads to this state.
fn loading(state: &str) -> String {
    format!(r#"{{"op":"load","state":{state}}}"#)
}

/// A session with the same state, by way of `state` and `load`.
fn load(profile: Profile, session: &mut Session) -> Session {
    let saved = state(session);
    let mut loaded = Session::new(profile);
    let answer = loaded.answer(loading(&saved).as_bytes());
    assert!(answer.starts_with(r#"{"ok":true"#), "{answer}\n{saved}");
    assert_eq!(state(&mut loaded), saved);
    loaded
}

/// Sessions of random requests under each profile, and the state that each leads to.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (name, bytes) in super::random_seeds(28, 65) {
        let Some((profile, lines)) = super::requests::lines(&bytes) else {
            continue;
        };
        let mut session = Session::new(profile);
        for line in lines.lines() {
            session.answer(line.as_bytes());
        }
        let load = loading(&state(&mut session));
        seeds.push((
            format!("{name}-loaded"),
            format!("{}\n{load}\n", profile.name).into(),
        ));
        seeds.push((name, lines.into()));
    }
    seeds
}
