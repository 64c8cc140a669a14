//! From numbers to a workload.

use super::{Shape, Sketch, Stroke};
use iocp_scheduler::{
    Workload,
    workload::{
        CounterDeclaration, EventDeclaration, FileDeclaration, Machine, MutexDeclaration,
        OneOrMore, PortDeclaration, ProcessDeclaration, SemaphoreDeclaration, Step, Test,
        ThreadDeclaration, Time, Times,
    },
};
use iocp_traces::Number;

/// The kinds of stroke.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Post,
    Get,
    Compute,
    Sleep,
    Add,
    Mark,
    Query,
    NtSet,
    GetEx,
    NtRemove,
    NtRemoveEx,
    Leave,
    Until,
    If,
    Repeat,
    Serve,
    WaitObject,
    WaitThread,
    SetEvent,
    ResetEvent,
    ReleaseSemaphore,
    ReleaseMutex,
    Exit,
    Apc,
    Suspend,
    Resume,
    Terminate,
    Read,
    Complete,
    SetInformation,
    CreatePort,
    AllocateReserve,
    SetEx,
    NtCreate,
    NtOpen,
    CreateFile,
    CreateEvent,
    CreateSemaphore,
    CreateMutex,
    Close,
    Duplicate,
}

/// The kinds, each with how often it should come up, the simplest first: a number that shrinks
/// makes a simpler step.
const KINDS: [(Kind, u16); 41] = [
    (Kind::Post, 40),
    (Kind::Get, 30),
    (Kind::Compute, 3),
    (Kind::Sleep, 5),
    (Kind::Add, 2),
    (Kind::Mark, 2),
    (Kind::Query, 2),
    (Kind::NtSet, 6),
    (Kind::GetEx, 10),
    (Kind::NtRemove, 4),
    (Kind::NtRemoveEx, 4),
    (Kind::Leave, 1),
    (Kind::Until, 3),
    (Kind::If, 4),
    (Kind::Repeat, 5),
    (Kind::Serve, 8),
    (Kind::WaitObject, 6),
    (Kind::WaitThread, 2),
    (Kind::SetEvent, 3),
    (Kind::ResetEvent, 1),
    (Kind::ReleaseSemaphore, 2),
    (Kind::ReleaseMutex, 2),
    (Kind::Exit, 1),
    (Kind::Apc, 5),
    (Kind::Suspend, 4),
    (Kind::Resume, 6),
    (Kind::Terminate, 2),
    (Kind::Read, 6),
    (Kind::Complete, 4),
    (Kind::SetInformation, 3),
    (Kind::CreatePort, 3),
    (Kind::AllocateReserve, 2),
    (Kind::SetEx, 4),
    (Kind::NtCreate, 2),
    (Kind::NtOpen, 2),
    (Kind::CreateFile, 1),
    (Kind::CreateEvent, 1),
    (Kind::CreateSemaphore, 1),
    (Kind::CreateMutex, 1),
    (Kind::Close, 3),
    (Kind::Duplicate, 3),
];

impl Kind {
    /// May it occur in such a workload?
    fn is_in(self, shape: &Shape) -> bool {
        match self {
            Self::Apc => shape.apcs,
            Self::Suspend | Self::Resume => shape.suspends,
            Self::Terminate => shape.terminates,
            Self::Read | Self::Complete | Self::SetInformation => shape.files,
            Self::CreateFile => shape.files && shape.handles,
            Self::CreatePort
            | Self::AllocateReserve
            | Self::SetEx
            | Self::NtCreate
            | Self::NtOpen
            | Self::CreateEvent
            | Self::CreateSemaphore
            | Self::CreateMutex
            | Self::Close
            | Self::Duplicate => shape.handles,
            _ => true,
        }
    }

    /// The kind that a number stands for.
    fn of(number: u16, shape: &Shape) -> Self {
        let kinds = || KINDS.iter().filter(|(kind, _)| kind.is_in(shape));
        let total: u16 = kinds().map(|(_, weight)| weight).sum();
        let mut left = number % total;
        for (kind, weight) in kinds() {
            match left.checked_sub(*weight) {
                Some(less) => left = less,
                None => return *kind,
            }
        }
        Self::Post
    }
}

