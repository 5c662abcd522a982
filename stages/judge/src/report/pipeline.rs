//! The section **Pipeline**: the lineage as a mermaid graph, and each stage's params as a table.

use super::markdown::{Table, code};
use super::material::Material;
use plantpipe_stage::format::{Ancestor, Edge, Lineage};
use std::collections::BTreeMap;
use std::fmt::Write;

pub(super) fn section(material: &Material) -> String {
    let lineage = &material.lineage;
    let mut table = Table::new(&["stage", "kind", "reads", "params"], 4);
    for stage in &lineage.ancestors {
        let Some(kind) = &stage.kind else { continue };
        let inputs: Vec<String> = stage.inputs.values().flatten().map(source_of).collect();
        let params: Vec<String> = stage.params.iter().map(|(name, value)| code(&format!("{name} = {value}"))).collect();
        table.row([code(&stage.name), code(kind), names(&inputs), params.join(" ")]);
    }
    format!(
        "From the sources to this page; an edge names the output where a stage has several.\n\n{}{}",
        graph(lineage),
        table.render()
    )
}

fn names(names: &[String]) -> String {
    names.iter().map(|name| code(name)).collect::<Vec<_>>().join(" ")
}

/// As a pipeline file would name it, without the output where there is nothing to tell apart.
fn source_of(edge: &Edge) -> String {
    if edge.output.is_empty() || edge.output == edge.from {
        edge.from.clone()
    } else {
        format!("{}.{}", edge.from, edge.output)
    }
}

fn graph(lineage: &Lineage) -> String {
    let ids: BTreeMap<&str, usize> =
        lineage.ancestors.iter().enumerate().map(|(id, ancestor)| (ancestor.name.as_str(), id)).collect();
    let mut text = String::from("```mermaid\nflowchart LR\n");
    for (id, ancestor) in lineage.ancestors.iter().enumerate() {
        let _ = writeln!(text, "  n{id}{}", node(ancestor));
    }
    for (id, ancestor) in lineage.ancestors.iter().enumerate() {
        for edge in ancestor.inputs.values().flatten() {
            let Some(from) = ids.get(edge.from.as_str()) else { continue };
            let several = lineage.ancestors[*from].outputs.len() > 1;
            let label = if several { format!("|\"{}\"|", escape(&edge.output)) } else { String::new() };
            let _ = writeln!(text, "  n{from} -->{label} n{id}");
        }
    }
    text.push_str("```\n\n");
    text
}

/// A source is a cylinder; a stage a box with its kind below, where its name is another.
fn node(ancestor: &Ancestor) -> String {
    let name = escape(&ancestor.name);
    match &ancestor.kind {
        None => format!("[(\"{name}\")]"),
        Some(kind) if *kind == ancestor.name => format!("[\"{name}\"]"),
        Some(kind) => format!("[\"{name}<br/><i>{}</i>\"]", escape(kind)),
    }
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
    use super::escape;

    #[test]
    fn mermaid_reads_a_name_as_a_name() {
        assert_eq!(escape("a\"b|<c>#`"), "a#34;b#124;#60;c#62;#35;#96;");
    }
}
