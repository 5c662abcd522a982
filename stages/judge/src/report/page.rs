//! The page: [`compose`] puts title, notice, summary and the sections in order.

use super::document::{Block, Document, Section};
use super::folder::Folder;
use super::material::Material;
use super::{Params, calibration, cams, curves, data, doubts, labels, limits, pipeline, provenance, results, summary};
use plantpipe_stage::Result;

/// The whole report; pictures go to `folder`. A section without material is left out.
pub(super) fn compose(material: &Material, params: &Params, folder: &mut Folder) -> Result<Document> {
    let panels = if params.photographs { params.panels } else { 0 };
    let sections = [
        ("Data", data::section(material, folder)?),
        ("Pipeline", pipeline::section(material)),
        ("Results", results::section(material, folder)?),
        ("Per label", labels::section(material, folder)?),
        ("Calibration", calibration::section(material, folder)?),
        ("Doubts", doubts::section(material, params.doubts, folder)?),
        ("Learning curves", curves::section(material, folder)?),
        ("Where the model looks", cams::section(material, panels, folder)?),
        ("Limits and noise", limits::section(material)),
        ("Provenance", provenance::section(material)),
    ];
    let mut top = summary::top(material);
    if !params.photographs {
        top.push(Block::text("Pictures that show photographs were left out of this copy."));
    }
    let title = if params.title.is_empty() { &material.lineage.pipeline } else { &params.title };
    Ok(Document {
        title: title.clone(),
        top,
        sections: sections
            .into_iter()
            .filter(|(_, blocks)| !blocks.is_empty())
            .map(|(heading, blocks)| Section { heading, blocks })
            .collect(),
    })
}