/// Does this stroke have strokes inside?
pub(super) fn has_inside(stroke: &Stroke, shape: &Shape) -> bool {
    matches!(Kind::of(stroke.kind, shape), Kind::Repeat | Kind::If)
}

/// Numbers that are used up one by one; when there are no more, they are zero.
struct Numbers<'a>(std::slice::Iter<'a, u16>);

impl Numbers<'_> {
    fn below(&mut self, count: usize) -> usize {
        usize::from(self.0.next().copied().unwrap_or(0)) % count.max(1)
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())].clone()
    }

    /// True once in so many.
    fn rarely(&mut self, once_in: usize) -> bool {
        self.below(once_in) == once_in - 1
    }
}

const THREADS: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];
const TIMES: [Time; 6] = [
    Time::Infinite,
    Time::Nanoseconds(0),
    Time::Nanoseconds(1_000_000),
    Time::Nanoseconds(2_000_000),
    Time::Infinite,
    Time::Nanoseconds(5_000_000),
];
const STATUSES: [u64; 4] = [0, 0xC000_0001, 0x8000_0005, 0x0000_0103];

pub(super) fn workload(sketch: &Sketch, shape: &Shape) -> Workload {
    let mut numbers = Numbers(sketch.setup.iter());
    let mut workload = Workload {
        name: "random".into(),
        machine: Machine {
            processors: numbers.one_of(&[None, Some(1), Some(2), Some(4)]),
            post_memory: numbers.one_of(&[None, None, None, None, None, None, Some(1), Some(3)]),
            ..Machine::default()
        },
        ports: vec![PortDeclaration {
            name: "p".into(),
            concurrency: numbers.one_of(&[1, 2, 0, 1, 3]),
        }],
        events: vec![EventDeclaration {
            name: "event".into(),
            manual: numbers.rarely(2),
            signaled: numbers.rarely(3),
        }],
        semaphores: vec![SemaphoreDeclaration {
            name: "semaphore".into(),
            count: numbers.one_of(&[0, 1, 2]),
            maximum: 2,
        }],
        mutexes: vec![MutexDeclaration {
            name: "mutex".into(),
        }],
        counters: vec![CounterDeclaration {
            name: "count".into(),
            value: 0,
        }],
        ..Workload::default()
    };
    let copies = numbers.one_of(&[None, None, None, Some(2), Some(3)]);
    let other_process = shape.handles && numbers.rarely(3);
    if shape.two_ports {
        workload.ports.push(PortDeclaration {
            name: "q".into(),
            concurrency: numbers.one_of(&[1, 2]),
        });
    }
    if shape.handles {
        workload.processes.push(ProcessDeclaration {
            name: "other".into(),
        });
    }
    if shape.files {
        workload.files = [
            ("file", true, true),
            ("loose", true, false),
            ("slow", false, false),
        ]
        .map(|(name, overlapped, associated)| FileDeclaration {
            name: name.into(),
            overlapped,
            port: associated.then(|| "p".into()),
            key: associated.then_some(Number(9)),
        })
        .into();
    }
    let programs: &[Vec<Stroke>] = match &sketch.threads[..] {
        // A workload has a thread.
        [] => &[Vec::new()],
        some => &some[..some.len().min(THREADS.len())],
    };
    for (index, name) in THREADS.iter().take(programs.len()).enumerate() {
        workload.threads.push(ThreadDeclaration {
            name: (*name).into(),
            copies: copies.filter(|_| index == 0),
            process: (other_process && index + 1 == programs.len() && index > 0)
                .then(|| "other".into()),
            outside: false,
            program: Vec::new(),
        });
    }
    let threads = workload.thread_names();
    let declared: Vec<String> = (workload.threads.iter())
        .map(|declaration| declaration.name.clone())
        .collect();
    for (declaration, strokes) in workload.threads.iter_mut().zip(programs) {
        // The copies of a thread have its name and a number.
        let own = |name: &str| name.split('-').next() == Some(&declaration.name);
        let painter = Painter {
            shape,
            threads: &threads,
            others: threads.iter().filter(|name| !own(name)).collect(),
            other_declarations: declared.iter().filter(|name| !own(name)).collect(),
        };
        declaration.program = painter.steps(strokes, false);
    }
    forget_unbound(&mut workload);
    workload
}

