//! A mutant of which an observer never heard could not have changed anything: whoever looks for
//! broken rules tries only those that were heard of.

use iocp_model::{
    Access, Action, Call, DeviceAnswer, Event, Handle, Insert, Kernel, Kind, Mutant, Mutants,
    NameId, NotEnabled, NtStatus, Observer, Outcome, Packet, PortId, ProcessId, Profile,
    RequestArguments, RequestId, System, ThreadId, Timeout,
};

const STEPS: usize = 40;
const WALKS: u64 = 1_000;

/// Numbers that look random and are the same each time (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    fn coin(&mut self) -> bool {
        self.below(2) == 0
    }
}

/// A machine with three ports and a bit of everything else, in which walks begin.
struct Scene {
    system: System,
    processes: [ProcessId; 2],
    threads: [ThreadId; 4],
    ports: [(PortId, Handle); 3],
    files: [Handle; 3],
    objects: [Handle; 4],
    name: NameId,
}

impl Scene {
    fn new(kernel: Kernel, processors: u16) -> Self {
        let mut system = System::new(kernel.semantics(), processors);
        let processes = [(); 2].map(|()| system.add_process());
        let [process, other] = processes;
        let threads = [process, process, process, other].map(|process| system.add_thread(process));
        let ports = [1, 2, 3].map(|limit| system.add_port(process, limit));
        let files = [true, true, false].map(|overlapped| system.add_file(process, overlapped).1);
        let objects = [
            Kind::Event {
                manual: false,
                signaled: true,
            },
            Kind::Mutex {
                owner: None,
                recursion: 0,
                abandoned: false,
            },
            Kind::Reserve {
                for_packets: true,
                in_use: false,
            },
            Kind::Reserve {
                for_packets: false,
                in_use: false,
            },
        ]
        .map(|kind| system.add_object(process, kind).1);
        system.limit_post_memory(Some(3));
        let name = NameId::new(0).unwrap();
        Self {
            system,
            processes,
            threads,
            ports,
            files,
            objects,
            name,
        }
    }

    /// Anything that could happen, likely or not.
    fn action(&self, n: &mut Numbers) -> Action {
        let thread = n.one_of(&self.threads);
        let port = n.one_of(&self.ports).0;
        match n.below(24) {
            0..10 => Action::Call(thread, self.use_of_the_queue(n)),
            10..13 => Action::Call(thread, self.other_call(n)),
            13..17 => Action::Return {
                thread,
                more: n.below(3) as u16,
            },
            17 => n.one_of(&[Action::Expire(thread), Action::Unblock(thread)]),
            18 => n.one_of(&[
                Action::Suspend(thread),
                Action::Resume(thread),
                Action::SuspensionRuns(thread),
            ]),
            19 => Action::QueueUserApc {
                thread,
                apc: n.below(3) as u32,
            },
            20 | 21 => Action::Complete {
                request: RequestId(n.below(4) as u32 + 1),
                status: n.one_of(&STATUSES),
                information: n.below(3) as u32,
            },
            22 => Action::KernelApc {
                thread,
                inserts: [n.coin().then(|| insert(port, n)), None],
            },
            _ => match n.below(5) {
                0 => Action::Terminate(thread),
                1 => Action::RunDown(port),
                2 => Action::CloseHandle {
                    process: self.processes[0],
                    handle: self.handle(n),
                },
                _ => Action::Insert(insert(port, n)),
            },
        }
    }

