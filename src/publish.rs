//! What people read: [`publish`] copies a published output to `reports/<pipeline>/`, with `run.md` beside it.

use crate::cache;
use crate::cache::digest::{Digest, Manifest};
use crate::cache::openings::Openings;
use crate::cache::seal;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::project::Project;
use crate::run_record::RunRecord;
use crate::scheduler::Options;
use std::fs;
use std::path::Path;

/// What people open first.
const PAGES: [&str; 2] = ["report.md", "report.html"];

/// Brings `reports/<pipeline>/` in line with the published outputs among the stages that ran or were fresh.
pub fn publish(
    project: &mut Project,
    options: &Options,
    record: &RunRecord,
    tell: &mut dyn FnMut(Event),
) -> Result<()> {
    for id in &options.stages {
        let stage = project.graph.stage(*id);
        let Some(output) = stage.outputs.first().filter(|_| stage.kind.uses.published) else { continue };
        let output = output.name.clone();
        let name = stage.name.value.clone();
        let last = project.cache.last(project.profile(), &name);
        let record_of = last.done.and_then(|key| project.cache.record(key));
        let Some(digest) = record_of.and_then(|record| record.outputs.get(&output).copied()) else { continue };
        let folder = project.root.join("reports").join(&project.graph.pipeline.name);
        let written = copy(project, digest, &folder, tell)?;
        let page = folder.join("run.md");
        if written || record.ran() > 0 || !page.exists() {
            let mut record_page = record.markdown(&openings(project, options));
            record_page.push('\n');
            fs::write(&page, record_page).map_err(|error| Error::io("write", &page, &error))?;
        }
        let shown = folder.strip_prefix(std::env::current_dir().unwrap_or_default()).unwrap_or(&folder);
        for page in PAGES.iter().filter(|page| folder.join(page).is_file()) {
            tell(Event::ReportPublished { path: shown.join(page).display().to_string() });
        }
    }
    Ok(())
}

/// How often the answers were opened that the stages asked for scored against.
fn openings(project: &Project, options: &Options) -> Openings {
    let names = options.stages.iter().map(|id| &project.graph.stage(*id).name.value);
    let keys = names.filter_map(|name| project.cache.last(project.profile(), name).done).collect();
    project.cache.openings(&keys)
}

/// Copies what differs and removes what an earlier copy brought and this one has not; other files are left alone.
fn copy(project: &mut Project, digest: Digest, folder: &Path, tell: &mut dyn FnMut(Event)) -> Result<bool> {
    let manifest = project.cache.manifest(digest).ok_or_else(|| Error::Integrity {
        message: format!("the report {} vanished from the cache", digest.short()),
        hint: Some("run again".to_owned()),
    })?;
    let memory = project.cache.root.join("published").join(format!("{}.json", project.graph.pipeline.name));
    let before: Manifest = fs::read(&memory).ok().and_then(|bytes| seal::open(&bytes)).unwrap_or_default();
    cache::make(folder)?;
    let there = project.cache.scanner.scan(folder)?.manifest;
    let object = project.cache.object(digest);
    let mut written = false;
    for (name, entry) in manifest.files() {
        let found = there.get(name);
        if found == Some(entry) {
            continue;
        }
        if found.is_some() && before.get(name) == Some(entry) {
            tell(Event::Note { note: format!("{} was edited by hand and is restored", folder.join(name).display()) });
        }
        let (from, to) = (object.join(name), folder.join(name));
        let bytes = fs::read(&from).map_err(|error| Error::io("read", &from, &error))?;
        cache::make(to.parent().expect("a file has a folder"))?;
        fs::write(&to, bytes).map_err(|error| Error::io("write", &to, &error))?;
        written = true;
    }
    for name in before.names().iter().filter(|name| manifest.get(name).is_none() && there.get(name).is_some()) {
        cache::remove(&folder.join(name))?;
        written = true;
    }
    if before != *manifest {
        cache::write_whole(&memory, &seal::seal(&*manifest))?;
    }
    project.cache.scanner.forget(folder);
    Ok(written)
}
