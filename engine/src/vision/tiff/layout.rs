//! How the pixels of a TIFF file are laid out: what its directory says, and which kinds Pillow reads as what.

use super::directory::{Directory, Order};
use crate::vision::fault::{Result, damaged, unread};

/// Bytes that the strips or tiles of a small file may claim in sum, because some of them share their bytes. Each is unpacked:
/// without a limit a million of them could each claim the whole file.
const SHARED: u64 = 64 << 20;

/// Numbers of the fields that are read.
mod tag {
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const FILL_ORDER: u16 = 266;
    pub(super) const STRIP_OFFSETS: u16 = 273;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const ROWS_PER_STRIP: u16 = 278;
    pub(super) const STRIP_SIZES: u16 = 279;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const FAX3_OPTIONS: u16 = 292;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const TILE_HEIGHT: u16 = 323;
    pub(super) const TILE_OFFSETS: u16 = 324;
    pub(super) const TILE_SIZES: u16 = 325;
    pub(super) const EXTRA_SAMPLES: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const WINDOWS_MEDIA_PHOTO: u16 = 0xBC01;
}

/// What the samples of a pixel are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pixels {
    /// Grey of 1, 2, 4 or 8 bits, perhaps with white as 0, perhaps with opacity after it.
    Grey {
        inverted: bool,
    },
    /// Grey of 12 bits, packed.
    Grey12,
    Grey16,
    Signed16,
    Integer32,
    Float32,
    /// An index into the palette of 1, 2, 4 or 8 bits, perhaps with opacity after it.
    Palette,
    /// Red, green, blue and perhaps others, of 8 or 16 bits; `premultiplied` by the fourth.
    Rgb {
        premultiplied: bool,
    },
    /// Ink, of 8 or 16 bits.
    Cmyk,
    /// Brightness and two differences of colour.
    Ycc,
}

/// How the bytes of a part of the picture are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    PackBits,
    Lzw,
    Deflate,
    /// CCITT's run lengths.
    Fax(Fax),
    Jpeg,
}

/// The kinds of CCITT compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fax {
    /// Rows of run lengths, each beginning at a byte.
    Rows,
    /// Group 3: rows that may refer to the one before, each after a marker.
    Group3 { two_dimensional: bool },
    /// Group 4: rows that all refer to the one before.
    Group4,
}

/// How the pixels of a file are laid out.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) order: Order,
    pub(super) compression: Compression,
    /// Whether the first pixel of a byte is its lowest bit.
    pub(super) reversed: bool,
    /// 1: none; 2: differences of neighbours; 3: of floating-point numbers.
    pub(super) predictor: usize,
    pub(super) pixels: Pixels,
    pub(super) bits: usize,
    /// Samples per pixel.
    pub(super) samples: usize,
    /// Whether each sample has strips or tiles of its own.
    pub(super) planar: bool,
    pub(super) tiled: bool,
    /// Width and height of a strip or tile.
    pub(super) part: [usize; 2],
    /// Where each strip or tile begins, plane by plane, row by row.
    pub(super) offsets: Vec<i64>,
    /// The bytes of each; empty where nobody needs them.
    pub(super) sizes: Vec<i64>,
}

impl Layout {
    /// The width and height the directory promises, before anything else is looked at.
    pub(super) fn size(directory: &Directory<'_>) -> Result<[usize; 2]> {
        Ok([directory.size(tag::WIDTH, 0)?, directory.size(tag::HEIGHT, 0)?])
    }

