//! `plantpipe completions` and `plantpipe man`: what a shell and `man` are told of the command line.

use super::{command_line, print};
use crate::cache::make;
use crate::error::{Error, Result};
use clap::Args;
use clap_complete::Shell;
use std::path::PathBuf;

#[derive(Args)]
pub struct Completions {
    shell: Shell,
}

impl Completions {
    pub fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command_line(), "plantpipe", &mut script);
        print(&String::from_utf8_lossy(&script))
    }
}

#[derive(Args)]
pub struct Man {
    /// Where the pages go; made if need be
    #[arg(value_name = "DIR")]
    to: PathBuf,
}

impl Man {
    pub fn run(&self) -> Result<()> {
        make(&self.to)?;
        clap_mangen::generate_to(command_line(), &self.to)
            .map_err(|error| Error::io("write manual pages to", &self.to, &error))
    }
}
