//! The drive protocol, from outside: lines in, lines out.

#![expect(clippy::unwrap_used, reason = "in a test, a panic is how it fails")]

use iocp_model::{
    Profile,
    profile::{OnClose, SuspendedWaiter},
};
use iocp_scenarios::drive::{MOST_LINE_BYTES, Session, serve};
use serde_json::{Value, json};

/// A session that is spoken to in values.
#[derive(Clone)]
struct Drive(Session);

impl Drive {
    fn new(profile: Profile) -> Self {
        Self(Session::new(profile))
    }

    /// A session of the default profile with these ports, by limit, and threads.
    fn with(ports: &[(&str, u32)], threads: &[&str]) -> Self {
        let mut drive = Self::new(Profile::default());
        drive.add(ports, threads);
        drive
    }

    fn add(&mut self, ports: &[(&str, u32)], threads: &[&str]) {
        for (port, limit) in ports {
            self.ok(json!({"op": "port", "port": port, "limit": limit}));
        }
        for thread in threads {
            self.ok(json!({"op": "thread", "thread": thread}));
        }
    }

    fn say(&mut self, line: &[u8]) -> Value {
        let answer = self.0.answer(line);
        assert!(!answer.contains('\n'), "{answer}");
        serde_json::from_str(&answer).unwrap()
    }

    fn ok(&mut self, request: Value) -> Value {
        let answer = self.say(request.to_string().as_bytes());
        assert_eq!(answer["ok"], true, "{request}: {answer}");
        let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ok", "result", "released", "ports"]);
        answer
    }

    /// The sentence with which a request is refused; it must change nothing.
    fn refused(&mut self, request: Value) -> String {
        self.refused_line(request.to_string().as_bytes())
    }

    fn refused_line(&mut self, line: &[u8]) -> String {
        let before = self.save();
        let answer = self.say(line);
        assert_eq!(answer["ok"], false, "{answer}");
        let keys: Vec<_> = answer.as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ok", "error"]);
        assert_eq!(self.save(), before);
        answer["error"].as_str().unwrap().into()
    }

    fn save(&mut self) -> Value {
        self.ok(json!({"op": "save"}))["result"]["state"].take()
    }

    fn to(&mut self, thread: &str, op: &str) -> Value {
        self.ok(json!({"op": op, "thread": thread}))
    }

    fn get(&mut self, thread: &str, port: &str, timeout: Value) -> Value {
        self.ok(json!({"op": "dequeue", "thread": thread, "port": port, "timeout": timeout}))
    }

    /// Dequeues and blocks.
    fn wait(&mut self, thread: &str, port: &str) -> Value {
        let answer = self.get(thread, port, json!("infinite"));
        assert_eq!(answer["result"], json!({"status": "waiting"}));
        answer
    }

    fn post(&mut self, port: &str, key: u32) -> Value {
        self.ok(json!({"op": "post", "port": port, "key": key}))
    }

    fn block(&mut self, thread: &str) -> Value {
        self.ok(json!({"op": "block", "thread": thread, "timeout": "finite"}))
    }
}

fn packet(key: u32) -> Value {
    json!({"key": key, "bytes": 0, "overlapped": null, "status": 0})
}

/// Who got which key.
fn got(thread: &str, key: u32) -> Value {
    json!({"thread": thread, "status": "packet", "packets": [packet(key)]})
}

fn left(thread: &str, status: &str) -> Value {
    json!({"thread": thread, "status": status})
}

fn key_of(answer: &Value) -> &Value {
    &answer["result"]["packets"][0]["key"]
}

#[test]
fn a_port_has_the_limit_it_was_given_or_one_for_each_processor() {
    let mut drive = Drive::with(&[("two", 2), ("machine", 0)], &[]);
    let answer = drive.ok(json!({"op": "port", "port": "six", "limit": 0, "processors": 6}));
    assert_eq!(answer["result"], json!({}));
    assert_eq!(
        answer["ports"]["two"],
        json!({"limit": 2, "active": 0, "queue": [], "waiters": [], "members": [], "closed": false})
    );
    assert_eq!(answer["ports"]["machine"]["limit"], 4);
    assert_eq!(answer["ports"]["six"]["limit"], 6);
    let answer = drive.ok(json!({"op": "port", "port": "", "limit": 3, "processors": 6}));
    assert_eq!(answer["ports"][""]["limit"], 3);
}

#[test]
fn a_post_tells_the_depth_before_and_goes_to_the_newest_waiter() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b", "c"]);
    drive.wait("a", "p");
    drive.wait("b", "p");
    let answer = drive.ok(json!({"op": "post", "port": "p", "key": 7, "thread": "c"}));
    assert_eq!(answer["result"], json!({"previous_depth": 0}));
    assert_eq!(answer["released"], json!([got("b", 7)]));
    assert_eq!(answer["ports"]["p"]["active"], 1);
    assert_eq!(answer["ports"]["p"]["waiters"], json!(["a"]));
    assert_eq!(answer["ports"]["p"]["members"], json!(["a", "b"]));
    assert_eq!(drive.post("p", 8)["result"], json!({"previous_depth": 0}));
    assert_eq!(drive.post("p", 9)["result"], json!({"previous_depth": 1}));
    let answer = drive.ok(json!({"op": "post", "port": "p", "key": 6, "head": true}));
    assert_eq!(answer["result"], json!({"previous_depth": 2}));
    assert_eq!(
        answer["ports"]["p"]["queue"],
        json!([packet(6), packet(8), packet(9)])
    );
    // A thread that waits can make no call.
    let why = drive.refused(json!({"op": "post", "port": "p", "key": 1, "thread": "a"}));
    assert_eq!(
        why,
        "Thread \"a\" can make no call now: it is waiting in a dequeue."
    );
}

