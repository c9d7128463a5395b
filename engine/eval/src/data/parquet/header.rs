//! The description in front of a page: a structure in Thrift's compact protocol, of which few fields are needed.

use std::io::{Error, ErrorKind, Read, Result};

/// No description is nested more deeply.
const DEPTH: usize = 8;

/// No text in one is longer: smallest and largest values are in it.
const MAX_TEXT: u64 = 1 << 24;

/// What a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Data,
    Dictionary,
    DataV2,
    Other,
}

/// What is to be known of a page.
#[derive(Debug, Clone, Copy)]
pub(super) struct PageHeader {
    pub(super) kind: Kind,
    pub(super) uncompressed: u64,
    pub(super) compressed: u64,
    /// Values, nulls among them.
    pub(super) values: usize,
    pub(super) encoding: i64,
    /// Bytes of repetition and of definition levels in front of the values of a page of version 2.
    pub(super) levels: [u64; 2],
    /// Whether the values of a page of version 2 are compressed.
    pub(super) is_compressed: bool,
}

fn broken(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the description of a page is broken: {what}"))
}

/// Numbers in a structure, by the path of their fields.
#[derive(Default)]
struct Numbers(Vec<([i64; 2], i64)>);

impl Numbers {
    fn get(&self, path: [i64; 2]) -> Option<i64> {
        self.0.iter().find(|(at, _)| *at == path).map(|(_, value)| *value)
    }
}

impl PageHeader {
    /// Reads one.
    pub(super) fn read(input: &mut impl Read) -> Result<Self> {
        let mut numbers = Numbers::default();
        structure(input, [0, 0], 0, &mut numbers)?;
        let kind = match numbers.get([1, 0]) {
            Some(0) => Kind::Data,
            Some(2) => Kind::Dictionary,
            Some(3) => Kind::DataV2,
            Some(_) => Kind::Other,
            None => return Err(broken("it has no kind")),
        };
        // The field that describes each kind of page.
        let own = match kind {
            Kind::Data => 5,
            Kind::Dictionary => 7,
            Kind::DataV2 => 8,
            Kind::Other => 6,
        };
        let number = |path| numbers.get(path).unwrap_or(0);
        let size = |path| u64::try_from(number(path)).map_err(|_| broken("a size below 0"));
        Ok(Self {
            kind,
            uncompressed: size([2, 0])?,
            compressed: size([3, 0])?,
            values: usize::try_from(number([own, 1])).map_err(|_| broken("values"))?,
            encoding: number([own, if kind == Kind::DataV2 { 4 } else { 2 }]),
            levels: [size([8, 6])?, size([8, 5])?],
            is_compressed: numbers.get([8, 7]) != Some(0),
        })
    }
}

fn structure(input: &mut impl Read, path: [i64; 2], depth: usize, numbers: &mut Numbers) -> Result<()> {
    if depth > DEPTH {
        return Err(broken("it is too deep"));
    }
    let mut field = 0;
    loop {
        let head = one(input)?;
        if head == 0 {
            return Ok(());
        }
        field = match head >> 4 {
            0 => signed(varint(input)?),
            step => field + i64::from(step),
        };
        let at = match depth {
            0 => [field, 0],
            1 => [path[0], field],
            _ => [-1, -1],
        };
        value(input, head & 15, at, depth, numbers)?;
    }
}

fn value(input: &mut impl Read, kind: u8, at: [i64; 2], depth: usize, numbers: &mut Numbers) -> Result<()> {
    let number = match kind {
        1 => 1,
        2 => 0,
        3 => i64::from(one(input)?),
        4..=6 => signed(varint(input)?),
        7 => return skip(input, 8),
        8 => {
            let length = varint(input)?;
            return if length > MAX_TEXT { Err(broken("a text is too long")) } else { skip(input, length) };
        }
        12 => return structure(input, at, depth + 1, numbers),
        _ => return Err(broken("a field of a kind that no page has")),
    };
    if numbers.0.len() < 64 {
        numbers.0.push((at, number));
    }
    Ok(())
}

fn skip(input: &mut impl Read, count: u64) -> Result<()> {
    let copied = std::io::copy(&mut input.take(count), &mut std::io::sink())?;
    if copied == count { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

pub(super) fn one(input: &mut impl Read) -> Result<u8> {
    let mut byte = [0];
    input.read_exact(&mut byte)?;
    Ok(byte[0])
}

pub(super) fn varint(input: &mut impl Read) -> Result<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let byte = one(input)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(number);
        }
    }
    Err(broken("a number is too long"))
}

fn signed(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}
