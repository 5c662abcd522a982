//! The entropy-coded data of a JPEG, bit by bit: [`Bits`], and [`Table`], its Huffman codes.

/// A Huffman table.
pub(crate) struct Table {
    /// By the next 8 bits: length and value of the code that they begin with; length 0 where it is longer.
    short: [(u8, u8); 256],
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
        let mut table = Self { short: [(0, 0); 256], limits: [0; 17], places: [0; 17], values: values.to_vec() };
        let (mut code, mut place) = (0_u32, 0_i32);
        for length in 1..=16 {
            let count = u32::from(counts[length - 1]);
            table.places[length] = place - code as i32;
            for step in 0..if length <= 8 { count } else { 0 } {
                let from = ((code + step) << (8 - length)) as usize;
                let entry = (length as u8, values[place as usize + step as usize]);
                let range = from..from + (1 << (8 - length));
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

    /// The value of the next code.
    pub(crate) fn decode(&self, bits: &mut Bits) -> Result<u8, String> {
        let next = bits.peek();
        let (length, value) = self.short[(next >> 8) as usize];
        if length > 0 {
            bits.skip(u32::from(length))?;
            return Ok(value);
        }
        let length = (9..=16).find(|length| next < self.limits[*length]);
        let length = length.ok_or("bits that are no Huffman code")?;
        bits.skip(length as u32)?;
        let place = (next >> (16 - length)) as i32 + self.places[length];
        Ok(self.values[place as usize])
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

    /// Passes over up to 16 bits.
    pub(crate) fn skip(&mut self, mut count: u32) -> Result<(), String> {
        while count > 0 {
            let step = count.min(32);
            self.fill();
            self.held = self.held.checked_sub(step).ok_or("the coded data end early")?;
            count -= step;
        }
        Ok(())
    }

    /// Takes up to 16 bits as a number.
    pub(crate) fn take(&mut self, count: u32) -> Result<u32, String> {
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

    fn fill(&mut self) {
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
