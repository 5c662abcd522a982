//! `report` from hand-made artifacts to the page.

use super::{REPORT, published};
use crate::tests::{action, artifact, run};
use plantpipe_stage::Action;
use plantpipe_stage::format::{
    Analysis, Ancestor, Baseline, CamMap, CamPanel, Cams, Combination, Edge, Epoch, Evaluation, Interval, JsonFormat,
    LabelEvaluation, LesionSummary, Lineage, ModelCard, Picture, Preprocessing, Split, SplitAnalysis, SplitEvaluation,
    write_history,
};
use std::collections::BTreeMap;
use std::path::Path;

/// A report's inputs in a temp folder; without an `add_`, it has none.
struct World {
    folder: tempfile::TempDir,
    action: Action,
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("temp folder");
        let mut action = action(&REPORT, folder.path());
        action.lineage = Some(Lineage {
            pipeline: "apple-leaves".into(),
            profile: None,
            seed: 42,
            version: "0.1.0".into(),
            ancestors: vec![ancestor("dataset", None, &[])],
        });
        Self { folder, action }
    }

    fn stage(&mut self, name: &str, kind: &str, inputs: &[(&str, &str)]) {
        let lineage = self.action.lineage.as_mut().expect("a lineage");
        lineage.ancestors.push(ancestor(name, Some(kind), inputs));
    }

    fn give(&mut self, input: &str, name: &str) {
        let artifact = artifact(self.folder.path(), name);
        self.action.inputs.entry(input.to_owned()).or_default().push(artifact);
    }

    fn file(&self, path: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        std::fs::write(&path, "picture").expect("writes");
    }

    fn add_analysis(&mut self, change: impl Fn(&mut Analysis)) {
        self.stage("analyze", "analyze", &[("dataset", "dataset")]);
        self.give("analysis", "analyze");
        let split = |split: Split, images, fingerprint: &str| SplitAnalysis {
            split,
            images,
            unlabelled: 1,
            label_counts: vec![images / 3, images],
            labels_per_image: BTreeMap::from([(1, images - images / 3), (2, images / 3)]),
            cardinality: 4.0 / 3.0,
            fingerprint: fingerprint.into(),
        };
        let mut analysis = Analysis {
            schema: Analysis::SCHEMA,
            name: Some("Leaves".into()),
            synthetic: false,
            description: None,
            labels: vec!["rust".into(), "scab".into()],
            splits: vec![split(Split::Train, 900, "a"), split(Split::Val, 600, "b"), split(Split::Test, 600, "c")],
            cooccurrence: vec![vec![700, 700], vec![700, 2100]],
            combinations: vec![Combination {
                labels: vec!["rust".into(), "scab".into()],
                counts: BTreeMap::from([(Split::Train, 300), (Split::Test, 200)]),
            }],
            dimensions: BTreeMap::from([("256x256".into(), 2100)]),
            pictures: vec![Picture { file: "contact.jpg".into(), caption: "Contact sheet [test]".into() }],
        };
        change(&mut analysis);
        analysis.write(&self.folder.path().join("analyze")).expect("writes");
        self.file("analyze/contact.jpg");
    }

    /// A model `name` with its `name-predict` and `name-evaluate`; exact match on val as given, on test .8.
    fn add_model(&mut self, name: &str, val: f64) {
        let (predict, evaluate) = (format!("{name}-predict"), format!("{name}-evaluate"));
        self.stage(name, "train", &[("shards", "dataset")]);
        self.stage(&predict, "predict", &[("model", name), ("shards", "dataset")]);
        self.stage(&evaluate, "evaluate", &[("predictions", &predict), ("labels", "dataset")]);
        self.give("models", name);
        self.give("evaluations", &evaluate);
        let folder = self.folder.path().join(name);
        let card = ModelCard {
            schema: ModelCard::SCHEMA,
            arch: "resnet18".into(),
            labels: vec!["rust".into(), "scab".into()],
            preprocessing: Preprocessing { size: 128, mean: [0.5; 3], std: [0.5; 3] },
            norm_eps: 1e-5,
            parameters: 11_179_590,
            pretrained: None,
            seed: 42,
            epoch: 2,
            params: BTreeMap::new(),
            metrics: BTreeMap::new(),
        };
        card.write(&folder).expect("writes");
        let epoch = |epoch: u64, exact: f64| Epoch {
            epoch,
            lr: 0.001,
            train_loss: 0.7 / epoch as f64,
            val_loss: 0.6 / epoch as f64,
            val_exact_match: exact,
            val_macro_f1: exact,
        };
        write_history(&folder, &[epoch(1, 0.2), epoch(2, val), epoch(3, 0.1)]).expect("writes");
        let evaluation = Evaluation {
            schema: Evaluation::SCHEMA,
            labels: card.labels,
            threshold: 0.5,
            resamples: 2000,
            splits: vec![scored(Split::Val, val), scored(Split::Test, 0.8)],
        };
        evaluation.write(&self.folder.path().join(evaluate)).expect("writes");
    }

    fn add_cams(&mut self, model: &str, panels: usize, lesions: Option<LesionSummary>) {
        self.stage("explain", "explain", &[("model", model), ("shards", "dataset")]);
        self.give("explanations", "explain");
        let panel = |number: usize| CamPanel {
            image: format!("leaf{number}"),
            split: Split::Test,
            truth: vec!["scab".into()],
            file: format!("panels/leaf{number}.png"),
            maps: vec![CamMap {
                label: "scab".into(),
                probability: 0.9,
                file: "maps/leaf.png".into(),
                lesion_share: lesions.as_ref().map(|_| 0.4),
                lesion_area: lesions.as_ref().map(|_| 0.05),
            }],
        };
        let panels: Vec<CamPanel> = (0..panels).map(panel).collect();
        for panel in &panels {
            self.file(&format!("explain/{}", panel.file));
        }
        let cams = Cams { schema: Cams::SCHEMA, method: "Grad-CAM".into(), layer: "layer4".into(), panels, lesions };
        cams.write(&self.folder.path().join("explain")).expect("writes");
    }

    /// Runs the report; every picture it shows must lie beside it.
    fn page(&self) -> String {
        run(&REPORT, &self.action).expect("reports");
        let folder = self.action.scratch.join("report");
        let page = std::fs::read_to_string(folder.join("report.md")).expect("reads");
        for link in links(&page) {
            assert!(folder.join(&link).is_file(), "the page shows {link}, which is not there");
        }
        page
    }
}

