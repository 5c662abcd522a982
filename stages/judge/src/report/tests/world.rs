//! Hand-made artifacts for the report's tests: [`World`].

use super::elements::elements;
use crate::report::REPORT;
use crate::tests::{action, artifact, run};
use plantpipe_stage::Action;
use plantpipe_stage::format::{
    Analysis, Ancestor, Averages, Baseline, Calibration, CamMap, CamPanel, Cams, Combination, ComparedModel,
    Comparison, CurvePoint, Decisions, DuplicateGroup, DuplicateImage, Duplicates, Edge, Epoch, Evaluation, Fit,
    ImagesCard, Interval, JsonFormat, LabelDecisions, LabelRanking, LesionSummary, Lineage, MapPer, ModelCard,
    PairComparison, Picture, Preprocessing, Ranking, ReliabilityBin, SeedGroup, ShardWriter, Split, SplitAnalysis,
    SplitComparison, SplitEvaluation, write_history,
};
use std::collections::BTreeMap;

/// A report's inputs in a temp folder; without an `add_`, it has none.
pub(super) struct World {
    pub(super) folder: tempfile::TempDir,
    pub(super) action: Action,
}

impl World {
    pub(super) fn new() -> Self {
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

    pub(super) fn stage(&mut self, name: &str, kind: &str, inputs: &[(&str, &str)]) {
        let lineage = self.action.lineage.as_mut().expect("a lineage");
        lineage.ancestors.push(ancestor(name, Some(kind), inputs));
    }

    pub(super) fn give(&mut self, input: &str, name: &str) {
        let artifact = artifact(self.folder.path(), name);
        self.action.inputs.entry(input.to_owned()).or_default().push(artifact);
    }

    fn file(&self, path: &str) {
        let path = self.folder.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes");
        std::fs::write(&path, "picture").expect("writes");
    }

    pub(super) fn add_analysis(&mut self, change: impl Fn(&mut Analysis)) {
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
            pictures: vec![Picture {
                file: "contact.jpg".into(),
                caption: "Contact sheet [test]".into(),
                photographs: true,
            }],
        };
        change(&mut analysis);
        analysis.write(&self.folder.path().join("analyze")).expect("writes");
        self.file("analyze/contact.jpg");
    }

