//! Packing photographs and reading them back decoded, shuffled, in batches of 32, side by side with `WebDataset` and
//! `MindRecord` on the same files; prints a table of ratios.
//!
//! ```sh
//! BENCH_PHOTOS=DIR WEBDATASET_PYTHON=... MINDRECORD_PYTHON=... cargo bench -p plantpipe-data --bench loader -- [--rounds 5]
//! ```
//!
//! `BENCH_PHOTOS` names a folder of square JPEGs; the others are Pythons that have the peer, which is left out, in words,
//! where it is not named.

#[path = "../beside/mod.rs"]
mod beside;

use beside::Figures;
use beside::table::{Table, Unit};
use plantpipe_data::PACK;
use plantpipe_pixels::{decode, view_ppm};
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat, Mapped, MultiHot, MultiHotRow, Sample, ShardReader, Split};
use plantpipe_stage::random::keyed;
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact, Context, Error, ahead};
use rand::seq::SliceRandom;
use rayon::prelude::*;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;

/// The script of the peers.
const PEERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../benches/loader/peers.py");

const BATCH: usize = 32;

/// As many as the peers have workers.
const THREADS: usize = 2;

fn main() -> ExitCode {
    beside::end(measure())
}

fn measure() -> Result<(), String> {
    let [rounds] = beside::numbers([("--rounds", 5)])?;
    let photos = std::env::var_os("BENCH_PHOTOS").map(PathBuf::from);
    let photos = photos.ok_or("name a folder of square JPEGs by BENCH_PHOTOS")?;
    let threads = rayon::ThreadPoolBuilder::new().num_threads(THREADS).build_global();
    threads.map_err(|error| error.to_string())?;
    let world = World::new(&photos)?;
    let mut ours = [const { Vec::new() }; 5];
    let mut peers =
        [("WebDataset", "webdataset", "WEBDATASET_PYTHON"), ("MindRecord", "mindrecord", "MINDRECORD_PYTHON")]
            .map(|(name, word, variable)| Peer { name, word, variable, figures: [const { Vec::new() }; 2] });
    for round in 0..=rounds {
        let figures = world.figures()?;
        // The first round warms the page cache.
        for (all, figure) in ours.iter_mut().zip(figures).filter(|_| round > 0) {
            all.push(figure);
        }
        for peer in &mut peers {
            peer.run(&photos, round > 0)?;
        }
    }
    let [pack, read, decoded, unpacked, viewed] = ours.map(Figures::of);
    let heading = format!("{} photographs, batches of {BATCH}, {THREADS} threads, {rounds} rounds", world.count);
    let mut table = Table::new(&heading, Unit::PerSecond("photographs"));
    for Peer { name, figures, variable, .. } in peers {
        let [packs, reads] = figures;
        if packs.is_empty() {
            table.note(&format!("{name} is left out: name a Python that has it by `{variable}`"));
            continue;
        }
        let (packs, reads) = (Figures::of(packs), Figures::of(reads));
        table.beside("pack", &pack, name, &packs);
        table.beside("read back from JPEG, decoded, shuffled", &read, name, &reads);
        table.beside("read as a training does from its second epoch on, shuffled", &decoded, name, &reads);
        table.beside("pack decoded (ppm)", &unpacked, name, &packs);
        table.beside("read back decoded from the memory-mapped shards, shuffled", &viewed, name, &reads);
    }
    if table.is_empty() {
        table.alone("pack", &pack);
        table.alone("read back from JPEG, decoded, shuffled", &read);
        table.alone("read as a training does from its second epoch on, shuffled", &decoded);
        table.alone("pack decoded (ppm)", &unpacked);
        table.alone("read back decoded from the memory-mapped shards, shuffled", &viewed);
    }
    table.print();
    Ok(())
}

/// A program that does the same, and what came of it.
struct Peer {
    name: &'static str,
    /// The script's word for it.
    word: &'static str,
    variable: &'static str,
    /// Of packing and reading.
    figures: [Vec<f64>; 2],
}

impl Peer {
    fn run(&mut self, photos: &Path, counts: bool) -> Result<(), String> {
        let Some(python) = std::env::var_os(self.variable) else { return Ok(()) };
        let output = Command::new(python).arg(PEERS).arg(self.word).arg(photos).output();
        let output = output.map_err(|error| format!("{}: {error}", self.name))?;
        let told = String::from_utf8_lossy(&output.stdout);
        let figures: Vec<f64> = told.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if figures.len() != 2 {
            return Err(format!("{}: {}", self.name, String::from_utf8_lossy(&output.stderr)));
        }
        for (all, figure) in self.figures.iter_mut().zip(figures).filter(|_| counts) {
            all.push(figure);
        }
        Ok(())
    }
}

/// Photographs and labels as `pack` takes them.
struct World {
    folder: tempfile::TempDir,
    count: usize,
}

