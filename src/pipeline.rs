//! Text -> [`Pipeline`]: sources and stages with every name at its place, profile and `--set` merged in; pure.

use crate::conduct::Conduct;
use crate::document::{self, Entry, Node, Table, Value};
use crate::matrix::{self, Declared, Instance};
use crate::params::{self, Params};
use crate::registry::Registry;
use crate::text::{Diagnostic, Origin, Span, Spanned, Text, nearest};
use plantpipe_stage::{Arity, InputSpec, Kind, OutputSpec, Reads};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What is asked, as declared and merged; inputs are still names.
#[derive(Debug)]
pub struct Pipeline {
    pub name: String,
    pub seed: u64,
    pub profile: Option<String>,
    pub sources: Vec<Source>,
    pub stages: Vec<Stage>,
}

/// Something that is there before the pipeline runs.
#[derive(Debug)]
pub struct Source {
    pub name: Spanned<String>,
    pub location: Location,
    /// The command line's, where `--set` says any part of it.
    pub origin: Origin,
}

/// Where a source lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A file or folder.
    Path(PathBuf),
    Remote(Remote),
}

/// A file elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// A hub name (`hf://owner/name`) or a URL.
    pub url: String,
    /// Lowercase hex.
    pub sha256: Option<String>,
}

/// One `[stages.NAME]`, or one instance of it.
#[derive(Debug)]
pub struct Stage {
    pub name: Spanned<String>,
    pub instance: Option<Instance>,
    pub kind: &'static Kind,
    /// In the order of the kind's inputs; only those given.
    pub inputs: Vec<Input>,
    /// The first is what the bare stage name means as an input.
    pub outputs: Vec<Output>,
    pub params: Params,
    /// Its own seed, or the pipeline's.
    pub seed: u64,
    pub conduct: Conduct,
}

impl Stage {
    /// The declared name, where this is one of several.
    pub fn group(&self) -> Option<&str> {
        self.instance.as_ref().map(|instance| instance.group.as_str())
    }
}

/// One input of a stage: the names it comes from.
#[derive(Debug)]
pub struct Input {
    pub name: String,
    /// None: any.
    pub format: Option<&'static str>,
    pub reads: Reads,
    pub arity: Arity,
    pub from: Vec<Spanned<String>>,
}

/// One output of a stage.
#[derive(Debug)]
pub struct Output {
    pub name: String,
    pub format: String,
}

/// What the command line adds to the file.
#[derive(Debug, Default)]
pub struct Overrides<'a> {
    pub profile: Option<&'a str>,
    pub set: &'a [String],
}

/// Where relative paths start: the file's folder, and the current one for a path given by `--set`.
#[derive(Debug)]
pub struct Folders<'a> {
    pub file: &'a Path,
    pub current: &'a Path,
}

type Result<T> = std::result::Result<T, Diagnostic>;

/// Parses a pipeline file, merges what is over it, and resolves every kind and param.
pub fn parse(
    text: &Arc<Text>,
    overrides: &Overrides<'_>,
    folders: &Folders<'_>,
    registry: &Registry,
) -> Result<Pipeline> {
    let mut table = document::parse(text)?;
    let profiles =
        table.take("profiles").map(|entry| into_table(entry.node, "profiles")).transpose()?.unwrap_or_default();
    for entry in &profiles.entries {
        // A profile's name becomes part of a file's: that of its lock.
        plain_name(Spanned { value: entry.key.clone(), span: entry.key_span.clone() })?;
    }
    if let Some(name) = overrides.profile {
        table.merge(profile(profiles, name)?)?;
    }
    for argument in overrides.set {
        table.merge(document::parse_set(argument)?)?;
    }
    lower(table, text, overrides, folders, registry)
}

fn profile(mut profiles: Table, name: &str) -> Result<Table> {
    let word = || {
        let text = Text { name: "--profile".to_owned(), content: name.to_owned(), origin: Origin::CommandLine };
        Span { text: Arc::new(text), range: 0..name.len() }
    };
    let entry = profiles.take(name).ok_or_else(|| {
        let unknown = Diagnostic::unknown(&word(), "profile", name, profiles.keys());
        if profiles.entries.is_empty() { unknown.hint("this pipeline file has no profiles") } else { unknown }
    })?;
    into_table(entry.node, "a profile")
}

