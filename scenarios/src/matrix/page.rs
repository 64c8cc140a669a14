//! The matrix for people: one page that needs nothing else, and the pieces of it that the book
//! shows too.
//!
//! Each rule and each mutant is an anchor by its id: `#KQ-02`, `#fifo-waiters`.

use super::{Broken, GAPS, Place, Row, Totals};
use crate::recordings;
use iocp_model::rules::{Confidence, SECTIONS};
use std::{
    collections::BTreeMap,
    fmt::{Result, Write},
};

/// Where links lead: what stands before the `#` of an anchor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Links<'a> {
    /// The page of the rules; empty for the same page.
    pub rules: &'a str,
    /// The page of the mutants.
    pub mutants: &'a str,
}

/// Lists of more are folded.
const MOST_OPEN: usize = 6;

/// The whole page.
pub fn whole(rows: &[Row], mutants: &[Broken]) -> String {
    let mut page = String::new();
    // Writing to a string does not fail.
    let _ = write_whole(&mut page, rows, mutants);
    page
}

/// A rule without its id: what it says, where it is, who would notice.
pub fn rule(row: &Row, links: Links<'_>) -> String {
    let mut card = String::new();
    let _ = write_rule(&mut card, row, links);
    card
}

/// A mutant without its name: what it does, which rules that breaks, who notices.
pub fn mutant(broken: &Broken, links: Links<'_>) -> String {
    let mut card = String::new();
    let _ = write_mutant(&mut card, broken, links);
    card
}

/// Text as HTML, between tags or in a quoted attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

// ------------------------------------------------------------------- the cards

fn write_rule(out: &mut String, row: &Row, links: Links<'_>) -> Result {
    let rule = row.rule;
    writeln!(out, "<div class=\"card\">")?;
    writeln!(out, "<p class=\"says\">{}</p>", escape(rule.says))?;
    if !rule.note.is_empty() {
        writeln!(out, "<p class=\"note\">Note: {}</p>", escape(rule.note))?;
    }
    writeln!(out, "<dl>")?;
    let evidence = rule.confidence.iter().map(|one| {
        let (short, means) = (one.abbreviation(), evidence(*one));
        format!("<abbr title=\"{means}\">{short}</abbr>")
    });
    let evidence: Vec<_> = evidence.collect();
    let sources: Vec<_> = rule.sources.iter().map(|source| escape(source)).collect();
    let from = format!("{}: {}", evidence.join(" "), sources.join("; "));
    entry(out, "from", &from)?;
    entry(out, "holds for", &escape(versions(rule.versions)))?;
    entry(out, "layer", rule.layer.name())?;
    entry(out, "code", &places(row.code))?;
    entry(out, "tests", &places(row.tests))?;
    entry(out, "scenarios", &names(&row.scenarios, "scenarios"))?;
    entry(out, "recordings", &recorded(&row.recordings))?;
    let broken = row.mutants.iter().map(|kill| {
        let name = kill.mutant.name();
        let noticed = match kill.mutant.unobservable() {
            Some(_) => "unobservable".into(),
            None => format!(
                "killed by {}, {} of recordings rejected",
                counted(kill.scenarios.len(), "scenario"),
                kill.share()
            ),
        };
        format!(
            "<li><a href=\"{}#{name}\">{name}</a>: {} <span class=\"noticed\">{noticed}</span></li>",
            links.mutants,
            escape(kill.mutant.says()),
        )
    });
    let broken: String = broken.collect();
    if !broken.is_empty() {
        entry(out, "broken by", &format!("<ul>{broken}</ul>"))?;
    }
    if let Some(why) = row.unbroken {
        entry(out, "not broken", &escape(why))?;
    }
    let gaps = row.gaps();
    if !gaps.is_empty() {
        let gaps = format!("<strong class=\"gap\">{}</strong>", gaps.join(", "));
        entry(out, "lacks", &gaps)?;
    }
    writeln!(out, "</dl>\n</div>")
}

