//! Equal encodings, equal states: no two states that a system can get into are encoded alike.
#![allow(clippy::unwrap_used)]

use iocp_model::{
    Access, Action, Call, DeviceAnswer, Encoder, Handle, Insert, Kernel, Kind, Mutant, NameId,
    NtStatus, Packet, ProcessId, Profile, RequestArguments, Semantics, System, ThreadId, Timeout,
};
use std::collections::{HashMap, HashSet, VecDeque, hash_map::Entry};

/// A machine with a bit of everything on it, and what can be done there: calls that differ in one
/// argument each, small and large numbers.
fn setting(semantics: Semantics) -> (System, Vec<Action>) {
    let mut system = System::new(semantics, 2);
    let process = system.add_process();
    let other = system.add_process();
    let [a, b] = [(); 2].map(|()| system.add_thread(process));
    let (p, port) = system.add_port(process, 1);
    let (q, second) = system.add_port(process, 200);
    let (_, file) = system.add_file(process, true);
    let (_, semaphore) = system.add_object(
        process,
        Kind::Semaphore {
            count: 1,
            maximum: 300,
        },
    );
    let (_, mutex) = system.add_object(
        process,
        Kind::Mutex {
            owner: None,
            recursion: 0,
            abandoned: false,
        },
    );
    let (_, reserve) = system.add_object(
        process,
        Kind::Reserve {
            for_packets: true,
            in_use: false,
        },
    );
    let infinite = Timeout::Infinite;
    let get = |port, timeout| Call::GetQueuedCompletionStatus { port, timeout };
    let batch = |count, alertable| Call::GetQueuedCompletionStatusEx {
        port,
        count,
        timeout: infinite,
        alertable,
    };
    let set = |key, overlapped, information, status| Call::NtSetIoCompletion {
        port,
        packet: Packet {
            information,
            status: NtStatus(status),
            ..Packet::posted(key, overlapped, 0)
        },
    };
    let request = |context, apc| {
        Call::Request(RequestArguments {
            file,
            context,
            apc,
            answer: DeviceAnswer::Pending,
        })
    };
    let wait = |object, timeout, alertable| Call::WaitForSingleObject {
        object,
        timeout,
        alertable,
    };
    let duplicate = |handle: Handle, access| Call::DuplicateHandle {
        handle,
        target: other,
        access,
        close_source: false,
    };
    let calls = [
        get(port, infinite),
        get(port, Timeout::Finite),
        get(port, Timeout::Zero),
        get(second, infinite),
        Call::NtRemoveIoCompletion {
            port,
            timeout: infinite,
        },
        batch(2, false),
        batch(300, false),
        batch(2, true),
        set(1, 0, 0, 0),
        set(300, 0, 0, 0),
        set(1, 1, 0, 0),
        set(1, 0, 1, 0),
        set(1, 0, 0, 1),
        set(1, 2, 0, 0),
        set(1, 0, 2, 0),
        set(1, 0, 0, 2),
        set(1 << 40, 1 << 40, 1 << 40, u32::MAX),
        Call::NtSetIoCompletionEx {
            port,
            reserve,
            packet: Packet::posted(1, 0, 0),
        },
        Call::NtSetInformationFile {
            file,
            port,
            key: 5,
            replace: true,
        },
        Call::NtSetInformationFile {
            file,
            port: second,
            key: 500,
            replace: true,
        },
        request(1, false),
        request(0, false),
        request(1, true),
        wait(port, infinite, false),
        wait(semaphore, infinite, false),
        wait(semaphore, Timeout::Finite, true),
        wait(mutex, infinite, false),
        wait(file, infinite, false),
        Call::ReleaseSemaphore(semaphore),
        Call::WaitForThread {
            thread: b,
            timeout: infinite,
        },
        Call::WaitOutside {
            timeout: infinite,
            alertable: true,
        },
        Call::Sleep {
            timeout: Timeout::Finite,
            alertable: false,
        },
        Call::Sleep {
            timeout: Timeout::Zero,
            alertable: false,
        },
        Call::CreateEvent {
            manual: true,
            signaled: false,
        },
        Call::CreateEvent {
            manual: false,
            signaled: true,
        },
        Call::CreateFile { overlapped: true },
        Call::CreateFile { overlapped: false },
        Call::NtAllocateReserveObject { for_packets: false },
        Call::NtAllocateReserveObject { for_packets: true },
        Call::CloseHandle(port),
        Call::CloseHandle(file),
        Call::CloseHandle(semaphore),
        duplicate(port, None),
        duplicate(port, Some(Access::QUERY_STATE)),
        duplicate(second, None),
        duplicate(file, None),
        duplicate(semaphore, None),
    ];
    let of_a = calls.into_iter().map(|call| Action::Call(a, call));
    let of_b = [
        get(port, infinite),
        get(second, infinite),
        wait(port, infinite, false),
    ]
    .map(|call| Action::Call(b, call));
    let of_both = [a, b].into_iter().flat_map(|thread: ThreadId| {
        [
            Action::Return { thread, more: 0 },
            Action::Return { thread, more: 1 },
            Action::Expire(thread),
            Action::Unblock(thread),
            Action::Suspend(thread),
            Action::Resume(thread),
            Action::SuspensionRuns(thread),
            Action::QueueUserApc { thread, apc: 1 },
            Action::QueueUserApc { thread, apc: 300 },
            Action::Terminate(thread),
            Action::KernelApc {
                thread,
                inserts: [None; 2],
            },
        ]
    });
    let inserts = [(p, 0), (q, 0), (p, 1), (p, 2)].map(|(port, tag)| {
        Action::Insert(Insert {
            port,
            packet: Packet {
                tag,
                ..Packet::posted(9, 0, 0)
            },
            at_head: true,
        })
    });
    let mut actions: Vec<_> = of_a.chain(of_b).chain(of_both).chain(inserts).collect();
    actions.push(Action::RunDown(p));
    (system, actions)
}

