//! Instances of a matrix on both pages, and near-duplicates.

use super::world::World;
use super::{line, place};

/// Four models of one matrix, as the engine would name them.
fn matrix() -> World {
    let mut world = World::new();
    let names = ["a", "b", "c", "d"];
    for (place, name) in names.iter().enumerate() {
        world.add_model(&format!("train@{name}"), 0.6 + 0.01 * place as f64);
    }
    let lineage = world.action.lineage.as_mut().expect("a lineage");
    for ancestor in &mut lineage.ancestors {
        let Some((group, rest)) = ancestor.name.split_once('@') else { continue };
        let (instance, kind) = rest.split_once('-').unwrap_or((rest, group));
        ancestor.params.insert("batch".into(), 32.into());
        ancestor.params.insert("loss".into(), instance.into());
        ancestor.group = Some(if kind == group { group.to_owned() } else { format!("{group}-{kind}") });
    }
    let all = |suffix: &str| names.map(|name| format!("train@{name}{suffix}"));
    let reads: Vec<String> = all("").into_iter().chain(all("-evaluate")).collect();
    let reads: Vec<(String, &str)> = reads.iter().enumerate().map(|(n, name)| (n.to_string(), name.as_str())).collect();
    let reads: Vec<(&str, &str)> = reads.iter().map(|(input, name)| (input.as_str(), *name)).collect();
    world.stage("report", "report", &reads);
    world
}

#[test]
fn instances_stand_below_the_name_of_their_group_with_what_they_share() {
    let page = matrix().page();
    assert_eq!(line(&page, "| **train** × 4 |"), "| **train** × 4 | `train` | `dataset` | `batch = 32` |");
    assert_eq!(line(&page, "| `train@b` |"), "| `train@b` | `train` |  | `loss = \"b\"` |");
    let order = ["**train** × 4", "`train@a`", "`train@d`", "**train-predict** × 4"]
        .map(|name| place(&page, &format!("| {name} |")));
    assert!(order.is_sorted(), "{order:?}");
    let results = &page[place(&page, "### Exact match")..];
    let order =
        ["| **train** × 4 |", "| **train@a** ·", "| **train@d** ·", "| baseline"].map(|name| place(results, name));
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn many_models_are_rows_of_the_tables_that_compare_them() {
    let page = matrix().page();
    let head = "| test split | exact match | Hamming accuracy | micro F1 | macro F1 | weighted F1 | samples F1 | macro precision | macro recall | labels an answer |";
    assert_eq!(line(&page, "| test split |"), head);
    assert_eq!(line(&page, "| test split, no"), "| test split, no threshold | mAP | micro AP | macro AUROC |");
    assert_eq!(line(&page, "| F1, test |"), "| F1, test | `rust` | `scab` |");
    assert!(line(&page, "|  | architecture |").contains("| epoch kept | seed |"));
}

#[test]
fn all_instances_of_a_group_are_named_at_once() {
    let mut world = matrix();
    let lineage = world.action.lineage.as_mut().expect("a lineage");
    for ancestor in lineage.ancestors.iter_mut().filter(|ancestor| ancestor.kind.as_deref() == Some("train")) {
        ancestor.crates.insert("burn".into(), "0.22.1".into());
    }
    assert!(world.page().contains("| `burn` | 0.22.1 | `train@*` |"));
    let lineage = world.action.lineage.as_mut().expect("a lineage");
    lineage.ancestors[1].crates.clear();
    assert!(world.page().contains("| `burn` | 0.22.1 | `train@b` `train@c` `train@d` |"));
}

#[test]
fn a_group_is_a_box_in_both_graphs() {
    let world = matrix();
    let page = world.page();
    assert!(
        page.contains("  subgraph g1[\"train\"]\n    n1[\"a\"]\n    n4[\"b\"]\n    n7[\"c\"]\n    n10[\"d\"]\n  end\n")
    );
    assert!(
        page.contains("  n0 --> g1\n  g1 --> g2\n  n0 --> g2\n  n0 --> g3\n  g2 --> g3\n  g1 --> n13\n  g3 --> n13\n")
    );
    let html = world.html();
    assert_eq!(html.matches("<rect class=\"group\"").count(), 3);
    // dataset -> train, predict, evaluate; train -> predict -> evaluate -> report; train -> report.
    assert_eq!(html.matches("<path class=\"arrow\"").count(), 7);
}

#[test]
fn panels_of_one_photograph_by_several_models_stand_together() {
    let mut world = World::new();
    for model in ["small", "large"] {
        world.add_model(model, 0.7);
    }
    world.add_cams("small", 2, None);
    world.add_cams_as("explain-large", "large", 2, None);
    let page = world.page();
    let panels = ["cams/explain/leaf0", "cams/explain-large/leaf0", "cams/explain/leaf1", "cams/explain-large/leaf1"];
    let places = panels.map(|panel| place(&page, panel));
    assert!(places.is_sorted(), "{places:?}");
    assert!(page.contains("`leaf0` (test) · **large** · truth: `scab`"));
    let html = world.html();
    assert!(html.contains("<option value=\"large\">large (2)</option>"));
    assert!(html.contains("<option value=\"leaf1\">leaf1 (2)</option>"));
    world.add_cams_as("again", "large", 2, None);
    assert!(world.page().contains("`leaf0` (test) · **large (again)** · truth: `scab`"));
}

#[test]
fn near_duplicates_are_counted_and_the_conflicts_listed() {
    let mut world = World::new();
    world.add_duplicates();
    let page = world.page();
    assert!(
        page.contains("Among 40 photographs, **2 groups of near-duplicates** were found (4 photographs)."),
        "{page}"
    );
    assert!(page.contains("**1 crosses splits**") && page.contains("**In 1 the labels conflict**"));
    assert!(page.contains("![The groups](duplicates/groups.jpg)"));
    assert_eq!(line(&page, "| 2 | `c`"), "| 2 | `c` | train | `rust` | crosses splits, labels conflict | 3 |");
    assert_eq!(line(&page, "| 2 | `d`"), "| 2 | `d` | test | none | crosses splits, labels conflict | 3 |");
    assert!(!page.contains("| 1 | `a`"), "that group agrees");
}

#[test]
fn one_of_a_thing_is_not_many() {
    let mut world = World::new();
    world.add_analysis(|analysis| {
        analysis.splits.truncate(1);
        analysis.splits[0].images = 1;
        analysis.labels.truncate(1);
    });
    world.add_model("train", 0.7);
    world.change_evaluation("train-evaluate", |evaluation| {
        evaluation.resamples = 1;
        evaluation.splits[1].images = 1;
        for (place, label) in evaluation.splits[1].headline.per_label.iter_mut().enumerate() {
            (label.false_negatives, label.false_positives) = (0, place as u64);
        }
    });
    world.add_cams("train", 2, None);
    world.action.params.insert("panels".into(), 1.into());
    let page = world.page();
    for words in [
        "holds 1 train labelled photograph with 1 label.",
        "of the 1 test photograph**",
        "On the 1 test photograph,",
        "1 label set occurs,",
        "1 resample over",
        "1 wrong decision: 0 misses and 1 false alarm. It concerns `scab`.",
        "1 test photograph leaves about",
        "The first of 2 panels is shown.",
    ] {
        assert!(page.contains(words), "no `{words}` in:\n{page}");
    }
    assert!(!page.contains(" 1 photographs") && !page.contains(" 1 labels") && !page.contains(" 1 panels"));
}
