//! Throw-away: records one workload.
#[cfg(windows)]
fn main() {
    use iocp_scheduler::native;
    native::child();
    let path = std::env::args().nth(1).unwrap();
    let text = std::fs::read_to_string(path).unwrap();
    let workload = serde_json::from_str(&text).unwrap();
    let program = iocp_scheduler::Program::compile(&workload).unwrap();
    let mut options = native::Options::default();
    if let Some(watchdog) = std::env::args().nth(2) {
        options.watchdog = std::time::Duration::from_secs(watchdog.parse().unwrap());
    }
    match native::record(&program, &options) {
        Ok(trace) if std::env::var_os("TRACE").is_some() => {
            let mut writer = iocp_traces::Writer::new(std::io::stdout(), &trace.header).unwrap();
            for event in &trace.events {
                writer.event(event).unwrap();
            }
            writer.finish().unwrap();
        }
        Ok(trace) => {
            println!("{:?}", trace.header.producer);
            println!("{} | settled {:?} | {} cpus", trace.header.provenance, trace.header.settled_ns, trace.header.processors);
            for event in &trace.events {
                println!("{}", serde_json::to_string(event).unwrap());
            }
        }
        Err(error) => println!("ERROR {error}"),
    }
}
#[cfg(not(windows))]
fn main() {}
