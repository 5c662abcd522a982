//! The table of stage kinds, [`REGISTRY`]: the only file that names the stage crates.

use plantpipe_stage::Kind;

/// What the engine is given: the kinds it may run, and the devices they may run on.
#[derive(Debug, Clone, Copy)]
pub struct Registry {
    pub kinds: &'static [&'static [&'static Kind]],
    /// What answers `plantpipe predict`, where it is compiled in; no pipeline names it.
    pub ask: Option<&'static Kind>,
    /// What answers `plantpipe predict --arch`, where it is compiled in.
    pub checkpoint: Option<&'static Kind>,
    /// The architectures that it knows.
    pub archs: &'static [&'static str],
    /// What looks at a data set for `plantpipe init`, where it is compiled in.
    pub look: Option<&'static Kind>,
    /// Device classes compiled in.
    pub devices: &'static [&'static str],
    /// What `--device auto` means here.
    pub auto_device: fn() -> String,
}

impl Registry {
    pub fn kinds(&self) -> impl Iterator<Item = &'static Kind> {
        self.kinds.iter().flat_map(|room| room.iter().copied())
    }

    /// The kind of an action: one of a pipeline, or a tool of the command line.
    #[must_use]
    pub fn of_action(&self, name: &str) -> Option<&'static Kind> {
        self.kinds().chain(self.ask).chain(self.checkpoint).chain(self.look).find(|kind| kind.name == name)
    }

    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&'static Kind> {
        self.kinds().find(|kind| kind.name == name)
    }
}

/// The kinds compiled in, in the order a pipeline uses them.
pub const REGISTRY: Registry = Registry {
    kinds: &[
        #[cfg(feature = "data")]
        plantpipe_data::KINDS,
        #[cfg(feature = "learn")]
        plantpipe_learn::KINDS,
        #[cfg(feature = "judge")]
        plantpipe_judge::KINDS,
        plantpipe_command::KINDS,
    ],
    #[cfg(feature = "learn")]
    ask: Some(&plantpipe_learn::ASK),
    #[cfg(not(feature = "learn"))]
    ask: None,
    #[cfg(feature = "learn")]
    checkpoint: Some(&plantpipe_learn::CHECKPOINT),
    #[cfg(not(feature = "learn"))]
    checkpoint: None,
    #[cfg(feature = "learn")]
    archs: plantpipe_learn::ARCHS,
    #[cfg(not(feature = "learn"))]
    archs: &[],
    #[cfg(feature = "data")]
    look: Some(&plantpipe_data::LOOK),
    #[cfg(not(feature = "data"))]
    look: None,
    devices: &[
        "cpu",
        #[cfg(feature = "cuda")]
        "cuda",
        #[cfg(feature = "wgpu")]
        "wgpu",
    ],
    auto_device,
};

fn auto_device() -> String {
    #[cfg(feature = "learn")]
    return plantpipe_learn::auto_device().to_owned();
    #[cfg(not(feature = "learn"))]
    "cpu".to_owned()
}
