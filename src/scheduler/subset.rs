//! Which stages of a run may start: [`Subset`], and the refusal where one that may not would have to.

use crate::assess::{Assessment, State};
use crate::conduct::THREADS;
use crate::error::{Error, Result};
use crate::graph::StageId;
use crate::project::Project;
use crate::text::Diagnostic;
use std::collections::{BTreeMap, BTreeSet};

/// Which of the stages looked at a run may start.
#[derive(Debug, Clone)]
pub enum Subset {
    All,
    /// `--only` and `--from`: what else they need has to be there.
    These(BTreeSet<StageId>),
}

impl Subset {
    /// Fails where a stage is not there, and this run does not make it.
    pub fn allow(&self, project: &Project, id: StageId, found: &Assessment) -> Result<()> {
        if found.outputs.is_some() {
            return Ok(());
        }
        let stage = project.graph.stage(id);
        let (name, state, reasons) = (&stage.name.value, found.state.word(), found.reasons.join("; "));
        if stage.conduct.is_frozen() {
            let what = if found.state == State::Missing { reasons } else { "it has no result yet".to_owned() };
            return Err(Error::usage(format!("stage `{name}` is frozen, and {what}"))
                .hint("take `frozen` out of it, run it once, and freeze it again"));
        }
        match self {
            Self::These(ids) if !ids.contains(&id) => {
                let why = if found.state == State::NeverRun { String::new() } else { format!(": {reasons}") };
                let message = format!("stage `{name}` is {state}, and not among those that this run may start{why}");
                let hint = format!("run it first: plantpipe run {name}; or leave `--only` or `--from` out");
                Err(Error::Differs { message, hint: Some(hint) })
            }
            _ => Ok(()),
        }
    }
}

/// Refuses a stage that asks for more of a resource than there is, at the word.
pub fn check_resources(project: &Project, ids: &[StageId], there_is: &BTreeMap<String, usize>) -> Result<()> {
    for id in ids {
        let stage = project.graph.stage(*id);
        for (name, amount) in stage.conduct.resources.iter().filter(|(name, _)| *name != THREADS) {
            let there_is = there_is.get(name).copied().unwrap_or(1);
            if amount.number > there_is {
                let asked = amount.number;
                let message =
                    format!("stage `{}` asks for {asked} of `{name}`, and there is {there_is}", stage.name.value);
                return Err(Diagnostic::new(&amount.span, message, "too many")
                    .hint(format!("ask for less, or say how many there are: --resource {name}={asked}"))
                    .into());
            }
        }
    }
    Ok(())
}
