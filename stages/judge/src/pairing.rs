//! Brings each photograph's labels and its prediction together, every one counted: [`Pairs`].

use plantpipe_stage::format::{MultiHot, Predictions, Split};
use plantpipe_stage::{Artifact, Context, Error, Opening, Result};
use std::collections::BTreeMap;

/// A split's photographs, sorted by id.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Pairs {
    pub(crate) images: Vec<String>,
    /// `[image][label]`, labels in the table's order.
    pub(crate) truth: Vec<Vec<bool>>,
    /// As `truth`: 0 to 1.
    pub(crate) probabilities: Vec<Vec<f32>>,
}

impl Pairs {
    /// An image's id, truth and probabilities.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&str, &[bool], &[f32])> {
        let rows = self.images.iter().zip(&self.truth).zip(&self.probabilities);
        rows.map(|((image, truth), probabilities)| (image.as_str(), truth.as_slice(), probabilities.as_slice()))
    }
}

/// A 32-bit number as its shortest decimal form says: 0.7 stays 0.7 in a JSON document, as it is in a table.
pub(crate) fn decimal(number: f32) -> f64 {
    number.to_string().parse().unwrap_or(f64::from(number))
}

/// Predictions and labels with the files they were read from.
pub(crate) struct Tables {
    predictions: Predictions,
    predictions_at: String,
    pub(crate) labels: MultiHot,
    pub(crate) labels_at: String,
}

impl Tables {
    /// Reads both tables; the predictions' columns are put in the label table's order.
    ///
    /// # Errors
    /// An unreadable table, or columns that are not the same labels.
    pub(crate) fn read(predictions: &Artifact, labels: &Artifact) -> Result<Self> {
        let mut tables = Self {
            predictions: Predictions::read(&predictions.path)?,
            predictions_at: predictions.path.join(Predictions::FILE).display().to_string(),
            labels: MultiHot::read(&labels.path)?,
            labels_at: labels.path.join(MultiHot::FILE).display().to_string(),
        };
        tables.align_columns()?;
        Ok(tables)
    }

    fn align_columns(&mut self) -> Result<()> {
        if self.labels.labels.is_empty() {
            return Err(Error::at(&self.labels_at, "no label columns, so there is nothing to score"));
        }
        let missing = |at: &str, label: &str, other: &str| {
            Error::at(at, format!("no column for label `{label}`, which {other} has"))
                .hint("evaluate a model against the labels it was trained on")
        };
        if let Some(label) = self.predictions.labels.iter().find(|label| !self.labels.labels.contains(label)) {
            return Err(missing(&self.labels_at, label, &self.predictions_at));
        }
        let mut places = Vec::new();
        for label in &self.labels.labels {
            let place = self.predictions.labels.iter().position(|known| known == label);
            places.push(place.ok_or_else(|| missing(&self.predictions_at, label, &self.labels_at))?);
        }
        if places.len() != self.predictions.labels.len() {
            return Err(Error::at(&self.predictions_at, "a label has two columns"));
        }
        for row in &mut self.predictions.rows {
            row.probabilities = places.iter().map(|place| row.probabilities[*place]).collect();
        }
        self.predictions.labels.clone_from(&self.labels.labels);
        Ok(())
    }

    /// Says that a split is about to be scored, where that is test.
    pub(crate) fn open(&self, ctx: &Context, split: Split) {
        if split == Split::Test {
            let size = self.labels.rows.iter().filter(|row| row.split == split).count() as u64;
            ctx.open(Opening { answers: self.labels.fingerprint(split), size });
        }
    }

    /// Every photograph of a split with exactly one prediction.
    ///
    /// # Errors
    /// A split without photographs; a photograph without a prediction, a prediction without labels, either one twice.
    pub(crate) fn pairs(&self, split: Split) -> Result<Pairs> {
        let labels = self.labels.rows.iter().filter(|row| row.split == split).map(|row| (&row.image, &row.targets));
        let labels = by_image(labels, &self.labels_at)?;
        let answers =
            self.predictions.rows.iter().filter(|row| row.split == split).map(|row| (&row.image, &row.probabilities));
        let answers = by_image(answers, &self.predictions_at)?;
        if labels.is_empty() {
            return Err(Error::at(&self.labels_at, format!("no photograph of the split `{split}`"))
                .hint("name in `splits` those that the labels have"));
        }
        if let Some(image) = labels.keys().find(|image| !answers.contains_key(**image)) {
            return Err(Error::at(&self.predictions_at, format!("no prediction for `{image}` of the split `{split}`"))
                .hint("`predict` has to be asked for every split that is evaluated"));
        }
        if let Some(image) = answers.keys().find(|image| !labels.contains_key(**image)) {
            return Err(Error::at(
                &self.labels_at,
                format!("no labels for `{image}`, predicted in the split `{split}`"),
            )
            .hint("predictions and labels have to come from the same data set"));
        }
        Ok(Pairs {
            images: labels.keys().map(|image| (*image).to_owned()).collect(),
            truth: labels.values().map(|targets| targets.iter().map(|target| *target == 1).collect()).collect(),
            probabilities: answers.into_values().cloned().collect(),
        })
    }
}

