//! What encoders make of an image, as colours: the three main directions of each encoder's tokens, how many directions
//! there are, and which tokens have an abnormal norm.

use crate::error::Result;
use crate::sva::{Frame, PictureSize};
use candle_core::{DType, Device, Tensor};

/// Directions that become colours: red, green, blue.
const COLOURS: usize = 3;

/// Directions that are followed, so that the last ones wanted are told from the next.
const FOLLOWED: usize = 6;

/// Steps until the directions stand still, at most.
const STEPS: usize = 200;

/// A norm is abnormal this many deviations above the median.
const ABNORMAL: f64 = 6.0;

/// The part of values at each end that saturates.
const SATURATED: f64 = 0.02;

/// The tokens of one encoder.
#[derive(Debug, Clone, PartialEq)]
pub struct FeatureMap {
    /// Side of the token grid.
    pub side: usize,
    /// `[side²]`: red, green and blue of each token, 0 to 1; `None` in the padding.
    pub colours: Vec<Option<[f32; 3]>>,
    /// The part of the variance that each of the three directions has.
    pub explained: [f64; COLOURS],
    /// (Σ λ)² ÷ Σ λ² of the covariance's eigenvalues: over how many directions tokens are spread.
    pub effective_rank: f64,
    /// `[side²]`: norm of each token.
    pub norms: Vec<f32>,
    /// Tokens of the image whose norm is abnormal.
    pub sinks: Vec<usize>,
}

/// The tokens of all encoders.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Each encoder's features, every one in directions of its own: colours of two maps have nothing to do with each other.
    pub own: Vec<FeatureMap>,
    /// Its tokens after the projector, in directions that all encoders share: like colours are like features.
    pub shared: Vec<FeatureMap>,
}

impl Features {
    /// Of each encoder's features `[N_k, D_k]` and projected tokens `[N_k, C]` of an image of size `picture`.
    pub(super) fn new(raw: &[Tensor], projected: &[Tensor], picture: PictureSize) -> Result<Self> {
        let own = raw.iter().map(|tokens| Ok(together(std::slice::from_ref(tokens), picture)?.remove(0)));
        Ok(Self { own: own.collect::<Result<_>>()?, shared: together(projected, picture)? })
    }
}