    /// A model `name` with its `name-predict` and `name-evaluate`; exact match on val as given, on test .8.
    pub(super) fn add_model(&mut self, name: &str, val: f64) {
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
            preprocessing: Preprocessing { images: ready(), size: 128, mean: [0.5; 3], std: [0.5; 3] },
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
            fitted: None,
            splits: vec![scored(Split::Val, val), scored(Split::Test, 0.8)],
        };
        evaluation.write(&self.folder.path().join(evaluate)).expect("writes");
    }

    pub(super) fn add_cams(&mut self, model: &str, panels: usize, lesions: Option<LesionSummary>) {
        self.add_cams_as("explain", model, panels, lesions);
    }

    pub(super) fn add_cams_as(&mut self, stage: &str, model: &str, panels: usize, lesions: Option<LesionSummary>) {
        self.stage(stage, "explain", &[("model", model), ("shards", "dataset")]);
        self.give("explanations", stage);
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
                faithfulness: None,
            }],
        };
        let panels: Vec<CamPanel> = (0..panels).map(panel).collect();
        for panel in &panels {
            self.file(&format!("{stage}/{}", panel.file));
        }
        let cams = Cams {
            schema: Cams::SCHEMA,
            method: "Grad-CAM".into(),
            layer: "layer4".into(),
            map_per: MapPer::Label,
            panels,
            lesions,
            faithfulness: None,
        };
        cams.write(&self.folder.path().join(stage)).expect("writes");
    }

    /// Two groups of two, of 40 photographs; the second crosses splits and conflicts.
    pub(super) fn add_duplicates(&mut self) {
        self.stage("twins", "dedup", &[("dataset", "dataset")]);
        self.give("duplicates", "twins");
        let image = |image: &str, split, labels: &[&str]| DuplicateImage {
            image: image.into(),
            split: Some(split),
            labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        };
        let agreeing = [image("a", Split::Train, &["scab"]), image("b", Split::Train, &["scab"])];
        let conflicting = [image("c", Split::Train, &["rust"]), image("d", Split::Test, &[])];
        let group = |images: [DuplicateImage; 2], distance, wrong| DuplicateGroup {
            images: images.to_vec(),
            distance,
            conflict: wrong,
            crosses_splits: wrong,
        };
        let duplicates = Duplicates {
            schema: Duplicates::SCHEMA,
            photographs: 40,
            groups: vec![group(agreeing, 0, false), group(conflicting, 3, true)],
            pictures: vec![Picture { file: "groups.jpg".into(), caption: "The groups".into(), photographs: true }],
        };
        duplicates.write(&self.folder.path().join("twins")).expect("writes");
        self.file("twins/groups.jpg");
    }

    /// Photographs `x0`, `x1`, ... of test, each with bytes of its own.
    pub(super) fn add_shards(&mut self, photographs: usize) {
        self.stage("shards", "pack", &[("images", "dataset")]);
        self.give("shards", "shards");
        let folder = self.folder.path().join("shards");
        let mut writer = ShardWriter::new(&folder, ready(), vec!["rust".into(), "scab".into()], 1);
        for number in 0..photographs {
            let id = format!("x{number}");
            writer.add(&id, Split::Test, format!("jpeg {id}").as_bytes(), &[0, 1]).expect("adds");
        }
        writer.finish().expect("finishes");
    }

    /// A comparison of `models` on test.
    pub(super) fn add_comparison(&mut self, models: &[&str], pairs: Vec<PairComparison>, seeds: Vec<SeedGroup>) {
        let inputs: Vec<(&str, &str)> = models.iter().map(|model| ("predictions", *model)).collect();
        self.stage("compare", "compare", &inputs);
        self.give("comparisons", "compare");
        let model = |stage: &&str| ComparedModel {
            stage: (*stage).to_owned(),
            exact_match: around(0.8),
            macro_f1: around(0.8),
            mean_average_precision: around(0.8),
        };
        let models = models.iter().map(model).collect();
        let splits = vec![SplitComparison { split: Split::Test, images: 600, models, pairs, seeds }];
        let comparison = Comparison { schema: Comparison::SCHEMA, threshold: 0.5, resamples: 2000, splits };
        comparison.write(&self.folder.path().join("compare")).expect("writes");
    }

    pub(super) fn change_evaluation(&self, stage: &str, change: impl Fn(&mut Evaluation)) {
        let folder = self.folder.path().join(stage);
        let mut evaluation = Evaluation::read(&folder).expect("reads");
        change(&mut evaluation);
        evaluation.write(&folder).expect("writes");
    }

    pub(super) fn change_cams(&self, stage: &str, change: impl Fn(&mut Cams)) {
        let folder = self.folder.path().join(stage);
        let mut cams = Cams::read(&folder).expect("reads");
        change(&mut cams);
        cams.write(&folder).expect("writes");
    }

    /// Runs the report and reads the other page, which must be well-formed.
    pub(super) fn html(&self) -> String {
        run(&REPORT, &self.action).expect("reports");
        let page = std::fs::read_to_string(self.action.scratch.join("report/report.html")).expect("reads");
        elements(&page);
        page
    }

    /// Runs the report; every picture it shows must lie beside it.
    pub(super) fn page(&self) -> String {
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
pub(super) fn links(page: &str) -> Vec<String> {
    page.split("![")
        .skip(1)
        .map(|rest| {
            let (_, rest) = rest.split_once("](").expect("a target");
            rest.split_once(')').expect("an end").0.to_owned()
        })
        .collect()
}

fn ready() -> ImagesCard {
    ImagesCard { schema: ImagesCard::SCHEMA, size: 256, fit: Fit::Squash, quality: 92 }
}

fn ancestor(name: &str, kind: Option<&str>, inputs: &[(&str, &str)]) -> Ancestor {
    let output = if kind.is_some() { "out" } else { "" };
    let edge = |from: &str| Edge { from: from.into(), output: if from == "dataset" { "" } else { "out" }.into() };
    Ancestor {
        name: name.into(),
        group: None,
        kind: kind.map(str::to_owned),
        params: BTreeMap::new(),
        seed: None,
        inputs: inputs.iter().map(|(input, from)| ((*input).to_owned(), vec![edge(from)])).collect(),
        outputs: BTreeMap::from([(output.to_owned(), "0123456789abcdef".to_owned())]),
        device: None,
        crates: BTreeMap::new(),
    }
}

pub(super) fn scored(split: Split, exact: f64) -> SplitEvaluation {
    let label = |label: &str, misses: u64, false_alarms: u64| LabelDecisions {
        label: label.into(),
        threshold: 0.5,
        true_positives: 100 - misses,
        false_positives: false_alarms,
        false_negatives: misses,
        true_negatives: 500 - false_alarms,
        precision: 0.9,
        recall: 1.0 - misses as f64 / 100.0,
        specificity: 1.0 - false_alarms as f64 / 500.0,
        f1: around(0.85),
    };
    let averages = |f1: f64| Averages { precision: 0.9, recall: 0.8, f1: around(f1) };
    let ranking = |label: &str, precision: Option<f64>| LabelRanking {
        label: label.into(),
        average_precision: precision.map(around),
        auroc: precision.map(|_| around(0.95)),
        curve: vec![CurvePoint { threshold: 0.5, precision: 0.9, recall: 1.0 }],
    };
    SplitEvaluation {
        split,
        images: 600,
        cardinality: 1.1,
        headline: Decisions {
            exact_match: around(exact),
            hamming_accuracy: around(0.95),
            micro: averages(0.85),
            macro_: averages(0.84),
            weighted: averages(0.83),
            samples: averages(0.82),
            cardinality: 1.0,
            per_label: vec![label("rust", 30, 10), label("scab", 5, 15)],
            substitutions: vec![vec![0, 8], vec![2, 0]],
        },
        tuned: None,
        ranking: Ranking {
            mean_average_precision: around(0.9),
            micro_average_precision: around(0.91),
            macro_auroc: around(0.95),
            per_label: vec![ranking("rust", Some(0.91)), ranking("scab", None)],
        },
        calibration: Calibration {
            ece: around(0.05),
            classwise_ece: 0.06,
            brier: 0.1,
            nll: 0.3,
            bins: vec![ReliabilityBin {
                low: 0.0,
                high: 1.0,
                decisions: 1200,
                mean_probability: Some(0.4),
                positives: Some(0.45),
            }],
        },
        scaled_calibration: None,
        baseline: Baseline { answer: vec!["scab".into()], exact_match: around(0.3) },
        worst: vec![],
        label_issues: vec![],
    }
}

pub(super) fn around(value: f64) -> Interval {
    Interval { value, low: value - 0.03, high: value + 0.03 }
}
