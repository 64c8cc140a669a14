//! A port: the depth of its queue, its active threads against its limit, its stack of waiters.

use super::{NAMES, fitting, ruler::Ruler};
use crate::report::chart::{colour, pixel};
use iocp_traces::spans::{Moment, Port, Sample, Spans};
use maud::{Markup, html};

/// A port's part of the drawing.
pub(super) struct Panel<'a> {
    port: &'a Port,
    top: f64,
    most_depth: u32,
    most_active: u32,
    /// How many places of the stack are drawn.
    places: usize,
    deepest: usize,
}

const TITLE: f64 = 22.0;
const CURVE: f64 = 40.0;
const GAP: f64 = 8.0;
const PLACE: f64 = 16.0;

/// The places of a stack that are drawn, from the top.
const MOST_PLACES: usize = 12;

/// The panels of the ports of which anything is known, and the height of the whole drawing.
pub(super) fn panels(spans: &Spans, mut top: f64) -> (Vec<Panel<'_>>, f64) {
    let known = spans.ports.iter().filter(|port| !port.samples.is_empty());
    let panel = |port| {
        let panel = Panel::new(port, top);
        top += panel.height();
        panel
    };
    let panels: Vec<_> = known.map(panel).collect();
    (panels, top)
}

impl<'a> Panel<'a> {
    fn new(port: &'a Port, top: f64) -> Self {
        let most = |of: fn(&Sample) -> u32| port.samples.iter().map(of).max().unwrap_or(0);
        let deepest = most(|sample| sample.waiters.len() as u32) as usize;
        Self {
            port,
            top,
            most_depth: most(|sample| sample.depth),
            most_active: most(|sample| sample.active.max(sample.limit.min(2 * sample.active + 1)))
                .max(1),
            places: deepest.min(MOST_PLACES),
            deepest,
        }
    }

    fn height(&self) -> f64 {
        TITLE + 2.0 * (CURVE + GAP) + self.places as f64 * PLACE + GAP
    }

    /// Where the curve of the depth, that of the active threads, and the stack begin.
    fn tops(&self) -> [f64; 3] {
        let first = self.top + TITLE;
        [first, first + CURVE + GAP, first + 2.0 * (CURVE + GAP)]
    }

    pub(super) fn names(&self) -> Markup {
        let [depth, active, stack] = self.tops();
        let last = self.port.samples.last();
        let limit = last.map_or(0, |sample| sample.limit);
        let row = |y: f64, name: &str, says: &str| {
            html! {
                text x="0" y=(y + 16.0) { (name) }
                text.tick x="0" y=(y + 31.0) { (says) }
            }
        };
        html! {
            text.strong x="0" y=(self.top + 15.0) {
                (fitting(&format!("port {}", self.port.name), NAMES - 6.0).unwrap_or_default())
            }
            (row(depth, "queue", &format!("up to {}", self.most_depth)))
            (row(active, "active", &format!("limit {limit}")))
            @if self.places > 0 {
                text x="0" y=(stack + 12.0) { "waiters" }
                @if self.places > 1 { text.tick x="0" y=(stack + 27.0) { "top first" } }
                @if self.deepest > self.places {
                    text.tick x="0" y=(stack + 42.0) { "top " (self.places) " of " (self.deepest) }
                }
            }
        }
    }

    pub(super) fn drawing(&self, spans: &Spans, ruler: &Ruler) -> Markup {
        let [depth, active, stack] = self.tops();
        let end = ruler.until(spans.end);
        let stretches = self.stretches(spans.end);
        let scale = |top: f64, most: u32| {
            move |value: u32| {
                let part = f64::from(value) / f64::from(most);
                pixel(top + CURVE * (1.0 - part.min(1.0)))
            }
        };
        let to_depth = scale(depth, self.most_depth.max(1));
        let to_active = scale(active, self.most_active);
        html! {
            line.grid x1="0" x2=(ruler.width) y1=(self.top + 1.0) y2=(self.top + 1.0) {}
            line.frame x1="0" x2=(end) y1=(depth + CURVE) y2=(depth + CURVE) {}
            line.frame x1="0" x2=(end) y1=(active + CURVE) y2=(active + CURVE) {}
            @for (sample, from, to) in &stretches {
                @let x = ruler.at(*from);
                @let width = pixel(ruler.until(*to) - x);
                @if width > 0.0 {
                    @if sample.depth > 0 {
                        rect.depth x=(x) width=(width) y=(to_depth(sample.depth))
                            height=(pixel(depth + CURVE - to_depth(sample.depth))) {
                            title {
                                (sample.depth) " queued in " (self.port.name) ", "
                                (ruler.words(*from, *to))
                            }
                        }
                    }
                    @let within = sample.active.min(sample.limit);
                    @if within > 0 {
                        rect.active x=(x) width=(width) y=(to_active(within))
                            height=(pixel(active + CURVE - to_active(within))) {
                            title {
                                (sample.active) " of " (sample.limit) " active, "
                                (ruler.words(*from, *to))
                            }
                        }
                    }
                    @if sample.active > sample.limit {
                        rect.above x=(x) width=(width) y=(to_active(sample.active))
                            height=(pixel(to_active(sample.limit) - to_active(sample.active))) {
                            title {
                                (sample.active) " of " (sample.limit) " active: above the limit, "
                                (ruler.words(*from, *to))
                            }
                        }
                    }
                    @if sample.limit <= self.most_active {
                        line.threshold x1=(x) x2=(pixel(x + width)) y1=(to_active(sample.limit))
                            y2=(to_active(sample.limit)) {}
                    }
                }
            }
            @for place in 0..self.places {
                (self.place(place, stack + PLACE * place as f64, spans, ruler, &stretches))
            }
        }
    }

    /// Each sample with the moments between which it held.
    fn stretches(&self, end: Moment) -> Vec<(&'a Sample, Moment, Moment)> {
        let samples = &self.port.samples;
        let ends = samples.iter().skip(1).map(|sample| sample.at);
        samples
            .iter()
            .zip(ends.chain([end]))
            .map(|(sample, to)| (sample, sample.at, to))
            .collect()
    }

    /// One place of the stack, counted from the top: who was in it from when to when.
    fn place(
        &self,
        place: usize,
        y: f64,
        spans: &Spans,
        ruler: &Ruler,
        stretches: &[(&Sample, Moment, Moment)],
    ) -> Markup {
        let holder = |sample: &Sample| sample.waiters.iter().rev().nth(place).copied();
        let same = stretches.chunk_by(|one, next| holder(one.0) == holder(next.0));
        html! {
            @for chunk in same {
                @let (from, to) = (chunk[0].1, chunk[chunk.len() - 1].2);
                @let x = ruler.at(from);
                @let width = pixel(ruler.until(to) - x);
                @if let Some(thread) = holder(chunk[0].0).filter(|_| width > 0.0) {
                    @let name = &spans.threads[thread as usize].name;
                    rect class=(format!("waiter {}", colour(thread as usize))) x=(x) y=(y)
                        width=(width) height=(PLACE - 2.0) {
                        title {
                            (name) " waits on " (self.port.name)
                            @if place == 0 { ", at the top of the stack, " }
                            @else { ", " (place) " below the top, " }
                            (ruler.words(from, to))
                        }
                    }
                    @if let Some(text) = fitting(name, width - 6.0) {
                        text.small x=(pixel(x + 3.0)) y=(y + 11.0) { (text) }
                    }
                }
            }
        }
    }
}
