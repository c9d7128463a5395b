//! Where the entries of a zip archive lie, for archives that do not compress: what `torch.save` writes.
//!
//! Only the directory is read. Entries are found in the mapped file, so there is nothing to unpack and nothing that
//! could grow. Zip64 is understood, as shards pass 4 GiB.
//!
//! General readers (the `zip` crate) take what this refuses: an entry that is there twice, of which they give the last,
//! and entries that lie over each other. Both would let two programs see two models in one file, so the directory is read
//! here as strictly as the rest of a stranger's file.

use std::collections::BTreeMap;
use std::ops::Range;

const END: u32 = 0x0605_4b50;
const END_LEN: usize = 22;
const END64_LOCATOR: u32 = 0x0706_4b50;
const END64_LOCATOR_LEN: usize = 20;
const END64: u32 = 0x0606_4b50;
const ENTRY: u32 = 0x0201_4b50;
const LOCAL: u32 = 0x0403_4b50;
const LOCAL_LEN: usize = 30;
/// Longest comment after the end record.
const MAX_COMMENT: usize = 0xffff;
/// Placeholder of a 32-bit field whose value is in the zip64 extra field.
const IN_EXTRA: u64 = 0xffff_ffff;
const ZIP64_EXTRA: u16 = 1;
const ENCRYPTED: u16 = 1;

/// Finds all entries: name → range of bytes in the file.
///
/// # Errors
/// In words: the archive is damaged, compressed or encrypted, names an entry twice, or its entries overlap.
pub(super) fn read(bytes: &[u8]) -> Result<BTreeMap<String, Range<usize>>, String> {
    let directory = directory(bytes).ok_or("its zip directory is missing: the file is cut short or damaged")?;
    let mut entries = BTreeMap::new();
    let mut at = directory.start;
    while at < directory.end {
        let damaged = || format!("its zip directory is damaged at byte {at}");
        let entry = Entry::read(bytes, at).ok_or_else(damaged)?;
        at = entry.next;
        let name = shown(&entry.name);
        if entry.flags & ENCRYPTED != 0 {
            return Err(format!("the entry `{name}` is encrypted"));
        }
        if entry.method != 0 || entry.stored != entry.size {
            return Err(format!(
                "the entry `{name}` is compressed ({} bytes that would unpack to {}); PyTorch never compresses",
                entry.stored, entry.size
            ));
        }
        let data = entry.data(bytes).filter(|data| data.end <= directory.start);
        let data = data.ok_or_else(|| format!("the entry `{name}` lies outside the file ({} bytes)", entry.size))?;
        if entries.insert(entry.name, data).is_some() {
            return Err(format!("the entry `{name}` is there twice"));
        }
    }
    let mut ranges: Vec<&Range<usize>> = entries.values().collect();
    ranges.sort_by_key(|range| (range.start, range.end));
    if ranges.windows(2).any(|pair| pair[0].end > pair[1].start) {
        return Err("its zip entries overlap".into());
    }
    Ok(entries)
}

/// The range of the central directory.
fn directory(bytes: &[u8]) -> Option<Range<usize>> {
    let last = bytes.len().checked_sub(END_LEN)?;
    let first = last.saturating_sub(MAX_COMMENT);
    let end = (first..=last).rev().find(|&at| {
        u32_at(bytes, at) == Some(END)
            && u16_at(bytes, at + 20).is_some_and(|comment| at + END_LEN + usize::from(comment) == bytes.len())
    })?;
    let mut size = u64::from(u32_at(bytes, end + 12)?);
    let mut start = u64::from(u32_at(bytes, end + 16)?);
    let mut limit = end;
    let locator = end.checked_sub(END64_LOCATOR_LEN).filter(|&at| u32_at(bytes, at) == Some(END64_LOCATOR));
    if let Some(locator) = locator {
        limit = usize::try_from(u64_at(bytes, locator + 8)?).ok()?;
        if u32_at(bytes, limit) != Some(END64) {
            return None;
        }
        size = u64_at(bytes, limit.checked_add(40)?)?;
        start = u64_at(bytes, limit.checked_add(48)?)?;
    }
    let start = usize::try_from(start).ok()?;
    let stop = start.checked_add(usize::try_from(size).ok()?)?;
    (stop <= limit).then_some(start..stop)
}

/// One record of the central directory.
struct Entry {
    name: String,
    flags: u16,
    method: u16,
    stored: u64,
    size: u64,
    local: u64,
    next: usize,
}

impl Entry {
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        if u32_at(bytes, at)? != ENTRY {
            return None;
        }
        let length = |field: usize| u16_at(bytes, at + field).map(usize::from);
        let (name, extra, comment) = (length(28)?, length(30)?, length(32)?);
        let name_end = at + 46 + name;
        let mut entry = Self {
            name: std::str::from_utf8(bytes.get(at + 46..name_end)?).ok()?.to_owned(),
            flags: u16_at(bytes, at + 8)?,
            method: u16_at(bytes, at + 10)?,
            stored: u32_at(bytes, at + 20)?.into(),
            size: u32_at(bytes, at + 24)?.into(),
            local: u32_at(bytes, at + 42)?.into(),
            next: name_end + extra + comment,
        };
        entry.widen(bytes.get(name_end..name_end + extra)?)?;
        Some(entry)
    }

    /// Takes what does not fit 32 bits from the extra fields.
    fn widen(&mut self, mut extra: &[u8]) -> Option<()> {
        let mut wide: &[u8] = &[];
        while extra.len() >= 4 {
            let (tag, length) = (u16_at(extra, 0)?, usize::from(u16_at(extra, 2)?));
            let field = extra.get(4..4 + length)?;
            if tag == ZIP64_EXTRA {
                wide = field;
            }
            extra = &extra[4 + length..];
        }
        for value in [&mut self.size, &mut self.stored, &mut self.local] {
            if *value == IN_EXTRA {
                let (first, rest) = wide.split_first_chunk()?;
                *value = u64::from_le_bytes(*first);
                wide = rest;
            }
        }
        Some(())
    }

    /// Where the content lies: behind the local header, whose name must be the same.
    fn data(&self, bytes: &[u8]) -> Option<Range<usize>> {
        let local = usize::try_from(self.local).ok()?;
        if u32_at(bytes, local)? != LOCAL {
            return None;
        }
        let name = usize::from(u16_at(bytes, local.checked_add(26)?)?);
        let extra = usize::from(u16_at(bytes, local.checked_add(28)?)?);
        let name_start = local.checked_add(LOCAL_LEN)?;
        if bytes.get(name_start..name_start.checked_add(name)?)? != self.name.as_bytes() {
            return None;
        }
        let start = name_start.checked_add(name)?.checked_add(extra)?;
        let end = start.checked_add(usize::try_from(self.size).ok()?)?;
        (end <= bytes.len()).then_some(start..end)
    }
}

fn bytes_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.first_chunk().copied()
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes_at(bytes, at).map(u16::from_le_bytes)
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes_at(bytes, at).map(u32::from_le_bytes)
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes_at(bytes, at).map(u64::from_le_bytes)
}

/// `name`, cut to a length a message can bear and without control characters.
fn shown(name: &str) -> String {
    name.chars().take(120).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
