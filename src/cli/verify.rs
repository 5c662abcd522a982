//! `plantpipe verify`: are the results what they are recorded as, and do they come out the same when made again?

use super::run::threads;
use super::{Global, print, print_json};
use crate::console::{Console, Verbosity, counted, duration};
use crate::error::{Error, Result};
use crate::executor::Local;
use crate::interrupt;
use crate::project::Project;
use crate::verify::{Depth, Difference, LineDifference, Options, Verdict, Verified, verify};
use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub struct Verify {
    /// The stages whose results are verified (default: all)
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,
    /// Only hash the stored bytes again, and make nothing again
    #[arg(long)]
    objects: bool,
}

impl Verify {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let named = self.stages.iter().map(|name| project.stages(name)).collect::<Result<Vec<_>>>()?.concat();
        let stages = if named.is_empty() { project.graph.order.clone() } else { named };
        let depth = if self.objects { Depth::Objects } else { Depth::Recompute };
        let options = Options { stages, depth, threads: threads() };
        interrupt::listen()?;
        let names: Vec<String> = options.stages.iter().map(|id| project.graph.stage(*id).name.value.clone()).collect();
        let width = names.iter().map(String::len).max().unwrap_or(0);
        // Standard output is the document's.
        let verbosity = if global.json { Verbosity::Quiet } else { global.verbosity() };
        let mut console = Console::new(false, verbosity, names.iter().map(String::as_str));
        let mut executor = Local::new(project.root.clone());
        let mut all = Vec::new();
        let result = verify(project, &options, &mut executor, &mut |event| console.tell(&event), &mut |verified| {
            if !global.json {
                print(&line(&verified, width))?;
            }
            all.push(verified);
            Ok(())
        });
        console.finish();
        result?;
        if global.json {
            print_json(&json!({ "schema_version": 1, "stages": all }))?;
        }
        conclude(&all)
    }
}

/// The worst of what was found, as an error.
fn conclude(all: &[Verified]) -> Result<()> {
    let count = |is: fn(&Verdict) -> bool| all.iter().filter(|verified| is(&verified.verdict)).count();
    let damaged = count(|verdict| matches!(verdict, Verdict::Damaged { .. }));
    let differ = count(|verdict| matches!(verdict, Verdict::Differs(_)));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed { .. }));
    let unverified = count(|verdict| matches!(verdict, Verdict::Unverified { .. }));
    let of_all = |number: usize| format!("{number} of {}", counted(all.len(), "result"));
    if damaged > 0 {
        let message = format!("{} damaged in the cache", are(&of_all(damaged), damaged));
        return Err(Error::Integrity { message, hint: Some("make them again: plantpipe run".to_owned()) });
    }
    if differ > 0 {
        let message = format!("{} not reproducible: made again, other bytes came", are(&of_all(differ), differ));
        let hint = "other processors and libraries may give other last bits; `verify STAGE` tells one stage by itself";
        return Err(Error::Differs { message, hint: Some(hint.to_owned()) });
    }
    if failed > 0 {
        return Err(Error::failed(format!("{} not be made again", could(&of_all(failed)))));
    }
    if unverified == all.len() {
        return Err(Error::failed("there is no result to verify").hint("run first: plantpipe run"));
    }
    Ok(())
}

fn are(subject: &str, number: usize) -> String {
    format!("{subject} {}", if number == 1 { "is" } else { "are" })
}

fn could(subject: &str) -> String {
    format!("{subject} could")
}

fn line(verified: &Verified, width: usize) -> String {
    let (style, word, rest) = match &verified.verdict {
        Verdict::Same => (GREEN, "same", String::new()),
        Verdict::Intact => (GREEN, "intact", String::new()),
        Verdict::Damaged { output, file: None } => (RED, "damaged", format!("output `{output}` is gone")),
        Verdict::Damaged { output, file: Some(file) } => (RED, "damaged", format!("output `{output}`: {file}")),
        Verdict::Differs(difference) => (RED, "differs", told(difference)),
        Verdict::Failed { message } => (RED, "failed", message.clone()),
        Verdict::Unverified { reason } => (DIM, "unknown", reason.clone()),
    };
    let took = verified.seconds.map(|seconds| format!("made again in {}", duration(seconds)));
    let rest = [rest, took.unwrap_or_default()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>();
    let stage = &verified.stage;
    format!("{}\n", format!("{style}{word:<9}{style:#}{stage:<width$}  {}", rest.join("; ")).trim_end())
}

fn told(Difference { output, file, line }: &Difference) -> String {
    let text = |line: &Option<String>| line.as_ref().map_or_else(|| "nothing".to_owned(), |line| shortened(line));
    let line = line.as_ref().map(|LineDifference { number, recorded, again }| {
        format!(", line {number}: recorded {}, again {}", text(recorded), text(again))
    });
    format!("output `{output}`: {file}{}", line.unwrap_or_default())
}

/// As much of a line as a terminal holds beside others.
fn shortened(line: &str) -> String {
    const MOST: usize = 60;
    match line.char_indices().nth(MOST) {
        Some((end, _)) => format!("`{}...`", &line[..end]),
        None => format!("`{line}`"),
    }
}

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();
