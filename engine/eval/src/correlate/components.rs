//! Principal components of a correlation matrix, by Jacobi's rotations: exact enough for any table a person makes, and
//! without a library of linear algebra.

/// Rotations at most: after so many sweeps even a matrix of 200 rows is diagonal to the last bit.
const SWEEPS: usize = 100;

/// A principal component.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Its part of the variance of all standardised benchmarks, 0 to 1.
    pub explained: f64,
    /// The correlation of each benchmark with it.
    pub loadings: Vec<f64>,
    /// Where each model lies on it, in standard deviations.
    pub scores: Vec<f64>,
}

/// The components of the correlation `matrix` of the standardised `columns`, the largest first. Their signs are such that
/// the benchmark with the largest loading has a positive one.
pub fn components(matrix: &[Vec<f64>], columns: &[Vec<f64>]) -> Vec<Component> {
    let (values, vectors) = eigen(matrix);
    let (size, models) = (matrix.len(), columns.first().map_or(0, Vec::len));
    let mut order: Vec<usize> = (0..size).collect();
    order.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
    let component = |&at: &usize| {
        let value = values[at].max(0.0);
        let vector: Vec<f64> = vectors.iter().map(|row| row[at]).collect();
        let largest =
            vector.iter().copied().fold(0.0, |most: f64, x| if x.abs() > most.abs() + 1e-12 { x } else { most });
        let sign = if largest < 0.0 { -1.0 } else { 1.0 };
        let deviation = value.sqrt();
        let score = |model: usize| {
            let sum: f64 = columns.iter().zip(&vector).map(|(column, v)| column[model] * v).sum();
            // A component without variance has no direction.
            if deviation > 1e-9 { sign * sum / deviation } else { 0.0 }
        };
        Component {
            explained: value / size.max(1) as f64,
            loadings: vector.iter().map(|v| sign * v * deviation).collect(),
            scores: (0..models).map(score).collect(),
        }
    };
    order.iter().map(component).collect()
}

/// Eigenvalues of a symmetric matrix, and its eigenvectors as columns.
fn eigen(matrix: &[Vec<f64>]) -> (Vec<f64>, Vec<Vec<f64>>) {
    let size = matrix.len();
    let mut a: Vec<Vec<f64>> = matrix.to_vec();
    let mut vectors: Vec<Vec<f64>> =
        (0..size).map(|i| (0..size).map(|j| f64::from(u8::from(i == j))).collect()).collect();
    for _ in 0..SWEEPS {
        let off: f64 = (0..size).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| a[i][j] * a[i][j]).sum();
        if off < 1e-28 {
            break;
        }
        for p in 0..size {
            for q in p + 1..size {
                if a[p][q] == 0.0 {
                    continue;
                }
                // The angle that makes a[p][q] zero (Golub and Van Loan, 8.5.2).
                let tau = (a[q][q] - a[p][p]) / (2.0 * a[p][q]);
                let t = tau.signum() / (tau.abs() + tau.hypot(1.0));
                let t = if tau == 0.0 { 1.0 } else { t };
                let c = 1.0 / t.hypot(1.0);
                let s = t * c;
                for row in &mut a {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
                let (upper, lower) = a.split_at_mut(q);
                if let Some(second) = lower.first_mut() {
                    for (x, y) in upper[p].iter_mut().zip(second) {
                        (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                    }
                }
                for row in &mut vectors {
                    (row[p], row[q]) = (c * row[p] - s * row[q], s * row[p] + c * row[q]);
                }
            }
        }
    }
    ((0..size).map(|i| a[i][i]).collect(), vectors)
}
