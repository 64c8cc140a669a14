//! x
use iocp_scheduler::{Program, explore};
fn main() {
    let a: Vec<usize> = std::env::args()
        .skip(1)
        .map(|x| x.parse().unwrap())
        .collect();
    let (w, p, l, b) = (a[0], a[1], a[2], a[3]);
    let sleep = if b == 1 {
        r#"{"call":"Sleep","for":"1ms"},"#
    } else {
        ""
    };
    let keys = (1..=p).map(|k| k.to_string()).collect::<Vec<_>>().join(",");
    let text = format!(
        r#"{{"name":"x","port":[{{"name":"p","concurrency":{l}}}],"thread":[
 {{"name":"producer","program":[{{"repeat":{p},"do":[{{"call":"PostQueuedCompletionStatus","port":"p","key":1,"key_step":1}}]}},{{"repeat":{w},"do":[{{"call":"PostQueuedCompletionStatus","port":"p","key":0}}]}}]}},
 {{"name":"worker","copies":{w},"program":[{{"repeat":"forever","do":[{{"call":"GetQueuedCompletionStatus","port":"p"}},{{"if":{{"key":0}},"do":[{{"leave":"loop"}}]}},{sleep}{{"mark":"done"}}]}}]}}],
 "expect":[{{"marked":"done","keys":[{keys}]}},{{"port":"p","depth":0,"most_active":{}}}]}}"#,
        a[6]
    );
    let workload: iocp_scheduler::Workload = serde_json::from_str(&text)
        .map_err(|e| println!("{e}"))
        .unwrap();
    let program = Program::compile(&workload).unwrap();
    let start = std::time::Instant::now();
    let options = explore::Options {
        threads: a[4],
        digest: a[5] == 1,
        reductions: explore::Reductions {
            packets: a[7] & 1 != 0,
            symmetry: a[7] & 2 != 0,
            partial_order: a[7] & 4 != 0,
        },
        ..Default::default()
    };
    let report = explore::explore(&program, Default::default(), &options, &|_| true).unwrap();
    println!("{report:?} {:?}", start.elapsed());
}
