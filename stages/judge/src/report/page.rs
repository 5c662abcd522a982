//! The page: [`write()`] puts title, notice, summary, contents and the sections in order.

use super::folder::Folder;
use super::material::Material;
use super::{Params, cams, curves, data, labels, limits, markdown, pipeline, provenance, results, summary};
use plantpipe_stage::Result;
use std::fmt::Write;

/// The whole of `report.md`; pictures go to `folder`.
pub(super) fn write(material: &Material, params: &Params, folder: &mut Folder) -> Result<String> {
    let sections = [
        ("Data", data::section(material, folder)?),
        ("Pipeline", pipeline::section(material)),
        ("Results", results::section(material)),
        ("Per label", labels::section(material)),
        ("Learning curves", curves::section(material, folder)?),
        ("Where the model looks", cams::section(material, params.panels, folder)?),
        ("Limits and noise", limits::section(material)),
        ("Provenance", provenance::section(material)),
    ];
    let title = if params.title.is_empty() { &material.lineage.pipeline } else { &params.title };
    let mut page = format!("# {}\n\n", markdown::text(title));
    page.push_str(&summary::notice(material));
    page.push_str(&summary::paragraph(material));
    page.push_str("## Contents\n\n");
    for (heading, _) in sections.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = writeln!(page, "- [{heading}](#{})", markdown::anchor(heading));
    }
    for (heading, text) in sections.iter().filter(|(_, text)| !text.is_empty()) {
        let _ = write!(page, "\n## {heading}\n\n{}\n", text.trim_end());
    }
    Ok(page)
}
