//! The stat cache on disk, a file a place: [`write()`] and [`read`] what a scan found, so that the next one hashes only what
//! changed since.
//!
//! Numbers little-endian, in columns, and the digest of all of it at the end: a file that is cut or damaged is an absent
//! one, so it need not be brought to the disk before it counts.

use super::digest::{Digest, FileEntry, Manifest};
use super::names::Names;
use super::walk::Stat;
use std::io::Write;
use std::path::Path;

const MAGIC: &[u8] = b"plantpipe stat cache 3\n";

/// Writes what is known of the files of `place`, so that at any instant the file is the old one or the new one.
pub fn write(file: &Path, place: &str, manifest: &Manifest, stats: &[Stat]) -> std::io::Result<()> {
    let (text, ends) = manifest.names().parts();
    let mut bytes = Vec::with_capacity(MAGIC.len() + place.len() + text.len() + 72 * stats.len() + 64);
    let number = |bytes: &mut Vec<u8>, number: u64| bytes.extend_from_slice(&number.to_le_bytes());
    bytes.extend_from_slice(MAGIC);
    for length in [place.len(), text.len(), stats.len()] {
        number(&mut bytes, length as u64);
    }
    bytes.extend_from_slice(place.as_bytes());
    bytes.extend_from_slice(text.as_bytes());
    for end in ends {
        number(&mut bytes, *end as u64);
    }
    for stat in stats {
        for part in [stat.size, stat.mtime as u64, stat.ctime as u64, stat.inode] {
            number(&mut bytes, part);
        }
    }
    for entry in manifest.entries() {
        bytes.extend_from_slice(entry.digest.bytes());
    }
    let sum = hash(&bytes);
    bytes.extend_from_slice(sum.as_bytes());
    let folder = file.parent().expect("a file has a folder");
    std::fs::create_dir_all(folder)?;
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    whole.write_all(&bytes)?;
    whole.persist(file).map_err(|error| error.error)?;
    Ok(())
}

/// What is known of the files of `place`; none where the file is absent, damaged, or about another place.
pub fn read(file: &Path, place: &str) -> Option<(Manifest, Vec<Stat>)> {
    let bytes = std::fs::read(file).ok()?;
    let (content, sum) = bytes.split_last_chunk::<32>()?;
    let mut rest = content.strip_prefix(MAGIC)?;
    if hash(content).as_bytes() != sum {
        return None;
    }
    let mut length = || usize::try_from(u64::from_le_bytes(*take(&mut rest)?)).ok();
    let (of_place, of_text, count) = (length()?, length()?, length()?);
    if rest.split_off(..of_place)? != place.as_bytes() {
        return None;
    }
    let text = std::str::from_utf8(rest.split_off(..of_text)?).ok()?.to_owned();
    let (ends, _) = rest.split_off(..count.checked_mul(8)?)?.as_chunks::<8>();
    let names = Names::of_parts(text, ends.iter().map(|end| u64::from_le_bytes(*end) as usize).collect())?;
    let (stats, _) = rest.split_off(..count.checked_mul(32)?)?.as_chunks::<32>();
    let stat = |bytes: &[u8; 32]| {
        let part = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Stat { size: part(0), mtime: part(8) as i64, ctime: part(16) as i64, inode: part(24) }
    };
    let stats: Vec<Stat> = stats.iter().map(stat).collect();
    let (digests, rest) = rest.as_chunks::<32>();
    if digests.len() != count || !rest.is_empty() || names.len() != count {
        return None;
    }
    let entries = digests.iter().zip(&stats);
    let entries = entries.map(|(digest, stat)| FileEntry { size: stat.size, digest: Digest::from(*digest) }).collect();
    Some((Manifest::new(names, entries), stats))
}

fn take<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8; 8]> {
    rest.split_off(..8)?.first_chunk()
}

fn hash(bytes: &[u8]) -> blake3::Hash {
    /// Below it one thread is as fast.
    const LARGE: usize = 1 << 20;
    let mut hasher = blake3::Hasher::new();
    if bytes.len() < LARGE {
        hasher.update(bytes)
    } else {
        hasher.update_rayon(bytes)
    };
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_reads_back_and_a_damaged_or_another_places_file_is_none() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("stat/x");
        let entry = |size| FileEntry { size, digest: blake3::hash(&[size as u8]).into() };
        let manifest: Manifest = [("a/ä.jpg".to_owned(), entry(1)), ("b".to_owned(), entry(2))].into_iter().collect();
        let stats =
            vec![Stat { size: 1, mtime: -1, ctime: 3, inode: 4 }, Stat { size: 2, mtime: 6, ctime: 7, inode: 8 }];
        write(&file, "photos", &manifest, &stats).expect("writes");
        assert_eq!(read(&file, "photos"), Some((manifest, stats)));
        assert_eq!(read(&file, "others"), None);
        let whole = std::fs::read(&file).expect("reads");
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).expect("writes");
            assert_eq!(read(&file, "photos"), None, "byte {at} flipped");
            std::fs::write(&file, &whole[..at]).expect("writes");
            assert_eq!(read(&file, "photos"), None, "cut at {at}");
        }
    }
}