#[test]
fn numbers_come_back_in_the_form_in_which_they_went_in() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    let sent = [
        json!({"key": "0x00aB", "bytes": "0xFFFFFFFFFFFFFFFF", "overlapped": "0x0", "status": "0xc0000120"}),
        json!({"key": 9_007_199_254_740_992_u64, "bytes": 12, "overlapped": 0, "status": 3_221_225_472_u32}),
        json!({"key": "0x1", "bytes": 0, "overlapped": null, "status": 0}),
    ];
    for packet in &sent {
        let mut post = packet.clone();
        post["op"] = json!("post");
        post["port"] = json!("p");
        drive.ok(post);
    }
    let queue = &drive.ok(json!({"op": "state"}))["ports"]["p"]["queue"];
    assert_eq!(queue, &json!(sent));
    let state = drive.save();
    drive.ok(json!({"op": "reset"}));
    drive.ok(json!({"op": "load", "state": state}));
    let answer = drive.get("a", "p", json!(0));
    assert_eq!(
        answer["result"],
        json!({
            "status": "packet",
            "packets": [sent[0]],
            "return": false,
            "last_error": 995,
            "nt_status": 0,
        })
    );
    let answer =
        drive.ok(json!({"op": "dequeue", "thread": "a", "port": "p", "timeout": 0, "max": 9}));
    assert_eq!(answer["result"]["packets"], json!(sent[1..]));
    assert_eq!(answer["result"]["return"], true);
    assert_eq!(answer["result"]["last_error"], Value::Null);
}

#[test]
fn a_dequeue_says_what_windows_says() {
    let mut drive = Drive::with(&[("p", 1), ("q", 1)], &["a"]);
    let not_found = |status, error, nt| json!({"status": status, "return": false, "last_error": error, "nt_status": nt});
    let answer = drive.get("a", "p", json!(0));
    assert_eq!(answer["result"], not_found("timeout", 258, 0x102));
    assert_eq!(answer["ports"]["p"]["active"], 1);
    drive.post("p", 7);
    assert_eq!(
        drive.get("a", "p", json!(0))["result"],
        json!({"status": "packet", "packets": [packet(7)], "return": true, "last_error": null, "nt_status": 0})
    );
    // APC-01: before association, an APC comes first; the thread joins nothing.
    drive.post("q", 8);
    drive.to("a", "user_apc");
    let alertable = |port| json!({"op": "dequeue", "thread": "a", "port": port, "timeout": 0, "alertable": true});
    let answer = drive.ok(alertable("q"));
    assert_eq!(answer["result"], not_found("user_apc", 192, 0xC0));
    assert_eq!(answer["ports"]["q"]["members"], json!([]));
    // APC-02: as a member, a packet comes first.
    assert_eq!(key_of(&drive.ok(alertable("q"))), 8);
    drive.ok(json!({"op": "rundown", "port": "p"}));
    let answer = drive.get("a", "p", json!("infinite"));
    assert_eq!(answer["result"], not_found("abandoned", 735, 0x80));
}

#[test]
fn a_batch_takes_what_is_there_under_one_slot() {
    let mut drive = Drive::with(&[("p", 2)], &["a", "b"]);
    for key in 1..=5 {
        drive.post("p", key);
    }
    let batch = |thread, max| json!({"op": "dequeue", "thread": thread, "port": "p", "timeout": "infinite", "max": max});
    let answer = drive.ok(batch("a", 3));
    assert_eq!(
        answer["result"]["packets"],
        json!([packet(1), packet(2), packet(3)])
    );
    assert_eq!(answer["ports"]["p"]["active"], 1);
    assert_eq!(
        drive.ok(batch("b", 9))["result"]["packets"],
        json!([packet(4), packet(5)])
    );
    // One that has to wait returns with the one packet that wakes it, in any case.
    let answer = drive.ok(batch("b", 9));
    assert_eq!(answer["result"], json!({"status": "waiting"}));
    assert_eq!(drive.post("p", 6)["released"], json!([got("b", 6)]));
}

#[test]
fn blocking_gives_the_slot_away_and_unblocking_takes_one_regardless() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.get("a", "p", json!(0));
    drive.wait("b", "p");
    drive.post("p", 1);
    // CONC-07: no blocking, no slot.
    let answer = drive.to("a", "poll");
    assert_eq!(answer["result"], json!({"status": "signaled"}));
    assert_eq!(answer["released"], json!([]));
    let answer = drive.block("a");
    assert_eq!(answer["result"], json!({"status": "blocked"}));
    assert_eq!(answer["released"], json!([got("b", 1)]));
    let answer = drive.to("a", "unblock");
    assert_eq!(answer["result"], json!({}));
    assert_eq!(answer["released"], json!([left("a", "signaled")]));
    assert_eq!(answer["ports"]["p"]["active"], 2);
    drive.block("a");
    assert_eq!(
        drive.to("a", "expire")["released"],
        json!([left("a", "timeout")])
    );
    // An alertable wait with an APC pending does not begin.
    drive.to("a", "user_apc");
    let alertable = json!({"op": "block", "thread": "a", "timeout": "infinite", "alertable": true});
    assert_eq!(
        drive.ok(alertable.clone())["result"],
        json!({"status": "user_apc"})
    );
    drive.ok(alertable);
    drive.refused(json!({"op": "expire", "thread": "a"}));
    assert_eq!(
        drive.to("a", "user_apc")["released"],
        json!([left("a", "user_apc")])
    );
    drive.refused(json!({"op": "unblock", "thread": "a"}));
}

