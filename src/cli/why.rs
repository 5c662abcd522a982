//! `plantpipe why STAGE`: every reason for which it would run.

use super::{Global, print, print_json};
use crate::assess::{Assessment, State, assess_all};
use crate::error::Result;
use crate::graph::StageId;
use crate::project::Project;
use clap::Args;
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
        if global.json {
            let mut documents: Vec<_> = wanted.iter().map(|id| document(project, &assessed, *id)).collect();
            return print_json(&match documents.as_mut_slice() {
                [one] => one.take(),
                _ => json!({ "schema_version": 1, "group": self.stage, "instances": documents }),
            });
        }
        print(&wanted.iter().map(|id| words(project, &assessed, *id)).collect::<String>())
    }
}

type Assessed = [(StageId, Assessment)];

fn assessment(assessed: &Assessed, id: StageId) -> &Assessment {
    let found = assessed.iter().find(|(known, _)| *known == id);
    &found.expect("a stage is among its own ancestors").1
}

fn document(project: &Project, assessed: &Assessed, id: StageId) -> serde_json::Value {
    let assessment = assessment(assessed, id);
    json!({
        "schema_version": 1,
        "stage": project.graph.stage(id).name.value,
        "state": assessment.state,
        "reasons": assessment.reasons,
        "key": assessment.ready.as_ref().map(|ready| ready.key),
        "recipe": assessment.ready.as_ref().map(|ready| &ready.recipe),
    })
}

fn words(project: &Project, assessed: &Assessed, id: StageId) -> String {
    let assessment = assessment(assessed, id);
    let name = &project.graph.stage(id).name.value;
    let mut text = match assessment.state {
        State::Fresh => format!("{name} is fresh: its recipe is recorded and its outputs are there\n"),
        State::Frozen if assessment.reasons.is_empty() => format!("{name} is frozen: its last result is used\n"),
        State::Frozen => format!("{name} is frozen: its last result is used, though it would be another by now:\n"),
        state => format!("{name} is {}:\n", state.word()),
    };
    for reason in &assessment.reasons {
        text.push_str(&format!("  {reason}\n"));
    }
    if assessment.state == State::Blocked {
        let above = project.graph.with_ancestors(&[id]);
        let behind = assessed
            .iter()
            .filter(|(id, a)| above.contains(id) && !matches!(a.state, State::Fresh | State::Frozen | State::Blocked));
        for (id, upstream) in behind {
            let name = &project.graph.stage(*id).name.value;
            text.push_str(&format!("  {name} is {}: {}\n", upstream.state.word(), upstream.reasons.join("; ")));
        }
    }
    text
}
