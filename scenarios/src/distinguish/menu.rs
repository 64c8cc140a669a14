//! What small programs are made of.

use super::{Experiment, NAME, experiment_of, rules, title};
use iocp_model::{DequeuePhase, Frame, Kernel, ThreadId};
use iocp_scheduler::{
    Choice, Program, State, Workload,
    refine::Taken,
    workload::{
        EventDeclaration, FileDeclaration, Machine, MutexDeclaration, OneOrMore, PortDeclaration,
        ProcessDeclaration, Step, ThreadDeclaration, Time,
    },
};
use iocp_traces::Number;
use serde::Deserialize;
use std::{collections::BTreeSet, sync::OnceLock};

/// The threads of small programs.
const THREADS: [&str; 4] = ["a", "b", "c", "d"];

/// The most threads of a small program.
pub const MOST_THREADS: usize = THREADS.len();

/// How many packets are under way at a time, at most, that were posted with a key of choice.
const MOST_KEYS: u64 = 3;

/// A part of the menu: steps that belong together.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Its name.
    pub name: String,
    /// What it is about.
    pub says: String,
    /// What threads may do.
    pub steps: Vec<Step>,
    #[serde(default)]
    machine: Machine,
    #[serde(default, rename = "process")]
    processes: Vec<ProcessDeclaration>,
    #[serde(default, rename = "port")]
    ports: Vec<PortDeclaration>,
    #[serde(default, rename = "file")]
    files: Vec<FileDeclaration>,
    #[serde(default, rename = "event")]
    events: Vec<EventDeclaration>,
    #[serde(default, rename = "mutex")]
    mutexes: Vec<MutexDeclaration>,
}

/// The menu: the first area is part of every program.
pub fn areas() -> &'static [Area] {
    #[derive(Deserialize)]
    struct Menu {
        area: Vec<Area>,
    }
    static AREAS: OnceLock<Vec<Area>> = OnceLock::new();
    AREAS.get_or_init(|| {
        // A test reads it.
        let menu: Menu = toml::from_str(include_str!("menu.toml")).unwrap_or(Menu { area: vec![] });
        menu.area
    })
}

/// All choices of so many areas besides the first.
pub(super) fn choices(count: usize) -> Vec<Vec<&'static Area>> {
    let Some((first, others)) = areas().split_first() else {
        return Vec::new();
    };
    let count = count.min(others.len());
    let mut chosen: Vec<Vec<usize>> = vec![Vec::new()];
    for _ in 0..count {
        chosen = chosen
            .iter()
            .flat_map(|areas| {
                let next = areas.last().map_or(0, |last| last + 1);
                (next..others.len()).map(|area| [&areas[..], &[area]].concat())
            })
            .collect();
    }
    let with_first = |areas: Vec<usize>| {
        let areas = areas.into_iter().map(|area| &others[area]);
        std::iter::once(first).chain(areas).collect()
    };
    chosen.into_iter().map(with_first).collect()
}

/// One step of the menu for one thread.
struct Entry {
    step: Step,
    /// The handle variables that it uses and that some step has to bind first.
    needs: Vec<usize>,
    /// The variable that it binds; only the first time counts.
    binds: Option<usize>,
    /// The thread that it is about.
    about: Option<usize>,
    /// Its packet's key is one of choice.
    key: Option<u64>,
}

/// All programs of the steps of some areas.
pub(super) struct SmallPrograms {
    pub(super) areas: Vec<&'static Area>,
    pub(super) program: Program,
    entries: Vec<Vec<Entry>>,
    /// May a thread end that nobody could see end?
    ends: bool,
}

