//! Packet symmetry: packets that no thread tells apart are made alike before the search.
//!
//! A port moves packets and never looks at their keys, and a thread looks only at the keys that its
//! program tests. Under any other keys the same schedules are possible (*data independence*, Wolper
//! 1986), so all packets whose keys nobody tests get one key.
//!
//! Which of them a thread marks is not known then, so those that are marked are counted. That says
//! as much where just these packets are expected in the only set, no two of them had the same key,
//! and no rule is broken: a kernel delivers a packet once, a thread that marks one again is noticed,
//! and marks of anything else are kept as they are. So if as many are marked as were posted, all are.
//! Everywhere else packets are left apart.

use crate::{
    expect::{self, When},
    program::{Alike, Condition, Op, Program},
    workload::{CounterDeclaration, Expectation},
};
use iocp_model::{Call, Kernel};
use iocp_traces::Number;
use std::collections::BTreeSet;

/// An op that posts packets whose keys nobody tests.
struct Post {
    code: usize,
    at: usize,
    keys: Vec<u64>,
}

/// The program with alike packets.
///
/// # Errors
/// A sentence, if that would change an answer or spare nothing.
pub(crate) fn made_alike(program: &Program, kernel: Kernel) -> Result<Program, String> {
    let applies = |it: &&Expectation| expect::applies(it, kernel.profile.name);
    let mut expectations = program.workload.expect.iter().filter(applies);
    if expectations.any(|it| it.took.is_some() || it.result.is_some() && it.keys.is_some()) {
        return Err("an expectation names packets by their keys".to_owned());
    }
    let tested = tested(program);
    let mut posts = Vec::new();
    for (code, ops) in program.codes.iter().map(|code| &code.ops).enumerate() {
        for at in 0..ops.len() {
            let keys = keys_of(ops, at).filter(|keys| !keys.iter().any(|it| tested.contains(it)));
            posts.extend(keys.map(|keys| Post { code, at, keys }));
        }
    }
    let keys: BTreeSet<u64> = posts.iter().flat_map(|post| &post.keys).copied().collect();
    if keys.len() < 2 {
        return Err("no two packets differ only in keys that nobody tests".to_owned());
    }
    if !program.mark_names.is_empty() {
        check_marks(program, kernel, &tested, &posts)?;
    }
    let others = associated(program);
    let is_free = |key: &u64| ![&tested, &keys, &others].iter().any(|it| it.contains(key));
    let mut free = (1..).filter(is_free);
    let (Some(key), Some(marked)) = (free.next(), free.next()) else {
        return Err("every key is used".to_owned());
    };
    let mut alike = program.clone();
    for post in &posts {
        if let Op::Call(op) = &mut alike.codes[post.code].ops[post.at] {
            op.key_step = None;
            if let Some(posted) = posted(&mut op.call) {
                *posted = key;
            }
        }
    }
    if !program.mark_names.is_empty() {
        let counter = count(&mut alike, &keys, kernel);
        alike.alike = Some(Alike {
            key,
            marked,
            counter,
        });
    }
    merge(&mut alike);
    Ok(alike)
}

/// Does a count say as much as the set of marked packets?
fn check_marks(
    program: &Program,
    kernel: Kernel,
    tested: &BTreeSet<u64>,
    posts: &[Post],
) -> Result<(), String> {
    let [name] = &program.mark_names[..] else {
        return Err("packets are marked in several sets".to_owned());
    };
    if !kernel.semantics().mutants.is_empty() {
        return Err("packets are marked, and the kernel breaks rules".to_owned());
    }
    let about = |it: &&Expectation| {
        it.marked.as_ref() == Some(name) && expect::applies(it, kernel.profile.name)
    };
    let about: Vec<_> = program.workload.expect.iter().filter(about).collect();
    if about.is_empty() {
        return Err(format!(
            "no expectation says which packets are marked {name}"
        ));
    }
    if about.iter().any(|it| expect::when(it) != When::End) {
        return Err(format!("an expectation looks at the set {name} on the way"));
    }
    // What may be posted, as often as it may be.
    let mut all = Vec::new();
    for post in posts {
        let ops = &program.codes[post.code].ops;
        let threads = program.threads.iter().filter(|it| it.code == post.code);
        for _ in threads {
            all.extend(&post.keys);
        }
        if goes_round(ops, post.at) {
            all.extend(&post.keys);
        }
    }
    all.sort_unstable();
    let is_all = |it: &&Expectation| {
        let mut keys = it
            .keys
            .iter()
            .flatten()
            .map(|key| key.0)
            .collect::<Vec<_>>();
        keys.sort_unstable();
        keys == all
    };
    if all.windows(2).any(|two| two[0] == two[1]) || !about.iter().all(is_all) {
        return Err(format!(
            "the packets that are expected in {name} are not just those whose keys nobody tests, \
             each posted once"
        ));
    }
    // Where there is no packet, zero is marked.
    let others = associated(program);
    let is_other = |key: &u64| *key == 0 || others.contains(key);
    let is_mixed = |(code, at): (usize, usize)| {
        let ops = &program.codes[code].ops;
        posts_at(ops, at)
            && keys_of(ops, at).is_none_or(|keys| {
                let some = keys.iter().filter(|key| tested.contains(key)).count();
                some > 0 && some < keys.len()
            })
    };
    let mut places = (program.codes.iter().enumerate())
        .flat_map(|(code, it)| (0..it.ops.len()).map(move |at| (code, at)));
    if all.iter().any(is_other) || places.any(is_mixed) {
        return Err(format!(
            "other packets may have the keys of those in {name}"
        ));
    }
    Ok(())
}

