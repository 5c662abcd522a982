//! `plantpipe run`: runs what is not fresh.

use super::{Global, print, print_json};
use crate::assess::{State, assess_all, locate};
use crate::console::{Console, all_fresh};
use crate::error::Result;
use crate::executor::Local;
use crate::interrupt;
use crate::pipeline::Location;
use crate::project::Project;
use crate::scheduler::{self, Options};
use clap::Args;
use serde_json::json;

#[derive(Args)]
#[expect(clippy::struct_field_names, reason = "`dry_run` is the flag's name")]
pub struct Run {
    /// The stages wanted, with all they need (default: all)
    #[arg(value_name = "STAGE")]
    wanted: Vec<String>,
    /// Print what would run, and run nothing
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Run this stage even if it is fresh
    #[arg(short, long, value_name = "STAGE")]
    force: Vec<String>,
}

impl Run {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let stages = project.select(&self.wanted)?;
        let force = self.force.iter().map(|name| project.stages(name)).collect::<Result<Vec<_>>>()?.concat();
        let options = Options { stages, force, threads: threads() };
        if self.dry_run {
            return dry_run(project, &options, global.json);
        }
        interrupt::listen()?;
        let names: Vec<String> = options.stages.iter().map(|id| project.graph.stage(*id).name.value.clone()).collect();
        let mut console = Console::new(global.json, global.verbosity(), names.iter().map(String::as_str));
        let executor = Local { folder: project.root.clone() };
        scheduler::run(project, &options, &executor, &mut |event| console.tell(&event))
    }
}

/// As many as the machine offers, or as `RAYON_NUM_THREADS` says.
fn threads() -> usize {
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
    let width = options.stages.iter().map(|id| project.graph.stage(*id).name.value.len()).max().unwrap_or(0);
    let mut lines = String::new();
    let mut entries = Vec::new();
    for (id, assessment) in assess_all(project, &options.stages)? {
        let name = project.graph.stage(id).name.value.as_str();
        let forced = options.force.contains(&id);
        let (verb, reasons) = match assessment.state {
            State::Fresh if forced => ("run", vec!["forced".to_owned()]),
            State::Fresh => continue,
            State::Blocked => ("perhaps", assessment.reasons),
            _ => ("run", assessment.reasons),
        };
        lines.push_str(&format!("{verb:<8}{name:<width$}  {}\n", reasons.join("; ")));
        entries.push(json!({ "stage": name, "action": verb, "reasons": reasons }));
    }
    if json {
        return print_json(&json!({ "schema_version": 1, "would_run": entries }));
    }
    if lines.is_empty() {
        lines = format!("nothing to do: {}\n", all_fresh(options.stages.len()));
    }
    print(&lines)
}
