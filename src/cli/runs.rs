//! `plantpipe runs`: which runs there were, and what each did; takes no lock.

use super::{Global, print, print_json};
use crate::console::{Verbosity, counted, duration};
use crate::error::Result;
use crate::project::Project;
use crate::run_record::{Fate, RunRecord};
use crate::runs::{Run, Runs};
use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};

#[derive(Args)]
pub struct RunsOf {
    /// One run in detail: the beginning of its name, `last`, or `last~1` for the one before
    #[arg(value_name = "RUN")]
    run: Option<String>,
    /// All of them, not only the newest 20
    #[arg(long)]
    all: bool,
}

/// How many are shown where not all are asked for.
const NEWEST: usize = 20;

impl RunsOf {
    pub fn run(&self, project: &Project, global: &Global) -> Result<()> {
        let runs = Runs::read(&project.cache, project.profile());
        if let Some(word) = &self.run {
            let run = runs.find(word)?;
            if !global.json {
                return print(&detail(&runs, run));
            }
            let mut document = run.document();
            document["schema_version"] = json!(1);
            return print_json(&document);
        }
        let most = if self.all { usize::MAX } else { NEWEST };
        let shown: Vec<&Run> = runs.runs.iter().rev().take(most).collect();
        if global.json {
            let documents: Vec<Value> = shown.iter().map(|run| run.document()).collect();
            let (all, unreadable) = (runs.runs.len(), runs.unreadable);
            return print_json(&json!({
                "schema_version": 1, "runs": documents, "all": all, "unreadable": unreadable,
            }));
        }
        print(&table(&runs, &shown))?;
        if global.verbosity() > Verbosity::Quiet {
            let older = runs.runs.len() - shown.len();
            if older > 0 {
                anstream::eprintln!("and {older} older: plantpipe runs --all");
            }
            if runs.unreadable > 0 {
                anstream::eprintln!("note: {} of another version cannot be read", counted(runs.unreadable, "record"));
            }
        }
        Ok(())
    }
}

fn table(runs: &Runs, shown: &[&Run]) -> String {
    let names: Vec<&str> = shown.iter().map(|run| runs.short(run)).collect();
    let profile = |run: &Run| run.record.profile.clone().unwrap_or_else(|| "-".to_owned());
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0);
    let profiles = shown.iter().map(|run| profile(run).len()).max().unwrap_or(0);
    let counts: Vec<String> = shown.iter().map(|run| fates(&run.record)).collect();
    let widest = counts.iter().map(String::len).max().unwrap_or(0);
    let mut text = String::new();
    for ((run, name), counts) in shown.iter().zip(names).zip(&counts) {
        let (style, word) = outcome(&run.record);
        let rest = if is_done(&run.record) { run.record.set.join(" ") } else { run.record.outcome.clone() };
        let (profile, took) = (profile(run), duration(run.record.seconds));
        let line = format!(
            "{name:<width$}  {profile:<profiles$}  {style}{word:<7}{style:#}  {counts:<widest$}  {took:>8}  {rest}"
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// `3 ran, 7 fresh`.
fn fates(record: &RunRecord) -> String {
    let count = |fate: Fate| record.stages.iter().filter(|stage| stage.fate == fate).count();
    let each = FATES.iter().map(|fate| (count(*fate), fate.word())).filter(|(count, _)| *count > 0);
    each.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

const FATES: [Fate; 6] = [Fate::Ran, Fate::Fresh, Fate::Frozen, Fate::Failed, Fate::Skipped, Fate::Stopped];

fn detail(runs: &Runs, run: &Run) -> String {
    let record = &run.record;
    let mut text = String::new();
    let mut line = |head: &str, value: &str| text.push_str(&format!("{head:<10}{value}\n"));
    line("run", runs.short(run));
    line("pipeline", &record.pipeline);
    line("profile", record.profile.as_deref().unwrap_or("-"));
    for set in &record.set {
        line("set", set);
    }
    line("started", &record.started.strftime("%Y-%m-%d %H:%M:%S UTC").to_string());
    line("took", &duration(record.seconds));
    line("outcome", &record.outcome);
    line("device", &record.device);
    let machine = &record.machine;
    line("machine", &format!("{}, {}, {}", machine.system, machine.processor, counted(machine.threads, "thread")));
    line("plantpipe", &record.version);
    text.push('\n');
    let width = record.stages.iter().map(|stage| stage.stage.len()).max().unwrap_or(0);
    for stage in &record.stages {
        let key = stage.key.map(|key| key.short()).unwrap_or_default();
        let took = duration(stage.seconds);
        let tries = match stage.failed_tries {
            0 => String::new(),
            1 => "  after a try that failed".to_owned(),
            tries => format!("  after {tries} tries that failed"),
        };
        let line = format!("{:<8}{:<width$}  {took:>8}  {key:<12}{tries}", stage.fate.word(), stage.stage);
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

fn is_done(record: &RunRecord) -> bool {
    record.outcome == "done"
}

fn outcome(record: &RunRecord) -> (Style, &'static str) {
    if is_done(record) { (AnsiColor::Green.on_default(), "done") } else { (AnsiColor::Red.on_default(), "failed") }
}
