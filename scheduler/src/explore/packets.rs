//! Packet symmetry: packets that no thread tells apart are made alike before the search.
//!
//! A port moves packets and never looks at their keys, and a thread looks only at the keys that its
//! program tests. Under any other keys the same schedules are possible (*data independence*, Wolper
//! 1986), so all packets whose keys nobody tests get one key. Which of them a thread marked is not
//! known then; a set of marked packets becomes a count, and the expectation that lists the packets
//! becomes one about their number. A packet that is lost, or delivered twice, changes the count; one
//! lost *and* another delivered twice in the same schedule would not, and for that the search
//! without this reduction is there.

use crate::{
    expect::{self, When},
    program::{Condition, Op, Program},
    workload::{CounterDeclaration, Expectation},
};
use iocp_model::{Call, Kernel};
use iocp_traces::Number;
use std::collections::BTreeSet;

/// The program with alike packets.
///
/// # Errors
/// A sentence, if that would change an answer or spare nothing.
pub(crate) fn made_alike(program: &Program, kernel: Kernel) -> Result<Program, String> {
    let applies = |it: &&Expectation| expect::applies(it, kernel.profile.name);
    let expectations = || program.workload.expect.iter().filter(applies);
    if expectations().any(|it| it.took.is_some() || it.result.is_some() && it.keys.is_some()) {
        return Err("an expectation names packets by their keys".to_owned());
    }
    let mut tested = BTreeSet::new();
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        match op {
            Op::Until(conditions, _) => conditions.iter().for_each(|it| keys(it, &mut tested)),
            Op::Branch { test, .. } => keys(test, &mut tested),
            _ => {}
        }
    }
    let mut alike = program.clone();
    let mut differing = BTreeSet::new();
    // Any key that nobody tests.
    let Some(key) = (1..).find(|key| !tested.contains(key)) else {
        return Err("every key is tested".to_owned());
    };
    for code in &mut alike.codes {
        for at in 0..code.ops.len() {
            let Some(keys) = keys_of(&code.ops, at, &tested) else {
                continue;
            };
            if let Op::Call(op) = &mut code.ops[at] {
                differing.extend(keys);
                op.key_step = None;
                if let Some(posted) = posted(&mut op.call) {
                    *posted = key;
                }
            }
        }
    }
    if differing.len() < 2 {
        return Err("no two packets differ only in keys that nobody tests".to_owned());
    }
    for (set, name) in program.mark_names.iter().enumerate() {
        let about = |it: &Expectation| it.marked.as_ref() == Some(name);
        if !expectations().any(about) {
            return Err(format!(
                "no expectation says which packets are marked {name}"
            ));
        }
        if expectations().any(|it| about(it) && expect::when(it) != When::End) {
            return Err(format!("an expectation looks at the set {name} on the way"));
        }
        count(&mut alike, set, name);
    }
    alike.mark_names.clear();
    merge(&mut alike);
    Ok(alike)
}

/// Counts the packets of a set rather than remember them.
fn count(program: &mut Program, set: usize, name: &str) {
    let counter = program.counter_names.len();
    // No name that somebody wrote has a space.
    let counted = format!("marked {name}");
    program.counter_names.push(counted.clone());
    program.workload.counters.push(CounterDeclaration {
        name: counted.clone(),
        value: 0,
    });
    for op in program.codes.iter_mut().flat_map(|code| &mut code.ops) {
        if matches!(op, Op::Mark { set: marked } if *marked == set) {
            *op = Op::Add {
                counter,
                by: 1,
                of_call: false,
            };
        }
    }
    for expectation in &mut program.workload.expect {
        if expectation.marked.as_deref() == Some(name) {
            let keys = expectation.keys.take().unwrap_or_default();
            expectation.marked = None;
            expectation.counter = Some(counted.clone());
            expectation.value = i64::try_from(keys.len()).ok();
        }
    }
}

/// The key of a call that queues a packet.
fn posted(call: &mut Call) -> Option<&mut u64> {
    match call {
        Call::PostQueuedCompletionStatus { packet, .. }
        | Call::NtSetIoCompletion { packet, .. }
        | Call::NtSetIoCompletionEx { packet, .. } => Some(&mut packet.key),
        _ => None,
    }
}

/// The keys that the call at this place posts, if they are known and nobody tests them.
fn keys_of(ops: &[Op], at: usize, tested: &BTreeSet<u64>) -> Option<Vec<u64>> {
    let Op::Call(op) = &ops[at] else {
        return None;
    };
    let first = *posted(&mut op.call.clone())?;
    let keys = match op.key_step {
        None => vec![first],
        Some((slot, by)) => {
            let turns = ops[at..].iter().find_map(|op| match op {
                Op::Again {
                    slot: Some(of),
                    times,
                    body,
                } if *of == slot && *body <= at => Some(*times),
                _ => None,
            })??;
            let key = |turn: u32| first.wrapping_add(u64::from(turn).wrapping_mul(by));
            (0..turns).map(key).collect()
        }
    };
    keys.iter().all(|key| !tested.contains(key)).then_some(keys)
}

fn keys(test: &Condition, tested: &mut BTreeSet<u64>) {
    match test {
        Condition::Key(Number(key)) => {
            tested.insert(*key);
        }
        Condition::All(all) => all.iter().for_each(|one| keys(one, tested)),
        _ => {}
    }
}

/// Threads whose code has become the same share it.
fn merge(program: &mut Program) {
    let text = |ops: &[Op]| -> Vec<String> {
        let text = |op: &Op| match op {
            // What it is called in a trace makes no difference.
            Op::Call(op) => format!(
                "{:?} {:?} {:?} {:?}",
                op.call, op.key_step, op.bind, op.label
            ),
            op => format!("{op:?}"),
        };
        ops.iter().map(text).collect()
    };
    let texts: Vec<_> = program.codes.iter().map(|code| text(&code.ops)).collect();
    for thread in &mut program.threads {
        let own = &texts[thread.code];
        thread.code = texts.iter().position(|it| it == own).unwrap_or(thread.code);
    }
}
