//! From a workload to a program: every name is looked up, every step is checked against the
//! [`grammar`](crate::grammar), loops and branches become jumps.

pub(crate) mod durations;

use crate::{
    expect, grammar,
    law::Law,
    program::{
        CallOp, Code, Condition, INVALID, MOST_NESTING, MOST_OPS, MOST_THREADS, NULL, Op, Program,
        ThreadCode, access,
    },
    workload::{
        Duration, OneOrMore, Place, Step, Test, ThreadDeclaration, Time, Times, Workload,
        WorkloadError, WrongName,
    },
};
use iocp_model::{
    Access, Api, Call, DeviceAnswer, Handle, NameId, NtStatus, Packet, ProcessId, RequestArguments,
    ThreadId, Timeout, rules,
};
use iocp_traces::Number;

type Result<T> = std::result::Result<T, WorkloadError>;

pub(crate) fn error<T>(
    place: &Place,
    message: impl Into<String>,
    help: impl Into<String>,
) -> Result<T> {
    Err(WorkloadError {
        place: place.clone(),
        message: message.into(),
        help: help.into(),
        name: None,
    })
}

/// There is no `what` called `given`; `known` are the names that there are.
pub(crate) fn unknown<'a, T>(
    place: &Place,
    message: String,
    what: &str,
    given: &str,
    names: impl IntoIterator<Item = &'a str>,
) -> Result<T> {
    let names: Vec<_> = names.into_iter().collect();
    Err(WorkloadError {
        place: place.clone(),
        message,
        help: known(what, names.iter().copied()),
        name: Some(WrongName {
            given: given.to_owned(),
            known: names.into_iter().map(str::to_owned).collect(),
        }),
    })
}

/// The names in this list, for an error's help.
fn known<'a>(what: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.into_iter().collect();
    match names.len() {
        0 => format!("There are no {what}."),
        1..=12 => format!("The {what} are: {}.", names.join(", ")),
        more => format!(
            "There are {more} {what}; the first are: {}.",
            names[..8].join(", ")
        ),
    }
}

pub(crate) fn compile(workload: &Workload) -> Result<Program> {
    check_rules(workload)?;
    durations::check_machine(&workload.machine)?;
    let mut names = Scope::declare(workload)?;
    let mut codes = Vec::new();
    let mut threads = Vec::new();
    let root = Place::default();
    for (index, declaration) in workload.threads.iter().enumerate() {
        let place = root.key("thread").index(index);
        let process = names.process(&place, declaration)?;
        codes.push(Compiler::new(&mut names, place.key("program")).program(&declaration.program)?);
        let ops: usize = codes.iter().map(|code: &Code| code.ops.len()).sum();
        if ops > MOST_OPS {
            return error(
                &place,
                format!("the programs have more than {MOST_OPS} steps together."),
                "Write a repeat instead of many equal steps.",
            );
        }
        let code = codes.len() - 1;
        let copies = declaration.copies.unwrap_or(1);
        let outside = declaration.outside;
        let thread = ThreadCode {
            code,
            process,
            outside,
        };
        threads.extend((0..copies).map(|_| thread));
    }
    let ends_others = codes
        .iter()
        .flat_map(|code| &code.ops)
        .any(|op| matches!(op, Op::Call(call) if matches!(call.call, Call::TerminateThread(_))));
    let program = Program {
        workload: workload.clone(),
        thread_names: workload.thread_names(),
        port_names: workload
            .ports
            .iter()
            .map(|port| port.name.clone())
            .collect(),
        variables: names.variables,
        counter_names: workload
            .counters
            .iter()
            .map(|counter| counter.name.clone())
            .collect(),
        mark_names: names.marks,
        threads,
        codes,
        threads_can_be_ended: ends_others,
        counts_apart: false,
        alike: None,
    };
    expect::check_expectations(&program)?;
    Ok(program)
}

/// Every id in `rules` must be one of the rule book's.
fn check_rules(workload: &Workload) -> Result<()> {
    for (index, id) in workload.rules.iter().enumerate() {
        if !rules::exists(id) {
            let place = Place::default().key("rules").index(index);
            let book = rules::all().map(|rule| rule.id);
            let book = book
                .chain(rules::OBSERVATIONS.iter().map(|observation| observation.id))
                .chain(rules::QUESTIONS.iter().map(|question| question.id))
                .chain(
                    rules::DISAGREEMENTS
                        .iter()
                        .map(|disagreement| disagreement.id),
                );
            return Err(WorkloadError {
                place,
                message: format!("the rule book has no \"{id}\"."),
                help: "`iocp rules` lists it.".into(),
                name: Some(WrongName {
                    given: id.clone(),
                    known: book.map(str::to_owned).collect(),
                }),
            });
        }
    }
    Ok(())
}

/// Can this be the name of something?
fn check_name(place: &Place, name: &str) -> Result<()> {
    let plain = !name.is_empty()
        && name.len() <= 64
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    if !plain {
        return error(
            place,
            format!("\"{name}\" cannot be a name."),
            "Use up to 64 letters from a to z, digits, hyphens, underscores and dots.",
        );
    }
    if ["NULL", "INVALID_HANDLE_VALUE"].contains(&name) {
        return error(
            place,
            format!("\"{name}\" always means what Windows means by it."),
            "Choose another name.",
        );
    }
    Ok(())
}

