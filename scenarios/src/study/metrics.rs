//! What is measured in a replication, by name.
//!
//! Times are in seconds, rates a second, shares from 0 to 1.

use iocp_scheduler::simulate::Replication;

/// The metrics beside the percentiles, with what they are. Those of the last group are of the port at which most
/// threads take packets.
pub const METRICS: [(&str, &str); 22] = [
    ("latency.mean", "from a request's first packet to its end"),
    ("latency.max", "of the slowest request of a replication"),
    (
        "wait.mean",
        "of a piece of work that could go on, for a thread and a processor",
    ),
    ("wait.max", "of the piece of work that waited longest"),
    ("queue_wait.mean", "of a packet, in a port's queue"),
    (
        "delayed",
        "the share of the pieces of work that wait at all",
    ),
    ("throughput", "requests a second"),
    ("outstanding.mean", "requests under way"),
    (
        "utilisation",
        "the share of the processors' time that threads use",
    ),
    (
        "run_queue.mean",
        "threads that are ready and have no processor",
    ),
    (
        "blocked.mean",
        "threads blocked in something else than a port",
    ),
    ("switches", "context switches a second"),
    ("wakeups", "threads woken, a second"),
    ("depth.mean", "packets in the port's queue"),
    ("depth.max", "the most of them"),
    ("active.mean", "active threads of the port"),
    ("active.max", "the most of them"),
    (
        "at_limit",
        "the share of the time with as many active threads as the limit",
    ),
    ("above_limit", "the share of the time with more"),
    ("waiters.mean", "threads that wait at the port"),
    (
        "short_of_threads",
        "the share of the time in which packets wait and no thread does",
    ),
    (
        "held_by_limit",
        "the share of the time in which packets wait, and threads that the limit keeps waiting",
    ),
];

/// The values of a replication, by name. `port` is that at which most threads take packets, if there
/// is one; if there are several ports, each has its values under its own name, too.
pub(super) fn values(replication: &Replication, port: Option<&str>) -> Vec<(String, f64)> {
    let mut values = Vec::new();
    let mut put = |name: &str, value: f64| values.push((name.to_owned(), value));
    let seconds = |ns: f64| ns / 1e9;
    let time = seconds(replication.simulated_ns as f64);
    put("latency.mean", seconds(replication.latency_moments.mean()));
    put(
        "latency.max",
        seconds(replication.latency_moments.max_ns as f64),
    );
    put("wait.mean", seconds(replication.wait.mean()));
    put("wait.max", seconds(replication.wait.max_ns as f64));
    put("queue_wait.mean", seconds(replication.queue_wait.mean()));
    let waits = replication.wait.n.max(1) as f64;
    put("delayed", replication.wait.longer_than_zero as f64 / waits);
    put("throughput", replication.throughput_per_s);
    put("outstanding.mean", replication.outstanding.mean);
    let used: f64 = replication.processors.iter().sum();
    put(
        "utilisation",
        used / replication.processors.len().max(1) as f64,
    );
    put("run_queue.mean", replication.run_queue_mean);
    put("blocked.mean", replication.blocked_mean);
    put("switches", replication.switches as f64 / time);
    put("wakeups", replication.wakeups as f64 / time);
    for statistics in &replication.ports {
        let name = &statistics.name;
        let mut of_port = |what: &str, value: f64| {
            if Some(name.as_str()) == port {
                values.push((what.to_owned(), value));
            }
            if replication.ports.len() > 1 {
                values.push((format!("port.{name}.{what}"), value));
            }
        };
        of_port("depth.mean", statistics.depth_mean);
        of_port("depth.max", statistics.depth_max as f64);
        of_port("active.mean", statistics.active_mean);
        of_port("active.max", statistics.active_max as f64);
        of_port("at_limit", statistics.at_limit);
        of_port("above_limit", statistics.above_limit);
        of_port("waiters.mean", statistics.waiters_mean);
        of_port("short_of_threads", statistics.short_of_threads);
        of_port("held_by_limit", statistics.held_by_limit);
    }
    for (at, used) in replication.processors.iter().enumerate() {
        values.push((format!("processor.{at}"), *used));
    }
    values
}
