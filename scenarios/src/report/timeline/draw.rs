//! The drawing.

use super::Timeline;
use crate::report::page::nothing;
use maud::Markup;

pub(super) fn html(_timeline: &Timeline, _id: &str, _title: &str) -> Markup {
    nothing()
}
