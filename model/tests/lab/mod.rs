//! A laboratory in which a test reads like a trace, one line a step:
//!
//! ```ignore
//! let mut lab = Lab::new(1); // the limit
//! let [a, b] = lab.threads();
//! lab.get(a).blocks();
//! lab.get(b).blocks();
//! lab.post(7).goes_to(b);
//! lab.is(1, [], [a]); // active, packets queued (head first), waiters (the newest last)
//! lab.returns(b).gets(7);
//! ```
//!
//! A *step* (`get`, `post`, `returns`, ...) takes one action of the model and gives a [`Step`], of
//! which one then asks what came of it. After every step all invariants are checked, and a failure
//! shows the whole trace. A packet goes by its key.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)]

use iocp_model::{
    Action, Call, DeviceAnswer, Event, Handle, Insert, Kernel, Mutant, Mutants, NotEnabled,
    NtStatus, Observer, Outcome, Packet, PortId, ProcessId, Profile, RequestArguments, RequestId,
    Returned, System, ThreadId, Timeout, Value, Win32Error, invariants::Audit, rules::RuleId,
};

/// A system with one process, one port and a thread that is no member of anything.
#[derive(Clone)]
pub struct Lab {
    pub system: System,
    pub process: ProcessId,
    /// Who posts and signals and is never associated.
    pub outsider: ThreadId,
    here: Door,
    audit: Audit,
    trace: Vec<String>,
    fired: Vec<RuleId>,
    /// The mutants that would have made a difference.
    pub heard: Mutants,
    /// Do rules hold that invariants need?
    sound: bool,
}

/// A port, and a handle to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Door {
    pub port: PortId,
    pub handle: Handle,
}

/// What came of one action.
pub struct Step<'lab> {
    lab: &'lab Lab,
    outcome: Result<Outcome, NotEnabled>,
    events: Vec<Event>,
    fired: Vec<RuleId>,
}

/// The packet that goes by this key.
pub fn packet(key: u64) -> Packet {
    Packet::posted(key, 0x1000 + key, 0)
}

// What there is.
impl Lab {
    /// The newest Windows, and a port with this limit.
    pub fn new(limit: u32) -> Self {
        Self::of(Profile::default(), limit)
    }

    /// A kernel of this profile with 4 processors, and a port with this limit.
    pub fn of(profile: Profile, limit: u32) -> Self {
        Self::on(profile, 4, limit)
    }

    /// A kernel of this profile on so many processors, and a port with this limit.
    pub fn on(profile: Profile, processors: u16, limit: u32) -> Self {
        let mut system = System::new(profile.semantics, processors);
        let process = system.add_process();
        let outsider = system.add_thread(process);
        let (port, handle) = system.add_port(process, limit);
        Self {
            system,
            process,
            outsider,
            here: Door { port, handle },
            audit: Audit::new(),
            trace: Vec::new(),
            fired: Vec::new(),
            heard: Mutants::NONE,
            sound: true,
        }
    }

    /// The newest Windows with these rules broken, 4 processors, and a port with this limit.
    /// Invariants are not checked.
    pub fn broken(mutants: Mutants, limit: u32) -> Self {
        let kernel = Kernel {
            mutants,
            ..Kernel::default()
        };
        let mut profile = kernel.profile;
        profile.semantics = kernel.semantics();
        Self {
            sound: false,
            ..Self::of(profile, limit)
        }
    }

    /// So many new threads as the pattern asks for.
    pub fn threads<const N: usize>(&mut self) -> [ThreadId; N] {
        [(); N].map(|()| self.system.add_thread(self.process))
    }

    /// Another port; go there with [`at`](Self::at).
    pub fn add_port(&mut self, limit: u32) -> Door {
        let (port, handle) = self.system.add_port(self.process, limit);
        Door { port, handle }
    }

    /// The port that steps are about.
    pub fn here(&self) -> Door {
        self.here
    }

