//! `plantpipe predict`: asks a trained model about photographs, with exactly the preprocessing of its training; or, in
//! [`checkpoint`], any checkpoint as it is.

mod checkpoint;

use super::run::threads;
use super::tool::run_tool;
use super::{Global, complain, print, print_json};
use crate::assess::{State, assess_all};
use crate::cache::objects::Presence;
use crate::cache::{make, write_whole};
use crate::console::{Console, Verbosity, counted};
use crate::error::{Error, Result};
use crate::graph::StageId;
use crate::project::Project;
use crate::registry::Registry;
use clap::Args;
use plantpipe_stage::format::{Answer, Answers};
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact, Reads};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use walkdir::WalkDir;

/// At or above this probability a label is answered.
const THRESHOLD: f64 = 0.5;
/// The format of a stage's first output, if that is a model.
const MODEL: &str = "model";
/// Photographs at a time.
const BATCH: u64 = 32;

#[derive(Args)]
pub struct Predict {
    /// Photographs, and folders of them
    #[arg(value_name = "IMAGES", required = true)]
    images: Vec<PathBuf>,
    /// The stage whose model answers (default: the only one that has a model)
    #[arg(long, value_name = "NAME")]
    stage: Option<String>,
    /// Write the table there (`-`: to standard output)
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Draw where the model looks, a picture a photograph, into this folder
    #[arg(long, value_name = "DIR")]
    cam: Option<PathBuf>,
    /// On a terminal, show the N most probable labels of each
    #[arg(long, value_name = "N")]
    top: Option<usize>,
    #[command(flatten)]
    checkpoint: checkpoint::Flags,
}

/// A photograph to ask about.
#[derive(Serialize)]
struct Asked {
    /// As given, or below the folder given.
    name: String,
    path: PathBuf,
}

/// A photograph that could not be answered for.
#[derive(Deserialize)]
struct Failed {
    name: String,
    message: String,
}

impl Failed {
    fn document(&self) -> serde_json::Value {
        json!({ "image": self.name, "error": self.message })
    }
}

impl Predict {
    pub fn run(&self, registry: Registry, global: &Global) -> Result<()> {
        match self.checkpoint.asked() {
            Some(checkpoint) => self.ask_checkpoint(&checkpoint, &registry, global),
            None => self.ask_stage(&mut global.open(registry)?, registry, global),
        }
    }

    fn ask_stage(&self, project: &mut Project, registry: Registry, global: &Global) -> Result<()> {
        let Some(kind) = registry.ask else {
            return Err(Error::usage("this plantpipe was built without learning: it has no model to ask"));
        };
        let id = self.stage(project)?;
        let model = model(project, id, global)?;
        let images = images(&self.images)?;
        let scratch = tempfile::tempdir().map_err(|error| Error::io("make", &std::env::temp_dir(), &error))?;
        let stage = project.graph.stage(id).name.value.clone();
        let out = scratch.path().join("out");
        make(&out)?;
        let action = Action {
            schema: ACTION_SCHEMA,
            stage: stage.clone(),
            kind: kind.name.to_owned(),
            params: BTreeMap::from([
                ("batch".to_owned(), json!(BATCH)),
                ("cam".to_owned(), json!(self.cam.is_some())),
                ("images".to_owned(), json!(images)),
                ("threshold".to_owned(), json!(THRESHOLD)),
            ]),
            inputs: BTreeMap::from([("model".to_owned(), vec![model])]),
            seed: 0,
            threads: threads(),
            device: project.device.as_str().to_owned(),
            scratch: out.clone(),
            report: scratch.path().join("report.json"),
            lineage: None,
            previous: None,
            checkpoint: None,
        };
        let verbosity = if global.json { Verbosity::Quiet } else { global.verbosity() };
        let mut console = Console::new(false, verbosity, [stage.as_str()].into_iter());
        run_tool(&action, &project.root, &mut console)?;
        let folder = out.join("answers");
        let answers = Answers::read(&folder).map_err(|error| Error::Bug { message: error.message })?;
        if let Some(to) = &self.cam {
            copy(&folder.join("cams"), to)?;
        }
        let failed = failed(&folder.join("failed.json"))?;
        self.show(&folder.join(Answers::FILE), || document(&answers, &failed), || table(&answers, self.top), global)?;
        finish(&failed, images.len(), global)
    }

