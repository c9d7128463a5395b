//! The column of pictures of a row group, read as a stream: of its pages nothing is kept but what goes into the set's
//! pictures. Writers put a thousand pictures into a page, and the library reads pages whole.

use super::header::{Kind, PageHeader, one, varint};
use super::snappy::Snappy;
use crate::data::{Fault, Form, PictureId, Pictures};
use crate::error::Error as SetError;
use ::parquet::basic::{Compression, ConvertedType, Encoding, Type as Physical};
use ::parquet::file::metadata::ColumnChunkMetaData;
use flate2::read::MultiGzDecoder;
use std::fs::File;
use std::io::{BufReader, Error, ErrorKind, Read, Result, Seek, SeekFrom};
use std::path::PathBuf;

/// Bytes of a page that are read at a time.
const CHUNK: usize = 1 << 16;

/// No row group has more rows, whatever a file says of itself.
const MAX_ROWS: usize = 4_000_000;

/// Numbers of encodings in the description of a page.
const PLAIN: i64 = 0;
const PLAIN_DICTIONARY: i64 = 2;
const RLE_DICTIONARY: i64 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Codec {
    None,
    Snappy,
    Gzip,
}

/// Where the pictures of a row group are.
#[derive(Debug, Clone)]
pub(in crate::data) struct Column {
    path: PathBuf,
    start: u64,
    length: u64,
    codec: Codec,
    /// The level at which a value is there.
    defined: u8,
    rows: usize,
    form: Form,
}

/// A picture of each row, `None` where there is none.
pub(in crate::data) type Found = Vec<Option<std::result::Result<PictureId, Fault>>>;

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, what.to_owned())
}

