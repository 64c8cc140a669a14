//! The threads: a lane each, coloured by what they do, with their calls and where packets went.

use super::{HEAD, LANE, NAMES, class, fitting, ruler::Ruler};
use crate::report::chart::{colour, pixel};
use iocp_traces::{
    columns::short_name,
    spans::{Call, Doing, Place, Span, Spans, Thread},
};
use maud::{Markup, html};

/// More arrows than this would hide what is below them.
const MOST_FLIGHTS: usize = 150;

fn top(lane: usize) -> f64 {
    HEAD + LANE * lane as f64
}

/// The threads that have a lane, by their places. A trace that is a part of a longer one has threads
/// that wait at a port all the time; they are in the port's stack.
pub(super) fn shown(spans: &Spans) -> Vec<usize> {
    let only_waits = |thread: &Thread| {
        let spans = &thread.spans[..];
        let waits = matches!(spans, [one] if one.doing == Doing::Waits);
        waits && thread.calls.is_empty() && thread.marks.is_empty()
    };
    let threads = spans.threads.iter().enumerate();
    let shown = threads.filter(|(_, thread)| !only_waits(thread));
    shown.map(|(index, _)| index).collect()
}

/// The name of a thread, with its colour in the stacks.
pub(super) fn name(lane: usize, index: usize, thread: &Thread) -> Markup {
    let y = top(lane);
    let says = fitting(&thread.name, NAMES - 16.0).unwrap_or_default();
    html! {
        rect class=(format!("part {}", colour(index))) x="0" y=(y + 4.0) width="6" height=(LANE - 8.0) {}
        text x="11" y=(y + 17.0) { (says) title { (thread.name) } }
    }
}

pub(super) fn lane(lane: usize, thread: &Thread, ruler: &Ruler) -> Markup {
    let y = top(lane) + 4.0;
    html! {
        line.grid x1="0" x2=(ruler.width) y1=(y + LANE / 2.0 - 4.0) y2=(y + LANE / 2.0 - 4.0) {}
        @for span in &thread.spans { (stretch(span, &thread.name, y, ruler)) }
        @for call in &thread.calls { (instant(call, &thread.name, y, ruler)) }
        @for (at, words) in &thread.marks {
            @let middle = ruler.instant() / 2.0;
            circle.mark cx=(pixel(ruler.at(*at) + middle)) cy=(y + 9.0) r="2.5" {
                title { (thread.name) ": " (words) ", " (ruler.words(*at, *at)) }
            }
        }
    }
}

/// What a thread did for a while.
fn stretch(span: &Span, thread: &str, y: f64, ruler: &Ruler) -> Markup {
    let (from, to) = (ruler.at(span.from), ruler.until(span.to));
    let width = pixel(to - from);
    if width <= 0.0 {
        return html! {};
    }
    let text = match span.doing {
        Doing::Computes => span.words.as_str(),
        Doing::Waits => "waits",
        Doing::Blocks => "blocked",
        Doing::HeldBack => span.words.as_str(),
        Doing::Calls => short_name(span.words.split('(').next().unwrap_or_default()),
        Doing::Runs | Doing::Woken => "",
    };
    html! {
        rect class=(class(span.doing)) x=(from) y=(y) width=(width) height=(LANE - 8.0) {
            title {
                (thread) " " (span.doing.words())
                @if !span.words.is_empty() { ": " (span.words) }
                ", " (ruler.words(span.from, span.to))
            }
        }
        @if let Some(text) = fitting(text, width - 6.0) {
            text class=(format!("in {}", class(span.doing))) x=(pixel(from + 4.0)) y=(y + 13.0) { (text) }
        }
    }
}

/// The ends of a call: where it began and ended at once, and where it got packets.
fn instant(call: &Call, thread: &str, y: f64, ruler: &Ruler) -> Markup {
    let room = ruler.instant();
    let keys = call.result.iter().flat_map(|result| &result.packets);
    let keys: Vec<_> = keys.map(|packet| packet.key.to_string()).collect();
    let keys = keys.join(" ");
    let came_to = call
        .result
        .as_ref()
        .map_or("never returns", |result| result.word());
    let at_once = call
        .to
        .filter(|to| ruler.at(*to) - ruler.at(call.from) < 1.0);
    let title = |to| {
        html! {
            title {
                (thread) ": " (call.name) "(" (call.with) ") → " (came_to)
                @if !keys.is_empty() { ", key " (keys) }
                ", " (ruler.words(call.from, to))
            }
        }
    };
    html! {
        @if let Some(to) = at_once {
            @let from = ruler.at(call.from);
            rect.calls x=(from) y=(y) width=(room) height=(LANE - 8.0) { (title(to)) }
            @if let Some(text) = fitting(short_name(&call.name), room - 2.0).filter(|_| keys.is_empty()) {
                text.in.calls x=(pixel(from + 2.0)) y=(y + 13.0) { (text) }
            }
        }
        @if let Some(to) = call.to.filter(|_| !keys.is_empty()) {
            @let at = ruler.at(to);
            @let text = fitting(&format!("⇒{keys}"), room - 2.0);
            @if let Some(text) = text {
                rect.got x=(at) y=(y) width=(room) height=(LANE - 8.0) { (title(to)) }
                text.in.got x=(pixel(at + 2.0)) y=(y + 13.0) { (text) }
            } @else {
                path.got d=(format!("M{at} {y}l6 0l-6 9Z")) { (title(to)) }
            }
        }
    }
}

/// From the post of each packet to the thread that got it.
pub(super) fn flights(spans: &Spans, shown: &[usize], ruler: &Ruler) -> Markup {
    let flights = spans.flights.iter();
    let flights = flights.filter_map(|flight| Some((flight, flight.from?, flight.to?)));
    if flights.clone().count() > MOST_FLIGHTS {
        return html! {};
    }
    let middle = (ruler.instant() / 2.0).max(0.0);
    // From edge to edge of the lanes: what they say stays readable.
    let place = |place: Place, other: Place| {
        let edge = if place.thread < other.thread {
            LANE - 4.0
        } else {
            4.0
        };
        let lane = shown.binary_search(&(place.thread as usize));
        let y = top(lane.unwrap_or(0)) + edge;
        (pixel(ruler.at(place.at) + middle), y)
    };
    html! {
        @for (flight, from, to) in flights {
            @let (x1, y1) = place(from, to);
            @let (x2, y2) = place(to, from);
            @if from.thread != to.thread {
                path.flight d=(format!(
                    "M{x1} {y1}C{x1} {y2} {x2} {y1} {x2} {y2}"
                )) {
                    title {
                        "key " (flight.key) " from " (spans.threads[from.thread as usize].name)
                        " to " (spans.threads[to.thread as usize].name)
                    }
                }
                circle.flight cx=(x2) cy=(y2) r="3" {}
            }
        }
    }
}
