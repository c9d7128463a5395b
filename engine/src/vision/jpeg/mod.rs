//! A JPEG decoder that gives the bytes libjpeg-turbo gives, and so Pillow and the reference.
//!
//! The standard leaves rounding to the decoder: others differ by a few levels in up to one pixel of six, which the
//! encoders would see. Here are libjpeg's exact choices (its slow integer inverse transform, its triangular
//! upsampling, its integer colour tables) for what it decodes: Huffman-coded 8-bit pictures, sequential and
//! progressive, of one, three or four components.
//!
//! This module reads the file's structure; [`huffman`] its entropy-coded parts; [`render`] makes pixels.

mod huffman;
mod render;

use huffman::{Bits, Table};

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

/// Why a file is no JPEG picture this decoder can read, in the words of a message.
pub(super) type Result<T> = std::result::Result<T, String>;

/// What the header of a JPEG file says.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    /// The EXIF block, if there is one.
    pub(super) exif: Option<Vec<u8>>,
}

/// A picture between its header and its pixels.
#[derive(Debug)]
struct Frame {
    width: usize,
    height: usize,
    progressive: bool,
    components: Vec<Component>,
    /// Largest sampling factors, across and down.
    sampling: [usize; 2],
}

/// One colour channel.
#[derive(Debug)]
struct Component {
    id: u8,
    /// Sampling factors, across and down.
    sampling: [usize; 2],
    quantization_table: usize,
    /// The quantisation in force when the component's first scan began, in zigzag order.
    quantization: Option<[u16; BLOCK]>,
    /// Blocks per row, and rows of blocks, that hold samples of the picture.
    blocks: [usize; 2],
    /// Blocks per row, and rows of blocks, as stored: whole groups of interleaved components.
    stored: [usize; 2],
    /// Samples across and down that belong to the picture.
    size: [usize; 2],
    /// Quantised coefficients: `[stored rows, stored blocks, 64]`, each block row by row. Empty until the first scan.
    coefficients: Vec<i16>,
}

/// What the four components or three of a picture are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Colour {
    Grey,
    Rgb,
    Ycc,
    Cmyk,
    Ycck,
}

/// Reads segments one after the other.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// Tables and notes a file makes as it goes.
#[derive(Default)]
struct State {
    quantization: [Option<[u16; BLOCK]>; 4],
    dc: [Option<Table>; 4],
    ac: [Option<Table>; 4],
    restart_interval: usize,
    jfif: bool,
    adobe: Option<u8>,
    exif: Option<Vec<u8>>,
    frame: Option<Frame>,
}

/// Reads the header of the JPEG file `bytes`, without allocating anything for its pixels.
pub(super) fn header(bytes: &[u8]) -> Result<Header> {
    let mut reader = Reader { bytes, at: 2 };
    let mut state = State::default();
    while state.frame.is_none() {
        let marker = reader.marker()?;
        if matches!(marker, 0xD9 | 0xDA) {
            return Err("it has no frame header".into());
        }
        let segment = reader.segment()?;
        state.read(marker, segment)?;
    }
    // Between the frame header and the first scan there may still be EXIF data, but nobody writes it there.
    let frame = state.frame.ok_or("it has no frame header")?;
    Ok(Header { width: frame.width, height: frame.height, exif: state.exif })
}

/// Decodes the JPEG file `bytes` to RGB, `[height, width, 3]`. The caller has checked the header's size.
pub(super) fn decode(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut reader = Reader { bytes, at: 2 };
    let mut state = State::default();
    let mut scans = 0;
    loop {
        match reader.marker()? {
            0xD9 => break,
            0xDA => {
                scans += 1;
                if scans > MAX_SCANS {
                    return Err(format!("it has more than {MAX_SCANS} scans"));
                }
                let segment = reader.segment()?;
                reader.at = state.scan(segment, bytes, reader.at)?;
            }
            marker => {
                let segment = reader.segment()?;
                state.read(marker, segment)?;
            }
        }
    }
    let colour = state.colour()?;
    let frame = state.frame.ok_or("it has no frame header")?;
    if frame.components.iter().any(|component| component.quantization.is_none()) {
        return Err("a colour channel is missing".into());
    }
    Ok(render::rgb(&frame, colour))
}

impl<'a> Reader<'a> {
    /// The code of the next marker, skipping what lies before it.
    fn marker(&mut self) -> Result<u8> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let found = rest.windows(2).position(|w| w[0] == 0xFF && !matches!(w[1], 0x00 | 0x01 | 0xFF | 0xD0..=0xD8));
        let Some(found) = found else {
            return Err(format!("it is cut short: it ends at byte {} without an end marker", self.bytes.len()));
        };
        self.at += found + 2;
        Ok(rest[found + 1])
    }

    /// The contents of the segment that begins here.
    fn segment(&mut self) -> Result<&'a [u8]> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let length = rest.first_chunk().map(|&length| usize::from(u16::from_be_bytes(length)));
        let segment = length.filter(|&length| length >= 2).and_then(|length| rest.get(2..length));
        let segment = segment.ok_or_else(|| format!("it is cut short: a segment at byte {} is not whole", self.at))?;
        self.at += segment.len() + 2;
        Ok(segment)
    }
}

