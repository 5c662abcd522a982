//! `plantpipe run`: runs what is not fresh.

use super::{Global, print, print_json};
use crate::assess::locate;
use crate::conduct::THREADS;
use crate::console::{Console, all_fresh, took};
use crate::error::{Error, Result};
use crate::event::Planned;
use crate::executor::Local;
use crate::graph::StageId;
use crate::interrupt;
use crate::pipeline::Location;
use crate::project::Project;
use crate::scheduler::{self, Failures, Jobs, LockUse, Options, Subset};
use crate::trace::Trace;
use clap::Args;
use serde_json::json;
use std::num::NonZeroUsize;
use std::path::PathBuf;

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
    /// Change nothing that pipeline.lock says: fail where sources, stages or results are others
    #[arg(long)]
    locked: bool,
    /// Run this stage even if it is fresh
    #[arg(short, long, value_name = "STAGE")]
    force: Vec<String>,
    /// The stages wanted, with all they need, as those without a flag
    #[arg(long, value_name = "STAGE", num_args = 1..)]
    until: Vec<String>,
    /// Start these and what follows from them, and nothing else
    #[arg(long, value_name = "STAGE", num_args = 1..)]
    from: Vec<String>,
    /// Start these, and nothing else
    #[arg(long, value_name = "STAGE", num_args = 1.., conflicts_with_all = ["wanted", "until", "from"])]
    only: Vec<String>,
    /// Stages that run at once, at most (default: as many as there are threads, where they gain by it)
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Threads that all stages share (default: as many as the machine has)
    #[arg(long, value_name = "N")]
    threads: Option<NonZeroUsize>,
    /// How many there are of a resource that stages ask for (default: one of each)
    #[arg(long, value_name = "NAME=N", value_parser = resource)]
    resource: Vec<(String, usize)>,
    /// Run what does not depend on a stage that failed
    #[arg(short, long)]
    keep_going: bool,
    /// Write a Chrome trace of the run, to be opened in Perfetto
    #[arg(long, value_name = "FILE", conflicts_with = "dry_run")]
    trace: Option<PathBuf>,
    /// Repeat a try that failed up to N times, where the stage doesn't say how often
    #[arg(long, value_name = "N", default_value_t = 0)]
    retries: usize,
}

impl Run {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let (stages, subset) = self.select(project)?;
        let force = named(project, &self.force)?;
        if let Some(id) = force.iter().find(|id| project.graph.stage(**id).conduct.is_frozen()) {
            let message = format!("stage `{}` is frozen: it is not run", project.graph.stage(*id).name.value);
            return Err(Error::usage(message).hint("take `frozen` out of it"));
        }
        let options = Options {
            stages,
            force,
            threads: self.threads.map_or_else(threads, Into::into),
            jobs: self.jobs.map_or(Jobs::Auto, |jobs| Jobs::AtMost(jobs.into())),
            resources: self.resource.iter().cloned().collect(),
            subset,
            retries: self.retries,
            failures: if self.keep_going { Failures::KeepGoing } else { Failures::Stop },
            offline: self.offline,
            lock: if self.locked { LockUse::Hold } else { LockUse::Update },
        };
        if self.dry_run {
            return dry_run(project, &options, global.json);
        }
        interrupt::listen()?;
        let names: Vec<String> = options.stages.iter().map(|id| project.graph.stage(*id).name.value.clone()).collect();
        let mut console = Console::new(global.json, global.verbosity(), names.iter().map(String::as_str));
        let mut executor = Local::new(project.root.clone());
        let mut trace = self.trace.as_deref().map(Trace::create).transpose()?;
        let result = scheduler::run(project, &options, &mut executor, &mut |event| {
            if let Some(trace) = &mut trace {
                trace.hear(&event);
            }
            console.tell(&event);
        });
        console.finish();
        result?;
        trace.map_or(Ok(()), Trace::finish)
    }
}

impl Run {
    /// The stages to look at, and which of them may start.
    fn select(&self, project: &Project) -> Result<(Vec<StageId>, Subset)> {
        let graph = &project.graph;
        if !self.only.is_empty() {
            let only = named(project, &self.only)?;
            return Ok((graph.with_ancestors(&only), Subset::These(only.into_iter().collect())));
        }
        let until = project.select(&[&self.wanted[..], &self.until].concat())?;
        if self.from.is_empty() {
            return Ok((until, Subset::All));
        }
        let mut from = graph.with_descendants(&named(project, &self.from)?);
        from.retain(|id| until.contains(id));
        Ok((graph.with_ancestors(&from), Subset::These(from.into_iter().collect())))
    }
}

fn named(project: &Project, names: &[String]) -> Result<Vec<StageId>> {
    Ok(names.iter().map(|name| project.stages(name)).collect::<Result<Vec<_>>>()?.concat())
}

/// `gpu=2`.
fn resource(text: &str) -> std::result::Result<(String, usize), String> {
    let (name, number) = text.split_once('=').ok_or("a resource is NAME=N, such as gpu=2")?;
    if name == THREADS {
        return Err("threads are given by --threads".to_owned());
    }
    let number = number.parse().map_err(|_| format!("`{number}` is no whole number from 0"))?;
    Ok((name.to_owned(), number))
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
    scheduler::check_resources(project, &options.stages, &options.resources)?;
    scheduler::locked(project, options)?;
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
