//! A chart's SVG as a part of the page: [`inline`] takes it in where it holds shapes and words and nothing else.

use super::inline::escape;

const ELEMENTS: &[&str] =
    &["svg", "g", "rect", "line", "polyline", "polygon", "path", "circle", "ellipse", "text", "tspan"];

const ATTRIBUTES: &[&str] = &[
    "cx",
    "cy",
    "d",
    "dx",
    "dy",
    "fill",
    "fill-opacity",
    "font-family",
    "font-size",
    "font-style",
    "font-weight",
    "height",
    "opacity",
    "points",
    "r",
    "rx",
    "ry",
    "stroke",
    "stroke-dasharray",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-opacity",
    "stroke-width",
    "text-anchor",
    "transform",
    "viewBox",
    "width",
    "x",
    "x1",
    "x2",
    "y",
    "y1",
    "y2",
];

/// How small a drawing may become before its words are too small to read.
pub(super) const LEAST_SCALE: f64 = 0.8;

/// The picture as an element with `label` as its text alternative; none where it holds what a page must not take in
/// (scripts, styles, references) or is not written plainly enough to tell.
pub(super) fn inline(svg: &str, label: &str) -> Option<String> {
    let mut written = String::new();
    let mut open: Vec<&str> = Vec::new();
    let mut rest = svg.trim();
    while let Some(tag) = rest.strip_prefix('<') {
        let (tag, after) = tag.split_once('>')?;
        if let Some(name) = tag.strip_prefix('/') {
            (open.pop()? == name).then_some(())?;
            written.push_str(&format!("</{name}>"));
        } else {
            let (tag, closed) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
            let (name, attributes) = tag.split_once(char::is_whitespace).unwrap_or((tag, ""));
            (ELEMENTS.contains(&name) && (name == "svg") == open.is_empty()).then_some(())?;
            let attributes = plain_attributes(attributes)?;
            let own = if name == "svg" { own_attributes(&attributes, label) } else { String::new() };
            written.push_str(&format!("<{name}{own}{attributes}{}>", if closed { "/" } else { "" }));
            if !closed {
                open.push(name);
            }
        }
        if open.is_empty() {
            return after.trim().is_empty().then_some(written);
        }
        let words = after.find('<')?;
        written.push_str(&after[..words]);
        rest = &after[words..];
    }
    None
}

/// Where the page is narrow a chart shrinks a little, then it scrolls.
fn own_attributes(attributes: &str, label: &str) -> String {
    let width = attributes.split_once(" width=\"").and_then(|(_, rest)| rest.split_once('"')?.0.parse::<f64>().ok());
    let least = width.map(|width| format!(" style=\"min-width: {:.0}px\"", width * LEAST_SCALE)).unwrap_or_default();
    format!(" class=\"chart\" role=\"img\" aria-label=\"{}\"{least}", escape(label))
}

/// Attributes in double quotes, every one of them known to be harmless.
fn plain_attributes(attributes: &str) -> Option<String> {
    let mut written = String::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        rest = after.trim_start();
        if name == "xmlns" {
            continue;
        }
        (ATTRIBUTES.contains(&name) && !value.contains(['<', '(', ':']) || name == "transform").then_some(())?;
        written.push_str(&format!(" {name}=\"{value}\""));
    }
    Some(written)
}

#[cfg(test)]
mod tests {
    use super::inline;

    #[test]
    fn shapes_and_words_are_taken_in_with_a_text_alternative() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"10\">\n<g transform=\"translate(1 2)\"><text x=\"1\">a &lt; b</text></g>\n</svg>\n";
        let wanted = "<svg class=\"chart\" role=\"img\" aria-label=\"a &quot;chart&quot;\" style=\"min-width: 8px\" width=\"10\">\n\
                      <g transform=\"translate(1 2)\"><text x=\"1\">a &lt; b</text></g>\n</svg>";
        assert_eq!(inline(svg, "a \"chart\"").as_deref(), Some(wanted));
    }

    #[test]
    fn whatever_could_act_or_reach_out_is_refused() {
        for inside in [
            "<script>alert(1)</script>",
            "<rect onload=\"alert(1)\"/>",
            "<rect fill=\"url(#a)\"/>",
            "<image href=\"http://example.org/a.png\"/>",
            "<a href=\"b\"><text>c</text></a>",
            "<style>rect{}</style>",
            "<!-- --><rect/>",
            "<g>",
            "<svg><rect/></svg>",
            "</svg><rect/>",
        ] {
            assert_eq!(inline(&format!("<svg>{inside}</svg>"), ""), None, "{inside}");
        }
        assert_eq!(inline("a picture", ""), None);
    }
}