    /// From now on, steps are about this port.
    pub fn at(&mut self, door: Door) -> &mut Self {
        self.here = door;
        self
    }
}

// Steps: what threads do.
impl Lab {
    /// Any call.
    #[track_caller]
    pub fn call(&mut self, thread: ThreadId, call: Call) -> Step<'_> {
        self.act(Action::Call(thread, call))
    }

    /// `GetQueuedCompletionStatus(INFINITE)`.
    #[track_caller]
    pub fn get(&mut self, thread: ThreadId) -> Step<'_> {
        self.get_within(thread, Timeout::Infinite)
    }

    /// `GetQueuedCompletionStatus(0)`.
    #[track_caller]
    pub fn poll(&mut self, thread: ThreadId) -> Step<'_> {
        self.get_within(thread, Timeout::Zero)
    }

    /// `GetQueuedCompletionStatus` with this time-out.
    #[track_caller]
    pub fn get_within(&mut self, thread: ThreadId, timeout: Timeout) -> Step<'_> {
        let port = self.here.handle;
        self.call(thread, Call::GetQueuedCompletionStatus { port, timeout })
    }

    /// `GetQueuedCompletionStatusEx` for up to `count` packets, not alertable.
    #[track_caller]
    pub fn get_many(&mut self, thread: ThreadId, count: u16, timeout: Timeout) -> Step<'_> {
        self.get_ex(thread, count, timeout, false)
    }

    /// `GetQueuedCompletionStatusEx` for one packet, alertable.
    #[track_caller]
    pub fn get_alertable(&mut self, thread: ThreadId, timeout: Timeout) -> Step<'_> {
        self.get_ex(thread, 1, timeout, true)
    }

    /// `GetQueuedCompletionStatusEx`.
    #[track_caller]
    pub fn get_ex(
        &mut self,
        thread: ThreadId,
        count: u16,
        timeout: Timeout,
        alertable: bool,
    ) -> Step<'_> {
        let port = self.here.handle;
        self.call(
            thread,
            Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            },
        )
    }

    /// The outsider posts.
    #[track_caller]
    pub fn post(&mut self, key: u64) -> Step<'_> {
        self.post_by(self.outsider, key)
    }

    /// `PostQueuedCompletionStatus` by this thread.
    #[track_caller]
    pub fn post_by(&mut self, thread: ThreadId, key: u64) -> Step<'_> {
        let (port, packet) = (self.here.handle, packet(key));
        self.call(thread, Call::PostQueuedCompletionStatus { port, packet })
    }

    /// The thread blocks on something outside the model; [`wakes`](Self::wakes) ends it.
    #[track_caller]
    pub fn block(&mut self, thread: ThreadId) -> Step<'_> {
        let (timeout, alertable) = (Timeout::Infinite, false);
        self.call(thread, Call::WaitOutside { timeout, alertable })
    }

    /// `SleepEx`.
    #[track_caller]
    pub fn sleep(&mut self, thread: ThreadId, timeout: Timeout, alertable: bool) -> Step<'_> {
        self.call(thread, Call::Sleep { timeout, alertable })
    }

    /// `WaitForSingleObject` on any handle.
    #[track_caller]
    pub fn wait_for(&mut self, thread: ThreadId, object: Handle, timeout: Timeout) -> Step<'_> {
        self.call(
            thread,
            Call::WaitForSingleObject {
                object,
                timeout,
                alertable: false,
            },
        )
    }

    /// The thread goes on with the call that it is in.
    #[track_caller]
    pub fn returns(&mut self, thread: ThreadId) -> Step<'_> {
        self.collects(thread, 0)
    }

    /// The same, taking up to `more` packets along.
    #[track_caller]
    pub fn collects(&mut self, thread: ThreadId, more: u16) -> Step<'_> {
        self.act(Action::Return { thread, more })
    }

    /// `ExitThread`.
    #[track_caller]
    pub fn exit(&mut self, thread: ThreadId) -> Step<'_> {
        self.call(thread, Call::ExitThread)
    }
}

