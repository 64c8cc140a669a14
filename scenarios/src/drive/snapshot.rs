//! The whole state of a session as JSON, and back.
//!
//! A state that is loaded may have been written by anybody. So nothing in it is taken for an index
//! or a count: names are looked up, the system is built afresh, only ports and threads are put in
//! the place of the empty ones, and what came out is held against every invariant.

use super::{
    request::{Refusal, quote_text, read_packet},
    session::{MOST_USER_APCS, Session},
};
use iocp_model::{
    Action, Api, Dequeue, DequeuePhase, Event, Frame, Handle, Observer, Port, PortId, PortLife,
    Profile, System, Target, Thread, ThreadId, ThreadState, Timeout, Wait, WaitPhase, invariants,
    profile::{OnClose, SelfInsert, SuspendedWaiter},
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A whole state.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    profile: String,
    threads: Vec<SavedThread>,
    ports: Vec<SavedPort>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedThread {
    thread: String,
    state: SavedState,
    port: Option<String>,
    call: Option<SavedCall>,
    suspend_count: u8,
    user_apcs: u16,
    stale_wait_reason: bool,
}

#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum SavedState {
    Running,
    /// Waiting in a dequeue.
    Waiting,
    /// Blocked in anything else.
    Blocked,
    Suspended,
    Ended,
}

/// The call that a thread is in, as the request that made it, and how far it is.
#[derive(Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
enum SavedCall {
    Dequeue {
        port: String,
        timeout: Timeout,
        max: Option<u16>,
        alertable: bool,
        due: bool,
    },
    Block {
        timeout: Timeout,
        alertable: bool,
        due: bool,
        signaled: bool,
    },
}

/// A port as answers show it, and what they leave out.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedPort {
    port: String,
    limit: u32,
    active: u32,
    queue: Vec<Value>,
    waiters: Vec<String>,
    members: Vec<String>,
    closed: bool,
    /// Is there a handle still?
    handle: bool,
    life: PortLife,
}

/// The state of a session.
pub(super) fn save(session: &Session) -> Value {
    let names = |threads| {
        let names = session.names(threads);
        names.into_iter().map(String::from).collect()
    };
    let threads = session.system.thread_ids().skip(1);
    let ports = (0..session.port_names.len()).filter_map(PortId::new);
    let saved = Saved {
        profile: session.profile.name.into(),
        threads: threads.map(|id| save_thread(session, id)).collect(),
        ports: ports
            .map(|id| {
                let port = session.system.port(id);
                let queue = port.queue.iter();
                SavedPort {
                    port: session.port_names[id.index()].clone(),
                    limit: port.limit,
                    active: port.active,
                    queue: queue.map(|packet| session.forms.show(packet)).collect(),
                    waiters: names(&port.waiters),
                    members: names(session.watch.members(id)),
                    closed: session.is_closed(id),
                    handle: session.handles[id.index()].is_some(),
                    life: port.life,
                }
            })
            .collect(),
    };
    // Strings, numbers and lists of them: there is nothing that JSON could not hold.
    serde_json::to_value(saved).unwrap_or_default()
}

fn save_thread(session: &Session, id: ThreadId) -> SavedThread {
    let thread = session.system.thread(id);
    let port_name = |port: PortId| session.port_names[port.index()].clone();
    SavedThread {
        thread: session.thread_names[id.index()].clone(),
        state: match (thread.state, thread.frame) {
            (ThreadState::Running, _) => SavedState::Running,
            (ThreadState::Waiting, Frame::Dequeue(_)) => SavedState::Waiting,
            (ThreadState::Waiting, _) => SavedState::Blocked,
            (ThreadState::Suspended, _) => SavedState::Suspended,
            (ThreadState::Terminated, _) => SavedState::Ended,
        },
        port: thread.port.map(port_name),
        call: match thread.frame {
            Frame::User => None,
            Frame::Dequeue(dequeue) => Some(SavedCall::Dequeue {
                port: port_name(dequeue.port),
                timeout: dequeue.timeout,
                max: (dequeue.api != Api::GetQueuedCompletionStatus).then_some(dequeue.max),
                alertable: dequeue.alertable,
                due: dequeue.due,
            }),
            Frame::Wait(wait) => Some(SavedCall::Block {
                timeout: wait.timeout,
                alertable: wait.alertable,
                due: wait.due,
                signaled: wait.phase == WaitPhase::Signaled,
            }),
        },
        suspend_count: thread.suspend_count,
        // No more than `MOST_USER_APCS`.
        user_apcs: session.system.user_apcs(id).count() as u16,
        stale_wait_reason: thread.stale_wait_reason,
    }
}