/// Maps of several token grids in directions that they share. Each grid weighs as much as any other.
fn together(grids: &[Tensor], picture: PictureSize) -> Result<Vec<FeatureMap>> {
    let sides: Vec<usize> = grids.iter().map(|tokens| tokens.dims()[0].isqrt()).collect();
    let insides: Vec<Vec<u32>> = sides
        .iter()
        .map(|side| Frame::new(*side, picture).cells_in_padded().map(|token| token as u32).collect())
        .collect();
    let mut rows = Vec::with_capacity(grids.len());
    for (tokens, inside) in grids.iter().zip(&insides) {
        let tokens = tokens.to_device(&Device::Cpu)?.to_dtype(DType::F32)?;
        rows.push(tokens.index_select(&Tensor::new(inside.as_slice(), &Device::Cpu)?, 0)?);
    }
    // The mean over grids of their means, so that a finer grid weighs no more.
    let mut mean: Option<Tensor> = None;
    for tokens in &rows {
        let own = (tokens.mean_keepdim(0)? / rows.len() as f64)?;
        mean = Some(match mean {
            Some(sum) => (sum + own)?,
            None => own,
        });
    }
    let Some(mean) = mean else { return Ok(Vec::new()) };
    let mut weighted = Vec::with_capacity(rows.len());
    for tokens in &rows {
        let count = tokens.dims()[0].max(1);
        weighted.push((tokens.broadcast_sub(&mean)? * (1.0 / (count as f64).sqrt()))?);
    }
    let all = Tensor::cat(&weighted, 0)?;
    let Directions { vectors, variances, total, squares } = directions(&all)?;
    let explained =
        std::array::from_fn(|at| variances.get(at).map_or(0.0, |variance| variance / total.max(f64::MIN_POSITIVE)));
    let mut projections = Vec::with_capacity(rows.len());
    for tokens in &rows {
        projections.push(tokens.broadcast_sub(&mean)?.matmul(&vectors)?.to_vec2::<f32>()?);
    }
    let scales = scales(&projections);
    let mut maps = Vec::with_capacity(grids.len());
    for (at, tokens) in grids.iter().enumerate() {
        let norms = tokens.to_dtype(DType::F32)?.sqr()?.sum(1)?.sqrt()?.to_device(&Device::Cpu)?.to_vec1::<f32>()?;
        let mut colours = vec![None; sides[at] * sides[at]];
        for (token, values) in insides[at].iter().zip(&projections[at]) {
            let part = |axis: usize| {
                let (low, high, sign) = scales[axis];
                let value = sign * values.get(axis).copied().unwrap_or_default();
                if high > low { ((value - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
            };
            colours[*token as usize] = Some([part(0), part(1), part(2)]);
        }
        let effective_rank =
            if grids.len() == 1 { total * total / squares.max(f64::MIN_POSITIVE) } else { rank(&rows[at])? };
        let sinks = abnormal(&norms, &insides[at]);
        maps.push(FeatureMap { side: sides[at], colours, explained, effective_rank, norms, sinks });
    }
    Ok(maps)
}

/// Directions of the largest variance.
struct Directions {
    /// `[D, 3]`.
    vectors: Tensor,
    /// Along each of them.
    variances: Vec<f64>,
    /// Of all directions.
    total: f64,
    /// Sum of the squares of all directions' variances.
    squares: f64,
}

/// The products of the rows, or of the columns, of `x`, whichever are fewer: both have the same eigenvalues but for zeros.
fn products(x: &Tensor) -> Result<(Tensor, bool)> {
    let (rows, columns) = x.dims2()?;
    let by_rows = rows < columns;
    let products = if by_rows { x.matmul(&x.t()?)? } else { x.t()?.contiguous()?.matmul(x)? };
    Ok((products, by_rows))
}

/// Over how many directions the rows of `tokens` are spread.
fn rank(tokens: &Tensor) -> Result<f64> {
    let (products, _) = products(&tokens.broadcast_sub(&tokens.mean_keepdim(0)?)?)?;
    let (total, squares) = moments(&products)?;
    Ok(total * total / squares.max(f64::MIN_POSITIVE))
}

/// Sum of the eigenvalues of a symmetric matrix, and of their squares.
fn moments(matrix: &Tensor) -> Result<(f64, f64)> {
    let side = matrix.dims()[0];
    let values = matrix.flatten_all()?.to_vec1::<f32>()?;
    let total = (0..side).map(|at| f64::from(values[at * side + at])).sum();
    Ok((total, values.iter().map(|value| f64::from(*value).powi(2)).sum()))
}

/// The main directions of the rows of `x`, by orthogonal iteration from a start that is always the same.
fn directions(x: &Tensor) -> Result<Directions> {
    let (products, by_rows) = products(x)?;
    let (total, squares) = moments(&products)?;
    let side = products.dims()[0];
    let count = FOLLOWED.min(side);
    let start =
        |at: usize| (((at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f32 / (1 << 23) as f32) - 1.0;
    let mut basis: Vec<Vec<f64>> =
        (0..count).map(|column| (0..side).map(|row| f64::from(start(row * count + column))).collect()).collect();
    orthonormal(&mut basis);
    let mut variances = vec![0.0; count];
    for _ in 0..STEPS {
        let flat: Vec<f32> = (0..side).flat_map(|row| basis.iter().map(move |vector| vector[row] as f32)).collect();
        let moved = products.matmul(&Tensor::from_vec(flat, (side, count), &Device::Cpu)?)?.to_vec2::<f32>()?;
        let mut next: Vec<Vec<f64>> =
            (0..count).map(|column| moved.iter().map(|row| f64::from(row[column])).collect()).collect();
        variances = next.iter().zip(&basis).map(|(moved, vector)| dot(moved, vector)).collect();
        orthonormal(&mut next);
        // Each direction turns no more, whichever way it points.
        let still = next.iter().zip(&basis).take(COLOURS).all(|(next, old)| dot(next, old).abs() > 1.0 - 1e-10);
        basis = next;
        if still {
            break;
        }
    }
    let count = COLOURS.min(count);
    let flat: Vec<f32> =
        (0..side).flat_map(|row| basis.iter().take(count).map(move |vector| vector[row] as f32)).collect();
    let vectors = Tensor::from_vec(flat, (side, count), &Device::Cpu)?;
    let vectors = if by_rows {
        // Directions of rows become those of columns, of length 1.
        let columns = x.t()?.contiguous()?.matmul(&vectors)?;
        let lengths = columns.sqr()?.sum_keepdim(0)?.sqrt()?.clamp(1e-20, f64::INFINITY)?;
        columns.broadcast_div(&lengths)?
    } else {
        vectors
    };
    variances.truncate(count);
    Ok(Directions { vectors, variances, total, squares })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Makes `basis` orthonormal, one vector after the other; what is left of one that lies among those before it becomes zero.
fn orthonormal(basis: &mut [Vec<f64>]) {
    for at in 0..basis.len() {
        let (done, rest) = basis.split_at_mut(at);
        let Some(vector) = rest.first_mut() else { return };
        let before = dot(vector, vector).sqrt();
        // Twice is enough for what rounding leaves.
        for _ in 0..2 {
            for other in done.iter() {
                let along = dot(vector, other);
                vector.iter_mut().zip(other).for_each(|(value, other)| *value -= along * other);
            }
        }
        let length = dot(vector, vector).sqrt();
        let scale = if length > before * 1e-9 && length > 0.0 { 1.0 / length } else { 0.0 };
        vector.iter_mut().for_each(|value| *value *= scale);
    }
}

/// For each axis of `projections` what becomes dark and light, and the sign it is taken with. A direction has no sign of its own:
/// the one with which the distribution leans to the right is taken, so that few tokens that differ from the many are light.
fn scales(projections: &[Vec<Vec<f32>>]) -> [(f32, f32, f32); COLOURS] {
    std::array::from_fn(|axis| {
        let values = || projections.iter().flatten().filter_map(|values| values.get(axis).copied());
        let grids = projections.iter().filter(|grid| !grid.is_empty());
        // The mean over grids, as for the directions.
        let lean: f64 = grids
            .map(|grid| {
                let cubes = grid.iter().filter_map(|values| values.get(axis)).map(|value| f64::from(*value).powi(3));
                cubes.sum::<f64>() / grid.len() as f64
            })
            .sum();
        let sign = if lean < 0.0 { -1.0 } else { 1.0 };
        let mut all: Vec<f32> = values().map(|value| sign * value).collect();
        all.sort_by(f32::total_cmp);
        let at = |part: f64| all.get(((all.len().saturating_sub(1)) as f64 * part).round() as usize).copied();
        (at(SATURATED).unwrap_or_default(), at(1.0 - SATURATED).unwrap_or_default(), sign)
    })
}

/// Tokens `inside` the image whose norm lies far above the median, in median absolute deviations.
fn abnormal(norms: &[f32], inside: &[u32]) -> Vec<usize> {
    let of = |token: &u32| norms.get(*token as usize).map(|norm| f64::from(*norm));
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        match values.len() {
            0 => 0.0,
            odd if odd % 2 == 1 => values[middle],
            _ => f64::midpoint(values[middle - 1], values[middle]),
        }
    };
    let values: Vec<f64> = inside.iter().filter_map(of).collect();
    let middle = median(values.clone());
    let spread = 1.4826 * median(values.iter().map(|value| (value - middle).abs()).collect());
    if spread <= 0.0 {
        return Vec::new();
    }
    let above = |token: &&u32| of(token).is_some_and(|norm| (norm - middle) / spread > ABNORMAL);
    inside.iter().filter(above).map(|token| *token as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SQUARE: PictureSize = PictureSize { width: 40, height: 40 };

    /// Tokens on a grid of 6 × 6 with `width` channels, spread over three directions of their own lengths.
    fn tokens(width: usize) -> Tensor {
        let value = |token: usize, channel: usize| {
            let (row, column) = ((token / 6) as f32, (token % 6) as f32);
            match channel {
                0 => 2.0 * row * row,
                1 => 3.0 * (column - 2.5).powi(2),
                2 => {
                    if token == 7 {
                        4.0
                    } else {
                        0.0
                    }
                }
                _ => 0.01 * ((token * 7 + channel * 13) % 5) as f32,
            }
        };
        let values: Vec<f32> = (0..36).flat_map(|token| (0..width).map(move |channel| value(token, channel))).collect();
        Tensor::from_vec(values, (36, width), &Device::Cpu).unwrap()
    }

    fn near(a: &FeatureMap, b: &FeatureMap, limit: f32) {
        for (a, b) in a.colours.iter().zip(&b.colours) {
            let (a, b) = (a.unwrap(), b.unwrap());
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < limit), "{a:?}, {b:?}");
        }
    }

    #[test]
    fn the_sign_of_features_does_not_change_their_map() {
        for width in [5, 80] {
            let plain = together(&[tokens(width)], SQUARE).unwrap();
            let negated = together(&[tokens(width).neg().unwrap()], SQUARE).unwrap();
            near(&plain[0], &negated[0], 1e-3);
            // Nor does that of one channel, or their order.
            let order: Vec<u32> = (0..width as u32).rev().collect();
            let turned = tokens(width).index_select(&Tensor::new(order, &Device::Cpu).unwrap(), 1).unwrap();
            near(&plain[0], &together(&[turned], SQUARE).unwrap()[0], 1e-3);
        }
    }

    #[test]
    fn the_direction_of_the_largest_spread_comes_first() {
        let map = together(&[tokens(5)], SQUARE).unwrap().remove(0);
        // Rows spread most; their order may be turned round, but not both at once.
        let red = |token: usize| map.colours[token].unwrap()[0];
        assert!((red(0) - red(30)).abs() > 0.9 && (red(0) - red(5)).abs() < 0.1);
        assert!(map.explained[0] > map.explained[1] && map.explained[1] > map.explained[2]);
        assert!(map.explained.iter().sum::<f64>() > 0.99);
        assert!((1.0..3.0).contains(&map.effective_rank), "{}", map.effective_rank);
    }

    #[test]
    fn equal_spread_over_all_directions_is_their_number() {
        // ± each of five axes: five directions of one variance.
        let value = |token: usize, channel: usize| match token % 10 {
            at if at / 2 == channel => 1.0 - 2.0 * (at % 2) as f32,
            _ => 0.0,
        };
        let values: Vec<f32> = (0..100).flat_map(|token| (0..5).map(move |channel| value(token, channel))).collect();
        let x = Tensor::from_vec(values, (100, 5), &Device::Cpu).unwrap();
        assert!((rank(&x).unwrap() - 5.0).abs() < 1e-4);
    }

    #[test]
    fn only_tokens_of_the_image_with_a_norm_far_off_are_sinks() {
        let mut norms: Vec<f32> = (0..36).map(|token| 10.0 + (token % 4) as f32).collect();
        norms[8] = 90.0;
        norms[0] = 500.0;
        let inside: Vec<u32> = (6..30).collect();
        assert_eq!(abnormal(&norms, &inside), [8], "the first lies in the padding");
        assert_eq!(abnormal(&[1.0; 36], &inside), Vec::<usize>::new());
    }

    #[test]
    fn encoders_share_their_directions_after_the_projector() {
        let shifted = (tokens(5) + 0.0).unwrap();
        let both = together(&[tokens(5), shifted], SQUARE).unwrap();
        near(&both[0], &both[1], 1e-6);
        let wide = PictureSize { width: 60, height: 20 };
        let map = together(&[tokens(5)], wide).unwrap().remove(0);
        assert_eq!(map.colours.iter().filter(|colour| colour.is_some()).count(), 12);
    }
}
