//! The kind [`CHECKPOINT`]: what any checkpoint of a known architecture, its head included, says of photographs.

use crate::ask::{AskedImage, none_read, write_failed};
use crate::batches::Batches;
use crate::infer::logits;
use crate::models::{Arch, Config, Network};
use crate::weights::{self, Checkpoint, Wanted};
use crate::words::counted;
use crate::{CRATES, NETWORK, device};
use burn::tensor::Device;
use plantpipe_pixels::{Photo, decode, held, pillow};
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat, OutputRow, Outputs, Preprocessing, Scores};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, Reads, Result, Uses, code};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Asks a checkpoint as it is. For the command line: no pipeline names it, so its params are no table but
/// [`CheckpointParams`].
pub const CHECKPOINT: Kind = Kind {
    name: "checkpoint",
    doc: "gives every output of a checkpoint's own head for photographs squashed to its size",
    inputs: &[InputSpec {
        name: "weights",
        doc: "the checkpoint, its head included",
        format: "weights",
        arity: Arity::One,
        reads: Reads::All,
    }],
    outputs: &[OutputSpec {
        name: "outputs",
        doc: "outputs.csv: a row a photograph; failed.json: those without an answer; asked.json: how it was asked",
        format: "outputs",
    }],
    params: &[],
    code: &[&NETWORK, &plantpipe_kernels::CODE, &ASKING, &sources::TOOLS, &sources::SHARDS, &plantpipe_pixels::CODE],
    crates: CRATES,
    uses: Uses { device: true, ..Uses::NOTHING },
    run,
};

const ASKING: Code = code!("learn", "ask.rs", "checkpoint.rs");

/// What is asked of which network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckpointParams {
    /// Answered in this order.
    pub images: Vec<AskedImage>,
    /// timm's name of the architecture.
    pub arch: String,
    /// Side of the square input, pixels; none: what the architecture's published weights were trained for.
    pub size: Option<u32>,
    /// RGB, of values 0 to 1; none: those of the published weights.
    pub mean: Option<[f64; 3]>,
    pub std: Option<[f64; 3]>,
    /// Batch-norm eps; none: that of the published weights.
    pub eps: Option<f64>,
    /// A text file with the name of a class a line, in the order of the outputs; none: `c0`, `c1`, ...
    pub labels: Option<PathBuf>,
    pub scores: Scores,
    /// Photographs at a time, at least 1.
    pub batch: usize,
}

impl Default for CheckpointParams {
    fn default() -> Self {
        Self {
            images: Vec::new(),
            arch: String::new(),
            size: None,
            mean: None,
            std: None,
            eps: None,
            labels: None,
            scores: Scores::Softmax,
            batch: 32,
        }
    }
}

/// `asked.json`: how the checkpoint was asked, defaults filled in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointAsked {
    pub arch: String,
    pub size: u32,
    pub mean: [f64; 3],
    pub std: [f64; 3],
    pub eps: f64,
    pub scores: Scores,
}

impl CheckpointAsked {
    /// The file in the output folder.
    pub const FILE: &'static str = "asked.json";

    fn new(params: &CheckpointParams, arch: Arch) -> Self {
        let (mean, std) = arch.normalisation();
        Self {
            arch: params.arch.clone(),
            size: params.size.unwrap_or(arch.published_size()),
            mean: params.mean.unwrap_or(mean),
            std: params.std.unwrap_or(std),
            eps: params.eps.unwrap_or(arch.published_eps()),
            scores: params.scores,
        }
    }
}

/// Fails of a checkpoint that does not fit the architecture or has no head, of names that are not as many as its outputs,
/// or where no photograph at all can be read.
fn run(ctx: &Context) -> Result<()> {
    let params: CheckpointParams = ctx.params()?;
    if params.images.is_empty() || params.batch == 0 {
        return Err(Error::new("`checkpoint` wants images, and a batch of 1 or more"));
    }
    let arch = Arch::of(&params.arch)?;
    let asked = CheckpointAsked::new(&params, arch);
    let device = device::open(ctx.device())?;
    let (mut network, classes) = open(&ctx.input("weights").path, arch, &asked, &device)?;
    let classes = names(params.labels.as_deref(), classes)?;
    ctx.note(sentence(&asked, classes.len()));

    let preprocessing = preprocessing(&asked);
    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let total = params.images.len();
    ctx.progress(0, total, "images");
    // A batch at a time, and only at the network's size: no more photographs than these lie in memory.
    for batch in params.images.chunks(params.batch) {
        let (mut names, mut images) = (Vec::new(), Vec::new());
        let loaded: Vec<Result<Photo>> = batch.par_iter().map(|image| load(image, asked.size)).collect();
        for (image, loaded) in batch.iter().zip(loaded) {
            match loaded {
                Ok(pixels) => {
                    names.push(image.name.as_str());
                    images.push(pixels);
                }
                Err(error) => {
                    // The only one is told by the error that ends the run.
                    if total > 1 {
                        ctx.note(format!("left out: {}", error.message));
                    }
                    failed.push((image, error));
                }
            }
        }
        let batches = Batches { images: &images, preprocessing: &preprocessing, batch: params.batch };
        let logits = logits(&mut network, &batches, &device, |at| names[at], |_| ())?;
        let row = |(name, logits): (&&str, Vec<f32>)| OutputRow {
            image: (*name).to_owned(),
            values: if asked.scores == Scores::Softmax { softmax(&logits) } else { logits },
        };
        rows.extend(names.iter().zip(logits).map(row));
        ctx.progress(rows.len() + failed.len(), total, "images");
    }
    if rows.is_empty() {
        return Err(none_read(&failed));
    }
    let folder = ctx.output("outputs")?;
    Outputs { classes, rows }.write(&folder)?;
    let path = folder.join(CheckpointAsked::FILE);
    let text = serde_json::to_string_pretty(&asked).map_err(|error| Error::at(&path, error))?;
    std::fs::write(&path, text + "\n").io("write", &path)?;
    write_failed(&folder, &failed)
}

