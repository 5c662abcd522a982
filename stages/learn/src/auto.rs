//! Params that may be the word `auto`: [`Auto`].

use serde::Deserialize;

/// A value, or the word `auto`.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(crate) enum Auto<T> {
    Value(T),
    Word(AutoWord),
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AutoWord {
    Auto,
}

impl<T> Auto<T> {
    pub(crate) fn or(self, auto: T) -> T {
        match self {
            Self::Value(value) => value,
            Self::Word(AutoWord::Auto) => auto,
        }
    }
}
