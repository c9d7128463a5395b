//! The directory of a TIFF file: numbered fields of numbers and texts. EXIF blocks are TIFF files without pixels.

use crate::vision::fault::{Result, damaged, unread};

/// No field of a picture needs more values: one offset for every row of the largest picture.
const MAX_VALUES: u64 = 1 << 24;

/// In which order the bytes of a number come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    /// The number that `bytes`, at most eight, spell.
    pub(crate) fn number(self, bytes: &[u8]) -> u64 {
        let push = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, push),
            Self::Big => bytes.iter().fold(0, push),
        }
    }
}

/// A field: the type of its values, and where they lie.
#[derive(Debug, Clone, Copy)]
struct Field {
    tag: u16,
    kind: u16,
    count: u64,
    /// Where in the file the values begin.
    at: u64,
}

/// The first directory of a file.
#[derive(Debug)]
pub(crate) struct Directory<'a> {
    bytes: &'a [u8],
    pub(crate) order: Order,
    fields: Vec<Field>,
    /// The field whose values lie outside the file, if there is one. Nothing after it is read.
    pub(crate) broken: Option<u16>,
}

impl<'a> Directory<'a> {
    /// Reads the first directory of the TIFF file or EXIF block `bytes`, BigTIFF included.
    pub(crate) fn first(bytes: &'a [u8]) -> Result<Self> {
        let order = match bytes.first_chunk() {
            Some(b"II") => Order::Little,
            Some(b"MM") => Order::Big,
            _ => return damaged("it does not begin with a TIFF header"),
        };
        let big = bytes.get(2..4).is_some_and(|version| order.number(version) == 43);
        let (offset, size) = if big { (8, 8) } else { (4, 4) };
        let table = number(bytes, order, offset, size)?;
        let counted = if big { 8 } else { 2 };
        let count = number(bytes, order, table, counted)?;
        let entry_size = if big { 20 } else { 12 };
        if count > bytes.len() as u64 / entry_size {
            return damaged(format!("its directory says it has {count} entries, which the file cannot hold"));
        }
        let (mut fields, mut broken) = (Vec::new(), None);
        for index in 0..count {
            let entry = table.saturating_add(counted as u64 + index * entry_size);
            let tag = number(bytes, order, entry, 2)? as u16;
            let kind = number(bytes, order, entry + 2, 2)? as u16;
            let count = number(bytes, order, entry + 4, size)?;
            let inline = entry + 4 + size as u64;
            // Fields of unknown types are skipped.
            let Some(width) = width(kind) else { continue };
            let length = count.saturating_mul(width as u64);
            let at = if length <= size as u64 { inline } else { number(bytes, order, inline, size)? };
            if at.saturating_add(length) > bytes.len() as u64 {
                broken = Some(tag);
                break;
            }
            fields.push(Field { tag, kind, count, at });
        }
        Ok(Self { bytes, order, fields, broken })
    }

    /// Whether there is a field `tag`.
    pub(crate) fn has(&self, tag: u16) -> bool {
        self.fields.iter().any(|field| field.tag == tag)
    }

    /// The field `tag`. Readers disagree about which of two to take, so there may be one only.
    fn field(&self, tag: u16) -> Result<Option<Field>> {
        let mut found = self.fields.iter().filter(|field| field.tag == tag);
        match (found.next(), found.next()) {
            (_, Some(_)) => unread(format!("a TIFF file that has field {tag} twice")),
            (field, None) => Ok(field.copied()),
        }
    }

    /// Refuses a file that has field `tag` more than once.
    pub(crate) fn once(&self, tag: u16) -> Result<()> {
        self.field(tag).map(drop)
    }

