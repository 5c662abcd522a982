//! Sources that lie elsewhere: [`fetch`] brings one into `cache/downloads/`, and goes on where it broke off.

use crate::cache::{Cache, make};
use crate::error::{Error, Result};
use crate::interrupt;
use crate::pipeline::Remote;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

/// The hub that `hf://` means; the variable is the hub's own.
const HUB: &str = "https://huggingface.co";
const HUB_VARIABLE: &str = "HF_ENDPOINT";
/// The file of a model on the hub that is meant where none is named.
const HUB_FILE: &str = "model.safetensors";

impl Remote {
    /// The address to ask: `hf://owner/name`, with `@revision` or `/file` or both, is a file on the hub.
    fn address(&self) -> Result<String> {
        let Some(rest) = self.url.strip_prefix("hf://") else { return Ok(self.url.clone()) };
        let mut parts = rest.splitn(3, '/');
        let (Some(owner), Some(name)) = (parts.next(), parts.next().filter(|name| !name.is_empty())) else {
            return Err(Error::usage(format!("{} names no model", self.url))
                .hint("a model on the hub is hf://OWNER/NAME, or hf://OWNER/NAME@REVISION/FILE"));
        };
        let (name, revision) = name.split_once('@').unwrap_or((name, "main"));
        let file = parts.next().unwrap_or(HUB_FILE);
        let hub = std::env::var(HUB_VARIABLE).unwrap_or_else(|_| HUB.to_owned());
        Ok(format!("{}/{owner}/{name}/resolve/{revision}/{file}", hub.trim_end_matches('/')))
    }

    /// Where it lies once it has come: under its own file name, in a folder of the address's digest.
    pub fn path(&self, cache: &Cache) -> PathBuf {
        let place = blake3::hash(format!("{} {}", self.url, self.sha256.as_deref().unwrap_or_default()).as_bytes());
        let address =
            if self.url.starts_with("hf://") && self.url.matches('/').count() < 4 { HUB_FILE } else { &self.url };
        let name = address.split(['?', '#']).next().unwrap_or_default().rsplit('/').next().unwrap_or_default();
        let name = if name.is_empty() { "download" } else { name };
        cache.root.join("downloads").join(&place.to_hex()[..16]).join(name)
    }
}

/// Downloads the source `name`; `progress` hears how many bytes of how many are there (0 when the server does not say).
///
/// # Errors
/// A server that refuses or breaks off, a full disk, a file that is not the one wanted: what came is kept, or removed
/// when it is wrong.
pub fn fetch(name: &str, remote: &Remote, path: &Path, progress: &mut dyn FnMut(u64, u64)) -> Result<()> {
    make(path.parent().expect("a download has a folder"))?;
    let part = path.with_added_extension("part");
    let tag_file = path.with_added_extension("etag");
    let have = fs::metadata(&part).map_or(0, |meta| meta.len());
    let tag = fs::read_to_string(&tag_file).ok().filter(|_| have > 0);
    let answer = ask(name, &remote.address()?, tag.as_deref().map(|tag| (have, tag)))?;
    if let Some(tag) = &answer.tag {
        fs::write(&tag_file, tag).map_err(|error| Error::io("write", &tag_file, &error))?;
    }
    let start = if answer.goes_on { have } else { 0 };
    let total = answer.rest.map(|rest| start + rest);
    let mut file = OpenOptions::new()
        .create(true)
        .write(true)
        .append(answer.goes_on)
        .truncate(!answer.goes_on)
        .open(&part)
        .map_err(|error| Error::io("write", &part, &error))?;
    let done = receive(answer.body, &mut file, &part, start, total, progress).map_err(|error| match error {
        Error::Failed { message, hint: None } => {
            Error::failed(format!("the download of {} broke off: {message}", remote.url))
                .hint("run again: it goes on from where it stopped")
        }
        other => other,
    })?;
    if total.is_some_and(|total| total != done) {
        let total = total.unwrap_or_default();
        return Err(Error::failed(format!("the download of {} broke off after {done} of {total} bytes", remote.url))
            .hint("run again: it goes on from where it stopped"));
    }
    file.sync_all().map_err(|error| Error::io("write", &part, &error))?;
    check(remote, &part)?;
    fs::rename(&part, path).map_err(|error| Error::io("write", path, &error))?;
    crate::cache::remove(&tag_file)
}

/// What a server answered.
struct Answer {
    /// Whether it sends the rest of what is there, and not all.
    goes_on: bool,
    /// How many bytes it will send.
    rest: Option<u64>,
    tag: Option<String>,
    body: Box<dyn Read>,
}

fn ask(name: &str, address: &str, known: Option<(u64, &str)>) -> Result<Answer> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(std::time::Duration::from_secs(30)))
        .timeout_per_read(Some(std::time::Duration::from_mins(1)))
        .build()
        .into();
    let mut request = agent.get(address);
    if let Some((have, tag)) = known {
        request = request.header("Range", format!("bytes={have}-")).header("If-Range", tag);
    }
    let response = request.call().map_err(|error| {
        Error::failed(format!("cannot download {address}: {error}"))
            .hint(format!("check the network, or download it by hand and say where it lies: --set sources.{name}=PATH"))
    })?;
    let status = response.status();
    if !status.is_success() {
        return Err(Error::failed(format!("cannot download {address}: the server answers {status}")).hint(format!(
            "check the address, or download it by hand and say where it lies: --set sources.{name}=PATH"
        )));
    }
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    // A weak tag does not promise the same bytes.
    let tag = header("etag").filter(|tag| !tag.starts_with("W/"));
    let rest = header("content-length").and_then(|length| length.parse().ok());
    Ok(Answer { goes_on: status.as_u16() == 206, rest, tag, body: Box::new(response.into_body().into_reader()) })
}

fn receive(
    mut body: impl Read,
    file: &mut File,
    path: &Path,
    start: u64,
    total: Option<u64>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut done = start;
    loop {
        interrupt::check()?;
        let read = body.read(&mut buffer).map_err(|error| Error::failed(format!("{error} after {done} bytes")))?;
        if read == 0 {
            return Ok(done);
        }
        file.write_all(&buffer[..read]).map_err(|error| {
            Error::io("write", path, &error).hint("free some space and run again: the download goes on from there")
        })?;
        done += read as u64;
        progress(done, total.unwrap_or(0));
    }
}

/// Holds what came against the digest wanted; what is wrong is removed.
fn check(remote: &Remote, part: &Path) -> Result<()> {
    use sha2::{Digest, Sha256};
    let Some(wanted) = &remote.sha256 else { return Ok(()) };
    let mut file = File::open(part).map_err(|error| Error::io("read", part, &error))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = file.read(&mut buffer).map_err(|error| Error::io("read", part, &error))?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let found = hasher.finalize().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    if found == *wanted {
        return Ok(());
    }
    crate::cache::remove(part)?;
    Err(Error::Integrity {
        message: format!("{} is not the file wanted: its sha256 is {found}, not {wanted}", remote.url),
        hint: Some("correct the address or the sha256 in the pipeline file; what came was removed".to_owned()),
    })
}
