//! `plantpipe kinds`: the table of stage kinds, as they declare themselves.

use super::{Global, print, print_json};
use crate::error::{Error, Result};
use crate::params::describe;
use crate::registry::Registry;
use crate::text::nearest;
use clap::Args;
use plantpipe_stage::{ANY, Arity, Kind};
use serde_json::json;

#[derive(Args)]
pub struct Kinds {
    /// Show this kind's inputs, outputs and params
    kind: Option<String>,
    /// Every kind on one page of markdown: the guide's chapter
    #[arg(long, conflicts_with_all = ["kind", "json"])]
    markdown: bool,
}

impl Kinds {
    pub fn run(&self, registry: Registry, global: &Global) -> Result<()> {
        let kinds = match &self.kind {
            None => registry.kinds().collect(),
            Some(name) => vec![registry.kind(name).ok_or_else(|| unknown(name, registry))?],
        };
        if global.json {
            let kinds: Vec<_> = kinds.into_iter().map(document).collect();
            return print_json(&json!({ "schema_version": 1, "kinds": kinds }));
        }
        if self.markdown {
            return print(
                &kinds.into_iter().fold(MARKDOWN_HEAD.to_owned(), |text, kind| text + "\n" + &markdown(kind)),
            );
        }
        if let (Some(_), [kind]) = (&self.kind, kinds.as_slice()) {
            return print(&page(kind));
        }
        let width = kinds.iter().map(|kind| kind.name.len()).max().unwrap_or(0);
        let lines: Vec<String> = kinds.iter().map(|kind| format!("{:<width$}  {}\n", kind.name, kind.doc)).collect();
        print(&lines.concat())
    }
}

fn unknown(name: &str, registry: Registry) -> Error {
    let known: Vec<&str> = registry.kinds().map(|kind| kind.name).collect();
    let error = Error::usage(format!("unknown kind `{name}`"));
    match nearest(name, &known) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint(format!("known: {}", known.join(", "))),
    }
}

fn arity(arity: Arity) -> &'static str {
    match arity {
        Arity::One => "one",
        Arity::Optional => "one or none",
        Arity::Many => "one or more",
        Arity::Any => "any number",
    }
}

fn page(kind: &Kind) -> String {
    let mut text = format!("{}: {}\n", kind.name, kind.doc);
    let mut section = |title: &str, lines: Vec<(String, String)>| {
        if lines.is_empty() {
            return;
        }
        let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        text.push_str(&format!("\n{title}\n"));
        for (name, doc) in lines {
            text.push_str(&format!("  {name:<width$}  {doc}\n"));
        }
    };
    let inputs = kind
        .inputs
        .iter()
        .map(|input| (input.name.to_owned(), format!("{} ({}, {})", input.doc, input.format, arity(input.arity))));
    section("inputs", inputs.collect());
    let outputs =
        kind.outputs.iter().map(|output| (output.name.to_owned(), format!("{} ({})", output.doc, output.format)));
    section("outputs", outputs.collect());
    let params = kind.params.iter().map(|param| {
        let default = param.default.map_or_else(|| "required".to_owned(), |text| format!("default {text}"));
        (param.name.to_owned(), format!("{}: {} ({default})", param.doc, describe(&param.ty)))
    });
    section("params", params.collect());
    text
}

const MARKDOWN_HEAD: &str = "# Stage kinds\n\n\
    <!-- Written by `plantpipe kinds --markdown`; a test holds it against the table that checks a pipeline file. -->\n\n\
    What `kind = \"...\"` can be. `plantpipe kinds` lists them, `plantpipe kinds train` shows one. An input is the name of a \
    source or of a stage, `stage.output` where the stage has several outputs; its format is in the last column.\n";

/// A kind as a section with a table of its inputs, outputs and params.
fn markdown(kind: &Kind) -> String {
    // A bar would end a cell.
    let cell = |text: &str| text.replace('|', "\\|");
    let mut doc = kind.doc.to_owned();
    doc[..1].make_ascii_uppercase();
    let mut text = format!("## {}\n\n{doc}.\n", kind.name);
    let mut table = |title: &str, head: &str, rows: Vec<String>| {
        if !rows.is_empty() {
            text.push_str(&format!("\n| {title} | what it is | {head} |\n| --- | --- | --- |\n{}", rows.concat()));
        }
    };
    let row = |name: &str, doc: &str, more: &str| format!("| `{name}` | {} | {} |\n", cell(doc), cell(more));
    let inputs = kind.inputs.iter();
    table(
        "input",
        "how many, of which format",
        inputs
            .map(|input| row(input.name, input.doc, &format!("{}, {}", arity(input.arity), format(input.format))))
            .collect(),
    );
    let outputs = kind.outputs.iter();
    table("output", "format", outputs.map(|output| row(output.name, output.doc, &format(output.format))).collect());
    let params = kind.params.iter().map(|param| {
        let default = param.default.map_or_else(|| "required".to_owned(), |text| format!("default `{text}`"));
        row(param.name, param.doc, &format!("{}; {default}", describe(&param.ty)))
    });
    table("param", "value", params.collect());
    if kind.uses.seed {
        text.push_str("\nIt depends on the seed: the pipeline's, or a `seed` of its own.\n");
    }
    text
}

fn format(name: &str) -> String {
    if name == ANY { "any format".to_owned() } else { format!("`{name}`") }
}

fn document(kind: &Kind) -> serde_json::Value {
    json!({
        "name": kind.name,
        "doc": kind.doc,
        "inputs": kind.inputs.iter().map(|input| json!({
            "name": input.name, "doc": input.doc, "format": input.format, "arity": arity(input.arity),
        })).collect::<Vec<_>>(),
        "outputs": kind.outputs.iter().map(|output| json!({
            "name": output.name, "doc": output.doc, "format": output.format,
        })).collect::<Vec<_>>(),
        "params": kind.params.iter().map(|param| json!({
            "name": param.name, "doc": param.doc, "type": describe(&param.ty), "default": param.default,
        })).collect::<Vec<_>>(),
    })
}
