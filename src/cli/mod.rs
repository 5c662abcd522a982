//! The command line: arguments in, one file a subcommand, [`main`] turns how it ended into an exit code.

mod diff;
mod gc;
mod graph;
mod groups;
mod init;
mod kinds;
mod predict;
mod run;
mod runs;
mod schema;
mod shell;
mod status;
mod tool;
mod verify;
mod why;

use crate::console::Verbosity;
use crate::error::{Error, Result};
use crate::pipeline::Overrides;
use crate::project::{Project, Request};
use crate::registry::Registry;
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs plantpipe with the process's arguments.
#[must_use]
pub fn main(registry: Registry) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let code = if error.use_stderr() { 2 } else { 0 };
            if code == 2 && std::env::args_os().any(|arg| arg == "--json") {
                // Its first line is the sentence; the rest is usage and advice.
                let text = error.render().to_string();
                let sentence = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
                complain(&Error::usage(sentence).document().to_string());
            } else {
                // Where nobody listens there is nothing to say.
                let _ = error.print();
            }
            return ExitCode::from(code);
        }
    };
    cli.global.color.write_global();
    let json = cli.global.json;
    let result = std::panic::catch_unwind(|| dispatch(cli, registry))
        .unwrap_or_else(|_| Err(Error::Bug { message: "plantpipe panicked; the message above says where".to_owned() }));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !matches!(error, Error::BrokenPipe) {
                complain(&if json { error.document().to_string() } else { error.render() });
            }
            ExitCode::from(error.exit_code())
        }
    }
}

/// A build-graph pipeline for leaf-disease experiments, from photographs to a report: only what changed reruns.
#[derive(Parser)]
#[command(name = "plantpipe", version, about, disable_help_subcommand = true, propagate_version = true)]
#[command(
    after_help = "Exit codes: 0 done or nothing to do, 1 a stage failed, 2 usage or pipeline file wrong, 3 not as it is recorded, 4 another run holds the cache, \
    5 inputs changed during the run or a download is not the file wanted, 70 a bug, 75 asked to stop, 128+n asked twice, by signal n."
)]
struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Args)]
struct Global {
    /// Find the pipeline file as if started in DIR
    #[arg(short = 'C', value_name = "DIR", global = true)]
    folder: Option<PathBuf>,
    /// The pipeline file (default: pipeline.toml, searched upward; a built-in one where there is none)
    #[arg(long, value_name = "FILE", global = true)]
    file: Option<PathBuf>,
    /// Merge a profile of the file over it
    #[arg(long, value_name = "NAME", global = true)]
    profile: Option<String>,
    /// Override one value: -S stages.train.lr=1e-4
    #[arg(short = 'S', long = "set", value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
    /// Where tensors live: auto, cpu, cuda, cuda:N, wgpu, wgpu:N
    #[arg(long, value_name = "DEVICE", default_value = "auto", global = true)]
    device: String,
    /// One JSON document on standard output; for `run`, a line an event
    #[arg(long, global = true)]
    json: bool,
    /// Say more
    #[arg(short, long, global = true)]
    verbose: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    quiet: bool,
    /// Colour the output
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = Color::Auto, global = true)]
    color: Color,
}

#[derive(Clone, Copy, ValueEnum)]
enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Subcommand)]
enum Command {
    /// Write a pipeline file for a data set
    Init(init::Init),
    /// Run what is not fresh, and write the report
    Run(run::Run),
    /// Show what is fresh and what is stale; changes nothing
    Status(status::Status),
    /// Say why a stage would run
    Why(why::Why),
    /// Hash results again, and make them again in scratch to compare
    Verify(verify::Verify),
    /// List the runs there were, or show one
    Runs(runs::RunsOf),
    /// Say what differs between two runs: params, inputs, outputs, metrics, pictures
    Diff(diff::Diff),
    /// Free the cache of what no result, lock file or recent run needs
    Gc(gc::Gc),
    /// Draw the pipeline
    Graph(graph::Graph),
    /// List the kinds of stages, or one kind's inputs, outputs and params
    Kinds(kinds::Kinds),
    /// Ask a trained model, or any checkpoint, about photographs
    Predict(Box<predict::Predict>),
    /// Print the JSON Schema of the pipeline file, for editors, or of what --json prints
    Schema(schema::Schema),
    /// Print a shell's completion script
    Completions(shell::Completions),
    /// Write the manual pages into a folder
    Man(shell::Man),
    /// Run one action (internal)
    #[command(hide = true)]
    Exec { action: PathBuf },
}

fn dispatch(cli: Cli, registry: Registry) -> Result<()> {
    let global = &cli.global;
    match cli.command {
        Command::Init(command) => command.run(registry, global),
        Command::Run(command) => command.run(&mut global.open(registry)?, global),
        Command::Status(command) => command.run(&mut global.open(registry)?, global),
        Command::Why(command) => command.run(&mut global.open(registry)?, global),
        Command::Verify(command) => command.run(&mut global.open(registry)?, global),
        Command::Runs(command) => command.run(&global.open(registry)?, global),
        Command::Diff(command) => command.run(&mut global.open(registry)?, &registry, global),
        Command::Gc(command) => command.run(&mut global.open(registry)?, registry, global),
        Command::Graph(command) => command.run(&global.open(registry)?, global),
        Command::Kinds(command) => command.run(registry, global),
        Command::Predict(command) => command.run(registry, global),
        Command::Schema(command) => command.run(registry),
        Command::Completions(command) => command.run(),
        Command::Man(command) => command.run(),
        Command::Exec { action } => crate::exec::exec(&action, &registry),
    }
}

impl Global {
    /// The pipeline with another profile, and nothing set.
    fn open_profile(&self, profile: Option<&str>, registry: Registry) -> Result<Project> {
        let overrides = Overrides { profile, set: &[] };
        let (folder, file) = (self.folder.as_deref(), self.file.as_deref());
        Project::open(&Request { folder, file, overrides, device: &self.device }, registry)
    }

    fn open(&self, registry: Registry) -> Result<Project> {
        let request = Request {
            folder: self.folder.as_deref(),
            file: self.file.as_deref(),
            overrides: Overrides { profile: self.profile.as_deref(), set: &self.set },
            device: &self.device,
        };
        let project = Project::open(&request, registry)?;
        if project.built_in && self.verbosity() > Verbosity::Quiet && !self.json {
            anstream::eprintln!("note: no pipeline.toml here or above: this is the built-in one, on synthetic leaves");
        }
        Ok(project)
    }

    fn verbosity(&self) -> Verbosity {
        match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        }
    }
}

impl Color {
    fn write_global(self) {
        let choice = match self {
            Self::Auto => return,
            Self::Always => ColorChoice::Always,
            Self::Never => ColorChoice::Never,
        };
        match choice {
            ColorChoice::Always => anstream::ColorChoice::Always.write_global(),
            _ => anstream::ColorChoice::Never.write_global(),
        }
    }
}

/// The command line as clap knows it.
fn command_line() -> clap::Command {
    <Cli as clap::CommandFactory>::command()
}

/// Writes words to standard error; where that fails, the exit code still tells.
fn complain(text: &str) {
    let _ = writeln!(anstream::stderr(), "{text}");
}

/// Writes data to standard output; a reader that has gone ends the command without a word.
fn print(text: &str) -> Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(|error| match error.kind() {
        std::io::ErrorKind::BrokenPipe => Error::BrokenPipe,
        _ => Error::failed(format!("cannot write to standard output: {error}")),
    })
}

/// Writes one JSON document to standard output.
fn print_json(document: &serde_json::Value) -> Result<()> {
    print(&format!("{document:#}\n"))
}
