//! `plantpipe predict --arch ARCH --weights FILE`: asks a checkpoint as it is, without any pipeline: its own head, its
//! own size and normalisation, every output.

use super::{BATCH, Failed, Predict, failed, finish, images};
use crate::cache::make;
use crate::cli::run::threads;
use crate::cli::tool::run_tool;
use crate::cli::{Global, Verbosity};
use crate::console::Console;
use crate::error::{Error, Result};
use crate::registry::Registry;
use crate::text::{Diagnostic, Origin, Span, Text};
use clap::Args;
use plantpipe_stage::format::{OutputRow, Outputs};
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So many of the highest outputs are shown on a terminal.
const TOP: usize = 5;

#[derive(Args)]
#[command(next_help_heading = "A checkpoint as it is, without a pipeline")]
pub struct Flags {
    /// Ask a checkpoint with its own head: timm's name of its architecture
    #[arg(long, value_name = "ARCH", requires = "weights", conflicts_with_all = ["stage", "cam"])]
    arch: Option<String>,
    /// Its weights
    #[arg(
        long,
        value_name = "FILE",
        requires = "arch",
        help = "The checkpoint: a path, an https:// address, or hf://OWNER/NAME"
    )]
    weights: Option<String>,
    /// Squash photographs to N x N pixels (default: as the architecture's published weights want it; so below)
    #[arg(long, value_name = "N", requires = "arch", value_parser = clap::value_parser!(u32).range(8..=4096))]
    size: Option<u32>,
    /// Subtract this mean: one number, or three with commas, of values 0 to 1
    #[arg(long, value_name = "M", requires = "arch", value_parser = rgb, allow_hyphen_values = true)]
    mean: Option<Rgb>,
    /// Then divide by this standard deviation: one number, or three with commas
    #[arg(long, value_name = "S", requires = "arch", value_parser = positive_rgb, allow_hyphen_values = true)]
    std: Option<Rgb>,
    /// The eps of batch normalisation
    #[arg(long, value_name = "E", requires = "arch", value_parser = eps, allow_hyphen_values = true)]
    eps: Option<f64>,
    /// The names of the outputs, a line each (default: c0, c1, ...)
    #[arg(long, value_name = "FILE", requires = "arch")]
    labels: Option<PathBuf>,
    /// Give the outputs as they are, without a softmax
    #[arg(long, requires = "arch")]
    logits: bool,
    /// Download nothing
    #[arg(long, requires = "arch")]
    offline: bool,
}

/// A value a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rgb([f64; 3]);

/// A checkpoint that is asked, and as what.
pub struct Checkpoint<'a> {
    arch: &'a str,
    weights: &'a str,
    flags: &'a Flags,
}

impl Flags {
    /// The checkpoint, where one is asked.
    pub fn asked(&self) -> Option<Checkpoint<'_>> {
        let (arch, weights) = (self.arch.as_deref()?, self.weights.as_deref()?);
        Some(Checkpoint { arch, weights, flags: self })
    }
}

