//! The kind [`PACK`]: photographs and their targets in `WebDataset` tar shards with an index.

use plantpipe_pixels::{decode, encode_ppm, ppm_length};
use plantpipe_stage::format::{
    Form, ImagesCard, JsonFormat, MultiHot, MultiHotRow, Sample, ShardFile, ShardIndex, shard_of,
};
use plantpipe_stage::sources;
use plantpipe_stage::{
    Arity, Code, Context, Error, InputSpec, IoContext, Item, Kind, KnownFile, OutputSpec, ParamSpec, ParamType, Reads,
    Result, Uses, code,
};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const OWN: Code = code!("data", "pack.rs");

/// Packs every row of the labels with its photograph.
pub const PACK: Kind = Kind {
    name: "pack",
    doc: "packs photographs and labels into WebDataset tar shards with an index",
    inputs: &[
        InputSpec {
            name: "images",
            doc: "photographs, `<id>.jpg`, and how they were made ready",
            format: "images",
            arity: Arity::One,
            reads: Reads::All,
        },
        InputSpec {
            name: "labels",
            doc: "one row a photograph to pack",
            format: "multihot",
            arity: Arity::One,
            reads: Reads::All,
        },
    ],
    outputs: &[OutputSpec { name: "shards", doc: "`<split>-NNN.tar` and `index.json`", format: "shards" }],
    params: &[
        ParamSpec {
            name: "photographs",
            doc: "`jpeg`: as they are; `ppm`: decoded, many times as large, and read without a copy or a decoder",
            ty: ParamType::Choice(Form::NAMES),
            default: Some("\"jpeg\""),
        },
        ParamSpec {
            name: "shards",
            doc: "shards a split",
            ty: ParamType::Int { min: 1, max: 1000 },
            default: Some("8"),
        },
    ],
    code: &[&OWN, &sources::SHARDS, &sources::TABLES, &plantpipe_pixels::CODE],
    crates: plantpipe_pixels::CRATES,
    uses: Uses { items: &["images", "labels"], ..Uses::NOTHING },
    run,
};

/// The params of [`PACK`].
#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackParams {
    pub photographs: Form,
    pub shards: u64,
}

fn run(context: &Context) -> Result<()> {
    let params: PackParams = context.params()?;
    let images = &context.input("images").path;
    let mut labels = MultiHot::read(&context.input("labels").path)?;
    labels.rows.sort_by(|a, b| a.image.cmp(&b.image));
    let card = ImagesCard::read(images)?;
    let (form, size) = (params.photographs, card.size);
    let pack = Pack { context, images, folder: context.output("shards")?, labels: &labels.labels, form, size };
    let mut shards: BTreeMap<String, Vec<&MultiHotRow>> = BTreeMap::new();
    for row in &labels.rows {
        shards.entry(shard_of(&row.image, row.split, params.shards)).or_default().push(row);
    }
    let done = AtomicUsize::new(0);
    let packed = shards.par_iter().map(|(name, rows)| {
        let samples = pack.shard(name, rows)?;
        let done = done.fetch_add(rows.len(), Ordering::Relaxed) + rows.len();
        context.progress(done, labels.rows.len(), "images");
        Ok(samples)
    });
    let mut samples = packed.collect::<Result<Vec<_>>>()?.concat();
    samples.sort_by(|a, b| a.id.cmp(&b.id));
    let left = count(images)?.saturating_sub(labels.rows.len());
    if left > 0 {
        let (noun, verbs) = if left == 1 {
            ("photograph", "has no label row and is")
        } else {
            ("photographs", "have no label row and are")
        };
        context.note(format!("{left} {noun} {verbs} left out"));
    }
    if context.reused() > 0 {
        let new = shards.len() - context.reused();
        context.note(format!("{new} of {} shards packed, the others are as before", shards.len()));
    }
    let labels = labels.labels.clone();
    ShardIndex { schema: ShardIndex::SCHEMA, images: card, photographs: form, labels, samples }.write(&pack.folder)
}

/// So many photographs of a shard are read beside one another.
const AT_ONCE: usize = 64;

/// What the packing of one shard needs.
struct Pack<'a> {
    context: &'a Context<'a>,
    images: &'a Path,
    folder: PathBuf,
    labels: &'a [String],
    form: Form,
    /// Side of the photographs, pixels.
    size: u32,
}

/// A photograph as it is packed.
struct Photograph {
    bytes: Vec<u8>,
    /// Hex.
    digest: String,
    /// Of the file that it was made of.
    source: String,
}

