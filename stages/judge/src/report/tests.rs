//! `report` from hand-made artifacts to the page.

mod browser;
mod elements;
mod groups;
mod html;
mod judgement;
mod world;

use super::published;
use plantpipe_stage::format::{
    Analysis, CamMap, Cams, Evaluation, Interval, JsonFormat, LesionSummary, ModelCard, Split,
};
use std::collections::BTreeMap;
use std::path::Path;
use world::{World, links, scored};

fn line<'p>(page: &'p str, start: &str) -> &'p str {
    page.lines().find(|line| line.starts_with(start)).unwrap_or_else(|| panic!("no line starts with {start}:\n{page}"))
}

fn place(page: &str, words: &str) -> usize {
    page.find(words).unwrap_or_else(|| panic!("no `{words}` in:\n{page}"))
}

#[test]
fn the_headline_is_the_exact_match_on_test_beside_the_baseline() {
    let mut world = World::new();
    world.add_analysis(|_| ());
    world.add_model("train", 0.7);
    let page = world.page();
    let summary = line(&page, "**Leaves** holds 900 train + 600 val + 600 test labelled photographs with 2 labels.");
    assert!(summary.contains("**train** (ResNet-18, 11.2 million parameters, 128 × 128 px, from random weights)"));
    assert!(summary.contains("**every label right on 0.800 [0.770, 0.830] of the 600 test photographs**"), "{summary}");
    assert!(summary.contains("Always answering `scab`"), "{summary}");
    assert!(summary.ends_with("gets 0.300 [0.270, 0.330]; the two intervals do not overlap."), "{summary}");
    assert_eq!(
        line(&page, "| **train** · ResNet-18"),
        "| **train** · ResNet-18 | 0.700 [0.670, 0.730] | 0.800 [0.770, 0.830] | 600 | 600 |"
    );
    assert_eq!(
        line(&page, "| baseline"),
        "| baseline: always `scab` | 0.300 [0.270, 0.330] | 0.300 [0.270, 0.330] | 600 | 600 |"
    );
}

#[test]
fn a_synthetic_data_set_is_announced_on_top() {
    let mut world = World::new();
    world.add_analysis(|analysis| analysis.synthetic = true);
    let page = world.page();
    assert!(
        page.starts_with("# apple-leaves\n\n> [!WARNING]\n> **Synthetic data: these photographs are drawn"),
        "{page}"
    );
    assert!(page.contains("**Labels without noise.**"));
    let mut world = World::new();
    world.add_analysis(|_| ());
    assert!(!world.page().to_lowercase().contains("synthetic"));
}

#[test]
fn published_results_appear_only_beside_the_published_split() {
    let course = |analysis: &mut Analysis| {
        for split in &mut analysis.splits {
            if let Some(fingerprint) = published::fingerprint(split.split) {
                split.fingerprint = fingerprint.into();
            }
            split.label_counts = vec![100, 100]; // the support of both labels in `scored`
        }
    };
    let mut world = World::new();
    world.add_analysis(course);
    world.add_model("train", 0.7);
    let page = world.page();
    assert_eq!(line(&page, "| *published*: ViT"), "| *published*: ViT-B/16, BCE | 0.859 | 0.840 | 576? | 576? |");
    assert!(page.contains("most likely 576"));

    let mut other_test = World::new();
    other_test.add_analysis(|analysis| {
        course(analysis);
        analysis.splits[2].fingerprint = "other".into();
    });
    other_test.add_model("train", 0.7);
    let mut other_size = World::new();
    other_size.add_analysis(|analysis| {
        course(analysis);
        analysis.splits[2].images = 599;
    });
    other_size.add_model("train", 0.7);
    let mut other_labels = World::new();
    other_labels.add_analysis(|analysis| {
        course(analysis);
        analysis.splits[1].label_counts = vec![100, 101];
    });
    other_labels.add_model("train", 0.7);
    for world in [other_test, other_size, other_labels] {
        assert!(!world.page().contains("ublished"));
    }
}

#[test]
fn two_models_make_two_rows_and_val_chooses_the_one_to_speak_of() {
    let mut world = World::new();
    world.add_model("small", 0.7);
    world.add_model("large", 0.75);
    let page = world.page();
    assert!(line(&page, "| **small** · ResNet-18").contains("0.700"));
    assert!(line(&page, "| **large** · ResNet-18").contains("0.750"));
    assert_eq!(page.matches("| baseline: always").count(), 1);
    assert!(page.contains("Of 2 evaluations, the one with the best val exact match, **large**"));
    assert_eq!(line(&page, "| test split"), "| test split | small | large |");
    assert!(page.contains("(curves/small.svg)") && page.contains("(curves/large.svg)"));
    assert!(page.contains("**Intervals are not a test.**"));
}

