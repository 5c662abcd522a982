//! What the report makes of judgements: findings, curves, calibration, doubts, paired tests, seeds, faithful maps.

use super::world::{World, around, links, scored};
use super::{line, place};
use plantpipe_stage::format::{
    AreaSummary, Areas, Evaluation, Faithfulness, Fitted, Interval, LabelIssue, MapPer, Objective, PairComparison,
    Picture, SeedGroup, Split, Spread, WorstImage,
};

fn evaluated(change: impl Fn(&mut Evaluation)) -> World {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.change_evaluation("train-evaluate", change);
    world
}

/// Thresholds and temperature fitted on 600 photographs; tuned F1 of rust on test is .95.
fn fit(evaluation: &mut Evaluation) {
    evaluation.fitted = Some(Fitted {
        images: 600,
        objective: Objective::F1,
        thresholds: vec![0.3, 0.6],
        temperature: 1.5,
        temperature_at_bound: false,
    });
    for split in &mut evaluation.splits {
        let mut tuned = split.headline.clone();
        tuned.exact_match = around(0.85);
        for (label, threshold) in tuned.per_label.iter_mut().zip([0.3, 0.6]) {
            label.threshold = threshold;
        }
        tuned.per_label[0].f1 = around(0.95);
        split.tuned = Some(tuned);
        let mut scaled = split.calibration.clone();
        scaled.ece = around(0.02);
        split.scaled_calibration = Some(scaled);
    }
}

fn issue(image: &str, label: &str, given: bool, probability: f64) -> LabelIssue {
    let self_confidence = if given { probability } else { 1.0 - probability };
    LabelIssue { image: image.into(), label: label.into(), given, probability, self_confidence }
}

#[test]
fn findings_say_what_is_missed_and_what_is_said_instead() {
    let page = evaluated(|evaluation| evaluation.splits[1].headline.per_label[0].f1 = around(0.7)).page();
    let rust = line(&page, "- **`rust`**");
    assert_eq!(
        rust,
        "- **`rust`**: F1 0.700 [0.670, 0.730] on 100 photographs that carry it. Missed on 30 (on 8 of them `scab` was \
         said), said wrongly on 10 (on 2 of them `scab` was missed)."
    );
    assert!(place(&page, rust) < place(&page, "- **`scab`**"), "the worst label comes first");
}

#[test]
fn a_label_on_few_photographs_or_none_is_said_to_tell_little() {
    let page = evaluated(|evaluation| {
        let labels = &mut evaluation.splits[1].headline.per_label;
        labels[0].f1 = Interval { value: 0.5, low: 0.2, high: 0.8 };
        (labels[1].true_positives, labels[1].false_negatives) = (0, 0);
    })
    .page();
    assert!(line(&page, "- **`rust`**").contains("that carry it, too few to say more than ±0.300. "));
    assert_eq!(line(&page, "- **`scab`**"), "- **`scab`**: no test photograph carries it, so nothing is known of it.");
}

#[test]
fn tuned_figures_stand_beside_those_of_the_headline_where_something_was_fitted() {
    let plain = evaluated(|_| ()).page();
    assert!(!plain.contains("tuned") && !plain.contains("Tuned"), "nothing was fitted");
    let page = evaluated(fit).page();
    assert_eq!(line(&page, "| test split |"), "| test split | train, at 0.5 | train, tuned |");
    let results = &page[place(&page, "### Every metric")..];
    assert_eq!(line(results, "| exact match |"), "| exact match | 0.800 [0.770, 0.830] | 0.850 [0.820, 0.880] |");
    assert!(line(&page, "| label | support").ends_with("| FP | FN | threshold tuned | F1 then [95%] |"));
    assert!(line(&page, "| `rust` | 100 |").ends_with("| 10 | 30 | 0.300 | 0.950 [0.920, 0.980] |"));
    assert!(page.contains("fitted on the 600 photographs of val for each label's F1 and on nothing else"));
    assert!(page.contains("Chosen on val: the epoch, tuned thresholds, the temperature."));
}