// Steps: files and their requests. The outsider makes them.
impl Lab {
    /// A file opened for overlapped I/O.
    pub fn add_file(&mut self) -> Handle {
        self.system.add_file(self.process, true).1
    }

    /// A file of the port here, under this key.
    #[track_caller]
    pub fn add_associated(&mut self, key: u64) -> Handle {
        let file = self.add_file();
        self.associate(file, key).succeeds();
        file
    }

    /// `CreateIoCompletionPort(file, the port here, key)`.
    #[track_caller]
    pub fn associate(&mut self, file: Handle, key: u64) -> Step<'_> {
        let (existing, concurrency) = (self.here.handle, 0);
        self.call(
            self.outsider,
            Call::CreateIoCompletionPort {
                file,
                existing,
                key,
                concurrency,
            },
        )
    }

    /// `ReadFile` with this completion context.
    #[track_caller]
    pub fn read(&mut self, file: Handle, context: u64, answer: DeviceAnswer) -> Step<'_> {
        self.read_by(self.outsider, file, context, answer)
    }

    /// The same by this thread.
    #[track_caller]
    pub fn read_by(
        &mut self,
        thread: ThreadId,
        file: Handle,
        context: u64,
        answer: DeviceAnswer,
    ) -> Step<'_> {
        self.request(thread, file, context, false, answer)
    }

    /// `ReadFileEx` by this thread.
    #[track_caller]
    pub fn read_with_apc(
        &mut self,
        thread: ThreadId,
        file: Handle,
        context: u64,
        answer: DeviceAnswer,
    ) -> Step<'_> {
        self.request(thread, file, context, true, answer)
    }

    /// `ReadFile` that the device will finish later.
    #[track_caller]
    pub fn pending(&mut self, file: Handle, context: u64) -> RequestId {
        match self.read(file, context, DeviceAnswer::Pending).returned() {
            Returned {
                status: NtStatus::PENDING,
                value: Value::Count(id),
                ..
            } => RequestId(id),
            other => self.fail(&format!("{other:?} does not pend")),
        }
    }

    /// The device finishes a request.
    #[track_caller]
    pub fn completes(&mut self, request: RequestId, status: NtStatus, bytes: u32) -> Step<'_> {
        self.act(Action::Complete {
            request,
            status,
            information: bytes,
        })
    }

    #[track_caller]
    fn request(
        &mut self,
        thread: ThreadId,
        file: Handle,
        context: u64,
        apc: bool,
        answer: DeviceAnswer,
    ) -> Step<'_> {
        let arguments = RequestArguments {
            file,
            context,
            apc,
            answer,
        };
        self.call(thread, Call::Request(arguments))
    }
}