/// Rows by image id, none twice.
fn by_image<'a, T>(rows: impl Iterator<Item = (&'a String, &'a T)>, at: &str) -> Result<BTreeMap<&'a str, &'a T>> {
    let mut map = BTreeMap::new();
    for (image, row) in rows {
        if map.insert(image.as_str(), row).is_some() {
            return Err(Error::at(at, format!("`{image}` stands there twice")));
        }
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::{Pairs, Tables};
    use plantpipe_stage::Result;
    use plantpipe_stage::format::{MultiHot, MultiHotRow, Prediction, Predictions, Split};

    /// Tables of test photographs: (id, p of rust, p of scab) and (id, rust, scab).
    fn tables(predictions: &[(&str, f32, f32)], labels: &[(&str, u8, u8)]) -> Tables {
        Tables {
            predictions: Predictions {
                labels: vec!["rust".into(), "scab".into()],
                rows: predictions
                    .iter()
                    .map(|(image, rust, scab)| Prediction {
                        image: (*image).to_owned(),
                        split: Split::Test,
                        probabilities: vec![*rust, *scab],
                    })
                    .collect(),
            },
            predictions_at: "p.csv".into(),
            labels: MultiHot {
                labels: vec!["rust".into(), "scab".into()],
                rows: labels
                    .iter()
                    .map(|(image, rust, scab)| MultiHotRow {
                        image: (*image).to_owned(),
                        split: Split::Test,
                        targets: vec![*rust, *scab],
                    })
                    .collect(),
            },
            labels_at: "l.csv".into(),
        }
    }

    fn message(result: Result<impl std::fmt::Debug>) -> String {
        result.expect_err("refused").message
    }

    #[test]
    fn rows_are_matched_by_id_whatever_their_order() {
        let pairs = tables(&[("b", 0.9, 0.1), ("a", 0.2, 0.8)], &[("a", 0, 1), ("b", 1, 0)]).pairs(Split::Test);
        let wanted = Pairs {
            images: vec!["a".into(), "b".into()],
            truth: vec![vec![false, true], vec![true, false]],
            probabilities: vec![vec![0.2, 0.8], vec![0.9, 0.1]],
        };
        assert_eq!(pairs.expect("pairs"), wanted);
    }

    #[test]
    fn a_sample_missing_on_either_side_is_named_with_the_file() {
        let short = tables(&[("a", 0.2, 0.8)], &[("a", 0, 1), ("b", 1, 0), ("c", 1, 0)]);
        assert_eq!(message(short.pairs(Split::Test)), "p.csv: no prediction for `b` of the split `test`");
        let long = tables(&[("a", 0.2, 0.8), ("z", 0.2, 0.8)], &[("a", 0, 1)]);
        assert_eq!(message(long.pairs(Split::Test)), "l.csv: no labels for `z`, predicted in the split `test`");
    }

    #[test]
    fn a_sample_twice_and_an_empty_split_are_refused() {
        let twice = tables(&[("a", 0.2, 0.8), ("a", 0.3, 0.8)], &[("a", 0, 1)]);
        assert_eq!(message(twice.pairs(Split::Test)), "p.csv: `a` stands there twice");
        assert_eq!(message(twice.pairs(Split::Val)), "l.csv: no photograph of the split `val`");
    }

    #[test]
    fn columns_are_matched_by_name() {
        let mut swapped = tables(&[("a", 0.2, 0.8)], &[("a", 0, 1)]);
        swapped.predictions.labels = vec!["scab".into(), "rust".into()];
        swapped.align_columns().expect("aligns");
        assert_eq!(swapped.pairs(Split::Test).expect("pairs").probabilities, [[0.8, 0.2]]);
    }

    #[test]
    fn a_label_known_to_one_side_alone_is_refused() {
        let mut strange = tables(&[("a", 0.2, 0.8)], &[("a", 0, 1)]);
        strange.predictions.labels[1] = "canker".into();
        assert_eq!(
            message(strange.align_columns().map(|()| "aligned")),
            "l.csv: no column for label `canker`, which p.csv has"
        );
    }

    #[test]
    fn tables_without_a_label_are_refused() {
        let mut empty = tables(&[("a", 0.2, 0.8)], &[("a", 0, 1)]);
        (empty.predictions.labels, empty.labels.labels) = (vec![], vec![]);
        assert_eq!(
            message(empty.align_columns().map(|()| "aligned")),
            "l.csv: no label columns, so there is nothing to score"
        );
    }
}
