//! Which reduction is sound for which kind of property.
//!
//! The table is what the book shows. Where it says that a reduction is refused, the search refuses
//! it by itself, with a sentence; a test holds all combinations against the search without any.

use std::fmt::Write;

/// A kind of property, and what each reduction does to it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Soundness {
    /// The kind of property.
    pub property: &'static str,
    /// Why leaving out other orders of light steps is sound, or what is done.
    pub partial_order: &'static str,
    /// Why exchanging like threads is sound, or what is done.
    pub symmetry: &'static str,
    /// Why making packets alike is sound, or what is done.
    pub packets: &'static str,
}

/// The table.
pub const SOUNDNESS: &[Soundness] = &[
    Soundness {
        property: "Invariants of the model",
        partial_order: "sound: a light step does not touch the kernel's side",
        symmetry: "sound: no invariant names a thread",
        packets: "sound: no invariant looks at a key",
    },
    Soundness {
        property: "Deadlock, and facts about the end",
        partial_order: "sound: every end is reached",
        symmetry: "sound: a thread that is named is like no other",
        packets: "refused if packets are named by their keys",
    },
    Soundness {
        property: "Facts that always hold, bounds on active threads and on the depth",
        partial_order: "sound: a step that changes what they look at is not light",
        symmetry: "sound: a thread that is named is like no other",
        packets: "refused if they look at a set of marked packets",
    },
    Soundness {
        property: "No packet lost or delivered twice",
        partial_order: "sound: every packet that is marked in one order is marked in all",
        symmetry: "sound: a set of marked packets does not say by whom",
        packets: "sound where they are counted: those marked are all that were posted, each under its own key; else refused",
    },
    Soundness {
        property: "A bound that counts steps (`most_wait`, `--most-depth`)",
        partial_order: "refused: steps of others that it puts last would not be counted",
        symmetry: "sound: a schedule and its image are equally long",
        packets: "sound: the same schedules",
    },
    Soundness {
        property: "What must come (`eventually`, under weak fairness)",
        partial_order: "refused: searched without",
        symmetry: "refused: a thread that is fair to its image need not be fair to itself",
        packets: "refused: searched without",
    },
    Soundness {
        property: "The shortest counterexample",
        partial_order: "not kept: it is searched again without",
        symmetry: "sound: a schedule and its image are equally long and break the same",
        packets: "searched again without",
    },
];

/// The table in Markdown.
pub fn table() -> String {
    let mut table =
        "| property | partial order | symmetry | packets |\n|---|---|---|---|\n".to_owned();
    for row in SOUNDNESS {
        // Writing to a string does not fail.
        let _ = writeln!(
            table,
            "| {} | {} | {} | {} |",
            row.property, row.partial_order, row.symmetry, row.packets
        );
    }
    table
}