impl Pack<'_> {
    /// Writes a shard of these rows, or takes it from an earlier run: it is the item that `pack` works by.
    fn shard(&self, name: &str, rows: &[&MultiHotRow]) -> Result<Vec<Sample>> {
        if let Some(samples) = self.earlier(name, rows) {
            return Ok(samples);
        }
        let mut shard = ShardFile::create(&self.folder, name, self.form)?;
        let (mut samples, mut sources) = (Vec::new(), Vec::new());
        for rows in rows.chunks(AT_ONCE) {
            let read: Vec<Photograph> = rows.par_iter().map(|row| self.read(row)).collect::<Result<_>>()?;
            for (row, Photograph { bytes, digest, source }) in rows.iter().zip(read) {
                samples.push(shard.add(self.labels, (&row.image, row.split), (&bytes, digest), &row.targets)?);
                sources.push(source);
            }
        }
        let input = self.input(rows, sources.iter().map(String::as_str));
        let output = shard.finish()?.expect("it is new");
        self.context.record(Item { id: name.to_owned(), input, output });
        Ok(samples)
    }

    fn read(&self, row: &MultiHotRow) -> Result<Photograph> {
        let jpeg = photograph(self.images, &row.image)?;
        let source = blake3::hash(&jpeg).to_hex().to_string();
        if self.form == Form::Jpeg {
            return Ok(Photograph { bytes: jpeg, digest: source.clone(), source });
        }
        let path = path(self.images, &row.image);
        let image = decode(&jpeg, &path)?;
        if image.dimensions() != (self.size, self.size) {
            return Err(Error::at(&path, format!("not {0} x {0}, as `images.json` says", self.size)));
        }
        let bytes = encode_ppm(&image);
        let digest = blake3::hash(&bytes).to_hex().to_string();
        Ok(Photograph { bytes, digest, source })
    }

    /// The samples of a shard that an earlier run made of the same photographs and labels.
    fn earlier(&self, name: &str, rows: &[&MultiHotRow]) -> Option<Vec<Sample>> {
        let known = |row: &&MultiHotRow| self.context.known("images", &path(self.images, &row.image));
        let known: Vec<&KnownFile> = rows.iter().map(known).collect::<Option<_>>()?;
        let input = self.input(rows, known.iter().map(|known| known.digest.as_str()));
        if !self.context.reuse(name, &input, &self.folder.join(name)) {
            return None;
        }
        let mut shard = ShardFile::there(&self.folder, name, self.form);
        let held = |(row, known): (&&MultiHotRow, &&KnownFile)| {
            let (length, digest) = match self.form {
                Form::Jpeg => (known.size, known.digest.as_str()),
                Form::Ppm => (ppm_length((self.size, self.size)), ""),
            };
            shard.held(self.labels, (&row.image, row.split), (length, digest), &row.targets)
        };
        let mut samples: Vec<Sample> = rows.iter().zip(&known).map(held).collect();
        if self.form == Form::Ppm {
            // Only the shard knows them.
            let bytes = std::fs::read(self.folder.join(name)).ok()?;
            for sample in &mut samples {
                let photograph = bytes.get(sample.offset as usize..(sample.offset + sample.length) as usize)?;
                sample.digest = blake3::hash(photograph).to_hex().to_string();
            }
        }
        Some(samples)
    }

    /// Digest (hex) of all that a shard's bytes depend on, given those of its photographs.
    fn input<'a>(&self, rows: &[&MultiHotRow], photographs: impl Iterator<Item = &'a str>) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut part = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
        };
        part(&(self.labels.len() as u64).to_le_bytes());
        self.labels.iter().for_each(|label| part(label.as_bytes()));
        for (row, jpeg) in rows.iter().zip(photographs) {
            part(row.image.as_bytes());
            part(jpeg.as_bytes());
            part(&row.targets);
        }
        hasher.finalize().to_hex().to_string()
    }
}

fn path(folder: &Path, id: &str) -> PathBuf {
    folder.join(format!("{id}.jpg"))
}

fn photograph(folder: &Path, id: &str) -> Result<Vec<u8>> {
    let path = path(folder, id);
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::new(format!("the labels name the photograph `{id}`, but there is no {}", path.display()))
                .hint("`images` and `labels` have to come from the same data set"))
        }
        read => read.io("read", &path),
    }
}

/// How many photographs a folder of format `images` holds.
fn count(folder: &Path) -> Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(folder).io("read", folder)? {
        let name = entry.io("read", folder)?.file_name();
        count += usize::from(Reads::is_image(&name.to_string_lossy()));
    }
    Ok(count)
}