impl State {
    /// Takes notice of any segment but a scan.
    fn read(&mut self, marker: u8, segment: &[u8]) -> Result<()> {
        match marker {
            0xC4 => self.huffman_tables(segment),
            0xDB => self.quantization_tables(segment),
            0xDD => {
                let interval = segment.first_chunk().ok_or("its restart interval is not whole")?;
                self.restart_interval = usize::from(u16::from_be_bytes(*interval));
                Ok(())
            }
            0xC0..=0xC2 if self.frame.is_some() => Err("it has two frame headers".into()),
            0xC0..=0xC2 => {
                self.frame = Some(Frame::read(segment, marker == 0xC2)?);
                Ok(())
            }
            0xC3 | 0xC5..=0xC7 | 0xC9..=0xCF => {
                Err("it uses a rare kind of compression (lossless, hierarchical or arithmetic)".into())
            }
            0xE0 => {
                self.jfif |= segment.starts_with(b"JFIF\0");
                Ok(())
            }
            0xE1 => {
                if let (None, Some(exif)) = (&self.exif, segment.strip_prefix(b"Exif\0\0")) {
                    self.exif = Some(exif.to_vec());
                }
                Ok(())
            }
            0xEE => {
                if segment.starts_with(b"Adobe") && segment.len() >= 12 {
                    self.adobe = Some(segment[11]);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn quantization_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        const BROKEN: &str = "a quantisation table is not whole";
        while let Some((&kind, rest)) = segment.split_first() {
            let slot = self.quantization.get_mut(usize::from(kind & 15)).ok_or(BROKEN)?;
            let wide = kind >> 4 != 0;
            let (values, rest) = rest.split_at_checked(if wide { 2 * BLOCK } else { BLOCK }).ok_or(BROKEN)?;
            *slot = Some(std::array::from_fn(|i| {
                if wide { u16::from_be_bytes([values[2 * i], values[2 * i + 1]]) } else { u16::from(values[i]) }
            }));
            segment = rest;
        }
        Ok(())
    }

    fn huffman_tables(&mut self, mut segment: &[u8]) -> Result<()> {
        const BROKEN: &str = "a Huffman table is not whole";
        while let Some((&kind, rest)) = segment.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>().ok_or(BROKEN)?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count).ok_or(BROKEN)?;
            let tables = if kind >> 4 == 0 { &mut self.dc } else { &mut self.ac };
            *tables.get_mut(usize::from(kind & 15)).ok_or(BROKEN)? = Some(Table::new(counts, symbols)?);
            segment = rest;
        }
        Ok(())
    }

    /// What libjpeg takes the components for.
    fn colour(&self) -> Result<Colour> {
        let components = self.frame.as_ref().map_or(&[][..], |frame| &frame.components);
        let ids: Vec<u8> = components.iter().map(|component| component.id).collect();
        Ok(match (ids.len(), self.adobe) {
            (1, _) => Colour::Grey,
            (3, Some(0)) if !self.jfif => Colour::Rgb,
            (3, None) if !self.jfif && ids == *b"RGB" => Colour::Rgb,
            (3, _) => Colour::Ycc,
            (4, None | Some(0)) => Colour::Cmyk,
            (4, _) => Colour::Ycck,
            (count, _) => return Err(format!("it has {count} colour channels")),
        })
    }

    /// Decodes the scan whose header is `segment` and whose data begin at `at`; returns where they end.
    fn scan(&mut self, segment: &[u8], bytes: &[u8], at: usize) -> Result<usize> {
        const BROKEN: &str = "a scan header is damaged";
        let frame = self.frame.as_mut().ok_or("a scan comes before the frame header")?;
        let count = usize::from(*segment.first().ok_or(BROKEN)?);
        let selectors = segment.get(1..1 + 2 * count).ok_or(BROKEN)?;
        let &[start, end, approximation] = segment[1 + 2 * count..].first_chunk().ok_or(BROKEN)?;
        let mut members = Vec::new();
        for selector in selectors.chunks_exact(2) {
            let index = frame.components.iter().position(|component| component.id == selector[0]).ok_or(BROKEN)?;
            if members.iter().any(|member: &Member<'_>| member.component == index) {
                return Err(BROKEN.into());
            }
            let component = &mut frame.components[index];
            if component.quantization.is_none() {
                let table = self.quantization[component.quantization_table];
                component.quantization = Some(table.ok_or("a quantisation table is missing")?);
                component.coefficients = vec![0; component.stored[0] * component.stored[1] * BLOCK];
            }
            let table = |tables: &'_ [Option<Table>; 4], which: u8| -> Result<usize> {
                let which = usize::from(which);
                if which < tables.len() { Ok(which) } else { Err(BROKEN.into()) }
            };
            members.push(Member {
                component: index,
                dc: self.dc[table(&self.dc, selector[1] >> 4)?].as_ref(),
                ac: self.ac[table(&self.ac, selector[1] & 15)?].as_ref(),
                predicted: 0,
            });
        }
        let spectrum = if frame.progressive {
            let (start, end) = (usize::from(start), usize::from(end));
            let (high, low) = (approximation >> 4, approximation & 15);
            let valid = end < BLOCK && low < 14 && (high == 0 || high == low + 1);
            if !valid || (start == 0) != (end == 0) || start > end || (start > 0 && count != 1) {
                return Err(BROKEN.into());
            }
            Spectrum { start, end, low, first: high == 0, progressive: true }
        } else {
            Spectrum { start: 0, end: BLOCK - 1, low: 0, first: true, progressive: false }
        };
        if members.is_empty() {
            return Err(BROKEN.into());
        }
        let mut data = Bits::new(bytes, at);
        frame.decode_scan(&mut members, spectrum, self.restart_interval, &mut data)?;
        Ok(data.position())
    }
}