// Steps: what happens to threads.
impl Lab {
    /// What the thread waits for outside happens; it has still to return.
    #[track_caller]
    pub fn wakes(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::Unblock(thread))
    }

    /// The time of the call that the thread is in has come.
    #[track_caller]
    pub fn expires(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::Expire(thread))
    }

    /// Somebody queues it a user APC.
    #[track_caller]
    pub fn user_apc(&mut self, thread: ThreadId, apc: u32) -> Step<'_> {
        self.act(Action::QueueUserApc { thread, apc })
    }

    /// A kernel APC interrupts it and inserts these packets, none for 0.
    #[track_caller]
    pub fn kernel_apc(&mut self, thread: ThreadId, keys: [u64; 2]) -> Step<'_> {
        let port = self.here.port;
        let inserts = keys.map(|key| {
            (key != 0).then(|| Insert {
                port,
                packet: packet(key),
                at_head: false,
            })
        });
        self.act(Action::KernelApc { thread, inserts })
    }

    /// Somebody suspends it.
    #[track_caller]
    pub fn suspend(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::Suspend(thread))
    }

    /// The suspension APC runs in it.
    #[track_caller]
    pub fn stops(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::SuspensionRuns(thread))
    }

    /// Somebody resumes it.
    #[track_caller]
    pub fn resume(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::Resume(thread))
    }

    /// Somebody ends it.
    #[track_caller]
    pub fn kill(&mut self, thread: ThreadId) -> Step<'_> {
        self.act(Action::Terminate(thread))
    }

    /// A driver inserts a packet, in front of all others.
    #[track_caller]
    pub fn insert_at_head(&mut self, key: u64) -> Step<'_> {
        let (port, packet) = (self.here.port, packet(key));
        self.act(Action::Insert(Insert {
            port,
            packet,
            at_head: true,
        }))
    }

    /// Somebody closes a handle.
    #[track_caller]
    pub fn close(&mut self, handle: Handle) -> Step<'_> {
        let process = self.process;
        self.act(Action::CloseHandle { process, handle })
    }

    /// The kernel queue is run down.
    #[track_caller]
    pub fn run_down(&mut self) -> Step<'_> {
        self.act(Action::RunDown(self.here.port))
    }

    /// Any action. Every other step ends up here.
    #[track_caller]
    pub fn act(&mut self, action: Action) -> Step<'_> {
        let mut watch = Watch {
            audit: &mut self.audit,
            events: Vec::new(),
            fired: Vec::new(),
            heard: Mutants::NONE,
        };
        let outcome = self.system.apply(action, &mut watch);
        let Watch {
            events,
            fired,
            heard,
            ..
        } = watch;
        self.fired.extend(&fired);
        self.heard = self.heard.union(heard);
        self.trace.push(format!("{action:?}\n      {outcome:?}"));
        if self.sound
            && let Err(violation) = self.audit.check(&self.system)
        {
            self.fail(&violation.to_string());
        }
        Step {
            lab: self,
            outcome,
            events,
            fired,
        }
    }
}

// Several steps at once, to set a scene.
impl Lab {
    /// The thread becomes a running member of the port, by a dequeue that finds nothing.
    #[track_caller]
    pub fn joins(&mut self, thread: ThreadId) {
        self.poll(thread).times_out();
    }

    /// The threads block in a dequeue, in this order.
    #[track_caller]
    pub fn enter<const N: usize>(&mut self, threads: [ThreadId; N]) {
        for thread in threads {
            self.get(thread).blocks();
        }
    }
}

// What one can see.
impl Lab {
    /// The port here: its active count, the packets queued, the head first, and the dequeuers
    /// blocked, the newest last.
    #[track_caller]
    pub fn is<const P: usize, const W: usize>(
        &self,
        active: u32,
        queued: [u64; P],
        waiters: [ThreadId; W],
    ) {
        let port = self.system.port(self.here.port);
        let queue: Vec<u64> = port.queue.iter().map(|packet| packet.key).collect();
        self.equal("active", port.active, active);
        self.equal("queue", &queue[..], &queued[..]);
        self.equal("waiters", &port.waiters[..], &waiters[..]);
    }

    /// What `NtQueryIoCompletion` says of the port here.
    #[track_caller]
    pub fn depth(&mut self) -> u32 {
        let (port, class, length) = (self.here.handle, 0, 4);
        let query = Call::NtQueryIoCompletion {
            port,
            class,
            length,
        };
        match self.call(self.outsider, query).returned().value {
            Value::Count(depth) => depth,
            other => self.fail(&format!("{other:?} is no depth")),
        }
    }

    /// The members of the port here, in the order of their ids.
    pub fn members(&self) -> Vec<ThreadId> {
        self.system.members(self.here.port).collect()
    }

    /// Is the thread a member of the port here?
    pub fn has_member(&self, thread: ThreadId) -> bool {
        self.system.thread(thread).port == Some(self.here.port)
    }

    /// These rules have been cited at some time.
    #[track_caller]
    pub fn obeyed(&self, rules: &[RuleId]) {
        self.cited(&self.fired, rules);
    }

