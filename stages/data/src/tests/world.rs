//! A temp folder with a small data set, and runs of kinds in it: [`World`].

use plantpipe_pixels::{Rgb, RgbImage, encode_jpeg};
use plantpipe_stage::{
    ACTION_SCHEMA, Action, Artifact, Context, Error, Event, Item, Kind, KnownFile, Previous, PreviousItem,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// What a run said and recorded.
pub(super) struct Ran {
    pub(super) notes: Vec<String>,
    pub(super) items: Vec<Item>,
}

pub(super) struct World {
    folder: tempfile::TempDir,
}

impl World {
    /// Five photographs: `a` and `b` train, `c` val, `d` and `e` test; `e` has no row.
    pub(super) fn new() -> Self {
        let world = Self::empty();
        for (file, side) in
            [("train/images/a", 24), ("train/images/b", 16), ("val/images/c", 16), ("test/images/d", 16)]
        {
            world.write(&format!("data/{file}.jpg"), &photograph(side, 8, 90));
        }
        world.write("data/test/images/e.jpg", &photograph(16, 16, 90));
        world.write("data/train_label.csv", b"images,labels\nb.jpg,rust scab\na.jpg,healthy\n");
        world.write("data/val_label.csv", b"images,labels\nc.jpg,scab\n");
        world.write("data/test_label.csv", b"images,labels\nd.jpg,rust\n");
        world
    }

    pub(super) fn empty() -> Self {
        Self { folder: tempfile::tempdir().expect("temp folder") }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("makes");
        std::fs::write(path, bytes).expect("writes");
    }

    pub(super) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).expect("removes");
    }

    /// Runs a kind on (input, folder) pairs with its default params but for `params`; its outputs go to `<out>/`.
    pub(super) fn run(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: &[(&str, u64)],
    ) -> Result<Ran, Error> {
        let params: Vec<_> = params.iter().map(|(name, value)| (*name, (*value).into())).collect();
        self.run_with(kind, out, inputs, &params)
    }

    /// [`World::run`] with params that are not whole numbers.
    pub(super) fn run_with(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: &[(&str, serde_json::Value)],
    ) -> Result<Ran, Error> {
        Self::act(kind, &self.action(kind, out, inputs, params))
    }

    /// [`World::run`] where `earlier` is the first output of a run before and its items; the files of its item-wise
    /// inputs are known.
    pub(super) fn run_after(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: &[(&str, u64)],
        before: (&str, &Ran),
    ) -> Result<Ran, Error> {
        let params: Vec<_> = params.iter().map(|(name, value)| (*name, (*value).into())).collect();
        self.run_after_with(kind, out, inputs, &params, before)
    }

    /// [`World::run_after`] with params that are not whole numbers.
    pub(super) fn run_after_with(
        &self,
        kind: &Kind,
        out: &str,
        inputs: &[(&str, &str)],
        params: &[(&str, serde_json::Value)],
        (earlier, ran): (&str, &Ran),
    ) -> Result<Ran, Error> {
        let known = |folder: &str| -> BTreeMap<String, KnownFile> {
            let known = |(name, bytes): (String, Vec<u8>)| {
                let digest = blake3::hash(&bytes).to_hex().to_string();
                (name, KnownFile { digest, size: bytes.len() as u64 })
            };
            self.files(folder).into_iter().map(known).collect()
        };
        let left = known(earlier);
        let item = |item: &Item| {
            let file = left.iter().find(|(_, known)| known.digest == item.output).expect("it was written").0.clone();
            (item.id.clone(), PreviousItem { input: item.input.clone(), output: item.output.clone(), file })
        };
        let items = ran.items.iter().map(item).collect();
        let item_wise = inputs.iter().filter(|(input, _)| kind.uses.items.contains(input));
        let files = item_wise.map(|(input, folder)| ((*input).to_owned(), known(folder))).collect();
        let previous = Previous { folder: self.path(earlier), items, files };
        Self::act(kind, &Action { previous: Some(previous), ..self.action(kind, out, inputs, params) })
    }

    fn action(&self, kind: &Kind, out: &str, inputs: &[(&str, &str)], params: &[(&str, serde_json::Value)]) -> Action {
        let artifact = |name: &str| Artifact { name: name.into(), path: self.path(name), digest: "0".repeat(64) };
        let mut given = defaults(kind);
        given.extend(params.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Action {
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
        }
    }

    fn act(kind: &Kind, action: &Action) -> Result<Ran, Error> {
        let notes = Mutex::new(Vec::new());
        let context = Context::new(action, |event| {
            if let Event::Note(note) = event {
                notes.lock().expect("no panic").push(note);
            }
        });
        (kind.run)(&context)?;
        let items = context.into_items();
        Ok(Ran { notes: notes.into_inner().expect("no panic"), items })
    }

    /// The error of a run that has to fail.
    pub(super) fn refused(&self, kind: &Kind, inputs: &[(&str, &str)]) -> Refused {
        let error = self.run(kind, "refused", inputs, &[]).map(|_| ()).expect_err("refused");
        let folder = self.folder.path().display().to_string();
        let relative = |text: &str| text.replace(&format!("{folder}/"), "");
        Refused { message: relative(&error.message), hint: relative(&error.hint.expect("a way out")) }
    }

    /// Every file below a folder by its name there.
    pub(super) fn files(&self, name: &str) -> BTreeMap<String, Vec<u8>> {
        let root = self.path(name);
        let relative = |path: &Path| path.strip_prefix(&root).expect("below").display().to_string();
        walkdir::WalkDir::new(&root)
            .into_iter()
            .map(|entry| entry.expect("walks"))
            .filter(|entry| entry.file_type().is_file())
            .map(|entry| (relative(entry.path()), std::fs::read(entry.path()).expect("reads")))
            .collect()
    }
}

/// An error's words, with paths from the world's folder on.
pub(super) struct Refused {
    pub(super) message: String,
    pub(super) hint: String,
}

/// A JPEG with detail.
pub(super) fn photograph(width: u32, height: u32, quality: u8) -> Vec<u8> {
    let image = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 9) as u8, (y * 11) as u8, (x * y) as u8]));
    encode_jpeg(&image, quality).expect("encodes")
}

/// The default params of a kind, typed.
pub(super) fn defaults(kind: &Kind) -> BTreeMap<String, serde_json::Value> {
    let value = |text: &str| {
        let table: toml::Table = toml::from_str(&format!("value = {text}")).expect("a default is TOML");
        serde_json::to_value(&table["value"]).expect("TOML is JSON")
    };
    kind.params.iter().filter_map(|param| Some((param.name.to_owned(), value(param.default?)))).collect()
}
