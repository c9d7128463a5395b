//! Colour maps as tables of 256 colours.

use crate::layout::{COLOURS, MAX_ENCODERS};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;

/// A colour map. All but [`ColourMap::Turbo`] are ordered in lightness, so they also read in grey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum ColourMap {
    /// Dark violet to yellow.
    #[default]
    Viridis,
    /// Black through red to pale yellow.
    Magma,
    /// Rainbow: shows small differences, has no order in lightness.
    Turbo,
    /// Black to white.
    Grey,
    /// Blue below, neutral in the middle, red above; for values about 0.
    Diverging,
}

impl ColourMap {
    /// All of them, in the order of the rows of the table on the GPU.
    pub const ALL: [Self; 5] = [Self::Viridis, Self::Magma, Self::Turbo, Self::Grey, Self::Diverging];

    /// The name by which a person chooses it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Viridis => "viridis",
            Self::Magma => "magma",
            Self::Turbo => "turbo",
            Self::Grey => "grey",
            Self::Diverging => "diverging",
        }
    }

    /// sRGB colours from the least value to the greatest. Between two entries colours are mixed linearly.
    #[must_use]
    pub fn table(self) -> &'static [[u8; 3]; COLOURS] {
        static TABLES: LazyLock<[[[u8; 3]; COLOURS]; ColourMap::ALL.len()]> =
            LazyLock::new(|| ColourMap::ALL.map(ColourMap::made));
        &TABLES[self as usize]
    }

    fn made(self) -> [[u8; 3]; COLOURS] {
        std::array::from_fn(|index| match self {
            Self::Viridis => colorous::VIRIDIS.eval_rational(index, COLOURS).into_array(),
            Self::Magma => colorous::MAGMA.eval_rational(index, COLOURS).into_array(),
            Self::Turbo => colorous::TURBO.eval_rational(index, COLOURS).into_array(),
            Self::Grey => [index as u8; 3],
            Self::Diverging => diverging(index as f64 / (COLOURS - 1) as f64 * 2.0 - 1.0),
        })
    }

    /// Row of the table on the GPU.
    pub(crate) fn row(self) -> u32 {
        self as u32
    }
}

/// Row of the table on the GPU that holds [`encoder_colours`].
pub(crate) const ENCODER_ROW: u32 = ColourMap::ALL.len() as u32;

/// A colour for each encoder, for [`crate::Quantity::Dominant`] and for labels that go with it.
///
/// Chosen by a search over Oklch for the greatest least distance (CIEDE2000) of any two, as people see them who have all
/// three kinds of cones, or lack one kind: at least 30 between the first four (all that released models have) and 16
/// between all eight. A test measures both, and the distance from the grounds of the window.
#[must_use]
pub fn encoder_colours() -> [[u8; 3]; MAX_ENCODERS] {
    const LIGHTNESS_CHROMA_HUE: [(f64, f64, f64); MAX_ENCODERS] = [
        (0.50, 0.19, 275.0),
        (0.78, 0.155, 87.0),
        (0.76, 0.115, 195.0),
        (0.50, 0.15, 15.0),
        (0.66, 0.15, 278.0),
        (0.65, 0.16, 359.0),
        (0.85, 0.06, 137.0),
        (0.43, 0.07, 326.0),
    ];
    LIGHTNESS_CHROMA_HUE.map(|(lightness, chroma, hue)| srgb_from_oklch(lightness, chroma, hue))
}

/// Blue at −1, a light neutral at 0, red at 1. Both arms have the same lightness at the same distance from 0, so
/// that neither sign looks stronger.
fn diverging(x: f64) -> [u8; 3] {
    const MIDDLE_LIGHTNESS: f64 = 0.95;
    const END_LIGHTNESS: f64 = 0.38;
    const CHROMA: f64 = 0.135;
    const BLUE: f64 = 255.0;
    const RED: f64 = 25.0;
    let reach = x.abs();
    let lightness = MIDDLE_LIGHTNESS + (END_LIGHTNESS - MIDDLE_LIGHTNESS) * reach;
    // Rises fast and then stays level: what sRGB can hold of these hues at these lightnesses.
    let chroma = CHROMA * (1.0 - (1.0 - reach).powi(2)) * (1.0 - 0.25 * reach.powi(4));
    srgb_from_oklch(lightness, chroma, if x < 0.0 { BLUE } else { RED })
}

