//! Random actions on a system: what no program can ask for is among them.

use super::Stroke;
use iocp_model::{
    Access, Action, Api, Call, DeviceAnswer, Handle, Insert, Kind, NameId, NtStatus, Packet,
    PortId, ProcessId, RequestArguments, RequestId, Semantics, System, ThreadId, Timeout,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// A system with some of everything: two processes, two ports, three files, four threads and an
/// object of each kind.
pub fn lab(semantics: Semantics) -> System {
    let mut system = System::new(semantics, 2);
    let [main, other] = [(); 2].map(|()| system.add_process());
    let (_, port) = system.add_port(main, 1);
    system.add_port(main, 2);
    system.add_port(other, 1);
    let (_, file) = system.add_file(main, true);
    // The file is fresh and was opened for overlapped I/O, so this cannot be refused.
    let _ = system.associate_file(main, file, port, 9);
    system.add_file(main, true);
    system.add_file(main, false);
    let mutex = Kind::Mutex {
        owner: None,
        recursion: 0,
        abandoned: false,
    };
    system.add_object(
        main,
        Kind::Event {
            manual: false,
            signaled: false,
        },
    );
    system.add_object(
        main,
        Kind::Event {
            manual: true,
            signaled: false,
        },
    );
    system.add_object(
        main,
        Kind::Semaphore {
            count: 1,
            maximum: 2,
        },
    );
    system.add_object(main, mutex);
    system.add_object(
        main,
        Kind::Reserve {
            for_packets: true,
            in_use: false,
        },
    );
    system.add_object(
        main,
        Kind::Reserve {
            for_packets: false,
            in_use: false,
        },
    );
    for process in [main, main, main, other] {
        system.add_thread(process);
    }
    system
}

/// So many random actions, each drawn for the state that the ones before it lead to. Not every one
/// is possible; [`System::apply`] refuses the others and changes nothing.
pub fn actions(system: &System, seed: u64, count: usize) -> Vec<Action> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut system = system.clone();
    (0..count)
        .map(|_| {
            let stroke = Stroke {
                kind: rng.random(),
                numbers: rng.random(),
                inner: Vec::new(),
            };
            let action = action(&system, &stroke);
            // One that is refused changes nothing.
            let _ = system.apply(action, &mut ());
            action
        })
        .collect()
}

/// The action that these numbers stand for in this state. Zero is a post of the first thread.
pub fn action(system: &System, stroke: &Stroke) -> Action {
    let n = &mut Digits::new(stroke.numbers);
    // Mostly, what the system has in store: a thread whose wait is over goes on, and so forth.
    if stroke.kind % 16 == 5
        && let Some(action) = n.one_of_many(system.enabled().collect())
    {
        return action;
    }
    match stroke.kind % 40 {
        0..=15 => {
            let thread = n.thread(system);
            Action::Call(thread, call(system, thread, stroke.kind / 40, n))
        }
        16..=21 => Action::Return {
            thread: n.thread(system),
            more: n.below(6).saturating_sub(3) as u16,
        },
        22 => Action::Expire(n.thread(system)),
        23 => Action::Unblock(n.thread(system)),
        24 | 25 => Action::KernelApc {
            thread: n.thread(system),
            inserts: match n.below(3) {
                0 => [None, None],
                1 => [Some(insert(system, n)), None],
                _ => [Some(insert(system, n)), Some(insert(system, n))],
            },
        },
        26 => Action::SuspensionRuns(n.thread(system)),
        27 => Action::Suspend(n.thread(system)),
        28..=30 => Action::Resume(n.thread(system)),
        31 => Action::QueueUserApc {
            thread: n.thread(system),
            apc: n.below(3) as u32,
        },
        32 => match n.below(6) {
            0 => Action::Terminate(n.thread(system)),
            _ => Action::Resume(n.thread(system)),
        },
        33 | 34 => Action::Insert(insert(system, n)),
        35 => Action::InsertAs(n.thread(system), insert(system, n)),
        36 | 37 => Action::Complete {
            request: n
                .one_of_many(system.requests().iter().map(|request| request.id).collect())
                .unwrap_or(RequestId(0)),
            status: status(n),
            information: 1,
        },
        38 => {
            let process = n.process(system);
            let handle = n.handle(system, process, any);
            Action::CloseHandle { process, handle }
        }
        _ => match n.below(8) {
            0 => Action::RunDown(n.port(system)),
            _ => Action::Insert(insert(system, n)),
        },
    }
}

fn insert(system: &System, n: &mut Digits) -> Insert {
    Insert {
        port: n.port(system),
        packet: packet(n),
        at_head: n.below(3) == 2,
    }
}

