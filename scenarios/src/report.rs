//! Results as one HTML page that needs nothing else: pictures where people would rather look than
//! read, in light and dark, on a wide screen and on a phone.
//!
//! A [`Page`] is plain data: titles, sentences, numbers and names. Whoever has results fills one in;
//! [`Page::html`] draws it. It knows nothing of simulations, and it measures nothing: a number that
//! is not finite is left out of a picture and is "–" in a table.
//!
//! What always holds: text is text, whatever is in it; the same page gives the same bytes; nothing is
//! loaded from elsewhere, and there is no script; each figure says which command made it, with which
//! seed; each picture has its numbers beside it as a table, or is one.
//!
//! ```
//! use iocp_scenarios::report::{Axis, Figure, Line, Lines, Made, Page, Point, Section, Unit};
//!
//! let mut page = Page::new("Latency of a server", Made::new("iocp sweep rates.toml", Some(7)));
//! page.add(Section::text("In short", ["A limit of 4 holds up to **900** requests a second."]));
//! page.add(Section::figure("Latency against rate", Lines {
//!     x: Axis::new("arrivals", Unit::PerSecond),
//!     y: Axis::new("latency, 99th percentile", Unit::Seconds).log(),
//!     lines: vec![Line::new("limit 4", [
//!         Point::new(100.0, 0.004).between(0.0039, 0.0041),
//!         Point::new(900.0, 0.019).between(0.017, 0.022),
//!     ])],
//!     ..Lines::default()
//! }));
//! let html = page.html();
//! assert!(html.contains("Seed 7"));
//! assert!(matches!(page.sections[1].figure, Figure::Lines(_)));
//! ```
//!
//! | module | holds |
//! |---|---|
//! | `bars`, `heat_map`, `lines`, `listing`, `percentiles`, `table`, `timeline` | a kind of figure each: its data, and how it is drawn |
//! | `axis` | where a value stands, and its ticks |
//! | `page` | the page around the figures |

mod axis;
mod bars;
mod chart;
mod heat_map;
mod lines;
mod listing;
mod page;
mod percentiles;
mod table;
mod timeline;

pub use crate::unit::Unit;
pub use axis::Axis;
pub use bars::{Bar, Bars};
pub use heat_map::{Cell, HeatMap};
pub use lines::{Line, Lines, Point};
pub use listing::Listing;
pub use percentiles::{Curve, Percentiles};
pub use table::Table;
pub use timeline::{MOST_EVENTS, Timeline};

/// A page.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Page {
    /// What it is about.
    pub title: String,
    /// A sentence or two below the title. May be empty.
    pub lead: String,
    /// What made it.
    pub made: Made,
    /// What is on it, from top to bottom.
    pub sections: Vec<Section>,
}

/// What made a page, or a figure on it: whoever types this gets the same again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Made {
    /// The command.
    pub command: String,
    /// The seed, where chance was part of it.
    pub seed: Option<u64>,
}

/// A heading, some text, and a figure.
///
/// In texts, between backticks stands code, between two asterisks what is important, and a paragraph
/// that begins with "- " is an item of a list.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Section {
    /// The heading.
    pub title: String,
    /// Paragraphs between the heading and the figure.
    pub text: Vec<String>,
    /// Does the text warn?
    pub warns: bool,
    /// The figure.
    pub figure: Figure,
    /// What made the figure, if it is not what made the page.
    pub made: Option<Made>,
}

/// What a section shows.
#[derive(Clone, PartialEq, Default, Debug)]
pub enum Figure {
    /// Nothing but its text.
    #[default]
    None,
    /// Rows and columns.
    Table(Table),
    /// One value against another.
    Lines(Lines),
    /// One value for each pair of two others.
    HeatMap(HeatMap),
    /// How long the slowest took.
    Percentiles(Percentiles),
    /// A value for each of a few names, perhaps in parts.
    Bars(Bars),
    /// A text as it is.
    Listing(Listing),
    /// What each thread did, and the ports.
    Timeline(Box<Timeline>),
}

/// A value that must not be passed, or that is asked for: a line across a picture.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Threshold {
    /// Where it is, on the axis of the values.
    pub at: f64,
    /// What it is: "objective: 20 ms".
    pub label: String,
}

impl Page {
    /// A page without sections.
    pub fn new(title: impl Into<String>, made: Made) -> Self {
        Self {
            title: title.into(),
            made,
            ..Self::default()
        }
    }

    /// Puts a section at the end.
    pub fn add(&mut self, section: Section) -> &mut Self {
        self.sections.push(section);
        self
    }

    /// The page as HTML. It is well-formed XML, too.
    pub fn html(&self) -> String {
        page::html(self)
    }
}

impl Made {
    /// By this command, with this seed.
    pub fn new(command: impl Into<String>, seed: impl Into<Option<u64>>) -> Self {
        Self {
            command: command.into(),
            seed: seed.into(),
        }
    }
}

impl Section {
    /// A section of text.
    pub fn text<T: Into<String>>(
        title: impl Into<String>,
        text: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            title: title.into(),
            text: text.into_iter().map(Into::into).collect(),
            ..Self::default()
        }
    }

    /// A section of text that warns.
    pub fn warning<T: Into<String>>(
        title: impl Into<String>,
        text: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            warns: true,
            ..Self::text(title, text)
        }
    }

    /// A section with a figure.
    pub fn figure(title: impl Into<String>, figure: impl Into<Figure>) -> Self {
        Self {
            title: title.into(),
            figure: figure.into(),
            ..Self::default()
        }
    }

    /// The same with one more paragraph above the figure.
    #[must_use]
    pub fn says(mut self, paragraph: impl Into<String>) -> Self {
        self.text.push(paragraph.into());
        self
    }

    /// The same, made by something else than the rest of the page.
    #[must_use]
    pub fn made_by(mut self, made: Made) -> Self {
        self.made = Some(made);
        self
    }
}

impl Threshold {
    /// A line at this value.
    pub fn new(at: f64, label: impl Into<String>) -> Self {
        Self {
            at,
            label: label.into(),
        }
    }
}

macro_rules! figures {
    ($($kind:ident)*) => {$(
        impl From<$kind> for Figure {
            fn from(figure: $kind) -> Self {
                Self::$kind(figure)
            }
        }
    )*};
}

figures!(Table Lines HeatMap Percentiles Bars Listing);

impl From<Timeline> for Figure {
    fn from(timeline: Timeline) -> Self {
        Self::Timeline(Box::new(timeline))
    }
}