    /// The stage named, or the only one that has a model.
    fn stage(&self, project: &Project) -> Result<StageId> {
        let learns = |id: &StageId| project.graph.stage(*id).outputs.first().is_some_and(|out| out.format == MODEL);
        let name = |id: &StageId| project.graph.stage(*id).name.value.clone();
        let known: Vec<StageId> = project.graph.order.iter().copied().filter(learns).collect();
        let names = || known.iter().map(name).collect::<Vec<_>>().join(", ");
        let wanted = match &self.stage {
            Some(word) => project.stages(word)?,
            None => known.clone(),
        };
        match (wanted.as_slice(), &self.stage) {
            ([], _) => Err(Error::usage("no stage of this pipeline has a model")),
            ([one], _) if learns(one) => Ok(*one),
            ([_], Some(word)) => {
                Err(Error::usage(format!("stage `{word}` has no model")).hint(format!("these have: {}", names())))
            }
            _ => Err(Error::usage(format!("{} have a model", counted(wanted.len(), "stage")))
                .hint(format!("say which one: --stage NAME, of {}", names()))),
        }
    }

    /// The answers as they are wanted: as the table in `file`, a document, or lines for people.
    fn show(
        &self,
        file: &Path,
        document: impl FnOnce() -> serde_json::Value,
        lines: impl FnOnce() -> String,
        global: &Global,
    ) -> Result<()> {
        let csv = || std::fs::read(file).map_err(|error| Error::io("read", file, &error));
        if let Some(to) = self.csv.as_ref().filter(|to| to.as_os_str() != "-") {
            write_whole(to, &csv()?)?;
        }
        if global.json {
            return print_json(&document());
        }
        match &self.csv {
            Some(to) if to.as_os_str() != "-" => Ok(()),
            None if std::io::stdout().is_terminal() || self.top.is_some() => print(&lines()),
            _ => print(&String::from_utf8_lossy(&csv()?)),
        }
    }
}

/// Fails where some photographs got no answer, and says why each did not.
fn finish(failed: &[Failed], asked: usize, global: &Global) -> Result<()> {
    if failed.is_empty() {
        return Ok(());
    }
    if !global.json {
        for failed in failed {
            complain(&format!("error: {}", failed.message));
        }
    }
    Err(Error::failed(format!("{} of {} got no answer", failed.len(), counted(asked, "photograph"))))
}

/// The model of the stage's last run, with a word where that is not what it would be now.
fn model(project: &mut Project, id: StageId, global: &Global) -> Result<Artifact> {
    let (name, output) = {
        let stage = project.graph.stage(id);
        (stage.name.value.clone(), stage.outputs[0].name.clone())
    };
    let profile = project.profile().map(|profile| format!(" --profile {profile}")).unwrap_or_default();
    let last = project.cache.last(project.profile(), &name).done.and_then(|key| project.cache.record(key));
    let digest = last.and_then(|record| record.outputs.get(&output).copied());
    let Some(digest) = digest else {
        return Err(Error::failed(format!("stage `{name}` has not run here: there is no model yet"))
            .hint(format!("train it: plantpipe run {name}{profile}")));
    };
    if project.cache.presence(digest)? != Presence::Intact {
        return Err(Error::failed(format!("the model of stage `{name}` is gone from the cache, or was altered"))
            .hint(format!("make it again: plantpipe run {name}{profile}")));
    }
    let above = project.graph.with_ancestors(&[id]);
    let state = assess_all(project, &above)?.into_iter().find(|(known, _)| *known == id).map(|(_, found)| found.state);
    if state.is_some_and(|state| !matches!(state, State::Fresh | State::Frozen))
        && global.verbosity() > Verbosity::Quiet
        && !global.json
    {
        let state = state.map_or("", State::word);
        complain(&format!(
            "note: {name} is {state} by now: this is the model of its last run (plantpipe why {name}{profile})"
        ));
    }
    Ok(Artifact { name, path: project.cache.object(digest), digest: digest.to_string() })
}

