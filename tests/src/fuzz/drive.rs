//! Any bytes as lines for `iocp drive`: one answer a line; what is refused changes nothing; and a
//! session that was saved and loaded goes on as the other does.
//!
//! If the first line is the name of a profile, the session is under that profile, and the line is a
//! malformed request like others. A debug build checks all invariants after each line.

use iocp_model::Profile;
use iocp_scenarios::drive::{Session, serve};
use serde_json::{Value, json};

/// Gives the lines to `serve`, and one by one to a session.
pub fn run(bytes: &[u8]) {
    let mut answers = Vec::new();
    let profile = profile(bytes);
    serve(bytes, &mut answers, profile).unwrap_or_else(|error| panic!("{error}"));
    let mut lines: Vec<_> = bytes.split(|byte| *byte == b'\n').collect();
    // What follows the last line end is a line only if there is something.
    lines.pop_if(|last| last.is_empty());

    let answers = String::from_utf8(answers).unwrap_or_else(|error| panic!("{error}"));
    let answers: Vec<_> = answers.lines().collect();
    assert_eq!(answers.len(), lines.len(), "not one answer a line");

    let mut session = Session::new(profile);
    // It takes over the state in the middle.
    let mut loaded = None;
    for (index, (line, answer)) in lines.iter().zip(answers).enumerate() {
        if index == lines.len() / 2 {
            loaded = Some(load(profile, &mut session));
        }
        let before = state(&mut session);
        assert_eq!(session.answer(line), *answer, "another answer than `serve`");
        let value: Value = serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}"));
        match &value["ok"] {
            Value::Bool(true) => {}
            Value::Bool(false) => {
                assert!(value["error"].is_string(), "{answer}");
                assert_eq!(state(&mut session), before, "changed, and said {answer}");
            }
            _ => panic!("neither done nor refused: {answer}"),
        }
        if let Some(loaded) = &mut loaded {
            assert_eq!(
                loaded.answer(line),
                *answer,
                "other than before save and load"
            );
        }
    }
    load(profile, &mut session);
}

fn profile(bytes: &[u8]) -> Profile {
    let first = bytes.split(|byte| *byte == b'\n').next();
    first
        .and_then(|line| Profile::find(str::from_utf8(line).ok()?))
        .unwrap_or_default()
}

fn state(session: &mut Session) -> Value {
    let answer = session.answer(br#"{"op":"state"}"#);
    serde_json::from_str::<Value>(&answer).unwrap_or_else(|error| panic!("{error}"))["result"]
        .take()
}

/// A session with the same state, by way of `save` and `load`.
fn load(profile: Profile, session: &mut Session) -> Session {
    let saved = state(session);
    let mut loaded = Session::new(profile);
    let answer = loaded.answer(
        json!({ "op": "load", "state": saved })
            .to_string()
            .as_bytes(),
    );
    assert!(answer.starts_with(r#"{"ok":true"#), "{answer}\n{saved}");
    assert_eq!(state(&mut loaded), saved);
    loaded
}

/// Sessions of random requests under each profile, and the state that each leads to.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let mut seeds = Vec::new();
    for (name, bytes) in super::random_seeds(14, 150) {
        let Some((profile, lines)) = super::requests::lines(&bytes) else {
            continue;
        };
        let mut session = Session::new(profile);
        for line in lines.lines() {
            session.answer(line.as_bytes());
        }
        let load = json!({ "op": "load", "state": state(&mut session) });
        seeds.push((
            format!("{name}-loaded"),
            format!("{}\n{load}\n", profile.name).into(),
        ));
        seeds.push((name, lines.into()));
    }
    seeds
}
