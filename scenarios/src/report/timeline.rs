//! What each thread did, moment by moment, and below it each port: its queue, its active threads
//! against its limit, its waiters as the stack that they are.
//!
//! It is drawn twice where that helps: once with the same room for each moment, so that the order
//! can be read, and once with room as time passed. A moment is one thing that a thread did, with all
//! that came of it at once.

mod lanes;
mod ports;
mod ruler;

use super::page::nothing;
use iocp_traces::{
    SeenResult, Trace,
    spans::{Doing, Spans},
};
use maud::{Markup, html};
use ruler::Ruler;

/// A trace, or the part of one that is shown.
#[derive(Clone, PartialEq, Debug)]
pub struct Timeline {
    /// What happened.
    pub spans: Spans,
    /// How many events of the trace are not shown, because there are more than a page bears.
    pub left_out: usize,
}

/// The most events of a timeline.
pub const MOST_EVENTS: usize = 10_000;

/// With more steps than this, there is no drawing by steps beside one by time.
const MOST_STEPS: u32 = 1_000;

/// With more steps than this, the drawing by time comes first.
const FEW_STEPS: u32 = 250;

impl Timeline {
    /// The timeline of a trace; of a longer one than [`MOST_EVENTS`], of its begin.
    pub fn of(trace: &Trace) -> Self {
        let left_out = trace.events.len().saturating_sub(MOST_EVENTS);
        let spans = match left_out {
            0 => Spans::of(trace),
            _ => Spans::of(&Trace {
                header: trace.header.clone(),
                events: trace.events[..MOST_EVENTS].to_vec(),
            }),
        };
        Self { spans, left_out }
    }

    pub(super) fn html(&self, title: &str) -> Markup {
        let spans = &self.spans;
        if spans.threads.is_empty() || spans.end.step == 0 {
            return nothing();
        }
        let steps = spans.end.step - spans.begin.step + 1;
        let by_step = !spans.takes_time() || steps <= MOST_STEPS;
        let mut rulers = Vec::new();
        if by_step {
            rulers.push(Ruler::steps(spans));
        }
        if spans.takes_time() {
            rulers.push(Ruler::time(spans));
        }
        if steps > FEW_STEPS {
            rulers.reverse();
        }
        html! {
            (legend(spans))
            @for (index, ruler) in rulers.iter().enumerate() {
                details open=[(index == 0).then_some("open")] {
                    summary { (ruler.name()) }
                    (view(spans, ruler, title))
                }
            }
            @if spans.recorded {
                p.note {
                    "A recording does not show the inside of the kernel: the queue, the active \
                     threads and the stack of waiters are not in it, and a dequeue counts as \
                     waiting from its begin to its end."
                }
            }
            @if self.left_out > 0 {
                p.note { "These are the first " (MOST_EVENTS) " events; " (self.left_out) " more follow." }
            }
        }
    }
}

/// The rooms of a drawing, from top to bottom.
const HEAD: f64 = 20.0;
const LANE: f64 = 26.0;
/// The width of the names, which stay while the drawing is scrolled.
const NAMES: f64 = 112.0;

/// The names on the left, and the drawing beside them.
fn view(spans: &Spans, ruler: &Ruler, title: &str) -> Markup {
    let shown = lanes::shown(spans);
    let lanes_end = HEAD + LANE * shown.len() as f64;
    let (ports, height) = ports::panels(spans, lanes_end + 8.0);
    let alt = alt(spans, title);
    html! {
        div.timeline {
            svg.fixed width=(NAMES) height=(height) viewBox=(format!("0 0 {NAMES} {height}"))
                aria-hidden="true" {
                @for (lane, index) in shown.iter().enumerate() {
                    (lanes::name(lane, *index, &spans.threads[*index]))
                }
                @for panel in &ports { (panel.names()) }
            }
            div.scrolls tabindex="0" role="region" aria-label=(alt) {
                svg.fixed width=(ruler.width) height=(height) role="img" aria-label=(alt)
                    viewBox=(format!("0 0 {} {height}", ruler.width)) {
                    (ruler.head(spans, height))
                    @for (lane, index) in shown.iter().enumerate() {
                        (lanes::lane(lane, &spans.threads[*index], ruler))
                    }
                    (lanes::flights(spans, &shown, ruler))
                    @for panel in &ports { (panel.drawing(spans, ruler)) }
                }
            }
        }
    }
}