    /// Reads the layout from the directory of a file.
    pub(super) fn read(directory: &Directory<'_>, file_bytes: usize) -> Result<Self> {
        if directory.has(tag::WINDOWS_MEDIA_PHOTO) {
            return unread("a JPEG XR file");
        }
        let [width, height] = Self::size(directory)?;
        let photometric = directory.size(tag::PHOTOMETRIC, 0)?;
        let compression = compression(directory)?;
        let planar = match directory.size(tag::PLANAR, 1)? {
            1 => false,
            2 => true,
            other => return damaged(format!("its planar configuration is {other}")),
        };
        let reversed = match directory.size(tag::FILL_ORDER, 1)? {
            1 => false,
            2 => true,
            other => return unread(format!("a TIFF file with fill order {other}")),
        };
        let samples = directory.size(tag::SAMPLES, 1)?;
        let bits = bits(directory, samples)?;
        let extra = directory.numbers(tag::EXTRA_SAMPLES)?;
        let format = directory.numbers(tag::SAMPLE_FORMAT)?;
        let format = match format[..] {
            [] => 1,
            [format] => format,
            ref formats if formats.iter().all(|&format| format == 1) => 1,
            _ => return unread("a TIFF file with signed or floating-point colours"),
        };
        if planar && photometric == 2 && samples > 3 && extra.is_empty() {
            return unread("a TIFF file of separate planes that does not say what the fourth is");
        }
        let kind = Kind { order: directory.order, photometric, format, bits, samples, extra: &extra, reversed };
        let pixels = kind.pixels()?;
        let is_jpeg = compression == Compression::Jpeg;
        if photometric == 6 && samples == 1 && compression != Compression::None && !is_jpeg {
            return unread("a compressed YCbCr TIFF file of one sample per pixel");
        }
        let tiled = !directory.has(tag::STRIP_OFFSETS);
        let part = if tiled {
            [directory.size(tag::TILE_WIDTH, 0)?, directory.size(tag::TILE_HEIGHT, 0)?]
        } else {
            [width, directory.size(tag::ROWS_PER_STRIP, height)?.min(height)]
        };
        if part.contains(&0) {
            return damaged(format!("its strips or tiles have {} × {} pixels", part[0], part[1]));
        }
        let [offsets, sizes] =
            if tiled { [tag::TILE_OFFSETS, tag::TILE_SIZES] } else { [tag::STRIP_OFFSETS, tag::STRIP_SIZES] };
        let layout = Self {
            width,
            height,
            order: directory.order,
            compression,
            reversed,
            predictor: directory.size(tag::PREDICTOR, 1)?,
            pixels,
            bits,
            samples,
            planar,
            tiled,
            part,
            offsets: directory.numbers(offsets)?,
            sizes: if compression == Compression::None { Vec::new() } else { directory.numbers(sizes)? },
        };
        layout.check(file_bytes)?;
        Ok(layout)
    }

    /// Strips or tiles across and down.
    pub(super) fn parts(&self) -> [usize; 2] {
        [self.width.div_ceil(self.part[0]), self.height.div_ceil(self.part[1])]
    }

    /// Whether the parts are compressed.
    pub(super) fn is_compressed(&self) -> bool {
        self.compression != Compression::None
    }

    /// Whether samples are stored as differences from their neighbours.
    pub(super) fn has_predictor(&self) -> bool {
        self.predictor > 1 && matches!(self.compression, Compression::Lzw | Compression::Deflate)
    }

    /// Refuses what Pillow refuses or reads as something else than it is.
    fn check(&self, file_bytes: usize) -> Result<()> {
        let planes = if self.planar { self.samples } else { 1 };
        let expected = self.parts()[0].saturating_mul(self.parts()[1]).saturating_mul(planes);
        let given = self.offsets.len();
        if given < expected || (self.compression == Compression::None && given != expected) {
            return damaged(format!("it has {given} strips or tiles; {expected} were expected"));
        }
        if self.compression != Compression::None && self.sizes.len() < expected {
            return damaged(format!("it has {} sizes of strips or tiles; {expected} were expected", self.sizes.len()));
        }
        if self.planar {
            self.check_planes()?;
        }
        if self.compression == Compression::None {
            return match self.pixels {
                Pixels::Ycc => unread("an uncompressed YCbCr TIFF file"),
                Pixels::Palette if self.reversed && self.bits < 8 => unread("a palette TIFF file with fill order 2"),
                _ => Ok(()),
            };
        }
        let claimed = self.sizes.iter().take(expected).map(|&size| u64::try_from(size).unwrap_or(0));
        let packed = claimed.fold(0, u64::saturating_add);
        if packed > (file_bytes as u64).saturating_mul(2).max(SHARED) {
            return damaged(format!("its strips or tiles claim {packed} bytes, many times what the file has"));
        }
        // What libtiff unpacks is in the order of the machine; Pillow takes these for being in the order of the file.
        if self.order == Order::Big && matches!(self.pixels, Pixels::Float32 | Pixels::Integer32) {
            return unread("a compressed big-endian TIFF file of 32-bit numbers");
        }
        if let Compression::Fax(_) = self.compression
            && (self.bits, self.samples) != (1, 1)
        {
            return unread("a CCITT-compressed TIFF file with more than one bit per pixel");
        }
        let packed = matches!(self.compression, Compression::Lzw | Compression::Deflate);
        match (packed, self.predictor) {
            (false, _) | (_, 0 | 1) => Ok(()),
            (_, 2) if matches!(self.bits, 8 | 16 | 32) => Ok(()),
            (_, 3) if self.pixels == Pixels::Float32 => Ok(()),
            (_, predictor) => {
                unread(format!("a TIFF file of {} bits per sample with predictor {predictor}", self.bits))
            }
        }
    }