fn lower(
    mut table: Table,
    text: &Arc<Text>,
    overrides: &Overrides<'_>,
    folders: &Folders<'_>,
    registry: &Registry,
) -> Result<Pipeline> {
    let start = Span { text: text.clone(), range: 0..0 };
    let head = table
        .take("pipeline")
        .ok_or_else(|| Diagnostic::new(&start, "there is no `[pipeline]` table", "it has `name` and `seed`"))?;
    let head_span = head.key_span.clone();
    let mut head = into_table(head.node, "pipeline")?;
    let name = head
        .take("name")
        .ok_or_else(|| Diagnostic::new(&head_span, "the pipeline has no `name`", "add: name = \"apple-leaves\""))?;
    let name = plain_name(into_string(name.node, "name")?)?;
    let seed = head.take("seed").as_ref().map(into_seed).transpose()?.unwrap_or(0);
    no_more(&head, "key of `[pipeline]`:", &["name", "seed"])?;

    let sources = take_table(&mut table, "sources")?;
    let stages = take_table(&mut table, "stages")?;
    no_more(&table, "table", &["pipeline", "sources", "stages", "profiles"])?;

    let mut sources: Vec<Source> =
        sources.entries.into_iter().map(|entry| source(entry, folders)).collect::<Result<_>>()?;
    for entry in &stages.entries {
        let name = plain_name(Spanned { value: entry.key.clone(), span: entry.key_span.clone() })?;
        if sources.iter().any(|source| source.name.value == name.value) {
            let message = format!("`{}` is both a source and a stage", name.value);
            return Err(Diagnostic::new(&name.span, message, "give one of them another name"));
        }
    }
    let has_kind = |entry: &&Entry| matches!(&entry.node.value, Value::Table(table) if table.get("kind").is_some());
    let known: Vec<String> = stages.entries.iter().filter(has_kind).map(|entry| entry.key.clone()).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let stages: Vec<Stage> = matrix::expand(stages, |name| registry.kind(name))?
        .into_iter()
        .map(|declared| stage(declared, &known, seed, &mut sources, folders, registry))
        .collect::<Result<_>>()?;
    Ok(Pipeline { name: name.value, seed, profile: overrides.profile.map(str::to_owned), sources, stages })
}

fn source(entry: Entry, folders: &Folders<'_>) -> Result<Source> {
    let name = plain_name(Spanned { value: entry.key, span: entry.key_span })?;
    let (location, sha256) = match entry.node.value {
        Value::Table(table) => elsewhere(table, &name)?,
        _ => (into_string(entry.node, "a source")?, None),
    };
    let remote = ["hf://", "https://", "http://"].iter().any(|scheme| location.value.starts_with(scheme));
    if let Some(sha256) = sha256.as_ref().filter(|_| !remote) {
        return Err(Diagnostic::new(&sha256.span, "only what is downloaded has a `sha256`", "this source is a path"));
    }
    let said_there = |word: &Spanned<String>| word.span.text.origin == Origin::CommandLine;
    let by_set = said_there(&location) || sha256.as_ref().is_some_and(said_there);
    let origin = if by_set { Origin::CommandLine } else { Origin::File };
    let location = match (remote, location.span.text.origin) {
        _ if location.value.is_empty() => {
            return Err(Diagnostic::new(&location.span, "a source is a path to a file or folder", "this is empty"));
        }
        (true, _) => Location::Remote(Remote { url: location.value, sha256: sha256.map(|sha256| sha256.value) }),
        (false, Origin::File) => Location::Path(folders.file.join(location.value)),
        (false, Origin::CommandLine) => Location::Path(folders.current.join(location.value)),
    };
    Ok(Source { name, location, origin })
}

/// `{ url = "...", sha256 = "..." }`.
fn elsewhere(mut table: Table, name: &Spanned<String>) -> Result<(Spanned<String>, Option<Spanned<String>>)> {
    let url = table
        .take("url")
        .ok_or_else(|| Diagnostic::new(&name.span, "a source that is a table has a `url`", "none here"))?;
    let url = into_string(url.node, "url")?;
    let sha256 = table.take("sha256").map(|entry| into_string(entry.node, "sha256")).transpose()?;
    no_more(&table, "key of a source:", &["url", "sha256"])?;
    let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match sha256 {
        Some(sha256) if !is_digest(&sha256.value) => {
            Err(Diagnostic::new(&sha256.span, "a `sha256` is 64 digits, 0-9 and a-f", "not this"))
        }
        sha256 => Ok((url, sha256)),
    }
}