#[test]
fn two_evaluations_of_a_model_keep_their_names() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.stage("again", "evaluate", &[("predictions", "train-predict"), ("labels", "dataset")]);
    world.give("evaluations", "again");
    let evaluation = Evaluation::read(&world.folder.path().join("train-evaluate")).expect("reads");
    evaluation.write(&world.folder.path().join("again")).expect("writes");
    let page = world.page();
    assert!(page.contains("| **train (train-evaluate)** · ResNet-18 |") && page.contains("| **train (again)** · "));
}

#[test]
fn each_label_has_its_row_and_the_errors_their_words() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    let page = world.page();
    assert_eq!(
        line(&page, "| `rust` |"),
        "| `rust` | 100 | 0.900 | 0.700 | 0.980 | 0.850 [0.820, 0.880] | 0.910 [0.880, 0.940] | 0.950 [0.920, 0.980] | 10 | 30 |"
    );
    assert_eq!(
        line(&page, "| `scab` |"),
        "| `scab` | 100 | 0.900 | 0.950 | 0.970 | 0.850 [0.820, 0.880] | – | – | 15 | 5 |"
    );
    // 30 + 10 + 5 + 15 = 60 wrong decisions, 40 of them on rust.
    assert_eq!(
        line(&page, "60 wrong decisions"),
        "60 wrong decisions: 35 misses and 25 false alarms. Most concern `rust` (40 of them, 66.7%). The label missed \
         most often for its support is `rust`: 30 of 100."
    );
}

#[test]
fn an_overlap_with_the_baseline_is_said() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    let folder = world.folder.path().join("train-evaluate");
    let mut evaluation = Evaluation::read(&folder).expect("reads");
    evaluation.splits[1].baseline.exact_match.high = 0.79;
    evaluation.write(&folder).expect("writes");
    assert!(world.page().contains("**the two intervals overlap: the model is not shown to be better**"));
}

#[test]
fn figures_of_another_split_than_test_are_said_to_flatter() {
    let mut world = World::new();
    for name in ["small", "large"] {
        world.add_model(name, 0.7);
    }
    let keep = |split: Split| {
        for name in ["small", "large"] {
            let folder = world.folder.path().join(format!("{name}-evaluate"));
            let mut evaluation = Evaluation::read(&folder).expect("reads");
            evaluation.splits = vec![scored(split, 0.9)];
            evaluation.write(&folder).expect("writes");
        }
        world.page()
    };
    let page = keep(Split::Val);
    assert!(page.contains("of the 600 val photographs**") && page.contains("**These are the photographs that chose"));
    let page = keep(Split::Train);
    assert!(page.contains("**These are the photographs it learnt from"), "{page}");
    assert!(page.contains("Of 2 evaluations, the first, **small** ("), "without val there is nothing to choose by");
    assert!(!keep(Split::Test).contains("**These are the photographs"));
}

#[test]
fn an_interval_without_width_is_explained_where_there_is_one() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    assert!(!world.page().contains("without width"));
    let folder = world.folder.path().join("train-evaluate");
    let mut evaluation = Evaluation::read(&folder).expect("reads");
    evaluation.splits[1].headline.per_label[0].f1 = Interval { value: 1.0, low: 1.0, high: 1.0 };
    evaluation.write(&folder).expect("writes");
    assert!(world.page().contains("- **An interval without width is not certainty.**"));
}

#[test]
fn cams_are_shown_up_to_the_number_asked_for_with_their_captions() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 5, Some(LesionSummary { maps: 5, mean_share: 0.4, mean_area: 0.05 }));
    world.action.params.insert("panels".into(), serde_json::json!(3));
    let page = world.page();
    assert_eq!(links(&page).iter().filter(|link| link.starts_with("cams/explain/")).count(), 3);
    assert!(page.contains("The first 3 of 5 panels are shown."));
    assert!(page.contains("Grad-CAM at `layer4` of **train**"));
    assert!(
        page.contains(
            "`leaf0` (test) · truth: `scab` · probability: `scab` 0.900 (40.0% of the map on 5.0% of the area)"
        )
    );
    assert!(page.contains("**40.0% of a map falls on that label's lesions**"));
    assert!(page.contains("8.0 times as much"));
}

#[test]
fn a_wrong_answer_is_marked_in_its_caption() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 1, None);
    let folder = world.folder.path().join("explain");
    let mut cams = Cams::read(&folder).expect("reads");
    let panel = &mut cams.panels[0];
    panel.truth = vec!["healthy".into(), "rust".into()];
    // Said: scab at .9, healthy at the threshold itself; not said: rust, canker.
    panel.maps = [("scab", 0.9), ("healthy", 0.5), ("rust", 0.49), ("canker", 0.1)]
        .map(|(label, probability)| CamMap { label: label.into(), probability, ..panel.maps[0].clone() })
        .to_vec();
    cams.write(&folder).expect("writes");
    let wanted =
        "probability: `scab` 0.900 **(false alarm)** · `healthy` 0.500 · `rust` 0.490 **(miss)** · `canker` 0.100";
    assert!(world.page().contains(wanted), "{}", world.page());
}