fn write_mutant(out: &mut String, broken: &Broken, links: Links<'_>) -> Result {
    let kill = broken.kill;
    writeln!(out, "<div class=\"card\">")?;
    writeln!(out, "<p class=\"says\">{}</p>", escape(kill.mutant.says()))?;
    writeln!(out, "<dl>")?;
    let breaks = kill.mutant.rules().iter().map(|rule| {
        let (id, says) = (rule.id(), escape(rule.rule().says));
        format!("<a href=\"{}#{id}\" title=\"{says}\">{id}</a>", links.rules)
    });
    entry(out, "breaks", &breaks.collect::<Vec<_>>().join(", "))?;
    entry(out, "code", &places(broken.code))?;
    entry(out, "tests", &places(broken.tests))?;
    if let Some(why) = kill.mutant.unobservable() {
        entry(out, "unobservable", &escape(why))?;
    } else {
        entry(out, "killed by", &names(&kill.scenarios, "scenarios"))?;
        let rejected = format!(
            "{} of {} random recordings in which it mattered ({})",
            kill.rejected,
            kill.recordings,
            kill.share()
        );
        entry(out, "rejected in", &rejected)?;
    }
    let gaps = broken.gaps();
    if !gaps.is_empty() {
        let gaps = format!("<strong class=\"gap\">{}</strong>", gaps.join(", "));
        entry(out, "lacks", &gaps)?;
    }
    writeln!(out, "</dl>\n</div>")
}

/// A line of a card, if there is something in it.
fn entry(out: &mut String, name: &str, html: &str) -> Result {
    if html.is_empty() {
        return Ok(());
    }
    writeln!(out, "<dt>{name}</dt><dd>{html}</dd>")
}

/// Functions by file. Lines are left out: they move with every change.
fn places(places: &[Place]) -> String {
    let mut files: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for place in places {
        let items = files.entry(place.file).or_default();
        if !items.contains(&place.item) {
            items.push(place.item);
        }
    }
    let file = |(file, items): (&&str, &Vec<&str>)| {
        let items: Vec<_> = items
            .iter()
            .filter(|item| !item.is_empty())
            .map(|item| format!("<code>{}</code>", escape(item)))
            .collect();
        let items = items.join(", ");
        format!("<span class=\"file\">{}</span> {items}", escape(file))
    };
    let files: Vec<_> = files.iter().map(file).collect();
    files.join("<br>")
}

/// Names; more than a few are folded.
fn names(names: &[&str], what: &str) -> String {
    let list: Vec<_> = names
        .iter()
        .map(|name| format!("<code>{}</code>", escape(name)))
        .collect();
    folded(list.len(), what, &list.join(", "))
}

/// Recordings: how many of each scenario, by kernel.
fn recorded(recordings: &[&str]) -> String {
    let mut kernels: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for name in recordings {
        let scenarios = kernels.entry(recordings::kernel(name)).or_default();
        *scenarios.entry(recordings::scenario(name)).or_default() += 1;
    }
    let kernel = |(kernel, scenarios): (&&str, &BTreeMap<&str, usize>)| {
        let count: usize = scenarios.values().sum();
        let list: Vec<_> = scenarios
            .iter()
            .map(|(name, count)| format!("{count} of <code>{}</code>", escape(name)))
            .collect();
        let (kernel, list) = (escape(kernel), list.join(", "));
        if scenarios.len() > MOST_OPEN {
            folded(count, &format!("of {kernel}"), &list)
        } else {
            format!("{kernel}: {list}")
        }
    };
    let kernels: Vec<_> = kernels.iter().map(kernel).collect();
    kernels.join("<br>")
}

fn folded(count: usize, what: &str, list: &str) -> String {
    if count > MOST_OPEN {
        format!("<details><summary>{count} {what}</summary>{list}</details>")
    } else {
        list.to_owned()
    }
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

fn versions(versions: &str) -> &str {
    if versions == "all" {
        "all versions"
    } else {
        versions
    }
}

/// What a kind of evidence is.
const fn evidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::Tested => "asserted by a test that runs on real Windows",
        Confidence::Measured => "measured on Windows 11 and published",
        Confidence::Documented => "stated in Microsoft&#39;s documentation",
        Confidence::ReverseEngineered => "read in ReactOS, the behaviour of NT 5.2",
        Confidence::Inferred => "inferred from stronger rules",
        Confidence::Folklore => "said in libraries, blogs, issues",
    }
}

// -------------------------------------------------------------------- the page

const SAME_PAGE: Links<'_> = Links {
    rules: "",
    mutants: "",
};

