//! What a report is made of: [`Material`], every artifact read, each with the stage and the model it belongs to.

use super::photographs::Photographs;
use plantpipe_stage::format::{
    Analysis, Ancestor, Cams, Comparison, Duplicates, Epoch, Evaluation, JsonFormat, Lineage, ModelCard, Split,
    SplitEvaluation, read_history,
};
use plantpipe_stage::{Artifact, Context, Error, Result};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};

/// All inputs of the report; instances of a matrix stand together.
pub(super) struct Material {
    pub(super) lineage: Lineage,
    pub(super) analyses: Vec<Part<Analysis>>,
    pub(super) duplicates: Vec<Part<Duplicates>>,
    pub(super) models: Vec<Part<Model>>,
    pub(super) evaluations: Vec<Part<Evaluation>>,
    pub(super) comparisons: Vec<Part<Comparison>>,
    pub(super) explanations: Vec<Part<Cams>>,
    pub(super) photographs: Photographs,
}

/// An artifact's content, with what the lineage says of it.
pub(super) struct Part<T> {
    /// The stage (or source) that it comes from.
    pub(super) stage: String,
    /// The matrix that the model's stage, or else its own, is an instance of.
    pub(super) group: Option<String>,
    /// The stage of the model behind it; a model's is itself.
    pub(super) model: Option<String>,
    pub(super) folder: PathBuf,
    pub(super) content: T,
}

/// A model's card and its epochs.
pub(super) struct Model {
    pub(super) card: ModelCard,
    pub(super) history: Vec<Epoch>,
}

impl Material {
    /// Reads every input.
    ///
    /// # Errors
    /// An artifact that is not what its format says; a run without a lineage.
    pub(super) fn gather(ctx: &Context) -> Result<Self> {
        let lineage = ctx.lineage().ok_or_else(|| Error::new("the report was given no lineage"))?.clone();
        let models = parts(&lineage, ctx.inputs("models"), &BTreeSet::new(), read_model)?;
        let stages: BTreeSet<&str> = models.iter().map(|model| model.stage.as_str()).collect();
        Ok(Self {
            analyses: parts(&lineage, ctx.inputs("analysis"), &stages, Analysis::read)?,
            duplicates: parts(&lineage, ctx.inputs("duplicates"), &stages, Duplicates::read)?,
            evaluations: parts(&lineage, ctx.inputs("evaluations"), &stages, Evaluation::read)?,
            comparisons: parts(&lineage, ctx.inputs("comparisons"), &stages, Comparison::read)?,
            photographs: Photographs::open(ctx.inputs("shards"))?,
            explanations: parts(&lineage, ctx.inputs("explanations"), &stages, Cams::read)?,
            models,
            lineage,
        })
    }

    /// Forgets whatever picture shows photographs; the words about them stay.
    pub(super) fn leave_out_photographs(&mut self) {
        self.photographs = Photographs::none();
        for part in &mut self.analyses {
            part.content.pictures.retain(|picture| !picture.photographs);
        }
        for part in &mut self.duplicates {
            part.content.pictures.retain(|picture| !picture.photographs);
        }
    }

    /// The model behind an artifact, where the report was given it.
    pub(super) fn model<T>(&self, part: &Part<T>) -> Option<&Model> {
        let stage = part.model.as_ref()?;
        self.models.iter().find(|model| model.stage == *stage).map(|model| &model.content)
    }

    /// What an evaluation is called in tables: its model's stage, and its own where that model has several.
    pub(super) fn name(&self, evaluation: &Part<Evaluation>) -> String {
        let Some(model) = &evaluation.model else { return evaluation.stage.clone() };
        let several = self.evaluations.iter().filter(|other| other.model.as_ref() == Some(model)).count() > 1;
        if several { format!("{model} ({})", evaluation.stage) } else { model.clone() }
    }

    /// What stages whose predictions were compared are called: the model behind each, where no other shares it.
    pub(super) fn names(&self, stages: &[&str]) -> BTreeMap<String, String> {
        let models: BTreeSet<&str> = self.models.iter().map(|model| model.stage.as_str()).collect();
        let behind: Vec<Option<String>> =
            stages.iter().map(|stage| model_behind(&self.lineage, stage, &models)).collect();
        let name = |(stage, model): (&&str, &Option<String>)| {
            let alone = behind.iter().filter(|other| *other == model).count() == 1;
            let name = model.clone().filter(|_| alone).unwrap_or_else(|| (*stage).to_owned());
            ((*stage).to_owned(), name)
        };
        stages.iter().zip(&behind).map(name).collect()
    }