/// What names there are.
struct Scope<'w> {
    workload: &'w Workload,
    threads: Vec<String>,
    /// Handle variables: declared objects, and what `as` binds.
    variables: Vec<String>,
    marks: Vec<String>,
    /// Names in the object manager's namespace.
    objects: Vec<String>,
}

impl<'w> Scope<'w> {
    fn declare(workload: &'w Workload) -> Result<Self> {
        let root = Place::default();
        let count: u64 = workload
            .threads
            .iter()
            .map(|thread| u64::from(thread.copies.unwrap_or(1)))
            .sum();
        if count > MOST_THREADS as u64 {
            let index = workload
                .threads
                .iter()
                .position(|thread| thread.copies.unwrap_or(1) as usize > MOST_THREADS)
                .unwrap_or(0);
            return error(
                &root.key("thread").index(index).key("copies"),
                format!("the scenario has {count} threads; at most {MOST_THREADS} are possible."),
                "Use fewer threads, or fewer copies of one.",
            );
        }
        if workload.threads.is_empty() {
            return error(
                &root,
                "the scenario has no thread, so nothing would happen.",
                "Add a [[thread]] with a name and a program.",
            );
        }
        let mut scope = Self {
            workload,
            threads: workload.thread_names(),
            variables: vec!["NULL".into(), "INVALID_HANDLE_VALUE".into()],
            marks: Vec::new(),
            objects: Vec::new(),
        };
        let mut seen: Vec<(&str, &'static str)> = Vec::new();
        let mut fresh = |place: Place, kind: &'static str, name: &'w str| {
            check_name(&place.key("name"), name)?;
            if let Some((_, other)) = seen.iter().find(|(known, _)| *known == name) {
                return error(
                    &place.key("name"),
                    format!("\"{name}\" is the name of a {other} already."),
                    "Give each thing a name of its own.",
                );
            }
            seen.push((name, kind));
            Ok(())
        };
        macro_rules! declare {
            ($field:ident, $key:literal, $kind:literal) => {
                for (index, declaration) in workload.$field.iter().enumerate() {
                    fresh(root.key($key).index(index), $kind, &declaration.name)?;
                }
            };
        }
        declare!(ports, "port", "port");
        declare!(files, "file", "file");
        declare!(events, "event", "event");
        declare!(semaphores, "semaphore", "semaphore");
        declare!(mutexes, "mutex", "mutex");
        // What has a handle is a variable too.
        macro_rules! variables {
            ($($field:ident)*) => {
                $(for declaration in &workload.$field {
                    scope.variables.push(declaration.name.clone());
                })*
            };
        }
        variables!(ports files events semaphores mutexes);
        for (index, counter) in workload.counters.iter().enumerate() {
            fresh(root.key("counter").index(index), "counter", &counter.name)?;
        }
        for (index, process) in workload.processes.iter().enumerate() {
            fresh(root.key("process").index(index), "process", &process.name)?;
        }
        for (index, thread) in workload.threads.iter().enumerate() {
            let place = root.key("thread").index(index);
            fresh(place.clone(), "thread", &thread.name)?;
            if thread.copies == Some(0) {
                return error(
                    &place.key("copies"),
                    "a thread cannot have 0 copies.",
                    "Leave the thread out, or give it one copy or more.",
                );
            }
        }
        let mut names: Vec<_> = scope.threads.iter().collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
            return error(
                &root.key("thread"),
                format!("two threads are called \"{}\".", twice[0]),
                "Copies are called name-1, name-2 and so on; choose another name.",
            );
        }
        for (index, thread) in workload.threads.iter().enumerate() {
            let place = root.key("thread").index(index).key("program");
            scope.bind_names(&place, &thread.program)?;
        }
        scope.check_files()?;
        scope.check_semaphores()?;
        Ok(scope)
    }

    /// Notes what `as` names, wherever it stands: one thread may use a handle that another makes.
    fn bind_names(&mut self, place: &Place, steps: &[Step]) -> Result<()> {
        for (index, step) in steps.iter().enumerate() {
            let place = place.index(index);
            if let Some(name) = &step.bind {
                check_name(&place.key("as"), name)?;
                Self::intern(&mut self.variables, name);
            }
            self.bind_names(&place.key("do"), &step.body)?;
            self.bind_names(&place.key("else"), &step.otherwise)?;
        }
        Ok(())
    }

    fn check_files(&self) -> Result<()> {
        for (index, file) in self.workload.files.iter().enumerate() {
            let place = Place::default().key("file").index(index);
            let Some(port) = &file.port else {
                if file.key.is_some() {
                    return error(
                        &place.key("key"),
                        "a key without a port means nothing.",
                        "Say which port the file is associated with.",
                    );
                }
                continue;
            };
            if !self.workload.ports.iter().any(|known| known.name == *port) {
                return unknown(
                    &place.key("port"),
                    format!("there is no port \"{port}\"."),
                    "ports",
                    port,
                    self.workload.ports.iter().map(|port| port.name.as_str()),
                );
            }
            if !file.overlapped {
                return error(
                    &place.key("port"),
                    "a file opened for synchronous I/O cannot be associated (ASSOC-03).",
                    "Remove `overlapped = false`, or associate it in a program to see the refusal.",
                );
            }
        }
        Ok(())
    }

