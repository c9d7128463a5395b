//! Pictures from files, decoded and converted to RGB as the reference does (docs/model.md §3, steps 1 and 2).
//!
//! The reference reads pictures with Pillow's `Image.open(path).convert("RGB")`: grey is replicated, palettes are
//! expanded, transparency is dropped without compositing, and the EXIF orientation is ignored, but for TIFF files,
//! which Pillow turns by their orientation always. A picture is decoded to the same bytes, or it is refused with the
//! kind of file named; it is never something else without a word. Files come from strangers, so a header that
//! promises too much is refused before anything is allocated for its pixels.

use super::fault::{self, Fault};
use super::kind::Kind;
use super::orientation;
use super::{bmp, gif, jpeg, png, tiff, webp};
use crate::error::{Error, Result};
use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use opabinia_trace::image::{Exif, ImageId, PictureSize, PixelHash};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// No picture file is larger than this.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// The most pixels a picture may have: the number above which Pillow, too, refuses to decode.
const MAX_PIXELS: u64 = 178_956_970;
/// What a decoder may allocate: 16-bit RGBA of [`MAX_PIXELS`], and some room to work in.
pub(super) const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8 + (64 << 20);

/// An RGB picture in memory.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `[height, width, 3]`, row-major; exactly `3 · width · height` bytes.
    pub rgb: Vec<u8>,
}

impl Picture {
    /// An even grey, of `width` × `height` pixels: an image that shows nothing.
    pub fn blank(width: usize, height: usize) -> Self {
        Self { width, height, rgb: vec![128; 3 * width * height] }
    }

    /// Its size in pixels.
    #[must_use]
    pub fn size(&self) -> PictureSize {
        PictureSize { width: self.width, height: self.height }
    }