impl SmallPrograms {
    pub(super) fn new(areas: Vec<&'static Area>, threads: usize) -> Self {
        let mut workload = Workload {
            name: NAME.into(),
            ..Workload::default()
        };
        for area in &areas {
            let machine = &mut workload.machine;
            machine.processors = machine.processors.or(area.machine.processors);
            machine.post_memory = machine.post_memory.or(area.machine.post_memory);
            extend(&mut workload.processes, &area.processes, |one| &one.name);
            extend(&mut workload.ports, &area.ports, |one| &one.name);
            extend(&mut workload.files, &area.files, |one| &one.name);
            extend(&mut workload.events, &area.events, |one| &one.name);
            extend(&mut workload.mutexes, &area.mutexes, |one| &one.name);
        }
        let threads = threads.clamp(1, THREADS.len());
        let rest = Step {
            compute: Some(Time::Nanoseconds(1).into()),
            ..Step::default()
        };
        let mut offered = Vec::new();
        for (index, name) in THREADS.iter().enumerate().take(threads) {
            let mut steps: Vec<(Step, Option<usize>)> = Vec::new();
            for step in areas.iter().flat_map(|area| &area.steps) {
                for one in spelled_out(step, index, threads) {
                    if !steps.contains(&one) {
                        steps.push(one);
                    }
                }
            }
            workload.threads.push(ThreadDeclaration {
                name: (*name).into(),
                program: steps
                    .iter()
                    .map(|(step, _)| Step {
                        key_step: None,
                        ..step.clone()
                    })
                    .chain([rest.clone()])
                    .collect(),
                ..ThreadDeclaration::default()
            });
            offered.push(steps);
        }
        // A test compiles each area and each two of them.
        #[allow(clippy::expect_used)]
        let program = Program::compile(&workload).expect("the menu compiles");
        let declared: BTreeSet<&str> = declared(&workload).collect();
        let variable = |name: &String| program.variables.iter().position(|known| known == name);
        let entry = |(mut step, about): (Step, Option<usize>)| Entry {
            needs: handles(&step)
                .filter(|name| !declared.contains(name.as_str()) && *name != "NULL")
                .filter_map(variable)
                .collect(),
            binds: step.bind.as_ref().and_then(variable),
            about,
            key: step.key_step.take().and(step.key).map(|key| key.0),
            step,
        };
        let entries = offered
            .into_iter()
            .map(|steps| steps.into_iter().map(entry).collect())
            .collect();
        let ends = areas
            .iter()
            .any(|area| area.name == "ends" || area.name == "waits");
        Self {
            areas,
            entries,
            ends,
            program,
        }
    }

    /// May this thread do this now?
    pub(super) fn allows(&self, state: &State, used: usize, thread: ThreadId, at: usize) -> bool {
        let Some(entry) = self.entries[thread.index()].get(at) else {
            // Its end.
            let is_member = state.system.thread(thread).port.is_some();
            return thread.index() < used && (is_member || self.ends);
        };
        let bound = |variable: &usize| state.variables[*variable].0 != 0;
        entry.needs.iter().all(bound)
            && !entry.binds.as_ref().is_some_and(bound)
            && entry
                .about
                .is_none_or(|about| about < used || about == thread.index())
            && entry.key.is_none_or(|key| Some(key) == free_key(state))
    }

    /// The workload that a schedule of the menu is of, as an experiment.
    pub(super) fn experiment(
        &self,
        path: &[Taken],
        actual: Kernel,
        claimed: Kernel,
    ) -> Option<Experiment> {
        let mut workload = self.workload(path);
        workload.title = title(actual, claimed);
        workload.rules = rules(actual, claimed);
        let try_it = |workload: &Workload| {
            let program = Program::compile(workload).ok()?;
            experiment_of(program, actual, claimed, path)
        };
        // Without what the machine was given for the sake of others, if it does not matter.
        let plain = Workload {
            machine: Machine::default(),
            ..workload.clone()
        };
        // A file may be of importance only because it is there.
        let full = || Workload {
            ports: self.program.workload.ports.clone(),
            files: self.program.workload.files.clone(),
            ..plain.clone()
        };
        try_it(&plain)
            .or_else(|| try_it(&workload))
            .or_else(|| try_it(&full()))
    }

    fn workload(&self, path: &[Taken]) -> Workload {
        let mut workload = self.program.workload.clone();
        for thread in &mut workload.threads {
            thread.program.clear();
        }
        let mut used = 0;
        for taken in path {
            let thread = taken.choice.thread().index();
            used = used.max(thread + 1);
            if let (Choice::Step(_), Some(entry)) =
                (taken.choice, self.entries[thread].get(taken.at))
            {
                workload.threads[thread].program.push(entry.step.clone());
            }
        }
        workload.threads.truncate(used);
        let mut names = BTreeSet::new();
        for step in workload.threads.iter().flat_map(|thread| &thread.program) {
            names.extend(handles(step).cloned());
            names.extend(step.process.clone());
            names.extend(words(step));
        }
        workload.files.retain(|file| names.contains(&file.name));
        names.extend(workload.files.iter().filter_map(|file| file.port.clone()));
        workload.ports.retain(|port| names.contains(&port.name));
        workload.events.retain(|event| names.contains(&event.name));
        workload.mutexes.retain(|mutex| names.contains(&mutex.name));
        workload.processes.retain(|one| names.contains(&one.name));
        workload
    }
}

