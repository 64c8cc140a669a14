//! All schedules of a program.
#![allow(dead_code)]
pub mod history;
mod layout;
mod memo;
mod parts;
mod search;
mod table;

use crate::{program::Program, state::{State, StepError}};
use history::{History, Situation};
use iocp_model::Kernel;

struct NoJudge;
impl memo::Judge for NoJudge {
    fn breach(&self, s: &Situation, probe: &mut memo::Probe<'_>) -> Option<String> {
        if probe.asked_the_system() { iocp_model::invariants::check(&s.state.system).err().map(|v| v.to_string()) } else { None }
    }
    fn end(&self, _: &Situation) -> Vec<String> { Vec::new() }
}
/// Tries.
pub fn count(program: &Program, kernel: Kernel, threads: usize, digest: bool) -> Result<(), StepError> {
    let state = State::initial(program, kernel.semantics())?;
    let _ = History::new(program, kernel.profile.name);
    let first = Situation { state, history: History::default() };
    let judge = NoJudge;
    let start = std::time::Instant::now();
    let mut search = search::Search::new(program, &judge, first, threads, digest);
    while search.level(&|_| true)? == search::Level::Done {}
    println!("{:?} depth {} breaches {} in {:?}; {:.2} M/s visited {} MB memory {} MB", search.counted(), search.depth, search.breaches.len(), start.elapsed(), search.counted().states as f64/start.elapsed().as_secs_f64()/1e6, search.visited_memory()>>20, search.memory()>>20);
    search.report();
    Ok(())
}