/// All states within so many steps; no two of them are encoded alike.
fn states_within(semantics: Semantics, most_steps: usize) -> usize {
    let (first, actions) = setting(semantics);
    let mut known: HashMap<Vec<u8>, System> = HashMap::new();
    let mut next = VecDeque::from([(first, 0)]);
    let mut bytes = Vec::new();
    while let Some((system, steps)) = next.pop_front() {
        bytes.clear();
        system.encode(&mut bytes);
        assert!(bytes.len() <= system.most_encoded(), "{system:?}");
        match known.entry(bytes.clone()) {
            Entry::Occupied(other) => {
                assert_eq!(*other.get(), system, "two states, the same bytes");
                continue;
            }
            Entry::Vacant(place) => {
                place.insert(system.clone());
            }
        }
        if steps < most_steps {
            for action in &actions {
                let mut after = system.clone();
                if after.apply(*action, &mut ()).is_ok() {
                    next.push_back((after, steps + 1));
                }
            }
        }
    }
    known.len()
}

#[test]
fn no_two_states_are_encoded_alike() {
    for kernel in [
        Kernel::from(Profile::default()),
        Kernel::from(Profile::REACTOS),
        Kernel::from(Profile::WINE_8),
        // Here whether a thread counts does not follow from the rest.
        Kernel::from(Profile::default()).with(Mutant::PollUncounted),
    ] {
        let states = states_within(kernel.semantics(), 3);
        assert!(states > 20_000, "{kernel}: only {states} states");
    }
}

/// What many systems have none of is written if there is any of one kind.
#[test]
fn one_kind_of_thing_is_enough() {
    type Add = fn(&mut Large);
    let ways: [Add; 4] = [
        |large| {
            large.system.add_file(large.process, true);
        },
        |large| {
            let semaphore = Kind::Semaphore {
                count: 1,
                maximum: 2,
            };
            large.system.add_object(large.process, semaphore);
        },
        |large| {
            let (thread, apc) = (large.outsider, 1);
            large.act(Action::QueueUserApc { thread, apc });
        },
        |large| {
            let (port, packet) = (large.port, Packet::posted(7, 0, 0));
            let post = Call::PostQueuedCompletionStatus { port, packet };
            large.call(large.outsider, post);
            let thread = large.outsider;
            large.dequeues(thread);
        },
    ];
    let mut all = HashSet::from([bytes(&Large::new().system)]);
    for add in ways {
        let mut large = Large::new();
        add(&mut large);
        let rare = bytes(&large.system);
        assert!(rare.len() > 4 + bytes(&Large::new().system).len());
        assert!(all.insert(rare));
    }
}

