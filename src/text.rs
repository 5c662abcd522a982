//! Where a word stands: [`Text`] a user wrote (a pipeline file or a `--set`), and [`Span`], a place in it.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// A text that declarations come from.
#[derive(Debug, PartialEq, Eq)]
pub struct Text {
    pub name: String,
    pub content: String,
    pub origin: Origin,
}

/// What kind of text it is: a path in it is relative to the file's folder, or to the current folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    File,
    CommandLine,
}

/// A range of bytes in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub text: Arc<Text>,
    pub range: Range<usize>,
}

impl Span {
    /// Line and column of its start, from 1, columns in characters.
    pub fn place(&self) -> (usize, usize) {
        let before = &self.text.content[..self.range.start];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        (line, column)
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub span: Span,
}

/// A wrong declaration, shown at the word.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// A lowercase sentence without a full stop.
    pub message: String,
    pub span: Span,
    /// What stands beside the caret.
    pub label: String,
    pub hint: Option<String>,
}

impl Diagnostic {
    pub fn new(span: &Span, message: impl Into<String>, label: impl Into<String>) -> Self {
        Self { message: message.into(), span: span.clone(), label: label.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// "unknown `what` `word`", with the nearest of the known names, or all of them when none is near.
    pub fn unknown<'a>(span: &Span, what: &str, word: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        // Each once, though every instance of a group brings the group's name along.
        let mut known: Vec<&str> = known.into_iter().collect();
        let mut seen = BTreeSet::new();
        known.retain(|name| seen.insert(*name));
        let hint = match nearest(word, &known) {
            Some(name) => Some(format!("did you mean `{name}`?")),
            None if known.is_empty() => None,
            None => Some(format!("known: {}", known.join(", "))),
        };
        let label = hint
            .clone()
            .filter(|hint| hint.starts_with("did"))
            .unwrap_or_else(|| format!("no such {}", what.trim_end_matches(':')));
        Self { message: format!("unknown {what} `{word}`"), span: span.clone(), label, hint }
    }
}

/// The known name that a word was most likely meant to be.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(word, name), *name))
        .filter(|(distance, name)| *distance <= 1 + name.len().max(word.len()) / 4 && *distance < word.len())
        .min()
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::{Diagnostic, Origin, Span, Text, nearest};
    use std::sync::Arc;

    #[test]
    fn known_names_are_told_once_each() {
        let text = Text { name: "file".to_owned(), content: "nope".to_owned(), origin: Origin::File };
        let span = Span { text: Arc::new(text), range: 0..4 };
        let told = Diagnostic::unknown(&span, "stage", "nope", ["train@a", "train", "train@b", "train"]);
        assert_eq!(told.hint.as_deref(), Some("known: train@a, train, train@b"));
    }

    #[test]
    fn the_nearest_name_is_found_and_a_far_one_is_not() {
        assert_eq!(nearest("resise", &["resize", "encode"]), Some("resize"));
        assert_eq!(nearest("lr", &["size", "warmup"]), None);
        assert_eq!(nearest("x", &["y"]), None);
    }
}