#[test]
fn calibration_is_drawn_before_and_after_the_temperature() {
    let drawn = |world: &World| {
        world.page();
        std::fs::read_to_string(world.action.scratch.join("report/results/reliability.svg")).expect("reads")
    };
    let before = evaluated(|_| ());
    assert!(line(&before.page(), "| train | test |").ends_with("| 0.060 | 0.100 | 0.300 | – | – | – | – |"));
    assert!(drawn(&before).contains("ECE 0.050") && !drawn(&before).contains("temperature 1"));
    let after = evaluated(fit);
    assert!(line(&after.page(), "| train | test |").ends_with("| 1.500 | 0.020 [-0.010, 0.050] | 0.100 | 0.300 |"));
    assert!(drawn(&after).contains("temperature 1.50") && drawn(&after).contains("ECE 0.020"));
}

#[test]
fn curves_and_confusion_matrices_are_drawn_of_labels_that_occur() {
    let world = evaluated(|_| ());
    let page = world.page();
    assert!(page.contains("(results/precision-recall.svg)") && page.contains("(results/confusion-train-evaluate.svg)"));
    let read =
        |name: &str| std::fs::read_to_string(world.action.scratch.join("report/results").join(name)).expect("reads");
    let curves = read("precision-recall.svg");
    assert!(curves.contains("AP 0.910") && curves.contains(">rust<") && !curves.contains(">scab<"), "scab has no AP");
    let confusion = read("confusion-train-evaluate.svg");
    assert!([">70<", ">30<", ">10<", ">490<"].iter().all(|count| confusion.contains(count)), "{confusion}");
    assert_eq!(line(&page, "| missed ↓"), "| missed ↓, said wrongly → | `rust` | `scab` |");
    assert!(page.contains("| `rust` | – | 8 |\n| `scab` | 2 | – |"));
}

#[test]
fn of_many_models_only_that_of_the_headline_is_drawn() {
    let mut world = World::new();
    for (name, val) in [("a", 0.5), ("b", 0.7), ("c", 0.6), ("d", 0.6)] {
        world.add_model(name, val);
    }
    let page = world.page();
    let drawn = links(&page);
    let confusion: Vec<&String> = drawn.iter().filter(|link| link.contains("confusion")).collect();
    assert_eq!(confusion, ["results/confusion-b-evaluate.svg"]);
    assert!(page.contains("### Findings on b\n"));
}

#[test]
fn doubtful_labels_are_listed_with_their_photographs_likeliest_first() {
    let doubts = |evaluation: &mut Evaluation| {
        evaluation.splits[1].label_issues =
            vec![issue("x1", "scab", false, 0.9), issue("x1", "rust", true, 0.02), issue("x0", "scab", true, 0.2)];
    };
    let mut world = evaluated(doubts);
    let page = world.page();
    assert!(page.contains("**3 labels** are likely wrong by confident learning: **train** says the opposite"));
    assert_eq!(line(&page, "| `x1` | test | `rust` |"), "| `x1` | test | `rust` | present | 0.020 | 0.020 |");
    assert!(place(&page, "| `x1` | test | `rust` |") < place(&page, "| `x1` | test | `scab` |"));
    assert!(!page.contains("photographs/"), "no photographs were given");
    assert!(page.contains("2 of the 600 test photographs have a label that is likely wrong by train's judgement"));
    world.add_shards(2);
    let page = world.page();
    assert!(page.contains(
        "![Photograph x1](photographs/x1.jpg)\n\n`x1` (test) · labelled `rust`, probability 0.020; not labelled `scab`, \
         probability 0.900\n"
    ));
    assert_eq!(links(&page).iter().filter(|link| link.starts_with("photographs/")).count(), 2, "each photograph once");
    assert!(world.html().contains("<ul class=\"gallery\">"));
    let jpeg = world.action.scratch.join("report/photographs/x1.jpg");
    assert_eq!(std::fs::read(jpeg).expect("reads"), b"jpeg x1");
    world.action.params.insert("doubts".into(), 1.into());
    let page = world.page();
    assert!(page.contains("The likeliest 1 is shown.") && !page.contains("| `x0` |"), "{page}");
}

