//! From a report to a record: [`keep`] brings a stage's outputs into the store, looks at its inputs again, and records
//! them last.

use crate::assess::{Ready, Watched, resume};
use crate::cache::openings::Opened;
use crate::cache::records::{Last, LastRan, Outputs, Record, SCHEMA};
use crate::cache::scan::{Scanner, Snapshot};
use crate::error::{Error, Result};
use crate::graph::StageId;
use crate::items;
use crate::project::Project;
use crate::reasons;
use crate::recipe::Key;
use jiff::Timestamp;
use plantpipe_stage::{Action, Afterwards, Opening, Outcome, Report};
use std::path::{Path, PathBuf};

/// What a stage gave.
pub struct Kept {
    pub outputs: Outputs,
    /// As the stage's last run.
    pub same_bytes: bool,
    /// Another record of the same recipe has other bytes.
    pub irreproducible: bool,
}

/// From a report to a record: outputs into the store, inputs checked again, the record last.
pub fn keep(
    project: &mut Project,
    id: StageId,
    ready: &Ready,
    action: &Action,
    linked: Option<(&Path, &Snapshot)>,
    report: Report,
    (seconds, why): (f64, &[String]),
) -> Result<Kept> {
    match report.outcome {
        Outcome::Done => {}
        Outcome::Stopped => return Err(Error::stopped()),
        Outcome::Failed(error) => return Err(Error::Failed { message: error.message, hint: error.hint }),
        Outcome::Bug(message) => return Err(Error::Bug { message }),
    }
    let stage = project.graph.stage(id);
    let kind = stage.kind;
    let name = stage.name.value.clone();
    let names: Vec<String> = stage.outputs.iter().map(|output| output.name.clone()).collect();
    // First, for meanwhile the times of what the stage has just made become old enough to be trusted.
    let changed = changed(project, ready);
    let mut outputs = Outputs::new();
    for output in names {
        let folder = action.scratch.join(&output);
        if !folder.is_dir() {
            return Err(Error::Bug { message: format!("it gave no output `{output}`") });
        }
        let digest = project.cache.keep(&folder, linked)?;
        outputs.insert(output, digest);
    }
    if !kind.uses.items.is_empty() {
        let written = project.cache.manifest(outputs[kind.outputs[0].name]);
        items::check(&report.items, &written.expect("it was written by now"))?;
    }
    if let Some(file) = changed? {
        let message = format!("{} changed while stage `{name}` ran", file.display());
        let hint = Some("the output is kept but not recorded; run again when the files are at rest".to_owned());
        return Err(Error::Integrity { message, hint });
    }
    // Before the record: a crash in between counts an opening too many, never one too few.
    project.cache.open_test(&opened(project, &name, ready.key, report.openings, &outputs))?;
    let last = project.cache.last(project.profile(), &name);
    let before = last.done.and_then(|key| project.cache.record(key));
    let same_bytes = before.is_some_and(|before| before.outputs == outputs);
    let irreproducible = ready.record.as_ref().is_some_and(|before| before.outputs != outputs);
    reasons::remember(project, id, ready);
    let items = project.cache.write_items(ready.key, &report.items)?;
    project.cache.write_record(&Record {
        schema: SCHEMA,
        key: ready.key,
        recipe: ready.recipe.clone(),
        outputs: outputs.clone(),
        items,
        seconds: report.before.as_secs_f64() + seconds,
        peak_memory: report.peak_memory,
    })?;
    if let Some(resume) = resume(kind, ready)
        && report.checkpoint == Afterwards::Remove
    {
        project.cache.remove_checkpoint(resume, ready.key)?;
    }
    if let Some(family) = items::family(kind, ready) {
        project.cache.write_family(family, ready.key)?;
    }
    let ran = LastRan { time: Timestamp::now(), key: ready.key, seconds, reasons: why.to_vec(), same_bytes };
    let last = Last { done: Some(ready.key), ran: Some(ran), ..Last::default() };
    project.cache.write_last(project.profile(), &name, last)?;
    project.cache.show(&name, &outputs)?;
    Ok(Kept { outputs, same_bytes, irreproducible })
}

/// The first file that was read and is not what it was.
fn changed(project: &mut Project, ready: &Ready) -> Result<Option<PathBuf>> {
    for Watched { path, reads, snapshot } in &ready.watched {
        if let Some(file) = Scanner::changed_since(path, snapshot, *reads)?
            && !is_linked_only(project, path, snapshot)?
        {
            return Ok(Some(path.join(file)));
        }
    }
    Ok(None)
}

/// Whether an object is what it was but for its times: a per-item stage that ran meanwhile made links to its files.
fn is_linked_only(project: &mut Project, path: &Path, snapshot: &Snapshot) -> Result<bool> {
    if !path.starts_with(project.cache.root.join("objects")) {
        return Ok(false);
    }
    project.cache.scanner.forget(path);
    Ok(*project.cache.scanner.scan(path)?.manifest == *snapshot.manifest)
}

/// The openings of a run, as the journal keeps them.
fn opened(project: &Project, stage: &str, key: Key, openings: Vec<Opening>, outputs: &Outputs) -> Vec<Opened> {
    let opened = |opening| Opened {
        time: Timestamp::now(),
        pipeline: project.graph.pipeline.name.clone(),
        profile: project.profile().map(str::to_owned),
        stage: stage.to_owned(),
        key,
        opening,
        outputs: outputs.clone(),
    };
    openings.into_iter().map(opened).collect()
}