fn packet(n: &mut Digits) -> Packet {
    Packet {
        key: n.below(3) as u64,
        overlapped: n.below(2) as u64,
        information: [0, 200, u64::MAX][n.below(3)],
        status: status(n),
        tag: n.below(2) as u32,
        ..Packet::default()
    }
}

fn status(n: &mut Digits) -> NtStatus {
    NtStatus([0, 0, 0xC000_0001, 0x8000_0005][n.below(4)])
}

fn access(n: &mut Digits) -> Access {
    [
        Access::ALL,
        Access::MODIFY_STATE,
        Access::QUERY_STATE,
        Access::SYNCHRONIZE,
        Access(0),
        Access::GENERIC_ALL,
        Access::GENERIC_READ.with(Access::GENERIC_WRITE),
    ][n.below(7)]
}

fn timeout(n: &mut Digits) -> Timeout {
    [Timeout::Infinite, Timeout::Zero, Timeout::Finite][n.below(3)]
}

type Wanted = fn(iocp_model::Object) -> bool;

fn any(_: iocp_model::Object) -> bool {
    true
}

fn a_port(object: iocp_model::Object) -> bool {
    matches!(object, iocp_model::Object::Port(_))
}

fn a_file(object: iocp_model::Object) -> bool {
    matches!(object, iocp_model::Object::File(_))
}

fn an_object(object: iocp_model::Object) -> bool {
    matches!(object, iocp_model::Object::Other(_))
}

/// A call; dequeues and posts are as likely as all others together.
fn call(system: &System, thread: ThreadId, kind: u16, n: &mut Digits) -> Call {
    let caller = system.threads().get(thread.index());
    let process = caller.map_or(n.process(system), |caller| caller.process);
    let port = n.handle(system, process, a_port);
    let api = match kind % 4 {
        0 => Api::PostQueuedCompletionStatus,
        1 => [
            Api::GetQueuedCompletionStatus,
            Api::GetQueuedCompletionStatusEx,
            Api::NtRemoveIoCompletion,
            Api::NtRemoveIoCompletionEx,
        ][n.below(4)],
        _ => Api::ALL[n.below(Api::ALL.len())],
    };
    let name = [None, NameId::new(0), NameId::new(1)][usize::from(kind) % 3];
    match api {
        Api::CreateIoCompletionPort => Call::CreateIoCompletionPort {
            file: match n.below(2) {
                0 => Handle::INVALID,
                _ => n.handle(system, process, a_file),
            },
            existing: [Handle::NULL, port][n.below(2)],
            key: 5,
            concurrency: n.below(3) as u32,
        },
        Api::NtCreateIoCompletion => Call::NtCreateIoCompletion {
            name,
            access: access(n),
            concurrency: n.below(3) as u32,
        },
        Api::NtOpenIoCompletion => Call::NtOpenIoCompletion {
            name,
            access: access(n),
        },
        Api::NtQueryIoCompletion => Call::NtQueryIoCompletion {
            port,
            class: u32::from(n.below(5) == 4),
            length: [4, 4, 4, 8][n.below(4)],
        },
        Api::GetQueuedCompletionStatus => Call::GetQueuedCompletionStatus {
            port,
            timeout: timeout(n),
        },
        Api::GetQueuedCompletionStatusEx => Call::GetQueuedCompletionStatusEx {
            port,
            count: [2, 1, 3, 0][n.below(4)],
            timeout: timeout(n),
            alertable: n.below(2) == 1,
        },
        Api::NtRemoveIoCompletion => Call::NtRemoveIoCompletion {
            port,
            timeout: timeout(n),
        },
        Api::NtRemoveIoCompletionEx => Call::NtRemoveIoCompletionEx {
            port,
            count: [2, 1, 3, 0][n.below(4)],
            timeout: timeout(n),
            alertable: n.below(2) == 1,
        },
        Api::PostQueuedCompletionStatus => Call::PostQueuedCompletionStatus {
            port,
            packet: packet(n),
        },
        Api::NtSetIoCompletion => Call::NtSetIoCompletion {
            port,
            packet: packet(n),
        },
        Api::NtSetIoCompletionEx => Call::NtSetIoCompletionEx {
            port,
            reserve: n.handle(system, process, an_object),
            packet: packet(n),
        },
        Api::NtAllocateReserveObject => Call::NtAllocateReserveObject {
            for_packets: n.below(4) != 3,
        },
        Api::CreateFile => Call::CreateFile {
            overlapped: n.below(3) != 2,
        },
        Api::ReadFile | Api::ReadFileEx => Call::Request(RequestArguments {
            file: n.handle(system, process, a_file),
            context: [0x100, 0][n.below(2)],
            apc: n.below(4) == 3,
            answer: match n.below(4) {
                0 | 1 => DeviceAnswer::Pending,
                2 => DeviceAnswer::Done(status(n), 3),
                _ => DeviceAnswer::Failed(NtStatus::ACCESS_DENIED),
            },
        }),
        Api::NtSetInformationFile => Call::NtSetInformationFile {
            file: n.handle(system, process, a_file),
            port: [port, Handle::NULL][n.below(2)],
            key: 6,
            replace: n.below(2) == 1,
        },
        Api::CreateEvent => Call::CreateEvent {
            manual: n.below(2) == 1,
            signaled: n.below(2) == 1,
        },
        Api::CreateSemaphore => Call::CreateSemaphore {
            count: 1,
            maximum: n.below(3) as u32,
        },
        Api::CreateMutex => Call::CreateMutex {
            owned: n.below(2) == 1,
        },
        Api::SetEvent => Call::SetEvent(n.handle(system, process, an_object)),
        Api::ResetEvent => Call::ResetEvent(n.handle(system, process, an_object)),
        Api::ReleaseSemaphore => Call::ReleaseSemaphore(n.handle(system, process, an_object)),
        Api::ReleaseMutex => Call::ReleaseMutex(n.handle(system, process, an_object)),
        Api::WaitForSingleObject => match n.below(4) {
            0 => Call::WaitForThread {
                thread: n.thread(system),
                timeout: timeout(n),
            },
            _ => Call::WaitForSingleObject {
                object: n.handle(system, process, any),
                timeout: timeout(n),
                alertable: n.below(2) == 1,
            },
        },
        Api::WaitOutside => Call::WaitOutside {
            timeout: timeout(n),
            alertable: n.below(2) == 1,
        },
        Api::Sleep => Call::Sleep {
            timeout: timeout(n),
            alertable: n.below(2) == 1,
        },
        Api::QueueUserAPC => Call::QueueUserApc {
            thread: n.thread(system),
            apc: n.below(3) as u32,
        },
        Api::SuspendThread => Call::SuspendThread(n.thread(system)),
        Api::ResumeThread => Call::ResumeThread(n.thread(system)),
        Api::TerminateThread => Call::TerminateThread(n.thread(system)),
        Api::ExitThread => Call::ExitThread,
        Api::CloseHandle => Call::CloseHandle(n.handle(system, process, any)),
        Api::DuplicateHandle => Call::DuplicateHandle {
            handle: n.handle(system, process, any),
            target: n.process(system),
            access: [None, Some(access(n))][n.below(2)],
            close_source: n.below(4) == 3,
        },
    }
}

