//! Numbers that stand for actions on a system: each applies or changes nothing, and whatever
//! happened, all invariants hold.
//!
//! The first byte chooses the profile, the second how many posted packets memory is left for. Then
//! ten bytes, little-endian, stand for an action, as [`generate::action`] has it.

use crate::actions::Checked;
use iocp_model::Profile;
use iocp_scenarios::generate::{self, Stroke};

/// The most actions of one input.
const MOST_ACTIONS: usize = 200;

/// Applies the actions that the bytes stand for.
pub fn run(bytes: &[u8]) {
    let &[profile, memory, ref rest @ ..] = bytes else {
        return;
    };
    let profile = Profile::ALL[usize::from(profile) % Profile::ALL.len()];
    let mut system = generate::lab(profile.semantics);
    system.limit_post_memory(memory.checked_sub(1).map(|packets| u32::from(packets % 4)));
    let mut checked = Checked::new(system);
    for numbers in rest.chunks_exact(10).take(MOST_ACTIONS) {
        let number = |at: usize| u16::from_le_bytes([numbers[at], numbers[at + 1]]);
        let stroke = Stroke {
            kind: number(0),
            numbers: [number(2), number(4), number(6), number(8)],
            inner: Vec::new(),
        };
        let action = generate::action(checked.system(), &stroke);
        // What is refused has changed nothing: that was checked.
        let _ = checked.apply(action, &mut ());
    }
}

/// Random actions.
pub fn seeds() -> Vec<(String, Vec<u8>)> {
    super::random_seeds(14, 602)
}
