//! What a stage says when it cannot go on: [`Error`], one clear sentence with the path, and a way out.

use std::path::{Path, PathBuf};

/// The result of stage work.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a stage failed: a lowercase sentence without a full stop, and a hint where there is a way out.
#[derive(Debug, Clone, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct Error {
    pub message: String,
    pub hint: Option<String>,
}

impl Error {
    /// An error of one sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), hint: None }
    }

    /// The same error with a way out.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error about a file: `<path>: <what>`.
    pub fn at(path: impl AsRef<Path>, what: impl std::fmt::Display) -> Self {
        Self::new(format!("{}: {what}", path.as_ref().display()))
    }
}

/// Names the path and the verb of a failed file operation.
pub trait IoContext<T> {
    /// `cannot <verb> <path>: <why>`.
    ///
    /// # Errors
    /// The same failure, as an [`Error`].
    fn io(self, verb: &str, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T, E: std::fmt::Display> IoContext<T> for std::result::Result<T, E> {
    fn io(self, verb: &str, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|error| Error::new(format!("cannot {verb} {}: {error}", path.into().display())))
    }
}
