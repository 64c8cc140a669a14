//! A session: a system with names, and one step of it for each request.

use super::{
    number::{FormTable, Forms},
    request::{self, Deed, Post, Refusal, Request, quote_text},
    show::{refuse, status_name},
    snapshot,
    watch::Watch,
};
use iocp_model::{
    Action, Call, Frame, Handle, Insert, Kind, NotEnabled, NtStatus, Outcome, Packet, PortId,
    ProcessId, Profile, Returned, System, ThreadId, ThreadState, Timeout, Value as Gave,
    profile::OnClose,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Processors of the machine, where a request does not say (`ncpu` of the rule book).
const PROCESSORS: u16 = 4;

/// User APCs that can be pending for one thread.
pub(super) const MOST_USER_APCS: u16 = 1000;

/// A system that other programs drive, one line at a time.
///
/// ```
/// use iocp_scenarios::drive::Session;
///
/// let mut session = Session::new(Default::default());
/// assert_eq!(
///     session.answer(br#"{"op":"port","port":"p","limit":0}"#),
///     concat!(
///         r#"{"ok":true,"result":{},"released":[],"ports":{"p":{"limit":4,"active":0,"#,
///         r#""queue":[],"waiters":[],"members":[],"closed":false}}}"#,
///     ),
/// );
/// assert_eq!(
///     session.answer(b"What is a port?"),
///     r#"{"ok":false,"error":"The line is not JSON, from byte 1 on: expected value at line 1 column 1."}"#,
/// );
/// ```
#[derive(Clone, Debug)]
pub struct Session {
    pub(super) profile: Profile,
    pub(super) system: System,
    /// The process that everything belongs to.
    pub(super) process: ProcessId,
    /// The thread that posts where the request names none. It does nothing else and has no name.
    outside: ThreadId,
    /// An event that is always signaled: what `poll` waits for.
    signaled: Handle,
    /// The names of threads, by their ids; the one outside has an empty place.
    pub(super) thread_names: Vec<String>,
    thread_ids: BTreeMap<String, ThreadId>,
    /// The names of ports, by their ids.
    pub(super) port_names: Vec<String>,
    port_ids: BTreeMap<String, PortId>,
    /// The handle to each port, until it is closed.
    pub(super) handles: Vec<Option<Handle>>,
    pub(super) forms: FormTable,
    pub(super) watch: Watch,
}

/// What a request came to.
struct Done {
    result: Value,
    released: Vec<Value>,
}

impl Session {
    /// An empty session under the rules of this kernel.
    pub fn new(profile: Profile) -> Self {
        let mut system = System::new(profile.semantics, PROCESSORS);
        let process = system.add_process();
        let outside = system.add_thread(process);
        let event = Kind::Event {
            manual: true,
            signaled: true,
        };
        let (_, signaled) = system.add_object(process, event);
        Self {
            profile,
            system,
            process,
            outside,
            signaled,
            thread_names: vec![String::new()],
            thread_ids: BTreeMap::new(),
            port_names: Vec::new(),
            port_ids: BTreeMap::new(),
            handles: Vec::new(),
            forms: FormTable::default(),
            watch: Watch::default(),
        }
    }

    /// Carries out one request, and answers it in one line (without its end).
    ///
    /// Whatever the bytes are, there is an answer; if it says `"ok":false`, nothing has changed.
    pub fn answer(&mut self, line: &[u8]) -> String {
        match request::read(line).and_then(|request| self.carry_out(request)) {
            Ok(Done { result, released }) => json!({
                "ok": true,
                "result": result,
                "released": released,
                "ports": self.show_ports(),
            })
            .to_string(),
            Err(refusal) => refuse(&refusal),
        }
    }

    fn carry_out(&mut self, request: Request) -> Result<Done, Refusal> {
        let result = match request {
            Request::Port {
                port,
                limit,
                processors,
            } => {
                let limit = match (limit, processors) {
                    (0, Some(processors)) => processors.into(),
                    (limit, _) => limit,
                };
                self.add_port(port, limit)?;
                json!({})
            }
            Request::Thread(thread) => {
                self.add_thread(thread)?;
                json!({})
            }
            Request::Post { thread, post } => return self.post(thread.as_deref(), post),
            Request::Dequeue {
                thread,
                port,
                timeout,
                max,
                alertable,
            } => return self.dequeue(&thread, &port, timeout, max, alertable),
            Request::Block {
                thread,
                timeout,
                alertable,
            } => return self.wait(&thread, Call::WaitOutside { timeout, alertable }),
            Request::Deed(thread, deed) => return self.deed(&thread, deed),
            Request::KernelApc { thread, post } => return self.kernel_apc(&thread, post),
            Request::Close(port) => return self.close(&port),
            Request::RunDown(port) => return self.run_down(&port),
            Request::State => snapshot::save(self),
            Request::Save => json!({ "state": snapshot::save(self) }),
            Request::Reset => {
                *self = Self::new(self.profile);
                json!({})
            }
            Request::Load(state) => {
                *self = snapshot::load(self.profile, state)?;
                json!({})
            }
        };
        Ok(Done {
            result,
            released: Vec::new(),
        })
    }

    /// Creates a port of this name.
    pub(super) fn add_port(&mut self, name: String, limit: u32) -> Result<PortId, Refusal> {
        if self.port_ids.contains_key(&name) {
            return Err(format!("there is a port {} already", quote_text(&name)));
        }
        if PortId::new(self.port_names.len()).is_none() {
            return Err("there are as many ports as a system can hold".into());
        }
        let (id, handle) = self.system.add_port(self.process, limit);
        self.handles.push(Some(handle));
        self.port_ids.insert(name.clone(), id);
        self.port_names.push(name);
        Ok(id)
    }

    /// Creates a thread of this name.
    pub(super) fn add_thread(&mut self, name: String) -> Result<ThreadId, Refusal> {
        if self.thread_ids.contains_key(&name) {
            return Err(format!("there is a thread {} already", quote_text(&name)));
        }
        if ThreadId::new(self.thread_names.len()).is_none() {
            return Err("there are as many threads as a system can hold".into());
        }
        let id = self.system.add_thread(self.process);
        self.thread_ids.insert(name.clone(), id);
        self.thread_names.push(name);
        Ok(id)
    }

    pub(super) fn port_id(&self, name: &str) -> Result<PortId, Refusal> {
        let id = self.port_ids.get(name).copied();
        id.ok_or_else(|| format!("there is no port {}", quote_text(name)))
    }

    pub(super) fn thread_id(&self, name: &str) -> Result<ThreadId, Refusal> {
        let id = self.thread_ids.get(name).copied();
        id.ok_or_else(|| format!("there is no thread {}", quote_text(name)))
    }

    /// The handle to a port, if it has not been closed.
    fn handle(&self, name: &str) -> Result<(PortId, Handle), Refusal> {
        let id = self.port_id(name)?;
        let handle = self.handles[id.index()];
        let handle = handle.ok_or_else(|| format!("port {} is closed", quote_text(name)))?;
        Ok((id, handle))
    }

    /// A thread that can make a call now.
    fn caller(&self, name: &str) -> Result<ThreadId, Refusal> {
        let id = self.thread_id(name)?;
        if self.system.thread(id).can_call() {
            return Ok(id);
        }
        Err(format!(
            "thread {} can make no call now: it {}",
            quote_text(name),
            self.describe(id)
        ))
    }

    fn describe(&self, thread: ThreadId) -> &'static str {
        let thread = self.system.thread(thread);
        match (thread.state, thread.frame) {
            (ThreadState::Running, _) => "is running",
            (ThreadState::Waiting, Frame::Dequeue(_)) => "is waiting in a dequeue",
            (ThreadState::Waiting, _) => "is blocked",
            (ThreadState::Suspended, Frame::Dequeue(_)) => "is suspended in a dequeue",
            (ThreadState::Suspended, Frame::Wait(_)) => "is suspended in a wait",
            (ThreadState::Suspended, Frame::User) => "is suspended",
            (ThreadState::Terminated, _) => "has ended",
        }
    }

    /// Why something cannot happen to a thread.
    fn not_now(&self, thread: ThreadId) -> impl Fn(NotEnabled) -> Refusal + use<> {
        let name = quote_text(&self.thread_names[thread.index()]);
        let state = self.describe(thread);
        move |reason| format!("{reason}: thread {name} {state}")
    }

    fn settled(&mut self, result: Value) -> Done {
        Done {
            result,
            released: self.settle(),
        }
    }

    /// The insert that a request asks for, its forms kept.
    fn insert(&mut self, port: PortId, packet: Packet, forms: Forms, at_head: bool) -> Insert {
        let tag = self.forms.keep(forms);
        Insert {
            port,
            packet: Packet { tag, ..packet },
            at_head,
        }
    }

    fn post(&mut self, thread: Option<&str>, post: Post) -> Result<Done, Refusal> {
        let caller = match thread {
            Some(name) => self.caller(name)?,
            None => self.outside,
        };
        let (port, handle) = self.handle(&post.port)?;
        let insert = self.insert(port, post.packet, post.forms, post.head);
        let depth = self.system.port(port).depth() as u32;
        let outcome = if post.head {
            // No call inserts in front (PKT-14): it is a driver's doing, in whoever runs it.
            self.apply(Action::InsertAs(caller, insert))
                .map(|_| Ok(depth))
        } else {
            let call = Call::NtSetIoCompletion {
                port: handle,
                packet: insert.packet,
            };
            self.apply(Action::Call(caller, call)).map(previous_depth)
        };
        match outcome {
            Ok(Ok(depth)) => Ok(self.settled(json!({ "previous_depth": depth }))),
            Ok(Err(status)) => {
                self.forms.forget(insert.packet.tag);
                Err(format!("the post failed: {status}"))
            }
            Err(reason) => {
                self.forms.forget(insert.packet.tag);
                Err(reason.to_string())
            }
        }
    }

    fn dequeue(
        &mut self,
        thread: &str,
        port_name: &str,
        timeout: Timeout,
        max: Option<u16>,
        alertable: bool,
    ) -> Result<Done, Refusal> {
        let caller = self.caller(thread)?;
        let id = self.port_id(port_name)?;
        let Some(port) = self.handles[id.index()] else {
            return self.dequeue_without_handle(port_name);
        };
        let call = match max {
            None if !alertable => Call::GetQueuedCompletionStatus { port, timeout },
            _ => Call::GetQueuedCompletionStatusEx {
                port,
                count: max.unwrap_or(1),
                timeout,
                alertable,
            },
        };
        let mut outcome = self
            .apply(Action::Call(caller, call))
            .map_err(self.not_now(caller))?;
        if outcome == Outcome::Blocked && self.system.thread(caller).can_return() {
            outcome = self.go_on(caller).map_err(self.not_now(caller))?;
        }
        let result = match outcome {
            Outcome::Returned(returned) => self.show_dequeued(&returned),
            _ => json!({ "status": "waiting" }),
        };
        Ok(self.settled(result))
    }

    /// The kernel queue's own answer after its last handle is gone (T2), where there is one. No
    /// call can get there, so that the model is not asked.
    fn dequeue_without_handle(&self, port: &str) -> Result<Done, Refusal> {
        if self.profile.semantics.on_close == OnClose::KeepWaiting {
            return Err(format!("port {} is closed", quote_text(port)));
        }
        let status = NtStatus::ABANDONED_WAIT_0;
        Ok(Done {
            result: json!({
                "status": "abandoned",
                "return": false,
                "last_error": status.to_win32().0,
                "nt_status": status.0,
            }),
            released: Vec::new(),
        })
    }

    /// A wait for something other than a packet.
    fn wait(&mut self, thread: &str, call: Call) -> Result<Done, Refusal> {
        let caller = self.caller(thread)?;
        let outcome = self
            .apply(Action::Call(caller, call))
            .map_err(self.not_now(caller))?;
        let status = match outcome {
            Outcome::Returned(returned) => status_name(&returned),
            _ => "blocked",
        };
        Ok(self.settled(json!({ "status": status })))
    }

    fn deed(&mut self, name: &str, deed: Deed) -> Result<Done, Refusal> {
        let thread = self.thread_id(name)?;
        let action = match deed {
            Deed::Poll => {
                let call = Call::WaitForSingleObject {
                    object: self.signaled,
                    timeout: Timeout::Infinite,
                    alertable: false,
                };
                return self.wait(name, call);
            }
            Deed::Kill => return self.kill(name, thread),
            Deed::Unblock => Action::Unblock(thread),
            Deed::Expire => Action::Expire(thread),
            Deed::Suspend => Action::Suspend(thread),
            Deed::Resume => Action::Resume(thread),
            Deed::Exit => Action::Call(self.caller(name)?, Call::ExitThread),
            Deed::UserApc => {
                let pending = self.system.user_apcs(thread).count();
                if pending >= MOST_USER_APCS.into() {
                    let name = quote_text(name);
                    return Err(format!(
                        "{pending} user APCs are pending for thread {name} already"
                    ));
                }
                Action::QueueUserApc { thread, apc: 0 }
            }
        };
        self.apply(action).map_err(self.not_now(thread))?;
        let suspension = Action::SuspensionRuns(thread);
        if deed == Deed::Suspend && self.system.check(&suspension).is_ok() {
            self.apply(suspension).map_err(self.not_now(thread))?;
        }
        Ok(self.settled(json!({})))
    }

    fn kill(&mut self, name: &str, thread: ThreadId) -> Result<Done, Refusal> {
        if !matches!(
            self.system.thread(thread).state,
            ThreadState::Waiting | ThreadState::Suspended
        ) {
            return Err(format!(
                "only a waiting or blocked thread is killed; thread {} {}",
                quote_text(name),
                self.describe(thread)
            ));
        }
        self.apply(Action::Terminate(thread))
            .map_err(self.not_now(thread))?;
        let mut done = self.settled(json!({}));
        let killed = json!({ "thread": name, "status": "killed" });
        done.released.insert(0, killed);
        Ok(done)
    }

    fn kernel_apc(&mut self, name: &str, post: Option<Post>) -> Result<Done, Refusal> {
        let thread = self.thread_id(name)?;
        let insert = match post {
            None => None,
            Some(post) => {
                let (port, _) = self.handle(&post.port)?;
                Some(self.insert(port, post.packet, post.forms, post.head))
            }
        };
        let action = Action::KernelApc {
            thread,
            inserts: [insert, None],
        };
        let outcome = self.apply(action).map_err(|reason| {
            if let Some(insert) = insert {
                self.forms.forget(insert.packet.tag);
            }
            self.not_now(thread)(reason)
        })?;
        // It may have returned within the step. Its wait was the first to be left.
        let own = match outcome {
            Outcome::Returned(returned) => Some(self.show_released(thread, &returned)),
            _ => None,
        };
        let mut done = self.settled(json!({}));
        done.released.splice(0..0, own);
        Ok(done)
    }

    fn close(&mut self, name: &str) -> Result<Done, Refusal> {
        let (port, handle) = self.handle(name)?;
        let process = self.process;
        self.apply(Action::CloseHandle { process, handle })
            .map_err(|reason| reason.to_string())?;
        self.handles[port.index()] = None;
        Ok(self.settled(json!({})))
    }

    fn run_down(&mut self, name: &str) -> Result<Done, Refusal> {
        let port = self.port_id(name)?;
        let outcome = self
            .apply(Action::RunDown(port))
            .map_err(|reason| format!("{reason}: port {}", quote_text(name)))?;
        let packets = match &outcome {
            Outcome::Packets(packets) => self.show_packets(packets),
            _ => json!([]),
        };
        Ok(self.settled(json!({ "packets": packets })))
    }
}

fn previous_depth(outcome: Outcome) -> Result<u32, NtStatus> {
    match outcome {
        Outcome::Returned(Returned {
            value: Gave::Count(depth),
            ..
        }) => Ok(depth),
        Outcome::Returned(returned) => Err(returned.status),
        _ => Ok(0),
    }
}
