//! A Huffman table, made ready for several ways to read: [`Codes`] gives a difference, a coefficient, the first few of a
//! block at a look, or passes over several.

#![expect(clippy::inline_always, reason = "the reader's state stays in registers")]

use super::bits::Bits;
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;

/// Bits looked up at once for a code with its number, and for several.
const LOOK: u32 = 10;
const FAR: u32 = 13;
/// How often the bits held after a fill suffice for a look as [`FAR`].
const LOOKS: usize = 4;

/// A Huffman table.
pub(super) struct Codes {
    counts: [u8; 16],
    /// By length: the first code past those of this length, as 16 bits.
    limits: [u32; 17],
    /// By length: what to add to a code for its place in `values`.
    places: [i32; 17],
    values: Vec<u8>,
    /// By the next [`LOOK`] bits.
    short: Box<[Code; 1 << LOOK]>,
    /// By the next [`FAR`] bits.
    runs: OnceCell<Box<[Run; 1 << FAR]>>,
    /// By the [`FAR`] bits behind a block's mean.
    beginnings: OnceCell<Box<[Beginning; 1 << FAR]>>,
}

/// A code, in one word so that it stays in a register: bits of it (5), bits of its number that are not among them (4), zeros
/// before it (7), and above those the number, where it was read with the code.
#[derive(Clone, Copy)]
struct Code(u32);

impl Code {
    /// In a table: look further. Elsewhere: no code.
    const NONE: Self = Self(0xF << 5);

    /// Without its number.
    fn new(length: u32, value: u8) -> Self {
        let size = u32::from(value & 15);
        let zeros = if size == 0 && value < 0xF0 { END } else { usize::from(value >> 4) };
        Self((zeros as u32) << 9 | size << 5 | length)
    }

    /// With its number, of the bits from the code on.
    fn whole(self, bits: u32) -> Self {
        let (length, size) = (self.length(), self.size());
        let number = (bits << length) >> 1 >> (31 - size);
        let negative = size > 0 && number >> (size - 1) == 0;
        let number = if negative { number as i32 - (1 << size) + 1 } else { number as i32 };
        Self((number as u32) << 16 | (self.0 & 0xFE00) | (length + size))
    }

    #[inline(always)]
    fn length(self) -> u32 {
        self.0 & 31
    }

    /// Bits of the number that are not read yet.
    #[inline(always)]
    fn size(self) -> u32 {
        self.0 >> 5 & 15
    }

    #[inline(always)]
    fn zeros(self) -> usize {
        (self.0 >> 9 & 127) as usize
    }

    #[inline(always)]
    fn number(self) -> i32 {
        self.0 as i32 >> 16
    }
}

/// In place of zeros, the end of a block: past every block, so that no other test is needed.
pub(super) const END: usize = 127;

/// A number other than 0, or a difference.
#[derive(Clone, Copy)]
pub(super) struct Coefficient {
    pub value: i32,
    /// Zeros before it; [`END`] where the block ends.
    pub zeros: usize,
}

/// As many codes with their numbers as fit; none where `length` is 0.
#[derive(Clone, Copy, Default)]
struct Run {
    length: u8,
    /// Coefficients passed; [`BEHIND`] more where the block ends behind them.
    passed: u8,
}

const BEHIND: u8 = 128;

/// As many codes with their numbers as fit, of a block from coefficient 1 on, in one word: bits of them (4), where they lead
/// (7; [`END`] where the block ends behind them), and the coefficients 1, 2 and 4 (7 each, so many as 0 where not reached).
#[derive(Clone, Copy)]
pub(super) struct Beginning(u32);

impl Beginning {
    /// Coefficients that it tells, by their places in the order in which they are sent.
    const TOLD: [usize; 3] = [1, 2, 4];

    #[inline(always)]
    fn length(self) -> u32 {
        self.0 & 15
    }

    /// The coefficient that is next.
    #[inline(always)]
    pub(super) fn next(self) -> usize {
        (self.0 >> 4 & 127) as usize
    }

