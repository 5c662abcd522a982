//! What a page is made of: a [`Document`] of [`Block`]s, which `markdown` and `html` both turn into text, so that the two
//! pages cannot disagree.
//!
//! Words are one line of inline markdown as [`super::words`] makes it, unless a field says that they are plain.

use super::words::text;

/// A page.
pub(super) struct Document {
    /// Plain.
    pub(super) title: String,
    /// What stands before the contents.
    pub(super) top: Vec<Block>,
    pub(super) sections: Vec<Section>,
}

/// A part of the page that the contents name.
pub(super) struct Section {
    pub(super) heading: &'static str,
    pub(super) blocks: Vec<Block>,
}

/// A piece of a section.
pub(super) enum Block {
    /// A heading below a section's.
    Heading(String),
    /// A paragraph.
    Text(String),
    List(Vec<String>),
    /// A warning that nobody should miss.
    Warning(String),
    Table(Table),
    Picture(Picture),
    Graph(Graph),
    Panels(Vec<Panel>),
    /// Small pictures side by side.
    Gallery(Vec<Thumbnail>),
}

/// A table whose first `text` columns are set left and the others right.
pub(super) struct Table {
    /// What it shows, plain; markdown has no place for it.
    pub(super) caption: String,
    pub(super) head: Vec<String>,
    pub(super) text: usize,
    pub(super) rows: Vec<Row>,
}

/// A row of a table.
pub(super) struct Row {
    pub(super) cells: Vec<String>,
    /// Whether it names the group of the rows below it.
    pub(super) group: bool,
}

/// A picture in the report's folder.
#[derive(Clone)]
pub(super) struct Picture {
    pub(super) link: String,
    /// Plain; the alternative text as well.
    pub(super) caption: String,
}

/// Stages and sources, as boxes and arrows.
pub(super) struct Graph {
    /// In topological order.
    pub(super) nodes: Vec<Node>,
    pub(super) edges: Vec<Edge>,
}

/// A source or a stage; its words are plain.
pub(super) struct Node {
    pub(super) name: String,
    /// None for a source.
    pub(super) kind: Option<String>,
    pub(super) group: Option<String>,
}

/// An arrow between two nodes, by their places.
pub(super) struct Edge {
    pub(super) from: usize,
    pub(super) to: usize,
    /// The output it carries, plain, where there are several.
    pub(super) label: Option<String>,
}

/// A small picture with a few words.
pub(super) struct Thumbnail {
    pub(super) link: String,
    /// The alternative text, plain.
    pub(super) alt: String,
    pub(super) caption: String,
}

/// A CAM panel.
pub(super) struct Panel {
    pub(super) link: String,
    /// The alternative text, plain.
    pub(super) alt: String,
    pub(super) caption: String,
    /// What a reader can choose panels by; names are plain.
    pub(super) model: String,
    pub(super) method: String,
    pub(super) photograph: String,
    /// Labels that it carries or has a map of.
    pub(super) labels: Vec<String>,
    pub(super) misses: Vec<String>,
    pub(super) false_alarms: Vec<String>,
}

impl Node {
    /// Its name, without its group's in front.
    pub(super) fn short(&self) -> &str {
        let within = self.group.as_ref().and_then(|group| self.name.strip_prefix(group.as_str())?.strip_prefix('@'));
        within.unwrap_or(&self.name)
    }

    /// Its kind, where its name (an instance's: its group's) does not say it.
    pub(super) fn other_kind(&self) -> Option<&str> {
        let kind = self.kind.as_deref()?;
        (kind != self.group.as_ref().unwrap_or(&self.name)).then_some(kind)
    }
}

impl Block {
    pub(super) fn heading(words: impl Into<String>) -> Self {
        Self::Heading(words.into())
    }

    pub(super) fn text(words: impl Into<String>) -> Self {
        Self::Text(words.into())
    }
}

impl Table {
    pub(super) fn new(caption: &str, head: &[&str], text: usize) -> Self {
        Self::with_head(caption, head.iter().map(|cell| (*cell).to_owned()).collect(), text)
    }

    /// A table whose column names are computed.
    pub(super) fn with_head(caption: &str, head: Vec<String>, text: usize) -> Self {
        Self { caption: caption.to_owned(), head, text, rows: Vec::new() }
    }

    /// Adds a row; absent cells at its end are left empty.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.push(cells, false);
    }

    /// Adds a row that names the group of the rows below it, and what they share.
    pub(super) fn group(&mut self, name: &str, instances: usize, shared: impl IntoIterator<Item = String>) {
        let name = format!("**{}** × {instances}", text(name));
        self.push(std::iter::once(name).chain(shared), true);
    }

    fn push(&mut self, cells: impl IntoIterator<Item = String>, group: bool) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.head.len(), String::new());
        self.rows.push(Row { cells, group });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}
