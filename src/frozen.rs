//! Stages that are not run: [`assess`] finds the last result of a frozen stage, and [`describe`] tells of the recipe that
//! it came of, whatever the pipeline file says by now.

use crate::assess::Known;
use crate::assess::{Assessment, Ready, State, damage, would_be};
use crate::cache::records::Record;
use crate::error::Result;
use crate::graph::StageId;
use crate::project::Project;
use crate::reasons::{self, Reason};
use plantpipe_stage::format::Ancestor;
use std::collections::BTreeMap;

/// What a frozen stage is: `frozen` with its last result; nothing else can be made of it.
pub fn assess(project: &mut Project, id: StageId, known: &Known) -> Result<Assessment> {
    let Some(record) = last(project, id) else {
        let reasons = vec!["frozen, and there is no result of it".to_owned()];
        return Ok(Assessment { state: State::NeverRun, reasons, changes: Vec::new(), ready: None, outputs: None });
    };
    if let Some(reason) = damage(project, &record)? {
        return Ok(Assessment {
            state: State::Missing,
            reasons: vec![reason],
            changes: Vec::new(),
            ready: None,
            outputs: None,
        });
    }
    let now = would_be(project, id, known)?;
    let changes = now.map(|now| reasons::since(project, id, &now, &record.recipe)).unwrap_or_default();
    let reasons = changes.iter().map(Reason::brief).collect();
    let outputs = Some(record.outputs.clone());
    let ready = Ready {
        key: record.key,
        recipe: record.recipe.clone(),
        inputs: BTreeMap::new(),
        lineage: None,
        watched: Vec::new(),
        record: Some(record),
    };
    Ok(Assessment { state: State::Frozen, reasons, changes, ready: Some(ready), outputs })
}

/// Its last result in this profile, if that has the outputs that are read.
fn last(project: &Project, id: StageId) -> Option<Record> {
    let stage = project.graph.stage(id);
    let key = project.cache.last(project.profile(), &stage.name.value).done?;
    let has_all = |record: &Record| stage.outputs.iter().all(|output| record.outputs.contains_key(&output.name));
    project.cache.record(key).filter(|record| record.recipe.kind == stage.kind.name && has_all(record))
}

/// A frozen stage as what lies downstream is told of it: the recipe that was used. What it read is not told: that may be
/// something else by now.
pub fn describe(project: &Project, id: StageId, ancestor: Ancestor) -> Ancestor {
    let Some(Record { recipe, .. }) = last(project, id) else { return ancestor };
    Ancestor {
        params: recipe.params,
        seed: recipe.seed,
        device: recipe.device,
        crates: recipe.crates,
        inputs: BTreeMap::new(),
        ..ancestor
    }
}