/// A session in the state that `value` describes.
pub(super) fn load(profile: Profile, value: Value) -> Result<Session, Refusal> {
    let saved: Saved = serde_json::from_value(unwrap(value))
        .map_err(|error| format!("this is not a saved state: {error}"))?;
    if saved.profile != profile.name {
        return Err(format!(
            "the state is of the profile {}, this is {}",
            quote_text(&saved.profile),
            quote_text(profile.name)
        ));
    }
    let mut session = Session::new(profile);
    for port in &saved.ports {
        make_port(&mut session, port)?;
    }
    for thread in &saved.threads {
        session.add_thread(thread.thread.clone())?;
    }
    let mut value = serde_json::to_value(&session.system).map_err(inconsistent)?;
    let mut user_apcs = Vec::new();
    for saved in &saved.threads {
        let id = session.thread_id(&saved.thread)?;
        let thread = restore_thread(&session, saved)
            .map_err(|why| format!("thread {} {why}", quote_text(&saved.thread)))?;
        user_apcs.push((id, saved.user_apcs));
        put(&mut value, "threads", id.index(), &thread)?;
    }
    for saved in saved.ports {
        let name = quote_text(&saved.port);
        let id = session.port_id(&saved.port)?;
        let port =
            restore_port(&mut session, id, saved).map_err(|why| format!("port {name}: {why}"))?;
        put(&mut value, "ports", id.index(), &port)?;
    }
    session.system = serde_json::from_value(value).map_err(inconsistent)?;
    check_references(&session)?;
    invariants::check(&session.system).map_err(inconsistent)?;
    for (thread, count) in user_apcs {
        for _ in 0..count {
            let apc = Action::QueueUserApc { thread, apc: 0 };
            session.system.apply(apc, &mut ()).map_err(inconsistent)?;
        }
    }
    Ok(session)
}

/// A state may come as `state` answered it, as `save` answered it, or with the whole answer around
/// it.
fn unwrap(mut value: Value) -> Value {
    for wrapping in ["result", "state"] {
        if let Value::Object(map) = &mut value
            && let Some(inner) = map.remove(wrapping)
        {
            value = inner;
        }
    }
    value
}

fn inconsistent(why: impl std::fmt::Display) -> Refusal {
    format!("the state is not one that can be: {why}")
}

/// A new port, and its handle closed if it has none.
fn make_port(session: &mut Session, saved: &SavedPort) -> Result<(), Refusal> {
    if saved.limit == 0 {
        return Err(format!("port {} has no limit", quote_text(&saved.port)));
    }
    let id = session.add_port(saved.port.clone(), saved.limit)?;
    if !saved.handle
        && let Some(handle) = session.handles[id.index()].take()
    {
        let process = session.process;
        let close = Action::CloseHandle { process, handle };
        session.system.apply(close, &mut ()).map_err(inconsistent)?;
    }
    Ok(())
}

/// Puts a thread or a port in the place of the new one.
fn put(
    system: &mut Value,
    kind: &str,
    index: usize,
    thing: &impl Serialize,
) -> Result<(), Refusal> {
    let thing = serde_json::to_value(thing).map_err(inconsistent)?;
    let place = system
        .get_mut(kind)
        .and_then(|things| things.get_mut(index));
    *place.ok_or_else(|| inconsistent(format_args!("there is no place for {kind}")))? = thing;
    Ok(())
}

