//! Why a stage is not fresh, as data: [`Reason`], a difference of two recipes, down to photographs and rows of tables.

use crate::assess::Ready;
use crate::cache::digest::Digest;
use crate::cache::inputs::{Listing, Rows};
use crate::cache::records::Record;
use crate::cache::scan::{Snapshot, side_by_side};
use crate::console::counted;
use crate::graph::StageId;
use crate::project::Project;
use crate::recipe::{Key, Recipe};
use plantpipe_stage::Reads;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::path::Path;

/// One difference between a recipe and an earlier one; in words: `lr: 0.001 -> 0.0003`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Reason {
    /// Another version of plantpipe's recipes.
    Schema,
    Kind {
        before: String,
        after: String,
    },
    Param {
        name: String,
        before: Option<Value>,
        after: Option<Value>,
    },
    Input {
        name: String,
        change: InputChange,
    },
    Code {
        kind: String,
        file: String,
        change: Change,
    },
    Crate {
        name: String,
        before: Option<String>,
        after: Option<String>,
    },
    Seed {
        before: Option<u64>,
        after: Option<u64>,
    },
    Device {
        before: Option<String>,
        after: Option<String>,
    },
    /// The pipeline upstream was declared differently, though its results are the same.
    Lineage,
}

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    New,
    Gone,
    Changed,
}

/// What became of an input.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum InputChange {
    New,
    Gone,
    /// It has another number of artifacts.
    Artifacts {
        before: usize,
        after: usize,
    },
    /// Each artifact that changed.
    Changed {
        artifacts: Vec<ArtifactChange>,
    },
}

/// What changed in an artifact.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArtifactChange {
    pub name: String,
    /// The only artifact of its input.
    #[serde(skip)]
    pub alone: bool,
    /// An output of a stage, which tells for itself why it is another one.
    #[serde(skip)]
    pub is_output: bool,
    /// None: what it was is no longer known.
    pub detail: Option<Detail>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Detail {
    pub images: Delta,
    /// Other files, and tables whose rows are not known.
    pub files: Delta,
    pub tables: Vec<TableDelta>,
}

/// How many came, went and changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Delta {
    pub added: usize,
    pub removed: usize,
    pub changed: usize,
    /// The first five, each with its sign: `+`, `-` or `~`.
    pub first: Vec<String>,
}

/// What changed in a table, by the first column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TableDelta {
    pub file: String,
    /// The names of its columns.
    pub columns_changed: bool,
    pub rows: Delta,
}

impl Delta {
    fn count(&mut self, name: &str, is_before: bool, is_now: bool) {
        const FIRST: usize = 5;
        let sign = match (is_before, is_now) {
            (false, _) => '+',
            (_, false) => '-',
            _ => '~',
        };
        match sign {
            '+' => self.added += 1,
            '-' => self.removed += 1,
            _ => self.changed += 1,
        }
        if self.first.len() < FIRST {
            self.first.push(format!("{sign}{name}"));
        }
    }

    fn total(&self) -> usize {
        self.added + self.removed + self.changed
    }

    /// `+12 -3 ~1 images (+a.jpg, +b.jpg, ...)`; none where nothing changed.
    fn words(&self, noun: &str) -> Option<String> {
        let counts = [('+', self.added), ('-', self.removed), ('~', self.changed)];
        let counts = counts.iter().filter(|(_, count)| *count > 0).map(|(sign, count)| format!("{sign}{count}"));
        let noun = if self.total() == 1 { noun.to_owned() } else { format!("{noun}s") };
        let more = if self.total() > self.first.len() { ", ..." } else { "" };
        let counts = counts.collect::<Vec<_>>().join(" ");
        (self.total() > 0).then(|| format!("{counts} {noun} ({}{more})", self.first.join(", ")))
    }
}

