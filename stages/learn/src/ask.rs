//! The kind [`ASK`]: what a trained model says of photographs that belong to no data set.

use crate::explain::{DRAWN_CRATES, EXPLANATION, Look, View, Way, labels, panel};
use crate::infer::Trained;
use crate::{NETWORK, device};
use plantpipe_pixels::{Photo, RgbImage, decode, encode_png, held, prepare};
use plantpipe_stage::format::{Answer, Answers};
use plantpipe_stage::sources;
use plantpipe_stage::{Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, Reads, Result, Uses, code};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Asks a model about files, each made ready as the photographs that it learnt from. For the command line: no pipeline
/// names it, so its params are no table but [`AskParams`].
pub const ASK: Kind = Kind {
    name: "ask",
    doc: "gives a trained model's probability of every label for photographs that belong to no data set",
    inputs: &[InputSpec {
        name: "model",
        doc: "the model to ask",
        format: "model",
        arity: Arity::One,
        reads: Reads::All,
    }],
    outputs: &[OutputSpec {
        name: "answers",
        doc: "answers.csv: a row a photograph; failed.json: those without an answer; cams/: a panel a photograph",
        format: "answers",
    }],
    params: &[],
    code: &[
        &NETWORK,
        &plantpipe_kernels::CODE,
        &ASKING,
        &EXPLANATION,
        &sources::TOOLS,
        &sources::SHARDS,
        &plantpipe_pixels::CODE,
        &plantpipe_pixels::BLUR,
        &plantpipe_pixels::DRAWING,
    ],
    crates: DRAWN_CRATES,
    uses: Uses { device: true, ..Uses::NOTHING },
    run,
};

const ASKING: Code = code!("learn", "ask.rs");

/// The folder of panels within the output.
const CAMS: &str = "cams";

/// What is asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskParams {
    /// Answered in this order.
    pub images: Vec<AskedImage>,
    /// Whether a panel a photograph is drawn: a map (Grad-CAM, of a transformer Chefer's relevance) of each label predicted
    /// (of the four most probable, where there are more), or of the most probable one where none is.
    pub cam: bool,
    /// A label is predicted from this probability on, 0 to 1.
    pub threshold: f64,
    /// Photographs at a time, at least 1.
    pub batch: usize,
}

impl Default for AskParams {
    fn default() -> Self {
        Self { images: Vec::new(), cam: false, threshold: 0.5, batch: 32 }
    }
}

/// A photograph asked about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskedImage {
    /// What the answer calls it.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
}

/// A photograph without an answer; `failed.json` is an array of these, in the order asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AskFailure {
    /// As in [`AskedImage`].
    pub name: String,
    /// Why, in one sentence that names it.
    pub message: String,
}

impl AskFailure {
    /// The file in the output folder.
    pub const FILE: &'static str = "failed.json";
}

/// Fails of an unreadable model, of params out of range, or where no photograph at all can be read.
fn run(ctx: &Context) -> Result<()> {
    let params: AskParams = ctx.params()?;
    if params.images.is_empty() || params.batch == 0 || !(0.0..=1.0).contains(&params.threshold) {
        return Err(Error::new("`ask` wants images, a batch of 1 or more, and a threshold from 0 to 1"));
    }
    let device = device::open(ctx.device())?;
    let model = Trained::open(&ctx.input("model").path, &device.clone().autodiff())?;
    let look = Look { model: &model, device: &device, way: Way::usual(model.arch) };
    let folder = ctx.output("answers")?;
    let files = panel_names(&params.images);

    let (mut rows, mut failed) = (Vec::new(), Vec::new());
    let total = params.images.len();
    ctx.progress(0, total, "images");
    // A batch at a time from the file to the answer: no more photographs than these lie in memory.
    for (batch, files) in params.images.chunks(params.batch).zip(files.chunks(params.batch)) {
        let mut ready = Ready::default();
        let prepared: Vec<Result<RgbImage>> = batch.par_iter().map(|asked| load(asked, &model)).collect();
        for ((asked, file), image) in batch.iter().zip(files).zip(prepared) {
            match image {
                Ok(image) => ready.add(&asked.name, file, image),
                Err(error) => {
                    // The only one is told by the error that ends the run.
                    if total > 1 {
                        ctx.note(format!("left out: {}", error.message));
                    }
                    failed.push((asked, error));
                }
            }
        }
        rows.extend(ready.answer(&look, &params, &folder)?);
        ctx.progress(rows.len() + failed.len(), total, "images");
    }
    if rows.is_empty() {
        return Err(none_read(&failed));
    }
    Answers { labels: model.card.labels.clone(), rows }.write(&folder)?;
    write_failed(&folder, &failed)
}

/// A photograph on the very path of those that the model learnt from: made ready as they were, written as JPEG, decoded.
fn load(asked: &AskedImage, model: &Trained) -> Result<RgbImage> {
    let name = Path::new(&asked.name);
    let bytes = std::fs::read(&asked.path).io("read", name)?;
    let jpeg = prepare(bytes, &model.card.preprocessing.images, name)?;
    decode(&jpeg, name)
}

/// The photographs of a batch that could be read, with their names and those of their panels.
#[derive(Default)]
struct Ready<'a> {
    names: Vec<&'a str>,
    files: Vec<&'a str>,
    images: Vec<Photo>,
}

impl<'a> Ready<'a> {
    fn add(&mut self, name: &'a str, file: &'a str, image: RgbImage) {
        self.names.push(name);
        self.files.push(file);
        self.images.push(held(image));
    }