    fn use_of_the_queue(&self, n: &mut Numbers) -> Call {
        let port = match n.below(12) {
            0 => self.handle(n),
            _ => n.one_of(&self.ports).1,
        };
        let timeout = n.one_of(&[Timeout::Zero, Timeout::Finite, Timeout::Infinite]);
        let packet = some_packet(n);
        let (count, alertable) = (n.below(4) as u16, n.coin());
        match n.below(11) {
            0..3 => Call::GetQueuedCompletionStatus { port, timeout },
            3 | 4 => Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            },
            5 => Call::NtRemoveIoCompletion { port, timeout },
            6 => Call::NtRemoveIoCompletionEx {
                port,
                count,
                timeout,
                alertable,
            },
            7 | 8 => Call::PostQueuedCompletionStatus { port, packet },
            9 => Call::NtSetIoCompletion { port, packet },
            _ => Call::NtSetIoCompletionEx {
                port,
                reserve: n.one_of(&self.objects),
                packet,
            },
        }
    }

    fn other_call(&self, n: &mut Numbers) -> Call {
        let (handle, port) = (self.handle(n), n.one_of(&self.ports).1);
        let timeout = n.one_of(&[Timeout::Zero, Timeout::Finite, Timeout::Infinite]);
        let alertable = n.coin();
        let thread = n.one_of(&self.threads);
        let access = n.one_of(&[
            Access::ALL,
            Access::QUERY_STATE,
            Access::GENERIC_WRITE,
            Access(0),
        ]);
        let (key, concurrency) = (n.below(2), n.below(3) as u32);
        let file = n.one_of(&self.files);
        match n.below(20) {
            0 => Call::CreateIoCompletionPort {
                file: n.one_of(&[file, handle, Handle::INVALID]),
                existing: n.one_of(&[port, handle, Handle::NULL]),
                key,
                concurrency,
            },
            1 | 2 => Call::CreateIoCompletionPort {
                file,
                existing: port,
                key,
                concurrency,
            },
            3 => Call::NtCreateIoCompletion {
                name: Some(self.name),
                access,
                concurrency,
            },
            4 => Call::NtOpenIoCompletion {
                name: Some(self.name),
                access,
            },
            5 => Call::NtQueryIoCompletion {
                port: handle,
                class: n.below(2) as u32,
                length: 4 * n.below(3) as u32,
            },
            6 => Call::NtSetInformationFile {
                file,
                port: n.one_of(&[port, Handle::NULL]),
                key,
                replace: n.coin(),
            },
            7..10 => Call::Request(RequestArguments {
                file,
                context: n.below(2) * 0x10,
                apc: n.below(3) == 0,
                answer: n.one_of(&[
                    DeviceAnswer::Pending,
                    DeviceAnswer::Pending,
                    DeviceAnswer::Done(NtStatus::SUCCESS, 1),
                    DeviceAnswer::Failed(NtStatus::CANCELLED),
                ]),
            }),
            10 | 11 => Call::WaitForSingleObject {
                object: n.one_of(&[handle, port]),
                timeout,
                alertable,
            },
            12 => Call::WaitOutside { timeout, alertable },
            13 => Call::Sleep { timeout, alertable },
            14 => Call::WaitForThread { thread, timeout },
            15 => n.one_of(&[
                Call::SuspendThread(thread),
                Call::ResumeThread(thread),
                Call::ExitThread,
            ]),
            16 => n.one_of(&[
                Call::SetEvent(self.objects[0]),
                Call::ReleaseMutex(self.objects[1]),
                Call::CloseHandle(handle),
                Call::CloseHandle(file),
            ]),
            _ => Call::DuplicateHandle {
                handle: n.one_of(&[file, handle, port]),
                target: n.one_of(&self.processes),
                access: n.coin().then_some(access),
                close_source: n.below(4) == 0,
            },
        }
    }

    fn handle(&self, n: &mut Numbers) -> Handle {
        match n.below(8) {
            0 => Handle::NULL,
            1 => Handle::INVALID,
            // Some of them are open sooner or later.
            _ => Handle(4 * (n.below(12) as u32 + 1)),
        }
    }
}

/// Success, and the statuses that tell of something, warn, and fail.
const STATUSES: [NtStatus; 4] = [
    NtStatus::SUCCESS,
    NtStatus::NOTIFY_ENUM_DIR,
    NtStatus::BUFFER_OVERFLOW,
    NtStatus::CANCELLED,
];

/// Small numbers, and those about the end of 32 bits.
const SIZES: [u64; 4] = [0, 1, u32::MAX as u64, 1 << 32];

fn some_packet(n: &mut Numbers) -> Packet {
    Packet {
        information: n.one_of(&SIZES),
        status: n.one_of(&STATUSES),
        ..Packet::posted(n.one_of(&SIZES), n.below(3), 0)
    }
}

fn insert(port: PortId, n: &mut Numbers) -> Insert {
    let (packet, at_head) = (some_packet(n), n.coin());
    Insert {
        port,
        packet,
        at_head,
    }
}

/// What a step shows, and of which mutants it was asked.
#[derive(Default)]
struct Ear {
    heard: Mutants,
    events: Vec<Event>,
}

impl Observer for Ear {
    fn event(&mut self, event: Event) {
        self.events.push(event);
    }

    fn mutant(&mut self, mutant: Mutant) {
        self.heard.insert(mutant);
    }
}

#[derive(PartialEq, Debug)]
struct Seen {
    outcome: Result<Outcome, NotEnabled>,
    events: Vec<Event>,
    active: Vec<u32>,
}

fn step(system: &mut System, action: Action) -> (Seen, Mutants) {
    let mut ear = Ear::default();
    let outcome = system.apply(action, &mut ear);
    let seen = Seen {
        outcome,
        events: ear.events,
        active: system.ports().iter().map(|port| port.active).collect(),
    };
    (seen, ear.heard)
}

