//! `plantpipe init`: looks at a data set and writes a pipeline file for it that runs, and says what it assumed.

use super::run::threads;
use super::tool::run_tool;
use super::{Global, complain};
use crate::cache::{make, write_whole};
use crate::console::{Console, Verbosity};
use crate::device::Device;
use crate::error::{Error, Result};

use crate::project::FILE;
use crate::registry::Registry;
use clap::Args;
use plantpipe_stage::format::{JsonFormat, Look};
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Init {
    /// Where the pipeline file goes; made if need be
    #[arg(value_name = "DIR", default_value = ".")]
    to: PathBuf,
    /// The photographs and their labels
    #[arg(long, value_name = "FOLDER")]
    data: PathBuf,
    /// Weights to start from, trained on `ImageNet` (EfficientNet-Lite0, safetensors, timm's names)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
}

impl Init {
    pub fn run(&self, registry: Registry, global: &Global) -> Result<()> {
        let here = global.folder.as_deref().unwrap_or(Path::new("."));
        let folder = here.join(&self.to);
        let file = folder.join(FILE);
        let shown_file = file.strip_prefix(".").unwrap_or(&file);
        if file.exists() {
            return Err(Error::usage(format!("there is a {} already", shown_file.display()))
                .hint("name another folder: plantpipe init DIR --data FOLDER"));
        }
        let data = absolute(&here.join(&self.data), &self.data)?;
        if !data.is_dir() {
            return Err(Error::usage(format!("{} is a file", self.data.display()))
                .hint("--data is the folder that holds the photographs and their labels"));
        }
        refuse_inside(&folder, &data)?;
        let weights = self.weights.as_ref().map(|weights| absolute(&here.join(weights), weights)).transpose()?;
        let look = look(&data, registry, global)?;
        make(&folder)?;
        let folder = absolute(&folder, &folder)?;
        let page = Page {
            name: name(&folder),
            data: shown(&data, &folder),
            weights: weights.map(|weights| shown(&weights, &folder)),
            look: &look,
        };
        write_whole(&file, page.text().as_bytes())?;
        if global.verbosity() > Verbosity::Quiet {
            complain(&page.words(shown_file));
        }
        Ok(())
    }
}

/// Canonical, so that a link and its target are one; `said` is how it was given.
fn absolute(path: &Path, said: &Path) -> Result<PathBuf> {
    path.canonicalize().map_err(|_| Error::usage(format!("there is no {}", said.display())))
}

/// The cache lies beside the pipeline file: inside the data it would be taken for photographs.
fn refuse_inside(folder: &Path, data: &Path) -> Result<()> {
    // The folder may have to be made yet; what there is of its path says where it will lie.
    let folder = std::path::absolute(folder).map_err(|error| Error::io("find", folder, &error))?;
    let there = folder.ancestors().find_map(|above| above.canonicalize().ok());
    if !there.is_some_and(|there| there.starts_with(data)) {
        return Ok(());
    }
    let message =
        format!("the pipeline would lie inside the data, {}: its cache would be taken for photographs", data.display());
    let name = data.file_name().unwrap_or_default().display();
    Err(Error::usage(message)
        .hint(format!("name a folder outside it: plantpipe init {name}-run --data {name}, from the folder above")))
}

/// A path as the file names it: relative where it lies below the file's folder or beside it.
fn shown(path: &Path, folder: &Path) -> String {
    if let Ok(below) = path.strip_prefix(folder) {
        return below.display().to_string();
    }
    // Beside the file's folder: a path that travels with both.
    match folder.parent().and_then(|parent| path.strip_prefix(parent).ok()) {
        Some(beside) if folder.parent() != Some(Path::new("/")) => Path::new("..").join(beside).display().to_string(),
        _ => path.display().to_string(),
    }
}

/// The folder's name, as a pipeline can be called.
fn name(folder: &Path) -> String {
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    let plain: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' }).collect();
    let plain = plain.trim_matches('-');
    if plain.is_empty() { "leaves".to_owned() } else { plain.to_owned() }
}

fn look(data: &Path, registry: Registry, global: &Global) -> Result<Look> {
    let Some(kind) = registry.look else {
        return Err(Error::usage("this plantpipe was built without its data stages: it cannot look at data"));
    };
    let scratch = tempfile::tempdir().map_err(|error| Error::io("make", &std::env::temp_dir(), &error))?;
    let action = Action {
        schema: ACTION_SCHEMA,
        stage: "data".to_owned(),
        kind: kind.name.to_owned(),
        params: BTreeMap::new(),
        inputs: BTreeMap::from([(
            "data".to_owned(),
            vec![Artifact { name: "data".to_owned(), path: data.to_owned(), digest: String::new() }],
        )]),
        seed: 0,
        threads: threads(),
        device: Device::parse(&global.device, &registry)?.as_str().to_owned(),
        scratch: scratch.path().join("out"),
        report: scratch.path().join("report.json"),
        lineage: None,
        previous: None,
        checkpoint: None,
    };
    make(&action.scratch)?;
    let mut console = Console::new(false, global.verbosity(), ["data"].into_iter());
    run_tool(&action, data, &mut console)?;
    Look::read(&action.scratch.join("look")).map_err(|error| Error::Bug { message: error.message })
}

/// A pipeline file to be.
struct Page<'a> {
    name: String,
    data: String,
    weights: Option<String>,
    look: &'a Look,
}

/// A TOML string.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

