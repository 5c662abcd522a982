//! Where to look: the images of the greatest loss ([`worst`]) and the labels that are likely wrong
//! ([`label_issues`]); pure.

use crate::calibration::cross_entropy;
use crate::metrics::mean;
use crate::pairing::{Pairs, decimal};
use plantpipe_stage::format::{LabelIssue, WorstImage};

/// The `count` images of the greatest mean binary cross-entropy, greatest first, of equal ones by id.
pub(crate) fn worst<'a>(
    pairs: &Pairs,
    answers: impl Iterator<Item = &'a [bool]>,
    labels: &[String],
    count: usize,
) -> Vec<WorstImage> {
    let names = |on: &[bool]| labels.iter().zip(on).filter(|(_, on)| **on).map(|(label, _)| label.clone()).collect();
    let mut all: Vec<WorstImage> = pairs
        .rows()
        .zip(answers)
        .map(|((image, truth, probabilities), answer)| WorstImage {
            image: image.to_owned(),
            loss: mean(
                &truth.iter().zip(probabilities).map(|(on, p)| cross_entropy(f64::from(*p), *on)).collect::<Vec<_>>(),
            ),
            truth: names(truth),
            answer: names(answer),
            probabilities: probabilities.iter().map(|p| decimal(*p)).collect(),
        })
        .collect();
    all.sort_by(|a, b| b.loss.total_cmp(&a.loss).then_with(|| a.image.cmp(&b.image)));
    all.truncate(count);
    all
}

/// Labels that are likely wrong, by confident learning, one label at a time: the model finds the opposite of what is
/// given likelier (its probability is above 1/2), and at least as likely as it finds it on average over the images for
/// which the opposite is given. Sorted by self-confidence (the probability of what is given), of equal ones by image and
/// label.
///
/// (Northcutt, Jiang and Chuang, *Confident Learning*, 2021; cleanlab's `filter_by="confident_learning"`.)
pub(crate) fn label_issues(pairs: &Pairs, labels: &[String]) -> Vec<LabelIssue> {
    let mut issues = Vec::new();
    for (place, label) in labels.iter().enumerate() {
        let decisions = || pairs.rows().map(|(image, truth, all)| (image, truth[place], f64::from(all[place])));
        // How sure the model is that the label is there, or not there, where that is given.
        let [usual_absence, usual_presence] = [false, true].map(|wanted| {
            let sure =
                decisions().filter(|(_, given, _)| *given == wanted).map(|(_, _, p)| if wanted { p } else { 1.0 - p });
            let sure: Vec<f64> = sure.collect();
            (!sure.is_empty()).then(|| mean(&sure))
        });
        for (image, given, probability) in decisions() {
            let (opposite, usual) =
                if given { (1.0 - probability, usual_absence) } else { (probability, usual_presence) };
            if opposite > 0.5 && usual.is_some_and(|usual| opposite >= usual) {
                issues.push(LabelIssue {
                    image: image.to_owned(),
                    label: label.clone(),
                    given,
                    probability: decimal(probability as f32),
                    self_confidence: if given { decimal(probability as f32) } else { 1.0 - probability },
                });
            }
        }
    }
    issues.sort_by(|a, b| {
        a.self_confidence.total_cmp(&b.self_confidence).then_with(|| (&a.image, &a.label).cmp(&(&b.image, &b.label)))
    });
    issues
}

#[cfg(test)]
mod tests {
    use super::{label_issues, worst};
    use crate::pairing::Pairs;

    fn pairs(rows: &[(&str, [u8; 2], [f32; 2])]) -> Pairs {
        Pairs {
            images: rows.iter().map(|(image, ..)| (*image).to_owned()).collect(),
            truth: rows.iter().map(|(_, truth, _)| truth.map(|cell| cell == 1).to_vec()).collect(),
            probabilities: rows.iter().map(|(_, _, scores)| scores.to_vec()).collect(),
        }
    }

    fn labels() -> Vec<String> {
        vec!["rust".into(), "scab".into()]
    }

    #[test]
    fn the_worst_are_those_of_the_greatest_loss() {
        let pairs = pairs(&[("a", [1, 0], [0.9, 0.1]), ("b", [1, 0], [0.2, 0.6]), ("c", [0, 1], [0.7, 0.7])]);
        let answers = [[true, false], [false, true], [true, true]];
        let found = worst(&pairs, answers.iter().map(<[bool; 2]>::as_slice), &labels(), 2);
        assert_eq!(found.iter().map(|at| at.image.as_str()).collect::<Vec<_>>(), ["b", "c"]);
        assert!((found[0].loss - -(0.2f64.ln() + 0.4f64.ln()) / 2.0).abs() < 1e-7, "{}", found[0].loss);
        assert_eq!((&found[0].truth[..], &found[0].answer[..]), (&["rust".to_owned()][..], &["scab".to_owned()][..]));
        assert_eq!(found[0].probabilities, [0.2, 0.6]);
    }

    #[test]
    fn a_label_is_likely_wrong_where_the_opposite_is_as_sure_as_where_it_is_given() {
        // Rust: where given, p is .9, .8, .1 (mean .6); where not, 1 - p is .9, .3, .35 (mean .516).
        let pairs = pairs(&[
            ("a", [1, 0], [0.9, 0.1]),
            ("b", [1, 0], [0.8, 0.1]),
            ("c", [1, 0], [0.1, 0.1]), // absent with .9 >= .516: likely wrong
            ("d", [0, 0], [0.1, 0.1]),
            ("e", [0, 0], [0.7, 0.1]),  // there with .7 >= .6: likely wrong
            ("f", [0, 0], [0.55, 0.9]), // there with .55: not as sure as usual; scab given nowhere: nothing to hold against
        ]);
        let found = label_issues(&pairs, &labels());
        let short: Vec<_> = found.iter().map(|at| (at.image.as_str(), at.label.as_str(), at.given)).collect();
        assert_eq!(short, [("c", "rust", true), ("e", "rust", false)]);
        assert!((found[0].self_confidence - 0.1).abs() < 1e-7 && (found[1].self_confidence - 0.3).abs() < 1e-7);
        assert!((found[1].probability - 0.7).abs() < 1e-12);
    }
}
