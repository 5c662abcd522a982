//! `plantpipe run`: runs what is not fresh.

use super::{Global, print, print_json};
use crate::assess::locate;
use crate::console::{Console, all_fresh, took};
use crate::error::Result;
use crate::event::Planned;
use crate::executor::Local;
use crate::interrupt;
use crate::pipeline::Location;
use crate::project::Project;
use crate::scheduler::{self, Failures, Jobs, Options};
use clap::Args;
use serde_json::json;
use std::num::NonZeroUsize;

#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "`dry_run` is the flag's name")]
pub struct Run {
    /// The stages wanted, with all they need (default: all)
    #[arg(value_name = "STAGE")]
    wanted: Vec<String>,
    /// Print what would run, and run nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Download nothing: fail where a source lies elsewhere
    #[arg(long)]
    offline: bool,
    /// Run this stage even if it is fresh
    #[arg(short, long, value_name = "STAGE")]
    force: Vec<String>,
    /// Stages that run at once, at most (default: as many as there are threads, where they gain by it)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Threads that all stages share (default: as many as the machine has)
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// Run what does not depend on a stage that failed
    #[arg(short, long)]
    keep_going: bool,
}

impl Run {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let stages = project.select(&self.wanted)?;
        let force = self.force.iter().map(|name| project.stages(name)).collect::<Result<Vec<_>>>()?.concat();
        let options = Options {
            stages,
            force,
            threads: self.threads.map_or_else(threads, Into::into),
            jobs: self.jobs.map_or(Jobs::Auto, |jobs| Jobs::AtMost(jobs.into())),
            failures: if self.keep_going { Failures::KeepGoing } else { Failures::Stop },
            offline: self.offline,
        };
        if self.dry_run {
            return dry_run(project, &options, global.json);
        }
        interrupt::listen()?;
        let names: Vec<String> = options.stages.iter().map(|id| project.graph.stage(*id).name.value.clone()).collect();
        let mut console = Console::new(global.json, global.verbosity(), names.iter().map(String::as_str));
        let mut executor = Local::new(project.root.clone());
        scheduler::run(project, &options, &mut executor, &mut |event| console.tell(&event))
    }
}

/// As many as the machine offers, or as `RAYON_NUM_THREADS` says.
pub fn threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok().and_then(|text| text.parse().ok()).filter(|n| *n > 0);
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, Into::into))
}

fn dry_run(project: &mut Project, options: &Options, json: bool) -> Result<()> {
    for source in scheduler::sources(project, &options.stages) {
        // What is on this machine must be there; what has to be loaded first can be planned without.
        if matches!(project.graph.pipeline.sources[source.0].location, Location::Path(_)) {
            locate(project, source)?;
        }
    }
    let planned = scheduler::plan(project, options)?;
    let width = options.stages.iter().map(|id| project.graph.stage(*id).name.value.len()).max().unwrap_or(0);
    let verb = |planned: &Planned| if planned.certain { "run" } else { "perhaps" };
    if json {
        let entry = |planned: &Planned| {
            json!({
                "stage": planned.stage, "action": verb(planned), "reasons": planned.reasons,
                "last_seconds": planned.last_seconds, "last_memory": planned.last_memory,
            })
        };
        let entries: Vec<_> = planned.iter().map(entry).collect();
        return print_json(&json!({ "schema_version": 1, "would_run": entries }));
    }
    let line = |planned: &Planned| {
        let reasons = planned.reasons.join("; ");
        format!("{:<8}{:<width$}  {reasons}{}\n", verb(planned), planned.stage, took(planned))
    };
    let mut lines: String = planned.iter().map(line).collect();
    if lines.is_empty() {
        lines = format!("nothing to do: {}\n", all_fresh(options.stages.len()));
    }
    print(&lines)
}
