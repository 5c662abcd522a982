//! What a stage kind declares of itself: [`Kind`], one constant a kind, in one table the engine is given.
//!
//! What can be listed stands together: name, doc, inputs, outputs, params, source files, the function that works.

use crate::{Context, Result};

/// One kind of stage, as `kind = "resize"` names it in a pipeline file.
#[derive(Debug)]
pub struct Kind {
    /// The word after `kind =`.
    pub name: &'static str,
    /// One line for `plantpipe kinds`.
    pub doc: &'static str,
    pub inputs: &'static [InputSpec],
    /// The first output is what the bare stage name means as an input.
    pub outputs: &'static [OutputSpec],
    pub params: &'static [ParamSpec],
    /// The source files that this kind's results depend on; a change in them is a reason to rerun.
    pub code: &'static [&'static Code],
    /// The crates whose locked versions this kind's results depend on.
    pub crates: &'static [&'static str],
    /// What else a run of this kind depends on.
    pub uses: Uses,
    /// Does the work: reads the context's inputs, writes its outputs.
    pub run: fn(&Context) -> Result<()>,
}

/// What a kind depends on beside its params and inputs; each part named here enters the recipe.
#[derive(Debug, Clone, Copy, Default)]
pub struct Uses {
    /// The pipeline's seed.
    pub seed: bool,
    /// The device class (`cpu`, `cuda`, `wgpu`).
    pub device: bool,
    /// The recipes of all that lies upstream, and the pipeline's name and graph ([`crate::format::Lineage`]).
    pub lineage: bool,
    /// The first output is also copied to `reports/<pipeline name>/`.
    pub published: bool,
    /// The inputs (of one artifact each) that are worked through item by item: every item of the first output depends on
    /// what the kind calls its input ([`crate::Item::input`]) and on nothing else in them, so that an item that an earlier
    /// run made is not made again ([`Context::reuse`]).
    pub items: &'static [&'static str],
    /// A run keeps a checkpoint ([`Context::checkpoint`]), from which a later try of the same recipe goes on, or one of a
    /// recipe that differs in these params alone, where the kind finds that the result is that of a straight run.
    pub grows: Option<&'static [&'static str]>,
}

impl Uses {
    /// Nothing beside params and inputs.
    pub const NOTHING: Self =
        Self { seed: false, device: false, lineage: false, published: false, items: &[], grows: None };
}

/// An input that a kind takes.
#[derive(Debug)]
pub struct InputSpec {
    pub name: &'static str,
    pub doc: &'static str,
    /// The format wanted; a stage's output must have the same, a source may be anything.
    pub format: &'static str,
    pub arity: Arity,
    pub reads: Reads,
}

/// How many artifacts an input takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arity {
    /// Exactly one: `"small"`.
    One,
    /// One or none.
    Optional,
    /// A string or an array of strings; at least one.
    Many,
    /// A string or an array of strings, or nothing.
    Any,
}

/// The part of an artifact that a kind reads: only that part is hashed into its recipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Every file.
    All,
    /// The content of every file with an image extension ([`Reads::IMAGES`]), and the names (only the names) of `.csv`
    /// files, which tell how a data set is laid out.
    Images,
    /// The content of every file that is not an image, and the names (only the names) of the images.
    Tables,
}

impl Arity {
    /// Whether an array of names may be given.
    #[must_use]
    pub fn is_many(self) -> bool {
        matches!(self, Self::Many | Self::Any)
    }
}

/// As the name of an input or output in a kind's table: any name, chosen by the stage in the pipeline file.
pub const ANY: &str = "*";

impl InputSpec {
    /// Whether it stands for inputs of any name and format.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.name == ANY
    }
}

impl OutputSpec {
    /// Whether it stands for the outputs that a stage declares: `outputs = { name = "format" }`.
    #[must_use]
    pub fn is_any(&self) -> bool {
        self.name == ANY
    }
}

impl Reads {
    /// Extensions, lower case, that count as images.
    pub const IMAGES: &'static [&'static str] = &["jpg", "jpeg", "png", "webp"];

    /// Whether a file of this name counts as a table.
    #[must_use]
    pub fn is_table(name: &str) -> bool {
        name.rsplit_once('.').is_some_and(|(_, ext)| ext.eq_ignore_ascii_case("csv"))
    }

    /// Whether a file of this name counts as an image.
    #[must_use]
    pub fn is_image(name: &str) -> bool {
        name.rsplit_once('.').is_some_and(|(_, ext)| Self::IMAGES.iter().any(|known| ext.eq_ignore_ascii_case(known)))
    }
}

/// An output that a kind writes: always a folder, `<scratch>/<name>/`.
#[derive(Debug)]
pub struct OutputSpec {
    pub name: &'static str,
    pub doc: &'static str,
    pub format: &'static str,
}

/// A parameter that a kind takes.
#[derive(Debug)]
pub struct ParamSpec {
    pub name: &'static str,
    pub doc: &'static str,
    pub ty: ParamType,
    /// The default as TOML would spell it (`"0.001"`, `"\"bce\""`, `"[]"`); `None`: the param must be given.
    pub default: Option<&'static str>,
}

/// The type of a param, with its range: values outside it are refused at the word.
#[derive(Debug, Clone, Copy)]
pub enum ParamType {
    /// A whole number, inclusive range.
    Int {
        min: i64,
        max: i64,
    },
    /// A number, inclusive range; whole numbers are accepted and mean the same.
    Float {
        min: f64,
        max: f64,
    },
    Bool,
    Text,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// An array of these words.
    Choices(&'static [&'static str]),
    /// One number or an array of three (a value a colour channel, RGB); one number means three equal ones.
    /// The stage always receives three.
    Rgb,
    /// An array of strings.
    Texts,
    /// A table of strings, numbers, booleans and arrays of them.
    Table,
    /// A table of strings.
    TextTable,
    /// As the inner type, or the word `"auto"`.
    Auto(&'static ParamType),
}

/// Source files, embedded as text, that results depend on.
#[derive(Debug)]
pub struct Code {
    /// The crate or room, for `why`.
    pub room: &'static str,
    pub files: &'static [CodeFile],
}

/// A source file's name and text.
#[derive(Debug)]
pub struct CodeFile {
    pub name: &'static str,
    pub text: &'static str,
}

/// Lists source files, relative to the file that calls it, as a [`Code`]: `code!("pixels", "decode.rs", "resize.rs")`.
#[macro_export]
macro_rules! code {
    ($room:literal, $($file:literal),+ $(,)?) => {
        $crate::Code {
            room: $room,
            files: &[$($crate::CodeFile { name: $file, text: include_str!($file) }),+],
        }
    };
}