impl Column {
    /// The column `chunk` of the file `path`, if it can be read as a stream. Texts are base64.
    pub(super) fn new(path: PathBuf, chunk: &ColumnChunkMetaData, rows: usize) -> Option<Self> {
        let codec = match chunk.compression() {
            Compression::UNCOMPRESSED => Codec::None,
            Compression::SNAPPY => Codec::Snappy,
            Compression::GZIP(_) => Codec::Gzip,
            _ => return None,
        };
        #[allow(deprecated, reason = "files still name it")]
        let known = [
            Encoding::PLAIN,
            Encoding::PLAIN_DICTIONARY,
            Encoding::RLE_DICTIONARY,
            Encoding::RLE,
            Encoding::BIT_PACKED,
        ];
        let descr = chunk.column_descr();
        let fits = chunk.column_type() == Physical::BYTE_ARRAY
            && descr.max_rep_level() == 0
            && rows <= MAX_ROWS
            && (0..=3).contains(&descr.max_def_level())
            && chunk.encodings().all(|encoding| known.contains(&encoding));
        let start = u64::try_from(chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset())).ok()?;
        let length = u64::try_from(chunk.compressed_size()).ok()?;
        let defined = u8::try_from(descr.max_def_level()).ok()?;
        let is_text = descr.converted_type() == ConvertedType::UTF8;
        let form = if is_text { Form::Base64 } else { Form::Bytes };
        fits.then_some(Self { path, start, length, codec, defined, rows, form })
    }

    /// Puts the pictures of the first `wanted` rows into `pictures`.
    pub(in crate::data) fn read(&self, pictures: &mut Pictures, wanted: usize) -> std::result::Result<Found, SetError> {
        let wanted = wanted.min(self.rows);
        let mut failure = None;
        self.pages(pictures, wanted, &mut failure).map_err(|error| {
            failure.unwrap_or_else(|| {
                SetError::at(&self.path, format!("its pictures cannot be read: {error}"), super::HELP)
            })
        })
    }

    fn pages(&self, pictures: &mut Pictures, wanted: usize, failure: &mut Option<SetError>) -> Result<Found> {
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.start))?;
        let mut input = BufReader::with_capacity(CHUNK, file.take(self.length));
        let (mut found, mut dictionary): (Found, Found) = (Vec::new(), Vec::new());
        while found.len() < wanted {
            let header = PageHeader::read(&mut input)?;
            let mut page = Page { pictures, failure, form: self.form, left: header.uncompressed };
            let mut body = (&mut input).take(header.compressed);
            match header.kind {
                Kind::Dictionary => {
                    if header.values > self.rows || header.encoding != PLAIN && header.encoding != PLAIN_DICTIONARY {
                        return Err(broken("its dictionary has more values than it has rows"));
                    }
                    let mut values = self.decompressed(&mut body, header.uncompressed, true)?;
                    for _ in 0..header.values {
                        dictionary.push(Some(page.plain(&mut values)?));
                    }
                }
                Kind::Data | Kind::DataV2 => {
                    if header.values > self.rows - found.len() {
                        return Err(broken("its pages have more values than it has rows"));
                    }
                    let more = self.data(&header, &mut body, &mut page, &dictionary)?;
                    found.extend(more);
                }
                Kind::Other => {}
            }
            // What is left of it: padding, or the description of an index.
            std::io::copy(&mut body, &mut std::io::sink())?;
        }
        found.truncate(wanted);
        Ok(found)
    }

    fn data(&self, header: &PageHeader, body: &mut dyn Read, page: &mut Page<'_>, dictionary: &Found) -> Result<Found> {
        let (defined, mut values) = if header.kind == Kind::DataV2 {
            let [repetition, definition] = header.levels;
            let uncompressed = header.uncompressed.checked_sub(repetition + definition);
            let uncompressed = uncompressed.ok_or_else(|| broken("a page is shorter than its levels"))?;
            let mut levels = (&mut *body).take(repetition + definition);
            std::io::copy(&mut (&mut levels).take(repetition), &mut std::io::sink())?;
            let defined = self.levels(&mut levels, header.values)?;
            std::io::copy(&mut levels, &mut std::io::sink())?;
            (defined, self.decompressed(body, uncompressed, header.is_compressed)?)
        } else {
            let mut values = self.decompressed(body, header.uncompressed, true)?;
            let defined = if self.defined == 0 {
                vec![true; header.values]
            } else {
                let mut length = [0; 4];
                values.read_exact(&mut length)?;
                let mut levels = (&mut values).take(u64::from(u32::from_le_bytes(length)));
                let defined = self.levels(&mut levels, header.values)?;
                std::io::copy(&mut levels, &mut std::io::sink())?;
                defined
            };
            (defined, values)
        };
        let there = defined.iter().filter(|defined| **defined).count();
        let mut numbers = match header.encoding {
            PLAIN => None,
            PLAIN_DICTIONARY | RLE_DICTIONARY => {
                let width = if there > 0 { one(&mut values)? } else { 0 };
                Some(hybrid(&mut values, width, there)?.into_iter())
            }
            _ => return Err(broken("its pictures are encoded in an unknown way")),
        };
        let mut found = Vec::with_capacity(defined.len());
        for defined in defined {
            found.push(match &mut numbers {
                _ if !defined => None,
                None => Some(page.plain(&mut values)?),
                Some(numbers) => {
                    let number = numbers.next().and_then(|number| usize::try_from(number).ok());
                    let entry = number.and_then(|number| dictionary.get(number));
                    entry.ok_or_else(|| broken("a picture that is not in its dictionary"))?.clone()
                }
            });
        }
        Ok(found)
    }

    /// Which of `count` values are there.
    fn levels(&self, input: &mut impl Read, count: usize) -> Result<Vec<bool>> {
        if self.defined == 0 {
            return Ok(vec![true; count]);
        }
        let width = u8::try_from(8 - self.defined.leading_zeros()).unwrap_or(8);
        Ok(hybrid(input, width, count)?.into_iter().map(|level| level == u32::from(self.defined)).collect())
    }

    fn decompressed<'r>(&self, body: &'r mut dyn Read, length: u64, compressed: bool) -> Result<Box<dyn Read + 'r>> {
        let body = BufReader::with_capacity(CHUNK, body);
        Ok(match self.codec {
            Codec::Snappy if compressed && length > 0 => Box::new(Snappy::new(body, length)?),
            Codec::Gzip if compressed && length > 0 => Box::new(MultiGzDecoder::new(body).take(length)),
            _ => Box::new(body.take(length)),
        })
    }
}

