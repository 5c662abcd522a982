//! Who it is measured beside: `find`, `b3sum` and [`Dvc`].

use crate::beside::program;
use crate::world::{World, copy, make, photographs, write};
use std::cell::Cell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A bare walk with stat.
pub fn walk(folder: &Path, places: &[&str]) -> Command {
    let mut command = Command::new("find");
    command.args(places).args(["-printf", "%s %T@\\n"]).current_dir(folder);
    command
}

/// `b3sum` over the files that `status` has to hash, listed beforehand.
pub struct B3sum {
    program: PathBuf,
    folder: PathBuf,
    list: PathBuf,
}

pub fn b3sum(folder: &Path) -> Result<Option<B3sum>, String> {
    let Some(program) = program("B3SUM", "b3sum") else { return Ok(None) };
    let list = folder.join("list");
    let file = File::create(&list).map_err(|error| error.to_string())?;
    let mut find = Command::new("find");
    // An object's manifest, beside its folder, is not read.
    find.args(["photos", "cache/objects", "-type", "f", "-not", "-path", "cache/objects/??/*.json", "-print0"]);
    find.args(["-o", "-path", "cache/objects/??/*/*.json", "-print0"]);
    let status = find.current_dir(folder).stdout(file).status();
    match status {
        Ok(status) if status.success() => Ok(Some(B3sum { program, folder: folder.to_owned(), list })),
        other => Err(format!("{find:?}: {other:?}")),
    }
}

impl B3sum {
    pub fn command(&self) -> Command {
        let mut command = Command::new("xargs");
        command.arg("-0").arg("-a").arg(&self.list).arg(&self.program).current_dir(&self.folder);
        command
    }
}

/// DVC with one stage that copies the same photographs.
pub struct Dvc {
    program: PathBuf,
    folder: PathBuf,
    changes: Cell<usize>,
}

impl Dvc {
    pub fn new(world: &World) -> Result<Option<Self>, String> {
        let Some(program) = program("DVC", "dvc") else { return Ok(None) };
        let folder = world.folder.join("dvc");
        for path in photographs(&world.folder.join("photos"))? {
            let name = path.strip_prefix(world.folder.join("photos")).expect("below");
            copy(&path, &folder.join("photos").join(name))?;
        }
        let copying =
            "stages:\n  copy:\n    cmd: rm -rf out && cp -r photos out\n    deps: [photos]\n    outs: [out]\n";
        write(&folder.join("dvc.yaml"), copying.as_bytes())?;
        make(&folder.join("home"))?;
        let dvc = Self { program, folder, changes: Cell::new(0) };
        let mut git = Command::new("git");
        git.args(["init", "-q", "."]).current_dir(&dvc.folder);
        let told = dvc.command(&["config", "core.analytics", "false"]);
        for mut command in [git, dvc.command(&["init", "-q"]), told, dvc.command(&["repro", "-q"])] {
            let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
            if !status.as_ref().is_ok_and(std::process::ExitStatus::success) {
                return Err(format!("{command:?}: {status:?}"));
            }
        }
        Ok(Some(dvc))
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command.args(args).current_dir(&self.folder).env("HOME", self.folder.join("home"));
        command
    }

    /// Changes one photograph.
    pub fn change(&self) -> Result<(), String> {
        self.changes.set(self.changes.get() + 1);
        let all = photographs(&self.folder.join("photos"))?;
        let path = &all[self.changes.get() * 7 % all.len()];
        let mut bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        bytes.extend(self.changes.get().to_le_bytes());
        write(path, &bytes)
    }
}
