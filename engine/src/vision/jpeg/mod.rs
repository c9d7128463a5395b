//! A JPEG decoder that gives the bytes libjpeg-turbo gives, and so Pillow and the reference.
//!
//! The standard leaves rounding to the decoder: others differ by a few levels in up to one pixel of six, which the
//! encoders would see. Here are libjpeg's exact choices (its slow integer inverse transform, its triangular
//! upsampling, its integer colour tables) for 8-bit pictures, sequential and progressive, Huffman and arithmetic. So
//! are its answers to damage, for pictures that every other program opens: lost or extra restart markers, data that
//! end before their marker, scans that never came.
//!
//! [`source`] reads bytes and markers, [`tables`] segments, [`scan`] the coefficients, with [`huffman`] or
//! [`arithmetic`]; [`render`] makes pixels, where scans are missing with the help of [`smoothing`].

mod arithmetic;
mod frame;
mod huffman;
mod render;
mod scan;
mod smoothing;
mod source;
mod standard;
mod tables;

use super::fault::{Fault, Result, damaged, unread};
use frame::Frame;
use source::Source;
use tables::{Stop, Tables};

/// Coefficients of a block.
const BLOCK: usize = 64;
/// Progressive pictures have about ten scans; each one costs time in proportion to the whole picture.
const MAX_SCANS: usize = 256;

/// The place in a block of each coefficient in the order of the file, from low to high frequencies.
const ZIGZAG: [u8; BLOCK] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54,
    47, 55, 62, 63,
];

/// The place in a block of the `k`-th coefficient in the order of the file. Those that a damaged file puts behind the
/// last one fall on the last one.
fn natural(k: usize) -> usize {
    usize::from(ZIGZAG.get(k).copied().unwrap_or(63))
}

/// What the header of a JPEG file says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The EXIF block, if there is one.
    pub(super) exif: Option<Vec<u8>>,
}

/// What a strip or tile of a TIFF file must be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    pub(super) width: usize,
    pub(super) height: usize,
    /// A height that is allowed besides; the rows after `height` are dropped.
    pub(super) stored_height: usize,
    pub(super) components: usize,
    /// Whether the components are brightness and colour differences, to be made RGB.
    pub(super) ycc: bool,
}

/// Reads the header of the JPEG file `bytes`, without allocating anything for its pixels.
pub(super) fn header(bytes: &[u8]) -> Result<Header> {
    let mut source = Source::file(bytes);
    let mut tables = Tables::default();
    source.start()?;
    // EXIF data may also come after the frame header.
    match tables.read(&mut source)? {
        Stop::Scan(_) => {}
        Stop::End => return damaged("it has no picture"),
    }
    let frame = tables.frame.ok_or("it has no frame header")?;
    Ok(Header { width: frame.width, height: frame.height, exif: tables.exif })
}

/// Decodes the JPEG file `bytes` to RGB, `[height, width, 3]`. The caller has checked the header's size.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut source = Source::file(bytes);
    let mut tables = Tables::default();
    source.start()?;
    read(&mut source, &mut tables, |_| Ok(()))?;
    let colour = tables.colour()?;
    let frame = tables.frame.ok_or("it has no frame header")?;
    Ok(render::rgb(&frame, colour))
}

/// Decodes a strip or tile of a TIFF file, `[height, width, components]`. `tables` is a stream of tables for all parts.
pub(super) fn decode_part(tables: Option<&[u8]>, bytes: &[u8], part: &Part) -> Result<Vec<u8>> {
    let mut state = Tables::default();
    if let Some(tables) = tables {
        let mut source = Source::part(tables);
        source.start()?;
        if let Stop::Scan(_) = state.read(&mut source)? {
            return damaged("its JPEG tables hold a picture");
        }
        state.begin_stream();
    }
    let mut source = Source::part(bytes);
    source.start()?;
    read(&mut source, &mut state, |frame| part.check(frame))?;
    let frame = state.frame.ok_or("a strip or tile has no frame header")?;
    let mut samples = if part.ycc { render::rgb(&frame, tables::Colour::Ycc) } else { render::samples(&frame) };
    samples.truncate(part.width * part.height * part.components);
    Ok(samples)
}

impl Part {
    /// Refuses a stream that is something else.
    fn check(&self, frame: &Frame) -> Result<()> {
        let (width, height, count) = (frame.width, frame.height, frame.components.len());
        if width != self.width || !(height == self.height || height == self.stored_height) {
            let (wide, high) = (self.width, self.height);
            return damaged(format!("a strip or tile has {width} × {height} pixels; {wide} × {high} were expected"));
        }
        if count != self.components {
            return damaged(format!("a strip or tile has {count} components; {} were expected", self.components));
        }
        let shared = if self.ycc { &frame.components[1..] } else { &frame.components[..] };
        if shared.iter().any(|component| component.sampling != [1, 1]) {
            return unread("a JPEG-compressed TIFF file of this kind of subsampling");
        }
        Ok(())
    }
}

/// Reads the scans of a picture. `check` looks at the frame before anything is allocated for it.
fn read(source: &mut Source<'_>, tables: &mut Tables, check: impl Fn(&Frame) -> Result<()>) -> Result<()> {
    let Stop::Scan(mut header) = tables.read(source)? else { return damaged("it has no picture") };
    let frame = tables.frame.as_ref().ok_or("a scan comes before the frame header")?;
    check(frame)?;
    let sequential = !frame.progressive;
    // One scan for everything is all that libjpeg decodes then.
    let single = sequential && header.first().is_some_and(|&count| usize::from(count) == frame.components.len());
    if sequential && !frame.arithmetic {
        tables.complete()?;
    }
    for _ in 0..MAX_SCANS {
        scan::decode(tables, header, source)?;
        match tables.read(source) {
            Ok(Stop::End) => return Ok(()),
            Ok(Stop::Scan(_)) if single => return damaged("it has another scan after the last"),
            Ok(Stop::Scan(next)) => header = next,
            // All pixels are there: what follows may be anything that is no marker, or nothing.
            Err(Fault::Damaged(_)) if single && source.has_ended() => return Ok(()),
            Err(fault) => return Err(fault),
        }
    }
    unread(format!("a JPEG file with more than {MAX_SCANS} scans"))
}
