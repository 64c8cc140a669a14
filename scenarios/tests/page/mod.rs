//! What must be so of any page.

use roxmltree::{Document, ParsingOptions};

/// Is it well-formed, and does it load nothing from elsewhere? Its ids are there once, and links
/// lead to them.
pub(crate) fn check(html: &str) {
    let options = ParsingOptions {
        allow_dtd: true,
        ..ParsingOptions::default()
    };
    let page = Document::parse_with_options(html, options).expect("the page is well-formed XML");
    let mut ids = std::collections::BTreeSet::new();
    for node in page.descendants().filter(|node| node.is_element()) {
        assert_ne!(node.tag_name().name(), "script");
        for attribute in node.attributes() {
            assert!(!attribute.name().starts_with("on"), "{node:?}");
            assert!(!attribute.value().contains("NaN"), "{node:?}");
            assert!(!attribute.value().contains("inf"), "{node:?}");
        }
        if let Some(id) = node.attribute("id") {
            assert!(ids.insert(id), "two elements are called {id}");
        }
        // A picture says what it shows, or is for decoration only.
        if node.tag_name().name() == "svg" {
            assert!(
                node.attribute("aria-label").is_some()
                    || node.attribute("aria-hidden") == Some("true"),
                "{node:?}"
            );
        }
    }
    for link in page.descendants().filter_map(|node| node.attribute("href")) {
        let id = link.strip_prefix('#').expect("links stay on the page");
        assert!(ids.contains(id), "{link}");
    }
    for outside in ["src=", "@import", "url(", "https://"] {
        assert!(!html.contains(outside), "{outside}");
    }
}
