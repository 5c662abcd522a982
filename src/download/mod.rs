//! Sources that lie elsewhere: [`bring`] gets one into `cache/downloads/`, from the hub's own cache or from a server, and
//! goes on where it broke off. The only room that knows a network.

mod address;
mod http;
mod hub;
mod kept;

pub use kept::Kept;

use crate::cache::{Cache, make, remove};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::interrupt;
use crate::lock::LockedSource;
use crate::pipeline::Remote;
use address::Address;
use http::{Answer, Beginning, Content, Refusal};
use hub::{HUB_NAMES, Hub, HubName, is_commit};
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Something that lies elsewhere and is wanted here.
pub struct Wish<'a> {
    /// What events call it.
    pub name: &'a str,
    pub remote: &'a Remote,
    /// What the lock file says of it.
    pub locked: Option<LockedSource>,
    /// The lock file's name.
    pub lock_name: String,
    /// Nothing may be asked for.
    pub offline: bool,
    /// How to say where it lies instead: `--set sources.weights=PATH`.
    pub instead: String,
}

impl Remote {
    /// Where it lies once it has come: under its own file name, in a folder of the address's digest.
    pub fn path(&self, cache: &Cache) -> PathBuf {
        let place = blake3::hash(format!("{} {}", self.url, self.sha256.as_deref().unwrap_or_default()).as_bytes());
        let file = match HubName::parse(&self.url) {
            Some(Ok(name)) => name.file,
            _ => self.url.split(['?', '#']).next().unwrap_or_default().to_owned(),
        };
        let name = file.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("download");
        cache.root.join("downloads").join(&place.to_hex()[..16]).join(name)
    }
}

/// The file wished for: the one that came before, if it still is what it was and what is wanted, else a new one.
///
/// # Errors
/// An address that may not be asked, a server that refuses or breaks off, a full disk, a file that is not the one wanted:
/// what came is kept, or removed when it is wrong.
pub fn bring(wish: &Wish, cache: &mut Cache, tell: &mut dyn FnMut(Event)) -> Result<Kept> {
    let path = wish.remote.path(cache);
    if path.exists() {
        let now = cache.scanner.scan(&path)?.manifest.entries()[0].digest;
        let kept = match Kept::read(&path) {
            Some(kept) => kept,
            None => Kept::of(&path, None)?,
        };
        let what = match (kept.blake3 == now, kept.is_wanted(wish)) {
            (true, true) => return Ok(kept),
            (true, false) if wish.offline => return Err(kept.refused(wish, "without --offline it is downloaded again")),
            (true, false) => "is not the file wanted now".to_owned(),
            (false, _) => "was altered in the cache".to_owned(),
        };
        tell(Event::Note { note: format!("{}: what was downloaded {what}", wish.name) });
    }
    make(path.parent().expect("a download has a folder"))?;
    let (started, tag) = (Instant::now(), path.with_added_extension("etag"));
    let part = path.with_added_extension("part");
    let kept = match wish.hub_copy(&part, tell)? {
        Some(kept) => kept,
        None => wish.download(&part, &tag, tell)?,
    };
    // Last of all the file itself: where it lies, it is whole and known.
    kept.write(&path)?;
    fs::rename(&part, &path).map_err(|error| Error::io("write", &path, &error))?;
    remove(&tag)?;
    cache.scanner.forget(&path);
    let (source, seconds) = (wish.name.to_owned(), started.elapsed().as_secs_f64());
    tell(Event::SourceKept { source, bytes: kept.size, sha256: kept.sha256.clone(), seconds });
    Ok(kept)
}

