//! The part **Precision and recall** of the section Per label: a curve a label, with its average precision.

use super::chart::{BLUE, GREEN, VERMILION};
use super::document::{Block, Picture};
use super::folder::Folder;
use super::material::{Material, Part};
use super::squares::{Line, Square, svg};
use super::summary::pictured;
use super::words::number;
use plantpipe_stage::Result;
use plantpipe_stage::format::{CurvePoint, Evaluation, LabelRanking, SplitEvaluation};

/// Curves in a row.
const COLUMNS: usize = 3;

/// How the lines of several models are told apart.
pub(super) const STYLES: [(&str, &str); 3] = [(BLUE, ""), (VERMILION, "7 4"), (GREEN, "2 3")];

/// Writes `results/precision-recall.svg`, the pictured models in one chart a label.
pub(super) fn blocks(material: &Material, folder: &mut Folder) -> Result<Vec<Block>> {
    let models = pictured(material);
    let Some(first) = models.first().and_then(|part| part.last()) else { return Ok(Vec::new()) };
    let alike: Vec<(&Part<Evaluation>, &SplitEvaluation)> = models
        .iter()
        .filter_map(|part| Some((*part, part.last()?)))
        .filter(|(_, other)| other.split == first.split)
        .collect();
    let squares: Vec<Square> =
        first.ranking.per_label.iter().filter_map(|label| square(&label.label, &alike)).collect();
    if squares.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<String> = alike.iter().map(|(part, _)| material.name(part)).collect();
    let key: Vec<(&str, Line)> =
        names.iter().zip(STYLES).map(|(name, style)| (name.as_str(), line(style, Vec::new()))).collect();
    let link = "results/precision-recall.svg".to_owned();
    folder.write(&link, svg(&squares, COLUMNS, if key.len() > 1 { &key } else { &[] }))?;
    let thresholds: Vec<f64> = alike.iter().map(|(part, _)| part.content.threshold).collect();
    let dot = if thresholds.iter().all(|other| other.total_cmp(&thresholds[0]).is_eq()) {
        format!("; a dot marks the threshold {}", thresholds[0])
    } else {
        "; a dot marks the threshold of the headline".to_owned()
    };
    let of = if names.len() == 1 { String::new() } else { format!(" of {}", names.join(", ")) };
    let caption = format!("Precision and recall{of} on {}, as the threshold falls{dot}.", first.split);
    Ok(vec![Block::heading("Precision and recall"), Block::Picture(Picture { link, caption })])
}

/// A label's curves; none where no photograph carries it.
fn square<'a>(label: &str, models: &[(&Part<Evaluation>, &SplitEvaluation)]) -> Option<Square<'a>> {
    let (mut lines, mut precisions) = (Vec::new(), Vec::new());
    for ((_, scored), style) in models.iter().zip(STYLES) {
        let ranking: &LabelRanking = scored.ranking.per_label.iter().find(|found| found.label == label)?;
        precisions.push(number(ranking.average_precision?.value));
        lines.push(line(style, staircase(&ranking.curve)));
        let at = scored.headline.per_label.iter().find(|found| found.label == label)?;
        if at.true_positives > 0 {
            lines.push(Line { dots: vec![5.0], ..line((style.0, ""), vec![(at.recall, at.precision)]) });
        }
    }
    Some(Square {
        title: label.to_owned(),
        remark: format!("AP {}", precisions.join(" / ")),
        x_title: "recall",
        y_title: "precision",
        diagonal: false,
        bars: Vec::new(),
        lines,
    })
}

pub(super) fn line<'a>((colour, dashes): (&'a str, &'a str), points: Vec<(f64, f64)>) -> Line<'a> {
    Line { colour, dashes, points, dots: Vec::new() }
}

/// Average precision is the area below: between two points the precision of the later one holds.
fn staircase(curve: &[CurvePoint]) -> Vec<(f64, f64)> {
    let mut steps = Vec::new();
    let mut before = 0.0;
    for point in curve {
        steps.extend([(before, point.precision), (point.recall, point.precision)]);
        before = point.recall;
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::staircase;
    use plantpipe_stage::format::CurvePoint;

    #[test]
    fn the_area_below_the_staircase_is_the_average_precision() {
        let point = |recall, precision| CurvePoint { threshold: 0.5, precision, recall };
        let steps = staircase(&[point(0.5, 1.0), (point(1.0, 0.5))]);
        assert_eq!(steps, [(0.0, 1.0), (0.5, 1.0), (0.5, 0.5), (1.0, 0.5)]);
    }
}