fn bytes(system: &System) -> Vec<u8> {
    let mut bytes = Vec::new();
    system.encode(&mut bytes);
    bytes
}

/// Walks at random through what a kernel can do, beside a system for each mutant that the kernel
/// has not been asked of. When it is asked, `heard` is told whether the step went the same way with
/// the mutant as without, and the walk goes on without that mutant.
fn walk(profile: Profile, seed: u64, mut heard_of: impl FnMut(Mutant, bool)) {
    let mut numbers = Numbers(seed);
    let kernel = Kernel::from(profile);
    let processors = 1 + u16::from(!seed.is_multiple_of(4));
    let mut ruled = Scene::new(kernel, processors);
    let mut beside: Vec<(Mutant, System)> = Mutant::all()
        .map(|mutant| (mutant, Scene::new(kernel.with(mutant), processors).system))
        .collect();
    for _ in 0..STEPS {
        // In the end, all threads may be dead and all ports gone.
        let actions = core::iter::repeat_with(|| ruled.action(&mut numbers));
        let Some(action) = actions
            .take(1_000)
            .find(|action| ruled.system.check(action).is_ok())
        else {
            return;
        };
        let (seen, heard) = step(&mut ruled.system, action);
        let after = bytes(&ruled.system);
        beside.retain_mut(|(mutant, system)| {
            let (with_mutant, _) = step(system, action);
            if heard.contains(*mutant) {
                heard_of(*mutant, with_mutant == seen && bytes(system) == after);
                return false;
            }
            let name = profile.name;
            assert_eq!(
                with_mutant, seen,
                "{name}, seed {seed}, {mutant:?}: {action:?}"
            );
            true
        });
    }
}

/// Asked of in vain now and then: where to find out whether they would make a difference is as
/// much work as to try (two packets that are the same may well change places), or where the
/// difference comes only later (a timer is left running).
const IN_VAIN: &[Mutant] = &[
    Mutant::NoLimit,
    Mutant::InsertIgnoresLimit,
    Mutant::OneAboveTheLimit,
    Mutant::NoMoreThanProcessors,
    Mutant::CountsWhenItRuns,
    Mutant::CountStopsAtLimit,
    Mutant::WokenDoesNotCount,
    Mutant::DequeueReleasesAWaiter,
    Mutant::NoHandOffOnBlock,
    Mutant::SuspensionAtTheCall,
    Mutant::SatisfiedWaitFreesTheSlot,
    Mutant::NoHandOffOnMove,
    Mutant::NoHandOffOnExit,
    Mutant::TimeOutEndsMembership,
    Mutant::AnyCloseEndsMembership,
    Mutant::WaitersByThread,
    Mutant::StaleWaitReason,
    Mutant::InsertReturnsNewDepth,
    Mutant::GrantLeavesTimer,
    Mutant::LastLookAfterTimeOut,
    Mutant::ApcsNewestFirst,
    Mutant::WakeAndRetry,
    Mutant::AssociationSetsTheLimit,
    Mutant::FirstCloseEndsThePort,
    Mutant::CompletionRoutineAndPacket,
    Mutant::AssociationSignalsNothing,
    Mutant::FilesHoldNoPort,
    Mutant::NewestPacketFirst,
    Mutant::ImmediateSuccessMakesNoPacket,
    Mutant::RefusedRequestMakesPacket,
    Mutant::HeadInsertJoinsTheTail,
    Mutant::BatchNewestFirst,
    Mutant::WokenBatchTakesOne,
    Mutant::PostLosesItsBytes,
    Mutant::PostedStatusIsSuccess,
    Mutant::PostFreesTheSlot,
    Mutant::KeepWaitingOnClose,
    Mutant::WaitTakesAPacket,
    Mutant::NullOverlappedRefused,
    Mutant::PostNeedsTheKeyOfAFile,
];

/// On every kernel.
#[test]
fn what_was_not_heard_of_changed_nothing() {
    for &profile in Profile::ALL {
        (0..WALKS / 10).for_each(|seed| walk(profile, seed, |_, _| {}));
    }
}

/// A mutant that is heard of too often costs time, and makes longer what `iocp explain` has to try.
#[test]
fn what_was_heard_of_goes_another_way() {
    let (mut heard, mut in_vain) = (Mutants::NONE, Mutants::NONE);
    for seed in 0..WALKS {
        walk(Profile::default(), seed, |mutant, same| {
            heard.insert(mutant);
            if same {
                in_vain.insert(mutant);
            }
        });
    }
    assert!(heard.len() > Mutant::COUNT - 10, "only {heard:?}");
    let new: Vec<_> = in_vain
        .iter()
        .filter(|one| !IN_VAIN.contains(one))
        .collect();
    assert_eq!(new, [], "asked of where they change nothing");
}