/// A number is read again as it was written, and how far it goes: seven bits a byte, the low ones
/// first, the highest bit saying that there are more.
#[test]
fn numbers_can_be_read_again() {
    let near_powers = (0..64).flat_map(|bit| {
        let power = 1_u64 << bit;
        [power - 1, power, power + 1]
    });
    let numbers: Vec<u64> = near_powers.chain([u64::MAX]).collect();
    let mut bytes = vec![0xEE];
    let most = numbers.len() * Encoder::MOST_NUMBER;
    let end = Encoder::write_at(&mut bytes, 1, most, |to| {
        numbers.iter().for_each(|&number| to.number(number));
    });
    assert_eq!(bytes[0], 0xEE);
    let mut rest = bytes[1..end].iter();
    for &number in &numbers {
        let (mut read, mut groups) = (0, 0);
        loop {
            let byte = *rest.next().unwrap();
            read |= u64::from(byte & 0x7F) << (7 * groups);
            groups += 1;
            if byte < 0x80 {
                break;
            }
        }
        assert_eq!(read, number);
        let bits = u64::BITS - number.leading_zeros();
        assert_eq!(groups, bits.div_ceil(7).max(1), "{number}");
        assert!(groups as usize <= Encoder::MOST_NUMBER);
    }
    assert_eq!(rest.next(), None);
}

fn bytes(system: &System) -> Vec<u8> {
    let mut bytes = Vec::new();
    system.encode(&mut bytes);
    bytes
}

/// What a search has millions of takes few bytes: threads in their own code, packets with a key
/// and nothing else, handles with all rights, threads that wait.
#[test]
fn the_common_is_short() {
    let mut system = System::new(Profile::default().semantics, 1);
    let process = system.add_process();
    let (_, port) = system.add_port(process, 1);
    let mut length = bytes(&system).len();
    assert!(length <= 10, "a port and its handle: {length} bytes");
    let mut more = |system: &System, most: usize, what: &str| {
        let now = bytes(system).len();
        assert!(now - length <= most, "{what}: {} bytes", now - length);
        length = now;
    };
    let [a, b, c] = [(); 3].map(|()| system.add_thread(process));
    more(&system, 3 * 2, "three threads");
    let get = Call::GetQueuedCompletionStatus {
        port,
        timeout: Timeout::Infinite,
    };
    for thread in [a, b] {
        system.apply(Action::Call(thread, get), &mut ()).unwrap();
        more(&system, 4, "a waiter");
    }
    let mut post = |key| {
        let packet = Packet::posted(key, 0, 0);
        let post = Call::PostQueuedCompletionStatus { port, packet };
        system.apply(Action::Call(c, post), &mut ()).unwrap();
        system.clone()
    };
    more(&post(1), 2, "a packet in the hands of a thread");
    for key in [2, 3] {
        more(&post(key), 2, "a packet in the queue");
    }
    let duplicate = Call::DuplicateHandle {
        handle: port,
        target: process,
        access: None,
        close_source: false,
    };
    system.apply(Action::Call(c, duplicate), &mut ()).unwrap();
    more(&system, 1, "a handle");
}

/// A system that becomes large in one way.
struct Large {
    system: System,
    process: ProcessId,
    /// It posts and signals.
    outsider: ThreadId,
    port: Handle,
}

impl Large {
    /// With Wine, whose batch dequeues take one packet a step and keep them meanwhile.
    fn new() -> Self {
        let mut system = System::new(Profile::WINE_8.semantics, 1);
        let process = system.add_process();
        let outsider = system.add_thread(process);
        let port = system.add_port(process, u32::MAX).1;
        Self {
            system,
            process,
            outsider,
            port,
        }
    }

    fn act(&mut self, action: Action) {
        self.system.apply(action, &mut ()).unwrap();
    }

    fn call(&mut self, thread: ThreadId, call: Call) {
        self.act(Action::Call(thread, call));
    }

    fn thread(&mut self) -> ThreadId {
        self.system.add_thread(self.process)
    }