/// Counts the packets of the only set that are alike, and expects nothing else in it.
fn count(program: &mut Program, keys: &BTreeSet<u64>, kernel: Kernel) -> usize {
    let counter = program.counter_names.len();
    // No name that somebody wrote has a space.
    let name = format!("marked {}", program.mark_names[0]);
    program.counter_names.push(name.clone());
    program.workload.counters.push(CounterDeclaration {
        name: name.clone(),
        value: 0,
    });
    let mut counts = Vec::new();
    for expectation in &mut program.workload.expect {
        if expectation.marked.is_some() && expect::applies(expectation, kernel.profile.name) {
            counts.push(Expectation {
                marked: None,
                keys: None,
                counter: Some(name.clone()),
                value: i64::try_from(keys.len()).ok(),
                ..expectation.clone()
            });
            expectation.keys = Some(Vec::new());
        }
    }
    program.workload.expect.append(&mut counts);
    counter
}

/// The keys that some thread tests.
fn tested(program: &Program) -> BTreeSet<u64> {
    let mut tested = BTreeSet::new();
    for op in program.codes.iter().flat_map(|code| &code.ops) {
        match op {
            Op::Until(conditions, _) => conditions.iter().for_each(|it| keys(it, &mut tested)),
            Op::Branch { test, .. } => keys(test, &mut tested),
            _ => {}
        }
    }
    tested
}

/// The keys that files are, or may be, associated under.
fn associated(program: &Program) -> BTreeSet<u64> {
    let ops = program.codes.iter().flat_map(|code| &code.ops);
    let by_calls = ops.filter_map(|op| match op {
        Op::Call(op) => match op.call {
            Call::CreateIoCompletionPort { key, .. } | Call::NtSetInformationFile { key, .. } => {
                Some(key)
            }
            _ => None,
        },
        _ => None,
    });
    let files = &program.workload.files;
    let from_the_start = files.iter().map(|file| file.key.map_or(0, |key| key.0));
    by_calls.chain(from_the_start).collect()
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

/// Does the op at this place post packets?
fn posts_at(ops: &[Op], at: usize) -> bool {
    match &ops[at] {
        Op::Call(op) => posted(&mut op.call.clone()).is_some(),
        _ => false,
    }
}

/// The loops around the op at this place: their counters and turns.
fn loops(ops: &[Op], at: usize) -> impl Iterator<Item = (Option<usize>, Option<u32>)> + '_ {
    ops[at..].iter().filter_map(move |op| match op {
        Op::Again { slot, times, body } if *body <= at => Some((*slot, *times)),
        _ => None,
    })
}

/// Does the op at this place post a packet of the same key again?
fn goes_round(ops: &[Op], at: usize) -> bool {
    let Op::Call(op) = &ops[at] else {
        return false;
    };
    let own = op.key_step.filter(|(_, by)| *by != 0).map(|(slot, _)| slot);
    loops(ops, at).any(|(slot, _)| own.is_none() || slot != own)
}

/// The keys of the packets that the op at this place posts, if it does and they are known.
fn keys_of(ops: &[Op], at: usize) -> Option<Vec<u64>> {
    let Op::Call(op) = &ops[at] else {
        return None;
    };
    let first = *posted(&mut op.call.clone())?;
    Some(match op.key_step {
        None => vec![first],
        Some((slot, by)) => {
            let (_, turns) = loops(ops, at).find(|(of, _)| *of == Some(slot))?;
            let key = |turn: u32| first.wrapping_add(u64::from(turn).wrapping_mul(by));
            (0..turns?).map(key).collect()
        }
    })
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