impl Page<'_> {
    /// Epochs so that a training sees about this many photographs, within reason.
    fn epochs(&self) -> u64 {
        let (wanted, least, most) = if self.weights.is_some() { (15_000, 4, 20) } else { (30_000, 10, 40) };
        (wanted / self.look.photographs.max(1)).clamp(least, most)
    }

    fn text(&self) -> String {
        let Self { name, data, weights, look } = self;
        let labels = look.labels.iter().map(|(label, count)| format!("{label} {count}")).collect::<Vec<_>>().join(", ");
        let (width, height) = look.size;
        let has_splits = !look.splits.is_empty();
        let mut text = format!(
            "# From photographs to a report. `plantpipe run` does what is not done yet, `plantpipe status` shows what that is.\n\
             # `plantpipe kinds` lists the kinds of stages, `plantpipe kinds train` all that can be said to one.\n\
             # An editor completes and checks this file after: plantpipe schema > pipeline.schema.json, and a first line\n\
             # `#:schema ./pipeline.schema.json` here.\n\n\
             [pipeline]\nname = {}                # the report goes to reports/{name}/\nseed = 42\n\n\
             # {} photographs, {}; median size {width} x {height} pixels.\n# Labels: {labels}.\n\
             [sources]\ndataset = {}\n",
            quoted(name),
            look.photographs,
            look.layout,
            quoted(data),
        );
        if let Some(weights) = weights {
            text.push_str(&format!("weights = {}\n", quoted(weights)));
        }
        text.push('\n');
        let splits = if has_splits { "" } else { ", splits = \"split\"" };
        if !has_splits {
            text.push_str(
                "# Near-duplicates are found by their pixels, so that no photograph is learnt from and tested on.\n\
                 [stages.duplicates]\nkind = \"dedup\"\ninputs = { images = \"dataset\" }\n\n\
                 # The data set has no splits: 70 % to learn from, 15 % to choose by (val), 15 % to report on (test).\n\
                 [stages.split]\nkind = \"split\"\ninputs = { labels = \"dataset\", groups = \"duplicates\" }\n\
                 val = 0.15\ntest = 0.15\n\n",
            );
        }
        text.push_str(&format!(
            "[stages.analysis]\nkind = \"analyze\"\ninputs = {{ dataset = \"dataset\"{splits} }}\n\n\
             # Every photograph as a JPEG of this many pixels a side; `fit` says how one of another shape becomes square.\n\
             [stages.small]\nkind = \"resize\"\ninputs = {{ images = \"dataset\" }}\nsize = 256\nfit = \"squash\"                  # or \"crop\", \"pad\"\n\n\
             [stages.labels]\nkind = \"encode\"\ninputs = {{ labels = \"dataset\"{splits} }}\n\n\
             [stages.shards]\nkind = \"pack\"\ninputs = {{ images = \"small\", labels = \"labels\" }}\n\n",
        ));
        let epochs = self.epochs();
        text.push_str(&if weights.is_some() {
            format!(
                "# The epoch kept is the one with the best exact match on val.\n[stages.train]\nkind = \"train\"\n\
                 inputs = {{ shards = \"shards\", weights = \"weights\" }}\narch = \"efficientnet_lite0\"\nsize = 160                       # pixels a side of what the network sees\nepochs = {epochs}\nlr = 1e-3\n\n"
            )
        } else {
            format!(
                "# From random weights: weights trained on ImageNet learn more from fewer photographs (plantpipe init --weights).\n\
                 # The epoch kept is the one with the best exact match on val.\n[stages.train]\nkind = \"train\"\n\
                 inputs = {{ shards = \"shards\" }}\narch = \"resnet18\"\nsize = 112                       # pixels a side of what the network sees\nepochs = {epochs}\nlr = 1e-3\n\n"
            )
        });
        let duplicates = if has_splits { "" } else { ", duplicates = \"duplicates\"" };
        text.push_str(&format!(
            "[stages.predict]\nkind = \"predict\"\ninputs = {{ model = \"train\", shards = \"shards\" }}\n\n\
             [stages.scores]\nkind = \"evaluate\"\ninputs = {{ predictions = \"predict\", labels = \"labels\" }}\n\n\
             # Where the network looks.\n[stages.cams]\nkind = \"explain\"\ninputs = {{ model = \"train\", shards = \"shards\" }}\n\n\
             [stages.report]\nkind = \"report\"\n\
             inputs = {{ analysis = \"analysis\", models = \"train\", evaluations = \"scores\", explanations = \"cams\", shards = \"shards\"{duplicates} }}\n"
        ));
        text
    }

    /// What was found and assumed, a line each.
    fn words(&self, file: &Path) -> String {
        let look = self.look;
        let splits: Vec<String> = look.splits.iter().map(|(split, count)| format!("{split} {count}")).collect();
        let mut lines = vec![
            format!("found    {} photographs with labels: {}", look.photographs, look.layout),
            format!(
                "         {} labels: {}",
                look.labels.len(),
                look.labels.keys().cloned().collect::<Vec<_>>().join(", ")
            ),
        ];
        if look.several > 0 {
            lines.push(format!("         {} carry more than one label", look.several));
        }
        if look.unlabelled > 0 {
            lines.push(format!("         {} without labels take no part", look.unlabelled));
        }
        lines.push(if splits.is_empty() {
            "assumed  no splits given: 15 % val and 15 % test, stratified, near-duplicates kept together".to_owned()
        } else {
            format!("assumed  the splits as they are: {}", splits.join(", "))
        });
        lines.push(match &self.weights {
            Some(_) => format!("assumed  EfficientNet-Lite0 from the weights given, {} epochs", self.epochs()),
            None => format!(
                "assumed  ResNet-18 from random weights, {} epochs; --weights FILE starts from better",
                self.epochs()
            ),
        });
        lines.push(format!("written  {}", file.display()));
        let place = match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            Some(folder) => format!(" -C {}", folder.display()),
            None => String::new(),
        };
        lines.push(format!("next     plantpipe run{place} -n, to see what would run; plantpipe run{place}, to run it"));
        lines.join("\n")
    }
}