    /// Samples in planes of their own are read by Pillow in some cases only.
    fn check_planes(&self) -> Result<()> {
        let colours = match self.pixels {
            Pixels::Rgb { .. } => self.samples.clamp(3, 4),
            Pixels::Cmyk => 4,
            Pixels::Ycc => 0,
            _ => self.samples,
        };
        let readable = if self.compression == Compression::None {
            let whole_bytes = self.bits == 8 && matches!(self.samples, 3 | 4);
            let plain = !self.reversed && (self.samples == 1 && matches!(self.bits, 1 | 8) || whole_bytes);
            let inverted = self.pixels == Pixels::Grey { inverted: true };
            let index = self.pixels == Pixels::Palette && self.bits < 8;
            plain && !inverted && !index && self.pixels != Pixels::Rgb { premultiplied: true } && colours > 0
        } else {
            self.samples == 1 || (matches!(self.bits, 8 | 16) && colours == self.samples)
        };
        if readable { Ok(()) } else { unread("a TIFF file of this kind of pixels in separate planes") }
    }
}

fn compression(directory: &Directory<'_>) -> Result<Compression> {
    let name = match directory.size(tag::COMPRESSION, 1)? {
        1 => return Ok(Compression::None),
        2 => return Ok(Compression::Fax(Fax::Rows)),
        3 => {
            let options = directory.size(tag::FAX3_OPTIONS, 0)?;
            if options & 2 != 0 {
                return unread("a CCITT-compressed TIFF file with uncompressed stretches");
            }
            return Ok(Compression::Fax(Fax::Group3 { two_dimensional: options & 1 != 0 }));
        }
        4 => return Ok(Compression::Fax(Fax::Group4)),
        5 => return Ok(Compression::Lzw),
        7 => return Ok(Compression::Jpeg),
        8 | 32946 => return Ok(Compression::Deflate),
        32773 => return Ok(Compression::PackBits),
        6 => "old-style JPEG".into(),
        // libtiff's rows begin at words of what it has read, not of the file.
        32771 => "word-aligned CCITT".into(),
        32809 => "ThunderScan".into(),
        34676 | 34677 => "LogLuv".into(),
        34712 => "JPEG 2000".into(),
        34925 => "LZMA".into(),
        50000 => "Zstandard".into(),
        50001 => "WebP".into(),
        50002 => "JPEG XL".into(),
        other => format!("number {other}"),
    };
    unread(format!("a TIFF file with {name} compression"))
}

/// Bits per sample, which must be the same for all `samples`.
fn bits(directory: &Directory<'_>, samples: usize) -> Result<usize> {
    if !(1..=6).contains(&samples) {
        return unread(format!("a TIFF file with {samples} samples per pixel"));
    }
    let bits = directory.numbers(tag::BITS)?;
    let first = bits.first().copied().unwrap_or(1);
    let enough = bits.len() <= 1 || bits.len() >= samples;
    if !enough || bits.iter().take(samples).any(|&bits| bits != first) {
        return unread("a TIFF file with samples of different sizes");
    }
    match usize::try_from(first) {
        Ok(bits @ 1..=32) => Ok(bits),
        _ => unread(format!("a TIFF file with {first} bits per sample")),
    }
}

