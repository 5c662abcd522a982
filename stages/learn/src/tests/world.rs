//! A temp folder with packed photographs, and runs of kinds in it: [`World`].

use plantpipe_pixels::{Rgb, RgbImage, encode_jpeg, encode_png, prepare};
use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat, ShardWriter, Split};
use plantpipe_stage::random::keyed;
use plantpipe_stage::{ACTION_SCHEMA, Action, Artifact, Context, Error, Event, Item, Kind, Previous, PreviousItem};
use rand::RngExt;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

pub(super) const LABELS: [&str; 3] = ["healthy", "rust", "scab"];

pub(super) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// `shards/`: 24 photographs of 40 x 40, 12 train, 6 val, 6 test; every sixth carries rust and scab.
    pub(super) fn new() -> Self {
        let world = Self { folder: tempfile::tempdir().expect("temp folder") };
        world.pack("shards", &LABELS, &[(Split::Train, 12), (Split::Val, 6), (Split::Test, 6)]);
        world
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn pack(&self, name: &str, labels: &[&str], splits: &[(Split, u8)]) {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let mut writer = ShardWriter::new(&self.path(name), READY, labels, 2);
        for (id, split, targets, number) in samples(splits) {
            let jpeg = encode_jpeg(&photograph(number, targets, 40, 40), 90).expect("encodes");
            writer.add(&id, split, &jpeg, &targets).expect("adds");
        }
        writer.finish().expect("finishes");
    }

    /// `originals/`: photographs of 90 x 60, every fourth of 40 x 40, every fifth a PNG; and shards of what `resize`
    /// makes of them. The names of the files.
    pub(super) fn pack_originals(&self, name: &str, splits: &[(Split, u8)]) -> Vec<String> {
        let folder = self.path("originals");
        std::fs::create_dir(&folder).expect("makes");
        let mut writer = ShardWriter::new(&self.path(name), READY, LABELS.map(str::to_owned).to_vec(), 2);
        let mut files = Vec::new();
        for (id, split, targets, number) in samples(splits) {
            let (width, height) = if number % 4 == 3 { (40, 40) } else { (90, 60) };
            let original = photograph(number, targets, width, height);
            let (bytes, ending) =
                if number % 5 == 4 { (encode_png(&original), "png") } else { (encode_jpeg(&original, 95), "jpg") };
            let (file, bytes) = (format!("{id}.{ending}"), bytes.expect("encodes"));
            std::fs::write(folder.join(&file), &bytes).expect("writes");
            writer.add(&id, split, &prepare(bytes, &READY, &folder).expect("prepares"), &targets).expect("adds");
            files.push(file);
        }
        writer.finish().expect("finishes");
        files
    }

    /// Trains 2 epochs of 3 steps at 32 pixels, `params` aside, into `<out>/model`.
    pub(super) fn train(&self, out: &str, params: &Value) -> Result<Vec<String>, Error> {
        let mut given = json!({ "arch": "resnet18", "size": 32, "epochs": 2, "batch": 4, "warmup": 0.5, "drop": 0.2 });
        given.as_object_mut().expect("object").extend(params.as_object().expect("object").clone());
        self.run(&crate::TRAIN, out, &[("shards", "shards")], given)
    }

    /// Runs a kind on (input, folder) pairs with its default params but for `params`; its outputs go to `<out>/`. The
    /// notes it made.
    pub(super) fn run(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: Value,
    ) -> Result<Vec<String>, Error> {
        self.run_with(kind, out, inputs, params, |_| ())
    }

    /// The same of an action changed by `edit`.
    pub(super) fn run_with(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: Value,
        edit: impl FnOnce(&mut Action),
    ) -> Result<Vec<String>, Error> {
        let (notes, result) = self.run_until(kind, out, inputs, params, edit, || false);
        result.map(|()| notes)
    }

    /// The same, asked to stop when `stopping` says so; the notes that it made, however it ended.
    pub(super) fn run_until(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: Value,
        edit: impl FnOnce(&mut Action),
        stopping: impl Fn() -> bool + Send + Sync,
    ) -> (Vec<String>, Result<(), Error>) {
        let (notes, _, result) = self.go(kind, out, inputs, params, edit, stopping);
        (notes, result)
    }

    /// The same, after an earlier run: the notes that it made, and what it leaves for a later one, as the engine finds it.
    pub(super) fn run_after(
        &self,
        previous: Option<Previous>,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: Value,
    ) -> (Vec<String>, Previous) {
        let after = |action: &mut Action| action.previous = previous;
        let (notes, items, result) = self.go(kind, out, inputs, params, after, || false);
        result.expect("runs");
        let folder = self.path(out).join(kind.outputs[0].name);
        let digest = |bytes: &[u8]| blake3::hash(bytes).to_hex().to_string();
        let files: BTreeMap<String, String> =
            tree(&folder).into_iter().map(|(name, bytes)| (digest(&bytes), name)).collect();
        let item = |Item { id, input, output }: Item| {
            let file = files.get(&output).unwrap_or_else(|| panic!("item `{id}` is no file")).clone();
            (id, PreviousItem { input, output, file })
        };
        (notes, Previous { folder, items: items.into_iter().map(item).collect(), files: BTreeMap::new() })
    }

    fn go(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: Value,
        edit: impl FnOnce(&mut Action),
        stopping: impl Fn() -> bool + Send + Sync,
    ) -> (Vec<String>, Vec<Item>, Result<(), Error>) {
        let artifact = |name: &str| Artifact { name: name.into(), path: self.path(name), digest: "0".repeat(64) };
        let mut given = defaults(kind);
        given.extend(serde_json::from_value::<BTreeMap<String, Value>>(params).expect("an object"));
        let mut action = Action {
            schema: ACTION_SCHEMA,
            stage: kind.name.into(),
            kind: kind.name.into(),
            params: given,
            inputs: inputs.iter().map(|(input, folder)| ((*input).to_owned(), vec![artifact(folder)])).collect(),
            seed: 42,
            threads: 1,
            device: "cpu".into(),
            scratch: self.path(out),
            report: self.path("report.json"),
            lineage: None,
            previous: None,
            checkpoint: None,
        };
        edit(&mut action);
        let notes = Mutex::new(Vec::new());
        let context = Context::new(&action, |event| {
            if let Event::Note(note) = event {
                notes.lock().expect("no panic").push(note);
            }
        });
        let context = context.stopped_by(stopping);
        let result = (kind.run)(&context);
        assert_eq!(context.has_stopped(), result.as_ref().is_err_and(|error| error.message.contains("asked to stop")));
        let items = context.into_items();
        (notes.into_inner().expect("no panic"), items, result)
    }

    /// Every file of a folder by its name there.
    pub(super) fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = std::fs::read_dir(self.path(name)).expect("a folder").map(|entry| entry.expect("entry"));
        let file = |entry: std::fs::DirEntry| {
            (entry.file_name().into_string().expect("UTF-8"), std::fs::read(entry.path()).expect("reads"))
        };
        entries.map(file).collect()
    }

    /// An error's words, with paths from the world's folder on.
    pub(super) fn words(&self, error: &Error) -> String {
        error.message.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// Every file below a folder by its path there.
pub(super) fn tree(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let name = |path: &Path| path.strip_prefix(folder).expect("below").display().to_string();
    super::below(folder).into_iter().map(|path| (name(&path), std::fs::read(&path).expect("reads"))).collect()
}

const READY: ImagesCard = ImagesCard { schema: ImagesCard::SCHEMA, size: 40, fit: Fit::Squash, quality: 90 };

/// Id, split, targets and number of so many photographs a split.
fn samples(splits: &[(Split, u8)]) -> impl Iterator<Item = (String, Split, [u8; 3], u8)> {
    let targets = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0], [0, 1, 1], [0, 0, 1]];
    let of_split = move |(split, count): &(Split, u8)| {
        let split = *split;
        (0..*count).map(move |number| (format!("{split}{number:02}"), split, targets[usize::from(number % 6)], number))
    };
    splits.iter().flat_map(of_split)
}

/// Noise in a colour of its labels.
fn photograph(number: u8, targets: [u8; 3], width: u32, height: u32) -> RgbImage {
    let mut rng = keyed(7, "photograph", &[u64::from(number)]);
    RgbImage::from_fn(width, height, |_, _| Rgb(targets.map(|on| 40 + 150 * on + rng.random_range(0..60))))
}

/// The default params of a kind, typed.
pub(super) fn defaults(kind: &Kind) -> BTreeMap<String, Value> {
    let value = |text: &str| {
        let table: toml::Table = toml::from_str(&format!("value = {text}")).expect("a default is TOML");
        serde_json::to_value(&table["value"]).expect("TOML is JSON")
    };
    kind.params.iter().filter_map(|param| Some((param.name.to_owned(), value(param.default?)))).collect()
}
