//! The report as one self-contained page for people.

use super::Document;

/// The page.
pub fn page(document: &Document) -> String {
    document.subject.clone()
}