/// What decides what the samples of a file are.
struct Kind<'a> {
    order: Order,
    photometric: usize,
    /// 1: whole numbers; 2: signed; 3: floating point.
    format: i64,
    bits: usize,
    samples: usize,
    extra: &'a [i64],
    reversed: bool,
}

impl Kind<'_> {
    /// What Pillow takes the samples for.
    fn pixels(&self) -> Result<Pixels> {
        let little = self.order == Order::Little;
        let small = matches!(self.bits, 1 | 2 | 4 | 8);
        let straight = !self.reversed;
        let unused = |extra: &[i64]| extra.iter().all(|&kind| kind == 0);
        let pixels = match (self.photometric, self.format, self.bits, self.samples, self.extra) {
            (0 | 1, 1, _, 1, []) if small => Some(Pixels::Grey { inverted: self.photometric == 0 }),
            (1, 2, 8, 1, []) if straight => Some(Pixels::Grey { inverted: false }),
            (1, 1, 8, 2, [2]) if straight => Some(Pixels::Grey { inverted: false }),
            (1, 1, 12, 1, []) if straight && little => Some(Pixels::Grey12),
            (0, 1, 16, 1, []) if straight && little => Some(Pixels::Grey16),
            (1, 1, 16, 1, []) if straight || little => Some(Pixels::Grey16),
            (1, 2, 16, 1, []) if straight => Some(Pixels::Signed16),
            (1, 1, 32, 1, []) if straight && little => Some(Pixels::Integer32),
            (1, 2, 32, 1, []) if straight => Some(Pixels::Integer32),
            (0 | 1, 3, 32, 1, []) if straight => Some(Pixels::Float32),
            (2, 1, 8, 3, []) => Some(Pixels::Rgb { premultiplied: false }),
            (2, 1, 16, 3, []) | (2, 1, 8 | 16, 4, []) | (2, 1, 8, 4, [999]) if straight => {
                Some(Pixels::Rgb { premultiplied: false })
            }
            (2, 1, 8, 4..=6, [first @ 0..=2, rest @ ..]) if straight && rest.len() + 4 == self.samples => {
                unused(rest).then_some(Pixels::Rgb { premultiplied: *first == 1 })
            }
            (2, 1, 16, 4, [first @ 0..=2]) if straight => Some(Pixels::Rgb { premultiplied: *first == 1 }),
            (3, 1, _, 1, []) if small => Some(Pixels::Palette),
            (3, 1, 8, 2, [2]) if straight => Some(Pixels::Palette),
            (5, 1, 8, 4..=6, rest) if straight && rest.len() + 4 == self.samples => {
                unused(rest).then_some(Pixels::Cmyk)
            }
            (5, 1, 16, 4, []) if straight && little => Some(Pixels::Cmyk),
            (6, 1, 8, 1, []) if straight => Some(Pixels::Grey { inverted: false }),
            (6, 1, 8, 3, []) if straight => Some(Pixels::Ycc),
            _ => None,
        };
        match pixels {
            Some(pixels) => Ok(pixels),
            None => unread(self.name()),
        }
    }

    /// The kind in words.
    fn name(&self) -> String {
        let colours = match self.photometric {
            0 | 1 => "grey".into(),
            2 => "RGB".into(),
            3 => "palette".into(),
            4 => "mask".into(),
            5 => "CMYK".into(),
            6 => "YCbCr".into(),
            8..=10 => "CIE L*a*b*".into(),
            32803 => "camera's raw (colour filter array)".into(),
            32844 | 32845 => "LogLuv".into(),
            34892 => "camera's raw (linear)".into(),
            other => format!("photometric interpretation {other}"),
        };
        let (bits, samples) = (self.bits, self.samples);
        let numbers = match self.format {
            1 => "samples",
            2 => "signed samples",
            3 => "floating-point samples",
            _ => "undefined samples",
        };
        let extra = if self.extra.is_empty() { String::new() } else { format!(", extra samples {:?}", self.extra) };
        let reversed = if self.reversed { ", fill order 2" } else { "" };
        format!("a TIFF file of {colours} pixels with {samples} {numbers} of {bits} bits{extra}{reversed}")
    }
}