    /// A packet whose fields are all as long as can be is queued, in a reserve object.
    fn queues(&mut self) {
        let kind = Kind::Reserve {
            for_packets: true,
            in_use: false,
        };
        let reserve = self.system.add_object(self.process, kind).1;
        let packet = Packet {
            information: u64::MAX,
            status: NtStatus(u32::MAX),
            tag: u32::MAX,
            ..Packet::posted(u64::MAX, u64::MAX, 0)
        };
        let port = self.port;
        let set = Call::NtSetIoCompletionEx {
            port,
            reserve,
            packet,
        };
        self.call(self.outsider, set);
    }

    fn dequeues(&mut self, thread: ThreadId) {
        let remove = Call::NtRemoveIoCompletionEx {
            port: self.port,
            count: u16::MAX,
            timeout: Timeout::Finite,
            alertable: true,
        };
        self.call(thread, remove);
    }

    fn waits(&mut self, object: Handle) {
        let thread = self.thread();
        let wait = Call::WaitForSingleObject {
            object,
            timeout: Timeout::Infinite,
            alertable: true,
        };
        self.call(thread, wait);
    }
}

/// The bound on the bytes holds, whatever there is much of; and it is not a wild one, since a search
/// makes so much room for each state: so many bytes for one more.
#[test]
fn the_bound_holds_and_is_near() {
    const MANY: u16 = 200;
    type Add = fn(&mut Large, u16);
    let ways: [(&str, usize, Add); 11] = [
        ("threads", 120, |large, _| {
            large.thread();
        }),
        ("suspended waiters", 128, |large, _| {
            let thread = large.thread();
            large.dequeues(thread);
            large.act(Action::Suspend(thread));
        }),
        ("packets, each in a reserve object", 116, |large, _| {
            large.queues();
        }),
        ("packets that a batch dequeue has taken", 240, |large, _| {
            let thread = large.thread();
            large.queues();
            large.dequeues(thread);
        }),
        (
            "ports with a name and a waiter on the handle",
            224,
            |large, index| {
                let create = Call::NtCreateIoCompletion {
                    name: NameId::new(index.into()),
                    access: Access::ALL,
                    concurrency: u32::MAX,
                };
                large.call(large.outsider, create);
                let newest = large.system.handles(large.process).iter().last().unwrap().0;
                large.waits(newest);
            },
        ),
        ("semaphores", 56, |large, _| {
            let (count, maximum) = (u32::MAX - 1, u32::MAX);
            let semaphore = Kind::Semaphore { count, maximum };
            large.system.add_object(large.process, semaphore);
        }),
        ("mutexes and who waits for them", 184, |large, _| {
            let mutex = Kind::Mutex {
                owner: Some(large.outsider),
                recursion: u32::MAX,
                abandoned: false,
            };
            let mutex = large.system.add_object(large.process, mutex).1;
            large.waits(mutex);
        }),
        ("handles", 24, |large, _| {
            let duplicate = Call::DuplicateHandle {
                handle: large.port,
                target: large.process,
                access: Some(Access(u32::MAX >> 4)),
                close_source: false,
            };
            large.call(large.outsider, duplicate);
        }),
        ("files", 72, |large, _| {
            let file = large.system.add_file(large.process, true).1;
            let port = large.port;
            let associated = large
                .system
                .associate_file(large.process, file, port, u64::MAX);
            associated.unwrap();
        }),
        ("requests", 56, |large, index| {
            if index == 0 {
                large.system.add_file(large.process, true);
            }
            let read = RequestArguments {
                file: Handle(8),
                context: u64::MAX,
                apc: true,
                answer: DeviceAnswer::Pending,
            };
            large.call(large.outsider, Call::Request(read));
        }),
        ("APCs", 24, |large, _| {
            let (thread, apc) = (large.outsider, u32::MAX);
            large.act(Action::QueueUserApc { thread, apc });
        }),
    ];
    for (what, most, add) in ways {
        let mut large = Large::new();
        let before = large.system.most_encoded();
        for index in 0..MANY {
            add(&mut large, index);
            let bound = large.system.most_encoded();
            assert!(bytes(&large.system).len() <= bound, "{index} {what}");
        }
        let each = (large.system.most_encoded() - before) / usize::from(MANY);
        assert!(each <= most, "{what}: {each} bytes each");
    }
}