fn stage(
    declared: Declared,
    known: &[&str],
    seed: u64,
    sources: &mut Vec<Source>,
    folders: &Folders<'_>,
    registry: &Registry,
) -> Result<Stage> {
    let Declared { name, instance, mut table } = declared;
    let kind = table.take("kind").ok_or_else(|| {
        let message = format!("stage `{}` has no `kind`", name.value);
        let near = nearest(&name.value, known).map(|near| format!("did you mean `{near}`?"));
        Diagnostic::new(&name.span, message, near.unwrap_or_else(|| "is the name right?".to_owned()))
    })?;
    let kind = into_string(kind.node, "kind")?;
    let kind = registry
        .kind(&kind.value)
        .ok_or_else(|| Diagnostic::unknown(&kind.span, "kind", &kind.value, registry.kinds().map(|kind| kind.name)))?;
    let conduct = Conduct::take(&mut table)?;
    let mut inputs = inputs(take_table(&mut table, "inputs")?, kind, &name)?;
    if kind.inputs.iter().any(InputSpec::is_any) {
        inputs.extend(files(&table, sources, folders)?);
    }
    let seed = match table.take("seed") {
        Some(entry) if kind.uses.seed => into_seed(&entry)?,
        Some(entry) => {
            let message = format!("kind `{}` uses no seed: its results depend on no chance", kind.name);
            return Err(Diagnostic::new(&entry.key_span, message, "take it out"));
        }
        None => seed,
    };
    let params = params::check(kind.params, &table.entries, &name.span, kind.name)?;
    let outputs = outputs(kind, &table)?;
    Ok(Stage { name, instance, kind, inputs, outputs, params, seed, conduct })
}

/// The outputs that the kind gives, or, where it leaves them to the stage, those of `outputs = { name = "format" }`.
fn outputs(kind: &'static Kind, table: &Table) -> Result<Vec<Output>> {
    if !kind.outputs.iter().any(OutputSpec::is_any) {
        let own = |spec: &OutputSpec| Output { name: spec.name.to_owned(), format: spec.format.to_owned() };
        return Ok(kind.outputs.iter().map(own).collect());
    }
    let Some(Value::Table(declared)) = table.get("outputs").map(|entry| &entry.node.value) else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    let mut outputs = Vec::new();
    for entry in &declared.entries {
        let name = plain_name(Spanned { value: entry.key.clone(), span: entry.key_span.clone() })?;
        outputs.push(Output { name: name.value.clone(), format: into_string(entry.node.clone(), "a format")?.value });
        names.push(name);
    }
    told_apart(&names, "outputs")?;
    Ok(outputs)
}

/// Names that a stage chose itself become variables of a program, all in capitals and without `-`: no two may be one.
fn told_apart(names: &[Spanned<String>], what: &str) -> Result<()> {
    let variable = |name: &Spanned<String>| name.value.replace('-', "_").to_uppercase();
    for (at, name) in names.iter().enumerate() {
        if let Some(first) = names[..at].iter().find(|first| variable(first) == variable(name)) {
            let message = format!("the {what} `{}` and `{}` would be one variable", first.value, name.value);
            return Err(Diagnostic::new(&name.span, message, "differs only in case, - or _").hint("rename one of them"));
        }
    }
    Ok(())
}

/// The param whose files become an input of that name.
const FILES: &str = "files";

/// `files = ["script.py"]`: files whose content is part of what a program is. Each becomes a source of its own.
fn files(table: &Table, sources: &mut Vec<Source>, folders: &Folders<'_>) -> Result<Option<Input>> {
    // Another value is refused as the param that it is, too.
    let Some(Value::Array(items)) = table.get(FILES).map(|entry| &entry.node.value) else { return Ok(None) };
    let mut from = Vec::new();
    for item in items {
        let path = into_string(item.clone(), "a file")?;
        // A slash is in no declared name.
        let name = Spanned { value: format!("./{}", path.value), span: path.span.clone() };
        if !sources.iter().any(|source| source.name.value == name.value) {
            let location = Location::Path(folders.file.join(&path.value));
            sources.push(Source { name: name.clone(), location, origin: Origin::File });
        }
        from.push(name);
    }
    Ok(Some(Input { name: FILES.to_owned(), format: None, reads: Reads::All, arity: Arity::Any, from }))
}

