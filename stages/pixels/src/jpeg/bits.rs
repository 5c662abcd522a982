//! The entropy-coded data of a scan, piece by piece between restart markers: [`Pieces`], and [`Bits`], which reads one.

#![expect(clippy::inline_always, reason = "the reader's state stays in registers")]

use memchr::memchr;

/// Zeros behind a piece, so that eight bytes can be read from any place in it.
const PADDING: usize = 8;

/// The pieces of a scan, each without stuffed zeros.
pub(super) struct Pieces<'a> {
    jpeg: &'a [u8],
    at: usize,
    piece: Vec<u8>,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(jpeg: &'a [u8], at: usize) -> Self {
        Self { jpeg, at, piece: Vec::new() }
    }

    /// Reads up to the next marker, restart markers too, and stops before it.
    pub(super) fn read(&mut self) -> Bits<'_> {
        self.piece.clear();
        loop {
            let rest = self.jpeg.get(self.at..).unwrap_or_default();
            let plain = memchr(0xFF, rest).unwrap_or(rest.len());
            self.piece.extend_from_slice(&rest[..plain]);
            self.at += plain;
            match rest.get(plain + 1) {
                Some(0) => {
                    self.piece.push(0xFF);
                    self.at += 2;
                }
                // A fill byte belongs to the marker after it.
                Some(0xFF) => self.at += 1,
                _ => break,
            }
        }
        self.piece.extend([0; PADDING]);
        Bits { data: &self.piece, at: 0, buffer: 0, held: 0 }
    }

    /// Passes the restart marker that has to stand here.
    pub(super) fn restart(&mut self) -> Result<(), String> {
        match self.jpeg.get(self.at..self.at + 2) {
            Some([0xFF, 0xD0..=0xD7]) => {
                self.at += 2;
                Ok(())
            }
            _ => Err("a restart marker is missing".to_owned()),
        }
    }

    /// Where the marker after what was read stands.
    pub(super) fn end(&self) -> usize {
        self.at
    }
}

/// Reads a piece bit by bit; zeros past its end, so that blocks are decoded first and then asked for.
pub(super) struct Bits<'a> {
    /// With its [`PADDING`].
    data: &'a [u8],
    at: usize,
    /// The highest `held` bits are those read and not yet taken; below them, at most a byte that is read again.
    buffer: u64,
    held: u32,
}

impl Bits<'_> {
    /// Holds 56 bits at least.
    #[inline(always)]
    pub(super) fn fill(&mut self) {
        let eight =
            self.data.get(self.at..).and_then(|rest| rest.first_chunk()).map_or(0, |eight| u64::from_be_bytes(*eight));
        self.buffer |= eight >> self.held;
        self.at += ((63 - self.held) / 8) as usize;
        // 56 and what is held of a byte more.
        self.held |= 0x38;
    }

    /// The next `COUNT` bits, of those held.
    #[inline(always)]
    pub(super) fn peek<const COUNT: u32>(&self) -> usize {
        (self.buffer >> (64 - COUNT)) as usize
    }

    /// Passes over bits, of those held.
    #[inline(always)]
    pub(super) fn skip(&mut self, count: u32) {
        self.buffer <<= count;
        self.held -= count;
    }

    /// Whether no more was taken than there is.
    #[inline(always)]
    pub(super) fn suffices(&self) -> bool {
        self.taken() <= 8 * (self.data.len() - PADDING)
    }

    /// That all was taken: less than a byte may be left, or zeros, which some cameras pad with.
    pub(super) fn end(&self) -> Result<(), String> {
        let left = &self.data[self.taken().div_ceil(8)..];
        let left = left.iter().filter(|byte| **byte != 0).count();
        if left > 0 { Err(format!("{left} bytes of coded data too many")) } else { Ok(()) }
    }

    pub(super) fn taken(&self) -> usize {
        8 * self.at - self.held as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stuffed_zeros_are_left_out_and_a_marker_ends_a_piece() {
        let jpeg = [9, 0xFF, 0x00, 0x12, 0xFF, 0xFF, 0xD0, 0xAB, 0xFF, 0xD9];
        let mut pieces = Pieces::new(&jpeg, 1);
        let mut bits = pieces.read();
        bits.fill();
        assert_eq!(bits.peek::<24>(), 0xFF_12_00);
        assert_eq!(bits.end(), Err("2 bytes of coded data too many".to_owned()));
        bits.skip(16);
        assert!(bits.suffices() && bits.end().is_ok());
        bits.skip(1);
        assert!(!bits.suffices());
        pieces.restart().expect("a restart marker");
        let mut bits = pieces.read();
        bits.fill();
        assert_eq!(bits.peek::<8>(), 0xAB);
        assert!(pieces.restart().is_err());
        assert_eq!(pieces.end(), 8);
    }

    #[test]
    fn bits_are_the_same_however_they_are_taken() {
        let bytes: Vec<u8> = (0..200).map(|at| (at * 37 % 251) as u8).collect();
        for step in [1, 7, 13, 31, 56] {
            let mut pieces = Pieces::new(&bytes, 0);
            let mut bits = pieces.read();
            for taken in (0..8 * bytes.len() - 64).step_by(step) {
                bits.fill();
                let first = u64::from_be_bytes(*bytes[taken / 8..].first_chunk().expect("eight"));
                assert_eq!(bits.peek::<16>(), (first << (taken % 8) >> 48) as usize);
                bits.skip(step as u32);
            }
        }
    }
}