    fn check_semaphores(&self) -> Result<()> {
        for (index, semaphore) in self.workload.semaphores.iter().enumerate() {
            if semaphore.maximum == 0 || semaphore.count > semaphore.maximum {
                return error(
                    &Place::default()
                        .key("semaphore")
                        .index(index)
                        .key("maximum"),
                    format!(
                        "a semaphore counts from 0 to its maximum; {} of {} is not possible.",
                        semaphore.count, semaphore.maximum
                    ),
                    "Give a maximum of at least 1 and a count up to it.",
                );
            }
        }
        Ok(())
    }

    fn process(&self, place: &Place, thread: &ThreadDeclaration) -> Result<ProcessId> {
        let Some(name) = &thread.process else {
            return self.process_named(place, "main");
        };
        self.process_named(&place.key("process"), name)
    }

    fn process_named(&self, place: &Place, name: &str) -> Result<ProcessId> {
        let index = if name == "main" {
            Some(0)
        } else {
            self.workload
                .processes
                .iter()
                .position(|process| process.name == name)
                .map(|index| index + 1)
        };
        match index.and_then(ProcessId::new) {
            Some(id) => Ok(id),
            None => unknown(
                place,
                format!("there is no process \"{name}\"."),
                "processes",
                name,
                std::iter::once("main").chain(
                    self.workload
                        .processes
                        .iter()
                        .map(|process| process.name.as_str()),
                ),
            ),
        }
    }

    fn thread(&self, place: &Place, name: &str) -> Result<ThreadId> {
        let index = self.threads.iter().position(|thread| thread == name);
        match index.and_then(ThreadId::new) {
            Some(id) => Ok(id),
            None => unknown(
                place,
                format!("there is no thread \"{name}\"."),
                "threads",
                name,
                self.threads.iter().map(String::as_str),
            ),
        }
    }

    fn variable(&self, place: &Place, what: &str, name: &str) -> Result<usize> {
        match self.variables.iter().position(|variable| variable == name) {
            Some(variable) => Ok(variable),
            None => unknown(
                place,
                format!("there is no {what} \"{name}\"."),
                "handles",
                name,
                self.variables[2..].iter().map(String::as_str),
            ),
        }
    }

    fn counter(&self, place: &Place, name: &str) -> Result<usize> {
        let counters = &self.workload.counters;
        match counters.iter().position(|counter| counter.name == name) {
            Some(counter) => Ok(counter),
            None => unknown(
                place,
                format!("there is no counter \"{name}\"."),
                "counters",
                name,
                counters.iter().map(|counter| counter.name.as_str()),
            ),
        }
    }

    /// The position of a name in a list that grows as names come up.
    fn intern(list: &mut Vec<String>, name: &str) -> usize {
        match list.iter().position(|known| known == name) {
            Some(index) => index,
            None => {
                list.push(name.to_owned());
                list.len() - 1
            }
        }
    }

    /// One sentence of `until`.
    fn condition(&self, place: &Place, text: &str) -> Result<Condition> {
        let words: Vec<_> = text.split_whitespace().collect();
        match words[..] {
            ["every", name, "waits", "on", port] => {
                let port = self.variable(place, "port", port)?;
                self.every(place, name, |thread| Condition::Waits(thread, port))
            }
            ["every", name, "has", "ended"] => self.every(place, name, Condition::Ended),
            ["every", name, "is", "blocked"] => self.every(place, name, Condition::Blocked),
            [thread, "waits", "on", port] => Ok(Condition::Waits(
                self.thread(place, thread)?,
                self.variable(place, "port", port)?,
            )),
            [thread, "is", "blocked"] => Ok(Condition::Blocked(self.thread(place, thread)?)),
            [thread, "is", "suspended"] => Ok(Condition::Suspended(self.thread(place, thread)?)),
            [thread, "has", "ended"] => Ok(Condition::Ended(self.thread(place, thread)?)),
            [port, "has", count, "packet" | "packets"] => {
                let port = self.variable(place, "port", port)?;
                match count.parse() {
                    Ok(count) => Ok(Condition::Depth(port, count)),
                    Err(_) => error(place, format!("\"{count}\" is no number of packets."), ""),
                }
            }
            [counter, "is", value] => {
                let counter = self.counter(place, counter)?;
                match value.parse() {
                    Ok(value) => Ok(Condition::Counter(counter, value)),
                    Err(_) => error(place, format!("\"{value}\" is no value of a counter."), ""),
                }
            }
            _ => error(
                place,
                format!("\"{text}\" is not understood."),
                "Write one of: \"T waits on P\", \"every T waits on P\", \"T is blocked\", \
                 \"T is suspended\", \"T has ended\", \"P has N packets\", \"C is N\".",
            ),
        }
    }