#[test]
fn a_copy_without_photographs_keeps_the_words_and_the_charts() {
    let mut world = evaluated(|evaluation| evaluation.splits[1].label_issues = vec![issue("x0", "rust", true, 0.1)]);
    world.add_analysis(|analysis| {
        let chart = Picture { file: "contact.jpg".into(), caption: "A chart".into(), photographs: false };
        analysis.pictures.insert(0, Picture { file: "sheet.jpg".into(), photographs: true, ..chart.clone() });
        analysis.pictures[1] = chart;
    });
    world.add_duplicates();
    world.add_shards(1);
    world.add_cams("train", 2, None);
    world.action.params.insert("photographs".into(), false.into());
    let page = world.page();
    let shown = links(&page);
    assert!(shown.contains(&"analysis/contact.jpg".to_owned()), "{shown:?}");
    for folder in ["analysis/sheet", "duplicates/", "photographs/", "cams/"] {
        assert!(!shown.iter().any(|link| link.starts_with(folder)), "{shown:?}");
    }
    assert!(page.contains("Pictures that show photographs were left out of this copy."));
    assert!(page.contains("None of 2 panels is shown.") && page.contains("| `x0` | test | `rust` |"));
}

#[test]
fn doubts_about_labels_that_a_program_wrote_are_called_without_reason() {
    let mut world = evaluated(|evaluation| evaluation.splits[1].label_issues = vec![issue("x0", "rust", true, 0.1)]);
    world.add_analysis(|analysis| analysis.synthetic = true);
    let page = world.page();
    assert!(page.contains("so **all of them are right**; yet by confident learning 1 label seems wrong to **train**"));
    assert!(page.contains("**Doubts without reason.** train doubts a label of 1 of the 600 test photographs"));
    assert!(!page.contains("**Doubtful labels.**"));
}

#[test]
fn a_doubt_that_several_models_share_is_said() {
    let mut world = World::new();
    for name in ["small", "large"] {
        world.add_model(name, 0.7);
    }
    world.change_evaluation("small-evaluate", |evaluation| {
        evaluation.splits[1].label_issues = vec![issue("x0", "rust", true, 0.1), issue("x1", "rust", true, 0.2)];
    });
    world.change_evaluation("large-evaluate", |evaluation| {
        evaluation.splits[1].label_issues = vec![issue("x1", "rust", true, 0.3)];
    });
    let page = world.page();
    assert!(line(&page, "| `x0` | test |").ends_with("| 1 of 2 |"));
    assert!(line(&page, "| `x1` | test |").ends_with("| 2 of 2 |"));
}

#[test]
fn the_worst_errors_are_shown_with_truth_and_answer() {
    let mut world = evaluated(|evaluation| {
        evaluation.splits[1].worst = vec![WorstImage {
            image: "x0".into(),
            loss: 2.5,
            truth: vec!["scab".into()],
            answer: vec![],
            probabilities: vec![0.1, 0.01],
        }];
    });
    world.add_shards(1);
    let page = world.page();
    assert!(page.contains("The 1 test photograph on which **train** is farthest from the truth"));
    assert!(page.contains("(photographs/x0.jpg)\n\n`x0` (test) · truth: `scab` · answer: none\n"));
    assert_eq!(line(&page, "| `x0` |"), "| `x0` | `scab` | none | 2.500 |");
}

fn pair(p: f64) -> PairComparison {
    PairComparison {
        first: "small".into(),
        second: "large".into(),
        only_first_right: 12,
        only_second_right: 40,
        mcnemar_p: p,
        mcnemar_p_holm: p,
        exact_match: around(-0.05),
        macro_f1: around(-0.04),
        mean_average_precision: around(-0.03),
    }
}

#[test]
fn paired_tests_decide_what_intervals_cannot() {
    let compared = |p: f64| {
        let mut world = World::new();
        for name in ["small", "large"] {
            world.add_model(name, 0.7);
        }
        world.add_comparison(&["small", "large"], vec![pair(p)], vec![]);
        world.page()
    };
    let page = compared(0.0001);
    assert!(page.contains("**`large` is shown to be better** than `small` in exact match."));
    assert!(
        line(&page, "| `small` | `large` |")
            .starts_with("| `small` | `large` | 12 | 40 | 1e-4 | 1e-4 | -0.050 [-0.080, -0.020] |")
    );
    assert!(line(&page, "- **Intervals are not a test.**").contains("the paired tests decide. On the 600 test"));
    let page = compared(0.3);
    assert!(page.contains("the two models are **not shown to differ** in exact match."));
    assert!(line(&page, "| `small` | `large` |").contains("| 0.300 | 0.300 |"));
}