/// The network with all of the checkpoint's weights, and how many classes it tells apart.
fn open(path: &Path, arch: Arch, asked: &CheckpointAsked, device: &Device) -> Result<(Network, usize)> {
    let path = weights::find(path)?;
    let checkpoint = Checkpoint::read(&path)?;
    let classes = checkpoint.classes(arch).ok_or_else(|| {
        let what = format!("this checkpoint has no head of {}: there is nothing to answer with", asked.arch);
        Error::at(&path, what).hint(format!(
            "is `arch` right? Its head is tensor `{}weight`; a backbone without one can be trained on instead",
            arch.head()
        ))
    })?;
    let config = Config { labels: classes, eps: asked.eps, size: asked.size as usize };
    Ok((checkpoint.fill(arch.init(config, 0, device)?, Wanted::All)?, classes))
}

/// What each output is called.
fn names(file: Option<&Path>, outputs: usize) -> Result<Vec<String>> {
    let Some(file) = file else { return Ok((0..outputs).map(|class| format!("c{class}")).collect()) };
    let text = std::fs::read_to_string(file).io("read", file)?;
    let names: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
    if names.len() == outputs {
        return Ok(names);
    }
    Err(Error::at(file, {
        let lines = counted(names.len(), "line");
        format!("{lines}, and the checkpoint has {}", counted(outputs, "output"))
    })
    .hint("a line a class, in the order of the outputs"))
}

/// A photograph, upright, squashed to a square as Pillow does it.
fn load(asked: &AskedImage, size: u32) -> Result<Photo> {
    let name = Path::new(&asked.name);
    let bytes = std::fs::read(&asked.path).io("read", name)?;
    Ok(held(pillow::squash(&decode(&bytes, name)?, size, size)))
}

/// The photographs have been squashed to the network's size by then, and were never encoded.
fn preprocessing(asked: &CheckpointAsked) -> Preprocessing {
    let images = ImagesCard { schema: ImagesCard::SCHEMA, size: asked.size, fit: Fit::Squash, quality: 100 };
    Preprocessing { images, size: asked.size, mean: asked.mean, std: asked.std }
}

/// e^x over the sum of all e^x.
fn softmax(logits: &[f32]) -> Vec<f32> {
    let most = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers: Vec<f64> = logits.iter().map(|logit| f64::from(logit - most).exp()).collect();
    let sum: f64 = powers.iter().sum();
    powers.iter().map(|power| (power / sum) as f32).collect()
}

/// `resnet50 at 224 px, mean 0.485,0.456,0.406, std 0.229,0.224,0.225, eps 0.00001: 1000 outputs`.
fn sentence(asked: &CheckpointAsked, outputs: usize) -> String {
    let rgb = |values: [f64; 3]| {
        let mut words = values.map(|value| value.to_string()).to_vec();
        words.dedup();
        if words.len() == 1 { words.swap_remove(0) } else { values.map(|value| value.to_string()).join(",") }
    };
    let CheckpointAsked { arch, size, mean, std, eps, .. } = asked;
    format!("{arch} at {size} px, mean {}, std {}, eps {eps}: {outputs} outputs", rgb(*mean), rgb(*std))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn softmax_is_as_worked_by_hand_and_survives_great_logits() {
        // e^0 : e^ln 2 : e^ln 5 = 1 : 2 : 5.
        for shift in [0.0, 1000.0, -1000.0] {
            let values = softmax(&[shift, shift + 2.0_f32.ln(), shift + 5.0_f32.ln()]);
            for (value, expected) in values.iter().zip([0.125, 0.25, 0.625]) {
                assert!((value - expected).abs() < 1e-4, "{values:?}");
            }
        }
    }

    #[test]
    fn outputs_are_numbered_or_named_by_a_line_each() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("labels.txt");
        std::fs::write(&file, "tench\r\ngoldfish \n").expect("writes");
        assert_eq!(names(None, 3).expect("numbers"), ["c0", "c1", "c2"]);
        assert_eq!(names(Some(&file), 2).expect("names"), ["tench", "goldfish"]);
        let error = names(Some(&file), 3).expect_err("one too few");
        assert!(error.message.ends_with("labels.txt: 2 lines, and the checkpoint has 3 outputs"), "{error}");
    }

    #[test]
    fn what_is_not_said_is_as_the_published_weights_want_it() {
        let params = CheckpointParams { arch: "efficientnet_lite0".to_owned(), ..CheckpointParams::default() };
        let asked = CheckpointAsked::new(&params, Arch::EfficientNetLite0);
        assert_eq!(sentence(&asked, 1000), "efficientnet_lite0 at 224 px, mean 0.5, std 0.5, eps 0.001: 1000 outputs");
        let said = CheckpointParams {
            size: Some(96),
            mean: Some([0.1, 0.2, 0.3]),
            std: Some([1.0; 3]),
            eps: Some(0.5),
            ..params
        };
        let asked = CheckpointAsked::new(&said, Arch::EfficientNetLite0);
        assert_eq!(sentence(&asked, 2), "efficientnet_lite0 at 96 px, mean 0.1,0.2,0.3, std 1, eps 0.5: 2 outputs");
        assert_eq!(CheckpointAsked::new(&CheckpointParams::default(), Arch::DinoV2Small).size, 518);
    }
}