    /// The bytes of `field`'s values, each of `width`.
    fn values(&self, field: Field, width: usize) -> Result<&'a [u8]> {
        let length = field.count.saturating_mul(width as u64);
        let end = field.at.saturating_add(length);
        let within = usize::try_from(field.at).ok().zip(usize::try_from(end).ok());
        match within.and_then(|(start, end)| self.bytes.get(start..end)) {
            Some(values) if field.count <= MAX_VALUES => Ok(values),
            _ => damaged(format!("field {} lies outside the file ({} values)", field.tag, field.count)),
        }
    }

    /// The whole numbers in field `tag`; empty if it is missing.
    pub(crate) fn numbers(&self, tag: u16) -> Result<Vec<i64>> {
        let Some(field) = self.field(tag)? else { return Ok(Vec::new()) };
        // Short, long, offset and 64 bits; signed byte, short and long.
        let signed = match field.kind {
            3 | 4 | 13 | 16 => false,
            6 | 8 | 9 => true,
            kind => {
                return unread(format!(
                    "a TIFF file whose field {tag} has values of type {kind} instead of whole numbers"
                ));
            }
        };
        let width = width(field.kind).unwrap_or(1);
        let values = self.values(field, width)?.chunks_exact(width).map(|value| {
            let number = self.order.number(value);
            let unused = 64 - 8 * width as u32;
            if signed { (number << unused) as i64 >> unused } else { i64::try_from(number).unwrap_or(i64::MAX) }
        });
        Ok(values.collect())
    }

    /// The first whole number in field `tag`.
    pub(crate) fn number(&self, tag: u16) -> Result<Option<i64>> {
        Ok(self.numbers(tag)?.first().copied())
    }

    /// The first whole number in field `tag`, which must not be negative, or `default`.
    pub(crate) fn size(&self, tag: u16, default: usize) -> Result<usize> {
        match self.number(tag)? {
            None => Ok(default),
            Some(number) => match usize::try_from(number) {
                Ok(number) => Ok(number),
                Err(_) => damaged(format!("field {tag} is {number}")),
            },
        }
    }

    /// The fractions in field `tag`; empty if it is missing or holds something else.
    pub(crate) fn fractions(&self, tag: u16) -> Result<Vec<f32>> {
        let Some(field) = self.field(tag)?.filter(|field| matches!(field.kind, 3 | 5 | 11)) else {
            return Ok(Vec::new());
        };
        let width = width(field.kind).unwrap_or(1);
        let values = self.values(field, width)?.chunks_exact(width).map(|value| match field.kind {
            5 => {
                let [above, below] = [&value[..4], &value[4..]].map(|half| self.order.number(half) as f64);
                if below == 0.0 { 0.0 } else { (above / below) as f32 }
            }
            11 => f32::from_bits(self.order.number(value) as u32),
            _ => self.order.number(value) as f32,
        });
        Ok(values.collect())
    }

    /// The bytes in field `tag`.
    pub(crate) fn data(&self, tag: u16) -> Result<Option<&'a [u8]>> {
        match self.field(tag)? {
            Some(field) if matches!(field.kind, 1 | 2 | 7) => Ok(Some(self.values(field, 1)?)),
            Some(field) => {
                unread(format!("a TIFF file whose field {tag} has values of type {} instead of bytes", field.kind))
            }
            None => Ok(None),
        }
    }
}

/// The number of `size` bytes at `at`.
fn number(bytes: &[u8], order: Order, at: u64, size: usize) -> Result<u64> {
    let start = usize::try_from(at).ok();
    let found = start.and_then(|start| bytes.get(start..start.checked_add(size)?));
    match found {
        Some(found) => Ok(order.number(found)),
        None => damaged(format!("it is cut short: its directory needs byte {at}")),
    }
}

/// Bytes per value of the type `kind`.
fn width(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 => 8,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one field, in the order "MM".
    fn file(tag: u16, kind: u16, count: u32, inline: [u8; 4], rest: &[u8]) -> Vec<u8> {
        let mut file = b"MM\0*\0\0\0\x08\0\x01".to_vec();
        file.extend(tag.to_be_bytes());
        file.extend(kind.to_be_bytes());
        file.extend(count.to_be_bytes());
        file.extend(inline);
        file.extend([0; 4]);
        file.extend(rest);
        file
    }

    #[test]
    fn values_are_read_by_type_inline_and_outside() {
        let shorts = file(258, 3, 2, [0, 8, 0, 9], &[]);
        assert_eq!(Directory::first(&shorts).unwrap().numbers(258).unwrap(), [8, 9]);
        let signed = file(1, 8, 1, [0xFF, 0xFE, 0, 0], &[]);
        assert_eq!(Directory::first(&signed).unwrap().number(1).unwrap(), Some(-2));
        let longs = file(273, 4, 2, [0, 0, 0, 26], &[0, 0, 1, 0, 0, 0, 2, 0]);
        assert_eq!(Directory::first(&longs).unwrap().numbers(273).unwrap(), [256, 512]);
        let fraction = file(529, 5, 1, [0, 0, 0, 26], &[0, 0, 0, 1, 0, 0, 0, 4]);
        assert_eq!(Directory::first(&fraction).unwrap().fractions(529).unwrap(), [0.25]);
    }

    #[test]
    fn lies_about_sizes_are_refused() {
        for bytes in [
            file(273, 4, u32::MAX, [0, 0, 0, 26], &[0; 16]),
            file(273, 4, 2, [0xFF; 4], &[]),
            file(273, 2, 2, [0; 4], &[]),
        ] {
            let directory = Directory::first(&bytes).unwrap();
            assert!(directory.broken == Some(273) || directory.numbers(273).is_err());
        }
        let mut many = file(273, 4, 1, [0; 4], &[]);
        many[8..10].copy_from_slice(&[0xFF, 0xFF]);
        assert!(Directory::first(&many).is_err());
        for length in 0..26 {
            let _ = Directory::first(&many[..length]);
        }
        let mut far = b"II+\0\x08\0\0\0".to_vec();
        far.extend([0xFF; 8]);
        assert!(Directory::first(&far).is_err());
    }
}
