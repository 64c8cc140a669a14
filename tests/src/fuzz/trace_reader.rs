//! Any bytes as a trace: it is refused with a sentence, or it can be written and read again, compared
//! and shown.

use iocp_scenarios::{
    recordings,
    report::{Page, Section, Timeline},
};
use iocp_traces::{
    Trace, Writer,
    columns::{Options, columns, columns_within},
    compare::compare,
    perfetto,
    read::Limits,
};

/// Reads the bytes as a trace, and does with it what can be done.
pub fn run(bytes: &[u8]) {
    let (trace, error) = match Trace::read_start(bytes, Limits::held()) {
        Ok(read) => read,
        Err(error) => {
            let _ = error.in_file("a.jsonl").to_string();
            return;
        }
    };
    if let Some(error) = error {
        let again = Trace::read(bytes).err();
        assert_eq!(
            again.map(|again| again.to_string()),
            Some(error.to_string())
        );
        let _ = error.in_file("a.jsonl").to_string();
    }
    let written = write(&trace);
    let again = Trace::read(&written[..]).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again, trace);
    assert_eq!(write(&again), written);
    if let Ok(Some(difference)) = compare(&trace, &again) {
        panic!("a trace differs from itself: {difference}");
    }
    let _ = columns(&trace, &Options::default());
    let narrow = Options {
        width: 40,
        ascii: true,
        ..Options::default()
    };
    let _ = columns_within(&trace, &narrow, 40);
    let mut file = Vec::new();
    perfetto::write(&trace, &mut file).unwrap_or_else(|error| panic!("{error}"));
    let _: serde_json::Value =
        serde_json::from_slice(&file).unwrap_or_else(|error| panic!("{error}"));
    let mut page = Page::default();
    page.add(Section::figure("", Timeline::of(&trace)));
    let _ = page.html();
}

fn write(trace: &Trace) -> Vec<u8> {
    let write = || {
        let mut writer = Writer::new(Vec::new(), &trace.header)?;
        for event in &trace.events {
            writer.event(event)?;
        }
        writer.finish()
    };
    write().unwrap_or_else(|error: std::io::Error| panic!("{error}"))
}

/// Recordings, and runs with what only the simulator can see.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    let recordings = recordings::all()
        .iter()
        .map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec()));
    let runs = super::runs().map(|(name, run)| (name.to_owned(), run.trace));
    recordings.chain(runs).collect()
}