/// The drawing in a sentence or two.
fn alt(spans: &Spans, title: &str) -> String {
    let steps = spans.end.step - spans.begin.step + 1;
    let names: Vec<_> = spans.threads.iter().map(|thread| &*thread.name).collect();
    let mut alt = format!("{title}: what {} did in {steps} moments", names.join(", "));
    for port in &spans.ports {
        let most = |of: fn(&iocp_traces::spans::Sample) -> u32| port.samples.iter().map(of).max();
        if let (Some(depth), Some(active)) =
            (most(|sample| sample.depth), most(|sample| sample.active))
        {
            alt += &format!(
                "; port {}: at most {depth} packets queued, {active} threads active",
                port.name
            );
        }
    }
    alt
}

/// What the colours mean: those that are there.
fn legend(spans: &Spans) -> Markup {
    let all = || spans.threads.iter().flat_map(|thread| &thread.spans);
    let calls = || spans.threads.iter().flat_map(|thread| &thread.calls);
    let got = |result: &SeenResult| !result.packets.is_empty();
    let gets = calls().any(|call| call.result.as_ref().is_some_and(got));
    let marks = spans.threads.iter().any(|thread| !thread.marks.is_empty());
    let used = Doing::ALL.into_iter().filter(|doing| {
        let at_once = *doing == Doing::Calls && calls().next().is_some();
        at_once || all().any(|span| span.doing == *doing)
    });
    html! {
        ul.legend {
            @for doing in used {
                li {
                    svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                        rect class=(class(doing)) x="0" y="0" width="28" height="12" {}
                    }
                    (doing.words())
                }
            }
            @if gets {
                li {
                    svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                        rect.got x="0" y="0" width="28" height="12" {}
                    }
                    "gets a packet, ⇒ with its key"
                }
            }
            @if spans.flights.iter().any(|flight| flight.from.is_some() && flight.to.is_some()) {
                li {
                    svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                        path.flight d="M0 10C12 10 12 4 24 4" {}
                        circle.flight cx="24" cy="4" r="2.5" {}
                    }
                    "the way of a packet"
                }
            }
            @if marks {
                li {
                    svg.sample viewBox="0 0 28 12" aria-hidden="true" {
                        circle.mark cx="14" cy="6" r="2.5" {}
                    }
                    "something that is no call"
                }
            }
        }
    }
}

/// The class of the colour of what a thread does.
fn class(doing: Doing) -> &'static str {
    match doing {
        Doing::Runs => "runs",
        Doing::Computes => "computes",
        Doing::Calls => "calls",
        Doing::Waits => "waits",
        Doing::Blocks => "blocks",
        Doing::Woken => "woken",
        Doing::HeldBack => "held",
    }
}

/// As much of a text as fits, by its usual width; nothing if that would be less than four letters.
/// It loses its middle, since the ends tell names apart.
fn fitting(text: &str, pixels: f64) -> Option<String> {
    const LETTER: f64 = 6.2;
    let fits = (pixels / LETTER) as usize;
    let length = text.chars().count();
    if length <= fits {
        return (length > 0).then(|| text.to_owned());
    }
    let tail = (fits.checked_sub(1).filter(|kept| *kept >= 3)?) / 3;
    let head = text.chars().take(fits - 1 - tail);
    Some(
        head.chain(['…'])
            .chain(text.chars().skip(length - tail))
            .collect(),
    )
}