    #[inline(always)]
    pub(super) fn told(self) -> [i32; 3] {
        [self.0 << 14, self.0 << 7, self.0].map(|word| word as i32 >> 25)
    }
}

pub(super) const NO_CODE: &str = "bits that are no Huffman code";
pub(super) const TOO_MANY: &str = "coefficients run past their block";
const IMPOSSIBLE: &str = "an impossible Huffman table";

impl Codes {
    /// From how many codes of 1 to 16 bits there are, and their values in order.
    ///
    /// # Errors
    /// More codes than their lengths allow.
    fn new(counts: &[u8; 16], values: &[u8]) -> Result<Self, String> {
        let (mut limits, mut places) = ([0; 17], [0; 17]);
        let (mut code, mut place) = (0_u32, 0);
        for length in 1..=16 {
            places[length] = place - code as i32;
            (code, place) = (code + u32::from(counts[length - 1]), place + i32::from(counts[length - 1]));
            if code > 1 << length {
                return Err(IMPOSSIBLE.to_owned());
            }
            limits[length] = code << (16 - length);
            code <<= 1;
        }
        let short = Box::new([Code::NONE; 1 << LOOK]);
        let mut table = Self {
            counts: *counts,
            limits,
            places,
            values: values.to_vec(),
            short,
            runs: OnceCell::new(),
            beginnings: OnceCell::new(),
        };
        for place in 0..1 << LOOK {
            let bits = (place as u32) << (32 - LOOK);
            let found = table.search(bits).unwrap_or(Code::NONE);
            table.short[place] = match found.length() {
                0 => Code::NONE,
                length if length + found.size() <= LOOK => found.whole(bits),
                length if length <= LOOK => found,
                _ => Code::NONE,
            };
        }
        Ok(table)
    }