/// Files as given, and every photograph below the folders given, sorted.
fn images(given: &[PathBuf]) -> Result<Vec<Asked>> {
    let mut images = Vec::new();
    for path in given {
        if path.is_dir() {
            let before = images.len();
            for entry in WalkDir::new(path).sort_by_file_name().follow_links(true) {
                let entry = entry.map_err(|error| Error::failed(format!("cannot read {}: {error}", path.display())))?;
                if entry.file_type().is_file() && Reads::is_image(&entry.file_name().to_string_lossy()) {
                    images.push(asked(entry.path())?);
                }
            }
            if images.len() == before {
                let known = Reads::IMAGES.join(", ");
                return Err(Error::usage(format!("there is no photograph in {}", path.display()))
                    .hint(format!("photographs end in one of: {known}")));
            }
        } else if path.is_file() {
            images.push(asked(path)?);
        } else {
            return Err(Error::usage(format!("there is no file or folder {}", path.display())));
        }
    }
    Ok(images)
}

fn asked(path: &Path) -> Result<Asked> {
    let absolute = std::path::absolute(path).map_err(|error| Error::io("find", path, &error))?;
    Ok(Asked { name: path.display().to_string(), path: absolute })
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<()> {
    make(to)?;
    let read = |error| Error::io("read", from, &error);
    for entry in std::fs::read_dir(from).map_err(read)? {
        let entry = entry.map_err(read)?;
        let target = to.join(entry.file_name());
        std::fs::copy(entry.path(), &target).map_err(|error| Error::io("write", &target, &error))?;
    }
    Ok(())
}

fn failed(path: &Path) -> Result<Vec<Failed>> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Bug { message: format!("{}: {error}", path.display()) })
}

fn document(answers: &Answers, failed: &[Failed]) -> serde_json::Value {
    let row = |row: &Answer| {
        // As the CSV spells them: the shortest that reads back as the same 32 bits.
        let number = |probability: &f32| probability.to_string().parse::<f64>().expect("a float's text is a float");
        let probabilities: BTreeMap<&String, f64> =
            answers.labels.iter().zip(row.probabilities.iter().map(number)).collect();
        json!({ "image": row.image, "probabilities": probabilities, "predicted": row.predicted })
    };
    json!({
        "schema_version": 1,
        "threshold": THRESHOLD,
        "labels": answers.labels,
        "answers": answers.rows.iter().map(row).collect::<Vec<_>>(),
        "failed": failed.iter().map(Failed::document).collect::<Vec<_>>(),
    })
}

/// A line a photograph: the labels answered, the most probable first; what lies below the threshold in brackets.
fn table(answers: &Answers, top: Option<usize>) -> String {
    let width = answers.rows.iter().map(|row| row.image.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for row in &answers.rows {
        let mut labels: Vec<(&String, f32)> = answers.labels.iter().zip(row.probabilities.iter().copied()).collect();
        labels.sort_by(|a, b| b.1.total_cmp(&a.1));
        labels.truncate(top.unwrap_or(row.predicted.len()).max(1));
        let words = labels.iter().map(|(label, probability)| {
            let word = format!("{label} {probability:.2}");
            if row.predicted.contains(label) { word } else { format!("({word})") }
        });
        let words: Vec<String> = words.collect();
        text.push_str(&format!("{:<width$}  {}\n", row.image, words.join("  ")));
    }
    text
}
