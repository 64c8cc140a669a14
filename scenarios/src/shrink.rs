//! A smaller workload that still does what is asked for: the same failure in fewer threads, turns
//! and steps.
//!
//! Greedy: whatever can be left out alone is left out, the large before the small, until nothing
//! more can. Whether a workload is still of interest the caller says.

use iocp_scheduler::{Program, Workload};
use serde_json::Value;

/// One thing to make smaller: where it is, and what becomes of it.
#[derive(Clone, PartialEq, Debug)]
struct Cut {
    /// Keys and positions, from the root.
    path: Vec<Segment>,
    becomes: Becomes,
}

#[derive(Clone, PartialEq, Debug)]
enum Segment {
    Key(String),
    Index(usize),
}

#[derive(Clone, PartialEq, Debug)]
enum Becomes {
    /// It is left out of its list.
    Nothing,
    /// It is this.
    This(Value),
    /// The steps in it stand in its place.
    ItsSteps,
}

/// Makes a workload smaller as long as `keeps` says that it is still of interest; `None` from it
/// ends the attempt. The expectation of number `expectation` stays.
///
/// ```
/// use iocp_scenarios::{catalogue, shrink::shrink};
/// let scenario = catalogue::find("peers-a").unwrap().scenario()?;
/// // The smallest with two threads.
/// let smaller = shrink(&scenario.workload, None, |program| Some(program.threads.len() >= 2));
/// assert_eq!(smaller.threads.len(), 1);
/// assert_eq!(smaller.threads[0].copies, Some(2));
/// assert_eq!(smaller.threads[0].program, []);
/// # Ok::<(), iocp_scenarios::file::ScenarioError>(())
/// ```
pub fn shrink(
    workload: &Workload,
    expectation: Option<usize>,
    mut keeps: impl FnMut(&Program) -> Option<bool>,
) -> Workload {
    let mut smallest = workload.clone();
    // What it shows is no longer what it was written to show.
    smallest.about.clear();
    smallest.rules.clear();
    let kept = expectation.and_then(|index| workload.expect.get(index));
    loop {
        let mut shrank = false;
        let mut at = 0;
        // After a cut, what was behind it stands in its place.
        while let Some(cut) = cuts(&smallest).into_iter().nth(at) {
            at += 1;
            let Some(candidate) = cut.of(&smallest) else {
                continue;
            };
            if kept.is_some_and(|kept| !candidate.expect.contains(kept)) {
                continue;
            }
            let Ok(program) = Program::compile(&candidate) else {
                continue;
            };
            match keeps(&program) {
                None => return smallest,
                Some(false) => {}
                Some(true) => {
                    smallest = candidate;
                    shrank = true;
                    at -= 1;
                }
            }
        }
        if !shrank {
            return smallest;
        }
    }
}

impl Cut {
    /// The workload with this cut, if it still is one.
    fn of(&self, workload: &Workload) -> Option<Workload> {
        let mut value = serde_json::to_value(workload).ok()?;
        let (last, path) = self.path.split_last()?;
        let mut place = &mut value;
        for segment in path {
            place = match segment {
                Segment::Key(key) => place.get_mut(key)?,
                Segment::Index(index) => place.get_mut(index)?,
            };
        }
        match (&self.becomes, last) {
            (Becomes::Nothing, Segment::Index(index)) => {
                place.as_array_mut()?.remove(*index);
            }
            (Becomes::ItsSteps, Segment::Index(index)) => {
                let list = place.as_array_mut()?;
                let steps = list.get_mut(*index)?.get_mut("do")?.as_array_mut()?;
                let steps = std::mem::take(steps);
                list.splice(index..=index, steps);
            }
            (Becomes::This(value), Segment::Key(key)) => {
                place.as_object_mut()?.insert(key.clone(), value.clone());
            }
            _ => return None,
        }
        serde_json::from_value(value).ok()
    }
}

/// What could be made smaller, the large before the small.
fn cuts(workload: &Workload) -> Vec<Cut> {
    let mut cuts = Vec::new();
    if let Ok(value) = serde_json::to_value(workload) {
        add(&value, &mut Vec::new(), &mut cuts);
    }
    // A thread goes before a loop in it, and that before a step in the loop.
    cuts.sort_by_key(|cut| cut.path.len());
    cuts
}

fn add(value: &Value, path: &mut Vec<Segment>, cuts: &mut Vec<Cut>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                path.push(Segment::Key(key.clone()));
                let count = inner
                    .as_u64()
                    .filter(|_| key == "copies" || key == "repeat");
                if let Some(count) = count {
                    let mut fewer = vec![1, count / 2, count.saturating_sub(1)];
                    fewer.retain(|fewer| (1..count).contains(fewer));
                    fewer.dedup();
                    cuts.extend(fewer.into_iter().map(|fewer| Cut {
                        path: path.clone(),
                        becomes: Becomes::This(fewer.into()),
                    }));
                }
                add(inner, path, cuts);
                path.pop();
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                if !inner.is_object() {
                    continue;
                }
                path.push(Segment::Index(index));
                cuts.push(Cut {
                    path: path.clone(),
                    becomes: Becomes::Nothing,
                });
                if inner.get("do").is_some_and(Value::is_array) {
                    cuts.push(Cut {
                        path: path.clone(),
                        becomes: Becomes::ItsSteps,
                    });
                }
                add(inner, path, cuts);
                path.pop();
            }
        }
        _ => {}
    }
}