    /// The same, made once a thread for those that were asked for last: photographs of one data set share them.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(super) fn shared(counts: &[u8; 16], values: &[u8]) -> Result<Rc<Self>, String> {
        /// A photograph has up to four, and those of two makers may take turns.
        const KEPT: usize = 8;
        thread_local! {
            static LAST: RefCell<Vec<Rc<Codes>>> = const { RefCell::new(Vec::new()) };
        }
        LAST.with_borrow_mut(|last| {
            let found = last.iter().position(|codes| codes.counts == *counts && codes.values == values);
            let codes = match found {
                Some(place) => last.remove(place),
                None => Rc::new(Self::new(counts, values)?),
            };
            last.truncate(KEPT - 1);
            last.insert(0, Rc::clone(&codes));
            Ok(codes)
        })
    }

    /// That every value is a number of bits, as those of differences are.
    ///
    /// # Errors
    /// One that is not.
    pub(super) fn are_of_differences(&self) -> Result<(), String> {
        if self.values.iter().any(|value| *value > 15) { Err(IMPOSSIBLE.to_owned()) } else { Ok(()) }
    }

    /// The code that 32 bits begin with, without its number.
    fn search(&self, bits: u32) -> Option<Code> {
        let bits = bits >> 16;
        let length = (1..=16).find(|length| bits < self.limits[*length])?;
        let place = (bits >> (16 - length)) as i32 + self.places[length];
        Some(Code::new(length as u32, self.values[place as usize]))
    }

    /// What a short look did not tell: the code with its number that 32 bits begin with.
    #[inline(never)]
    fn long(&self, found: Code, bits: u32) -> Code {
        let found = if found.length() == 0 { self.search(bits) } else { Some(found) };
        found.map_or(Code::NONE, |found| found.whole(bits))
    }

    /// The coefficient that is next, passed; of 56 bits held it takes 31 at most.
    #[inline(always)]
    pub(super) fn next(&self, bits: &mut Bits) -> Result<Coefficient, &'static str> {
        let mut code = self.short[bits.peek::<LOOK>()];
        if code.size() > 0 {
            code = self.long(code, bits.peek::<32>() as u32);
            if code.length() == 0 {
                return Err(NO_CODE);
            }
        }
        bits.skip(code.length());
        Ok(Coefficient { value: code.number(), zeros: code.zeros() })
    }

    /// Passes over what is left of a block from coefficient `k` on.
    #[inline(always)]
    pub(super) fn pass(&self, bits: &mut Bits, mut k: usize) -> Result<(), &'static str> {
        let runs = self.runs.get_or_init(|| self.runs());
        'block: while k < 64 {
            bits.fill();
            for _ in 0..LOOKS {
                let run = runs[bits.peek::<FAR>()];
                let to = k + usize::from(run.passed % BEHIND);
                if run.length == 0 || to > 63 {
                    bits.fill();
                    k += self.next(bits)?.zeros + 1;
                    continue 'block;
                }
                bits.skip(u32::from(run.length));
                if run.passed >= BEHIND {
                    return Ok(());
                }
                k = to;
            }
        }
        if k == 64 || k > END { Ok(()) } else { Err(TOO_MANY) }
    }

    /// The first coefficients of a block behind its mean, passed; of the bits held it takes [`FAR`] at most.
    #[inline(always)]
    pub(super) fn begin(&self, bits: &mut Bits) -> Beginning {
        let found = self.beginnings.get_or_init(|| self.beginnings())[bits.peek::<FAR>()];
        bits.skip(found.length());
        found
    }

    fn beginnings(&self) -> Box<[Beginning; 1 << FAR]> {
        let mut beginnings = vec![Beginning(0); 1 << FAR];
        for (place, beginning) in beginnings.iter_mut().enumerate() {
            let (mut length, mut next, mut told) = (0, 1, [0_i32; 3]);
            while next != END {
                let bits = (place as u32) << (32 - FAR) << length;
                let Some(code) = self.search(bits).filter(|code| length + code.length() + code.size() <= FAR) else {
                    break;
                };
                let (at, number) = (next + code.zeros(), code.whole(bits).number());
                let ends = code.zeros() == END;
                let tells = Beginning::TOLD.iter().position(|told| *told == at);
                if !ends && (at > 63 || tells.is_some() && !(-64..64).contains(&number)) {
                    break;
                }
                if let Some(place) = tells {
                    told[place] = number;
                }
                length += code.length() + code.size();
                next = if ends { END } else { at + 1 };
            }
            let told = told.iter().zip([11, 18, 25]).map(|(number, place)| (*number as u32 & 127) << place);
            *beginning = Beginning(told.fold((next as u32) << 4 | length, |word, number| word | number));
        }
        beginnings.try_into().ok().expect("as many")
    }

    fn runs(&self) -> Box<[Run; 1 << FAR]> {
        let mut runs = Box::new([Run::default(); 1 << FAR]);
        for (place, run) in runs.iter_mut().enumerate() {
            while let Some(next) = self.search((place as u32) << (32 - FAR) << run.length) {
                let length = u32::from(run.length) + next.length() + next.size();
                let ends = next.zeros() == END;
                if length > FAR || (!ends && usize::from(run.passed) + next.zeros() > 62) {
                    break;
                }
                run.length = length as u8;
                run.passed += if ends { BEHIND } else { next.zeros() as u8 + 1 };
                if ends {
                    break;
                }
            }
        }
        runs
    }
}

#[cfg(test)]
mod tests {
    use super::super::bits::Pieces;
    use super::*;

    /// The table of brightness that nearly all cameras use (T.81, K.3.3.2), and its mean's.
    fn usual() -> Codes {
        let counts = [0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7D];
        // Of the 162 values the order does not matter here, only that all are there.
        let values: Vec<u8> =
            (0..16).flat_map(|zeros| (1..11).map(move |size| zeros << 4 | size)).chain([0x00, 0xF0]).collect();
        Codes::new(&counts, &values).expect("a table")
    }

