//! A [`Document`] as one HTML page that needs nothing beside it: pictures, styles and script are in it.
//!
//! Without the script everything can be read; with it tables sort, panels are stepped through, and the colours switch.

mod figure;
mod graph;
mod inline;
mod layout;
mod panels;
mod svg;
mod table;

use super::document::{Block, Document};
use super::folder::Folder;
use super::words::anchor;
use inline::{escape, html, plain};
use plantpipe_stage::Result;
use std::collections::BTreeSet;

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// What a browser may load for this page: what is in it.
const POLICY: &str = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

/// The whole of `report.html`; pictures are read from `folder`.
pub(super) fn write(document: &Document, folder: &Folder) -> Result<String> {
    let mut ids = Ids(["contents", "page", "graph-title", "graph-words"].map(str::to_owned).into());
    let (mut contents, mut body) = (String::new(), String::new());
    for section in &document.sections {
        let id = ids.of(section.heading);
        let heading = escape(section.heading);
        let (blocks, below) = blocks(&section.blocks, folder, &mut ids)?;
        contents.push_str(&format!("<li><a href=\"#{id}\">{heading}</a>{}</li>\n", list(&below)));
        body.push_str(&format!(
            "<section aria-labelledby=\"{id}\">\n<h2 id=\"{id}\">{heading}</h2>\n{blocks}</section>\n"
        ));
    }
    let title = escape(&document.title);
    let top = blocks(&document.top, folder, &mut ids)?.0;
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#page\">Skip to the report</a>\n\
         <nav aria-labelledby=\"contents\">\n<p id=\"contents\">Contents</p>\n<ol>\n{contents}</ol>\n\
         <button type=\"button\" class=\"theme\" hidden>Dark colours</button>\n</nav>\n\
         <main id=\"page\" tabindex=\"-1\">\n<h1>{title}</h1>\n<div class=\"top\">\n{top}</div>\n{body}</main>\n\
         <script>\n{SCRIPT}</script>\n</body>\n</html>\n"
    ))
}

/// Blocks as HTML, and the headings among them as entries of the contents.
fn blocks(blocks: &[Block], folder: &Folder, ids: &mut Ids) -> Result<(String, Vec<String>)> {
    let (mut written, mut headings) = (String::new(), Vec::new());
    for block in blocks {
        let piece = match block {
            Block::Heading(words) => {
                let id = ids.of(&plain(words));
                headings.push(format!("<a href=\"#{id}\">{}</a>", html(words)));
                format!("<h3 id=\"{id}\">{}</h3>\n", html(words))
            }
            Block::Text(words) => format!("<p>{}</p>\n", html(words)),
            Block::List(items) => {
                let items: Vec<String> = items.iter().map(|words| html(words)).collect();
                format!("<ul>\n<li>{}</li>\n</ul>\n", items.join("</li>\n<li>"))
            }
            Block::Warning(words) => format!("<p class=\"warning\" role=\"note\">{}</p>\n", html(words)),
            Block::Table(shown) => table::table(shown),
            Block::Picture(picture) => figure::figure(picture, folder)?,
            Block::Graph(shown) => graph::graph(shown),
            Block::Panels(shown) => panels::panels(shown, folder)?,
            Block::Gallery(shown) => figure::gallery(shown, folder)?,
        };
        written.push_str(&piece);
    }
    Ok((written, headings))
}

fn list(entries: &[String]) -> String {
    if entries.is_empty() {
        return String::new();
    }
    format!("\n<ol>\n<li>{}</li>\n</ol>\n", entries.join("</li>\n<li>"))
}

/// The ids given so far.
struct Ids(BTreeSet<String>);

impl Ids {
    /// A new id for a heading: as GitHub would make it.
    fn of(&mut self, heading: &str) -> String {
        let name = anchor(heading);
        let id = (0..).map(|number| if number == 0 { name.clone() } else { format!("{name}-{number}") });
        let id = id.into_iter().find(|id| !id.is_empty() && !self.0.contains(id)).expect("numbers do not end");
        self.0.insert(id.clone());
        id
    }
}