    /// The rows, and the panels where they are wanted.
    fn answer(&self, look: &Look, params: &AskParams, folder: &Path) -> Result<Vec<Answer>> {
        let known = &look.model.card.labels;
        let batches = look.batches(&self.images, params.batch);
        let answers = look.answers(&batches, |at| self.names[at], |_| ())?;
        if params.cam {
            self.draw(look, &answers, params, &folder.join(CAMS))?;
        }
        let row = |(name, probabilities): (&&str, Vec<f32>)| {
            let answered = known.iter().zip(&probabilities).filter(|(_, p)| f64::from(**p) >= params.threshold);
            let predicted = answered.map(|(label, _)| label.clone()).collect();
            Answer { image: (*name).to_owned(), probabilities, predicted }
        };
        Ok(self.names.iter().zip(answers).map(row).collect())
    }

    fn draw(&self, look: &Look, answers: &[Vec<f32>], params: &AskParams, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).io("make", folder)?;
        let shown: Vec<_> = answers.iter().map(|answer| labels(answer, None, params.threshold)).collect();
        let sights = look.sights(&look.batches(&self.images, params.batch), answers, &shown, |_| ())?;
        let known = &look.model.card.labels;
        (self.images.par_iter().zip(&self.files).zip(sights)).try_for_each(|((photo, file), sights)| {
            let view = |sight| View::of(sight, &known[sight.label], photo, params.threshold);
            let views: Vec<View> = sights.iter().map(view).collect();
            let path = folder.join(format!("{file}.png"));
            let picture = panel(photo, file, None, look.way.method, &views);
            std::fs::write(&path, encode_png(&picture)?).io("write", &path)
        })
    }
}

/// Why nothing at all was answered.
pub(crate) fn none_read(failed: &[(&AskedImage, Error)]) -> Error {
    let first = &failed[0].1.message;
    Error::new(match failed.len() {
        1 => first.clone(),
        count => format!("none of the {count} photographs can be read; the first: {first}"),
    })
    .hint("name whole JPEG, PNG or WebP files")
}

/// Writes [`AskFailure::FILE`].
pub(crate) fn write_failed(folder: &Path, failed: &[(&AskedImage, Error)]) -> Result<()> {
    let path = folder.join(AskFailure::FILE);
    let failure =
        |(asked, error): &(&AskedImage, Error)| AskFailure { name: asked.name.clone(), message: error.message.clone() };
    let failed: Vec<AskFailure> = failed.iter().map(failure).collect();
    let mut text = serde_json::to_string_pretty(&failed).map_err(|error| Error::at(&path, error))?;
    text.push('\n');
    std::fs::write(&path, text).io("write", &path)
}

/// A name for each photograph's panel, none twice, not even in a folder that knows no capitals: its file's own name
/// without the ending, its whole path where several share that, and a number where that does not tell them apart either.
fn panel_names(images: &[AskedImage]) -> Vec<String> {
    let stem = |image: &AskedImage| {
        Path::new(&image.name).file_stem().map_or_else(String::new, |stem| safe(&stem.to_string_lossy()))
    };
    let mut sharing: BTreeMap<String, usize> = BTreeMap::new();
    for image in images {
        *sharing.entry(stem(image).to_lowercase()).or_default() += 1;
    }
    let mut next: BTreeMap<String, usize> = BTreeMap::new();
    let mut taken = BTreeSet::new();
    let mut name = |image: &AskedImage| {
        let mut name = stem(image);
        if sharing[&name.to_lowercase()] > 1 {
            name = safe(&Path::new(&image.name).with_extension("").to_string_lossy());
        }
        let number = next.entry(name.to_lowercase()).or_insert(1);
        let mut unique = name.clone();
        while !taken.insert(unique.to_lowercase()) {
            *number += 1;
            unique = format!("{name}-{number}");
        }
        unique
    };
    images.iter().map(&mut name).collect()
}

/// A name that every file system takes: at most 200 bytes of its end, nothing that separates paths or means something.
fn safe(name: &str) -> String {
    let plain = |letter: char| !letter.is_control() && !r#"/\:*?"<>|"#.contains(letter);
    let name: String = name.chars().map(|letter| if plain(letter) { letter } else { '-' }).collect();
    let start = name.char_indices().map(|(at, _)| at).find(|at| name.len() - at <= 200).unwrap_or(0);
    let name = name[start..].trim_start_matches(['.', '-', ' ']);
    if name.is_empty() { "photograph".to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(given: &[&str]) -> Vec<String> {
        let image = |name: &&str| AskedImage { name: (*name).to_owned(), path: PathBuf::new() };
        panel_names(&given.iter().map(image).collect::<Vec<_>>())
    }

    #[test]
    fn a_panel_is_called_like_its_file_and_by_its_path_where_files_share_a_name() {
        assert_eq!(names(&["a/leaf 1.jpg", "b/Leaf 2.png"]), ["leaf 1", "Leaf 2"]);
        assert_eq!(names(&["a/leaf.jpg", "./b/Leaf.png", "c.jpg"]), ["a-leaf", "b-Leaf", "c"]);
    }

    #[test]
    fn no_panel_has_the_name_of_another() {
        assert_eq!(names(&["a.jpg", "a.jpg", "A.png", "a-2.jpg"]), ["a", "a-2", "A-3", "a-2-2"]);
        assert_eq!(names(&["x/a.jpg", "x-a.jpg", "y/a.jpg"]), ["x-a", "x-a-2", "y-a"]);
    }

    #[test]
    fn a_name_has_nothing_that_a_file_system_refuses() {
        let long = format!("{}.jpg", "ä".repeat(300));
        assert_eq!(names(&["wo:rst*.jpg", ".hidden", long.as_str()])[..2], ["wo-rst-", "hidden"]);
        assert_eq!(names(&[long.as_str()])[0], "ä".repeat(100));
        assert_eq!(names(&["..", "/"]), ["photograph", "photograph-2"]);
    }
}
