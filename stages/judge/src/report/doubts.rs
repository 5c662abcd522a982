//! The section **Doubts**: labels that are likely wrong and the photographs that the model is worst on, with pictures
//! where the report was given some.

use super::document::{Block, Table, Thumbnail};
use super::folder::Folder;
use super::material::{Material, Part};
use super::photographs::Shown;
use super::summary::headline;
use super::words::{code, codes, counted, number, plural, text};
use plantpipe_stage::Result;
use plantpipe_stage::format::{Evaluation, LabelIssue, Split, SplitEvaluation, WorstImage};

/// At most `most` of each kind are shown.
pub(super) fn section(material: &Material, most: usize, folder: &mut Folder) -> Result<Vec<Block>> {
    let mut blocks = Vec::new();
    let Some(part) = headline(material) else { return Ok(blocks) };
    let mut shown = Shown::default();
    let mut issues: Vec<(Split, &LabelIssue)> = part.content.splits.iter().flat_map(in_split).collect();
    issues.sort_by(|(_, a), (_, b)| a.self_confidence.total_cmp(&b.self_confidence));
    if !issues.is_empty() {
        blocks.push(Block::heading("Labels that may be wrong"));
        blocks.push(Block::Text(introduction(material, part, &issues, most)));
        issues.truncate(most);
        // A photograph is shown once, with all that is doubted of it.
        let mut images: Vec<(Split, &String)> = Vec::new();
        for (split, issue) in &issues {
            if images.iter().all(|(_, known)| *known != &issue.image) {
                images.push((*split, &issue.image));
            }
        }
        let says = |place: usize| {
            let about = issues.iter().filter(|(_, issue)| &issue.image == images[place].1);
            let doubts: Vec<String> = about.map(|(_, issue)| doubt(issue)).collect();
            doubts.join("; ")
        };
        blocks.extend(gallery(&images, material, &mut shown, folder, says)?);
        blocks.extend((!issues.is_empty()).then(|| Block::Table(table(material, part, &issues))));
    }
    if let Some(scored) = part.last().filter(|scored| !scored.worst.is_empty() && most > 0) {
        blocks.extend(worst(part, scored, material, most, &mut shown, folder)?);
    }
    Ok(blocks)
}

fn in_split(scored: &SplitEvaluation) -> impl Iterator<Item = (Split, &LabelIssue)> {
    scored.label_issues.iter().map(|issue| (scored.split, issue))
}

fn introduction(material: &Material, part: &Part<Evaluation>, issues: &[(Split, &LabelIssue)], most: usize) -> String {
    let found = issues.len() as u64;
    let shown = if issues.len() > most {
        format!(" The likeliest {most} {} shown.", plural(most as u64, "is", "are"))
    } else {
        String::new()
    };
    if material.synthetic() {
        return format!(
            "The program that drew the photographs wrote their labels, so **all of them are right**; yet by confident learning \
             {} {} wrong to **{}**, which says the opposite as surely as it does on average of photographs that are labelled \
             with the opposite.{shown} They show how a doubt looks, and how often this model's are without reason.",
            counted(found, "label"),
            plural(found, "seems", "seem"),
            text(&material.name(part)),
        );
    }
    format!(
        "**{}** {} wrong by confident learning: **{}** says the opposite, and as surely as it does on average of photographs \
         that are labelled with the opposite.{shown} Look before you believe it: a hard photograph can look the same, and \
         whoever mends only the labels that a model contradicts makes the figures flatter.",
        counted(found, "label"),
        plural(found, "is likely", "are likely"),
        text(&material.name(part)),
    )
}

fn doubt(issue: &LabelIssue) -> String {
    let given = if issue.given { "labelled" } else { "not labelled" };
    format!("{given} {}, probability {}", code(&issue.label), number(issue.probability))
}

fn presence(present: bool) -> &'static str {
    if present { "present" } else { "absent" }
}

/// A row an issue, with how many of the models agree, where there are several.
fn table(material: &Material, part: &Part<Evaluation>, issues: &[(Split, &LabelIssue)]) -> Table {
    let models = material.evaluations.len();
    let mut head = vec!["photograph", "split", "label", "labelled", "probability", "of what is labelled"];
    if models > 1 {
        head.push("models that doubt it");
    }
    let caption = format!("Labels that {} doubts most", material.name(part));
    let mut table = Table::new(&caption, &head, 4);
    for (split, issue) in issues {
        let mut cells = vec![
            code(&issue.image),
            split.to_string(),
            code(&issue.label),
            presence(issue.given).to_owned(),
            number(issue.probability),
            number(issue.self_confidence),
        ];
        if models > 1 {
            let doubts = |other: &&Part<Evaluation>| {
                let all = other.content.splits.iter().flat_map(in_split);
                all.into_iter().any(|(_, known)| known.image == issue.image && known.label == issue.label)
            };
            cells.push(format!("{} of {models}", material.evaluations.iter().filter(doubts).count()));
        }
        table.row(cells);
    }
    table
}

fn worst(
    part: &Part<Evaluation>,
    scored: &SplitEvaluation,
    material: &Material,
    most: usize,
    shown: &mut Shown,
    folder: &mut Folder,
) -> Result<Vec<Block>> {
    let worst: Vec<&WorstImage> = scored.worst.iter().take(most).collect();
    let mut table = Table::new(
        &format!("The {} photographs of the greatest loss", scored.split),
        &["photograph", "truth", "answer", "loss"],
        3,
    );
    for image in &worst {
        table.row([code(&image.image), codes(&image.truth), codes(&image.answer), number(image.loss)]);
    }
    let mut blocks = vec![
        Block::heading("Worst errors"),
        Block::Text(format!(
            "The {} on which **{}** is farthest from the truth, by loss: mean binary cross-entropy over the labels.",
            counted(worst.len() as u64, &format!("{} photograph", scored.split)),
            text(&material.name(part)),
        )),
    ];
    let images: Vec<(Split, &String)> = worst.iter().map(|image| (scored.split, &image.image)).collect();
    let says = |place: usize| {
        let image = worst[place];
        format!("truth: {} · answer: {}", codes(&image.truth), codes(&image.answer))
    };
    blocks.extend(gallery(&images, material, shown, folder, says)?);
    blocks.push(Block::Table(table));
    Ok(blocks)
}

/// Pictures of photographs that were found; `says` gives the words of the one at a place.
fn gallery(
    images: &[(Split, &String)],
    material: &Material,
    shown: &mut Shown,
    folder: &mut Folder,
    says: impl Fn(usize) -> String,
) -> Result<Option<Block>> {
    let mut pictures = Vec::new();
    for (place, (split, image)) in images.iter().enumerate() {
        let Some(link) = shown.link(image, &material.photographs, folder)? else { continue };
        let caption = format!("{} ({split}) · {}", code(image), says(place));
        pictures.push(Thumbnail { link, alt: format!("Photograph {image}"), caption });
    }
    Ok((!pictures.is_empty()).then_some(Block::Gallery(pictures)))
}