    #[track_caller]
    fn cited(&self, fired: &[RuleId], rules: &[RuleId]) {
        let missing: Vec<_> = rules.iter().filter(|rule| !fired.contains(rule)).collect();
        if !missing.is_empty() {
            self.fail(&format!("rules not cited: {missing:?}; cited: {fired:?}"));
        }
    }

    #[track_caller]
    fn equal<T: PartialEq + core::fmt::Debug>(&self, what: &str, found: T, expected: T) {
        if found != expected {
            self.fail(&format!("{what}: found {found:?}, expected {expected:?}"));
        }
    }

    #[track_caller]
    fn fail(&self, why: &str) -> ! {
        let trace: String = (1..)
            .zip(&self.trace)
            .map(|(number, step)| format!("{number:4}  {step}\n"))
            .collect();
        panic!("{why}\nafter\n{trace}")
    }
}

// What came of a call.
impl Step<'_> {
    /// The call returned, with this.
    #[track_caller]
    pub fn returned(&self) -> Returned {
        match &self.outcome {
            Ok(Outcome::Returned(returned)) => returned.clone(),
            other => self.lab.fail(&format!("{other:?} is no return")),
        }
    }

    /// The caller blocks.
    #[track_caller]
    pub fn blocks(&self) -> &Self {
        self.lab
            .equal("outcome", self.outcome.clone(), Ok(Outcome::Blocked));
        self
    }

    /// Does the caller block?
    pub fn has_blocked(&self) -> bool {
        self.outcome == Ok(Outcome::Blocked)
    }

    /// The call returned this status, and no packet.
    #[track_caller]
    pub fn says(&self, status: NtStatus) -> &Self {
        let returned = self.returned();
        self.lab.equal("status", returned.status, status);
        self.lab.equal("packets", &returned.packets[..], &[]);
        self
    }

    /// It returned success, and no packet.
    #[track_caller]
    pub fn succeeds(&self) -> &Self {
        self.says(NtStatus::SUCCESS)
    }

    /// It returned `STATUS_TIMEOUT`.
    #[track_caller]
    pub fn times_out(&self) -> &Self {
        self.says(NtStatus::TIMEOUT)
    }

    /// It returned `STATUS_ABANDONED_WAIT_0`.
    #[track_caller]
    pub fn is_abandoned(&self) -> &Self {
        self.says(NtStatus::ABANDONED_WAIT_0)
    }

    /// It returned `STATUS_USER_APC`, these APCs having run, in this order.
    #[track_caller]
    pub fn runs_apcs<const N: usize>(&self, apcs: [u32; N]) -> &Self {
        self.says(NtStatus::USER_APC);
        self.lab.equal("APCs", &self.returned().apcs[..], &apcs[..]);
        self
    }

    /// It returned with this packet.
    #[track_caller]
    pub fn gets(&self, key: u64) -> &Self {
        self.gets_all([key])
    }

    /// It returned with these packets.
    #[track_caller]
    pub fn gets_all<const N: usize>(&self, keys: [u64; N]) -> &Self {
        let returned = self.returned();
        let found: Vec<u64> = returned.packets.iter().map(|packet| packet.key).collect();
        self.lab.equal("status", returned.status, NtStatus::SUCCESS);
        self.lab.equal("packets", &found[..], &keys[..]);
        self
    }

    /// It returned with packets of just these keys, overlapped pointers, byte counts, statuses.
    #[track_caller]
    pub fn carries<const N: usize>(&self, fields: [(u64, u64, u64, NtStatus); N]) -> &Self {
        let fields_of = |packet: &Packet| {
            (
                packet.key,
                packet.overlapped,
                packet.information,
                packet.status,
            )
        };
        let found: Vec<_> = self.returned().packets.iter().map(fields_of).collect();
        self.lab.equal("packets", &found[..], &fields[..]);
        self
    }

    /// The Win32 call returned `TRUE` and left the last error alone.
    #[track_caller]
    pub fn is_true(&self) -> &Self {
        let returned = self.returned();
        self.lab.equal("success", returned.success(), true);
        self.lab.equal("last error", returned.last_error(), None);
        self
    }

    /// The Win32 call returned `FALSE` and set this last error.
    #[track_caller]
    pub fn is_false(&self, error: u32) -> &Self {
        let returned = self.returned();
        let error = Some(Win32Error(error));
        self.lab.equal("success", returned.success(), false);
        self.lab.equal("last error", returned.last_error(), error);
        self
    }

    /// It returned this number: a depth, a suspend count.
    #[track_caller]
    pub fn counts(&self, count: u32) -> &Self {
        self.lab
            .equal("value", self.returned().value, Value::Count(count));
        self
    }

    /// The action could not happen.
    #[track_caller]
    pub fn is_not_enabled(&self) -> &Self {
        if self.outcome.is_ok() {
            self.lab.fail("the action was enabled");
        }
        self
    }
}

