//! A strict reader of the HTML that the report writes: [`elements`].

/// An element of a page.
#[derive(Debug)]
pub(super) struct Element {
    pub(super) name: String,
    pub(super) attributes: Vec<(String, String)>,
}

/// Every element of a page, in order; panics where a tag is not closed, or closes another.
pub(super) fn elements(page: &str) -> Vec<Element> {
    const VOID: &[&str] = &["meta", "img", "br", "input"];
    let (mut found, mut open) = (Vec::new(), Vec::new());
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a doctype");
    while let Some(start) = rest.find('<') {
        rest = &rest[start + 1..];
        let mut quoted = false;
        let end = rest.find(|c| {
            quoted ^= c == '"';
            c == '>' && !quoted
        });
        let (tag, after) = rest.split_at(end.unwrap_or_else(|| panic!("no end: {rest:.80}")));
        rest = &after[1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "closes another");
            continue;
        }
        let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{tag:.80}>");
        found.push(Element { name: name.to_owned(), attributes: attributes_of(attributes) });
        if ["script", "style"].contains(&name) {
            rest = &rest[rest.find(&format!("</{name}>")).expect("an end") + name.len() + 3..];
        } else if !closed && !VOID.contains(&name) {
            open.push(name.to_owned());
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    found
}

fn attributes_of(mut rest: &str) -> Vec<(String, String)> {
    let mut attributes = Vec::new();
    while let Some((name, after)) = rest.trim_start().split_once("=\"").filter(|(name, _)| !name.contains(' ')) {
        let (value, after) = after.split_once('"').expect("a quote ends");
        let value = value.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        attributes.push((name.to_owned(), value));
        rest = after;
    }
    assert!(["", "hidden"].contains(&rest.trim()), "an attribute without quotes: {rest}");
    attributes
}
