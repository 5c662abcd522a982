//! `OpenCV`, Pillow and libvips, kept running by one Python: [`Peers`].

use plantpipe_pixels::RgbImage;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

pub struct Peers {
    child: Child,
    asks: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    names: Vec<String>,
    pixels: tempfile::TempDir,
}

impl Peers {
    /// `None` where no Python is named.
    pub fn start(folder: &Path, repeat: usize) -> Result<Option<Self>, String> {
        let Some(python) = std::env::var_os("PEERS_PYTHON") else { return Ok(None) };
        let pixels = tempfile::tempdir().map_err(|error| error.to_string())?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/resize/peers.py");
        let mut command = Command::new(&python);
        command.arg(script).arg(folder).arg(repeat.to_string()).arg(pixels.path());
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.map_err(|error| format!("{}: {error}", python.display()))?;
        let asks = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let mut peers = Self { child, asks, answers, names: Vec::new(), pixels };
        peers.names = peers.answer()?.split('\t').map(str::to_owned).collect();
        Ok(Some(peers))
    }

    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// How many seconds it takes for all photographs.
    pub fn run(&mut self, name: &str) -> Result<f64, String> {
        let asks = self.asks.as_mut().expect("open until the end");
        writeln!(asks, "{name}").map_err(|error| format!("{name}: {error}"))?;
        let answer = self.answer()?;
        answer.parse().map_err(|_| format!("{name}: {answer}"))
    }

    /// Its results, before they were encoded.
    pub fn pixels(&self, name: &str, photographs: &[PathBuf]) -> Result<Vec<RgbImage>, String> {
        let one = |path: &PathBuf| {
            let stem = path.file_stem().expect("a file").to_string_lossy().into_owned();
            let path = self.pixels.path().join(name).join(stem + ".rgb");
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            RgbImage::from_raw(super::SIZE, super::SIZE, bytes).ok_or(format!("{}: of another size", path.display()))
        };
        photographs.iter().map(one).collect()
    }

    fn answer(&mut self) -> Result<String, String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(1..) => Ok(line.trim().to_owned()),
            other => Err(format!("the peers ended: {other:?}")),
        }
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        // It ends when nothing more is asked.
        drop(self.asks.take());
        let _ = self.child.wait();
    }
}
