//! What kind of file some bytes are, told from how they begin.

/// A kind of picture file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Png,
    Jpeg,
    WebP,
    Gif,
    Bmp,
    Tiff,
    /// A picture or document whose format has a name, but which is not read.
    Other(&'static str),
}

/// Beginnings of files, and what they are. `?` in a beginning stands for any byte.
const BEGINNINGS: [(&[u8], Kind); 34] = [
    (b"\x89PNG\r\n\x1a\n", Kind::Png),
    (b"\xff\xd8\xff", Kind::Jpeg),
    (b"RIFF????WEBP", Kind::WebP),
    (b"GIF87a", Kind::Gif),
    (b"GIF89a", Kind::Gif),
    (b"BM", Kind::Bmp),
    // Pillow also takes the two with the wrong order of bytes in the number 42.
    (b"II*\0", Kind::Tiff),
    (b"MM\0*", Kind::Tiff),
    (b"II\0*", Kind::Tiff),
    (b"MM*\0", Kind::Tiff),
    (b"II+\0", Kind::Tiff),
    (b"MM\0+", Kind::Tiff),
    (b"\0\0\0\x0cJXL \r\n\x87\n", Kind::Other("a JPEG XL")),
    (b"\xff\x0a", Kind::Other("a JPEG XL")),
    (b"\0\0\0\x0cjP  \r\n\x87\n", Kind::Other("a JPEG 2000")),
    (b"\xff\x4f\xff\x51", Kind::Other("a JPEG 2000")),
    (b"II\xbc", Kind::Other("a JPEG XR")),
    (b"\x8aMNG\r\n\x1a\n", Kind::Other("an MNG")),
    (b"8BPS", Kind::Other("a Photoshop")),
    (b"gimp xcf", Kind::Other("a GIMP")),
    (b"%PDF-", Kind::Other("a PDF")),
    (b"%!PS", Kind::Other("a PostScript")),
    (b"\xc5\xd0\xd3\xc6", Kind::Other("a PostScript")),
    (b"\0\0\x01\0", Kind::Other("an icon (ICO)")),
    (b"icns", Kind::Other("an icon (ICNS)")),
    (b"qoif", Kind::Other("a QOI")),
    (b"\x76\x2f\x31\x01", Kind::Other("an OpenEXR")),
    (b"#?RADIANCE", Kind::Other("a Radiance HDR")),
    (b"DDS ", Kind::Other("a DDS")),
    (b"farbfeld", Kind::Other("a farbfeld")),
    (b"FUJIFILMCCD-RAW", Kind::Other("a camera's raw")),
    (b"IIU\0", Kind::Other("a camera's raw")),
    (b"IIRO", Kind::Other("a camera's raw")),
    (b"FLIF", Kind::Other("a FLIF")),
];

impl Kind {
    /// The name of the format.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Gif => "GIF",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Other(name) => name,
        }
    }

    /// The kind of the file `bytes`, if it is known.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        let begins = |pattern: &[u8]| {
            bytes.len() >= pattern.len() && pattern.iter().zip(bytes).all(|(&p, &byte)| p == b'?' || p == byte)
        };
        if let Some(&(_, kind)) = BEGINNINGS.iter().find(|(pattern, _)| begins(pattern)) {
            return Some(kind);
        }
        if let Some(brand) = bytes.get(4..12).and_then(|rest| rest.strip_prefix(b"ftyp")) {
            return Some(Self::Other(match brand {
                b"avif" | b"avis" => "an AVIF",
                b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => "a HEIC",
                b"crx " => "a camera's raw",
                _ => "a video (MP4)",
            }));
        }
        Self::of_text(bytes)
    }

    /// Pictures that are text: SVG and the portable maps.
    fn of_text(bytes: &[u8]) -> Option<Self> {
        if let [b'P', b'1'..=b'7' | b'F' | b'f', white, ..] = bytes
            && white.is_ascii_whitespace()
        {
            return Some(Self::Other("a portable map (PBM, PGM, PPM or PFM)"));
        }
        // The root element of an SVG file may come after a declaration, comments and a document type.
        let start = &bytes[..bytes.len().min(4096)];
        let start = String::from_utf8_lossy(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start)).to_ascii_lowercase();
        (start.trim_start().starts_with('<') && start.contains("<svg")).then_some(Self::Other("an SVG"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_read_has_a_name() {
        for (bytes, name) in [
            (&b"\0\0\0\x18ftypheic\0\0\0\0"[..], "a HEIC"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF"),
            (b"\0\0\0\x20ftypisom\0\0\0\0", "a video (MP4)"),
            (b"\xff\x0a\xfa\x1f", "a JPEG XL"),
            (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL"),
            (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG"),
            (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- drawn -->\n<SVG/>", "an SVG"),
            (b"P6\n2 2\n255\n", "a portable map (PBM, PGM, PPM or PFM)"),
            (b"%PDF-1.7", "a PDF"),
        ] {
            assert_eq!(Kind::of(bytes), Some(Kind::Other(name)));
        }
        for bytes in [&b""[..], b"P6", b"<html><body>svg</body></html>", b"RIFF", b"RIFFxxxxWAVE", b"Dear diary"] {
            assert_eq!(Kind::of(bytes), None);
        }
        assert_eq!(Kind::of(b"RIFF\x24\0\0\0WEBPVP8 "), Some(Kind::WebP));
        assert_eq!(Kind::of(b"MM\0+\0\x08\0\0"), Some(Kind::Tiff));
    }
}
