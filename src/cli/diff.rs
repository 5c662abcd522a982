//! `plantpipe diff A B`: what differs between two runs, as markdown; takes no lock.

use super::{Global, print, print_json};
use crate::cache::{make, write_whole};
use crate::console::{Verbosity, counted, duration};
use crate::diff::{Change, Measure, Metric, OutputChange, Part, Picture, Side, StageDiff, There, compare};
use crate::error::{Error, Result};
use crate::project::Project;
use crate::registry::Registry;
use crate::run_record::RunRecord;
use crate::runs::{Run, Runs};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(Args)]
pub struct Diff {
    /// A run (the beginning of its name, `last`, `last~1`), `lock` for the lock file, or `now` for the current results
    #[arg(default_value = "last~1")]
    a: String,
    /// The same
    #[arg(default_value = "last")]
    b: String,
    /// Write it into this folder as diff.md, with the pictures of both reports side by side
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
}

impl Diff {
    pub fn run(&self, project: &mut Project, registry: &Registry, global: &Global) -> Result<()> {
        let runs = Runs::read(&project.cache, project.profile());
        let sides = [&self.a, &self.b].map(|word| Side::find(project, &runs, word));
        let [a, b] = sides;
        let (a, b) = (a?, b?);
        let stages = compare(&mut project.cache, registry, &a, &b);
        let page = page(&a, &b, &stages, global.verbosity() == Verbosity::Verbose);
        if let Some(folder) = &self.report {
            write(folder, &page, &stages)?;
        }
        if global.json {
            let side = |side: &Side| json!({ "name": side.name, "run": side.run.as_ref().map(Run::document) });
            return print_json(&json!({ "schema_version": 1, "a": side(&a), "b": side(&b), "stages": stages }));
        }
        match &self.report {
            Some(folder) => print(&format!("{}\n", folder.join(PAGE).display())),
            None => print(&format!("{page}{}", listed(&stages))),
        }
    }
}

const PAGE: &str = "diff.md";

/// The page and the pictures that it shows, in folders `a` and `b`.
fn write(folder: &Path, page: &str, stages: &[StageDiff]) -> Result<()> {
    let mut page = page.to_owned();
    for diff in stages.iter().filter(|diff| !diff.pictures.is_empty()) {
        page.push_str(&format!("\n## Pictures of `{}`\n\n| A | B |\n| --- | --- |\n", diff.stage));
        for picture in &diff.pictures {
            let shown = [("a", &picture.a), ("b", &picture.b)].map(|(side, from)| -> Result<String> {
                let Some(from) = from else { return Ok("not there".to_owned()) };
                let name = format!("{side}/{}/{}", diff.stage, picture.file);
                let to = folder.join(&name);
                make(to.parent().expect("a file has a folder"))?;
                // The stored one is read-only, and a copy would be, too.
                let bytes = std::fs::read(from).map_err(|error| Error::io("read", from, &error))?;
                write_whole(&to, &bytes)?;
                Ok(format!("![{}]({})", picture.file, name.replace(' ', "%20")))
            });
            let [a, b] = shown;
            page.push_str(&format!("| {} | {} |\n", a?, b?));
        }
    }
    write_whole(&folder.join(PAGE), page.as_bytes())
}

/// The pictures by name, where they are not shown.
fn listed(stages: &[StageDiff]) -> String {
    let pictures: Vec<&Picture> = stages.iter().flat_map(|diff| &diff.pictures).collect();
    if pictures.is_empty() {
        return String::new();
    }
    let names = pictures.iter().map(|picture| format!("`{}`", picture.file)).collect::<Vec<_>>().join(", ");
    let (count, verb) = (counted(pictures.len(), "picture"), if pictures.len() == 1 { "differs" } else { "differ" });
    format!("\n{count} of the report {verb}: {names}. `--report DIR` shows them side by side.\n")
}

fn page(a: &Side, b: &Side, stages: &[StageDiff], verbose: bool) -> String {
    let mut page = format!("# {} against {}\n\n| | A | B |\n| --- | --- | --- |\n", a.name, b.name);
    let mut row = |head: &str, cell: fn(&Side) -> String| {
        let (a, b) = (cell(a), cell(b));
        if !a.is_empty() || !b.is_empty() {
            page.push_str(&format!("| {head} | {a} | {b} |\n"));
        }
    };
    row("what", |side| side.name.clone());
    row("profile", |side| of_run(side, |run| run.profile.clone().unwrap_or_default()));
    row("set", |side| of_run(side, |run| run.set.join(" ")));
    row("outcome", |side| of_run(side, |run| run.outcome.clone()));
    row("took", |side| of_run(side, |run| duration(run.seconds)));
    row("processor", |side| of_run(side, |run| run.machine.processor.clone()));
    if stages.is_empty() {
        page.push_str("\nNothing differs: the same recipes, the same bytes.\n");
        return page;
    }
    page.push_str(&made_of(stages));
    page.push_str(&gave(stages));
    page.push_str(&measured(stages, verbose));
    page.push_str(&unknown(stages));
    page
}

