//! Files -> digests, cheaply: [`Scanner`] walks each place once a command and hashes only what its stat cache
//! doesn't know.

use super::digest::{Digest, FileEntry, Manifest, Part, hash_file};
use super::names::Names;
use super::remembered;
use super::walk::{GRANULARITY, Stat, Walked, Wanted, stat_again, walk, walk_at};
use crate::error::{Error, Result};
use plantpipe_stage::Reads;
use rayon::prelude::*;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A file or folder as it was when it was looked at.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub manifest: Arc<Manifest>,
    /// Of each file, as the manifest lists them.
    stats: Arc<Vec<Stat>>,
}

/// A place that was walked and not hashed yet.
pub struct Seen {
    pub walked: Walked,
    /// Just before that.
    looked: i64,
}

impl Seen {
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn of(place: &Path) -> Result<Self> {
        let looked = now();
        Ok(Self { walked: walk(place)?, looked })
    }

    /// Whether a file may have changed since without its times showing it.
    pub fn is_racy(&self, at: usize) -> bool {
        self.walked.stats[at].is_racy(self.looked)
    }

    /// Looks again at a file that was touched since: it is racy now.
    pub fn look_again(&mut self, at: usize, path: &Path) -> Result<()> {
        self.walked.stats[at] = stat_again(path)?;
        Ok(())
    }
}

/// What is known of a place.
struct Known {
    snapshot: Snapshot,
    /// The files whose times don't tell whether they changed since: the next look hashes them again.
    racy: Vec<usize>,
    look: Look,
    /// Whether the stat cache on the disk says the same.
    saved: bool,
}

/// When a place was looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Look {
    ByThisCommand,
    Before,
}

/// The stat cache, a file a place, and what this command has scanned already.
pub struct Scanner {
    folder: PathBuf,
    /// Places below it are known by their path in it: a project that is moved keeps its stat cache.
    base: PathBuf,
    places: BTreeMap<PathBuf, Known>,
}

impl Scanner {
    /// A scanner that remembers in `folder`.
    pub fn open(folder: PathBuf, base: PathBuf) -> Self {
        Self { folder, base, places: BTreeMap::new() }
    }

    /// Writes the stat cache of the places of which it learnt anything.
    pub fn save(&mut self) -> Result<()> {
        if self.folder.is_file() {
            // An earlier version kept all places in one file.
            super::remove(&self.folder)?;
        }
        for (place, known) in &mut self.places {
            if known.saved {
                continue;
            }
            let mut stats = Arc::clone(&known.snapshot.stats);
            if !known.racy.is_empty() {
                let stats = Arc::make_mut(&mut stats);
                known.racy.iter().for_each(|at| stats[*at] = stats[*at].forgotten());
            }
            let name = name(&self.base, place);
            let file = file(&self.folder, &name);
            remembered::write(&file, &name, &known.snapshot.manifest, &stats)
                .map_err(|error| Error::io("write", &file, &error))?;
            known.saved = true;
        }
        Ok(())
    }

    /// The digests of a file or folder; scanned once a command.
    ///
    /// # Errors
    /// When it is absent or unreadable, or a name in it is no UTF-8.
    pub fn scan(&mut self, place: &Path) -> Result<Snapshot> {
        let earlier = self.known(place);
        if let Some(known) = earlier
            && known.look == Look::ByThisCommand
        {
            return Ok(known.snapshot.clone());
        }
        let earlier = self.places.remove(place);
        let known = look(place, Seen::of(place)?, earlier, None)?;
        let snapshot = known.snapshot.clone();
        self.places.insert(place.to_owned(), known);
        Ok(snapshot)
    }

    /// Forgets what this command saw of a place, because it has just been written.
    pub fn forget(&mut self, place: &Path) {
        if let Some(known) = self.places.get_mut(place) {
            known.look = Look::Before;
        }
    }

    /// Forgets every digest of a place, so that its bytes are read again: a disk can lose a byte without any time that
    /// tells it.
    pub fn distrust(&mut self, place: &Path) {
        self.removed(place);
    }

    /// Forgets every digest of every place.
    pub fn distrust_all(&mut self) -> Result<()> {
        self.places.clear();
        super::remove(&self.folder)
    }

