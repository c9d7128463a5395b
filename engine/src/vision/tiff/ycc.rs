//! Brightness and colour differences that are not JPEG-compressed, converted as libtiff converts them.

use super::directory::Directory;
use crate::vision::fault::{Result, unread};

const LUMA: u16 = 529;
const SUBSAMPLING: u16 = 530;
const REFERENCE: u16 = 532;
/// Binary digits after the point.
const DIGITS: u32 = 16;

/// How such a file's samples become RGB.
pub(super) struct Ycc {
    /// Pixels across and down that share their colour differences.
    pub(super) shared: [usize; 2],
    y: [i32; 256],
    cr_red: [i32; 256],
    cb_blue: [i32; 256],
    cr_green: [i32; 256],
    cb_green: [i32; 256],
}

impl Ycc {
    /// Reads what the directory says about the colours.
    pub(super) fn read(directory: &Directory<'_>) -> Result<Self> {
        let shared = match directory.numbers(SUBSAMPLING)?[..] {
            [] => [2, 2],
            [1, 1] => [1, 1],
            [2, 1] => [2, 1],
            [1, 2] => [1, 2],
            [2, 2] => [2, 2],
            [4, 1] => [4, 1],
            [4, 2] => [4, 2],
            ref other => return unread(format!("a YCbCr TIFF file with subsampling {other:?}")),
        };
        let luma = match directory.fractions(LUMA)?[..] {
            [] => [0.299, 0.587, 0.114],
            [red, green, blue] if green != 0.0 => [red, green, blue],
            ref other => return unread(format!("a YCbCr TIFF file with coefficients {other:?}")),
        };
        let reference = match directory.fractions(REFERENCE)?[..] {
            [] => [0.0, 255.0, 128.0, 255.0, 128.0, 255.0],
            [a, b, c, d, e, f] => [a, b, c, d, e, f],
            ref other => return unread(format!("a YCbCr TIFF file with reference values {other:?}")),
        };
        let finite = luma.iter().chain(&reference).all(|value| value.is_finite() && value.abs() < 65_536.0);
        if finite { Ok(Self::new(shared, luma, reference)) } else { unread("a YCbCr TIFF file with wild coefficients") }
    }

    fn new(shared: [usize; 2], [red, green, blue]: [f32; 3], reference: [f32; 6]) -> Self {
        let fixed = |value: f32| (f64::from(value.clamp(0.0, 2.0) * 65_536.0) + 0.5) as i32;
        let (of_cr, of_cb) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        let to_red = fixed(of_cr);
        let to_green_cr = -fixed(red * of_cr / green);
        let to_blue = fixed(of_cb);
        let to_green_cb = -fixed(blue * of_cb / green);
        let half = 1i32 << (DIGITS - 1);
        let value = |code: i32, black: f32, white: f32, range: f32| {
            let span = if white - black == 0.0 { 1.0 } else { white - black };
            (((code - black as i32) as f32 * range) / span).clamp(-4096.0, 4096.0) as i32
        };
        let difference =
            |i: usize, at: usize| value(i as i32 - 128, reference[at] - 128.0, reference[at + 1] - 128.0, 127.0);
        let cb = |i: usize| difference(i, 2);
        let cr = |i: usize| difference(i, 4);
        Self {
            shared,
            y: std::array::from_fn(|i| value(i as i32, reference[0], reference[1], 255.0)),
            cr_red: std::array::from_fn(|i| (to_red * cr(i) + half) >> DIGITS),
            cb_blue: std::array::from_fn(|i| (to_blue * cb(i) + half) >> DIGITS),
            cr_green: std::array::from_fn(|i| to_green_cr * cr(i)),
            cb_green: std::array::from_fn(|i| to_green_cb * cb(i) + half),
        }
    }

    /// The bytes of a part of `width` × `rows` pixels: groups of brightnesses with their two differences.
    pub(super) fn bytes(&self, width: usize, rows: usize) -> usize {
        let [across, down] = self.shared;
        width.div_ceil(across) * rows.div_ceil(down) * (across * down + 2)
    }

    /// The `rows` rows of RGB of a part that is `width` pixels wide.
    pub(super) fn rgb(&self, part: &[u8], width: usize, rows: usize) -> Vec<u8> {
        let [across, down] = self.shared;
        let group = across * down + 2;
        let stride = width.div_ceil(across) * group;
        let mut rgb = Vec::with_capacity(width * rows * 3);
        for (y, x) in (0..rows).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let group = &part[y / down * stride + x / across * group..][..group];
            let of = |place: usize| usize::from(group[place]);
            let brightness = self.y[of(y % down * across + x % across)];
            let (cb, cr) = (of(across * down), of(across * down + 1));
            let red = brightness + self.cr_red[cr];
            let green = brightness + ((self.cb_green[cb] + self.cr_green[cr]) >> DIGITS);
            let blue = brightness + self.cb_blue[cb];
            rgb.extend([red, green, blue].map(|value| value.clamp(0, 255) as u8));
        }
        rgb
    }
}