/// A component's part in a scan.
struct Member<'a> {
    /// Index in the frame.
    component: usize,
    dc: Option<&'a Table>,
    ac: Option<&'a Table>,
    /// The last block's mean.
    predicted: i32,
}

/// Which digits of which coefficients a scan brings.
#[derive(Debug, Clone, Copy)]
struct Spectrum {
    start: usize,
    end: usize,
    /// The lowest binary digit brought.
    low: u8,
    /// Whether these are the first digits of the coefficients, or one more of each.
    first: bool,
    progressive: bool,
}

impl Frame {
    fn read(segment: &[u8], progressive: bool) -> Result<Self> {
        const BROKEN: &str = "its frame header is damaged";
        let &[precision, h1, h0, w1, w0, count] = segment.first_chunk().ok_or(BROKEN)?;
        let (width, height) = (usize::from(u16::from_be_bytes([w1, w0])), usize::from(u16::from_be_bytes([h1, h0])));
        if precision != 8 {
            return Err(format!("it has {precision} bits per sample; only 8 are read"));
        }
        if width == 0 || height == 0 {
            return Err(format!("its header says it has {width} × {height} pixels"));
        }
        let entries = segment.get(6..6 + 3 * usize::from(count)).filter(|entries| !entries.is_empty()).ok_or(BROKEN)?;
        if !matches!(count, 1 | 3 | 4) {
            return Err(format!("it has {count} colour channels"));
        }
        let factors: Vec<[usize; 2]> =
            entries.chunks_exact(3).map(|entry| [usize::from(entry[1] >> 4), usize::from(entry[1] & 15)]).collect();
        if factors.iter().flatten().any(|factor| !(1..=4).contains(factor)) {
            return Err(BROKEN.into());
        }
        let sampling = [0, 1].map(|axis| factors.iter().map(|factor| factor[axis]).max().unwrap_or(1));
        let picture = [width, height];
        let mut components = Vec::new();
        for (entry, sampled) in entries.chunks_exact(3).zip(&factors) {
            if (0..2).any(|axis| !sampling[axis].is_multiple_of(sampled[axis])) {
                return Err("its colour channels have sizes that do not divide the picture's".into());
            }
            if entry[2] > 3 || components.iter().any(|other: &Component| other.id == entry[0]) {
                return Err(BROKEN.into());
            }
            let size = [0, 1].map(|axis| (picture[axis] * sampled[axis]).div_ceil(sampling[axis]));
            components.push(Component {
                id: entry[0],
                sampling: *sampled,
                quantization_table: usize::from(entry[2]),
                quantization: None,
                blocks: size.map(|size| size.div_ceil(8)),
                stored: [0, 1].map(|axis| picture[axis].div_ceil(8 * sampling[axis]) * sampled[axis]),
                size,
                coefficients: Vec::new(),
            });
        }
        Ok(Self { width, height, progressive, components, sampling })
    }

    /// Decodes all blocks of a scan.
    fn decode_scan(
        &mut self,
        members: &mut [Member<'_>],
        spectrum: Spectrum,
        restart_interval: usize,
        data: &mut Bits<'_>,
    ) -> Result<()> {
        let units = match members {
            // A component alone comes block by block, without the blocks that fill up groups.
            [member] => self.components[member.component].blocks,
            _ => [0, 1].map(|axis| [self.width, self.height][axis].div_ceil(8 * self.sampling[axis])),
        };
        let alone = members.len() == 1;
        let mut until_restart = restart_interval;
        for y in 0..units[1] {
            for x in 0..units[0] {
                if restart_interval > 0 {
                    if until_restart == 0 {
                        data.restart()?;
                        members.iter_mut().for_each(|member| member.predicted = 0);
                        until_restart = restart_interval;
                    }
                    until_restart -= 1;
                }
                for member in members.iter_mut() {
                    let component = &mut self.components[member.component];
                    let [across, down] = if alone { [1, 1] } else { component.sampling };
                    for row in y * down..(y + 1) * down {
                        for column in x * across..(x + 1) * across {
                            let place = (row * component.stored[0] + column) * BLOCK;
                            let block = &mut component.coefficients[place..][..BLOCK];
                            member.decode_block(block, spectrum, data)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
