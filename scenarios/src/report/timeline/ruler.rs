//! From moments to pixels: the same room for each, or room as time passed.

use super::HEAD;
use crate::report::{
    Unit,
    axis::{Axis, Scale},
    chart::pixel,
};
use iocp_traces::spans::{Moment, Spans};
use maud::{Markup, html};

pub(super) struct Ruler {
    /// The width of the drawing.
    pub(super) width: f64,
    begin: Moment,
    end: Moment,
    kind: Kind,
}

enum Kind {
    /// The room of a step.
    Steps(f64),
    Time(Scale),
}

/// Room at the right end, for what happens in the last moment.
const RIGHT: f64 = 60.0;

impl Ruler {
    pub(super) fn steps(spans: &Spans) -> Self {
        let steps = f64::from(spans.end.step - spans.begin.step + 1);
        let room = match steps {
            ..=80.0 => 38.0,
            ..=250.0 => 24.0,
            _ => 12.0,
        };
        Self {
            width: room * steps + 14.0,
            begin: spans.begin,
            end: spans.end,
            kind: Kind::Steps(room),
        }
    }

    pub(super) fn time(spans: &Spans) -> Self {
        let steps = f64::from(spans.end.step - spans.begin.step + 1);
        let width = (steps * 6.0).clamp(820.0, 8000.0).round();
        let axis = Axis::new("", Unit::Seconds);
        let ends = [spans.begin, spans.end].map(|moment| seconds(moment.at_ns));
        Self {
            width,
            begin: spans.begin,
            end: spans.end,
            kind: Kind::Time(axis.scale(ends.into_iter(), false, (2.0, width - RIGHT))),
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self.kind {
            Kind::Steps(_) => "Moment by moment",
            Kind::Time(_) => "As time passed",
        }
    }

    /// Where a moment is.
    pub(super) fn at(&self, moment: Moment) -> f64 {
        match &self.kind {
            Kind::Steps(room) => {
                pixel(2.0 + room * f64::from(moment.step.saturating_sub(self.begin.step)))
            }
            Kind::Time(scale) => pixel(scale.place(seconds(moment.at_ns)).unwrap_or(0.0)),
        }
    }

    /// Where something ends that ends at a moment; what goes on to the end of the trace ends behind
    /// its last moment.
    pub(super) fn until(&self, moment: Moment) -> f64 {
        let behind = if moment == self.end {
            self.instant()
        } else {
            0.0
        };
        pixel(self.at(moment) + behind)
    }

    /// How wide something is that happens at once.
    pub(super) fn instant(&self) -> f64 {
        match self.kind {
            Kind::Steps(room) => room - 2.0,
            Kind::Time(_) => 2.0,
        }
    }

    /// From one moment to another, in words.
    pub(super) fn words(&self, from: Moment, to: Moment) -> String {
        let time = |moment: Moment| Unit::Seconds.text(seconds(moment.at_ns));
        match self.kind {
            Kind::Steps(_) if from.step == to.step => format!("moment {}", from.step),
            Kind::Steps(_) => format!("moments {} to {}", from.step, to.step),
            Kind::Time(_) if from.at_ns == to.at_ns => format!("at {}", time(from)),
            Kind::Time(_) => format!(
                "{} from {} to {}",
                Unit::Seconds.text(seconds(to.at_ns - from.at_ns)),
                time(from),
                time(to)
            ),
        }
    }

    /// What stands above the lanes, and the lines down from there.
    pub(super) fn head(&self, spans: &Spans, height: f64) -> Markup {
        let ticks: Vec<(f64, String)> = match &self.kind {
            Kind::Time(scale) => {
                let ticks = scale.ticks((self.width / 110.0) as usize);
                ticks.into_iter().map(|tick| (tick.at, tick.text)).collect()
            }
            Kind::Steps(room) => {
                let every = (40.0 / room).ceil() as u32;
                let every = if every > 2 { 5 } else { every };
                let steps = (self.begin.step..=spans.end.step).filter(|step| step % every == 0);
                let tick = |step: u32| {
                    let at = Moment { step, at_ns: 0 };
                    (self.at(at), step.to_string())
                };
                steps.map(tick).collect()
            }
        };
        html! {
            @for (at, text) in ticks {
                line.grid x1=(pixel(at)) x2=(pixel(at)) y1=(HEAD - 4.0) y2=(height) {}
                text.tick x=(pixel(at + 2.0)) y="12" { (text) }
            }
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
