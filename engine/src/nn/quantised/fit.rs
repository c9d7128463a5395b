//! Scales with which few bits come closest to a block of weights.
//!
//! Each starts from the range of the block, tries some steps around it, and takes for each the scale (and minimum) that
//! fits the rounded weights with the least squares.

/// How far the number of steps in the range of a block is moved, in steps, to try other roundings.
const TRIES: [f32; 7] = [-0.9, -0.6, -0.3, 0.0, 0.3, 0.6, 0.9];

/// Scale and minimum of a block of weights that are to become whole numbers up to `TOP`: `x ≈ scale · q − minimum`, neither
/// below zero.
#[inline(always)]
pub(super) fn fit_affine<const TOP: u8>(x: &[f32; 32]) -> (f32, f32) {
    let low = x.iter().fold(0f32, |low, x| low.min(*x));
    let high = x.iter().fold(0f32, |high, x| high.max(*x));
    let range = high - low;
    if range == 0.0 {
        return (0.0, 0.0);
    }
    let top = f32::from(TOP);
    let sum: f32 = total(x);
    let mut best = (f32::INFINITY, range / top, -low);
    for offset in TRIES {
        let inverse = (top + offset) / range;
        let mut q = [0f32; 32];
        for (q, x) in q.iter_mut().zip(x) {
            *q = round((x - low) * inverse).clamp(0.0, top);
        }
        // Least squares of x against q with a constant.
        let (q1, q2, qx) = (total(&q), total_of(&q, &q), total_of(&q, x));
        let determinant = 32.0 * q2 - q1 * q1;
        if determinant <= 0.0 {
            continue;
        }
        let mut scale = (32.0 * qx - q1 * sum) / determinant;
        let mut minimum = (scale * q1 - sum) / 32.0;
        if minimum < 0.0 {
            minimum = 0.0;
            scale = qx / q2;
        }
        if scale <= 0.0 {
            continue;
        }
        let mut errors = [0f32; 32];
        for ((error, q), x) in errors.iter_mut().zip(&q).zip(x) {
            let off = scale * q - minimum - x;
            *error = off * off;
        }
        let error = total(&errors);
        if error < best.0 {
            best = (error, scale, minimum);
        }
    }
    (best.1, best.2)
}

/// Scale of 16 weights that are to become whole numbers from −32 to 31: `x ≈ scale · q`, of either sign.
#[inline(always)]
pub(super) fn fit_symmetric(x: &[f32; 16]) -> f32 {
    let top = x.iter().fold(0f32, |top, x| if x.abs() > top.abs() { *x } else { top });
    if top == 0.0 {
        return 0.0;
    }
    let mut best = (f32::INFINITY, -top / 32.0);
    for offset in TRIES {
        let inverse = (-32.0 + offset) / top;
        let mut q = [0f32; 16];
        for (q, x) in q.iter_mut().zip(x) {
            *q = round(x * inverse).clamp(-32.0, 31.0);
        }
        let (mut q2, mut qx) = (0f32, 0f32);
        for (q, x) in q.iter().zip(x) {
            q2 += q * q;
            qx += q * x;
        }
        let scale = if q2 > 0.0 { qx / q2 } else { continue };
        let error: f32 = q.iter().zip(x).map(|(q, x)| (scale * q - x) * (scale * q - x)).sum();
        if error < best.0 {
            best = (error, scale);
        }
    }
    best.1
}

/// Rounds a number of less than 2²² to a whole one, halves to even; becomes part of a vector loop.
#[inline(always)]
fn round(x: f32) -> f32 {
    /// Adding this leaves no room for digits after the point.
    const ROUND: f32 = 12_582_912.0;
    (x + ROUND) - ROUND
}

/// `Σ x`, in an order of additions that suits vector registers.
#[inline(always)]
fn total(x: &[f32; 32]) -> f32 {
    let mut lanes = [0f32; 16];
    for block in x.as_chunks::<16>().0 {
        lanes.iter_mut().zip(block).for_each(|(lane, x)| *lane += x);
    }
    for half in [8, 4, 2, 1] {
        let (low, high) = lanes.split_at_mut(half);
        low.iter_mut().zip(high).for_each(|(low, high)| *low += *high);
    }
    lanes[0]
}

/// `Σ a · b`, likewise.
#[inline(always)]
fn total_of(a: &[f32; 32], b: &[f32; 32]) -> f32 {
    let mut products = *a;
    products.iter_mut().zip(b).for_each(|(product, b)| *product *= b);
    total(&products)
}