/// The targets of all pictures.
fn links(page: &str) -> Vec<String> {
    page.split("![")
        .skip(1)
        .map(|rest| {
            let (_, rest) = rest.split_once("](").expect("a target");
            rest.split_once(')').expect("an end").0.to_owned()
        })
        .collect()
}

fn ancestor(name: &str, kind: Option<&str>, inputs: &[(&str, &str)]) -> Ancestor {
    let output = if kind.is_some() { "out" } else { "" };
    let edge = |from: &str| Edge { from: from.into(), output: if from == "dataset" { "" } else { "out" }.into() };
    Ancestor {
        name: name.into(),
        kind: kind.map(str::to_owned),
        params: BTreeMap::new(),
        inputs: inputs.iter().map(|(input, from)| ((*input).to_owned(), vec![edge(from)])).collect(),
        outputs: BTreeMap::from([(output.to_owned(), "0123456789abcdef".to_owned())]),
        device: None,
        crates: BTreeMap::new(),
    }
}

fn scored(split: Split, exact: f64) -> SplitEvaluation {
    let around = |value: f64| Interval { value, low: value - 0.03, high: value + 0.03 };
    let label = |label: &str, misses: u64, false_alarms: u64| LabelEvaluation {
        label: label.into(),
        true_positives: 100 - misses,
        false_positives: false_alarms,
        false_negatives: misses,
        true_negatives: 500 - false_alarms,
        precision: 0.9,
        recall: 1.0 - misses as f64 / 100.0,
        f1: around(0.85),
        average_precision: if label == "scab" { None } else { Some(0.91) },
    };
    SplitEvaluation {
        split,
        images: 600,
        exact_match: around(exact),
        hamming_accuracy: around(0.95),
        micro_f1: around(0.85),
        macro_f1: around(0.84),
        weighted_f1: around(0.83),
        samples_f1: around(0.82),
        mean_average_precision: around(0.9),
        per_label: vec![label("rust", 30, 10), label("scab", 5, 15)],
        baseline: Baseline { answer: vec!["scab".into()], exact_match: around(0.3) },
    }
}

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
    for world in [other_test, other_size] {
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
    assert!(page.contains("Of 2 evaluated models, the one with the best val exact match, **large**"));
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
    assert_eq!(line(&page, "| `rust` |"), "| `rust` | 100 | 0.900 | 0.700 | 0.850 [0.820, 0.880] | 0.910 | 10 | 30 |");
    assert_eq!(line(&page, "| `scab` |"), "| `scab` | 100 | 0.900 | 0.950 | 0.850 [0.820, 0.880] | – | 15 | 5 |");
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