    /// The condition for each copy of a thread.
    fn every(
        &self,
        place: &Place,
        name: &str,
        condition: impl Fn(ThreadId) -> Condition,
    ) -> Result<Condition> {
        let mut first = 0;
        for declaration in &self.workload.threads {
            let copies = declaration.copies.unwrap_or(1) as usize;
            if declaration.name == name {
                let all = (first..first + copies)
                    .filter_map(ThreadId::new)
                    .map(condition);
                return Ok(Condition::All(all.collect()));
            }
            first += copies;
        }
        unknown(
            place,
            format!("there is no thread declared as \"{name}\"."),
            "declarations",
            name,
            self.workload
                .threads
                .iter()
                .map(|thread| thread.name.as_str()),
        )
    }
}

/// Compiles one program.
struct Compiler<'s, 'w> {
    scope: &'s mut Scope<'w>,
    root: Place,
    code: Code,
    /// The loops around: the slot of each, and the jumps out of it that wait for its end.
    loops: Vec<Loop>,
}

struct Loop {
    slot: usize,
    counted: bool,
    exits: Vec<usize>,
}

/// The arguments of one step, taken out one by one.
struct Arguments<'s> {
    step: &'s Step,
    place: &'s Place,
}

impl<'s, 'w> Compiler<'s, 'w> {
    fn new(scope: &'s mut Scope<'w>, root: Place) -> Self {
        Self {
            scope,
            root,
            code: Code::default(),
            loops: Vec::new(),
        }
    }

    fn program(mut self, steps: &[Step]) -> Result<Code> {
        let root = self.root.clone();
        self.steps(&root, steps)?;
        self.emit(Op::End, &root);
        let end = self.code.ops.len() - 1;
        for op in &mut self.code.ops {
            if let Op::Jump(to) = op
                && *to == usize::MAX
            {
                *to = end;
            }
        }
        self.code.result_live = live(&self.code.ops);
        self.code.next = next(&self.code);
        Ok(self.code)
    }

    fn emit(&mut self, op: Op, place: &Place) -> usize {
        self.code.ops.push(op);
        self.code.places.push(place.clone());
        self.code.ops.len() - 1
    }

    fn steps(&mut self, place: &Place, steps: &[Step]) -> Result<()> {
        for (index, step) in steps.iter().enumerate() {
            if self.code.ops.len() > MOST_OPS {
                return error(
                    place,
                    format!("a program has more than {MOST_OPS} steps."),
                    "",
                );
            }
            self.step(&place.index(index), step)?;
        }
        Ok(())
    }

    fn step(&mut self, place: &Place, step: &Step) -> Result<()> {
        let kinds = kinds(step);
        let [kind] = kinds[..] else {
            let help = "Each step has just one of: call, compute, until, repeat, if, leave, add, mark, complete.";
            return match kinds[..] {
                [] => error(place, "this step does nothing.", help),
                _ => error(
                    place,
                    format!("this step is several at once: {}.", kinds.join(", ")),
                    help,
                ),
            };
        };
        if kind == "call" {
            return self.call(place, step);
        }
        if let Some((_, required, optional)) =
            grammar::STEPS.iter().find(|(name, ..)| *name == kind)
        {
            check_keys(
                place,
                step,
                &format!("`{kind}`"),
                &[kind],
                required,
                optional,
            )?;
        }
        match kind {
            "compute" => {
                let place_of_law = place.key("compute");
                let law = match &step.compute {
                    Some(duration) => durations::law(&place_of_law, duration)?,
                    None => None,
                };
                let Some(law) = law else {
                    return error(
                        &place_of_law,
                        "a thread cannot compute for ever.",
                        "Give a time such as \"1ms\".",
                    );
                };
                self.emit(Op::Compute(law), place);
            }
            "until" => {
                let texts = step
                    .until
                    .as_ref()
                    .map(OneOrMore::as_slice)
                    .unwrap_or_default();
                let conditions = texts
                    .iter()
                    .map(|text| self.scope.condition(&place.key("until"), text))
                    .collect::<Result<Vec<_>>>()?;
                self.emit(Op::Until(conditions, texts.join(" and ")), place);
            }
            "repeat" => self.repeat(place, step)?,
            "if" => self.branch(place, step)?,
            "leave" => self.leave(place, step)?,
            "add" => {
                let name = step.counter.as_deref().unwrap_or_default();
                let counter = self.scope.counter(&place.key("counter"), name)?;
                self.emit(
                    Op::Add {
                        counter,
                        by: step.add.unwrap_or_default(),
                        of_call: false,
                    },
                    place,
                );
            }
            "mark" => {
                let set = Scope::intern(
                    &mut self.scope.marks,
                    step.mark.as_deref().unwrap_or_default(),
                );
                self.emit(Op::Mark { set }, place);
            }
            _ => {
                let name = step.complete.as_deref().unwrap_or_default();
                let file = self.scope.variable(&place.key("complete"), "file", name)?;
                let arguments = Arguments { step, place };
                let op = Op::Complete {
                    file,
                    status: arguments.status()?.0,
                    information: arguments.small("bytes", step.bytes)?,
                };
                self.emit(op, place);
            }
        }
        Ok(())
    }

