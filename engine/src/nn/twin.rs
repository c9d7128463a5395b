//! Plain twins of the products, for tests: sums in f64, straight from the definitions.

use super::quantised::tests::{numbers, quantised};
use super::quantised::{Quantised, SUB};
use crate::precision::WeightFormat;

/// Rows, input and output: every remainder of rows, columns and width, and the boundaries of tiles and panels.
pub(super) fn shapes() -> Vec<(usize, usize, usize)> {
    let mut shapes = vec![(1, 1, 1), (1, 4096, 16), (13, 31, 130), (64, 257, 70), (7, 300, 1030), (70, 1152, 48)];
    for rows in 1..=17 {
        shapes.push((rows, 20 + 29 * rows, 50 - rows));
    }
    shapes
}

pub(super) fn close(got: &[f32], exact: &[f64], scale: &[f64], what: &str) {
    assert_eq!(got.len(), exact.len(), "{what}");
    for (at, ((got, exact), scale)) in got.iter().zip(exact).zip(scale).enumerate() {
        // Sums in f32 of numbers whose magnitudes add up to `scale`.
        assert!((f64::from(*got) - exact).abs() <= 1e-6 * scale + 1e-12, "{what} at {at}: {got} {exact} ± {scale}");
    }
}

/// The sums of `x` `[rows, input]` with `w` `[output, input]` in f64, and of the magnitudes of what is added.
pub(super) fn plain(x: &[f64], w: &[f64], input: usize) -> (Vec<f64>, Vec<f64>) {
    let pairs = x.chunks_exact(input).flat_map(|x| w.chunks_exact(input).map(move |w| (x, w)));
    let sums = pairs.map(|(x, w)| {
        let products = x.iter().zip(w).map(|(x, w)| x * w);
        products.fold((0.0, 0.0), |(sum, size), product| (sum + product, size + product.abs()))
    });
    sums.unzip()
}

/// Checks a product of activations in 8 bits with quantised weights, in every format and shape.
pub(super) fn check_quantised(product: impl Fn(&[f32], usize, &Quantised) -> Vec<f32>) {
    for format in WeightFormat::ALL.into_iter().filter(|format| format.is_quantised()) {
        for (rows, input, output) in shapes() {
            let x = numbers(rows * input, 3);
            // Weights at the ends of their range, too, where products in 16 bits would overflow first.
            let mut w = numbers(output * input, 5);
            w.iter_mut().take(input * output / 3).for_each(|w| *w = w.signum());
            let w = quantised(format, &w, output, input);
            let x: Vec<f32> = x.iter().map(|x| if output % 2 == 0 { *x } else { x.signum() }).collect();
            let mut wide = vec![0f32; output * input];
            w.widen(0..output, &mut wide);
            let wide: Vec<f64> = wide.into_iter().map(f64::from).collect();
            // Activations as they are in 8 bits, by the definition.
            let mut rounded = Vec::with_capacity(x.len());
            for row in x.chunks_exact(input) {
                for block in row.chunks(SUB) {
                    let top = block.iter().fold(0f32, |top, x| top.max(x.abs()));
                    let inverse = if top > 0.0 { 127.0 / top } else { 0.0 };
                    let scale = f64::from(top / 127.0);
                    rounded.extend(block.iter().map(|x| scale * f64::from((x * inverse).round_ties_even())));
                }
            }
            let (exact, scale) = plain(&rounded, &wide, input);
            // What is added and taken away again (128 for each weight, minima) is larger than the weights.
            let scale: Vec<f64> = scale.into_iter().map(|scale| 8.0 * scale + 0.01).collect();
            close(&product(&x, rows, &w), &exact, &scale, &format!("{format} {rows}×{input}×{output}"));
        }
    }
}

/// Checks that each of the `rows` of `x` has the same result beside the others as alone, to the last bit.
pub(super) fn rows_alone(x: &[f32], rows: usize, output: usize, product: impl Fn(&[f32], usize) -> Vec<f32>) {
    let all = product(x, rows);
    for (x, y) in x.chunks_exact(x.len() / rows).zip(all.chunks_exact(output)) {
        assert_eq!(product(x, 1), y);
    }
}
