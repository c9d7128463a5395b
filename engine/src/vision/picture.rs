//! Pictures from files, decoded and converted to RGB as the reference does (spec §3, steps 1 and 2).
//!
//! The reference reads pictures with Pillow's `Image.open(path).convert("RGB")`: grey is replicated, palettes are
//! expanded, transparency is dropped without compositing, and the EXIF orientation is ignored. Files come from
//! strangers, so a header that promises too much is refused before anything is allocated for its pixels.

use crate::error::{Error, Result};
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage};
use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

/// No picture file is larger than this.
const MAX_FILE_BYTES: u64 = 1 << 30;
/// The most pixels a picture may have: the number above which Pillow, too, refuses to decode.
const MAX_PIXELS: u64 = 178_956_970;
/// What a decoder may allocate: 16-bit RGBA of [`MAX_PIXELS`], and some room to work in.
const MAX_DECODER_BYTES: u64 = MAX_PIXELS * 8 + (64 << 20);

/// What to do with the orientation a camera wrote into the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Exif {
    /// Take the picture as it is stored, as the reference does.
    #[default]
    Ignore,
    /// Turn it upright first. Everything after that (sizes, padding, maps) refers to the upright picture.
    Honour,
}

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

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({} × {})", self.width, self.height)
    }
}

impl Picture {
    /// Reads the picture in `file`: PNG, JPEG, WebP, GIF (first frame), BMP or TIFF.
    ///
    /// # Errors
    /// [`Error::Input`], naming the file, if it cannot be read, is empty, cut short, of no known format, or larger
    /// than [`MAX_PIXELS`].
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
        if bytes.is_empty() {
            return Err(Error::input(format!("{name}: the file is empty (0 bytes)"), COPY_AGAIN));
        }
        let mut reader =
            ImageReader::new(Cursor::new(bytes)).with_guessed_format().map_err(|e| undecodable(name, &e))?;
        let Some(format) = reader.format().filter(|format| FORMATS.contains(format)) else {
            return Err(Error::input(
                format!("{name}: this is not a picture in a format the program reads ({} bytes)", bytes.len()),
                "use a PNG, JPEG, WebP, GIF, BMP or TIFF file",
            ));
        };
        if format == ImageFormat::Jpeg && !jpeg_is_whole(bytes) {
            return Err(Error::input(
                format!(
                    "{name}: this JPEG picture is cut short: it ends at byte {} without an end marker",
                    bytes.len()
                ),
                COPY_AGAIN,
            ));
        }
        // The true limit is on the product of the sides, checked below; decoders get a bound on memory.
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(MAX_DECODER_BYTES);
        reader.limits(limits);
        let mut decoder = reader.into_decoder().map_err(|e| refused_by_decoder(name, format, &e))?;
        let (width, height) = decoder.dimensions();
        let pixels = u64::from(width) * u64::from(height);
        if pixels == 0 || pixels > MAX_PIXELS {
            return Err(Error::input(
                format!("{name}: the picture says it has {width} × {height} pixels; at most {MAX_PIXELS} are read"),
                "make it smaller with an image editor",
            ));
        }
        let orientation = match exif {
            Exif::Ignore => Orientation::NoTransforms,
            // A file without readable orientation is upright.
            Exif::Honour => decoder.orientation().unwrap_or(Orientation::NoTransforms),
        };
        let stored = decoder.original_color_type();
        let image = DynamicImage::from_decoder(decoder).map_err(|e| refused_by_decoder(name, format, &e))?;
        let mut image = DynamicImage::ImageRgb8(to_rgb(image, stored));
        image.apply_orientation(orientation);
        let rgb = image.into_rgb8();
        Ok(Self { width: rgb.width() as usize, height: rgb.height() as usize, rgb: rgb.into_raw() })
    }
}

/// The formats this program was built to read.
const FORMATS: [ImageFormat; 6] =
    [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::WebP, ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff];

const COPY_AGAIN: &str = "copy or download the picture again";

fn too_large_file(name: &str, bytes: u64) -> Error {
    Error::input(
        format!("{name}: the file has {bytes} bytes; at most {MAX_FILE_BYTES} are read"),
        "save the picture in a smaller size or a compressed format",
    )
}

fn undecodable(name: &str, error: &dyn std::fmt::Display) -> Error {
    Error::input(
        format!("{name}: this picture cannot be decoded: {error}"),
        "the file is damaged or cut short: copy or download it again, or save it anew with an image editor",
    )
}

fn refused_by_decoder(name: &str, format: ImageFormat, error: &ImageError) -> Error {
    if matches!(error, ImageError::Limits(_)) {
        return Error::input(
            format!("{name}: decoding this picture would take more than {MAX_DECODER_BYTES} bytes of memory"),
            "make it smaller with an image editor",
        );
    }
    undecodable(name, &format!("{format:?}: {error}"))
}

/// Pillow's conversion to RGB of what Pillow would have made of a file that stores `stored` pixels.
fn to_rgb(image: DynamicImage, stored: ExtendedColorType) -> RgbImage {
    let (width, height) = (image.width(), image.height());
    let rgb: Vec<u8> = match image {
        DynamicImage::ImageRgb8(image) => return image,
        DynamicImage::ImageLuma8(image) => image.as_raw().iter().flat_map(|&v| [v; 3]).collect(),
        DynamicImage::ImageLumaA8(image) => image.as_raw().chunks_exact(2).flat_map(|p| [p[0]; 3]).collect(),
        DynamicImage::ImageRgba8(image) => without_alpha(image.as_raw()),
        // Pillow keeps 16-bit grey at full range and clips it; of other 16-bit pixels it reads the high bytes.
        DynamicImage::ImageLuma16(image) => image.as_raw().iter().flat_map(|&v| [clip(v); 3]).collect(),
        DynamicImage::ImageLumaA16(image) => {
            let grey = if stored == ExtendedColorType::L16 { clip } else { high_byte };
            image.as_raw().chunks_exact(2).flat_map(|p| [grey(p[0]); 3]).collect()
        }
        DynamicImage::ImageRgb16(image) => image.as_raw().iter().map(|&v| high_byte(v)).collect(),
        DynamicImage::ImageRgba16(image) => {
            image.as_raw().chunks_exact(4).flat_map(|p| [high_byte(p[0]), high_byte(p[1]), high_byte(p[2])]).collect()
        }
        other => return other.into_rgb8(),
    };
    // The sizes agree by construction; an empty picture instead of a panic if they ever should not.
    RgbImage::from_raw(width, height, rgb).unwrap_or_default()
}

fn without_alpha(rgba: &[u8]) -> Vec<u8> {
    rgba.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()
}

fn clip(value: u16) -> u8 {
    value.min(255) as u8
}

fn high_byte(value: u16) -> u8 {
    (value >> 8) as u8
}

/// Whether the segments of a JPEG file reach an end-of-image marker. The decoder fills what is missing with grey and
/// says nothing; Pillow refuses.
fn jpeg_is_whole(bytes: &[u8]) -> bool {
    let mut at = 2; // after the start-of-image marker
    loop {
        // The next marker: 0xFF and a code that is neither a stuffed zero, a fill byte nor a restart marker.
        let Some(found) = bytes.get(at..).and_then(|rest| {
            rest.windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0x00 | 0xFF | 0x01 | 0xD0..=0xD7))
        }) else {
            return false;
        };
        let marker = bytes[at + found + 1];
        at += found + 2;
        if marker == 0xD9 {
            return true;
        }
        let Some(&[high, low]) = bytes.get(at..at + 2) else { return false };
        at += usize::from(u16::from_be_bytes([high, low]));
    }
}
