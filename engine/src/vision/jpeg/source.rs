//! The bytes of a JPEG file and the markers among them.

use crate::vision::fault::{Result, damaged};

/// The first of the eight restart markers.
const RESTART: u8 = 0xD0;
/// Start of image.
const START: u8 = 0xD8;
/// End of image.
pub(super) const END: u8 = 0xD9;

/// Reads a file from its beginning to its end.
#[derive(Debug)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    at: usize,
    /// A marker that was met in the data of a scan and has not been dealt with.
    pub(super) marker: Option<u8>,
    /// The number the next restart marker must have.
    next_restart: u8,
    /// Whether end markers without end follow the last byte, as libtiff has it.
    ends: bool,
    /// Whether bytes were needed after the last.
    ended: bool,
}

impl<'a> Source<'a> {
    /// A JPEG file: nothing follows its last byte.
    pub(super) fn file(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, marker: None, next_restart: 0, ends: false, ended: false }
    }

    /// A stream inside another file: end markers follow its last byte.
    pub(super) fn part(bytes: &'a [u8]) -> Self {
        Self { ends: true, ..Self::file(bytes) }
    }

    /// The next byte, unless the file ends here.
    #[inline]
    pub(super) fn byte(&mut self) -> Result<u8> {
        let byte = match self.bytes.get(self.at) {
            Some(&byte) => byte,
            None if self.ends => [0xFF, END][(self.at - self.bytes.len()) % 2],
            None => {
                self.ended = true;
                return damaged(format!("it is cut short: it ends at byte {}", self.bytes.len()));
            }
        };
        self.at += 1;
        Ok(byte)
    }

    /// The next byte of a scan's data with the zeros after bytes of ones taken out; nothing from a marker on.
    #[inline]
    pub(super) fn data(&mut self) -> Result<Option<u8>> {
        if self.marker.is_some() {
            return Ok(None);
        }
        let mut byte = self.byte()?;
        if byte == 0xFF {
            let mut repeated = false;
            byte = self.byte()?;
            while byte == 0xFF {
                repeated = true;
                byte = self.byte()?;
            }
            if byte != 0 {
                self.marker = Some(byte);
                return Ok(None);
            }
            // The one damage that libjpeg meets in two ways at once, and mixes their results.
            if repeated {
                return damaged("its data are damaged");
            }
            byte = 0xFF;
        }
        Ok(Some(byte))
    }

    /// Goes behind the marker at the very beginning.
    pub(super) fn start(&mut self) -> Result<()> {
        if [self.byte()?, self.byte()?] == [0xFF, START] {
            Ok(())
        } else {
            damaged("it does not begin with its marker")
        }
    }

    /// The marker that was met, or else the next one, skipping what lies before it.
    pub(super) fn next_marker(&mut self) -> Result<u8> {
        if let Some(marker) = self.marker.take() {
            return Ok(marker);
        }
        loop {
            while self.byte()? != 0xFF {}
            let mut code = 0xFF;
            while code == 0xFF {
                code = self.byte()?;
            }
            if code != 0 {
                return Ok(code);
            }
        }
    }

    /// The contents of the segment that begins here. Those of a note may go on behind the end of the file.
    pub(super) fn segment(&mut self, is_note: bool) -> Result<&'a [u8]> {
        let at = self.at;
        let rest = self.bytes.get(at..).unwrap_or_default();
        let length = rest.first_chunk().map(|&length| usize::from(u16::from_be_bytes(length)));
        let Some(segment) = length.filter(|&length| length >= 2).and_then(|length| rest.get(2..length)) else {
            self.ended = is_note && length.is_none_or(|length| length > rest.len());
            return damaged(format!("it is cut short: a segment at byte {at} is not whole"));
        };
        self.at += segment.len() + 2;
        Ok(segment)
    }

    /// Whether reading stopped because the file has no more bytes.
    pub(super) fn has_ended(&self) -> bool {
        self.ended
    }

    /// Notes that a scan begins here.
    pub(super) fn begin_scan(&mut self) {
        self.next_restart = 0;
    }

    /// Goes behind the restart marker that must come next. Where another one comes, does what libjpeg does: a marker
    /// of one of the next two restarts is left for later, as if the data up to it were lost; one of the last two is
    /// skipped; any other is taken for the one that was expected.
    pub(super) fn restart(&mut self) -> Result<()> {
        let expected = self.next_restart;
        self.next_restart = (expected + 1) % 8;
        loop {
            let marker = self.next_marker()?;
            match marker {
                // No marker has such a code.
                ..0xC0 => {}
                RESTART..=0xD7 => match (marker - RESTART + 8 - expected) % 8 {
                    1 | 2 => {
                        self.marker = Some(marker);
                        return Ok(());
                    }
                    6 | 7 => {}
                    _ => return Ok(()),
                },
                _ => {
                    self.marker = Some(marker);
                    return Ok(());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Which marker is met, and which byte comes next, after a restart in these bytes.
    fn after_restart(bytes: &[u8]) -> (Option<u8>, Option<u8>) {
        let mut source = Source::file(bytes);
        source.restart().unwrap();
        (source.marker, source.byte().ok())
    }

    #[test]
    fn lost_and_repeated_restart_markers_are_sorted_out() {
        assert_eq!(after_restart(&[1, 2, 0xFF, 0xD0, 7]), (None, Some(7)));
        assert_eq!(after_restart(&[0xFF, 0xFF, 0xD0, 7]), (None, Some(7)));
        // The one after the next: the data before it are lost.
        assert_eq!(after_restart(&[0xFF, 0xD2, 7]), (Some(0xD2), Some(7)));
        // The last one again: skipped.
        assert_eq!(after_restart(&[0xFF, 0xD7, 7, 0xFF, 0xD0, 8]), (None, Some(8)));
        // Far away: taken for the right one.
        assert_eq!(after_restart(&[0xFF, 0xD4, 7]), (None, Some(7)));
        assert_eq!(after_restart(&[0xFF, 0xD9, 7]), (Some(0xD9), Some(7)));
        assert!(Source::file(&[1, 2, 3]).restart().is_err());
    }

    #[test]
    fn a_part_of_another_file_ends_by_itself() {
        let mut source = Source::part(&[5]);
        assert_eq!((source.data().unwrap(), source.data().unwrap(), source.marker), (Some(5), None, Some(END)));
        assert!(Source::file(&[]).data().is_err());
    }
}
