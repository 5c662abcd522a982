//! The part of **Where the model looks** that says how faithful the maps are: deletion and insertion, as `explain`
//! measured them.

use super::cams::name;
use super::document::{Block, Table};
use super::material::Part;
use super::words::{code, count, interval, number, text};
use plantpipe_stage::format::{AreaSummary, Cams, Interval};

/// A row an explanation that was measured, and what it comes to.
pub(super) fn blocks(explanations: &[Part<Cams>]) -> Vec<Block> {
    let mut table = Table::new(
        "Deletion and insertion: areas under the curves of a label's probability",
        &[
            "explanation",
            "maps",
            "deletion: map",
            "deletion: random",
            "deletion: centred",
            "deletion: map less random [95%]",
            "deletion: map less centred [95%]",
            "insertion: map",
            "insertion: random",
            "insertion: centred",
            "insertion: map less random [95%]",
            "insertion: map less centred [95%]",
        ],
        1,
    );
    let mut said = Vec::new();
    for part in explanations {
        let Some(found) = &part.content.faithfulness else { continue };
        let named = name(part, explanations).unwrap_or_else(|| part.content.method.clone());
        let areas = |summary: &AreaSummary| {
            let mean = [summary.mean.map, summary.mean.random, summary.mean.centred].map(number);
            mean.into_iter().chain([interval(&summary.map_less_random), interval(&summary.map_less_centred)])
        };
        let head = if named == part.content.method { text(&named) } else { code(&named) };
        let cells = [head, count(found.maps)].into_iter();
        table.row(cells.chain(areas(&found.deletion)).chain(areas(&found.insertion)));
        // Deletion is better the lower it is.
        let beats = |order: &str, deletion: &Interval, insertion: &Interval| {
            let how = match (deletion.high < 0.0, insertion.low > 0.0) {
                (true, true) => "better than",
                (true, false) => "better in deletion alone than",
                (false, true) => "better in insertion alone than",
                (false, false) => "**not shown to be better** than",
            };
            format!("{how} {order}")
        };
        said.push(format!(
            "{}: {}, and {}",
            text(&named),
            beats("a random order", &found.deletion.map_less_random, &found.insertion.map_less_random),
            beats("one from the middle outwards", &found.deletion.map_less_centred, &found.insertion.map_less_centred)
        ));
    }
    if table.is_empty() {
        return Vec::new();
    }
    let introduction = format!(
        "**Are the maps faithful?** *Deletion*: pixels give way to the photograph's mean colour, those first that a map ranks \
         highest; the faster the label's probability falls, the smaller the area and the better the map. *Insertion*: pixels \
         return to a blurred photograph in the same order, and a larger area is better (Petsiuk and others, 2018). Each is held \
         against a random order and one from the middle of the picture outwards, with 95% bootstrap intervals over \
         photographs. {}.",
        said.join("; ")
    );
    vec![Block::Text(introduction), Block::Table(table)]
}