    fn repeat(&mut self, place: &Place, step: &Step) -> Result<()> {
        if self.loops.len() == MOST_NESTING {
            return error(
                place,
                format!("repeat is nested more than {MOST_NESTING} deep."),
                "Use fewer loops, or another thread.",
            );
        }
        let times = match step.repeat {
            Some(Times::Exactly(times)) => Some(times),
            _ => None,
        };
        if times == Some(0) {
            return Ok(());
        }
        // A loop without end needs no count, unless its packets are numbered by it.
        let numbered = step.body.iter().any(|step| step.key_step.is_some());
        let counted = times.is_some() || numbered;
        let slot = self.loops.len();
        let body = self.code.ops.len();
        self.loops.push(Loop {
            slot,
            counted,
            exits: Vec::new(),
        });
        self.steps(&place.key("do"), &step.body)?;
        self.emit(
            Op::Again {
                slot: counted.then_some(slot),
                times,
                body,
            },
            place,
        );
        let end = self.code.ops.len();
        if let Some(done) = self.loops.pop() {
            for exit in done.exits {
                self.code.ops[exit] = Op::Jump(end);
            }
        }
        Ok(())
    }

    fn branch(&mut self, place: &Place, step: &Step) -> Result<()> {
        let Some(test) = &step.condition else {
            return Ok(());
        };
        let test = self.test(&place.key("if"), test)?;
        let branch = self.emit(
            Op::Branch {
                test: test.clone(),
                otherwise: 0,
            },
            place,
        );
        self.steps(&place.key("do"), &step.body)?;
        let mut otherwise = self.code.ops.len();
        if !step.otherwise.is_empty() {
            let skip = self.emit(Op::Jump(0), place);
            otherwise = self.code.ops.len();
            self.steps(&place.key("else"), &step.otherwise)?;
            self.code.ops[skip] = Op::Jump(self.code.ops.len());
        }
        self.code.ops[branch] = Op::Branch { test, otherwise };
        Ok(())
    }

    fn test(&self, place: &Place, test: &Test) -> Result<Condition> {
        const WORDS: [&str; 7] = [
            "packet",
            "timeout",
            "abandoned",
            "apc",
            "ok",
            "pending",
            "failed",
        ];
        let mut all = Vec::new();
        if let Some(result) = &test.result {
            if !WORDS.contains(&result.as_str()) {
                return unknown(
                    &place.key("result"),
                    format!("\"{result}\" is no result."),
                    "results",
                    result,
                    WORDS,
                );
            }
            all.push(Condition::Result(result.clone()));
        }
        if let Some(key) = test.key {
            all.push(Condition::Key(key));
        }
        match (&test.counter, test.equals) {
            (Some(counter), Some(value)) => {
                let counter = self.scope.counter(&place.key("counter"), counter)?;
                all.push(Condition::Counter(counter, value));
            }
            (None, None) => {}
            _ => {
                return error(
                    place,
                    "`counter` and `equals` go together.",
                    "Write { counter = \"left\", equals = 0 }.",
                );
            }
        }
        if all.is_empty() {
            return error(
                place,
                "the test is empty.",
                "Write { result = \"timeout\" }, { key = 0 } or { counter = \"left\", equals = 0 }.",
            );
        }
        Ok(match <[Condition; 1]>::try_from(all) {
            Ok([one]) => one,
            Err(all) => Condition::All(all),
        })
    }

    fn leave(&mut self, place: &Place, step: &Step) -> Result<()> {
        match step.leave.as_deref() {
            Some("thread") => {
                // The end is not known yet; `program` fills it in.
                self.emit(Op::Jump(usize::MAX), place);
                Ok(())
            }
            Some("loop") => {
                let exit = self.code.ops.len();
                let Some(inner) = self.loops.last_mut() else {
                    return error(
                        &place.key("leave"),
                        "there is no repeat around this step.",
                        "To end the thread, write leave = \"thread\".",
                    );
                };
                inner.exits.push(exit);
                self.emit(Op::Jump(0), place);
                Ok(())
            }
            other => error(
                &place.key("leave"),
                format!("\"{}\" cannot be left.", other.unwrap_or_default()),
                "Write leave = \"loop\" or leave = \"thread\".",
            ),
        }
    }

    fn call(&mut self, place: &Place, step: &Step) -> Result<()> {
        let name = step.call.as_deref().unwrap_or_default();
        let Some(signature) = grammar::call(name) else {
            return unknown(
                &place.key("call"),
                format!("there is no call \"{name}\"."),
                "calls",
                name,
                grammar::call_names(),
            );
        };
        check_keys(
            place,
            step,
            &format!("`{name}`"),
            grammar::EVERY_CALL,
            signature.required,
            signature.optional,
        )?;
        if signature.api == Api::ExitThread {
            if step.counts.is_some() {
                return error(
                    &place.key("counts"),
                    "a call is counted when it returns, and `ExitThread` never does.",
                    "Put { add = 1, counter = \"…\" } before it.",
                );
            }
            self.emit(Op::Jump(usize::MAX), place);
            return Ok(());
        }
        let call = self.build(signature.api, name, &Arguments { step, place })?;
        let key_step = match (step.key_step, self.loops.last()) {
            (None, _) => None,
            (Some(by), Some(inner)) if inner.counted => Some((inner.slot, by)),
            _ => {
                return error(
                    &place.key("key_step"),
                    "key_step numbers the turns of the repeat directly around it, and there is none.",
                    "Put the step directly into a repeat, or leave key_step out.",
                );
            }
        };
        let bind = step
            .bind
            .as_ref()
            .map(|name| Scope::intern(&mut self.scope.variables, name));
        let slept = match &step.duration {
            Some(duration) => durations::law(&place.key("for"), duration)?,
            None => None,
        };
        let timeout = match (step.timeout, &slept) {
            (Some(Time::Nanoseconds(ns)), _) => ns,
            (None, Some(law)) => law.mean_ns() as u64,
            _ => 0,
        };
        let op = CallOp {
            call,
            key_step,
            bind,
            timeout_ns: timeout,
            law: slept.filter(|law| !matches!(law, Law::Constant(_))),
            label: step.label.clone(),
            words: words(step),
        };
        self.emit(Op::Call(op), place);
        if let Some(name) = &step.counts {
            let count = Op::Add {
                counter: self.scope.counter(&place.key("counts"), name)?,
                by: 1,
                of_call: true,
            };
            self.emit(count, place);
        }
        Ok(())
    }