impl Predict {
    pub(super) fn ask_checkpoint(
        &self,
        checkpoint: &Checkpoint<'_>,
        registry: &Registry,
        global: &Global,
    ) -> Result<()> {
        let Some(kind) = registry.checkpoint else {
            return Err(Error::usage("this plantpipe was built without learning: it knows no checkpoint"));
        };
        if global.profile.is_some() || !global.set.is_empty() {
            return Err(Error::usage("--profile and --set change a pipeline, and --arch asks none")
                .hint("leave them out; --size, --mean, --std and --eps say how a checkpoint is asked"));
        }
        known(checkpoint.arch, registry.archs)?;
        let device = crate::device::Device::parse(&global.device, registry)?;
        let images = images(&self.images)?;
        let labels = checkpoint.flags.labels.as_deref().map(file).transpose()?;
        let verbosity = if global.json { Verbosity::Quiet } else { global.verbosity() };
        let mut console = Console::new(false, verbosity, [checkpoint.arch, "weights"].into_iter());
        let weights = weights(checkpoint, global, &mut console)?;

        let scratch = tempfile::tempdir().map_err(|error| Error::io("make", &std::env::temp_dir(), &error))?;
        let out = scratch.path().join("out");
        make(&out)?;
        let artifact = Artifact { name: "weights".to_owned(), path: weights, digest: String::new() };
        let action = Action {
            schema: ACTION_SCHEMA,
            stage: checkpoint.arch.to_owned(),
            kind: kind.name.to_owned(),
            params: BTreeMap::from([
                ("arch".to_owned(), json!(checkpoint.arch)),
                ("batch".to_owned(), json!(BATCH)),
                ("eps".to_owned(), json!(checkpoint.flags.eps)),
                ("images".to_owned(), json!(images)),
                ("labels".to_owned(), json!(labels)),
                ("mean".to_owned(), json!(checkpoint.flags.mean.map(|rgb| rgb.0))),
                ("scores".to_owned(), json!(if checkpoint.flags.logits { "logits" } else { "softmax" })),
                ("size".to_owned(), json!(checkpoint.flags.size)),
                ("std".to_owned(), json!(checkpoint.flags.std.map(|rgb| rgb.0))),
            ]),
            inputs: BTreeMap::from([("weights".to_owned(), vec![artifact])]),
            seed: 0,
            threads: threads(),
            device: device.as_str().to_owned(),
            scratch: out.clone(),
            report: scratch.path().join("report.json"),
            lineage: None,
            previous: None,
            checkpoint: None,
        };
        run_tool(&action, &file(Path::new("."))?, &mut console)?;
        let folder = out.join("outputs");
        let outputs = Outputs::read(&folder).map_err(|error| Error::Bug { message: error.message })?;
        let asked = document_of(&folder.join("asked.json"))?;
        let failed = failed(&folder.join("failed.json"))?;
        self.show(
            &folder.join(Outputs::FILE),
            || document(&asked, &outputs, &failed),
            || lines(&outputs, self.top.unwrap_or(TOP)),
            global,
        )?;
        finish(&failed, images.len(), global)
    }
}

/// Fails of an architecture that nobody knows, with the nearest name.
fn known(arch: &str, archs: &[&str]) -> Result<()> {
    if archs.contains(&arch) {
        return Ok(());
    }
    let text = Text { name: "--arch".to_owned(), content: arch.to_owned(), origin: Origin::CommandLine };
    let span = Span { text: Arc::new(text), range: 0..arch.len() };
    Err(Diagnostic::unknown(&span, "architecture", arch, archs.iter().copied()).into())
}

/// A path that means the same in any folder.
fn file(path: &Path) -> Result<PathBuf> {
    if !path.exists() {
        return Err(Error::usage(format!("there is no file {}", path.display())));
    }
    std::path::absolute(path).map_err(|error| Error::io("find", path, &error))
}

/// Where the checkpoint lies here.
fn weights(checkpoint: &Checkpoint<'_>, global: &Global, console: &mut Console) -> Result<PathBuf> {
    let elsewhere = ["hf://", "https://", "http://"].iter().any(|scheme| checkpoint.weights.starts_with(scheme));
    if elsewhere { bring(checkpoint, global, console) } else { file(Path::new(checkpoint.weights)) }
}

/// Brings it into the project's cache where there is a pipeline file, else into the user's own.
#[cfg(feature = "download")]
fn bring(checkpoint: &Checkpoint<'_>, global: &Global, console: &mut Console) -> Result<PathBuf> {
    use crate::cache::Cache;
    use crate::download::{Wish, bring};
    use crate::event::Event;
    use crate::pipeline::Remote;

    let root = crate::project::root(global.folder.as_deref(), global.file.as_deref())?;
    let mut cache = Cache::open(root.map_or_else(user_cache, |root| Ok(root.join("cache")))?);
    let remote = Remote { url: checkpoint.weights.to_owned(), sha256: None };
    let path = remote.path(&cache);
    crate::interrupt::listen()?;
    cache.prepare()?;
    // What is here already can be read while another run works.
    let _lock = if path.exists() { None } else { Some(cache.lock()?) };
    let wish = Wish {
        name: "weights",
        remote: &remote,
        locked: None,
        lock_name: String::new(),
        offline: checkpoint.flags.offline,
        instead: "--weights PATH".to_owned(),
    };
    let mut came = false;
    bring(&wish, &mut cache, &mut |event| {
        came |= matches!(event, Event::SourceKept { .. });
        console.tell(&event);
    })?;
    console.finish();
    cache.save_if_there();
    if came {
        console.tell(&Event::Note { note: format!("the weights are kept as {}", path.display()) });
    }
    Ok(path)
}

