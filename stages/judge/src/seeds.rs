//! Which predictions differ by nothing but seeds: [`seed_groups`], by what the lineage says of all that lies upstream.

use plantpipe_stage::format::Lineage;
use std::collections::BTreeMap;

/// What a stage's results come from, as a number: stages of one number come from the same.
type Number = usize;

/// Numbers given to descriptions as they come.
#[derive(Default)]
struct Numbers {
    known: BTreeMap<String, Number>,
}

impl Numbers {
    fn of(&mut self, description: String) -> Number {
        let next = self.known.len();
        *self.known.entry(description).or_insert(next)
    }
}

/// A stage with its seeds and without: its own and those of all that lies upstream.
#[derive(Clone, Copy)]
struct Origin {
    with_seeds: Number,
    without: Number,
}

/// Groups of stages (places in `stages`) whose kinds, params, inputs, devices and crates are the same, theirs and those of
/// all that lies upstream, and only seeds are not. Of two that are the same in their seeds too, the first alone counts;
/// groups of one are left out.
pub(crate) fn seed_groups(lineage: &Lineage, stages: &[&str]) -> Vec<Vec<usize>> {
    let origins = origins(lineage);
    let mut groups: BTreeMap<Number, (Vec<usize>, Vec<Number>)> = BTreeMap::new();
    for (place, stage) in stages.iter().enumerate() {
        let Some(origin) = origins.get(stage) else { continue };
        let (places, seen) = groups.entry(origin.without).or_default();
        if !seen.contains(&origin.with_seeds) {
            seen.push(origin.with_seeds);
            places.push(place);
        }
    }
    let mut groups: Vec<Vec<usize>> = groups.into_values().map(|(places, _)| places).collect();
    groups.retain(|places| places.len() > 1);
    groups.sort_unstable();
    groups
}

/// Every stage and source of the lineage, which names what lies upstream first.
fn origins(lineage: &Lineage) -> BTreeMap<&str, Origin> {
    let (mut numbers, mut origins) = (Numbers::default(), BTreeMap::<&str, Origin>::new());
    for ancestor in &lineage.ancestors {
        let mut describe = |seeds: bool| {
            let number = |name: &str| origins.get(name).map(|from| if seeds { from.with_seeds } else { from.without });
            let inputs: BTreeMap<&str, Vec<_>> = ancestor
                .inputs
                .iter()
                .map(|(input, edges)| {
                    (input.as_str(), edges.iter().map(|edge| (number(&edge.from), edge.output.as_str())).collect())
                })
                .collect();
            // A source is its content; what a stage gives follows from the rest.
            let content = ancestor.kind.is_none().then_some(&ancestor.outputs);
            let seed = if seeds { ancestor.seed } else { None };
            let what = (&ancestor.kind, &ancestor.params, &ancestor.device, &ancestor.crates);
            let description = serde_json::json!([what, content, inputs, seed, seeds]);
            numbers.of(description.to_string())
        };
        let origin = Origin { with_seeds: describe(true), without: describe(false) };
        origins.insert(&ancestor.name, origin);
    }
    origins
}

#[cfg(test)]
mod tests {
    use super::seed_groups;
    use plantpipe_stage::format::{Ancestor, Edge, Lineage};
    use std::collections::BTreeMap;

    fn ancestor(name: &str, kind: Option<&str>, input: Option<&str>, seed: Option<u64>) -> Ancestor {
        let edge = |from: &str| vec![Edge { from: from.into(), output: String::new() }];
        Ancestor {
            name: name.into(),
            group: None,
            kind: kind.map(str::to_owned),
            params: BTreeMap::new(),
            seed,
            inputs: input.map(|from| ("input".to_owned(), edge(from))).into_iter().collect(),
            outputs: BTreeMap::from([(String::new(), "0".repeat(64))]),
            device: None,
            crates: BTreeMap::new(),
        }
    }

    /// A data set, and for each (name, seed, lr) a training with its predictions `name`.
    fn lineage(trainings: &[(&str, u64, f64)]) -> Lineage {
        let mut ancestors = vec![ancestor("photos", None, None, None)];
        for (name, seed, lr) in trainings {
            let train = format!("train-{name}");
            let mut model = ancestor(&train, Some("train"), Some("photos"), Some(*seed));
            model.params.insert("lr".into(), (*lr).into());
            ancestors.extend([model, ancestor(name, Some("predict"), Some(&train), None)]);
        }
        Lineage { pipeline: "p".into(), profile: None, seed: 1, version: "0".into(), ancestors }
    }

    #[test]
    fn models_of_other_seeds_and_the_same_params_belong_together() {
        let lineage = lineage(&[("a", 1, 0.1), ("b", 1, 0.2), ("c", 2, 0.1), ("d", 3, 0.1), ("e", 2, 0.2)]);
        assert_eq!(seed_groups(&lineage, &["a", "b", "c", "d", "e"]), [vec![0, 2, 3], vec![1, 4]]);
    }

    #[test]
    fn the_same_seed_twice_counts_once() {
        let lineage = lineage(&[("a", 1, 0.1), ("b", 1, 0.1)]);
        assert!(seed_groups(&lineage, &["a", "b"]).is_empty());
    }

    #[test]
    fn another_source_is_no_matter_of_seeds() {
        let mut lineage = lineage(&[("a", 1, 0.1), ("b", 2, 0.1)]);
        assert_eq!(seed_groups(&lineage, &["a", "b"]), [[0, 1]]);
        let mut other = ancestor("others", None, None, None);
        other.outputs.insert(String::new(), "1".repeat(64));
        lineage.ancestors.insert(0, other);
        lineage.ancestors[4].inputs.get_mut("input").expect("an input")[0].from = "others".into();
        assert_eq!(lineage.ancestors[4].name, "train-b");
        assert!(seed_groups(&lineage, &["a", "b"]).is_empty());
    }
}
