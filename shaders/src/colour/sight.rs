//! Colours as people see them, and how far apart they are then.

use super::encoder_colours;

/// What each kind of sight makes of linear sRGB: all cones, and without one kind of them (Machado, Oliveira and Fernandes,
/// "A physiologically-based model for simulation of color vision deficiency", 2009, severity 1).
const SIGHTS: [(&str, [[f64; 3]; 3]); 4] = [
    ("all cones", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [[0.152_286, 1.052_583, -0.204_868], [0.114_503, 0.786_281, 0.099_216], [-0.003_882, -0.048_116, 1.051_998]],
    ),
    (
        "deuteranopia",
        [[0.367_322, 0.860_646, -0.227_968], [0.280_085, 0.672_501, 0.047_413], [-0.011_820, 0.042_940, 0.968_881]],
    ),
    (
        "tritanopia",
        [[1.255_528, -0.076_749, -0.178_779], [-0.078_411, 0.930_809, 0.147_602], [0.004_733, 0.691_367, 0.303_900]],
    ),
];

/// Grounds that encoder colours lie on: of figures and of the window, light and dark.
const GROUNDS: [[u8; 3]; 4] = [[255, 255, 255], [238, 239, 241], [25, 27, 31], [19, 20, 23]];

/// CIE L*a*b* (D65) of an sRGB colour as `sight` sees it.
fn lab(rgb: [u8; 3], sight: &[[f64; 3]; 3]) -> [f64; 3] {
    let linear = rgb.map(|byte| {
        let x = f64::from(byte) / 255.0;
        if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
    });
    let dot = |row: &[f64; 3], of: &[f64; 3]| row.iter().zip(of).map(|(a, b)| a * b).sum::<f64>();
    let seen = sight.map(|row| dot(&row, &linear).clamp(0.0, 1.0));
    let x = dot(&[0.412_456_4, 0.357_576_1, 0.180_437_5], &seen) / 0.950_47;
    let y = dot(&[0.212_672_9, 0.715_152_2, 0.072_175_0], &seen);
    let z = dot(&[0.019_333_9, 0.119_192_0, 0.950_304_1], &seen) / 1.088_83;
    let f = |t: f64| if t > 216.0 / 24_389.0 { t.cbrt() } else { (24_389.0 / 27.0 * t + 16.0) / 116.0 };
    [116.0 * f(y) - 16.0, 500.0 * (f(x) - f(y)), 200.0 * (f(y) - f(z))]
}

/// CIEDE2000 (Sharma, Wu and Dalal, 2005).
fn distance([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
    let pulled = |c: f64| (c.powi(7) / (c.powi(7) + 25f64.powi(7))).sqrt();
    let g = 0.5 * (1.0 - pulled(f64::midpoint(a1.hypot(b1), a2.hypot(b2))));
    let (a1, a2) = (a1 * (1.0 + g), a2 * (1.0 + g));
    let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
    let hue = |a: f64, b: f64| b.atan2(a).to_degrees().rem_euclid(360.0);
    let (h1, h2) = (hue(a1, b1), hue(a2, b2));
    let grey = c1 * c2 == 0.0;
    let turn = if grey { 0.0 } else { (h2 - h1 + 180.0).rem_euclid(360.0) - 180.0 };
    let mean_hue = if grey { h1 + h2 } else { (h1 + turn / 2.0).rem_euclid(360.0) };
    let (lightness, chroma) = (f64::midpoint(l1, l2), f64::midpoint(c1, c2));
    let cos = |degrees: f64| degrees.to_radians().cos();
    let t = 1.0 - 0.17 * cos(mean_hue - 30.0) + 0.24 * cos(2.0 * mean_hue) + 0.32 * cos(3.0 * mean_hue + 6.0)
        - 0.20 * cos(4.0 * mean_hue - 63.0);
    let off = (lightness - 50.0).powi(2);
    let dl = (l2 - l1) / (1.0 + 0.015 * off / (20.0 + off).sqrt());
    let dc = (c2 - c1) / (1.0 + 0.045 * chroma);
    let dh = 2.0 * (c1 * c2).sqrt() * (turn / 2.0).to_radians().sin() / (1.0 + 0.015 * chroma * t);
    let bend = 60.0 * (-((mean_hue - 275.0) / 25.0).powi(2)).exp();
    let rotation = -2.0 * pulled(chroma) * bend.to_radians().sin();
    (dl * dl + dc * dc + dh * dh + rotation * dc * dh).sqrt()
}

#[test]
fn distances_are_those_of_the_published_pairs() {
    // Of the table that the paper gives for testing implementations.
    for (one, other, expected) in [
        ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
        ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
        ([50.0, 2.5, 0.0], [61.0, -5.0, 29.0], 22.8977),
        ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ([2.0776, 0.0795, -1.1350], [0.9033, -0.0636, -0.5514], 0.9082),
    ] {
        assert!((distance(one, other) - expected).abs() < 1e-4, "{one:?} {other:?}: {}", distance(one, other));
    }
}

#[test]
fn encoders_are_told_apart_whichever_cones_one_lacks() {
    let colours = encoder_colours();
    for (name, sight) in &SIGHTS {
        for (at, colour) in colours.iter().enumerate() {
            for (other_at, other) in colours[..at].iter().enumerate() {
                let apart = distance(lab(*colour, sight), lab(*other, sight));
                let least = if at < 4 { 30.0 } else { 16.0 };
                assert!(
                    apart >= least,
                    "encoders {other_at} and {at}, {other:?} and {colour:?}, with {name}: {apart:.1}"
                );
            }
            for ground in GROUNDS {
                let apart = distance(lab(*colour, sight), lab(ground, sight));
                assert!(apart >= 10.0, "encoder {at}, {colour:?} on {ground:?}, with {name}: {apart:.1}");
            }
        }
    }
}