impl Detail {
    fn between(before: &Listing, now: &Listing) -> Self {
        let mut detail = Self::default();
        side_by_side(&before.names, &now.names, |a, b| {
            let content = |listing: &Listing, at: Option<usize>| at.map(|at| listing.contents[at]);
            let (old, new) = (content(before, a), content(now, b));
            if old == new {
                return;
            }
            let name = a.map(|at| before.names.get(at)).or(b.map(|at| now.names.get(at))).unwrap_or_default();
            if Reads::is_image(name) {
                return detail.images.count(name, a.is_some(), b.is_some());
            }
            match before.rows(name).zip(now.rows(name)) {
                Some((old, new)) if a.is_some() && b.is_some() => {
                    detail.tables.push(TableDelta::between(name, &old, &new));
                }
                _ => detail.files.count(name, a.is_some(), b.is_some()),
            }
        });
        detail
    }

    fn words(&self) -> String {
        let tables = self.tables.iter().map(|table| {
            let mut parts = Vec::new();
            if table.columns_changed {
                parts.push("other columns".to_owned());
            }
            parts.extend(table.rows.words("row"));
            let what =
                if parts.is_empty() { "the same rows, written differently".to_owned() } else { parts.join(", ") };
            if table.file.is_empty() { what } else { format!("{}: {what}", table.file) }
        });
        let counts = [self.images.words("image"), self.files.words("file")];
        counts.into_iter().flatten().chain(tables).collect::<Vec<_>>().join("; ")
    }

    /// Of an artifact that is one file.
    fn is_of_one_file(&self) -> bool {
        [&self.images, &self.files].iter().any(|delta| delta.first.iter().any(|name| name.len() == 1))
    }
}

impl TableDelta {
    fn between(file: &str, before: &Rows, now: &Rows) -> Self {
        let mut rows = Delta::default();
        let (mut old, mut new) = (before.rows.iter().peekable(), now.rows.iter().peekable());
        // Both are sorted: each id once, with its hash in the one, the other, or both.
        while let Some(id) = old.peek().map(|row| row.0).into_iter().chain(new.peek().map(|row| row.0)).min() {
            let [old, new] = [&mut old, &mut new].map(|rows| rows.next_if(|row| row.0 == id).map(|row| row.1));
            if old != new {
                rows.count(id, old.is_some(), new.is_some());
            }
        }
        Self { file: file.to_owned(), columns_changed: before.header != now.header, rows }
    }
}

impl Reason {
    /// In few words, for a line that tells more: of what stages gave, only that it changed.
    pub fn brief(&self) -> String {
        match self {
            Self::Input { name, change: InputChange::Changed { artifacts } }
                if artifacts.iter().all(|artifact| artifact.is_output) =>
            {
                format!("input `{name}` changed")
            }
            _ => self.to_string(),
        }
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn word<T: Display>(value: Option<&T>, none: &str) -> String {
            value.map_or_else(|| none.to_owned(), ToString::to_string)
        }
        match self {
            Self::Schema => f.write_str("another version of plantpipe's recipes"),
            Self::Kind { before, after } => write!(f, "kind: {before} -> {after}"),
            Self::Param { name, before, after } => {
                write!(f, "{name}: {} -> {}", word(before.as_ref(), "not there"), word(after.as_ref(), "not there"))
            }
            Self::Seed { before, after } => {
                write!(f, "seed: {} -> {}", word(before.as_ref(), "not there"), word(after.as_ref(), "not there"))
            }
            Self::Code { kind, file, change } => match change {
                Change::Changed => write!(f, "{kind}'s own code changed: {file}"),
                Change::New => write!(f, "{kind}'s own code: {file} is new"),
                Change::Gone => write!(f, "{kind}'s own code: {file} is gone"),
            },
            Self::Crate { name, before, after } => {
                write!(f, "crate {name}: {} -> {}", word(before.as_ref(), "none"), word(after.as_ref(), "none"))
            }
            Self::Device { before, after } => {
                write!(f, "device: {} -> {}", word(before.as_ref(), "none"), word(after.as_ref(), "none"))
            }
            Self::Lineage => {
                f.write_str("the pipeline upstream was declared differently, though its results are the same")
            }
            Self::Input { name, change } => match change {
                InputChange::New => write!(f, "input `{name}` is new"),
                InputChange::Gone => write!(f, "input `{name}` is gone"),
                InputChange::Artifacts { before, after } => {
                    write!(f, "input `{name}` has {}, it had {before}", counted(*after, "artifact"))
                }
                InputChange::Changed { artifacts } => match artifacts.as_slice() {
                    [] => write!(f, "input `{name}` changed"),
                    [one] if one.alone => match one.detail.as_ref().filter(|detail| !detail.is_of_one_file()) {
                        Some(detail) => write!(f, "input `{name}` changed: {}", detail.words()),
                        None => write!(f, "input `{name}` changed"),
                    },
                    many => {
                        let words = many.iter().map(|artifact| {
                            match artifact.detail.as_ref().filter(|detail| !detail.is_of_one_file()) {
                                Some(detail) => format!("{}: {}", artifact.name, detail.words()),
                                None => artifact.name.clone(),
                            }
                        });
                        write!(f, "input `{name}` changed: {}", words.collect::<Vec<_>>().join("; "))
                    }
                },
            },
        }
    }
}

