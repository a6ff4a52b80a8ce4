//! XML as text: escaping and finding elements.

/// Content type of the XML API.
pub(super) const CONTENT_TYPE: &str = "application/xml; charset=UTF-8";

/// Escapes text for XML.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Reverts [`escape`].
pub(super) fn unescape(text: &str) -> String {
    text.replace("&quot;", "\"")
        .replace("&apos;", "'")
        .replace("&gt;", ">")
        .replace("&lt;", "<")
        .replace("&amp;", "&")
}

/// Returns the contents of all elements with a name. Nested elements are not parsed.
pub(super) fn element_values(text: &str, element: &str) -> Vec<String> {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    let pieces = text.split(open.as_str()).skip(1);
    pieces
        .filter_map(|piece| piece.split_once(close.as_str()))
        .map(|(value, _)| value.trim().to_owned())
        .collect()
}
