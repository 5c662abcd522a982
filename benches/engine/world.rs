//! What it is measured on: [`World`], many photographs in a pipeline of resize, encode and pack, and [`Scale`], very many
//! tiny files.

use std::path::{Path, PathBuf};
use std::process::Command;

const PLANTPIPE: &str = env!("CARGO_BIN_EXE_plantpipe");

const PIPELINE: &str = "[pipeline]\nname = 'bench'\n[sources]\nphotos = 'photos'\n\
    [stages.small]\nkind = 'resize'\ninputs = { images = 'photos' }\n\
    [stages.labels]\nkind = 'encode'\ninputs = { labels = 'photos' }\n\
    [stages.shards]\nkind = 'pack'\ninputs = { images = 'small', labels = 'labels' }\n";

const SAMPLE: &str = "[pipeline]\nname = 'drawn'\n[stages.drawn]\nkind = 'sample'\ntrain = 150\nval = 25\ntest = 25\n";

const MANY: &str = "[pipeline]\nname = 'many'\n[sources]\nmany = 'many'\n\
    [stages.count]\nkind = 'command'\nrun = 'ls \"$PLANTPIPE_INPUT_MANY\" > \"$PLANTPIPE_OUTPUT_TEXT/names\"'\n\
    inputs = { many = 'many' }\noutputs = { text = 'text' }\n";

/// Photographs in three splits with label tables; every file has bytes of its own.
pub struct World {
    pub folder: PathBuf,
    _temp: tempfile::TempDir,
}

impl World {
    pub fn new(files: usize) -> Result<Self, String> {
        let temp = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = temp.path().to_owned();
        let originals = match std::env::var_os("BENCH_PHOTOS") {
            Some(given) => photographs(Path::new(&given))?,
            None => photographs(&draw(&folder.join("drawn"))?)?,
        };
        let mut rows = [const { String::new() }; 3];
        for number in 0..files {
            let at = match number % 10 {
                0..8 => 0,
                8 => 1,
                _ => 2,
            };
            let (original, copy) = (&originals[number % originals.len()], number / originals.len());
            let mut bytes = std::fs::read(original).map_err(|error| format!("{}: {error}", original.display()))?;
            if copy > 0 {
                // Behind the end of a JPEG: it is a photograph still.
                bytes.extend(copy.to_string().bytes());
            }
            let name = format!("{number:06}.jpg");
            write(&folder.join("photos").join(SPLITS[at]).join("images").join(&name), &bytes)?;
            rows[at].push_str(&row(&name, number));
        }
        for (split, rows) in SPLITS.iter().zip(rows) {
            write(&folder.join(format!("photos/{split}_label.csv")), format!("images,labels\n{rows}").as_bytes())?;
        }
        write(&folder.join("pipeline.toml"), PIPELINE.as_bytes())?;
        Ok(Self { folder, _temp: temp })
    }

    pub fn plantpipe(&self, args: &[&str]) -> Command {
        plantpipe(&self.folder, args)
    }

    pub fn forget_stats(&self) {
        let _ = std::fs::remove_dir_all(self.folder.join("cache/stat"));
    }

    /// A photograph of the train split.
    fn photograph(&self, number: usize) -> PathBuf {
        self.folder.join(format!("photos/train/images/{number:06}.jpg"))
    }
}

const SPLITS: [&str; 3] = ["train", "val", "test"];

fn row(name: &str, number: usize) -> String {
    format!("{name},{}\n", ["rust", "scab", "rust scab", "healthy"][number / 10 % 4])
}

type Make = fn(&World, usize) -> Result<(), String>;

/// What may happen to one photograph, each time to another one; labels follow.
pub const CHANGES: [(&str, Make); 4] = [
    ("changed", |world, at| {
        // Another photograph under the same name.
        let (from, to) = (world.photograph(at * 10 + 1), world.photograph(at * 20 + 1_002));
        let mut bytes = std::fs::read(from).map_err(|error| error.to_string())?;
        bytes.extend(at.to_le_bytes());
        write(&to, &bytes)
    }),
    ("was added", |world, at| {
        let name = format!("new{at}.jpg");
        copy(&world.photograph(at * 10 + 3), &world.folder.join("photos/train/images").join(&name))?;
        table(world, |rows| format!("{rows}{name},rust\n"))
    }),
    ("was removed", |world, at| {
        let name = format!("new{at}.jpg");
        std::fs::remove_file(world.folder.join("photos/train/images").join(&name))
            .map_err(|error| error.to_string())?;
        table(world, |rows| rows.replace(&format!("{name},rust\n"), ""))
    }),
    ("was renamed", |world, at| {
        let (from, to) = (world.photograph(at * 10 + 4), format!("renamed{at}.jpg"));
        let name = from.file_name().expect("a name").to_string_lossy().into_owned();
        let folder = world.folder.join("photos/train/images");
        std::fs::rename(&from, folder.join(&to)).map_err(|error| format!("{}: {error}", from.display()))?;
        table(world, |rows| rows.replace(&format!("\n{name},"), &format!("\n{to},")))
    }),
];

/// Edits the label table of the train split.
fn table(world: &World, edit: impl Fn(&str) -> String) -> Result<(), String> {
    let path = world.folder.join("photos/train_label.csv");
    let rows = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
    write(&path, edit(&rows).as_bytes())
}

/// Tiny files in folders of a thousand, read by one stage.
pub struct Scale {
    pub folder: PathBuf,
    _temp: tempfile::TempDir,
}

impl Scale {
    pub fn new(files: usize) -> Result<Self, String> {
        let temp = tempfile::tempdir().map_err(|error| error.to_string())?;
        let folder = temp.path().to_owned();
        for number in 0..files {
            let path = folder.join(format!("many/{:04}/{number:07}", number / 1000));
            write(&path, number.to_string().as_bytes())?;
        }
        write(&folder.join("pipeline.toml"), MANY.as_bytes())?;
        Ok(Self { folder, _temp: temp })
    }

    pub fn plantpipe(&self, args: &[&str]) -> Command {
        plantpipe(&self.folder, args)
    }
}

fn plantpipe(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(PLANTPIPE);
    command.args(args).current_dir(folder);
    command
}

/// Photographs drawn by the kind `sample`.
fn draw(folder: &Path) -> Result<PathBuf, String> {
    write(&folder.join("pipeline.toml"), SAMPLE.as_bytes())?;
    crate::clock::once(&mut plantpipe(folder, &["run", "--quiet"]))?;
    Ok(folder.join("cache/out/drawn/dataset"))
}

/// Every `.jpg` below a folder, sorted.
pub fn photographs(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = walkdir::WalkDir::new(folder).follow_links(true).sort_by_file_name();
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| error.to_string())?;
        if entry.path().extension().is_some_and(|extension| extension == "jpg") {
            found.push(entry.into_path());
        }
    }
    if found.is_empty() { Err(format!("{}: no photograph in it", folder.display())) } else { Ok(found) }
}

pub fn make(folder: &Path) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

pub fn write(path: &Path, bytes: &[u8]) -> Result<(), String> {
    make(path.parent().expect("a file has a folder"))?;
    std::fs::write(path, bytes).map_err(|error| format!("{}: {error}", path.display()))
}

pub fn copy(from: &Path, to: &Path) -> Result<(), String> {
    write(to, &std::fs::read(from).map_err(|error| format!("{}: {error}", from.display()))?)
}
