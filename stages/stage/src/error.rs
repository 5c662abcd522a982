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
        self.map_err(|error| {
            let why = error.to_string();
            Error { message: format!("cannot {verb} {}: {why}", path.into().display()), hint: way_out(&why) }
        })
    }
}

/// What helps against some failures, by the numbers that systems give them.
fn way_out(why: &str) -> Option<String> {
    const WAYS: [(&str, &str); 3] = [
        ("(os error 28)", "the disk is full: free some space and run again"),
        ("(os error 30)", "that file system is read-only"),
        ("(os error 13)", "check who may read and write there"),
    ];
    WAYS.iter().find(|(number, _)| why.contains(number)).map(|(_, way)| (*way).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_gets_a_way_out_and_another_failure_none() {
        let failed = |number| Err::<(), _>(std::io::Error::from_raw_os_error(number)).io("write", "a.tar");
        let full = failed(28).expect_err("failed");
        assert_eq!(full.message, "cannot write a.tar: No space left on device (os error 28)");
        assert_eq!(full.hint.as_deref(), Some("the disk is full: free some space and run again"));
        assert_eq!(failed(2).expect_err("failed").hint, None);
    }
}