#[cfg(not(feature = "download"))]
fn bring(checkpoint: &Checkpoint<'_>, _: &Global, _: &mut Console) -> Result<PathBuf> {
    let message = format!("this plantpipe was built without downloads, and {} lies elsewhere", checkpoint.weights);
    Err(Error::failed(message).hint("download it and say where it lies: --weights PATH"))
}

/// `$XDG_CACHE_HOME/plantpipe`, or `~/.cache/plantpipe`.
#[cfg(feature = "download")]
fn user_cache() -> Result<PathBuf> {
    let folder = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    caches.map(|caches| caches.join("plantpipe")).ok_or_else(|| {
        Error::usage("there is no folder to keep downloads in: neither XDG_CACHE_HOME nor HOME says one")
            .hint("download the weights and say where they lie: --weights PATH")
    })
}

fn document_of(path: &Path) -> Result<Value> {
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    serde_json::from_slice(&bytes).map_err(|error| Error::Bug { message: format!("{}: {error}", path.display()) })
}

/// How it was asked, and a row of numbers a photograph: in an array, since two classes may share a name.
fn document(asked: &Value, outputs: &Outputs, failed: &[Failed]) -> Value {
    // As the CSV spells them: the shortest that reads back as the same 32 bits.
    let number = |value: &f32| value.to_string().parse::<f64>().expect("a float's text is a float");
    let row =
        |row: &OutputRow| json!({ "image": row.image, "values": row.values.iter().map(number).collect::<Vec<_>>() });
    json!({
        "schema_version": 1,
        "asked": asked,
        "labels": outputs.classes,
        "answers": outputs.rows.iter().map(row).collect::<Vec<_>>(),
        "failed": failed.iter().map(Failed::document).collect::<Vec<_>>(),
    })
}

/// A line a photograph: its highest outputs, the highest first.
fn lines(outputs: &Outputs, top: usize) -> String {
    let width = outputs.rows.iter().map(|row| row.image.chars().count()).max().unwrap_or(0);
    let line = |row: &OutputRow| {
        let mut classes: Vec<(&String, f32)> = outputs.classes.iter().zip(row.values.iter().copied()).collect();
        classes.sort_by(|a, b| b.1.total_cmp(&a.1));
        let words = classes.iter().take(top.max(1)).map(|(class, value)| format!("{class} {value:.2}"));
        format!("{:<width$}  {}\n", row.image, words.collect::<Vec<_>>().join("  "))
    };
    outputs.rows.iter().map(line).collect()
}

/// One number for three channels, or three with commas.
fn rgb(text: &str) -> Result<Rgb, String> {
    let numbers: Option<Vec<f64>> = text.split(',').map(|word| word.trim().parse().ok()).collect();
    match numbers.as_deref() {
        Some([one]) if one.is_finite() => Ok(Rgb([*one; 3])),
        Some([r, g, b]) if [r, g, b].iter().all(|value| value.is_finite()) => Ok(Rgb([*r, *g, *b])),
        _ => Err("one number, or three with commas: 0.485,0.456,0.406".to_owned()),
    }
}

fn positive_rgb(text: &str) -> Result<Rgb, String> {
    match rgb(text)? {
        Rgb(values) if values.iter().all(|value| *value > 0.0) => Ok(Rgb(values)),
        Rgb(_) => Err("a standard deviation is greater than 0".to_owned()),
    }
}

fn eps(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|eps| (0.0..=1.0).contains(eps))
        .ok_or_else(|| "a number from 0 to 1, such as 1e-5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_number_stands_for_three_channels() {
        assert_eq!(rgb("0.5"), Ok(Rgb([0.5; 3])));
        assert_eq!(rgb("0.485, 0.456,0.406"), Ok(Rgb([0.485, 0.456, 0.406])));
        for bad in ["", "0.5,0.5", "a", "nan", "1,2,3,4"] {
            assert!(rgb(bad).is_err(), "{bad}");
        }
        assert!(positive_rgb("0.2,0,0.2").is_err());
        assert_eq!(eps("1e-3"), Ok(1e-3));
        assert!(eps("-1").is_err());
    }

    #[test]
    fn the_highest_outputs_come_first() {
        let row = OutputRow { image: "a.jpg".to_owned(), values: vec![0.1, 0.7, 0.2] };
        let outputs = Outputs { classes: ["x", "y", "z"].map(str::to_owned).to_vec(), rows: vec![row] };
        assert_eq!(lines(&outputs, 2), "a.jpg  y 0.70  z 0.20\n");
    }
}
