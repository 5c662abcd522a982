//! What the cache has to keep: [`needs`] gathers what current results, lock files and the last runs name.

use crate::cache::gc::Needs;
use crate::error::Result;
use crate::lock::LockFile;
use crate::project::Project;
use crate::recipe::Key;
use crate::runs::Runs;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What has to stay: the current results of every profile, as far as its pipeline has their stages, whatever lock files
/// beside the pipeline file name, and the last `runs` runs.
///
/// `stages` says which stages a profile has; none where that cannot be told, and then all of them count.
///
/// # Errors
/// A lock file of this pipeline that cannot be read: what it needs cannot be told.
pub fn needs(
    project: &Project,
    runs: usize,
    stages: impl Fn(Option<&str>) -> Option<BTreeSet<String>>,
) -> Result<Needs> {
    let mut needs = Needs::default();
    let mut known: BTreeMap<Option<String>, Option<BTreeSet<String>>> = BTreeMap::new();
    for (profile, stage, key) in project.cache.results() {
        let stages = known.entry(profile.clone()).or_insert_with(|| stages(profile.as_deref()));
        if stages.as_ref().is_none_or(|stages| stages.contains(&stage)) {
            add(&mut needs, project, key);
        }
    }
    for (path, whose) in lock_files(project) {
        let file = match LockFile::read(&path) {
            Ok(file) => file,
            Err(error) if whose == Whose::Ours => return Err(error),
            // Another program's, as cargo's.
            Err(_) => continue,
        };
        for locked in file.stages().values() {
            needs.add(locked.key, &locked.outputs);
        }
    }
    for run in Runs::read(&project.cache, None).runs.iter().rev().take(runs) {
        needs.runs.insert(run.name.clone());
        for stage in &run.record.stages {
            if let Some(key) = stage.key {
                needs.add(key, &stage.outputs);
                add(&mut needs, project, key);
            }
        }
    }
    Ok(needs)
}

fn add(needs: &mut Needs, project: &Project, key: Key) {
    let outputs = project.cache.record(key).map(|record| record.outputs).unwrap_or_default();
    needs.add(key, &outputs);
}

/// When each key was in a run the last time.
pub fn used(project: &Project) -> BTreeMap<Key, Timestamp> {
    let mut used = BTreeMap::new();
    // The last one stays.
    for run in Runs::read(&project.cache, None).runs {
        let started = run.record.started;
        used.extend(run.record.stages.iter().filter_map(|stage| Some((stage.key?, started))));
    }
    used
}

/// Whether a lock file is this pipeline's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    Ours,
    Anyones,
}

/// The lock files beside the pipeline file, of every profile, and those of other pipeline files there: they share the
/// cache.
fn lock_files(project: &Project) -> Vec<(PathBuf, Whose)> {
    let stem = project.lock_file.file_name().and_then(|name| name.to_str()?.split('.').next()).unwrap_or_default();
    let entries = std::fs::read_dir(&project.root).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_lock = |path: &Path| path.extension().is_some_and(|ext| ext == "lock") && path.is_file();
    let whose = |path: &Path| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.split('.').next() == Some(stem) { Whose::Ours } else { Whose::Anyones }
    };
    let mut files: Vec<(PathBuf, Whose)> =
        entries.filter(|path| is_lock(path)).map(|path| (path.clone(), whose(&path))).collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    files
}
