//! `plantpipe why STAGE`: every reason for which it would run, and what would run because of it; or since when it is
//! fresh.

use super::{Global, print, print_json};
use crate::assess::{Assessment, State, assess_all};
use crate::cache::records::LastRan;
use crate::console::duration;
use crate::error::Result;
use crate::graph::StageId;
use crate::project::Project;
use crate::reasons::Reason;
use clap::Args;
use serde::Serialize;
use serde_json::json;

#[derive(Args)]
pub struct Why {
    /// A stage, an instance of one, or a group
    stage: String,
}

impl Why {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let wanted = project.stages(&self.stage)?;
        let ids = project.graph.with_ancestors(&wanted);
        let assessed = assess_all(project, &ids)?;
        project.cache.save_if_there();
        let told: Vec<Told<'_>> = wanted.iter().map(|id| Told::of(project, &assessed, *id)).collect();
        if global.json {
            let mut documents: Vec<_> = told.iter().map(Told::document).collect();
            return print_json(&match documents.as_mut_slice() {
                [one] => one.take(),
                _ => json!({ "schema_version": 1, "group": self.stage, "instances": documents }),
            });
        }
        print(&told.iter().map(Told::words).collect::<String>())
    }
}

type Assessed = [(StageId, Assessment)];

/// All that there is to say of a stage.
struct Told<'a> {
    name: &'a str,
    assessment: &'a Assessment,
    /// Those before it that are why it is blocked.
    behind: Vec<(&'a str, &'a Assessment)>,
    ran: Option<LastRan>,
    /// Those before it that ran since and woke nothing, for their bytes were the same.
    cut_off: Vec<CutOff<'a>>,
    then: Vec<Next<'a>>,
}

/// A stage that ran again and gave the same bytes.
#[derive(Serialize)]
struct CutOff<'a> {
    stage: &'a str,
    reasons: Vec<String>,
}

/// A stage that runs again because of this one.
#[derive(Serialize)]
struct Next<'a> {
    stage: &'a str,
    /// Else it depends on whether the bytes before it change.
    certain: bool,
    last_seconds: f64,
}

impl<'a> Told<'a> {
    fn of(project: &'a Project, assessed: &'a Assessed, id: StageId) -> Self {
        let assessment = assessment(assessed, id);
        let name = |id: StageId| project.graph.stage(id).name.value.as_str();
        let above = project.graph.with_ancestors(&[id]);
        let upstream = assessed.iter().filter(|(known, _)| *known != id && above.contains(known));
        let is_behind = |found: &Assessment| !matches!(found.state, State::Fresh | State::Frozen | State::Blocked);
        let behind = if assessment.state == State::Blocked {
            upstream.clone().filter(|(_, found)| is_behind(found)).map(|(id, found)| (name(*id), found)).collect()
        } else {
            Vec::new()
        };
        let last = |id: StageId| project.cache.last(project.profile(), name(id));
        let ran = last(id).ran;
        let mut cut_off = Vec::new();
        if let (State::Fresh, Some(ran)) = (assessment.state, &ran) {
            for (id, _) in upstream {
                let since = last(*id).ran.filter(|since| since.time > ran.time && since.same_bytes);
                cut_off.extend(since.map(|since| CutOff { stage: name(*id), reasons: since.reasons }));
            }
        }
        let is_fresh = matches!(assessment.state, State::Fresh | State::Frozen);
        // What the pipeline declares, and not only what its stages give, is in the lineage that some kinds tell.
        let is_declared = assessment.changes.iter().any(|change| !matches!(change, Reason::Input { .. }));
        let below = project.graph.order.iter().filter(|_| !is_fresh);
        let below = below.filter(|other| **other != id && project.graph.with_ancestors(&[**other]).contains(&id));
        let then = below.filter_map(|other| {
            let last = last(*other).done.and_then(|key| project.cache.record(key))?;
            let certain = is_declared && project.graph.stage(*other).kind.uses.lineage;
            Some(Next { stage: name(*other), certain, last_seconds: last.seconds })
        });
        let then = then.collect();
        Self { name: name(id), assessment, behind, ran, cut_off, then }
    }

    fn document(&self) -> serde_json::Value {
        let ready = self.assessment.ready.as_ref();
        json!({
            "schema_version": 1,
            "stage": self.name,
            "state": self.assessment.state,
            "reasons": self.assessment.whole_reasons(),
            "changes": self.assessment.changes,
            "behind": self.behind.iter().map(|(stage, found)| json!({
                "stage": stage, "state": found.state, "reasons": found.whole_reasons(), "changes": found.changes,
            })).collect::<Vec<_>>(),
            "key": ready.map(|ready| ready.key),
            "recipe": ready.map(|ready| &ready.recipe),
            "last_run": self.ran.as_ref().map(|ran| json!({
                "time": ran.time, "seconds": ran.seconds, "reasons": ran.reasons, "same_bytes": ran.same_bytes,
            })),
            "cut_off": self.cut_off,
            "then": self.then,
        })
    }

    fn words(&self) -> String {
        let Self { name, assessment, .. } = self;
        let mut text = match assessment.state {
            State::Fresh => format!("{name} is fresh: its recipe is recorded and its outputs are there\n"),
            State::Frozen if assessment.reasons.is_empty() => format!("{name} is frozen: its last result is used\n"),
            State::Frozen => format!("{name} is frozen: its last result is used, though it would be another by now:\n"),
            state => format!("{name} is {}:\n", state.word()),
        };
        for reason in assessment.whole_reasons() {
            text.push_str(&format!("  {reason}\n"));
        }
        for (stage, found) in &self.behind {
            text.push_str(&format!("  {stage} is {}: {}\n", found.state.word(), found.whole_reasons().join("; ")));
        }
        for CutOff { stage, reasons } in &self.cut_off {
            let reasons = reasons.join("; ");
            text.push_str(&format!("  {stage} reran ({reasons}), its bytes are the same: cut off here\n"));
        }
        if let Some(ran) = &self.ran {
            let when = ran.time.strftime("%Y-%m-%d %H:%M:%S UTC");
            let why = match ran.reasons.as_slice() {
                [only] if only == State::NeverRun.word() => ", for the first time".to_owned(),
                reasons => format!(": {}", reasons.join("; ")),
            };
            text.push_str(&format!("last ran {when}, in {}{why}\n", duration(ran.seconds)));
        }
        if !self.then.is_empty() {
            text.push_str("because of it, with the time that each took last:\n");
        }
        let width = self.then.iter().map(|next| next.stage.len()).max().unwrap_or(0);
        for next in &self.then {
            let verb = if next.certain { "run" } else { "perhaps" };
            text.push_str(&format!("  {verb:<8}{:<width$}  {}\n", next.stage, duration(next.last_seconds)));
        }
        text
    }
}

fn assessment(assessed: &Assessed, id: StageId) -> &Assessment {
    let found = assessed.iter().find(|(known, _)| *known == id);
    &found.expect("a stage is among its own ancestors").1
}
