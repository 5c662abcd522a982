//! `report.html`: one page that stands alone, is well-formed, and says what the markdown says.

use super::elements::{Element, elements};
use super::world::{World, links};
use plantpipe_stage::format::{Analysis, Cams, Evaluation, JsonFormat, Split};
use std::collections::BTreeSet;

/// A world with something in every section.
fn full() -> World {
    let mut world = World::new();
    world.add_analysis(|_| ());
    world.add_duplicates();
    world.add_model("train", 0.7);
    world.add_cams("train", 3, None);
    world
}

fn attribute<'e>(element: &'e Element, name: &str) -> Option<&'e str> {
    element.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

#[test]
fn the_page_needs_nothing_from_outside() {
    let page = full().html();
    for element in elements(&page) {
        for name in ["src", "href", "xlink:href", "poster", "action", "srcset", "data"] {
            let Some(target) = attribute(&element, name) else { continue };
            // The page of times and machine lies beside it, and is opened only by who asks for it.
            let beside = element.name == "a" && target == "run.md";
            assert!(
                target.starts_with("data:") || target.starts_with('#') || beside,
                "<{}> reaches for {target}",
                element.name
            );
        }
        assert!(!["link", "iframe", "object", "embed", "base"].contains(&element.name.as_str()), "<{}>", element.name);
    }
    let lower = page.to_lowercase();
    for word in ["url(", "@import", "http://", "https://", "fetch(", "xmlhttprequest", "localstorage"] {
        assert!(!lower.contains(word), "{word}");
    }
    assert!(page.contains("content=\"default-src 'none'; img-src data:;"));
}

#[test]
fn every_picture_of_the_markdown_is_embedded_with_its_alternative_text() {
    let mut world = full();
    let svg = "<svg width=\"9\"><rect width=\"9\"/></svg>";
    let folder = world.folder.path().join("analyze");
    let mut analysis = Analysis::read(&folder).expect("reads");
    let mut plain = analysis.pictures[0].clone();
    plain.file = "labels.svg".into();
    let mut hostile = plain.clone();
    hostile.file = "hostile.svg".into();
    analysis.pictures.extend([plain, hostile]);
    analysis.write(&folder).expect("writes");
    std::fs::write(folder.join("labels.svg"), svg).expect("writes");
    std::fs::write(folder.join("hostile.svg"), "<svg><script>alert(1)</script></svg>").expect("writes");
    world.action.params.insert("panels".into(), serde_json::json!(2));
    let page = world.html();
    let shown: Vec<Element> = elements(&page)
        .into_iter()
        .filter(|element| element.name == "img" || attribute(element, "class") == Some("chart"))
        .collect();
    assert_eq!(shown.len(), links(&world.page()).len());
    for element in &shown {
        let alternative = attribute(element, if element.name == "img" { "alt" } else { "aria-label" });
        assert!(alternative.is_some_and(|words| !words.is_empty()), "{element:?}");
    }
    // "picture" in base64; the chart is part of the page, but not the one with a script.
    assert!(page.contains("src=\"data:image/png;base64,cGljdHVyZQ==\""));
    assert!(page.contains(
        "aria-label=\"Contact sheet [test]\" style=\"min-width: 7px\" width=\"9\"><rect width=\"9\"/></svg>"
    ));
    assert!(!page.contains("alert(1)") && page.contains("src=\"data:image/svg+xml;base64,"));
}

#[test]
fn every_reference_within_the_page_has_its_target_and_every_id_is_given_once() {
    let mut world = full();
    world.add_model("other", 0.6);
    let found = elements(&world.html());
    let ids: Vec<&str> = found.iter().filter_map(|element| attribute(element, "id")).collect();
    let known: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), known.len(), "{ids:?}");
    let mut references = 0;
    for element in &found {
        let link = attribute(element, "href").and_then(|target| target.strip_prefix('#'));
        let labels = ["aria-labelledby", "aria-describedby"].iter().filter_map(|name| attribute(element, name));
        for id in link.into_iter().chain(labels) {
            assert!(known.contains(id), "{id} is referred to, and nowhere");
            references += 1;
        }
    }
    assert!(references > 20, "{references}");
}

#[test]
fn headings_go_down_step_by_step_and_the_contents_name_them_all() {
    let found = elements(&full().html());
    let levels: Vec<u32> = found.iter().filter_map(|element| element.name.strip_prefix('h')?.parse().ok()).collect();
    assert_eq!(levels[0], 1);
    assert!(levels.windows(2).all(|pair| pair[1] >= 2 && pair[1] <= pair[0] + 1), "{levels:?}");
    let within = |element: &&Element| attribute(element, "href").is_some_and(|target| target.starts_with('#'));
    let links = found.iter().filter(within).count();
    assert_eq!(links, levels.len(), "one for each but the title, and one to skip the contents");
}

#[test]
fn every_table_has_a_caption_and_its_headers_a_scope() {
    let page = full().html();
    let found = elements(&page);
    let count = |name: &str| found.iter().filter(|element| element.name == name).count();
    assert!(count("table") > 8);
    assert_eq!(count("table"), count("caption"));
    assert!(!page.contains("<caption></caption>"));
    assert!(found.iter().filter(|element| element.name == "th").all(|head| attribute(head, "scope").is_some()));
}