fn write_whole(out: &mut String, rows: &[Row], mutants: &[Broken]) -> Result {
    let version = env!("CARGO_PKG_VERSION");
    writeln!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>The rules of a completion port</title>\n<style>\n{}{}</style>\n</head>\n<body>\n\
         <header>\n<h1>The rules of a completion port</h1>\n\
         <p>Each rule with its sources, the code that obeys it, the tests that pin it, the \
         scenarios that show it, and the mutants that break it: ports that break a rule on \
         purpose, to see who notices. Made by <code>iocp rules</code>, version {version}.</p>",
        include_str!("../base.css"),
        include_str!("page.css")
    )?;
    writeln!(out, "<p class=\"totals\">{}</p>", Totals::of(rows))?;
    write_filters(out, rows)?;
    writeln!(out, "</header>\n<main>")?;
    for section in &SECTIONS {
        let rows = rows.iter().filter(|row| row.rule.section() == section);
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            continue;
        }
        let (prefix, title) = (section.prefix, escape(section.title));
        writeln!(out, "<section>\n<h2>{prefix}: {title}</h2>")?;
        for row in rows {
            let confidence: Vec<_> = row
                .rule
                .confidence
                .iter()
                .map(|one| one.abbreviation())
                .collect();
            writeln!(
                out,
                "<article id=\"{0}\" data-section=\"{prefix}\" data-from=\"{1}\" data-gaps=\"{2}\">\n\
                 <h3><a href=\"#{0}\">{0}</a></h3>",
                row.rule.id,
                confidence.join(" "),
                row.gaps().join(" ")
            )?;
            write_rule(out, row, SAME_PAGE)?;
            writeln!(out, "</article>")?;
        }
        writeln!(out, "</section>")?;
    }
    if !mutants.is_empty() {
        writeln!(out, "<section>\n<h2 id=\"mutants\">Mutants</h2>")?;
        for broken in mutants {
            let sections: Vec<_> = broken
                .kill
                .mutant
                .rules()
                .iter()
                .map(|rule| rule.rule().section().prefix)
                .collect();
            writeln!(
                out,
                "<article id=\"{0}\" data-section=\"{1}\" data-gaps=\"{2}\">\n\
                 <h3><a href=\"#{0}\">{0}</a></h3>",
                broken.kill.mutant.name(),
                sections.join(" "),
                broken.gaps().join(" ")
            )?;
            write_mutant(out, broken, SAME_PAGE)?;
            writeln!(out, "</article>")?;
        }
        writeln!(out, "</section>")?;
    }
    writeln!(
        out,
        "</main>\n<script>\n{}</script>\n</body>\n</html>",
        include_str!("page.js")
    )
}

/// What the script filters by; without a script they are not shown.
fn write_filters(out: &mut String, rows: &[Row]) -> Result {
    writeln!(
        out,
        "<form id=\"filters\" hidden>\n<label>Words <input type=\"search\" name=\"words\"></label>"
    )?;
    let sections = SECTIONS
        .iter()
        .filter(|section| rows.iter().any(|row| row.rule.section() == *section));
    let sections = sections.map(|section| {
        let says = format!("{}: {}", section.prefix, section.title);
        (section.prefix, says)
    });
    choice(out, "Section", "section", sections)?;
    let evidence = Confidence::ALL.iter().map(|one| {
        let short = one.abbreviation();
        (short, short.to_owned())
    });
    choice(out, "Evidence", "from", evidence)?;
    let gaps = ["any"].into_iter().chain(GAPS).chain(["rejection"]);
    choice(out, "Lacks", "gaps", gaps.map(|gap| (gap, gap.to_owned())))?;
    writeln!(out, "<output></output>\n</form>")
}

fn choice<'a>(
    out: &mut String,
    label: &str,
    name: &str,
    options: impl Iterator<Item = (&'a str, String)>,
) -> Result {
    write!(
        out,
        "<label>{label} <select name=\"{name}\"><option value=\"\">all</option>"
    )?;
    for (value, says) in options {
        write!(
            out,
            "<option value=\"{}\">{}</option>",
            escape(value),
            escape(&says)
        )?;
    }
    writeln!(out, "</select></label>")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_stays_text() {
        let text = "<a href=\"x\">'&'</a>";
        let html = "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;";
        assert_eq!(escape(text), html);
    }

    /// Every link to an anchor of the page leads to one, and nothing is loaded from elsewhere.
    #[test]
    fn the_page_is_whole() {
        let mutants: Vec<_> = super::super::mutants().collect();
        let page = whole(&super::super::rows(), &mutants);
        for link in page.split("href=\"#").skip(1) {
            let (anchor, _) = link.split_once('"').unwrap_or_default();
            assert!(page.contains(&format!(" id=\"{anchor}\"")), "#{anchor}");
        }
        for outside in ["src=", "http://", "https://", "@import", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
    }
}
