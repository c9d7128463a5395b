//! How a picture is to be turned to stand upright, by what was written into its file.

use super::tiff::directory::Directory;
use image::metadata::Orientation;

/// The number of the field that says it.
pub(super) const ORIENTATION: u16 = 274;

/// The orientation in an EXIF block, by its number: a whole number of any size, of several the first.
pub(super) fn of_exif(block: &[u8]) -> Option<u8> {
    let block = block.strip_prefix(b"Exif\0\0").unwrap_or(block);
    of_directory(&Directory::first(block).ok()?)
}

/// The orientation in the directory of a TIFF file, by its number.
pub(super) fn of_directory(directory: &Directory<'_>) -> Option<u8> {
    directory.number(ORIENTATION).ok()?.and_then(|number| u8::try_from(number).ok())
}

/// The orientation in an XMP packet, by its number: the first digit that is said to be one.
pub(super) fn of_xmp(text: &[u8]) -> Option<u8> {
    const NAME: &[u8] = b"tiff:Orientation";
    text.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).find_map(|(at, _)| {
        let rest = &text[at + NAME.len()..];
        let value = rest.strip_prefix(b"=\"").or(rest.strip_prefix(b">"))?.first()?;
        value.is_ascii_digit().then_some(value - b'0')
    })
}

/// What to do with a picture of orientation `number`; nothing if there is no such orientation.
pub(super) fn turn(number: Option<u8>) -> Orientation {
    number.and_then(Orientation::from_exif).unwrap_or(Orientation::NoTransforms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(order: &[u8; 2], kind: u16, count: u32, value: [u8; 4]) -> Vec<u8> {
        let little = order == b"II";
        let number = |value: u64, size: usize| {
            let mut bytes = value.to_be_bytes()[8 - size..].to_vec();
            if little {
                bytes.reverse();
            }
            bytes
        };
        let fields = [number(42, 2), number(8, 4), number(1, 2), number(274, 2)];
        let rest = [number(u64::from(kind), 2), number(u64::from(count), 4), value.to_vec()];
        [order.to_vec()].into_iter().chain(fields).chain(rest).flatten().collect()
    }

    #[test]
    fn every_type_of_whole_number_counts() {
        assert_eq!(of_exif(&exif(b"II", 3, 1, [6, 0, 0, 0])), Some(6));
        assert_eq!(of_exif(&exif(b"MM", 3, 1, [0, 6, 0, 0])), Some(6));
        assert_eq!(of_exif(&exif(b"II", 4, 1, [6, 0, 0, 0])), Some(6));
        assert_eq!(of_exif(&exif(b"MM", 4, 1, [0, 0, 0, 6])), Some(6));
        assert_eq!(of_exif(&exif(b"II", 3, 2, [6, 0, 8, 0])), Some(6));
        assert_eq!(of_exif(&exif(b"II", 1, 1, [6, 0, 0, 0])), None);
        assert_eq!(of_exif(b"II*\0"), None);
        assert_eq!(turn(Some(9)), Orientation::NoTransforms);
        assert_eq!(turn(Some(6)), Orientation::Rotate90);
    }

    #[test]
    fn a_packet_says_it_as_an_attribute_or_an_element() {
        assert_eq!(of_xmp(b"<rdf:Description tiff:Orientation=\"8\"/>"), Some(8));
        assert_eq!(of_xmp(b"<tiff:Orientation>3</tiff:Orientation>"), Some(3));
        assert_eq!(of_xmp(b"<tiff:Orientation>x</tiff:Orientation><tiff:Orientation>5</tiff:Orientation>"), Some(5));
        assert_eq!(of_xmp(b"tiff:Orientation"), None);
    }
}