    /// A folder was renamed: its files keep their times and inodes, so what is known of them stays true.
    pub fn moved(&mut self, from: &Path, to: &Path) {
        let known = self.known(from).is_some().then(|| self.places.remove(from)).flatten();
        self.removed(from);
        self.removed(to);
        if let Some(known) = known {
            self.places.insert(to.to_owned(), Known { saved: false, ..known });
        }
    }

    /// The digests of a folder that has just been made and walked.
    ///
    /// Files of an earlier one, as it was when it was looked at, may have been linked into it: a link changes a file's
    /// ctime and nothing else, so what is known of them stays true under all their names.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn take_in(&mut self, place: &Path, seen: Seen, linked: Option<(&Path, &Snapshot)>) -> Result<Snapshot> {
        let links = linked.map(|(_, before)| Linked::new(before));
        let earlier = self.known(place).is_some().then(|| self.places.remove(place)).flatten();
        let known = look(place, seen, earlier, links.as_ref())?;
        if let (Some((from, before)), Some(links)) = (linked, links) {
            let racy = self.known(from).map(|known| known.racy.clone()).unwrap_or_default();
            let snapshot = Snapshot { manifest: Arc::clone(&before.manifest), stats: Arc::new(links.since(&known)) };
            self.places.insert(from.to_owned(), Known { snapshot, racy, look: Look::Before, saved: false });
        }
        let snapshot = known.snapshot.clone();
        self.places.insert(place.to_owned(), known);
        Ok(snapshot)
    }

    /// A place was removed.
    pub fn removed(&mut self, place: &Path) {
        self.places.remove(place);
        let _ = std::fs::remove_file(file(&self.folder, &name(&self.base, place)));
    }

    /// The manifest of a place as it was when it was last looked at, if it is the one of this digest: what a digest names
    /// does not change.
    pub fn manifest(&mut self, place: &Path, digest: Digest) -> Option<Arc<Manifest>> {
        let manifest = &self.known(place)?.snapshot.manifest;
        (manifest.digest() == digest).then(|| Arc::clone(manifest))
    }

    /// The first file of the part that is read that is not as it was in `snapshot`, by a fresh look.
    ///
    /// # Errors
    /// As [`Scanner::scan`].
    pub fn changed_since(place: &Path, snapshot: &Snapshot, reads: Reads) -> Result<Option<String>> {
        let wanted = |name: &str| if Part::of(name, reads) == Part::Content { Wanted::Stat } else { Wanted::Name };
        let Walked { names, stats, .. } = walk_at(place, &wanted)?;
        let mut changed = None;
        side_by_side(snapshot.manifest.names(), &names, |before, now| {
            let name = before.map(|at| snapshot.manifest.names().get(at)).or(now.map(|at| names.get(at)));
            let name = name.unwrap_or_default();
            let is_same = match (Part::of(name, reads), before, now) {
                (Part::Nothing, ..) | (Part::Name, Some(_), Some(_)) => true,
                (Part::Content, Some(before), Some(now)) => snapshot.stats[before] == stats[now],
                _ => false,
            };
            if !is_same && changed.is_none() {
                changed = Some(name.to_owned());
            }
        });
        Ok(changed)
    }

    /// What is known of a place, from the disk if need be.
    fn known(&mut self, place: &Path) -> Option<&Known> {
        if !self.places.contains_key(place) {
            let name = name(&self.base, place);
            let (manifest, stats) = remembered::read(&file(&self.folder, &name), &name)?;
            let snapshot = Snapshot { manifest: Arc::new(manifest), stats: Arc::new(stats) };
            let known = Known { snapshot, racy: Vec::new(), look: Look::Before, saved: true };
            self.places.insert(place.to_owned(), known);
        }
        self.places.get(place)
    }
}

/// Files that may be found again under other names.
struct Linked<'a> {
    before: &'a Snapshot,
    /// A file may have had several names before: they are one file, and one is enough.
    by_inode: HashMap<u64, usize>,
}

impl<'a> Linked<'a> {
    fn new(before: &'a Snapshot) -> Self {
        let by_inode = before.stats.iter().enumerate().map(|(at, stat)| (stat.inode, at)).collect();
        Self { before, by_inode }
    }