impl World {
    fn new(photos: &Path) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (images, labels) = (folder.path().join("images"), folder.path().join("labels"));
        let failed = |error: std::io::Error| format!("{}: {error}", photos.display());
        std::fs::create_dir_all(&images).map_err(failed)?;
        let mut rows = Vec::new();
        for entry in std::fs::read_dir(photos).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            if path.extension().is_some_and(|extension| extension == "jpg") {
                std::fs::copy(&path, images.join(path.file_name().expect("a name"))).map_err(failed)?;
                let image = path.file_stem().expect("a name").to_string_lossy().into_owned();
                rows.push(MultiHotRow { image, split: Split::Train, targets: vec![0, 1] });
            }
        }
        if rows.is_empty() {
            return Err(format!("{}: no photograph in it", photos.display()));
        }
        let count = rows.len();
        let card = ImagesCard { schema: ImagesCard::SCHEMA, size: 256, fit: Fit::Squash, quality: 92 };
        card.write(&images).map_err(|error| error.message)?;
        let labelled = MultiHot { labels: vec!["rust".to_owned(), "scab".to_owned()], rows };
        labelled.write(&labels).map_err(|error| error.message)?;
        Ok(Self { folder, count })
    }

    /// Photographs a second: packed, read from JPEG, and read from decoded ones; packed decoded, and read from those.
    fn figures(&self) -> Result<[f64; 5], String> {
        let figures = || -> Result<[f64; 5], Error> {
            self.clear();
            let began = Instant::now();
            let shards = self.pack("jpeg")?;
            let packed = began.elapsed();
            let reader = ShardReader::open(&shards)?;
            let mut order: Vec<&Sample> = reader.index.samples.iter().collect();
            order.shuffle(&mut keyed(42, "shuffle", &[1]));
            let photograph = |sample: &Sample| -> Result<Vec<u8>, Error> {
                Ok(decode(&reader.read(sample)?, &shards.join(&sample.shard))?.into_raw())
            };
            // The other side is a network that takes no time.
            let began = Instant::now();
            let batches: Vec<&[&Sample]> = order.chunks(BATCH).collect();
            let batch = |at: usize| {
                let photographs: Vec<_> = batches[at].par_iter().map(|s| photograph(s)).collect::<Result<_, _>>()?;
                Ok(photographs.concat())
            };
            ahead(batches.len(), batch, |batch| Ok(black_box(batch).len()))?;
            let read = began.elapsed();
            let held: Vec<Vec<u8>> = order.par_iter().map(|sample| photograph(sample)).collect::<Result<_, _>>()?;
            let mut order: Vec<&[u8]> = held.iter().map(Vec::as_slice).collect();
            order.shuffle(&mut keyed(42, "shuffle", &[2]));
            let began = Instant::now();
            let batches: Vec<&[&[u8]]> = order.chunks(BATCH).collect();
            ahead(batches.len(), |at| Ok(batches[at].concat()), |batch| Ok(black_box(batch).len()))?;
            let decoded = began.elapsed();
            self.clear();
            let began = Instant::now();
            let shards = self.pack("ppm")?;
            let unpacked = began.elapsed();
            let reader = ShardReader::open(&shards)?;
            let mut order: Vec<&Sample> = reader.index.samples.iter().collect();
            order.shuffle(&mut keyed(42, "shuffle", &[3]));
            let began = Instant::now();
            let batches: Vec<&[&Sample]> = order.chunks(BATCH).collect();
            let batch = |at: usize| -> Result<Vec<u8>, Error> {
                let photographs: Vec<_> = batches[at].par_iter().map(|s| reader.view(s)).collect::<Result<_, _>>()?;
                let pixels = |bytes: &'_ Mapped| bytes.clone().from(view_ppm(bytes).expect("a PPM").1);
                let pixels: Vec<Mapped> = photographs.iter().map(pixels).collect();
                Ok(pixels.iter().map(|pixels| &pixels[..]).collect::<Vec<&[u8]>>().concat())
            };
            ahead(batches.len(), batch, |batch| Ok(black_box(batch).len()))?;
            let viewed = began.elapsed();
            Ok([packed, read, decoded, unpacked, viewed].map(|time| self.count as f64 / time.as_secs_f64()))
        };
        figures().map_err(|error| error.message)
    }

    /// Removes what was packed before, which no packing is to wait for.
    fn clear(&self) {
        let _ = std::fs::remove_dir_all(self.folder.path().join("out"));
    }

    fn pack(&self, photographs: &str) -> Result<PathBuf, Error> {
        let artifact =
            |name: &str| Artifact { name: name.into(), path: self.folder.path().join(name), digest: "0".repeat(64) };
        let scratch = self.folder.path().join("out");
        let action = Action {
            schema: ACTION_SCHEMA,
            stage: "pack".to_owned(),
            kind: "pack".to_owned(),
            params: [("photographs".to_owned(), photographs.into()), ("shards".to_owned(), 8.into())].into(),
            inputs: ["images", "labels"].map(|name| (name.to_owned(), vec![artifact(name)])).into(),
            seed: 42,
            threads: THREADS,
            device: "cpu".to_owned(),
            report: scratch.join("report.json"),
            scratch: scratch.clone(),
            lineage: None,
            previous: None,
            checkpoint: None,
        };
        (PACK.run)(&Context::new(&action, |_| {}))?;
        Ok(scratch.join("shards"))
    }
}