/// What a run says of itself; nothing for a side that is none.
fn of_run(side: &Side, say: fn(&RunRecord) -> String) -> String {
    side.run.as_ref().map(|run| say(&run.record)).unwrap_or_default()
}

fn made_of(stages: &[StageDiff]) -> String {
    let mut rows = String::new();
    for diff in stages {
        match diff.there {
            There::OnlyA => rows.push_str(&format!("| {} | | there | not there |\n", diff.stage)),
            There::OnlyB => rows.push_str(&format!("| {} | | not there | there |\n", diff.stage)),
            There::Both => {}
        }
        for Change { part, name, a, b } in &diff.recipe {
            let what = match part {
                Part::Kind | Part::Seed | Part::Device | Part::Param => name.clone(),
                Part::Input => format!("input `{name}`"),
                Part::Code if name.is_empty() => "its own code".to_owned(),
                Part::Code => format!("its own code: {name}"),
                Part::Crate => format!("crate {name}"),
            };
            rows.push_str(&format!("| {} | {what} | {} | {} |\n", diff.stage, cell(*part, a), cell(*part, b)));
        }
    }
    section("What they were made of", "| stage | what | A | B |\n| --- | --- | --- | --- |\n", &rows)
}

fn gave(stages: &[StageDiff]) -> String {
    let mut rows = String::new();
    for (stage, output) in stages.iter().flat_map(|diff| diff.outputs.iter().map(|output| (&diff.stage, output))) {
        let OutputChange { output, a, b, files } = output;
        let digest =
            |digest: &Option<crate::cache::digest::Digest>| digest.map_or("not there".to_owned(), |d| d.short());
        let counts = files.as_ref().map(|files| {
            let each = [
                (files.added, "added"),
                (files.removed, "removed"),
                (files.changed, "changed"),
                (files.same, "the same"),
            ];
            let each = each.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
            each.collect::<Vec<_>>().join(", ")
        });
        let counts = counts.unwrap_or_default();
        rows.push_str(&format!("| {stage} | {output} | {} | {} | {counts} |\n", digest(a), digest(b)));
    }
    section("What came of it", "| stage | output | A | B | files |\n| --- | --- | --- | --- | --- |\n", &rows)
}

fn measured(stages: &[StageDiff], verbose: bool) -> String {
    let mut rows = String::new();
    let mut labels = 0;
    for (stage, metric) in stages.iter().flat_map(|diff| diff.metrics.iter().map(|metric| (&diff.stage, metric))) {
        let Metric { name, a, b } = metric;
        if name.contains(".per_label.") && !verbose {
            labels += 1;
            continue;
        }
        let change = a.zip(*b).map(|(a, b)| format!("{:+.4}", b.value - a.value)).unwrap_or_default();
        rows.push_str(&format!("| {stage} | {name} | {} | {} | {change} |\n", figure(*a), figure(*b)));
    }
    let head = "| stage | figure | A | B | B - A |\n| --- | --- | ---: | ---: | ---: |\n";
    let mut text = section("What was measured", head, &rows);
    if labels > 0 {
        text.push_str(&format!("\nAnd {} of single labels: `-v` shows them.\n", counted(labels, "figure")));
    }
    text
}

fn unknown(stages: &[StageDiff]) -> String {
    let lines = stages.iter().flat_map(|diff| diff.unknown.iter().map(|what| format!("- {}: {what}\n", diff.stage)));
    section("What cannot be said", "", &lines.collect::<String>())
}

fn section(title: &str, head: &str, rows: &str) -> String {
    if rows.is_empty() { String::new() } else { format!("\n## {title}\n\n{head}{rows}") }
}

/// A value of a recipe in a cell: a digest by its beginning, of several the number.
fn cell(part: Part, value: &Value) -> String {
    let digest = |value: &Value| value.as_str().unwrap_or_default().chars().take(12).collect::<String>();
    match (part, value) {
        (_, Value::Null) => "not there".to_owned(),
        (Part::Code, value) => digest(value),
        (Part::Input, Value::Array(digests)) => match digests.as_slice() {
            [one] => digest(one),
            several => counted(several.len(), "artifact"),
        },
        (Part::Param, value) => format!("`{}`", value.to_string().replace('|', "\\|")),
        (_, Value::String(text)) => text.clone(),
        (_, value) => value.to_string(),
    }
}

fn figure(measure: Option<Measure>) -> String {
    let Some(Measure { value, interval }) = measure else { return "not there".to_owned() };
    match interval {
        Some((low, high)) => format!("{value:.4} [{low:.4}, {high:.4}]"),
        None if value.fract() == 0.0 => format!("{value}"),
        None => format!("{value:.4}"),
    }
}