    /// The file that this is another name of: as it was, but for its ctime.
    fn find(&self, stat: &Stat) -> Option<usize> {
        let at = *self.by_inode.get(&stat.inode)?;
        is_but_linked(&self.before.stats[at], stat).then_some(at)
    }

    /// What was before, with the times of those that were found again under new names.
    fn since(&self, known: &Known) -> Vec<Stat> {
        let found = known.snapshot.stats.iter().enumerate();
        let found = found.filter(|(at, _)| known.racy.binary_search(at).is_err());
        let now: HashMap<u64, &Stat> = found.map(|(_, stat)| (stat.inode, stat)).collect();
        let stat = |before: &Stat| **now.get(&before.inode).filter(|now| is_but_linked(before, now)).unwrap_or(&before);
        self.before.stats.iter().map(stat).collect()
    }
}

fn is_but_linked(before: &Stat, now: &Stat) -> bool {
    (before.inode, before.size, before.mtime) == (now.inode, now.size, now.mtime)
}

/// Hashes what is not known of a place that was walked.
fn look(place: &Path, seen: Seen, earlier: Option<Known>, linked: Option<&Linked<'_>>) -> Result<Known> {
    let Seen { walked: Walked { names, stats, .. }, looked } = seen;
    let earlier = match earlier {
        Some(known)
            if known.racy.is_empty() && *known.snapshot.stats == stats && *known.snapshot.manifest.names() == names =>
        {
            return Ok(Known { look: Look::ByThisCommand, ..known });
        }
        Some(mut known) => {
            let stats = Arc::make_mut(&mut known.snapshot.stats);
            known.racy.iter().for_each(|at| stats[*at] = stats[*at].forgotten());
            known.snapshot
        }
        None => Snapshot { manifest: Arc::default(), stats: Arc::default() },
    };
    let mut digests: Vec<Option<Digest>> = vec![None; stats.len()];
    side_by_side(earlier.manifest.names(), &names, |before, now| {
        if let (Some(before), Some(now)) = (before, now)
            && earlier.stats[before] == stats[now]
        {
            digests[now] = Some(earlier.manifest.entries()[before].digest);
        }
    });
    drop(earlier);
    let digest = |(at, known): (usize, &mut Option<Digest>)| -> Result<Option<usize>> {
        let stat = stats[at];
        if known.is_none()
            && let Some(linked) = linked
            && !stat.is_racy(looked)
        {
            *known = linked.find(&stat).map(|at| linked.before.manifest.entries()[at].digest);
        }
        if known.is_some() {
            return Ok(None);
        }
        let path = if names.get(at).is_empty() { place.to_owned() } else { place.join(names.get(at)) };
        *known = Some(hash_file(&path, stat.size).map_err(|error| Error::io("read", &path, &error))?);
        Ok(stat.is_racy(looked).then_some(at))
    };
    let racy = digests.par_iter_mut().enumerate().map(digest).collect::<Result<Vec<_>>>()?;
    let racy = racy.into_iter().flatten().collect();
    let entry = |(stat, digest): (&Stat, Option<Digest>)| FileEntry {
        size: stat.size,
        digest: digest.expect("what was not known has been hashed"),
    };
    let entries = stats.iter().zip(digests).map(entry).collect();
    let snapshot = Snapshot { manifest: Arc::new(Manifest::new(names, entries)), stats: Arc::new(stats) };
    Ok(Known { snapshot, racy, look: Look::ByThisCommand, saved: false })
}

/// Waits until files that were touched until now are no longer racy, so that what a look finds can be remembered.
pub fn settle() {
    std::thread::sleep(Duration::from_nanos(GRANULARITY as u64 + 1_000_000));
}

/// Goes through two sorted lists: each name once, with its place in the one, the other, or both.
pub fn side_by_side(before: &Names, now: &Names, mut each: impl FnMut(Option<usize>, Option<usize>)) {
    let (mut a, mut b) = (0, 0);
    while a < before.len() || b < now.len() {
        let order = match (a < before.len(), b < now.len()) {
            (true, true) => before.get(a).cmp(now.get(b)),
            (true, false) => Ordering::Less,
            _ => Ordering::Greater,
        };
        each(order.is_le().then_some(a), order.is_ge().then_some(b));
        a += usize::from(order.is_le());
        b += usize::from(order.is_ge());
    }
}