#[test]
fn a_dequeue_is_left_by_time_by_apc_and_by_death() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b", "c"]);
    drive.get("a", "p", json!("finite"));
    drive.ok(json!({"op": "dequeue", "thread": "b", "port": "p", "timeout": "infinite", "alertable": true}));
    drive.wait("c", "p");
    drive.refused(json!({"op": "expire", "thread": "b"}));
    drive.refused(json!({"op": "unblock", "thread": "b"}));
    drive.refused(json!({"op": "exit", "thread": "b"}));
    // WAIT-08: without alertable, an APC ends nothing.
    assert_eq!(drive.to("c", "user_apc")["released"], json!([]));
    assert_eq!(
        drive.to("b", "user_apc")["released"],
        json!([left("b", "user_apc")])
    );
    let answer = drive.to("a", "expire");
    assert_eq!(answer["released"], json!([left("a", "timeout")]));
    assert_eq!(answer["ports"]["p"]["active"], 2);
    let answer = drive.to("c", "kill");
    assert_eq!(answer["released"], json!([left("c", "killed")]));
    assert_eq!(answer["ports"]["p"]["members"], json!(["a", "b"]));
    drive.refused(json!({"op": "kill", "thread": "a"}));
    drive.refused(json!({"op": "kill", "thread": "c"}));
    drive.refused(json!({"op": "user_apc", "thread": "c"}));
    drive.refused(json!({"op": "thread", "thread": "c"}));
}

#[test]
fn a_suspended_dequeuer_is_off_the_stack_and_looks_again_when_resumed() {
    let leaves =
        |profile: &&Profile| profile.semantics.suspended_waiter == SuspendedWaiter::LeavesStack;
    for profile in Profile::ALL.iter().filter(leaves) {
        let mut drive = Drive::new(*profile);
        drive.add(&[("p", 9)], &["a", "b"]);
        drive.wait("a", "p");
        drive.wait("b", "p");
        let answer = drive.to("a", "suspend");
        assert_eq!(answer["released"], json!([]));
        assert_eq!(answer["ports"]["p"]["waiters"], json!(["b"]));
        drive.to("a", "suspend");
        assert_eq!(drive.post("p", 1)["released"], json!([got("b", 1)]));
        // Nobody waits any more: the next one is queued.
        assert_eq!(drive.post("p", 2)["released"], json!([]));
        drive.refused(json!({"op": "kernel_apc", "thread": "a"}));
        assert_eq!(drive.to("a", "resume")["released"], json!([]));
        let answer = drive.to("a", "resume");
        assert_eq!(answer["released"], json!([got("a", 2)]));
        drive.refused(json!({"op": "resume", "thread": "a"}));
        // Without a packet, it goes back, on top.
        drive.wait("a", "p");
        drive.wait("b", "p");
        drive.to("a", "suspend");
        let answer = drive.to("a", "resume");
        assert_eq!(answer["released"], json!([]));
        assert_eq!(answer["ports"]["p"]["waiters"], json!(["b", "a"]));
        // A due time that passed meanwhile stands (KQ-13).
        drive.to("a", "suspend");
        drive.to("a", "kill");
        drive.post("p", 3);
        drive.get("b", "p", json!("finite"));
        drive.to("b", "suspend");
        drive.to("b", "expire");
        assert_eq!(
            drive.to("b", "resume")["released"],
            json!([left("b", "timeout")])
        );
    }
}

#[test]
fn a_suspension_takes_the_slot_of_a_running_thread_at_once() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.get("a", "p", json!(0));
    drive.wait("b", "p");
    drive.post("p", 1);
    let answer = drive.to("a", "suspend");
    assert_eq!(answer["released"], json!([got("b", 1)]));
    drive.refused(json!({"op": "poll", "thread": "a"}));
    let answer = drive.to("a", "resume");
    assert_eq!(answer["released"], json!([]));
    assert_eq!(answer["ports"]["p"]["active"], 2);
    // A wait whose end came during the suspension ends with it.
    drive.block("a");
    drive.to("a", "suspend");
    assert_eq!(drive.to("a", "unblock")["released"], json!([]));
    assert_eq!(
        drive.to("a", "resume")["released"],
        json!([left("a", "signaled")])
    );
}

#[test]
fn a_suspended_thread_can_be_killed() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.to("a", "suspend");
    assert_eq!(
        drive.to("a", "kill")["released"],
        json!([left("a", "killed")])
    );
    drive.wait("b", "p");
    drive.to("b", "suspend");
    let answer = drive.to("b", "kill");
    assert_eq!(answer["released"], json!([left("b", "killed")]));
    assert_eq!(answer["ports"]["p"]["members"], json!([]));
}