/// Four numbers of 16 bits as one of 64, used up from its low end: many small choices fit in.
struct Digits(u64);

impl Digits {
    fn new(numbers: [u16; 4]) -> Self {
        Self(
            numbers
                .into_iter()
                .rev()
                .fold(0, |all, number| all << 16 | u64::from(number)),
        )
    }

    fn below(&mut self, count: usize) -> usize {
        let count = count.max(1) as u64;
        let digit = self.0 % count;
        self.0 /= count;
        digit as usize
    }

    fn one_of_many<T: Copy>(&mut self, choices: Vec<T>) -> Option<T> {
        choices.get(self.below(choices.len())).copied()
    }

    /// A thread; rarely one that does not exist.
    fn thread(&mut self, system: &System) -> ThreadId {
        let index = self.sometimes_past(system.threads().len());
        ThreadId::new(index).unwrap_or_else(|| unreachable!("indices are small"))
    }

    fn port(&mut self, system: &System) -> PortId {
        let index = self.sometimes_past(system.ports().len().min(8));
        PortId::new(index).unwrap_or_else(|| unreachable!("indices are small"))
    }

    fn process(&mut self, _: &System) -> ProcessId {
        let index = self.sometimes_past(2);
        ProcessId::new(index).unwrap_or_else(|| unreachable!("indices are small"))
    }

    fn sometimes_past(&mut self, count: usize) -> usize {
        match self.below(32) {
            31 => count,
            _ => self.below(count),
        }
    }

    /// A handle of the wanted kind; sometimes another, or none.
    fn handle(&mut self, system: &System, process: ProcessId, wanted: Wanted) -> Handle {
        if process.index() >= 2 {
            return Handle::NULL;
        }
        let open = system.handles(process).iter();
        match self.below(12) {
            10 => self.one_of_many(open.map(|(handle, _)| handle).take(24).collect()),
            11 => Some([Handle::NULL, Handle::INVALID, Handle(4000)][self.below(3)]),
            _ => {
                let open = open.filter(|(_, entry)| wanted(entry.object));
                self.one_of_many(open.map(|(handle, _)| handle).take(8).collect())
            }
        }
        .unwrap_or(Handle::NULL)
    }
}
