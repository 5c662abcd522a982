//! The entropy-coded data of a JPEG, bit by bit: [`Bits`], and [`Table`], its Huffman codes.

/// How many bits are looked up at once: nearly all codes of a photograph are no longer.
const LOOK: usize = 9;

/// A Huffman table.
pub(crate) struct Table {
    /// By the next [`LOOK`] bits: length and value of the code that they begin with; length 0 where it is longer.
    short: [(u8, u8); 1 << LOOK],
    /// By length: the first code past those of this length, as 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code for its place in `values`.
    places: [i32; 17],
    values: Vec<u8>,
}

impl Table {
    /// From how many codes of 1 to 16 bits there are, and their values in order.
    ///
    /// # Errors
    /// More codes than their lengths allow.
    pub(crate) fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, String> {
        let mut table = Self { short: [(0, 0); 1 << LOOK], limits: [0; 17], places: [0; 17], values: values.to_vec() };
        let (mut code, mut place) = (0_u32, 0_i32);
        for length in 1..=16 {
            let count = u32::from(counts[length - 1]);
            table.places[length] = place - code as i32;
            for step in 0..if length <= LOOK { count } else { 0 } {
                let from = ((code + step) << (LOOK - length)) as usize;
                let entry = (length as u8, values[place as usize + step as usize]);
                let range = from..from + (1 << (LOOK - length));
                table.short.get_mut(range).ok_or("an impossible Huffman table")?.fill(entry);
            }
            (code, place) = (code + count, place + count as i32);
            if code > 1 << length {
                return Err("an impossible Huffman table".to_owned());
            }
            table.limits[length] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// The value of the next code; passes over it and the bits that belong to it, as many as the value's lower half
    /// says.
    pub(crate) fn pass(&self, bits: &mut Bits) -> Result<u8, &'static str> {
        let next = bits.peek();
        let (mut length, mut value) = self.short[(next >> (16 - LOOK)) as usize];
        if length == 0 {
            let found = (LOOK + 1..=16).find(|length| next < self.limits[*length]);
            let found = found.ok_or("bits that are no Huffman code")?;
            let place = (next >> (16 - found)) as i32 + self.places[found];
            (length, value) = (found as u8, self.values[place as usize]);
        }
        bits.drop_held(u32::from(length) + u32::from(value & 15))?;
        Ok(value)
    }
}

/// Reads the data between two markers; stuffed zeros are left out.
pub(crate) struct Bits<'a> {
    data: &'a [u8],
    at: usize,
    /// The lowest `held` bits are those read and not yet taken.
    buffer: u64,
    held: u32,
}

impl<'a> Bits<'a> {
    pub(crate) fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0, buffer: 0, held: 0 }
    }

    /// The next 16 bits; zeros past the end.
    fn peek(&mut self) -> u32 {
        self.fill();
        let next = if self.held >= 16 { self.buffer >> (self.held - 16) } else { self.buffer << (16 - self.held) };
        (next & 0xFFFF) as u32
    }

    /// Passes over bits.
    pub(crate) fn skip(&mut self, mut count: u32) -> Result<(), &'static str> {
        while count > 0 {
            let step = count.min(32);
            self.fill();
            self.drop_held(step)?;
            count -= step;
        }
        Ok(())
    }

    /// Passes over up to 32 bits after a look at them.
    fn drop_held(&mut self, count: u32) -> Result<(), &'static str> {
        self.held = self.held.checked_sub(count).ok_or("the coded data end early")?;
        Ok(())
    }

    /// Takes up to 16 bits as a number.
    pub(crate) fn take(&mut self, count: u32) -> Result<u32, &'static str> {
        let value = self.peek() >> (16 - count);
        self.skip(count)?;
        Ok(value)
    }

    /// Passes the restart marker that has to stand here.
    pub(crate) fn restart(&mut self) -> Result<(), String> {
        let at = self.end()?;
        match self.data.get(at..at + 2) {
            Some([0xFF, 0xD0..=0xD7]) => {
                self.at = at + 2;
                Ok(())
            }
            _ => Err("a restart marker is missing".to_owned()),
        }
    }

    /// Where the marker after the data stands. Less than a byte may be left before it, or zeros, which some cameras
    /// pad with.
    pub(crate) fn end(&mut self) -> Result<usize, String> {
        let whole = self.held / 8;
        let mut left = (0..whole).filter(|byte| self.buffer >> (8 * byte) & 0xFF != 0).count();
        self.held = 0;
        while let Some(byte) = self.next() {
            left += usize::from(byte != 0);
        }
        if left > 0 { Err(format!("{left} bytes of coded data too many")) } else { Ok(self.at) }
    }

    /// Holds 32 bits at least, or all that are left.
    fn fill(&mut self) {
        if self.held >= 32 {
            return;
        }
        if let Some(four) = self.data[self.at..].first_chunk() {
            let four = u32::from_be_bytes(*four);
            if !holds_ff(four) {
                self.buffer = self.buffer << 32 | u64::from(four);
                self.held += 32;
                self.at += 4;
                return;
            }
        }
        while self.held <= 48 {
            let Some(byte) = self.next() else { return };
            self.buffer = self.buffer << 8 | u64::from(byte);
            self.held += 8;
        }
    }

    /// The next byte; none before a marker, where it stays.
    fn next(&mut self) -> Option<u8> {
        let byte = *self.data.get(self.at)?;
        if byte != 0xFF {
            self.at += 1;
            return Some(byte);
        }
        // Fill bytes belong to the marker after them.
        match self.data.get(self.at + 1) {
            Some(0) => {
                self.at += 2;
                Some(0xFF)
            }
            Some(0xFF) => {
                self.at += 1;
                self.next()
            }
            _ => None,
        }
    }
}

/// Whether one of the four bytes is 0xFF: whether one of their complements is 0, which alone borrows here.
fn holds_ff(four: u32) -> bool {
    (!four).wrapping_sub(0x0101_0101) & four & 0x8080_8080 != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ff_among_four_bytes_is_seen_at_every_place() {
        for (four, holds) in [
            (0xFF00_0000, true),
            (0x01FF_0280, true),
            (0x7F80_FF01, true),
            (0xFEFE_FEFF, true),
            (0xFFFF_FFFF, true),
            (0xFEFE_FEFE, false),
            (0x807F_0001, false),
            (0, false),
        ] {
            assert_eq!(holds_ff(four), holds, "{four:08X}");
        }
    }

    #[test]
    fn codes_short_and_long_are_told_by_length_and_passed_with_their_bits() {
        // Codes 0 (value 3), 10 (value 0x10) and, of 12 bits, 1100 0000 0000 (value 2).
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 1);
        let table = Table::new(&counts, &[3, 0x10, 2]).expect("a table");
        // 0 101 | 10 | 110000000000 11 | 0 111, and a byte too many.
        let mut bits = Bits::new(&[0b0101_1011, 0b0000_0000, 0b0011_0111, 0b1111_1111, 0x00, 0xFF, 0xD9]);
        let values: Vec<u8> = (0..4).map(|_| table.pass(&mut bits).expect("a code")).collect();
        assert_eq!(values, [3, 0x10, 2, 3]);
        assert_eq!(table.pass(&mut bits), Err("bits that are no Huffman code"));
        assert_eq!(bits.end(), Err("1 bytes of coded data too many".to_owned()));
    }
}