#[test]
fn closing_abandons_the_waiters_where_the_kernel_does() {
    for profile in Profile::ALL {
        let abandons = !["windows-xp", "reactos", "wine-8"].contains(&profile.name);
        let mut drive = Drive::new(*profile);
        drive.add(&[("p", 1)], &["a", "b", "c"]);
        drive.get("a", "p", json!("finite"));
        drive.wait("b", "p");
        let answer = drive.ok(json!({"op": "close", "port": "p"}));
        assert_eq!(answer["ports"]["p"]["closed"], true);
        drive.refused(json!({"op": "close", "port": "p"}));
        drive.refused(json!({"op": "post", "port": "p", "key": 1}));
        drive.refused(json!({"op": "post", "port": "p", "key": 1, "head": true}));
        let dequeue = json!({"op": "dequeue", "thread": "c", "port": "p", "timeout": 0});
        if abandons {
            assert_eq!(
                answer["released"],
                json!([left("a", "abandoned"), left("b", "abandoned")])
            );
            assert_eq!(answer["ports"]["p"]["members"], json!([]));
            assert_eq!(
                drive.ok(dequeue)["result"],
                json!({"status": "abandoned", "return": false, "last_error": 735, "nt_status": 128})
            );
        } else {
            assert_eq!(answer["released"], json!([]));
            assert_eq!(answer["ports"]["p"]["waiters"], json!(["a", "b"]));
            drive.refused(dequeue);
            assert_eq!(
                drive.to("a", "expire")["released"],
                json!([left("a", "timeout")])
            );
            let answer = drive.to("b", "kill");
            assert_eq!(answer["released"], json!([left("b", "killed")]));
            assert_eq!(answer["ports"]["p"]["members"], json!([]));
        }
        drive.refused(json!({"op": "port", "port": "p", "limit": 1}));
        drive.refused(json!({"op": "rundown", "port": "p"}));
    }
}

#[test]
fn a_rundown_gives_the_packets_up_and_the_members_too() {
    for profile in Profile::ALL {
        let ends_waits = profile.semantics.on_rundown == OnClose::Abandon;
        let mut drive = Drive::new(*profile);
        drive.add(&[("p", 1)], &["a", "b", "c"]);
        drive.get("a", "p", json!(0));
        drive.post("p", 1);
        drive.ok(json!({"op": "post", "port": "p", "key": "0xff"}));
        let answer = drive.ok(json!({"op": "rundown", "port": "p"}));
        let mut hex = packet(0);
        hex["key"] = json!("0xff");
        assert_eq!(answer["result"], json!({"packets": [packet(1), hex]}));
        assert_eq!(answer["ports"]["p"]["members"], json!([]));
        assert_eq!(answer["ports"]["p"]["active"], 0);
        assert_eq!(answer["ports"]["p"]["closed"], ends_waits);
        if !ends_waits {
            drive.wait("b", "p");
            drive.wait("c", "p");
            let answer = drive.ok(json!({"op": "rundown", "port": "p"}));
            assert_eq!(answer["result"], json!({"packets": []}));
            assert_eq!(answer["ports"]["p"]["waiters"], json!(["b", "c"]));
        }
        drive.ok(json!({"op": "close", "port": "p"}));
    }
}

#[test]
fn members_are_listed_as_they_joined() {
    let mut drive = Drive::with(&[("p", 1), ("q", 1)], &["a", "b", "c"]);
    for thread in ["c", "a", "b"] {
        drive.get(thread, "p", json!(0));
    }
    drive.get("c", "q", json!(0));
    let answer = drive.get("c", "p", json!(0));
    assert_eq!(answer["ports"]["p"]["members"], json!(["a", "b", "c"]));
    let answer = drive.to("a", "exit");
    assert_eq!(answer["result"], json!({}));
    assert_eq!(answer["released"], json!([]));
    assert_eq!(answer["ports"]["p"]["members"], json!(["b", "c"]));
    // And loaded as they were saved.
    let state = drive.save();
    drive.ok(json!({"op": "reset"}));
    let answer = drive.ok(json!({"op": "load", "state": state}));
    assert_eq!(answer["ports"]["p"]["members"], json!(["b", "c"]));
}

#[test]
fn rt_1() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.wait("a", "p");
    drive.wait("b", "p");
    assert_eq!(drive.post("p", 1)["released"], json!([got("b", 1)]));
    let answer = drive.post("p", 2);
    assert_eq!(answer["released"], json!([]));
    assert_eq!(answer["ports"]["p"]["queue"], json!([packet(2)]));
    let answer = drive.block("b");
    assert_eq!(answer["released"], json!([got("a", 2)]));
    assert_eq!(answer["ports"]["p"]["active"], 1);
    assert_eq!(drive.to("b", "expire")["ports"]["p"]["active"], 2);
    assert_eq!(
        drive.post("p", 3)["ports"]["p"]["queue"],
        json!([packet(3)])
    );
    assert_eq!(drive.wait("a", "p")["ports"]["p"]["active"], 1);
    assert_eq!(key_of(&drive.get("b", "p", json!("infinite"))), 3);
}

#[test]
fn rt_2() {
    let mut drive = Drive::with(&[("p", 2)], &["a", "b", "c"]);
    for thread in ["a", "b", "c"] {
        drive.wait(thread, "p");
    }
    assert_eq!(drive.post("p", 1)["released"], json!([got("c", 1)]));
    assert_eq!(drive.post("p", 2)["released"], json!([got("b", 2)]));
    assert_eq!(drive.post("p", 3)["released"], json!([]));
    let answer = drive.get("c", "p", json!("infinite"));
    assert_eq!(key_of(&answer), 3);
    assert_eq!(answer["ports"]["p"]["waiters"], json!(["a"]));
}

