//! Every law of a model, with what it is the law of.

use super::{
    model::{Model, Path, Phase, Workers},
    sample::Fitted,
    text,
};

/// A law in its place.
#[derive(Clone, PartialEq, Debug)]
pub struct Placed<'m> {
    /// What it is the law of, in a few words: "worker: computing, 2 of 3".
    pub of: String,
    /// The law, and how well it fits.
    pub fitted: &'m Fitted,
    /// The same in sentences.
    pub says: Vec<String>,
}

impl Model {
    /// What it is fitted from, in sentences.
    pub fn about(&self) -> Vec<String> {
        text::head(self)
    }

    /// Its laws, in the order of the scenario.
    pub fn laws(&self) -> Vec<Placed<'_>> {
        let arrivals = self.arrivals.iter().map(|arrivals| Placed {
            of: match self.arrivals.len() {
                1 => format!("Gaps between requests to {}", arrivals.port),
                _ => format!(
                    "Gaps between requests to {}, key {}",
                    arrivals.port, arrivals.key
                ),
            },
            fitted: &arrivals.gaps.fitted,
            says: text::of_arrivals(arrivals),
        });
        let clients = self.clients.iter().filter_map(|clients| {
            Some(Placed {
                of: format!("{}: from a reply to the next request", clients.name),
                fitted: clients.think.as_ref()?,
                says: text::of_clients(clients),
            })
        });
        let workers = self.workers.iter().flat_map(|workers| {
            let paths = workers.paths.iter();
            paths.flat_map(move |path| of_path(workers, path))
        });
        arrivals.chain(clients).chain(workers).collect()
    }
}

fn of_path<'m>(workers: &'m Workers, path: &'m Path) -> Vec<Placed<'m>> {
    let name = match workers.paths.len() {
        1 => workers.name.clone(),
        _ => format!("{}, key {}", workers.name, path.key),
    };
    let law = |phase: &'m Phase| match phase {
        Phase::Computes { fitted } => Some(("computing".to_owned(), fitted)),
        Phase::Blocks { on, fitted } if on == "Sleep" => Some(("asleep".to_owned(), fitted)),
        Phase::Blocks { on, fitted } => Some((format!("blocked on {on}"), fitted)),
        _ => None,
    };
    let laws = path
        .phases
        .iter()
        .filter_map(|phase| Some((phase, law(phase)?)));
    let all = laws.clone().count();
    laws.enumerate()
        .map(|(at, (phase, (does, fitted)))| Placed {
            of: match all {
                1 => format!("{name}: {does}"),
                _ => format!("{name}: {does}, {} of {all}", at + 1),
            },
            fitted,
            says: text::of_phase(path, phase).into_iter().collect(),
        })
        .collect()
}