struct Painter<'a> {
    shape: &'a Shape,
    /// The names of all threads.
    threads: &'a [String],
    /// The names of those that run another program: nobody waits for itself.
    others: Vec<&'a String>,
    /// The names of the other declarations.
    other_declarations: Vec<&'a String>,
}

impl Painter<'_> {
    fn steps(&self, strokes: &[Stroke], in_loop: bool) -> Vec<Step> {
        strokes
            .iter()
            .map(|stroke| self.step(stroke, in_loop))
            .collect()
    }

    fn step(&self, stroke: &Stroke, in_loop: bool) -> Step {
        let kind = Kind::of(stroke.kind, self.shape);
        // The kind was drawn with the same number, so the arguments come from the others.
        let n = &mut Numbers(stroke.numbers.iter());
        let mut step = match kind {
            Kind::Post => Step {
                port: self.port(n),
                key: key(n),
                key_step: (in_loop && n.rarely(2)).then_some(1),
                bytes: bytes(n),
                ..call("PostQueuedCompletionStatus")
            },
            Kind::NtSet => Step {
                port: self.port(n),
                key: key(n),
                status: n.one_of(&STATUSES.map(|status| Some(Number(status)))),
                overlapped: overlapped(n),
                ..call("NtSetIoCompletion")
            },
            Kind::SetEx => Step {
                port: self.port(n),
                reserve: text(n.one_of(&["reserve", "reserve", "reserve", "event", "NULL"])),
                key: key(n),
                overlapped: overlapped(n),
                ..call("NtSetIoCompletionEx")
            },
            Kind::AllocateReserve => Step {
                bind: text("reserve"),
                for_packets: Some(!n.rarely(4)),
                ..call("NtAllocateReserveObject")
            },
            Kind::Get => Step {
                port: self.port(n),
                timeout: Some(n.one_of(&TIMES)),
                ..call("GetQueuedCompletionStatus")
            },
            Kind::NtRemove => Step {
                port: self.port(n),
                timeout: Some(n.one_of(&TIMES)),
                ..call("NtRemoveIoCompletion")
            },
            Kind::GetEx => self.batch("GetQueuedCompletionStatusEx", n),
            Kind::NtRemoveEx => self.batch("NtRemoveIoCompletionEx", n),
            Kind::Query => Step {
                port: self.port(n),
                class: n.rarely(6).then_some(1),
                length: n.rarely(6).then_some(8),
                ..call("NtQueryIoCompletion")
            },
            Kind::Compute => Step {
                compute: Some(Time::Nanoseconds(n.one_of(&[1_000_000, 500_000, 3_000_000])).into()),
                ..Step::default()
            },
            Kind::Sleep => {
                let duration = n.one_of(&TIMES[1..]);
                let alertable = self.shape.apcs && n.rarely(2);
                Step {
                    duration: Some(duration.into()),
                    alertable: alertable.then_some(true),
                    ..call("Sleep")
                }
            }
            Kind::Add => Step {
                add: Some(n.one_of(&[1, -1])),
                counter: text("count"),
                ..Step::default()
            },
            Kind::Mark => Step {
                mark: text("done"),
                ..Step::default()
            },
            Kind::Leave => Step {
                leave: text(if in_loop { "loop" } else { "thread" }),
                ..Step::default()
            },
            Kind::Until => Step {
                until: Some(self.condition(n)),
                ..Step::default()
            },
            Kind::If => Step {
                condition: Some(test(n)),
                body: self.steps(&stroke.inner, in_loop),
                otherwise: match n.below(3) {
                    0 => self.steps(&stroke.inner[..stroke.inner.len() / 2], in_loop),
                    _ => Vec::new(),
                },
                ..Step::default()
            },
            Kind::Repeat => Step {
                repeat: Some(Times::Exactly(n.one_of(&[2, 1, 3, 0]))),
                body: match &stroke.inner[..] {
                    [] => vec![self.step(&Stroke::default(), true)],
                    inner => self.steps(inner, true),
                },
                ..Step::default()
            },
            Kind::Serve => self.serve(n),
            Kind::WaitObject => {
                let object = n.one_of(&[
                    "event",
                    "semaphore",
                    "mutex",
                    "p",
                    "mutex",
                    "made",
                    "file",
                    "copy",
                    "reserve",
                    "NULL",
                ]);
                let timeout = n.one_of(&TIMES);
                let alertable = self.shape.apcs && n.rarely(2);
                Step {
                    object: text(object),
                    timeout: Some(timeout),
                    alertable: alertable.then_some(true),
                    ..call("WaitForSingleObject")
                }
            }
            Kind::WaitThread => Step {
                thread: self.thread(n),
                timeout: Some(n.one_of(&TIMES)),
                ..call("WaitForSingleObject")
            },
            Kind::SetEvent => self.about("SetEvent", &["event", "fresh-event", "semaphore"], n),
            Kind::ResetEvent => self.about("ResetEvent", &["event", "fresh-event", "mutex"], n),
            Kind::ReleaseSemaphore => self.about(
                "ReleaseSemaphore",
                &["semaphore", "fresh-semaphore", "event"],
                n,
            ),
            Kind::ReleaseMutex => self.about("ReleaseMutex", &["mutex", "fresh-mutex", "p"], n),
            Kind::Exit => call("ExitThread"),
            Kind::Apc => Step {
                thread: self.thread(n),
                apc: Some(n.below(3) as u32),
                ..call("QueueUserAPC")
            },
            Kind::Suspend => Step {
                thread: self.thread(n),
                ..call("SuspendThread")
            },
            Kind::Resume => Step {
                thread: self.thread(n),
                ..call("ResumeThread")
            },
            Kind::Terminate => Step {
                thread: self.thread(n),
                ..call("TerminateThread")
            },
            Kind::Read => self.read(n),
            Kind::Complete => Step {
                complete: self.file(n),
                status: n.one_of(&[None, Some(Number(0xC000_0001))]),
                bytes: bytes(n),
                ..Step::default()
            },
            Kind::SetInformation => Step {
                file: self.file(n),
                port: n.one_of(&[text("p"), text("q"), None]),
                class: n.one_of(&[None, Some(61)]),
                key: key(n),
                ..call("NtSetInformationFile")
            },
            Kind::CreatePort => self.create_port(n),
            Kind::NtCreate => Step {
                name: n.one_of(&[text("shared"), None]),
                bind: text("named"),
                access: n
                    .one_of(&[
                        None,
                        None,
                        Some("modify"),
                        Some("query"),
                        Some("synchronize"),
                    ])
                    .map(|right| OneOrMore::One(right.into())),
                concurrency: n.one_of(&[None, Some(2)]),
                ..call("NtCreateIoCompletion")
            },
            Kind::NtOpen => Step {
                name: n.one_of(&[text("shared"), text("shared"), text("nobody"), None]),
                bind: text("named"),
                access: n
                    .one_of(&[None, None, Some("modify"), Some("query"), Some("none")])
                    .map(|right| OneOrMore::One(right.into())),
                ..call("NtOpenIoCompletion")
            },
            Kind::CreateFile => Step {
                bind: text("opened"),
                overlapped_file: n.rarely(3).then_some(false),
                ..call("CreateFile")
            },
            Kind::CreateEvent => Step {
                bind: text("fresh-event"),
                manual: n.one_of(&[None, Some(true)]),
                signaled: n.one_of(&[None, Some(true)]),
                ..call("CreateEvent")
            },
            Kind::CreateSemaphore => Step {
                bind: text("fresh-semaphore"),
                maximum: Some(n.one_of(&[1, 2, 0])),
                count: n.one_of(&[None, Some(1)]),
                ..call("CreateSemaphore")
            },
            Kind::CreateMutex => Step {
                bind: text("fresh-mutex"),
                signaled: n.one_of(&[None, Some(true)]),
                ..call("CreateMutex")
            },
            Kind::Close => self.about(
                "CloseHandle",
                &[
                    "made", "p", "copy", "named", "q", "file", "event", "opened", "reserve",
                ],
                n,
            ),
            Kind::Duplicate => Step {
                object: text(n.one_of(&["p", "p", "file", "event", "made", "named"])),
                bind: text("copy"),
                process: n.one_of(&[None, text("other")]),
                access: n
                    .one_of(&[None, None, Some("modify"), Some("query"), Some("none")])
                    .map(|right| OneOrMore::One(right.into())),
                close_source: n.rarely(4).then_some(true),
                ..call("DuplicateHandle")
            },
        };
        if step.call.is_some() && kind != Kind::Exit && n.rarely(8) {
            step.counts = text("count");
        }
        step
    }

    /// A server's loop: it takes packets until there is something else to take.
    fn serve(&self, n: &mut Numbers<'_>) -> Step {
        let get = match n.below(3) {
            0 | 1 => Step {
                port: text("p"),
                timeout: Some(n.one_of(&TIMES)),
                ..call("GetQueuedCompletionStatus")
            },
            _ => Step {
                port: text("p"),
                count: Some(2),
                timeout: Some(n.one_of(&TIMES)),
                ..call("GetQueuedCompletionStatusEx")
            },
        };
        let otherwise = vec![Step {
            leave: text("loop"),
            ..Step::default()
        }];
        let handle = match n.below(3) {
            0 => Step {
                mark: text("done"),
                ..Step::default()
            },
            1 => Step {
                duration: Some(Time::Nanoseconds(1_000_000).into()),
                ..call("Sleep")
            },
            _ => Step {
                compute: Some(Time::Nanoseconds(1_000_000).into()),
                ..Step::default()
            },
        };
        let branch = Step {
            condition: Some(Test {
                result: text("packet"),
                ..Test::default()
            }),
            body: vec![handle],
            otherwise,
            ..Step::default()
        };
        Step {
            repeat: Some(Times::Forever),
            body: vec![get, branch],
            ..Step::default()
        }
    }

    fn batch(&self, name: &str, n: &mut Numbers<'_>) -> Step {
        let port = self.port(n);
        let count = n.one_of(&[2, 1, 4, 3, 2, 4, 0]);
        let timeout = n.one_of(&TIMES);
        let alertable = self.shape.apcs && n.rarely(2);
        Step {
            port,
            count: Some(count),
            timeout: Some(timeout),
            alertable: alertable.then_some(true),
            ..call(name)
        }
    }

    fn read(&self, n: &mut Numbers<'_>) -> Step {
        let file = self.file(n);
        let apc = self.shape.apcs && n.rarely(4);
        let answer = n.one_of(&["pending", "pending", "done", "failed"]);
        let detail = n.below(4);
        Step {
            file,
            overlapped: (detail != 3).then_some(Number(0x100)),
            answer: text(answer),
            status: match (answer, detail) {
                ("failed", _) => Some(Number(0xC000_0022)),
                ("done", 1) => Some(Number(0x8000_0005)),
                ("done", 2) => Some(Number(0xC000_0011)),
                _ => None,
            },
            ..call(if apc { "ReadFileEx" } else { "ReadFile" })
        }
    }

    /// `CreateIoCompletionPort` in its modes.
    fn create_port(&self, n: &mut Numbers<'_>) -> Step {
        let mode = n.below(6);
        let file = if self.shape.files {
            self.file(n)
        } else {
            text("event")
        };
        let create = Step {
            key: key(n),
            ..call("CreateIoCompletionPort")
        };
        match mode {
            0 | 1 => Step {
                bind: text("made"),
                concurrency: Some(mode as u32),
                ..create
            },
            2 => Step {
                file,
                bind: text("made"),
                ..create
            },
            3 | 4 => Step {
                file,
                existing: text("p"),
                ..create
            },
            _ => Step {
                existing: text("p"),
                ..create
            },
        }
    }

    fn about(&self, name: &str, objects: &[&str], n: &mut Numbers<'_>) -> Step {
        Step {
            object: text(n.one_of(objects)),
            ..call(name)
        }
    }

    fn port(&self, n: &mut Numbers<'_>) -> Option<String> {
        const ODD: [&str; 5] = ["made", "named", "copy", "event", "NULL"];
        let port = match n.below(if self.shape.handles { 24 } else { 20 }) {
            0..16 => "p",
            16..20 if self.shape.two_ports => "q",
            16..20 => "p",
            odd => ODD[odd - 20 + usize::from(odd == 23 && n.rarely(2))],
        };
        text(port)
    }

    fn file(&self, n: &mut Numbers<'_>) -> Option<String> {
        text(n.one_of(&[
            "file", "loose", "file", "slow", "opened", "loose", "p", "copy",
        ]))
    }

    fn thread(&self, n: &mut Numbers<'_>) -> Option<String> {
        Some(self.threads[n.below(self.threads.len())].clone())
    }

    fn condition(&self, n: &mut Numbers<'_>) -> OneOrMore {
        let kind = n.below(8);
        if self.others.is_empty() {
            return OneOrMore::One(format!("p has {} packets", n.below(3)));
        }
        let thread = n.one_of(&self.others);
        let declaration = n.one_of(&self.other_declarations);
        OneOrMore::One(match kind {
            0 | 1 => format!("{thread} waits on p"),
            2 => format!("every {declaration} waits on p"),
            3 => format!("{thread} is blocked"),
            4 => format!("{thread} is suspended"),
            5 => format!("{thread} has ended"),
            6 => format!("p has {} packets", n.below(3)),
            _ => return OneOrMore::More(vec!["count is 1".into(), format!("{thread} is blocked")]),
        })
    }
}

