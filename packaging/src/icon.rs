//! The icon: an animal with five eyes, drawn once and written as SVG and as PNG of any size.

use super::{Problem, Result};
use std::fmt::Write;
use std::fs::File;
use std::path::Path;

/// A disc: centre and radius in a square of side 1, and its colour.
struct Disc {
    x: f64,
    y: f64,
    radius: f64,
    colour: [u8; 3],
}

/// Half of the rounded corners.
const CORNER: f64 = 0.22;
const GROUND: [u8; 3] = [0x17, 0x2a, 0x3a];
const WHITE: [u8; 3] = [0xf4, 0xf1, 0xe8];
const PUPIL: [u8; 3] = [0x10, 0x18, 0x20];
/// The colours of four encoders, and of what fuses them.
const IRIS: [[u8; 3]; 5] =
    [[0x4c, 0x9b, 0xe8], [0xe8, 0x8b, 0x3a], [0xf2, 0xd0, 0x49], [0x5b, 0xbf, 0x7a], [0xc9, 0x6f, 0xc0]];
/// Where the eyes are, and how large.
const EYES: [(f64, f64, f64); 5] =
    [(0.22, 0.46, 0.11), (0.36, 0.27, 0.12), (0.5, 0.52, 0.17), (0.64, 0.27, 0.12), (0.78, 0.46, 0.11)];

/// The animal, from back to front.
fn discs() -> Vec<Disc> {
    // The trunk, which ends in a claw: what it brings is what was seen.
    let mut discs: Vec<Disc> = (0..24)
        .map(|step| {
            let t = f64::from(step) / 23.0;
            Disc { x: 0.5 + 0.1 * (t * 3.2).sin(), y: 0.62 + 0.27 * t, radius: 0.07 - 0.035 * t, colour: IRIS[0] }
        })
        .collect();
    for ((x, y, radius), iris) in EYES.into_iter().zip([IRIS[1], IRIS[2], IRIS[4], IRIS[3], IRIS[0]]) {
        for (part, colour) in [(1.0, WHITE), (0.66, iris), (0.34, PUPIL)] {
            discs.push(Disc { x, y, radius: radius * part, colour });
        }
        discs.push(Disc { x: x + radius * 0.2, y: y - radius * 0.22, radius: radius * 0.13, colour: WHITE });
    }
    discs
}

/// The icon as a drawing.
pub fn svg() -> String {
    let hex = |[r, g, b]: [u8; 3]| format!("#{r:02x}{g:02x}{b:02x}");
    let mut text = String::from("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 512 512\">\n");
    // Writing to a string cannot fail.
    let _ =
        writeln!(text, "<rect width=\"512\" height=\"512\" rx=\"{:.0}\" fill=\"{}\"/>", 512.0 * CORNER, hex(GROUND));
    for disc in discs() {
        let [x, y, radius] = [disc.x, disc.y, disc.radius].map(|value| value * 512.0);
        let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius:.1}\" fill=\"{}\"/>", hex(disc.colour));
    }
    text.push_str("</svg>\n");
    text
}

/// The icon in `side`×`side` points: red, green, blue and opacity.
pub fn pixels(side: u32) -> Vec<u8> {
    let discs = discs();
    let width = f64::from(side);
    // How much of a point at this distance from an edge is inside, for edges that are smooth.
    let inside = |distance: f64| (0.5 - distance * width).clamp(0.0, 1.0);
    let mut out = Vec::with_capacity(4 * side as usize * side as usize);
    for row in 0..side {
        for column in 0..side {
            let (x, y) = ((f64::from(column) + 0.5) / width, (f64::from(row) + 0.5) / width);
            let beyond = |value: f64| ((value - 0.5).abs() - (0.5 - CORNER)).max(0.0);
            let cover = inside(beyond(x).hypot(beyond(y)) - CORNER);
            let mut colour = GROUND.map(f64::from);
            for disc in &discs {
                let part = inside((x - disc.x).hypot(y - disc.y) - disc.radius);
                for (old, new) in colour.iter_mut().zip(disc.colour) {
                    *old += (f64::from(new) - *old) * part;
                }
            }
            out.extend(colour.map(|value| value.round() as u8));
            out.push((cover * 255.0).round() as u8);
        }
    }
    out
}

/// The icon as PNG.
///
/// # Errors
/// Does not fail but for a fault of the encoder.
pub fn png(side: u32) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    encode(&mut bytes, side).map_err(|error| Problem::new(format!("the icon: {error}"), "please report this"))?;
    Ok(bytes)
}

/// Writes the icon as PNG.
///
/// # Errors
/// If it cannot be written.
pub fn write_png(path: &Path, side: u32) -> Result<()> {
    let file = File::create(path).map_err(Problem::at(path))?;
    encode(file, side).map_err(|error| Problem::new(format!("{}: {error}", path.display()), "check the path"))
}

fn encode(out: impl std::io::Write, side: u32) -> Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(out, side, side);
    encoder.set_color(png::ColorType::Rgba);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.write_header()?.write_image_data(&pixels(side))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_corners_are_clear_and_five_eyes_look_out() {
        let side = 256;
        let pixels = pixels(side);
        let at = |x: f64, y: f64| {
            let place = 4 * ((y * 256.0) as usize * side as usize + (x * 256.0) as usize);
            <[u8; 4]>::try_from(&pixels[place..place + 4]).unwrap()
        };
        assert_eq!(at(0.001, 0.001)[3], 0);
        assert_eq!(at(0.5, 0.02), [GROUND[0], GROUND[1], GROUND[2], 255]);
        for (x, y, _) in EYES {
            assert_eq!(at(x, y)[..3], PUPIL);
        }
        assert_eq!(svg().matches("<circle").count(), discs().len());
    }
}