/// Where the values of a page go.
struct Page<'a> {
    pictures: &'a mut Pictures,
    /// Why they cannot go there.
    failure: &'a mut Option<SetError>,
    form: Form,
    /// Bytes of the page that were not read.
    left: u64,
}

impl Page<'_> {
    /// The next value: its length and its bytes.
    fn plain(&mut self, input: &mut impl Read) -> Result<std::result::Result<PictureId, Fault>> {
        let mut length = [0; 4];
        input.read_exact(&mut length)?;
        let length = u64::from(u32::from_le_bytes(length));
        self.left = self.left.checked_sub(length + 4).ok_or_else(|| broken("a picture is longer than its page"))?;
        let added = self.pictures.add_stream(length, self.form, input)?;
        added.map_err(|error| {
            *self.failure = Some(error);
            ErrorKind::Other.into()
        })
    }
}

/// `count` numbers of `width` bits in runs and packed groups.
fn hybrid(input: &mut impl Read, width: u8, count: usize) -> Result<Vec<u32>> {
    if width > 32 {
        return Err(broken("numbers of more than 32 bits"));
    }
    let mut numbers = Vec::with_capacity(count);
    while numbers.len() < count {
        let head = varint(input)?;
        let left = count - numbers.len();
        if head & 1 == 0 {
            let mut bytes = [0; 4];
            input.read_exact(&mut bytes[..usize::from(width).div_ceil(8)])?;
            let run = usize::try_from(head >> 1).unwrap_or(usize::MAX).min(left);
            if run == 0 {
                return Err(broken("a run of nothing"));
            }
            numbers.extend(std::iter::repeat_n(u32::from_le_bytes(bytes), run));
        } else {
            let groups = usize::try_from(head >> 1).unwrap_or(usize::MAX).min(left.div_ceil(8));
            if groups == 0 {
                return Err(broken("a group of nothing"));
            }
            for _ in 0..groups {
                let mut bytes = [0; 32];
                input.read_exact(&mut bytes[..usize::from(width)])?;
                for at in 0..8.min(count - numbers.len()) {
                    let bit = |n: usize| u32::from(bytes[n / 8] >> (n % 8) & 1);
                    let first = at * usize::from(width);
                    numbers.push((0..usize::from(width)).map(|n| bit(first + n) << n).sum());
                }
            }
        }
    }
    Ok(numbers)
}

/// Bytes of the largest page of `chunk` in `file`, as it lies there or as it is read.
pub(super) fn largest_page(file: &mut File, chunk: &ColumnChunkMetaData) -> Result<u64> {
    let start = chunk.dictionary_page_offset().unwrap_or_else(|| chunk.data_page_offset());
    let number = |of: i64| u64::try_from(of).map_err(|_| broken("a column begins or ends before the file does"));
    let (start, length) = (number(start)?, number(chunk.compressed_size())?);
    let end = start.checked_add(length).ok_or_else(|| broken("a column is longer than any file"))?;
    let mut input = BufReader::new(file);
    let (mut at, mut largest) = (input.seek(SeekFrom::Start(start))?, 0);
    while at < end {
        let header = PageHeader::read(&mut input)?;
        largest = largest.max(header.uncompressed).max(header.compressed);
        let skipped = i64::try_from(header.compressed).map_err(|_| broken("a page is longer than any file"))?;
        input.seek_relative(skipped)?;
        at = input.stream_position()?;
    }
    Ok(largest)
}

#[cfg(test)]
mod tests {
    use super::hybrid;

    #[test]
    fn runs_and_packed_groups_are_numbers() {
        // Five times 3, then 0 to 7 packed in three bits (an example of the format's own description).
        let bytes = [5 << 1, 3, 3, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(hybrid(&mut bytes.as_slice(), 3, 13).unwrap(), [3, 3, 3, 3, 3, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert!(hybrid(&mut [0, 0].as_slice(), 3, 1).is_err());
        assert!(hybrid(&mut [3, 1].as_slice(), 3, 8).is_err());
    }
}