/// The steps that one line of the menu stands for, in this thread, with the thread that they are
/// about.
fn spelled_out(step: &Step, own: usize, threads: usize) -> Vec<(Step, Option<usize>)> {
    if step.key_step.is_some() {
        let with_key = |key| Step {
            key: Some(Number(key)),
            ..step.clone()
        };
        return (1..=MOST_KEYS).map(|key| (with_key(key), None)).collect();
    }
    let until = step
        .until
        .as_ref()
        .and_then(|until| until.as_slice().first());
    let others = (0..threads).filter(|thread| *thread != own);
    if let Some(condition) = until.filter(|until| until.starts_with("OTHER")) {
        let about = |other: usize| {
            let condition = condition.replace("OTHER", THREADS[other]);
            let step = Step {
                until: Some(OneOrMore::One(condition)),
                ..step.clone()
            };
            (step, Some(other))
        };
        return others.map(about).collect();
    }
    let with_thread = |thread: usize| {
        let step = Step {
            thread: Some(THREADS[thread].into()),
            ..step.clone()
        };
        (step, Some(thread))
    };
    match step.thread.as_deref() {
        Some("OTHER") => others.map(with_thread).collect(),
        Some("SELF") => vec![with_thread(own)],
        _ => vec![(step.clone(), None)],
    }
}

/// Adds what is not there yet, by name.
fn extend<T: Clone>(to: &mut Vec<T>, from: &[T], name: impl Fn(&T) -> &String) {
    for one in from {
        if !to.iter().any(|known| name(known) == name(one)) {
            to.push(one.clone());
        }
    }
}

/// The names of what a workload declares.
fn declared(workload: &Workload) -> impl Iterator<Item = &str> {
    let ports = workload.ports.iter().map(|one| one.name.as_str());
    let files = workload.files.iter().map(|one| one.name.as_str());
    let events = workload.events.iter().map(|one| one.name.as_str());
    let mutexes = workload.mutexes.iter().map(|one| one.name.as_str());
    ports.chain(files).chain(events).chain(mutexes)
}

/// The handles that a step uses, by name.
fn handles(step: &Step) -> impl Iterator<Item = &String> {
    [
        &step.port,
        &step.file,
        &step.object,
        &step.reserve,
        &step.existing,
        &step.complete,
    ]
    .into_iter()
    .flatten()
}

/// The words of the condition that a step waits for.
fn words(step: &Step) -> impl Iterator<Item = String> + '_ {
    let conditions = step.until.iter().flat_map(|until| until.as_slice());
    conditions.flat_map(|condition| condition.split(' ').map(str::to_owned))
}

/// The first key that no packet under way has.
fn free_key(state: &State) -> Option<u64> {
    let queued = |key| {
        let ports = state.system.ports().iter();
        ports
            .flat_map(|port| &port.queue)
            .any(|packet| packet.key == key)
    };
    let granted = |key| {
        let frames = state.system.threads().iter().map(|thread| thread.frame);
        frames.into_iter().any(|frame| {
            matches!(frame, Frame::Dequeue(dequeue)
                if matches!(dequeue.phase, DequeuePhase::Granted(packet) if packet.key == key))
        })
    };
    (1..=MOST_KEYS).find(|key| !queued(*key) && !granted(*key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_menu_compiles_whatever_is_chosen() {
        assert!(areas().len() > 1);
        for count in 0..=2 {
            for chosen in choices(count) {
                assert_eq!(chosen.len(), count + 1);
                for threads in 1..=MOST_THREADS {
                    let programs = SmallPrograms::new(chosen.clone(), threads);
                    // One op a step, one to rest at, and the end.
                    for (entries, thread) in programs.entries.iter().zip(&programs.program.threads)
                    {
                        let ops = &programs.program.codes[thread.code].ops;
                        assert_eq!(ops.len(), entries.len() + 2);
                    }
                }
            }
        }
    }

    #[test]
    fn areas_are_named_once() {
        let names: BTreeSet<_> = areas().iter().map(|area| &area.name).collect();
        assert_eq!(names.len(), areas().len());
    }
}