#[test]
fn rt_3() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.get("a", "p", json!(0));
    drive.wait("b", "p");
    assert_eq!(drive.post("p", 1)["released"], json!([]));
    assert_eq!(drive.to("a", "exit")["released"], json!([got("b", 1)]));
}

#[test]
fn rt_4() {
    let mut drive = Drive::with(&[("p", 1), ("q", 1)], &["a", "b"]);
    drive.get("a", "p", json!(0));
    drive.wait("b", "p");
    drive.post("p", 1);
    let answer = drive.get("a", "q", json!("finite"));
    assert_eq!(answer["result"], json!({"status": "waiting"}));
    assert_eq!(answer["released"], json!([got("b", 1)]));
    assert_eq!(answer["ports"]["p"]["active"], 1);
    assert_eq!(answer["ports"]["q"]["active"], 0);
    let answer = drive.to("a", "expire");
    assert_eq!(answer["released"], json!([left("a", "timeout")]));
    assert_eq!(answer["ports"]["q"]["active"], 1);
}

#[test]
fn rt_5() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.wait("a", "p");
    drive.get("b", "p", json!("finite"));
    let mut post_first = drive.clone();
    // Limit 1: b counts after its time-out, so that the packet stays until b blocks.
    assert_eq!(
        drive.to("b", "expire")["released"],
        json!([left("b", "timeout")])
    );
    assert_eq!(drive.post("p", 1)["released"], json!([]));
    assert_eq!(drive.block("b")["released"], json!([got("a", 1)]));
    assert_eq!(post_first.post("p", 1)["released"], json!([got("b", 1)]));
    post_first.refused(json!({"op": "expire", "thread": "b"}));
}

#[test]
fn rt_6() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.get("a", "p", json!(0));
    drive.post("p", 1);
    let answer = drive.get("b", "p", json!(0));
    assert_eq!(answer["result"]["status"], "timeout");
    assert_eq!(answer["ports"]["p"]["queue"], json!([packet(1)]));
    // Wine 8 has no limit.
    let mut wine = Drive::new(Profile::WINE_8);
    wine.add(&[("p", 1)], &["a", "b"]);
    wine.get("a", "p", json!(0));
    wine.post("p", 1);
    assert_eq!(key_of(&wine.get("b", "p", json!(0))), 1);
}

#[test]
fn a_kernel_apc_moves_a_waiter_to_the_top() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.wait("a", "p");
    drive.wait("b", "p");
    let answer = drive.to("a", "kernel_apc");
    assert_eq!(answer["result"], json!({}));
    assert_eq!(answer["released"], json!([]));
    assert_eq!(answer["ports"]["p"]["waiters"], json!(["b", "a"]));
    assert_eq!(drive.post("p", 1)["released"], json!([got("a", 1)]));
    drive.refused(json!({"op": "kernel_apc", "thread": "a"}));
}

#[test]
fn what_a_kernel_apc_queues_is_left_for_the_thread_it_interrupts() {
    for profile in Profile::ALL {
        let mut drive = Drive::new(*profile);
        drive.add(&[("p", 2), ("q", 1)], &["a", "b", "c"]);
        drive.wait("a", "p");
        drive.wait("b", "p");
        drive.wait("c", "q");
        // KQ-04: b, newer, is passed over.
        let apc = json!({"op": "kernel_apc", "thread": "a", "post": {"port": "p", "key": 7, "head": false}});
        let answer = drive.ok(apc.clone());
        assert_eq!(answer["released"], json!([got("a", 7)]), "{}", profile.name);
        assert_eq!(answer["ports"]["p"]["waiters"], json!(["b"]));
        // Into another port, it is a packet like any other.
        let answer =
            drive.ok(json!({"op": "kernel_apc", "thread": "b", "post": {"port": "q", "key": 8}}));
        assert_eq!(answer["released"], json!([got("c", 8)]));
        // As is one from a thread blocked elsewhere: it is not in its queue wait.
        drive.block("a");
        let answer = drive.ok(apc);
        assert_eq!(answer["released"], json!([got("b", 7)]));
        assert_eq!(answer["ports"]["p"]["active"], 1);
    }
}

/// Note 7 of section 2.2 takes two inserts by one kernel APC, and a request brings one. Where the
/// thread that was left a packet cannot take it, the limit is reached, and I4 with it.
#[test]
fn one_insert_by_a_kernel_apc_strands_nothing() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b", "c"]);
    drive.wait("a", "p");
    drive.wait("b", "p");
    drive.get("c", "p", json!(0));
    for key in [1, 2] {
        let answer =
            drive.ok(json!({"op": "kernel_apc", "thread": "a", "post": {"port": "p", "key": key}}));
        assert_eq!(answer["released"], json!([]));
    }
    let answer = drive.block("c");
    assert_eq!(answer["released"], json!([got("a", 1)]));
    assert_eq!(
        drive.get("a", "p", json!(0))["result"]["packets"],
        json!([packet(2)])
    );
}

