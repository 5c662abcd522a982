//! The sources of a run that lie elsewhere: [`bring_all`] gets them here and holds them against the lock file.

use crate::error::{Error, Result};
use crate::event::Event;
use crate::graph::SourceId;
use crate::pipeline::{Location, Remote};
use crate::project::Project;

/// Where a source that lies elsewhere lies here, once it has come.
#[cfg(feature = "download")]
pub fn path(project: &Project, remote: &Remote) -> Option<std::path::PathBuf> {
    Some(remote.path(&project.cache)).filter(|path| path.exists())
}

/// Built without downloads, nothing has come.
#[cfg(not(feature = "download"))]
pub fn path(_: &Project, _: &Remote) -> Option<std::path::PathBuf> {
    None
}

/// Brings every source that is not here yet, and records it the first time; one given by `--set` is not recorded.
///
/// # Errors
/// A source that cannot be had, or is not the file that it was the first time.
#[cfg(feature = "download")]
pub fn bring_all(
    project: &mut Project,
    sources: &[SourceId],
    offline: bool,
    tell: &mut dyn FnMut(Event),
) -> Result<()> {
    use crate::download::{Wish, bring};
    use crate::lock::LockFile;
    use crate::text::Origin;

    let mut lock = LockFile::read(&project.lock_file)?;
    for id in sources {
        let source = &project.graph.pipeline.sources[id.0];
        let Location::Remote(remote) = &source.location else { continue };
        let name = &source.name.value;
        let wish = Wish {
            name,
            remote,
            locked: lock.source(name, remote).cloned(),
            lock_name: lock.name(),
            offline,
            instead: format!("--set sources.{name}=PATH"),
        };
        let kept = bring(&wish, &mut project.cache, tell).map_err(|error| of_source(name, error))?;
        if source.origin == Origin::File && wish.locked.is_none() {
            lock.record(name, kept.locked(&remote.url))?;
        }
    }
    if project.set.is_empty() {
        let declared = &project.graph.pipeline.sources;
        let is_elsewhere = |name: &str| {
            let is = |location: &Location| matches!(location, Location::Remote(_));
            declared.iter().any(|source| source.name.value == name && is(&source.location))
        };
        lock.keep_only(is_elsewhere)?;
    }
    Ok(())
}

/// Built without downloads, nothing can be brought.
#[cfg(not(feature = "download"))]
pub fn bring_all(project: &mut Project, sources: &[SourceId], _: bool, _: &mut dyn FnMut(Event)) -> Result<()> {
    for id in sources {
        let source = &project.graph.pipeline.sources[id.0];
        if let Location::Remote(Remote { url, .. }) = &source.location {
            let name = &source.name.value;
            let message = format!("this plantpipe was built without downloads, and {url} lies elsewhere");
            return Err(of_source(name, Error::failed(message))
                .hint(format!("download it and say where it lies: --set sources.{name}=PATH")));
        }
    }
    Ok(())
}

/// Names the source in what went wrong with it.
fn of_source(name: &str, error: Error) -> Error {
    match error {
        Error::Failed { message, hint } => Error::Failed { message: format!("source `{name}`: {message}"), hint },
        other => other,
    }
}