    fn build(&mut self, api: Api, name: &str, a: &Arguments<'_>) -> Result<Call> {
        let step = a.step;
        let timeout = step.timeout.map_or(Timeout::Infinite, kind_of_time);
        let alertable = step
            .alertable
            .unwrap_or_else(|| name.ends_with("SingleObjectEx") || name == "SleepEx");
        let handle = |key: &'static str, value: &Option<String>, absent: usize| match value {
            None => Ok(variable(absent)),
            Some(name) => self
                .scope
                .variable(&a.place.key(key), key, name)
                .map(variable),
        };
        let port = handle("port", &step.port, NULL)?;
        let object = handle("object", &step.object, NULL)?;
        let file = handle("file", &step.file, INVALID)?;
        let existing = handle("existing", &step.existing, NULL)?;
        let reserve = handle("reserve", &step.reserve, NULL)?;
        let thread = match &step.thread {
            Some(name) => Some(self.scope.thread(&a.place.key("thread"), name)?),
            None => None,
        };
        let named = match &step.name {
            Some(name) => NameId::new(Scope::intern(&mut self.scope.objects, name)),
            None => None,
        };
        let count = step.count.unwrap_or(1);
        // A thread that a required key names; `check_keys` has seen the key.
        let target = thread
            .or_else(|| ThreadId::new(0))
            .unwrap_or_else(|| unreachable!());
        Ok(match api {
            Api::CreateIoCompletionPort => Call::CreateIoCompletionPort {
                file,
                existing,
                key: step.key.unwrap_or_default().0,
                concurrency: step.concurrency.unwrap_or(0),
            },
            Api::NtCreateIoCompletion => Call::NtCreateIoCompletion {
                name: named,
                access: a.access(Access::ALL)?,
                concurrency: step.concurrency.unwrap_or(0),
            },
            Api::NtOpenIoCompletion => Call::NtOpenIoCompletion {
                name: named,
                access: a.access(Access::ALL)?,
            },
            Api::NtQueryIoCompletion => Call::NtQueryIoCompletion {
                port,
                class: step.class.unwrap_or(0),
                length: step.length.unwrap_or(4),
            },
            Api::GetQueuedCompletionStatus => Call::GetQueuedCompletionStatus { port, timeout },
            Api::GetQueuedCompletionStatusEx => Call::GetQueuedCompletionStatusEx {
                port,
                count,
                timeout,
                alertable,
            },
            Api::NtRemoveIoCompletion => Call::NtRemoveIoCompletion { port, timeout },
            Api::NtRemoveIoCompletionEx => Call::NtRemoveIoCompletionEx {
                port,
                count,
                timeout,
                alertable,
            },
            Api::PostQueuedCompletionStatus => Call::PostQueuedCompletionStatus {
                port,
                packet: Packet {
                    information: a.small("bytes", step.bytes)?.into(),
                    ..a.packet()?
                },
            },
            Api::NtSetIoCompletion => Call::NtSetIoCompletion {
                port,
                packet: a.packet()?,
            },
            Api::NtSetIoCompletionEx => Call::NtSetIoCompletionEx {
                port,
                reserve,
                packet: a.packet()?,
            },
            Api::NtAllocateReserveObject => Call::NtAllocateReserveObject {
                for_packets: step.for_packets.unwrap_or(true),
            },
            Api::CreateFile => Call::CreateFile {
                overlapped: step.overlapped_file.unwrap_or(true),
            },
            Api::ReadFile | Api::ReadFileEx => Call::Request(RequestArguments {
                file,
                context: step.overlapped.unwrap_or_default().0,
                apc: name == "ReadFileEx",
                answer: a.answer()?,
            }),
            Api::NtSetInformationFile => {
                let replace = match step.class.unwrap_or(30) {
                    30 => false,
                    61 => true,
                    _ => {
                        return error(
                            &a.place.key("class"),
                            "only the classes 30 (FileCompletionInformation) and 61 (FileReplaceCompletionInformation) are known.",
                            "",
                        );
                    }
                };
                Call::NtSetInformationFile {
                    file,
                    port,
                    key: step.key.unwrap_or_default().0,
                    replace,
                }
            }
            Api::CreateEvent => Call::CreateEvent {
                manual: step.manual.unwrap_or(false),
                signaled: step.signaled.unwrap_or(false),
            },
            Api::CreateSemaphore => Call::CreateSemaphore {
                count: step.count.unwrap_or(0).into(),
                maximum: step.maximum.unwrap_or(1),
            },
            Api::CreateMutex => Call::CreateMutex {
                owned: step.signaled.unwrap_or(false),
            },
            Api::SetEvent => Call::SetEvent(object),
            Api::ResetEvent => Call::ResetEvent(object),
            Api::ReleaseSemaphore => Call::ReleaseSemaphore(object),
            Api::ReleaseMutex => Call::ReleaseMutex(object),
            Api::WaitForSingleObject => match (thread, &step.object) {
                (Some(thread), None) => Call::WaitForThread { thread, timeout },
                (None, Some(_)) => Call::WaitForSingleObject {
                    object,
                    timeout,
                    alertable,
                },
                _ => {
                    return error(
                        a.place,
                        "a wait is for one thing: an `object` or a `thread`.",
                        "",
                    );
                }
            },
            Api::Sleep => Call::Sleep {
                timeout: match &step.duration {
                    None => Timeout::Zero,
                    Some(Duration::Fixed(time)) => kind_of_time(*time),
                    Some(Duration::Law(_)) => Timeout::Finite,
                },
                alertable,
            },
            Api::QueueUserAPC => Call::QueueUserApc {
                thread: target,
                apc: step.apc.unwrap_or(0),
            },
            Api::SuspendThread => Call::SuspendThread(target),
            Api::ResumeThread => Call::ResumeThread(target),
            Api::TerminateThread => Call::TerminateThread(target),
            Api::CloseHandle => Call::CloseHandle(object),
            Api::DuplicateHandle => Call::DuplicateHandle {
                handle: object,
                target: match &step.process {
                    Some(name) => self.scope.process_named(&a.place.key("process"), name)?,
                    None => self.scope.process_named(a.place, "main")?,
                },
                access: match step.access {
                    Some(_) => Some(a.access(Access::ALL)?),
                    None => None,
                },
                close_source: step.close_source.unwrap_or(false),
            },
            Api::ExitThread | Api::WaitOutside => {
                return error(a.place, format!("`{name}` is not for programs."), "");
            }
        })
    }
}

