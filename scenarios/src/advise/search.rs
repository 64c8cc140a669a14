//! The smallest pool that meets the objectives: the fewest threads, and with so many the lowest
//! limit.
//!
//! First a coarse grid, each value twice the one before; then the gap below the first number of
//! threads that will do is halved until one thread less does not. That is right if a number of
//! threads that will do is not followed by a greater one that will not and is followed by one that
//! will, between two neighbours of the grid. At the end all limits of the grid, and those around the
//! one that was found, are tried with one thread less.

use super::{
    AdviseError, Question,
    trial::{Bench, Pool, Trial},
};
use iocp_scheduler::Workload;
use std::ops::RangeInclusive;

/// What a search came to.
pub(super) struct Found {
    /// The smallest pool that meets the objectives.
    pub(super) smallest: Option<Trial>,
    /// The best with one thread less, if that is in the range.
    pub(super) one_less: Option<Trial>,
    /// The best of all that do not.
    pub(super) best: Option<Trial>,
}

pub(super) fn smallest(
    bench: &mut Bench<'_, '_>,
    workload: &Workload,
) -> Result<Found, AdviseError> {
    let question = bench.question;
    let mut below = question.threads.start() - 1;
    let mut found = None;
    for threads in grid(question.threads.clone()) {
        found = first_that_meets(bench, workload, threads)?;
        if found.is_some() {
            break;
        }
        below = threads;
    }
    let Some(mut found) = found else {
        return Ok(Found {
            smallest: None,
            one_less: None,
            best: best(bench, question, |_| true),
        });
    };
    while found.pool.threads - below > 1 {
        let middle = below + (found.pool.threads - below) / 2;
        match first_that_meets(bench, workload, middle)? {
            Some(trial) => found = trial,
            None => below = middle,
        }
    }
    loop {
        found = lowest_limit(bench, workload, found)?;
        let threads = found.pool.threads - 1;
        if threads < *question.threads.start() {
            break;
        }
        let mut better = None;
        for limit in found.pool.limit.saturating_sub(1)..=found.pool.limit + 1 {
            if limits(question, threads).contains(&limit) {
                let trial = bench.pool(workload, Pool { threads, limit })?;
                better = better.or(Some(trial).filter(Trial::meets));
            }
        }
        match better {
            Some(trial) => found = trial,
            None => break,
        }
    }
    let less = found.pool.threads - 1;
    Ok(Found {
        one_less: best(bench, question, |pool| pool.threads == less),
        best: None,
        smallest: Some(found),
    })
}

/// The limits that mean something with so many threads: those in the range, up to one for each
/// thread.
fn limits(question: &Question, threads: u32) -> RangeInclusive<u32> {
    let (least, most) = (*question.limits.start(), *question.limits.end());
    least..=most.min(threads.max(least))
}

/// The ends of the range, and between them each value twice the one before.
fn grid(range: RangeInclusive<u32>) -> Vec<u32> {
    let (least, most) = range.into_inner();
    let doubled = std::iter::successors(Some(least), |value| value.checked_mul(2));
    let mut grid: Vec<_> = doubled.take_while(|value| *value < most).collect();
    grid.push(most);
    grid
}

/// With so many threads, the first limit of the grid that will do, the highest first.
fn first_that_meets(
    bench: &mut Bench<'_, '_>,
    workload: &Workload,
    threads: u32,
) -> Result<Option<Trial>, AdviseError> {
    for limit in grid(limits(bench.question, threads)).into_iter().rev() {
        let trial = bench.pool(workload, Pool { threads, limit })?;
        if trial.meets() {
            return Ok(Some(trial));
        }
        // No limit makes up for threads or processors that are too few by far.
        if trial.stopped.is_some() {
            break;
        }
    }
    Ok(None)
}

/// As many threads, and the lowest limit that will do.
fn lowest_limit(
    bench: &mut Bench<'_, '_>,
    workload: &Workload,
    found: Trial,
) -> Result<Trial, AdviseError> {
    let threads = found.pool.threads;
    let mut below = bench.question.limits.start() - 1;
    let mut found = found;
    while found.pool.limit > below + 1 {
        let limit = below + (found.pool.limit - below) / 2;
        let trial = bench.pool(workload, Pool { threads, limit })?;
        match trial.meets() {
            true => found = trial,
            false => below = limit,
        }
    }
    Ok(found)
}

/// The pool nearest to the objectives, of those that were tried.
fn best(bench: &Bench<'_, '_>, question: &Question, of: impl Fn(Pool) -> bool) -> Option<Trial> {
    let in_range = |pool: Pool| {
        question.threads.contains(&pool.threads)
            && (question.limits.contains(&pool.limit) || pool.limit == pool.threads)
    };
    let pools = bench.known().filter(|it| in_range(it.pool) && of(it.pool));
    // Of equals the first, which is the smallest.
    let nearest = pools.min_by(|a, b| {
        let distances = a.distance(question).total_cmp(&b.distance(question));
        distances.then(a.pool.cmp(&b.pool))
    });
    nearest.cloned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_has_both_ends() {
        assert_eq!(grid(1..=16), [1, 2, 4, 8, 16]);
        assert_eq!(grid(3..=20), [3, 6, 12, 20]);
        assert_eq!(grid(5..=5), [5]);
    }
}