#[test]
fn a_stale_wait_reason_keeps_a_packet_from_the_waiters_in_reactos_only() {
    for (profile, released) in [
        (Profile::REACTOS, json!([])),
        (Profile::WINDOWS_XP, json!([got("b", 1)])),
    ] {
        let mut drive = Drive::new(profile);
        drive.add(&[("p", 2)], &["a", "b"]);
        drive.get("a", "p", json!(0));
        drive.wait("b", "p");
        // The condition survives saving and loading.
        let state = drive.save();
        drive.ok(json!({"op": "load", "state": state}));
        let mut polled = drive.clone();
        let post = json!({"op": "post", "port": "p", "key": 1, "thread": "a"});
        assert_eq!(drive.ok(post.clone())["released"], released);
        polled.to("a", "poll");
        assert_eq!(polled.ok(post)["released"], json!([got("b", 1)]));
    }
}

#[test]
fn the_sentence_says_what_is_wrong() {
    let mut drive = Drive::with(&[("p", 1)], &["a"]);
    for (request, sentence) in [
        (
            json!({"op": "dequeu"}),
            "There is no operation \"dequeu\"; did you mean \"dequeue\"?",
        ),
        (
            json!({"op": 7}),
            "\"op\" must be the name of an operation, not 7.",
        ),
        (
            json!({}),
            "The field \"op\" is missing: the name of an operation.",
        ),
        (
            json!([1]),
            "A request is a JSON object with the field \"op\", not an array.",
        ),
        (
            json!({"op": "thread"}),
            "The field \"thread\" is missing: a name, as a string.",
        ),
        (
            json!({"op": "thread", "thread": 1}),
            "\"thread\" must be a name, as a string, not 1.",
        ),
        (
            json!({"op": "thread", "thread": "a"}),
            "There is a thread \"a\" already.",
        ),
        (
            json!({"op": "poll", "tread": "a"}),
            "\"tread\" is not a field of poll; did you mean \"thread\"?",
        ),
        (
            json!({"op": "state", "x": 1}),
            "\"x\" is not a field of state; it takes none.",
        ),
        (
            json!({"op": "port", "port": "p", "limit": 1}),
            "There is a port \"p\" already.",
        ),
        (
            json!({"op": "port", "port": "q", "limit": -1}),
            "\"limit\" must be an integer from 0 to 4294967295, not -1.",
        ),
        (
            json!({"op": "port", "port": "q", "limit": 0, "processors": 0}),
            "\"processors\" must be an integer from 1 to 65535, not 0.",
        ),
        (
            json!({"op": "dequeue", "thread": "a", "port": "p", "timeout": 5}),
            "\"timeout\" must be 0, \"finite\" or \"infinite\", not 5.",
        ),
        (
            json!({"op": "dequeue", "thread": "a", "port": "p", "timeout": 0, "max": 0}),
            "\"max\" must be an integer from 1 to 65535, not 0.",
        ),
        (
            json!({"op": "block", "thread": "a", "timeout": 0}),
            "\"timeout\" must be \"finite\" or \"infinite\", not 0.",
        ),
        (
            json!({"op": "block", "thread": "a", "timeout": "finite", "alertable": 1}),
            "\"alertable\" must be true or false, not 1.",
        ),
        (
            json!({"op": "post", "port": "q", "key": 1}),
            "There is no port \"q\".",
        ),
        (
            json!({"op": "post", "port": "p", "key": 1.5}),
            "\"key\" must be a number from 0 to 2^53 or a string \"0x…\" of up to 64 bits, not 1.5.",
        ),
        (
            json!({"op": "kernel_apc", "thread": "a", "post": {"port": "p", "key": 1, "thread": "a"}}),
            "\"thread\" is not a field of post; there is port, key, bytes, overlapped, status, head.",
        ),
        (
            json!({"op": "unblock", "thread": "a"}),
            "The thread waits for nothing outside: thread \"a\" is running.",
        ),
    ] {
        assert_eq!(drive.refused(request), sentence);
    }
}

#[test]
fn any_line_at_all_has_an_answer() {
    let mut drive = Drive::with(&[("p", 1)], &["a"]);
    let deep = "[".repeat(100_000);
    let nested = format!(
        "{{\"op\":\"load\",\"state\":{}",
        "{\"state\":".repeat(100_000)
    );
    let long = format!("{{\"op\":\"{}\"}}", "é".repeat(100_000));
    let digits = format!(
        "{{\"op\":\"port\",\"port\":\"q\",\"limit\":{}}}",
        "9".repeat(10_000)
    );
    for line in [
        b"".as_slice(),
        b"  \r",
        b"\xff\xfe\x00",
        b"{\"op\":\"thread\",\"thread\":\"\xc3\"}",
        b"\xef\xbb\xbf{}",
        b"nul",
        b"{\"op\":\"state\"} {}",
        b"{\"op\":\"port\",\"port\":\"q\",\"limit\":1e999}",
        deep.as_bytes(),
        nested.as_bytes(),
        long.as_bytes(),
        digits.as_bytes(),
    ] {
        let sentence = drive.refused_line(line);
        assert!(sentence.len() < 400, "{sentence}");
    }
    let answer =
        drive.say("{\"op\":\"thread\",\"thread\":\"\\u0000\\n\\ud83d\\ude00\"}".as_bytes());
    assert_eq!(answer["ok"], true);
}