/// A call's handle fields hold the numbers of variables until it is made.
fn variable(number: usize) -> Handle {
    // There are at most MOST_OPS variables.
    Handle(number as u32)
}

fn kind_of_time(time: Time) -> Timeout {
    match time {
        Time::Infinite => Timeout::Infinite,
        Time::Nanoseconds(0) => Timeout::Zero,
        Time::Nanoseconds(_) => Timeout::Finite,
    }
}

impl Arguments<'_> {
    fn packet(&self) -> Result<Packet> {
        let step = self.step;
        Ok(Packet {
            key: step.key.unwrap_or_default().0,
            overlapped: step.overlapped.unwrap_or_default().0,
            information: step.bytes.unwrap_or_default().0,
            status: self.status()?,
            ..Packet::default()
        })
    }

    fn status(&self) -> Result<NtStatus> {
        self.small("status", self.step.status).map(NtStatus)
    }

    fn small(&self, key: &'static str, number: Option<Number>) -> Result<u32> {
        match u32::try_from(number.unwrap_or_default().0) {
            Ok(number) => Ok(number),
            Err(_) => error(
                &self.place.key(key),
                format!("`{key}` is a number of 32 bits here."),
                "NtSetIoCompletion takes a byte count of 64 bits.",
            ),
        }
    }

    fn access(&self, otherwise: Access) -> Result<Access> {
        let Some(names) = &self.step.access else {
            return Ok(otherwise);
        };
        names
            .as_slice()
            .iter()
            .try_fold(Access(0), |all, name| match access(name) {
                Some(more) => Ok(all.with(more)),
                None => unknown(
                    &self.place.key("access"),
                    format!("\"{name}\" is no right."),
                    "rights",
                    name,
                    [
                        "query",
                        "modify",
                        "synchronize",
                        "all",
                        "none",
                        "generic-read",
                        "generic-write",
                        "generic-execute",
                        "generic-all",
                    ],
                ),
            })
    }

    fn answer(&self) -> Result<DeviceAnswer> {
        match self.step.answer.as_deref() {
            None | Some("pending") => Ok(DeviceAnswer::Pending),
            Some("done") => Ok(DeviceAnswer::Done(
                self.status()?,
                self.small("bytes", self.step.bytes)?,
            )),
            Some("failed") => Ok(DeviceAnswer::Failed(self.status()?)),
            Some(other) => error(
                &self.place.key("answer"),
                format!("a device cannot answer \"{other}\"."),
                "Write \"pending\", \"done\" or \"failed\".",
            ),
        }
    }
}

/// Which kinds of step this is; it should be one.
fn kinds(step: &Step) -> Vec<&'static str> {
    let kinds = [
        ("call", step.call.is_some()),
        ("compute", step.compute.is_some()),
        ("until", step.until.is_some()),
        ("repeat", step.repeat.is_some()),
        ("if", step.condition.is_some()),
        ("leave", step.leave.is_some()),
        ("add", step.add.is_some()),
        ("mark", step.mark.is_some()),
        ("complete", step.complete.is_some()),
    ];
    kinds
        .into_iter()
        .filter_map(|(kind, is)| is.then_some(kind))
        .collect()
}

