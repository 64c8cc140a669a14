//! The page around the figures: headings, text, what made each figure, the style sheet.

use super::{Figure, Made, Page, Section};
use maud::{Markup, PreEscaped, html};

/// The colours and the text of all pages that iocp makes.
const BASE: &str = include_str!("../base.css");
/// What the figures look like.
const FIGURES: &str = include_str!("figures.css");

pub(super) fn html(page: &Page) -> String {
    let version = env!("CARGO_PKG_VERSION");
    let body = html! {
        header {
            h1 { (page.title) }
            @if !page.lead.is_empty() { p { (rich(&page.lead)) } }
            p.made { "Made by iocp " (version) ": " (made(&page.made)) }
            @if page.sections.len() > 3 {
                nav aria-label="sections" { ul {
                    @for (index, section) in page.sections.iter().enumerate() {
                        li { a href=(format!("#s{index}")) { (section.title) } }
                    }
                } }
            }
        }
        main {
            @for (index, part) in page.sections.iter().enumerate() {
                (section(index, part, &page.made))
            }
        }
    };
    // Elements without an end tag would not be well-formed XML.
    let head = html! {
        title { (page.title) }
        style { (PreEscaped("\n")) (PreEscaped(BASE)) (PreEscaped(FIGURES)) }
    };
    let page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n\
         <meta charset=\"utf-8\"/>\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <meta name=\"color-scheme\" content=\"light dark\"/>\n{}\n</head>\n<body>\n{}\n</body>\n</html>\n",
        head.into_string(),
        body.into_string()
    );
    // Characters that have no place in any page, even escaped.
    let nowhere = |c: char| match c {
        '\n' | '\t' => false,
        '\u{fffe}' | '\u{ffff}' => true,
        c => c.is_control(),
    };
    match page.contains(nowhere) {
        true => page.replace(nowhere, "\u{fffd}"),
        false => page,
    }
}

fn section(index: usize, section: &Section, page: &Made) -> Markup {
    let title = section.title.as_str();
    let figure = match &section.figure {
        Figure::None => None,
        Figure::Table(table) => Some(table.html()),
        Figure::Lines(lines) => Some(lines.html(title)),
        Figure::HeatMap(map) => Some(map.html()),
        Figure::Percentiles(percentiles) => Some(percentiles.html(title)),
        Figure::Bars(bars) => Some(bars.html(title)),
        Figure::Listing(listing) => Some(listing.html(title)),
        Figure::Timeline(timeline) => Some(timeline.html(title)),
    };
    html! {
        section id=(format!("s{index}")) class=[section.warns.then_some("warns")] {
            h2 { (section.title) }
            (text(&section.text))
            @if let Some(figure) = figure {
                figure {
                    (figure)
                    figcaption.made { (made(section.made.as_ref().unwrap_or(page))) }
                }
            }
        }
    }
}

/// What made it, in a line.
fn made(made: &Made) -> Markup {
    html! {
        @if let Some(seed) = made.seed { "Seed " (seed) ". " }
        code { (made.command) }
    }
}

/// Paragraphs, and lists of those that begin with "- ".
fn text(paragraphs: &[String]) -> Markup {
    let item = |paragraph: &String| paragraph.starts_with("- ");
    let blocks = paragraphs.chunk_by(|one, next| item(one) && item(next));
    html! {
        @for block in blocks {
            @if item(&block[0]) {
                ul { @for line in block { li { (rich(&line[2..])) } } }
            } @else {
                p { (rich(&block[0])) }
            }
        }
    }
}

/// Text with `code` and **what is important**.
pub(super) fn rich(text: &str) -> Markup {
    let pairs = |mark: &str| text.matches(mark).count().is_multiple_of(2);
    if !pairs("`") || !pairs("**") {
        return html! { (text) };
    }
    html! {
        @for (index, piece) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (piece) } } @else { (strong(piece)) }
        }
    }
}

fn strong(text: &str) -> Markup {
    if text.matches("**").count() % 2 == 1 {
        return html! { (text) };
    }
    html! {
        @for (index, piece) in text.split("**").enumerate() {
            @if index % 2 == 1 { strong { (piece) } } @else { (piece) }
        }
    }
}

/// What stands in the place of a figure without data.
pub(super) fn nothing() -> Markup {
    html! { p.note { "There is nothing to show." } }
}
