#[path = "../benches/servers/mod.rs"]
mod servers;
use iocp_model::Profile;
use iocp_scheduler::conform::{Options, Recording, Verdict};
use std::time::Instant;
fn hwm(what: &str) -> u64 {
    let s = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = s.lines().find(|l| l.starts_with(what)).unwrap();
    line.split_whitespace()
        .nth(1)
        .unwrap()
        .parse::<u64>()
        .unwrap()
        / 1024
}
fn main() {
    let args: Vec<String> = std::env::args().collect();
    let events: u32 = args[2].parse().unwrap();
    for server in servers::ALL
        .iter()
        .filter(|s| args[1] == "all" || s.name == args[1])
    {
        let (program, trace) = server.record(events);
        let mut changed = trace;
        if let Some(kind) = args.get(3) {
            corrupt(&mut changed, kind);
        }
        let trace = changed;
        let n = trace.events.len();
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = hwm("VmRSS");
        let t = Instant::now();
        let recording = Recording::read(&program, &trace).unwrap();
        let read = t.elapsed();
        let mid = hwm("VmRSS");
        drop(trace);
        std::fs::write("/proc/self/clear_refs", "5").unwrap();
        let rss = hwm("VmRSS");
        let t = Instant::now();
        let options = Options {
            most_frontier: 64,
            ..Options::default()
        };
        let verdict = recording
            .check(Profile::default().semantics, options, &mut ())
            .unwrap();
        let took = t.elapsed();
        let text = match &verdict {
            Verdict::Diverges(d) => format!(
                "diverges at {} after {} states: {} / {:?}",
                d.event,
                d.looked_at,
                d.recorded,
                d.possible.first()
            ),
            v => format!("{v:?}"),
        };
        println!(
            "{:8} {n} events read {read:.2?} (+{} MB), search {took:.2?} (peak +{} MB): {text}",
            server.name,
            mid - before,
            hwm("VmHWM") - rss
        );
    }
}
fn corrupt(trace: &mut iocp_traces::Trace, kind: &str) {
    use iocp_traces::{Happening, Number};
    use std::borrow::Cow;
    let places: Vec<usize> = (0..trace.events.len()).filter(|&i| matches!(&trace.events[i].what, Happening::End { result, .. } if !result.packets.is_empty())).collect();
    let at = |part: usize| places[places.len() * part / 100];
    let key = |t: &iocp_traces::Trace, i: usize| match &t.events[i].what {
        Happening::End { result, .. } => result.packets[0].key,
        _ => unreachable!(),
    };
    let set = |t: &mut iocp_traces::Trace, i: usize, k: Number| {
        if let Happening::End { result, .. } = &mut t.events[i].what {
            let mut r = result.clone().into_owned();
            r.packets[0].key = k;
            *result = Cow::Owned(r);
        }
    };
    match kind {
        "foreign" => set(trace, at(95), Number(77_000_000)),
        "swap" => {
            let (a, b) = (at(90), at(97));
            let (x, y) = (key(trace, a), key(trace, b));
            set(trace, a, y);
            set(trace, b, x);
        }
        "near" => {
            let a = at(95);
            let mut b = places[places.len() * 95 / 100 + 20];
            let x = key(trace, a);
            for &p in &places[places.len() * 95 / 100 + 20..] {
                if key(trace, p) != x {
                    b = p;
                    break;
                }
            }
            let y = key(trace, b);
            set(trace, a, y);
            set(trace, b, x);
        }
        "lost" => {
            let i = at(95);
            if let Happening::End { result, .. } = &mut trace.events[i].what {
                let mut r = result.clone().into_owned();
                r.packets.clear();
                r.success = false;
                r.last_error = Some(258);
                *result = Cow::Owned(r);
            }
        }
        _ => {}
    }
}