/// How a place is called in the stat cache.
fn name(base: &Path, place: &Path) -> String {
    place.strip_prefix(base).unwrap_or(place).to_string_lossy().into_owned()
}

fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(&blake3::hash(name.as_bytes()).to_hex()[..32])
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_nanos() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn scanner(root: &Path) -> Scanner {
        Scanner::open(root.join("stat"), root.to_owned())
    }

    #[test]
    fn who_reads_a_part_is_told_of_changes_in_that_part_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let place = root.path().join("photos");
        let write = |name: &str, text: &str| {
            fs::create_dir_all(place.join("d")).expect("makes");
            fs::write(place.join(name), text).expect("writes");
        };
        for name in ["d/a.jpg", "d/t.csv", "readme"] {
            write(name, "1");
        }
        let snapshot = scanner(root.path()).scan(&place).expect("scans");
        let changed = || {
            [Reads::All, Reads::Images, Reads::Tables]
                .map(|reads| Scanner::changed_since(&place, &snapshot, reads).expect("walks").unwrap_or_default())
        };
        assert_eq!(changed(), ["", "", ""]);
        write("d/a.jpg", "12");
        assert_eq!(changed(), ["d/a.jpg", "d/a.jpg", ""]);
        write("d/b.jpg", "1");
        assert_eq!(changed(), ["d/a.jpg", "d/a.jpg", "d/b.jpg"]);
        fs::remove_file(place.join("d/b.jpg")).expect("removes");
        write("readme", "12");
        assert_eq!(changed(), ["d/a.jpg", "d/a.jpg", "readme"]);
        fs::remove_file(place.join("d/a.jpg")).expect("removes");
        assert_eq!(changed(), ["d/a.jpg", "d/a.jpg", "d/a.jpg"]);
        write("d/a.jpg", "1");
        fs::remove_file(place.join("d/t.csv")).expect("removes");
        assert_eq!(changed()[1..], ["d/a.jpg", "d/t.csv"]);
    }

    #[test]
    fn a_file_touched_just_now_keeps_its_size_in_the_manifest_that_is_remembered() {
        let root = tempfile::tempdir().expect("a folder");
        let place = root.path().join("place");
        fs::create_dir(&place).expect("makes");
        let file = fs::File::create(place.join("a")).expect("creates");
        file.set_modified(SystemTime::now() + Duration::from_mins(1)).expect("touches");
        let mut first = scanner(root.path());
        let found = first.scan(&place).expect("scans").manifest;
        first.save().expect("saves");
        let mut second = scanner(root.path());
        let remembered = second.manifest(&place, found.digest()).expect("is known");
        assert_eq!(remembered.get("a"), found.get("a"));
        assert_ne!(*second.known(&place).expect("is known").snapshot.stats, walk(&place).expect("walks").stats);
    }

    #[test]
    fn a_file_that_is_linked_stays_known_under_all_of_its_names() {
        let root = tempfile::tempdir().expect("a folder");
        let [first, second] = ["first", "second"].map(|name| root.path().join(name));
        for folder in [&first, &second] {
            fs::create_dir(folder).expect("makes");
        }
        fs::write(first.join("a"), "same").expect("writes");
        fs::set_permissions(first.join("a"), fs::Permissions::from_mode(0o444)).expect("protects");
        fs::hard_link(first.join("a"), first.join("b")).expect("links");
        fs::write(first.join("c"), "other").expect("writes");
        settle();
        let mut scanner = scanner(root.path());
        let before = scanner.scan(&first).expect("scans");
        fs::hard_link(first.join("a"), second.join("x")).expect("links");
        settle();
        let seen = Seen::of(&second).expect("walks");
        let found = scanner.take_in(&second, seen, Some((&first, &before))).expect("scans");
        assert_eq!(found.manifest.get("x"), before.manifest.get("a"));
        for place in [&first, &second] {
            let known = scanner.known(place).expect("known");
            assert_eq!(*known.snapshot.stats, walk(place).expect("walks").stats, "nothing is to be hashed again");
        }
        // What was written to is not what it was.
        fs::set_permissions(first.join("a"), fs::Permissions::from_mode(0o644)).expect("opens");
        fs::write(first.join("a"), "SAME").expect("writes");
        assert_ne!(scanner.scan(&first).expect("scans").manifest.get("a"), before.manifest.get("a"));
    }
}
