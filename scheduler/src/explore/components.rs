//! The strongly connected components of a graph: the largest sets of states between any two of
//! which there is a way, there and back (Tarjan 1972).

/// Of a state that is in none.
pub(crate) const NONE: u32 = u32::MAX;

/// The number of the component of each of `count` states. `is_in` says which states there are,
/// `edge` gives the state to which the edge of a number leads from a state: `Some(None)` for one that
/// leads out of the graph, `None` behind the last one.
pub(crate) fn components(
    count: usize,
    is_in: impl Fn(u32) -> bool,
    edge: impl Fn(u32, usize) -> Option<Option<u32>>,
) -> Vec<u32> {
    // Of each state, when it was found, from one on; then how early a state it has a way to.
    let mut found = vec![0u32; count];
    let mut low = vec![0u32; count];
    let mut component = vec![NONE; count];
    let mut components = 0;
    let mut time = 0;
    // States that are in no component yet, in the order in which they were found.
    let mut open = Vec::new();
    // The way to where we are: a state, and the edge that is next.
    let mut path: Vec<(u32, usize)> = Vec::new();
    for root in 0..count as u32 {
        if found[root as usize] != 0 || !is_in(root) {
            continue;
        }
        path.push((root, 0));
        while let Some((state, next)) = path.last_mut() {
            let (state, at) = (*state, *state as usize);
            if *next == 0 && found[at] == 0 {
                time += 1;
                (found[at], low[at]) = (time, time);
                open.push(state);
            }
            let to = edge(state, *next);
            *next += 1;
            match to {
                Some(Some(to)) => {
                    let to_at = to as usize;
                    if found[to_at] == 0 {
                        path.push((to, 0));
                    } else if component[to_at] == NONE {
                        low[at] = low[at].min(found[to_at]);
                    }
                }
                Some(None) => {}
                None => {
                    path.pop();
                    if let Some((before, _)) = path.last() {
                        let before = *before as usize;
                        low[before] = low[before].min(low[at]);
                    }
                    if low[at] == found[at] {
                        while let Some(member) = open.pop() {
                            component[member as usize] = components;
                            if member == state {
                                break;
                            }
                        }
                        components += 1;
                    }
                }
            }
        }
    }
    component
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By asking for each pair whether there is a way both ways.
    fn plainly(ways: &[Vec<u32>]) -> Vec<Vec<bool>> {
        let count = ways.len();
        let mut reaches = vec![vec![false; count]; count];
        for (from, to) in ways.iter().enumerate() {
            reaches[from][from] = true;
            to.iter().for_each(|to| reaches[from][*to as usize] = true);
        }
        for between in 0..count {
            for from in 0..count {
                for to in 0..count {
                    reaches[from][to] |= reaches[from][between] && reaches[between][to];
                }
            }
        }
        reaches
    }

    #[test]
    fn states_are_together_if_there_is_a_way_both_ways() {
        let mut random = 1u64;
        let mut next = move |most: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % most
        };
        for _ in 0..500 {
            let count = 1 + next(9);
            let ways: Vec<Vec<u32>> = (0..count)
                .map(|_| (0..next(4)).map(|_| next(count) as u32).collect())
                .collect();
            let found = components(
                count,
                |_| true,
                |state, edge| ways[state as usize].get(edge).map(|to| Some(*to)),
            );
            let reaches = plainly(&ways);
            for a in 0..count {
                for b in 0..count {
                    let together = reaches[a][b] && reaches[b][a];
                    assert_eq!(found[a] == found[b], together, "{ways:?}: {found:?}");
                }
            }
        }
    }

    #[test]
    fn a_long_way_is_no_deep_recursion() {
        const COUNT: usize = 2_000_000;
        let edge = |state: u32, edge| (edge == 0).then(|| Some((state + 1) % COUNT as u32));
        let found = components(COUNT, |_| true, edge);
        assert!(found.iter().all(|component| *component == 0));
        // Without one state it is no ring any more.
        let found = components(
            COUNT,
            |state| state != 7,
            |state, number| edge(state, number).map(|to| to.filter(|to| *to != 7)),
        );
        assert_eq!(found[7], NONE);
        assert_ne!(found[6], found[8]);
    }
}
