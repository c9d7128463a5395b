//! Images by what is on them.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::fmt;

/// Width and height of the original picture in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PictureSize {
    /// Pixels from left to right.
    pub width: usize,
    /// Pixels from top to bottom.
    pub height: usize,
}

/// What to do with the orientation a camera wrote into the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Exif {
    /// Take the picture as it is stored, as the reference does.
    #[default]
    Ignore,
    /// Turn it upright first. Everything after that (sizes, padding, maps) refers to the upright picture.
    Honour,
}

/// SHA-256 of a picture's pixels as the model was given them: RGB, eight bits each, row by row, after any turning. Its size
/// is not part of it. In Python, `hashlib.sha256(Image.open(f).convert("RGB").tobytes())`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PixelHash([u8; 32]);

impl PixelHash {
    /// That of these pixels.
    #[must_use]
    pub fn of(rgb: &[u8]) -> Self {
        Self(Sha256::digest(rgb).into())
    }

    /// Reads 64 hexadecimal digits.
    fn from_hex(text: &str) -> Option<Self> {
        let digits = text.bytes().map(|byte| char::from(byte).to_digit(16)).collect::<Option<Vec<u32>>>()?;
        let bytes: Vec<u8> = digits.as_chunks::<2>().0.iter().map(|[high, low]| (high << 4 | low) as u8).collect();
        Some(Self(bytes.try_into().ok().filter(|_| digits.len() == 64)?))
    }
}

/// Hexadecimal, in small letters.
impl fmt::Display for PixelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PixelHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PixelHash({self})")
    }
}

impl Serialize for PixelHash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PixelHash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a SHA-256 has 64 hexadecimal digits"))
    }
}

/// Names an image by what is on it: two files with the same pixels are one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageId {
    width: usize,
    height: usize,
    #[serde(rename = "sha256")]
    pixels: PixelHash,
}

impl ImageId {
    /// The name of an image of this size with these pixels.
    #[must_use]
    pub fn new(size: PictureSize, pixels: PixelHash) -> Self {
        Self { width: size.width, height: size.height, pixels }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_its_size_and_its_pixels() {
        let image = |width, height, first| {
            ImageId::new(PictureSize { width, height }, PixelHash::of(&[vec![first], vec![0; 17]].concat()))
        };
        let id = image(2, 3, 7);
        assert_eq!(id, image(2, 3, 7));
        assert_ne!(id, image(3, 2, 7));
        assert_ne!(id, image(2, 3, 8));
    }

    #[test]
    fn the_hash_is_that_of_the_bytes() {
        let hash = PixelHash::of(b"abc");
        // FIPS 180-4, appendix B.1.
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(PixelHash::from_hex(text), Some(hash));
        assert_ne!(PixelHash::of(b"abd"), hash);
        for wrong in ["", "ba", &text[1..], &format!("{text}0"), &text.replace('b', "g"), &text.replace('b', "é")] {
            assert_eq!(PixelHash::from_hex(wrong), None, "{wrong}");
        }
    }
}
