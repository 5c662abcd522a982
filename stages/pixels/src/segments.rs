//! A JPEG as its row of marker segments: [`segments`], and [`without_metadata`], which leaves out what holds no pixels.

/// A marker segment.
pub(crate) struct Segment<'a> {
    marker: u8,
    /// From the fill bytes before its marker to the end of its coded data.
    whole: &'a [u8],
    /// What follows its length; empty where it has none.
    payload: &'a [u8],
}

/// The segments after the start-of-image marker, up to and with that of the end of the image. Found by their lengths,
/// so that the markers of an embedded thumbnail do not count.
///
/// # Errors
/// A JPEG cut short, or bytes that are no marker where one has to stand; in words.
pub(crate) fn segments(jpeg: &[u8]) -> Result<Vec<Segment<'_>>, String> {
    let missing = || format!("its {} bytes stop before the end-of-image marker", jpeg.len());
    let mut found = Vec::new();
    let mut at = 2;
    loop {
        let start = at;
        // Fill bytes may stand before a marker.
        while jpeg.get(at..at + 2).ok_or_else(missing)? == [0xFF, 0xFF] {
            at += 1;
        }
        if jpeg[at] != 0xFF {
            return Err(format!("no marker at byte {at}"));
        }
        let marker = jpeg[at + 1];
        at += 2;
        if matches!(marker, 0x01 | 0xD0..=0xD9) {
            found.push(Segment { marker, whole: &jpeg[start..at], payload: &[] });
            if marker == 0xD9 {
                return Ok(found);
            }
            continue;
        }
        let length = jpeg.get(at..at + 2).ok_or_else(missing)?;
        let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
        if length < 2 {
            return Err(format!("a segment of impossible length at byte {at}"));
        }
        let payload = jpeg.get(at + 2..at + length).ok_or_else(missing)?;
        at += length;
        if marker == 0xDA {
            at = end_of_scan(jpeg, at).ok_or_else(missing)?;
        }
        found.push(Segment { marker, whole: &jpeg[start..at], payload });
    }
}

/// Where the marker after the entropy-coded data from `at` on stands; stuffed zeros and restart markers belong to the
/// data.
fn end_of_scan(jpeg: &[u8], at: usize) -> Option<usize> {
    let scan = jpeg.get(at..)?;
    scan.windows(2)
        .position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xD0..=0xD7 | 0xFF))
        .map(|found| at + found)
}

/// The bytes up to and with the end-of-image marker.
///
/// # Errors
/// As [`segments`].
pub(crate) fn image(jpeg: &[u8]) -> Result<&[u8], String> {
    let length: usize = segments(jpeg)?.iter().map(|segment| segment.whole.len()).sum();
    Ok(&jpeg[..2 + length])
}

/// The same coded data without EXIF (where GPS is), XMP, ICC profiles, comments, thumbnails and whatever else is no
/// picture or stands after its end; byte for byte the same where there is nothing of it.
///
/// # Errors
/// As [`segments`].
pub(crate) fn without_metadata(jpeg: &[u8]) -> Result<Vec<u8>, String> {
    let mut kept = jpeg[..2].to_vec();
    for Segment { marker, whole, payload } in segments(jpeg)? {
        let contents = match marker {
            // Frames, scans, tables and markers without contents.
            0x01 | 0xC0..=0xDF => payload.to_vec(),
            // The density of pixels; a thumbnail may follow.
            0xE0 if payload.len() >= 14 && payload.starts_with(b"JFIF\0") => [&payload[..12], &[0, 0]].concat(),
            // Says which colours the channels are.
            0xEE if payload.len() >= 12 && payload.starts_with(b"Adobe") => payload[..12].to_vec(),
            _ => continue,
        };
        if contents == payload {
            kept.extend(whole);
        } else {
            kept.extend([0xFF, marker, 0, contents.len() as u8 + 2]);
            kept.extend(contents);
        }
    }
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode_jpeg;
    use image::{Rgb, RgbImage};

    fn segment(marker: u8, payload: &[u8]) -> Vec<u8> {
        [&[0xFF, marker], &(payload.len() as u16 + 2).to_be_bytes()[..], payload].concat()
    }

    fn jpeg() -> Vec<u8> {
        encode_jpeg(&RgbImage::from_fn(16, 16, |x, y| Rgb([(x * 9) as u8, (y * 9) as u8, 7])), 90).expect("encodes")
    }

    #[test]
    fn a_jpeg_without_metadata_stays_as_it_is() {
        assert_eq!(without_metadata(&jpeg()).expect("a jpeg"), jpeg());
        // Adobe's segment decides about colours; fill bytes do no harm.
        let adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01");
        let with = [&jpeg()[..2], &[0xFF, 0xFF], &adobe[..], &jpeg()[2..]].concat();
        assert_eq!(without_metadata(&with).expect("a jpeg"), with);
    }

    #[test]
    fn metadata_are_left_out_wherever_they_stand() {
        let plain = jpeg();
        let scan = plain.windows(2).position(|pair| pair == [0xFF, 0xDA]).expect("a scan");
        let secrets = [
            segment(0xE1, b"Exif\0\0secret GPS"),
            segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0secret XMP"),
            segment(0xE2, b"ICC_PROFILE\0\x01\x01secret profile"),
            segment(0xED, b"Photoshop 3.0\0secret IPTC"),
            segment(0xE0, b"JFXX\0\x10secret thumbnail"),
            segment(0xEE, b"secret of another maker"),
            segment(0xF7, b"secret extension"),
            segment(0xFE, b"secret comment"),
        ];
        for secret in secrets {
            for place in [2, scan] {
                let with = [&plain[..place], &secret, &plain[place..], b"secret trailer"].concat();
                assert_eq!(without_metadata(&with).expect("a jpeg"), plain);
            }
        }
    }

    #[test]
    fn of_a_header_with_a_thumbnail_the_header_stays() {
        let plain = jpeg();
        assert_eq!(&plain[2..11], b"\xFF\xE0\0\x10JFIF\0");
        let thumbnail = segment(0xE0, &[&plain[6..18], &[1, 1, 9, 9, 9]].concat());
        let adobe = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01");
        let longer = segment(0xEE, b"Adobe\0\x64\0\0\0\0\x01secret");
        let with = [&plain[..2], &thumbnail, &longer, &plain[20..]].concat();
        assert_eq!(without_metadata(&with).expect("a jpeg"), [&plain[..20], &adobe, &plain[20..]].concat());
    }

    #[test]
    fn bytes_that_are_no_segments_are_refused() {
        let refused = |bytes: &[u8]| segments(bytes).map(|found| found.len()).expect_err("refused");
        assert_eq!(refused(&[0xFF, 0xD8, 7, 7]), "no marker at byte 2");
        assert_eq!(refused(&[0xFF, 0xD8, 0xFF, 0xE0, 0, 1, 9, 9]), "a segment of impossible length at byte 4");
        assert_eq!(refused(&jpeg()[..9]), "its 9 bytes stop before the end-of-image marker");
    }
}