/// sRGB bytes of a colour in Oklch (Björn Ottosson, "A perceptual color space for image processing", 2020), hue in
/// degrees; clipped to the gamut.
fn srgb_from_oklch(lightness: f64, chroma: f64, hue: f64) -> [u8; 3] {
    let (sin, cos) = hue.to_radians().sin_cos();
    let (a, b) = (chroma * cos, chroma * sin);
    let l = (lightness + 0.396_337_777_4 * a + 0.215_803_757_3 * b).powi(3);
    let m = (lightness - 0.105_561_345_8 * a - 0.063_854_172_8 * b).powi(3);
    let s = (lightness - 0.089_484_177_5 * a - 1.291_485_548_0 * b).powi(3);
    let linear = [
        4.076_741_662_1 * l - 3.307_711_591_3 * m + 0.230_969_929_2 * s,
        -1.268_438_004_6 * l + 2.609_757_401_1 * m - 0.341_319_396_5 * s,
        -0.004_196_086_3 * l - 0.703_418_614_7 * m + 1.707_614_701_0 * s,
    ];
    linear.map(|value| {
        let encoded = if value <= 0.003_130_8 { 12.92 * value } else { 1.055 * value.powf(1.0 / 2.4) - 0.055 };
        (encoded.clamp(0.0, 1.0) * 255.0).round() as u8
    })
}

/// The texture's bytes: RGBA rows of all colour maps, then one that begins with the encoders' colours.
pub(crate) fn table_rgba() -> Vec<u8> {
    let mut rows: Vec<[u8; 3]> = ColourMap::ALL.iter().flat_map(|map| *map.table()).collect();
    rows.extend(encoder_colours());
    rows.resize((ColourMap::ALL.len() + 1) * COLOURS, [0; 3]);
    rows.into_iter().flat_map(|[r, g, b]| [r, g, b, 255]).collect()
}

#[cfg(test)]
#[path = "colour/sight.rs"]
mod sight;

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L*, 0 to 100.
    fn lightness([r, g, b]: [u8; 3]) -> f64 {
        let linear = |byte: u8| {
            let x = f64::from(byte) / 255.0;
            if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        let y = 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
        if y > 0.008_856 { 116.0 * y.cbrt() - 16.0 } else { 903.3 * y }
    }

    #[test]
    fn sequential_maps_rise_in_lightness() {
        for map in [ColourMap::Viridis, ColourMap::Magma, ColourMap::Grey] {
            let table = map.table();
            for pair in table.windows(2) {
                // A byte's rounding may cost a tenth of a unit.
                assert!(lightness(pair[1]) > lightness(pair[0]) - 0.1, "{map:?}: {pair:?}");
            }
            for (earlier, later) in table.iter().zip(&table[8..]) {
                assert!(lightness(*later) > lightness(*earlier), "{map:?}: {earlier:?} {later:?}");
            }
            assert!(lightness(table[255]) - lightness(table[0]) > 70.0, "{map:?} spans too little lightness");
        }
    }

    #[test]
    fn known_colours_are_where_they_belong() {
        assert_eq!(ColourMap::Viridis.table()[0], [68, 1, 84]);
        assert_eq!(ColourMap::Viridis.table()[255], [253, 231, 37]);
        assert_eq!(ColourMap::Magma.table()[0], [0, 0, 4]);
        assert_eq!(ColourMap::Grey.table()[128], [128, 128, 128]);
    }

    #[test]
    fn the_diverging_map_is_symmetric_about_a_neutral_middle() {
        let table = ColourMap::Diverging.table();
        for middle in [table[127], table[128]] {
            assert!(middle.iter().max().unwrap() - middle.iter().min().unwrap() <= 6, "{middle:?} is no grey");
        }
        for i in 0..128 {
            let (below, above) = (table[i], table[255 - i]);
            assert!((lightness(below) - lightness(above)).abs() < 4.0, "{i}: {below:?} {above:?}");
            assert!(i == 127 || below[2] > below[0] && above[0] > above[2], "{i}: {below:?} {above:?}");
        }
        for pair in table[..128].windows(2) {
            assert!(lightness(pair[1]) >= lightness(pair[0]) - 0.2, "{pair:?}");
        }
    }
}
