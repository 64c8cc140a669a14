//! Every rule can be broken, and somebody notices.

#![allow(clippy::unwrap_used)]

use iocp_model::{Kernel, Mutant, Mutants};
use iocp_scenarios::experiment;

fn broken(mutant: Mutant) -> Kernel {
    Kernel {
        mutants: Mutants::from_iter([mutant]),
        ..Kernel::default()
    }
}

/// What the catalogue's file of kills says is what its scenarios do.
#[test]
fn every_mutant_is_killed_by_a_scenario() {
    for mutant in Mutant::all() {
        let names: Vec<_> = experiment::find(broken(mutant), Kernel::default()).collect();
        println!("{}: {}", mutant.name(), names.join(" "));
        assert!(!names.is_empty() || mutant.unobservable().is_some());
    }
}
