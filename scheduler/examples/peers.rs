//! The plain search on one of the peers' instances: `cargo run --release --example peers -- R P W L B`.
use iocp_scheduler::{Program, Workload, search};
use std::time::Instant;

fn main() {
    let args: Vec<u64> = std::env::args().skip(1).filter_map(|a| a.parse().ok()).collect();
    let [r, p, w, l, b] = args[..] else { panic!("R P W L B") };
    assert_eq!(r, 1);
    let mut worker = vec![serde_json::json!({"call":"GetQueuedCompletionStatus","port":"p"}),
        serde_json::json!({"if":{"key":0},"do":[{"leave":"loop"}]})];
    if b == 1 { worker.push(serde_json::json!({"call":"Sleep","for":"1ms"})); }
    worker.push(serde_json::json!({"mark":"done"}));
    let json = serde_json::json!({
        "name":"peers","port":[{"name":"p","concurrency":l}],
        "thread":[
          {"name":"producer","program":[
             {"repeat":p,"do":[{"call":"PostQueuedCompletionStatus","port":"p","key":1,"key_step":1}]},
             {"repeat":w,"do":[{"call":"PostQueuedCompletionStatus","port":"p","key":0}]}]},
          {"name":"worker","copies":w,"program":[{"repeat":"forever","do":worker}]}
        ]});
    let workload: Workload = serde_json::from_value(json).unwrap();
    let program = Program::compile(&workload).unwrap();
    let t = Instant::now();
    let reached = search::depth_first(&program, Default::default(), Default::default(), |_| {}).unwrap();
    let s = t.elapsed().as_secs_f64();
    println!("{reached:?} {s:.2} s, {:.2} M states/s, {:.1} B/state", reached.states as f64 / s / 1e6, reached.bytes as f64 / reached.states as f64);
}
