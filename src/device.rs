//! Where tensors live: [`Device`], from the word after `--device`.

use crate::error::{Error, Result};
use crate::registry::Registry;

/// A device that this binary can use: `cpu`, `cuda:0`, `wgpu:0`, `wgpu:cpu`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(String);

impl Device {
    /// Reads `auto|cpu|cuda[:n]|wgpu[:n]`.
    pub fn parse(word: &str, registry: &Registry) -> Result<Self> {
        if word == "auto" {
            return Ok(Self((registry.auto_device)()));
        }
        let (class, index) = word.split_once(':').map_or((word, None), |(class, index)| (class, Some(index)));
        let good_index = match (class, index) {
            ("cpu", index) => index.is_none(),
            (_, None) | ("wgpu", Some("cpu")) => true,
            (_, Some(index)) => index.parse::<u16>().is_ok(),
        };
        if !["cpu", "cuda", "wgpu"].contains(&class) || !good_index {
            let error = Error::usage(format!("unknown device `{word}`"));
            return Err(error.hint("devices: auto, cpu, cuda, cuda:N, wgpu, wgpu:N"));
        }
        if !registry.devices.contains(&class) {
            let error = Error::usage(format!("this plantpipe was built without {class}"));
            return Err(error.hint(format!("build it with: cargo build --release --features {class}")));
        }
        Ok(Self(match (class, index) {
            ("cpu", _) => "cpu".to_owned(),
            (_, index) => format!("{class}:{}", index.unwrap_or("0")),
        }))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What results depend on: `cpu`, `cuda`, `wgpu`.
    pub fn class(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}
