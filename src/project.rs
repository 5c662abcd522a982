//! A pipeline file opened with what the command line adds: [`Project`], ready to be assessed or run.

use crate::cache::Cache;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::graph::{Graph, StageId};
use crate::lock::LockFile;
use crate::pipeline::{self, Folders, Overrides};
use crate::reasons;
use crate::registry::Registry;
use crate::text::{Diagnostic, Origin, Span, Text};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file's name, searched upward from the current folder.
pub const FILE: &str = "pipeline.toml";

/// What runs where there is no pipeline file: the main job on synthetic leaves.
pub const BUILT_IN: &str = include_str!("../pipeline.toml");

/// How to find and read a pipeline.
#[derive(Debug)]
pub struct Request<'a> {
    /// `-C`.
    pub folder: Option<&'a Path>,
    /// `--file`.
    pub file: Option<&'a Path>,
    pub overrides: Overrides<'a>,
    pub device: &'a str,
}

/// An opened pipeline.
pub struct Project {
    pub graph: Graph,
    /// The folder of the pipeline file: `cache/` and `reports/` lie in it.
    pub root: PathBuf,
    /// True when no file was found and the built-in one is used.
    pub built_in: bool,
    /// What the sources that lie elsewhere were when they first came, beside the pipeline file.
    pub lock_file: PathBuf,
    /// What `--set` says. Where it says anything, entries of the lock file may be left unread, and none is taken out.
    pub set: Vec<String>,
    pub cache: Cache,
    pub device: Device,
    pub reasons: reasons::Found,
}

impl Project {
    pub fn open(request: &Request<'_>, registry: Registry) -> Result<Self> {
        let device = Device::parse(request.device, &registry)?;
        let current = current_folder()?;
        let folder = request.folder.map_or_else(|| current.clone(), |folder| current.join(folder));
        if !folder.is_dir() {
            return Err(Error::usage(format!("there is no folder {}", folder.display())));
        }
        let (text, path, built_in) = find(&folder, request.file)?;
        let root = path.parent().expect("a file has a folder").to_owned();
        let folders = Folders { file: &root, current: &current };
        let pipeline = pipeline::parse(&text, &request.overrides, &folders, &registry)?;
        let graph = Graph::new(pipeline)?;
        let cache = Cache::open(root.join("cache"));
        let lock_file = LockFile::path(&path, request.overrides.profile);
        let set = request.overrides.set.to_vec();
        Ok(Self { graph, root, built_in, lock_file, set, cache, device, reasons: reasons::Found::new() })
    }

    /// The stages named on the command line with all they need; all stages when none is named.
    pub fn select(&self, names: &[String]) -> Result<Vec<StageId>> {
        if names.is_empty() {
            return Ok(self.graph.order.clone());
        }
        let ids = names.iter().map(|name| self.stages(name)).collect::<Result<Vec<_>>>()?;
        Ok(self.graph.with_ancestors(&ids.concat()))
    }

    /// The stages meant by a name given on the command line: one, or every instance of a group.
    pub fn stages(&self, name: &str) -> Result<Vec<StageId>> {
        let stages = self.graph.find(name);
        if !stages.is_empty() {
            return Ok(stages);
        }
        let text = Text { name: "command line".to_owned(), content: name.to_owned(), origin: Origin::CommandLine };
        let span = Span { text: Arc::new(text), range: 0..name.len() };
        let stages = self.graph.pipeline.stages.iter();
        let known = stages.flat_map(|stage| [Some(stage.name.value.as_str()), stage.group()].into_iter().flatten());
        Err(Diagnostic::unknown(&span, "stage", name, known).into())
    }

    pub fn profile(&self) -> Option<&str> {
        self.graph.pipeline.profile.as_deref()
    }
}

fn current_folder() -> Result<PathBuf> {
    std::env::current_dir().map_err(|error| Error::failed(format!("cannot tell the current folder: {error}")))
}

/// The folder of the pipeline file that `-C` and `--file` lead to, where there is one; what is in the file doesn't matter.
pub fn root(folder: Option<&Path>, file: Option<&Path>) -> Result<Option<PathBuf>> {
    let current = current_folder()?;
    let folder = folder.map_or_else(|| current.clone(), |folder| current.join(folder));
    let path = match file {
        Some(file) => Some(folder.join(file)),
        None => search(&folder),
    };
    let path = path.filter(|path| path.is_file());
    Ok(path.map(|path| path.parent().expect("a file has a folder").to_owned()))
}

/// The nearest pipeline file, upward.
fn search(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().map(|folder| folder.join(FILE)).find(|path| path.is_file())
}

/// The text, the path of its file, and whether it is the built-in one.
fn find(folder: &Path, file: Option<&Path>) -> Result<(Arc<Text>, PathBuf, bool)> {
    let text = |name: &Path, content: String| {
        Arc::new(Text { name: name.display().to_string(), content, origin: Origin::File })
    };
    let Some(path) = file.map(|file| folder.join(file)).or_else(|| search(folder)) else {
        let text = text(Path::new("built-in pipeline.toml"), BUILT_IN.to_owned());
        return Ok((text, folder.join(FILE), true));
    };
    let content = std::fs::read_to_string(&path)
        .map_err(|error| Error::usage(format!("cannot read {}: {error}", path.display())))?;
    let shown = path.strip_prefix(folder).unwrap_or(&path);
    let text = text(shown, content);
    Ok((text, path, false))
}