fn call(name: &str) -> Step {
    Step {
        call: Some(name.into()),
        ..Step::default()
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.into())
}

fn key(n: &mut Numbers<'_>) -> Option<Number> {
    n.one_of(&[1, 2, 3, 0, 1, 2, 3, 0x1234_5678_9abc_def0].map(|key| Some(Number(key))))
}

fn bytes(n: &mut Numbers<'_>) -> Option<Number> {
    n.one_of(&[None, Some(Number(4096)), None])
}

fn overlapped(n: &mut Numbers<'_>) -> Option<Number> {
    n.one_of(&[None, Some(Number(0x1000)), Some(Number(u64::MAX))])
}

fn test(n: &mut Numbers<'_>) -> Test {
    match n.below(5) {
        0 | 1 => Test {
            result: text(n.one_of(&["packet", "timeout", "abandoned", "apc", "failed"])),
            ..Test::default()
        },
        2 => Test {
            key: Some(Number(n.one_of(&[1, 2]))),
            ..Test::default()
        },
        3 => Test {
            result: text("packet"),
            key: Some(Number(1)),
            ..Test::default()
        },
        _ => Test {
            counter: text("count"),
            equals: Some(n.one_of(&[1, 0])),
            ..Test::default()
        },
    }
}

/// A handle that no step makes is the null handle.
fn forget_unbound(workload: &mut Workload) {
    fn collect(steps: &[Step], names: &mut Vec<String>) {
        for step in steps {
            names.extend(step.bind.clone());
            collect(&step.body, names);
            collect(&step.otherwise, names);
        }
    }
    fn forget(steps: &mut [Step], names: &[String]) {
        for step in steps {
            let handles = [
                &mut step.port,
                &mut step.file,
                &mut step.object,
                &mut step.reserve,
                &mut step.existing,
                &mut step.complete,
            ];
            for name in handles.into_iter().flatten() {
                if !names.contains(name) {
                    *name = "NULL".into();
                }
            }
            forget(&mut step.body, names);
            forget(&mut step.otherwise, names);
        }
    }
    let mut names: Vec<String> = Vec::new();
    names.extend(workload.ports.iter().map(|port| port.name.clone()));
    names.extend(workload.files.iter().map(|file| file.name.clone()));
    names.extend(workload.events.iter().map(|event| event.name.clone()));
    names.extend(
        workload
            .semaphores
            .iter()
            .map(|semaphore| semaphore.name.clone()),
    );
    names.extend(workload.mutexes.iter().map(|mutex| mutex.name.clone()));
    for thread in &workload.threads {
        collect(&thread.program, &mut names);
    }
    for thread in &mut workload.threads {
        forget(&mut thread.program, &names);
    }
}