fn restore_port(session: &mut Session, id: PortId, saved: SavedPort) -> Result<Port, Refusal> {
    let mut port = session.system.port(id).clone();
    let abandons = session.profile.semantics.on_close == OnClose::Abandon;
    let closed = !saved.handle || saved.life != PortLife::Open;
    let empty = saved.queue.is_empty() && saved.waiters.is_empty() && saved.members.is_empty();
    for (wrong, why) in [
        (
            closed != saved.closed,
            "\"closed\" contradicts \"handle\" and \"life\"",
        ),
        (
            saved.life == PortLife::Deleted && (saved.handle || !empty),
            "it is deleted and has a handle, packets or threads",
        ),
        (
            saved.life == PortLife::Deleted && saved.active != 0,
            "it is deleted and counts active threads",
        ),
        (
            saved.life == PortLife::Open && !saved.handle && abandons,
            "it has no handle and is open",
        ),
        (
            saved.life == PortLife::Abandoned && !saved.waiters.is_empty(),
            "it is abandoned and has waiters",
        ),
    ] {
        if wrong {
            return Err(why.into());
        }
    }
    port.life = saved.life;
    port.handles = saved.handle.into();
    port.active = saved.active;
    for packet in saved.queue {
        let (mut packet, forms) = read_packet(packet)?;
        packet.tag = session.forms.keep(forms);
        port.queue.push_back(packet);
        let event = Event::Queued {
            port: id,
            packet,
            at_head: false,
            place: port.queue.len() - 1,
        };
        session.watch.event(event);
    }
    for name in &saved.waiters {
        port.waiters.push(session.thread_id(name)?);
    }
    for name in &saved.members {
        let member = session.thread_id(name)?;
        session.watch.event(Event::Associated(member, id));
    }
    Ok(port)
}

