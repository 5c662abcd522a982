//! Why plantpipe stops: [`Error`], with the exit code of each case and how it is shown.

use crate::text::Diagnostic;
use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};
use anstyle::{AnsiColor, Style};
use std::path::Path;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Everything that ends a command; the variant decides the exit code.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The command line is wrong.
    #[error("{message}")]
    Usage { message: String, hint: Option<String> },
    /// The pipeline file is wrong, at a word.
    #[error("{}", .0.message)]
    Pipeline(Box<Diagnostic>),
    /// A stage or something it needs failed.
    #[error("{message}")]
    Failed { message: String, hint: Option<String> },
    /// Something is another than what is recorded: than the lock file says, or than its own record.
    #[error("{message}")]
    Differs { message: String, hint: Option<String> },
    /// Another run holds the cache.
    #[error("{message}")]
    Locked { message: String },
    /// Inputs moved during a run, or the cache is damaged beyond a rerun.
    #[error("{message}")]
    Integrity { message: String, hint: Option<String> },
    /// A bug in plantpipe.
    #[error("{message}")]
    Bug { message: String },
    /// A signal asked it to stop, and it came to a good end.
    #[error("stopped by signal {signal}")]
    Interrupted { signal: i32 },
    /// A second signal ended it at once.
    #[error("stopped at once by signal {signal}")]
    Killed { signal: i32 },
    /// Who reads standard output has gone; nothing to say.
    #[error("broken pipe")]
    BrokenPipe,
}

impl Error {
    pub fn usage(message: impl Into<String>) -> Self {
        Self::Usage { message: message.into(), hint: None }
    }

    pub fn failed(message: impl Into<String>) -> Self {
        Self::Failed { message: message.into(), hint: None }
    }

    /// A stage was asked to stop by someone else than a signal to this process.
    pub fn stopped() -> Self {
        Self::Interrupted { signal: signal_hook::consts::SIGTERM }
    }

    /// A file operation that failed: `cannot <verb> <path>: <why>`.
    pub fn io(verb: &str, path: &Path, error: &std::io::Error) -> Self {
        let hint = match error.kind() {
            std::io::ErrorKind::StorageFull => Some("the disk is full: free some space and run again".to_owned()),
            std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => {
                Some("check who may write there".to_owned())
            }
            _ => None,
        };
        // Temporary files name themselves too; the path that was meant is enough.
        let why = error.to_string();
        let why = why.split(" at path ").next().unwrap_or_default();
        Self::Failed { message: format!("cannot {verb} {}: {why}", path.display()), hint }
    }

    /// The same error with a way out, where it has room for one.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        if let Self::Usage { hint, .. }
        | Self::Failed { hint, .. }
        | Self::Differs { hint, .. }
        | Self::Integrity { hint, .. } = &mut self
        {
            *hint = Some(text.into());
        }
        self
    }

    /// The documented protocol.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::BrokenPipe => 0,
            Self::Failed { .. } => 1,
            Self::Usage { .. } | Self::Pipeline(_) => 2,
            Self::Differs { .. } => 3,
            Self::Locked { .. } => 4,
            Self::Integrity { .. } => 5,
            Self::Bug { .. } => 70,
            Self::Interrupted { .. } => 75,
            Self::Killed { signal } => 128 + *signal as u8,
        }
    }

    /// The way out, where there is one.
    pub fn way_out(&self) -> Option<&str> {
        match self {
            Self::Usage { hint, .. }
            | Self::Failed { hint, .. }
            | Self::Differs { hint, .. }
            | Self::Integrity { hint, .. } => hint.as_deref(),
            Self::Pipeline(diagnostic) => diagnostic.hint.as_deref(),
            Self::Interrupted { .. } | Self::Killed { .. } => Some("what has ended is kept: run again to go on"),
            _ => None,
        }
    }

    /// What `--json` shows: the sentence, the way out, the exit code, and the place in the pipeline file.
    pub fn document(&self) -> serde_json::Value {
        let mut document = serde_json::json!({
            "schema_version": 1,
            "error": self.to_string(),
            "hint": self.way_out(),
            "exit_code": self.exit_code(),
        });
        if let Self::Pipeline(diagnostic) = self {
            let (line, column) = diagnostic.span.place();
            document["place"] = serde_json::json!({
                "file": diagnostic.span.text.name,
                "line": line,
                "column": column,
                "word": diagnostic.span.text.content.get(diagnostic.span.range.clone()),
                "label": diagnostic.label,
            });
        }
        document
    }

    /// What a terminal shows, styled: `error: ...`, the word with a caret where there is one, and a hint.
    pub fn render(&self) -> String {
        match self {
            Self::Pipeline(diagnostic) => render_at_word(diagnostic),
            other => {
                let title = if matches!(other, Self::Bug { .. }) { "bug" } else { "error" };
                let mut text = format!("{RED}{title}{RED:#}{BOLD}: {other}{BOLD:#}");
                if let Some(hint) = other.way_out() {
                    text.push_str(&format!("\n{CYAN}hint{CYAN:#}: {hint}"));
                }
                text
            }
        }
    }
}

const RED: Style = AnsiColor::BrightRed.on_default().bold();
const CYAN: Style = AnsiColor::BrightCyan.on_default().bold();
const BOLD: Style = Style::new().bold();

fn render_at_word(diagnostic: &Diagnostic) -> String {
    let text = &diagnostic.span.text;
    let annotation = AnnotationKind::Primary.span(diagnostic.span.range.clone()).label(diagnostic.label.as_str());
    let group = Level::ERROR
        .primary_title(diagnostic.message.as_str())
        .element(Snippet::source(text.content.as_str()).path(text.name.as_str()).annotation(annotation));
    let hint = diagnostic.hint.as_deref().filter(|hint| *hint != diagnostic.label);
    let group = match hint {
        Some(hint) => group.element(Level::HELP.with_name("hint").message(hint)),
        None => group,
    };
    Renderer::styled().decor_style(DecorStyle::Ascii).render(&[group])
}

impl From<Diagnostic> for Error {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Pipeline(Box::new(diagnostic))
    }
}