#[test]
fn compared_predictions_go_by_the_name_of_the_model_behind_them() {
    let mut world = World::new();
    for name in ["small", "large"] {
        world.add_model(name, 0.7);
    }
    world.stage("both", "ensemble", &[("predictions", "small-predict"), ("other", "large-predict")]);
    let named = |first: &str, second: &str| PairComparison { first: first.into(), second: second.into(), ..pair(0.3) };
    let pairs = vec![named("small-predict", "large-predict"), named("small-predict", "both")];
    world.add_comparison(&["small-predict", "large-predict", "both"], pairs, vec![]);
    let page = world.page();
    assert!(page.contains("| `small` | `large` | 12 |") && page.contains("| `small` | `both` | 12 |"), "{page}");
}

#[test]
fn the_spread_over_seeds_is_told_where_several_were_tried() {
    let mut world = World::new();
    for name in ["small", "large"] {
        world.add_model(name, 0.7);
    }
    let spread = |mean, deviation| Spread { mean, deviation };
    let group = SeedGroup {
        stages: vec!["small".into(), "large".into()],
        exact_match: spread(0.8, 0.012),
        macro_f1: spread(0.7, 0.02),
        mean_average_precision: spread(0.9, 0.01),
    };
    assert!(world.page().contains("**One seed.**"));
    world.add_comparison(&["small", "large"], vec![], vec![group]);
    let page = world.page();
    assert_eq!(
        line(&page, "| `small`, `large` |"),
        "| `small`, `large` | 2 | 0.800 ± 0.012 | 0.700 ± 0.020 | 0.900 ± 0.010 |"
    );
    assert!(page.contains("- **Seeds.** Between 2 trainings") && !page.contains("**One seed.**"));
    assert!(!page.contains("### Paired tests"), "no pair was tested");
}

#[test]
fn both_pages_lead_to_the_count_of_openings_where_test_was_scored() {
    let mut world = evaluated(|_| ());
    assert!(world.page().contains("How often the test split was opened"));
    assert!(world.page().contains("- **Test wears out.** This page shows 1 evaluation on test;"));
    assert!(world.html().contains("see <a href=\"run.md\">run.md</a>"));
    world.change_evaluation("train-evaluate", |evaluation| evaluation.splits = vec![scored(Split::Val, 0.7)]);
    assert!(!world.page().contains("run.md)"));
    world.action.inputs.clear();
    assert!(!world.page().contains("How often the test split was opened"));
}

#[test]
fn methods_stand_side_by_side_and_can_be_chosen() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 2, None);
    world.add_cams_as("rollout", "train", 2, None);
    world.change_cams("rollout", |cams| {
        cams.method = "attention rollout".into();
        cams.map_per = MapPer::Photograph;
    });
    let page = world.page();
    let panels = ["cams/explain/leaf0", "cams/rollout/leaf0", "cams/explain/leaf1"].map(|panel| place(&page, panel));
    assert!(panels.is_sorted(), "{panels:?}");
    assert!(page.contains("`leaf0` (test) · **attention rollout** · truth: `scab`"));
    assert!(page.contains("Of attention rollout there is one map a photograph, for all its labels"));
    let html = world.html();
    assert!(html.contains("<select name=\"method\"") && html.contains("attention rollout (2)</option>"));
    assert!(!html.contains("<select name=\"model\""), "there is one model");
}

#[test]
fn maps_are_called_faithful_only_where_they_beat_other_orders() {
    let mut world = World::new();
    world.add_model("train", 0.7);
    world.add_cams("train", 1, None);
    assert!(!world.page().contains("Deletion"));
    let summary = |random, centred| AreaSummary {
        mean: Areas { map: 0.3, random: 0.5, centred: 0.4 },
        map_less_random: around(random),
        map_less_centred: around(centred),
    };
    world.change_cams("explain", |cams| {
        let (deletion, insertion) = (summary(-0.2, 0.01), summary(0.1, -0.1));
        cams.faithfulness = Some(Faithfulness { steps: 10, maps: 4, deletion, insertion });
    });
    let page = world.page();
    assert!(page.contains(
        "Grad-CAM: better than a random order, and **not shown to be better** than one from the middle outwards."
    ));
    assert!(
        line(&page, "| Grad-CAM | 4 |")
            .starts_with("| Grad-CAM | 4 | 0.300 | 0.500 | 0.400 | -0.200 [-0.230, -0.170] |")
    );
}
