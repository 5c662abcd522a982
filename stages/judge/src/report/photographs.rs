//! Photographs by their id, out of packed shards: [`Photographs`], for the parts of the page that show some.

use super::folder::{Folder, file_name};
use plantpipe_pixels::{decode, encode_jpeg};
use plantpipe_stage::format::{Form, ShardReader};
use plantpipe_stage::{Artifact, Result};
use std::collections::BTreeMap;
use std::path::Path;

/// Where photographs are looked for; without shards none is found.
pub(super) struct Photographs(Vec<ShardReader>);

/// Photographs in the report's folder, each once.
#[derive(Default)]
pub(super) struct Shown {
    /// Id -> link.
    links: BTreeMap<String, String>,
}

impl Photographs {
    pub(super) fn open(shards: &[Artifact]) -> Result<Self> {
        shards.iter().map(|artifact| ShardReader::open(&artifact.path)).collect::<Result<_>>().map(Self)
    }

    /// None is found.
    pub(super) fn none() -> Self {
        Self(Vec::new())
    }

    fn jpeg(&self, id: &str) -> Result<Option<Vec<u8>>> {
        for reader in &self.0 {
            let samples = &reader.index.samples;
            if let Ok(place) = samples.binary_search_by(|sample| sample.id.as_str().cmp(id)) {
                let bytes = reader.read(&samples[place])?;
                return Ok(Some(match reader.index.photographs {
                    Form::Jpeg => bytes,
                    Form::Ppm => encode_jpeg(&decode(&bytes, Path::new(id))?, reader.index.images.quality)?,
                }));
            }
        }
        Ok(None)
    }
}

impl Shown {
    /// A link to `photographs/<id>.jpg`, the bytes as they were packed, or a JPEG of them; none where no shard holds it.
    ///
    /// # Errors
    /// A shard that cannot be read or is damaged.
    pub(super) fn link(&mut self, id: &str, from: &Photographs, folder: &mut Folder) -> Result<Option<String>> {
        if let Some(link) = self.links.get(id) {
            return Ok(Some(link.clone()));
        }
        let Some(jpeg) = from.jpeg(id)? else { return Ok(None) };
        let mut link = format!("photographs/{}.jpg", file_name(id));
        // Ids that differ in other characters than a file name holds.
        for number in 2.. {
            if !self.links.values().any(|taken| *taken == link) {
                break;
            }
            link = format!("photographs/{}-{number}.jpg", file_name(id));
        }
        folder.write(&link, jpeg)?;
        self.links.insert(id.to_owned(), link.clone());
        Ok(Some(link))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use plantpipe_pixels::{Rgb, RgbImage, encode_ppm};
    use plantpipe_stage::format::{Fit, ImagesCard, JsonFormat, ShardFile, ShardIndex, Split};

    #[test]
    fn a_photograph_that_is_packed_decoded_is_shown_as_a_jpeg() {
        let folder = tempfile::tempdir().expect("temp folder");
        let bytes = encode_ppm(&RgbImage::from_pixel(16, 16, Rgb([9, 90, 200])));
        let digest = blake3::hash(&bytes).to_hex().to_string();
        let labels = vec!["rust".to_owned()];
        let mut shard = ShardFile::create(folder.path(), "test-000.tar", Form::Ppm).expect("makes");
        let sample = shard.add(&labels, ("a", Split::Test), (&bytes, digest), &[1]).expect("adds");
        shard.finish().expect("ends");
        let images = ImagesCard { schema: ImagesCard::SCHEMA, size: 16, fit: Fit::Squash, quality: 92 };
        let (schema, photographs) = (ShardIndex::SCHEMA, Form::Ppm);
        ShardIndex { schema, images, photographs, labels, samples: vec![sample] }.write(folder.path()).expect("writes");
        let photographs = Photographs(vec![ShardReader::open(folder.path()).expect("opens")]);
        let shown = photographs.jpeg("a").expect("reads").expect("is there");
        assert!(shown.starts_with(b"\xFF\xD8"));
        assert_eq!(decode(&shown, Path::new("a")).expect("decodes").dimensions(), (16, 16));
    }
}
