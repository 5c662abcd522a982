//! `plantpipe why STAGE`: every reason for which it would run.

use super::{Global, print, print_json};
use crate::assess::{State, assess_all};
use crate::error::Result;
use crate::project::Project;
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub struct Why {
    stage: String,
}

impl Why {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let id = project.stage(&self.stage)?;
        let ids = project.graph.with_ancestors(&[id]);
        let assessed = assess_all(project, &ids)?;
        project.cache.save_if_there()?;
        let (_, assessment) = assessed.last().expect("a stage is among its own ancestors, last");
        if global.json {
            return print_json(&json!({
                "schema_version": 1,
                "stage": self.stage,
                "state": assessment.state,
                "reasons": assessment.reasons,
                "key": assessment.ready.as_ref().map(|ready| ready.key),
                "recipe": assessment.ready.as_ref().map(|ready| &ready.recipe),
            }));
        }
        let state = assessment.state.word();
        let mut text = match assessment.state {
            State::Fresh => format!("{} is fresh: its recipe is recorded and its outputs are there\n", self.stage),
            _ => format!("{} is {state}:\n", self.stage),
        };
        for reason in &assessment.reasons {
            text.push_str(&format!("  {reason}\n"));
        }
        if assessment.state == State::Blocked {
            for (id, upstream) in assessed.iter().filter(|(_, a)| !matches!(a.state, State::Fresh | State::Blocked)) {
                let name = &project.graph.stage(*id).name.value;
                text.push_str(&format!("  {name} is {}: {}\n", upstream.state.word(), upstream.reasons.join("; ")));
            }
        }
        print(&text)
    }
}