impl Wish<'_> {
    /// The name on the hub, if it is one, and the revision to ask for: the one known by now before the one named.
    fn hub_name(&self) -> Result<Option<(HubName, String)>> {
        let Some(name) = HubName::parse(&self.remote.url) else { return Ok(None) };
        let name = name.map_err(|why| Error::usage(format!("{} {why}", self.remote.url)).hint(HUB_NAMES))?;
        let known = self.locked.as_ref().and_then(|locked| locked.revision.clone());
        let revision = known.unwrap_or_else(|| name.revision.clone());
        Ok(Some((name, revision)))
    }

    /// What the hub's own tools have on this machine, if it is what is wanted.
    fn hub_copy(&self, part: &Path, tell: &mut dyn FnMut(Event)) -> Result<Option<Kept>> {
        let Some((name, revision)) = self.hub_name()? else { return Ok(None) };
        let Some((file, commit)) = Hub::from_environment().cached(&name, &revision) else { return Ok(None) };
        let kept = Kept::of(&file, Some(commit))?;
        if !kept.is_wanted(self) {
            return Ok(None);
        }
        tell(Event::SourceFetched { source: self.name.to_owned(), url: file.display().to_string() });
        fs::copy(&file, part).map_err(|error| Error::io("write", part, &error))?;
        let copied = Kept::of(part, kept.revision.clone())?;
        if copied == kept {
            return Ok(Some(kept));
        }
        remove(part)?;
        Err(Error::failed(format!("{} changed while it was copied", file.display())).hint("run again"))
    }

    /// Downloads it into `part`.
    fn download(&self, part: &Path, tag: &Path, tell: &mut dyn FnMut(Event)) -> Result<Kept> {
        let hub = Hub::from_environment();
        let name = self.hub_name()?;
        if self.offline || (name.is_some() && hub.offline) {
            let how = if self.offline { "without --offline" } else { "without HF_HUB_OFFLINE" };
            return Err(Error::failed(format!("{} is not on this machine yet", self.remote.url))
                .hint(format!("run {how}, or say where it lies: {}", self.instead)));
        }
        let (address, token) = match &name {
            Some((name, revision)) => (hub.address(name, revision), hub.token.as_deref()),
            None => (Address::parse(&self.remote.url), None),
        };
        let address = address.map_err(|why| {
            Error::usage(format!("cannot download {}: {why}", self.remote.url))
                .hint(format!("correct the address, or say where it lies: {}", self.instead))
        })?;
        tell(Event::SourceFetched { source: self.name.to_owned(), url: self.remote.url.clone() });
        let answer = self.ask(&address, &mut beginning(part, tag), token)?;
        let revision = answer.revision.clone().filter(|commit| name.is_some() && is_commit(commit));
        self.receive(answer, part, tag, tell)?;
        let kept = Kept::of(part, revision)?;
        kept.check(self, part)?;
        Ok(kept)
    }

    /// Asks for the rest, and where that does not fit what is here, for all.
    fn ask(&self, address: &Address, beginning: &mut Option<Beginning>, token: Option<&str>) -> Result<Answer> {
        loop {
            let answer =
                http::get(address, beginning.as_ref(), token).map_err(|refusal| self.refused(address, &refusal))?;
            match answer.content {
                Content::Misfit => *beginning = None,
                _ => return Ok(answer),
            }
        }
    }

    fn refused(&self, address: &Address, refusal: &Refusal) -> Error {
        let url = &self.remote.url;
        let (why, check) = match refusal {
            Refusal::Unreachable(why) => (why.clone(), "check the network".to_owned()),
            Refusal::Status { server, status } => {
                let is_hub = url.starts_with("hf://") && server.is_of(address);
                let server = if *url == server.to_string() { "the server".to_owned() } else { server.to_string() };
                let check = match status.as_u16() {
                    // The hub answers so for models that it does not have, too.
                    401 | 403 if is_hub => "check the name; a private or gated model wants HF_TOKEN",
                    429 | 500.. => "try again later",
                    _ => "check the address",
                };
                (format!("{server} answers {status}"), check.to_owned())
            }
        };
        Error::failed(format!("cannot download {url}: {why}"))
            .hint(format!("{check}, or download it by hand and say where it lies: {}", self.instead))
    }

    /// Writes what comes, after what is here or over it.
    fn receive(&self, answer: Answer, part: &Path, tag: &Path, tell: &mut dyn FnMut(Event)) -> Result<()> {
        let (length, body, goes_on) = match answer.content {
            Content::Whole { length, body } => (length, body, false),
            Content::Rest { length, body } => (length, body, true),
            Content::Nothing | Content::Misfit => return Ok(()),
        };
        if !goes_on {
            // A tag must never stand beside bytes of another content, whenever this is killed.
            remove(tag)?;
        }
        let write = |error: std::io::Error| Error::io("write", part, &error);
        let mut options = OpenOptions::new();
        options.create(true).write(true).append(goes_on).truncate(!goes_on);
        let mut file = options.open(part).map_err(write)?;
        if let (false, Some(text)) = (goes_on, &answer.tag) {
            fs::write(tag, text).map_err(|error| Error::io("write", tag, &error))?;
        }
        let here = file.metadata().map_err(write)?.len();
        let total = length.map(|length| here + length);
        let mut progress = |done| {
            let (stage, unit) = (self.name.to_owned(), "bytes".to_owned());
            tell(Event::StageProgress { stage, done, total: total.unwrap_or(0), unit });
        };
        let done = pour(body, &mut file, part, here, &mut progress).map_err(|error| match error {
            Error::Failed { message, hint: None } => self.broke_off(&message),
            other => other,
        })?;
        if let Some(total) = total.filter(|total| *total != done) {
            return Err(self.broke_off(&format!("{done} of {total} bytes came")));
        }
        file.sync_all().map_err(write)
    }

    fn broke_off(&self, why: &str) -> Error {
        Error::failed(format!("the download of {} broke off: {why}", self.remote.url))
            .hint("run again: it goes on from where it stopped")
    }
}

/// What is here of a download that broke off, if its content has a tag.
fn beginning(part: &Path, tag: &Path) -> Option<Beginning> {
    let bytes = fs::metadata(part).ok()?.len();
    let tag = fs::read_to_string(tag).ok()?;
    (bytes > 0).then_some(Beginning { bytes, tag })
}

/// Writes a body to the end of a file; how long the file is then.
fn pour(mut body: impl Read, file: &mut File, path: &Path, here: u64, progress: &mut dyn FnMut(u64)) -> Result<u64> {
    let mut buffer = vec![0; 1 << 16];
    let mut done = here;
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
        progress(done);
    }
}