#[test]
fn a_data_set_is_told_in_tables_and_pictures() {
    let mut world = World::new();
    world.add_analysis(|_| ());
    let page = world.page();
    assert_eq!(line(&page, "| val"), "| val | 600 | 400 | 200 | 1.333 | 1 |");
    assert_eq!(line(&page, "| `scab`"), "| `scab` | 900 | 600 | 600 | 2100 | 100.0% |");
    assert_eq!(line(&page, "| `rust`, `scab`"), "| `rust`, `scab` | 300 | 0 | 200 |");
    assert!(page.contains("![Contact sheet \\[test\\]](analysis/contact.jpg)\n\n*Contact sheet \\[test\\]*\n"));
    assert!(place(&page, "analysis/contact.jpg") < place(&page, "### Splits"), "the contact sheet comes first");
}

#[test]
fn the_graph_names_sources_stages_and_kinds() {
    let mut world = World::new();
    world.add_model("resnet", 0.7);
    let page = world.page();
    let graph = &page[place(&page, "```mermaid")..];
    let graph = &graph[..graph[3..].find("```").expect("an end") + 3];
    assert_eq!(
        graph,
        "```mermaid\nflowchart LR\n  n0[(\"dataset\")]\n  n1[\"resnet<br/><i>train</i>\"]\n  \
         n2[\"resnet-predict<br/><i>predict</i>\"]\n  n3[\"resnet-evaluate<br/><i>evaluate</i>\"]\n  n0 --> n1\n  \
         n1 --> n2\n  n0 --> n2\n  n0 --> n3\n  n2 --> n3\n"
    );
}

#[test]
fn a_report_of_nothing_still_reads_and_lists_no_empty_section() {
    let page = World::new().page();
    assert!(page.contains("No model was evaluated."));
    for heading in ["Data", "Results", "Per label", "Learning curves", "Where the model looks"] {
        assert!(!page.contains(&format!("## {heading}")) && !page.contains(&format!("[{heading}]")), "{heading}");
    }
    assert!(page.contains("- [Limits and noise](#limits-and-noise)") && page.contains("\n## Limits and noise\n"));
}

#[test]
fn provenance_names_digests_versions_and_the_weights_source() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    let folder = world.folder.path().join("train");
    let mut card = ModelCard::read(&folder).expect("reads");
    card.pretrained = Some("0123456789abcdef".into());
    card.write(&folder).expect("writes");
    let lineage = world.action.lineage.as_mut().expect("a lineage");
    lineage.ancestors[1].crates.insert("burn".into(), "0.22.1".into());
    lineage.ancestors[1].device = Some("cpu".into());
    lineage.profile = Some("quick".into());
    let page = world.page();
    assert!(page.contains("| started from | `dataset` `0123456789ab` |"));
    assert!(page.contains("| `train` | `train` | `cpu` | out `0123456789ab` |"));
    assert!(page.contains("| `burn` | 0.22.1 | `train` |"));
    assert!(page.contains("| profile | `quick` |") && page.contains("| seed | 42 |"));
}

#[test]
fn a_train_loss_that_is_another_than_val_loss_is_said_to_be() {
    for (loss, says) in [
        ("bce", "train loss is the mean over the epoch, on augmented photographs, so it may lie above val loss."),
        ("focal", "val loss is plain binary cross-entropy: compare how they run, not how high they lie."),
    ] {
        let mut world = World::new();
        world.add_analysis(|_| ());
        world.add_model("train", 0.7);
        let folder = world.folder.path().join("train");
        let mut card = ModelCard::read(&folder).expect("a card");
        card.params = BTreeMap::from([("loss".into(), loss.into()), ("mixup".into(), 0.0.into())]);
        card.write(&folder).expect("writes");
        assert!(line(&world.page(), "Epoch **2 of 3** was kept").ends_with(says), "{}", world.page());
    }
}

#[test]
fn the_same_inputs_give_the_same_files() {
    let mut world = World::new();
    world.add_analysis(|_| ());
    world.add_model("train", 0.7);
    let first = world.page();
    let curves = |world: &World| std::fs::read(world.action.scratch.join("report/curves/train.svg")).expect("reads");
    let drawn = curves(&world);
    assert_eq!((first, drawn), (world.page(), curves(&world)));
}

#[test]
fn nothing_on_the_page_says_where_the_artifacts_lay() {
    let mut world = World::new();
    world.add_analysis(|_| ());
    world.add_model("train", 0.7);
    world.add_cams("train", 1, None);
    let folder: &Path = world.folder.path();
    assert!(!world.page().contains(&folder.display().to_string()));
}