    /// Whether the photographs are drawn by a program, as a data set's card says.
    pub(super) fn synthetic(&self) -> bool {
        self.analyses.iter().any(|analysis| analysis.content.synthetic)
    }
}

impl Part<Evaluation> {
    pub(super) fn split(&self, split: Split) -> Option<&SplitEvaluation> {
        self.content.splits.iter().find(|scored| scored.split == split)
    }

    /// The split to speak of: test, or the last that was scored.
    pub(super) fn last(&self) -> Option<&SplitEvaluation> {
        self.content.splits.iter().max_by_key(|scored| scored.split)
    }
}

fn read_model(folder: &Path) -> Result<Model> {
    Ok(Model { card: ModelCard::read(folder)?, history: read_history(folder)? })
}

fn parts<T>(
    lineage: &Lineage,
    artifacts: &[Artifact],
    models: &BTreeSet<&str>,
    read: impl Fn(&Path) -> Result<T>,
) -> Result<Vec<Part<T>>> {
    let parts: Vec<Part<T>> = artifacts
        .iter()
        .map(|artifact| {
            let stage = lineage.owner(&artifact.name).to_owned();
            let model = model_behind(lineage, &stage, models);
            let group = |stage: &str| ancestor(lineage, stage)?.group.clone();
            let group = model.as_deref().and_then(group).or_else(|| group(&stage));
            Ok(Part { stage, group, model, folder: artifact.path.clone(), content: read(&artifact.path)? })
        })
        .collect::<Result<_>>()?;
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut placed: Vec<(usize, Part<T>)> = parts
        .into_iter()
        .enumerate()
        .map(|(place, part)| (part.group.clone().map_or(place, |group| *places.entry(group).or_insert(place)), part))
        .collect();
    placed.sort_by_key(|(place, _)| *place);
    Ok(placed.into_iter().map(|(_, part)| part).collect())
}

/// Items in their order, but those of one group together, where its first stands.
pub(super) fn by_group<'i, T>(
    items: impl IntoIterator<Item = &'i T>,
    group: impl Fn(&'i T) -> Option<&'i str>,
) -> Vec<(Option<&'i str>, Vec<&'i T>)> {
    let mut groups: Vec<(Option<&str>, Vec<&T>)> = Vec::new();
    for item in items {
        let name = group(item);
        match groups.iter_mut().find(|(known, _)| name.is_some() && *known == name) {
            Some((_, items)) => items.push(item),
            None => groups.push((name, vec![item])),
        }
    }
    groups
}

/// Names of sources and stages, each with its group's, where it has one; `group@*` for all instances of a group.
pub(super) fn in_short<'l>(
    lineage: &'l Lineage,
    names: impl IntoIterator<Item = &'l str>,
) -> Vec<(String, Option<String>)> {
    let group = |name: &str| ancestor(lineage, name).and_then(|ancestor| ancestor.group.as_deref());
    let names: Vec<&str> = names.into_iter().collect();
    let mut short = Vec::new();
    for (group, among) in by_group(&names, |name| group(name)) {
        let instances =
            lineage.ancestors.iter().filter(|ancestor| group.is_some() && ancestor.group.as_deref() == group);
        let own = group.map(str::to_owned);
        match group {
            Some(group) if instances.count() == among.len() => short.push((format!("{group}@*"), own)),
            _ => short.extend(among.iter().map(|name| ((**name).to_owned(), own.clone()))),
        }
    }
    short
}

/// The kinds whose stages answer as one model.
const MODELS: [&str; 3] = ["train", "probe", "ensemble"];

/// The nearest stage upstream (or the stage itself) that is one of `models` or makes one.
fn model_behind(lineage: &Lineage, stage: &str, models: &BTreeSet<&str>) -> Option<String> {
    let (mut queue, mut seen) = (VecDeque::from([stage]), BTreeSet::new());
    while let Some(name) = queue.pop_front() {
        if !seen.insert(name) {
            continue;
        }
        let ancestor = ancestor(lineage, name)?;
        if models.contains(name) || ancestor.kind.as_deref().is_some_and(|kind| MODELS.contains(&kind)) {
            return Some(name.to_owned());
        }
        queue.extend(ancestor.inputs.values().flatten().map(|edge| edge.from.as_str()));
    }
    None
}

/// A source or stage by name.
pub(super) fn ancestor<'l>(lineage: &'l Lineage, name: &str) -> Option<&'l Ancestor> {
    lineage.ancestors.iter().find(|ancestor| ancestor.name == name)
}