    /// What names it. Reads all of its pixels.
    #[must_use]
    pub fn id(&self) -> ImageId {
        ImageId::new(self.size(), PixelHash::of(&self.rgb))
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

impl Picture {
    /// Reads the picture in `file`: PNG, JPEG, WebP and GIF (first frame), BMP or TIFF (first picture).
    ///
    /// # Errors
    /// [`Error::Input`], naming the file, if it cannot be read, is empty, cut short, of no known format, or larger
    /// than `MAX_PIXELS`.
    pub fn open(file: &Path, exif: Exif) -> Result<Self> {
        let name = file.display().to_string();
        let unreadable = |e: std::io::Error| {
            Error::input(format!("{name}: this picture cannot be read: {e}"), "check the path and its permissions")
        };
        let metadata = std::fs::metadata(file).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(Error::input(format!("{name}: this is not a file"), "give the path of a picture file"));
        }
        if metadata.len() > MAX_FILE_BYTES {
            return Err(too_large_file(&name, metadata.len()));
        }
        let mut bytes = Vec::new();
        // The file may grow while it is read.
        File::open(file).and_then(|f| f.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(too_large_file(&name, bytes.len() as u64));
        }
        Self::from_bytes(&name, &bytes, exif)
    }

    /// Decodes the picture file `bytes`; `name` is what error messages call it.
    ///
    /// # Errors
    /// As for [`Picture::open`].
    pub fn from_bytes(name: &str, bytes: &[u8], exif: Exif) -> Result<Self> {
        Self::from_bytes_within(name, bytes, exif, MAX_PIXELS)
    }

    /// [`Picture::from_bytes`] where there is time or memory for `most` pixels only: a file that says it has more is
    /// refused before any of them is decoded.
    ///
    /// # Errors
    /// As for [`Picture::open`], with `most` for `MAX_PIXELS` where it is less.
    pub fn from_bytes_within(name: &str, bytes: &[u8], exif: Exif, most: u64) -> Result<Self> {
        let most = most.min(MAX_PIXELS);
        if bytes.is_empty() {
            return Err(Error::input(format!("{name}: the file is empty (0 bytes)"), COPY_AGAIN));
        }
        let Some(kind) = Kind::of(bytes) else {
            return Err(Error::input(
                format!("{name}: this is not a picture in a format the program reads ({} bytes)", bytes.len()),
                USE,
            ));
        };
        let picture = match kind {
            Kind::Jpeg => Self::from_jpeg(bytes, exif, most),
            Kind::Png => png::decode(bytes, most).map(|picture| match exif {
                Exif::Ignore => picture,
                Exif::Honour => picture.upright(orientation::turn(png::orientation(bytes))),
            }),
            // Pillow turns these always.
            Kind::Tiff => tiff::decode(bytes, most),
            Kind::Gif => gif::decode(bytes, most),
            Kind::Bmp => bmp::decode(bytes, most),
            Kind::WebP => webp::decode(bytes, exif, most),
            Kind::Other(kind) => fault::unread(format!("{kind} file")),
        };
        picture.map_err(|fault| refused(name, kind, fault))
    }

    fn from_jpeg(bytes: &[u8], exif: Exif, most: u64) -> fault::Result<Self> {
        let header = jpeg::header(bytes)?;
        check_size(header.width as u64, header.height as u64, most)?;
        let number = match exif {
            Exif::Ignore => None,
            Exif::Honour => header.exif.and_then(|block| orientation::of_exif(&block)),
        };
        let picture = Self { width: header.width, height: header.height, rgb: jpeg::decode(bytes)? };
        Ok(picture.upright(orientation::turn(number)))
    }

    /// The picture turned or mirrored.
    pub(super) fn upright(self, orientation: Orientation) -> Self {
        if orientation == Orientation::NoTransforms {
            return self;
        }
        // The sizes agree by construction; an empty picture instead of a panic if they ever should not.
        let rgb = RgbImage::from_raw(self.width as u32, self.height as u32, self.rgb).unwrap_or_default();
        let mut image = DynamicImage::ImageRgb8(rgb);
        image.apply_orientation(orientation);
        let rgb = image.into_rgb8();
        Self { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw() }
    }
}

/// Refuses what has more than `most` pixels, and what has none.
pub(super) fn check_size(width: u64, height: u64, most: u64) -> fault::Result<()> {
    match width.saturating_mul(height) {
        0 => fault::damaged(format!("it says it has {width} × {height} pixels")),
        pixels if pixels <= most => Ok(()),
        _ => Err(Fault::TooLarge(format!("it says it has {width} × {height} pixels; at most {most} are read"))),
    }
}

const COPY_AGAIN: &str = "copy or download the picture again";
const USE: &str = "use a PNG, JPEG, WebP, GIF, BMP or TIFF file";

fn too_large_file(name: &str, bytes: u64) -> Error {
    Error::input(
        format!("{name}: the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read"),
        "save the picture in a smaller size or a compressed format",
    )
}

/// The error for a picture that a decoder did not decode.
fn refused(name: &str, kind: Kind, fault: Fault) -> Error {
    match fault {
        Fault::Damaged(why) => Error::input(
            format!("{name}: this picture cannot be decoded: as a {} file, {why}", kind.name()),
            "the file is damaged or cut short: copy or download it again, or save it anew with an image editor",
        ),
        Fault::Unread(what) => Error::input(
            format!("{name}: this is {what}, which the program does not read"),
            "save it as PNG, or as JPEG with 8 bits per channel, with an image editor",
        ),
        Fault::TooLarge(why) => {
            Error::input(format!("{name}: the picture is too large: {why}"), "make it smaller with an image editor")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    fn png(bytes: &[u8], width: u32, height: u32, colour: ExtendedColorType) -> Vec<u8> {
        let mut file = Vec::new();
        PngEncoder::new(&mut file).write_image(bytes, width, height, colour).unwrap();
        file
    }

    /// The message of the error a file is refused with.
    fn refusal(bytes: &[u8]) -> String {
        match Picture::from_bytes("photo.jpg", bytes, Exif::Ignore) {
            Err(error @ Error::Input { .. }) => error.to_string(),
            other => panic!("expected an input error, got {other:?}"),
        }
    }

    #[test]
    fn alpha_is_dropped_and_grey_is_replicated() {
        let open = |bytes: &[u8]| Picture::from_bytes("x", bytes, Exif::Ignore).unwrap().rgb;
        let rgba = [10, 20, 30, 0, 40, 50, 60, 255];
        assert_eq!(open(&png(&rgba, 2, 1, ExtendedColorType::Rgba8)), [10, 20, 30, 40, 50, 60]);
        assert_eq!(open(&png(&[7, 0, 9, 255], 2, 1, ExtendedColorType::La8)), [7, 7, 7, 9, 9, 9]);
        assert_eq!(open(&png(&[7, 9], 1, 2, ExtendedColorType::L8)), [7, 7, 7, 9, 9, 9]);
    }

    #[test]
    fn sixteen_bits_are_clipped_when_grey_and_cut_when_coloured() {
        let wide = |values: &[u16]| values.iter().flat_map(|v| v.to_ne_bytes()).collect::<Vec<u8>>();
        let grey = png(&wide(&[3, 255, 256, 65_535]), 4, 1, ExtendedColorType::L16);
        let grey = Picture::from_bytes("x", &grey, Exif::Ignore).unwrap();
        assert_eq!(grey.rgb, [3, 3, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255]);
        let colour = png(&wide(&[3, 0x1234, 0xFFFF]), 1, 1, ExtendedColorType::Rgb16);
        assert_eq!(Picture::from_bytes("x", &colour, Exif::Ignore).unwrap().rgb, [0, 0x12, 0xFF]);
    }

    #[test]
    fn files_that_are_no_pictures_are_refused_by_name() {
        for (bytes, words) in [
            (&b""[..], "0 bytes"),
            (b"GIF89a", "decoded"),
            (b"Dear diary, today I drew nothing.", "not a picture"),
            (b"\x89PNG\r\n\x1a\n", "decoded"),
            (b"\xff\xd8\xff", "cut short"),
        ] {
            let message = refusal(bytes);
            assert!(message.contains("photo.jpg") && message.contains(words), "{message}");
        }
    }

    #[test]
    fn a_picture_cut_short_is_refused() {
        let noise: Vec<u8> = (0..64 * 64 * 3u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let whole = png(&noise, 64, 64, ExtendedColorType::Rgb8);
        assert!(Picture::from_bytes("x", &whole, Exif::Ignore).is_ok());
        for length in [whole.len() / 2, 40, 20] {
            assert!(refusal(&whole[..length]).contains("decoded"), "{length}");
        }
    }

    #[test]
    fn a_header_that_promises_too_much_is_refused_before_decoding() {
        let mut file = png(&[0; 3], 1, 1, ExtendedColorType::Rgb8);
        // Width and height of the header chunk, and its checksum.
        file[16..24].copy_from_slice(&[0, 0, 0xEA, 0x60, 0, 0, 0xEA, 0x60]);
        let checksum = file[12..29].iter().fold(!0u32, |sum, &byte| {
            (0..8).fold(sum ^ u32::from(byte), |sum, _| (sum >> 1) ^ (0xEDB8_8320 & (sum & 1).wrapping_neg()))
        });
        file[29..33].copy_from_slice(&(!checksum).to_be_bytes());
        assert!(refusal(&file).contains("60000 × 60000"), "{}", refusal(&file));

        let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC0, 0, 17, 8, 0xEA, 0x60, 0xEA, 0x60, 3];
        jpeg.extend([1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0, 0xFF, 0xD9]);
        assert!(refusal(&jpeg).contains("60000 × 60000"), "{}", refusal(&jpeg));
    }

    #[test]
    fn a_missing_file_and_a_directory_are_named() {
        let directory = tempfile::tempdir().unwrap();
        let missing = directory.path().join("nowhere.png");
        for path in [&missing, directory.path()] {
            let message = Picture::open(path, Exif::Ignore).unwrap_err().to_string();
            assert!(message.contains(&path.display().to_string()), "{message}");
        }
    }
}
