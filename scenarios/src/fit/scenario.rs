//! The fitted scenario as a workload.

use super::{
    model::{Model, Path, Phase, Workers},
    sample::Fitted,
};
use iocp_scheduler::{
    Law, Workload,
    workload::{
        Duration, LawDeclaration, Machine, MutexDeclaration, PortDeclaration, SemaphoreDeclaration,
        Step, Test, ThreadDeclaration, Time, Times,
    },
};
use iocp_traces::Number;

/// The workload that does what was found.
pub(super) fn workload(model: &Model) -> Workload {
    let mut threads = Vec::new();
    for (place, arrivals) in model.arrivals.iter().enumerate() {
        let name = match place {
            0 => "arrivals".to_owned(),
            _ => format!("arrivals-{}", place + 1),
        };
        let post = Step {
            key: Some(Number(arrivals.key)),
            ..post(&arrivals.port)
        };
        threads.push(outside(
            name,
            None,
            vec![sleep(&arrivals.gaps.fitted.law), post],
        ));
    }
    for clients in &model.clients {
        let mut body: Vec<Step> = Vec::new();
        body.extend(clients.think.as_ref().map(|think| sleep(&think.law)));
        let post = Step {
            key: Some(Number(1)),
            ..post(&clients.port)
        };
        body.extend([post, take(&clients.reply, 1)]);
        threads.push(outside(clients.name.clone(), Some(clients.copies), body));
    }
    threads.extend(model.workers.iter().map(worker));
    let objects = || model.objects.iter();
    Workload {
        name: format!("{}-fitted", model.scenario),
        title: String::new(),
        machine: Machine {
            processors: u16::try_from(model.processors).ok(),
            wake: (model.wake_ns > 0).then_some(Time::Nanoseconds(model.wake_ns)),
            ..Machine::default()
        },
        ports: model
            .ports
            .iter()
            .map(|port| PortDeclaration {
                name: port.name.clone(),
                concurrency: port.limit,
            })
            .collect(),
        semaphores: objects()
            .filter(|object| !object.mutex)
            .map(|object| SemaphoreDeclaration {
                name: object.name.clone(),
                count: object.count,
                maximum: object.maximum,
            })
            .collect(),
        mutexes: objects()
            .filter(|object| object.mutex)
            .map(|object| MutexDeclaration {
                name: object.name.clone(),
            })
            .collect(),
        threads,
        ..Workload::default()
    }
}

fn worker(workers: &Workers) -> ThreadDeclaration {
    let mut body = vec![take(&workers.port, workers.most)];
    match workers.paths.as_slice() {
        [path] => body.extend(path.phases.iter().map(phase)),
        paths => body.extend(paths.iter().map(branch)),
    }
    ThreadDeclaration {
        name: workers.name.clone(),
        copies: copies(workers.copies),
        program: vec![forever(body)],
        ..ThreadDeclaration::default()
    }
}

fn branch(path: &Path) -> Step {
    Step {
        condition: Some(Test {
            key: Some(Number(path.key)),
            ..Test::default()
        }),
        body: path.phases.iter().map(phase).collect(),
        ..Step::default()
    }
}

fn phase(phase: &Phase) -> Step {
    match phase {
        Phase::Calls { ns } => compute(&Law::Constant(*ns)),
        Phase::Computes {
            fitted: Fitted { law, .. },
        } => compute(law),
        Phase::Blocks {
            fitted: Fitted { law, .. },
            ..
        } => sleep(law),
        Phase::Waits { object } => Step {
            object: Some(object.clone()),
            ..call("WaitForSingleObject")
        },
        Phase::Releases { object, mutex } => Step {
            object: Some(object.clone()),
            ..call(if *mutex {
                "ReleaseMutex"
            } else {
                "ReleaseSemaphore"
            })
        },
        Phase::Posts { port } => Step {
            key: Some(Number(1)),
            ..post(port)
        },
        Phase::Takes { port, most } => take(port, *most),
    }
}

fn outside(name: String, count: Option<usize>, body: Vec<Step>) -> ThreadDeclaration {
    ThreadDeclaration {
        name,
        copies: count.and_then(copies),
        outside: true,
        program: vec![forever(body)],
        ..ThreadDeclaration::default()
    }
}

fn copies(count: usize) -> Option<u32> {
    (count > 1).then(|| u32::try_from(count).unwrap_or(u32::MAX))
}

fn forever(body: Vec<Step>) -> Step {
    Step {
        repeat: Some(Times::Forever),
        body,
        ..Step::default()
    }
}

fn call(name: &str) -> Step {
    Step {
        call: Some(name.to_owned()),
        ..Step::default()
    }
}

fn post(port: &str) -> Step {
    Step {
        port: Some(port.to_owned()),
        ..call("PostQueuedCompletionStatus")
    }
}

fn take(port: &str, most: u16) -> Step {
    let name = match most {
        1 => "GetQueuedCompletionStatus",
        _ => "GetQueuedCompletionStatusEx",
    };
    Step {
        port: Some(port.to_owned()),
        count: (most > 1).then_some(most),
        ..call(name)
    }
}

fn compute(law: &Law) -> Step {
    Step {
        compute: Some(duration(law)),
        ..Step::default()
    }
}

fn sleep(law: &Law) -> Step {
    Step {
        duration: Some(duration(law)),
        ..call("Sleep")
    }
}

/// A law as a scenario writes it.
fn duration(law: &Law) -> Duration {
    let named = |law: &str| LawDeclaration {
        law: law.to_owned(),
        ..LawDeclaration::default()
    };
    let time = |ns: &u64| Some(Time::Nanoseconds(*ns));
    let times = |values: &[u64]| Some(values.iter().map(|&ns| Time::Nanoseconds(ns)).collect());
    let declaration = match law {
        Law::Constant(ns) => return Duration::Fixed(Time::Nanoseconds(*ns)),
        Law::Exponential { mean_ns } => LawDeclaration {
            mean: time(mean_ns),
            ..named("exponential")
        },
        Law::Uniform { from_ns, to_ns } => LawDeclaration {
            from: time(from_ns),
            to: time(to_ns),
            ..named("uniform")
        },
        Law::LogNormal {
            mean_ns,
            deviation_ns,
        } => LawDeclaration {
            mean: time(mean_ns),
            deviation: time(deviation_ns),
            ..named("log-normal")
        },
        Law::Pareto { mean_ns, shape } => LawDeclaration {
            mean: time(mean_ns),
            shape: Some(*shape),
            ..named("pareto")
        },
        Law::Erlang { mean_ns, stages } => LawDeclaration {
            mean: time(mean_ns),
            stages: Some(*stages),
            ..named("erlang")
        },
        Law::Empirical(values) => LawDeclaration {
            values: times(values),
            ..named("empirical")
        },
        Law::Sequence(values) => LawDeclaration {
            values: times(values),
            ..named("sequence")
        },
    };
    Duration::Law(Box::new(declaration))
}