/// Numbers that look random and are the same every time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }

    /// A request that often is legal.
    fn request(&mut self) -> Value {
        let thread = self.pick(&["t0", "t1", "t2", "t3", "t4"]);
        let port = self.pick(&["p", "q", "p", "q", "p", "q", "r"]);
        let key = [json!(self.roll(100)), json!("0x0Ff"), json!("0xdeadBEEF")];
        let mut post = json!({"port": port, "key": self.pick(&key)});
        match self.roll(6) {
            0 => post["head"] = json!(true),
            1 => post["overlapped"] = json!("0x10"),
            2 => post["bytes"] = json!("0x1234567800000003"),
            3 => post["status"] = json!(0xC000_0120_u32),
            _ => {}
        }
        let timeouts = [json!(0), json!("finite"), json!("infinite")];
        let op = self.pick(&[
            "post",
            "post",
            "post",
            "post",
            "dequeue",
            "dequeue",
            "dequeue",
            "dequeue",
            "dequeue",
            "dequeue",
            "block",
            "unblock",
            "poll",
            "expire",
            "expire",
            "suspend",
            "resume",
            "resume",
            "user_apc",
            "kernel_apc",
            "kernel_apc",
            "exit",
            "kill",
            "close",
            "rundown",
            "thread",
            "port",
        ]);
        // The ones that end things, only now and then.
        if ["exit", "kill", "close", "rundown"].contains(&op) && self.roll(4) > 0 {
            return json!({"op": "poll", "thread": thread});
        }
        let alertable = self.roll(3) == 0;
        let mut request = match op {
            "post" => {
                if self.roll(2) == 0 {
                    post["thread"] = json!(thread);
                }
                post
            }
            "dequeue" => {
                let timeout = self.pick(&timeouts);
                let mut request = json!({"thread": thread, "port": port, "timeout": timeout});
                if self.roll(3) == 0 {
                    request["max"] = json!(1 + self.roll(3));
                }
                if alertable {
                    request["alertable"] = json!(true);
                }
                request
            }
            "block" => {
                json!({"thread": thread, "timeout": self.pick(&timeouts[1..]), "alertable": alertable})
            }
            "kernel_apc" if alertable => json!({"thread": thread}),
            "kernel_apc" => json!({"thread": thread, "post": post}),
            "close" | "rundown" => json!({"port": port}),
            "port" => json!({"port": port, "limit": 1 + self.roll(2)}),
            _ => json!({"thread": thread}),
        };
        request["op"] = json!(op);
        request
    }

    /// Changes something somewhere in a value.
    fn disturb(&mut self, value: &mut Value) {
        let odd = [
            json!(null),
            json!(0),
            json!(1),
            json!(127),
            json!(-1),
            json!(u64::MAX),
            json!("p"),
            json!("t1"),
            json!("finite"),
            json!("running"),
            json!("abandoned"),
            json!("0xffffffffffffffff"),
            json!(true),
            json!(false),
            json!([]),
            json!({}),
        ];
        match value {
            Value::Array(items) if !items.is_empty() && self.roll(10) > 0 => {
                let place = self.roll(items.len());
                match self.roll(8) {
                    0 => drop(items.remove(place)),
                    1 => items.push(items[place].clone()),
                    2 => items.swap(place, 0),
                    _ => self.disturb(&mut items[place]),
                }
            }
            Value::Object(map) if !map.is_empty() && self.roll(20) > 0 => {
                let keys: Vec<_> = map.keys().cloned().collect();
                let key = self.pick(&keys);
                if self.roll(20) == 0 {
                    map.remove(&key);
                } else {
                    self.disturb(&mut map[&key]);
                }
            }
            Value::Bool(flag) => *flag = !*flag,
            _ => *value = self.pick(&odd),
        }
    }
}

/// Sessions that have gone through some requests: each profile, several seeds.
fn histories(seeds: u64, mut visit: impl FnMut(&mut Dice, Drive)) {
    for profile in Profile::ALL {
        for seed in 0..seeds {
            let mut dice = Dice(seed);
            let mut drive = Drive::new(*profile);
            drive.add(
                &[("p", 1 + dice.roll(2) as u32), ("q", 1)],
                &["t0", "t1", "t2", "t3", "t4"],
            );
            for _ in 0..dice.roll(60) {
                let request = dice.request();
                drive.say(request.to_string().as_bytes());
            }
            visit(&mut dice, drive);
        }
    }
}

/// Debug builds audit every step; so this is a test of the model, too.
#[test]
fn every_history_keeps_the_invariants_and_no_refusal_changes_anything() {
    let mut done = 0;
    let mut refused = 0;
    histories(60, |dice, mut drive| {
        for _ in 0..100 {
            let before = drive.save();
            let answer = drive.say(dice.request().to_string().as_bytes());
            if answer["ok"] == false {
                refused += 1;
                assert_eq!(drive.save(), before);
            } else {
                done += 1;
            }
        }
    });
    assert!(done > 1000 && refused > 1000, "{done} {refused}");
}

#[test]
fn garbage_is_answered_and_changes_nothing() {
    histories(30, |dice, mut drive| {
        for _ in 0..60 {
            let mut request = dice.request();
            let mut line = if dice.roll(2) == 0 {
                dice.disturb(&mut request);
                request.to_string().into_bytes()
            } else {
                let mut line = request.to_string().into_bytes();
                for _ in 0..=dice.roll(3) {
                    let place = dice.roll(line.len());
                    line[place] = dice.roll(256) as u8;
                }
                line
            };
            line.truncate(dice.roll(4 * line.len() + 1));
            let before = drive.save();
            if drive.say(&line)["ok"] == false {
                assert_eq!(drive.save(), before);
            }
        }
    });
}

