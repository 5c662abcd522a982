//! What lies upstream of a stage, as the report tells it: [`Lineage`]; no time, no host, no absolute path in it.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A pipeline and the ancestors of one of its stages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lineage {
    /// The pipeline's name.
    pub pipeline: String,
    pub profile: Option<String>,
    pub seed: u64,
    /// plantpipe's version.
    pub version: String,
    /// The stage itself and every ancestor, stages and sources, in topological order.
    pub ancestors: Vec<Ancestor>,
}

impl Lineage {
    /// The source or stage that an artifact called `stage` or `stage.output` comes from; the artifact's own name where
    /// there is none. (Names can hold dots: the longest that fits is meant.)
    #[must_use]
    pub fn owner<'a>(&'a self, artifact: &'a str) -> &'a str {
        let owns =
            |name: &str| artifact.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        let owners = self.ancestors.iter().map(|ancestor| ancestor.name.as_str()).filter(|name| owns(name));
        owners.max_by_key(|name| name.len()).unwrap_or(artifact)
    }
}

/// A source or a stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ancestor {
    pub name: String,
    /// The stage that it is an instance of, where a matrix made several; its name is `<group>@<instance>`.
    pub group: Option<String>,
    /// None for a source.
    pub kind: Option<String>,
    pub params: BTreeMap<String, serde_json::Value>,
    /// Its seed, where its results depend on one.
    pub seed: Option<u64>,
    /// Input name -> where it comes from.
    pub inputs: BTreeMap<String, Vec<Edge>>,
    /// Output name -> digest (hex); a source has one, named `""`; the stage that asks has none yet.
    pub outputs: BTreeMap<String, String>,
    /// `cpu`, `cuda`, `wgpu` where results depend on it.
    pub device: Option<String>,
    /// Locked versions of the crates it computes with.
    pub crates: BTreeMap<String, String>,
}

/// One end of an edge: an output of a stage (`""` for a source).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    pub from: String,
    pub output: String,
}

#[cfg(test)]
mod tests {
    use super::{Ancestor, Lineage};
    use std::collections::BTreeMap;

    #[test]
    fn an_artifact_belongs_to_the_longest_name_that_it_begins_with() {
        let ancestor = |name: &str| Ancestor {
            name: name.into(),
            group: None,
            kind: None,
            params: BTreeMap::new(),
            seed: None,
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            device: None,
            crates: BTreeMap::new(),
        };
        let lineage = Lineage {
            pipeline: "p".into(),
            profile: None,
            seed: 1,
            version: "0".into(),
            ancestors: ["train@0", "train@0.5", "dataset"].map(ancestor).to_vec(),
        };
        let owners = ["train@0.5", "train@0.5.model", "dataset.masks", "datasets"].map(|name| lineage.owner(name));
        assert_eq!(owners, ["train@0.5", "train@0.5", "dataset", "datasets"]);
    }
}