fn inputs(mut table: Table, kind: &'static Kind, stage: &Spanned<String>) -> Result<Vec<Input>> {
    let mut inputs = Vec::new();
    for spec in kind.inputs.iter().filter(|spec| !spec.is_any()) {
        let Some(entry) = table.take(spec.name) else {
            if matches!(spec.arity, Arity::One | Arity::Many) {
                let message = format!("kind `{}` needs the input `{}`: {}", kind.name, spec.name, spec.doc);
                return Err(Diagnostic::new(&stage.span, message, "not given here"));
            }
            continue;
        };
        inputs.push(input(entry, spec, spec.name, Some(spec.format))?);
    }
    if let Some(any) = kind.inputs.iter().find(|spec| spec.is_any()) {
        let mut names = Vec::new();
        for entry in std::mem::take(&mut table.entries) {
            let name = plain_name(Spanned { value: entry.key.clone(), span: entry.key_span.clone() })?;
            if name.value.eq_ignore_ascii_case(FILES) {
                let message =
                    format!("an input cannot be called `{}`: that is what the param `{FILES}` names", name.value);
                return Err(Diagnostic::new(&name.span, message, "give it another name"));
            }
            inputs.push(input(entry, any, &name.value, None)?);
            names.push(name);
        }
        told_apart(&names, "inputs")?;
    }
    let known: Vec<&str> = kind.inputs.iter().map(|spec| spec.name).collect();
    no_more(&table, &format!("input of kind `{}`:", kind.name), &known)?;
    Ok(inputs)
}

fn input(entry: Entry, spec: &InputSpec, name: &str, format: Option<&'static str>) -> Result<Input> {
    let many = spec.arity.is_many();
    let span = entry.node.span.clone();
    let from: Vec<Spanned<String>> = match entry.node.value {
        Value::String(value) => vec![Spanned { value, span: span.clone() }],
        Value::Array(items) if many => {
            items.into_iter().map(|item| into_string(item, "an input")).collect::<Result<_>>()?
        }
        other => {
            let wanted = if many { "a name or an array of names" } else { "one name" };
            return Err(Diagnostic::new(&span, format!("input `{name}` is {wanted}"), other.noun()));
        }
    };
    if from.is_empty() && spec.arity == Arity::Many {
        return Err(Diagnostic::new(&span, format!("input `{name}` needs at least one name"), "none here"));
    }
    Ok(Input { name: name.to_owned(), format, reads: spec.reads, arity: spec.arity, from })
}

fn into_seed(entry: &Entry) -> Result<u64> {
    match entry.node.value {
        Value::Int(seed) if seed >= 0 => Ok(seed as u64),
        _ => Err(Diagnostic::new(&entry.node.span, "`seed` is a whole number from 0", "not this")),
    }
}

/// Letters, digits, `-` and `_`: names become folder names and parts of `stage.output`.
fn plain_name(name: Spanned<String>) -> Result<Spanned<String>> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if name.value.is_empty() || !name.value.chars().all(plain) || name.value.starts_with('-') {
        let message = format!("`{}` is no name", name.value);
        return Err(Diagnostic::new(&name.span, message, "names are made of a-z, 0-9, - and _"));
    }
    Ok(name)
}

fn take_table(table: &mut Table, key: &str) -> Result<Table> {
    table.take(key).map_or_else(|| Ok(Table::default()), |entry| into_table(entry.node, key))
}

fn into_table(node: Node, what: &str) -> Result<Table> {
    match node.value {
        Value::Table(table) => Ok(table),
        other => Err(Diagnostic::new(&node.span, format!("`{what}` is a table"), other.noun())),
    }
}

fn into_string(node: Node, what: &str) -> Result<Spanned<String>> {
    match node.value {
        Value::String(value) => Ok(Spanned { value, span: node.span }),
        other => Err(Diagnostic::new(&node.span, format!("`{what}` is a string"), other.noun())),
    }
}

fn no_more(table: &Table, what: &str, known: &[&str]) -> Result<()> {
    match table.entries.first() {
        Some(entry) => Err(Diagnostic::unknown(&entry.key_span, what, &entry.key, known.iter().copied())),
        None => Ok(()),
    }
}
