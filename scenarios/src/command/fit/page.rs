//! What was fitted, as a page with pictures.

use super::{compared, simulated};
use crate::{
    fit::{Fit, Placed, compare::Comparison, compare::REPLICATIONS, time},
    report::{Axis, Curve, Listing, Made, Page, Percentiles, Point, Section, Table, Unit},
};
use iocp_model::Profile;
use iocp_scheduler::Law;
use std::collections::BTreeSet;

/// The page; with the comparison, if there is one, the kernel that was simulated.
pub(super) fn page(
    fitted: &Fit,
    comparison: Option<&(Comparison, Profile)>,
    command: String,
) -> Page {
    let model = &fitted.model;
    let title = format!("What fits {}", model.scenario);
    let mut page = Page::new(title, Made::new(command, None));
    let mut about = model.about();
    if comparison.is_none() {
        about.push("`--compare` simulates it and compares it with the recording.".into());
    }
    page.add(Section::text("In short", about));
    page.add(recordings(fitted));
    if let Some((comparison, profile)) = comparison {
        page.add(table(fitted, comparison, *profile));
    }
    let laws = model.laws();
    page.add(goodness(&laws));
    for law in &laws {
        page.add(pictured(law));
    }
    page.add(tried(&laws));
    let says = "To simulate it, put it into a file: `--out FILE` does.";
    page.add(Section::figure("The scenario", Listing::new(&*fitted.text)).says(says));
    page
}

fn recordings(fitted: &Fit) -> Section {
    let heads = [
        "requests",
        "in",
        "throughput",
        "latency, mean",
        "p50",
        "p99",
    ];
    let mut table = Table::new(["recording"].into_iter().chain(heads));
    for (at, one) in fitted.model.recordings.iter().enumerate() {
        let seconds = |seconds: f64| time(seconds * 1e9);
        table.row([
            (at + 1).to_string(),
            one.requests.to_string(),
            seconds(one.seconds),
            format!("{:.1}/s", one.throughput),
            seconds(one.latency_mean),
            seconds(one.latency_p50),
            seconds(one.latency_p99),
        ]);
    }
    Section::figure("What was recorded", table)
}

/// Recorded beside simulated.
fn table(fitted: &Fit, comparison: &Comparison, profile: Profile) -> Section {
    let mut table = Table::new(["", "recorded", "simulated", "error", "each time"]);
    for (name, pair, show) in compared(comparison) {
        table.row([
            name.to_owned(),
            show(pair.recorded),
            show(pair.simulated),
            format!("{:+.1} %", pair.error() * 100.0),
            format!("{} to {}", show(pair.least), show(pair.greatest)),
        ]);
    }
    Section::figure("How the simulation compares", table).says(format!(
        "{}, each time with another seed, from 0 to {}.",
        simulated(fitted, profile),
        REPLICATIONS - 1
    ))
}

/// Each law in a line.
fn goodness(laws: &[Placed<'_>]) -> Section {
    let heads = ["law", "values", "mean", "variation²", "distance", "p"];
    let mut table = Table::new(["of"].into_iter().chain(heads));
    for Placed { of, fitted, .. } in laws {
        let of_values = |known: Option<String>| known.unwrap_or("–".into());
        table.row([
            of.clone(),
            fitted.law.to_string(),
            fitted.values.to_string(),
            time(fitted.mean * 1e9),
            format!("{:.3}", fitted.scv),
            of_values(fitted.distance.map(|distance| format!("{distance:.4}"))),
            of_values(fitted.p.map(probability)),
        ]);
    }
    Section::figure("How well they fit", table).says(
        "The distance is that of Kolmogorov and Smirnov between the values and the law, or the best law \
         by BIC where none was taken; p is the probability of one as great by chance. variation² is the \
         squared coefficient of variation.",
    )
}

fn probability(p: f64) -> String {
    match p < 0.001 {
        true => "<0.001".into(),
        false => format!("{p:.3}"),
    }
}

/// What was measured, and the law beside it.
fn pictured(placed: &Placed<'_>) -> Section {
    let fitted = placed.fitted;
    let measured = fitted.measured.iter();
    let measured = measured.map(|(share, ns)| Point::new(*share, *ns as f64 / 1e9));
    // At the very ends a law has no values, or any.
    let least = 0.5 / fitted.values.max(1) as f64;
    let curve = |name: String, law: &Law| {
        let law = in_order(law);
        let shares = fitted.measured.iter().map(|(share, _)| *share);
        let value = |share: f64| law.sample(share.max(least)) as f64 / 1e9;
        Curve::new(name, shares.map(|share| Point::new(share, value(share))))
    };
    let mut curves = vec![
        Curve::new("measured", measured),
        curve(fitted.law.to_string(), &fitted.law),
    ];
    if let Some(law) = &fitted.rejected {
        curves.push(curve(format!("rejected: {law}"), law));
    }
    let figure = Percentiles {
        y: Axis::new("time", Unit::Seconds),
        curves,
        threshold: None,
    };
    let mut section = Section::figure(&*placed.of, figure);
    section.text.clone_from(&placed.says);
    section
}

/// The law with its values by their size, so that shares can be read off it.
fn in_order(law: &Law) -> Law {
    match law {
        Law::Sequence(values) => {
            let mut values = values.to_vec();
            values.sort_unstable();
            Law::Empirical(values.into())
        }
        law => law.clone(),
    }
}

/// The kinds of laws that were tried, and how much worse than the best each is.
fn tried(laws: &[Placed<'_>]) -> Section {
    let kinds = laws.iter().flat_map(|law| &law.fitted.tried);
    let kinds: BTreeSet<_> = kinds.map(|tried| tried.law).collect();
    let mut table = Table::new(["of"].into_iter().chain(kinds.iter().copied()));
    for Placed { of, fitted, .. } in laws.iter().filter(|law| !law.fitted.tried.is_empty()) {
        let cells = kinds.iter().map(|kind| {
            let tried = fitted.tried.iter().find(|tried| tried.law == *kind);
            tried.map_or("–".to_owned(), |tried| {
                format!("{:.0}", tried.bic_above_best)
            })
        });
        table.row([of.clone()].into_iter().chain(cells));
    }
    Section::figure("What was tried", table)
        .says("By how much the BIC of each kind of law is above that of the best, which has 0.")
}
