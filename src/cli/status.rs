//! `plantpipe status`: what each stage is now; takes no lock and runs nothing.

use super::groups::rows;
use super::{Global, print, print_json};
use crate::assess::{Assessment, State, assess_all};
use crate::error::Result;
use crate::pipeline::Stage;
use crate::project::Project;
use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::json;

#[derive(Args)]
pub struct Status {
    /// The stages wanted, with all they need (default: all)
    #[arg(value_name = "STAGE")]
    stages: Vec<String>,
}

impl Status {
    pub fn run(&self, project: &mut Project, global: &Global) -> Result<()> {
        let ids = project.select(&self.stages)?;
        let assessed = assess_all(project, &ids)?;
        project.cache.save_if_there();
        let stages = assessed.iter().map(|(id, assessment)| (project.graph.stage(*id), assessment));
        if global.json {
            let entries: Vec<_> = stages
                .map(|(stage, assessment)| {
                    json!({
                        "name": stage.name.value,
                        "group": stage.group(),
                        "kind": stage.kind.name,
                        "state": assessment.state,
                        "reasons": assessment.reasons,
                        "key": assessment.ready.as_ref().map(|ready| ready.key),
                        "outputs": assessment.outputs,
                        "seconds": assessment.ready.as_ref().and_then(|ready| Some(ready.record.as_ref()?.seconds)),
                    })
                })
                .collect();
            let pipeline = &project.graph.pipeline;
            return print_json(&json!({
                "schema_version": 1, "pipeline": pipeline.name, "profile": pipeline.profile, "stages": entries,
            }));
        }
        let stages: Vec<(&Stage, &Assessment)> = stages.collect();
        let rows = rows(stages.iter().map(|(stage, _)| *stage));
        let names = rows.iter().map(|row| row.name.len()).max().unwrap_or(0);
        let kinds = stages.iter().map(|(stage, _)| stage.kind.name.len()).max().unwrap_or(0);
        // As wide as `never run`, so that most tables look alike.
        let words = stages.iter().map(|(_, assessment)| assessment.state.word().len());
        let states = words.fold(State::NeverRun.word().len(), usize::max) + 2;
        let mut text = String::new();
        for row in rows {
            let Some(at) = row.stage else {
                let instances = || stages.iter().filter(|(stage, _)| stage.group() == Some(&row.name));
                let fresh = instances().filter(|(_, assessment)| assessment.state == State::Fresh).count();
                let count = format!("{fresh} of {} fresh", instances().count());
                text.push_str(&format!("{:<states$}{:<names$}  {:<kinds$}  {count}\n", "", row.name, ""));
                continue;
            };
            let (stage, assessment) = stages[at];
            let style = style(assessment.state);
            let (state, name, kind) = (assessment.state.word(), row.name, stage.kind.name);
            let reasons =
                if assessment.state == State::NeverRun { String::new() } else { assessment.reasons.join("; ") };
            let line = format!("{style}{state:<states$}{style:#}{name:<names$}  {kind:<kinds$}  {reasons}");
            text.push_str(line.trim_end());
            text.push('\n');
        }
        print(&text)
    }
}

fn style(state: State) -> Style {
    match state {
        State::Fresh => AnsiColor::Green.on_default(),
        State::Frozen => AnsiColor::Cyan.on_default(),
        State::Stale | State::Missing | State::Interrupted => AnsiColor::Yellow.on_default(),
        State::Failed => AnsiColor::Red.on_default(),
        State::NeverRun | State::Blocked => Style::new().dimmed(),
    }
}
