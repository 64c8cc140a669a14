//! A text as it is: a file.

use super::page::nothing;
use maud::{Markup, html};

/// The lines of a file.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Listing {
    /// The text.
    pub text: String,
}

impl Listing {
    /// Of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    pub(super) fn html(&self, title: &str) -> Markup {
        if self.text.is_empty() {
            return nothing();
        }
        html! {
            pre.scrolls tabindex="0" role="region" aria-label=(title) { (self.text) }
        }
    }
}