// What happened inside.
impl Step<'_> {
    /// All that happened inside, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What happened inside is this among other things.
    #[track_caller]
    pub fn shows(&self, event: Event) -> &Self {
        if !self.events.contains(&event) {
            let found = &self.events;
            self.lab.fail(&format!("{event:?} is not among {found:?}"));
        }
        self
    }

    /// The inserted packet went straight to this waiter.
    #[track_caller]
    pub fn goes_to(&self, thread: ThreadId) -> &Self {
        let grants = self.grants().map(|(_, to, queued)| (to, queued));
        self.lab
            .equal("grants", grants.collect(), vec![(thread, false)]);
        self
    }

    /// The inserted packet joined the queue, and nobody was given any.
    #[track_caller]
    pub fn is_queued(&self) -> &Self {
        let queued = |event: &Event| matches!(event, Event::Queued { .. });
        if !self.events.iter().any(queued) {
            self.lab.fail("nothing was queued");
        }
        self.hands_nothing()
    }

    /// The queued packet `key`, and no other, was handed to this waiter.
    #[track_caller]
    pub fn hands(&self, key: u64, thread: ThreadId) -> &Self {
        self.lab
            .equal("grants", self.grants().collect(), vec![(key, thread, true)]);
        self
    }

    /// No waiter was handed a packet.
    #[track_caller]
    pub fn hands_nothing(&self) -> &Self {
        self.lab.equal("grants", self.grants().collect(), vec![]);
        self
    }

    /// These rules were cited in this step.
    #[track_caller]
    pub fn obeys(&self, rules: &[RuleId]) -> &Self {
        self.lab.cited(&self.fired, rules);
        self
    }

    /// None of these rules was cited in this step.
    #[track_caller]
    pub fn is_not_about(&self, rules: &[RuleId]) -> &Self {
        let cited: Vec<_> = rules
            .iter()
            .filter(|rule| self.fired.contains(rule))
            .collect();
        if !cited.is_empty() {
            self.lab.fail(&format!("rules cited: {cited:?}"));
        }
        self
    }

    /// Every grant: the packet, the waiter, and whether the packet had been queued.
    fn grants(&self) -> impl Iterator<Item = (u64, ThreadId, bool)> {
        self.events.iter().filter_map(|event| match *event {
            Event::HandedOff {
                packet,
                thread,
                from_queue,
                ..
            } => Some((packet.key, thread, from_queue)),
            _ => None,
        })
    }
}

/// Sees everything, for the audit and for the step.
struct Watch<'a> {
    audit: &'a mut Audit,
    events: Vec<Event>,
    fired: Vec<RuleId>,
    heard: Mutants,
}

impl Observer for Watch<'_> {
    fn event(&mut self, event: Event) {
        self.audit.event(event);
        self.events.push(event);
    }

    fn rule(&mut self, rule: RuleId) {
        self.audit.rule(rule);
        self.fired.push(rule);
    }

    fn mutant(&mut self, mutant: Mutant) {
        self.heard.insert(mutant);
    }
}