    /// Bytes without order, none of them 0xFF.
    fn noise(mut state: u32) -> Vec<u8> {
        let next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8 & 0x7F
        };
        std::iter::repeat_with(next).take(400).collect()
    }

    /// Passes over the rest of a block one coefficient after another.
    fn slowly(codes: &Codes, bits: &mut Bits, mut k: usize) -> Result<(), &'static str> {
        while k < 64 {
            bits.fill();
            k += codes.next(bits)?.zeros + 1;
        }
        if k > 64 && k <= END { Err(TOO_MANY) } else { Ok(()) }
    }

    #[test]
    fn several_at_a_look_are_passed_as_one_after_another() {
        let codes = usual();
        let (mut ends, mut errors) = (0, 0);
        for seed in 0..2000 {
            let bytes = noise(seed);
            let (mut quick, mut slow) = (Pieces::new(&bytes, 0), Pieces::new(&bytes, 0));
            let (mut quick, mut slow) = (quick.read(), slow.read());
            for start in [1, 5, 25, 63, 64] {
                let (a, b) = (codes.pass(&mut quick, start), slowly(&codes, &mut slow, start));
                assert_eq!((a, quick.taken()), (b, slow.taken()), "seed {seed} from {start}");
                if a.is_err() {
                    errors += 1;
                    break;
                }
                ends += 1;
            }
        }
        assert!(ends > 1000 && errors > 100, "{ends} ends, {errors} errors");
    }

    #[test]
    fn the_first_coefficients_at_a_look_are_those_one_after_another() {
        let codes = usual();
        let (mut whole, mut short) = (0, 0);
        for seed in 0..2000 {
            let bytes = noise(seed);
            let (mut quick, mut slow) = (Pieces::new(&bytes, 0), Pieces::new(&bytes, 0));
            let (mut quick, mut slow) = (quick.read(), slow.read());
            quick.fill();
            let found = codes.begin(&mut quick);
            let (mut k, mut sent) = (1, [0; 64]);
            while slow.taken() < quick.taken() {
                slow.fill();
                let next = codes.next(&mut slow).expect("a code");
                if next.zeros == END {
                    k = END;
                    break;
                }
                k += next.zeros;
                sent[k] = next.value;
                k += 1;
            }
            assert_eq!((found.next(), quick.taken()), (k, slow.taken()), "seed {seed}");
            assert_eq!(found.told(), Beginning::TOLD.map(|place| sent[place]), "seed {seed}");
            (whole, short) = if k < 5 { (whole, short + 1) } else { (whole + 1, short) };
        }
        assert!(whole > 50 && short > 50, "{whole} whole, {short} short");
    }

    #[test]
    fn codes_short_and_long_come_with_their_numbers() {
        // Codes 0 (3 bits follow), 10 (a zero more, none follow: the end) and, of 12 bits, 1100 0000 0000 (2 bits follow).
        let mut counts = [0; 16];
        (counts[0], counts[1], counts[11]) = (1, 1, 1);
        let codes = Codes::new(&counts, &[3, 0x10, 0x32]).expect("a table");
        // 0 101 | 10 | 110000000000 01 | 0 011, and ones.
        let mut pieces = Pieces::new(&[0b0101_1011, 0b0000_0000, 0b0001_0011, 0b1111_1110], 0);
        let mut bits = pieces.read();
        let mut next = || {
            bits.fill();
            codes.next(&mut bits).map(|found| (found.value, found.zeros))
        };
        assert_eq!([next(), next(), next(), next()], [Ok((5, 0)), Ok((0, END)), Ok((-2, 3)), Ok((-4, 0))]);
        assert_eq!(next(), Err(NO_CODE));
    }

    #[test]
    fn impossible_tables_are_refused() {
        let mut counts = [0; 16];
        counts[0] = 3;
        assert_eq!(Codes::new(&counts, &[1, 2, 3]).map(|_| ()), Err(IMPOSSIBLE.to_owned()));
        counts[0] = 2;
        assert!(Codes::new(&counts, &[1, 16]).expect("a table").are_of_differences().is_err());
    }
}
