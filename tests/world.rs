//! Small worlds for tests: [`World`], a temporary project with a binary to run in it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// A temporary project.
pub struct World {
    folder: tempfile::TempDir,
    program: PathBuf,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    /// A project for the engine with fake kinds.
    pub fn fake(pipeline: &str) -> Self {
        let exe = std::env::current_exe().expect("a test knows its path");
        let profile = exe.ancestors().nth(2).expect("target/<profile>/deps/tests");
        Self::with(profile.join("examples/fake"), pipeline)
    }

    /// A project for plantpipe itself.
    #[cfg(all(feature = "data", feature = "learn", feature = "judge"))]
    pub fn leaves(pipeline: &str) -> Self {
        Self::with(env!("CARGO_BIN_EXE_plantpipe").into(), pipeline)
    }

    fn with(program: PathBuf, pipeline: &str) -> Self {
        assert!(program.exists(), "{} is not built", program.display());
        let world = Self { folder: tempfile::tempdir().expect("a temp folder"), program };
        world.write("pipeline.toml", pipeline);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("makes a folder");
        fs::write(path, content).expect("writes");
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Replaces a word of the pipeline file.
    pub fn edit(&self, old: &str, new: &str) {
        let text = self.read("pipeline.toml");
        assert!(text.contains(old), "`{old}` is not in the pipeline file");
        self.write("pipeline.toml", text.replace(old, new));
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(self.folder.path()).env_remove("RAYON_NUM_THREADS").env("NO_COLOR", "1");
        command
    }

    /// Runs to the end.
    pub fn go(&self, args: &[&str]) -> Ended {
        self.command(args).output().expect("starts").into()
    }

    /// Runs, and fails the test when it doesn't end well.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> Ended {
        let ended = self.go(args);
        assert_eq!(ended.code, 0, "{args:?}: {}", ended.stderr);
        ended
    }

    /// Starts in the background, output piped.
    pub fn start(&self, args: &[&str]) -> Child {
        self.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("starts")
    }

    /// `run`, and the names of the stages that ran.
    #[track_caller]
    pub fn run(&self, args: &[&str]) -> Vec<String> {
        // One at a time, so that the order is that of the graph.
        let ended = self.ok(&[&["run", "--json", "-j", "1"], args].concat());
        events(&ended.stdout, "stage_started").iter().map(|event| text(&event["stage"])).collect()
    }

    /// `status --json` as `name state` lines.
    #[track_caller]
    pub fn states(&self, args: &[&str]) -> Vec<String> {
        let ended = self.ok(&[&["status", "--json"], args].concat());
        let document: serde_json::Value = serde_json::from_str(&ended.stdout).expect("one JSON document");
        let stages = document["stages"].as_array().expect("stages");
        stages.iter().map(|stage| format!("{} {}", text(&stage["name"]), text(&stage["state"]))).collect()
    }
}

/// The events of one sort in an NDJSON stream.
pub fn events(ndjson: &str, sort: &str) -> Vec<serde_json::Value> {
    let lines = ndjson.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("JSON a line"));
    lines.filter(|event| event["event"] == sort).collect()
}

pub fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("a string").to_owned()
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt;
        let code = output.status.code().unwrap_or_else(|| 128 + output.status.signal().unwrap_or_default());
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// The one process that another has started.
pub fn only_child(process: u32) -> u32 {
    let told = Command::new("pgrep").args(["-P", &process.to_string()]).output().expect("pgrep is there").stdout;
    String::from_utf8(told).expect("digits").trim().parse().expect("the stage runs in a child process")
}

/// Whether a process has ended.
pub fn is_gone(process: u32) -> bool {
    let state = state(process);
    state.is_empty() || state.contains(") Z ")
}

/// What the system says of a process; empty where there is none.
pub fn state(process: u32) -> String {
    fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default()
}

/// Waits until something is so, at most ten seconds.
#[track_caller]
pub fn wait_until(what: &str, mut so: impl FnMut() -> bool) {
    for _ in 0..1000 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("waited in vain: {what}");
}

/// Every file below a folder with its bytes, but for those named.
pub fn tree(folder: &Path, but: &str) -> std::collections::BTreeMap<String, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if entry.file_name() != but {
                let name = path.strip_prefix(folder).expect("below").display().to_string();
                files.insert(name, fs::read(&path).expect("reads"));
            }
        }
    }
    files
}

/// Whether a folder is absent or has nothing in it.
pub fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).map_or(true, |mut entries| entries.next().is_none())
}