/// The keys that a step has, in the order of the struct. What serialises is what is there.
fn keys(step: &Step) -> Vec<String> {
    match serde_json::to_value(step) {
        Ok(serde_json::Value::Object(map)) => map.into_iter().map(|(key, _)| key).collect(),
        _ => Vec::new(),
    }
}

fn check_keys(
    place: &Place,
    step: &Step,
    what: &str,
    own: &[&str],
    required: &[&str],
    optional: &[&str],
) -> Result<()> {
    let given = keys(step);
    let takes = || {
        let mut words = Vec::new();
        words.extend(required.iter().copied());
        words.extend(optional.iter().copied());
        match words.len() {
            0 => format!("{what} takes no other keys."),
            _ => format!("{what} takes: {}.", words.join(", ")),
        }
    };
    for key in &given {
        let key = key.as_str();
        if !own.contains(&key) && !required.contains(&key) && !optional.contains(&key) {
            let place = match grammar::step_key(key) {
                Some(key) => place.key(key),
                None => place.clone(),
            };
            let others = required.iter().chain(optional).copied();
            return Err(WorkloadError {
                place,
                message: format!("{what} does not take `{key}`."),
                help: takes(),
                name: Some(WrongName {
                    given: key.to_owned(),
                    known: others
                        .filter(|other| !given.iter().any(|given| given == other))
                        .map(str::to_owned)
                        .collect(),
                }),
            });
        }
    }
    for key in required {
        if !given.iter().any(|given| given == key) {
            return error(place, format!("{what} needs `{key}`."), takes());
        }
    }
    Ok(())
}

/// The arguments of a call in words, for traces: what was written, in the order of the table.
fn words(step: &Step) -> String {
    let Ok(serde_json::Value::Object(map)) = serde_json::to_value(step) else {
        return String::new();
    };
    let mut words = Vec::new();
    for (key, value) in &map {
        let law = |duration: &Option<Duration>| match duration {
            Some(duration @ Duration::Law(_)) => {
                durations::law(&Place::default(), duration).ok().flatten()
            }
            _ => None,
        };
        let value = match value {
            serde_json::Value::Object(_) if key == "for" => law(&step.duration)
                .map(|law| law.to_string())
                .unwrap_or_default(),
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Array(values) => values
                .iter()
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect::<Vec<_>>()
                .join("+"),
            other => other.to_string(),
        };
        match key.as_str() {
            "call" | "label" | "counts" | "key_step" => {}
            "port" | "object" | "thread" | "file" => words.insert(0, value),
            "timeout" | "for" => words.push(value),
            key => words.push(format!("{key} {value}")),
        }
    }
    words.join(", ")
}

/// For each op: may the result of the last call still be read before another call replaces it?
fn live(ops: &[Op]) -> Vec<bool> {
    let reads = |condition: &Condition| {
        fn reads(condition: &Condition) -> bool {
            match condition {
                Condition::Result(_) | Condition::Key(_) => true,
                Condition::All(all) => all.iter().any(reads),
                _ => false,
            }
        }
        reads(condition)
    };
    let mut live = vec![false; ops.len()];
    loop {
        let mut changed = false;
        for at in (0..ops.len()).rev() {
            let next = live.get(at + 1).copied().unwrap_or(false);
            let now = match &ops[at] {
                Op::Mark { .. } => true,
                Op::Branch { test, otherwise } => reads(test) || next || live[*otherwise],
                Op::Jump(to) => live[*to],
                Op::Again { times, body, .. } => live[*body] || (times.is_some() && next),
                Op::Call(call) if sets_result(&call.call) => false,
                Op::End => false,
                _ => next,
            };
            changed |= now != live[at];
            live[at] = now;
        }
        if !changed {
            return live;
        }
    }
}

/// For each op: where the thread rests after it, if it takes nothing to know.
fn next(code: &Code) -> Vec<Option<u32>> {
    let after = |at: usize| {
        if matches!(&code.ops[at], Op::Call(call) if call.bind.is_some()) {
            return None;
        }
        let mut next = at + 1;
        for _ in 0..code.ops.len() {
            match code.ops.get(next)? {
                Op::Jump(to) => next = *to,
                Op::Again {
                    slot: None,
                    times: None,
                    body,
                } => next = *body,
                Op::Again { .. } | Op::Branch { .. } | Op::End | Op::Add { of_call: true, .. } => {
                    return None;
                }
                _ if code.result_live[next] => return None,
                _ => return u32::try_from(next).ok(),
            }
        }
        None
    };
    (0..code.ops.len()).map(after).collect()
}

/// Is the result of this call what `if` and `mark` look at?
pub(crate) fn sets_result(call: &Call) -> bool {
    matches!(
        call.api(),
        Api::GetQueuedCompletionStatus
            | Api::GetQueuedCompletionStatusEx
            | Api::NtRemoveIoCompletion
            | Api::NtRemoveIoCompletionEx
            | Api::WaitForSingleObject
            | Api::ReadFile
            | Api::ReadFileEx
    )
}
