//! `plantpipe gc`: frees the cache of what nothing needs.

use super::{Global, print, print_json};
use crate::cache::gc::{Limits, Piece, Plan, Sort};
use crate::console::{Verbosity, bytes, counted};
use crate::error::Result;
use crate::gc::{needs, used};
use crate::project::Project;
use crate::registry::Registry;
use bytesize::ByteSize;
use clap::Args;
use jiff::{Span, SpanRelativeTo, Unit};
use serde_json::json;
use std::collections::BTreeSet;
use std::time::Duration;

#[derive(Args)]
pub struct Gc {
    /// Print what would go, and take nothing away
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Results that were not used for longer go too, unless something needs them: 30d, 12h, 2w
    #[arg(long, value_name = "AGE", value_parser = age)]
    max_age: Option<Duration>,
    /// The results longest unused go too, until the cache is no larger: 20GB, 500MB
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,
    /// How many of the last runs keep their results
    #[arg(long, value_name = "N", default_value_t = 10)]
    keep_runs: usize,
}

impl Gc {
    pub fn run(&self, project: &mut Project, registry: Registry, global: &Global) -> Result<()> {
        if !project.cache.root.is_dir() {
            let plan = Plan { pieces: Vec::new(), before: 0, after: 0 };
            return self.tell(&plan, global);
        }
        // Also for a look: what a run is writing would be taken for what a killed one left.
        let _lock = project.cache.lock()?;
        let stages = |profile: Option<&str>| -> Option<BTreeSet<String>> {
            let project = global.open_profile(profile, registry).ok()?;
            Some(project.graph.pipeline.stages.iter().map(|stage| stage.name.value.clone()).collect())
        };
        let needs = needs(project, self.keep_runs, stages)?;
        let limits = Limits { age: self.max_age, size: self.max_size.map(|size| size.as_u64()) };
        let plan = project.cache.plan_gc(&needs, &limits, &used(project))?;
        if !self.dry_run {
            project.cache.sweep(&plan)?;
            project.cache.scanner.save()?;
        }
        self.tell(&plan, global)
    }

    fn tell(&self, plan: &Plan, global: &Global) -> Result<()> {
        if global.json {
            return print_json(&json!({
                "schema_version": 1, "dry_run": self.dry_run, "removed": plan.pieces,
                "bytes_before": plan.before, "bytes_after": plan.after,
            }));
        }
        if global.verbosity() > Verbosity::Quiet {
            print(&plan.pieces.iter().map(line).collect::<String>())?;
        }
        let would = if self.dry_run { "would free" } else { "freed" };
        let freed = bytes(plan.before - plan.after);
        let what = if plan.pieces.is_empty() {
            "nothing to free".to_owned()
        } else {
            format!("{would} {freed} ({})", counted(plan.pieces.len(), "piece"))
        };
        print(&format!("{what}; the cache holds {}\n", bytes(if self.dry_run { plan.before } else { plan.after })))?;
        if let Some(size) = self.max_size.filter(|size| plan.after > size.as_u64())
            && global.verbosity() > Verbosity::Quiet
        {
            let (after, size) = (bytes(plan.after), bytes(size.as_u64()));
            anstream::eprintln!(
                "note: {after} is more than {size}: the rest is needed by current results, lock files or the last {}",
                counted(self.keep_runs, "run")
            );
        }
        Ok(())
    }
}

/// `output   2f0c6f5f9a31  resize  640 MB  last used 2026-11-02`.
fn line(piece: &Piece) -> String {
    let sort = match piece.sort {
        Sort::Run => "run",
        Sort::Record => "record",
        Sort::Pointer => "pointer",
        Sort::Output => "output",
        Sort::Checkpoint => "checkpoint",
        Sort::Leftover => "leftover",
    };
    let is_digest = piece.name.len() == 64;
    let name = if is_digest { &piece.name[..12] } else { &piece.name };
    let kind = piece.kind.as_deref().unwrap_or("-");
    let used = piece.last_used.map(|time| format!("last used {}", time.strftime("%Y-%m-%d"))).unwrap_or_default();
    format!("{}\n", format!("{sort:<11}{name}  {kind}  {}  {used}", bytes(piece.bytes)).trim_end())
}

/// `30d`, `12h`, `2w`.
fn age(text: &str) -> std::result::Result<Duration, String> {
    let span: Span = text.parse().map_err(|_| "an age is a number with its unit: 30d, 12h, 2w".to_owned())?;
    let seconds = span
        .total((Unit::Second, SpanRelativeTo::days_are_24_hours()))
        .map_err(|_| "an age is in weeks, days, hours or minutes: 30d, 12h, 2w".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|_| "an age is not negative".to_owned())
}
