//! Inline markdown as HTML: [`html()`] and [`plain()`]; nothing but emphasis, code and a link to `run.md` is known,
//! all else is words.

use pulldown_cmark::{Event, Parser, Tag, TagEnd};

/// The page with times and machine, which the engine puts beside the report: the only one that words may lead to.
pub(in crate::report) const BESIDE: &str = "run.md";

/// Words of a document as HTML.
pub(super) fn html(words: &str) -> String {
    let mut written = String::new();
    let mut linked = false;
    for event in events(words) {
        match event {
            Event::Start(Tag::Strong) => written.push_str("<strong>"),
            Event::End(TagEnd::Strong) => written.push_str("</strong>"),
            Event::Start(Tag::Emphasis) => written.push_str("<em>"),
            Event::End(TagEnd::Emphasis) => written.push_str("</em>"),
            // A name cannot make a link: its brackets are escaped. Ours lead to what lies beside the page.
            Event::Start(Tag::Link { dest_url, .. }) if dest_url.as_ref() == BESIDE => {
                linked = true;
                written.push_str(&format!("<a href=\"{BESIDE}\">"));
            }
            Event::End(TagEnd::Link) if std::mem::take(&mut linked) => written.push_str("</a>"),
            Event::Code(code) => written.push_str(&format!("<code>{}</code>", escape(&code))),
            Event::Text(text) | Event::InlineHtml(text) => written.push_str(&escape(&text)),
            _ => {}
        }
    }
    written
}

/// The same words without any markup.
pub(super) fn plain(words: &str) -> String {
    let text = |event| match event {
        Event::Code(text) | Event::Text(text) | Event::InlineHtml(text) => Some(text.to_string()),
        _ => None,
    };
    events(words).filter_map(text).collect()
}

/// A heading's line is all inline: no list, quote or table can begin in it.
fn events(words: &str) -> impl Iterator<Item = Event<'static>> {
    let line = format!("# {}", words.replace(['\n', '\r'], " "));
    let events: Vec<Event> = Parser::new(&line).map(Event::into_static).collect();
    events.into_iter()
}

/// Plain words for the text of an element or the value of an attribute in double quotes.
pub(super) fn escape(words: &str) -> String {
    let mut escaped = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{html, plain};
    use crate::report::words::{code, text};

    #[test]
    fn emphasis_and_code_become_elements() {
        assert_eq!(html("**a** *b* `c<d` e"), "<strong>a</strong> <em>b</em> <code>c&lt;d</code> e");
        assert_eq!(plain("**a** *b* `c<d` e"), "a b c<d e");
        assert_eq!(html("see [run.md](run.md)"), "see <a href=\"run.md\">run.md</a>");
        assert_eq!(html("see [it](other.md)"), "see it");
    }

    #[test]
    fn any_name_comes_through_as_it_is() {
        for name in
            ["<script>alert(1)</script>", "a_b*c [x](javascript:y) & # $z$", "- a", "1. a", "a # #", "> \"q\" 'r'"]
        {
            assert_eq!(plain(&text(name)), name);
            assert!(!html(&text(name)).contains("<script") && !html(&text(name)).contains("<a "), "{name}");
        }
        for name in ["<b>", "a`b", "a|b", "&lt;"] {
            assert_eq!(plain(&code(name)), name);
        }
    }
}
