//! The kind `report`: one page of everything that an experiment found, as markdown with its pictures and as HTML.
//!
//! Reading order: [`material`] gathers the artifacts and finds which belong together; [`page`] puts the sections in
//! order; each section is a file and makes blocks of a [`document`]; [`markdown`] and [`html`] write it down; [`words`],
//! [`folder`] and [`photographs`] are the tools, [`chart`], [`squares`], [`matrices`] and [`forest`] draw. Every number
//! comes from an artifact or the lineage; there is no time, host or path on the page.

mod bundle;
mod calibration;
mod cams;
mod chart;
mod comparison;
mod confusion;
mod curves;
mod data;
mod document;
mod doubts;
mod duplicates;
mod faithfulness;
mod findings;
mod folder;
mod forest;
mod html;
mod labels;
mod limits;
mod markdown;
mod material;
mod matrices;
mod metrics_table;
mod page;
mod paired;
mod photographs;
mod pipeline;
mod precision_recall;
mod provenance;
mod published;
mod results;
mod squares;
mod summary;
mod words;

use folder::Folder;
use material::Material;
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, InputSpec, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result, Uses, code,
};
use serde::Deserialize;

pub const REPORT: Kind = Kind {
    name: "report",
    doc: "tells the experiment on one page: data, graph, results with intervals, curves, CAMs, provenance",
    inputs: &[
        input("analysis", "what `analyze` found", "analysis"),
        input("duplicates", "near-duplicates that `dedup` found", "duplicates"),
        input("models", "trained models: their cards and learning curves", "model"),
        input("evaluations", "metrics; each is matched with its model through the graph", "evaluation"),
        input("comparisons", "paired tests and the spread over seeds that `compare` found", "comparison"),
        input("explanations", "CAM panels", "cams"),
        input("shards", "photographs, to show those that are doubted beside their words", "shards"),
    ],
    outputs: &[OutputSpec {
        name: "report",
        doc: "`report.md` with its pictures, `report.html` on its own",
        format: "report",
    }],
    params: &[
        ParamSpec {
            name: "title",
            doc: "the page's title; empty: the pipeline's name",
            ty: ParamType::Text,
            default: Some("\"\""),
        },
        ParamSpec {
            name: "panels",
            doc: "how many CAM panels to show of each explanation",
            ty: ParamType::Int { min: 0, max: 1000 },
            default: Some("12"),
        },
        ParamSpec {
            name: "doubts",
            doc: "how many likely wrong labels, and how many of the worst errors, to show",
            ty: ParamType::Int { min: 0, max: 1000 },
            default: Some("12"),
        },
        ParamSpec {
            name: "photographs",
            doc: "false: leave out every picture that shows photographs, for a copy to pass on where they may not be",
            ty: ParamType::Bool,
            default: Some("true"),
        },
    ],
    code: &[&CODE, &sources::DOCUMENTS, &sources::SHARDS],
    crates: &["base64", "pulldown-cmark"],
    uses: Uses { lineage: true, published: true, ..Uses::NOTHING },
    run,
};

const CODE: Code = code!(
    "judge",
    "mod.rs",
    "bundle.rs",
    "calibration.rs",
    "cams.rs",
    "chart.rs",
    "comparison.rs",
    "confusion.rs",
    "curves.rs",
    "data.rs",
    "document.rs",
    "doubts.rs",
    "duplicates.rs",
    "faithfulness.rs",
    "findings.rs",
    "folder.rs",
    "forest.rs",
    "html/mod.rs",
    "html/figure.rs",
    "html/graph.rs",
    "html/inline.rs",
    "html/layout.rs",
    "html/page.css",
    "html/page.js",
    "html/panels.rs",
    "html/svg.rs",
    "html/table.rs",
    "labels.rs",
    "limits.rs",
    "markdown.rs",
    "material.rs",
    "matrices.rs",
    "metrics_table.rs",
    "page.rs",
    "paired.rs",
    "photographs.rs",
    "pipeline.rs",
    "precision_recall.rs",
    "provenance.rs",
    "published.rs",
    "results.rs",
    "squares.rs",
    "summary.rs",
    "words.rs",
);

const fn input(name: &'static str, doc: &'static str, format: &'static str) -> InputSpec {
    InputSpec { name, doc, format, arity: Arity::Any, reads: Reads::All }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Params {
    title: String,
    panels: usize,
    doubts: usize,
    photographs: bool,
}

fn run(ctx: &Context) -> Result<()> {
    let params: Params = ctx.params()?;
    let mut material = Material::gather(ctx)?;
    if !params.photographs {
        material.leave_out_photographs();
    }
    let mut folder = Folder::new(ctx.output("report")?);
    let document = page::compose(&material, &params, &mut folder)?;
    folder.write("report.md", markdown::write(&document))?;
    let page = html::write(&document, &folder)?;
    folder.write("report.html", &page)
}

#[cfg(test)]
mod tests;