#[test]
fn what_was_saved_goes_on_as_if_nothing_had_happened() {
    histories(60, |dice, mut drive| {
        let state = drive.save();
        let mut loaded = drive.clone();
        loaded.ok(json!({"op": "reset"}));
        assert_ne!(loaded.save(), state);
        let ports = drive.ok(json!({"op": "state"}));
        assert_eq!(ports["result"], state);
        let answer = loaded.ok(json!({"op": "load", "state": state}));
        assert_eq!(answer["ports"], ports["ports"]);
        assert_eq!(loaded.save(), state);
        // In whichever wrapping.
        for wrapped in [
            json!({"state": state}),
            json!({"ok": true, "result": {"state": state}}),
        ] {
            loaded.ok(json!({"op": "load", "state": wrapped}));
        }
        for _ in 0..60 {
            let line = dice.request().to_string();
            assert_eq!(
                drive.0.answer(line.as_bytes()),
                loaded.0.answer(line.as_bytes())
            );
        }
    });
}

#[test]
fn a_forged_state_is_refused_or_works() {
    let mut worked = 0;
    let mut refused = 0;
    histories(40, |dice, mut drive| {
        let state = drive.save();
        for _ in 0..30 {
            let mut forged = state.clone();
            for _ in 0..=dice.roll(3) {
                dice.disturb(&mut forged);
            }
            let mut drive = drive.clone();
            let request = json!({"op": "load", "state": forged});
            if drive.say(request.to_string().as_bytes())["ok"] == true {
                worked += 1;
                // A state that is taken comes out again as it went in, or completed.
                let again = drive.save();
                drive.ok(json!({"op": "load", "state": again}));
                assert_eq!(drive.save(), again);
                for _ in 0..20 {
                    drive.say(dice.request().to_string().as_bytes());
                }
            } else {
                refused += 1;
                assert_eq!(drive.save(), state);
            }
        }
    });
    assert!(worked > 200 && refused > 200, "{worked} {refused}");
}

#[test]
fn a_state_belongs_to_its_profile() {
    let state = Drive::new(Profile::WINE_8).save();
    let why = Drive::with(&[], &[]).refused(json!({"op": "load", "state": state}));
    assert_eq!(
        why,
        "The state is of the profile \"wine-8\", this is \"windows-10-1607+\"."
    );
}

#[test]
fn a_forged_state_that_contradicts_itself_is_refused_with_the_reason() {
    let mut drive = Drive::with(&[("p", 1)], &["a", "b"]);
    drive.wait("a", "p");
    let state = drive.save();
    type Forge = fn(&mut Value);
    let forgeries: [(Forge, &str); 8] = [
        (|state| state["ports"][0]["active"] = json!(1), "I2"),
        (|state| state["ports"][0]["waiters"] = json!([]), "I3"),
        (
            |state| state["ports"][0]["waiters"] = json!(["a", "a"]),
            "I3",
        ),
        (
            |state| state["ports"][0]["queue"] = json!([{"key": 1}]),
            "I4",
        ),
        (
            |state| state["ports"][0]["members"] = json!(["b"]),
            "members",
        ),
        (|state| state["ports"][0]["closed"] = json!(true), "closed"),
        (
            |state| state["threads"][0]["user_apcs"] = json!(u16::MAX),
            "user APCs",
        ),
        (
            |state| state["threads"][1]["suspend_count"] = json!(3),
            "suspend count",
        ),
    ];
    for (forge, reason) in forgeries {
        let mut forged = state.clone();
        forge(&mut forged);
        let why = drive.refused(json!({"op": "load", "state": forged}));
        assert!(why.contains(reason), "{why}");
    }
}

fn served(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    serve(input, &mut output, Profile::default()).unwrap();
    let output = String::from_utf8(output).unwrap();
    output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn there_is_one_answer_for_each_line() {
    let answers = served(b"{\"op\":\"state\"}\r\n\n\xff\n{\"op\":\"reset\"}");
    let oks: Vec<_> = answers.iter().map(|answer| &answer["ok"]).collect();
    assert_eq!(oks, [true, false, false, true]);
    assert!(served(b"").is_empty());
}

#[test]
fn a_line_of_any_length_is_answered_and_the_next_one_too() {
    let name = "x".repeat(MOST_LINE_BYTES - br#"{"op":"thread","thread":""}"#.len());
    let fits = format!("{{\"op\":\"thread\",\"thread\":\"{name}\"}}");
    assert_eq!(fits.len(), MOST_LINE_BYTES);
    let answers = served(
        format!(
            "{fits}\n{fits} \n{}\n{{\"op\":\"state\"}}\n{fits}  ",
            "[".repeat(MOST_LINE_BYTES + (8 << 20))
        )
        .as_bytes(),
    );
    let oks: Vec<_> = answers.iter().map(|answer| &answer["ok"]).collect();
    assert_eq!(oks, [true, false, false, true, false]);
    assert_eq!(
        answers[2]["error"],
        "The line is longer than 67108864 bytes and was skipped."
    );
}

#[test]
fn every_answer_is_flushed() {
    /// A writer that counts.
    #[derive(Default)]
    struct Pipe(usize, usize);
    impl std::io::Write for Pipe {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.iter().filter(|&&byte| byte == b'\n').count();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            self.1 += 1;
            assert_eq!(self.0, self.1);
            Ok(())
        }
    }
    let mut pipe = Pipe::default();
    serve(&b"{}\n{}\n{}\n"[..], &mut pipe, Profile::default()).unwrap();
    assert_eq!((pipe.0, pipe.1), (3, 3));
}