fn restore_thread(session: &Session, saved: &SavedThread) -> Result<Thread, Refusal> {
    let mut thread = Thread::new(session.process);
    let port = saved.port.as_deref().map(|port| session.port_id(port));
    thread.port = port.transpose()?;
    thread.state = match saved.state {
        SavedState::Running => ThreadState::Running,
        SavedState::Waiting | SavedState::Blocked => ThreadState::Waiting,
        SavedState::Suspended => ThreadState::Suspended,
        SavedState::Ended => ThreadState::Terminated,
    };
    thread.counted = thread.port.is_some() && thread.state == ThreadState::Running;
    thread.suspend_count = saved.suspend_count;
    thread.stale_wait_reason = saved.stale_wait_reason;
    let suspended = saved.state == SavedState::Suspended;
    let fits = match (saved.state, &saved.call) {
        (SavedState::Running | SavedState::Ended, call) => call.is_none(),
        (SavedState::Waiting, Some(SavedCall::Dequeue { due, .. })) => !due,
        (SavedState::Blocked, Some(SavedCall::Block { due, signaled, .. })) => !due && !signaled,
        (SavedState::Suspended, _) => true,
        _ => false,
    };
    let (alertable, timeout) = match &saved.call {
        Some(
            SavedCall::Dequeue {
                timeout, alertable, ..
            }
            | SavedCall::Block {
                timeout, alertable, ..
            },
        ) => (*alertable, *timeout),
        None => (false, Timeout::Infinite),
    };
    let blocked = thread.state == ThreadState::Waiting;
    let keeps_place = session.profile.semantics.suspended_waiter == SuspendedWaiter::KeepsPlace;
    let ended = saved.state == SavedState::Ended;
    let stale = session.profile.semantics.self_insert == SelfInsert::StaleWaitReason
        && saved.state == SavedState::Running;
    for (wrong, why) in [
        (!fits, "is in no call that fits its state"),
        (timeout == Timeout::Zero, "is in a call that does not wait"),
        (
            suspended != (1..=i8::MAX as u8).contains(&saved.suspend_count)
                || (!suspended && saved.suspend_count != 0),
            "has a suspend count that does not fit its state",
        ),
        (
            saved.user_apcs > MOST_USER_APCS,
            "has more user APCs pending than are kept",
        ),
        (
            saved.user_apcs > 0 && (ended || (blocked && alertable)),
            "has a user APC pending that cannot be",
        ),
        (
            ended && saved.port.is_some(),
            "has ended and is a member of a port",
        ),
        (
            saved.stale_wait_reason && !stale,
            "has a stale wait reason that cannot be",
        ),
    ] {
        if wrong {
            return Err(why.into());
        }
    }
    match &saved.call {
        None => {}
        Some(SavedCall::Dequeue {
            port,
            timeout,
            max,
            alertable,
            due,
        }) => {
            let port = session.port_id(port)?;
            if *max == Some(0) || (max.is_none() && *alertable) {
                return Err("is in a dequeue that cannot be".into());
            }
            if thread.port != Some(port) && (blocked || thread.port.is_some()) {
                return Err("is in a dequeue on a port that it is no member of".into());
            }
            if *due && *timeout != Timeout::Finite {
                return Err("is in a dequeue that cannot be due".into());
            }
            thread.frame = Frame::Dequeue(Dequeue {
                api: match max {
                    None => Api::GetQueuedCompletionStatus,
                    Some(_) => Api::GetQueuedCompletionStatusEx,
                },
                port,
                handle: session.handles[port.index()].unwrap_or(Handle::NULL),
                max: max.unwrap_or(1),
                alertable: *alertable,
                timeout: *timeout,
                due: *due,
                phase: if blocked || (suspended && keeps_place) {
                    DequeuePhase::Blocked
                } else {
                    DequeuePhase::Interrupted
                },
            });
        }
        Some(SavedCall::Block {
            timeout,
            alertable,
            due,
            signaled,
        }) => {
            if *due && *timeout != Timeout::Finite {
                return Err("is in a wait that cannot be due".into());
            }
            thread.frame = Frame::Wait(Wait {
                api: Api::WaitOutside,
                target: Target::Outside,
                alertable: *alertable,
                timeout: *timeout,
                due: *due,
                phase: match (blocked, signaled) {
                    (true, _) => WaitPhase::Blocked,
                    (false, true) => WaitPhase::Signaled,
                    (false, false) => WaitPhase::Interrupted,
                },
            });
        }
    }
    Ok(thread)
}

/// What threads say of ports, and ports of threads, must be the same.
fn check_references(session: &Session) -> Result<(), Refusal> {
    let system: &System = &session.system;
    let mut members = vec![0_usize; system.ports().len()];
    for thread in system.threads() {
        let refers = match thread.frame {
            Frame::Dequeue(dequeue) => Some(dequeue.port),
            _ => None,
        };
        for port in refers.into_iter().chain(thread.port) {
            if system.port(port).life == PortLife::Deleted {
                return Err(inconsistent("a thread refers to a deleted port"));
            }
        }
        if let Some(port) = thread.port {
            members[port.index()] += 1;
        }
    }
    for (index, &count) in members.iter().enumerate() {
        let Some(port) = PortId::new(index) else {
            continue;
        };
        let mut listed = session.watch.members(port).to_vec();
        listed.sort_unstable();
        listed.dedup();
        let agree = listed.len() == count
            && session.watch.members(port).len() == count
            && listed
                .iter()
                .all(|&member| system.thread(member).port == Some(port));
        if !agree {
            let name = quote_text(&session.port_names[index]);
            return Err(format!(
                "port {name}: its members are not the threads associated with it"
            ));
        }
    }
    Ok(())
}
