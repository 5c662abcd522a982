//! The kind [`COMMAND`]: any program as a stage, its inputs, outputs and params in its environment.

use plantpipe_stage::{
    ANY, Arity, Code, Context, Error, InputSpec, IoContext, Kind, OutputSpec, ParamSpec, ParamType, Reads, Result,
    Uses, code,
};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};

/// Every kind of this crate.
pub const KINDS: &[&Kind] = &[&COMMAND];

const OWN: Code = code!("command", "lib.rs");

/// Runs a shell command line in the folder of the pipeline file. It reads the folders and files named by
/// `PLANTPIPE_INPUT_<NAME>` (several: a line each), writes into the empty folders named by `PLANTPIPE_OUTPUT_<NAME>`,
/// and finds each of its params in `PLANTPIPE_PARAM_<NAME>`, all of them in `PLANTPIPE_PARAMS` as JSON,
/// `PLANTPIPE_SEED` and `PLANTPIPE_THREADS`. What it prints is told, line by line. Exit code 0 is success; an output left empty
/// is not.
pub const COMMAND: Kind = Kind {
    name: "command",
    doc: "runs any program; inputs, outputs and params are in its environment",
    inputs: &[InputSpec {
        name: ANY,
        doc: "whatever it reads, in the variable PLANTPIPE_INPUT_<NAME>",
        format: ANY,
        arity: Arity::Any,
        reads: Reads::All,
    }],
    outputs: &[OutputSpec {
        name: ANY,
        doc: "as the stage declares; the folder to fill is in PLANTPIPE_OUTPUT_<NAME>",
        format: ANY,
    }],
    params: &[
        ParamSpec {
            name: "run",
            doc: "the command line, for `sh -c`, started in the pipeline file's folder",
            ty: ParamType::Text,
            default: None,
        },
        ParamSpec {
            name: "files",
            doc: "files and folders that the program consists of: when their content changes, the stage is stale",
            ty: ParamType::Texts,
            default: Some("[]"),
        },
        ParamSpec {
            name: "outputs",
            doc: "its outputs with their formats, such as { predictions = \"predictions\" }",
            ty: ParamType::TextTable,
            default: Some("{}"),
        },
        ParamSpec {
            name: "params",
            doc: "values for the program, each in PLANTPIPE_PARAM_<NAME>",
            ty: ParamType::Table,
            default: Some("{}"),
        },
    ],
    code: &[&OWN],
    crates: &[],
    uses: Uses { seed: true, ..Uses::NOTHING },
    run,
};

/// The params of [`COMMAND`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct CommandParams {
    run: String,
    /// Their content is an input; the program knows where they lie.
    #[expect(dead_code, reason = "read by the engine")]
    files: Vec<String>,
    outputs: BTreeMap<String, String>,
    params: BTreeMap<String, Value>,
}

/// Fails when the program cannot be started, does not end with exit code 0 or leaves an output empty.
fn run(ctx: &Context) -> Result<()> {
    let params: CommandParams = ctx.params()?;
    let mut command = Command::new("sh");
    command.arg("-c").arg(&params.run).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for name in ctx.input_names() {
        let paths: Vec<String> = ctx.inputs(name).iter().map(|artifact| artifact.path.display().to_string()).collect();
        command.env(variable("INPUT", name), paths.join("\n"));
    }
    for name in params.outputs.keys() {
        command.env(variable("OUTPUT", name), ctx.output(name)?);
    }
    let mut taken = BTreeMap::new();
    for (name, value) in &params.params {
        let variable = variable("PARAM", name);
        if let Some(first) = taken.insert(variable.clone(), name) {
            return Err(Error::new(format!("its params `{first}` and `{name}` would both be {variable}"))
                .hint("rename one of them in the stage's `params`"));
        }
        command.env(variable, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    command.env("PLANTPIPE_PARAMS", serde_json::to_string(&params.params).expect("params are JSON"));
    command.env("PLANTPIPE_SEED", ctx.seed().to_string());
    command.env("PLANTPIPE_THREADS", ctx.threads().to_string());

    let mut child = command.spawn().io("start", "sh")?;
    let (stdout, stderr) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    let last_words = std::thread::scope(|scope| {
        let complaints = scope.spawn(|| tell(ctx, stderr));
        tell(ctx, stdout);
        complaints.join().expect("telling does not panic")
    });
    let status = child.wait().io("wait for", "sh")?;
    if !status.success() {
        return Err(failed(status, last_words));
    }
    for name in params.outputs.keys() {
        let folder = ctx.output(name)?;
        if folder.read_dir().io("read", &folder)?.next().is_none() {
            return Err(Error::new(format!("its program wrote nothing into the output `{name}`")).hint(format!(
                "write into the folder {}, or take `{name}` out of `outputs`",
                variable("OUTPUT", name)
            )));
        }
    }
    Ok(())
}

/// `PLANTPIPE_INPUT_TEST_SET` of `test-set`: a shell knows only letters, digits and `_`.
fn variable(sort: &str, name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    format!("PLANTPIPE_{sort}_{}", name.chars().map(plain).collect::<String>())
}

/// Tells every line; returns the last that is not empty.
fn tell(ctx: &Context, stream: impl Read) -> Option<String> {
    let mut last = None;
    let mut reader = BufReader::new(stream);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        line.clear();
        if !text.is_empty() {
            ctx.note(text.clone());
            last = Some(text);
        }
    }
    last
}

fn failed(status: ExitStatus, last_words: Option<String>) -> Error {
    let how = match status.code() {
        Some(127) => "its program was not found (exit code 127)".to_owned(),
        Some(code) => format!("its program ended with exit code {code}"),
        None => format!("its program was stopped ({status})"),
    };
    let error = Error::new(last_words.map_or_else(|| how.clone(), |words| format!("{how}: {words}")));
    error.hint("what it printed stands above; the command line is the stage's `run`")
}