#[test]
fn the_tables_hold_what_the_markdown_holds() {
    let mut world = full();
    world.add_model("other", 0.6);
    let rows = world.page().lines().filter(|line| line.starts_with("| ") && !line.starts_with("| :--")).count();
    let empty_heads = world.page().lines().filter(|line| *line == "|  |  |").count();
    let found = elements(&world.html());
    assert_eq!(found.iter().filter(|element| element.name == "tr").count(), rows - empty_heads);
}

#[test]
fn a_hostile_name_is_only_a_name() {
    let hostile = "</script><script>alert(1)</script>\"'><img src=x onerror=alert(1)>";
    let mut world = full();
    world.action.params.insert("title".into(), serde_json::json!(hostile));
    let rename = |labels: &mut Vec<String>| labels[0] = hostile.into();
    let folder = world.folder.path().join("analyze");
    let mut analysis = Analysis::read(&folder).expect("reads");
    rename(&mut analysis.labels);
    analysis.pictures[0].caption = hostile.into();
    analysis.description = Some(hostile.into());
    analysis.write(&folder).expect("writes");
    let folder = world.folder.path().join("explain");
    let mut cams = Cams::read(&folder).expect("reads");
    rename(&mut cams.panels[0].truth);
    cams.panels[0].maps[0].label = hostile.into();
    cams.write(&folder).expect("writes");
    let folder = world.folder.path().join("train-evaluate");
    let mut evaluation = Evaluation::read(&folder).expect("reads");
    evaluation.splits[1].headline.per_label[0].label = hostile.into();
    evaluation.write(&folder).expect("writes");
    world.stage(hostile, hostile, &[("x", "dataset")]);
    let page = world.html();
    let found = elements(&page);
    assert_eq!(found.iter().filter(|element| element.name == "script").count(), 1);
    assert!(found.iter().all(|element| element.attributes.iter().all(|(name, _)| !name.starts_with("on"))));
    assert!(page.contains("&lt;/script&gt;&lt;script&gt;alert(1)"));
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let world = full();
    assert_eq!(world.html(), world.html());
}

#[test]
fn nothing_on_the_page_says_where_the_artifacts_lay() {
    let world = full();
    assert!(!world.html().contains(&world.folder.path().display().to_string()));
}

#[test]
fn a_report_of_nothing_is_still_a_page() {
    let found = elements(&World::new().html());
    assert!(found.iter().any(|element| attribute(element, "id") == Some("limits-and-noise")));
    assert!(found.iter().all(|element| attribute(element, "class") != Some("viewer")));
}

#[test]
fn panels_say_what_they_can_be_chosen_by() {
    let world = full();
    let folder = world.folder.path().join("explain");
    let mut cams = Cams::read(&folder).expect("reads");
    cams.panels[1].maps[0].probability = 0.2;
    cams.panels[2].truth = vec!["rust".into()];
    cams.panels[2].split = Split::Val;
    cams.write(&folder).expect("writes");
    let page = world.html();
    let facts: Vec<serde_json::Value> = elements(&page)
        .iter()
        .filter_map(|element| Some(serde_json::from_str(attribute(element, "data-panel")?).expect("JSON")))
        .collect();
    assert_eq!(facts[0]["labels"], serde_json::json!(["scab"]));
    assert_eq!((&facts[0]["misses"], &facts[0]["alarms"]), (&serde_json::json!([]), &serde_json::json!([])));
    assert_eq!(facts[1]["misses"], serde_json::json!(["scab"]));
    assert_eq!(facts[2]["labels"], serde_json::json!(["rust", "scab"]));
    assert_eq!(facts[2]["alarms"], serde_json::json!(["scab"]));
    assert!(page.contains("<option value=\"scab\">scab (3)</option>"));
}

#[test]
fn words_stand_out_from_what_they_stand_on() {
    let style = include_str!("../html/page.css");
    let palettes: Vec<&str> = style.split("color-scheme:").filter(|part| part.contains("--paper")).collect();
    assert_eq!(palettes.len(), 5, "light and dark by the system, light and dark by choice, print");
    for palette in palettes {
        let colour = |name: &str| luminance(palette.split_once(&format!("--{name}: #")).expect(name).1);
        for (ink, paper, least) in [
            ("ink", "paper", 4.5),
            ("ink", "raised", 4.5),
            ("ink", "code", 4.5),
            ("ink", "warning-paper", 4.5),
            ("faint", "paper", 4.5),
            ("faint", "raised", 4.5),
            ("faint", "code", 4.5),
            ("accent", "paper", 4.5),
            ("accent", "raised", 4.5),
            ("warning", "warning-paper", 4.5),
            ("strong-rule", "paper", 3.0),
            ("strong-rule", "raised", 3.0),
        ] {
            assert!(contrast(colour(ink), colour(paper)) >= least, "{ink} on {paper}: {palette}");
        }
    }
}

/// WCAG's relative luminance of a colour that the text begins with, six hex digits.
fn luminance(text: &str) -> f64 {
    let part = |at: usize| {
        let share = f64::from(u8::from_str_radix(&text[at..at + 2], 16).expect("hex")) / 255.0;
        if share <= 0.04045 { share / 12.92 } else { ((share + 0.055) / 1.055).powf(2.4) }
    };
    0.2126 * part(0) + 0.7152 * part(2) + 0.0722 * part(4)
}

fn contrast(a: f64, b: f64) -> f64 {
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}