/// The reasons that this command has found: a stage is assessed several times in a run, and it takes a while where tables
/// are long.
pub type Found = BTreeMap<(StageId, Key, Key), Vec<Reason>>;

/// As [`since`], for a recorded recipe; found once a command.
pub fn since_once(project: &mut Project, id: StageId, ready: &Ready, before: &Record) -> Vec<Reason> {
    let between = (id, before.key, ready.key);
    if let Some(found) = project.reasons.get(&between) {
        return found.clone();
    }
    let found = since(project, id, ready, &before.recipe);
    project.reasons.insert(between, found.clone());
    found
}

/// What differs from an earlier recipe, and of each input that changed what changed in it, as far as the cache knows what
/// it was.
pub fn since(project: &mut Project, id: StageId, ready: &Ready, before: &Recipe) -> Vec<Reason> {
    let mut reasons = ready.recipe.reasons_since(before);
    for input in read(project, id, ready) {
        let changed = reasons.iter_mut().find_map(|reason| match reason {
            Reason::Input { name, change: InputChange::Changed { artifacts } } if *name == input.name => {
                Some(artifacts)
            }
            _ => None,
        });
        let (Some(changed), Some(old)) = (changed, before.inputs.get(&input.name)) else { continue };
        let old = old[input.at];
        if old == input.digest {
            continue;
        }
        let now = Listing::of(input.place, &input.snapshot.manifest, input.reads);
        let detail = project.cache.listing(old).map(|before| Detail::between(&before, &now));
        let is_output = project.cache.is_object(input.place);
        changed.push(ArtifactChange { name: input.artifact, alone: input.alone, is_output, detail });
    }
    reasons
}

/// Keeps what is needed to say, another day, what changed in the inputs of a stage since it ran now.
pub fn remember(project: &Project, id: StageId, ready: &Ready) {
    for input in read(project, id, ready) {
        project.cache.remember_input(input.digest, input.place, &input.snapshot.manifest, input.reads);
    }
}

/// An artifact that a stage reads.
struct Read<'a> {
    name: String,
    /// Its place among those of its input.
    at: usize,
    alone: bool,
    reads: Reads,
    artifact: String,
    digest: Digest,
    place: &'a Path,
    snapshot: &'a Snapshot,
}

fn read<'a>(project: &Project, id: StageId, ready: &'a Ready) -> Vec<Read<'a>> {
    let mut watched = ready.watched.iter();
    let mut all = Vec::new();
    for input in &project.graph.stage(id).inputs {
        let artifacts = ready.inputs.get(&input.name).map_or(&[][..], Vec::as_slice);
        let digests = ready.recipe.inputs.get(&input.name).map_or(&[][..], Vec::as_slice);
        let seen = artifacts.iter().zip(digests).zip(watched.by_ref());
        all.extend(seen.enumerate().map(|(at, ((artifact, digest), watched))| Read {
            name: input.name.clone(),
            at,
            alone: artifacts.len() == 1,
            reads: watched.reads,
            artifact: artifact.name.clone(),
            digest: *digest,
            place: &watched.path,
            snapshot: &watched.snapshot,
        }));
    }
    all
}
