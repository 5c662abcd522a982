//! CAM panels as HTML: [`panels`], one below the other, with what a script needs to step through them.

use super::figure::image;
use super::inline::{escape, html};
use crate::report::document::Panel;
use crate::report::folder::Folder;
use plantpipe_stage::Result;
use serde_json::json;

/// The panels and their controls, which stay hidden where no script runs.
pub(super) fn panels(panels: &[Panel], folder: &Folder) -> Result<String> {
    let mut written = String::from("<div class=\"viewer\" role=\"group\" aria-label=\"CAM panels\" tabindex=\"-1\">\n");
    written.push_str(&controls(panels));
    written.push_str("<div class=\"panels\">\n");
    for panel in panels {
        let facts = json!({
            "model": panel.model,
            "method": panel.method,
            "photograph": panel.photograph,
            "labels": panel.labels,
            "misses": panel.misses,
            "alarms": panel.false_alarms,
        });
        written.push_str(&format!(
            "<figure data-panel=\"{}\">\n{}\n<figcaption>{}</figcaption>\n</figure>\n",
            escape(&facts.to_string()),
            image(&panel.link, &panel.alt, folder)?,
            html(&panel.caption)
        ));
    }
    written.push_str("</div>\n</div>\n");
    Ok(written)
}

fn controls(panels: &[Panel]) -> String {
    let labels = choices(panels.iter().flat_map(|panel| &panel.labels));
    let models = choices(panels.iter().map(|panel| &panel.model));
    let methods = choices(panels.iter().map(|panel| &panel.method));
    let photographs = choices(panels.iter().map(|panel| &panel.photograph));
    let mut fields = String::new();
    if models.len() > 1 {
        fields.push_str(&select("model", "Model", "every model", &models));
    }
    if methods.len() > 1 {
        fields.push_str(&select("method", "Method", "every method", &methods));
    }
    if models.len() > 1 || methods.len() > 1 {
        fields.push_str(&select("photograph", "Photograph", "every photograph", &photographs));
    }
    fields.push_str(&select("label", "Label", "every label", &labels));
    let answers = [
        ("errors", "with an error"),
        ("misses", "with a miss"),
        ("alarms", "with a false alarm"),
        ("right", "without an error"),
    ];
    let answers = answers.map(|(value, words)| (value.to_owned(), words.to_owned()));
    fields.push_str(&select("answers", "Answers", "right and wrong", &answers));
    format!(
        "<div class=\"controls\" hidden>\n{fields}<div class=\"steps\">\
         <button type=\"button\" class=\"previous\">← Previous</button>\
         <output aria-live=\"polite\"></output>\
         <button type=\"button\" class=\"next\">Next →</button>\
         <button type=\"button\" class=\"every\" aria-pressed=\"false\">Show all</button></div>\n\
         <p class=\"none\" hidden>No panel is like that.</p>\n</div>\n"
    )
}

/// Every name once, with how often it occurs.
fn choices<'p>(names: impl Iterator<Item = &'p String>) -> Vec<(String, String)> {
    let mut counts: Vec<(&String, usize)> = Vec::new();
    for name in names {
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    counts.sort();
    counts.into_iter().map(|(name, count)| (name.clone(), format!("{name} ({count})"))).collect()
}

fn select(name: &str, title: &str, any: &str, options: &[(String, String)]) -> String {
    let mut written =
        format!("<label>{title} <select name=\"{name}\" autocomplete=\"off\">\n<option value=\"\">{any}</option>\n");
    for (value, words) in options {
        written.push_str(&format!("<option value=\"{}\">{}</option>\n", escape(value), escape(words)));
    }
    written.push_str("</select></label>\n");
    written
}
