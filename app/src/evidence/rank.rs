//! Whether two lists of numbers are in one order.

/// Spearman's rank correlation of pairs; `None` of fewer than three, or where one side is all alike.
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    let xs = ranks(&pairs.iter().map(|pair| pair.0).collect::<Vec<_>>());
    let ys = ranks(&pairs.iter().map(|pair| pair.1).collect::<Vec<_>>());
    let mean = (pairs.len() as f64 - 1.0) / 2.0;
    let product: f64 = xs.iter().zip(&ys).map(|(x, y)| (x - mean) * (y - mean)).sum();
    let squares = |ranks: &[f64]| ranks.iter().map(|rank| (rank - mean).powi(2)).sum::<f64>();
    let scale = (squares(&xs) * squares(&ys)).sqrt();
    (pairs.len() > 2 && scale > 0.0).then(|| product / scale)
}

/// The place of each value in their order, from 0; equal ones share the mean of their places.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let (mut ranks, mut below) = (vec![0.0; values.len()], 0);
    for alike in order.chunk_by(|a, b| values[*a] == values[*b]) {
        alike.iter().for_each(|at| ranks[*at] = below as f64 + (alike.len() as f64 - 1.0) / 2.0);
        below += alike.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rank_correlation_goes_by_order_alone() {
        let rho = |values: &[(f64, f64)]| spearman(values);
        assert_eq!(rho(&[(1.0, 10.0), (2.0, 100.0), (3.0, 1e6)]), Some(1.0));
        assert_eq!(rho(&[(1.0, 3.0), (2.0, 2.0), (3.0, 1.0)]), Some(-1.0));
        assert_eq!(rho(&[(1.0, 3.0), (1.0, 2.0), (1.0, 1.0)]), None);
        assert_eq!(rho(&[(1.0, 3.0), (2.0, 2.0)]), None, "two points always lie on a line");
        // 1 2 3 4 against 1 3 2 4: 1 − 6·2/(4·15).
        let mixed = rho(&[(1.0, 1.0), (2.0, 3.0), (3.0, 2.0), (4.0, 4.0)]).unwrap();
        assert!((mixed - 0.8).abs() < 1e-12, "{mixed}");
    }

    #[test]
    fn equal_values_share_a_place() {
        assert_eq!(ranks(&[5.0, 1.0, 5.0, 0.0, 5.0]), [3.0, 1.0, 3.0, 0.0, 3.0]);
        assert_eq!(ranks(&[0.0, -0.0]), [0.5, 0.5]);
    }
}
