//! A [`Document`] as GitHub-flavoured markdown; its graph is drawn by mermaid.

use super::bundle::{End, arrows, frames};
use super::document::{Block, Document, Graph, Picture, Table};
use super::words::{anchor, text};
use std::fmt::Write;

/// The whole of `report.md`.
pub(super) fn write(document: &Document) -> String {
    let mut page = format!("# {}\n\n{}## Contents\n\n", text(&document.title), blocks(&document.top));
    for section in &document.sections {
        let _ = writeln!(page, "- [{}](#{})", section.heading, anchor(section.heading));
    }
    for section in &document.sections {
        let _ = write!(page, "\n## {}\n\n{}\n", section.heading, blocks(&section.blocks).trim_end());
    }
    page
}

/// A blank line after each block.
fn blocks(blocks: &[Block]) -> String {
    let mut written = String::new();
    for block in blocks {
        match block {
            Block::Heading(words) => written.push_str(&format!("### {words}")),
            Block::Text(words) => written.push_str(words.trim_end()),
            Block::List(items) => written.push_str(&format!("- {}", items.join("\n- "))),
            Block::Warning(words) => written.push_str(&format!("> [!WARNING]\n> {words}")),
            Block::Table(table) => written.push_str(&rows(table)),
            Block::Picture(Picture { link, caption }) => {
                let caption = text(caption);
                written.push_str(&format!("![{caption}]({link})\n\n*{caption}*"));
            }
            Block::Graph(graph) => written.push_str(&mermaid(graph)),
            Block::Panels(panels) => {
                let panels = panels.iter().map(|panel| (&panel.alt, &panel.link, &panel.caption));
                written.push_str(&pictures(panels));
            }
            Block::Gallery(small) => {
                let small = small.iter().map(|picture| (&picture.alt, &picture.link, &picture.caption));
                written.push_str(&pictures(small));
            }
        }
        written.push_str("\n\n");
    }
    written
}

/// Pictures one below the other: (alternative text, link, caption).
fn pictures<'p>(pictures: impl Iterator<Item = (&'p String, &'p String, &'p String)>) -> String {
    let pictures: Vec<String> =
        pictures.map(|(alt, link, caption)| format!("![{}]({link})\n\n{caption}", text(alt))).collect();
    pictures.join("\n\n")
}

fn rows(table: &Table) -> String {
    let line = |cells: &[String]| {
        let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|").replace(['\n', '\r'], " ")).collect();
        format!("| {} |", cells.join(" | "))
    };
    let rule: Vec<&str> = (0..table.head.len()).map(|column| if column < table.text { ":--" } else { "--:" }).collect();
    let mut lines = vec![line(&table.head), format!("| {} |", rule.join(" | "))];
    lines.extend(table.rows.iter().map(|row| line(&row.cells)));
    lines.join("\n")
}

/// Groups are subgraphs.
fn mermaid(graph: &Graph) -> String {
    let mut written = String::from("```mermaid\nflowchart LR\n");
    let frames = frames(graph);
    for frame in &frames {
        let first = frame.members[0];
        let node = &graph.nodes[first];
        let Some(group) = frame.group else {
            let (open, close) = if node.kind.is_some() { ("[", "]") } else { ("[(", ")]") };
            let _ = writeln!(written, "  n{first}{open}\"{}\"{close}", title(&node.name, node.other_kind()));
            continue;
        };
        let _ = writeln!(written, "  subgraph g{first}[\"{}\"]", title(group, node.other_kind()));
        for member in &frame.members {
            let _ = writeln!(written, "    n{member}[\"{}\"]", escape(graph.nodes[*member].short()));
        }
        written.push_str("  end\n");
    }
    let id = |end: End| {
        let frame = &frames[end.frame];
        match end.member {
            None if frame.group.is_some() => format!("g{}", frame.members[0]),
            member => format!("n{}", frame.members[member.unwrap_or(0)]),
        }
    };
    for arrow in arrows(graph, &frames) {
        let label = if arrow.label.is_empty() { String::new() } else { format!("|\"{}\"|", escape(&arrow.label)) };
        let _ = writeln!(written, "  {} -->{label} {}", id(arrow.from), id(arrow.to));
    }
    written + "```"
}

/// A name with its kind below.
fn title(name: &str, kind: Option<&str>) -> String {
    let kind = kind.map(|kind| format!("<br/><i>{}</i>", escape(kind))).unwrap_or_default();
    format!("{}{kind}", escape(name))
}

/// Mermaid's entity codes for what would end a label or open a tag.
fn escape(name: &str) -> String {
    let mut escaped = String::new();
    for c in name.chars() {
        match c {
            '"' | '<' | '>' | '&' | '#' | '`' | '|' => {
                let _ = write!(escaped, "#{};", c as u32);
            }
            '\n' | '\r' => escaped.push(' '),
            _ => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{escape, mermaid, rows};
    use crate::report::document::{Edge, Graph, Node, Table};
    use crate::report::words::code;

    #[test]
    fn a_table_keeps_bars_out_of_its_cells() {
        let mut table = Table::new("", &["label", "n"], 1);
        table.row([code("a|b"), "3".into()]);
        table.row(["c\nd".into()]);
        assert_eq!(rows(&table), "| label | n |\n| :-- | --: |\n| `a\\|b` | 3 |\n| c d |  |");
    }

    #[test]
    fn mermaid_reads_a_name_as_a_name() {
        assert_eq!(escape("a\"b|<c>#`"), "a#34;b#124;#60;c#62;#35;#96;");
    }

    #[test]
    fn instances_stand_in_the_subgraph_of_their_group() {
        let node = |name: &str, group: Option<&str>| Node {
            name: name.into(),
            kind: Some("train".into()),
            group: group.map(str::to_owned),
        };
        let nodes = vec![node("train@a", Some("train")), node("other", None), node("train@b", Some("train"))];
        let graph = Graph { nodes, edges: vec![Edge { from: 0, to: 1, label: None }] };
        assert_eq!(
            mermaid(&graph),
            "```mermaid\nflowchart LR\n  subgraph g0[\"train\"]\n    n0[\"a\"]\n    \
             n2[\"b\"]\n  end\n  n1[\"other<br/><i>train</i>\"]\n  n0 --> n1\n```"
        );
    }
}
