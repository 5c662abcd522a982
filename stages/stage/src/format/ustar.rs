//! How a tar file is written whose bytes are the same each time: [`Tar`], and [`Member`], one file in it.

use std::fs::File;
use std::io::Write;

/// A tar file as it is written, hashed on the way.
pub(super) struct Tar {
    file: File,
    /// What is not hashed and written yet: both go faster in large pieces.
    waiting: Vec<u8>,
    hasher: blake3::Hasher,
}

impl Tar {
    const PIECE: usize = 1 << 20;

    pub(super) fn new(file: File) -> Self {
        Self { file, waiting: Vec::new(), hasher: blake3::Hasher::new() }
    }

    /// Ends the file; returns its digest (hex).
    pub(super) fn finish(mut self) -> std::io::Result<String> {
        self.write(&[0; 2 * BLOCK])?;
        self.flush()?;
        Ok(self.hasher.finalize().to_hex().to_string())
    }

    fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() < Self::PIECE { Ok(()) } else { self.flush() }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.hasher.update_rayon(&self.waiting);
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        Ok(())
    }
}

const BLOCK: usize = 512;

/// A member, with a pax record before it where the name is longer than a header's 100 bytes. (Twelve header fields, all
/// constant but three: a tar crate would have to be told each of them too, and does not say where the content begins.)
pub(super) struct Member {
    name: String,
    size: usize,
    pax: Option<String>,
}

impl Member {
    pub(super) fn new(name: String, size: usize) -> Self {
        let pax = (name.len() > LONGEST).then(|| pax("path", &name));
        Self { name, size, pax }
    }

    /// How many bytes stand before the content.
    pub(super) fn before(&self) -> u64 {
        let pax = self.pax.as_ref().map_or(0, |pax| BLOCK + pax.len().next_multiple_of(BLOCK));
        (pax + BLOCK) as u64
    }

    pub(super) fn length(&self) -> u64 {
        self.before() + self.size.next_multiple_of(BLOCK) as u64
    }

    pub(super) fn write(&self, tar: &mut Tar, bytes: &[u8]) -> std::io::Result<()> {
        if let Some(pax) = &self.pax {
            entry(tar, b'x', "pax", pax.as_bytes())?;
        }
        let mut cut = self.name.len().min(LONGEST);
        while !self.name.is_char_boundary(cut) {
            cut -= 1;
        }
        entry(tar, b'0', &self.name[..cut], bytes)
    }
}

/// The longest name that a ustar header holds, bytes.
const LONGEST: usize = 100;

/// A pax record, which begins with its own length in bytes: `18 path=a/b/c.jpg`.
fn pax(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

/// Appends a ustar header of a type with its content, padded to whole blocks.
fn entry(tar: &mut Tar, sort: u8, name: &str, bytes: &[u8]) -> std::io::Result<()> {
    let mut header = [0u8; BLOCK];
    let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{:011o}\0", bytes.len()).as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, &[sort]);
    put(257, b"ustar\0");
    put(263, b"00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    tar.write(&header)?;
    tar.write(bytes)?;
    let padding = bytes.len().next_multiple_of(BLOCK) - bytes.len();
    tar.write(&[0; BLOCK][..padding])
}
